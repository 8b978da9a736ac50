//! The pictures on the page of a test, from its executions and the sums of its days. Pure.

use std::collections::{BTreeMap, HashMap};

use test_engine_charts::{
    Attempt, DurationPeriod, Durations, History, HistoryRun, Rate, RateGroup, Rates, TimedExecution,
};
use test_engine_duration::Micros;
use test_engine_results::Outcome;
use test_engine_store::{Execution, Metrics, Timestamp};
use uuid::Uuid;

use super::format;
use crate::causes::{ConditionBody, CountsBody};

/// Runs in the picture of the history.
const MAX_RUNS: usize = 100;
/// Conditions on which failures depend.
const MAX_CAUSES: usize = 2;
/// Keys of tags that are shown.
const MAX_KEYS: usize = 3;
/// Tags with more values than this are identifiers, and so are those with fewer executions for each
/// value than this.
const MAX_VALUES: usize = 20;
const MIN_EXECUTIONS: u64 = 3;
/// Failed and all executions by the value of a tag.
type Counts<'a> = BTreeMap<&'a str, (u64, u64)>;

const DAY_MS: u64 = 24 * 60 * 60 * 1_000;

/// The executions of each run, newest run first, each in the order in which they ran; `executions`
/// are newest first.
pub(super) fn by_run(executions: &[Execution]) -> Vec<Vec<&Execution>> {
    let mut places: HashMap<Uuid, usize> = HashMap::new();
    let mut runs: Vec<Vec<&Execution>> = Vec::new();
    for execution in executions {
        let place = *places.entry(execution.run_uuid).or_insert_with(|| {
            runs.push(Vec::new());
            runs.len() - 1
        });
        runs[place].push(execution);
    }
    for run in &mut runs {
        run.reverse();
    }
    runs
}

/// `runs` as of [`by_run`]; `base` is the address of the suite.
pub(super) fn history(runs: &[Vec<&Execution>], base: &str) -> History {
    let runs = runs.iter().take(MAX_RUNS).rev();
    History {
        runs: runs.filter_map(|run| history_run(run, base)).collect(),
    }
}

