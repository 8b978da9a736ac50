//! Jest, by its JSON report; the base that Vitest shares.
//!
//! A failed test is rerun by its file and a pattern of names, so the report of a retry lists the
//! file's other tests as skipped; they were not asked for.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use test_engine_results::{Detail, Format, ParseError, TestResult, parse_with};
use test_engine_wire::Case;

use super::fail_fast::Options;
use super::paths::collapse_into_files;
use super::setup::Setup;
use super::{
    Definition, Naming, ParsedResults, Runner, RunnerError, RunnerSettings, TestKey, targets,
};
use crate::command_template::{
    CommandTemplate, RESULT_PATH, TEST_EXAMPLES, TEST_NAME_PATTERN, Value,
};
use crate::process::{CommandLine, ExecutionEnv};

/// The files that Jest itself takes for tests.
pub(super) const FILE_PATTERN: &str = "**/{__tests__/**/*,*.spec,*.test}.{ts,js,tsx,jsx}";

/// What is known of Jest.
pub(super) static DEFINITION: Definition = Definition {
    test_command: Some(
        "npx jest --runTestsByPath {{testExamples}} --json --testLocationInResults --outputFile {{resultPath}}",
    ),
    retry_command: Some(
        "npx jest {{testExamples}} --testNamePattern '{{testNamePattern}}' --json --testLocationInResults --outputFile {{resultPath}}",
    ),
    file_pattern: Some(FILE_PATTERN),
    fail_fast: Options::of_command(&["--bail", "-b"]),
    upload_formats: &[Format::JestJson],
    ..Definition::blank("jest", build)
};

/// Jest, or a runner that takes files and names and reports as Jest does.
pub(super) struct Jest {
    setup: Setup,
    /// The user's own retry command, to be checked before anything runs.
    own_retry: bool,
    /// Without this flag a path on the command line is a regular expression; `None` where it never
    /// is one.
    by_path: Option<&'static str>,
    real_directory: Option<PathBuf>,
}

fn build(settings: RunnerSettings) -> Result<Box<dyn Runner>, RunnerError> {
    Ok(Box::new(Jest::new(
        &DEFINITION,
        settings,
        Some("--runTestsByPath"),
    )?))
}

impl Jest {
    pub(super) fn new(
        definition: &'static Definition,
        settings: RunnerSettings,
        by_path: Option<&'static str>,
    ) -> Result<Self, RunnerError> {
        Ok(Self {
            own_retry: settings.retry_command.is_some(),
            real_directory: settings.working_directory.canonicalize().ok(),
            setup: Setup::new(definition, settings)?,
            by_path,
        })
    }

    fn fill(&self, template: &CommandTemplate, files: Vec<String>, names: &str) -> CommandLine {
        let is_expression = self.by_path.is_some_and(|flag| !template.contains(flag));
        // Vitest, given a file and a line of it, runs that line alone.
        let files: Vec<String> = collapse_into_files(targets::sorted_once(files))
            .into_iter()
            .map(|file| {
                if is_expression {
                    escape_path(&file)
                } else {
                    targets::unexpanded(file)
                }
            })
            .collect();
        let values = [
            (TEST_EXAMPLES, Value::Many(&files)),
            (TEST_NAME_PATTERN, Value::One(names)),
        ];
        self.setup.fill(template, &values)
    }

    fn require(
        &self,
        which: &'static str,
        template: &CommandTemplate,
        part: &'static str,
    ) -> Result<(), RunnerError> {
        if template.contains(part) {
            return Ok(());
        }
        let remedy = match part {
            TEST_EXAMPLES => "without it every node would run every test",
            TEST_NAME_PATTERN => {
                "without it a retry would run every test of the failed files; add --testNamePattern '{{testNamePattern}}'"
            }
            _ => {
                "without it the results cannot be read; add --json --testLocationInResults --outputFile {{resultPath}}"
            }
        };
        Err(RunnerError::MissingPart {
            runner: self.setup.definition.name,
            which,
            part,
            command: template.text().to_owned(),
            remedy: remedy.to_owned(),
        })
    }

