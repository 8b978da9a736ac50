//! JSON values that take whatever they meet and remember what it was.
//!
//! A value of the wrong kind inside one result must not make the whole file unreadable, so the
//! fields of a result are of these types: each accepts any JSON value and keeps it, ignores it, or
//! says what it found. Texts are borrowed from the file wherever they hold no escapes.

mod each;
mod extent;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Number as JsonNumber;
use test_engine_duration::Micros;

use crate::intake::plausible_duration;
use crate::model::FailureDetail;

pub(crate) use each::Each;
pub(crate) use extent::{Brief, Extent, Kept, Whole};

/// The kind of a JSON value that was not what a field wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    Null,
    Boolean,
    Number,
    Text,
    Array,
    Object,
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Null => "null",
            Self::Boolean => "true or false",
            Self::Number => "a number",
            Self::Text => "a text",
            Self::Array => "an array",
            Self::Object => "an object",
        })
    }
}

/// A type that can be made of any JSON value; the kinds that it does not name become `other`.
trait Shape<'de>: Sized {
    fn other(found: Found) -> Self;

    fn boolean(_: bool) -> Self {
        Self::other(Found::Boolean)
    }

    fn number(_: JsonNumber) -> Self {
        Self::other(Found::Number)
    }

    fn text(_: Cow<'de, str>) -> Self {
        Self::other(Found::Text)
    }

    fn array<A: SeqAccess<'de>>(mut items: A) -> Result<Self, A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Self::other(Found::Array))
    }

    fn object<A: MapAccess<'de>>(mut members: A) -> Result<Self, A::Error> {
        while members.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Self::other(Found::Object))
    }
}

struct ShapeVisitor<T>(PhantomData<T>);

impl<'de, T: Shape<'de>> Visitor<'de> for ShapeVisitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<T, E> {
        Ok(T::other(Found::Null))
    }

    fn visit_bool<E>(self, value: bool) -> Result<T, E> {
        Ok(T::boolean(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<T, E> {
        Ok(T::number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<T, E> {
        Ok(T::number(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<T, E> {
        Ok(JsonNumber::from_f64(value).map_or_else(|| T::other(Found::Number), T::number))
    }

    fn visit_borrowed_str<E>(self, value: &'de str) -> Result<T, E> {
        Ok(T::text(Cow::Borrowed(value)))
    }

    fn visit_str<E>(self, value: &str) -> Result<T, E> {
        Ok(T::text(Cow::Owned(value.to_owned())))
    }

    fn visit_string<E>(self, value: String) -> Result<T, E> {
        Ok(T::text(Cow::Owned(value)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<T, A::Error> {
        T::array(items)
    }

    fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<T, A::Error> {
        T::object(members)
    }
}

/// A text; null counts as missing.
#[derive(Debug, Default)]
pub(crate) enum Text<'a> {
    #[default]
    Missing,
    Is(Cow<'a, str>),
    Wrong(Found),
}

impl<'a> Text<'a> {
    /// The text of a field that must be there.
    pub(crate) fn required(self, field: &str) -> Result<Cow<'a, str>, String> {
        match self {
            Self::Missing => Err(format!("{field} is missing")),
            Self::Is(text) => Ok(text),
            Self::Wrong(found) => Err(format!("{field} is {found}, expected a text")),
        }
    }

    /// The text of a field that may be missing but must not be anything else.
    pub(crate) fn or_empty(self, field: &str) -> Result<Cow<'a, str>, String> {
        match self {
            Self::Missing => Ok(Cow::Borrowed("")),
            other => other.required(field),
        }
    }

    /// The text, if there is one that is not empty; anything else is passed over.
    pub(crate) fn given(self) -> Option<Cow<'a, str>> {
        match self {
            Self::Is(text) if !text.is_empty() => Some(text),
            _ => None,
        }
    }

    /// As [`Text::given`], owned.
    pub(crate) fn kept(self) -> Option<String> {
        self.given().map(Cow::into_owned)
    }
}

impl<'de: 'a, 'a> Shape<'de> for Text<'a> {
    fn other(found: Found) -> Self {
        match found {
            Found::Null => Self::Missing,
            found => Self::Wrong(found),
        }
    }

    fn text(text: Cow<'de, str>) -> Self {
        Self::Is(text)
    }
}

/// A text, or a number or boolean written as one: ids and tag values.
#[derive(Debug, Default)]
pub(crate) struct Label<'a>(pub(crate) Option<Cow<'a, str>>);

impl<'a> Label<'a> {
    /// The label, if it is not empty.
    pub(crate) fn given(self) -> Option<Cow<'a, str>> {
        self.0.filter(|text| !text.is_empty())
    }
}

impl<'de: 'a, 'a> Shape<'de> for Label<'a> {
    fn other(_: Found) -> Self {
        Self(None)
    }

    fn boolean(value: bool) -> Self {
        Self(Some(value.to_string().into()))
    }

    fn number(number: JsonNumber) -> Self {
        Self(Some(number.to_string().into()))
    }

    fn text(text: Cow<'de, str>) -> Self {
        Self(Some(text))
    }
}

/// A number, or a text that is one; anything else counts as missing.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Number(pub(crate) Option<f64>);

impl Number {
    /// The number as a line or count; `None` unless it is whole and not negative.
    pub(crate) fn whole(self) -> Option<u64> {
        // Exact up to 2^53, far beyond any line or count.
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "the range is checked"
        )]
        self.0
            .filter(|number| (0.0..=9_007_199_254_740_992.0).contains(number))
            .filter(|number| number.fract() == 0.0)
            .map(|number| number as u64)
    }
}

impl Number {
    /// As a duration, if it is plausible.
    pub(crate) fn of_seconds(self) -> Option<Micros> {
        self.0.and_then(plausible_duration)
    }

    /// As a duration, if it is plausible.
    pub(crate) fn of_milliseconds(self) -> Option<Micros> {
        self.0
            .and_then(|milliseconds| plausible_duration(milliseconds / 1e3))
    }
}

impl<'de> Shape<'de> for Number {
    fn other(_: Found) -> Self {
        Self(None)
    }

    fn number(number: JsonNumber) -> Self {
        Self(number.as_f64())
    }

    fn text(text: Cow<'de, str>) -> Self {
        Self(text.trim().parse().ok())
    }
}

/// True only for `true`.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Flag(pub(crate) Option<bool>);

impl Shape<'_> for Flag {
    fn other(_: Found) -> Self {
        Self(None)
    }

    fn boolean(value: bool) -> Self {
        Self(Some(value))
    }
}

