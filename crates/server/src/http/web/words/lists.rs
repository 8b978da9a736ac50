//! The first lines of the lists of tests and of teams.

use test_engine_store::FileTotals;

use crate::http::web::format;

/// Flaky tests of a suite.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::http::web) struct FlakyCounts {
    pub(in crate::http::web) tests: u64,
    pub(in crate::http::web) quarantined: u64,
    /// Runs that failed only because of them.
    pub(in crate::http::web) failed_runs: f64,
    pub(in crate::http::web) days: i64,
}

pub(in crate::http::web) fn flaky(counts: FlakyCounts) -> String {
    if counts.tests == 0 {
        return "No test is known to be flaky.".to_owned();
    }
    let tests = format::counted(counts.tests, "flaky test");
    let runs = counts.failed_runs.round();
    let days = counts.days;
    let mut text = if runs < 1.0 {
        format!("{tests}. No run of the last {days} days failed only because of that.")
    } else {
        let (runs, ending) = (format!("{runs:.0}"), if runs < 2.0 { "" } else { "s" });
        format!("{tests} failed {runs} run{ending} in the last {days} days.")
    };
    match counts.quarantined {
        0 => {}
        all if all == counts.tests && all == 1 => text.push_str(" It is quarantined."),
        all if all == counts.tests => text.push_str(" All of them are quarantined."),
        1 => text.push_str(" 1 of them is quarantined."),
        some => text += &[" ", &format::count(some), " of them are quarantined."].concat(),
    }
    text
}

/// A share of failed runs: `0`, `1.5` or `12`.
pub(in crate::http::web) fn runs(number: f64) -> String {
    let text = format!("{number:.1}");
    text.strip_suffix(".0").map(str::to_owned).unwrap_or(text)
}

/// The tests of a suite, and how many of them are flaky.
pub(in crate::http::web) fn tests_of_suite(tests: u64, flaky: u64) -> String {
    let tests = format::counted(tests, "test");
    format!("{tests}, {} flaky", format::count(flaky))
}

/// The tests that teams own, or one team alone, and the number of those that nobody owns.
pub(in crate::http::web) fn owners(
    owner: &str,
    teams: u64,
    sum: FileTotals,
    nobody: u64,
) -> String {
    let count = format::count;
    let health = format!("{} flaky, {} broken", count(sum.flaky), count(sum.broken));
    if !owner.is_empty() {
        return match teams {
            0 => format!("{owner} owns no tests."),
            _ => format!("{owner}: {}, {health}.", format::counted(sum.tests, "test")),
        };
    }
    if teams == 0 {
        return "No team owns tests yet.".to_owned();
    }
    let mut text = format!("{}: {health}", format::counted(teams, "team"));
    match nobody {
        0 => text.push('.'),
        1 => text.push_str("; nobody owns 1 test."),
        some => text += &["; nobody owns ", &count(some), " tests."].concat(),
    }
    text
}

/// Muted and skipped tests of a suite.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::http::web) struct QuarantineCounts {
    pub(in crate::http::web) tests: u64,
    /// Their end comes within a week.
    pub(in crate::http::web) ending: u64,
    /// Their end has come, and somebody has to decide.
    pub(in crate::http::web) over: u64,
    pub(in crate::http::web) without_end: u64,
    /// They have passed often enough to be enabled.
    pub(in crate::http::web) proven: u64,
}

