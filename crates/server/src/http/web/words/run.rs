//! The verdict on a run: whether the change is to blame, in a sentence with the reason.

use test_engine_insights::{FailureVerdict, GroupOutcome};

use super::tests_fail;
use crate::http::web::format;

/// Failures on the default branch are known for so long.
const KEPT_DAYS: u32 = 88;

/// Distinct tests that failed in a run, by why, and what else happened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::http::web) struct RunCounts {
    /// They fail the build, and nothing but the change explains it.
    pub(in crate::http::web) new: u64,
    /// They fail the build.
    pub(in crate::http::web) also_on_main: u64,
    /// They failed in an outage, to the end.
    pub(in crate::http::web) outage: u64,
    /// Known flaky tests that failed every try, so they fail the build.
    pub(in crate::http::web) flaky_failed: u64,
    /// Of any reason, but they passed on retry.
    pub(in crate::http::web) recovered: u64,
    pub(in crate::http::web) muted: u64,
    pub(in crate::http::web) errors_outside_tests: u64,
    /// Of executions.
    pub(in crate::http::web) passed: u64,
    /// Of executions.
    pub(in crate::http::web) skipped: u64,
    /// Nodes may still report results.
    pub(in crate::http::web) is_running: bool,
    /// Some tests did not run.
    pub(in crate::http::web) is_incomplete: bool,
    /// The first own frame of the new failures, if they have the same, and whether its file is in
    /// the commit.
    pub(in crate::http::web) frame: Option<(String, bool)>,
}

/// A sentence, why, and how it looks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::http::web) struct Verdict {
    /// See [`crate::http::web::status::Mark`].
    pub(in crate::http::web) class: &'static str,
    pub(in crate::http::web) title: String,
    /// May be empty.
    pub(in crate::http::web) details: String,
}

impl RunCounts {
    /// Whether the same job may pass if it runs again: it fails only because of an outage or of
    /// known flaky tests.
    pub(in crate::http::web) fn may_pass_again(&self) -> bool {
        let by_chance = self.outage + self.flaky_failed;
        by_chance > 0 && by_chance == self.failing()
    }

    fn failing(&self) -> u64 {
        self.new + self.also_on_main + self.outage + self.flaky_failed
    }
}

pub(in crate::http::web) fn run(counts: &RunCounts, main: &str) -> Verdict {
    let (class, mut title) = title(counts, main);
    if counts.is_running {
        title.push_str(" The run has not ended.");
    }
    Verdict {
        class,
        title,
        details: details(counts, main),
    }
}

fn title(counts: &RunCounts, main: &str) -> (&'static str, String) {
    let uncounted = counts.recovered + counts.muted;
    if counts.new > 0 {
        let mut text = format!("{} because of this change.", tests_fail(counts.new));
        text.push_str(&others(uncounted));
        return ("fail", text);
    }
    if counts.also_on_main > 0 && counts.also_on_main == counts.failing() {
        let text = format!(
            "{} on {main} too. This change is not to blame.",
            tests_fail(counts.also_on_main)
        );
        return ("fail", text);
    }
    if counts.failing() > 0 {
        let text = format!(
            "{}, and not because of this change.",
            tests_fail(counts.failing())
        );
        return ("fail", text);
    }
    match counts.errors_outside_tests {
        0 => {}
        1 => {
            return (
                "fail",
                "No test failed, but there is an error outside tests.".to_owned(),
            );
        }
        errors => {
            let errors = format::count(errors);
            let text = format!("No test failed, but there are {errors} errors outside tests.");
            return ("fail", text);
        }
    }
    if counts.recovered > 0 {
        let tests = format::counted(counts.recovered, "flaky test");
        return ("flaky", format!("It works. {tests} passed on retry."));
    }
    if counts.passed + counts.skipped + counts.muted == 0 {
        return ("run", "There are no results yet.".to_owned());
    }
    if counts.is_incomplete && !counts.is_running {
        return (
            "fail",
            "Nothing failed, but some tests did not run.".to_owned(),
        );
    }
    if counts.passed + counts.muted == 0 && !counts.is_running {
        return (
            "skip",
            "Nothing is known: every test was skipped.".to_owned(),
        );
    }
    let text = if counts.is_running {
        "Nothing has failed so far."
    } else if counts.muted > 0 {
        "It works. Only muted tests failed."
    } else {
        "It works. Every test passed."
    };
    ("pass", text.to_owned())
}

