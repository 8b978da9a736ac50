//! The loop as a whole, with shell scripts as runners: what they write and how they end.

use std::cell::RefCell;

use test_engine_results::{Detail, Format, ParseError, parse_with};

use super::*;
use crate::runners::{RunnerBase, testing};

const PLENTY: Capacity = Capacity {
    words: 100_000,
    word: 100_000,
};

/// A runner whose attempts are scripts; each writes `result` in its folder, or does not.
struct Scripted {
    folder: tempfile::TempDir,
    base: RunnerBase,
    scripts: RefCell<Vec<String>>,
    asked: RefCell<Vec<Vec<String>>>,
}

impl Scripted {
    /// The scripts of the attempts. `A=passed` and the like write a result file of that content.
    fn new(scripts: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let base = testing::base(folder.path());
        let mut scripts: Vec<String> = scripts.iter().map(|script| expand(script)).collect();
        scripts.reverse();
        Self {
            folder,
            base,
            scripts: RefCell::new(scripts),
            asked: RefCell::default(),
        }
    }

    fn next(&self) -> CommandLine {
        let script = self
            .scripts
            .borrow_mut()
            .pop()
            .expect("more attempts than scripts");
        CommandLine::new("sh", ["-c".to_owned(), script])
    }
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

impl Runner for Scripted {
    fn base(&self) -> &RunnerBase {
        &self.base
    }

    fn command(&self, _cases: &[Case]) -> Result<CommandLine, RunnerError> {
        Ok(self.next())
    }

