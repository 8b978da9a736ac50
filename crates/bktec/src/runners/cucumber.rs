//! Cucumber, Ruby's and JavaScript's, by the JSON formatter.
//!
//! Scenarios are named by file and line, and so is each row of an outline. The two programs want
//! formatters and paths written differently; `flavour` tells which one a command starts.

mod flavour;
mod pattern;

use std::path::Path;

use test_engine_results::{Detail, Format, ParseError, parse_with};
use test_engine_wire::Case;

use self::flavour::Flavour;
use super::fail_fast::Options;
use super::paths::collapse_into_files;
use super::setup::Setup;
use super::{
    Definition, Features, ParsedResults, Runner, RunnerError, RunnerSettings, TestKey, targets,
};
use crate::process::{CommandLine, ExecutionEnv};

/// What is known of Cucumber.
pub(super) static DEFINITION: Definition = Definition {
    features: Features {
        split_by_example: true,
        filter_by_pattern: true,
        filter_by_tag: false,
        retry: true,
        mute: true,
        skip: true,
    },
    test_command: Some(
        "cucumber --format pretty --format json --out {{resultPath}} {{testExamples}}",
    ),
    file_pattern: Some("features/**/*.feature"),
    fail_fast: Options {
        off: Some("--no-fail-fast"),
        ..Options::of_command(&["--fail-fast"])
    },
    upload_formats: &[Format::CucumberJson],
    ..Definition::blank("cucumber", build)
};

struct Cucumber {
    setup: Setup,
    flavour: Flavour,
}

fn build(settings: RunnerSettings) -> Result<Box<dyn Runner>, RunnerError> {
    Ok(Box::new(Cucumber::new(settings)?))
}

impl Cucumber {
    fn new(settings: RunnerSettings) -> Result<Self, RunnerError> {
        let setup = Setup::new(&DEFINITION, settings)?;
        Ok(Self {
            flavour: Flavour::of([&setup.test, &setup.retry], &setup.execution_env.directory),
            setup,
        })
    }

    fn arguments<'t>(
        &self,
        targets: impl IntoIterator<Item = &'t str>,
    ) -> Result<Vec<String>, RunnerError> {
        let mut all = Vec::new();
        for target in collapse_into_files(targets.into_iter().map(str::to_owned).collect()) {
            self.check(&target)?;
            match self.flavour {
                Flavour::JavaScript => all.extend(pattern::arguments(&target)?),
                Flavour::Ruby | Flavour::Unknown => all.push(targets::argument(&target)?),
            }
        }
        Ok(all)
    }

    /// Refuses what cannot be said to this Cucumber.
    fn check(&self, target: &str) -> Result<(), RunnerError> {
        match self.flavour {
            Flavour::Ruby => Ok(()),
            Flavour::JavaScript => pattern::check(target),
            Flavour::Unknown if pattern::is_plain(target) => Ok(()),
            Flavour::Unknown => Err(RunnerError::UnknownCucumber {
                command: self.setup.test.text().to_owned(),
                name: target.to_owned(),
            }),
        }
    }

    fn listing_command(&self, files: &[String], list: &str, unused: &str) -> CommandLine {
        let mut command = self.setup.fill_listing(&self.setup.test, files, unused);
        let formatter = if self.flavour == Flavour::JavaScript {
            vec![
                "--dry-run".to_owned(),
                "--format".to_owned(),
                format!("json:{list}"),
            ]
        } else {
            ["--dry-run", "--format", "json", "--out", list]
                .map(str::to_owned)
                .to_vec()
        };
        command.arguments.extend(formatter);
        command
    }
}

