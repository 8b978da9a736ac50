//! Types for JSON fields that accept any value.
//!
//! A value of the wrong type in one result must not make the whole file invalid. Each of these
//! types keeps the value, ignores it, or remembers which type it found instead. Strings without
//! escapes are borrowed from the file.

mod collections;

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Number as JsonNumber;
use test_engine_duration::Micros;

use crate::builder::plausible_duration;
pub(crate) use collections::{
    Count, Failures, Labels, Lines, Titles, explained, first_line, split_lines,
};

/// The type of an unexpected JSON value.
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
            Self::Boolean => "a boolean",
            Self::Number => "a number",
            Self::Text => "a string",
            Self::Array => "an array",
            Self::Object => "an object",
        })
    }
}

impl Found {
    pub(crate) fn instead_of_object(self) -> String {
        format!("expected an object, found {self}")
    }
}

/// A type that can be created from any JSON value. Types of values without a method here go to
/// `other`.
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

impl<T> ShapeVisitor<T> {
    const fn new() -> Self {
        Self(PhantomData)
    }
}

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

macro_rules! deserialize_by_shape {
    (borrowed $($name:ident)+; owned $($owned:ident)+) => {
        $(impl<'de: 'a, 'a> Deserialize<'de> for $name<'a> {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_any(ShapeVisitor::new())
            }
        })+
        $(impl<'de> Deserialize<'de> for $owned {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_any(ShapeVisitor::new())
            }
        })+
    };
}
pub(crate) use deserialize_by_shape;

deserialize_by_shape!(borrowed Text Label; owned Number Flag);

/// A string; null counts as missing.
#[derive(Debug, Default)]
pub(crate) enum Text<'a> {
    #[default]
    Missing,
    Is(Cow<'a, str>),
    Wrong(Found),
}

impl<'a> Text<'a> {
    /// The string, or an error that names the field.
    pub(crate) fn required(self, field: &str) -> Result<Cow<'a, str>, String> {
        match self {
            Self::Missing => Err(format!("{field} is missing")),
            Self::Is(text) => Ok(text),
            Self::Wrong(found) => Err(format!("{field} is {found}, expected a string")),
        }
    }

    /// The string, or an empty one if it is missing. Other types are an error.
    pub(crate) fn or_empty(self, field: &str) -> Result<Cow<'a, str>, String> {
        match self {
            Self::Missing => Ok(Cow::Borrowed("")),
            other => other.required(field),
        }
    }

    /// `None` for missing and empty strings, and for other types.
    pub(crate) fn non_empty(self) -> Option<Cow<'a, str>> {
        match self {
            Self::Is(text) if !text.is_empty() => Some(text),
            _ => None,
        }
    }

    pub(crate) fn into_string(self) -> Option<String> {
        self.non_empty().map(Cow::into_owned)
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

/// A string, or a number or boolean converted to one: for ids and tag values.
#[derive(Debug, Default)]
pub(crate) struct Label<'a>(pub(crate) Option<Cow<'a, str>>);

impl<'a> Label<'a> {
    pub(crate) fn non_empty(self) -> Option<Cow<'a, str>> {
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

/// A number or a numeric string; anything else counts as missing.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Number(pub(crate) Option<f64>);

impl Number {
    /// As a line number or a count: `None` unless it is a non-negative integer.
    pub(crate) fn whole(self) -> Option<u64> {
        // Exact up to 2^53.
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
    /// `None` if it is not plausible.
    pub(crate) fn of_seconds(self) -> Option<Micros> {
        self.0.and_then(plausible_duration)
    }

    /// `None` if it is not plausible.
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

/// An object, or the type of the value found instead.
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
    /// The object, or an error message.
    pub(crate) fn object(self) -> Result<T, String> {
        match self {
            Self::Object(object) => Ok(object),
            Self::Wrong(found) => Err(found.instead_of_object()),
        }
    }
}

impl<T: Default> Item<T> {
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

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Item<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ShapeVisitor::new())
    }
}
