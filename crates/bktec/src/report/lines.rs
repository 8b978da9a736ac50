//! What is said about an event while tests run. Pure.

use crate::attempts::RunEvent;
use crate::process::{CommandLine, Exit, signal_name};

/// What begins the header of every retry; scripts look for it.
pub const ATTEMPT_MARK: &str = "♻️ Attempt";

/// Errors shown one by one; a broken build can have thousands.
const MAX_SHOWN: usize = 20;

/// Characters shown of a command line that is one of several.
const SHOWN_OF_A_PART: usize = 500;

/// The text for an event, without a line break at its end; `None` for nothing to say.
pub fn lines(event: &RunEvent<'_>) -> Option<String> {
    match event {
        RunEvent::AttemptStarted {
            attempt: 0,
            command,
            parts,
            ..
        } => Some(started(1, *parts, command)),
        RunEvent::AttemptStarted {
            attempt,
            of,
            command,
            parts,
        } => Some(format!(
            "+++ {ATTEMPT_MARK} {attempt} of {of} to retry failing tests\n{}",
            started(1, *parts, command)
        )),
        RunEvent::PartStarted {
            part,
            parts,
            command,
            ..
        } => Some(started(*part, *parts, command)),
        RunEvent::PartFinished { .. } => None,
        RunEvent::AttemptFinished {
            exit: Exit::Signal(signal),
            ..
        } => Some(format!(
            "The test runner was killed by signal {signal} ({}).",
            signal_name(*signal)
        )),
        RunEvent::AttemptFinished {
            interrupted_by: Some(signal),
            ..
        } => Some(format!(
            "{} came while the tests ran, so nothing is retried.",
            signal_name(*signal)
        )),
        RunEvent::AttemptFinished { .. } => None,
        RunEvent::ResultsUnreadable { why, .. } => Some(format!(
            "Results could not be read: {why}. Nothing is retried."
        )),
        RunEvent::TargetsWithoutResults { targets } => Some(format!(
            "⚠️ There are no results from these. If they hold tests, the tests did not run:\n{}",
            listed(targets)
        )),
        RunEvent::UnplannedFilesRan { files } => Some(format!(
            "⚠️ These files were not asked for and ran too, because the runner takes a path for \
             every file whose path holds it. Other nodes may run them as well:\n{}",
            listed(files)
        )),
        RunEvent::SkippedTestsRan { count } => Some(format!(
            "⚠️ {count} {} that Test Engine skips ran all the same, because the runner cannot \
             leave out single tests. They count as muted.",
            if *count == 1 { "test" } else { "tests" }
        )),
        RunEvent::ResultsIncomplete { reasons, .. } => Some(format!(
            "⚠️ The results are not the whole story:\n{}",
            listed(reasons)
        )),
        RunEvent::ErrorsOutsideTests { errors, .. } => Some(format!(
            "There are errors outside the tests, so nothing is retried:\n{}",
            listed(errors)
        )),
        RunEvent::RetryImpossible { why } => Some(format!("Failed tests cannot be retried: {why}")),
    }
}

/// A command line that is one of several can be a hundred thousand bytes long: only its beginning
/// is shown.
fn started(part: usize, parts: usize, command: &CommandLine) -> String {
    if parts < 2 {
        return command.to_string();
    }
    let text = command.to_string();
    let end = text.char_indices().nth(SHOWN_OF_A_PART).map(|(at, _)| at);
    let shown = end.map_or(text.as_str(), |at| &text[..at]);
    let more = if end.is_some() { " …" } else { "" };
    format!(
        "The command line is longer than the system allows, so this attempt is run in {parts} \
         parts. Part {part} of {parts}:\n{shown}{more}"
    )
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
    use crate::attempts::Unread;

    #[test]
    fn the_command_is_shown_and_a_retry_has_a_header() {
        let command = CommandLine::new("rspec", ["a b.rb".to_owned()]);
        let first = RunEvent::AttemptStarted {
            attempt: 0,
            of: 2,
            command: &command,
            parts: 1,
        };
        insta::assert_snapshot!(lines(&first).unwrap(), @"rspec 'a b.rb'");
        let retry = RunEvent::AttemptStarted {
            attempt: 1,
            of: 2,
            command: &command,
            parts: 1,
        };
        insta::assert_snapshot!(lines(&retry).unwrap(), @r"
        +++ ♻️ Attempt 1 of 2 to retry failing tests
        rspec 'a b.rb'
        ");
    }

    #[test]
    fn parts_are_counted_and_cut() {
        let files = (0..200).map(|index| format!("tests/test_{index}.py"));
        let command = CommandLine::new("pytest", files);
        let text = lines(&RunEvent::PartStarted {
            attempt: 0,
            part: 2,
            parts: 3,
            command: &command,
        });
        let text = text.unwrap();
        assert!(text.contains("in 3 parts. Part 2 of 3:\npytest tests/test_0.py"));
        assert!(text.ends_with(" …") && text.len() < 700, "{text}");
    }

    #[test]
    fn an_end_by_itself_needs_no_words() {
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
            @"SIGINT came while the tests ran, so nothing is retried."
        );
    }

    #[test]
    fn unreadable_results_say_why() {
        let why = Unread::Stale {
            path: PathBuf::from("out.json"),
        };
        insta::assert_snapshot!(
            lines(&RunEvent::ResultsUnreadable { attempt: 0, why: &why }).unwrap(),
            @"Results could not be read: the results in out.json were there before, so they are not this attempt's. Nothing is retried."
        );
    }

    #[test]
    fn what_left_no_results_is_told() {
        insta::assert_snapshot!(
            lines(&RunEvent::TargetsWithoutResults { targets: &["a.test.js", "b.test.js"] }).unwrap(),
            @r"
        ⚠️ There are no results from these. If they hold tests, the tests did not run:
        - a.test.js
        - b.test.js
        "
        );
    }

    #[test]
    fn a_flood_of_errors_is_cut() {
        let errors: Vec<String> = (0..25).map(|index| format!("e{index}\n")).collect();
        let text = lines(&RunEvent::ErrorsOutsideTests {
            attempt: 0,
            errors: &errors,
        })
        .unwrap();
        assert!(text.ends_with("- e19\n- … and 5 more"), "{text}");
    }
}
