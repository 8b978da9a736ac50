//! A result file as text: checks its encoding, and locates errors.
//!
//! Every format goes through here first, so that empty files, wrong encodings and files of another
//! kind have the same errors everywhere.

use std::borrow::Cow;

use serde::Deserialize;
use serde::de::DeserializeSeed;
use serde_json::error::Category;

use crate::model::{Format, ParseError};

/// A file that is valid UTF-8 and not empty.
pub(crate) struct Document<'a> {
    format: Format,
    text: &'a str,
}

/// The type of a JSON file's value.
#[derive(Clone, Copy)]
pub(crate) enum Top {
    Array,
    Object,
}

impl<'a> Document<'a> {
    /// Skips a byte order mark.
    pub(crate) fn new(format: Format, bytes: &'a [u8]) -> Result<Self, ParseError> {
        let invalid = |place: String, message: String| ParseError {
            format,
            place,
            message,
        };
        let start = || "the start".to_owned();
        let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
        if bytes.starts_with(&[0xFF, 0xFE]) || bytes.starts_with(&[0xFE, 0xFF]) {
            let message = "the file is UTF-16; write it as UTF-8";
            return Err(invalid(start(), message.to_owned()));
        }
        let text = std::str::from_utf8(bytes).map_err(|error| {
            let (good, rest) = bytes.split_at(error.valid_up_to());
            let good = std::str::from_utf8(good).unwrap_or_default();
            let message = if error.error_len().is_none() {
                "the file ends inside a UTF-8 character".to_owned()
            } else {
                format!(
                    "byte 0x{:02X} is not UTF-8 text; write the file as UTF-8",
                    rest.first().copied().unwrap_or_default()
                )
            };
            invalid(place_at_end(good), message)
        })?;
        if text.trim_ascii().is_empty() {
            return Err(invalid(start(), "the file is empty".to_owned()));
        }
        Ok(Self { format, text })
    }

    /// The file with every unpaired surrogate escape replaced by U+FFFD; `None` if it has none.
    ///
    /// JavaScript runners write them for titles and messages that were cut inside an emoji. No
    /// string can contain them, but they must not make the whole report invalid.
    pub(crate) fn without_lone_surrogates(&self) -> Option<String> {
        const MARK: &str = "\\ufffd";
        let mut replaced = String::new();
        let mut copied = 0;
        let mut at = 0;
        while let Some(found) = self.text.get(at..)?.find('\\') {
            at += found;
            let Some(unit) = escaped_unit(self.text, at) else {
                // Skip the escaped character, which may be a backslash.
                at = (at + 2).min(self.text.len());
                while !self.text.is_char_boundary(at) {
                    at += 1;
                }
                continue;
            };
            let next = escaped_unit(self.text, at + MARK.len());
            match (unit, next) {
                (0xD800..=0xDBFF, Some(0xDC00..=0xDFFF)) => at += 2 * MARK.len(),
                (0xD800..=0xDFFF, _) => {
                    replaced.push_str(self.text.get(copied..at)?);
                    replaced.push_str(MARK);
                    at += MARK.len();
                    copied = at;
                }
                _ => at += MARK.len(),
            }
        }
        if copied == 0 {
            return None;
        }
        replaced.push_str(self.text.get(copied..)?);
        Some(replaced)
    }

    pub(crate) const fn text(&self) -> &'a str {
        self.text
    }

    /// An error at a byte offset.
    pub(crate) fn error_at_byte(&self, byte: usize, message: impl Into<String>) -> ParseError {
        let mut end = byte.min(self.text.len());
        while !self.text.is_char_boundary(end) {
            end -= 1;
        }
        ParseError {
            format: self.format,
            place: place_at_end(self.text.get(..end).unwrap_or_default()),
            message: message.into(),
        }
    }

    /// Reads the whole text as one JSON value of type `top`; `expected` describes it in errors.
    pub(crate) fn read_json<S>(
        &self,
        top: Top,
        expected: &str,
        seed: S,
    ) -> Result<S::Value, ParseError>
    where
        S: DeserializeSeed<'a>,
    {
        let start = self.text.len() - self.text.trim_ascii_start().len();
        let found = first_value(self.text.as_bytes().get(start).copied());
        let fits = match top {
            Top::Array => found == "an array",
            Top::Object => found == "an object",
        };
        if !fits {
            return Err(self.error_at_byte(start, format!("expected {expected}, found {found}")));
        }
        let mut deserializer = serde_json::Deserializer::from_str(self.text);
        seed.deserialize(&mut deserializer)
            .and_then(|value| deserializer.end().map(|()| value))
            .map_err(|error| self.json_error(&error, 0))
    }

    /// Reads one line, without its line break, as a JSON value. `index` counts from 0.
    pub(crate) fn read_json_line<T>(&self, index: usize, line: &'a str) -> Result<T, ParseError>
    where
        T: Deserialize<'a>,
    {
        let found = first_value(line.as_bytes().first().copied());
        if found != "an object" {
            return Err(self.error_in_line(index, format!("expected an event, found {found}")));
        }
        serde_json::from_str(line).map_err(|error| self.json_error(&error, index))
    }

    /// An error somewhere in a line. `index` counts from 0.
    pub(crate) fn error_in_line(&self, index: usize, message: impl Into<String>) -> ParseError {
        ParseError {
            format: self.format,
            place: format!("line {}", index + 1),
            message: message.into(),
        }
    }

    /// `lines_before` is the number of lines before the text that the JSON parser has read.
    fn json_error(&self, error: &serde_json::Error, lines_before: usize) -> ParseError {
        let full = error.to_string();
        let bare = full
            .rsplit_once(" at line ")
            .map_or(full.as_str(), |(bare, _)| bare);
        let message = match error.classify() {
            Category::Eof if self.format == Format::GoJsonl => {
                Cow::Owned(format!("unexpected end of line ({bare})"))
            }
            Category::Eof => Cow::Owned(format!("unexpected end of file ({bare})")),
            _ if bare.contains("recursion limit") => Cow::Borrowed("values are nested too deeply"),
            _ => Cow::Borrowed(bare),
        };
        ParseError {
            format: self.format,
            place: format!(
                "line {}, column {}",
                error.line() + lines_before,
                error.column().max(1)
            ),
            message: message.into_owned(),
        }
    }
}

