//! Decodes result files to text.
//!
//! A file is UTF-8 unless a byte order mark or an XML declaration names another encoding. Bytes
//! that are not valid in the encoding are replaced by U+FFFD; the rest of the file is unaffected.

use std::borrow::Cow;
use std::ops::Range;

use encoding_rs::{CoderResult, Encoding, UTF_8, UTF_16BE, UTF_16LE};

use crate::document::place_at_end;
use crate::text_copy::TextCopy;

/// An XML declaration is shorter.
const MAX_DECLARATION: usize = 1024;
/// Of a text that is converted from another encoding, at a time.
const PIECE_BYTES: usize = 64 * 1024;

/// The text of a file without its byte order mark, and a note if some of it was replaced. Valid
/// UTF-8 is borrowed.
pub fn decode(bytes: &[u8]) -> (Cow<'_, str>, Option<String>) {
    let mut copy = String::new();
    match decode_to(bytes, &mut copy) {
        (Some(text), note) => (Cow::Borrowed(text), note),
        (None, note) => (Cow::Owned(copy), note),
    }
}

/// [`decode`] that writes the text to `copy` where it cannot be borrowed: then it is `None`.
pub fn decode_to<'a>(
    bytes: &'a [u8],
    copy: &mut dyn TextCopy,
) -> (Option<&'a str>, Option<String>) {
    let encoding = match bytes {
        [0xEF, 0xBB, 0xBF, ..] => UTF_8,
        [0xFF, 0xFE, ..] => UTF_16LE,
        [0xFE, 0xFF, ..] => UTF_16BE,
        [b'<' | b'[' | b'{', 0, ..] => UTF_16LE,
        [0, b'<' | b'[' | b'{', ..] => UTF_16BE,
        _ => {
            let label = declared(bytes).unwrap_or(UTF_8.name());
            let Some(encoding) = encoding_of(label) else {
                let note = format!(
                    "the encoding {label:?} is not supported, so the file was read as UTF-8"
                );
                return (utf8_to(bytes, copy).0, Some(note));
            };
            encoding
        }
    };
    if encoding == UTF_8 {
        return utf8_to(bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes), copy);
    }
    if encoding.is_ascii_compatible()
        && bytes.is_ascii()
        && let Ok(text) = std::str::from_utf8(bytes)
    {
        return (Some(text), None);
    }
    let has_errors = convert_to(encoding, bytes, copy);
    let note = has_errors.then(|| {
        let name = encoding.name();
        format!("some bytes are not valid in the encoding {name} and were replaced by U+FFFD")
    });
    (None, note)
}

/// Whether bytes were replaced.
fn convert_to(encoding: &'static Encoding, mut bytes: &[u8], copy: &mut dyn TextCopy) -> bool {
    let mut decoder = encoding.new_decoder_with_bom_removal();
    let mut piece = String::with_capacity(PIECE_BYTES);
    let mut has_errors = false;
    loop {
        let (state, read, replaced) = decoder.decode_to_string(bytes, &mut piece, true);
        has_errors |= replaced;
        copy.push(&piece);
        piece.clear();
        bytes = bytes.get(read..).unwrap_or_default();
        if state == CoderResult::InputEmpty {
            return has_errors;
        }
    }
}

/// Adapts the XML declaration of a text that was decoded, if it has one.
pub(crate) fn declaring_utf_8(mut text: String) -> String {
    if let Some(label) = declared_range(text.as_bytes()) {
        text.replace_range(label, UTF_8.name());
    }
    text
}

/// The encoding that the XML declaration names.
fn declared(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes.get(declared_range(bytes)?)?).ok()
}

fn declared_range(bytes: &[u8]) -> Option<Range<usize>> {
    if !bytes.starts_with(b"<?xml") {
        return None;
    }
    let start = bytes.get(..MAX_DECLARATION).unwrap_or(bytes);
    let end = start.iter().position(|&byte| byte == b'>')?;
    let declaration = std::str::from_utf8(start.get(..end)?).ok()?;
    let (_, rest) = declaration.split_once("encoding")?;
    let rest = rest.trim_start().strip_prefix('=')?.trim_start();
    let quote = rest
        .chars()
        .next()
        .filter(|quote| matches!(quote, '"' | '\''))?;
    let label = rest.get(1..)?.split(quote).next()?;
    let start = declaration.len() - rest.len() + 1;
    Some(start..start + label.len())
}

/// A declaration that can be read byte by byte is not UTF-16, whatever it says: .NET declares the
/// encoding of its strings, and writes another.
fn encoding_of(label: &str) -> Option<&'static Encoding> {
    let encoding = Encoding::for_label_no_replacement(label.as_bytes())?;
    Some(encoding.output_encoding())
}

