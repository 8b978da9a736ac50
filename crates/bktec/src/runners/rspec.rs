//! RSpec, with its JSON formatter.
//!
//! Examples are identified by their id (`./spec/a_spec.rb[1:2]`), which reruns exactly that example
//! even where several share a description.

mod discovery;

use test_engine_results::Format;

use super::discovery_check::DiscoveryBy;
use super::fail_fast::FailFast;
use super::fail_fast_override::FailFastOverride;
use super::paths::collapse_into_files;
use super::{Definition, Features, Result, Runner, RunnerBase, RunnerSettings, targets};
use crate::command_template::CommandTemplate;
use crate::process::CommandLine;

pub(super) static DEFINITION: Definition = Definition {
    features: Features {
        split_by_example: true,
        skip: true,
        ..Features::COMMON
    },
    test_command: Some(
        "bundle exec rspec --format progress --format json --out {{resultPath}} {{testExamples}}",
    ),
    file_pattern: Some("spec/**/*_spec.rb"),
    discovery_by: DiscoveryBy::Runner,
    // RSpec itself writes paths like this, so files and results have equal names.
    location_prefix: "./",
    fail_fast: FailFast {
        off: Some("--no-fail-fast"),
        variable: Some(OPTIONS_VARIABLE),
        ..FailFast::options(&["--fail-fast"])
    },
    fail_fast_override: Some(FailFastOverride::of("--no-fail-fast", &["rspec"])),
    upload_formats: &[Format::RspecJson],
    ..Definition::defaults("rspec", build)
};

/// Its options take precedence over those of the command.
const OPTIONS_VARIABLE: &str = "SPEC_OPTS";

/// Sets the exit code for failed examples.
const EXIT_CODE_OPTION: &str = "--failure-exit-code";

struct Rspec(RunnerBase);

impl Rspec {
    /// From `SPEC_OPTS`, the command or a file, in RSpec's order.
    fn failure_exit_code(&self, command: &CommandLine) -> i32 {
        let environment = self.execution_env();
        let command = command.words().collect::<Vec<_>>().join(" ");
        let variable = environment.variable(OPTIONS_VARIABLE);
        let variable = variable.map(|value| value.to_string_lossy().into_owned());
        let files = [".rspec-local", ".rspec"].into_iter();
        let files =
            files.filter_map(|file| fs_err::read_to_string(environment.directory.join(file)).ok());
        let mut sources = variable.into_iter().chain([command]).chain(files);
        let code = sources.find_map(|options| exit_code_option(&options));
        code.unwrap_or(1)
    }
}

fn exit_code_option(options: &str) -> Option<i32> {
    let (_, rest) = options.rsplit_once(EXIT_CODE_OPTION)?;
    let value = rest.trim_start_matches(['=', ' ']);
    let end = value.find(|c: char| !c.is_ascii_digit());
    value[..end.unwrap_or(value.len())].parse().ok()
}

fn build(settings: RunnerSettings) -> Result<Box<dyn Runner>> {
    Ok(Box::new(Rspec(RunnerBase::new(&DEFINITION, settings)?)))
}

impl Runner for Rspec {
    fn base(&self) -> &RunnerBase {
        &self.0
    }

    fn own_discovery(&self) -> Result<Option<Vec<String>>> {
        discovery::files(&self.0)
    }

    fn arguments(&self, _template: &CommandTemplate, targets: Vec<String>) -> Result<Vec<String>> {
        Ok(collapse_into_files(targets::arguments(targets)?))
    }

    fn reports_failed_tests(&self, command: &CommandLine, code: i32, _failed: usize) -> bool {
        code == self.failure_exit_code(command)
    }

