//! What the failures of a flaky test depend on. A cause is reported only if a statistical test
//! supports it.
//!
//! The first executions of a test in its runs are split in two in many ways: by hour, by tag, by
//! load and so on. A split is a cause if the p-value of Fisher's exact test, multiplied by the
//! number of splits tried, is below [`MAX_P_VALUE`], and failures are at least [`MIN_RATIO`] times
//! as frequent inside as outside (§8 of the design).

use std::collections::BTreeMap;

use crate::fisher::fisher;
use crate::group::Counts;

/// Fewer failures say nothing.
const MIN_FAILURES: u32 = 8;
const MAX_P_VALUE: f64 = 0.001;
const MIN_RATIO: u64 = 3;
/// Tags with more values than this are identifiers.
const MAX_VALUES: usize = 20;
/// The longest window of the day, in hours.
const MAX_HOURS: u8 = 4;
/// Days of the month from here on are its end.
const END_OF_MONTH: u8 = 28;
const OVERLAPPING_UPLOADS: [u32; 2] = [1, 3];
const SLOWNESS_PERCENT: [u32; 2] = [130, 200];

/// The first execution of a test in a run, with what is known of its circumstances.
#[derive(Clone, Copy, Debug, Default)]
pub struct FirstExecution<'a> {
    /// Whether it failed.
    pub failed: bool,
    /// If it failed, whether the first retry passed; `None` without a retry.
    pub passed_on_retry: Option<bool>,
    /// In the time zone of the suite, 0 to 23.
    pub hour: u8,
    /// From Monday, 0 to 6.
    pub weekday: u8,
    /// 1 to 31.
    pub day_of_month: u8,
    /// Uploads of the organization within ten minutes, apart from those of this run.
    pub overlapping_uploads: u32,
    /// Duration of the node's other tests over their medians, in percent.
    pub slowness_percent: u32,
    /// What identifies the order of tests on the node: a seed, or a hash of the predecessors.
    pub order: Option<u64>,
    /// In microseconds.
    pub duration: u64,
    /// Tags of the execution.
    pub tags: &'a [(&'a str, &'a str)],
}

/// A condition on which failures depend.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cause {
    /// This order of tests.
    Order(u64),
    /// At least so many uploads at the same time.
    OverlappingUploads(u32),
    /// A node at least this slow, in percent.
    SlowNode(u32),
    /// So many hours from this hour on.
    Hours {
        /// The first hour.
        from: u8,
        /// How many.
        count: u8,
    },
    /// A day of the week.
    Weekday(u8),
    /// From the 28th on.
    EndOfMonth,
    /// A value of a tag.
    Tag {
        /// For example `host.type`.
        key: String,
        /// One of 2 to 20 values that the key has in these executions.
        value: String,
    },
}

/// A split that passed the test.
#[derive(Clone, Debug, PartialEq)]
pub struct TestedCause {
    /// The condition.
    pub cause: Cause,
    /// First executions under that condition.
    pub inside: Counts,
    /// The others.
    pub outside: Counts,
    /// Of Fisher's exact test, multiplied by the number of splits tried.
    pub p_value: f64,
}

/// What the failures of a test depend on.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Causes {
    /// Conditions, the strongest first.
    pub conditions: Vec<TestedCause>,
    /// Splits that were tried.
    pub splits_tried: u32,
    /// All failures take about this long, in microseconds, and far longer than passes.
    pub timeout: Option<u64>,
    /// At least nine of ten retries pass. The cause may be the order of tests even if no order
    /// occurred twice.
    pub passes_on_retry: bool,
}

