//! The problems of a configuration: collected while options are read, sorted, reported together.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::RangeInclusive;

use crate::cli::{Opt, Problem};

/// Everything that is wrong with the settings of one command.
///
/// Displays as `bktec COMMAND: invalid configuration:` and one line per problem, sorted by field.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct InvalidConfiguration {
    command: &'static str,
    problems: Vec<Problem>,
}

impl InvalidConfiguration {
    pub fn new(command: &'static str, mut problems: Vec<Problem>) -> Self {
        // Stable: two problems of one field stay in the order they were found.
        problems.sort_by(|a, b| a.field.cmp(&b.field));
        Self { command, problems }
    }
}

impl fmt::Display for InvalidConfiguration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "bktec {}: invalid configuration:", self.command)?;
        for problem in &self.problems {
            write!(f, "\n{}", problem.text)?;
        }
        Ok(())
    }
}

#[derive(Debug, Default)]
pub(super) struct Problems {
    found: Vec<Problem>,
}

impl Problems {
    pub(super) fn push(&mut self, problem: Problem) {
        self.found.push(problem);
    }

    /// `field` is a variable, or a flag that has none.
    pub(super) fn add(&mut self, field: &str, message: impl fmt::Display) {
        self.push(Problem::new(field, message));
    }

    pub(super) fn count(&self) -> usize {
        self.found.len()
    }

    /// The value of an option; `None` when it is not set or wrong.
    pub(super) fn get<T: Clone>(&mut self, option: &Opt<T>) -> Option<T> {
        match option.value()? {
            Ok(value) => Some(value),
            Err(problem) => {
                self.push(problem);
                None
            }
        }
    }

    pub(super) fn flag(&mut self, option: &Opt<bool>, default: bool) -> bool {
        self.get(option).unwrap_or(default)
    }

    pub(super) fn integer(
        &mut self,
        option: &Opt<i64>,
        default: i64,
        range: RangeInclusive<i64>,
    ) -> i64 {
        let Some(number) = self.get(option) else {
            return default;
        };
        if range.contains(&number) {
            return number;
        }
        let (min, max) = range.into_inner();
        self.push(option.wrong(&match max {
            i64::MAX => format!("greater than or equal to {min}"),
            max => format!("{min} to {max}"),
        }));
        default
    }

    /// `KEY=VALUE` pairs; the last of two equal keys wins. A variable holds several pairs,
    /// separated by commas; a flag holds one, whose value may contain commas and `=`.
    pub(super) fn pairs(&mut self, options: &[Opt<String>]) -> BTreeMap<String, String> {
        let mut pairs = BTreeMap::new();
        for option in options {
            let parts: Vec<&str> = if option.is_from_variable {
                let parts = option.text().split(',').map(str::trim);
                parts.filter(|part| !part.is_empty()).collect()
            } else {
                vec![option.text()]
            };
            for part in parts {
                match part.split_once('=') {
                    Some((key, value)) if !key.trim().is_empty() => {
                        pairs.insert(key.trim().to_owned(), value.to_owned());
                    }
                    _ => self.push(option.wrong_part(part, "KEY=VALUE")),
                }
            }
        }
        pairs
    }

    pub(super) fn finish<T>(
        mut self,
        command: &'static str,
        settings: Option<T>,
    ) -> Result<T, InvalidConfiguration> {
        if self.found.is_empty() {
            if let Some(settings) = settings {
                return Ok(settings);
            }
            self.add("(settings)", "are incomplete; please report this bug");
        }
        Err(InvalidConfiguration::new(command, self.found))
    }
}

/// For snapshots: breaks lines at 88 columns.
#[cfg(test)]
pub(super) fn wrapped(text: &str) -> String {
    let mut wrapped = String::new();
    for line in text.lines() {
        let mut width = 0;
        for word in line.split(' ') {
            if width > 0 && width + word.len() > 88 {
                wrapped.truncate(wrapped.trim_end().len());
                wrapped.push_str("\n  ");
                width = 0;
            }
            wrapped.push_str(word);
            wrapped.push(' ');
            width += word.len() + 1;
        }
        wrapped.truncate(wrapped.trim_end().len());
        wrapped.push('\n');
    }
    wrapped
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::{self, CiEnvironment, PlanArgs};

    #[test]
    fn problems_are_sorted_by_field() {
        let mut problems = Problems::default();
        problems.add("B", "must not be blank");
        problems.add("C", "was 2");
        problems.add("A", "second letter");
        problems.add("A", "first letter");
        insta::assert_snapshot!(problems.finish("run", Some(())).unwrap_err(), @"
        bktec run: invalid configuration:
        A second letter
        A first letter
        B must not be blank
        C was 2
        ");
        assert!(Problems::default().finish("run", Some(())).is_ok());
        assert!(Problems::default().finish("run", None::<()>).is_err());
    }

    #[test]
    fn pairs_split_at_the_first_equals_sign() {
        let read = |texts: &[&str]| {
            let flags = texts.iter().flat_map(|text| ["--metadata", text]);
            let arguments: Vec<&str> = ["plan"].into_iter().chain(flags).collect();
            let typed = cli::typed_for_tests::<PlanArgs>(&arguments, CiEnvironment::default());
            let mut problems = Problems::default();
            let pairs = problems.pairs(&typed.own.selection.metadata);
            (Vec::from_iter(pairs), problems.count())
        };
        let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        assert_eq!(
            read(&["a=1", "b=x=y, z\nw", " c =", "a=2"]),
            (
                vec![pair("a", "2"), pair("b", "x=y, z\nw"), pair("c", "")],
                0
            )
        );
        assert_eq!(read(&["no-sign", "=value"]), (vec![], 2));
    }
}
