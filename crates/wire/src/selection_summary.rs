//! What a selection did, in the sentences that the log of a build and the pages have in common.
//!
//! Shares are rounded so that they never promise more than the server does.

use crate::{PlanSelection, SelectionConfidence, SelectionVerdict};

/// Writes a number, with the separators of its place.
type Count = fn(u64) -> String;

impl PlanSelection {
    /// One or two sentences: what runs, and how often such a selection caught a failing build.
    pub fn summary(&self, count: Count) -> String {
        let mut text = match self.verdict {
            SelectionVerdict::Selected => format!("Selected {}.", selected(self, count)),
            SelectionVerdict::Observe => format!(
                "All tests run to measure selection, which would have selected {}.",
                selected(self, count)
            ),
            SelectionVerdict::Full => return without_verdict(self, count),
        };
        if let Some(confidence) = self.confidence.filter(|known| known.holdouts > 0) {
            text.push(' ');
            text.push_str(&caught(&confidence, count));
        }
        text
    }
}

/// `611 of 5210 tests (13% of the time)`.
fn selected(selection: &PlanSelection, count: Count) -> String {
    let time = percentage(selection.selected_time, selection.time);
    let plural = if selection.items == 1 { "" } else { "s" };
    format!(
        "{} of {} test{plural} ({time} of the time)",
        count(selection.selected),
        count(selection.items)
    )
}

/// Servers with other verdicts, such as the hosted product, say in numbers what was left out.
fn without_verdict(selection: &PlanSelection, count: Count) -> String {
    if selection.applied {
        let (selected, all) = (selection.selected_count, selection.candidate_count);
        return format!("Selected {} of {} tests.", count(selected), count(all));
    }
    let code = || selection.reason.as_ref().map(|code| code.replace('_', " "));
    let reason = selection.reason_text.clone().or_else(code);
    match reason.or_else(|| selection.skipped_reason.clone()) {
        Some(reason) => format!("All tests run: {reason}."),
        None => "All tests run.".to_owned(),
    }
}

fn caught(confidence: &SelectionConfidence, count: Count) -> String {
    let SelectionConfidence {
        holdouts,
        caught,
        at_least,
        ..
    } = *confidence;
    format!(
        "Of the last {} failing builds {} would have been caught (at least {:.0}%).",
        count(holdouts.into()),
        count(caught.into()),
        (at_least * 100.0).floor()
    )
}

/// Whole percent; 0% and 100% are exact.
fn percentage(part: f64, whole: f64) -> String {
    let percent = if whole > 0.0 {
        part / whole * 100.0
    } else {
        100.0
    };
    if percent > 0.0 && percent < 1.0 {
        "<1%".to_owned()
    } else if percent > 99.0 && percent < 100.0 {
        ">99%".to_owned()
    } else {
        format!("{percent:.0}%")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn summary(selection: &PlanSelection) -> String {
        selection.summary(|number| number.to_string())
    }

    fn selection(verdict: SelectionVerdict) -> PlanSelection {
        PlanSelection {
            verdict,
            items: 5210,
            selected: 611,
            time: 5400.2,
            selected_time: 702.9,
            confidence: Some(SelectionConfidence {
                holdouts: 212,
                caught: 203,
                shown: 0.953,
                at_least: 0.9279,
            }),
            ..PlanSelection::default()
        }
    }

    #[test]
    fn a_selection_says_its_share_and_what_it_would_have_caught() {
        assert_eq!(
            summary(&selection(SelectionVerdict::Selected)),
            "Selected 611 of 5210 tests (13% of the time). Of the last 212 failing builds 203 \
             would have been caught (at least 92%)."
        );
        assert_eq!(
            summary(&selection(SelectionVerdict::Observe)),
            "All tests run to measure selection, which would have selected 611 of 5210 tests \
             (13% of the time). Of the last 212 failing builds 203 would have been caught (at \
             least 92%)."
        );
    }

    #[test]
    fn without_known_failing_builds_nothing_is_claimed() {
        let mut first = selection(SelectionVerdict::Observe);
        first.confidence = Some(SelectionConfidence::default());
        assert!(summary(&first).ends_with("(13% of the time)."));
        first.confidence = None;
        assert!(summary(&first).ends_with("(13% of the time)."));
    }

    #[test]
    fn a_full_run_says_why() {
        let mut full = selection(SelectionVerdict::Full);
        assert_eq!(summary(&full), "All tests run.");
        full.reason = Some("few_holdouts".to_owned());
        assert_eq!(summary(&full), "All tests run: few holdouts.");
        full.reason_text = Some("pyproject.toml changed".to_owned());
        assert_eq!(summary(&full), "All tests run: pyproject.toml changed.");
    }

    #[test]
    fn what_other_servers_leave_out_is_never_called_everything() {
        let hosted = r#"{"applied":true,"strategy":"manual","candidate_count":4,"selected_count":1,
            "skipped_reason":null,"duration_estimates":null}"#;
        let hosted: PlanSelection = serde_json::from_str(hosted).unwrap();
        assert_eq!(summary(&hosted), "Selected 1 of 4 tests.");
        let newer =
            r#"{"verdict":"guessed","applied":true,"candidate_count":9,"selected_count":2}"#;
        let newer: PlanSelection = serde_json::from_str(newer).unwrap();
        assert_eq!(summary(&newer), "Selected 2 of 9 tests.");
        let skipped = r#"{"applied":false,"skipped_reason":"no diff"}"#;
        let skipped: PlanSelection = serde_json::from_str(skipped).unwrap();
        assert_eq!(summary(&skipped), "All tests run: no diff.");
    }

    #[test]
    fn shares_of_time() {
        for (part, whole, expected) in [
            (0.0, 10.0, "0%"),
            (0.01, 10.0, "<1%"),
            (1.3, 10.0, "13%"),
            (9.95, 10.0, ">99%"),
            (10.0, 10.0, "100%"),
            (0.0, 0.0, "100%"),
        ] {
            assert_eq!(percentage(part, whole), expected);
        }
    }
}
