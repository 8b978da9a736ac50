//! What the pages say of test selection.

use test_engine_wire::{PlanSelection, SelectionConfidence, SelectionOverview, SelectionVerdict};

use super::Verdict;
use crate::http::web::format;
use crate::selection::{PlaceInPlan, TestSelections};

/// How far the selections of a suite can be trusted, as the first line of its page.
pub(in crate::http::web) fn selection(overview: &SelectionOverview) -> Verdict {
    if let Some(off) = &overview.off {
        let class = if off.reason == "switched_off" {
            "skip"
        } else {
            "fail"
        };
        return Verdict {
            class,
            title: "Every build runs all tests: selection is switched off.".to_owned(),
            details: capitalized(&off.text) + "." + until(&off.reason),
        };
    }
    let seen = overview.seen;
    if seen.holdouts == 0 {
        let details = if overview.verdicts.is_empty() {
            "No plan of the last 90 days asked for a selection."
        } else {
            "Builds run all tests until enough of them have failed, because nothing else tells \
             what a selection would have missed."
        };
        return Verdict {
            class: "run",
            title: "No failing build is known yet.".to_owned(),
            details: details.to_owned(),
        };
    }
    let title = format!(
        "{} of the last {} were caught.",
        format::count(seen.caught.into()),
        format::counted(seen.holdouts.into(), "failing build")
    );
    Verdict {
        class: "pass",
        title,
        details: shown(&seen) + &unbiased(&overview.seen_unbiased),
    }
}

fn until(reason: &str) -> &'static str {
    match reason {
        "drift" => {
            " Each failing build is now compared with what would have been selected, and selection \
             returns by itself when the newest ones keep the promise."
        }
        "no_holdouts" => {
            " It returns when failing builds are known again. A larger holdout= finds them sooner."
        }
        _ => " It returns when somebody switches it on.",
    }
}

fn shown(seen: &SelectionConfidence) -> String {
    format!(
        "That is shown as {}, and is at least {}: the share of failing builds in which a failing \
         test ran, not the chance that a green build is good.",
        format::percent(Some(seen.shown)),
        at_least(seen)
    )
}

fn unbiased(seen: &SelectionConfidence) -> String {
    if seen.holdouts == 0 {
        return " None of them is of a build that ran everything to find out.".to_owned();
    }
    format!(
        " Of the {} that ran everything to find out, {} were caught.",
        format::counted(seen.holdouts.into(), "build"),
        format::count(seen.caught.into())
    )
}

/// The lower bound, rounded down: the page never promises more.
pub(in crate::http::web) fn at_least(seen: &SelectionConfidence) -> String {
    let tenths = (seen.at_least * 1_000.0).floor();
    format::percent(Some(tenths / 1_000.0))
}

/// The sentences of one plan.
pub(in crate::http::web) fn selection_of_plan(selection: &PlanSelection) -> String {
    selection.summary(format::count)
}

/// How often selections left out a test lately, and whether it failed then.
pub(in crate::http::web) fn selections_of_test(found: &TestSelections) -> String {
    let plans = format::count(found.plans);
    if found.left_out == 0 {
        return format!("Left out of none of the newest {plans} builds with a selection.");
    }
    let failures = match (found.failures.builds, found.failures.missed) {
        (0, _) => "None of these is known to have failed.".to_owned(),
        (1, 0) => "1 of these is known to have failed, but not because of this test.".to_owned(),
        (1, _) => "1 of these is known to have failed because of this test.".to_owned(),
        (builds, missed) => format!(
            "{} of these are known to have failed, {} of them because of this test.",
            format::count(builds),
            if missed == 0 {
                "none".to_owned()
            } else {
                format::count(missed)
            }
        ),
    };
    let left_out = format::count(found.left_out);
    format!("Left out of {left_out} of the newest {plans} builds with a selection. {failures}")
}