/// What is left of the failures after those of the change.
fn others(uncounted: u64) -> String {
    match uncounted {
        0 => String::new(),
        1 => " The other failure does not count.".to_owned(),
        _ => format!(
            " The other {} failures do not count.",
            format::count(uncounted)
        ),
    }
}

fn details(counts: &RunCounts, main: &str) -> String {
    let mut parts = Vec::new();
    if let (true, Some((frame, is_changed))) = (counts.new > 0, &counts.frame) {
        let which = if counts.new == 1 {
            "It fails"
        } else {
            "They fail"
        };
        parts.push(if *is_changed {
            format!("{which} in {frame}, which this commit changed.")
        } else {
            format!("{which} in {frame}.")
        });
    }
    if counts.new > 0 && counts.also_on_main > 0 {
        parts.push(format!(
            "{} on {main} too.",
            tests_fail(counts.also_on_main).replacen("test", "more test", 1)
        ));
    } else if counts.also_on_main > 0 && counts.also_on_main < counts.failing() {
        parts.push(format!(
            "{} on {main} too.",
            tests_fail(counts.also_on_main)
        ));
    }
    if counts.outage > 0 {
        parts.push(format!(
            "{} in an outage: the same failure passed later, or other branches had it too.",
            format::counted(counts.outage, "test")
        ));
    }
    if counts.flaky_failed > 0 {
        parts.push(format!(
            "{} failed every try: run the job again.",
            format::counted(counts.flaky_failed, "known flaky test")
        ));
    }
    let is_red = counts.failing() > 0;
    if is_red && counts.recovered > 0 {
        parts.push(format!(
            "{} passed on retry.",
            format::counted(counts.recovered, "flaky test")
        ));
    }
    if (is_red || counts.recovered > 0) && counts.muted > 0 {
        let verb = if counts.muted == 1 { "is" } else { "are" };
        parts.push(format!(
            "{} {verb} muted.",
            format::counted(counts.muted, "failure")
        ));
    }
    if counts.is_incomplete && !counts.is_running && (is_red || counts.recovered > 0) {
        parts.push("Some tests did not run.".to_owned());
    }
    parts.join(" ")
}

/// Why a failure has its verdict, in a sentence.
pub(in crate::http::web) fn why(
    verdict: FailureVerdict,
    outcomes: &[GroupOutcome],
    branches: u32,
    main: &str,
) -> String {
    match verdict {
        FailureVerdict::New => match passed_in_a_row(outcomes) {
            0 if outcomes.is_empty() => {
                format!("It has not failed on {main} in the last {KEPT_DAYS} days")
            }
            0 => format!("It failed on {main} before, but not in its last commits"),
            _ => format!("It does not fail on {main}, but here"),
        },
        FailureVerdict::AlsoOnMain => format!("The last commits of {main} fail too"),
        FailureVerdict::Infrastructure if branches > 0 => {
            let branches = format::count(u64::from(branches));
            format!("An outage: {branches} other branches had it within two hours")
        }
        FailureVerdict::Infrastructure => {
            "An outage: many tests failed together and passed later".to_owned()
        }
        FailureVerdict::KnownFlaky => "Known to be flaky, and this failure is as before".to_owned(),
        FailureVerdict::FlakyHere => "It passed on retry, on the same code".to_owned(),
        FailureVerdict::Muted => "Muted: it does not fail the build".to_owned(),
    }
}

