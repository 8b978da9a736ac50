//! Cuts very long JSON strings of a result file.
//!
//! A JSON reader copies a string with escapes twice, so one failure text of tens of megabytes would
//! take several times the memory of the file. The text that is left says how much is missing.

use memchr::{memchr, memchr2};
use test_engine_results::{MAX_TEXT_BYTES, TextCopy, cut_note};

/// A string must be this much longer than the limit: the note takes its place.
const MIN_CUT: usize = 100;
/// Of the escape of a UTF-16 unit.
const UNIT_ESCAPE: usize = "\\u0000".len();

/// A string without its quotes, as a range of the file.
struct LongString {
    /// Where it is cut: between characters.
    cut: usize,
    /// Of its closing quote.
    end: usize,
}

/// Writes the file with every string cut to what is read of one text. Writes nothing and returns
/// false if it has no longer string.
pub(super) fn cut(file: &str, copy: &mut dyn TextCopy) -> bool {
    cut_to(MAX_TEXT_BYTES, file, copy)
}

/// `limit` is the length of a string that is kept, in bytes.
fn cut_to(limit: usize, file: &str, copy: &mut dyn TextCopy) -> bool {
    if file.len() <= limit + MIN_CUT {
        return false;
    }
    let mut copied = 0;
    while let Some(LongString { cut, end }) = next_long(limit, file.as_bytes(), copied) {
        copy.push(&file[copied..cut]);
        // The closing quote too, because it would open a string for the next search.
        copy.push(&format!("\\n{}\"", cut_note(end - cut)));
        copied = end + 1;
    }
    if copied == 0 {
        return false;
    }
    copy.push(&file[copied..]);
    true
}

/// The next string that is too long, from a place outside of strings.
fn next_long(limit: usize, file: &[u8], from: usize) -> Option<LongString> {
    let mut at = from;
    loop {
        let start = at + memchr(b'"', &file[at..])? + 1;
        let end = end_of_string(file, start)?;
        if end - start > limit + MIN_CUT {
            let cut = place_to_cut(file, start, start + limit);
            return Some(LongString { cut, end });
        }
        at = end + 1;
    }
}

/// The place of the closing quote.
fn end_of_string(file: &[u8], start: usize) -> Option<usize> {
    let mut at = start;
    loop {
        at += memchr2(b'"', b'\\', file.get(at..)?)?;
        if file[at] == b'"' {
            return Some(at);
        }
        at += 2;
    }
}

/// The last place up to `limit` that is neither in a character nor in an escape.
pub(super) fn place_to_cut(file: &[u8], start: usize, limit: usize) -> usize {
    let mut at = start;
    while let Some(escape) = memchr(b'\\', &file[at..limit]).map(|found| at + found) {
        let is_unit = file[escape + 1] == b'u';
        // Two of them may be one character.
        let length = match is_unit {
            true if is_high_surrogate(&file[escape..]) => 2 * UNIT_ESCAPE,
            true => UNIT_ESCAPE,
            false => 2,
        };
        if escape + length > limit {
            return escape;
        }
        at = escape + length;
    }
    (at..=limit)
        .rev()
        .find(|place| file[*place] & 0xC0 != 0x80)
        .unwrap_or(at)
}

fn is_high_surrogate(escape: &[u8]) -> bool {
    matches!(
        escape.get(2..4),
        Some([b'd' | b'D', b'8' | b'9' | b'a' | b'b' | b'A' | b'B'])
    )
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const LIMIT: usize = 1_000;

    fn cut_text(text: &str) -> String {
        let mut copy = String::new();
        if cut_to(LIMIT, text, &mut copy) {
            copy
        } else {
            text.to_owned()
        }
    }

    #[test]
    fn long_strings_are_cut_and_others_are_kept() {
        for piece in ["x", "é", "\n", "😀", "\"", "\\"] {
            for shift in 0..13 {
                let long = format!("{}{}", "y".repeat(shift), piece.repeat(1_500));
                let value = json!([
                    {"a \"quoted\" key": "short \\", "long": long},
                    [long.as_str(), 1, "z"],
                ]);
                let text = cut_text(&value.to_string());
                assert!(text.len() < 2 * LIMIT + 1_000, "{piece:?}");
                let read: Value = serde_json::from_str(&text).unwrap();
                assert_eq!(read[0]["a \"quoted\" key"], "short \\");
                assert_eq!(read[1][2], "z");
                for kept in [&read[0]["long"], &read[1][0]] {
                    let (kept, note) = kept.as_str().unwrap().rsplit_once('\n').unwrap();
                    assert!(long.starts_with(kept), "{piece:?}");
                    assert!(note.starts_with("… cut here: "), "{note}");
                }
            }
        }
    }

    #[test]
    fn escaped_surrogates_stay_together() {
        for shift in 0..13 {
            let long = format!("{}{}", "y".repeat(shift), "\\ud83d\\ude00".repeat(200));
            let text = cut_text(&format!("[\"{long}\"]"));
            let read: Value = serde_json::from_str(&text).unwrap();
            assert!(read[0].as_str().unwrap().contains("more bytes"));
        }
    }

    #[test]
    fn files_without_long_strings_are_not_changed() {
        let many = json!(vec!["x".repeat(1_000); 20]).to_string();
        let unclosed = format!("[\"{}", "x".repeat(2_000));
        let escaped = format!("[\"{}\\", "x".repeat(2_000));
        for text in [many, unclosed, escaped, "[]".to_owned()] {
            let mut copy = String::new();
            assert!(!cut_to(LIMIT, &text, &mut copy));
            assert_eq!(copy, "");
        }
    }
}