fn history_run(executions: &[&Execution], base: &str) -> Option<HistoryRun> {
    let first = executions.first()?;
    let mut has_failed = false;
    let attempts = executions.iter().map(|execution| match execution.outcome {
        Outcome::Passed if has_failed => Attempt::PassedOnRetry,
        Outcome::Passed => Attempt::Passed,
        Outcome::Failed => {
            has_failed = true;
            if execution.muted {
                Attempt::FailedMuted
            } else {
                Attempt::Failed
            }
        }
        Outcome::Skipped | Outcome::Unknown => Attempt::NotRun,
    });
    let attempts = attempts.collect();
    let durations = executions.iter().filter_map(|execution| execution.duration);
    let number = first.run_number.as_ref().map(|number| format!("#{number}"));
    let parts = [
        number,
        first.branch.clone(),
        first
            .commit_sha
            .as_deref()
            .map(|sha| format::commit(Some(sha))),
        Some(format::short_date(first.created_at)),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    Some(HistoryRun {
        label: parts.join(" · "),
        address: format!("{base}/runs/{}", first.run_uuid),
        attempts,
        duration: format::duration(durations.sum()),
    })
}

/// How many runs failed at first, and in how many of these a retry passed.
pub(super) fn retries(runs: &[Vec<&Execution>]) -> (u64, u64) {
    let failed_first = runs.iter().filter(|run| {
        let first = run.first();
        first.is_some_and(|first| first.outcome == Outcome::Failed)
    });
    let passed = failed_first.clone().filter(|run| {
        let mut executions = run.iter();
        executions.any(|execution| execution.outcome == Outcome::Passed)
    });
    (failed_first.count() as u64, passed.count() as u64)
}

/// `days` are the sums of the period, and `executions` its newest ones.
pub(super) fn durations(
    days: &BTreeMap<i64, Metrics>,
    executions: &[Execution],
    since: Timestamp,
) -> Durations {
    let mut executions: Vec<TimedExecution> = executions
        .iter()
        .filter(|execution| execution.created_at >= since)
        .filter(|execution| matches!(execution.outcome, Outcome::Passed | Outcome::Failed))
        .filter_map(|execution| {
            Some(TimedExecution {
                at: millis(execution.created_at),
                duration: execution.duration?.get(),
                has_failed: execution.outcome == Outcome::Failed,
            })
        })
        .collect();
    executions.reverse();
    Durations {
        periods: days
            .iter()
            .filter_map(|(day, sums)| period(*day, sums))
            .collect(),
        executions,
        format: |micros| format::duration(Micros::new(micros)),
        date: |millis| {
            let millis = i64::try_from(millis).unwrap_or(i64::MAX);
            format::short_date(Timestamp::from_millis(millis))
        },
    }
}

fn millis(time: Timestamp) -> u64 {
    u64::try_from(time.millis()).unwrap_or(0)
}

fn period(day: i64, sums: &Metrics) -> Option<DurationPeriod> {
    let percentile = |percent| sums.duration_percentile(percent).map(Micros::get);
    // Sums of earlier releases have no percentiles.
    let mean = sums.duration_mean()?.get();
    Some(DurationPeriod {
        at: u64::try_from(day).ok()?.checked_mul(DAY_MS)? + DAY_MS / 2,
        executions: sums.timed,
        failed: sums.counts.failed,
        low: percentile(10).unwrap_or(mean),
        median: percentile(50).unwrap_or(mean),
        high: percentile(90).unwrap_or(mean),
    })
}

/// Failure rates of first executions in their runs: under the conditions on which failures depend,
/// and by the tags whose rates differ most, of which nothing is claimed.
pub(super) fn rates(causes: &[ConditionBody], runs: &[Vec<&Execution>]) -> Rates {
    let mut groups: Vec<RateGroup> = causes.iter().take(MAX_CAUSES).map(of_cause).collect();
    groups.extend(rates_by_tag(runs));
    Rates { groups }
}

fn of_cause(cause: &ConditionBody) -> RateGroup {
    let rate = |label: &str, counts: &CountsBody, is_cause| Rate {
        label: label.to_owned(),
        failed: u64::from(counts.failed),
        total: u64::from(counts.failed) + u64::from(counts.passed),
        is_cause,
    };
    RateGroup {
        title: "Failures depend on".to_owned(),
        rates: vec![
            rate(&cause.text, &cause.inside, true),
            rate("otherwise", &cause.outside, false),
        ],
    }
}

fn rates_by_tag(runs: &[Vec<&Execution>]) -> Vec<RateGroup> {
    let firsts = runs.iter().filter_map(|run| run.first());
    let mut keys: BTreeMap<&str, Counts> = BTreeMap::new();
    let mut has_failures = false;
    for execution in firsts {
        let failed = match execution.outcome {
            Outcome::Passed => 0,
            Outcome::Failed => 1,
            Outcome::Skipped | Outcome::Unknown => continue,
        };
        has_failures |= failed > 0;
        for (key, value) in &execution.tags {
            let counts = keys.entry(key).or_default().entry(value).or_default();
            *counts = (counts.0 + failed, counts.1 + 1);
        }
    }
    if !has_failures {
        return Vec::new();
    }
    let is_identifier = |values: &Counts| {
        let executions: u64 = values.values().map(|(_, total)| total).sum();
        executions < values.len() as u64 * MIN_EXECUTIONS
    };
    keys.retain(|_, values| (2..=MAX_VALUES).contains(&values.len()) && !is_identifier(values));
    let mut keys: Vec<(&str, Counts)> = keys.into_iter().collect();
    keys.sort_by_key(|(key, values)| (std::cmp::Reverse(spread(values)), *key));
    let groups = keys.into_iter().take(MAX_KEYS).map(|(key, values)| {
        let mut rates: Vec<Rate> = values
            .into_iter()
            .map(|(value, (failed, total))| Rate {
                label: value.to_owned(),
                failed,
                total,
                is_cause: false,
            })
            .collect();
        rates.sort_by_key(|rate| std::cmp::Reverse(rate.failed * 1_000 / rate.total.max(1)));
        RateGroup {
            title: key.to_owned(),
            rates,
        }
    });
    groups.collect()
}

/// Between the greatest and the least rate, in thousandths. A value of a few executions says
/// little, so it counts as if it had four more that passed.
fn spread(values: &Counts) -> u64 {
    let rates = values
        .values()
        .map(|(failed, total)| failed * 1_000 / (total + 4));
    let greatest = rates.clone().max().unwrap_or(0);
    greatest - rates.min().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use test_engine_charts::Attempt;
    use test_engine_duration::Micros;
    use test_engine_results::Outcome;
    use test_engine_store::{Execution, Timestamp};
    use uuid::Uuid;

    use super::{by_run, durations, history, rates, retries};

    fn execution(run: u128, outcome: Outcome, host: &str) -> Execution {
        Execution {
            uuid: Uuid::from_u128(run),
            outcome,
            muted: run == 2,
            is_first: None,
            duration: Some(Micros::new(1_500)),
            run_uuid: Uuid::from_u128(run),
            run_number: Some(run.to_string()),
            branch: Some("main".to_owned()),
            commit_sha: None,
            job_id: None,
            failure_reason: None,
            tags: BTreeMap::from([
                ("host".to_owned(), host.to_owned()),
                ("os".to_owned(), "linux".to_owned()),
                ("run".to_owned(), run.to_string()),
            ]),
            created_at: Timestamp::from_millis(i64::try_from(run).unwrap()),
        }
    }

    /// Newest first: a pass on retry, a muted failure, a pass.
    fn executions() -> Vec<Execution> {
        vec![
            execution(3, Outcome::Passed, "a"),
            execution(3, Outcome::Failed, "a"),
            execution(2, Outcome::Failed, "a"),
            execution(1, Outcome::Passed, "b"),
        ]
    }

    #[test]
    fn runs_stand_oldest_first_with_their_executions_in_order() {
        let executions = executions();
        let runs = by_run(&executions);
        let history = history(&runs, "/suite");
        let attempts: Vec<&[Attempt]> = history.runs.iter().map(|run| &*run.attempts).collect();
        assert_eq!(
            attempts,
            [
                &[Attempt::Passed][..],
                &[Attempt::FailedMuted],
                &[Attempt::Failed, Attempt::PassedOnRetry],
            ]
        );
        assert_eq!(history.runs[2].label, "#3 · main · 1 Jan");
        assert_eq!(history.runs[2].duration, "3 ms");
        assert_eq!(retries(&runs), (2, 1));
    }

    #[test]
    fn rates_are_of_first_executions_and_of_tags_that_differ() {
        let passed = |run| execution(run, Outcome::Passed, "b");
        let mut executions = executions();
        executions.extend([passed(4), passed(5), passed(6)]);
        let rates = rates(&[], &by_run(&executions));
        assert_eq!(rates.groups.len(), 1, "neither one system nor ids of runs");
        assert_eq!(rates.groups[0].title, "host");
        let found: Vec<(&str, u64, u64)> = rates.groups[0]
            .rates
            .iter()
            .map(|rate| (rate.label.as_str(), rate.failed, rate.total))
            .collect();
        assert_eq!(found, [("a", 2, 2), ("b", 0, 4)]);
        let passed = [passed(1), passed(4)];
        assert!(super::rates(&[], &by_run(&passed)).groups.is_empty());
    }

    #[test]
    fn dots_are_executions_of_the_period_oldest_first() {
        let durations = durations(&BTreeMap::new(), &executions(), Timestamp::from_millis(2));
        let failed: Vec<(u64, bool)> = durations
            .executions
            .iter()
            .map(|one| (one.at, one.has_failed))
            .collect();
        assert_eq!(failed, [(2, true), (3, true), (3, false)]);
    }
}
