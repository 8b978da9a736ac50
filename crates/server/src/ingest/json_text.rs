//! Decodes a JSON string in place: a result file in a string may be most of the memory of a
//! request.

use axum::body::Bytes;
use memchr::memchr;

/// The text of a valid JSON string, including its quotes. Takes no further memory if nothing else
/// refers to it.
///
/// # Errors
///
/// If an escaped surrogate has no partner.
pub(super) fn decode(json: Bytes) -> Result<Bytes, serde_json::Error> {
    if memchr(b'\\', &json).is_none() {
        return Ok(json.slice(1..json.len() - 1));
    }
    if has_lone_surrogate(&json) {
        // For its message.
        return serde_json::from_slice::<String>(&json).map(Bytes::from);
    }
    match json.try_into_mut() {
        Ok(mut owned) => {
            let length = unescape(&mut owned);
            owned.truncate(length);
            Ok(owned.freeze())
        }
        Err(shared) => serde_json::from_slice::<String>(&shared).map(Bytes::from),
    }
}

fn has_lone_surrogate(json: &[u8]) -> bool {
    let mut rest = json;
    while let Some(at) = memchr(b'\\', rest) {
        rest = &rest[at..];
        let length = match unit(rest) {
            Some(0xD800..=0xDBFF) if matches!(unit(&rest[6..]), Some(0xDC00..=0xDFFF)) => 12,
            Some(0xD800..=0xDFFF) => return true,
            Some(_) => 6,
            None => 2,
        };
        rest = &rest[length..];
    }
    false
}

/// The UTF-16 code unit of the escape `\uXXXX` at the start of `text`.
fn unit(text: &[u8]) -> Option<u16> {
    let digits = text.get(..6)?.strip_prefix(b"\\u")?;
    let digits = std::str::from_utf8(digits).ok()?;
    u16::from_str_radix(digits, 16).ok()
}

/// Replaces a JSON string by its text; returns the length of the text, which is never longer.
fn unescape(json: &mut [u8]) -> usize {
    let end = json.len() - 1;
    let (mut read, mut written) = (1, 0);
    while read < end {
        let plain = memchr(b'\\', &json[read..end]).unwrap_or(end - read);
        json.copy_within(read..read + plain, written);
        read += plain;
        written += plain;
        if read < end {
            let (character, length) = escaped(&json[read..end]);
            let mut buffer = [0; 4];
            let encoded = character.encode_utf8(&mut buffer).as_bytes();
            json[written..written + encoded.len()].copy_from_slice(encoded);
            read += length;
            written += encoded.len();
        }
    }
    written
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

    use super::decode;

    fn decoded(json: &str) -> Result<String, String> {
        let bytes = Bytes::copy_from_slice(json.as_bytes());
        let text = decode(bytes).map_err(|error| error.to_string())?;
        Ok(String::from_utf8(text.to_vec()).unwrap())
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
            r#""a\ud83d b""#,
            r#""\ude00\ud83d""#,
            r#""\ud83d\ud83d\ude00""#,
            r#""\ud83d\u0041""#,
        ] {
            let expected = serde_json::from_str::<String>(json);
            let expected = expected.map_err(|error| error.to_string());
            assert_eq!(decoded(json), expected, "{json}");
        }
    }

    #[test]
    fn decodes_in_place() {
        let json = Bytes::from(String::from(r#""a\nb""#));
        let place = json.as_ptr();
        let text = decode(json).unwrap();
        assert_eq!((text.as_ref(), text.as_ptr()), (b"a\nb".as_slice(), place));
        let json = Bytes::from(String::from(r#""a\nb""#));
        let shared = json.clone();
        assert_eq!(decode(json).unwrap(), "a\nb");
        assert_eq!(shared, r#""a\nb""#);
    }
}
