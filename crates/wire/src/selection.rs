//! Test selection: what a plan says of its own, and what can be read of decisions and of the
//! failing builds that measure them. `docs/design/selection.md` explains the terms.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::plans::null_is_default;

/// What a selection did with the items of a plan request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum SelectionVerdict {
    /// Only the selected items run.
    Selected,
    /// Every item runs, and the selection is recorded.
    Observe,
    /// Every item runs, for a reason. Also what this version does not know, because running
    /// everything needs no explanation.
    #[default]
    #[serde(other)]
    Full,
}

/// How many failing builds of the past a selection would have caught.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct SelectionConfidence {
    /// Failing builds whose failing items are known.
    pub holdouts: u32,
    /// Those of them that would have been caught.
    pub caught: u32,
    /// `caught / (holdouts + 1)`, from 0 to 1.
    #[cfg_attr(feature = "openapi", schema(minimum = 0, maximum = 1))]
    pub shown: f64,
    /// The one-sided lower bound of the share of caught builds, with a confidence of 95%.
    #[cfg_attr(feature = "openapi", schema(minimum = 0, maximum = 1))]
    pub at_least: f64,
}

/// The estimates behind a selection, under the names that clients of the hosted product read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct SelectionDurations {
    /// How durations are estimated.
    #[serde(deserialize_with = "null_is_default")]
    pub estimator: String,
    /// Of all items, in milliseconds.
    #[serde(deserialize_with = "null_is_default")]
    pub candidate_total_duration_ms: u64,
    /// Of the items of the plan, in milliseconds.
    #[serde(deserialize_with = "null_is_default")]
    pub selected_total_duration_ms: u64,
}

/// The decision that a plan was made with. Only in plans whose request asked for a selection.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct PlanSelection {
    /// Which items run.
    #[serde(deserialize_with = "null_is_default")]
    pub verdict: SelectionVerdict,
    /// Why every item runs, as a code such as `few_holdouts`; null with another verdict.
    pub reason: Option<String>,
    /// The reason in words, such as `pyproject.toml changed`; null with another verdict.
    pub reason_text: Option<String>,
    /// As requested.
    #[serde(deserialize_with = "null_is_default")]
    pub strategy: String,
    /// Number of items in the request, without skipped ones.
    #[serde(deserialize_with = "null_is_default")]
    pub items: u64,
    /// Number of items that are selected, or would have been if everything runs.
    #[serde(deserialize_with = "null_is_default")]
    pub selected: u64,
    /// Expected duration of all items, in seconds.
    #[serde(deserialize_with = "null_is_default")]
    pub time: f64,
    /// Expected duration of the selected items, in seconds.
    #[serde(deserialize_with = "null_is_default")]
    pub selected_time: f64,
    /// What the same selection would have caught of known failing builds; null if the change could
    /// not be looked at.
    pub confidence: Option<SelectionConfidence>,
    /// Number of items that are selected whatever their value, by reason.
    #[serde(deserialize_with = "null_is_default")]
    pub always: BTreeMap<String, u64>,
    /// The page with the whole decision.
    #[serde(deserialize_with = "null_is_default")]
    pub url: String,
    /// What makes selections of the suite less sure at the moment, in words; absent if there is
    /// nothing. Only in the plan.
    #[serde(
        skip_serializing_if = "Vec::is_empty",
        deserialize_with = "null_is_default"
    )]
    pub warnings: Vec<String>,
    /// Whether items were left out; for clients of the hosted product, as are the following fields.
    #[serde(deserialize_with = "null_is_default")]
    pub applied: bool,
    /// The same as `items`.
    #[serde(deserialize_with = "null_is_default")]
    pub candidate_count: u64,
    /// Number of items in the plan.
    #[serde(deserialize_with = "null_is_default")]
    pub selected_count: u64,
    /// The reason in words if nothing was left out.
    pub skipped_reason: Option<String>,
    /// Expected durations.
    #[serde(deserialize_with = "null_is_default")]
    pub duration_estimates: SelectionDurations,
}

/// A changed file that a decision is based on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct SelectionChange {
    /// Relative to the root of the repository.
    pub path: String,
    /// Before the change, if the file was renamed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub previous_path: Option<String>,
    /// Added and removed lines; 1 for a binary file.
    pub lines: u32,
}

/// Something that links an item with the changed files.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct SelectionCause {
    /// The changed file; absent if the cause is not a single file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// In words, such as `failed in 6.2 of 9.1 weighted failing builds that changed it`.
    pub why: String,
}

