//! Jest, with its JSON report; also the base of Vitest.
//!
//! A failed test is rerun by its file and a pattern of names, so the report of a retry lists the
//! file's other tests as skipped; these do not count.

mod listing;

use std::fmt::Write as _;

use test_engine_results::{Format, TestResult};
use test_engine_wire::Case;

use super::discovery_check::DiscoveryBy;
use super::fail_fast::FailFast;
use super::fail_fast_override::FailFastOverride;
use super::paths::collapse_into_files;
use super::targets::{self, sorted, target};
use super::{Definition, Naming, Result, Runner, RunnerBase, RunnerError, RunnerSettings, TestKey};
use crate::command_template::{
    CommandTemplate, RESULT_PATH, TEST_EXAMPLES, TEST_NAME_PATTERN, Value,
};
use crate::process::CommandLine;

/// Jest's own default.
pub(super) const FILE_PATTERN: &str = "**/{__tests__/**/*,*.spec,*.test}.{ts,js,tsx,jsx}";

pub(super) static DEFINITION: Definition = Definition {
    test_command: Some(
        "npx jest --runTestsByPath {{testExamples}} \
         --json --testLocationInResults --outputFile {{resultPath}}",
    ),
    retry_command: Some(
        "npx jest {{testExamples}} --testNamePattern '{{testNamePattern}}' \
         --json --testLocationInResults --outputFile {{resultPath}}",
    ),
    file_pattern: Some(FILE_PATTERN),
    discovery_by: DiscoveryBy::Runner,
    fail_fast: FailFast::options(&["--bail", "-b"]),
    fail_fast_override: Some(FailFastOverride::of("--bail=0", &["jest", "jest.js"])),
    naming: Naming::AsTargets,
    upload_formats: &[Format::JestJson],
    ..Definition::defaults("jest", build)
};

/// Jest, or a runner that takes files and names and reports as Jest does.
pub(super) struct Jest {
    base: RunnerBase,
    /// Without this option a path on the command line is a regular expression; `None` where it
    /// never is one.
    by_path: Option<&'static str>,
    /// Matches what the runner puts between the titles of a full name.
    joint: &'static str,
}

/// Jest's, as in its report.
const SPACE: &str = " ";

fn build(settings: RunnerSettings) -> Result<Box<dyn Runner>> {
    let jest = Jest::new(&DEFINITION, settings, Some("--runTestsByPath"), SPACE)?;
    Ok(Box::new(jest))
}

impl Jest {
    pub(super) fn new(
        definition: &'static Definition,
        settings: RunnerSettings,
        by_path: Option<&'static str>,
        joint: &'static str,
    ) -> Result<Self> {
        let base = RunnerBase::new(definition, settings)?;
        Ok(Self {
            base,
            by_path,
            joint,
        })
    }

    fn fill_names<'t>(
        &self,
        template: &CommandTemplate,
        files: impl Iterator<Item = &'t str>,
        names: &str,
    ) -> Result<CommandLine> {
        let files = targets::arguments(files.map(str::to_owned).collect())?;
        let is_regex = self
            .by_path
            .is_some_and(|option| !template.contains(option));
        // Given a file and a line of it, Vitest runs only that line.
        let files = collapse_into_files(sorted(files)).into_iter();
        let escape = |file: String| {
            if is_regex {
                escape_path(&file)
            } else {
                targets::unexpanded(file)
            }
        };
        let files: Vec<String> = files.map(escape).collect();
        let values = [
            (TEST_EXAMPLES, Value::Many(&files)),
            (TEST_NAME_PATTERN, Value::One(names)),
        ];
        Ok(self.base.fill(template, &values))
    }

    fn require(
        &self,
        which: &'static str,
        template: &CommandTemplate,
        part: &'static str,
    ) -> Result<()> {
        if template.contains(part) {
            return Ok(());
        }
        let hint = match part {
            TEST_EXAMPLES => "without it every node would run every test",
            TEST_NAME_PATTERN => {
                "without it a retry would run every test of the failed files; \
                 add --testNamePattern '{{testNamePattern}}'"
            }
            _ => {
                "without it the results cannot be read; \
                 add --json --testLocationInResults --outputFile {{resultPath}}"
            }
        };
        Err(RunnerError::MissingPart {
            runner: self.base.definition.name,
            which,
            part,
            command: template.text().to_owned(),
            hint: hint.to_owned(),
        })
    }

    fn check_retry(&self) -> Result<()> {
        self.require("the retry command", &self.base.retry, TEST_NAME_PATTERN)?;
        self.require("the retry command", &self.base.retry, RESULT_PATH)
    }
}

impl Runner for Jest {
    fn base(&self) -> &RunnerBase {
        &self.base
    }

    fn own_discovery(&self) -> Result<Option<Vec<String>>> {
        listing::files(&self.base)
    }

    fn command(&self, cases: &[Case]) -> Result<CommandLine> {
        self.require("the test command", &self.base.test, TEST_EXAMPLES)?;
        self.require("the test command", &self.base.test, RESULT_PATH)?;
        // A retry command that cannot work is reported before anything runs.
        if self.base.has_own_retry {
            self.check_retry()?;
        }
        self.fill_names(&self.base.test, cases.iter().map(target), "")
    }

