//! The log lines for events while tests run. Pure.

use std::fmt::Write as _;

use crate::attempts::{AttemptKind, NoResults, RunEvent};
use crate::headline::headline;
use crate::process::{CommandLine, Exit, signal_name};

/// Begins the header of every retry; scripts look for it.
const ATTEMPT_MARK: &str = "♻️ Attempt";

/// Items of a list that are shown; a broken build can have thousands.
const MAX_SHOWN: usize = 20;

/// Characters of a command line that are shown.
const MAX_COMMAND_LENGTH: usize = 2_000;

/// The text for an event, without a line break at its end; `None` if there is nothing to report.
pub fn lines(event: &RunEvent<'_>) -> Option<String> {
    Some(match event {
        RunEvent::AttemptStarted {
            attempt,
            of,
            kind,
            command,
            parts,
            targets,
        } => {
            let started = started(*kind, (1, *parts), command, *targets);
            let purpose = match kind {
                AttemptKind::First => return Some(started),
                AttemptKind::FailedTests => "retry failing tests",
                AttemptKind::Targets | AttemptKind::SingleTargets => "rerun whole targets",
            };
            format!("+++ {ATTEMPT_MARK} {attempt} of {of} to {purpose}\n{started}")
        }
        RunEvent::PartStarted {
            kind,
            part,
            parts,
            command,
            targets,
            ..
        } => started(*kind, (*part, *parts), command, *targets),
        RunEvent::AttemptFinished {
            exit: Exit::Signal(signal),
            ..
        } => format!(
            "The test runner was killed by signal {signal} ({}).",
            signal_name(*signal)
        ),
        RunEvent::AttemptFinished {
            interrupted_by: Some(signal),
            ..
        } => format!(
            "{} arrived while the tests ran, so nothing is retried.",
            signal_name(*signal)
        ),
        // Targets without results are listed in the report.
        RunEvent::PartFinished { .. }
        | RunEvent::AttemptFinished { .. }
        | RunEvent::TargetsWithoutResults { .. } => return None,
        RunEvent::ResultsUnreadable { why, .. } => unreadable(why),
        RunEvent::TargetsIncomplete { targets, .. } => {
            let lines: Vec<String> = targets.iter().map(ToString::to_string).collect();
            format!(
                "⚠️ It is not proven that all tests of these targets ran:\n{}",
                listed(&lines)
            )
        }
        RunEvent::FailFastOverridden { option } => format!(
            "Added {option} to the test command: after an early stop, neither retries nor mutes \
             would make up for the tests that did not run."
        ),
        RunEvent::ListingTests { targets } => format!(
            "Listing the tests of {} to find out whether all of them ran.",
            match targets {
                [target] => target.clone(),
                targets => format!("{} targets", targets.len()),
            }
        ),
        RunEvent::UnplannedFilesRan { files } => format!(
            "⚠️ These files also ran although they are not in the plan: the runner treats each \
             path as a substring match. Other nodes may run them as well:\n{}",
            listed(files)
        ),
        RunEvent::SkippedTestsRan { count } => format!(
            "⚠️ {count} {} that Test Engine skips ran nevertheless, because the runner cannot \
             deselect single tests. They are treated as muted.",
            if *count == 1 { "test" } else { "tests" }
        ),
        RunEvent::ResultsIncomplete {
            reasons: [reason], ..
        } => format!("⚠️ The result file is incomplete: {}.", reason.trim()),
        RunEvent::ResultsIncomplete { reasons, .. } => {
            format!("⚠️ The result file is incomplete:\n{}", listed(reasons))
        }
        RunEvent::ErrorsOutsideTests { errors, .. } => {
            let errors: Vec<String> = errors.iter().map(|error| headline(error)).collect();
            format!(
                "Errors outside the tests, so nothing is retried:\n{}",
                listed(&errors)
            )
        }
        RunEvent::RetryImpossible { why } => format!("Failed tests cannot be retried: {why}"),
    })
}

fn unreadable(why: &NoResults) -> String {
    let reason = why.to_string();
    let end = if reason.ends_with('?') { "" } else { "." };
    let hint = why.hint().map(|hint| format!("\nhint: {hint}"));
    format!(
        "⚠️ {reason}{end} Nothing is retried.{}",
        hint.unwrap_or_default()
    )
}

/// The whole command line of an event whose text has only a part of it.
pub fn long_command(event: &RunEvent<'_>) -> Option<String> {
    let (RunEvent::AttemptStarted { command, .. } | RunEvent::PartStarted { command, .. }) = event
    else {
        return None;
    };
    let text = command.to_string();
    text.char_indices()
        .nth(MAX_COMMAND_LENGTH)
        .is_some()
        .then_some(text)
}

fn started(
    kind: AttemptKind,
    (part, parts): (usize, usize),
    command: &CommandLine,
    targets: usize,
) -> String {
    let mut text = command.to_string();
    if let Some((end, _)) = text.char_indices().nth(MAX_COMMAND_LENGTH) {
        text.truncate(end);
        let _ = write!(
            text,
            " … ({targets} targets; --debug shows the whole command line)"
        );
    }
    if parts < 2 {
        return text;
    }
    let reason = if kind == AttemptKind::SingleTargets {
        "The runner may stop at a failed test, so each target runs by itself.".to_owned()
    } else {
        format!(
            "The command line is longer than the system allows, so this attempt runs in {parts} \
             parts."
        )
    };
    format!("{reason} Part {part} of {parts}:\n{text}")
}

