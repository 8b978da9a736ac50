//! Arrays that are read element by element.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{DeserializeSeed, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// Reads an array and hands on each element as it comes, so that the array is never held.
pub(crate) struct Each<'c, T, F> {
    wanted: &'static str,
    apply: &'c mut F,
    element: PhantomData<T>,
}

impl<'c, T, F: FnMut(T)> Each<'c, T, F> {
    /// `wanted` is what errors call the array, such as "an array of examples".
    pub(crate) fn new(wanted: &'static str, apply: &'c mut F) -> Self {
        Self {
            wanted,
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
        f.write_str(self.wanted)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        while let Some(item) = items.next_element()? {
            (self.apply)(item);
        }
        Ok(())
    }
}
