//! Whether a runner is configured to stop after a number of failed tests.
//!
//! The tests after that do not run, and most reports omit them. If a retry passed the failed tests,
//! or a mute excused them, the build would pass although the other tests never ran. So results that
//! reach the limit are incomplete. The limit is read from the command, and from the variables and
//! files that the runner reads options from.

use std::path::Path;

use test_engine_results::Outcome;

use super::ParsedResults;
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
    /// Files with more options: all of the file, or the value of this key.
    pub(super) files: &'static [(&'static str, Option<&'static str>)],
}

impl FailFast {
    /// For a runner that reads these options only from its command.
    pub(super) const fn options(options: &'static [&'static str]) -> Self {
        Self {
            options,
            letter: None,
            off: None,
            variable: None,
            files: &[],
        }
    }

    /// The command takes precedence over the variable, and that over the files.
    pub(super) fn limit(&self, command: &[String], execution_env: &ExecutionEnv) -> Option<Limit> {
        let of_file = |(file, key): &(&str, Option<&str>)| {
            self.of_words(&words(&options_in(&execution_env.directory, file, *key)?))
        };
        self.on_command_line(command)
            .or_else(|| self.in_variable(execution_env))
            .or_else(|| self.files.iter().find_map(of_file))
            .filter(|limit| limit.failures > 0)
    }

    pub(super) fn in_variable(&self, execution_env: &ExecutionEnv) -> Option<Limit> {
        let value = execution_env.variable(self.variable?)?;
        self.of_words(&words(&value.to_string_lossy()))
    }

    /// By the last fail-fast option of the command; 0 failures if it turns fail-fast off.
    pub(super) fn on_command_line(&self, command: &[String]) -> Option<Limit> {
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

impl Limit {
    /// Marks results that reach the limit as stopped early.
    pub(super) fn note(&self, parsed: &mut ParsedResults) {
        if self.failures == 0 {
            return;
        }
        let failed = |test: &&super::Observed| test.outcome == Outcome::Failed;
        if parsed.tests.iter().filter(failed).count() < self.failures {
            return;
        }
        let when = match self.failures {
            1 => "the first failed test".to_owned(),
            failures => format!("{failures} failed tests"),
        };
        parsed.stopped_early = Some(format!(
            "{} stops the runner at {when}, so other tests may not have run",
            self.option
        ));
    }
}

/// For a shell, `-x` has another meaning: tracing.
fn is_shell(word: &str) -> bool {
    let name = word.rsplit('/').next().unwrap_or(word);
    matches!(name, "sh" | "bash" | "dash" | "zsh" | "ksh" | "ash")
}

fn words(text: &str) -> Vec<String> {
    text.split(|character: char| character.is_whitespace() || "\"',[]".contains(character))
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect()
}

/// The content of a file, or the value of `key` in it: the rest of its line, and the lines after it
/// up to the next key or section.
fn options_in(directory: &Path, file: &str, key: Option<&str>) -> Option<String> {
    let text = fs_err::read_to_string(directory.join(file)).ok()?;
    let Some(key) = key else {
        return Some(text);
    };
    let mut lines = text.lines().skip_while(|line| !is_key(line, Some(key)));
    let mut options = lines.next()?.split_once('=')?.1.to_owned();
    for line in lines.take_while(|line| !line.starts_with('[') && !is_key(line, None)) {
        options.push('\n');
        options.push_str(line);
    }
    Some(options)
}

/// Whether a line begins with this key, or with any key if `None`, and `=`.
fn is_key(line: &str, key: Option<&str>) -> bool {
    let Some((name, _)) = line.split_once('=') else {
        return false;
    };
    let name = name.trim_end();
    let is_in_key = |c: char| c.is_alphanumeric() || "_-".contains(c);
    let is_any = || !name.is_empty() && !name.starts_with('-') && name.chars().all(is_in_key);
    key.map_or_else(is_any, |key| name == key)
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
        files: &[(".options", None), ("setup.ini", Some("addopts"))],
    };

    fn limit(command: &str, variable: Option<&str>, files: &[(&str, &str)]) -> Option<usize> {
        let directory = tempfile::tempdir().unwrap();
        for (file, content) in files {
            fs_err::write(directory.path().join(file), content).unwrap();
        }
        let execution_env = ExecutionEnv {
            directory: directory.path().to_owned(),
            environment: variable
                .map(|value| ("MORE_OPTIONS".into(), value.into()))
                .into_iter()
                .collect(),
        };
        let command = shell_words::split(command).unwrap();
        let limit = OPTIONS.limit(&command, &execution_env);
        limit.map(|limit| limit.failures)
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
        assert_eq!(limit(command, None, &[]), expected);
    }

    #[rstest]
    #[case("run", Some("-q -x"), &[], Some(1))]
    #[case("run --no-fail-fast", Some("-x"), &[], None)]
    #[case("run", None, &[(".options", "--color\n--fail-fast=2\n")], Some(2))]
    #[case("run", Some("--no-fail-fast"), &[(".options", "--fail-fast")], None)]
    #[case(
        "run",
        None,
        &[("setup.ini", "[pytest]\nother = -x\naddopts = -q\n  --maxfail=4\nmarkers = -x\n")],
        Some(4)
    )]
    #[case("run", None, &[("setup.ini", "[a]\naddopts=[\"-q\", \"-x\"]\n[b]\n")], Some(1))]
    #[case("run", None, &[("setup.ini", "[a]\naddopts = -q\n[b]\nc = -x\n")], None)]
    #[case("run", None, &[("setup.ini", "[a]\nxaddopts = -x\n")], None)]
    fn variables_and_files_set_the_limit(
        #[case] command: &str,
        #[case] variable: Option<&str>,
        #[case] files: &[(&str, &str)],
        #[case] expected: Option<usize>,
    ) {
        assert_eq!(limit(command, variable, files), expected);
    }
}
