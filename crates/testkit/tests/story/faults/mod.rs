//! Faults of jobs and servers: in every cell the build is red, or `bktec verify` is red, or every
//! test ran. What ran is known from the tests themselves.

mod build;
mod gate;
mod project;

use std::time::Duration;

use rstest::rstest;

use self::build::{Build, Job, NODES, Reports};
use self::project::{Runner, TestFault, all_tests, tests_of};

/// What a build with a fault must look like.
#[derive(Debug, PartialEq, Eq)]
struct Outcome {
    /// A job failed.
    red: bool,
    all_ran: bool,
    /// The exit code of `bktec verify` with the files of the nodes.
    verify: i32,
    /// The same with what the server received.
    server: i32,
}

/// The number of a unit that one node has.
const EXTRA: usize = 7;
const GREEN: Outcome = Outcome {
    red: false,
    all_ran: true,
    verify: 0,
    server: 0,
};
/// Green to the CI although tests did not run.
const LOST: Outcome = Outcome {
    red: false,
    all_ran: false,
    verify: 1,
    server: 1,
};
/// Green, but the server did not receive the last reports.
const GREEN_BY_FILES: Outcome = Outcome { server: 1, ..GREEN };
const RED: Outcome = Outcome {
    red: true,
    all_ran: false,
    verify: 1,
    server: 1,
};

#[derive(Clone, Copy, Debug)]
enum Fault {
    None,
    ServerDownForAll,
    ServerDownForOne,
    ServerDiesAfterPlanning,
    ServerComesBack,
    NodeNeverStarts,
    NodeKilledInTest,
    NodeKilledBeforeReport,
    RetryWithServer,
    RetryWithoutServer,
    RetryOfEverythingWithoutServer,
    FileOnOneNode,
    FileOnOneNodeThatRunsIt,
    IndexUsedTwice,
    PlanFileWithoutServer,
    PlanFileAndRetry,
    TargetWithoutTests,
}

#[rstest]
fn every_test_ran_or_something_is_red(
    #[values(Runner::Pytest, Runner::Rspec)] runner: Runner,
    #[values(
        Fault::None,
        Fault::ServerDownForAll,
        Fault::ServerDownForOne,
        Fault::ServerDiesAfterPlanning,
        Fault::ServerComesBack,
        Fault::NodeNeverStarts,
        Fault::NodeKilledInTest,
        Fault::NodeKilledBeforeReport,
        Fault::RetryWithServer,
        Fault::RetryWithoutServer,
        Fault::RetryOfEverythingWithoutServer,
        Fault::FileOnOneNode,
        Fault::FileOnOneNodeThatRunsIt,
        Fault::IndexUsedTwice,
        Fault::PlanFileWithoutServer,
        Fault::PlanFileAndRetry,
        Fault::TargetWithoutTests
    )]
    fault: Fault,
) {
    let mut build = Build::after_another(runner);
    let mut expected_tests = all_tests();
    let expected = match fault {
        Fault::None => {
            run_all(&mut build, Job::of);
            GREEN
        }
        Fault::ServerDownForAll => {
            build.gate.close();
            run_all(&mut build, |node| Job::of(node).with_short_timeouts());
            Outcome {
                // It knows neither a plan nor a report.
                server: 16,
                ..GREEN
            }
        }
        Fault::ServerDownForOne => {
            build.run(&Job::of(0));
            build.gate.close();
            build.run(&Job::of(1).with_short_timeouts());
            build.gate.open();
            build.run(&Job::of(2));
            LOST
        }
        Fault::ServerDiesAfterPlanning => {
            let file = build.gate.file().to_owned();
            for node in 0..NODES {
                let scale = ("BKTEC_TEST_BUDGET_SCALE", "0.02");
                build.gate.open();
                build.run(&Job::of(node).removing(&file).variable(scale.0, scale.1));
            }
            GREEN_BY_FILES
        }
        Fault::ServerComesBack => {
            build.gate.close();
            build.gate.open_after(Duration::from_millis(500));
            run_all(&mut build, |node| {
                Job::of(node).variable("BKTEC_TEST_BUDGET_SCALE", "0.1")
            });
            GREEN
        }
        Fault::NodeNeverStarts => {
            build.run(&Job::of(0));
            build.run(&Job::of(2));
            LOST
        }
        Fault::NodeKilledInTest => {
            run_all(&mut build, |node| {
                Job::of(node).fault(TestFault::KillInUnit(3))
            });
            RED
        }
        Fault::NodeKilledBeforeReport => {
            build.run(&Job::of(0));
            build.run(&Job::of(1).fault(TestFault::KillAtEnd));
            build.run(&Job::of(2));
            Outcome {
                all_ran: true,
                ..RED
            }
        }
        Fault::RetryWithServer => {
            run_all(&mut build, |node| {
                Job::of(node).fault(TestFault::KillInUnit(3))
            });
            for node in 0..NODES {
                build.run(&Job::retry(node));
            }
            GREEN
        }
        Fault::RetryWithoutServer => {
            run_all(&mut build, |node| {
                Job::of(node).fault(TestFault::KillInUnit(3))
            });
            build.gate.close();
            for node in 0..NODES {
                build.run(&Job::retry(node).with_short_timeouts());
            }
            RED
        }
        Fault::RetryOfEverythingWithoutServer => {
            run_all(&mut build, |node| {
                Job::of(node).fault(TestFault::KillInUnit(3))
            });
            build.gate.close();
            for node in 0..NODES {
                build.run(
                    &Job::retry(node)
                        .with_short_timeouts()
                        .option("--fallback=all"),
                );
            }
            GREEN_BY_FILES
        }
        Fault::FileOnOneNode => {
            expected_tests.extend(tests_of([EXTRA]));
            build.run(&Job::of(0));
            build.run(&Job::of(1).extra_unit(EXTRA));
            build.run(&Job::of(2));
            LOST
        }
        Fault::FileOnOneNodeThatRunsIt => {
            expected_tests.extend(tests_of([EXTRA]));
            let run = "--on-unplanned-targets=run";
            build.run(&Job::of(0));
            build.run(&Job::of(1).extra_unit(EXTRA).option(run));
            build.run(&Job::of(2));
            GREEN
        }
        Fault::IndexUsedTwice => {
            build.run(&Job::of(0));
            build.run(&Job::of(0));
            build.run(&Job::of(2));
            LOST
        }
        Fault::PlanFileWithoutServer => {
            let plan = plan_file(&build);
            build.gate.close();
            run_all(&mut build, |node| {
                Job::of(node).with_short_timeouts().option(&plan)
            });
            GREEN_BY_FILES
        }
        Fault::PlanFileAndRetry => {
            let plan = plan_file(&build);
            build.gate.close();
            run_all(&mut build, |node| {
                let job = Job::of(node).with_short_timeouts().option(&plan);
                job.fault(TestFault::KillInUnit(3))
            });
            for node in 0..NODES {
                build.run(&Job::retry(node).with_short_timeouts().option(&plan));
            }
            GREEN_BY_FILES
        }
        Fault::TargetWithoutTests => {
            run_all(&mut build, |node| Job::of(node).empty_unit());
            GREEN
        }
    };
    let verify = build.verify(Reports::Files);
    build.gate.open();
    let server = build.verify(Reports::Server);
    let outcome = Outcome {
        red: build.is_red(),
        all_ran: build.ran() == expected_tests,
        verify: verify.code(),
        server: server.code(),
    };
    let log = format!("verify: {verify}\nserver: {server}\n{}", build.describe());
    for code in [outcome.verify, outcome.server] {
        let is_loss = !outcome.red && code == 0 && !outcome.all_ran;
        assert!(!is_loss, "tests were lost: ran {:?}\n{log}", build.ran());
    }
    assert_eq!(outcome, expected, "{log}");
    if outcome.verify == 1 {
        let checkout = if expected_tests == all_tests() {
            Job::of(0)
        } else {
            Job::of(0).extra_unit(EXTRA)
        };
        let repaired = build.run_missing(Reports::Files, checkout);
        assert_eq!(repaired.code(), 0, "{repaired}\n{log}");
        assert_eq!(build.ran(), expected_tests, "{repaired}\n{log}");
    }
}

