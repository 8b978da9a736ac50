//! Go tests, with gotestsum or `go test -json`.
//!
//! Targets are packages, found by `gotest/packages.rs`; retries rerun whole packages. Results are
//! test2json lines or JUnit XML, depending on the command. `go test -json` writes to its standard
//! output, which is copied to the log and to the result file.

mod fail_fast;
mod junit;
mod packages;

use std::time::Duration;

use test_engine_results::{Detail, Format, ParseError, TestResult, parse_with};
use test_engine_wire::Case;

use self::fail_fast::GoFlags;
use super::discovery_check::DiscoveryBy;
use super::fail_fast::FailFast;
use super::launcher::runs_only;
use super::listing::ask_successfully;
use super::{
    Definition, Features, GuardedCommand, Naming, ParsedResults, Result, Runner, RunnerBase,
    RunnerError, RunnerSettings, StopPolicy, TestKey, targets,
};
use crate::command_template::{PACKAGES, TEST_EXAMPLES};
use crate::process::{CommandLine, Output};

pub(super) static DEFINITION: Definition = Definition {
    features: Features {
        filter_by_pattern: false,
        ..Features::COMMON
    },
    remark: Some(
        "packages are found with `go list` and retried as a whole; results are JSON lines when \
         the command writes test2json, else JUnit XML.",
    ),
    test_command: Some("gotestsum --jsonfile={{resultPath}} {{packages}}"),
    discovery_by: DiscoveryBy::Runner,
    // `go list` may have to download modules, and no pattern can replace it.
    discovery_timeout: Duration::from_mins(10),
    placeholders: &[PACKAGES, TEST_EXAMPLES],
    retries_whole_targets: true,
    fail_fast: FailFast::options(&["-failfast", "--failfast", "-test.failfast", "--max-fails"]),
    result_exit_codes: Some(&[0, 1]),
    naming: Naming::Packages,
    upload_formats: &[Format::GoJsonl, Format::Junit],
    target_noun: "package",
    ..Definition::defaults("gotest", build)
};

struct Gotest {
    base: RunnerBase,
    flags: GoFlags,
}

fn build(settings: RunnerSettings) -> Result<Box<dyn Runner>> {
    Ok(Box::new(Gotest {
        base: RunnerBase::new(&DEFINITION, settings)?,
        flags: GoFlags::default(),
    }))
}

impl Gotest {
    fn writes_json(&self) -> bool {
        let is_json = |part: &str| matches!(part, "-json" | "--json" | "-json=true");
        let mut words = self.base.test.words().iter();
        self.base.test.contains("--jsonfile") || words.any(|w| w.split_whitespace().any(is_json))
    }
}

impl Gotest {
    /// Whether gotestsum itself retries failed tests.
    fn reruns_failures(&self) -> bool {
        self.base.test.contains("--rerun-fails")
    }
}

impl Runner for Gotest {
    fn base(&self) -> &RunnerBase {
        &self.base
    }

    fn override_fail_fast(&self, command: CommandLine) -> GuardedCommand {
        let guarded = self.base.override_fail_fast(command);
        if guarded.policy != StopPolicy::Possible || !fail_fast::is_direct(&guarded.command) {
            guarded
        } else if self.flags.may_fail_fast(self.execution_env()) {
            fail_fast::with_override(&guarded.command).unwrap_or(guarded)
        } else {
            GuardedCommand::unchanged(guarded.command, StopPolicy::Overridden)
        }
    }

    fn discover(&self, on_warning: &mut dyn FnMut(String)) -> Result<Vec<String>> {
        let words = self.base.test.words();
        if self.base.strict_discovery && !runs_only(words, &["go", "gotestsum"]) {
            on_warning(
                "--strict-discovery has no effect: a command that does not call go or gotestsum \
                 itself may pass other build tags to it"
                    .to_owned(),
            );
        }
        let command = packages::list_command(words);
        let listed = ask_successfully(&self.base, &command, self.execution_env())?;
        let text = String::from_utf8_lossy(&listed.stdout);
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        let packages: Vec<String> = lines.map(str::to_owned).collect();
        if packages.is_empty() {
            return Err(RunnerError::Listing {
                command: Box::new(command),
                reason: "no package has test files".to_owned(),
            });
        }
        Ok(packages)
    }

    /// A failure without a package can be in any of them.
    fn retry_targets(&self, failed: &[TestKey], cases: &[Case]) -> Option<Vec<String>> {
        Some(if failed.iter().any(|key| key.path.is_empty()) {
            targets::of_cases(cases)
        } else {
            failed.iter().map(|key| key.path.clone()).collect()
        })
    }

    fn upload_format(&self) -> Option<Format> {
        Some(if self.writes_json() {
            Format::GoJsonl
        } else {
            Format::Junit
        })
    }

    fn output(&self) -> Output<'_> {
        let is_json = |word: &String| matches!(word.as_str(), "-json" | "-json=true");
        let to_stdout =
            self.base.test.words().iter().any(is_json) && !self.base.test.contains("--jsonfile");
        match self.result_path() {
            Some(path) if to_stdout => Output::OwnAndFile(path),
            _ => Output::Own,
        }
    }

    fn read(&self, bytes: &[u8], _cases: &[Case]) -> Result<ParsedResults, ParseError> {
        if self.writes_json() {
            let report = parse_with(Format::GoJsonl, bytes, Detail::Outcomes)?;
            Ok(ParsedResults::of(report, key_of))
        } else {
            junit::read(bytes, self.reruns_failures())
        }
    }
}

