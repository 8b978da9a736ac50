//! Faults of jobs and servers: in every cell the build is red, or `bktec verify` is red, or every
//! test ran. What ran is known from the tests themselves.

mod build;
mod gate;
mod project;

use std::time::Duration;

use rstest::rstest;

use self::build::{Build, Job, NODES};
use self::project::{Runner, TestFault, all_tests, tests_of};

/// What a build with a fault must look like.
#[derive(Debug, PartialEq, Eq)]
struct Outcome {
    /// A job failed.
    red: bool,
    all_ran: bool,
    /// The exit code of `bktec verify`.
    verify: i32,
}

const GREEN: Outcome = Outcome {
    red: false,
    all_ran: true,
    verify: 0,
};
/// Green to the CI although tests did not run.
const LOST: Outcome = Outcome {
    red: false,
    all_ran: false,
    verify: 1,
};
const RED: Outcome = Outcome {
    red: true,
    all_ran: false,
    verify: 1,
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
            run_all(&mut build, |node| Job::of(node).impatient());
            GREEN
        }
        Fault::ServerDownForOne => {
            build.run(&Job::of(0));
            build.gate.close();
            build.run(&Job::of(1).impatient());
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
            GREEN
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
                build.run(&Job::retry(node).impatient());
            }
            RED
        }
        Fault::RetryOfEverythingWithoutServer => {
            run_all(&mut build, |node| {
                Job::of(node).fault(TestFault::KillInUnit(3))
            });
            build.gate.close();
            for node in 0..NODES {
                build.run(&Job::retry(node).impatient().option("--fallback=all"));
            }
            GREEN
        }
        Fault::FileOnOneNode => {
            expected_tests.extend(tests_of([7]));
            build.run(&Job::of(0));
            build.run(&Job::of(1).extra_unit(7));
            build.run(&Job::of(2));
            LOST
        }
        Fault::FileOnOneNodeThatRunsIt => {
            expected_tests.extend(tests_of([7]));
            let run = "--on-unplanned-targets=run";
            build.run(&Job::of(0));
            build.run(&Job::of(1).extra_unit(7).option(run));
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
            run_all(&mut build, |node| Job::of(node).impatient().option(&plan));
            GREEN
        }
        Fault::PlanFileAndRetry => {
            let plan = plan_file(&build);
            build.gate.close();
            run_all(&mut build, |node| {
                let job = Job::of(node).impatient().option(&plan);
                job.fault(TestFault::KillInUnit(3))
            });
            for node in 0..NODES {
                build.run(&Job::retry(node).impatient().option(&plan));
            }
            GREEN
        }
        Fault::TargetWithoutTests => {
            run_all(&mut build, |node| Job::of(node).empty_unit());
            GREEN
        }
    };
    let verify = build.verify();
    let outcome = Outcome {
        red: build.is_red(),
        all_ran: build.ran() == expected_tests,
        verify: verify.code(),
    };
    assert!(
        outcome.red || outcome.verify != 0 || outcome.all_ran,
        "tests were lost: ran {:?}\nverify: {verify}\n{}",
        build.ran(),
        build.describe()
    );
    assert_eq!(outcome, expected, "verify: {verify}\n{}", build.describe());
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
