//! Any other runner, with a command that the user provides.
//!
//! Results are read when there is a result path: JUnit XML if it ends in `.xml`, else Test Engine
//! JSON. Without results there is only the exit code. Retries need a retry command of their own.

mod hooks;
mod programs;

use std::collections::HashSet;

use test_engine_results::{Detail, Format, ParseError, TestResult, parse_with};
use test_engine_wire::Case;

use self::programs::{Program, Stops};
use super::launcher::runs_only;
use super::paths::without_lines;
use super::targets::{self, sorted, target};
use super::{
    Definition, GuardedCommand, ParsedResults, Result, Runner, RunnerBase, RunnerSettings,
    StopPolicy, TargetIndex, TestKey, shell_expansion,
};
use crate::command_template::{CommandTemplate, TEST_EXAMPLES, Value};
use crate::process::CommandLine;

pub(super) static DEFINITION: Definition = Definition {
    remark: Some(
        "failed tests are retried when there is a retry command and a result path; results are \
         JUnit XML when the result path ends in `.xml`, else JSON.",
    ),
    requires_result_path: false,
    requires_test_command: true,
    requires_file_pattern: true,
    upload_formats: &[Format::Json, Format::Junit],
    target_noun: "selector",
    ..Definition::defaults("custom", build)
};

struct Custom(RunnerBase);

impl Custom {
    /// The template of a command: the retry command's only if it is not the test command's.
    fn template(&self, command: &CommandLine) -> &CommandTemplate {
        let RunnerBase { test, retry, .. } = &self.0;
        if test.may_become(command) {
            test
        } else {
            retry
        }
    }

    fn program(&self, command: &CommandLine) -> &'static Program {
        Program::of(self.template(command))
    }
}

fn build(settings: RunnerSettings) -> Result<Box<dyn Runner>> {
    Ok(Box::new(Custom(RunnerBase::new(&DEFINITION, settings)?)))
}

impl Runner for Custom {
    fn base(&self) -> &RunnerBase {
        &self.0
    }

    fn upload_format(&self) -> Option<Format> {
        let extension = self.result_path()?.extension();
        let is_xml = extension.is_some_and(|extension| extension.eq_ignore_ascii_case("xml"));
        Some(if is_xml { Format::Junit } else { Format::Json })
    }

    fn read(&self, bytes: &[u8], _cases: &[Case]) -> Result<ParsedResults, ParseError> {
        let Some(format) = self.upload_format() else {
            return Ok(ParsedResults::default());
        };
        let report = parse_with(format, bytes, Detail::Outcomes)?;
        let mut parsed = ParsedResults::of(report, |result| self.key(result));
        hooks::note_unrun_tests(&mut parsed);
        Ok(parsed)
    }

    fn requested_stop(&self, command: &CommandLine) -> Option<StopPolicy> {
        let fail_fast = &self.program(command).fail_fast;
        self.0.requested_stop(command, fail_fast)
    }

    fn reports_failed_tests(&self, command: &CommandLine, code: i32, failed: usize) -> bool {
        let template = self.template(command);
        Program::of(template).reports_failed_tests(template, code, failed)
    }

    fn override_fail_fast(&self, command: CommandLine) -> GuardedCommand {
        let Program {
            fail_fast,
            fail_fast_override,
            stops,
            ..
        } = self.program(&command);
        let option = fail_fast_override.as_ref();
        let guarded = self.0.override_options(command, fail_fast, option);
        let words: Vec<&str> = guarded.command.words().collect();
        match stops {
            Stops::BySettings => guarded,
            Stops::InCode => guarded.with_policy(&StopPolicy::Overridden, StopPolicy::Possible),
            Stops::ByOption(programs) if runs_only(&words, programs) => {
                guarded.with_policy(&StopPolicy::Possible, StopPolicy::Overridden)
            }
            Stops::ByOption(_) => guarded,
        }
    }

    /// Does not append paths to a command without a placeholder.
    fn fill(&self, template: &CommandTemplate, paths: &[String]) -> Result<CommandLine> {
        let command = self
            .0
            .fill(template, &[(TEST_EXAMPLES, Value::Many(paths))]);
        if template.contains(TEST_EXAMPLES) {
            shell_expansion::check(&command.program, paths, &self.execution_env().directory)?;
        }
        Ok(command)
    }

    /// The targets of the failed tests, or everything if one of them belongs to no known target.
    fn retry_targets(&self, failed: &[TestKey], cases: &[Case]) -> Option<Vec<String>> {
        if !self.0.has_own_retry {
            return None;
        }
        let index = TargetIndex::new(cases, self.naming());
        let of_failed = failed.iter().map(|key| rerun_target(key, &index));
        let of_failed: Option<Vec<String>> = of_failed.collect();
        Some(of_failed.map_or_else(|| targets::of_cases(cases), sorted))
    }

    fn rerun_command(&self, cases: &[Case]) -> Result<Option<CommandLine>> {
        if !self.0.has_own_retry {
            return Ok(None);
        }
        self.command_for(&self.0.retry, targets::of_cases(cases))
            .map(Some)
    }

    /// A target may also be an identifier in a result.
    fn retry_runs_whole_targets(&self, failed: &[TestKey], cases: &[Case]) -> bool {
        let planned: HashSet<&str> = cases.iter().map(target).collect();
        let targets = self.retry_targets(failed, cases).unwrap_or_default();
        let mut targets = targets.iter();
        targets.all(|target| planned.contains(target.as_str()))
    }

    fn key(&self, result: TestResult<'_>) -> TestKey {
        let path = result.identifier.or(result.file_name).or(result.location);
        TestKey::new(result.scope, result.name, path.unwrap_or_default())
    }
}

