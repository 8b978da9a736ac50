//! The fields `run_env` and `tags` of an upload, as they are read from its body.
//!
//! Senders write whole environments and files into them. Of each value only the start is kept,
//! before a copy of it is in memory; [`super::run_env`] and [`super::tags`] cut or drop such values
//! and say so. Long texts end with their hash, so that different uploads stay different.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::{self, Write as _};

use serde::Deserialize;
use serde::de::{Deserializer, Error as _, MapAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;
use sha2::{Digest as _, Sha256};

use super::long_strings::place_to_cut;
use super::run_env::truncated;

const MAX_FIELDS: usize = 10_000;
/// Longer names are invalid in both fields.
const MAX_NAME_BYTES: usize = 1_024;
/// More than is kept of any value.
const MAX_VALUE_BYTES: usize = 16 * 1_024;
/// Of all names and values, with what a field takes in memory. Further values are cut to a hash.
const MAX_TOTAL_BYTES: usize = 2 * 1_024 * 1_024;
const FIELD_OVERHEAD: usize = 100;
/// Of JSON, which has up to six bytes for a byte of text.
const MAX_JSON_BYTES: usize = 6 * MAX_VALUE_BYTES;

#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct SentFields {
    texts: BTreeMap<String, String>,
    bytes: usize,
}

/// There are more than [`MAX_FIELDS`].
#[derive(Debug, thiserror::Error)]
#[error("it has more than {MAX_FIELDS} keys")]
pub(crate) struct TooManyFields;

impl SentFields {
    /// The last of equal names wins. Bytes that are not UTF-8 are replaced by U+FFFD.
    pub(crate) fn insert(
        &mut self,
        name: &str,
        value: impl AsRef<[u8]>,
    ) -> Result<(), TooManyFields> {
        let value = value.as_ref();
        let start = start_of_text(value, MAX_VALUE_BYTES);
        let short = truncated(&start, self.room());
        let short = if start.len() < value.len() || short.len() < start.len() {
            with_hash(short, value)
        } else {
            short.to_owned()
        };
        self.insert_short(name, short)
    }

    /// `null` removes the field. Values that are not strings become JSON.
    fn insert_json(&mut self, name: &str, json: &str) -> Result<(), TooManyFields> {
        if json.len() <= MAX_JSON_BYTES {
            return match serde_json::from_str(json) {
                Ok(Value::String(text)) => self.insert(name, &text),
                Ok(Value::Null) | Err(_) => {
                    self.texts.remove(name);
                    Ok(())
                }
                Ok(other) => self.insert(name, other.to_string()),
            };
        }
        let start = if json.starts_with('"') {
            start_of_string(json)
        } else {
            truncated(json, MAX_VALUE_BYTES).to_owned()
        };
        let short = with_hash(truncated(&start, self.room()), json.as_bytes());
        self.insert_short(name, short)
    }

    fn room(&self) -> usize {
        MAX_VALUE_BYTES.min(MAX_TOTAL_BYTES.saturating_sub(self.bytes))
    }

    fn insert_short(&mut self, name: &str, value: String) -> Result<(), TooManyFields> {
        let short = truncated(name, MAX_NAME_BYTES);
        let name = if short.len() < name.len() {
            with_hash(short, name.as_bytes())
        } else {
            short.to_owned()
        };
        self.bytes += name.len() + value.len() + FIELD_OVERHEAD;
        self.texts.insert(name, value);
        if self.texts.len() > MAX_FIELDS {
            return Err(TooManyFields);
        }
        Ok(())
    }

    pub(crate) fn into_texts(self) -> BTreeMap<String, String> {
        self.texts
    }
}

/// Up to about `limit` bytes, not cut in a character.
fn start_of_text(bytes: &[u8], limit: usize) -> Cow<'_, str> {
    let mut end = bytes.len().min(limit);
    // A character has at most three such bytes.
    for _ in 0..3 {
        if bytes.get(end).is_some_and(|byte| byte & 0xC0 == 0x80) {
            end -= 1;
        }
    }
    String::from_utf8_lossy(&bytes[..end])
}

/// Of a JSON string that is longer than [`MAX_JSON_BYTES`].
fn start_of_string(json: &str) -> String {
    let cut = place_to_cut(json.as_bytes(), 1, MAX_JSON_BYTES);
    let string = format!("{}\"", &json[..cut]);
    serde_json::from_str(&string).unwrap_or_default()
}