impl Runner for Cucumber {
    fn definition(&self) -> &'static Definition {
        &DEFINITION
    }

    fn execution_env(&self) -> &ExecutionEnv {
        &self.setup.execution_env
    }

    fn discover(&self, on_warning: &mut dyn FnMut(String)) -> Result<Vec<String>, RunnerError> {
        let files = self.setup.discover(on_warning)?;
        // Before a plan is asked for that could not be run.
        files.iter().try_for_each(|file| self.check(file))?;
        Ok(files)
    }

    fn examples(&self, files: &[String]) -> Result<Vec<Case>, RunnerError> {
        let files = self.arguments(files.iter().map(String::as_str))?;
        let folder = tempfile::tempdir().map_err(RunnerError::Temporary)?;
        let list = folder.path().join("scenarios.json");
        let unused = folder.path().join("unused.json");
        let command =
            self.listing_command(&files, &list.to_string_lossy(), &unused.to_string_lossy());
        Setup::listed_examples(&command, self.execution_env(), &list, &|bytes| {
            self.read(bytes, &[])
        })
    }

    fn command(&self, cases: &[Case]) -> Result<CommandLine, RunnerError> {
        let arguments = self.arguments(cases.iter().map(targets::target))?;
        Ok(self.setup.fill_tests(&self.setup.test, &arguments))
    }

    fn retry_command(
        &self,
        failed: &[TestKey],
        _cases: &[Case],
    ) -> Result<Option<CommandLine>, RunnerError> {
        let scenarios = self.arguments(failed.iter().map(|key| key.path.as_str()))?;
        let scenarios = targets::sorted_once(scenarios);
        Ok(Some(self.setup.fill_tests(&self.setup.retry, &scenarios)))
    }

    fn result_path(&self) -> Option<&Path> {
        self.setup.result_path.as_deref()
    }

    fn upload_format(&self) -> Option<Format> {
        Some(Format::CucumberJson)
    }

    fn read(&self, bytes: &[u8], _cases: &[Case]) -> Result<ParsedResults, ParseError> {
        let report = parse_with(Format::CucumberJson, bytes, Detail::Outcomes)?;
        Ok(self
            .setup
            .noted(ParsedResults::of(report, TestKey::by_identifier)))
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::runners::testing::{case, key, words};

    fn cucumber(command: Option<&str>) -> Cucumber {
        let settings = RunnerSettings {
            test_command: command.map(str::to_owned),
            result_path: Some("out.json".to_owned()),
            ..RunnerSettings::default()
        };
        Cucumber::new(settings).unwrap()
    }

    #[test]
    fn scenarios_are_run_and_rerun_by_line() {
        let runner = cucumber(None);
        let command = runner.command(&[case("features/a b.feature")]).unwrap();
        assert_eq!(
            words(&command),
            "cucumber --format pretty --format json --out out.json 'features/a b.feature'"
        );
        let failed = [
            key("F", "s", "f/a.feature:9"),
            key("F", "s", "f/a.feature:12"),
        ];
        let command = runner.retry_command(&failed, &[]).unwrap().unwrap();
        assert!(
            words(&command).ends_with("f/a.feature:12 f/a.feature:9"),
            "{command}"
        );
    }

    #[test]
    fn javascript_gets_patterns_that_mean_their_path() {
        for command in ["npx cucumber-js", "yarn e2e --format json:{{resultPath}}"] {
            let runner = cucumber(Some(command));
            let first = runner.command(&[case("f/[id]/a.feature")]).unwrap();
            assert!(
                words(&first).ends_with("'f/@([[])id]/a.feature'"),
                "{first}"
            );
            let failed = [key("F", "s", "f/[id]/a.feature:9")];
            let retry = runner.retry_command(&failed, &[]).unwrap().unwrap();
            assert!(
                words(&retry)
                    .ends_with(r"'f/@([[])id]/a.feature' 'lines\of/../f/[id]/a.feature/.:9'"),
                "{retry}"
            );
            let error = runner.command(&[case(r"f/a\b.feature")]).unwrap_err();
            assert!(matches!(error, RunnerError::BadName { .. }), "{error}");
        }
        let ruby = cucumber(None).command(&[case(r"f/[id]/a\b.feature")]);
        assert!(words(&ruby.unwrap()).ends_with(r"'f/[id]/a\b.feature'"));
    }

    #[test]
    fn a_path_that_the_two_take_differently_is_refused_where_nothing_tells_them_apart() {
        let runner = cucumber(Some("make e2e {{testExamples}}"));
        let command = runner.command(&[case("f/a b.feature:3")]).unwrap();
        assert_eq!(words(&command), "make e2e 'f/a b.feature:3'");
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
        "cucumber --format pretty --format json --out unused a.feature --dry-run --format json --out list"
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
    fn scenarios_are_listed_as_the_program_wants_it(
        #[case] command: Option<&str>,
        #[case] expected: &str,
    ) {
        let command =
            cucumber(command).listing_command(&["a.feature".to_owned()], "list", "unused");
        assert_eq!(words(&command), expected);
    }
}
