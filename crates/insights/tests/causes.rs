//! Causes are found in executions that have one, and not in those that have none.

use test_engine_insights::{Cause, Causes, FirstExecution, causes};

#[path = "generated/numbers.rs"]
#[expect(dead_code, reason = "uniform numbers are enough here")]
mod numbers;

use numbers::Numbers;

/// Whether an execution fails, from its circumstances.
type Fails = fn(&FirstExecution<'_>, &mut Numbers) -> bool;

fn small(numbers: &mut Numbers, low: u32, high: u32) -> u8 {
    u8::try_from(numbers.between(low, high)).unwrap_or_default()
}

/// Two months of executions in random circumstances.
fn executions(seed: u64, fails: Fails) -> Vec<FirstExecution<'static>> {
    const TAGS: [&[(&str, &str)]; 4] = [
        &[("host.type", "small"), ("browser", "firefox")],
        &[("host.type", "large"), ("browser", "firefox")],
        &[("host.type", "small"), ("browser", "chrome")],
        &[("host.type", "large"), ("browser", "chrome")],
    ];
    let mut numbers = Numbers::new(seed);
    (0..600)
        .map(|_| {
            let mut execution = FirstExecution {
                hour: small(&mut numbers, 0, 24),
                weekday: small(&mut numbers, 0, 7),
                day_of_month: small(&mut numbers, 1, 32),
                overlapping_uploads: numbers.between(0, 5),
                slowness_percent: numbers.between(80, 260),
                order: Some(numbers.next() % 40),
                duration: u64::from(numbers.between(1_000, 3_000)),
                tags: TAGS[numbers.between(0, 4) as usize],
                ..FirstExecution::default()
            };
            execution.failed = fails(&execution, &mut numbers);
            execution.passed_on_retry = execution.failed.then_some(true);
            execution
        })
        .collect()
}

fn strongest(causes: &Causes) -> Option<&Cause> {
    causes.conditions.first().map(|tested| &tested.cause)
}

#[test]
fn each_cause_is_found() {
    let tag = |key: &str, value: &str| Cause::Tag {
        key: key.into(),
        value: value.into(),
    };
    let cases: [(Fails, Cause); 7] = [
        (
            |one, _| (3..5).contains(&one.hour),
            Cause::Hours { from: 3, count: 2 },
        ),
        (
            |one, _| [23, 0].contains(&one.hour),
            Cause::Hours { from: 23, count: 2 },
        ),
        (|one, _| one.weekday == 6, Cause::Weekday(6)),
        (|one, _| one.day_of_month >= 28, Cause::EndOfMonth),
        (
            |one, numbers| {
                numbers.happens(if one.overlapping_uploads >= 3 {
                    0.6
                } else {
                    0.01
                })
            },
            Cause::OverlappingUploads(3),
        ),
        (|one, _| one.slowness_percent >= 200, Cause::SlowNode(200)),
        (
            |one, numbers| one.tags[1].1 == "chrome" && numbers.happens(0.2),
            tag("browser", "chrome"),
        ),
    ];
    for (fails, expected) in cases {
        for seed in 0..5 {
            let found = causes(&executions(seed, fails));
            assert_eq!(strongest(&found), Some(&expected), "seed {seed}: {found:?}");
        }
    }
    let order: Fails = |one, _| one.order == Some(7);
    let found = causes(&executions(3, order));
    assert_eq!(strongest(&found), Some(&Cause::Order(7)));
    assert!(found.passes_on_retry);
}

#[test]
fn random_failures_have_no_cause() {
    let random: Fails = |_, numbers| numbers.happens(0.1);
    let wrong = (0..200).filter(|seed| !causes(&executions(*seed, random)).conditions.is_empty());
    // Each has a chance of less than one in a thousand.
    assert!(wrong.count() <= 1);
}

#[test]
fn few_failures_say_nothing() {
    let mut all = executions(1, |one, _| one.hour == 3);
    let mut failures = 0;
    all.retain(|one| {
        failures += u32::from(one.failed);
        !one.failed || failures < 8
    });
    assert_eq!(causes(&all), Causes::default());
}

#[test]
fn failures_that_take_equally_long_are_a_timeout() {
    let mut all = executions(1, |_, numbers| numbers.happens(0.1));
    assert_eq!(causes(&all).timeout, None);
    for (index, one) in all.iter_mut().filter(|one| one.failed).enumerate() {
        one.duration = 30_000 + index as u64;
    }
    let timeout = causes(&all).timeout.expect("found");
    assert!((30_000..31_000).contains(&timeout));
}

#[test]
fn a_load_dependent_test_of_a_real_suite_is_explained() {
    let execution = |failed, overlapping_uploads| FirstExecution {
        failed,
        overlapping_uploads,
        ..FirstExecution::default()
    };
    let mut all = vec![execution(true, 3); 63];
    all.extend(vec![execution(false, 3); 46]);
    all.extend(vec![execution(true, 0); 1]);
    all.extend(vec![execution(false, 0); 468]);
    let found = causes(&all);
    assert!(
        matches!(strongest(&found), Some(Cause::OverlappingUploads(_))),
        "{found:?}"
    );
    assert!(found.conditions[0].p_value < 1e-30);
}
