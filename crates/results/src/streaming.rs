//! Reads JSON arrays element by element, so that a report is never in memory as a whole.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{DeserializeSeed, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::document::{Document, Top};
use crate::lenient::Text;
use crate::model::ParseError;

/// [`Detail`](crate::Detail) as a type, so that a format's structs skip what they do not need.
pub(crate) trait DetailLevel: Default {
    const FULL: bool;
}

#[derive(Debug, Default)]
pub(crate) struct FullDetail;

impl DetailLevel for FullDetail {
    const FULL: bool = true;
}

#[derive(Debug, Default)]
pub(crate) struct OutcomesOnly;

impl DetailLevel for OutcomesOnly {
    const FULL: bool = false;
}

/// A value that is skipped unless the detail is full.
#[derive(Debug, Default)]
pub(crate) struct IfFull<T, L>(pub(crate) T, PhantomData<L>);

impl<'de, T: Deserialize<'de> + Default, L: DetailLevel> Deserialize<'de> for IfFull<T, L> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = if L::FULL {
            T::deserialize(deserializer)?
        } else {
            IgnoredAny::deserialize(deserializer)?;
            T::default()
        };
        Ok(Self(value, PhantomData))
    }
}

/// Calls a function with each element of an array.
pub(crate) struct Each<'c, T, F> {
    expected: &'static str,
    apply: &'c mut F,
    element: PhantomData<T>,
}

impl<'c, T, F: FnMut(T)> Each<'c, T, F> {
    /// `expected` describes the array in errors, such as "an array of examples".
    pub(crate) fn new(expected: &'static str, apply: &'c mut F) -> Self {
        Self {
            expected,
            apply,
            element: PhantomData,
        }
    }
}

impl<'de, T: Deserialize<'de>, F: FnMut(T)> DeserializeSeed<'de> for Each<'_, T, F> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de, T: Deserialize<'de>, F: FnMut(T)> Visitor<'de> for Each<'_, T, F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.expected)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        while let Some(item) = items.next_element()? {
            (self.apply)(item);
        }
        Ok(())
    }
}

/// A report that is one JSON object with its results in an array.
pub(crate) trait ReportObject<'de> {
    /// The key of the array; required.
    const ITEMS: &'static str;
    /// Completes "is this a report of …?" in the error for a report without that key.
    const PRODUCER: &'static str;

    /// Reads the array.
    fn items<A: MapAccess<'de>>(&mut self, members: &mut A) -> Result<(), A::Error>;

    /// Reads or skips the value of another key.
    fn other<A: MapAccess<'de>>(&mut self, key: &str, members: &mut A) -> Result<(), A::Error>;
}

pub(crate) fn read_object<'a, R: ReportObject<'a>>(
    document: &Document<'a>,
    report: &mut R,
) -> Result<(), ParseError> {
    let expected = format!("an object with the key \"{}\"", R::ITEMS);
    document.read_json(Top::Object, &expected, Members(report))
}

struct Members<'r, R>(&'r mut R);

impl<'de, R: ReportObject<'de>> DeserializeSeed<'de> for Members<'_, R> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de, R: ReportObject<'de>> Visitor<'de> for Members<'_, R> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a report of {}", R::PRODUCER)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        let mut has_items = false;
        while let Some(key) = members.next_key::<Text<'_>>()? {
            match key.non_empty() {
                Some(key) if key == R::ITEMS => {
                    if has_items {
                        return Err(A::Error::duplicate_field(R::ITEMS));
                    }
                    has_items = true;
                    self.0.items(&mut members)?;
                }
                key => self.0.other(&key.unwrap_or_default(), &mut members)?,
            }
        }
        if has_items {
            Ok(())
        } else {
            Err(A::Error::custom(format_args!(
                "the key \"{}\" is missing; is this a report of {}?",
                R::ITEMS,
                R::PRODUCER
            )))
        }
    }
}

/// Skips the value of an unknown key.
pub(crate) fn skip<'de, A: MapAccess<'de>>(members: &mut A) -> Result<(), A::Error> {
    members.next_value::<IgnoredAny>().map(|_| ())
}
