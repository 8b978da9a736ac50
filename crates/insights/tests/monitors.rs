//! Each monitor on a history of its own: when the alarm of a test begins and ends, live and in the
//! preview.

use rstest::rstest;
use test_engine_insights::{
    Change, Commit, Counts, DAY, Event, Evidence, Execution, History, Monitor, Parameters,
    Transition, day_of, preview,
};

const START: i64 = 20_000 * DAY;

/// One run of the default branch per letter and day, at noon: `p` passed, `f` failed, `m` failed
/// and passed on retry, `-` did not run.
fn history(results: &str, seconds: impl Fn(usize) -> u64) -> History {
    let mut evidence = Evidence::default();
    let mut executions = Vec::new();
    for (index, (result, number)) in results.chars().zip(1_u32..).enumerate() {
        let at = START + i64::from(number - 1) * DAY + DAY / 2;
        let outcomes: &[bool] = match result {
            'p' => &[true],
            'f' => &[false],
            'm' => &[false, true],
            _ => &[],
        };
        for passed in outcomes {
            executions.push(Execution {
                at,
                passed: *passed,
                duration: Some(seconds(index) * 1_000_000),
            });
        }
        let count = |wanted: bool| -> u32 {
            let outcomes = outcomes.iter();
            outcomes.map(|passed| u32::from(*passed == wanted)).sum()
        };
        evidence.update(&Event {
            change: Change::Add,
            commit: Commit {
                number,
                main: Some(number),
            },
            run: number,
            at,
            counts: Counts {
                passed: count(true),
                failed: count(false),
            },
        });
    }
    let first_at = executions.first().map(|first| first.at);
    History {
        evidence,
        executions,
        first_at,
    }
}

/// The changes of a rule's alarm if the test is looked at once a day, as a server does.
fn live(monitor: &Monitor, history: &History, days: i32) -> Vec<(i32, Transition)> {
    let mut changes = Vec::new();
    let mut is_on = false;
    for day in 0..=days {
        let at = START + i64::from(day + 1) * DAY - 1;
        // Later results are not known yet.
        let mut known = history.clone();
        known.executions.retain(|execution| execution.at <= at);
        known.first_at = known.first_at.filter(|first| *first <= at);
        let changes_now = if is_on {
            monitor.recovers(&known, at, &Parameters::default())
        } else {
            monitor.alarms(&known, at, &Parameters::default())
        };
        if changes_now {
            is_on = !is_on;
            let transition = if is_on {
                Transition::Alarm
            } else {
                Transition::Recover
            };
            changes.push((day, transition));
        }
    }
    changes
}

fn check(monitor: &Monitor, history: &History, expected: &[(i32, Transition)]) {
    const DAYS: i32 = 40;
    assert_eq!(live(monitor, history, DAYS), expected, "live");
    let now = START + i64::from(DAYS) * DAY + DAY / 2;
    let found = preview(monitor, [(7, history)], (now, DAYS), &Parameters::default());
    let changes: Vec<(i32, Transition)> = found
        .changes
        .iter()
        .map(|change| (day_of(change.at) - day_of(START), change.transition))
        .collect();
    assert_eq!(changes, expected, "preview");
}

const ALARM: Transition = Transition::Alarm;
const RECOVER: Transition = Transition::Recover;

const TRANSITIONS: Monitor = Monitor::TransitionCount {
    window: 10,
    high: 300_000,
    low: 100_000,
};
const SLOW: Monitor = Monitor::DurationP50 {
    window: 3,
    high: 20_000_000,
    low: 10_000_000,
};

#[rstest]
#[case::flaky(Monitor::Flaky, "ppppppppppmpppmppp", &[(14, ALARM)])]
#[case::broken(Monitor::Broken, "pppfffppp", &[(4, ALARM), (6, RECOVER)])]
#[case::broken_twice_then_gone(
    Monitor::Broken, "pffpff", &[(2, ALARM), (3, RECOVER), (5, ALARM), (33, RECOVER)]
)]
#[case::passed_on_retry(Monitor::PASSED_ON_RETRY, "pppmppp", &[(3, ALARM), (10, RECOVER)])]
#[case::two_commits(
    Monitor::PassedOnRetry { commits: 2, days: 7, executions: 100 },
    "pmpppppppmpm", &[(11, ALARM), (18, RECOVER)]
)]
#[case::few_passes(
    Monitor::PassedOnRetry { commits: 1, days: 30, executions: 4 },
    "pmpppppp", &[(1, ALARM), (5, RECOVER)]
)]
#[case::failure_rate(
    Monitor::ProbabilisticFlakiness { high: 100_000, low: 80_000 },
    "pppmmmpppp", &[(4, ALARM), (32, RECOVER)]
)]
#[case::transitions(TRANSITIONS, "ppfpfpppppppppp", &[(4, ALARM), (13, RECOVER)])]
#[case::one_change_is_no_alarm(TRANSITIONS, "pppffffff", &[])]
#[case::always_failing(TRANSITIONS, "fffffffff", &[])]
#[case::new_test(Monitor::NewTest, "--ppp", &[(2, ALARM)])]
fn alarms_begin_and_end(
    #[case] monitor: Monitor,
    #[case] results: &str,
    #[case] expected: &[(i32, Transition)],
) {
    check(&monitor, &history(results, |_| 1), expected);
}

#[test]
fn a_test_is_slow_by_its_median() {
    // One slow execution is not enough, and between both thresholds nothing changes.
    let seconds = [1, 30, 1, 30, 30, 15, 15, 9, 9, 9];
    let slow = history("pppppppppp", |index| seconds[index]);
    check(&SLOW, &slow, &[(3, ALARM), (8, RECOVER)]);
    let few = history("pp", |_| 30);
    check(&SLOW, &few, &[]);
}

#[test]
fn only_monitors_of_single_executions_have_a_window() {
    assert_eq!(TRANSITIONS.window(), Some(10));
    assert_eq!(SLOW.window(), Some(3));
    assert_eq!(Monitor::Flaky.window(), None);
    assert_eq!(Monitor::NewTest.window(), None);
}