/// Commits of the default branch on which it did not fail, newest first.
fn passed_in_a_row(outcomes: &[GroupOutcome]) -> usize {
    let passed = |outcome: &&GroupOutcome| **outcome != GroupOutcome::Failed;
    outcomes.iter().take_while(passed).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_verdict_says_whether_the_change_is_to_blame() {
        let none = RunCounts {
            passed: 1_134,
            ..RunCounts::default()
        };
        for (counts, class, title, details) in [
            (
                RunCounts {
                    new: 4,
                    recovered: 2,
                    muted: 1,
                    ..none.clone()
                },
                "fail",
                "4 tests fail because of this change. The other 3 failures do not count.",
                "2 flaky tests passed on retry. 1 failure is muted.",
            ),
            (
                RunCounts {
                    new: 1,
                    recovered: 1,
                    frame: Some(("lib/cart.rb:3".to_owned(), true)),
                    ..none.clone()
                },
                "fail",
                "1 test fails because of this change. The other failure does not count.",
                "It fails in lib/cart.rb:3, which this commit changed. \
                 1 flaky test passed on retry.",
            ),
            (
                RunCounts {
                    new: 1,
                    also_on_main: 2,
                    ..none.clone()
                },
                "fail",
                "1 test fails because of this change.",
                "2 more tests fail on main too.",
            ),
            (
                RunCounts {
                    also_on_main: 2,
                    ..none.clone()
                },
                "fail",
                "2 tests fail on main too. This change is not to blame.",
                "",
            ),
            (
                RunCounts {
                    outage: 30,
                    flaky_failed: 1,
                    ..none.clone()
                },
                "fail",
                "31 tests fail, and not because of this change.",
                "30 tests in an outage: the same failure passed later, or other branches had it \
                 too. 1 known flaky test failed every try: run the job again.",
            ),
            (
                RunCounts {
                    also_on_main: 4,
                    flaky_failed: 1,
                    ..none.clone()
                },
                "fail",
                "5 tests fail, and not because of this change.",
                "4 tests fail on main too. 1 known flaky test failed every try: run the job again.",
            ),
            (
                RunCounts {
                    recovered: 2,
                    muted: 1,
                    ..none.clone()
                },
                "flaky",
                "It works. 2 flaky tests passed on retry.",
                "1 failure is muted.",
            ),
            (
                RunCounts {
                    muted: 1,
                    ..none.clone()
                },
                "pass",
                "It works. Only muted tests failed.",
                "",
            ),
            (none.clone(), "pass", "It works. Every test passed.", ""),
            (
                RunCounts {
                    is_running: true,
                    ..none.clone()
                },
                "pass",
                "Nothing has failed so far. The run has not ended.",
                "",
            ),
            (
                RunCounts {
                    is_incomplete: true,
                    ..none.clone()
                },
                "fail",
                "Nothing failed, but some tests did not run.",
                "",
            ),
            (
                RunCounts {
                    errors_outside_tests: 1,
                    ..none
                },
                "fail",
                "No test failed, but there is an error outside tests.",
                "",
            ),
            (RunCounts::default(), "run", "There are no results yet.", ""),
            (
                RunCounts {
                    skipped: 2,
                    ..RunCounts::default()
                },
                "skip",
                "Nothing is known: every test was skipped.",
                "",
            ),
            (
                RunCounts {
                    skipped: 2,
                    is_incomplete: true,
                    ..RunCounts::default()
                },
                "fail",
                "Nothing failed, but some tests did not run.",
                "",
            ),
        ] {
            let found = run(&counts, "main");
            assert_eq!((found.class, found.title.as_str()), (class, title));
            assert_eq!(found.details, details);
        }
    }

    #[test]
    fn every_verdict_has_a_reason() {
        use GroupOutcome::{Failed, Mixed, Passed};
        for (verdict, outcomes, branches, text) in [
            (
                FailureVerdict::New,
                &[][..],
                0,
                "has not failed on main in the last 88 days",
            ),
            (
                FailureVerdict::New,
                &[Passed, Mixed],
                0,
                "does not fail on main",
            ),
            (FailureVerdict::New, &[Failed], 0, "failed on main before"),
            (
                FailureVerdict::AlsoOnMain,
                &[Failed, Failed],
                0,
                "main fail too",
            ),
            (FailureVerdict::Infrastructure, &[], 3, "3 other branches"),
            (FailureVerdict::Infrastructure, &[], 0, "passed later"),
            (FailureVerdict::KnownFlaky, &[], 0, "as before"),
            (FailureVerdict::FlakyHere, &[], 0, "on retry"),
            (FailureVerdict::Muted, &[], 0, "does not fail the build"),
        ] {
            let found = why(verdict, outcomes, branches, "main");
            assert!(found.contains(text), "{found}");
        }
    }
}