/// What the newest selection did with a test, after the time of the selection.
pub(in crate::http::web) fn place_in_plan(place: &PlaceInPlan) -> String {
    format!(
        "{} with rank {} of {} and a value of {}",
        if place.is_in { "ran" } else { "left out" },
        format::count(place.rank),
        format::count(place.items),
        value(place.value)
    )
}

/// Of an item, with a minus sign.
pub(in crate::http::web) fn value(value: f64) -> String {
    format!("{value:.2}").replace('-', "−")
}

/// The shape beside the sentence of a plan.
pub(in crate::http::web) const fn selection_class(verdict: SelectionVerdict) -> &'static str {
    match verdict {
        SelectionVerdict::Selected => "skip",
        SelectionVerdict::Observe | SelectionVerdict::Full => "pass",
    }
}

/// Why everything ran, by its code.
pub(in crate::http::web) fn full_reason(code: &str) -> String {
    let text = match code {
        "inconsistent_items" => "the items changed while they were decided",
        "unsupported_strategy" => "the strategy is not supported",
        "default_branch" => "default branch",
        "full_branch" => "branch matches full_branch",
        "tag" => "build of a tag",
        "merge_queue" => "merge queue",
        "no_changed_files" => "the changed files are not known",
        "many_changed_files" => "too many files changed",
        "configuration_changed" => "configuration changed",
        "unknown_kind_of_file" => "a file of an unknown kind changed",
        "switched_off" => "switched off",
        "drift" => "too many failing builds were missed",
        "no_holdouts" => "no failing build became known",
        "few_holdouts" => "too few failing builds are known",
        "holdout" => "held out to measure selection",
        "message" => "the commit message asked for it",
        "after_red" => "the last run of the branch failed",
        "all_selected" => "all tests were selected",
        other => return other.replace('_', " "),
    };
    text.to_owned()
}

/// Why an item is selected, by its code.
pub(in crate::http::web) fn item_reason(code: &str) -> &str {
    match code {
        "value" => "likely to find a failure",
        "new" => "has never run",
        "stale" => "has not run for a long time",
        "changed" => "its file changed",
        "failing" => "failed when it ran last",
        "pattern" => "matches always=",
        "unknown" => "nothing is known of it",
        "rotation" => "its turn in the rotating sample",
        other => other,
    }
}

/// How a failing build became known, by its code.
pub(in crate::http::web) fn origin(code: &str) -> &str {
    match code {
        "holdout" => "held out, all tests ran",
        "observed" => "observed, all tests ran",
        "caught" => "selected, failed",
        "missed" => "selected, passed",
        "full" => "all tests ran",
        "history" => "before selection was used",
        other => other,
    }
}

fn capitalized(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters
        .next()
        .map(|letter| letter.to_uppercase().to_string());
    first.unwrap_or_default() + letters.as_str()
}

#[cfg(test)]
mod tests {
    use test_engine_selection::{AlwaysReason, Origin};
    use test_engine_wire::SelectionOff;

    use super::*;

    fn seen(holdouts: u32, caught: u32, at_least: f64) -> SelectionConfidence {
        SelectionConfidence {
            holdouts,
            caught,
            shown: f64::from(caught) / f64::from(holdouts + 1),
            at_least,
        }
    }

    fn off(reason: &str, text: &str) -> SelectionOverview {
        SelectionOverview {
            off: Some(SelectionOff {
                reason: reason.to_owned(),
                text: text.to_owned(),
                since: None,
            }),
            ..SelectionOverview::default()
        }
    }