fn listed(items: &[impl AsRef<str>]) -> String {
    let mut text: Vec<String> = items
        .iter()
        .take(MAX_SHOWN)
        .map(|item| format!("- {}", item.as_ref().trim()))
        .collect();
    if items.len() > MAX_SHOWN {
        text.push(format!("- … and {} more", items.len() - MAX_SHOWN));
    }
    text.join("\n")
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    #[test]
    fn shows_the_command_and_a_header_for_retries() {
        let command = CommandLine::new("rspec", ["a b.rb".to_owned()]);
        let first = RunEvent::AttemptStarted {
            attempt: 0,
            of: 2,
            kind: AttemptKind::First,
            command: &command,
            parts: 1,
            targets: 1,
        };
        insta::assert_snapshot!(lines(&first).unwrap(), @"rspec 'a b.rb'");
        let retry = RunEvent::AttemptStarted {
            attempt: 1,
            of: 2,
            kind: AttemptKind::FailedTests,
            command: &command,
            parts: 1,
            targets: 1,
        };
        insta::assert_snapshot!(lines(&retry).unwrap(), @r"
        +++ ♻️ Attempt 1 of 2 to retry failing tests
        rspec 'a b.rb'
        ");
    }

    #[test]
    fn numbers_parts_and_shortens_long_commands() {
        let files = (0..200).map(|index| format!("tests/test_{index}.py"));
        let command = CommandLine::new("pytest", files);
        let event = RunEvent::PartStarted {
            attempt: 0,
            kind: AttemptKind::First,
            part: 2,
            parts: 3,
            command: &command,
            targets: 600,
        };
        let text = lines(&event).unwrap();
        assert!(text.contains("in 3 parts. Part 2 of 3:\npytest tests/test_0.py"));
        assert!(text.ends_with(" … (600 targets; --debug shows the whole command line)"));
        assert!(text.len() < MAX_COMMAND_LENGTH + 200, "{text}");
        assert_eq!(long_command(&event), Some(command.to_string()));
    }

    #[test]
    fn an_ordinary_exit_is_not_reported() {
        let finished = |exit, interrupted_by| RunEvent::AttemptFinished {
            attempt: 0,
            exit,
            result_file: None,
            interrupted_by,
        };
        assert_eq!(lines(&finished(Exit::Code(1), None)), None);
        insta::assert_snapshot!(
            lines(&finished(Exit::Signal(9), None)).unwrap(),
            @"The test runner was killed by signal 9 (SIGKILL)."
        );
        insta::assert_snapshot!(
            lines(&finished(Exit::Code(1), Some(2))).unwrap(),
            @"SIGINT arrived while the tests ran, so nothing is retried."
        );
    }

    #[test]
    fn unreadable_results_have_a_reason() {
        let why = NoResults::Stale {
            path: PathBuf::from("out.json"),
        };
        insta::assert_snapshot!(
            lines(&RunEvent::ResultsUnreadable { attempt: 0, why: &why }).unwrap(),
            @"⚠️ The results in out.json are older than this attempt. Nothing is retried."
        );
    }

    #[test]
    fn missing_results_come_with_a_question_or_a_hint() {
        let text = |is_in_command| {
            let why = NoResults::NotWritten {
                path: PathBuf::from("out.json"),
                code: 0,
                is_in_command,
            };
            lines(&RunEvent::ResultsUnreadable {
                attempt: 0,
                why: &why,
            })
            .unwrap()
        };
        assert_eq!(
            text(true),
            "⚠️ The runner exited with code 0 but wrote no results to out.json. Did a test end the \
             process? Nothing is retried."
        );
        assert_eq!(
            text(false),
            "⚠️ The runner exited with code 0 but wrote no results to out.json. Nothing is \
             retried.\nhint: the command does not contain this path; add {{resultPath}} to it, or \
             configure the runner to write there"
        );
    }

    #[test]
    fn one_reason_for_incomplete_results_is_a_sentence() {
        let text = |reasons: &[&str]| {
            let reasons: Vec<String> = reasons.iter().map(|&reason| reason.to_owned()).collect();
            let event = RunEvent::ResultsIncomplete {
                attempt: 0,
                reasons: &reasons,
            };
            lines(&event).unwrap()
        };
        insta::assert_snapshot!(
            text(&["pytest stopped before it finished"]),
            @"⚠️ The result file is incomplete: pytest stopped before it finished."
        );
        insta::assert_snapshot!(text(&["name is blank", "status is missing"]), @r"
        ⚠️ The result file is incomplete:
        - name is blank
        - status is missing
        ");
    }

    #[test]
    fn truncates_long_lists() {
        let errors: Vec<String> = (0..25).map(|index| format!("e{index}\n")).collect();
        let text = lines(&RunEvent::ErrorsOutsideTests {
            attempt: 0,
            errors: &errors,
        })
        .unwrap();
        assert!(text.ends_with("- e19\n- … and 5 more"), "{text}");
    }
}
