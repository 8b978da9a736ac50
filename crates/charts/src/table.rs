//! Tables: the text alternative of the pictures.

use crate::markup::Markup;

/// A cell of a table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cell {
    /// What it says.
    pub text: String,
    /// The address that it links to.
    pub address: Option<String>,
    /// Whether it is a quantity, which is aligned to the right.
    pub is_number: bool,
}

impl Cell {
    /// Words.
    pub fn text(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            ..Self::default()
        }
    }

    /// A quantity.
    pub fn number(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            is_number: true,
            ..Self::default()
        }
    }

    pub(crate) fn count(number: u64) -> Self {
        Self::number(number.to_string())
    }

    /// Words that link to an address; without a link if it is empty.
    pub fn link(text: impl Into<String>, address: &str) -> Self {
        Self {
            text: text.into(),
            address: (!address.is_empty()).then(|| address.to_owned()),
            is_number: false,
        }
    }
}

/// The data of a picture.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Table {
    /// What the table shows.
    pub caption: String,
    /// The headings of its columns.
    pub head: Vec<String>,
    /// As many cells in each row as there are headings.
    pub rows: Vec<Vec<Cell>>,
}

impl Table {
    pub(crate) fn new(caption: impl Into<String>, head: &[&str]) -> Self {
        Self {
            caption: caption.into(),
            head: head.iter().map(|text| (*text).to_owned()).collect(),
            rows: Vec::new(),
        }
    }

    /// As HTML. The region scrolls if the table is wider than the page.
    pub fn html(&self) -> String {
        let mut out = Markup::default();
        let label: &dyn std::fmt::Display = &self.caption;
        let region: &[(&str, &dyn std::fmt::Display)] = &[
            ("class", &"scroll"),
            ("role", &"region"),
            ("tabindex", &0),
            ("aria-label", label),
        ];
        out.open("div", region);
        out.open("table", &[]);
        out.element("caption", &[("class", &"vh")], &self.caption);
        out.open("thead", &[]);
        out.open("tr", &[]);
        for (index, heading) in self.head.iter().enumerate() {
            let first = self.rows.first().and_then(|row| row.get(index));
            let is_number = first.is_some_and(|cell| cell.is_number);
            let attributes: &[(&str, &dyn std::fmt::Display)] =
                &[("scope", &"col"), ("class", &class(is_number))];
            out.element("th", attributes, heading);
        }
        out.close("tr");
        out.close("thead");
        out.open("tbody", &[]);
        for row in &self.rows {
            out.open("tr", &[]);
            for cell in row {
                out.open("td", &[("class", &class(cell.is_number))]);
                match &cell.address {
                    Some(address) => out.element("a", &[("href", address)], &cell.text),
                    None => out.text(&cell.text),
                }
                out.close("td");
            }
            out.close("tr");
        }
        out.close("tbody");
        out.close("table");
        out.close("div");
        out.finish()
    }
}

fn class(is_number: bool) -> &'static str {
    if is_number { "number" } else { "left" }
}
