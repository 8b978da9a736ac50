//! Starts real small programs.

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
fn returns_the_exit_code() {
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
fn returns_the_signal_that_killed_the_child() {
    let ended = run(&shell("kill -9 $$"), &here(), Output::Own).unwrap();
    assert_eq!(ended.exit, Exit::Signal(9));
    assert_eq!(ended.exit.to_string(), "signal 9 (SIGKILL)");
}

#[test]
fn captures_both_outputs_separately() {
    let captured = capture(&shell("echo out; echo err >&2; exit 3"), &here()).unwrap();
    assert_eq!(captured.exit, Exit::Code(3));
    assert_eq!(captured.stdout, b"out\n");
    assert_eq!(captured.stderr, b"err\n");
    assert_eq!(captured.text(), "out\nerr\n");
}

#[test]
fn a_helper_has_no_input() {
    let captured = capture(&CommandLine::new("cat", []), &here()).unwrap();
    assert!(captured.exit.is_success() && captured.stdout.is_empty());
}

#[test]
fn large_outputs_do_not_block() {
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
fn sets_directory_and_variables() {
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
fn copies_output_to_a_file() {
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
fn does_not_wait_for_orphaned_processes() {
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

#[test]
fn captures_output_after_a_long_pause() {
    let captured = capture(&shell("echo a; sleep 3; echo b"), &here()).unwrap();
    assert_eq!(captured.stdout, b"a\nb\n");
}

#[test]
fn a_missing_program_is_reported_with_path() {
    let execution_env = ExecutionEnv {
        environment: vec![("PATH".into(), "/nowhere".into())],
        ..here()
    };
    let error = run(&CommandLine::new("rspecc", []), &execution_env, Output::Own).unwrap_err();
    assert_eq!(
        error.to_string(),
        "Cannot start `rspecc`: not found on PATH\nPATH is /nowhere"
    );
}

#[test]
fn variables_before_the_program_get_a_hint() {
    let error = run(&CommandLine::new("A=1", []), &here(), Output::Own).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("\nhint: set variables in the environment"),
        "{error}"
    );
}

#[test]
fn reports_a_file_that_is_not_executable() {
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
    assert!(
        error.to_string().contains("./plain`: not executable ("),
        "{error}"
    );
}

#[test]
fn reports_a_missing_interpreter() {
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
    assert!(error.to_string().contains("interpreter"), "{error}");
}

#[test]
fn reports_a_missing_directory() {
    let execution_env = ExecutionEnv {
        directory: "/no/such/directory".into(),
        environment: Vec::new(),
    };
    let error = run(&shell("true"), &execution_env, Output::Own).unwrap_err();
    let text = error.to_string();
    assert!(
        text.contains("working directory /no/such/directory"),
        "{text}"
    );
}

#[test]
fn a_command_line_that_is_too_long_has_a_hint() {
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
fn displays_a_command_line_quoted_for_a_shell() {
    let command = CommandLine::new("rspec", ["spec/a b_spec.rb".to_owned(), "x'y".to_owned()]);
    assert_eq!(command.to_string(), r"rspec 'spec/a b_spec.rb' 'x'\''y'");
}