/// An object, or what was there instead of one.
#[derive(Debug)]
pub(crate) enum Item<T> {
    Object(T),
    Wrong(Found),
}

impl<T> Default for Item<T> {
    fn default() -> Self {
        Self::Wrong(Found::Null)
    }
}

impl<T> Item<T> {
    /// The object, or words for what is wrong.
    pub(crate) fn object(self) -> Result<T, String> {
        match self {
            Self::Object(object) => Ok(object),
            Self::Wrong(found) => Err(format!("expected an object, found {found}")),
        }
    }
}

impl<T: Default> Item<T> {
    /// The object, or an empty one.
    pub(crate) fn or_default(self) -> T {
        match self {
            Self::Object(object) => object,
            Self::Wrong(_) => T::default(),
        }
    }
}

impl<'de, T: Deserialize<'de>> Shape<'de> for Item<T> {
    fn other(found: Found) -> Self {
        Self::Wrong(found)
    }

    fn object<A: MapAccess<'de>>(members: A) -> Result<Self, A::Error> {
        T::deserialize(MapAccessDeserializer::new(members)).map(Self::Object)
    }
}

/// Titles, outermost first; what is not a text is passed over.
#[derive(Debug, Default)]
pub(crate) struct Titles<'a>(pub(crate) Vec<Cow<'a, str>>);

impl<'a> Titles<'a> {
    /// All titles with a blank in between; a single one stays borrowed.
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
            titles.extend(title);
        }
        Ok(Self(titles))
    }
}

/// Lines of text: an array of them, or one text that is split.
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
        let mut lines = Vec::new();
        while let Some(Label(line)) = items.next_element()? {
            lines.extend(line.map(Cow::into_owned));
        }
        Ok(Self(lines))
    }
}

/// The list of long failure explanations; empty ones are dropped.
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
        while let Some(Failure(failure)) = items.next_element()? {
            if failure != FailureDetail::default() {
                failures.push(failure);
            }
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

/// A map of texts; the last of equal keys wins.
#[derive(Debug, Default)]
pub(crate) struct Labels<'a>(pub(crate) BTreeMap<Cow<'a, str>, Cow<'a, str>>);

impl Labels<'_> {
    /// The map, owned.
    pub(crate) fn kept(self) -> BTreeMap<String, String> {
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
            if let (Some(key), Some(value)) = (key, value) {
                labels.insert(key, value);
            }
        }
        Ok(Self(labels))
    }
}

macro_rules! deserialize_by_shape {
    (borrowed $($name:ident)+; owned $($owned:ident)+) => {
        $(impl<'de: 'a, 'a> Deserialize<'de> for $name<'a> {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_any(ShapeVisitor(PhantomData))
            }
        })+
        $(impl<'de> Deserialize<'de> for $owned {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_any(ShapeVisitor(PhantomData))
            }
        })+
    };
}

deserialize_by_shape!(borrowed Text Label Labels Titles; owned Number Flag Lines Failures Failure);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Item<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ShapeVisitor(PhantomData))
    }
}

/// A text as the lines of a failure.
pub(crate) fn explained(text: &str) -> FailureDetail {
    FailureDetail {
        expanded: split_lines(text),
        backtrace: Vec::new(),
    }
}

/// The lines of a text, without blank ones at either end.
pub(crate) fn split_lines(text: &str) -> Vec<String> {
    let end = text.trim_end().len();
    text.get(..end)
        .unwrap_or_default()
        .lines()
        .skip_while(|line| line.trim().is_empty())
        .map(str::to_owned)
        .collect()
}

/// The first line that says something.
pub(crate) fn first_line(text: &str) -> Option<String> {
    text.lines()
        .map(str::trim)
        .find(|line| !line.is_empty())
        .map(str::to_owned)
}
