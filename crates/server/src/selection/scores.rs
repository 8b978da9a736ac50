//! The scores of the items of a decision, as they are stored with it: to close the decision when
//! its run has ended, to explain it, and to name what was left out. Pure.
//!
//! Layout, compressed: version, location prefix, number of items; for each item in the order of
//! their names, one byte of kind and reason, its target, and of an example its scope and name, each
//! as the length of what it shares with the text before, and the rest; the duration in
//! milliseconds; the value with 24 bits.

use std::io::{self, Read as _, Write as _};

use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;
use test_engine_duration::Micros;
use test_engine_selection::{AlwaysReason, ScoredItem, Selected};

const VERSION: u8 = 1;
/// Of the decompressed bytes: about a million items.
const MAX_BYTES: u64 = 256 * 1024 * 1024;
const EXAMPLE: u8 = 1 << 7;
const FILE: u8 = 1 << 6;
const LEFT_OUT: u8 = 0;
const FOR_VALUE: u8 = 1;
const FIRST_ALWAYS: u8 = 2;

/// An item of a decision.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Scored {
    /// As in the request.
    pub(crate) target: String,
    /// Its path has the location prefix, unlike a selector.
    pub(crate) is_file: bool,
    /// The scope and name of an example.
    pub(crate) example: Option<(String, String)>,
    pub(crate) item: ScoredItem,
}

/// The items of a decision by rank.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Scores {
    /// Of the request.
    pub(crate) location_prefix: String,
    pub(crate) items: Vec<Scored>,
}

impl Scores {
    /// The targets of items that were left out, by rank.
    pub(super) fn into_left_out(mut self) -> Vec<Scored> {
        self.items.retain(|item| item.item.selected.is_none());
        self.items
    }
}

/// An item to encode.
#[derive(Clone, Copy)]
pub(super) struct ToScore<'a> {
    pub(super) target: &'a str,
    pub(super) is_file: bool,
    pub(super) example: Option<(&'a str, &'a str)>,
    pub(super) item: ScoredItem,
}

/// Scores as they are stored, but not compressed.
pub(super) struct ScoreBytes(Vec<u8>);

impl ScoreBytes {
    /// Takes the items in the order of the request.
    pub(super) fn of<'a>(
        location_prefix: &str,
        items: impl ExactSizeIterator<Item = ToScore<'a>>,
    ) -> Self {
        Self(lay_out(location_prefix, items))
    }

    pub(super) fn compress(self) -> io::Result<Vec<u8>> {
        let Self(bytes) = self;
        let place = Vec::with_capacity(bytes.len() / 3);
        let mut encoder = DeflateEncoder::new(place, Compression::fast());
        encoder.write_all(&bytes)?;
        encoder.finish()
    }
}

fn lay_out<'a>(
    location_prefix: &str,
    items: impl ExactSizeIterator<Item = ToScore<'a>>,
) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(items.len() * 32);
    bytes.push(VERSION);
    put_text(&mut bytes, "", location_prefix);
    put(&mut bytes, items.len() as u64);
    let mut before = ("", "", "");
    for one in items {
        let (target, item) = (one.target, one.item);
        let kind = match (one.example, one.is_file) {
            (Some(_), _) => EXAMPLE,
            (None, true) => FILE,
            (None, false) => 0,
        };
        bytes.push(kind | reason_code(item.selected));
        put_text(&mut bytes, before.0, target);
        before.0 = target;
        if let Some((scope, name)) = one.example {
            put_text(&mut bytes, before.1, scope);
            put_text(&mut bytes, before.2, name);
            (before.1, before.2) = (scope, name);
        }
        put(&mut bytes, item.duration.get().div_ceil(1_000));
        #[expect(
            clippy::cast_possible_truncation,
            reason = "values are stored with 24 bits"
        )]
        let value = item.value as f32;
        bytes.extend(value.to_le_bytes());
    }
    bytes
}

pub(super) fn decode(compressed: &[u8]) -> io::Result<Scores> {
    let mut bytes = Vec::new();
    let mut decoder = DeflateDecoder::new(compressed).take(MAX_BYTES);
    decoder.read_to_end(&mut bytes)?;
    let damaged = || io::Error::new(io::ErrorKind::InvalidData, "the scores are damaged");
    parse(&bytes).ok_or_else(damaged)
}

fn parse(mut bytes: &[u8]) -> Option<Scores> {
    if byte(&mut bytes)? != VERSION {
        return None;
    }
    let location_prefix = text(&mut bytes, "")?;
    let count = usize::try_from(number(&mut bytes)?).ok()?;
    let mut items: Vec<Scored> = Vec::with_capacity(count.min(bytes.len()));
    let (mut target, mut scope, mut name) = (String::new(), String::new(), String::new());
    for _ in 0..count {
        let code = byte(&mut bytes)?;
        target = text(&mut bytes, &target)?;
        let example = if code & EXAMPLE == 0 {
            None
        } else {
            scope = text(&mut bytes, &scope)?;
            name = text(&mut bytes, &name)?;
            Some((scope.clone(), name.clone()))
        };
        let duration = Micros::from_milliseconds(number(&mut bytes)?);
        let (value, rest) = bytes.split_first_chunk::<4>()?;
        bytes = rest;
        items.push(Scored {
            target: target.clone(),
            is_file: code & FILE != 0,
            example,
            item: ScoredItem {
                value: f64::from(f32::from_le_bytes(*value)),
                selected: reason(code & !(EXAMPLE | FILE))?,
                duration,
            },
        });
    }
    items.sort_by(|left, right| {
        let by_value = right.item.value.total_cmp(&left.item.value);
        by_value.then_with(|| left.target.cmp(&right.target))
    });
    Some(Scores {
        location_prefix,
        items,
    })
}

