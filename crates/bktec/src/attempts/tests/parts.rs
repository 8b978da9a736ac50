//! Attempts in parts.

use super::*;

/// A runner whose command line has room for two tests, and writes a result for each; `A!` fails.
/// `ends` are scripts that run at the end of each part.
fn runner_with_short_commands(ends: &[&'static str]) -> FakeRunner {
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
    FakeRunner::new(command(), command())
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

/// Runs tests of these names in parts of two, which end with `ends`.
fn run_parts(names: &[&str], ends: &[&'static str], retries: usize) -> Ran {
    let runner = runner_with_short_commands(ends);
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
    run_runner(&runner, &cases, &[], &options)
}

#[test]
fn a_command_line_that_is_too_long_runs_in_parts() {
    let ran = run_parts(&["A", "B", "C", "D", "E"], &[], 0);
    let expected = "A=passed B=passed C=passed D=passed E=passed";
    assert_eq!(ran.statuses(), expected);
    assert_eq!(ran.outcome.exit_code, 0);
    assert_eq!(
        ran.events,
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
    let ran = run_parts(&["A", "B", "C!", "D", "E!"], &ends, 0);
    let expected = "A=passed B=passed C!=failed D=passed E!=failed";
    assert_eq!(ran.statuses(), expected);
    assert_eq!(ran.outcome.exit_code, 3);
}

#[test]
fn a_killed_part_is_the_last() {
    let ends = ["exit 0", "kill -KILL $$", "exit 0"];
    let ran = run_parts(&["A", "B", "C", "D", "E"], &ends, 1);
    assert_eq!(ran.outcome.exit_code, 137);
    assert_eq!(ran.outcome.killed_by, Some(9));
    assert_eq!(ran.statuses(), "A=passed B=passed");
    let last = ran.events.last().unwrap();
    assert_eq!(last, "end 0: signal 9 (SIGKILL) with results");
}

#[test]
fn a_part_without_results_rules_out_retries() {
    let ends = ["exit 1", "rm result; exit 1", "exit 0"];
    let ran = run_parts(&["A!", "B", "C", "D", "E"], &ends, 1);
    assert_eq!(ran.statuses(), "A!=failed B=passed D=passed E=passed");
    assert!(matches!(
        ran.outcome.no_results,
        Some(NoResults::NotWritten { .. })
    ));
    assert_eq!((ran.outcome.exit_code, ran.outcome.retries), (1, 0));
}

#[test]
fn keeps_the_results_of_each_part() {
    let runner = runner_with_short_commands(&[]);
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
