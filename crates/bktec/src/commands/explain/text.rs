//! A decision and its items as text. Pure.

use std::fmt::Write as _;

use test_engine_wire::{
    SelectionCause, SelectionChange, SelectionDecision, SelectionItem, SelectionVerdict,
};

use crate::split_summary::{counted, with_commas};

/// Changed files that are named.
const MAX_FILES: usize = 20;

/// What runs, and how sure that is.
pub(super) fn headline(decision: &SelectionDecision) -> String {
    decision.selection.summary(with_commas)
}

/// The decision without its items.
pub(super) fn decision(decision: &SelectionDecision) -> String {
    let selection = &decision.selection;
    let mut text = format!("{}\n", headline(decision));
    let _ = write!(text, "Plan {}", decision.identifier);
    if !decision.branch.is_empty() {
        let _ = write!(text, ", branch {}", decision.branch);
    }
    if let Some(commit) = &decision.commit_sha {
        let _ = write!(text, ", commit {commit}");
    }
    let params = decision.params.iter();
    let params: Vec<String> = params
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    let _ = writeln!(
        text,
        "\nStrategy: {}",
        [std::slice::from_ref(&selection.strategy), &params]
            .concat()
            .join(" ")
    );
    changed_files(&mut text, &decision.changed_files);
    let always: Vec<String> = selection
        .always
        .iter()
        .map(|(reason, count)| format!("{} {reason}", with_commas(*count)))
        .collect();
    if !always.is_empty() {
        let _ = writeln!(text, "Selected whatever their value: {}", always.join(", "));
    }
    if !selection.url.is_empty() {
        let _ = writeln!(text, "{}", selection.url);
    }
    text
}

fn changed_files(text: &mut String, files: &[SelectionChange]) {
    if files.is_empty() {
        return;
    }
    let count = counted(files.len(), "changed file");
    let _ = writeln!(text, "{count}:");
    for file in files.iter().take(MAX_FILES) {
        let lines = counted(file.lines as usize, "line");
        let renamed = file.previous_path.as_ref();
        let renamed = renamed.map_or_else(String::new, |path| format!(", was {path}"));
        let _ = writeln!(text, "  {} ({lines}{renamed})", file.path);
    }
    if let Some(rest) = files.len().checked_sub(MAX_FILES).filter(|rest| *rest > 0) {
        let _ = writeln!(text, "  and {rest} more");
    }
}

/// The record of each item.
pub(super) fn items(decision: &SelectionDecision) -> String {
    let mut text = String::new();
    for item in &decision.items {
        let what = match (&item.reason, item.is_in) {
            (Some(reason), true) => format!("{} ({})", selected(decision), in_words(reason)),
            (None, true) => selected(decision).to_owned(),
            (_, false) => left_out_as(decision).to_owned(),
        };
        let _ = writeln!(text, "{}: {what}", item.item);
        let _ = writeln!(text, "  {}", place(decision, item));
        for SelectionCause { path, why } in &item.why {
            let _ = match path {
                Some(path) => writeln!(text, "  {path}: {why}"),
                None => writeln!(text, "  {why}"),
            };
        }
        if item.why.is_empty() {
            text.push_str("  nothing known links it with the change\n");
        }
    }
    text
}

/// One line for each item that was left out, or would have been.
pub(super) fn left_out(decision: &SelectionDecision) -> String {
    let mut text = String::new();
    for item in &decision.items {
        let _ = writeln!(text, "{}: {}", item.item, place(decision, item));
    }
    text
}

/// `rank 4,001 of 5,210, value −3.25 below the cut of −2.10`.
fn place(decision: &SelectionDecision, item: &SelectionItem) -> String {
    let mut text = format!(
        "rank {} of {}, value {}",
        with_commas(item.rank),
        with_commas(decision.selection.items),
        number(item.value)
    );
    if let Some(least) = decision.least_value {
        let side = if item.value < least { "below" } else { "above" };
        let _ = write!(text, " {side} the cut of {}", number(least));
    }
    text
}

fn number(value: f64) -> String {
    format!("{value:.2}").replace('-', "−")
}

fn selected(decision: &SelectionDecision) -> &'static str {
    match decision.selection.verdict {
        SelectionVerdict::Selected => "selected",
        SelectionVerdict::Observe | SelectionVerdict::Full => "runs, and would have been selected",
    }
}

fn left_out_as(decision: &SelectionDecision) -> &'static str {
    match decision.selection.verdict {
        SelectionVerdict::Selected => "left out",
        SelectionVerdict::Observe | SelectionVerdict::Full => "runs, but would have been left out",
    }
}