/// The UTF-16 code unit of the escape `\uXXXX` at this byte offset.
fn escaped_unit(text: &str, at: usize) -> Option<u16> {
    let digits = text.get(at..at + 6)?.strip_prefix("\\u")?;
    let is_hex = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_hex.then(|| u16::from_str_radix(digits, 16).ok())?
}

/// The likely content of a file that begins with this byte.
fn first_value(byte: Option<u8>) -> &'static str {
    match byte {
        Some(b'[') => "an array",
        Some(b'{') => "an object",
        Some(b'"') => "a string",
        Some(b'0'..=b'9' | b'-') => "a number",
        Some(b't' | b'f') => "a boolean",
        Some(b'n') => "null",
        Some(b'<') => "XML",
        Some(0) => "binary data",
        _ => "something that is not JSON",
    }
}

/// The position after `before`; lines and columns (characters) count from 1.
fn place_at_end(before: &str) -> String {
    let line = before.bytes().filter(|&byte| byte == b'\n').count() + 1;
    let last_line = before.rsplit('\n').next().unwrap_or_default();
    format!("line {line}, column {}", last_line.chars().count() + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(bytes: &[u8]) -> String {
        match Document::new(Format::Json, bytes) {
            Ok(_) => "accepted".to_owned(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn reports_wrong_encodings_and_empty_files() {
        let table: [(&[u8], &str); 7] = [
            (b"", "not valid json at the start: the file is empty"),
            (b" \n\t", "not valid json at the start: the file is empty"),
            (
                b"\xEF\xBB\xBF",
                "not valid json at the start: the file is empty",
            ),
            (
                b"\xFF\xFE[\0]\0",
                "not valid json at the start: the file is UTF-16; write it as UTF-8",
            ),
            (
                b"[\n\"caf\xE9\"]",
                "not valid json at line 2, column 5: byte 0xE9 is not UTF-8 text; write the file \
                 as UTF-8",
            ),
            (
                b"\"caf\xC3",
                "not valid json at line 1, column 5: the file ends inside a UTF-8 character",
            ),
            (b"\xEF\xBB\xBF[]", "accepted"),
        ];
        for (bytes, expected) in table {
            assert_eq!(error(bytes), expected);
        }
    }

    #[test]
    fn replaces_only_unpaired_surrogates() {
        let table = [
            (r#""plain é \u00e9 \n""#, None),
            (r#""pair \ud83d\ude00""#, None),
            (r#""escaped backslash \\ud83d""#, None),
            (r#""cut short \ud8"#, None),
            (r#""not hex \ud8+3""#, None),
            (r#""ends in a backslash é\"#, None),
            (r#""backslash and é \é""#, None),
            (r#""high \ud83d.""#, Some(r#""high \ufffd.""#)),
            (r#""low \uDE00""#, Some(r#""low \ufffd""#)),
            (
                r#""low, high \ude00\ud83d""#,
                Some(r#""low, high \ufffd\ufffd""#),
            ),
            (
                r#""high, pair \ud83d\ud83d\ude00""#,
                Some(r#""high, pair \ufffd\ud83d\ude00""#),
            ),
            (
                r#""high, letter \ud83d\u0041""#,
                Some(r#""high, letter \ufffd\u0041""#),
            ),
            (
                r#""backslash, high \\\ud83d""#,
                Some(r#""backslash, high \\\ufffd""#),
            ),
        ];
        for (text, replaced) in table {
            let document = Document::new(Format::Json, text.as_bytes()).expect("text");
            assert_eq!(
                document.without_lone_surrogates().as_deref(),
                replaced,
                "{text}"
            );
        }
    }

    #[test]
    fn counts_columns_in_characters() {
        let document = Document::new(Format::Junit, "é\nüx".as_bytes()).expect("text");
        assert_eq!(document.error_at_byte(0, "").place, "line 1, column 1");
        assert_eq!(document.error_at_byte(5, "").place, "line 2, column 2");
        assert_eq!(document.error_at_byte(4, "").place, "line 2, column 1");
        assert_eq!(document.error_at_byte(999, "").place, "line 2, column 3");
    }
}