/// The matrix repairs with what files say; these repair with what the server knows.
#[rstest]
fn the_server_knows_what_to_run_again(
    #[values(Runner::Pytest, Runner::Rspec)] runner: Runner,
    #[values(Fault::NodeNeverStarts, Fault::NodeKilledInTest, Fault::IndexUsedTwice)] fault: Fault,
) {
    let mut build = Build::after_another(runner);
    match fault {
        Fault::NodeNeverStarts => (0..NODES - 1).for_each(|node| build.run(&Job::of(node))),
        Fault::IndexUsedTwice => [0, 0, 2].map(Job::of).iter().for_each(|job| build.run(job)),
        _ => run_all(&mut build, |node| {
            Job::of(node).fault(TestFault::KillInUnit(3))
        }),
    }
    assert_ne!(build.ran(), all_tests());
    let repaired = build.run_missing(Reports::Server, Job::of(0));
    assert_eq!(repaired.code(), 0, "{repaired}\n{}", build.describe());
    assert_eq!(build.ran(), all_tests(), "{repaired}");
    let verify = build.verify(Reports::Server);
    assert_eq!(verify.code(), 0, "{verify}");
}

/// A wrong selection must not be green on every node.
#[rstest]
#[case(
    Runner::Pytest,
    "pytest -k nothing {{testExamples}} --junit-xml={{resultPath}}"
)]
#[case(
    Runner::Rspec,
    "rspec --tag nothing --format json --out {{resultPath}} {{testExamples}}"
)]
fn a_build_that_ran_no_test_is_red(#[case] runner: Runner, #[case] command: &str) {
    let mut build = Build::after_another(runner);
    let job = |node| Job::of(node).variable("BUILDKITE_TEST_ENGINE_TEST_CMD", command);
    run_all(&mut build, job);
    assert!(build.ran().is_empty());
    for reports in [Reports::Files, Reports::Server] {
        let verify = build.verify(reports);
        assert_eq!(verify.code(), 1, "{verify}\n{}", build.describe());
        let repaired = build.run_missing(reports, job(0));
        assert_ne!(repaired.code(), 0, "{repaired}");
    }
}

#[test]
fn a_committed_focus_is_red() {
    let mut build = Build::after_another(Runner::Rspec);
    run_all(&mut build, |node| Job::of(node).focus());
    assert_ne!(build.ran(), all_tests());
    for reports in [Reports::Files, Reports::Server] {
        let verify = build.verify(reports);
        assert_eq!(verify.code(), 1, "{verify}\n{}", build.describe());
    }
}

fn run_all(build: &mut Build, job: impl Fn(usize) -> Job) {
    for node in 0..NODES {
        build.run(&job(node));
    }
}

/// The option that names the file of a new plan.
fn plan_file(build: &Build) -> String {
    let path = build.file("plan.json");
    let path = path.to_str().unwrap();
    let job = Job::of(0).option("--plan-out").option(path);
    build.execute("plan", &job).expect_code(0);
    format!("--plan-file={path}")
}
