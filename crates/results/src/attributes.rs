//! The attributes of one XML start tag, read fast.
//!
//! A large JUnit report is mostly attributes, so they are cut out with a few scans over the tag;
//! only values with references or line breaks take the slow way through the XML library. The tag
//! itself has been found and closed by the XML reader before.

use std::borrow::Cow;

use memchr::{memchr, memchr3};

/// One attribute: its name without a namespace prefix, and its value as it stands in the file.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Attribute<'a> {
    pub(crate) name: &'a str,
    raw: &'a str,
    /// It holds neither references nor line breaks: it is its own value.
    is_plain: bool,
}

impl<'a> Attribute<'a> {
    /// The value, references resolved and line breaks made blanks, as XML has it.
    pub(crate) fn value(&self) -> Result<Cow<'a, str>, String> {
        if self.is_plain {
            return Ok(Cow::Borrowed(self.raw));
        }
        let bytes = self.raw.as_bytes();
        if memchr3(b'\n', b'\t', b'\r', bytes).is_none() {
            return quick_xml::escape::unescape(self.raw).map_err(|error| error.to_string());
        }
        let attribute = quick_xml::events::attributes::Attribute::from((b"".as_slice(), bytes));
        attribute
            .normalized_value(quick_xml::XmlVersion::Implicit1_0)
            .map(|value| Cow::Owned(value.into_owned()))
            .map_err(|error| error.to_string())
    }
}

/// The attributes in the text of a tag behind its name.
pub(crate) struct Attributes<'a> {
    rest: &'a str,
    may_have_tabs: bool,
}

impl<'a> Attributes<'a> {
    /// `may_have_tabs` says whether the file holds tabs or carriage returns. Most files do not, and
    /// then one scan finds all that matters in a value: its end, references and line breaks.
    pub(crate) fn new(rest: &'a str, may_have_tabs: bool) -> Self {
        Self {
            rest,
            may_have_tabs,
        }
    }

    fn read(&mut self) -> Result<Attribute<'a>, String> {
        let equals = self
            .rest
            .bytes()
            .position(|byte| byte == b'=')
            .ok_or_else(|| format!("the attribute {} has no value", word(self.rest)))?;
        let (name, rest) = self.rest.split_at(equals);
        let name = name.trim_ascii_end();
        if name.is_empty() || name.bytes().any(|byte| b" \t\r\n\"'".contains(&byte)) {
            return Err(format!("the attribute {} has no value", word(name)));
        }
        let value = rest.get(1..).unwrap_or_default().trim_ascii_start();
        let unquoted = || format!("the value of the attribute {name} is not quoted");
        let quote = *value
            .as_bytes()
            .first()
            .filter(|byte| matches!(byte, b'"' | b'\''))
            .ok_or_else(unquoted)?;
        let value = value.get(1..).unwrap_or_default();
        let bytes = value.as_bytes();
        let first = memchr3(quote, b'&', b'\n', bytes).ok_or_else(unquoted)?;
        let ends_plainly = bytes.get(first) == Some(&quote);
        let end = if ends_plainly {
            first
        } else {
            first + memchr(quote, bytes.get(first..).unwrap_or_default()).ok_or_else(unquoted)?
        };
        let (raw, rest) = value.split_at(end);
        self.rest = rest.get(1..).unwrap_or_default();
        Ok(Attribute {
            name: match name.bytes().position(|byte| byte == b':') {
                Some(colon) => name.get(colon + 1..).unwrap_or(name),
                None => name,
            },
            raw,
            is_plain: ends_plainly && !self.may_have_tabs,
        })
    }
}

impl<'a> Iterator for Attributes<'a> {
    type Item = Result<Attribute<'a>, String>;

    fn next(&mut self) -> Option<Self::Item> {
        self.rest = self.rest.trim_ascii_start();
        if self.rest.is_empty() {
            return None;
        }
        let read = self.read();
        if read.is_err() {
            self.rest = "";
        }
        Some(read)
    }
}

/// The first word of a text, for errors.
fn word(text: &str) -> &str {
    text.split_ascii_whitespace().next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<(String, String)>, String> {
        Attributes::new(text, text.contains(['\t', '\r']))
            .map(|attribute| {
                let attribute = attribute?;
                Ok((attribute.name.to_owned(), attribute.value()?.into_owned()))
            })
            .collect()
    }

    #[test]
    fn attributes_are_cut_out() {
        let table: [(&str, &[(&str, &str)]); 8] = [
            ("", &[]),
            (" \n", &[]),
            (" a='1'", &[("a", "1")]),
            (" a='1' b=\"2\" ", &[("a", "1"), ("b", "2")]),
            ("\n\ta = '1'\r\nb\t=\n\"2\"", &[("a", "1"), ("b", "2")]),
            (" a='\"=>' b=\"'\"", &[("a", "\"=>"), ("b", "'")]),
            (" x:a='é &amp; &#10;\r\n\t.'", &[("a", "é & \n  .")]),
            (" a='1'b='2'", &[("a", "1"), ("b", "2")]),
        ];
        for (text, expected) in table {
            let expected = expected
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect();
            assert_eq!(read(text), Ok(expected), "{text:?}");
        }
    }

    #[test]
    fn what_is_no_attribute_is_told() {
        let table = [
            (" a", "the attribute a has no value"),
            (" a b='1'", "the attribute a has no value"),
            (" ='1'", "the attribute  has no value"),
            (" 'a'='1'", "the attribute 'a' has no value"),
            (" a=1", "the value of the attribute a is not quoted"),
            (" a=", "the value of the attribute a is not quoted"),
            (" a='1", "the value of the attribute a is not quoted"),
            (" a='&b;'", "at 1..2: unrecognized entity `b`"),
        ];
        for (text, told) in table {
            assert_eq!(read(text), Err(told.to_owned()), "{text:?}");
        }
    }
}
