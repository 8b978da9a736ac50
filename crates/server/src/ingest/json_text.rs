//! Decodes a JSON string that contains a result file: it may be most of the memory of a request.

use std::io::{self, Write as _};

use axum::body::Bytes;
use memchr::memchr;

use crate::spill::TemporaryFiles;

/// The text of a valid JSON string, including its quotes. An unpaired surrogate, which runners
/// write for text that was cut inside an emoji, is U+FFFD.
///
/// # Errors
///
/// If a temporary file can neither be written nor read.
pub(super) fn decode(json: &Bytes, files: &TemporaryFiles) -> io::Result<Bytes> {
    let text = json.slice(1..json.len() - 1);
    if memchr(b'\\', &text).is_none() {
        return Ok(text);
    }
    // Never longer than its JSON.
    let mut decoded = files.spill_of(text.len());
    let mut rest = &text[..];
    while let Some(plain) = memchr(b'\\', rest) {
        decoded.write_all(&rest[..plain])?;
        let (character, length) = escaped(&rest[plain..]);
        decoded.write_all(character.encode_utf8(&mut [0; 4]).as_bytes())?;
        rest = &rest[plain + length..];
    }
    decoded.write_all(rest)?;
    decoded.into_bytes()
}

/// The UTF-16 code unit of the escape `\uXXXX` at the start of `text`.
fn unit(text: &[u8]) -> Option<u16> {
    let digits = text.get(..6)?.strip_prefix(b"\\u")?;
    let digits = std::str::from_utf8(digits).ok()?;
    u16::from_str_radix(digits, 16).ok()
}

/// The character of the escape at the start of `text`, and the length of the escape.
fn escaped(text: &[u8]) -> (char, usize) {
    let character = match text[1] {
        b'b' => '\u{8}',
        b'f' => '\u{C}',
        b'n' => '\n',
        b'r' => '\r',
        b't' => '\t',
        b'u' => {
            let units = [unit(text), text.get(6..).and_then(unit)];
            let first = char::decode_utf16(units.into_iter().flatten()).next();
            let character = first.and_then(Result::ok).unwrap_or('\u{FFFD}');
            return (character, 6 * character.len_utf16());
        }
        // A quote, a backslash or a slash.
        other => char::from(other),
    };
    (character, 2)
}

#[cfg(test)]
mod tests {
    use axum::body::Bytes;

    use crate::spill::TemporaryFiles;

    fn decoded(json: &str) -> String {
        let bytes = Bytes::copy_from_slice(json.as_bytes());
        let text = super::decode(&bytes, &TemporaryFiles::default()).unwrap();
        String::from_utf8(text.to_vec()).unwrap()
    }

    #[test]
    fn decodes_as_serde_does() {
        for json in [
            r#""""#,
            r#""plain é 😀""#,
            r#""\" \\ \/ \b \f \n \r \t é""#,
            r#""\u0041\u00e9\u20AC\ud83d\ude00\u0000""#,
            r#""\\ud83d \\\\""#,
            r#""\n""#,
        ] {
            let expected = serde_json::from_str::<String>(json).unwrap();
            assert_eq!(decoded(json), expected, "{json}");
        }
    }

    #[test]
    fn unpaired_surrogates_are_replaced() {
        for (json, expected) in [
            (r#""a\ud83d b""#, "a\u{FFFD} b"),
            (r#""\ude00\ud83d""#, "\u{FFFD}\u{FFFD}"),
            (r#""\ud83d\ud83d\ude00""#, "\u{FFFD}😀"),
            (r#""\ud83d\u0041""#, "\u{FFFD}A"),
        ] {
            assert_eq!(decoded(json), expected, "{json}");
        }
    }
}