pub(in crate::http::web) fn quarantine(counts: QuarantineCounts) -> String {
    if counts.tests == 0 {
        return "No test is muted or skipped.".to_owned();
    }
    let is = |number: u64| if number == 1 { "is" } else { "are" };
    let mut parts = vec![format!(
        "{} {} quarantined",
        format::counted(counts.tests, "test"),
        is(counts.tests)
    )];
    if counts.over > 0 {
        let (number, is) = (format::count(counts.over), is(counts.over));
        parts.push(format!("{number} {is} past the end"));
    }
    if counts.ending > 0 {
        let verb = if counts.ending == 1 { "ends" } else { "end" };
        parts.push(format!(
            "{} {verb} within a week",
            format::count(counts.ending)
        ));
    }
    if counts.without_end > 0 {
        let verb = if counts.without_end == 1 {
            "has"
        } else {
            "have"
        };
        parts.push(format!(
            "{} {verb} no end",
            format::count(counts.without_end)
        ));
    }
    if counts.proven > 0 {
        let verb = if counts.proven == 1 { "has" } else { "have" };
        let number = format::count(counts.proven);
        parts.push(format!("{number} {verb} proven to be fixed"));
    }
    parts.join("; ") + "."
}

#[cfg(test)]
mod tests {
    use test_engine_store::FileTotals;

    use super::{FlakyCounts, QuarantineCounts, flaky, owners, quarantine, runs, tests_of_suite};

    #[test]
    fn flaky_tests_are_counted_by_what_they_cost() {
        for (tests, quarantined, failed_runs, expected) in [
            (0, 0, 0.0, "No test is known to be flaky."),
            (
                1,
                0,
                0.4,
                "1 flaky test. No run of the last 28 days failed only because of that.",
            ),
            (
                1,
                1,
                1.2,
                "1 flaky test failed 1 run in the last 28 days. It is quarantined.",
            ),
            (
                23,
                7,
                41.3,
                "23 flaky tests failed 41 runs in the last 28 days. 7 of them are quarantined.",
            ),
            (
                2,
                2,
                2.0,
                "2 flaky tests failed 2 runs in the last 28 days. All of them are quarantined.",
            ),
        ] {
            let counts = FlakyCounts {
                tests,
                quarantined,
                failed_runs,
                days: 28,
            };
            assert_eq!(flaky(counts), expected);
        }
    }

    #[test]
    fn tests_are_counted() {
        assert_eq!(tests_of_suite(1_150, 23), "1\u{202f}150 tests, 23 flaky");
        assert_eq!(tests_of_suite(1, 0), "1 test, 0 flaky");
    }

    #[test]
    fn teams_are_summed_up() {
        let sum = |flaky, broken| FileTotals {
            tests: 9,
            flaky,
            broken,
            ..FileTotals::default()
        };
        for (owner, teams, sum, nobody, expected) in [
            ("", 0, sum(0, 0), 5, "No team owns tests yet."),
            ("", 1, sum(0, 0), 0, "1 team: 0 flaky, 0 broken."),
            (
                "",
                2,
                sum(3, 1),
                1,
                "2 teams: 3 flaky, 1 broken; nobody owns 1 test.",
            ),
            ("shop", 1, sum(3, 1), 0, "shop: 9 tests, 3 flaky, 1 broken."),
            ("none", 0, sum(0, 0), 0, "none owns no tests."),
        ] {
            assert_eq!(owners(owner, teams, sum, nobody), expected);
        }
    }

    #[test]
    fn whole_runs_have_no_fraction() {
        assert_eq!([0.0, 0.25, 1.5, 12.02].map(runs), ["0", "0.2", "1.5", "12"]);
    }

    #[test]
    fn quarantined_tests_are_counted_by_their_end() {
        for (tests, over, ending, without_end, proven, expected) in [
            (0, 0, 0, 0, 0, "No test is muted or skipped."),
            (1, 0, 0, 0, 0, "1 test is quarantined."),
            (
                7,
                0,
                2,
                0,
                0,
                "7 tests are quarantined; 2 end within a week.",
            ),
            (
                9,
                1,
                1,
                3,
                2,
                "9 tests are quarantined; 1 is past the end; 1 ends within a week; 3 have no end; \
                 2 have proven to be fixed.",
            ),
        ] {
            let counts = QuarantineCounts {
                tests,
                ending,
                over,
                without_end,
                proven,
            };
            assert_eq!(quarantine(counts), expected);
        }
    }
}
