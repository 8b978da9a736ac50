//! Reads single options: text in, value or a noted problem out.
//!
//! One place for how a wrong value is told: the variable, the text, what it must be, the flag.

use super::problems::Problems;
use super::values;

/// An option as it was typed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Field<'a> {
    /// The variable, which names the option in messages.
    pub variable: &'static str,
    /// The flag, with its hyphens.
    pub flag: &'static str,
    /// The text; blank means not set.
    pub text: Option<&'a str>,
}

impl<'a> Field<'a> {
    /// An option with its text, if there is any.
    pub(super) fn new(
        variable: &'static str,
        flag: &'static str,
        text: Option<&'a String>,
    ) -> Self {
        Self {
            variable,
            flag,
            text: text
                .map(String::as_str)
                .filter(|text| !text.trim().is_empty()),
        }
    }

    /// The text; notes a problem when there is none.
    pub(super) fn required(self, problems: &mut Problems) -> String {
        if self.text.is_none() {
            problems.add(
                self.variable,
                format!("must not be blank (or give {})", self.flag),
            );
        }
        self.text.unwrap_or_default().to_owned()
    }

    /// The text as it is.
    pub(super) fn optional(self) -> Option<String> {
        self.text.map(str::to_owned)
    }

    pub(super) fn boolean(self, default: bool, problems: &mut Problems) -> bool {
        self.read(values::boolean, problems).unwrap_or(default)
    }

    /// A number within `bounds`; `default` when it is not set or not usable.
    pub(super) fn integer(
        self,
        default: i64,
        bounds: std::ops::RangeInclusive<i64>,
        problems: &mut Problems,
    ) -> i64 {
        let Some(number) = self.read(values::integer, problems) else {
            return default;
        };
        if bounds.contains(&number) {
            return number;
        }
        let must = if *bounds.end() == i64::MAX {
            format!("greater than or equal to {}", bounds.start())
        } else {
            format!("{} to {}", bounds.start(), bounds.end())
        };
        self.wrong(&must, problems);
        default
    }

    /// Nanoseconds.
    pub(super) fn duration(self, default: i64, problems: &mut Problems) -> i64 {
        self.read(values::duration, problems).unwrap_or(default)
    }

    pub(super) fn base_url(self, default: &str, problems: &mut Problems) -> String {
        self.read(values::base_url, problems)
            .unwrap_or_else(|| default.to_owned())
    }

    /// Notes that the value must be something else.
    pub(super) fn wrong(self, must_be: &str, problems: &mut Problems) {
        problems.add(
            self.variable,
            format!(
                "was {:?}, must be {must_be} ({})",
                self.text.unwrap_or_default(),
                self.flag
            ),
        );
    }

    fn read<T>(
        self,
        reader: fn(&str) -> Result<T, &'static str>,
        problems: &mut Problems,
    ) -> Option<T> {
        let text = self.text?;
        match reader(text) {
            Ok(value) => Some(value),
            Err(must_be) => {
                self.wrong(must_be, problems);
                None
            }
        }
    }
}
