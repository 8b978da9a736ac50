//! The state of a suite's default branch, which is the first line of its overview.

use super::run::Verdict;
use super::tests_fail;
use crate::http::web::format;

/// What is known of the default branch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::http::web) struct MainBranch<'a> {
    pub(in crate::http::web) name: &'a str,
    /// The class of the newest run's mark; empty without runs.
    pub(in crate::http::web) class: &'a str,
    /// Distinct tests that failed the newest run.
    pub(in crate::http::web) broken: u64,
    /// Distinct tests that passed on retry in the newest run.
    pub(in crate::http::web) recovered: u64,
    /// How long it has been red: the number of runs, and since when.
    pub(in crate::http::web) red_runs: u64,
    pub(in crate::http::web) red_since: String,
    /// The suite has runs, on other branches.
    pub(in crate::http::web) has_runs: bool,
}

pub(in crate::http::web) fn main_branch(branch: &MainBranch<'_>) -> Verdict {
    let name = branch.name;
    let verdict = |class, title: String, details: String| Verdict {
        class,
        title,
        details,
    };
    match branch.class {
        "" if branch.has_runs => verdict(
            "run",
            format!("{name} has no runs."),
            "Runs of other branches are there. Is it the right default branch?".to_owned(),
        ),
        "" => verdict("run", "There are no results yet.".to_owned(), String::new()),
        "pass" => verdict(
            "pass",
            format!("{name} works."),
            "Its last run passed at the first try.".to_owned(),
        ),
        "flaky" => {
            let tests = format::counted(branch.recovered, "flaky test");
            let title = format!("{name} works. Its last run needed a retry for {tests}.");
            verdict("flaky", title, String::new())
        }
        "fail" => {
            let title = if branch.broken > 0 {
                format!("{name} is broken: {}.", tests_fail(branch.broken))
            } else {
                format!("{name} is broken, although no test failed every try.")
            };
            let details = match branch.red_runs {
                0 | 1 => "The run before it did not fail.".to_owned(),
                runs => format!("Its last {runs} runs failed, since {}.", branch.red_since),
            };
            verdict("fail", title, details)
        }
        "skip" => verdict(
            "skip",
            format!("The last run of {name} skipped every test."),
            String::new(),
        ),
        _ => verdict(
            "run",
            format!("The last run of {name} has no results."),
            String::new(),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_overview_begins_with_the_state_of_the_default_branch() {
        let of = |class: &'static str| MainBranch {
            name: "main",
            class,
            has_runs: true,
            ..MainBranch::default()
        };
        for (branch, class, title, details) in [
            (of("pass"), "pass", "main works.", "first try"),
            (
                MainBranch {
                    recovered: 2,
                    ..of("flaky")
                },
                "flaky",
                "main works. Its last run needed a retry for 2 flaky tests.",
                "",
            ),
            (
                MainBranch {
                    broken: 1,
                    red_runs: 3,
                    red_since: "2 hours ago".to_owned(),
                    ..of("fail")
                },
                "fail",
                "main is broken: 1 test fails.",
                "Its last 3 runs failed, since 2 hours ago.",
            ),
            (
                MainBranch {
                    red_runs: 1,
                    ..of("fail")
                },
                "fail",
                "main is broken, although no test failed every try.",
                "did not fail",
            ),
            (of("run"), "run", "The last run of main has no results.", ""),
            (
                of("skip"),
                "skip",
                "The last run of main skipped every test.",
                "",
            ),
            (of(""), "run", "main has no runs.", "other branches"),
            (
                MainBranch {
                    has_runs: false,
                    ..of("")
                },
                "run",
                "There are no results yet.",
                "",
            ),
        ] {
            let found = main_branch(&branch);
            assert_eq!((found.class, found.title.as_str()), (class, title));
            assert!(found.details.contains(details), "{found:?}");
        }
    }
}
