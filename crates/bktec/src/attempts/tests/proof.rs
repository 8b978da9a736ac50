//! Attempts that may not have run everything.

use super::*;

/// Runs these targets with a runner that a fail-fast setting may stop. The expected number of tests
/// follows a target after `=`.
fn run_stoppable(targets: &[&str], scripts: &[&str], muted: &[&str]) -> Ran {
    run_with(StopPolicy::Possible, targets, scripts, muted)
}

fn run_with(policy: StopPolicy, targets: &[&str], scripts: &[&str], muted: &[&str]) -> Ran {
    let mut runner = FakeRunner::scripted(scripts);
    runner.policy = policy;
    run_targets(&runner, targets, muted, scripts.len() - 1)
}

fn run_targets(runner: &FakeRunner, targets: &[&str], muted: &[&str], retries: usize) -> Ran {
    let cases = targets.iter().map(|target| {
        let (target, expected) = target.split_once('=').unwrap_or((target, ""));
        Case {
            expected_tests: expected.parse().ok(),
            ..testing::case(target)
        }
    });
    let cases: Vec<Case> = cases.collect();
    let options = AttemptOptions {
        retry_muted: false,
        ..options(retries)
    };
    run_runner(runner, &cases, muted, &options)
}

/// Targets, scripts; what is retried, exit code, events about gaps.
#[rstest]
#[case::continues_after_the_failure(
    &["a.rb"], &["A@a.rb=failed B@a.rb=passed; exit 1", "A@a.rb=passed; exit 0"],
    &["A"], 0, &[])]
#[case::ends_with_the_failure(
    &["a.rb", "b.rb"],
    &["A@a.rb=passed B@b.rb=failed; exit 1", "B@b.rb=passed C@b.rb=passed; exit 0"],
    &["b.rb"], 0, &[])]
#[case::has_the_expected_tests(
    &["a.rb=1", "b.rb=1"], &["A@a.rb=passed B@b.rb=failed; exit 1", "B@b.rb=passed; exit 0"],
    &["B"], 0, &[])]
#[case::lacks_expected_tests(
    &["a.rb=2", "b.rb=3"],
    &["A@a.rb=failed; exit 1", "A@a.rb=passed B@a.rb=passed C@b.rb=passed; exit 0"],
    &["a.rb b.rb"], 0, 
    &["gaps 0: a.rb: results of 1 of 2 tests: the runner may have stopped at a failed test; \
       b.rb: results of 0 of 3 tests: the runner may have stopped at a failed test"])]
#[case::stops_again(
    &["a.rb=2"], &["A@a.rb=failed; exit 1", "A@a.rb=failed; exit 1"],
    &["a.rb"], 1, 
    &["gaps 0: a.rb: results of 1 of 2 tests: the runner may have stopped at a failed test",
      "gaps 1: a.rb: results of 1 of 2 tests: the runner may have stopped at a failed test"])]
#[case::rerun_loses_the_results(
    &["a.rb=2", "b.rb"],
    &["A@a.rb=failed; exit 1", "A@a.rb=passed B@a.rb=passed; exit 0"],
    &["a.rb b.rb"], 0, 
    &["gaps 0: a.rb: results of 1 of 2 tests: the runner may have stopped at a failed test"])]
#[case::rerun_leaves_out_a_target(
    &["a.rb", "b.rb"],
    &["B@b.rb=passed A@a.rb=failed; exit 1", "A@a.rb=passed; exit 0"],
    &["a.rb"], 0, &[])]
fn whole_targets_are_rerun_after_an_early_stop(
    #[case] targets: &[&str],
    #[case] scripts: &[&str],
    #[case] retried: &[&str],
    #[case] code: i32,
    #[case] gaps: &[&str],
) {
    let ran = run_stoppable(targets, scripts, &[]);
    let seen: Vec<String> = ran
        .retried
        .iter()
        .map(|targets| targets.join(" "))
        .collect();
    assert_eq!(seen, retried, "{:?}", ran.events);
    assert_eq!(ran.outcome.exit_code, code, "{:?}", ran.outcome);
    let events = ran.events.iter();
    let seen: Vec<_> = events.filter(|event| event.starts_with("gaps")).collect();
    assert_eq!(seen, gaps);
}

/// After such a code, a test that was executed after the failure proves nothing, nor does the
/// number of tests.
#[rstest]
#[case::continues(
    &["a.rb"], &["A@a.rb=failed B@a.rb=passed; exit 3", "A@a.rb=passed B@a.rb=passed; exit 0"],
    &["a.rb"])]
#[case::has_the_expected_tests(
    &["a.rb=2", "b.rb=1"],
    &["A@a.rb=failed B@a.rb=passed C@b.rb=passed; exit 3",
      "A@a.rb=passed B@a.rb=passed C@b.rb=passed; exit 0"],
    &["a.rb b.rb"])]
#[case::of_a_retry(
    &["a.rb"],
    &["A@a.rb=failed B@a.rb=failed C@a.rb=passed; exit 1",
      "A@a.rb=passed B@a.rb=failed; exit 3",
      "A@a.rb=passed B@a.rb=passed C@a.rb=passed; exit 0"],
    &["A B", "a.rb"])]