fn reason_code(selected: Option<Selected>) -> u8 {
    match selected {
        None => LEFT_OUT,
        Some(Selected::Value) => FOR_VALUE,
        Some(Selected::Always(reason)) => {
            let place = AlwaysReason::ALL.iter().position(|one| *one == reason);
            FIRST_ALWAYS
                + place
                    .and_then(|place| u8::try_from(place).ok())
                    .unwrap_or(0)
        }
    }
}

#[expect(clippy::option_option, reason = "a reason that is not known, and none")]
fn reason(code: u8) -> Option<Option<Selected>> {
    match code {
        LEFT_OUT => Some(None),
        FOR_VALUE => Some(Some(Selected::Value)),
        code => {
            let reason = AlwaysReason::ALL.get(usize::from(code - FIRST_ALWAYS))?;
            Some(Some(Selected::Always(*reason)))
        }
    }
}

fn put(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        bytes.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    bytes.push((number & 0x7f) as u8);
}

fn put_text(bytes: &mut Vec<u8>, before: &str, text: &str) {
    let pairs = before.bytes().zip(text.bytes());
    let mut shared = pairs.take_while(|(left, right)| left == right).count();
    while !text.is_char_boundary(shared) {
        shared -= 1;
    }
    put(bytes, shared as u64);
    put(bytes, (text.len() - shared) as u64);
    bytes.extend_from_slice(&text.as_bytes()[shared..]);
}

fn byte(bytes: &mut &[u8]) -> Option<u8> {
    let (first, rest) = bytes.split_first()?;
    *bytes = rest;
    Some(*first)
}

fn number(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..63).step_by(7) {
        let next = byte(bytes)?;
        number |= u64::from(next & 0x7f) << shift;
        if next & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

fn text(bytes: &mut &[u8], before: &str) -> Option<String> {
    let shared = usize::try_from(number(bytes)?).ok()?;
    let length = usize::try_from(number(bytes)?).ok()?;
    let (own, rest) = bytes.split_at_checked(length)?;
    *bytes = rest;
    Some(format!(
        "{}{}",
        before.get(..shared)?,
        str::from_utf8(own).ok()?
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scored(target: &str, value: f32, selected: Option<Selected>) -> Scored {
        Scored {
            target: target.to_owned(),
            is_file: std::path::Path::new(target)
                .extension()
                .is_some_and(|end| end == "py"),
            example: None,
            item: ScoredItem {
                value: f64::from(value),
                selected,
                duration: Micros::from_milliseconds(1_500),
            },
        }
    }

    fn encoded(items: &[Scored]) -> Vec<u8> {
        let items = items.iter().map(|item| {
            let example = item.example.as_ref();
            ToScore {
                target: &item.target,
                is_file: item.is_file,
                example: example.map(|(scope, name)| (scope.as_str(), name.as_str())),
                item: item.item,
            }
        });
        ScoreBytes::of("web", items).compress().unwrap()
    }

    #[test]
    fn scores_are_restored_by_rank() {
        let mut items = vec![
            scored("tests/ä/a.py", -1.25, Some(Selected::Value)),
            scored("tests/ö/b.py", -3.0, None),
            scored("", f32::MIN, None),
        ];
        for reason in AlwaysReason::ALL {
            items.push(scored(reason.as_str(), 2.0, Some(Selected::Always(reason))));
        }
        items.push(Scored {
            example: Some(("Scope".to_owned(), "is fine".to_owned())),
            ..scored("a_spec.rb[1:2]", 7.5, Some(Selected::Value))
        });
        let decoded = decode(&encoded(&items)).unwrap();
        assert_eq!(decoded.location_prefix, "web");
        assert_eq!(decoded.items.len(), items.len());
        assert_eq!(decoded.items[0], items[10]);
        let mut equal = items[3..10].to_vec();
        equal.sort_by(|left, right| left.target.cmp(&right.target));
        assert_eq!(decoded.items[1..8], equal);
        assert_eq!(decoded.items[8], items[0]);
        assert_eq!(decoded.items[10], items[2]);
        let left_out = decoded.into_left_out();
        let left_out: Vec<&str> = left_out.iter().map(|item| item.target.as_str()).collect();
        assert_eq!(left_out, ["tests/ö/b.py", ""]);
    }

    #[test]
    fn durations_are_rounded_up_so_that_none_becomes_nothing() {
        let mut short = scored("a", 0.0, None);
        short.item.duration = Micros::ONE;
        let decoded = decode(&encoded(&[short])).unwrap();
        assert_eq!(decoded.items[0].item.duration, Micros::from_milliseconds(1));
    }

    #[test]
    fn damaged_scores_are_an_error() {
        decode(b"").unwrap_err();
        decode(b"no scores").unwrap_err();
        let mut bytes = vec![VERSION];
        put_text(&mut bytes, "", "");
        for end in [
            &[0xff; 12][..],
            &[1, 0x7f],
            &[1, 0, 9, 0],
            &[1, 0, 0, 9],
            &[1, 0, 0, 0, 0],
        ] {
            let damaged = [bytes.as_slice(), end].concat();
            assert_eq!(parse(&damaged), None, "{end:?}");
        }
        assert_eq!(parse(&[VERSION + 1]), None);
    }
}