    fn check_retry(&self) -> Result<(), RunnerError> {
        for part in [TEST_NAME_PATTERN, RESULT_PATH] {
            self.require("the retry command", &self.setup.retry, part)?;
        }
        Ok(())
    }
}

impl Runner for Jest {
    fn definition(&self) -> &'static Definition {
        self.setup.definition
    }

    fn execution_env(&self) -> &ExecutionEnv {
        &self.setup.execution_env
    }

    fn discover(&self, on_warning: &mut dyn FnMut(String)) -> Result<Vec<String>, RunnerError> {
        self.setup.discover(on_warning)
    }

    fn command(&self, cases: &[Case]) -> Result<CommandLine, RunnerError> {
        for part in [TEST_EXAMPLES, RESULT_PATH] {
            self.require("the test command", &self.setup.test, part)?;
        }
        if self.own_retry {
            self.check_retry()?;
        }
        Ok(self.fill(&self.setup.test, targets::arguments(cases)?, ""))
    }

    fn retry_command(
        &self,
        failed: &[TestKey],
        _cases: &[Case],
    ) -> Result<Option<CommandLine>, RunnerError> {
        self.check_retry()?;
        let files: Vec<String> = failed
            .iter()
            .map(|key| targets::argument(&key.path))
            .collect::<Result<_, _>>()?;
        Ok(Some(self.fill(
            &self.setup.retry,
            files,
            &name_pattern(failed),
        )))
    }

    fn result_path(&self) -> Option<&Path> {
        self.setup.result_path.as_deref()
    }

    fn upload_format(&self) -> Option<Format> {
        Some(Format::JestJson)
    }

    fn naming(&self) -> Naming {
        Naming::AsTargets
    }

    fn read(&self, bytes: &[u8], _cases: &[Case]) -> Result<ParsedResults, ParseError> {
        let report = parse_with(Format::JestJson, bytes, Detail::Outcomes)?;
        let directory = &self.setup.execution_env.directory;
        let reading = ParsedResults::of(report, |result: TestResult<'_>| TestKey {
            scope: result.scope.into_owned(),
            name: result.name.into_owned(),
            path: result.file_name.map_or_else(String::new, |file| {
                targets::relative(&file, directory, self.real_directory.as_deref())
            }),
        });
        Ok(self.setup.noted(reading))
    }
}

/// `(A|B|…)` with the full name of each test, the way the runner joins it.
fn name_pattern(failed: &[TestKey]) -> String {
    let names = failed.iter().map(|key| {
        if key.scope.is_empty() {
            escape(&key.name)
        } else {
            escape(&format!("{} {}", key.scope, key.name))
        }
    });
    format!("({})", targets::sorted_once(names.collect()).join("|"))
}

/// A text as a JavaScript regular expression that matches it.
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '.' | '*' | '+' | '?' | '^' | '$' | '{' | '}' | '(' | ')' | '|' | '[' | ']' | '\\' => {
                escaped.push('\\');
                escaped.push(character);
            }
            // A line break in an argument does not survive every shell script in between.
            '\n' => escaped.push_str("\\n"),
            '\r' => escaped.push_str("\\r"),
            '\u{2028}' | '\u{2029}' => {
                // Writing to a string cannot fail.
                let _ = write!(escaped, "\\u{:04x}", u32::from(character));
            }
            plain => escaped.push(plain),
        }
    }
    escaped
}

