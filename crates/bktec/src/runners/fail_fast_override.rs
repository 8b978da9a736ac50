//! Adds the option that overrides a runner's fail-fast settings, wherever they are: configuration
//! files, variables, helper files. Pure.
//!
//! The option goes right after the program and its subcommand. It is added only where it is
//! certain to reach the runner; see `launcher`.

use super::launcher::program_index;
use super::{GuardedCommand, StopPolicy};
use crate::process::CommandLine;

#[derive(Debug)]
pub(super) struct FailFastOverride {
    pub(super) option: &'static str,
    /// Names of the runner's program, without a directory.
    pub(super) programs: &'static [&'static str],
    /// The option goes after one of these, of one or more words, if it follows the program.
    pub(super) subcommands: &'static [&'static str],
    pub(super) requires_subcommand: bool,
}

impl FailFastOverride {
    /// For a program without subcommands.
    pub(super) const fn of(option: &'static str, programs: &'static [&'static str]) -> Self {
        Self {
            option,
            programs,
            subcommands: &[],
            requires_subcommand: false,
        }
    }

    /// `None` if it is not certain that the option would reach the runner.
    pub(super) fn insert(&self, command: &CommandLine) -> Option<GuardedCommand> {
        let place = |words: &[&str]| self.place(words);
        Some(GuardedCommand {
            command: insert_options(command, &[self.option], place)?,
            policy: StopPolicy::Overridden,
            added_option: Some(self.option.to_owned()),
        })
    }

    pub(super) fn place(&self, words: &[&str]) -> Option<usize> {
        let next = program_index(words, self.programs)? + 1;
        let length = self.subcommands.iter().find_map(|subcommand| {
            let subcommand: Vec<&str> = subcommand.split(' ').collect();
            let follows = words[next..].starts_with(&subcommand);
            follows.then_some(subcommand.len())
        });
        match length {
            Some(length) => Some(next + length),
            None => (!self.requires_subcommand).then_some(next),
        }
    }
}

/// Inserts options before the word that `place` chooses, which is not the first.
pub(super) fn insert_options(
    command: &CommandLine,
    options: &[&str],
    place: impl FnOnce(&[&str]) -> Option<usize>,
) -> Option<CommandLine> {
    let words: Vec<&str> = command.words().collect();
    let at = place(&words)?.checked_sub(1)?;
    let mut command = command.clone();
    let options = options.iter().map(|&option| option.to_owned());
    command.arguments.splice(at..at, options);
    Some(command)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const PYTEST: FailFastOverride = FailFastOverride::of("--maxfail=0", &["pytest", "py.test"]);
    const VITEST: FailFastOverride = FailFastOverride {
        subcommands: &["run", "related"],
        ..FailFastOverride::of("--bail=0", &["vitest"])
    };
    const PLAYWRIGHT: FailFastOverride = FailFastOverride {
        subcommands: &["test"],
        requires_subcommand: true,
        ..FailFastOverride::of("--max-failures=0", &["playwright"])
    };

    #[rstest]
    #[case(PYTEST, "pytest -q a.py", Some("pytest --maxfail=0 -q a.py"))]
    #[case(PYTEST, "pytest", Some("pytest --maxfail=0"))]
    #[case(PYTEST, "uv run pytest a.py", Some("uv run pytest --maxfail=0 a.py"))]
    #[case(PYTEST, "make test", None)]
    #[case(PYTEST, "sh -c 'pytest a.py'", None)]
    #[case(VITEST, "npx vitest run a.js", Some("npx vitest run --bail=0 a.js"))]
    #[case(VITEST, "vitest a.js", Some("vitest --bail=0 a.js"))]
    #[case(
        PLAYWRIGHT,
        "npx playwright test",
        Some("npx playwright test --max-failures=0")
    )]
    #[case(PLAYWRIGHT, "npx playwright a.js", None)]
    fn the_option_follows_program_and_subcommand(
        #[case] option: FailFastOverride,
        #[case] command: &str,
        #[case] expected: Option<&str>,
    ) {
        let mut words = shell_words::split(command).unwrap().into_iter();
        let command = CommandLine::new(words.next().unwrap(), words);
        let inserted = option.insert(&command);
        let inserted = inserted.map(|guarded| guarded.command.to_string());
        assert_eq!(inserted.as_deref(), expected);
    }
}