/// Examines the first executions of a test, of the last 60 days and without outages.
pub fn causes(executions: &[FirstExecution<'_>]) -> Causes {
    let total = count(executions, |_| true);
    if total.failed < MIN_FAILURES {
        return Causes::default();
    }
    let passes_on_retry = passes_on_retry(executions);
    let splits = splits(executions, passes_on_retry);
    let tried = u32::try_from(splits.len()).unwrap_or(u32::MAX);
    let mut conditions: Vec<TestedCause> = splits
        .into_iter()
        .filter_map(|(cause, inside)| {
            let outside = total.minus(inside);
            let p_value = fisher(inside, outside) * f64::from(tried);
            let is_cause = p_value < MAX_P_VALUE && is_frequent(inside, outside);
            is_cause.then_some(TestedCause {
                cause,
                inside,
                outside,
                p_value,
            })
        })
        .collect();
    conditions.sort_by(|a, b| {
        let by_p = a.p_value.total_cmp(&b.p_value);
        by_p.then_with(|| a.cause.cmp(&b.cause))
    });
    Causes {
        conditions,
        splits_tried: tried,
        timeout: timeout(executions),
        passes_on_retry,
    }
}

fn count(
    executions: &[FirstExecution<'_>],
    is_inside: impl Fn(&FirstExecution<'_>) -> bool,
) -> Counts {
    let mut counts = Counts::default();
    for execution in executions.iter().filter(|execution| is_inside(execution)) {
        counts = counts.plus(counts_of(execution));
    }
    counts
}

fn counts_of(execution: &FirstExecution<'_>) -> Counts {
    Counts {
        passed: u32::from(!execution.failed),
        failed: u32::from(execution.failed),
    }
}

/// Whether failures are at least [`MIN_RATIO`] times as frequent inside as outside.
fn is_frequent(inside: Counts, outside: Counts) -> bool {
    let all = |counts: Counts| u128::from(counts.passed) + u128::from(counts.failed);
    let (inside_rate, outside_rate) = (
        u128::from(inside.failed) * all(outside),
        u128::from(outside.failed) * all(inside),
    );
    inside.failed > 0 && inside_rate >= outside_rate * u128::from(MIN_RATIO)
}

fn passes_on_retry(executions: &[FirstExecution<'_>]) -> bool {
    let retries = executions
        .iter()
        .filter_map(|execution| execution.passed_on_retry);
    let (all, passed) = retries.fold((0_u64, 0_u64), |(all, passed), has_passed| {
        (all + 1, passed + u64::from(has_passed))
    });
    all >= u64::from(MIN_FAILURES) && passed * 10 >= all * 9
}

type Splits = Vec<(Cause, Counts)>;

fn splits(executions: &[FirstExecution<'_>], passes_on_retry: bool) -> Splits {
    let mut splits = Splits::new();
    if passes_on_retry {
        let orders = by_value(executions, |execution| execution.order);
        let is_repeated = |counts: &Counts| counts.passed + counts.failed > 1;
        let repeated = orders.into_iter().filter(|(_, counts)| is_repeated(counts));
        splits.extend(repeated.map(|(order, counts)| (Cause::Order(order), counts)));
    }
    for least in OVERLAPPING_UPLOADS {
        let inside = count(executions, |execution| {
            execution.overlapping_uploads >= least
        });
        splits.push((Cause::OverlappingUploads(least), inside));
    }
    for least in SLOWNESS_PERCENT {
        let inside = count(executions, |execution| execution.slowness_percent >= least);
        splits.push((Cause::SlowNode(least), inside));
    }
    splits.extend(times(executions));
    splits.extend(tags(executions));
    splits
}

fn by_value<T: Ord>(
    executions: &[FirstExecution<'_>],
    value: impl Fn(&FirstExecution<'_>) -> Option<T>,
) -> BTreeMap<T, Counts> {
    let mut found: BTreeMap<T, Counts> = BTreeMap::new();
    for execution in executions {
        if let Some(value) = value(execution) {
            let counts = found.entry(value).or_default();
            *counts = counts.plus(counts_of(execution));
        }
    }
    found
}

fn times(executions: &[FirstExecution<'_>]) -> Splits {
    let mut splits = Splits::new();
    let hours = by_value(executions, |execution| Some(execution.hour % 24));
    for from in 0..24 {
        let mut inside = Counts::default();
        for length in 1..=MAX_HOURS {
            let hour = (from + length - 1) % 24;
            inside = inside.plus(hours.get(&hour).copied().unwrap_or_default());
            splits.push((
                Cause::Hours {
                    from,
                    count: length,
                },
                inside,
            ));
        }
    }
    let weekdays = by_value(executions, |execution| Some(execution.weekday));
    splits.extend(
        weekdays
            .into_iter()
            .map(|(day, counts)| (Cause::Weekday(day), counts)),
    );
    let end = count(executions, |execution| {
        execution.day_of_month >= END_OF_MONTH
    });
    splits.push((Cause::EndOfMonth, end));
    splits
}

fn tags(executions: &[FirstExecution<'_>]) -> Splits {
    let mut keys: BTreeMap<&str, BTreeMap<&str, Counts>> = BTreeMap::new();
    for execution in executions {
        for (key, value) in execution.tags {
            let counts = keys.entry(key).or_default().entry(value).or_default();
            *counts = counts.plus(counts_of(execution));
        }
    }
    let mut splits = Splits::new();
    for (key, values) in keys {
        if !(2..=MAX_VALUES).contains(&values.len()) {
            continue;
        }
        for (value, counts) in values {
            let cause = Cause::Tag {
                key: key.to_owned(),
                value: value.to_owned(),
            };
            splits.push((cause, counts));
        }
    }
    splits
}

/// The typical duration of failures, if they are within 5% of one another and take at least twice
/// the median of passes.
fn timeout(executions: &[FirstExecution<'_>]) -> Option<u64> {
    let durations = |failed: bool| -> Vec<u64> {
        let of = executions
            .iter()
            .filter(|execution| execution.failed == failed);
        let mut durations: Vec<u64> = of.map(|execution| execution.duration).collect();
        durations.sort_unstable();
        durations
    };
    let (failed, passed) = (durations(true), durations(false));
    let (shortest, longest) = (*failed.first()?, *failed.last()?);
    let median = *passed.get(passed.len() / 2)?;
    let is_same = longest <= shortest.saturating_add(shortest / 20);
    (is_same && median > 0 && shortest >= median.saturating_mul(2))
        .then(|| failed[failed.len() / 2])
}
