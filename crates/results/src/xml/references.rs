//! References (`&amp;`, `&#65;`) and the whitespace rules of XML 1.0.

use std::borrow::Cow;

use memchr::{memchr, memchr3};

/// Splits what follows an `&` into the reference's name and the text after its `;`.
pub(super) fn split_reference(text: &str) -> Result<(&str, &str), String> {
    let end = memchr3(b';', b'<', b'&', text.as_bytes()).unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    match rest.strip_prefix(';') {
        Some(after) => Ok((name, after)),
        None => Err("expected a reference after `&` (write a literal `&` as `&amp;`)".to_owned()),
    }
}

/// The text that a [`Token::Reference`](super::Token::Reference) stands for: one of the five
/// predefined entities or a character by its number.
///
/// # Errors
///
/// The message to report, for any other entity and for numbers that are no character.
pub fn resolve(reference: &str) -> Result<Cow<'static, str>, String> {
    Ok(match reference {
        "amp" => "&".into(),
        "apos" => "'".into(),
        "gt" => ">".into(),
        "lt" => "<".into(),
        "quot" => "\"".into(),
        _ => match reference.strip_prefix('#') {
            Some(number) => character(number)
                .ok_or_else(|| format!("`&{reference};` is not a character"))?
                .to_string()
                .into(),
            None => return Err(format!("unknown entity `&{reference};`")),
        },
    })
}

fn character(number: &str) -> Option<char> {
    let (digits, radix) = match number.strip_prefix('x') {
        Some(digits) => (digits, 16),
        None => (number, 10),
    };
    // `from_str_radix` also accepts a sign.
    if !digits.starts_with(|first: char| first.is_digit(radix)) {
        return None;
    }
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
pub(super) fn attribute_value(raw: &str) -> Result<Cow<'_, str>, String> {
    let has_breaks = memchr3(b'\n', b'\t', b'\r', raw.as_bytes()).is_some();
    let next_special = |text: &str| {
        if has_breaks {
            text.find(['&', '\n', '\t', '\r'])
        } else {
            memchr(b'&', text.as_bytes())
        }
    };
    let Some(first) = next_special(raw) else {
        return Ok(Cow::Borrowed(raw));
    };
    let (before, mut rest) = raw.split_at(first);
    let mut value = String::with_capacity(raw.len());
    value.push_str(before);
    while !rest.is_empty() {
        if let Some(reference) = rest.strip_prefix('&') {
            let (name, after) = split_reference(reference)?;
            value.push_str(&resolve(name)?);
            rest = after;
        } else {
            value.push(' ');
            rest = rest.strip_prefix("\r\n").unwrap_or(rest.split_at(1).1);
        }
        let (before, after) = rest.split_at(next_special(rest).unwrap_or(rest.len()));
        value.push_str(before);
        rest = after;
    }
    Ok(Cow::Owned(value))
}