/// An item of a plan request and what was decided about it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct SelectionItem {
    /// As in the request: a selector, a path, or the scope and name of an example.
    pub item: String,
    /// Whether it is selected, or would have been if everything runs.
    #[serde(rename = "in")]
    pub is_in: bool,
    /// Why it is selected: `value`, or why whatever its value (`new`, `stale`, `changed`,
    /// `failing`, `pattern`, `unknown`, `rotation`); null if it is left out.
    pub reason: Option<String>,
    /// From 1, by value.
    pub rank: u64,
    /// How much the item is likely to find per second, on a logarithmic scale.
    pub value: f64,
    /// Expected duration, in seconds.
    pub duration: f64,
    /// What links it with the changed files, by what is known today. Only for items that are named
    /// in the request.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub why: Vec<SelectionCause>,
}

/// `GET …/test_plan/selection`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct SelectionDecision {
    /// Of the plan.
    pub identifier: String,
    /// RFC 3339.
    pub created_at: String,
    /// Without `refs/heads/`; may be empty.
    pub branch: String,
    /// If the request named it.
    pub commit_sha: Option<String>,
    /// Parameters of the strategy, as requested.
    pub params: BTreeMap<String, String>,
    /// As in the plan.
    pub selection: PlanSelection,
    /// Items with at least this value run for their value; null if that is every item, or none.
    pub least_value: Option<f64>,
    /// Empty if the changed files are not known, or their list is not stored any more.
    pub changed_files: Vec<SelectionChange>,
    /// The named items in the order of the request, or a page of all items by rank. Empty if the
    /// values are not known, or not stored any more.
    pub items: Vec<SelectionItem>,
    /// Named items that the request did not have.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unknown_items: Vec<String>,
}

/// Why selection is switched off.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct SelectionOff {
    /// `switched_off`, `drift` or `no_holdouts`.
    pub reason: String,
    /// In words.
    pub text: String,
    /// RFC 3339; null if it follows from the age of the newest holdout.
    pub since: Option<String>,
}

/// How many known failing builds are caught when items run by value for a share of the time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct SelectionPoint {
    /// Percent of the time, from 1 to 100.
    pub time: u32,
    /// Of all holdouts.
    pub caught: u32,
    /// Of the unbiased ones.
    pub unbiased_caught: u32,
}

/// What a promise costs, by the known failing builds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct SelectionOperatingPoint {
    /// The promised share of caught failing builds, in percent.
    pub confidence: f64,
    /// The failing builds that are necessary for it.
    pub holdouts_needed: u32,
    /// The smallest percentage of the time at which that share of them was caught; null if too few
    /// are known.
    pub time: Option<u32>,
}

/// The plans of one week.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct SelectionWeek {
    /// The first day, as YYYY-MM-DD.
    pub from: String,
    /// Plans whose request asked for a selection.
    pub plans: u64,
    /// Of these, those in which items were left out.
    pub selected_plans: u64,
    /// Expected seconds of all items of all plans.
    pub time: f64,
    /// Expected seconds of items that were left out.
    pub time_saved: f64,
    /// Expected seconds of items that only ran to measure selection: of builds held out, what
    /// would have been left out.
    pub time_of_holdouts: f64,
}

/// `GET …/selection`: how far the selections of a suite can be trusted, and what they save.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct SelectionOverview {
    /// Null if selection is not switched off.
    pub off: Option<SelectionOff>,
    /// Warnings in words, such as 30 days without a known failing build.
    pub warnings: Vec<String>,
    /// It grows while more failing builds are missed than promised; at 20, selection is switched
    /// off.
    pub drift_statistic: f64,
    /// The known failing builds, and those that were caught when they were decided.
    pub seen: SelectionConfidence,
    /// The same of unbiased ones only: everything ran to measure them.
    pub seen_unbiased: SelectionConfidence,
    /// One per percent of the time.
    pub curve: Vec<SelectionPoint>,
    /// Usual promises.
    pub operating_points: Vec<SelectionOperatingPoint>,
    /// Number of known failing builds by origin: `holdout`, `observed`, `caught`, `missed`, `full`,
    /// `history`.
    pub holdouts: BTreeMap<String, u64>,
    /// Plans of the last 90 days by verdict.
    pub verdicts: BTreeMap<String, u64>,
    /// Plans of the last 90 days in which everything ran, by reason.
    pub full_reasons: BTreeMap<String, u64>,
    /// The last 13 weeks, oldest first; weeks without plans included.
    pub weeks: Vec<SelectionWeek>,
}

