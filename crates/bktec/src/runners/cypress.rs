//! Cypress, which takes its specs as one argument and leaves no results to read.

use std::path::Path;

use test_engine_results::{Format, ParseError};
use test_engine_wire::Case;

use super::setup::Setup;
use super::{Definition, Features, Reading, Runner, RunnerError, RunnerSettings, TestKey, targets};
use crate::command_template::{TEST_EXAMPLES, Value};
use crate::process::{CommandLine, Surroundings};

/// What is known of Cypress.
pub(super) static DEFINITION: Definition = Definition {
    features: Features {
        split_by_example: false,
        filter_by_pattern: true,
        filter_by_tag: false,
        retry: false,
        mute: false,
        skip: false,
    },
    test_command: Some("npx cypress run --spec {{testExamples}}"),
    file_pattern: Some("**/*.cy.{js,jsx,ts,tsx}"),
    requires_result_path: false,
    ..Definition::blank("cypress", build)
};

struct Cypress(Setup);

fn build(settings: RunnerSettings) -> Result<Box<dyn Runner>, RunnerError> {
    Ok(Box::new(Cypress(Setup::new(&DEFINITION, settings)?)))
}

impl Runner for Cypress {
    fn definition(&self) -> &'static Definition {
        &DEFINITION
    }

    fn surroundings(&self) -> &Surroundings {
        &self.0.surroundings
    }

    fn discover(&self, on_warning: &mut dyn FnMut(String)) -> Result<Vec<String>, RunnerError> {
        self.0.discover(on_warning)
    }

    fn command(&self, cases: &[Case]) -> Result<CommandLine, RunnerError> {
        let specs = targets::arguments(cases)?;
        if let Some(name) = specs.iter().find(|spec| spec.contains(',')) {
            return Err(RunnerError::BadName {
                name: name.clone(),
                character: "comma",
            });
        }
        let list = specs.join(",");
        let template = if self.0.test.contains(TEST_EXAMPLES) {
            self.0.test.clone()
        } else {
            self.0.test.with_words(&["--spec", TEST_EXAMPLES])
        };
        Ok(self
            .0
            .fill(&template, &[(TEST_EXAMPLES, Value::One(&list))]))
    }

    fn retry_command(
        &self,
        _failed: &[TestKey],
        _cases: &[Case],
    ) -> Result<Option<CommandLine>, RunnerError> {
        Ok(None)
    }

    fn result_path(&self) -> Option<&Path> {
        None
    }

    fn upload_format(&self) -> Option<Format> {
        None
    }

    fn read(&self, _bytes: &[u8], _cases: &[Case]) -> Result<Reading, ParseError> {
        Ok(Reading::default())
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::runners::testing::{case, words};

    #[rstest]
    #[case(None, "npx cypress run --spec 'a.cy.js,b c.cy.js'")]
    #[case(
        Some("yarn cypress run"),
        "yarn cypress run --spec 'a.cy.js,b c.cy.js'"
    )]
    #[case(
        Some("x --spec={{testExamples}} -q"),
        "x '--spec=a.cy.js,b c.cy.js' -q"
    )]
    fn specs_are_one_argument(#[case] command: Option<&str>, #[case] expected: &str) {
        let settings = RunnerSettings {
            test_command: command.map(str::to_owned),
            ..RunnerSettings::default()
        };
        let runner = build(settings).unwrap();
        let cases = [case("a.cy.js"), case("b c.cy.js")];
        assert_eq!(words(&runner.command(&cases).unwrap()), expected);
    }

    #[test]
    fn a_comma_in_a_name_would_part_it() {
        let runner = build(RunnerSettings::default()).unwrap();
        let error = runner.command(&[case("a,b.cy.js")]).unwrap_err();
        assert!(error.to_string().contains("comma"), "{error}");
    }
}
