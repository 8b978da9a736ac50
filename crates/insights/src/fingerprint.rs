//! Fingerprints: failures with the same cause have the same one, whatever values they mention
//! (§7 of the design).

use std::fmt::{self, Display, Formatter};
use std::str::FromStr;

use sha2::{Digest as _, Sha256};

use crate::frames::own_frame;

/// Characters of a normalized message that count.
const MESSAGE_CHARS: usize = 80;
/// Bytes of a message that are read.
const MAX_READ: usize = 1_000;
/// Longest quoted text, in bytes; a quote that is not closed by then is punctuation.
const MAX_QUOTED: usize = 200;
/// Hexadecimal words from this length on are identifiers.
const MIN_HEX: usize = 8;

/// Classes that any failed assertion has: the message says more.
const GENERIC_CLASSES: [&str; 12] = [
    "AssertionError",
    "AssertionFailedError",
    "ComparisonFailure",
    "ExpectationNotMetError",
    "MultipleExpectationsNotMetError",
    "Error",
    "Exception",
    "Failed",
    "Failure",
    "RuntimeError",
    "StandardError",
    "JestAssertionError",
];
const CLASS_ENDINGS: [&str; 7] = [
    "Error",
    "Exception",
    "Failure",
    "Failed",
    "Fault",
    "Timeout",
    "Panic",
];

/// Identifies the cause of a failure within a suite.
///
/// The upper half depends only on the class or message, the lower half on the first own frame, so
/// failures with one message in different places share the upper half.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint(pub u64);

impl Fingerprint {
    /// Of a failure with this reason, whose backtrace has these lines.
    pub fn of<'a>(reason: &str, backtrace: impl IntoIterator<Item = &'a str>) -> Self {
        let frame = own_frame(backtrace).map(|frame| frame.key());
        let (message, frame) = (hash(&topic(reason)), hash(&frame.unwrap_or_default()));
        Self(u64::from(message) << 32 | u64::from(frame))
    }

    /// The half that identifies the message.
    pub fn message(self) -> u32 {
        u32::try_from(self.0 >> 32).unwrap_or_default()
    }
}

/// 16 hexadecimal digits.
impl Display for Fingerprint {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:016x}", self.0)
    }
}

/// The text is not 16 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidFingerprint;

impl FromStr for Fingerprint {
    type Err = InvalidFingerprint;

    fn from_str(text: &str) -> Result<Self, InvalidFingerprint> {
        let is_hex = text.bytes().all(|digit| digit.is_ascii_hexdigit());
        (text.len() == 16 && is_hex)
            .then(|| u64::from_str_radix(text, 16).ok())
            .flatten()
            .map(Self)
            .ok_or(InvalidFingerprint)
    }
}

fn hash(text: &str) -> u32 {
    let digest = Sha256::digest(text);
    u32::from_be_bytes([digest[0], digest[1], digest[2], digest[3]])
}

/// The exception class, or the start of the normalized message if the class says nothing.
fn topic(reason: &str) -> String {
    let first_line = reason.trim_start().lines().next().unwrap_or_default();
    match class_of(first_line) {
        Some(class) => class.to_owned(),
        None => normalized(reason).chars().take(MESSAGE_CHARS).collect(),
    }
}

/// The exception class of `Class: message`, `Class` or `message (Class)`, unless it is generic.
fn class_of(line: &str) -> Option<&str> {
    let in_front = line
        .find(": ")
        .map_or(line.trim_end_matches(':'), |end| &line[..end]);
    let behind = line
        .strip_suffix(')')
        .and_then(|line| line.rsplit_once(" ("))
        .map(|(_, name)| name);
    let class = [Some(in_front), behind]
        .into_iter()
        .flatten()
        .find(|name| is_class(name))?;
    let name = last_segment(class);
    (!GENERIC_CLASSES.contains(&name)).then_some(class)
}

fn is_class(name: &str) -> bool {
    let is_path = |letter: char| letter.is_ascii_alphanumeric() || "_.:$\\".contains(letter);
    name.starts_with(|letter: char| letter.is_ascii_alphabetic())
        && name.chars().all(is_path)
        && CLASS_ENDINGS
            .iter()
            .any(|ending| last_segment(name).ends_with(ending))
}

fn last_segment(name: &str) -> &str {
    name.rsplit([':', '.', '$', '\\']).next().unwrap_or(name)
}

/// The message with everything replaced that differs between occurrences: numbers and times,
/// hexadecimal identifiers, UUIDs, paths, quoted text and spacing. Colours are no part of a parsed
/// message.
pub fn normalized(message: &str) -> String {
    let end = message.floor_char_boundary(MAX_READ);
    let mut rest = &message[..end];
    let mut out = String::with_capacity(end);
    while let Some(first) = rest.chars().next() {
        if first.is_whitespace() {
            if !out.is_empty() && !out.ends_with(' ') {
                out.push(' ');
            }
            rest = &rest[first.len_utf8()..];
        } else if let Some(after) = after_quoted(rest) {
            out.push_str("\"…\"");
            rest = after;
        } else if is_separator(first) {
            out.push(first);
            rest = &rest[first.len_utf8()..];
        } else {
            let end = rest.find(|letter| is_separator(letter) || letter.is_whitespace());
            let (word, after) = rest.split_at(end.unwrap_or(rest.len()));
            push_word(&mut out, word);
            rest = after;
        }
    }
    out.truncate(out.trim_end().len());
    out
}

/// What follows the quoted text at the start.
fn after_quoted(text: &str) -> Option<&str> {
    let quote = text
        .chars()
        .next()
        .filter(|first| "\"'`".contains(*first))?;
    let inner = &text[1..];
    let close = if quote == '`' {
        inner.find(['`', '\''])
    } else {
        inner.find(quote)
    };
    close
        .filter(|close| *close <= MAX_QUOTED)
        .map(|close| &inner[close + 1..])
}

