//! Numbers in the notation of any locale: "1,234.5", "1.234,5", "1 234,5", "1'234.5".
//!
//! "1,250" is ambiguous. A file is written by one program in one locale, so a value that proves the
//! decimal mark ("0,160") decides about all others.

/// Reads the numbers of a file, and remembers which decimal marks they prove.
#[derive(Debug, Default)]
pub(super) struct Numbers {
    /// Whether a comma is the decimal mark of ambiguous numbers, and a point groups thousands.
    has_decimal_comma: bool,
    proves_point: bool,
    proves_comma: bool,
}

impl Numbers {
    pub(super) const fn with_decimal_comma() -> Self {
        Self {
            has_decimal_comma: true,
            proves_point: false,
            proves_comma: false,
        }
    }

    /// Whether some number proves a decimal comma and none a decimal point, so that the file must
    /// be read again.
    pub(super) fn needs_decimal_comma(&self) -> bool {
        !self.has_decimal_comma && self.proves_comma && !self.proves_point
    }

    pub(super) fn read(&mut self, text: &str) -> Option<f64> {
        let text = text.trim();
        if !self.has_decimal_comma
            && let Ok(number) = text.parse()
        {
            self.proves_point = self.proves_point || has_decimal_point(text);
            return Some(number);
        }
        self.read_in_locale(text)
    }

    fn read_in_locale(&mut self, text: &str) -> Option<f64> {
        let exponent_at = text.find(['e', 'E']).unwrap_or(text.len());
        let (text, exponent) = text.split_at(exponent_at);
        let (sign, text) = match text.strip_prefix('-') {
            Some(text) => ("-", text),
            None => ("", text.strip_prefix('+').unwrap_or(text)),
        };
        let groups: Vec<&str> = text.split(is_mark).collect();
        let marks: Vec<char> = text.matches(is_mark).flat_map(str::chars).collect();
        let is_number = |group: &&str| group.bytes().all(|byte| byte.is_ascii_digit());
        if !groups.iter().all(is_number) {
            return None;
        }
        let has_fraction = self.has_fraction(&groups, &marks)?;
        let (whole, fraction) = groups.split_at(groups.len() - usize::from(has_fraction));
        let is_grouped = whole.iter().skip(1).all(|group| group.len() == 3);
        let number = format!("{sign}{}.{}{exponent}", whole.concat(), fraction.concat());
        is_grouped.then(|| number.parse().ok())?
    }

    /// Whether the last group is a fraction. `None` if the marks contradict each other.
    fn has_fraction(&mut self, groups: &[&str], marks: &[char]) -> Option<bool> {
        let Some((&last, before)) = marks.split_last() else {
            return Some(false);
        };
        if !matches!(last, '.' | ',') {
            // Only spaces or apostrophes may group what has no fraction.
            return Some(false);
        }
        if before.contains(&last) {
            // A mark that repeats groups.
            self.prove(last == ',');
            return marks.iter().all(|&mark| mark == last).then_some(false);
        }
        let (first, fraction) = (groups.first()?, groups.last()?);
        let is_ambiguous = before.is_empty()
            && fraction.len() == 3
            && (1..=3).contains(&first.len())
            && !first.starts_with('0');
        if is_ambiguous {
            return Some((last == ',') == self.has_decimal_comma);
        }
        self.prove(last == '.');
        Some(true)
    }

    fn prove(&mut self, point: bool) {
        if point {
            self.proves_point = true;
        } else {
            self.proves_comma = true;
        }
    }
}

/// A decimal point or comma, or a character that groups thousands.
fn is_mark(letter: char) -> bool {
    matches!(
        letter,
        '.' | ',' | ' ' | '\'' | '\u{A0}' | '\u{2019}' | '\u{202F}'
    )
}

/// Whether the point in a plain number cannot group thousands.
fn has_decimal_point(number: &str) -> bool {
    number.split_once('.').is_some_and(|(whole, fraction)| {
        fraction.len() != 3 || whole.starts_with('0') || !(1..=3).contains(&whole.len())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_numbers_of_any_locale() {
        let table = [
            ("1.5", Some(1.5)),
            ("1,234.5", Some(1234.5)),
            ("1,234,567.5", Some(1_234_567.5)),
            ("1.234,5", Some(1234.5)),
            ("1.234.567,5", Some(1_234_567.5)),
            ("1 234,5", Some(1234.5)),
            ("1\u{A0}234,5", Some(1234.5)),
            ("1\u{202F}234.5", Some(1234.5)),
            ("1 234 567", Some(1_234_567.0)),
            ("1'234.5", Some(1234.5)),
            ("1’234,500", Some(1234.5)),
            ("1,234", Some(1234.0)),
            ("1,234,567", Some(1_234_567.0)),
            ("0,5", Some(0.5)),
            ("0,123", Some(0.123)),
            ("12,5", Some(12.5)),
            ("-0,5", Some(-0.5)),
            ("1,5E-3", Some(0.0015)),
            ("1.2.3", None),
            ("1,23,456.7", None),
            ("1 23", None),
            ("1.5,5.5", None),
            ("", None),
            (",", None),
            ("fast", None),
        ];
        for (text, expected) in table {
            assert_eq!(Numbers::default().read(text), expected, "{text:?}");
        }
    }

    #[test]
    fn values_with_a_proof_decide_about_ambiguous_ones() {
        let table = [
            // A decimal comma.
            (
                &["1,250", "0,160", "1.250", "1.234,5"][..],
                [1.25, 0.16, 1250.0, 1234.5],
            ),
            (
                &["1,250", "1.234.567", "1.250", "12,5"],
                [1.25, 1_234_567.0, 1250.0, 12.5],
            ),
            // A decimal point.
            (
                &["1,250", "0.160", "1.250", "1,234.5"],
                [1250.0, 0.16, 1.25, 1234.5],
            ),
            // Neither, and both.
            (&["1,250", "1.250", "3", "4"], [1250.0, 1.25, 3.0, 4.0]),
            (&["1,250", "1.250", "0,5", "0.5"], [1250.0, 1.25, 0.5, 0.5]),
        ];
        for (texts, expected) in table {
            let mut numbers = Numbers::default();
            let mut read = texts
                .iter()
                .map(|text| numbers.read(text))
                .collect::<Vec<_>>();
            if numbers.needs_decimal_comma() {
                let mut again = Numbers::with_decimal_comma();
                read = texts.iter().map(|text| again.read(text)).collect();
                assert!(!again.needs_decimal_comma());
            }
            assert_eq!(read, expected.map(Some), "{texts:?}");
        }
    }
}
