//! What the address of the page of a test says: period, branch, form. Pure.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The periods that can be chosen, in days.
const PERIODS: [i64; 3] = [7, 28, 60];
const DEFAULT_DAYS: i64 = 28;

/// A link to the page with another period.
pub(super) struct PeriodLink {
    pub(super) text: String,
    pub(super) address: String,
    pub(super) is_current: bool,
}

#[derive(Clone, Default, Deserialize, Serialize)]
#[serde(default)]
pub(super) struct Query {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) page: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) days: Option<i64>,
    /// Shows only executions of this branch.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) branch: String,
    /// `table` for tables instead of pictures.
    #[serde(rename = "as", skip_serializing_if = "String::is_empty")]
    pub(super) form: String,
    /// Shows the form that changes the state, without a script.
    #[serde(skip_serializing)]
    pub(super) change: Option<String>,
    /// What the viewer has just done.
    #[serde(skip_serializing)]
    pub(super) done: Option<String>,
    /// Shows this execution instead.
    #[serde(skip_serializing)]
    pub(super) execution_id: Option<Uuid>,
}

impl Query {
    pub(super) fn days(&self) -> i64 {
        let known = self.days.filter(|days| PERIODS.contains(days));
        known.unwrap_or(DEFAULT_DAYS)
    }

    pub(super) fn branch(&self) -> Option<&str> {
        Some(self.branch.trim()).filter(|branch| !branch.is_empty())
    }

    pub(super) fn is_table(&self) -> bool {
        self.form == "table"
    }

    pub(super) fn address(&self, base: &str) -> String {
        let query = serde_urlencoded::to_string(self).unwrap_or_default();
        if query.is_empty() {
            base.to_owned()
        } else {
            format!("{base}?{query}")
        }
    }

    pub(super) fn periods(&self, base: &str) -> Vec<PeriodLink> {
        let links = PERIODS.into_iter().map(|days| {
            let other = Self {
                days: Some(days).filter(|days| *days != DEFAULT_DAYS),
                page: None,
                ..self.clone()
            };
            PeriodLink {
                text: format!("{days} days"),
                address: other.address(base),
                is_current: days == self.days(),
            }
        });
        links.collect()
    }

    pub(super) fn other_form(&self, base: &str) -> String {
        let form = if self.is_table() { "" } else { "table" };
        let other = Self {
            form: form.to_owned(),
            ..self.clone()
        };
        other.address(base)
    }
}
