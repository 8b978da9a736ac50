//! The estimates and files of examples.
//!
//! There are too many examples to keep the runs of each; the database has sums by day and branch.
//! Older days are combined into longer periods, so that a plan reads few rows.
//! `test-engine-planner` turns samples into estimates, as for files and selectors.

use test_engine_planner::{Estimate, Histories, Sample, choose};
use test_engine_store::{
    BranchKind, Period, PlanBranches, Store, StoreError, Suite, TestTiming, Timestamp,
};
use test_engine_wire::{Case, file_of_target};

/// Days of each period, the newest first: four weeks in total.
const PERIOD_DAYS: [i64; 7] = [1, 1, 1, 2, 3, 6, 14];

/// The estimates of tests `(scope, name)`, in their order.
pub(super) async fn estimates(
    store: &Store,
    suite: &Suite,
    keys: &[(&str, &str)],
    branches: PlanBranches,
    now: Timestamp,
) -> Result<Vec<Option<Estimate>>, StoreError> {
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    let timings = store
        .test_timings(suite, keys, &periods(now), branches)
        .await?;
    Ok(timings.iter().map(|timings| estimate(timings)).collect())
}

fn periods(now: Timestamp) -> Vec<Period> {
    let mut last_day = now.day();
    PERIOD_DAYS
        .iter()
        .map(|days| {
            let first_day = last_day - days + 1;
            let period = Period {
                first_day,
                last_day,
            };
            last_day = first_day - 1;
            period
        })
        .collect()
}

/// From the timings of one test, the newest period first.
fn estimate(timings: &[TestTiming]) -> Option<Estimate> {
    let on = |branch: BranchKind| samples(timings.iter().filter(|it| it.branch == branch));
    choose(Histories {
        default_branch: &on(BranchKind::Default),
        own_branch: &on(BranchKind::Own),
        other_branches: &[],
        all: &samples(timings.iter()),
    })
}

/// One sample per period and branch, aged by the number of newer runs.
fn samples<'a>(timings: impl Iterator<Item = &'a TestTiming>) -> Vec<Sample> {
    let mut newer: u32 = 0;
    timings
        .filter_map(|timing| {
            let runs = u32::try_from(timing.executions).unwrap_or(u32::MAX);
            let age = newer;
            newer = newer.saturating_add(runs);
            Sample::of_runs(runs, timing.total, timing.longest, age)
        })
        .collect()
}

/// The file of an example; `None` if its path is empty.
pub(super) fn file_of(case: &Case) -> Option<&str> {
    Some(file_of_target(&case.path)).filter(|file| !file.is_empty())
}

/// The function of a parametrised case of pytest, with its file: `a.py::test_x` of
/// `a.py::test_x[1]`.
pub(super) fn function_of(case: &Case) -> Option<&str> {
    let file = file_of_target(&case.path).len();
    let name = case.path[file..].strip_prefix("::")?;
    let end = name.find('[')?;
    Some(&case.path[..file + "::".len() + end])
}

#[cfg(test)]
mod tests {
    use test_engine_duration::Micros;
    use test_engine_store::{BranchKind, TestTiming, Timestamp};
    use test_engine_wire::Case;

    use super::{PERIOD_DAYS, estimate, file_of, function_of, periods};

    const SECOND: u64 = 1_000_000;

    fn on_main(period: usize, executions: u64, total: u64, longest: u64) -> TestTiming {
        TestTiming {
            period,
            branch: BranchKind::Default,
            executions,
            total: Micros::new(total),
            longest: Micros::new(longest),
        }
    }

    fn seconds(timings: &[TestTiming]) -> f64 {
        estimate(timings).map_or(0.0, |it| it.duration.seconds())
    }

    #[test]
    fn periods_are_contiguous() {
        let now = Timestamp::from_millis(100 * 24 * 3_600_000 + 5);
        let periods = periods(now);
        assert_eq!(periods[0].last_day, 100);
        for (newer, older) in periods.iter().zip(&periods[1..]) {
            assert_eq!(older.last_day, newer.first_day - 1);
        }
        let days = PERIOD_DAYS.iter().sum::<i64>();
        assert_eq!((days, periods[6].first_day), (28, 100 - 27));
    }

    #[test]
    fn outliers_have_little_influence() {
        let mut weeks: Vec<TestTiming> = (0..7)
            .map(|period| on_main(period, 10, 10 * SECOND, SECOND))
            .collect();
        weeks[1] = on_main(1, 10, 59 * SECOND, 50 * SECOND);
        let one_outlier = seconds(&weeks);
        assert!((1.0..1.05).contains(&one_outlier), "{one_outlier}");
        // Every run of that day was slow.
        weeks[1] = on_main(1, 10, 500 * SECOND, 50 * SECOND);
        let bad_day = seconds(&weeks);
        assert!((1.0..1.35).contains(&bad_day), "{bad_day}");
        assert_eq!(estimate(&weeks).map(|it| it.samples), Some(70));
    }

    #[test]
    fn three_slow_days_change_the_estimate() {
        let weeks: Vec<TestTiming> = (0..7)
            .map(|period| {
                let each = if period < 3 { 2 * SECOND } else { SECOND };
                on_main(period, 4, 4 * each, each)
            })
            .collect();
        assert!((seconds(&weeks) - 2.0).abs() < 1e-9, "{}", seconds(&weeks));
    }

    #[test]
    fn prefers_a_well_known_own_branch_then_the_default_branch() {
        use BranchKind::{Default, Other, Own};

        let of = |branch: BranchKind, executions: u64, each: u64| TestTiming {
            period: 0,
            branch,
            executions,
            total: Micros::new(executions * each * SECOND),
            longest: Micros::new(each * SECOND),
        };
        for (timings, expected) in [
            (
                &[of(Default, 1, 1), of(Own, 4, 2), of(Other, 9, 3)][..],
                1.0,
            ),
            (&[of(Default, 9, 1), of(Own, 5, 2), of(Other, 9, 3)], 2.0),
            (&[of(Own, 1, 2), of(Other, 9, 3)], 2.0),
            (&[of(Other, 1, 3)], 3.0),
            (&[], 0.0),
        ] {
            assert!((seconds(timings) - expected).abs() < 1e-9, "{timings:?}");
        }
    }

    #[test]
    fn finds_the_file_of_an_example() {
        for (path, file) in [
            ("./spec/a_spec.rb[1:2,1:3]", Some("./spec/a_spec.rb")),
            ("", None),
            (":4", None),
        ] {
            let case = Case {
                path: path.to_owned(),
                ..Case::default()
            };
            assert_eq!(file_of(&case), file, "{path}");
        }
    }

    #[test]
    fn only_parametrised_cases_have_a_function() {
        for (path, function) in [
            (
                "[id]/a.py::T::test_x[b::c[1]]",
                Some("[id]/a.py::T::test_x"),
            ),
            ("a.py::test_x", None),
            ("a_spec.rb[1:2]", None),
            ("a.test.js:3", None),
        ] {
            let case = Case {
                path: path.to_owned(),
                ..Case::default()
            };
            assert_eq!(function_of(&case), function, "{path}");
        }
    }
}
