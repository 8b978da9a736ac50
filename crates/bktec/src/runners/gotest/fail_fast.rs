//! Overrides `-failfast` in `GOFLAGS`, which `go env -w` may have stored in a file.

use std::cell::OnceCell;

use crate::process::{CommandLine, ExecutionEnv, capture};
use crate::runners::fail_fast_override::insert_options;
use crate::runners::launcher::program_index;
use crate::runners::{GuardedCommand, StopPolicy};

const OPTION: &str = "-failfast=false";

/// Whether Go's own settings name the option; asked once, and only if it matters.
#[derive(Debug, Default)]
pub(super) struct GoFlags(OnceCell<bool>);

impl GoFlags {
    /// `true` if it is not known.
    pub(super) fn may_fail_fast(&self, execution_env: &ExecutionEnv) -> bool {
        *self.0.get_or_init(|| {
            let command = CommandLine::new("go", ["env", "GOFLAGS"].map(str::to_owned));
            let flags = capture(&command, execution_env);
            flags.map_or(true, |flags| {
                !flags.exit.is_success()
                    || String::from_utf8_lossy(&flags.stdout).contains("failfast")
            })
        })
    }
}

/// Whether the command is certain to run `go test` with nothing but its own options.
pub(super) fn is_direct(command: &CommandLine) -> bool {
    place(&words(command)).is_some()
}

/// `None` if it is not certain that the option would reach `go test`.
pub(super) fn with_override(command: &CommandLine) -> Option<GuardedCommand> {
    let place = place(&words(command))?;
    let options: &[&str] = match place {
        Place::Before(_) => &[OPTION],
        Place::Packages(_) => &["--", OPTION],
    };
    Some(GuardedCommand {
        command: insert_options(command, options, |_| Some(place.index()))?,
        policy: StopPolicy::Overridden,
        added_option: Some(OPTION.to_owned()),
    })
}

fn words(command: &CommandLine) -> Vec<&str> {
    command.words().collect()
}

#[derive(Clone, Copy)]
enum Place {
    /// Options of `go test` may precede this word.
    Before(usize),
    /// The first package after the options of gotestsum.
    Packages(usize),
}

impl Place {
    fn index(self) -> usize {
        match self {
            Self::Before(index) | Self::Packages(index) => index,
        }
    }
}

fn place(words: &[&str]) -> Option<Place> {
    if let Some(go) = program_index(words, &["go"]) {
        return (words.get(go + 1) == Some(&"test")).then_some(Place::Before(go + 2));
    }
    let start = program_index(words, &["gotestsum"])? + 1;
    let options = words.get(start..)?;
    if options.contains(&"--raw-command") {
        return None;
    }
    if let Some(end) = options.iter().position(|word| *word == "--") {
        return Some(Place::Before(start + end + 1));
    }
    // An option without `=` may have its value in the next word.
    let mut packages = options.iter();
    let first = packages.position(|word| !word.starts_with("--") || !word.contains('='))?;
    let is_package = |word: &&str| !word.starts_with('-');
    options[first..]
        .iter()
        .all(is_package)
        .then_some(Place::Packages(start + first))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("go test -json m/a", Some("go test -failfast=false -json m/a"))]
    #[case(
        "env A=b go test -json m/a",
        Some("env A=b go test -failfast=false -json m/a")
    )]
    #[case(
        "gotestsum --jsonfile=out m/a m/b",
        Some("gotestsum --jsonfile=out -- -failfast=false m/a m/b")
    )]
    #[case(
        "gotestsum --format pkgname -- -race m/a",
        Some("gotestsum --format pkgname -- -failfast=false -race m/a")
    )]
    #[case("gotestsum --format pkgname m/a", None)]
    #[case("gotestsum --raw-command -- ./run m/a", None)]
    #[case("make test", None)]
    #[case("go vet m/a", None)]
    fn the_option_reaches_go_test(#[case] command: &str, #[case] expected: Option<&str>) {
        let mut words = shell_words::split(command).unwrap().into_iter();
        let command = CommandLine::new(words.next().unwrap(), words);
        let overridden = with_override(&command).map(|guarded| guarded.command.to_string());
        assert_eq!(overridden.as_deref(), expected);
        assert_eq!(is_direct(&command), expected.is_some());
    }
}