fn whole_targets_are_rerun_after_an_undocumented_exit_code(
    #[case] targets: &[&str],
    #[case] scripts: &[&str],
    #[case] retried: &[&str],
    #[values(StopPolicy::Possible, StopPolicy::Overridden)] policy: StopPolicy,
) {
    let ran = run_with(policy, targets, scripts, &[]);
    let seen: Vec<String> = ran.retried.iter().map(|tests| tests.join(" ")).collect();
    assert_eq!(seen, retried, "{:?}", ran.events);
    assert_eq!(ran.outcome.exit_code, 0, "{:?}", ran.outcome);
}

/// Targets, script; exit code and status with A muted. This runner cannot list tests.
#[rstest]
#[case::continues(&["a.rb"], "A@a.rb=failed B@a.rb=passed; exit 1", 0, Passed)]
#[case::continues_in_another_target(
    &["a.rb", "b.rb"], "A@a.rb=failed B@b.rb=passed; exit 1", 0, Passed)]
#[case::has_the_expected_tests(&["a.rb=1"], "A@a.rb=failed; exit 1", 0, Passed)]
#[case::may_have_stopped(&["a.rb"], "B@a.rb=passed A@a.rb=failed; exit 1", 1, Incomplete)]
#[case::may_have_stopped_with_code_0(&["a.rb"], "A@a.rb=failed; exit 0", 1, Incomplete)]
#[case::lacks_expected_tests(&["a.rb=2"], "A@a.rb=failed; exit 1", 1, Incomplete)]
#[case::lacks_a_target(&["a.rb", "b.rb"], "A@a.rb=failed B@a.rb=passed; exit 1", 1, Incomplete)]
#[case::results_name_no_files(&["a.rb"], "A=failed B=passed; exit 1", 0, Passed)]
#[case::results_name_no_files_and_may_have_stopped(
    &["a.rb"], "A=failed; exit 1", 1, Incomplete)]
fn a_mute_excuses_a_failure_if_all_tests_ran(
    #[case] targets: &[&str],
    #[case] script: &str,
    #[case] code: i32,
    #[case] status: RunStatus,
) {
    let ran = run_stoppable(targets, &[script], &["A"]);
    let outcome = &ran.outcome;
    assert_eq!(
        (outcome.exit_code, outcome.status()),
        (code, status),
        "{outcome:?}"
    );
    assert_eq!(outcome.incomplete.is_empty(), code == 0, "{outcome:?}");
}

/// Deleted tests do not fail a build whose runner cannot have stopped early.
#[test]
fn the_number_of_tests_does_not_matter_where_no_early_stop_is_possible() {
    let runner = FakeRunner::scripted(&["A@a.rb=failed; exit 1"]);
    let mut case = testing::case("a.rb");
    case.expected_tests = Some(7);
    let ran = run_runner(&runner, &[case], &["A"], &options(0));
    assert_eq!((ran.outcome.exit_code, ran.outcome.status()), (0, Passed));
}

/// Where no setting can stop the runner, the code of a test may. A listing decides. `-`: the runner
/// cannot list tests.
#[rstest]
#[case(&["A@a.rb"], 0)]
#[case(&["A@a.rb", "B@a.rb"], 1)]
#[case(&["-"], 0)]
fn a_listing_settles_whether_missing_tests_were_deleted(
    #[case] listed: &'static [&'static str],
    #[case] code: i32,
) {
    let mut runner = FakeRunner::scripted(&["A@a.rb=failed; exit 1"]);
    runner.listed = Some(listed).filter(|listed| *listed != ["-"]);
    let ran = run_targets(&runner, &["a.rb=2"], &["A"], 0);
    assert_eq!(ran.outcome.exit_code, code, "{:?}", ran.outcome);
}

/// The name of R changes from attempt to attempt, so two of its results are one test.
#[rstest]
#[case(&["R3@a.rb", "A@a.rb"], 0)]
#[case(&["R3@a.rb", "A@a.rb", "B@a.rb"], 1)]
fn a_listing_is_not_compared_with_the_results_of_several_attempts(
    #[case] listed: &'static [&'static str],
    #[case] code: i32,
) {
    let mut runner = FakeRunner::scripted(&[
        "C@b.rb=failed R1@a.rb=passed A@a.rb=failed; exit 1",
        "C@b.rb=passed R2@a.rb=passed A@a.rb=failed; exit 1",
    ]);
    runner.policy = StopPolicy::Possible;
    runner.listed = Some(listed);
    let ran = run_targets(&runner, &["a.rb", "b.rb"], &["A"], 1);
    assert_eq!(ran.outcome.exit_code, code, "{:?}", ran.outcome);
}

#[test]
fn an_undocumented_exit_code_is_no_normal_end() {
    let scripts = [
        "A@a.rb=failed; exit 3",
        "A@a.rb=passed B@a.rb=passed; exit 0",
    ];
    let runner = FakeRunner::scripted(&scripts);
    let ran = run_runner(&runner, &[testing::case("a.rb")], &[], &options(1));
    assert_eq!(ran.retried, [["a.rb"]]);
    assert_eq!(ran.outcome.exit_code, 0);
}

#[test]
fn a_retry_that_lists_one_of_two_tests_repairs_neither() {
    let first = "A=failed A=failed; exit 1";
    for (retry, code) in [("A=passed; exit 0", 1), ("A=passed A=passed; exit 0", 0)] {
        let ran = run_scripts(&[first, retry], &[], true);
        assert_eq!(ran.outcome.exit_code, code, "{:?}", ran.outcome);
    }
}
