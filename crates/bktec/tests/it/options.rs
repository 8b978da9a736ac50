//! Every option of every command: a wrong value is reported with the option, its variable and the
//! value, and a variable that is set but empty counts as not set.
//!
//! The options are read from the program itself, so that none is forgotten.

use clap::{Arg, Command};
use rstest::rstest;

use crate::bktec::{Bktec, Ended};

/// Commands with their required arguments.
const COMMANDS: [&[&str]; 4] = [
    &["run"],
    &["plan"],
    &["upload", "results.xml"],
    &["tools", "backfill-commit-metadata"],
];

/// Options that accept any text.
const ANY_TEXT: &[&str] = &[
    "access-token",
    "backfill-remote",
    "branch",
    "build-id",
    "build-number",
    "build-url",
    "buildkite-agent-command",
    "collector-location-prefix",
    "commit",
    "files",
    "git-tag",
    "group",
    "job-id",
    "job-template",
    "location-prefix",
    "message",
    "organization-slug",
    "output-file",
    "pipeline-slug",
    "pipeline-upload",
    "plan-file",
    "plan-identifier",
    "plan-out",
    "root",
    "remote",
    "report-dir",
    "result-path",
    "retry-command",
    "selection-strategy",
    "selector-file",
    "step-id",
    "suite-slug",
    "suite-token",
    "tag-filters",
    "test-command",
    "test-file-exclude-pattern",
    "test-file-pattern",
    "upload-token",
];

/// An invalid value; `None` for an option that accepts any text.
fn wrong_value(command: &str, option: &str) -> Option<&'static str> {
    let wrong = match (command, option) {
        ("backfill-commit-metadata", "output" | "upload") => return None,
        (
            _,
            "debug"
            | "upload-results"
            | "oidc"
            | "no-oidc"
            | "split-by-example"
            | "strict-discovery"
            | "selector-splitting"
            | "disable-retry-muted"
            | "fail-on-no-tests"
            | "fail-on-missing-results"
            | "allow-missing-results"
            | "trust-exit-code"
            | "promise-failure"
            | "json"
            | "collect-git-metadata"
            | "skip-diffs",
        ) => "maybe",
        (_, "retry-count" | "test-engine-retry-count") => "-2",
        (_, "parallel-job") => "two",
        (_, "parallelism" | "max-parallelism") => "1001",
        (_, "days") => "91",
        (_, "fallback" | "on-unplanned-targets") => "sometimes",
        (_, "concurrency") => "0",
        (_, "oidc-lifetime") => "soon",
        (_, "target-time") => "25h",
        (_, "timeout") => "0s",
        (_, "base-url" | "upload-base-url" | "upload-url") => "not-a-url",
        (_, "tag" | "selection-param" | "metadata") => "novalue",
        (_, "test-runner") => "mocha",
        (_, "format") => "xunit",
        (_, "output") => "xml",
        (_, option) => {
            assert!(
                ANY_TEXT.contains(&option),
                "{command} --{option} is in neither list"
            );
            return None;
        }
    };
    Some(wrong)
}

/// The name and variable of each option of a command.
fn options(words: &[&str]) -> Vec<(String, Option<String>)> {
    let mut command = bktec::internals::command();
    command.build();
    let mut found: &Command = &command;
    for word in words {
        found = found.find_subcommand(word).unwrap_or(found);
    }
    let read = |argument: &Arg| {
        let variable = argument
            .get_env()
            .map(|name| name.to_str().unwrap().to_owned());
        Some((argument.get_long()?.to_owned(), variable))
    };
    found
        .get_arguments()
        .filter_map(read)
        .filter(|(option, _)| !matches!(option.as_str(), "help" | "version"))
        .collect()
}

fn name_of(words: &[&'static str]) -> &'static str {
    let is_tool = words[0] == "tools";
    words[usize::from(is_tool)]
}

fn run(words: &[&str], more: &[&str], variables: &[(&str, &str)]) -> Ended {
    let mut bktec = Bktec::bare(&[words, more].concat());
    for (name, value) in variables {
        bktec = bktec.env(name, value);
    }
    bktec.run()
}

/// Node index and count: one without the other would be a problem of its own.
const NODE: [(&str, &str); 2] = [
    ("BUILDKITE_PARALLEL_JOB", "0"),
    ("BUILDKITE_PARALLEL_JOB_COUNT", "2"),
];

#[test]
fn wrong_value_is_reported_with_option_and_variable() {
    let mut seen = 0;
    for words in COMMANDS {
        for (option, variable) in options(words) {
            let Some(wrong) = wrong_value(name_of(words), &option) else {
                continue;
            };
            seen += 1;
            let mut ways = vec![run(words, &[&format!("--{option}={wrong}")], &NODE)];
            if let Some(variable) = &variable {
                ways.push(run(words, &[], &[&NODE[..], &[(variable, wrong)]].concat()));
            }
            for ended in ways {
                assert_eq!(
                    (ended.code, ended.stdout.as_str()),
                    (16, ""),
                    "{option}: {ended}"
                );
                let line = ended
                    .stderr
                    .lines()
                    .find(|line| line.contains(wrong))
                    .unwrap_or_else(|| panic!("{words:?} --{option}: {ended}"));
                assert!(line.contains(&format!("--{option}")), "--{option}: {line}");
                if let Some(variable) = &variable {
                    assert!(line.contains(variable), "{variable}: {line}");
                }
                assert!(line.contains("must be"), "{line}");
            }
        }
    }
    assert!(seen > 50, "{seen}");
}

#[test]
fn empty_variable_counts_as_not_set() {
    for words in COMMANDS {
        let without = run(words, &[], &[]);
        assert_eq!(without.code, 16, "{without}");
        let mut all = Bktec::bare(words);
        for (option, variable) in options(words) {
            let Some(variable) = variable else { continue };
            all = all.env(&variable, "");
            let empty = run(words, &[], &[(&variable, "")]);
            assert_eq!(empty.stderr, without.stderr, "--{option} {variable}");
        }
        assert_eq!(all.run().stderr, without.stderr);
    }
}

/// Also before a problem that the misspelling causes, and never with the value.
#[rstest]
#[case::run(&["run"], 16)]
#[case::plan(&["plan"], 16)]
#[case::upload(&["upload", "a.xml"], 16)]
#[case::verify(&["verify"], 16)]
#[case::help(&["run", "--help"], 0)]
#[case::completions(&["completions", "bash"], 0)]
fn misspelt_variables_are_named_once(#[case] arguments: &[&str], #[case] code: i32) {
    let ended = Bktec::bare(arguments)
        .env("BUILDKITE_TEST_ENGINE_SUIT_SLUG", "hidden-value")
        .env("BUILDKITE_TEST_ENGINE_SUITE_SLUGS", "")
        .run();
    assert_eq!(ended.code, code, "{ended}");
    let warning = "⚠️ BUILDKITE_TEST_ENGINE_SUIT_SLUG is not a variable of bktec; did you mean \
        BUILDKITE_TEST_ENGINE_SUITE_SLUG?\n";
    let is_first = ended.stderr.starts_with(warning);
    assert_eq!(is_first, code == 16, "{ended}");
    assert_eq!(
        ended.stderr.matches("⚠️").count(),
        usize::from(is_first),
        "{ended}"
    );
    assert!(!ended.stderr.contains("hidden-value"), "{ended}");
}
