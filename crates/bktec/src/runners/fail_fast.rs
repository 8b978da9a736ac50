//! Whether a runner is configured to stop after a number of failed tests.
//!
//! The tests after that do not run, and most reports omit them. If a retry passed the failed tests,
//! or a mute excused them, the build would pass although the other tests never ran. So results that
//! reach the limit are incomplete. The limit is read from the command, and from a variable that the
//! runner reads after its command. Settings elsewhere are overridden, or evidence shows their
//! effect.

use super::launcher::is_shell;
use crate::process::ExecutionEnv;

/// The fail-fast options of a runner, and where it reads them.
#[derive(Debug)]
pub(super) struct FailFast {
    /// Options that mean one failure unless they have a number, such as `--fail-fast` or
    /// `--bail=3`.
    pub(super) options: &'static [&'static str],
    /// The short option for one failure, and those that may be combined with it, as in `-vx`.
    pub(super) letter: Option<(char, &'static str)>,
    /// The option that turns the others off.
    pub(super) off: Option<&'static str>,
    pub(super) variable: Option<&'static str>,
}

impl FailFast {
    /// For a runner that reads these options only from its command.
    pub(super) const fn options(options: &'static [&'static str]) -> Self {
        Self {
            options,
            letter: None,
            off: None,
            variable: None,
        }
    }

    /// By the variable, which takes precedence, or the last fail-fast option of the command; 0
    /// failures if it turns fail-fast off.
    pub(super) fn limit(&self, command: &[String], execution_env: &ExecutionEnv) -> Option<Limit> {
        self.in_variable(execution_env)
            .or_else(|| self.on_command_line(command))
    }

    fn in_variable(&self, execution_env: &ExecutionEnv) -> Option<Limit> {
        let value = execution_env.variable(self.variable?)?;
        self.of_words(&words(&value.to_string_lossy()))
    }

    fn on_command_line(&self, command: &[String]) -> Option<Limit> {
        // A shell has its command in a single word.
        let begins_with_shell = command.first().is_some_and(|program| is_shell(program));
        if begins_with_shell {
            let words: Vec<String> = command.iter().flat_map(|word| words(word)).collect();
            self.of_words(&words)
        } else {
            self.of_words(command)
        }
    }

    /// The value of the last fail-fast option; 0 failures are no limit. `None` without one.
    fn of_words(&self, words: &[String]) -> Option<Limit> {
        let mut found = None;
        for (index, word) in words.iter().enumerate() {
            let (name, value) = word
                .split_once('=')
                .map_or((word.as_str(), None), |(name, value)| (name, Some(value)));
            let failures = if self.options.contains(&name) {
                let following = words.get(index + 1).map(String::as_str);
                match value.or(following) {
                    Some("false") => 0,
                    text => text.and_then(|text| text.parse().ok()).unwrap_or(1),
                }
            } else if self.is_letter(word) {
                // For a shell, `-x` means tracing.
                if index > 0 && is_shell(&words[index - 1]) {
                    continue;
                }
                1
            } else if self.off == Some(name) {
                0
            } else {
                continue;
            };
            found = Some(Limit {
                failures,
                option: name.to_owned(),
            });
        }
        found
    }

    fn is_letter(&self, word: &str) -> bool {
        self.letter.is_some_and(|(letter, others)| {
            word.strip_prefix('-').is_some_and(|letters| {
                letters.contains(letter)
                    && letters
                        .chars()
                        .all(|other| other == letter || others.contains(other))
            })
        })
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Limit {
    pub(super) failures: usize,
    pub(super) option: String,
}

fn words(text: &str) -> Vec<String> {
    text.split(|character: char| character.is_whitespace() || "\"',[]".contains(character))
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const OPTIONS: FailFast = FailFast {
        options: &["--fail-fast", "--maxfail"],
        letter: Some(('x', "vqs")),
        off: Some("--no-fail-fast"),
        variable: Some("MORE_OPTIONS"),
    };

    fn limit(command: &str, variable: Option<&str>) -> Option<usize> {
        let execution_env = ExecutionEnv {
            directory: "/".into(),
            environment: variable
                .map(|value| ("MORE_OPTIONS".into(), value.into()))
                .into_iter()
                .collect(),
        };
        let command = shell_words::split(command).unwrap();
        let limit = OPTIONS.limit(&command, &execution_env);
        let failures = limit.map(|limit| limit.failures);
        failures.filter(|failures| *failures > 0)
    }

    #[rstest]
    #[case("run {{testExamples}}", None)]
    #[case("run --fail-fast", Some(1))]
    #[case("run --fail-fast=3 {{testExamples}}", Some(3))]
    #[case("run --maxfail 2", Some(2))]
    #[case("run --maxfail=0", None)]
    #[case("run --fail-fast=false", None)]
    #[case("run --fail-fast {{testExamples}}", Some(1))]
    #[case("run --fail-fast --no-fail-fast", None)]
    #[case("run -x", Some(1))]
    #[case("run -vvx", Some(1))]
    #[case("run -kx --fail-faster x", None)]
    #[case("bash -x run", None)]
    #[case("docker exec app /bin/sh -x run -x", Some(1))]
    #[case("sh -c 'cd app && run --maxfail=2 \"$@\"'", Some(2))]
    fn the_command_sets_the_limit(#[case] command: &str, #[case] expected: Option<usize>) {
        assert_eq!(limit(command, None), expected);
    }

    #[rstest]
    #[case("run", Some("-q -x"), Some(1))]
    #[case("run", Some("--maxfail=4"), Some(4))]
    #[case("run --no-fail-fast", Some("-x"), Some(1))]
    #[case("run -x", Some("--no-fail-fast"), None)]
    #[case("run -x", Some("--maxfail=4"), Some(4))]
    #[case("run", None, None)]
    fn the_variable_sets_the_limit(
        #[case] command: &str,
        #[case] variable: Option<&str>,
        #[case] expected: Option<usize>,
    ) {
        assert_eq!(limit(command, variable), expected);
    }
}
