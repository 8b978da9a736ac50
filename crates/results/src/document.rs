//! A result file as text, and the places of errors in it.
//!
//! Every format goes through here first, so that empty files and files of another kind have the
//! same errors everywhere.

use std::borrow::Cow;

use serde::Deserialize;
use serde::de::DeserializeSeed;
use serde_json::error::Category;

use crate::model::{Format, ParseError};
use crate::text_copy::TextCopy;

/// The text of a file, not empty.
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
    pub(crate) fn new(format: Format, text: &'a str) -> Result<Self, ParseError> {
        if text.trim_ascii().is_empty() {
            return Err(ParseError {
                format,
                place: "the start".to_owned(),
                message: "the file is empty".to_owned(),
            });
        }
        Ok(Self { format, text })
    }

    /// In bytes.
    pub(crate) fn len(&self) -> usize {
        self.text.len()
    }

    /// Writes the file with every unpaired surrogate escape replaced by U+FFFD, and every control
    /// character in a string by its escape. Writes nothing and returns false if it has neither.
    ///
    /// JavaScript runners write such surrogates for titles and messages that were cut inside an
    /// emoji; reports assembled by scripts contain control characters. Neither is JSON, but they
    /// must not make the whole report invalid.
    pub(crate) fn repair_strings(&self, repaired: &mut dyn TextCopy) -> bool {
        const ESCAPE: usize = "\\uXXXX".len();
        let mut copied = 0;
        let mut at = 0;
        let mut is_in_string = false;
        let bytes = self.text.as_bytes();
        while let Some(&byte) = bytes.get(at) {
            let (replacement, length) = match byte {
                b'"' => {
                    is_in_string = !is_in_string;
                    (None, 1)
                }
                // Lines are independent: a string that is cut off ends with its line.
                b'\n' if self.format == Format::GoJsonl => {
                    is_in_string = false;
                    (None, 1)
                }
                0..0x20 if is_in_string => (Some(format!("\\u{byte:04x}")), 1),
                b'\\' => match (
                    escaped_unit(self.text, at),
                    escaped_unit(self.text, at + ESCAPE),
                ) {
                    (Some(0xD800..=0xDBFF), Some(0xDC00..=0xDFFF)) => (None, 2 * ESCAPE),
                    (Some(0xD800..=0xDFFF), _) => (Some("\\ufffd".to_owned()), ESCAPE),
                    (Some(_), _) => (None, ESCAPE),
                    // Skip the escaped character, which may be a quote or a backslash.
                    (None, _) => (None, 2),
                },
                _ => (None, 1),
            };
            if let Some(replacement) = replacement {
                repaired.push(self.text.get(copied..at).unwrap_or_default());
                repaired.push(&replacement);
                copied = at + length;
            }
            at += length;
        }
        if copied == 0 {
            return false;
        }
        repaired.push(self.text.get(copied..).unwrap_or_default());
        true
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
pub(crate) fn place_at_end(before: &str) -> String {
    let line = before.bytes().filter(|&byte| byte == b'\n').count() + 1;
    let last_line = before.rsplit('\n').next().unwrap_or_default();
    format!("line {line}, column {}", last_line.chars().count() + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repairs_only_invalid_strings() {
        let table = [
            (r#""plain é \u00e9 \n""#, None),
            ("{\n\t\"a\": \"b\"\r\n}", None),
            ("\"a\nb\t\u{1}\"", Some(r#""a\u000ab\u0009\u0001""#)),
            (
                "\"\\\\\"\n\"\\\"\n\"",
                Some(
                    r#""\\"
"\"\u000a""#,
                ),
            ),
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
            let document = Document::new(Format::Json, text).expect("text");
            let mut repaired = String::new();
            let is_repaired = document.repair_strings(&mut repaired);
            assert_eq!(is_repaired.then_some(repaired.as_str()), replaced, "{text}");
        }
    }

    #[test]
    fn counts_columns_in_characters() {
        let document = Document::new(Format::Junit, "é\nüx").expect("text");
        assert_eq!(document.error_at_byte(0, "").place, "line 1, column 1");
        assert_eq!(document.error_at_byte(5, "").place, "line 2, column 2");
        assert_eq!(document.error_at_byte(4, "").place, "line 2, column 1");
        assert_eq!(document.error_at_byte(999, "").place, "line 2, column 3");
    }
}