    fn list_options(&self, list: &str) -> Option<Vec<String>> {
        let options = [
            "--dry-run",
            "--format",
            "json",
            "--out",
            list,
            "--format",
            "progress",
        ];
        Some(options.map(str::to_owned).to_vec())
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::runners::testing::{case, command, key, retry, settings};
    use crate::runners::{GuardedCommand, StopPolicy};

    fn rspec(test_command: Option<&str>, retry_command: Option<&str>) -> Box<dyn Runner> {
        build(RunnerSettings {
            retry_command: retry_command.map(str::to_owned),
            ..settings(test_command, Some("tmp/rspec.json"))
        })
        .unwrap()
    }

    #[rstest]
    #[case(
        None,
        "bundle exec rspec --format progress --format json --out tmp/rspec.json \
         spec/a_spec.rb 'b c.rb' ./-d.rb"
    )]
    #[case(Some("bin/rspec"), "bin/rspec spec/a_spec.rb 'b c.rb' ./-d.rb")]
    #[case(
        Some("bin/rspec {{testExamples}} --out {{resultPath}}"),
        "bin/rspec spec/a_spec.rb 'b c.rb' ./-d.rb --out tmp/rspec.json"
    )]
    fn paths_replace_the_placeholder_or_come_last(
        #[case] test: Option<&str>,
        #[case] expected: &str,
    ) {
        let paths = ["spec/a_spec.rb", "b c.rb", "-d.rb"];
        assert_eq!(command(&*rspec(test, None), &paths), expected);
    }

    #[rstest]
    #[case(
        "bin/rspec {{testExamples}}",
        None,
        "bin/rspec './a.rb[1:1]' './a.rb[1:2]'"
    )]
    #[case(
        "bin/rspec",
        Some("again --x"),
        "again --x './a.rb[1:1]' './a.rb[1:2]'"
    )]
    fn failed_examples_are_rerun_by_id(
        #[case] test: &str,
        #[case] retry_command: Option<&str>,
        #[case] expected: &str,
    ) {
        let failed = [key("S", "b", "./a.rb[1:2]"), key("S", "a", "./a.rb[1:1]")];
        let rerun = retry(&*rspec(Some(test), retry_command), &failed, &[]);
        assert_eq!(rerun, expected);
    }

    #[rstest]
    #[case("rspec", "", &[1])]
    #[case("rspec --failure-exit-code 7", "", &[7])]
    #[case("rspec --failure-exit-code=7", "--failure-exit-code 9", &[7])]
    #[case("rspec", "--color\n--failure-exit-code 9\n", &[9])]
    fn the_exit_code_for_failed_examples_is_configurable(
        #[case] test: &str,
        #[case] file: &str,
        #[case] expected: &[i32],
    ) {
        let directory = tempfile::tempdir().unwrap();
        fs_err::write(directory.path().join(".rspec"), file).unwrap();
        let runner = build(RunnerSettings {
            working_directory: directory.path().to_owned(),
            ..settings(Some(test), Some("tmp/rspec.json"))
        });
        let runner = runner.unwrap();
        let command = runner.command(&[case("spec/a_spec.rb")]).unwrap();
        let codes: Vec<i32> = (0..=255)
            .filter(|code| runner.reports_failed_tests(&command, *code, 1))
            .collect();
        assert_eq!(codes, expected);
    }

    /// RSpec reads the variable after the command.
    #[rstest]
    #[case("--no-fail-fast", "--fail-fast", 1)]
    #[case("--no-fail-fast", "--fail-fast=3", 3)]
    #[case("--fail-fast", "--no-fail-fast", 0)]
    #[case("--fail-fast", "", 1)]
    fn the_variable_takes_precedence(
        #[case] option: &str,
        #[case] variable: &str,
        #[case] failures: usize,
    ) {
        let runner = build(RunnerSettings {
            environment: vec![("SPEC_OPTS".into(), variable.into())],
            ..settings(Some(&format!("rspec {option}")), Some("tmp/rspec.json"))
        });
        let runner = runner.unwrap();
        let command = runner.command(&[case("spec/a_spec.rb")]).unwrap();
        let expected = match failures {
            0 => StopPolicy::Overridden,
            _ => StopPolicy::Requested {
                option: "--fail-fast".to_owned(),
                failures,
            },
        };
        let requested = runner.requested_stop(&command);
        assert_eq!(requested, Some(expected.clone()).filter(|_| failures > 0));
        let guarded = runner.override_fail_fast(command.clone());
        assert_eq!(guarded, GuardedCommand::unchanged(command, expected));
    }

    #[test]
    fn results_are_identified_by_id() {
        let json = br#"{"examples":[
            {"id":"./a_spec.rb[1:1]","description":"is b","full_description":"A (x) is b",
             "status":"failed","file_path":"./a_spec.rb","line_number":2},
            {"id":"./a_spec.rb[1:2]","description":"is c","full_description":"A (x) is c",
             "status":"pending","file_path":"./a_spec.rb","line_number":3}],
            "summary":{"errors_outside_of_examples_count":1}}"#;
        let parsed = rspec(None, None).read(json, &[]).unwrap();
        let keys: Vec<_> = parsed.tests.into_iter().map(|test| test.key).collect();
        assert_eq!(
            keys,
            [
                key("A (x)", "is b", "./a_spec.rb[1:1]"),
                key("A (x)", "is c", "./a_spec.rb[1:2]")
            ]
        );
        assert_eq!(parsed.errors_outside_tests.len(), 1);
    }

    #[test]
    fn explains_an_example_without_a_status() {
        let json = br#"{"examples":[{"id":"./a_spec.rb[1:1]","description":"exits",
            "full_description":"A exits","status":""}]}"#;
        let parsed = rspec(None, None).read(json, &[]).unwrap();
        // A rerun can make up for it.
        assert_eq!(parsed.unusable, [""; 0]);
        let reasons: Vec<_> = parsed
            .shortfalls
            .iter()
            .map(|shortfall| &shortfall.reason)
            .collect();
        let expected = ["RSpec stopped inside an example; later examples did not run"];
        assert_eq!(reasons, expected);
    }
}
