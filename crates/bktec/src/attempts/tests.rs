//! Whole runs, with shell scripts as runners.

use std::cell::RefCell;
use std::path::Path;

use test_engine_results::{Detail, Format, ParseError, parse_with};

use super::*;
use crate::process::CommandLine;
use crate::runners::{ParsedResults, ResultTrust, RunnerBase, TestKey, testing};

const UNLIMITED: Capacity = Capacity {
    words: 100_000,
    word: 100_000,
};

/// Creates the command that runs these targets, or retries the tests of these names.
type Command = Box<dyn Fn(&[&str]) -> CommandLine>;

/// A runner whose commands write `result` to its directory, in JSON. The path of a test is empty,
/// and a result with the name ERROR stands for an error outside the tests.
struct FakeRunner {
    folder: tempfile::TempDir,
    base: RunnerBase,
    command: Command,
    retry_command: Command,
    retried: RefCell<Vec<Vec<String>>>,
}

impl FakeRunner {
    fn new(command: Command, retry_command: Command) -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self {
            base: testing::base(folder.path()),
            folder,
            command,
            retry_command,
            retried: RefCell::default(),
        }
    }

    /// Runs one script for each attempt; see [`expand`].
    fn scripted(scripts: &[&str]) -> Self {
        let (first, retries) = scripts.split_first().unwrap();
        let first = shell(expand(first));
        let retries: Vec<String> = retries.iter().rev().map(|script| expand(script)).collect();
        let retries = RefCell::new(retries);
        Self::new(
            Box::new(move |_| first.clone()),
            Box::new(move |_| shell(retries.borrow_mut().pop().unwrap())),
        )
    }

    /// Its command line has room for two tests, and writes a result for each; `A!` fails. `ends`
    /// are scripts that run at the end of each part.
    fn with_short_commands(ends: &[&'static str]) -> Self {
        let command = || -> Command {
            let ends = RefCell::new(ends.iter().rev().copied().collect::<Vec<_>>());
            Box::new(move |names| {
                // The end of this part if it is short enough to run; else it is split.
                let end = match names.len() {
                    0..=2 => ends.borrow_mut().pop().unwrap_or("exit 0"),
                    _ => "exit 99",
                };
                short_command(names, end)
            })
        };
        Self::new(command(), command())
    }
}

fn shell(script: String) -> CommandLine {
    CommandLine::new("sh", ["-c".to_owned(), script])
}

fn short_command(names: &[&str], end: &str) -> CommandLine {
    let results = names.iter().map(|name| match name.strip_suffix('!') {
        Some(_) => format!("{name}=failed"),
        None => format!("{name}=passed"),
    });
    let results = results.collect::<Vec<_>>().join(" ");
    let mut command = shell(expand(&format!("{results};{end}")));
    command
        .arguments
        .extend(names.iter().map(|&name| name.to_owned()));
    command
}