fn key_of(mut result: TestResult<'_>) -> TestKey {
    if junit::is_package(&result)
        && let Some(package) = junit::package_of(&result)
    {
        result.scope = package.into();
    }
    TestKey::new(result.scope.clone(), result.name, result.scope)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::runners::ResultTrust;
    use crate::runners::testing::{command, key, retry, settings};

    fn gotest(command: Option<&str>) -> Box<dyn Runner> {
        build(settings(command, Some("out"))).unwrap()
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
    fn the_command_decides_the_result_format(
        #[case] test: Option<&str>,
        #[case] expected: &str,
        #[case] format: Format,
        #[case] copied: bool,
    ) {
        let runner = gotest(test);
        assert_eq!(command(&*runner, &["m/b", "m/a", "m/b"]), expected);
        assert_eq!(runner.upload_format(), Some(format));
        assert_eq!(matches!(runner.output(), Output::OwnAndFile(_)), copied);
    }

    #[test]
    fn a_retry_reruns_packages() {
        let runner = gotest(None);
        let failed = [("m/a", "TestX"), ("m/a", "TestY"), ("m/b", "T")];
        let failed = failed.map(|(package, name)| key(package, name, package));
        let rerun = retry(&*runner, &failed, &[]);
        assert_eq!(rerun, "gotestsum --jsonfile=out m/a m/b");
        let unlocated = [key("", "TestMain", "")];
        let retry = retry(&*runner, &unlocated, &["m/a", "m/c"]);
        assert_eq!(retry, "gotestsum --jsonfile=out m/a m/c");
    }

    #[test]
    fn only_some_exit_codes_leave_results() {
        use ResultTrust::{Complete, Unusable};
        let trust = [0, 1, 2].map(|code| gotest(None).result_trust(code));
        assert_eq!(trust, [Complete, Complete, Unusable]);
    }

    #[test]
    fn reruns_of_gotestsum_are_attempts() {
        use test_engine_results::Outcome::{Failed, Passed};
        let xml = b"<testsuites><testsuite name=\"m/b\">\
            <testcase classname=\"m/b\" name=\"TestFlaky\"><failure/></testcase>\
            <testcase classname=\"m/b\" name=\"TestBad\"><failure/></testcase>\
            <testcase classname=\"m/b\" name=\"TestBad\"><failure/></testcase>\
            <testcase classname=\"m/b\" name=\"TestFlaky\"/></testsuite></testsuites>";
        let observed = |command| {
            let parsed = gotest(Some(command)).read(xml, &[]).unwrap();
            let tests = parsed.tests.into_iter();
            let short = tests.map(|test| (test.key.name, test.outcome, test.failed_before));
            short.collect::<Vec<_>>()
        };
        let bad = || ("TestBad".to_owned(), Failed, 0);
        let flaky = |outcome, failed_before| ("TestFlaky".to_owned(), outcome, failed_before);
        assert_eq!(
            observed("gotestsum --rerun-fails --junitfile {{resultPath}}"),
            [bad(), bad(), flaky(Passed, 1)]
        );
        assert_eq!(
            observed("gotestsum --junitfile {{resultPath}}"),
            [flaky(Failed, 0), bad(), bad(), flaky(Passed, 0)]
        );
    }

    /// With `-count=2`: the test fails by itself in one execution, and by its subtest in the other.
    #[rstest]
    #[case("    a_test.go:3: own&#xA;", &[])]
    #[case("", &["TestA"])]
    fn a_failure_with_output_is_not_hidden_by_one_without(
        #[case] output: &str,
        #[case] expected: &[&str],
    ) {
        let case = |name: &str, output: &str| {
            format!(
                "<testcase classname=\"m\" name=\"{name}\"><failure message=\"Failed\">\
                 {output}--- FAIL: {name} (0.00s)&#xA;</failure></testcase>"
            )
        };
        let xml = format!(
            "<testsuites><testsuite name=\"m\">{}{}{}</testsuite></testsuites>",
            case("TestA", output),
            case("TestA/b", "x&#xA;"),
            case("TestA", "")
        );
        let runner = gotest(Some("gotestsum --junitfile {{resultPath}}"));
        let parsed = runner.read(xml.as_bytes(), &[]).unwrap();
        let mut by_subtest: Vec<_> = parsed
            .failed_by_subtest
            .iter()
            .map(|key| key.name.as_str())
            .collect();
        by_subtest.dedup();
        assert_eq!(by_subtest, expected);
    }

    #[rstest]
    #[case("[build failed]")]
    #[case("[setup failed]")]
    fn a_package_in_junit_is_identified_by_its_output(#[case] failure: &str) {
        let xml = "<testsuites><testsuite name=\"m/b\">\
            <testcase classname=\"\" name=\"TestMain\"><failure message=\"Failed\">\
            FAIL&#x9;m/b FAILURE&#xA;</failure></testcase></testsuite>\
            <testsuite name=\"m/c\">\
            <testcase classname=\"\" name=\"TestMain\"><failure message=\"Failed\">\
            exit status 3&#xA;FAIL&#x9;m/c&#x9;0.005s&#xA;</failure></testcase>\
            <testcase classname=\"m/c\" name=\"TestC\"/></testsuite></testsuites>";
        let runner = gotest(Some("gotestsum --junitfile {{resultPath}}"));
        let xml = xml.replace("FAILURE", failure);
        let parsed = runner.read(xml.as_bytes(), &[]).unwrap();
        assert_eq!(
            parsed.errors_outside_tests,
            [format!("FAIL\tm/b {failure}")]
        );
        let keys: Vec<_> = parsed.tests.into_iter().map(|test| test.key).collect();
        let expected = ["TestMain", "TestC"].map(|name| key("m/c", name, "m/c"));
        assert_eq!(keys, expected);
    }
}
