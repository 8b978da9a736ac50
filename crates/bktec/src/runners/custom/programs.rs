//! What is known of programs that people run as custom runners: their exit codes for failed tests,
//! and how they stop at failures.
//!
//! A program that is not listed exits with 1 when tests failed, and may stop at any failure.

use crate::command_template::CommandTemplate;
use crate::runners::fail_fast::FailFast;
use crate::runners::fail_fast_override::FailFastOverride;
use crate::runners::launcher::base_name;

#[derive(Debug)]
pub(super) struct Program {
    /// The words of a command that name it, without directories.
    names: &'static [&'static str],
    codes: Codes,
    pub(super) fail_fast: FailFast,
    pub(super) fail_fast_override: Option<FailFastOverride>,
    pub(super) stops: Stops,
}

/// What makes a program stop at failures, apart from its fail-fast options.
#[derive(Debug)]
pub(super) enum Stops {
    /// Settings, which its option overrides.
    BySettings,
    /// Also the code of a test, such as Mocha's `this.bail(true)`, which no option overrides.
    InCode,
    /// Nothing, if the command runs only one of these programs.
    ByOption(&'static [&'static str]),
}

/// Exit codes that mean failed tests and nothing else.
#[derive(Debug)]
enum Codes {
    /// One of these.
    Fixed(&'static [i32]),
    /// The number of failed tests, at most 255; or 1 with this option.
    Count { unless: &'static str },
}

const OTHER: Program = Program {
    names: &[],
    codes: Codes::Fixed(&[1]),
    fail_fast: FailFast::options(&[
        "--bail",
        "--fail-fast",
        "--failfast",
        "--max-fails",
        "--max-failures",
        "--maxfail",
        "--stop-on-defect",
        "--stop-on-error",
        "--stop-on-failure",
    ]),
    fail_fast_override: None,
    stops: Stops::BySettings,
};

const MOCHA: Program = Program {
    names: &["mocha"],
    codes: Codes::Count {
        unless: "--posix-exit-codes",
    },
    fail_fast: FailFast {
        off: Some("--no-bail"),
        ..FailFast::options(&["--bail", "-b"])
    },
    fail_fast_override: Some(FailFastOverride::of("--no-bail", &["mocha", "_mocha"])),
    stops: Stops::InCode,
};

const CARGO_FAIL_FAST: FailFast = FailFast {
    off: Some("--no-fail-fast"),
    ..FailFast::options(&["--fail-fast", "--max-fail"])
};

/// The first entry that matches counts.
static PROGRAMS: [Program; 10] = [
    MOCHA,
    Program {
        names: &["_mocha"],
        ..MOCHA
    },
    Program {
        names: &["cypress", "run"],
        fail_fast_override: None,
        ..MOCHA
    },
    Program {
        names: &["cargo", "nextest", "run"],
        codes: Codes::Fixed(&[100]),
        fail_fast: CARGO_FAIL_FAST,
        fail_fast_override: Some(FailFastOverride {
            subcommands: &["nextest run"],
            requires_subcommand: true,
            ..FailFastOverride::of("--no-fail-fast", &["cargo"])
        }),
        stops: Stops::BySettings,
    },
    Program {
        names: &["cargo", "test"],
        codes: Codes::Fixed(&[101]),
        fail_fast: CARGO_FAIL_FAST,
        fail_fast_override: Some(FailFastOverride {
            subcommands: &["test"],
            requires_subcommand: true,
            ..FailFastOverride::of("--no-fail-fast", &["cargo"])
        }),
        stops: Stops::BySettings,
    },
    Program {
        names: &["mix", "test"],
        codes: Codes::Fixed(&[2]),
        ..OTHER
    },
    Program {
        names: &["phpunit"],
        codes: Codes::Fixed(&[1, 2]),
        ..OTHER
    },
    Program {
        names: &["pest"],
        codes: Codes::Fixed(&[1, 2]),
        ..OTHER
    },
    Program {
        names: &["bats"],
        fail_fast: FailFast::options(&["--abort"]),
        stops: Stops::ByOption(&["bats"]),
        ..OTHER
    },
    Program {
        names: &["ctest"],
        codes: Codes::Fixed(&[8]),
        ..OTHER
    },
];

impl Program {
    pub(super) fn of(command: &CommandTemplate) -> &'static Self {
        let words = words(command);
        let is_in_command = |program: &&Self| {
            let mut adjacent = words.windows(program.names.len());
            adjacent.any(|adjacent| adjacent == program.names)
        };
        PROGRAMS.iter().find(is_in_command).unwrap_or(&OTHER)
    }

    /// Whether this command exits with `code` when `failed` tests failed and nothing else is wrong.
    pub(super) fn reports_failed_tests(
        &self,
        command: &CommandTemplate,
        code: i32,
        failed: usize,
    ) -> bool {
        match self.codes {
            Codes::Fixed(codes) => codes.contains(&code),
            Codes::Count { unless } if words(command).contains(&unless) => code == 1,
            Codes::Count { .. } => usize::try_from(code).is_ok_and(|code| code == failed.min(255)),
        }
    }
}

/// The words without directories. A shell has its command in a single word.
fn words(command: &CommandTemplate) -> Vec<&str> {
    command
        .words()
        .iter()
        .flat_map(|word| word.split_whitespace())
        .map(base_name)
        .collect()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::process::CommandLine;

    #[rstest]
    #[case("bats {{testExamples}}", 3, &[1])]
    #[case("npx mocha {{testExamples}}", 3, &[3])]
    #[case("node_modules/.bin/mocha {{testExamples}}", 300, &[255])]
    #[case("npx mocha --posix-exit-codes {{testExamples}}", 3, &[1])]
    #[case("npx cypress run --spec {{testExamples}}", 2, &[2])]
    #[case("sh -c 'cd web && npx mocha {{testExamples}}'", 3, &[3])]
    #[case("mix test {{testExamples}}", 3, &[2])]
    #[case("cargo nextest run {{testExamples}}", 3, &[100])]
    #[case("cargo test {{testExamples}}", 3, &[101])]
    #[case("vendor/bin/phpunit {{testExamples}}", 3, &[1, 2])]
    #[case("ctest {{testExamples}}", 3, &[8])]
    fn only_documented_codes_report_failed_tests(
        #[case] command: &str,
        #[case] failed: usize,
        #[case] expected: &[i32],
    ) {
        let command = CommandTemplate::parse(command).unwrap();
        let program = Program::of(&command);
        let codes: Vec<i32> = (0..=255)
            .filter(|code| program.reports_failed_tests(&command, *code, failed))
            .collect();
        assert_eq!(codes, expected);
    }

    #[rstest]
    #[case("npx mocha test", Some("npx mocha --no-bail test"))]
    #[case("npx cypress run --spec a", None)]
    #[case("npm run mocha", None)]
    #[case("cargo nextest run a", Some("cargo nextest run --no-fail-fast a"))]
    #[case("cargo test a", Some("cargo test --no-fail-fast a"))]
    #[case("bats a", None)]
    fn fail_fast_is_overridden_where_there_is_an_option(
        #[case] command: &str,
        #[case] expected: Option<&str>,
    ) {
        let program = Program::of(&CommandTemplate::parse(command).unwrap());
        let mut words = shell_words::split(command).unwrap().into_iter();
        let command = CommandLine::new(words.next().unwrap(), words);
        let option = program.fail_fast_override.as_ref();
        let overridden = option.and_then(|option| option.insert(&command));
        let overridden = overridden.map(|guarded| guarded.command.to_string());
        assert_eq!(overridden.as_deref(), expected);
    }
}
