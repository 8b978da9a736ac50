//! Where a test fails: its failure rate by tag, host, hour or load.

use crate::Tone;
use crate::geometry::scaled;
use crate::markup::Markup;
use crate::small::meter;
use crate::table::{Cell, Table};

/// Executions of one kind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rate {
    /// Such as the value of a tag.
    pub label: String,
    /// Failed executions.
    pub failed: u64,
    /// All executions.
    pub total: u64,
    /// Whether a statistical test shows that failures depend on this.
    pub is_cause: bool,
}

/// Rates that cover the same executions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RateGroup {
    /// Such as the key of a tag.
    pub title: String,
    /// One for each value.
    pub rates: Vec<Rate>,
}

/// Failure rates by circumstance.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rates {
    /// One for each circumstance.
    pub groups: Vec<RateGroup>,
}

impl Rates {
    /// A table with a meter in each row; empty without rates.
    pub fn svg(&self) -> String {
        let mut out = Markup::default();
        if self.groups.iter().all(|group| group.rates.is_empty()) {
            return out.finish();
        }
        out.open("table", &[("class", &"rates")]);
        out.element(
            "caption",
            &[("class", &"vh")],
            "Failure rates by circumstance",
        );
        for group in self.groups.iter().filter(|group| !group.rates.is_empty()) {
            out.open("tbody", &[]);
            out.open("tr", &[]);
            out.open("th", &[("scope", &"col")]);
            out.element("bdi", &[], &group.title);
            out.close("th");
            out.element("td", &[("class", &"bar-cell")], "");
            out.element("th", &[("scope", &"col"), ("class", &"number")], "Fails");
            out.element(
                "th",
                &[("scope", &"col"), ("class", &"number")],
                "Executions",
            );
            out.close("tr");
            for rate in &group.rates {
                row(&mut out, rate);
            }
            out.close("tbody");
        }
        out.close("table");
        out.finish()
    }

    /// The same without pictures.
    pub fn table(&self) -> Table {
        let head = ["Circumstance", "Value", "Fails", "Failed", "Executions"];
        let mut table = Table::new("Failure rates by circumstance", &head);
        for group in &self.groups {
            table.rows.extend(group.rates.iter().map(|rate| {
                vec![
                    Cell::text(&group.title),
                    Cell::text(&rate.label),
                    Cell::number(percent(rate)),
                    Cell::count(rate.failed),
                    Cell::count(rate.total),
                ]
            }));
        }
        table
    }
}

fn row(out: &mut Markup, rate: &Rate) {
    let tone = if rate.is_cause {
        Tone::Flaky
    } else {
        Tone::Neutral
    };
    out.open("tr", &[]);
    out.open("th", &[("scope", &"row")]);
    out.element("bdi", &[], &rate.label);
    out.close("th");
    out.open("td", &[("class", &"bar-cell")]);
    out.insert(&meter(rate.failed, rate.total, tone));
    out.close("td");
    out.open("td", &[("class", &"number")]);
    out.element("b", &[], &percent(rate));
    out.close("td");
    let of = format!("{} of {}", rate.failed, rate.total);
    out.element("td", &[("class", &"number soft")], &of);
    out.close("tr");
}

/// 0% and 100% are exact.
fn percent(rate: &Rate) -> String {
    match scaled(100, rate.failed, rate.total) {
        _ if rate.total == 0 => "–".to_owned(),
        0 if rate.failed > 0 => "<1%".to_owned(),
        100 if rate.failed < rate.total => ">99%".to_owned(),
        percent => format!("{percent}%"),
    }
}
