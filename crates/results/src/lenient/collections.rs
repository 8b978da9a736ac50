//! Lenient lists and maps of strings, and the texts of failures.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, SeqAccess};
use serde::{Deserialize, Deserializer};

use super::{Found, Label, Shape, ShapeVisitor, deserialize_by_shape};
use crate::bounded::{self, BoundedLines, MAX_TEXT_BYTES, bytes_of_line, cut_note};
use crate::model::FailureDetail;

/// Titles and labels of one result that are read. Nobody writes as many.
const MAX_ITEMS: usize = 1_000;

/// Titles, outermost first. Skips values that are not strings.
#[derive(Debug, Default)]
pub(crate) struct Titles<'a>(pub(crate) Vec<Cow<'a, str>>);

impl<'a> Titles<'a> {
    /// The titles separated by spaces. A single title stays borrowed.
    pub(crate) fn joined(mut self) -> Cow<'a, str> {
        match (self.0.len(), self.0.pop()) {
            (1, Some(only)) => only,
            (_, last) => {
                self.0.extend(last);
                Cow::Owned(self.0.join(" "))
            }
        }
    }
}

impl<'de: 'a, 'a> Shape<'de> for Titles<'a> {
    fn other(_: Found) -> Self {
        Self(Vec::new())
    }

    fn array<A: SeqAccess<'de>>(mut items: A) -> Result<Self, A::Error> {
        let mut titles = Vec::new();
        while let Some(Label(title)) = items.next_element()? {
            if titles.len() < MAX_ITEMS {
                titles.extend(title);
            }
        }
        Ok(Self(titles))
    }
}

/// An array of lines, or a string that is split into lines.
#[derive(Debug, Default)]
pub(crate) struct Lines(pub(crate) Vec<String>);

impl<'de> Shape<'de> for Lines {
    fn other(_: Found) -> Self {
        Self(Vec::new())
    }

    fn text(text: Cow<'de, str>) -> Self {
        Self(split_lines(&text))
    }

    fn array<A: SeqAccess<'de>>(mut items: A) -> Result<Self, A::Error> {
        let mut lines = BoundedLines::new();
        while let Some(Label(line)) = items.next_element()? {
            lines.extend(line.as_deref());
        }
        Ok(Self(lines.into_lines()))
    }
}

/// The number of values that [`Lines`] would keep.
#[derive(Debug, Default)]
pub(crate) struct Count(pub(crate) usize);

impl<'de> Shape<'de> for Count {
    fn other(_: Found) -> Self {
        Self(0)
    }

    fn text(text: Cow<'de, str>) -> Self {
        Self(split_lines(&text).len())
    }

    fn array<A: SeqAccess<'de>>(mut items: A) -> Result<Self, A::Error> {
        let mut count = 0;
        while let Some(Label(line)) = items.next_element()? {
            count += usize::from(line.is_some());
        }
        Ok(Self(count))
    }
}

/// Failure explanations, without empty ones.
#[derive(Debug, Default)]
pub(crate) struct Failures(pub(crate) Vec<FailureDetail>);

impl<'de> Shape<'de> for Failures {
    fn other(_: Found) -> Self {
        Self(Vec::new())
    }

    fn text(text: Cow<'de, str>) -> Self {
        Self(vec![explained(&text)])
    }

    fn array<A: SeqAccess<'de>>(mut items: A) -> Result<Self, A::Error> {
        let mut failures = Vec::new();
        let (mut size, mut missing) = (0, 0);
        while let Some(Failure(failure)) = items.next_element()? {
            if failure == FailureDetail::default() {
                continue;
            }
            if size > MAX_TEXT_BYTES {
                let lines = failure.expanded.iter().chain(&failure.backtrace);
                missing += lines.map(|line| bytes_of_line(line)).sum::<usize>();
                continue;
            }
            size += bounded::size(&failure.expanded) + bounded::size(&failure.backtrace);
            failures.push(failure);
        }
        if missing > 0 {
            failures.push(explained(&cut_note(missing)));
        }
        Ok(Self(failures))
    }
}

#[derive(Default)]
struct Failure(FailureDetail);

impl<'de> Shape<'de> for Failure {
    fn other(_: Found) -> Self {
        Self::default()
    }

    fn text(text: Cow<'de, str>) -> Self {
        Self(explained(&text))
    }

    fn object<A: MapAccess<'de>>(members: A) -> Result<Self, A::Error> {
        #[derive(Default, Deserialize)]
        #[serde(default)]
        struct Keys {
            expanded: Lines,
            backtrace: Lines,
        }
        let keys = Keys::deserialize(MapAccessDeserializer::new(members))?;
        Ok(Self(FailureDetail {
            expanded: keys.expanded.0,
            backtrace: keys.backtrace.0,
        }))
    }
}

/// A map of strings; the last of duplicate keys wins.
#[derive(Debug, Default)]
pub(crate) struct Labels<'a>(pub(crate) BTreeMap<Cow<'a, str>, Cow<'a, str>>);

impl Labels<'_> {
    pub(crate) fn into_string(self) -> BTreeMap<String, String> {
        let own =
            |(key, value): (Cow<'_, str>, Cow<'_, str>)| (key.into_owned(), value.into_owned());
        self.0.into_iter().map(own).collect()
    }
}

impl<'de: 'a, 'a> Shape<'de> for Labels<'a> {
    fn other(_: Found) -> Self {
        Self::default()
    }

    fn object<A: MapAccess<'de>>(mut members: A) -> Result<Self, A::Error> {
        let mut labels = BTreeMap::new();
        while let Some((Label(key), Label(value))) = members.next_entry()? {
            if let (Some(key), Some(value)) = (key, value)
                && labels.len() < MAX_ITEMS
            {
                labels.insert(key, value);
            }
        }
        Ok(Self(labels))
    }
}

deserialize_by_shape!(borrowed Labels Titles; owned Lines Count Failures Failure);

pub(crate) fn explained(text: &str) -> FailureDetail {
    FailureDetail {
        expanded: split_lines(text),
        backtrace: Vec::new(),
    }
}

/// Drops blank lines at the start and the end.
pub(crate) fn split_lines(text: &str) -> Vec<String> {
    let mut lines = BoundedLines::new();
    lines.extend(
        text.trim_end()
            .lines()
            .skip_while(|line| line.trim().is_empty()),
    );
    lines.into_lines()
}

/// The first line that is not blank, trimmed.
pub(crate) fn first_line(text: &str) -> Option<String> {
    text.lines()
        .map(str::trim)
        .find(|line| !line.is_empty())
        .map(str::to_owned)
}