/// `A=passed B=failed; exit 1` becomes a script that writes these results.
fn expand(script: &str) -> String {
    let Some((results, rest)) = script.split_once(';') else {
        return script.to_owned();
    };
    let results: Vec<String> = results
        .split_whitespace()
        .map(|pair| {
            let (name, result) = pair.split_once('=').unwrap();
            format!(r#"{{"scope":"S","name":"{name}","result":"{result}"}}"#)
        })
        .collect();
    format!("printf '%s' '[{}]' > result\n{rest}", results.join(","))
}

impl Runner for FakeRunner {
    fn base(&self) -> &RunnerBase {
        &self.base
    }

    fn command(&self, cases: &[Case]) -> Result<CommandLine, RunnerError> {
        let targets: Vec<&str> = cases.iter().map(|case| case.path.as_str()).collect();
        Ok((self.command)(&targets))
    }

    fn retry_command(
        &self,
        failed: &[TestKey],
        _cases: &[Case],
    ) -> Result<Option<CommandLine>, RunnerError> {
        let names: Vec<&str> = failed.iter().map(|key| key.name.as_str()).collect();
        let owned = names.iter().map(|&name| name.to_owned()).collect();
        self.retried.borrow_mut().push(owned);
        Ok(Some((self.retry_command)(&names)))
    }

    fn result_trust(&self, code: i32) -> ResultTrust {
        match code {
            42 => ResultTrust::Unusable,
            43 => ResultTrust::Partial,
            _ => ResultTrust::Complete,
        }
    }

    fn read(&self, bytes: &[u8], _cases: &[Case]) -> Result<ParsedResults, ParseError> {
        let mut report = parse_with(Format::Json, bytes, Detail::Outcomes)?;
        let errors = report
            .results
            .extract_if(.., |result| result.name == "ERROR");
        let errors: Vec<_> = errors.map(|_| "broken".to_owned()).collect();
        report.errors_outside_tests.extend(errors);
        Ok(ParsedResults::of(report, |result| TestKey {
            scope: result.scope.into_owned(),
            name: result.name.into_owned(),
            path: String::new(),
        }))
    }
}

struct Ran {
    outcome: RunOutcome,
    events: Vec<String>,
    retried: Vec<Vec<String>>,
}

impl Ran {
    fn statuses(&self) -> String {
        let tests = self.outcome.tests.iter().map(|test| {
            let unproven = if test.unproven.is_some() { "?" } else { "" };
            format!("{}={}{unproven}", test.key.name, test.outcome.name())
        });
        tests.collect::<Vec<_>>().join(" ")
    }
}

fn run_scripts(scripts: &[&str], muted: &[&str], retry_muted: bool) -> Ran {
    let runner = FakeRunner::scripted(scripts);
    let options = AttemptOptions {
        retry_muted,
        ..options(scripts.len() - 1)
    };
    run_runner(&runner, &[], muted, &options)
}

fn options(retries: usize) -> AttemptOptions {
    AttemptOptions {
        retries: u32::try_from(retries).unwrap(),
        retry_muted: true,
        require_results: false,
        capacity: UNLIMITED,
    }
}

fn run_runner(
    runner: &FakeRunner,
    cases: &[Case],
    muted: &[&str],
    options: &AttemptOptions,
) -> Ran {
    let muted: Vec<TestIdentity> = muted
        .iter()
        .map(|name| TestIdentity {
            scope: "S".to_owned(),
            name: (*name).to_owned(),
            path: String::new(),
        })
        .collect();
    let managed = Managed {
        muted: &muted,
        skipped: &[],
    };
    let folder = runner.folder.path().to_str().unwrap();
    let mut events = Vec::new();
    let outcome = run(runner, cases, managed, options, &mut |event| {
        events.push(described(&event).replace(folder, "."));
    })
    .unwrap();
    Ran {
        outcome,
        events,
        retried: runner.retried.take(),
    }
}

fn described(event: &RunEvent<'_>) -> String {
    let with = |result_file: Option<&Path>| match result_file {
        Some(_) => " with results",
        None => "",
    };
    match event {
        RunEvent::AttemptStarted {
            attempt, of, parts, ..
        } => match parts {
            1 => format!("start {attempt}/{of}"),
            _ => format!("start {attempt}/{of} in {parts} parts"),
        },
        RunEvent::AttemptFinished {
            attempt,
            exit,
            result_file,
            ..
        } => format!("end {attempt}: {exit}{}", with(*result_file)),
        RunEvent::ResultsUnreadable { attempt, why } => format!("unreadable {attempt}: {why}"),
        RunEvent::ResultsIncomplete { attempt, reasons } => {
            format!("incomplete {attempt}: {}", reasons.len())
        }
        RunEvent::ErrorsOutsideTests { attempt, errors } => {
            format!("errors {attempt}: {}", errors.concat())
        }
        RunEvent::TargetsWithoutResults { targets } => {
            format!("no results for {}", targets.concat())
        }
        RunEvent::UnplannedFilesRan { files } => format!("unplanned {}", files.concat()),
        RunEvent::SkippedTestsRan { count } => format!("not skipped: {count}"),
        RunEvent::PartStarted { part, parts, .. } => format!("part {part} of {parts}"),
        RunEvent::PartFinished {
            exit, result_file, ..
        } => format!("part: {exit}{}", with(*result_file)),
        RunEvent::RetryImpossible { why } => format!("no retry: {why}"),
    }
}

#[test]
fn a_run_without_failures_has_one_attempt() {
    let ran = run_scripts(&["A=passed B=skipped; exit 0", "exit 99"], &[], true);
    assert_eq!(ran.outcome.exit_code, 0);
    assert_eq!(ran.outcome.status(), RunStatus::Passed);
    assert_eq!(ran.events, ["start 0/1", "end 0: exit code 0 with results"]);
}

#[test]
fn retries_only_failed_tests_until_they_pass() {
    let ran = run_scripts(
        &[
            "A=passed B=failed C=failed; exit 1",
            "B=passed C=failed; exit 1",
            "C=passed; exit 0",
        ],
        &[],
        true,
    );
    assert_eq!(ran.retried, [vec!["B", "C"], vec!["C"]]);
    assert_eq!(ran.outcome.exit_code, 0);
    assert_eq!(ran.statuses(), "A=passed B=passed C=passed");
    assert_eq!(ran.outcome.statistics().passed_on_retry, 2);
    assert_eq!(ran.outcome.retries, 2);
}

#[test]
fn a_test_that_fails_every_attempt_fails_the_run() {
    let ran = run_scripts(&["A=failed; exit 1", "A=failed; exit 1"], &[], true);
    assert_eq!(
        (ran.outcome.exit_code, ran.outcome.status()),
        (1, RunStatus::Failed)
    );
}

#[test]
fn a_retry_that_does_not_list_the_test_proves_nothing() {
    for retry in ["B=passed; exit 0", "; exit 0", "A=skipped; exit 0"] {
        let ran = run_scripts(&["A=failed; exit 1", retry], &[], true);
        assert!(
            ran.statuses().contains("A=failed?"),
            "{retry}: {}",
            ran.statuses()
        );
        assert_eq!(ran.outcome.exit_code, 1, "{retry}");
    }
}

#[test]
fn a_retry_without_results_proves_nothing() {
    for (retry, code, why) in [
        (
            "exit 0",
            1,
            "unreadable 1: The runner exited with code 0 but wrote no results to ./result",
        ),
        (
            "printf '[{' > result",
            1,
            "unreadable 1: The results in ./result are not valid json",
        ),
        (
            "A=passed; exit 42",
            42,
            "unreadable 1: The runner exited with code 42 before it finished",
        ),
    ] {
        let ran = run_scripts(&["A=failed; exit 1", retry, "A=passed; exit 0"], &[], true);
        assert_eq!(ran.statuses(), "A=failed?", "{retry}");
        assert_eq!(ran.outcome.exit_code, code, "{retry}");
        assert!(
            ran.events.last().unwrap().starts_with(why),
            "{:?}",
            ran.events
        );
    }
}

#[test]
fn does_not_read_an_old_result_file() {
    let runner = FakeRunner::scripted(&["exit 0"]);
    let stale = r#"[{"scope":"S","name":"A","result":"passed"}]"#;
    fs_err::write(runner.folder.path().join("result"), stale).unwrap();
    let ran = run_runner(&runner, &[], &[], &options(0));
    assert_eq!(ran.outcome.status(), RunStatus::Unknown);
    assert_eq!(ran.events[1], "end 0: exit code 0");
    assert!(matches!(
        ran.outcome.no_results,
        Some(NoResults::NotWritten { .. })
    ));
}

#[test]
fn unreadable_results_keep_the_runners_code() {
    let ran = run_scripts(
        &[
            "echo nonsense > result; exit 5"
                .replace("; ", "\n")
                .as_str(),
            "exit 0",
        ],
        &[],
        true,
    );
    assert_eq!((ran.outcome.exit_code, ran.outcome.retries), (5, 0));
    let ran = run_scripts(&["exit 0"], &[], true);
    assert_eq!(ran.outcome.exit_code, 0);
}

#[test]
fn failed_muted_tests_do_not_fail_the_run() {
    let ran = run_scripts(&["A=failed B=passed; exit 1"], &["A"], true);
    assert_eq!(
        (ran.outcome.exit_code, ran.outcome.status()),
        (0, RunStatus::Passed)
    );
    assert_eq!(ran.outcome.statistics().muted_failed, 1);
    // They do if the code is not the one for failed tests, or if no results explain it.
    assert_eq!(
        run_scripts(&["A=failed; exit 3"], &["A"], true)
            .outcome
            .exit_code,
        3
    );
    assert_eq!(
        run_scripts(&["A=passed; exit 1"], &["A"], true)
            .outcome
            .exit_code,
        1
    );
    assert_eq!(run_scripts(&["exit 1"], &["A"], true).outcome.exit_code, 1);
}

#[test]
fn retries_muted_tests_only_with_the_option() {
    let scripts = ["A=failed B=failed; exit 1", "B=passed A=passed; exit 0"];
    let ran = run_scripts(&scripts, &["A"], true);
    assert_eq!(ran.retried, [vec!["A", "B"]]);
    assert_eq!(ran.outcome.statistics().muted_passed, 1);

    let ran = run_scripts(
        &["A=failed B=failed; exit 1", "B=passed; exit 0"],
        &["A"],
        false,
    );
    assert_eq!(ran.retried, [vec!["B"]]);
    assert_eq!(
        (ran.outcome.exit_code, ran.outcome.statistics().muted_failed),
        (0, 1)
    );

    let ran = run_scripts(&["A=failed; exit 1", "exit 99"], &["A"], false);
    assert_eq!((ran.outcome.exit_code, ran.outcome.retries), (0, 0));
}

#[test]
fn an_error_outside_the_tests_ends_the_run_despite_mutes() {
    let ran = run_scripts(
        &["A=failed ERROR=failed; exit 1", "A=passed; exit 0"],
        &["A"],
        true,
    );
    assert_eq!(
        (ran.outcome.exit_code, ran.outcome.status()),
        (1, RunStatus::Error)
    );
    assert_eq!(
        (ran.outcome.retries, ran.events[2].as_str()),
        (0, "errors 0: broken")
    );

    let ran = run_scripts(
        &["A=failed; exit 1", "A=passed ERROR=failed; exit 1"],
        &["A"],
        true,
    );
    assert_eq!(
        (ran.outcome.exit_code, ran.outcome.status()),
        (1, RunStatus::Error)
    );
}

#[test]
fn unusable_results_keep_the_failing_code() {
    let broken = r#"printf '[{"scope":"S","name":"A","result":"failed"},{"name":" "}]' > result
        exit 1"#;
    let ran = run_scripts(&[broken, "A=passed; exit 0"], &[], true);
    assert!(
        ran.events.contains(&"incomplete 0: 1".to_owned()),
        "{:?}",
        ran.events
    );
    assert_eq!(ran.outcome.exit_code, 1);
}

#[test]
fn a_killed_runner_ends_the_run() {
    let ran = run_scripts(&["A=failed; kill -TERM $$", "A=passed; exit 0"], &[], true);
    assert_eq!(
        (ran.outcome.exit_code, ran.outcome.killed_by),
        (143, Some(15))
    );
    assert_eq!(ran.outcome.retries, 0);
    // As reported by a wrapper: the results count, but half a run is not retried.
    let ran = run_scripts(&["A=failed; exit 137", "A=passed; exit 0"], &[], true);
    assert_eq!((ran.outcome.exit_code, ran.outcome.retries), (137, 0));
    assert_eq!(ran.statuses(), "A=failed");
}

#[test]
fn partial_results_are_kept_but_not_retried() {
    let ran = run_scripts(&["A=failed; exit 43", "A=passed; exit 0"], &[], true);
    assert_eq!((ran.outcome.exit_code, ran.outcome.retries), (43, 0));
    assert_eq!(ran.statuses(), "A=failed");
}

#[test]
fn a_retry_that_cannot_start_keeps_the_outcome() {
    let ran = run_scripts(&["A=failed; rm -rf \"$PWD\"\nexit 1", "exit 0"], &[], true);
    // The results are removed with the directory, so the run ends before the retry.
    assert_eq!((ran.outcome.exit_code, ran.outcome.retries), (1, 0));

    let first = shell(expand("A=failed; exit 1"));
    let runner = FakeRunner::new(
        Box::new(move |_| first.clone()),
        Box::new(|_| CommandLine::new("/no/such/program", [])),
    );
    let ran = run_runner(&runner, &[], &[], &options(2));
    let last = ran.events.last().unwrap();
    assert!(last.contains("no retry: ") && last.contains("/no/such/program"));
    assert_eq!(
        (ran.outcome.exit_code, ran.outcome.status()),
        (1, RunStatus::Failed)
    );
}

#[test]
fn a_first_command_that_cannot_start_is_an_error() {
    let mut runner = FakeRunner::scripted(&["exit 0"]);
    runner.base = testing::base(Path::new("/no/such/directory"));
    let cases = [testing::case("a.rb")];
    let mut events = 0;
    let error = run(
        &runner,
        &cases,
        Managed::default(),
        &options(0),
        &mut |_| events += 1,
    )
    .unwrap_err();
    assert!(matches!(error, RunnerError::Spawn(_)), "{error}");
    assert_eq!(events, 1, "only the start");
}

/// Runs tests of these names in parts of two, which end with `ends`.
fn run_parts(names: &[&str], ends: &[&'static str], retries: usize) -> (RunOutcome, Vec<String>) {
    let runner = FakeRunner::with_short_commands(ends);
    let cases: Vec<Case> = names.iter().map(|name| testing::case(name)).collect();
    let two = short_command(&["A", "B!"], "exit 0");
    let length = two.words().map(|word| word.len() + 9).sum::<usize>();
    let options = AttemptOptions {
        capacity: Capacity {
            // The commands of three tests are longer than those of two by more than this.
            words: length + 30,
            word: 100_000,
        },
        ..options(retries)
    };
    let ran = run_runner(&runner, &cases, &[], &options);
    (ran.outcome, ran.events)
}

fn named(outcome: &RunOutcome) -> String {
    let names: Vec<_> = outcome
        .tests
        .iter()
        .map(|test| format!("{}={}", test.key.name, test.outcome.name()))
        .collect();
    names.join(" ")
}

#[test]
fn a_command_line_that_is_too_long_runs_in_parts() {
    let (outcome, events) = run_parts(&["A", "B", "C", "D", "E"], &[], 0);
    assert_eq!(
        named(&outcome),
        "A=passed B=passed C=passed D=passed E=passed"
    );
    assert_eq!(outcome.exit_code, 0);
    assert_eq!(
        events,
        [
            "start 0/0 in 3 parts",
            "part: exit code 0 with results",
            "part 2 of 3",
            "part: exit code 0 with results",
            "part 3 of 3",
            "end 0: exit code 0 with results",
        ]
    );
}

#[test]
fn a_failed_part_fails_the_attempt_after_the_others_ran() {
    let ends = ["exit 0", "exit 3", "exit 1"];
    let (outcome, _) = run_parts(&["A", "B", "C!", "D", "E!"], &ends, 0);
    assert_eq!(
        named(&outcome),
        "A=passed B=passed C!=failed D=passed E!=failed"
    );
    assert_eq!(outcome.exit_code, 3);
}

#[test]
fn a_killed_part_is_the_last() {
    let ends = ["exit 0", "kill -KILL $$", "exit 0"];
    let (outcome, events) = run_parts(&["A", "B", "C", "D", "E"], &ends, 1);
    assert_eq!((outcome.exit_code, outcome.killed_by), (137, Some(9)));
    assert_eq!(named(&outcome), "A=passed B=passed");
    assert_eq!(
        events.last().unwrap(),
        "end 0: signal 9 (SIGKILL) with results"
    );
}

#[test]
fn a_part_without_results_rules_out_retries() {
    let ends = ["exit 1", "rm result; exit 1", "exit 0"];
    let (outcome, _) = run_parts(&["A!", "B", "C", "D", "E"], &ends, 1);
    assert_eq!(named(&outcome), "A!=failed B=passed D=passed E=passed");
    assert!(matches!(
        outcome.no_results,
        Some(NoResults::NotWritten { .. })
    ));
    assert_eq!((outcome.exit_code, outcome.retries), (1, 0));
}

#[test]
fn keeps_the_results_of_each_part() {
    let runner = FakeRunner::with_short_commands(&[]);
    let cases = ["A", "B"].map(testing::case);
    let options = AttemptOptions {
        capacity: Capacity {
            words: 120,
            word: 100_000,
        },
        ..options(0)
    };
    let ran = run_runner(&runner, &cases, &[], &options);
    assert_eq!(ran.statuses(), "A=passed B=passed");
    for (file, test) in [("result.part-1", "A"), ("result", "B")] {
        let text = fs_err::read_to_string(runner.folder.path().join(file)).unwrap();
        assert!(
            text.contains(&format!(r#""name":"{test}""#)),
            "{file}: {text}"
        );
    }
}