/// What reruns a failed test: its target, or the test's own identifier if that begins with the
/// target. `None` if its target is unknown.
fn rerun_target(key: &TestKey, index: &TargetIndex<'_>) -> Option<String> {
    let targets = index.of_test(key).into_iter();
    let targets = targets.map(|number| index.targets[number].value);
    let innermost = targets.max_by_key(|target| target.len())?;
    let rest = key.path.strip_prefix(innermost);
    let is_part = rest.is_some_and(|rest| !without_lines(rest).is_empty());
    Some(if is_part { &key.path } else { innermost }.to_owned())
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::runners::testing::{case, command, key, retry, settings};

    fn custom(test: &str, retry: Option<&str>, result_path: Option<&str>) -> Box<dyn Runner> {
        build(RunnerSettings {
            retry_command: retry.map(str::to_owned),
            ..settings(Some(test), result_path)
        })
        .unwrap()
    }

    #[rstest]
    #[case("bats {{testExamples}}", "bats 'a b.bats' c.bats")]
    #[case("make test", "make test")]
    #[case(
        r#"sh -c "bats {{testExamples}}""#,
        r"sh -c 'bats '\''a b.bats'\'' c.bats'"
    )]
    fn paths_replace_the_placeholder(#[case] test: &str, #[case] expected: &str) {
        let runner = custom(test, None, None);
        assert_eq!(command(&*runner, &["a b.bats", "c.bats"]), expected);
    }

    #[rstest]
    #[case(None, None)]
    #[case(Some("out.xml"), Some(Format::Junit))]
    #[case(Some("out.json"), Some(Format::Json))]
    #[case(Some("out"), Some(Format::Json))]
    fn the_result_path_decides_the_format(
        #[case] path: Option<&str>,
        #[case] format: Option<Format>,
    ) {
        let runner = custom("x", None, path);
        assert_eq!(runner.upload_format(), format);
        assert_eq!(runner.result_path().is_some(), path.is_some());
    }

    #[rstest]
    // The code of a Mocha test may stop it.
    #[case("npx mocha {{testExamples}}", Some("--no-bail"), StopPolicy::Possible)]
    #[case("npx mocha --no-bail {{testExamples}}", None, StopPolicy::Possible)]
    #[case(
        "cargo test {{testExamples}}",
        Some("--no-fail-fast"),
        StopPolicy::Overridden
    )]
    #[case("bats {{testExamples}}", None, StopPolicy::Overridden)]
    #[case(
        "sh -c 'bats {{testExamples}} > {{resultPath}}'",
        None,
        StopPolicy::Overridden
    )]
    #[case(
        "sh -c 'for f in {{testExamples}}; do bats $f || exit 1; done'",
        None,
        StopPolicy::Possible
    )]
    fn an_early_stop_is_excluded_where_nothing_causes_it(
        #[case] command: &str,
        #[case] option: Option<&str>,
        #[case] policy: StopPolicy,
    ) {
        let runner = custom(command, None, Some("out.xml"));
        let command = runner.command(&[case("a b")]).unwrap();
        let guarded = runner.override_fail_fast(command);
        assert_eq!(guarded.policy, policy);
        assert_eq!(guarded.added_option.as_deref(), option);
    }

    /// The retry command may run another program than the test command.
    #[test]
    fn options_and_exit_codes_of_the_retry_command_count() {
        let again = "npx mocha --bail {{testExamples}}";
        let runner = custom(
            "make test TESTS={{testExamples}}",
            Some(again),
            Some("out.xml"),
        );
        let first = runner.command(&[case("a")]).unwrap();
        let retry = runner.rerun_command(&[case("a")]).unwrap().unwrap();
        let bail = StopPolicy::Requested {
            option: "--bail".to_owned(),
            failures: 1,
        };
        for (command, requested, code) in [(first, None, 1), (retry, Some(bail), 3)] {
            assert_eq!(runner.requested_stop(&command), requested);
            let codes = (0..=255).filter(|code| runner.reports_failed_tests(&command, *code, 3));
            assert_eq!(codes.collect::<Vec<i32>>(), [code]);
        }
    }

    #[test]
    fn a_test_command_is_required() {
        let error = build(RunnerSettings::default()).err().unwrap();
        assert!(error.to_string().contains("--test-command"), "{error}");
    }

    #[test]
    fn nothing_is_retried_without_a_retry_command() {
        let retry = custom("x", None, Some("o.xml")).retry_command(&[key("", "t", "a")], &[]);
        assert_eq!(retry.unwrap(), None);
    }

    #[rstest]
    #[case(key("s", "t", "test/a.bats"), "test/a.bats")]
    #[case(key("s", "t", "test/a.bats:7"), "test/a.bats")]
    #[case(key("s", "t", "/app/test/a.bats"), "test/a.bats")]
    #[case(key("b.bats", "t", ""), "test/b.bats")]
    #[case(key("s", "t", "test/a.bats::one"), "test/a.bats::one")]
    #[case(key("c.bats", "t", ""), "test/a.bats test/b.bats x/c.bats y/c.bats")]
    #[case(
        key("s", "t", "elsewhere"),
        "test/a.bats test/b.bats x/c.bats y/c.bats"
    )]
    fn a_retry_runs_the_targets_of_failed_tests(#[case] failed: TestKey, #[case] expected: &str) {
        let runner = custom("x", Some("again {{testExamples}}"), Some("o.xml"));
        let paths = ["test/a.bats", "test/b.bats", "x/c.bats", "y/c.bats"];
        assert_eq!(
            retry(&*runner, &[failed], &paths),
            format!("again {expected}")
        );
    }
}
