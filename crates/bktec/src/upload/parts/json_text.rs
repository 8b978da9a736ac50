//! Finds the positions of values in a JSON text.

use std::fmt;
use std::ops::Range;

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

pub(super) struct Member<'a> {
    pub(super) key: String,
    pub(super) value: &'a str,
}

/// The members of an object in order; `None` for other values.
pub(super) fn members(object: &str) -> Option<Vec<Member<'_>>> {
    serde_json::from_str::<Members<'_>>(object)
        .ok()
        .map(|members| members.0)
}

/// The items of an array in order; `None` for other values.
pub(super) fn items(array: &str) -> Option<Vec<&str>> {
    let items: Vec<&RawValue> = serde_json::from_str(array).ok()?;
    Some(items.into_iter().map(RawValue::get).collect())
}

/// The only member with this key; `None` if there are several or none.
pub(super) fn only<'m, 'a>(members: &'m [Member<'a>], key: &str) -> Option<&'m Member<'a>> {
    let mut found = members.iter().filter(|member| member.key == key);
    let first = found.next()?;
    found.next().is_none().then_some(first)
}

/// The position between the brackets of `array`, which must be a slice of `whole`.
pub(super) fn inside(whole: &str, array: &str) -> Range<usize> {
    let range = range_in(whole, array);
    range.start + 1..range.end - 1
}

/// The position of `inner`, which must be a slice of `whole`.
pub(super) fn range_in(whole: &str, inner: &str) -> Range<usize> {
    let start = inner.as_ptr().addr() - whole.as_ptr().addr();
    start..start + inner.len()
}

struct Members<'a>(Vec<Member<'a>>);

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct MembersVisitor;

        impl<'de> Visitor<'de> for MembersVisitor {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(
                self,
                mut entries: A,
            ) -> Result<Members<'de>, A::Error> {
                let mut members = Vec::new();
                while let Some((key, value)) = entries.next_entry::<String, &'de RawValue>()? {
                    members.push(Member {
                        key,
                        value: value.get(),
                    });
                }
                Ok(Members(members))
            }
        }

        deserializer.deserialize_map(MembersVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_positions_of_values() {
        let text = r#" {"a": [1, {"b":2} ,"é"], "a": null, "c":3}"#;
        let found = members(text).unwrap();
        let keys: Vec<_> = found.iter().map(|member| member.key.as_str()).collect();
        assert_eq!(keys, ["a", "a", "c"]);
        let items = items(found[0].value).unwrap();
        assert_eq!(items, ["1", r#"{"b":2}"#, r#""é""#]);
        assert_eq!(&text[range_in(text, items[1])], r#"{"b":2}"#);
        assert!(only(&found, "a").is_none() && only(&found, "b").is_none());
        assert_eq!(only(&found, "c").unwrap().value, "3");
        assert!(members("[]").is_none() && super::items("{}").is_none());
    }

    #[test]
    fn does_not_reject_unpaired_surrogates() {
        assert_eq!(items(r#"["\ud83d"]"#).unwrap(), [r#""\ud83d""#]);
    }
}
