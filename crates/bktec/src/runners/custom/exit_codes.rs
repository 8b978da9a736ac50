//! The exit codes that programs document for failed tests.
//!
//! A custom runner may be any program. Most exit with 1 when tests failed; this table has the ones
//! that do not. Other codes of these programs mean that something else is wrong as well.

use crate::command_template::CommandTemplate;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Codes {
    /// One of these.
    Fixed(&'static [i32]),
    /// The number of failed tests, at most 255; or 1 with this option.
    Count { unless: &'static str },
}

/// The words of a command that name a program, and its codes. The first entry that matches counts.
const PROGRAMS: [(&[&str], Codes); 9] = [
    (&["mocha"], MOCHA),
    (&["_mocha"], MOCHA),
    (&["cypress", "run"], MOCHA),
    (&["mix", "test"], Codes::Fixed(&[2])),
    (&["cargo", "nextest"], Codes::Fixed(&[100])),
    (&["cargo", "test"], Codes::Fixed(&[101])),
    (&["phpunit"], Codes::Fixed(&[1, 2])),
    (&["pest"], Codes::Fixed(&[1, 2])),
    (&["ctest"], Codes::Fixed(&[8])),
];

const MOCHA: Codes = Codes::Count {
    unless: "--posix-exit-codes",
};

/// Whether this command exits with `code` when `failed` tests failed and nothing else is wrong.
pub(super) fn reports_failed_tests(command: &CommandTemplate, code: i32, failed: usize) -> bool {
    // A shell has its command in a single word.
    let words: Vec<&str> = command
        .words()
        .iter()
        .flat_map(|word| word.split_whitespace())
        .map(|word| word.rsplit('/').next().unwrap_or(word))
        .collect();
    let is_in_command =
        |names: &[&str]| words.windows(names.len()).any(|adjacent| adjacent == names);
    let found = PROGRAMS.iter().find(|(names, _)| is_in_command(names));
    match found.map(|(_, codes)| *codes) {
        None => code == 1,
        Some(Codes::Fixed(codes)) => codes.contains(&code),
        Some(Codes::Count { unless }) if words.contains(&unless) => code == 1,
        Some(Codes::Count { .. }) => {
            usize::try_from(code).is_ok_and(|code| code == failed.min(255))
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

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
        let codes: Vec<i32> = (0..=255)
            .filter(|code| reports_failed_tests(&command, *code, failed))
            .collect();
        assert_eq!(codes, expected);
    }
}
