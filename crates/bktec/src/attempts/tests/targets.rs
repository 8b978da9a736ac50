//! Results by target.

use test_engine_wire::TargetOutcome;

use super::*;

fn run_targets(targets: &[&str], scripts: &[&str]) -> Ran {
    let runner = FakeRunner::scripted(scripts);
    let cases: Vec<Case> = targets.iter().map(|target| testing::case(target)).collect();
    run_runner(&runner, &cases, &[], &options(scripts.len() - 1))
}

/// `a.rb: complete, 2 tests, 1 failed` for each target.
fn targets(ran: &Ran) -> Vec<String> {
    let line = |target: &test_engine_wire::TargetReport| {
        let outcome = match target.outcome {
            TargetOutcome::NotRun => "not run",
            TargetOutcome::RanUnplanned => "ran unplanned",
            TargetOutcome::NoResults => "no results",
            TargetOutcome::Incomplete => "incomplete",
            TargetOutcome::Complete => "complete",
        };
        let (value, tests, failed) = (&target.value, target.tests, target.failed);
        format!("{value}: {outcome}, {tests} tests, {failed} failed")
    };
    ran.outcome.targets.iter().map(line).collect()
}

#[test]
fn counts_the_tests_of_each_target_over_all_attempts() {
    let ran = run_targets(
        &["a.rb", "b.rb", "c.rb"],
        &[
            "A@a.rb=passed B@a.rb=failed C@b.rb=failed; exit 1",
            "B@a.rb=passed C@b.rb=failed; exit 1",
        ],
    );
    assert_eq!(
        targets(&ran),
        [
            "a.rb: complete, 2 tests, 0 failed",
            "b.rb: complete, 1 tests, 1 failed",
            "c.rb: no results, 0 tests, 0 failed",
        ]
    );
}

#[test]
fn a_package_is_not_a_directory_of_those_below_it() {
    let mut runner = FakeRunner::scripted(&["A@m/sub=passed; exit 0"]);
    runner.naming = Naming::Packages;
    let cases = ["m", "m/sub"].map(testing::case);
    let ran = run_runner(&runner, &cases, &[], &options(0));
    assert_eq!(
        targets(&ran),
        [
            "m: no results, 0 tests, 0 failed",
            "m/sub: complete, 1 tests, 0 failed",
        ]
    );
}

#[test]
fn a_killed_runner_ran_no_target_to_its_end() {
    let ran = run_targets(&["a.rb"], &["A@a.rb=passed; kill -KILL $$"]);
    assert_eq!(targets(&ran), ["a.rb: not run, 0 tests, 0 failed"]);
}

/// The runner reports paths of a container, where the working directory has another name.
#[rstest]
#[case(&["/app/a.js", "/app/src/b.js"], 0)]
// One of them is not below the directory.
#[case(&["/app/a.js", "/lib/b.js"], 1)]
// These paths cannot be compared with targets, and the last test failed.
#[case(&["/app/x.js", "/app/src/y.js"], 1)]
fn paths_of_another_system_are_compared_with_targets(#[case] files: &[&str], #[case] code: i32) {
    let script = format!("B@{}=passed A@{}=failed; exit 1", files[1], files[0]);
    let mut runner = FakeRunner::scripted(&[&script]);
    runner.naming = Naming::AsTargets;
    runner.policy = StopPolicy::Possible;
    let cases = ["a.js", "src/b.js"].map(|target| Case {
        expected_tests: Some(1),
        ..testing::case(target)
    });
    let ran = run_runner(&runner, &cases, &["A"], &options(0));
    assert_eq!(ran.outcome.exit_code, code, "{:?}", ran.outcome);
}

#[test]
fn an_unplanned_file_is_not_complete_even_if_a_retry_repairs_its_failure() {
    let runner = FakeRunner {
        naming: Naming::AsTargets,
        ..FakeRunner::scripted(&[
            "A@cart.test.ts=passed B@cart.test.tsx=failed; exit 1",
            "B@cart.test.tsx=passed; exit 0",
        ])
    };
    let ran = run_runner(&runner, &[testing::case("cart.test.ts")], &[], &options(1));
    assert_eq!(ran.outcome.exit_code, 0);
    assert_eq!(
        targets(&ran),
        [
            "cart.test.ts: complete, 1 tests, 0 failed",
            "cart.test.tsx: ran unplanned, 1 tests, 0 failed",
        ]
    );
}

#[test]
fn counts_the_deselected_tests_of_each_target() {
    let script = "A@a.rb=passed deselected1@a.rb=passed deselected2@b.rb=passed";
    let ran = run_targets(&["a.rb", "b.rb"], &[&format!("{script}; exit 0")]);
    let not_selected = ran.outcome.targets.iter();
    let not_selected: Vec<_> = not_selected
        .map(|target| (target.tests, target.not_selected, target.outcome))
        .collect();
    assert_eq!(
        not_selected,
        [
            (1, 1, TargetOutcome::Complete),
            (0, 1, TargetOutcome::NoResults)
        ]
    );
    assert_eq!(ran.outcome.deselected.len(), 2);
}