    #[test]
    fn the_first_line_is_what_was_seen() {
        let mut overview = SelectionOverview {
            seen: seen(212, 203, 0.9279),
            seen_unbiased: seen(43, 41, 0.86),
            ..SelectionOverview::default()
        };
        let verdict = selection(&overview);
        assert_eq!(verdict.class, "pass");
        assert_eq!(
            verdict.title,
            "203 of the last 212 failing builds were caught."
        );
        assert_eq!(
            verdict.details,
            "That is shown as 95.3%, and is at least 92.7%: the share of failing builds in which a \
             failing test ran, not the chance that a green build is good. Of the 43 builds that \
             ran everything to find out, 41 were caught."
        );
        overview.seen_unbiased = SelectionConfidence::default();
        let details = selection(&overview).details;
        assert!(details.ends_with("None of them is of a build that ran everything to find out."));
    }

    #[test]
    fn a_test_says_how_often_it_was_left_out_and_what_it_missed() {
        use test_engine_store::{KnownFailures, Timestamp};

        let newest = PlaceInPlan {
            identifier: "b/s".to_owned(),
            created_at: Timestamp::from_millis(0),
            item: "a_spec.rb".to_owned(),
            is_in: false,
            rank: 17,
            items: 1_200,
            value: -3.125,
        };
        assert_eq!(
            place_in_plan(&newest),
            "left out with rank 17 of 1\u{202f}200 and a value of −3.12"
        );
        let sentence = |left_out, builds, missed| {
            selections_of_test(&TestSelections {
                plans: 40,
                left_out,
                failures: KnownFailures { builds, missed },
                newest: newest.clone(),
            })
        };
        assert_eq!(
            sentence(0, 0, 0),
            "Left out of none of the newest 40 builds with a selection."
        );
        for (builds, missed, expected) in [
            (0, 0, "None of these is known to have failed."),
            (
                1,
                0,
                "1 of these is known to have failed, but not because of this test.",
            ),
            (
                1,
                1,
                "1 of these is known to have failed because of this test.",
            ),
            (
                5,
                0,
                "5 of these are known to have failed, none of them because of this test.",
            ),
            (
                5,
                2,
                "5 of these are known to have failed, 2 of them because of this test.",
            ),
        ] {
            assert_eq!(
                sentence(31, builds, missed),
                format!("Left out of 31 of the newest 40 builds with a selection. {expected}")
            );
        }
    }

    #[test]
    fn without_failing_builds_nothing_is_claimed() {
        let mut overview = SelectionOverview::default();
        let verdict = selection(&overview);
        assert_eq!(
            (verdict.class, verdict.title.as_str()),
            ("run", "No failing build is known yet.")
        );
        assert!(verdict.details.starts_with("No plan of the last 90 days"));
        overview.verdicts.insert("observe".to_owned(), 3);
        assert!(
            selection(&overview)
                .details
                .starts_with("Builds run all tests until")
        );
    }

    #[test]
    fn what_is_switched_off_says_why_and_how_it_returns() {
        let drift = selection(&off("drift", "too many failing builds were missed"));
        assert_eq!(drift.class, "fail");
        assert!(
            drift
                .details
                .starts_with("Too many failing builds were missed. Each failing")
        );
        let person = selection(&off(
            "switched_off",
            "selection is switched off: release week",
        ));
        assert_eq!(person.class, "skip");
        assert_eq!(
            person.details,
            "Selection is switched off: release week. It returns when somebody switches it on."
        );
        let quiet = selection(&off(
            "no_holdouts",
            "no failing build has become known for 90 days",
        ));
        assert!(
            quiet
                .details
                .contains("A larger holdout= finds them sooner.")
        );
    }

    #[test]
    fn every_code_has_words() {
        for reason in AlwaysReason::ALL {
            let code = reason.as_str();
            assert_ne!(item_reason(code), code);
        }
        let origins = [
            Origin::Holdout,
            Origin::Observed,
            Origin::Caught,
            Origin::Missed,
            Origin::Full,
            Origin::History,
        ];
        for known in origins {
            assert_ne!(origin(known.as_str()), known.as_str());
        }
        assert_eq!(
            full_reason("few_holdouts"),
            "too few failing builds are known"
        );
        assert_eq!(full_reason("from_the_future"), "from the future");
    }
}
