//! Any other runner, with a command that the user provides.
//!
//! Results are read when there is a result path: JUnit XML if it ends in `.xml`, else Test Engine
//! JSON. Without results there is only the exit code. Retries need a retry command of their own.

mod hooks;
mod programs;

use std::collections::HashSet;

use test_engine_results::{Detail, Format, ParseError, TestResult, parse_with};
use test_engine_wire::Case;

use self::programs::Program;
use super::paths::without_lines;
use super::targets::{self, sorted, target};
use super::{
    Definition, ParsedResults, Result, Runner, RunnerBase, RunnerSettings, StopPolicy, TestKey,
    shell_expansion,
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
    fn program(&self) -> &'static Program {
        Program::of(&self.0.test)
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
        let limit = self
            .program()
            .fail_fast
            .on_command_line(self.0.test.words());
        if let Some(limit) = limit {
            limit.note(&mut parsed);
        }
        Ok(parsed)
    }

    fn reports_failed_tests(&self, code: i32, failed: usize) -> bool {
        self.program()
            .reports_failed_tests(&self.0.test, code, failed)
    }

    fn override_fail_fast(&self, command: CommandLine) -> (CommandLine, StopPolicy) {
        let Program {
            fail_fast,
            fail_fast_override,
            has_no_settings,
            ..
        } = self.program();
        let fail_fast_override = fail_fast_override.as_ref();
        match self
            .0
            .override_options(command, fail_fast, fail_fast_override)
        {
            (command, StopPolicy::Possible) if *has_no_settings => {
                (command, StopPolicy::Overridden)
            }
            other => other,
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
        let of_failed = failed
            .iter()
            .map(|key| target_of(key, cases).map(str::to_owned));
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

/// The target that a test belongs to. Reports may shorten a path to its end, and JUnit dialects
/// without a location put the file's name into the class name.
fn target_of<'k>(key: &'k TestKey, cases: &'k [Case]) -> Option<&'k str> {
    let is_end = |whole: &str, end: &str| {
        !end.is_empty()
            && whole
                .strip_suffix(end)
                .is_some_and(|rest| rest.is_empty() || rest.ends_with('/'))
    };
    let targets = || cases.iter().map(target);
    let file = without_lines(&key.path);
    if let Some(found) = targets().find(|target| *target == key.path || *target == file) {
        return Some(found);
    }
    // A name that matches two targets is ambiguous.
    let only = |name: &str| {
        let mut matches = targets().filter(|target| is_end(target, name) || is_end(name, target));
        matches.next().filter(|_| matches.next().is_none())
    };
    if let Some(found) = only(file).or_else(|| only(&key.scope)) {
        return Some(found);
    }
    // An identifier of a part of a target.
    targets()
        .any(|target| !target.is_empty() && key.path.starts_with(target))
        .then_some(&key.path)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::runners::testing::{command, key, retry, settings};

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