    fn retry_command(&self, failed: &[TestKey], _cases: &[Case]) -> Result<Option<CommandLine>> {
        self.check_retry()?;
        let files = failed.iter().map(|key| key.path.as_str());
        let command = self.fill_names(&self.base.retry, files, &name_pattern(failed, self.joint));
        command.map(Some)
    }

    fn key(&self, result: TestResult<'_>) -> TestKey {
        let file = result.file_name.unwrap_or_default();
        TestKey::new(result.scope, result.name, self.base.relative(&file))
    }
}

/// `(A|B|…)`, with the full name of each test as the runner composes it. A scope does not show
/// where a title ends, so any space may be a joint.
fn name_pattern(failed: &[TestKey], joint: &str) -> String {
    let names = failed.iter().map(|key| {
        if key.scope.is_empty() {
            escape(&key.name)
        } else {
            escape(&format!("{} {}", key.scope, key.name))
        }
    });
    let names = names.map(|name| name.replace(' ', joint));
    format!("({})", sorted(names).join("|"))
}

/// A JavaScript regular expression that matches this text.
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            // Not every shell script passes on a line break in an argument.
            '\n' => escaped.push_str("\\n"),
            '\r' => escaped.push_str("\\r"),
            '\u{2028}' | '\u{2029}' => {
                // Writing to a string cannot fail.
                let _ = write!(escaped, "\\u{:04x}", u32::from(character));
            }
            special if ".*+?^${}()|[]\\".contains(special) => escaped.extend(['\\', special]),
            plain => escaped.push(plain),
        }
    }
    escaped
}

/// A path as a regular expression. Dots are not escaped, so that ordinary paths stay readable: a
/// dot also matches itself, and other files that it matches have no failed tests.
pub(super) fn escape_path(path: &str) -> String {
    escape(path).replace("\\.", ".")
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::runners::testing::{case, command, key, settings};

    fn jest(test_command: Option<&str>, retry_command: Option<&str>) -> Box<dyn Runner> {
        build(RunnerSettings {
            retry_command: retry_command.map(str::to_owned),
            working_directory: "/app".into(),
            ..settings(test_command, Some("out.json"))
        })
        .unwrap()
    }

    #[test]
    fn paths_are_sorted_and_unique() {
        let paths = ["b.test.js", "(g)/[id]/a.test.js", "b.test.js"];
        assert_eq!(
            command(&*jest(None, None), &paths),
            "npx jest --runTestsByPath './~/../(g)/[id]/a.test.js' b.test.js \
             --json --testLocationInResults --outputFile out.json"
        );
    }

    #[test]
    fn paths_are_escaped_where_they_are_regular_expressions() {
        let test = "yarn test {{testExamples}} --outputFile {{resultPath}}";
        let cases = [case("(g)/[id]/a+b.test.js"), case("c.test.js")];
        let command = jest(Some(test), None).command(&cases).unwrap();
        let path = r"\(g\)/\[id\]/a\+b.test.js";
        assert_eq!(
            command.arguments,
            ["test", path, "c.test.js", "--outputFile", "out.json"]
        );
    }

    #[rstest]
    #[case(Some("npx jest --outputFile {{resultPath}}"), None, TEST_EXAMPLES)]
    #[case(Some("npx jest {{testExamples}}"), None, RESULT_PATH)]
    #[case(
        None,
        Some("jest {{testExamples}} --outputFile {{resultPath}}"),
        TEST_NAME_PATTERN
    )]
    #[case(None, Some("jest --testNamePattern {{testNamePattern}}"), RESULT_PATH)]
    fn incomplete_commands_are_rejected_before_the_first_attempt(
        #[case] test: Option<&str>,
        #[case] retry: Option<&str>,
        #[case] missing: &str,
    ) {
        let error = jest(test, retry).command(&[case("a.test.js")]).unwrap_err();
        assert!(
            matches!(error, RunnerError::MissingPart { part, .. } if part == missing),
            "{error}"
        );
        let command = test.or(retry).unwrap();
        assert!(error.to_string().contains(command), "{error}");
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
            command.arguments[..5],
            [
                "jest",
                r"\(g\)/a.test.js",
                "b.test.js",
                "--testNamePattern",
                r"(Group \(x\) costs \$1\.50|top)",
            ]
        );
    }

    #[test]
    fn results_are_identified_relative_to_the_directory() {
        let json = br#"{"testResults":[{"name":"/app/src/a.test.js","status":"failed",
            "assertionResults":[
                {"title":"t","ancestorTitles":["A","b c"],"status":"failed"},
                {"title":"u","ancestorTitles":[],"status":"todo"}]}]}"#;
        let parsed = jest(None, None).read(json, &[]).unwrap();
        let keys: Vec<_> = parsed.tests.into_iter().map(|test| test.key).collect();
        let expected = [("A b c", "t"), ("", "u")];
        assert_eq!(
            keys,
            expected.map(|(scope, name)| key(scope, name, "src/a.test.js"))
        );
    }
}
