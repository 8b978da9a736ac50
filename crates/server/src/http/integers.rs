//! Integers that a JSON body writes as `3.0` or `3e2`. JSON Schema, and so the OpenAPI document,
//! takes them for integers, and some languages have no other numbers; serde rejects them.

use std::ops::RangeInclusive;

use serde_json::Value;

/// Beyond it, not every integer has an exact `f64`.
const EXACT: RangeInclusive<f64> = -9_007_199_254_740_992.0..=9_007_199_254_740_992.0;

/// The value as an integer from 0.
pub(super) fn natural(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| {
        let integer = integral(value.as_f64()?)?;
        u64::try_from(integer).ok()
    })
}

/// The JSON text with such numbers as plain integers; `None` if it has none.
///
/// Works on the text, because a tree of a large body would take many times its size.
pub(super) fn rewritten(json: &[u8]) -> Option<Vec<u8>> {
    let mut result: Option<Vec<u8>> = None;
    // What precedes this is in the result, if there is one.
    let mut copied = 0;
    let mut at = 0;
    while let Some(byte) = json.get(at) {
        match byte {
            b'"' => at += string_length(&json[at..]),
            b'-' | b'0'..=b'9' => {
                let end = at + number_length(&json[at..]);
                if let Some(integer) = decimal(&json[at..end]) {
                    let result = result.get_or_insert_with(|| Vec::with_capacity(json.len()));
                    result.extend_from_slice(&json[copied..at]);
                    result.extend_from_slice(integer.to_string().as_bytes());
                    copied = end;
                }
                at = end;
            }
            _ => at += 1,
        }
    }
    let mut result = result?;
    result.extend_from_slice(&json[copied..]);
    Some(result)
}

/// The number of bytes of the string literal at the start.
fn string_length(json: &[u8]) -> usize {
    let mut at = 1;
    while let Some(byte) = json.get(at) {
        match byte {
            b'"' => return at + 1,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    json.len()
}

fn number_length(json: &[u8]) -> usize {
    let is_part = |byte: &u8| matches!(byte, b'-' | b'+' | b'.' | b'e' | b'E' | b'0'..=b'9');
    json.iter().take_while(|byte| is_part(byte)).count()
}

/// The integer that a number with a fraction or an exponent is.
fn decimal(number: &[u8]) -> Option<i64> {
    let is_plain = |byte: &u8| matches!(byte, b'-' | b'0'..=b'9');
    if number.iter().all(is_plain) {
        return None;
    }
    integral(std::str::from_utf8(number).ok()?.parse().ok()?)
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "has no fraction, and is in the range of exact integers"
)]
fn integral(number: f64) -> Option<i64> {
    (number.fract() == 0.0 && EXACT.contains(&number)).then_some(number as i64)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{natural, rewritten};

    #[test]
    fn only_integers_with_a_fraction_or_exponent_are_rewritten() {
        for (json, expected) in [
            (r#"{"a":3.0}"#, Some(r#"{"a":3}"#)),
            (r"[1.00,-2.0 , 3e2,1.5e1,4]", Some("[1,-2 , 300,15,4]")),
            (
                r#"{"1.0":"2.0","b\"":"\\","c":-0.0}"#,
                Some(r#"{"1.0":"2.0","b\"":"\\","c":0}"#),
            ),
            (r#"[3, 1.5, "7.0", 1e-3, 1e300, null]"#, None),
            ("1.0.0", None),
            ("\"open 1.0", None),
            ("\"\\", None),
            ("", None),
        ] {
            let result = rewritten(json.as_bytes());
            let text = result.map(|bytes| String::from_utf8(bytes).unwrap());
            assert_eq!(text.as_deref(), expected, "{json}");
        }
    }

    #[test]
    fn natural_numbers_have_no_fraction_or_sign() {
        assert_eq!(natural(&json!(7)), Some(7));
        assert_eq!(natural(&json!(7.0)), Some(7));
        for other in [json!(7.5), json!(-7.0), json!("7"), json!(1e300)] {
            assert_eq!(natural(&other), None, "{other}");
        }
    }
}
