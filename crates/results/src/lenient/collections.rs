//! Lenient lists and maps of strings, and the texts of failures.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, SeqAccess};
use serde::{Deserialize, Deserializer};
use serde_json::Number as JsonNumber;

use super::{Found, Label, Shape, ShapeVisitor, deserialize_by_shape};
use crate::bounded::{self, BoundedLines, MAX_TEXT_BYTES, bytes_of_line, cut_note};
use crate::model::FailureDetail;

/// Titles and labels of one result that are read. Nobody writes as many.
const MAX_ITEMS: usize = 1_000;

/// Titles, outermost first, separated by spaces. Skips values that are not strings.
///
/// Joined while they are read: those of all tests of a file would be as many lists in memory.
#[derive(Debug, Default)]
pub(crate) struct Titles<'a> {
    text: Cow<'a, str>,
    count: usize,
    /// Where the first titles end in the text, in bytes.
    ends: [usize; 3],
    /// The ends of further titles.
    more_ends: Vec<usize>,
}

impl<'a> Titles<'a> {
    /// A single title stays borrowed.
    pub(crate) fn joined(self) -> Cow<'a, str> {
        match self.text {
            Cow::Borrowed(text) => Cow::Borrowed(text),
            Cow::Owned(mut text) => {
                text.shrink_to_fit();
                Cow::Owned(text)
            }
        }
    }

    /// The groups that the titles name, as paths: from the outermost, which has no title, to the
    /// innermost.
    pub(crate) fn groups(&self) -> impl Iterator<Item = (usize, String)> {
        let ends = self.ends.iter().chain(&self.more_ends).take(self.count);
        let mut path = String::new();
        let mut start = 0;
        let named = ends.enumerate().map(move |(index, &end)| {
            if index > 0 {
                path.push('\0');
            }
            path.push_str(self.text.get(start..end).unwrap_or_default());
            start = end + 1;
            (index + 1, path.clone())
        });
        std::iter::once((0, String::new())).chain(named)
    }

    fn push(&mut self, title: Cow<'a, str>) {
        if self.count == 0 {
            self.text = title;
        } else {
            if let Cow::Borrowed(first) = self.text {
                let mut text = String::with_capacity(first.len() + 1 + title.len());
                text.push_str(first);
                self.text = Cow::Owned(text);
            }
            let text = self.text.to_mut();
            text.push(' ');
            text.push_str(&title);
        }
        match self.ends.get_mut(self.count) {
            Some(end) => *end = self.text.len(),
            None => self.more_ends.push(self.text.len()),
        }
        self.count += 1;
    }
}

impl<'de: 'a, 'a> Shape<'de> for Titles<'a> {
    fn other(_: Found) -> Self {
        Self::default()
    }

    fn array<A: SeqAccess<'de>>(mut items: A) -> Result<Self, A::Error> {
        let mut titles = Self::default();
        while let Some(Label(title)) = items.next_element()? {
            if let Some(title) = title
                && titles.count < MAX_ITEMS
            {
                titles.push(title);
            }
        }
        Ok(titles)
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
        while let Some(IsLabel(is_label)) = items.next_element()? {
            count += usize::from(is_label);
        }
        Ok(Self(count))
    }
}

/// Whether a value would be a [`Label`].
#[derive(Debug, Default)]
struct IsLabel(bool);

impl Shape<'_> for IsLabel {
    fn other(_: Found) -> Self {
        Self(false)
    }

    fn boolean(_: bool) -> Self {
        Self(true)
    }

    fn number(_: JsonNumber) -> Self {
        Self(true)
    }

    fn text(_: Cow<'_, str>) -> Self {
        Self(true)
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

deserialize_by_shape!(borrowed Labels Titles; owned Lines Count IsLabel Failures Failure);

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_of_titles_are_told_apart() {
        let groups = |titles: &str| {
            let titles: Titles<'_> = serde_json::from_str(titles).unwrap();
            let groups: Vec<_> = titles.groups().collect();
            (groups, titles.joined().into_owned())
        };
        let path = |titles: &[&str]| (titles.len(), titles.join("\0"));
        assert_eq!(groups("[]"), (vec![path(&[])], String::new()));
        assert_eq!(
            groups(r#"[""]"#),
            (vec![path(&[]), path(&[""])], String::new())
        );
        assert_eq!(
            groups(r#"["a b", "c"]"#),
            (
                vec![path(&[]), path(&["a b"]), path(&["a b", "c"])],
                "a b c".to_owned()
            )
        );
        let (found, joined) = groups(r#"["a", null, "\"b\"", 3, "d", "", "f"]"#);
        assert_eq!(joined, "a \"b\" 3 d  f");
        assert_eq!(found.len(), 7);
        assert_eq!(
            found.last(),
            Some(&path(&["a", "\"b\"", "3", "d", "", "f"]))
        );
    }
}
