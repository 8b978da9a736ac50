//! The full ID of a git object: 20 bytes (SHA-1) or 32 (SHA-256).
//!
//! Only such IDs reach a git command line or standard input. Stored inline, because a walk holds
//! many of them.

use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};

const MAX_BYTES: usize = 32;

/// A full object ID, printed as lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectId {
    bytes: [u8; MAX_BYTES],
    length: u8,
}

/// The text is not 40 or 64 hexadecimal digits. Holds its first 80 characters.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a full commit SHA: {0:?}")]
pub struct InvalidObjectId(String);

impl ObjectId {
    /// Parses 40 or 64 hexadecimal digits, in either case.
    pub(crate) fn from_hex(digits: &[u8]) -> Option<Self> {
        let length: u8 = match digits.len() {
            40 => 20,
            64 => 32,
            _ => return None,
        };
        let mut bytes = [0; MAX_BYTES];
        hex::decode_to_slice(digits, &mut bytes[..usize::from(length)]).ok()?;
        Some(Self { bytes, length })
    }

    pub(crate) fn is_sha256(&self) -> bool {
        self.length == 32
    }

    /// Whether all digits are 0, which stands for "none" in reflogs and raw diffs.
    pub(crate) fn is_null(&self) -> bool {
        self.bytes == [0; MAX_BYTES]
    }
}

impl FromStr for ObjectId {
    type Err = InvalidObjectId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::from_hex(text.as_bytes())
            .ok_or_else(|| InvalidObjectId(text.chars().take(80).collect()))
    }
}

impl fmt::Display for ObjectId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(&hex::encode(&self.bytes[..usize::from(self.length)]))
    }
}

impl fmt::Debug for ObjectId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

impl Serialize for ObjectId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// One ID per line, for a git that reads its arguments from standard input.
pub(crate) fn id_lines<'a>(ids: impl IntoIterator<Item = &'a ObjectId>) -> Vec<u8> {
    let mut lines = Vec::new();
    for id in ids {
        lines.extend_from_slice(id.to_string().as_bytes());
        lines.push(b'\n');
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_lengths_round_trip_in_lower_case() {
        for hex in [
            "0123456789abcdef0123456789ABCDEF01234567".to_owned(),
            "aB".repeat(32),
        ] {
            let id: ObjectId = hex.parse().unwrap();
            assert_eq!(id.to_string(), hex.to_lowercase());
            assert_eq!(id.is_sha256(), hex.len() == 64);
        }
    }

    #[test]
    fn rejects_everything_else() {
        for text in [
            "",
            "HEAD",
            "--all",
            "abc123",
            &"a".repeat(39),
            &"a".repeat(41),
            &"g".repeat(40),
            &"é".repeat(20),
        ] {
            assert!(text.parse::<ObjectId>().is_err(), "{text}");
        }
    }

    #[test]
    fn null_ids_of_both_lengths_differ() {
        let short: ObjectId = "0".repeat(40).parse().unwrap();
        let long: ObjectId = "0".repeat(64).parse().unwrap();
        assert_ne!(short, long);
        assert!(short.is_null() && long.is_null());
    }
}
