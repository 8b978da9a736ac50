//! Any other runner, by the command that the user gives.
//!
//! Results are read when there is a result path: JUnit XML if it ends in `.xml`, else Test Engine
//! JSON. Without one the exit code is all there is. Retries need a retry command of their own.

use std::path::Path;

use test_engine_results::{Detail, Format, ParseError, TestResult, parse_with};
use test_engine_wire::Case;

use super::setup::Setup;
use super::{
    Definition, ParsedResults, Runner, RunnerError, RunnerSettings, TestKey, shell_expansion,
    targets,
};
use crate::command_template::{CommandTemplate, TEST_EXAMPLES, Value};
use crate::process::{CommandLine, ExecutionEnv};

/// What is known of custom runners.
pub(super) static DEFINITION: Definition = Definition {
    remark: Some(
        "failed tests are retried when there is a retry command and a result path; results are \
         JUnit XML when the result path ends in `.xml`, else JSON.",
    ),
    requires_result_path: false,
    requires_test_command: true,
    requires_file_pattern: true,
    upload_formats: &[Format::Json, Format::Junit],
    ..Definition::blank("custom", build)
};

struct Custom {
    setup: Setup,
    has_retry: bool,
}

fn build(settings: RunnerSettings) -> Result<Box<dyn Runner>, RunnerError> {
    let has_retry = settings.retry_command.is_some();
    Ok(Box::new(Custom {
        setup: Setup::new(&DEFINITION, settings)?,
        has_retry,
    }))
}

impl Custom {
    fn fill(
        &self,
        template: &CommandTemplate,
        paths: &[String],
    ) -> Result<CommandLine, RunnerError> {
        let command = self
            .setup
            .fill(template, &[(TEST_EXAMPLES, Value::Many(paths))]);
        if template.contains(TEST_EXAMPLES) {
            shell_expansion::check(&command.program, paths, &self.execution_env().directory)?;
        }
        Ok(command)
    }

    fn format(&self) -> Option<Format> {
        let path = self.setup.result_path.as_deref()?;
        let is_xml = path
            .extension()
            .is_some_and(|extension| extension.eq_ignore_ascii_case("xml"));
        Some(if is_xml { Format::Junit } else { Format::Json })
    }
}

impl Runner for Custom {
    fn definition(&self) -> &'static Definition {
        &DEFINITION
    }

    fn execution_env(&self) -> &ExecutionEnv {
        &self.setup.execution_env
    }

    fn discover(&self, on_warning: &mut dyn FnMut(String)) -> Result<Vec<String>, RunnerError> {
        self.setup.discover(on_warning)
    }

    fn command(&self, cases: &[Case]) -> Result<CommandLine, RunnerError> {
        self.fill(&self.setup.test, &targets::arguments(cases)?)
    }

    /// Failed tests are rerun by what the results say of their place. If one of them says nothing
    /// that was on the first command line, everything is rerun: too much rather than too little.
    fn retry_command(
        &self,
        failed: &[TestKey],
        cases: &[Case],
    ) -> Result<Option<CommandLine>, RunnerError> {
        if !self.has_retry {
            return Ok(None);
        }
        let places: Option<Vec<&str>> = failed.iter().map(|key| place(key, cases)).collect();
        let paths = match places {
            Some(places) => {
                let paths = places
                    .into_iter()
                    .map(targets::argument)
                    .collect::<Result<_, _>>()?;
                targets::sorted_once(paths)
            }
            None => targets::arguments(cases)?,
        };
        self.fill(&self.setup.retry, &paths).map(Some)
    }

    fn result_path(&self) -> Option<&Path> {
        self.setup.result_path.as_deref()
    }

    fn upload_format(&self) -> Option<Format> {
        self.format()
    }

    fn read(&self, bytes: &[u8], _cases: &[Case]) -> Result<ParsedResults, ParseError> {
        let format = self.format().unwrap_or(Format::Json);
        Ok(ParsedResults::of(
            parse_with(format, bytes, Detail::Outcomes)?,
            |result: TestResult<'_>| TestKey {
                scope: result.scope.into_owned(),
                name: result.name.into_owned(),
                path: result
                    .identifier
                    .or(result.file_name)
                    .or(result.location)
                    .unwrap_or_default()
                    .into_owned(),
            },
        ))
    }
}

