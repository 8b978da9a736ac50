//! The first line of the list of causes of failures.

use crate::http::web::format;

/// Causes and red runs of a suite in a period.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::http::web) struct CauseCounts<'a> {
    pub(in crate::http::web) causes: u64,
    /// Runs that failed, and not only at first.
    pub(in crate::http::web) red_runs: u64,
    /// See [`test_engine_store::FailureCauses`].
    pub(in crate::http::web) covered: &'a [u64],
    pub(in crate::http::web) days: u16,
}

pub(in crate::http::web) fn failures(counts: CauseCounts<'_>) -> String {
    let CauseCounts {
        causes,
        red_runs,
        covered,
        days,
    } = counts;
    let period = format!("of the last {days} days");
    if red_runs == 0 {
        return match causes {
            0 => format!("No test failed in the runs {period}."),
            _ => format!("No run {period} is red: every failure passed on retry or is muted."),
        };
    }
    let runs = match red_runs {
        1 => format!("the only red run {period}"),
        runs => format!("the {} red runs {period}", format::count(runs)),
    };
    // The fewest causes that explain two of three red runs.
    let enough = covered.iter().position(|one| one * 3 >= red_runs * 2);
    let place = enough.or(covered.len().checked_sub(1));
    let Some((place, covered)) = place.and_then(|place| Some((place, covered.get(place)?))) else {
        return format!("The cause of {runs} is not known.");
    };
    let verb = if place == 0 { "occurs" } else { "occur" };
    let causes = format::counted(place as u64 + 1, "cause");
    if red_runs == 1 {
        return format!("{causes} {verb} in {runs}.");
    }
    if *covered == red_runs {
        return format!("{causes} {verb} in all of {runs}.");
    }
    let percent = (covered * 100 + red_runs / 2) / red_runs;
    format!("{causes} {verb} in {}% of {runs}.", percent.clamp(1, 99))
}

#[cfg(test)]
mod tests {
    use super::{CauseCounts, failures};

    #[test]
    fn the_fewest_causes_that_explain_most_red_runs_are_counted() {
        for (causes, red_runs, covered, expected) in [
            (
                0,
                0,
                &[][..],
                "No test failed in the runs of the last 28 days.",
            ),
            (
                2,
                0,
                &[],
                "No run of the last 28 days is red: every failure passed on retry or is muted.",
            ),
            (
                0,
                2,
                &[],
                "The cause of the 2 red runs of the last 28 days is not known.",
            ),
            (
                1,
                1,
                &[1],
                "1 cause occurs in the only red run of the last 28 days.",
            ),
            (
                5,
                24,
                &[24],
                "1 cause occurs in all of the 24 red runs of the last 28 days.",
            ),
            (
                5,
                24,
                &[10, 14, 17],
                "3 causes occur in 71% of the 24 red runs of the last 28 days.",
            ),
            (
                5,
                24,
                &[10, 16, 20],
                "2 causes occur in 67% of the 24 red runs of the last 28 days.",
            ),
            (
                900,
                1_000,
                &[1, 2, 3],
                "3 causes occur in 1% of the 1\u{202f}000 red runs of the last 28 days.",
            ),
            (
                1,
                1_000,
                &[999],
                "1 cause occurs in 99% of the 1\u{202f}000 red runs of the last 28 days.",
            ),
        ] {
            let counts = CauseCounts {
                causes,
                red_runs,
                covered,
                days: 28,
            };
            assert_eq!(failures(counts), expected);
        }
    }
}
