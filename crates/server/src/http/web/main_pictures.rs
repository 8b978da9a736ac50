//! The pictures of an overview: the runs of a branch by day, and what fails on it.

use test_engine_charts::{
    Column, Day, DurationBand, KeyMark, Mark as Failure, Pulse, PulseRun, Raster, Row, RunMark, key,
};
use test_engine_duration::Micros;
use test_engine_store::{
    FailedOnMain, FailuresOnMain, MainFailure, Run, Test, TestState, Timestamp,
};

use super::format;
use super::run_rows;
use super::status::{Mark, is_outage};

const DAY_MS: i64 = 24 * 60 * 60 * 1_000;
/// Latest commits on which a test has to fail every try to be broken.
const BROKEN_COMMITS: usize = 2;
/// Characters of the title of a run in a tooltip.
const MAX_LABEL: usize = 80;

/// The key of the pulse.
pub(super) fn pulse_key() -> String {
    key(&[
        (KeyMark::Passed, "passed at first"),
        (KeyMark::RecoveredRun, "passed on retry"),
        (KeyMark::FailedRun, "failed"),
        (KeyMark::Outage, "outage, not counted"),
        (KeyMark::Median, "median"),
        (KeyMark::Band, "middle 80%"),
    ])
}

/// The key of the raster.
pub(super) fn raster_key() -> String {
    key(&[
        (KeyMark::Passes, "did not fail"),
        (KeyMark::Recovered, "failed, then passed on the same commit"),
        (KeyMark::Failed, "failed every try"),
        (KeyMark::Muted, "failed while muted"),
        (KeyMark::Outage, "outage, not counted"),
    ])
}

/// The runs of the last days; they are newest first, with their marks. `base` is the address of the
/// suite.
pub(super) fn pulse(runs: &[Run], marks: &[Mark], days: u16, now: Timestamp, base: &str) -> Pulse {
    let first = now.day() - i64::from(days) + 1;
    let mut all: Vec<Day> = (first..=now.day())
        .map(|day| Day {
            label: format::short_date(Timestamp::from_millis(day * DAY_MS)),
            address: format!("{base}/runs"),
            ..Day::default()
        })
        .collect();
    let mut times: Vec<Vec<u64>> = vec![Vec::new(); all.len()];
    for (run, mark) in runs.iter().zip(marks).rev() {
        let place = usize::try_from(run.created_at.day() - first).ok();
        let Some((place, day)) = place.and_then(|at| Some((at, all.get_mut(at)?))) else {
            continue;
        };
        let drawn = match mark.class {
            "fail" if is_outage(run) => RunMark::Outage,
            "fail" => RunMark::Failed,
            "flaky" => RunMark::Recovered,
            "pass" => RunMark::Passed,
            // Without results.
            _ => continue,
        };
        let title = format::shortened(&run_rows::title(run), MAX_LABEL);
        day.runs.push(PulseRun {
            mark: drawn,
            label: format!("{title} · {}", mark.word.to_lowercase()),
            address: format!("{base}/runs/{}", run.uuid),
        });
        times[place].push(run.duration.get());
    }
    for (day, mut times) in all.iter_mut().zip(times) {
        times.sort_unstable();
        let at = |percent: usize| times.get((times.len().saturating_sub(1)) * percent / 100);
        day.run_time = at(50).map(|median| DurationBand {
            low: at(10).copied().unwrap_or_default(),
            median: *median,
            high: at(90).copied().unwrap_or_default(),
        });
    }
    Pulse {
        days: all,
        format: |micros| format::duration(Micros::new(micros)),
    }
}

/// Which tests failed on which of the latest commits of the default branch. `base` is the address
/// of the suite.
pub(super) fn raster(failures: &FailuresOnMain, base: &str) -> Raster {
    let columns = failures.commits.iter().map(|one| {
        let sha = one.commit.sha.as_deref();
        Column {
            label: sha.map_or_else(|| "no commit".to_owned(), |sha| format::commit(Some(sha))),
            date: format::short_date(one.commit.first_at),
            address: sha.map_or_else(String::new, |sha| format!("{base}/runs?commit={sha}")),
            is_outage: one.is_outage,
        }
    });
    let rows = failures.tests.iter().map(|failed| Row {
        name: full_name(&failed.test),
        address: format!("{base}/tests/{}", failed.test.uuid),
        marks: marks(failures, failed),
    });
    Raster {
        columns: columns.collect(),
        rows: rows.collect(),
    }
}

fn marks(failures: &FailuresOnMain, failed: &FailedOnMain) -> Vec<Failure> {
    let first_seen = failed.test.first_seen_at;
    let commits = failures.commits.iter().map(|one| {
        if one.commit.first_at < first_seen {
            Failure::NotRun
        } else {
            Failure::Passed
        }
    });
    let mut marks: Vec<Failure> = commits.collect();
    for failure in &failed.failures {
        if let Some(mark) = marks.get_mut(failure.commit) {
            *mark = match failure {
                MainFailure { muted: true, .. } => Failure::FailedMuted,
                MainFailure { passed: true, .. } => Failure::Recovered,
                MainFailure { .. } => Failure::Failed,
            };
        }
    }
    marks
}

fn full_name(test: &Test) -> String {
    format::shortened(format!("{} {}", test.scope, test.name).trim(), MAX_LABEL)
}