/// What of the first command line a test belongs to. Reports may shorten a path to its end, and
/// JUnit dialects without a place put the file's name into the class name.
fn place<'k>(key: &'k TestKey, cases: &'k [Case]) -> Option<&'k str> {
    let is_end = |whole: &str, end: &str| {
        !end.is_empty()
            && whole
                .strip_suffix(end)
                .is_some_and(|rest| rest.is_empty() || rest.ends_with('/'))
    };
    let asked = || cases.iter().map(targets::target);
    let without_line = key
        .path
        .rsplit_once(':')
        .map_or(key.path.as_str(), |(path, line)| {
            if line.bytes().all(|byte| byte.is_ascii_digit()) {
                path
            } else {
                key.path.as_str()
            }
        });
    if let Some(found) = asked().find(|target| *target == key.path || *target == without_line) {
        return Some(found);
    }
    // A name that fits two of them says nothing.
    let only = |name: &str| {
        let mut fitting = asked().filter(|target| is_end(target, name) || is_end(name, target));
        fitting.next().filter(|_| fitting.next().is_none())
    };
    if let Some(found) = only(without_line).or_else(|| only(&key.scope)) {
        return Some(found);
    }
    // An identifier finer than what was asked for, as a runner of its own may give.
    asked()
        .any(|target| !target.is_empty() && key.path.starts_with(target))
        .then_some(&key.path)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::runners::testing::{case, key, words};

    fn custom(test: &str, retry: Option<&str>, result_path: Option<&str>) -> Box<dyn Runner> {
        build(RunnerSettings {
            test_command: Some(test.to_owned()),
            retry_command: retry.map(str::to_owned),
            result_path: result_path.map(str::to_owned),
            ..RunnerSettings::default()
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
    fn paths_stand_where_the_command_says(#[case] command: &str, #[case] expected: &str) {
        let runner = custom(command, None, None);
        assert_eq!(
            words(&runner.command(&[case("a b.bats"), case("c.bats")]).unwrap()),
            expected
        );
    }

    #[rstest]
    #[case(None, None)]
    #[case(Some("out.xml"), Some(Format::Junit))]
    #[case(Some("out.json"), Some(Format::Json))]
    #[case(Some("out"), Some(Format::Json))]
    fn the_result_path_says_what_the_results_are(
        #[case] path: Option<&str>,
        #[case] format: Option<Format>,
    ) {
        let runner = custom("x", None, path);
        assert_eq!(runner.upload_format(), format);
        assert_eq!(runner.result_path().is_some(), path.is_some());
    }

    #[test]
    fn a_missing_command_is_an_error() {
        let error = build(RunnerSettings::default()).err().unwrap();
        assert!(error.to_string().contains("--test-command"), "{error}");
    }

    #[test]
    fn without_a_retry_command_nothing_is_retried() {
        let retry = custom("x", None, Some("o.xml")).retry_command(&[key("", "t", "a")], &[]);
        assert_eq!(retry.unwrap(), None);
    }

    #[rstest]
    #[case(key("s", "t", "test/a.bats"), "again test/a.bats")]
    #[case(key("s", "t", "test/a.bats:7"), "again test/a.bats")]
    #[case(key("s", "t", "/app/test/a.bats"), "again test/a.bats")]
    #[case(key("b.bats", "t", ""), "again test/b.bats")]
    #[case(key("s", "t", "test/a.bats::one"), "again test/a.bats::one")]
    #[case(
        key("c.bats", "t", ""),
        "again test/a.bats test/b.bats x/c.bats y/c.bats"
    )]
    #[case(
        key("s", "t", "elsewhere"),
        "again test/a.bats test/b.bats x/c.bats y/c.bats"
    )]
    fn failed_tests_are_rerun_by_their_place(#[case] failed: TestKey, #[case] expected: &str) {
        let runner = custom("x", Some("again {{testExamples}}"), Some("o.xml"));
        let cases = ["test/a.bats", "test/b.bats", "x/c.bats", "y/c.bats"].map(case);
        let command = runner.retry_command(&[failed], &cases).unwrap().unwrap();
        assert_eq!(words(&command), expected);
    }
}
