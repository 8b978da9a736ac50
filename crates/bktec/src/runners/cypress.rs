//! Cypress, which takes its specs as one argument and writes no results that `bktec` reads.
//!
//! Cypress treats a spec as a glob and silently ignores one that matches nothing. Its parsing of
//! the list leaves no way to escape special characters, so in the name of an existing file each is
//! replaced by `*`: that may run other specs too, but never misses one. Other targets may be globs
//! of the user's own and are not changed.

use super::{
    Definition, Features, Result, Runner, RunnerBase, RunnerError, RunnerSettings, targets,
};
use crate::command_template::{CommandTemplate, TEST_EXAMPLES, Value};
use crate::process::CommandLine;
use std::path::Path;

pub(super) static DEFINITION: Definition = Definition {
    features: Features {
        retry: false,
        mute: false,
        ..Features::COMMON
    },
    test_command: Some("npx cypress run --spec {{testExamples}}"),
    file_pattern: Some("**/*.cy.{js,jsx,ts,tsx}"),
    requires_result_path: false,
    ..Definition::defaults("cypress", build)
};

struct Cypress(RunnerBase);

fn build(settings: RunnerSettings) -> Result<Box<dyn Runner>> {
    Ok(Box::new(Cypress(RunnerBase::new(&DEFINITION, settings)?)))
}

impl Runner for Cypress {
    fn base(&self) -> &RunnerBase {
        &self.0
    }

    fn result_path(&self) -> Option<&Path> {
        None
    }

    fn arguments(&self, _template: &CommandTemplate, targets: Vec<String>) -> Result<Vec<String>> {
        let directory = &self.0.execution_env.directory;
        let specs = targets::arguments(targets)?.into_iter();
        let globs = specs.map(|spec| {
            if directory.join(&spec).is_file() {
                Ok(glob(&spec))
            } else if spec.contains(',') {
                Err(RunnerError::UnsupportedName {
                    name: spec,
                    part: "comma",
                })
            } else {
                Ok(spec)
            }
        });
        globs.collect()
    }

    fn fill(&self, template: &CommandTemplate, specs: &[String]) -> Result<CommandLine> {
        let template = if template.contains(TEST_EXAMPLES) {
            template.clone()
        } else {
            template.with_words(&["--spec", TEST_EXAMPLES])
        };
        let list = specs.join(",");
        Ok(self
            .0
            .fill(&template, &[(TEST_EXAMPLES, Value::One(&list))]))
    }
}

/// A glob that matches this spec, without characters that are special to Cypress, in its list, or
/// as quotes.
fn glob(spec: &str) -> String {
    let mut glob = String::with_capacity(spec.len());
    for character in spec.chars() {
        if !"[]{}()*?!,\\\"".contains(character) {
            glob.push(character);
        } else if !glob.ends_with('*') {
            glob.push('*');
        }
    }
    glob
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::runners::testing::{case, command, settings};

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
    fn specs_are_one_argument(#[case] test: Option<&str>, #[case] expected: &str) {
        let runner = build(settings(test, None)).unwrap();
        assert_eq!(command(&*runner, &["a.cy.js", "b c.cy.js"]), expected);
    }

    #[rstest]
    #[case("e2e/[id]/a.cy.js", "e2e/*id*/a.cy.js")]
    #[case("(g)/[[...slug]].cy.js", "*g*/*...slug*.cy.js")]
    #[case("a,b/c!d/{e}?.cy.js", "a*b/c*d/*e*.cy.js")]
    #[case("it's \"q\" $1+@x.cy.js", "it's *q* $1+@x.cy.js")]
    fn special_characters_of_a_file_become_wildcards(#[case] spec: &str, #[case] glob: &str) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(spec);
        fs_err::create_dir_all(path.parent().unwrap()).unwrap();
        fs_err::write(path, "").unwrap();
        let runner = build(RunnerSettings {
            working_directory: directory.path().to_owned(),
            ..RunnerSettings::default()
        });
        let command = runner.unwrap().command(&[case(spec)]).unwrap();
        assert_eq!(command.arguments.last().unwrap(), glob);
    }

    #[test]
    fn globs_of_the_user_are_kept() {
        let runner = build(RunnerSettings::default()).unwrap();
        let error = runner.command(&[case("e2e/**/{a,b}.cy.js")]).unwrap_err();
        assert!(error.to_string().contains("comma"), "{error}");
        let command = runner.command(&[case("e2e/**/[ab].cy.js")]).unwrap();
        assert_eq!(command.arguments.last().unwrap(), "e2e/**/[ab].cy.js");
    }
}
