//! The name of a commit: 20 bytes (SHA-1) or 32 (SHA-256).
//!
//! Nothing that is not such a name ever reaches a git command line or a git standard input. Kept
//! inline and small, because a walk holds many.

use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};

const SHA1_BYTES: usize = 20;
const SHA256_BYTES: usize = 32;

/// A full object name; printed in lower-case hexadecimal.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectId {
    bytes: [u8; SHA256_BYTES],
    length: u8,
}

/// The text is not 40 or 64 hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a full commit SHA: {text:?}")]
pub struct InvalidObjectId {
    /// The start of what was given.
    pub text: String,
}

impl ObjectId {
    /// Reads 40 or 64 hexadecimal digits, in either case.
    pub fn from_hex(hex: &[u8]) -> Option<Self> {
        let length = match hex.len() {
            40 => SHA1_BYTES,
            64 => SHA256_BYTES,
            _ => return None,
        };
        let mut bytes = [0; SHA256_BYTES];
        for (byte, pair) in bytes.iter_mut().zip(hex.chunks_exact(2)) {
            *byte = (digit(pair[0])? << 4) | digit(pair[1])?;
        }
        Some(Self {
            bytes,
            length: u8::try_from(length).ok()?,
        })
    }

    /// Digits of the printed form: 40 or 64.
    pub fn hex_length(&self) -> usize {
        usize::from(self.length) * 2
    }

    /// All zero: how a reflog says that there was nothing before.
    pub fn is_null(&self) -> bool {
        self.bytes == [0; SHA256_BYTES]
    }
}

fn digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}

impl FromStr for ObjectId {
    type Err = InvalidObjectId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::from_hex(text.as_bytes()).ok_or_else(|| InvalidObjectId {
            text: text.chars().take(80).collect(),
        })
    }
}

impl fmt::Display for ObjectId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut hex = [0; SHA256_BYTES * 2];
        for (pair, byte) in hex.chunks_exact_mut(2).zip(self.bytes) {
            pair[0] = DIGITS[usize::from(byte >> 4)];
            pair[1] = DIGITS[usize::from(byte & 15)];
        }
        formatter.pad(std::str::from_utf8(&hex[..self.hex_length()]).map_err(|_| fmt::Error)?)
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
            assert_eq!(id.hex_length(), hex.len());
        }
    }

    #[test]
    fn anything_else_is_refused() {
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
    fn a_short_and_a_long_name_with_the_same_start_differ() {
        let short: ObjectId = "0".repeat(40).parse().unwrap();
        let long: ObjectId = "0".repeat(64).parse().unwrap();
        assert_ne!(short, long);
        assert!(short.is_null() && long.is_null());
    }
}