/// A path as a regular expression. Dots stay as they are, so that ordinary paths are shown as they
/// are; a dot matches itself, and what else it matches has no failed test.
pub(super) fn escape_path(path: &str) -> String {
    escape(path).replace("\\.", ".")
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::runners::testing::{case, key, words};

    fn jest(test_command: Option<&str>, retry_command: Option<&str>) -> Box<dyn Runner> {
        build(RunnerSettings {
            test_command: test_command.map(str::to_owned),
            retry_command: retry_command.map(str::to_owned),
            result_path: Some("out.json".to_owned()),
            working_directory: "/app".into(),
            ..RunnerSettings::default()
        })
        .unwrap()
    }

    #[test]
    fn paths_are_sorted_and_given_once() {
        let cases = [
            case("b.test.js"),
            case("(g)/[id]/a.test.js"),
            case("b.test.js"),
        ];
        assert_eq!(
            words(&jest(None, None).command(&cases).unwrap()),
            "npx jest --runTestsByPath './~/../(g)/[id]/a.test.js' b.test.js --json --testLocationInResults --outputFile out.json"
        );
    }

    #[test]
    fn paths_are_escaped_where_they_are_regular_expressions() {
        let runner = jest(
            Some("yarn test {{testExamples}} --outputFile {{resultPath}}"),
            None,
        );
        let command = runner
            .command(&[case("(g)/[id]/a+b.test.js"), case("c.test.js")])
            .unwrap();
        assert_eq!(
            command.arguments,
            [
                "test",
                r"\(g\)/\[id\]/a\+b.test.js",
                "c.test.js",
                "--outputFile",
                "out.json"
            ]
        );
    }

    #[rstest]
    #[case("npx jest --outputFile {{resultPath}}", TEST_EXAMPLES)]
    #[case("npx jest {{testExamples}}", RESULT_PATH)]
    fn a_command_without_its_parts_is_refused(#[case] command: &str, #[case] missing: &str) {
        let error = jest(Some(command), None)
            .command(&[case("a.test.js")])
            .unwrap_err();
        assert!(
            matches!(error, RunnerError::MissingPart { part, .. } if part == missing),
            "{error}"
        );
        assert!(error.to_string().contains(command), "{error}");
    }

    #[rstest]
    #[case(
        "npx jest {{testExamples}} --outputFile {{resultPath}}",
        TEST_NAME_PATTERN
    )]
    #[case("npx jest --testNamePattern {{testNamePattern}}", RESULT_PATH)]
    fn a_useless_retry_command_is_refused_before_the_first_attempt(
        #[case] command: &str,
        #[case] missing: &str,
    ) {
        let error = jest(None, Some(command))
            .command(&[case("a.test.js")])
            .unwrap_err();
        assert!(
            matches!(error, RunnerError::MissingPart { part, .. } if part == missing),
            "{error}"
        );
    }

    #[test]
    fn failed_tests_are_rerun_by_file_and_name() {
        let failed = [
            key("Group (x)", "costs $1.50", "b.test.js"),
            key("", "top", "(g)/a.test.js"),
            key("", "top", "b.test.js"),
        ];
        let command = jest(None, None)
            .retry_command(&failed, &[])
            .unwrap()
            .unwrap();
        assert_eq!(
            command.arguments,
            [
                "jest",
                r"\(g\)/a.test.js",
                "b.test.js",
                "--testNamePattern",
                r"(Group \(x\) costs \$1\.50|top)",
                "--json",
                "--testLocationInResults",
                "--outputFile",
                "out.json"
            ]
        );
    }

    #[test]
    fn results_are_named_relative_to_the_directory() {
        let json = br#"{"testResults":[{"name":"/app/src/a.test.js","status":"failed",
            "assertionResults":[
                {"title":"t","ancestorTitles":["A","b c"],"status":"failed"},
                {"title":"u","ancestorTitles":[],"status":"todo"}]}]}"#;
        let reading = jest(None, None).read(json, &[]).unwrap();
        let keys: Vec<_> = reading.tests.iter().map(|test| test.key.clone()).collect();
        assert_eq!(
            keys,
            [
                key("A b c", "t", "src/a.test.js"),
                key("", "u", "src/a.test.js")
            ]
        );
    }
}