/// A failing item that was left out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct SelectionMiss {
    /// As in the plan request.
    pub item: String,
    /// Its rank in the decision, from 1.
    pub rank: u64,
    /// The run of the default branch that showed the failure: its UUID, if it is still stored.
    pub run_id: Option<String>,
}

/// A failing build whose failing items are known.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct SelectionHoldout {
    /// RFC 3339: when it became known.
    pub closed_at: String,
    /// `holdout`, `observed`, `caught`, `missed`, `full` or `history`.
    pub origin: String,
    /// Of the plan; empty for builds from before selection was used.
    pub identifier: String,
    /// May be empty.
    pub branch: String,
    /// If known.
    pub commit_sha: Option<String>,
    /// The run with the failures: its UUID, if it is still stored.
    pub run_id: Option<String>,
    /// Empty for builds from before selection was used.
    pub strategy: String,
    /// Whether the selection caught it, or would have.
    pub is_caught: bool,
    /// Percent of the time at which it was caught.
    pub time: f64,
    /// The least value with which an item finds it; null if an item found it that always runs.
    pub least_value: Option<f64>,
    /// Number of failing items.
    pub failing: u64,
    /// Number of those that were selected, or would have been.
    pub failing_selected: u64,
    /// Failing items that were left out, if the build was missed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub misses: Vec<SelectionMiss>,
}

/// `PATCH …/selection`: switches selection off or on for every plan of a suite.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SelectionSwitch {
    /// True switches selection off, false on again, whatever switched it off.
    pub off: bool,
    /// Why; shown wherever everything runs because of it.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(max_length = 1000))]
    pub reason: String,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn example() -> serde_json::Value {
        json!({
            "verdict": "selected", "reason": null, "reason_text": null, "strategy": "confidence",
            "items": 5210, "selected": 611, "time": 5400.2, "selected_time": 702.9,
            "confidence": {"holdouts": 212, "caught": 203, "shown": 0.953, "at_least": 0.927},
            "always": {"changed": 2, "new": 3, "rotation": 40},
            "url": "https://tests.example.com/x", "applied": true, "candidate_count": 5210,
            "selected_count": 611, "skipped_reason": null,
            "duration_estimates": {
                "estimator": "mean", "candidate_total_duration_ms": 5_400_200,
                "selected_total_duration_ms": 702_900,
            },
        })
    }

    #[test]
    fn the_selection_of_a_plan_is_read_and_written() {
        let selection: PlanSelection = serde_json::from_value(example()).unwrap();
        assert_eq!(selection.verdict, SelectionVerdict::Selected);
        assert_eq!(selection.confidence.unwrap().caught, 203);
        assert_eq!(serde_json::to_value(&selection).unwrap(), example());
    }

    #[test]
    fn unknown_and_missing_fields_are_no_error() {
        let text = r#"{"verdict":"guessed","applied":false,"future":[1]}"#;
        let selection: PlanSelection = serde_json::from_str(text).unwrap();
        let expected = PlanSelection::default();
        assert_eq!(selection, expected);
        assert_eq!(selection.verdict, SelectionVerdict::Full);
        let plan: crate::Plan =
            serde_json::from_str(r#"{"selection":{"applied":true,"score_cutoff":0.5}}"#).unwrap();
        assert!(plan.selection.unwrap().applied);
    }

    #[test]
    fn a_plan_without_selection_does_not_have_the_key() {
        let plan = serde_json::to_value(crate::Plan::default()).unwrap();
        assert!(plan.get("selection").is_none());
    }

    #[test]
    fn an_item_is_in_or_left_out() {
        let item = SelectionItem {
            item: "tests/test_a.py".to_owned(),
            is_in: true,
            reason: Some("value".to_owned()),
            rank: 1,
            value: -2.5,
            duration: 1.5,
            why: Vec::new(),
        };
        let json = json!({
            "item": "tests/test_a.py", "in": true, "reason": "value", "rank": 1, "value": -2.5,
            "duration": 1.5,
        });
        assert_eq!(serde_json::to_value(&item).unwrap(), json);
        assert_eq!(serde_json::from_value::<SelectionItem>(json).unwrap(), item);
    }

    #[test]
    fn a_switch_says_whether_selection_is_off() {
        let switch: SelectionSwitch = serde_json::from_str(r#"{"off":true}"#).unwrap();
        assert!(switch.off && switch.reason.is_empty());
        serde_json::from_str::<SelectionSwitch>("{}").unwrap_err();
    }
}
