//! The first line of a comparison of two runs, and of a build over several suites.

use super::run::{RunCounts, Verdict};
use crate::http::web::format;

/// Tests by what differs between two runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::http::web) struct Differences {
    pub(in crate::http::web) new_failures: u64,
    pub(in crate::http::web) fixed: u64,
    pub(in crate::http::web) slower: u64,
    pub(in crate::http::web) faster: u64,
    /// They failed in both.
    pub(in crate::http::web) failing: u64,
    pub(in crate::http::web) new_tests: u64,
    pub(in crate::http::web) gone_tests: u64,
}

/// `other` is what the run is compared with.
pub(in crate::http::web) fn comparison(differences: &Differences, other: &str) -> Verdict {
    let Differences {
        new_failures,
        fixed,
        slower,
        ..
    } = *differences;
    let mut parts = Vec::new();
    if new_failures > 0 {
        parts.push(format::counted(new_failures, "new failure"));
    }
    for (number, word) in [(fixed, "fixed"), (slower, "slower")] {
        if number > 0 {
            parts.push(format!("{} {word}", format::count(number)));
        }
    }
    let title = if parts.is_empty() {
        format!("The tests ended as in {other}.")
    } else {
        format!("{}, compared with {other}.", parts.join(", "))
    };
    Verdict {
        class: match (new_failures, differences.failing) {
            (0, 0) => "pass",
            (0, _) => "run",
            _ => "fail",
        },
        title,
        details: details(differences),
    }
}

fn details(differences: &Differences) -> String {
    let mut parts = Vec::new();
    if differences.failing > 0 {
        let verb = if differences.failing == 1 {
            "fails"
        } else {
            "fail"
        };
        let tests = format::counted(differences.failing, "test");
        parts.push(format!("{tests} {verb} in both."));
    }
    let tests = [
        (differences.new_tests, "new"),
        (differences.gone_tests, "gone"),
        (differences.faster, "faster"),
    ];
    for (number, word) in tests {
        if number > 0 {
            let verb = if number == 1 { "is" } else { "are" };
            parts.push(format!(
                "{} {verb} {word}.",
                format::counted(number, "test")
            ));
        }
    }
    parts.join(" ")
}

/// The verdict on a build by those on its runs, each with the name of its suite.
pub(in crate::http::web) fn build(runs: &[(&str, &Verdict, &RunCounts)]) -> Verdict {
    if let [(_, only, _)] = runs {
        return (*only).clone();
    }
    let named = |wanted: &dyn Fn(&Verdict, &RunCounts) -> bool| -> Vec<&str> {
        let found = runs
            .iter()
            .filter(|(_, verdict, counts)| wanted(verdict, counts));
        let mut names: Vec<&str> = found.map(|(name, ..)| *name).collect();
        names.dedup();
        names
    };
    let total = named(&|_, _| true).len();
    let of = |names: &[&str]| format!("{} of {total} suites", names.len());
    let to_blame = named(&|_, counts| counts.new > 0);
    let failed = named(&|verdict, _| verdict.class == "fail");
    let without = named(&|verdict, _| matches!(verdict.class, "run" | "skip"));
    let recovered: u64 = runs.iter().map(|(.., counts)| counts.recovered).sum();
    let is_running = runs.iter().any(|(.., counts)| counts.is_running);
    let verb = |names: &[&str]| if names.len() == 1 { "fails" } else { "fail" };
    let (class, title) = if !to_blame.is_empty() {
        let (of, verb) = (of(&to_blame), verb(&to_blame));
        ("fail", format!("{of} {verb} because of this change."))
    } else if !failed.is_empty() {
        let (of, verb) = (of(&failed), verb(&failed));
        (
            "fail",
            format!("{of} {verb}, and not because of this change."),
        )
    } else if recovered > 0 {
        let tests = format::counted(recovered, "flaky test");
        ("flaky", format!("It works. {tests} passed on retry."))
    } else if is_running {
        ("pass", "Nothing has failed so far.".to_owned())
    } else if !without.is_empty() {
        let of = of(&without);
        (
            "run",
            format!("Nothing failed, but no test passed in {of}."),
        )
    } else {
        ("pass", format!("It works. All {total} suites passed."))
    };
    let ending = if is_running {
        " The build has not ended."
    } else {
        ""
    };
    Verdict {
        class,
        title: format!("{title}{ending}"),
        details: if failed.is_empty() {
            String::new()
        } else {
            format!("Red: {}.", failed.join(", "))
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_is_counted_and_the_rest_is_left_out() {
        for (differences, class, title, details) in [
            (
                Differences {
                    new_failures: 4,
                    fixed: 1,
                    slower: 12,
                    ..Differences::default()
                },
                "fail",
                "4 new failures, 1 fixed, 12 slower, compared with Run #7.",
                "",
            ),
            (
                Differences {
                    new_failures: 1,
                    failing: 1,
                    new_tests: 2,
                    gone_tests: 1,
                    ..Differences::default()
                },
                "fail",
                "1 new failure, compared with Run #7.",
                "1 test fails in both. 2 tests are new. 1 test is gone.",
            ),
            (
                Differences {
                    failing: 3,
                    faster: 1,
                    ..Differences::default()
                },
                "run",
                "The tests ended as in Run #7.",
                "3 tests fail in both. 1 test is faster.",
            ),
            (
                Differences::default(),
                "pass",
                "The tests ended as in Run #7.",
                "",
            ),
        ] {
            let found = comparison(&differences, "Run #7");
            assert_eq!((found.class, found.title.as_str()), (class, title));
            assert_eq!(found.details, details);
        }
    }

    #[test]
    fn a_build_is_as_bad_as_its_worst_suite() {
        let verdict = |class| Verdict {
            class,
            title: "As the run says.".to_owned(),
            details: String::new(),
        };
        let (red, green, skipped) = (verdict("fail"), verdict("pass"), verdict("skip"));
        let none = RunCounts::default();
        let new = RunCounts {
            new: 2,
            ..none.clone()
        };
        let recovered = RunCounts {
            recovered: 2,
            ..none.clone()
        };
        let running = RunCounts {
            is_running: true,
            ..none.clone()
        };
        for (runs, class, title, details) in [
            (vec![("Web", &red, &new)], "fail", "As the run says.", ""),
            (
                vec![("API", &green, &none), ("Web", &red, &new)],
                "fail",
                "1 of 2 suites fails because of this change.",
                "Red: Web.",
            ),
            (
                vec![
                    ("API", &red, &none),
                    ("Web", &red, &none),
                    ("Web", &red, &none),
                ],
                "fail",
                "2 of 2 suites fail, and not because of this change.",
                "Red: API, Web.",
            ),
            (
                vec![("API", &green, &recovered), ("Web", &green, &none)],
                "flaky",
                "It works. 2 flaky tests passed on retry.",
                "",
            ),
            (
                vec![("API", &green, &running), ("Web", &green, &none)],
                "pass",
                "Nothing has failed so far. The build has not ended.",
                "",
            ),
            (
                vec![("API", &green, &none), ("Web", &green, &none)],
                "pass",
                "It works. All 2 suites passed.",
                "",
            ),
            (
                vec![("API", &skipped, &none), ("Web", &green, &none)],
                "run",
                "Nothing failed, but no test passed in 1 of 2 suites.",
                "",
            ),
        ] {
            let found = build(&runs);
            assert_eq!((found.class, found.title.as_str()), (class, title));
            assert_eq!(found.details, details);
        }
    }
}
