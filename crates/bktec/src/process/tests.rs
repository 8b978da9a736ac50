//! Starts real small programs.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;

use super::*;

fn within(directory: &Path) -> ExecutionEnv {
    ExecutionEnv {
        directory: directory.to_owned(),
        environment: Vec::new(),
    }
}

fn here() -> ExecutionEnv {
    within(&std::env::temp_dir())
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
    assert_eq!(captured.stdout.len(), 300_000);
    assert_eq!(captured.stderr.len(), 300_000);
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
    let output = Output::OwnAndFile(Path::new("copy"));
    let ended = run(&shell("printf 'a\\nb'"), &within(directory.path()), output).unwrap();
    assert!(ended.exit.is_success());
    let copy = fs_err::read_to_string(directory.path().join("copy")).unwrap();
    assert_eq!(copy, "a\nb");
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
    let left = Pid::from_raw(left).unwrap();
    rustix::process::kill_process(left, rustix::process::Signal::KILL).unwrap();
    assert!(started.elapsed() < std::time::Duration::from_secs(50));
}

#[test]
fn kills_a_slow_command_with_its_children() {
    let timeout = std::time::Duration::from_millis(300);
    let started = std::time::Instant::now();
    let script = shell("sleep 1000 & echo $!; wait");
    let captured = capture_within(timeout, &script, &here()).unwrap();
    assert_eq!((captured.timed_out, captured.exit), (true, Exit::Signal(9)));
    let child = String::from_utf8(captured.stdout).unwrap();
    let stat = format!("/proc/{}/stat", child.trim());
    // The system ends a killed process when it gets to it.
    while fs_err::read_to_string(&stat).is_ok_and(|status| !status.contains(") Z ")) {
        assert!(started.elapsed() < std::time::Duration::from_secs(50));
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    assert!(started.elapsed() < std::time::Duration::from_secs(50));
}

#[test]
fn a_command_that_ends_in_time_is_not_killed() {
    let timeout = std::time::Duration::from_mins(1);
    let started = std::time::Instant::now();
    let captured = capture_within(timeout, &shell("echo a; exit 3"), &here()).unwrap();
    assert_eq!((captured.timed_out, captured.exit), (false, Exit::Code(3)));
    assert_eq!(captured.stdout, b"a\n");
    assert!(started.elapsed() < timeout);
}

#[test]
fn captures_output_after_a_long_pause() {
    let captured = capture(&shell("echo a; sleep 3; echo b"), &here()).unwrap();
    assert_eq!(captured.stdout, b"a\nb\n");
}

#[test]
fn explains_why_a_command_cannot_start() {
    let directory = tempfile::tempdir().unwrap();
    let write = |name: &str, content: &str, mode: u32| {
        let path = directory.path().join(name);
        fs_err::write(&path, content).unwrap();
        fs_err::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
    };
    write("plain", "echo", 0o644);
    write("script", "#!/no/such/shell\n", 0o755);
    let mut execution_env = within(directory.path());
    execution_env.environment = vec![("PATH".into(), "/nowhere".into())];
    let nowhere = within(Path::new("/no/such/directory"));
    let long = (0..300_000).map(|index| format!("some/path/{index}_test.rb"));
    for (command, execution_env, expected) in [
        (
            CommandLine::new("rspecc", []),
            &execution_env,
            "Cannot start `rspecc`: not found on PATH\nPATH is /nowhere",
        ),
        (
            CommandLine::new("A=1", []),
            &here(),
            "\nhint: set variables in the environment",
        ),
        (
            CommandLine::new("./missing", []),
            &execution_env,
            "Cannot start `./missing`: no such file",
        ),
        (
            CommandLine::new("./plain", []),
            &execution_env,
            "`./plain`: not executable (",
        ),
        (
            CommandLine::new("./script", []),
            &execution_env,
            "the interpreter that its first line names",
        ),
        (
            shell("true"),
            &nowhere,
            "the working directory /no/such/directory does not exist",
        ),
        (
            CommandLine::new("true", long),
            &here(),
            "(300000 arguments, 7388895 bytes)\nhint: use more nodes",
        ),
    ] {
        let error = run(&command, execution_env, Output::Own).unwrap_err();
        let text = error.to_string();
        assert!(text.contains(expected), "{text}");
    }
}

#[test]
fn displays_a_command_line_quoted_for_a_shell() {
    let command = CommandLine::new("rspec", ["spec/a b_spec.rb".to_owned(), "x'y".to_owned()]);
    assert_eq!(command.to_string(), r"rspec 'spec/a b_spec.rb' 'x'\''y'");
}
