//! Go tests, by gotestsum or by `go test -json`.
//!
//! What is split and rerun are packages. Results are test2json lines or JUnit XML, as the command
//! says. `go test -json` writes to its standard output, which goes to the log and to the result
//! file at once.

use std::path::Path;

use test_engine_results::{Detail, Format, Outcome, ParseError, TestResult, parse_with};
use test_engine_wire::Case;

use super::fail_fast::Options;
use super::setup::Setup;
use super::{
    Definition, Features, ParsedResults, ResultTrust, Runner, RunnerError, RunnerSettings, TestKey,
    targets,
};
use crate::command_template::{CommandTemplate, PACKAGES, TEST_EXAMPLES, Value};
use crate::process::{CommandLine, ExecutionEnv, Output};

/// Lists packages that have tests.
const LIST: [&str; 4] = [
    "list",
    "-f",
    "{{if or .TestGoFiles .XTestGoFiles}}{{.ImportPath}}{{end}}",
    "./...",
];

/// The name that stands for a package that failed without a failed test.
const PACKAGE_TEST: &str = "TestMain";

/// What is known of Go tests.
pub(super) static DEFINITION: Definition = Definition {
    features: Features {
        split_by_example: false,
        filter_by_pattern: false,
        filter_by_tag: false,
        retry: true,
        mute: true,
        skip: false,
    },
    remark: Some(
        "packages are found with `go list` and retried as a whole; results are JSON lines when \
         the command writes test2json, else JUnit XML.",
    ),
    test_command: Some("gotestsum --jsonfile={{resultPath}} {{packages}}"),
    fail_fast: Options::of_command(&["-failfast", "--failfast", "-test.failfast", "--max-fails"]),
    upload_formats: &[Format::GoJsonl, Format::Junit],
    ..Definition::blank("gotest", build)
};

struct Gotest(Setup);

fn build(settings: RunnerSettings) -> Result<Box<dyn Runner>, RunnerError> {
    Ok(Box::new(Gotest(Setup::new(&DEFINITION, settings)?)))
}

impl Gotest {
    fn fill(&self, template: &CommandTemplate, packages: &[String]) -> CommandLine {
        let has_place = template.contains(PACKAGES) || template.contains(TEST_EXAMPLES);
        let appended = if has_place {
            template.clone()
        } else {
            template.with_words(&[PACKAGES])
        };
        let packages = Value::Many(packages);
        self.0.fill(
            &appended,
            &[(PACKAGES, packages), (TEST_EXAMPLES, packages)],
        )
    }

    fn writes_json(&self) -> bool {
        self.0.test.contains("--jsonfile")
            || self.0.test.words().iter().any(|word| {
                word.split_whitespace()
                    .any(|part| matches!(part, "-json" | "--json" | "-json=true"))
            })
    }

    fn format(&self) -> Format {
        if self.writes_json() {
            Format::GoJsonl
        } else {
            Format::Junit
        }
    }
}

/// Each once, in the plan's order.
fn once(packages: Vec<String>) -> Vec<String> {
    let mut seen = std::collections::HashSet::new();
    packages
        .into_iter()
        .filter(|package| seen.insert(package.clone()))
        .collect()
}

impl Runner for Gotest {
    fn definition(&self) -> &'static Definition {
        &DEFINITION
    }

    fn execution_env(&self) -> &ExecutionEnv {
        &self.0.execution_env
    }

    fn discover(&self, _on_warning: &mut dyn FnMut(String)) -> Result<Vec<String>, RunnerError> {
        let command = CommandLine::new("go", LIST.map(str::to_owned));
        let listed = Setup::helper(command.clone(), self.execution_env())?;
        let text = String::from_utf8_lossy(&listed.stdout);
        let packages: Vec<String> = text
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty())
            .map(str::to_owned)
            .collect();
        if packages.is_empty() {
            return Err(RunnerError::Listing {
                command: Box::new(command),
                reason: "there is no package with test files".to_owned(),
            });
        }
        Ok(packages)
    }

    fn command(&self, cases: &[Case]) -> Result<CommandLine, RunnerError> {
        Ok(self.fill(&self.0.test, &once(targets::arguments(cases)?)))
    }

    fn retry_command(
        &self,
        failed: &[TestKey],
        cases: &[Case],
    ) -> Result<Option<CommandLine>, RunnerError> {
        // A failure without a package can be anywhere.
        let packages = if failed.iter().any(|key| key.path.is_empty()) {
            targets::arguments(cases)?
        } else {
            failed
                .iter()
                .map(|key| targets::argument(&key.path))
                .collect::<Result<_, _>>()?
        };
        Ok(Some(self.fill(&self.0.retry, &once(packages))))
    }

    fn result_path(&self) -> Option<&Path> {
        self.0.result_path.as_deref()
    }

    fn upload_format(&self) -> Option<Format> {
        Some(self.format())
    }

    fn output(&self) -> Output<'_> {
        let words = self.0.test.words();
        let to_stdout = words
            .iter()
            .any(|word| matches!(word.as_str(), "-json" | "-json=true"))
            && !self.0.test.contains("--jsonfile");
        match self.result_path() {
            Some(path) if to_stdout => Output::OwnAndFile(path),
            _ => Output::Own,
        }
    }

    fn result_trust(&self, code: i32) -> ResultTrust {
        if matches!(code, 0 | 1) {
            ResultTrust::Complete
        } else {
            ResultTrust::Unusable
        }
    }

    fn read(&self, bytes: &[u8], _cases: &[Case]) -> Result<ParsedResults, ParseError> {
        let format = self.format();
        if format == Format::GoJsonl {
            let report = parse_with(format, bytes, Detail::Outcomes)?;
            return Ok(self.0.noted(ParsedResults::of(report, key_of)));
        }
        let mut report = parse_with(format, bytes, Detail::Full)?;
        // A package that does not build is told as an error; it is no test besides.
        report.results.retain(|result| {
            !(is_package(result) && text_of(result).any(|line| line.contains("[build failed]")))
        });
        Ok(self.0.noted(ParsedResults::of(report, key_of)))
    }

    /// Packages.
    fn retries_whole_targets(&self) -> bool {
        true
    }
}

