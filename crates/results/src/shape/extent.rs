//! How much of a file is read.

use std::marker::PhantomData;

use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer};

/// Whether the costly values of a file are read.
pub(crate) trait Extent: Default {
    const FULL: bool;
}

/// They are.
#[derive(Debug, Default)]
pub(crate) struct Whole;

impl Extent for Whole {
    const FULL: bool = true;
}

/// They are not.
#[derive(Debug, Default)]
pub(crate) struct Brief;

impl Extent for Brief {
    const FULL: bool = false;
}

/// A value that is read only where the extent is full, and else passed over unread.
#[derive(Debug, Default)]
pub(crate) struct Kept<T, E>(pub(crate) T, PhantomData<E>);

impl<'de, T: Deserialize<'de> + Default, E: Extent> Deserialize<'de> for Kept<T, E> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = if E::FULL {
            T::deserialize(deserializer)?
        } else {
            IgnoredAny::deserialize(deserializer)?;
            T::default()
        };
        Ok(Self(value, PhantomData))
    }
}
