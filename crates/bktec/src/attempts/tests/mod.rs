//! Whole runs, with shell scripts as runners.

mod parts;
mod proof;
mod retries;
mod simulation;
mod targets;

use std::cell::RefCell;
use std::path::Path;

use rstest::rstest;
use test_engine_results::{Detail, Format, ParseError, TestResult, parse_with};

use super::RunStatus::{Error, Failed, Incomplete, Passed, UnexplainedExit, Unknown};
use super::*;
use crate::process::CommandLine;
use crate::runners::{
    GuardedCommand, Naming, ParsedResults, ResultTrust, RunnerBase, StopPolicy, TestKey, testing,
};

const UNLIMITED: Capacity = Capacity {
    words: 100_000,
    word: 100_000,
};

/// Creates the command that runs these targets, or retries the tests of these names.
type Command = Box<dyn Fn(&[&str]) -> CommandLine>;

/// A runner whose commands write `result` to its directory, in JSON. The path of a test is its
/// file, and a result with the name ERROR stands for an error outside the tests.
struct FakeRunner {
    folder: tempfile::TempDir,
    base: RunnerBase,
    command: Command,
    retry_command: Command,
    retried: RefCell<Vec<Vec<String>>>,
    policy: StopPolicy,
    /// Replaces `policy` in retries.
    retry_policy: Option<StopPolicy>,
    naming: Naming,
    /// Targets are rerun in parts of one each.
    one_by_one: bool,
    /// The tests that it lists, as in [`expand`]; `None` if it cannot.
    listed: Option<&'static [&'static str]>,
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
            policy: StopPolicy::Overridden,
            retry_policy: None,
            naming: Naming::RunnerSpecific,
            one_by_one: false,
            listed: None,
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
}

fn shell(script: String) -> CommandLine {
    CommandLine::new("sh", ["-c".to_owned(), script])
}

/// `A=passed B@b.rb=failed; exit 1` becomes a script that writes these results, B's with a file.
fn expand(script: &str) -> String {
    let Some((results, rest)) = script.split_once(';') else {
        return script.to_owned();
    };
    let results: Vec<String> = results
        .split_whitespace()
        .map(|pair| {
            let (test, result) = pair.split_once('=').unwrap();
            let (name, file) = test.split_once('@').unwrap_or((test, ""));
            format!(r#"{{"scope":"S","name":"{name}","file_name":"{file}","result":"{result}"}}"#)
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

    fn override_fail_fast(&self, command: CommandLine) -> GuardedCommand {
        let is_retry = !self.retried.borrow().is_empty();
        let retry_policy = self.retry_policy.as_ref().filter(|_| is_retry);
        GuardedCommand {
            command,
            policy: retry_policy.unwrap_or(&self.policy).clone(),
            added_option: None,
        }
    }

    fn naming(&self) -> Naming {
        self.naming
    }

    fn reruns_targets_one_by_one(&self) -> bool {
        self.one_by_one
    }

    fn can_list(&self) -> bool {
        self.listed.is_some()
    }

    fn examples(&self, _files: &[String]) -> Result<Vec<Case>, RunnerError> {
        let tests = self.listed.unwrap_or_default().iter();
        let tests = tests.map(|test| test.split_once('@').unwrap());
        let example = |(name, path): (&str, &str)| Case {
            scope: "S".to_owned(),
            name: name.to_owned(),
            path: path.to_owned(),
            ..Case::default()
        };
        Ok(tests.map(example).collect())
    }

    fn rerun_command(&self, cases: &[Case]) -> Result<Option<CommandLine>, RunnerError> {
        let targets: Vec<&str> = cases.iter().map(|case| case.path.as_str()).collect();
        let owned = targets.iter().map(|&target| target.to_owned()).collect();
        self.retried.borrow_mut().push(owned);
        Ok(Some((self.retry_command)(&targets)))
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
        let is_deselected = |result: &TestResult<'_>| result.name.starts_with("deselected");
        let (deselected, results) = report.results.into_iter().partition(is_deselected);
        report.results = results;
        let key = |result: TestResult<'_>| {
            let file = result.file_name.unwrap_or_default();
            TestKey::new(result.scope, result.name, file)
        };
        let deselected: Vec<TestResult<'_>> = deselected;
        let deselected_tests = deselected.into_iter().map(key).collect();
        Ok(ParsedResults {
            deselected_tests,
            ..ParsedResults::of(report, key)
        })
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
        verdict: VerdictOptions::default(),
        capacity: UNLIMITED,
    }
}

fn run_runner(
    runner: &FakeRunner,
    cases: &[Case],
    muted: &[&str],
    options: &AttemptOptions,
) -> Ran {
    let muted = muted.iter().map(|name| testing::identity("S", name, ""));
    let muted: Vec<TestIdentity> = muted.collect();
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
        RunEvent::PartStarted { part, parts, .. } => format!("part {part} of {parts}"),
        RunEvent::TargetsIncomplete { attempt, targets } => {
            let targets: Vec<String> = targets.iter().map(ToString::to_string).collect();
            format!("gaps {attempt}: {}", targets.join("; "))
        }
        RunEvent::ListingTests { targets } => format!("list {}", targets.join(" ")),
        RunEvent::PartFinished {
            exit, result_file, ..
        } => format!("part: {exit}{}", with(*result_file)),
        RunEvent::RetryImpossible { why } => format!("no retry: {why}"),
        other => format!("{other:?}"),
    }
}

#[test]
fn a_run_without_failures_has_one_attempt() {
    let ran = run_scripts(&["A=passed B=skipped; exit 0", "exit 99"], &[], true);
    assert_eq!(ran.outcome.exit_code, 0);
    assert_eq!(ran.outcome.status(), Passed);
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

const UNUSABLE: &str = concat!(
    r#"printf '[{"scope":"S","name":"A","result":"failed"},{"name":" "}]' > result"#,
    "\nexit 1"
);

/// Scripts, muted tests; exit code, retries, status, outcomes.
#[rstest]
#[case::fails_every_attempt(
    &["A=failed; exit 1", "A=failed; exit 1"], &[], 1, 1, Failed, "A=failed")]
