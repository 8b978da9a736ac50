//! Real small programs, started and followed.

use super::*;

fn here() -> ExecutionEnv {
    ExecutionEnv {
        directory: std::env::temp_dir(),
        environment: Vec::new(),
    }
}

fn shell(script: &str) -> CommandLine {
    CommandLine::new("sh", ["-c".to_owned(), script.to_owned()])
}

#[test]
fn the_exit_code_comes_back() {
    let ended = run(&shell("exit 7"), &here(), Output::Own).unwrap();
    assert_eq!(
        ended,
        Ended {
            exit: Exit::Code(7),
            interrupted_by: None
        }
    );
    assert!(!ended.exit.is_success());
}

#[test]
fn death_by_signal_is_told_apart_from_an_exit() {
    let ended = run(&shell("kill -9 $$"), &here(), Output::Own).unwrap();
    assert_eq!(ended.exit, Exit::Signal(9));
    assert_eq!(ended.exit.to_string(), "signal 9 (SIGKILL)");
}

#[test]
fn a_helpers_words_are_kept_apart() {
    let captured = capture(&shell("echo out; echo err >&2; exit 3"), &here()).unwrap();
    assert_eq!(captured.exit, Exit::Code(3));
    assert_eq!(captured.stdout, b"out\n");
    assert_eq!(captured.stderr, b"err\n");
    assert_eq!(captured.text(), "out\nerr\n");
}

#[test]
fn a_helper_has_no_input_to_wait_for() {
    let captured = capture(&CommandLine::new("cat", []), &here()).unwrap();
    assert!(captured.exit.is_success() && captured.stdout.is_empty());
}

#[test]
fn much_on_both_outputs_does_not_block() {
    let captured = capture(
        &shell("head -c 300000 /dev/zero; head -c 300000 /dev/zero >&2"),
        &here(),
    )
    .unwrap();
    assert_eq!(
        (captured.stdout.len(), captured.stderr.len()),
        (300_000, 300_000)
    );
}

#[test]
fn the_child_gets_its_directory_and_variables() {
    let directory = tempfile::tempdir().unwrap();
    let execution_env = ExecutionEnv {
        directory: directory.path().to_owned(),
        environment: vec![("GREETING".into(), "hello".into())],
    };
    let captured = capture(
        &shell("printf '%s %s' \"$GREETING\" \"$(pwd -P)\""),
        &execution_env,
    )
    .unwrap();
    let expected = format!(
        "hello {}",
        directory.path().canonicalize().unwrap().display()
    );
    assert_eq!(String::from_utf8(captured.stdout).unwrap(), expected);
}

#[test]
fn output_goes_to_a_file_as_well() {
    let directory = tempfile::tempdir().unwrap();
    let execution_env = ExecutionEnv {
        directory: directory.path().to_owned(),
        environment: Vec::new(),
    };
    let output = Output::OwnAndFile(Path::new("copy"));
    let ended = run(&shell("printf 'a\\nb'"), &execution_env, output).unwrap();
    assert!(ended.exit.is_success());
    assert_eq!(
        fs_err::read_to_string(directory.path().join("copy")).unwrap(),
        "a\nb"
    );
}

#[test]
fn what_a_child_leaves_behind_is_not_waited_for() {
    let started = std::time::Instant::now();
    let captured = capture(&shell("sleep 60 & echo $!"), &here()).unwrap();
    assert!(captured.exit.is_success());
    let left: i32 = String::from_utf8(captured.stdout)
        .unwrap()
        .trim()
        .parse()
        .unwrap();
    let left = rustix::process::Pid::from_raw(left).unwrap();
    rustix::process::kill_process(left, rustix::process::Signal::KILL).unwrap();
    assert!(started.elapsed() < std::time::Duration::from_secs(50));
}

/// What comes late, but before the end, is not cut off.
#[test]
fn a_long_silence_is_not_the_end() {
    let captured = capture(&shell("echo a; sleep 3; echo b"), &here()).unwrap();
    assert_eq!(captured.stdout, b"a\nb\n");
}

#[test]
fn a_missing_program_is_named_with_the_search_path() {
    let execution_env = ExecutionEnv {
        environment: vec![("PATH".into(), "/nowhere".into())],
        ..here()
    };
    let error = run(&CommandLine::new("rspecc", []), &execution_env, Output::Own).unwrap_err();
    assert_eq!(
        error.to_string(),
        "start `rspecc`: command not found\nlooked in PATH=/nowhere"
    );
}

#[test]
fn variables_before_the_program_get_a_hint() {
    let error = run(&CommandLine::new("A=1", []), &here(), Output::Own).unwrap_err();
    assert!(
        error.to_string().contains("set them in the environment"),
        "{error}"
    );
}

#[test]
fn a_file_that_may_not_run_says_so() {
    let directory = tempfile::tempdir().unwrap();
    fs_err::write(directory.path().join("plain"), "echo").unwrap();
    let execution_env = ExecutionEnv {
        directory: directory.path().to_owned(),
        environment: Vec::new(),
    };
    let error = run(
        &CommandLine::new("./plain", []),
        &execution_env,
        Output::Own,
    )
    .unwrap_err();
    assert!(matches!(error, SpawnError::NotExecutable { .. }), "{error}");
}

#[test]
fn a_missing_interpreter_is_not_a_missing_program() {
    use std::os::unix::fs::PermissionsExt as _;
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("script");
    fs_err::write(&path, "#!/no/such/shell\n").unwrap();
    fs_err::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    let execution_env = ExecutionEnv {
        directory: directory.path().to_owned(),
        environment: Vec::new(),
    };
    let error = run(
        &CommandLine::new("./script", []),
        &execution_env,
        Output::Own,
    )
    .unwrap_err();
    assert!(matches!(error, SpawnError::NoInterpreter { .. }), "{error}");
}

#[test]
fn a_missing_directory_is_not_a_missing_program() {
    let execution_env = ExecutionEnv {
        directory: "/no/such/directory".into(),
        environment: Vec::new(),
    };
    let error = run(&shell("true"), &execution_env, Output::Own).unwrap_err();
    assert!(matches!(error, SpawnError::NoDirectory { .. }), "{error}");
}

#[test]
fn a_command_line_that_is_too_long_says_what_to_do() {
    let long = CommandLine::new(
        "true",
        (0..300_000).map(|index| format!("some/path/{index}_test.rb")),
    );
    let error = run(&long, &here(), Output::Own).unwrap_err();
    let text = error.to_string();
    assert!(
        text.contains("300000 arguments") && text.contains("more nodes"),
        "{text}"
    );
}

#[test]
fn a_command_line_shows_as_a_shell_would_take_it() {
    let command = CommandLine::new("rspec", ["spec/a b_spec.rb".to_owned(), "x'y".to_owned()]);
    assert_eq!(command.to_string(), r"rspec 'spec/a b_spec.rb' 'x'\''y'");
}
