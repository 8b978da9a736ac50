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
fn a_killed_runner_ran_no_target_to_its_end() {
    let ran = run_targets(&["a.rb"], &["A@a.rb=passed; kill -KILL $$"]);
    assert_eq!(targets(&ran), ["a.rb: not run, 0 tests, 0 failed"]);
}