/// A JSON string, which may be shortened to its start and its hash.
fn name(json: &str) -> serde_json::Result<String> {
    if json.len() <= MAX_JSON_BYTES {
        return serde_json::from_str(json);
    }
    let start = start_of_string(json);
    Ok(with_hash(
        truncated(&start, MAX_NAME_BYTES),
        json.as_bytes(),
    ))
}

fn with_hash(start: &str, whole: &[u8]) -> String {
    let mut short = format!("{start}…");
    for byte in Sha256::digest(whole) {
        // Writing to a string cannot fail.
        let _ = write!(short, "{byte:02x}");
    }
    short
}

impl<'de> Deserialize<'de> for SentFields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct FieldsVisitor;

        impl<'de> Visitor<'de> for FieldsVisitor {
            type Value = SentFields;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a map")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<SentFields, A::Error> {
                let mut fields = SentFields::default();
                while let Some(key) = members.next_key::<&RawValue>()? {
                    let name = name(key.get()).map_err(A::Error::custom)?;
                    let json = members.next_value::<&RawValue>()?.get();
                    // A list or an object identifies no run.
                    if name == "key" && json.starts_with(['[', '{']) {
                        continue;
                    }
                    fields.insert_json(&name, json).map_err(A::Error::custom)?;
                }
                Ok(fields)
            }
        }

        deserializer.deserialize_map(FieldsVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> BTreeMap<String, String> {
        serde_json::from_str::<SentFields>(json)
            .unwrap()
            .into_texts()
    }

    #[test]
    fn values_become_texts() {
        let json = r#"{"a":"x\n","b":1,"c":{"d":[null]},"key":[1],"n":1,"n":null,"a ":true}"#;
        let expected = [
            ("a", "x\n"),
            ("a ", "true"),
            ("b", "1"),
            ("c", r#"{"d":[null]}"#),
        ];
        let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(read(json), BTreeMap::from(expected));
    }

    #[test]
    fn long_values_are_cut_and_stay_different() {
        for piece in ["x", "é", "\\n", "\\ud83d\\ude00", "[1]"] {
            let many = piece.repeat(100_000);
            let value = |end: &str| match piece {
                "[1]" => format!("[{}{end}]", "[1],".repeat(100_000)),
                _ => format!("\"{many}{end}\""),
            };
            let (one, other) = (value("1"), value("2"));
            let long = format!("k\\n{}", "k".repeat(100_000));
            let fields = read(&format!(r#"{{"a":{one},"b":{other},"{long}":1}}"#));
            assert!(fields["a"].len() > MAX_VALUE_BYTES / 2, "{piece}");
            assert!(fields["a"].len() < MAX_VALUE_BYTES + 100, "{piece}");
            assert_ne!(fields["a"], fields["b"], "{piece}");
            assert!(fields.keys().all(|name| name.len() < MAX_NAME_BYTES + 100));
            assert_eq!(fields.len(), 3);
        }
    }

    #[test]
    fn bytes_that_are_not_utf_8_are_replaced() {
        let mut fields = SentFields::default();
        fields.insert("short", b"caf\xE9".as_slice()).unwrap();
        let long = [b"\xE9".repeat(1_000_000), b"1".to_vec()].concat();
        fields.insert("long", &long).unwrap();
        for shift in 0..4 {
            let text = format!("{}{}", "x".repeat(shift), "😀".repeat(10_000));
            fields.insert(&shift.to_string(), text).unwrap();
        }
        let texts = fields.into_texts();
        assert_eq!(texts["short"], "caf\u{FFFD}");
        assert!(texts["long"].len() < MAX_VALUE_BYTES + 100);
        for shift in 0..4 {
            let text = &texts[&shift.to_string()];
            assert!(!text.contains('\u{FFFD}'), "{shift}");
            assert!(text.len() > MAX_VALUE_BYTES - 10, "{shift}");
        }
    }

    #[test]
    fn all_fields_together_are_bounded() {
        let mut fields = SentFields::default();
        for number in 0..MAX_FIELDS {
            fields
                .insert(&number.to_string(), "x".repeat(20_000))
                .unwrap();
        }
        assert!(fields.bytes < 2 * MAX_TOTAL_BYTES, "{}", fields.bytes);
        assert!(fields.insert("one more", "").is_err());
    }
}
