//! Cucumber for Ruby and for JavaScript, with the JSON formatter.
//!
//! Scenarios are identified by file and line, as is each row of an outline. The two programs expect
//! formatters and paths in different forms; `flavour` decides which one a command runs.

mod flavour;
mod pattern;

use test_engine_results::{Format, Outcome};

use self::flavour::Flavour;
use super::discovery_check::DiscoveryBy;
use super::fail_fast::FailFast;
use super::launcher::{program_index, runs_only};
use super::paths::collapse_into_files;
use super::{
    Definition, Features, GuardedCommand, ParsedResults, Result, Runner, RunnerBase, RunnerError,
    RunnerSettings, Shortfall, StopPolicy, listing, targets,
};
use crate::command_template::CommandTemplate;
use crate::process::CommandLine;

pub(super) static DEFINITION: Definition = Definition {
    features: Features {
        split_by_example: true,
        skip: true,
        ..Features::COMMON
    },
    test_command: Some(
        "cucumber --format pretty --format json --out {{resultPath}} {{testExamples}}",
    ),
    file_pattern: Some("features/**/*.feature"),
    discovery_by: DiscoveryBy::Runner,
    fail_fast: FailFast::options(&["--fail-fast"]),
    upload_formats: &[Format::CucumberJson],
    ..Definition::defaults("cucumber", build)
};

/// The programs of both flavours.
const PROGRAMS: &[&str] = &["cucumber", "cucumber-js", "cucumber.js"];

/// Ruby's exit code after `--fail-fast` or an interrupt.
const RUBY_STOPPED: i32 = 2;

struct Cucumber {
    base: RunnerBase,
    flavour: Flavour,
}

fn build(settings: RunnerSettings) -> Result<Box<dyn Runner>> {
    let base = RunnerBase::new(&DEFINITION, settings)?;
    let flavour = Flavour::of([&base.test, &base.retry], &base.execution_env.directory);
    Ok(Box::new(Cucumber { base, flavour }))
}

impl Runner for Cucumber {
    fn base(&self) -> &RunnerBase {
        &self.base
    }

    fn own_discovery(&self) -> Result<Option<Vec<String>>> {
        if self.flavour == Flavour::Unknown {
            return Ok(None);
        }
        let is_direct = |words: &[&str]| program_index(words, PROGRAMS).is_some();
        listing::files(self, &[], is_direct)
    }

    fn check_target(&self, target: &str) -> Result<()> {
        match self.flavour {
            Flavour::Ruby => Ok(()),
            Flavour::JavaScript => pattern::check(target),
            Flavour::Unknown if pattern::is_plain(target) => Ok(()),
            Flavour::Unknown => Err(RunnerError::UnknownCucumber {
                command: self.base.test.text().to_owned(),
                name: target.to_owned(),
            }),
        }
    }

    fn arguments(&self, _template: &CommandTemplate, targets: Vec<String>) -> Result<Vec<String>> {
        let targets = collapse_into_files(targets);
        if self.flavour != Flavour::JavaScript {
            return targets::arguments(targets);
        }
        let mut arguments = Vec::new();
        for target in &targets {
            arguments.extend(pattern::arguments(target)?);
        }
        Ok(arguments)
    }

    /// Ruby exits with code 2 if it stopped early. With code 0 it accepts steps without a
    /// definition; if something else failed, it is not Cucumber's own code.
    fn add_evidence(&self, parsed: &mut ParsedResults, _command: &CommandLine, code: i32) {
        if code == RUBY_STOPPED && self.flavour != Flavour::JavaScript {
            parsed.shortfalls.push(Shortfall {
                path: None,
                reason: "Cucumber stopped early, so scenarios did not run".to_owned(),
            });
        }
        let mut tests = parsed.tests.iter();
        let is_accepted = code == 0
            && self.flavour != Flavour::JavaScript
            && !tests.any(|test| test.has_failed() && !test.is_undefined);
        for test in &mut parsed.tests {
            if is_accepted && test.is_undefined {
                test.outcome = Outcome::Skipped;
            }
        }
    }

    /// No option overrides fail-fast settings, but an early stop shows: in JavaScript's results,
    /// and in Ruby's exit code. A script may stop by itself, or replace the exit code.
    fn override_fail_fast(&self, command: CommandLine) -> GuardedCommand {
        let guarded = self.base.override_fail_fast(command);
        let words: Vec<&str> = guarded.command.words().collect();
        if runs_only(&words, PROGRAMS) {
            guarded.with_policy(&StopPolicy::Possible, StopPolicy::Overridden)
        } else {
            guarded
        }
    }

    fn reruns_targets_one_by_one(&self) -> bool {
        true
    }

    /// Ruby's exit code with `--strict` and undefined steps; code 2 would be an error. JavaScript
    /// exits with code 1 after errors.
    fn lists_despite(&self, code: i32) -> bool {
        code == 1 && self.flavour == Flavour::Ruby
    }

