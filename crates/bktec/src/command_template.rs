//! The user's commands with placeholders, and the command lines they produce.
//!
//! The text is split into words as a POSIX shell splits it (quotes and backslashes, no expansion).
//! Placeholders are replaced only afterwards, inside the words, so a path with a space stays one
//! argument and nothing in a path is interpreted as shell syntax.

use crate::process::{self, CommandLine};

pub const TEST_EXAMPLES: &str = "{{testExamples}}";
/// The file that the runner writes its results to.
pub const RESULT_PATH: &str = "{{resultPath}}";
/// The names of the tests to rerun, as a regular expression.
pub const TEST_NAME_PATTERN: &str = "{{testNamePattern}}";
pub const PACKAGES: &str = "{{packages}}";
/// The index of this node, from 0.
pub const NODE_INDEX: &str = "{{nodeIndex}}";
pub const NODE_COUNT: &str = "{{nodeCount}}";

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    #[error("cannot split the command `{command}` into words: {reason}")]
    Unsplittable { command: String, reason: String },
    /// Only blanks or a comment.
    #[error("the command `{command}` has no program")]
    Empty { command: String },
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandTemplate {
    text: String,
    words: Vec<String>,
}

#[derive(Clone, Copy, Debug)]
pub enum Value<'a> {
    /// Inserted unchanged.
    One(&'a str),
    /// A word that is only the placeholder becomes one argument per value. Inside a longer word
    /// (`sh -c "bats {{testExamples}}"`) the values are quoted for a shell and joined by spaces.
    Many(&'a [String]),
}

impl CommandTemplate {
    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        let command = text.to_owned();
        match shell_words::split(text) {
            Ok(words) if words.is_empty() => Err(TemplateError::Empty { command }),
            Ok(words) => Ok(Self {
                text: command,
                words,
            }),
            Err(error) => Err(TemplateError::Unsplittable {
                command,
                reason: error.to_string(),
            }),
        }
    }

    pub fn text(&self) -> &str {
        &self.text
    }

    pub fn words(&self) -> &[String] {
        &self.words
    }

    /// Whether one of the words contains this placeholder or other text.
    pub fn contains(&self, part: &str) -> bool {
        self.words.iter().any(|word| word.contains(part))
    }

    #[must_use]
    pub fn with_words(&self, more: &[&str]) -> Self {
        let mut extended = self.clone();
        extended
            .words
            .extend(more.iter().copied().map(str::to_owned));
        extended
    }

    /// Whether the command may be this template, filled and with further options: it has the words
    /// before and between the placeholders, in order.
    pub fn may_become(&self, command: &CommandLine) -> bool {
        let mut words = command.words();
        self.words.iter().all(|word| match word.split_once("{{") {
            None => words.any(|other| other == word),
            Some(("", _)) => true,
            Some((start, _)) => words.any(|other| other.starts_with(start)),
        })
    }

    /// Replaces each placeholder. Placeholders inside values are not replaced: a test may be named
    /// `{{resultPath}}`.
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
    fn words_are_split_before_placeholders_are_replaced(
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
    fn the_error_quotes_a_command_that_cannot_be_split(#[case] text: &str) {
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
