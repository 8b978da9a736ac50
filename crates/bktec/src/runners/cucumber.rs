//! Cucumber for Ruby and for JavaScript, with the JSON formatter.
//!
//! Scenarios are identified by file and line, as is each row of an outline. The two programs expect
//! formatters and paths in different forms; `flavour` decides which one a command runs.

mod flavour;
mod pattern;

use std::collections::HashSet;

use test_engine_results::{Format, Outcome};

use self::flavour::Flavour;
use super::fail_fast::FailFast;
use super::launcher::program_index;
use super::paths::collapse_into_files;
use super::{
    Definition, Features, ParsedResults, Result, Runner, RunnerBase, RunnerError, RunnerSettings,
    Shortfall, StopPolicy, TestKey, targets,
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
    fail_fast: FailFast::options(&["--fail-fast"]),
    upload_formats: &[Format::CucumberJson],
    ..Definition::defaults("cucumber", build)
};

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

    /// Ruby exits with code 2 if it stopped early. It accepts steps without a definition unless it
    /// is strict.
    fn add_evidence(&self, parsed: &mut ParsedResults, code: i32) {
        if code == RUBY_STOPPED && self.flavour != Flavour::JavaScript {
            parsed.shortfalls.push(Shortfall {
                path: None,
                reason: "Cucumber stopped early, so scenarios did not run".to_owned(),
            });
        }
        if code == 0 {
            let undefined: HashSet<&TestKey> = parsed.undefined.iter().collect();
            for test in &mut parsed.tests {
                if undefined.contains(&test.key) {
                    test.outcome = Outcome::Skipped;
                }
            }
        }
    }

    /// No option overrides fail-fast settings, but an early stop shows: in JavaScript's results,
    /// and in Ruby's exit code where nothing replaces it.
    fn override_fail_fast(&self, command: CommandLine) -> (CommandLine, StopPolicy) {
        let (command, policy) = self.base.override_fail_fast(command);
        let words: Vec<&str> = command.words().collect();
        let is_direct = || program_index(&words, &["cucumber"]).is_some();
        let shows_stops = self.flavour == Flavour::JavaScript || is_direct();
        match policy {
            StopPolicy::Possible if shows_stops => (command, StopPolicy::Overridden),
            policy => (command, policy),
        }
    }

    fn reruns_targets_one_by_one(&self) -> bool {
        true
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
