//! RSpec, by its JSON formatter.
//!
//! Examples are named by their id (`./spec/a_spec.rb[1:2]`), which reruns exactly that example
//! however many share its description.

use std::path::Path;

use test_engine_results::{Detail, Format, ParseError, parse_with};
use test_engine_wire::Case;

use super::fail_fast::Options;
use super::paths::collapse_into_files;
use super::setup::Setup;
use super::{
    Definition, Features, ParsedResults, Runner, RunnerError, RunnerSettings, TestKey, targets,
};
use crate::process::{CommandLine, ExecutionEnv};

/// What is known of RSpec.
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
        "bundle exec rspec --format progress --format json --out {{resultPath}} {{testExamples}}",
    ),
    file_pattern: Some("spec/**/*_spec.rb"),
    // As RSpec itself writes paths, so that files and results are named alike.
    location_prefix: "./",
    fail_fast: Options {
        off: Some("--no-fail-fast"),
        variable: Some("SPEC_OPTS"),
        files: &[(".rspec-local", None), (".rspec", None)],
        ..Options::of_command(&["--fail-fast"])
    },
    upload_formats: &[Format::RspecJson],
    ..Definition::blank("rspec", build)
};

struct Rspec(Setup);

fn build(settings: RunnerSettings) -> Result<Box<dyn Runner>, RunnerError> {
    Ok(Box::new(Rspec(Setup::new(&DEFINITION, settings)?)))
}

impl Runner for Rspec {
    fn definition(&self) -> &'static Definition {
        &DEFINITION
    }

    fn execution_env(&self) -> &ExecutionEnv {
        &self.0.execution_env
    }

    fn discover(&self, on_warning: &mut dyn FnMut(String)) -> Result<Vec<String>, RunnerError> {
        self.0.discover(on_warning)
    }

    fn examples(&self, files: &[String]) -> Result<Vec<Case>, RunnerError> {
        let files = collapse_into_files(targets::file_arguments(files)?);
        let folder = tempfile::tempdir().map_err(RunnerError::Temporary)?;
        let list = folder.path().join("examples.json");
        let unused = folder.path().join("unused.json");
        let mut command = self
            .0
            .fill_listing(&self.0.test, &files, &unused.to_string_lossy());
        command
            .arguments
            .extend(["--dry-run", "--format", "json", "--out"].map(str::to_owned));
        command.arguments.push(list.to_string_lossy().into_owned());
        command
            .arguments
            .extend(["--format", "progress"].map(str::to_owned));
        Setup::listed_examples(&command, self.execution_env(), &list, &|bytes| {
            self.read(bytes, &[])
        })
    }

    fn command(&self, cases: &[Case]) -> Result<CommandLine, RunnerError> {
        let arguments = collapse_into_files(targets::arguments(cases)?);
        Ok(self.0.fill_tests(&self.0.test, &arguments))
    }

    fn retry_command(
        &self,
        failed: &[TestKey],
        _cases: &[Case],
    ) -> Result<Option<CommandLine>, RunnerError> {
        let ids = targets::rerun_arguments(failed)?;
        Ok(Some(self.0.fill_tests(&self.0.retry, &ids)))
    }

    fn result_path(&self) -> Option<&Path> {
        self.0.result_path.as_deref()
    }

    fn upload_format(&self) -> Option<Format> {
        Some(Format::RspecJson)
    }

    fn read(&self, bytes: &[u8], _cases: &[Case]) -> Result<ParsedResults, ParseError> {
        let report = parse_with(Format::RspecJson, bytes, Detail::Outcomes)?;
        Ok(self
            .0
            .noted(ParsedResults::of(report, TestKey::by_identifier)))
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::runners::testing::{case, key, words};

    fn rspec(test_command: Option<&str>, retry_command: Option<&str>) -> Box<dyn Runner> {
        build(RunnerSettings {
            test_command: test_command.map(str::to_owned),
            retry_command: retry_command.map(str::to_owned),
            result_path: Some("tmp/rspec.json".to_owned()),
            ..RunnerSettings::default()
        })
        .unwrap()
    }

    #[rstest]
    #[case(
        None,
        "bundle exec rspec --format progress --format json --out tmp/rspec.json spec/a_spec.rb 'b c.rb' ./-d.rb"
    )]
    #[case(Some("bin/rspec"), "bin/rspec spec/a_spec.rb 'b c.rb' ./-d.rb")]
    #[case(
        Some("bin/rspec {{testExamples}} --out {{resultPath}}"),
        "bin/rspec spec/a_spec.rb 'b c.rb' ./-d.rb --out tmp/rspec.json"
    )]
    fn paths_stand_where_the_command_says_or_last(
        #[case] command: Option<&str>,
        #[case] expected: &str,
    ) {
        let cases = [case("spec/a_spec.rb"), case("b c.rb"), case("-d.rb")];
        assert_eq!(
            words(&rspec(command, None).command(&cases).unwrap()),
            expected
        );
    }

    #[rstest]
    #[case(
        Some("bin/rspec {{testExamples}}"),
        None,
        "bin/rspec './a.rb[1:1]' './a.rb[1:2]'"
    )]
    #[case(
        Some("bin/rspec"),
        Some("again --x"),
        "again --x './a.rb[1:1]' './a.rb[1:2]'"
    )]
    fn failed_examples_are_rerun_by_id(
        #[case] test: Option<&str>,
        #[case] retry: Option<&str>,
        #[case] expected: &str,
    ) {
        let failed = [key("S", "b", "./a.rb[1:2]"), key("S", "a", "./a.rb[1:1]")];
        let command = rspec(test, retry)
            .retry_command(&failed, &[])
            .unwrap()
            .unwrap();
        assert_eq!(words(&command), expected);
    }

    #[test]
    fn results_are_named_by_id() {
        let json = br#"{"examples":[
            {"id":"./a_spec.rb[1:1]","description":"is b","full_description":"A (x) is b",
             "status":"failed","file_path":"./a_spec.rb","line_number":2},
            {"id":"./a_spec.rb[1:2]","description":"is c","full_description":"A (x) is c",
             "status":"pending","file_path":"./a_spec.rb","line_number":3}],
            "summary":{"errors_outside_of_examples_count":1}}"#;
        let reading = rspec(None, None).read(json, &[]).unwrap();
        let keys: Vec<_> = reading.tests.iter().map(|test| test.key.clone()).collect();
        assert_eq!(
            keys,
            [
                key("A (x)", "is b", "./a_spec.rb[1:1]"),
                key("A (x)", "is c", "./a_spec.rb[1:2]")
            ]
        );
        assert_eq!(reading.errors_outside_tests.len(), 1);
    }
}
