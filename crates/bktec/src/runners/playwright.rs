//! Playwright, by its JSON reporter.
//!
//! A test is named by file and line. Paths on its command line are regular expressions, so they are
//! escaped.

use std::path::Path;

use test_engine_results::{Detail, Format, ParseError, parse_with};
use test_engine_wire::Case;

use super::jest::escape_path;
use super::setup::Setup;
use super::{Definition, Features, Reading, Runner, RunnerError, RunnerSettings, TestKey, targets};
use crate::process::{CommandLine, Surroundings};

/// Where the JSON reporter writes, if the configuration does not say.
const REPORT_VARIABLE: &str = "PLAYWRIGHT_JSON_OUTPUT_NAME";

/// What is known of Playwright.
pub(super) static DEFINITION: Definition = Definition {
    features: Features {
        split_by_example: true,
        filter_by_pattern: true,
        filter_by_tag: false,
        retry: true,
        mute: true,
        skip: false,
    },
    test_command: Some("npx playwright test {{testExamples}}"),
    file_pattern: Some("**/{*.spec,*.test}.{ts,js}"),
    upload_formats: &[Format::PlaywrightJson],
    ..Definition::blank("playwright", build)
};

struct Playwright(Setup);

fn build(settings: RunnerSettings) -> Result<Box<dyn Runner>, RunnerError> {
    Ok(Box::new(Playwright(Setup::new(&DEFINITION, settings)?)))
}

fn argument(target: &str) -> Result<String, RunnerError> {
    targets::argument(target).map(|target| escape_path(&target))
}

impl Runner for Playwright {
    fn definition(&self) -> &'static Definition {
        &DEFINITION
    }

    fn surroundings(&self) -> &Surroundings {
        &self.0.surroundings
    }

    fn discover(&self, on_warning: &mut dyn FnMut(String)) -> Result<Vec<String>, RunnerError> {
        self.0.discover(on_warning)
    }

    fn examples(&self, files: &[String]) -> Result<Vec<Case>, RunnerError> {
        let files: Vec<String> = files
            .iter()
            .map(|file| argument(file))
            .collect::<Result<_, _>>()?;
        let folder = tempfile::tempdir().map_err(RunnerError::Temporary)?;
        let list = folder.path().join("tests.json");
        let unused = folder.path().join("unused.json");
        let mut command = self
            .0
            .fill_listing(&self.0.test, &files, &unused.to_string_lossy());
        command
            .arguments
            .extend(["--list", "--reporter=json"].map(str::to_owned));
        let mut surroundings = self.0.surroundings.clone();
        surroundings
            .environment
            .push((REPORT_VARIABLE.into(), list.clone().into()));
        Setup::listed_examples(&command, &surroundings, &list, Format::PlaywrightJson)
    }

    fn command(&self, cases: &[Case]) -> Result<CommandLine, RunnerError> {
        let arguments: Vec<String> = cases
            .iter()
            .map(|case| argument(targets::target(case)))
            .collect::<Result<_, _>>()?;
        Ok(self
            .0
            .fill_tests(&self.0.test, &targets::sorted_once(arguments)))
    }

    fn retry_command(
        &self,
        failed: &[TestKey],
        _cases: &[Case],
    ) -> Result<Option<CommandLine>, RunnerError> {
        let tests: Vec<String> = failed
            .iter()
            .map(|key| argument(&key.path))
            .collect::<Result<_, _>>()?;
        Ok(Some(
            self.0
                .fill_tests(&self.0.retry, &targets::sorted_once(tests)),
        ))
    }

    fn result_path(&self) -> Option<&Path> {
        self.0.result_path.as_deref()
    }

    fn upload_format(&self) -> Option<Format> {
        Some(Format::PlaywrightJson)
    }

    fn read(&self, bytes: &[u8], _cases: &[Case]) -> Result<Reading, ParseError> {
        Ok(Reading::of(
            parse_with(Format::PlaywrightJson, bytes, Detail::Outcomes)?,
            TestKey::by_identifier,
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runners::testing::{case, key};

    #[test]
    fn paths_are_escaped_and_lines_stay() {
        let runner = build(RunnerSettings::default()).unwrap();
        let command = runner
            .command(&[case("(g)/[id]/a.spec.ts"), case("b.spec.ts:7")])
            .unwrap();
        assert_eq!(
            command.arguments,
            [
                "playwright",
                "test",
                r"\(g\)/\[id\]/a.spec.ts",
                "b.spec.ts:7"
            ]
        );
        let failed = [key("s", "t", "c+d.spec.ts:12")];
        let command = runner.retry_command(&failed, &[]).unwrap().unwrap();
        assert_eq!(command.arguments[2], r"c\+d.spec.ts:12");
    }
}
