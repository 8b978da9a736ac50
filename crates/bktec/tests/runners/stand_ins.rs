//! Cypress and Pants, which are not available in tests: the stand-ins of their sample projects
//! check the arguments and exit like the real ones.

use bktec::internals::{RunStatus, RunnerSettings};

use crate::project::{Project, settings};
use crate::tools;

const FAILS: &str = "it(\"fails\", () => { throw new Error(\"no\"); });\n";

#[test]
fn cypress_gets_specs_in_one_argument_and_only_its_exit_code_counts() {
    let files = [
        ("cypress/a b.cy.js", FAILS),
        ("cypress/c.cy.js", FAILS),
        ("d.cy.ts", ""),
    ];
    let project = Project::new(&files);
    let tool = tools::installed("examples/cypress/stand-in/cypress");
    let project = project.tool("npx", &tool);
    let runner = project.runner("cypress", RunnerSettings::default());
    let ran = project.run_all(&*runner, &[], 3);
    ran.assert(2, &[]);
    assert_eq!(
        ran.events,
        ["npx cypress run --spec 'cypress/a b.cy.js,cypress/c.cy.js,d.cy.ts'"]
    );
    assert_eq!(ran.outcome.status(), RunStatus::Unknown);
}

/// Specs are globs: a name that looks like one must not run other specs instead.
#[test]
fn cypress_runs_specs_with_odd_names() {
    let names = [
        "[id]/a.cy.js",
        "i/a.cy.js",
        "(g)/{b,c}!.cy.js",
        "it's \"q\" $1.cy.js",
        "-d.cy.js",
    ];
    let files = names.map(|name| (name, FAILS));
    let project = Project::new(&files);
    let tool = tools::installed("examples/cypress/stand-in/cypress");
    let project = project.tool("npx", &tool);
    let runner = project.runner("cypress", RunnerSettings::default());
    let ran = project.run_all(&*runner, &[], 0);
    ran.assert(i32::try_from(names.len()).unwrap(), &[]);
    for name in names {
        assert!(
            project.log().contains(&format!("Running: {name}\n")),
            "{name}"
        );
    }
}

fn pants(files: &[(&str, &str)], pytest: &str) -> Project {
    let project = Project::new(files);
    let tool = tools::installed("examples/pytest-pants/stand-in/pants");
    project
        .tool("pants", &tool)
        .tool("pytest", &tools::installed(pytest))
}

const TESTS: &str = "import os

def test_passes():
    pass

def test_flaky():
    path = os.environ['SEEN']
    seen = os.path.exists(path)
    open(path, 'w').close()
    assert seen
";

#[test]
fn pants_is_rerun_after_a_failure() {
    for (pytest, options, scope) in [
        (
            ".tools/pytest/bin/pytest",
            "--junit-xml={{resultPath}}",
            "tests.test_a",
        ),
        (
            ".tools/pytest-collector/bin/pytest",
            "--json={{resultPath}} --merge-json",
            "tests/test_a.py",
        ),
    ] {
        let project = pants(&[("tests/test_a.py", TESTS)], pytest);
        let command =
            format!("pants test --shard={{{{nodeIndex}}}}/{{{{nodeCount}}}} :: -- {options}");
        let mut settings = settings(&command, "out/result");
        let seen = project.root().join("seen");
        settings.environment = vec![("SEEN".into(), seen.into())];
        let runner = project.runner("pytest-pants", settings);
        let ran = project.run(&*runner, &[], &[], 1);
        ran.assert(
            0,
            &[
                &format!("tests/test_a.py::test_flaky | {scope} | test_flaky | failed passed"),
                &format!("tests/test_a.py::test_passes | {scope} | test_passes | passed passed"),
            ],
        );
    }
}
