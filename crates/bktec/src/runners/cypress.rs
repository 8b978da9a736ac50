//! Cypress, which takes its specs as one argument and leaves no results to read.
//!
//! A spec is a glob pattern to it, and one that matches nothing is passed over without a word. No
//! way to escape a mark of a pattern survives the way Cypress takes its list apart, so in the name
//! of a file each becomes a `*`: that may bring other specs too, and never loses one. What is no
//! file here may be a pattern of the user's own, and stays.

use std::path::Path;

use test_engine_results::{Format, ParseError};
use test_engine_wire::Case;

use super::setup::Setup;
use super::{
    Definition, Features, ParsedResults, Runner, RunnerError, RunnerSettings, TestKey, targets,
};
use crate::command_template::{TEST_EXAMPLES, Value};
use crate::process::{CommandLine, ExecutionEnv};

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

    fn execution_env(&self) -> &ExecutionEnv {
        &self.0.execution_env
    }

    fn discover(&self, on_warning: &mut dyn FnMut(String)) -> Result<Vec<String>, RunnerError> {
        self.0.discover(on_warning)
    }

    fn command(&self, cases: &[Case]) -> Result<CommandLine, RunnerError> {
        let specs = targets::arguments(cases)?;
        let directory = &self.0.execution_env.directory;
        let specs = specs.into_iter().map(|spec| {
            if directory.join(&spec).is_file() {
                Ok(pattern(&spec))
            } else if spec.contains(',') {
                Err(RunnerError::BadName {
                    name: spec,
                    character: "comma",
                })
            } else {
                Ok(spec)
            }
        });
        let list = specs.collect::<Result<Vec<_>, _>>()?.join(",");
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

    fn read(&self, _bytes: &[u8], _cases: &[Case]) -> Result<ParsedResults, ParseError> {
        Ok(ParsedResults::default())
    }
}

/// A pattern that matches this spec: one without marks, as far as Cypress, its list and quotes are
/// concerned.
fn pattern(spec: &str) -> String {
    let mut pattern = String::with_capacity(spec.len());
    for character in spec.chars() {
        match character {
            '[' | ']' | '{' | '}' | '(' | ')' | '*' | '?' | '!' | ',' | '\\' | '"' => {
                if !pattern.ends_with('*') {
                    pattern.push('*');
                }
            }
            plain => pattern.push(plain),
        }
    }
    pattern
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
    fn a_mark_of_a_pattern_stands_for_itself_and_more() {
        let folder = tempfile::tempdir().unwrap();
        let runner = build(RunnerSettings {
            working_directory: folder.path().to_owned(),
            ..RunnerSettings::default()
        });
        let runner = runner.unwrap();
        for (spec, pattern) in [
            ("e2e/[id]/a.cy.js", "e2e/*id*/a.cy.js"),
            ("(g)/[[...slug]].cy.js", "*g*/*...slug*.cy.js"),
            ("a,b/c!d/{e}?.cy.js", "a*b/c*d/*e*.cy.js"),
            ("it's \"q\" $1+@x.cy.js", "it's *q* $1+@x.cy.js"),
        ] {
            let path = folder.path().join(spec);
            fs_err::create_dir_all(path.parent().unwrap()).unwrap();
            fs_err::write(path, "").unwrap();
            let command = runner.command(&[case(spec)]).unwrap();
            assert_eq!(command.arguments.last().unwrap(), pattern);
        }
    }

    #[test]
    fn what_is_no_file_is_a_pattern_of_the_users_own() {
        let runner = build(RunnerSettings::default()).unwrap();
        let command = runner.command(&[case("e2e/**/{a,b}.cy.js")]);
        let error = command.unwrap_err();
        assert!(error.to_string().contains("comma"), "{error}");
        let command = runner.command(&[case("e2e/**/[ab].cy.js")]).unwrap();
        assert_eq!(command.arguments.last().unwrap(), "e2e/**/[ab].cy.js");
    }
}
