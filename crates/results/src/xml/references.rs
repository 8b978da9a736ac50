//! References (`&amp;`, `&#65;`) and the whitespace rules of XML 1.0.

use std::borrow::Cow;

use memchr::{memchr, memchr3};

/// Splits what follows an `&` into the reference's name and the text after its `;`. `None` if the
/// `&` begins no reference, so that it is a literal one that should have been escaped.
pub(super) fn split_reference(text: &str) -> Option<(&str, &str)> {
    let is_in_name = |byte: u8| {
        byte.is_ascii_alphanumeric() || matches!(byte, b'#' | b'_' | b'-' | b'.' | b':' | 0x80..)
    };
    let end = text.bytes().position(|byte| !is_in_name(byte))?;
    let (name, rest) = text.split_at(end);
    let after = rest.strip_prefix(';')?;
    (!name.is_empty()).then_some((name, after))
}

/// The text that a [`Token::Reference`](super::Token::Reference) stands for: one of the five
/// predefined entities or a character by its number. A number that is no character gives U+FFFD,
/// another entity its own source.
pub fn resolve(reference: &str) -> Cow<'static, str> {
    match reference {
        "amp" => "&".into(),
        "apos" => "'".into(),
        "gt" => ">".into(),
        "lt" => "<".into(),
        "quot" => "\"".into(),
        _ => match reference.strip_prefix('#') {
            Some(number) => character(number)
                .unwrap_or(char::REPLACEMENT_CHARACTER)
                .to_string()
                .into(),
            None => format!("&{reference};").into(),
        },
    }
}

fn character(number: &str) -> Option<char> {
    let (digits, radix) = match number.strip_prefix('x') {
        Some(digits) => (digits, 16),
        None => (number, 10),
    };
    let code = u32::from_str_radix(digits, radix).ok()?;
    char::from_u32(code).filter(|&character| character != '\0')
}

/// The text with `\r\n` and `\r` replaced by `\n`.
pub fn with_line_feeds(text: &str) -> Cow<'_, str> {
    if memchr(b'\r', text.as_bytes()).is_none() {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.replace("\r\n", "\n").replace('\r', "\n"))
}

/// An attribute's value: references resolved, each tab and line break replaced by a space.
pub(super) fn attribute_value(raw: &str) -> Cow<'_, str> {
    let has_breaks = memchr3(b'\n', b'\t', b'\r', raw.as_bytes()).is_some();
    let next_special = |text: &str| {
        if has_breaks {
            text.find(['&', '\n', '\t', '\r'])
        } else {
            memchr(b'&', text.as_bytes())
        }
    };
    let Some(first) = next_special(raw) else {
        return Cow::Borrowed(raw);
    };
    let (before, mut rest) = raw.split_at(first);
    let mut value = String::with_capacity(raw.len());
    value.push_str(before);
    while !rest.is_empty() {
        if let Some(reference) = rest.strip_prefix('&') {
            if let Some((name, after)) = split_reference(reference) {
                value.push_str(&resolve(name));
                rest = after;
            } else {
                value.push('&');
                rest = reference;
            }
        } else {
            value.push(' ');
            rest = rest.strip_prefix("\r\n").unwrap_or(rest.split_at(1).1);
        }
        let (before, after) = rest.split_at(next_special(rest).unwrap_or(rest.len()));
        value.push_str(before);
        rest = after;
    }
    Cow::Owned(value)
}