    fn list_options(&self, list: &str) -> Option<Vec<String>> {
        let mut options = vec!["--dry-run".to_owned(), "--format".to_owned()];
        if self.flavour == Flavour::JavaScript {
            options.push(format!("json:{list}"));
        } else {
            options.extend(["json", "--out", list].map(str::to_owned));
        }
        Some(options)
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::runners::testing::{case, command, key, retry, settings};

    fn cucumber(command: Option<&str>) -> Box<dyn Runner> {
        build(settings(command, Some("out.json"))).unwrap()
    }

    #[test]
    fn scenarios_are_rerun_by_line() {
        let runner = cucumber(None);
        let options = "cucumber --format pretty --format json --out out.json";
        assert_eq!(
            command(&*runner, &["features/a b.feature"]),
            format!("{options} 'features/a b.feature'")
        );
        let failed = ["f/a.feature:9", "f/a.feature:12"].map(|path| key("F", "s", path));
        assert_eq!(
            retry(&*runner, &failed, &[]),
            format!("{options} f/a.feature:12 f/a.feature:9")
        );
    }

    /// JavaScript never accepts a step without a definition, and neither exits with 0 if a test
    /// failed: something replaced the exit code.
    #[rstest]
    #[case("cucumber", "passed", 0, Outcome::Skipped)]
    #[case("cucumber", "passed", 1, Outcome::Failed)]
    #[case("cucumber", "failed", 0, Outcome::Failed)]
    #[case("npx cucumber-js", "passed", 0, Outcome::Failed)]
    fn an_undefined_step_is_accepted_only_with_the_runners_own_exit_code(
        #[case] test: &str,
        #[case] other: &str,
        #[case] code: i32,
        #[case] expected: Outcome,
    ) {
        let scenario = |line: u32, status: &str| {
            format!(
                r#"{{"type":"scenario","keyword":"Scenario","name":"{status}","line":{line},
                    "steps":[{{"keyword":"Given ","name":"x","result":{{"status":"{status}"}}}}]}}"#
            )
        };
        let json = format!(
            r#"[{{"uri":"a.feature","name":"F","keyword":"Feature","elements":[{},{}]}}]"#,
            scenario(2, "undefined"),
            scenario(4, other)
        );
        let runner = cucumber(Some(test));
        let command = runner.command(&[case("a.feature")]).unwrap();
        let mut parsed = runner.read(json.as_bytes(), &[]).unwrap();
        runner.add_evidence(&mut parsed, &command, code);
        assert_eq!(parsed.tests[0].outcome, expected, "{parsed:?}");
    }

    #[rstest]
    #[case("cucumber -p ci", StopPolicy::Overridden)]
    #[case("npx cucumber-js", StopPolicy::Overridden)]
    #[case(
        "sh -c 'npx cucumber-js {{testExamples}} > log'",
        StopPolicy::Overridden
    )]
    #[case(
        "sh -c 'for f in {{testExamples}}; do npx cucumber-js $f || exit 1; done'",
        StopPolicy::Possible
    )]
    #[case("yarn e2e", StopPolicy::Possible)]
    fn a_script_may_stop_early(#[case] test: &str, #[case] policy: StopPolicy) {
        let runner = cucumber(Some(test));
        let command = runner.command(&[case("a.feature")]).unwrap();
        assert_eq!(runner.override_fail_fast(command).policy, policy);
    }

    #[test]
    fn paths_are_escaped_as_patterns_for_javascript() {
        for test in ["npx cucumber-js", "yarn e2e --format json:{{resultPath}}"] {
            let runner = cucumber(Some(test));
            let first = command(&*runner, &["f/[id]/a.feature"]);
            assert!(first.ends_with("'f/@([[])id]/a.feature'"), "{first}");
            let failed = [key("F", "s", "f/[id]/a.feature:9")];
            let retry = retry(&*runner, &failed, &[]);
            let expected = r"'f/@([[])id]/a.feature' 'lines\of/../f/[id]/a.feature/.:9'";
            assert!(retry.ends_with(expected), "{retry}");
            let error = runner.command(&[case(r"f/a\b.feature")]).unwrap_err();
            assert!(
                matches!(error, RunnerError::UnsupportedName { .. }),
                "{error}"
            );
        }
        let ruby = command(&*cucumber(None), &[r"f/[id]/a\b.feature"]);
        assert!(ruby.ends_with(r"'f/[id]/a\b.feature'"), "{ruby}");
    }

    #[test]
    fn paths_that_need_escaping_are_rejected_where_the_flavour_is_unknown() {
        let runner = cucumber(Some("make e2e {{testExamples}}"));
        let first = command(&*runner, &["f/a b.feature:3"]);
        assert_eq!(first, "make e2e 'f/a b.feature:3'");
        for name in ["f/[id]/a.feature", "f/@a.feature", r"f/a\b.feature"] {
            let error = runner.command(&[case(name)]).unwrap_err();
            assert!(
                matches!(error, RunnerError::UnknownCucumber { .. }),
                "{error}"
            );
        }
    }

    #[rstest]
    #[case(
        None,
        "cucumber --format pretty --format json --out unused a.feature \
         --dry-run --format json --out list"
    )]
    #[case(
        Some("bundle exec cucumber -p ci"),
        "bundle exec cucumber -p ci a.feature --dry-run --format json --out list"
    )]
    #[case(
        Some("npx cucumber-js --format json:{{resultPath}} {{testExamples}}"),
        "npx cucumber-js --format json:unused a.feature --dry-run --format json:list"
    )]
    #[case(
        Some("yarn e2e --format json:{{resultPath}}"),
        "yarn e2e --format json:unused a.feature --dry-run --format json:list"
    )]
    fn scenarios_are_listed_with_the_formatter_of_the_flavour(
        #[case] command: Option<&str>,
        #[case] expected: &str,
    ) {
        let runner = cucumber(command);
        let base = runner.base();
        let mut command = base.fill_listing(&base.test, &["a.feature".to_owned()], "unused");
        command
            .arguments
            .extend(runner.list_options("list").unwrap());
        assert_eq!(command.to_string(), expected);
    }
}