/// The reason of an item, whose codes are those of the server.
fn in_words(reason: &str) -> &str {
    match reason {
        "value" => "likely to find a failure",
        "new" => "new: it has never run",
        "stale" => "it has not run for a long time",
        "changed" => "its file changed",
        "failing" => "it failed when it ran last",
        "pattern" => "it matches always=",
        "unknown" => "nothing is known of it",
        "rotation" => "it is its turn in the rotating sample",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use test_engine_wire::{PlanSelection, SelectionConfidence};

    use super::*;

    fn item(name: &str, reason: Option<&str>, rank: u64, value: f64) -> SelectionItem {
        SelectionItem {
            item: name.to_owned(),
            is_in: reason.is_some(),
            reason: reason.map(str::to_owned),
            rank,
            value,
            ..SelectionItem::default()
        }
    }

    fn sample(verdict: SelectionVerdict) -> SelectionDecision {
        let mut first = item("tests/test_core.py", Some("value"), 1, 2.125);
        let cause = |path: Option<&str>, why: &str| SelectionCause {
            path: path.map(str::to_owned),
            why: why.to_owned(),
        };
        first.why = vec![
            cause(
                Some("src/click/core.py"),
                "failed in 6.2 of 9.1 weighted failing builds that changed it",
            ),
            cause(None, "same name"),
        ];
        SelectionDecision {
            identifier: "build/step".to_owned(),
            branch: "topic".to_owned(),
            commit_sha: Some("0123abc".to_owned()),
            params: [("confidence".to_owned(), "90".to_owned())].into(),
            selection: PlanSelection {
                verdict,
                strategy: "confidence".to_owned(),
                items: 3,
                selected: 2,
                time: 10.0,
                selected_time: 4.0,
                confidence: Some(SelectionConfidence {
                    holdouts: 20,
                    caught: 19,
                    shown: 0.905,
                    at_least: 0.784,
                }),
                always: [("changed".to_owned(), 1)].into(),
                url: "https://tests.example.com/x".to_owned(),
                ..PlanSelection::default()
            },
            least_value: Some(-2.0),
            changed_files: vec![SelectionChange {
                path: "src/click/core.py".to_owned(),
                previous_path: Some("src/core.py".to_owned()),
                lines: 12,
            }],
            items: vec![
                first,
                item("tests/test_args.py", Some("changed"), 2, -2.5),
                item("tests/test_docs.py", None, 3, -3.254),
            ],
            ..SelectionDecision::default()
        }
    }

    #[test]
    fn a_decision_is_explained_without_its_items() {
        let text = decision(&sample(SelectionVerdict::Selected)).replace(". Of", ".\nOf");
        insta::assert_snapshot!(text, @"
        Selected 2 of 3 tests (40% of the time).
        Of the last 20 failing builds 19 would have been caught (at least 78%).
        Plan build/step, branch topic, commit 0123abc
        Strategy: confidence confidence=90
        1 changed file:
          src/click/core.py (12 lines, was src/core.py)
        Selected whatever their value: 1 changed
        https://tests.example.com/x
        ");
    }

    #[test]
    fn items_are_explained_by_rank_and_causes() {
        insta::assert_snapshot!(items(&sample(SelectionVerdict::Selected)), @"
        tests/test_core.py: selected (likely to find a failure)
          rank 1 of 3, value 2.12 above the cut of −2.00
          src/click/core.py: failed in 6.2 of 9.1 weighted failing builds that changed it
          same name
        tests/test_args.py: selected (its file changed)
          rank 2 of 3, value −2.50 below the cut of −2.00
          nothing known links it with the change
        tests/test_docs.py: left out
          rank 3 of 3, value −3.25 below the cut of −2.00
          nothing known links it with the change
        ");
        let observed = items(&sample(SelectionVerdict::Observe));
        assert!(
            observed.contains("tests/test_docs.py: runs, but would have been left out\n"),
            "{observed}"
        );
    }

    #[test]
    fn each_item_that_was_left_out_has_a_line() {
        let mut decision = sample(SelectionVerdict::Selected);
        decision.items.retain(|item| !item.is_in);
        assert_eq!(
            left_out(&decision),
            "tests/test_docs.py: rank 3 of 3, value −3.25 below the cut of −2.00\n"
        );
    }

    #[test]
    fn many_changed_files_are_counted() {
        let mut many = sample(SelectionVerdict::Selected);
        let file = many.changed_files[0].clone();
        many.changed_files = vec![file; MAX_FILES + 3];
        let text = decision(&many);
        assert!(text.contains("23 changed files:\n"), "{text}");
        assert!(text.contains("  and 3 more\n"), "{text}");
    }
}