/// Keeps the tests that are broken now, then those that failed on most commits.
pub(super) fn keep_worst(failures: &mut FailuresOnMain, rows: usize) {
    let commits = failures.commits.len();
    failures.tests.sort_by_key(|test| {
        let broken = failing_at_end(&test.failures, commits);
        let is_broken = broken >= BROKEN_COMMITS;
        (!is_broken, std::cmp::Reverse(test.failures.len()))
    });
    failures.tests.truncate(rows);
}

/// On how many of the latest commits a test failed every try, and was not muted.
fn failing_at_end(failures: &[MainFailure], commits: usize) -> usize {
    let latest = (0..commits).rev();
    let failed = failures.iter().rev().zip(latest);
    failed
        .take_while(|(failure, commit)| {
            failure.commit == *commit && !failure.passed && !failure.muted
        })
        .count()
}

/// What the marks of a row look like: the class of its icon, and words.
pub(super) fn pattern(row: &Row, state: TestState) -> (&'static str, &'static str) {
    let failed = |mark: &Failure| *mark == Failure::Failed;
    let solid = row.marks.iter().filter(|mark| failed(mark)).count();
    let scattered = row
        .marks
        .iter()
        .filter(|mark| **mark == Failure::Recovered)
        .count();
    let longest = row
        .marks
        .split(|mark| !failed(mark))
        .map(<[Failure]>::len)
        .max()
        .unwrap_or_default();
    match state {
        TestState::Muted => return ("mute", "muted"),
        TestState::Skipped => return ("skip", "skipped"),
        TestState::Enabled => {}
    }
    let at_end = row.marks.iter().rev().take_while(|mark| failed(mark));
    if at_end.count() >= BROKEN_COMMITS {
        ("fail", "broken now")
    } else if longest > 1 && longest * 2 > solid {
        ("fail", "break, fixed")
    } else if scattered == 0 && solid == 1 {
        ("fail", "failed once")
    } else {
        ("flaky", "scattered")
    }
}

#[cfg(test)]
mod tests {
    use test_engine_store::RunResult;

    use super::*;
    use crate::http::web::status::tests::run;

    #[test]
    fn runs_are_on_their_day_with_their_mark() {
        let at = |day: i64, guarded: bool| {
            let mut run = run(RunResult::Failed, None);
            run.created_at = Timestamp::from_millis(day * DAY_MS + 1);
            run.guarded = guarded;
            run
        };
        let runs = [at(100, false), at(100, true), at(98, false), at(3, false)];
        let mark = |class| Mark { class, word: "W" };
        let marks = [mark("fail"), mark("fail"), mark("flaky"), mark("fail")];
        let now = Timestamp::from_millis(100 * DAY_MS + 5);
        let pulse = pulse(&runs, &marks, 7, now, "/s");
        let days: Vec<Vec<RunMark>> = pulse
            .days
            .iter()
            .map(|day| day.runs.iter().map(|run| run.mark).collect())
            .collect();
        assert_eq!(days.len(), 7);
        assert_eq!(days[6], [RunMark::Outage, RunMark::Failed]);
        assert_eq!(days[4], [RunMark::Recovered]);
        assert_eq!(days.iter().map(Vec::len).sum::<usize>(), 3);
        assert_eq!(pulse.days[6].label, "11 Apr");
        assert!(pulse.days[5].run_time.is_none() && pulse.days[6].run_time.is_some());
    }

    #[test]
    fn a_test_is_broken_by_the_latest_commits() {
        let failure = |commit, passed| MainFailure {
            commit,
            passed,
            muted: false,
        };
        for (failures, expected) in [
            (vec![], 0),
            (vec![failure(4, false)], 1),
            (
                vec![failure(1, false), failure(3, false), failure(4, false)],
                2,
            ),
            (vec![failure(3, true), failure(4, false)], 1),
            (vec![failure(4, true)], 0),
            (vec![failure(3, false)], 0),
        ] {
            assert_eq!(failing_at_end(&failures, 5), expected, "{failures:?}");
        }
    }

    #[test]
    fn a_row_is_described_by_its_pattern() {
        use Failure::{Failed, Passed, Recovered};
        for (marks, state, class, words) in [
            (
                vec![Passed, Failed, Failed],
                TestState::Enabled,
                "fail",
                "broken now",
            ),
            (
                vec![Failed, Failed, Passed],
                TestState::Enabled,
                "fail",
                "break, fixed",
            ),
            (
                vec![Passed, Failed, Passed],
                TestState::Enabled,
                "fail",
                "failed once",
            ),
            (
                vec![Recovered, Passed, Recovered],
                TestState::Enabled,
                "flaky",
                "scattered",
            ),
            (
                vec![Failed, Failed, Passed, Failed],
                TestState::Enabled,
                "fail",
                "break, fixed",
            ),
            (
                vec![Failed, Passed, Failed],
                TestState::Enabled,
                "flaky",
                "scattered",
            ),
            (vec![Failed, Failed], TestState::Muted, "mute", "muted"),
            (vec![Failed, Failed], TestState::Skipped, "skip", "skipped"),
        ] {
            let row = Row {
                marks,
                ..Row::default()
            };
            assert_eq!(pattern(&row, state), (class, words), "{row:?}");
        }
    }
}