#[case::retry_lists_another_test(
    &["A=failed; exit 1", "B=passed; exit 0"], &[], 1, 1, Failed, "A=failed? B=passed")]
#[case::retry_lists_no_test(&["A=failed; exit 1", "; exit 0"], &[], 1, 1, Failed, "A=failed?")]
#[case::retry_skips_the_test(
    &["A=failed; exit 1", "A=skipped; exit 0"], &[], 1, 1, Failed, "A=failed?")]
#[case::unreadable_results(&["echo nonsense > result\nexit 5", "exit 0"], &[], 5, 0, Unknown, "")]
#[case::no_results(&["exit 0"], &[], 1, 0, Incomplete, "")]
#[case::unreadable_results_with_code_0(
    &["echo nonsense > result", "exit 0"], &[], 1, 0, Incomplete, "")]
#[case::failure_with_code_0(&["A=failed; exit 0"], &[], 1, 0, Failed, "A=failed")]
#[case::error_outside_the_tests_with_code_0(
    &["A=passed ERROR=failed; exit 0"], &[], 1, 0, Error, "A=passed")]
#[case::partial_results(
    &["A=failed; exit 43", "A=passed; exit 0"], &[], 43, 0, Failed, "A=failed")]
#[case::unusable_results(&[UNUSABLE, "A=passed; exit 0"], &[], 1, 1, Incomplete, "A=passed")]
#[case::muted_failure(
    &["A=failed B=passed; exit 1"], &["A"], 0, 0, Passed, "A=failed B=passed")]
#[case::muted_failure_with_another_code(
    &["A=failed; exit 3"], &["A"], 3, 0, UnexplainedExit, "A=failed")]
#[case::failing_code_without_a_failure(
    &["A=passed; exit 1"], &["A"], 1, 0, UnexplainedExit, "A=passed")]
#[case::failing_code_without_results(&["exit 1"], &["A"], 1, 0, Unknown, "")]
#[case::killed(&["A=failed; kill -TERM $$", "A=passed; exit 0"], &[], 143, 0, Unknown, "")]
#[case::killed_according_to_a_wrapper(
    &["A=failed; exit 137", "A=passed; exit 0"], &[], 137, 0, Failed, "A=failed")]
#[case::error_outside_the_tests(
    &["A=failed ERROR=failed; exit 1", "A=passed; exit 0"], &["A"], 1, 0, Error, "A=failed")]
#[case::error_outside_the_tests_of_a_retry(
    &["A=failed; exit 1", "A=passed ERROR=failed; exit 1"], &["A"], 1, 1, Error, "A=passed")]
fn exit_code_and_outcomes(
    #[case] scripts: &[&str],
    #[case] muted: &[&str],
    #[case] code: i32,
    #[case] retries: u32,
    #[case] status: RunStatus,
    #[case] outcomes: &str,
) {
    let ran = run_scripts(scripts, muted, true);
    assert_eq!(ran.outcome.exit_code, code);
    assert_eq!(ran.outcome.retries, retries);
    assert_eq!(ran.outcome.status(), status);
    assert_eq!(ran.statuses(), outcomes);
    assert_eq!(ran.outcome.killed_by, (code == 143).then_some(15));
    let reports = |event: &str| ran.events.iter().any(|other| other == event);
    assert_eq!(reports("incomplete 0: 1"), scripts[0] == UNUSABLE);
    let error = format!("errors {retries}: broken");
    assert_eq!(reports(&error), status == Error);
}

#[test]
fn does_not_read_an_old_result_file() {
    let runner = FakeRunner::scripted(&["exit 0"]);
    let stale = r#"[{"scope":"S","name":"A","result":"passed"}]"#;
    fs_err::write(runner.folder.path().join("result"), stale).unwrap();
    let ran = run_runner(&runner, &[], &[], &options(0));
    assert_eq!(ran.outcome.status(), Incomplete);
    assert_eq!(ran.events[1], "end 0: exit code 0");
    assert!(matches!(
        ran.outcome.no_results,
        Some(NoResults::NotWritten { .. })
    ));
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