fn utf8_to<'a>(bytes: &'a [u8], copy: &mut dyn TextCopy) -> (Option<&'a str>, Option<String>) {
    let error = match std::str::from_utf8(bytes) {
        Ok(text) => return (Some(text), None),
        Err(error) => error,
    };
    let good = bytes.get(..error.valid_up_to()).unwrap_or_default();
    let place = place_at_end(&String::from_utf8_lossy(good));
    let mut replaced = 0;
    for chunk in bytes.utf8_chunks() {
        copy.push(chunk.valid());
        if !chunk.invalid().is_empty() {
            copy.push("\u{FFFD}");
            replaced += 1;
        }
    }
    let note = format!(
        "{replaced} invalid UTF-8 {} replaced by U+FFFD, the first at {place}",
        if replaced == 1 {
            "sequence was"
        } else {
            "sequences were"
        }
    );
    (None, Some(note))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn utf16(text: &str, bytes_of: fn(u16) -> [u8; 2]) -> Vec<u8> {
        text.encode_utf16().flat_map(bytes_of).collect()
    }

    #[test]
    fn decodes_by_mark_or_declaration() {
        let xml = |label: &str, rest: &[u8]| {
            [
                format!("<?xml version='1.0' encoding=\"{label}\"?>").as_bytes(),
                rest,
            ]
            .concat()
        };
        let little = utf16("\u{FEFF}[\"é\"]", u16::to_le_bytes);
        let table: [(Vec<u8>, &str); 10] = [
            (b"\xEF\xBB\xBF[]".to_vec(), "[]"),
            (little.clone(), "[\"é\"]"),
            (little.get(2..).unwrap_or_default().to_vec(), "[\"é\"]"),
            (utf16("\u{FEFF}[\"é\"]", u16::to_be_bytes), "[\"é\"]"),
            (utf16("<a>é", u16::to_be_bytes), "<a>é"),
            (xml("ISO-8859-1", b"<\xFC>"), "<ü>"),
            (xml("windows-1252", b"<\x80>"), "<€>"),
            (xml("Shift_JIS", b"<\x83e>"), "<テ>"),
            (xml("utf-16", "<é>".as_bytes()), "<é>"),
            (xml("utf-8", "<é>".as_bytes()), "<é>"),
        ];
        for (bytes, expected) in table {
            let (text, note) = decode(&bytes);
            let text = text.rsplit("?>").next().unwrap_or_default();
            assert_eq!((text, note), (expected, None));
        }
    }

    #[test]
    fn notes_what_was_replaced() {
        let table: [(&[u8], &str, &str); 4] = [
            (
                b"[\n\"caf\xE9\"]",
                "[\n\"caf\u{FFFD}\"]",
                "1 invalid UTF-8 sequence was replaced by U+FFFD, the first at line 2, column 5",
            ),
            (
                b"a\xFFb\xC3",
                "a\u{FFFD}b\u{FFFD}",
                "2 invalid UTF-8 sequences were replaced by U+FFFD, the first at line 1, column 2",
            ),
            (
                b"\xFF\xFE[\0\0\xD8]\0",
                "[\u{FFFD}]",
                "some bytes are not valid in the encoding UTF-16LE and were replaced by U+FFFD",
            ),
            (
                b"<?xml encoding='cp437'?>",
                "<?xml encoding='cp437'?>",
                "the encoding \"cp437\" is not supported, so the file was read as UTF-8",
            ),
        ];
        for (bytes, expected, note) in table {
            let (text, found) = decode(bytes);
            assert_eq!((text.as_ref(), found.as_deref()), (expected, Some(note)));
        }
    }

    #[test]
    fn declares_utf_8_where_an_encoding_is_declared() {
        for (text, expected) in [
            (
                "<?xml version='1.1' encoding = \"ISO-8859-1\" ?><é/>",
                "<?xml version='1.1' encoding = \"UTF-8\" ?><é/>",
            ),
            ("<?xml version='1.0'?><é/>", "<?xml version='1.0'?><é/>"),
            ("[\"encoding='x'\"]", "[\"encoding='x'\"]"),
        ] {
            assert_eq!(declaring_utf_8(text.to_owned()), expected);
        }
    }

    #[test]
    fn borrows_valid_utf_8() {
        for bytes in [
            &b"[]"[..],
            b"<?xml encoding='ISO-8859-1'?><a/>",
            "é".as_bytes(),
        ] {
            assert!(matches!(decode(bytes), (Cow::Borrowed(_), None)));
        }
    }
}
