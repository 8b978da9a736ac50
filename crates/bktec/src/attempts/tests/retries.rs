//! Retries that cannot start, have no results, or stop early.

use super::*;

/// The first attempt runs this script, and retries `retry`, which is given the targets.
fn retried_with(script: &str, retry: Command) -> FakeRunner {
    let first = shell(expand(script));
    FakeRunner::new(Box::new(move |_| first.clone()), retry)
}

#[test]
fn a_retry_without_results_proves_nothing() {
    for (retry, code, why) in [
        (
            "exit 0",
            1,
            "unreadable 1: The runner exited with code 0 but wrote no results to ./result",
        ),
        (
            "printf '[{' > result",
            1,
            "unreadable 1: The results in ./result are not valid json",
        ),
        (
            "A=passed; exit 42",
            42,
            "unreadable 1: The runner exited with code 42 before it finished",
        ),
    ] {
        let ran = run_scripts(&["A=failed; exit 1", retry, "A=passed; exit 0"], &[], true);
        assert_eq!(ran.statuses(), "A=failed?", "{retry}");
        assert_eq!(ran.outcome.exit_code, code, "{retry}");
        assert!(
            ran.events.last().unwrap().starts_with(why),
            "{:?}",
            ran.events
        );
    }
}

#[test]
fn retries_muted_tests_only_with_the_option() {
    let scripts = ["A=failed B=failed; exit 1", "B=passed A=passed; exit 0"];
    let ran = run_scripts(&scripts, &["A"], true);
    assert_eq!(ran.retried, [vec!["A", "B"]]);
    assert_eq!(ran.outcome.statistics().muted_passed, 1);

    let ran = run_scripts(
        &["A=failed B=failed; exit 1", "B=passed; exit 0"],
        &["A"],
        false,
    );
    assert_eq!(ran.retried, [vec!["B"]]);
    assert_eq!(ran.outcome.exit_code, 0);
    assert_eq!(ran.outcome.statistics().muted_failed, 1);

    let ran = run_scripts(&["A=failed; exit 1", "exit 99"], &["A"], false);
    assert_eq!((ran.outcome.exit_code, ran.outcome.retries), (0, 0));
}

#[test]
fn a_retry_that_cannot_start_keeps_the_outcome() {
    let ran = run_scripts(&["A=failed; rm -rf \"$PWD\"\nexit 1", "exit 0"], &[], true);
    // The results are removed with the directory, so the run ends before the retry.
    assert_eq!((ran.outcome.exit_code, ran.outcome.retries), (1, 0));

    let first = shell(expand("A=failed; exit 1"));
    let runner = FakeRunner::new(
        Box::new(move |_| first.clone()),
        Box::new(|_| CommandLine::new("/no/such/program", [])),
    );
    let ran = run_runner(&runner, &[], &[], &options(2));
    let last = ran.events.last().unwrap();
    assert!(last.contains("no retry: ") && last.contains("/no/such/program"));
    assert_eq!((ran.outcome.exit_code, ran.outcome.status()), (1, Failed));
    assert_eq!(ran.outcome.retries, 0);
}

/// A retry that does not run proves nothing about what the first attempt left open.
#[test]
fn a_retry_that_cannot_start_keeps_the_evidence_of_the_first_attempt() {
    let missing = || -> Command { Box::new(|_| CommandLine::new("/no/such/program", [])) };
    for (script, code, status) in [
        ("A=failed B=passed; exit 3", 3, UnexplainedExit),
        ("B=passed A=failed; exit 1", 1, Incomplete),
    ] {
        let mut runner = retried_with(script, missing());
        runner.policy = StopPolicy::Possible;
        let ran = run_runner(&runner, &[], &["A"], &options(1));
        let outcome = &ran.outcome;
        assert_eq!(
            (outcome.exit_code, outcome.status()),
            (code, status),
            "{outcome:?}"
        );
    }
}

/// Only the first of the two parts of the rerun starts.
#[test]
fn a_part_of_a_retry_that_cannot_start_fails_the_run() {
    let retry = |targets: &[&str]| match targets {
        ["a.rb"] => shell(expand("A@a.rb=passed; exit 0")),
        _ => CommandLine::new("/no/such/program", []),
    };
    let script = "A@a.rb=failed B@b.rb=failed; exit 3";
    let mut runner = retried_with(script, Box::new(retry));
    runner.one_by_one = true;
    let cases = ["a.rb", "b.rb"].map(testing::case);
    let options = AttemptOptions {
        retry_muted: false,
        ..options(1)
    };
    let ran = run_runner(&runner, &cases, &["B"], &options);
    let outcome = &ran.outcome;
    assert_eq!((outcome.exit_code, outcome.status()), (3, Incomplete));
    assert!(
        outcome.reasons[0].contains("A part of the tests did not run: "),
        "{outcome:?}"
    );
    assert_eq!(ran.retried, [["a.rb"], ["b.rb"]]);
}

/// The limit of the retry command is not that of the test command. Where it is not reached, other
/// settings may still stop the runner.
#[test]
fn a_retry_that_the_users_limit_stops_is_incomplete() {
    let scripts = [
        "A@a.rb=failed B@a.rb=failed; exit 3",
        "B@a.rb=passed A@a.rb=failed; exit 1",
    ];
    for (failures, expected_tests, code) in [(1, Some(2), 1), (2, Some(2), 0), (2, None, 1)] {
        let mut runner = FakeRunner::scripted(&scripts);
        runner.retry_policy = Some(StopPolicy::Requested {
            option: "-x".to_owned(),
            failures,
        });
        let options = AttemptOptions {
            retry_muted: false,
            ..options(1)
        };
        let case = Case {
            expected_tests,
            ..testing::case("a.rb")
        };
        let ran = run_runner(&runner, &[case], &["A"], &options);
        assert_eq!(ran.outcome.exit_code, code, "{:?}", ran.outcome);
    }
}