    fn retry_command(
        &self,
        failed: &[TestKey],
        _cases: &[Case],
    ) -> Result<Option<CommandLine>, RunnerError> {
        self.asked
            .borrow_mut()
            .push(failed.iter().map(|key| key.name.clone()).collect());
        Ok(Some(self.next()))
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
        // A test of this name stands for an error outside the tests.
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
    asked: Vec<Vec<String>>,
}

impl Ran {
    fn statuses(&self) -> String {
        let tests = self.outcome.tests.iter().map(|test| {
            let doubt = if test.doubt.is_some() { "?" } else { "" };
            format!("{}={}{doubt}", test.key.name, test.outcome.name())
        });
        tests.collect::<Vec<_>>().join(" ")
    }
}

fn run_scripts(scripts: &[&str], muted: &[&str], retry_muted: bool) -> Ran {
    let runner = Scripted::new(scripts);
    run_runner(&runner, muted, retry_muted)
}

fn run_runner(runner: &Scripted, muted: &[&str], retry_muted: bool) -> Ran {
    let muted: Vec<TestIdentity> = muted
        .iter()
        .map(|name| TestIdentity {
            scope: "S".to_owned(),
            name: (*name).to_owned(),
            path: String::new(),
        })
        .collect();
    let retries = u32::try_from(runner.scripts.borrow().len() - 1).unwrap();
    let mut events = Vec::new();
    let outcome = run(
        runner,
        &[],
        Managed {
            muted: &muted,
            skipped: &[],
        },
        &AttemptOptions {
            retries,
            retry_muted,
            require_results: false,
            capacity: PLENTY,
        },
        &mut |event| {
            events.push(match event {
                RunEvent::AttemptStarted { attempt, of, .. } => format!("start {attempt}/{of}"),
                RunEvent::AttemptFinished {
                    attempt,
                    exit,
                    result_file,
                    ..
                } => {
                    let file = if result_file.is_some() {
                        " with results"
                    } else {
                        ""
                    };
                    format!("end {attempt}: {exit}{file}")
                }
                RunEvent::ResultsUnreadable { attempt, why } => {
                    let why = why.to_string();
                    format!(
                        "unreadable {attempt}: {}",
                        why.lines()
                            .next()
                            .unwrap()
                            .replace(runner.folder.path().to_str().unwrap(), ".")
                    )
                }
                RunEvent::ResultsIncomplete { attempt, reasons } => {
                    format!("gaps {attempt}: {}", reasons.len())
                }
                RunEvent::ErrorsOutsideTests { attempt, errors } => {
                    format!("errors {attempt}: {}", errors.concat())
                }
                RunEvent::TargetsWithoutResults { targets } => {
                    format!("nothing from {}", targets.concat())
                }
                RunEvent::UnplannedFilesRan { files } => {
                    format!("not asked for {}", files.concat())
                }
                RunEvent::SkippedTestsRan { count } => format!("not skipped: {count}"),
                RunEvent::PartStarted { part, parts, .. } => format!("part {part} of {parts}"),
                RunEvent::PartFinished {
                    exit, result_file, ..
                } => {
                    let file = if result_file.is_some() {
                        " with results"
                    } else {
                        ""
                    };
                    format!("part: {exit}{file}")
                }
                RunEvent::RetryImpossible { why } => format!("no retry: {why}"),
            });
        },
    )
    .unwrap();
    Ran {
        outcome,
        events,
        asked: runner.asked.take(),
    }
}

#[test]
fn a_run_without_failures_is_one_attempt() {
    let ran = run_scripts(&["A=passed B=skipped; exit 0", "exit 99"], &[], true);
    assert_eq!(ran.outcome.exit_code, 0);
    assert_eq!(ran.outcome.status(), RunStatus::Passed);
    assert_eq!(ran.events, ["start 0/1", "end 0: exit code 0 with results"]);
}

#[test]
fn only_failed_tests_are_rerun_until_they_pass() {
    let ran = run_scripts(
        &[
            "A=passed B=failed C=failed; exit 1",
            "B=passed C=failed; exit 1",
            "C=passed; exit 0",
        ],
        &[],
        true,
    );
    assert_eq!(ran.asked, [vec!["B", "C"], vec!["C"]]);
    assert_eq!(ran.outcome.exit_code, 0);
    assert_eq!(ran.statuses(), "A=passed B=passed C=passed");
    assert_eq!(ran.outcome.statistics().passed_on_retry, 2);
    assert_eq!(ran.outcome.retries, 2);
}

#[test]
fn a_test_that_fails_to_the_end_fails_the_run() {
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
            "unreadable 1: the runner wrote no results to ./result",
        ),
        (
            "printf '[{' > result",
            1,
            "unreadable 1: the results in ./result are not valid json",
        ),
        (
            "A=passed; exit 42",
            42,
            "unreadable 1: the runner broke off (exit code 42)",
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
fn a_result_file_from_before_is_not_read() {
    let runner = Scripted::new(&["exit 0"]);
    let stale = r#"[{"scope":"S","name":"A","result":"passed"}]"#;
    fs_err::write(runner.folder.path().join("result"), stale).unwrap();
    let ran = run_runner(&runner, &[], true);
    assert_eq!(ran.outcome.status(), RunStatus::Unknown);
    assert_eq!(ran.events[1], "end 0: exit code 0");
    assert!(matches!(ran.outcome.unread, Some(Unread::Missing { .. })));
}

#[test]
fn unreadable_results_leave_the_runners_code() {
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
    // Not if the code says more than that tests failed, or if nothing shows which did.
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
fn muted_tests_are_rerun_only_if_wanted() {
    let scripts = ["A=failed B=failed; exit 1", "B=passed A=passed; exit 0"];
    let ran = run_scripts(&scripts, &["A"], true);
    assert_eq!(ran.asked, [vec!["A", "B"]]);
    assert_eq!(ran.outcome.statistics().muted_passed, 1);

    let ran = run_scripts(
        &["A=failed B=failed; exit 1", "B=passed; exit 0"],
        &["A"],
        false,
    );
    assert_eq!(ran.asked, [vec!["B"]]);
    assert_eq!(
        (ran.outcome.exit_code, ran.outcome.statistics().muted_failed),
        (0, 1)
    );

    let ran = run_scripts(&["A=failed; exit 1", "exit 99"], &["A"], false);
    assert_eq!((ran.outcome.exit_code, ran.outcome.retries), (0, 0));
}

#[test]
fn an_error_outside_the_tests_ends_the_run_and_no_mute_hides_it() {
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
fn results_that_cannot_be_used_are_told_and_hide_nothing() {
    let broken = r#"printf '[{"scope":"S","name":"A","result":"failed"},{"name":" "}]' > result
        exit 1"#;
    let ran = run_scripts(&[broken, "A=passed; exit 0"], &[], true);
    assert!(
        ran.events.contains(&"gaps 0: 1".to_owned()),
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
    // As told by a wrapper: what it left is shown, but there is no retry of half a run.
    let ran = run_scripts(&["A=failed; exit 137", "A=passed; exit 0"], &[], true);
    assert_eq!((ran.outcome.exit_code, ran.outcome.retries), (137, 0));
    assert_eq!(ran.statuses(), "A=failed");
}

#[test]
fn partial_results_are_kept_but_nothing_is_rerun() {
    let ran = run_scripts(&["A=failed; exit 43", "A=passed; exit 0"], &[], true);
    assert_eq!((ran.outcome.exit_code, ran.outcome.retries), (43, 0));
    assert_eq!(ran.statuses(), "A=failed");
}

/// Its retry is a program that is not there.
struct Unstartable(Scripted);

impl Runner for Unstartable {
    fn base(&self) -> &RunnerBase {
        self.0.base()
    }
    fn command(&self, cases: &[Case]) -> Result<CommandLine, RunnerError> {
        self.0.command(cases)
    }
    fn retry_command(
        &self,
        _failed: &[TestKey],
        _cases: &[Case],
    ) -> Result<Option<CommandLine>, RunnerError> {
        Ok(Some(CommandLine::new("/no/such/program", [])))
    }
    fn read(&self, bytes: &[u8], cases: &[Case]) -> Result<ParsedResults, ParseError> {
        self.0.read(bytes, cases)
    }
}

#[test]
fn a_retry_that_cannot_start_keeps_what_is_known() {
    let runner = Scripted::new(&["A=failed; rm -rf \"$PWD\"\nexit 1", "exit 0"]);
    let ran = run_runner(&runner, &[], true);
    // The results went with the folder, so this ends before the retry.
    assert_eq!((ran.outcome.exit_code, ran.outcome.retries), (1, 0));

    let runner = Unstartable(Scripted::new(&["A=failed; exit 1"]));
    let mut told = String::new();
    let options = AttemptOptions {
        retries: 2,
        retry_muted: true,
        require_results: false,
        capacity: PLENTY,
    };
    let outcome = run(&runner, &[], Managed::default(), &options, &mut |event| {
        if let RunEvent::RetryImpossible { why } = event {
            told = why.to_string();
        }
    })
    .unwrap();
    assert!(told.contains("/no/such/program"), "{told}");
    assert_eq!(
        (outcome.exit_code, outcome.status()),
        (1, RunStatus::Failed)
    );
}

#[test]
fn a_first_command_that_cannot_start_is_an_error() {
    let mut runner = Scripted::new(&["exit 0"]);
    runner.base = testing::base(Path::new("/no/such/directory"));
    let options = AttemptOptions {
        retries: 0,
        retry_muted: true,
        require_results: false,
        capacity: PLENTY,
    };
    let error = run(&runner, &[], Managed::default(), &options, &mut |_| {}).unwrap_err();
    assert!(matches!(error, RunnerError::Spawn(_)), "{error}");
}

/// A runner whose command line takes two tests at most, and that writes a result for each.
struct Short {
    inner: Scripted,
    /// Shell commands at the end of each part.
    ends: RefCell<Vec<&'static str>>,
}

impl Short {
    fn new(ends: &[&'static str]) -> Self {
        Self {
            inner: Scripted::new(&[]),
            ends: RefCell::new(ends.iter().rev().copied().collect()),
        }
    }

    /// `A!` is a test that fails.
    fn command_for<'n>(&self, names: impl Iterator<Item = &'n str>) -> CommandLine {
        let mut words: Vec<String> = names.map(str::to_owned).collect();
        let results = words
            .iter()
            .map(|name| {
                let result = if name.ends_with('!') {
                    "failed"
                } else {
                    "passed"
                };
                format!("{name}={result}")
            })
            .collect::<Vec<_>>()
            .join(" ");
        // A part is only run if it is short; then its end is the next one.
        let end = if words.len() > 2 {
            "exit 99"
        } else {
            self.ends.borrow_mut().pop().unwrap_or("exit 0")
        };
        words.insert(0, expand(&format!("{results};{end}")));
        words.insert(0, "-c".to_owned());
        CommandLine::new("sh", words)
    }
}

impl Runner for Short {
    fn base(&self) -> &RunnerBase {
        self.inner.base()
    }
    fn command(&self, cases: &[Case]) -> Result<CommandLine, RunnerError> {
        Ok(self.command_for(cases.iter().map(|case| case.path.as_str())))
    }
    fn retry_command(
        &self,
        failed: &[TestKey],
        _cases: &[Case],
    ) -> Result<Option<CommandLine>, RunnerError> {
        Ok(Some(
            self.command_for(failed.iter().map(|key| key.name.as_str())),
        ))
    }
    fn read(&self, bytes: &[u8], cases: &[Case]) -> Result<ParsedResults, ParseError> {
        self.inner.read(bytes, cases)
    }
}

/// Runs these tests in parts of two with these ends: the outcome, and what was told.
fn run_parts(names: &[&str], ends: &[&'static str], retries: u32) -> (RunOutcome, Vec<String>) {
    let runner = Short::new(ends);
    let cases: Vec<Case> = names.iter().map(|name| testing::case(name)).collect();
    // The commands of two tests differ from those of three by at least this.
    let two = runner
        .command_for(["A", "B!"].into_iter())
        .words()
        .map(|word| word.len() + 9)
        .sum::<usize>();
    runner.ends.replace(ends.iter().rev().copied().collect());
    let options = AttemptOptions {
        retries,
        retry_muted: true,
        require_results: false,
        capacity: Capacity {
            words: two + 30,
            word: 100_000,
        },
    };
    let mut events = Vec::new();
    let outcome = run(
        &runner,
        &cases,
        Managed::default(),
        &options,
        &mut |event| match event {
            RunEvent::AttemptStarted { attempt, parts, .. } => {
                events.push(format!("start {attempt} in {parts}"));
            }
            RunEvent::PartFinished { exit, .. } => events.push(format!("part: {exit}")),
            RunEvent::AttemptFinished { exit, .. } => events.push(format!("end: {exit}")),
            _ => {}
        },
    )
    .unwrap();
    (outcome, events)
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
fn a_command_line_that_is_too_long_is_run_in_parts() {
    let (outcome, events) = run_parts(&["A", "B", "C", "D", "E"], &[], 0);
    assert_eq!(
        named(&outcome),
        "A=passed B=passed C=passed D=passed E=passed"
    );
    assert_eq!(outcome.exit_code, 0);
    assert_eq!(
        events,
        [
            "start 0 in 3",
            "part: exit code 0",
            "part: exit code 0",
            "end: exit code 0"
        ]
    );
}

#[test]
fn one_failed_part_fails_the_attempt_and_the_others_still_run() {
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
    assert_eq!(events.len(), 3, "{events:?}");
}

#[test]
fn a_part_without_results_ends_the_run_after_the_others() {
    let ends = ["exit 1", "rm result; exit 1", "exit 0"];
    let (outcome, _) = run_parts(&["A!", "B", "C", "D", "E"], &ends, 1);
    assert_eq!(named(&outcome), "A!=failed B=passed D=passed E=passed");
    assert!(matches!(outcome.unread, Some(Unread::Missing { .. })));
    assert_eq!((outcome.exit_code, outcome.retries), (1, 0));
}

#[test]
fn each_part_keeps_its_results_beside() {
    let runner = Short::new(&[]);
    let cases = ["A", "B"].map(testing::case);
    let options = AttemptOptions {
        retries: 0,
        retry_muted: true,
        require_results: false,
        capacity: Capacity {
            words: 120,
            word: 100_000,
        },
    };
    let outcome = run(&runner, &cases, Managed::default(), &options, &mut |_| {}).unwrap();
    assert_eq!(named(&outcome), "A=passed B=passed");
    let folder = runner.inner.folder.path();
    for (file, test) in [("result.part-1", "A"), ("result", "B")] {
        let text = fs_err::read_to_string(folder.join(file)).unwrap();
        assert!(
            text.contains(&format!(r#""name":"{test}""#)),
            "{file}: {text}"
        );
    }
}