fn key_of(mut result: TestResult<'_>) -> TestKey {
    if is_package(&result)
        && let Some(package) = package_of(&result)
    {
        result.scope = package.into();
    }
    TestKey {
        path: result.scope.clone().into_owned(),
        scope: result.scope.into_owned(),
        name: result.name.into_owned(),
    }
}

/// A package as a whole, in JUnit XML, which does not say which.
fn is_package(result: &TestResult<'_>) -> bool {
    result.name == PACKAGE_TEST && result.scope.is_empty() && result.outcome == Outcome::Failed
}

fn text_of<'r>(result: &'r TestResult<'_>) -> impl Iterator<Item = &'r str> {
    let details = result.extras.failure_expanded.iter().flat_map(|detail| {
        detail
            .expanded
            .iter()
            .chain(&detail.backtrace)
            .map(String::as_str)
    });
    result
        .extras
        .failure_reason
        .as_deref()
        .into_iter()
        .chain(details)
}

/// As `go test` ends its output for a package: `FAIL`, a tab, the package.
fn package_of(result: &TestResult<'_>) -> Option<String> {
    text_of(result).find_map(|line| {
        let rest = line.trim_start().strip_prefix("FAIL")?;
        let package = rest.split_whitespace().next()?;
        (!package.starts_with('[')).then(|| package.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::runners::testing::{case, key, words};

    fn gotest(command: Option<&str>) -> Box<dyn Runner> {
        build(RunnerSettings {
            test_command: command.map(str::to_owned),
            result_path: Some("out".to_owned()),
            ..RunnerSettings::default()
        })
        .unwrap()
    }

    #[rstest]
    #[case(None, "gotestsum --jsonfile=out m/b m/a", Format::GoJsonl, false)]
    #[case(
        Some("gotestsum --junitfile {{resultPath}} -- -race"),
        "gotestsum --junitfile out -- -race m/b m/a",
        Format::Junit,
        false
    )]
    #[case(
        Some("go test -json -race {{packages}} -count=1"),
        "go test -json -race m/b m/a -count=1",
        Format::GoJsonl,
        true
    )]
    #[case(
        Some("sh -c 'go test -json {{packages}} > out'"),
        "sh -c 'go test -json m/b m/a > out'",
        Format::GoJsonl,
        false
    )]
    fn the_command_says_what_the_results_are(
        #[case] command: Option<&str>,
        #[case] expected: &str,
        #[case] format: Format,
        #[case] copied: bool,
    ) {
        let runner = gotest(command);
        let cases = [case("m/b"), case("m/a"), case("m/b")];
        assert_eq!(words(&runner.command(&cases).unwrap()), expected);
        assert_eq!(runner.upload_format(), Some(format));
        assert_eq!(matches!(runner.output(), Output::OwnAndFile(_)), copied);
    }

    #[test]
    fn retries_are_by_package() {
        let runner = gotest(None);
        let failed = [
            key("m/a", "TestX", "m/a"),
            key("m/a", "TestY", "m/a"),
            key("m/b", "T", "m/b"),
        ];
        let command = runner.retry_command(&failed, &[]).unwrap().unwrap();
        assert_eq!(words(&command), "gotestsum --jsonfile=out m/a m/b");
        let unplaced = [key("", "TestMain", "")];
        let command = runner
            .retry_command(&unplaced, &[case("m/a"), case("m/c")])
            .unwrap()
            .unwrap();
        assert_eq!(words(&command), "gotestsum --jsonfile=out m/a m/c");
    }

    #[test]
    fn other_exit_codes_leave_nothing_to_read() {
        let runner = gotest(None);
        assert_eq!(
            [0, 1, 2].map(|code| runner.result_trust(code)),
            [
                ResultTrust::Complete,
                ResultTrust::Complete,
                ResultTrust::Unusable
            ]
        );
    }

    #[test]
    fn a_package_in_junit_is_named_by_what_it_printed() {
        let xml = b"<testsuites><testsuite name=\"m/b\"><testcase classname=\"\" name=\"TestMain\">\
            <failure message=\"Failed\">FAIL&#x9;m/b [build failed]&#xA;</failure></testcase></testsuite>\
            <testsuite name=\"m/c\"><testcase classname=\"\" name=\"TestMain\">\
            <failure message=\"Failed\">exit status 3&#xA;FAIL&#x9;m/c&#x9;0.005s&#xA;</failure></testcase>\
            <testcase classname=\"m/c\" name=\"TestC\"/></testsuite></testsuites>";
        let reading = gotest(Some("gotestsum --junitfile {{resultPath}}"))
            .read(xml, &[])
            .unwrap();
        assert_eq!(reading.errors_outside_tests, ["FAIL\tm/b [build failed]"]);
        let keys: Vec<_> = reading.tests.iter().map(|test| test.key.clone()).collect();
        assert_eq!(
            keys,
            [key("m/c", "TestMain", "m/c"), key("m/c", "TestC", "m/c")]
        );
    }
}
