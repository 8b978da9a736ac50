//! A test command as the user wrote it, and the command line it becomes.
//!
//! The text is split into words the way a POSIX shell splits it (quotes and backslashes, no
//! expansion), and only then are placeholders replaced inside the words, so a path with a space
//! stays one argument and nothing in a path is ever taken for shell syntax. Used by `runners`.

use crate::process::{self, CommandLine};

/// Stands for the tests to run.
pub const TEST_EXAMPLES: &str = "{{testExamples}}";
/// Stands for the file that the runner shall write its results to.
pub const RESULT_PATH: &str = "{{resultPath}}";
/// Stands for the names of the tests to run again, as a regular expression.
pub const TEST_NAME_PATTERN: &str = "{{testNamePattern}}";
/// Stands for Go packages.
pub const PACKAGES: &str = "{{packages}}";
/// Stands for the number of this node, from 0.
pub const NODE_INDEX: &str = "{{nodeIndex}}";
/// Stands for the number of nodes.
pub const NODE_COUNT: &str = "{{nodeCount}}";

/// Why a command is not usable as a template.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// A quote without its partner.
    #[error("split the command `{command}` into words: {reason}")]
    Unsplittable {
        /// The whole command.
        command: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Nothing but blanks or a comment.
    #[error("find a program in the command `{command}`: it has no words")]
    Empty {
        /// The whole command.
        command: String,
    },
}

/// A command with placeholders, split into words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandTemplate {
    text: String,
    words: Vec<String>,
}

/// What a placeholder stands for.
#[derive(Clone, Copy, Debug)]
pub enum Value<'a> {
    /// One text, put in as it is.
    One(&'a str),
    /// Many texts. A word that is just the placeholder becomes one argument for each. Inside a
    /// longer word (`sh -c "bats {{testExamples}}"`) they are quoted for a shell and joined.
    Many(&'a [String]),
}

impl CommandTemplate {
    /// Splits a command.
    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        let words = shell_words::split(text).map_err(|error| TemplateError::Unsplittable {
            command: text.to_owned(),
            reason: error.to_string(),
        })?;
        if words.is_empty() {
            return Err(TemplateError::Empty {
                command: text.to_owned(),
            });
        }
        Ok(Self {
            text: text.to_owned(),
            words,
        })
    }

    /// The command as it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The words, placeholders and all.
    pub fn words(&self) -> &[String] {
        &self.words
    }

    /// Whether a placeholder, or any other text, is in one of the words.
    pub fn contains(&self, part: &str) -> bool {
        self.words.iter().any(|word| word.contains(part))
    }

    /// The same command with more words at its end.
    #[must_use]
    pub fn with_words(&self, more: &[&str]) -> Self {
        let mut changed = self.clone();
        changed
            .words
            .extend(more.iter().map(|&word| word.to_owned()));
        changed
    }

    /// The command line, with each placeholder replaced. A value is never searched for further
    /// placeholders: a test may be called `{{resultPath}}`.
    pub fn fill(&self, values: &[(&str, Value<'_>)]) -> CommandLine {
        let mut words = self.words.iter().flat_map(|word| fill_word(word, values));
        let program = words.next().unwrap_or_default();
        CommandLine {
            program,
            arguments: words.collect(),
        }
    }
}

fn fill_word(word: &str, values: &[(&str, Value<'_>)]) -> Vec<String> {
    if let Some((_, Value::Many(many))) = values.iter().find(|(name, _)| *name == word) {
        return many.to_vec();
    }
    let mut filled = String::with_capacity(word.len());
    let mut rest = word;
    while let Some((at, name, value)) = values
        .iter()
        .filter_map(|(name, value)| rest.find(name).map(|at| (at, *name, *value)))
        .min_by_key(|(at, ..)| *at)
    {
        filled.push_str(&rest[..at]);
        match value {
            Value::One(text) => filled.push_str(text),
            Value::Many(many) => {
                let many: Vec<_> = many.iter().map(|one| process::quoted(one)).collect();
                filled.push_str(&many.join(" "));
            }
        }
        rest = &rest[at + name.len()..];
    }
    filled.push_str(rest);
    vec![filled]
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn fill(template: &str, paths: &[&str]) -> Vec<String> {
        let paths: Vec<String> = paths.iter().map(|&path| path.to_owned()).collect();
        let command = CommandTemplate::parse(template).unwrap().fill(&[
            (TEST_EXAMPLES, Value::Many(&paths)),
            (RESULT_PATH, Value::One("out put.json")),
        ]);
        command.words().map(str::to_owned).collect()
    }

    #[rstest]
    #[case("rspec {{testExamples}}", &["a", "b"], &["rspec", "a", "b"])]
    #[case("rspec {{testExamples}}", &["a b.rb", "c'd"], &["rspec", "a b.rb", "c'd"])]
    #[case("rspec '{{testExamples}}'", &["a", "b"], &["rspec", "a", "b"])]
    #[case("rspec {{testExamples}}", &[], &["rspec"])]
    #[case("rspec --out {{resultPath}}", &["a"], &["rspec", "--out", "out put.json"])]
    #[case("pytest --json={{resultPath}}", &[], &["pytest", "--json=out put.json"])]
    #[case("sh -c 'bats {{testExamples}}'", &["a b", "c"], &["sh", "-c", "bats 'a b' c"])]
    #[case("x {{testExamples}} {{testExamples}}", &["a"], &["x", "a", "a"])]
    #[case(r#"x "a  b" c\ d '$HOME' "" "#, &[], &["x", "a  b", "c d", "$HOME", ""])]
    #[case("x {{testExamples}}", &["{{resultPath}}"], &["x", "{{resultPath}}"])]
    #[case("x -{{testExamples}}", &["{{resultPath}}"], &["x", "-'{{resultPath}}'"])]
    #[case("x {{unknown}} $HOME *", &[], &["x", "{{unknown}}", "$HOME", "*"])]
    fn words_are_split_then_filled(
        #[case] template: &str,
        #[case] paths: &[&str],
        #[case] expected: &[&str],
    ) {
        let expected: Vec<String> = expected.iter().map(|&word| word.to_owned()).collect();
        assert_eq!(fill(template, paths), expected);
    }

    #[rstest]
    #[case("rspec 'spec")]
    #[case("rspec \"spec")]
    fn a_command_that_cannot_be_split_is_shown(#[case] text: &str) {
        let error = CommandTemplate::parse(text).unwrap_err();
        assert!(matches!(error, TemplateError::Unsplittable { .. }));
        assert!(error.to_string().contains(text), "{error}");
    }

    #[rstest]
    #[case("")]
    #[case("   ")]
    #[case("# nothing")]
    fn a_command_needs_a_program(#[case] text: &str) {
        assert!(matches!(
            CommandTemplate::parse(text),
            Err(TemplateError::Empty { .. })
        ));
    }
}
