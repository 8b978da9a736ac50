//! Reads nested values from JSON objects only; serde would also take the elements of an array for
//! the fields of a struct, in their order.

use std::fmt;
use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeSeed, Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// A field with an object.
pub fn one<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    Object(PhantomData).deserialize(deserializer)
}

/// A field with an object or null.
pub fn optional<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    let object: Option<Whole<T>> = Option::deserialize(deserializer)?;
    Ok(object.map(|Whole(object)| object))
}

/// A field with a list of objects. Null is an empty list: Go servers and clients write it so.
pub fn list<'de, D, T>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    deserializer.deserialize_any(List(PhantomData))
}

struct Whole<T>(T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Whole<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        one(deserializer).map(Self)
    }
}

struct Object<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> DeserializeSeed<'de> for Object<T> {
    type Value = T;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<T, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de, T: Deserialize<'de>> Visitor<'de> for Object<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map))
    }
}

struct List<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for List<T> {
    type Value = Vec<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of objects")
    }

    fn visit_unit<E: Error>(self) -> Result<Vec<T>, E> {
        Ok(Vec::new())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Vec<T>, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(Object(PhantomData))? {
            list.push(item);
        }
        Ok(list)
    }
}

#[cfg(test)]
mod tests {
    use crate::{NodeReport, PlanRequest, PlanTests};

    #[test]
    fn arrays_are_no_objects() {
        for body in [
            r#"{"tests": [[]]}"#,
            r#"{"tests": {"files": [["a.rb"]]}}"#,
            r#"{"tests": {"selectors": [{"value": "a"}, ["a"]]}}"#,
            r#"{"tests": {"examples": [["a", "b"]]}}"#,
            r#"{"tests": {"files": {}}}"#,
        ] {
            let error = serde_json::from_str::<PlanRequest>(body).unwrap_err();
            assert!(error.to_string().contains("object"), "{body}: {error}");
        }
        for body in [
            r#"{"population": ["digest", 1]}"#,
            r#"{"metadata": ["1"]}"#,
            r#"{"metadata": {"env": []}}"#,
            r#"{"targets": [["a"]]}"#,
            r#"{"excused_tests": [["a", "b"]]}"#,
        ] {
            assert!(serde_json::from_str::<NodeReport>(body).is_err(), "{body}");
        }
    }

    #[test]
    fn objects_and_null_lists_are_read() {
        let tests: PlanTests =
            serde_json::from_str(r#"{"files": null, "selectors": [{"value": "a"}]}"#).unwrap();
        assert!(tests.files.is_empty());
        assert_eq!(tests.selectors[0].value, "a");
        let report: NodeReport = serde_json::from_str(r#"{"metadata": null}"#).unwrap();
        assert_eq!(report.metadata, None);
    }
}
