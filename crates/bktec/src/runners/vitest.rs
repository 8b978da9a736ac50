//! Vitest, which takes files and names and reports as Jest does.
//!
//! A path on its command line is a substring match, never a regular expression. A reporter of our
//! own, `vitest/recorder.rs`, records errors that the JSON report omits.

mod listing;
mod recorder;

use test_engine_results::{Format, TestResult};
use test_engine_wire::Case;

use self::recorder::Recorder;
use super::discovery_check::DiscoveryBy;
use super::fail_fast::FailFast;
use super::fail_fast_override::FailFastOverride;
use super::jest::{FILE_PATTERN, Jest};
use super::{
    Definition, GuardedCommand, Naming, ParsedResults, Result, Runner, RunnerBase, RunnerSettings,
    TestKey,
};
use crate::process::CommandLine;

const OVERRIDE: FailFastOverride = FailFastOverride {
    subcommands: &["run", "related", "watch", "dev"],
    ..FailFastOverride::of("--bail=0", &["vitest", "vitest.mjs"])
};

pub(super) static DEFINITION: Definition = Definition {
    test_command: Some(
        "npx vitest run {{testExamples}} \
         --reporter=default --reporter=json --outputFile {{resultPath}}",
    ),
    retry_command: Some(
        "npx vitest run {{testExamples}} --testNamePattern '{{testNamePattern}}' \
         --reporter=default --reporter=json --outputFile {{resultPath}}",
    ),
    file_pattern: Some(FILE_PATTERN),
    discovery_by: DiscoveryBy::Runner,
    fail_fast: FailFast::options(&["--bail"]),
    fail_fast_override: Some(OVERRIDE),
    naming: Naming::AsTargets,
    upload_formats: &[Format::JestJson],
    ..Definition::defaults("vitest", build)
};

/// Vitest 5 matches a pattern with `a > b > c`, Vitest 3 and 4 with `a b c`. All of them report
/// `a b c`.
const JOINT: &str = "( >)? ";

struct Vitest {
    jest: Jest,
    recorder: Recorder,
}

fn build(settings: RunnerSettings) -> Result<Box<dyn Runner>> {
    Ok(Box::new(Vitest {
        jest: Jest::new(&DEFINITION, settings, None, JOINT)?,
        recorder: Recorder::new()?,
    }))
}

impl Runner for Vitest {
    fn base(&self) -> &RunnerBase {
        self.jest.base()
    }

    fn own_discovery(&self) -> Result<Option<Vec<String>>> {
        listing::files(self.base())
    }

    fn command(&self, cases: &[Case]) -> Result<CommandLine> {
        self.jest.command(cases)
    }

    fn retry_command(&self, failed: &[TestKey], cases: &[Case]) -> Result<Option<CommandLine>> {
        self.jest.retry_command(failed, cases)
    }

    fn key(&self, result: TestResult<'_>) -> TestKey {
        self.jest.key(result)
    }

    fn override_fail_fast(&self, command: CommandLine) -> GuardedCommand {
        let mut guarded = self.base().override_fail_fast(command);
        guarded.command = self.recorder.add_to(guarded.command, &OVERRIDE);
        guarded
    }

    fn prepare_attempt(&self) {
        self.recorder.remove_record();
    }

    fn add_evidence(&self, parsed: &mut ParsedResults, command: &CommandLine, code: i32) {
        self.recorder.add_evidence(parsed, command, code);
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::runners::testing::{case, key, settings};

    #[rstest]
    #[case("(g)/a+b.test.ts", "(g)/a+b.test.ts")]
    #[case("(g)/[id]/a.test.ts", "./~/../(g)/[id]/a.test.ts")]
    fn paths_are_not_escaped_and_names_are(#[case] path: &str, #[case] argument: &str) {
        let runner = build(settings(None, Some("out.json"))).unwrap();
        let first = runner.command(&[case(path)]).unwrap();
        assert_eq!(first.arguments[2], argument);
        let failed = [key("A (b)", "c", path)];
        let retry = runner.retry_command(&failed, &[]).unwrap().unwrap();
        let expected = [argument, "--testNamePattern", r"(A( >)? \(b\)( >)? c)"];
        assert_eq!(retry.arguments[2..5], expected);
    }
}
