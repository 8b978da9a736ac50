//! What is wrong with a configuration: collected, sorted, told at once.

use std::fmt;

/// One wrong setting.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Problem {
    field: String,
    message: String,
}

/// Everything that is wrong with the settings of one command.
///
/// Displays as `bktec COMMAND: invalid configuration:` and one line for each problem, sorted by
/// field.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct InvalidConfiguration {
    command: &'static str,
    problems: Vec<Problem>,
}

impl InvalidConfiguration {
    /// A configuration with one problem that was found only when a command ran.
    pub fn of(command: &'static str, field: &str, message: String) -> Self {
        let problem = Problem {
            field: field.to_owned(),
            message,
        };
        Self {
            command,
            problems: vec![problem],
        }
    }

    /// Settings are missing although nothing was found wrong with them: a fault of this program,
    /// told rather than ignored.
    pub(super) fn incomplete(command: &'static str) -> Self {
        Self {
            command,
            problems: vec![Problem {
                field: "(settings)".to_owned(),
                message: "could not be put together; please report this".to_owned(),
            }],
        }
    }
}

impl fmt::Display for InvalidConfiguration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "bktec {}: invalid configuration:", self.command)?;
        for problem in &self.problems {
            write!(f, "\n{} {}", problem.field, problem.message)?;
        }
        Ok(())
    }
}

/// Collects problems while settings are read.
#[derive(Debug, Default)]
pub(super) struct Problems {
    found: Vec<Problem>,
}

impl Problems {
    /// Notes that `field` (a variable's name, or a flag that has none) is wrong.
    pub(super) fn add(&mut self, field: &str, message: impl Into<String>) {
        self.found.push(Problem {
            field: field.to_owned(),
            message: message.into(),
        });
    }

    /// Adds what was found elsewhere.
    pub(super) fn take(&mut self, others: Self) {
        self.found.extend(others.found);
    }

    /// Whether nothing is wrong so far.
    pub(super) fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// `Ok` when nothing was wrong.
    pub(super) fn finish(mut self, command: &'static str) -> Result<(), InvalidConfiguration> {
        if self.found.is_empty() {
            return Ok(());
        }
        // Stable: two problems of one field stay in the order they were found.
        self.found.sort_by(|a, b| a.field.cmp(&b.field));
        Err(InvalidConfiguration {
            command,
            problems: self.found,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn problems_are_sorted_by_field() {
        let mut problems = Problems::default();
        problems.add("B", "must not be blank");
        problems.add("C", "was 2");
        problems.add("A", "second letter");
        problems.add("A", "first letter");
        insta::assert_snapshot!(problems.finish("run").unwrap_err(), @"
        bktec run: invalid configuration:
        A second letter
        A first letter
        B must not be blank
        C was 2
        ");
        assert!(Problems::default().finish("run").is_ok());
    }
}
