//! `bin/test` ends with the reasons of failures, which `bin/failures.py` finds in the logs.

use std::path::{Path, PathBuf};

use test_engine_testkit::{clean_command, installed, root, run_within};

use crate::scripts::{SCRIPT_TIMEOUT, run};

const TESTS: &str = r#"
#[test]
fn passes() {}

#[test]
fn differs() {
    println!("printed before the panic");
    assert_eq!(1 + 1, 3, "the sum of {}", 1);
}

mod inner {
    #[test]
    fn returns_an_error() -> Result<(), String> {
        Err("no such file".to_owned())
    }

    #[test]
    fn says_much() {
        panic!("{}", (0..100).map(|n| format!("line {n}\n")).collect::<String>());
    }
}
"#;

/// The output of these tests, as the installed compiler prints it.
fn log_of_tests(directory: &Path) -> PathBuf {
    fs_err::write(directory.join("tests.rs"), TESTS).unwrap();
    let mut compile = clean_command(installed("rustc"), directory);
    compile
        .envs(std::env::vars_os())
        .args(["--edition", "2024", "--test", "tests.rs"])
        .current_dir(directory);
    run_within(compile, SCRIPT_TIMEOUT).expect_code(0);
    let mut command = clean_command(directory.join("tests"), directory);
    command
        .env("RUST_BACKTRACE", "1")
        .arg("--test-threads=1")
        .current_dir(directory);
    let finished = run_within(command, SCRIPT_TIMEOUT);
    finished.expect_code(101);
    let log = directory.join("Tests.log");
    fs_err::write(&log, &finished.stdout).unwrap();
    log
}

fn reasons(logs: &[&Path]) -> String {
    let program = root().join("bin/failures.py");
    let logs = logs.iter().map(|log| log.to_str().unwrap());
    let arguments: Vec<&str> = [program.to_str().unwrap()]
        .into_iter()
        .chain(logs)
        .collect();
    let finished = run("python3", &arguments, &root());
    finished.expect_code(0);
    finished.stdout
}

#[test]
fn lists_failed_tests_with_the_start_of_their_messages() {
    let directory = tempfile::tempdir().unwrap();
    let log = log_of_tests(directory.path());
    let listed = reasons(&[&log]);
    let expected = "  differs
    tests.rs:8:5
    assertion `left == right` failed: the sum of 1
      left: 2
     right: 3
  inner::returns_an_error
    Error: \"no such file\"
  inner::says_much
    tests.rs:19:9
    line 0
";
    assert!(listed.starts_with(expected), "{listed}");
    assert!(listed.ends_with("    line 13\n"), "{listed}");

    // The same three tests in each of 50 programs, of which one was killed as well.
    let text = fs_err::read_to_string(&log).unwrap();
    let killed =
        "  process didn't exit successfully: `a` (signal: 6, SIGABRT: process abort signal)";
    fs_err::write(&log, format!("{killed}\n{}", text.repeat(50))).unwrap();
    let listed = reasons(&[&log]);
    assert_eq!(listed.lines().count(), 61, "{listed}");
    assert!(
        listed.starts_with("  a test program\n  differs\n"),
        "{listed}"
    );
    assert!(listed.ends_with("  and 91 more\n"), "{listed}");
}

#[test]
fn lists_the_first_problem_of_other_steps() {
    let directory = tempfile::tempdir().unwrap();
    let write = |step: &str, text: &str| {
        let log = directory.path().join(format!("{step}.log"));
        fs_err::write(&log, text).unwrap();
        log
    };
    let lints = write(
        "Lints",
        "    Checking a v1.0.0\n\
         \u{1b}[33mwarning\u{1b}[0m: unused import\n\
         \u{1b}[31merror[E0425]\u{1b}[0m: cannot find value `x`\n  --> src/lib.rs:1:1\n",
    );
    let demo = write("Demo", "step 1\nstep 2\n");
    let expected = "  Lints\n    error[E0425]: cannot find value `x`\n      --> src/lib.rs:1:1\n  \
                    Demo\n    step 1\n    step 2\n";
    assert_eq!(reasons(&[&lints, &demo]), expected);
}