fn is_separator(letter: char) -> bool {
    "()[]{}<>,;=|\"'`#".contains(letter)
}

fn push_word(out: &mut String, word: &str) {
    if word.len() > 1 && word.contains(['/', '\\']) {
        out.push_str("<path>");
    } else if is_hexadecimal(word) {
        out.push_str("<id>");
    } else {
        push_without_digits(out, word);
    }
}

/// UUIDs, addresses and digests.
fn is_hexadecimal(word: &str) -> bool {
    let (digits, min) = match word.strip_prefix("0x") {
        Some(digits) => (digits, 1),
        None => (word, MIN_HEX),
    };
    let is_hex = |letter: char| letter.is_ascii_hexdigit() || letter == '-';
    digits.len() >= min
        && digits.chars().all(is_hex)
        && (min == 1 || digits.contains(|letter: char| letter.is_ascii_digit()))
        && (min == 1 || digits.contains(|letter: char| letter.is_ascii_alphabetic()))
}

/// Numbers, and numbers joined by punctuation such as times and versions, become `#`; addresses
/// inside a word become `<id>`.
fn push_without_digits(out: &mut String, word: &str) {
    let mut rest = word;
    while let Some(first) = rest.chars().next() {
        let end = if let Some(address) = rest.strip_prefix("0x") {
            out.push_str("<id>");
            let is_hex = |letter: char| letter.is_ascii_hexdigit();
            2 + address
                .find(|letter| !is_hex(letter))
                .unwrap_or(address.len())
        } else if first.is_ascii_digit() {
            out.push('#');
            number_length(rest)
        } else {
            out.push(first);
            first.len_utf8()
        };
        rest = &rest[end..];
    }
}

/// The length of the number at the start, with the numbers that punctuation joins to it.
fn number_length(text: &str) -> usize {
    let bytes = text.as_bytes();
    let is_digit = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_digit);
    let joins = |at: usize| {
        bytes
            .get(at)
            .is_some_and(|letter| b".:-+_T".contains(letter))
    };
    let mut end = 0;
    while is_digit(end) || joins(end) && is_digit(end + 1) {
        end += 1;
    }
    end
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_replaced() {
        let cases = [
            ("expected 3,  got 5.25", "expected #, got #"),
            ("took 12:30:01.123 on 2024-01-02T03:04:05Z", "took # on #Z"),
            (
                "no user 3f2504e0-4f89-11d3-9a0c-0305e82c3301",
                "no user <id>",
            ),
            ("#<Cart:0x00007f9a> is empty", "#<Cart:<id>> is empty"),
            ("object at 0x7f9a", "object at <id>"),
            (
                "cannot open /tmp/a-1/b.txt (ENOENT)",
                "cannot open <path> (ENOENT)",
            ),
            (
                "expected \"a b\" to equal 'c'",
                "expected \"…\" to equal \"…\"",
            ),
            (
                "undefined method `total' for nil",
                "undefined method \"…\" for nil",
            ),
            ("it doesn't work", "it doesn't work"),
            ("red\n\n text", "red text"),
            ("deadbeef and facade", "deadbeef and facade"),
            ("", ""),
            ("grüße 日本 1", "grüße 日本 #"),
        ];
        for (message, expected) in cases {
            assert_eq!(normalized(message), expected, "{message}");
        }
    }

    #[test]
    fn the_class_decides_unless_it_is_generic() {
        let cases = [
            (
                "ActiveRecord::ConnectionTimeoutError: gave up after 5 s",
                "ActiveRecord::ConnectionTimeoutError",
            ),
            ("java.net.SocketException", "java.net.SocketException"),
            ("the shop is closed (IOError)", "IOError"),
            (
                "AssertionError: assert 1 == 2",
                "AssertionError: assert # == #",
            ),
            ("Note: this failed", "Note: this failed"),
            (
                "Timeout::Error: execution expired",
                "Timeout::Error: execution expired",
            ),
        ];
        for (reason, expected) in cases {
            assert_eq!(topic(reason), expected, "{reason}");
        }
    }

    #[test]
    fn halves_are_the_message_and_the_frame() {
        let here = ["lib/cart.rb:3:in 'total'"];
        let moved = ["/ci/build/lib/cart.rb:9:in 'total'"];
        let elsewhere = ["lib/shop.rb:3:in 'open'"];
        let one = Fingerprint::of("expected 1, got 2", here);
        assert_eq!(one, Fingerprint::of("expected 3, got 4", moved));
        let other = Fingerprint::of("expected 1, got 2", elsewhere);
        assert_ne!(one, other);
        assert_eq!(one.message(), other.message());
        assert_ne!(
            one.message(),
            Fingerprint::of("no route to host", here).message()
        );
    }

    #[test]
    fn is_written_and_read_as_16_digits() {
        for number in [0, 5, u64::MAX] {
            let text = Fingerprint(number).to_string();
            assert_eq!(text.len(), 16);
            assert_eq!(text.parse(), Ok(Fingerprint(number)));
        }
        for text in [
            "",
            "5",
            "+000000000000005",
            "000000000000000g",
            "00000000000000000",
        ] {
            assert_eq!(
                text.parse::<Fingerprint>(),
                Err(InvalidFingerprint),
                "{text}"
            );
        }
    }

    #[test]
    fn stays_the_same_in_later_versions() {
        // Stored fingerprints are compared with new ones.
        let fingerprint = Fingerprint::of("expected 1, got 2", ["lib/cart.rb:3:in 'total'"]);
        assert_eq!(fingerprint.0, 2_460_306_284_340_320_561);
    }
}
