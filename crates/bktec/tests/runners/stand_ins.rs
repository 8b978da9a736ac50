//! Cypress and Pants, which cannot be had here: stand-ins that check their arguments and end as the
//! real ones do.

use std::path::PathBuf;

use bktec::attempts::RunStatus;
use bktec::runners::RunnerSettings;

use crate::project::{Project, settings};
use crate::tools;

/// Takes `run --spec A,B` and fails as many times as there are specs that hold `fails`.
const CYPRESS: &str = r#"#!/bin/sh
[ "$1" = cypress ] && shift
[ "$1" = run ] && [ "$2" = --spec ] && [ $# -eq 3 ] || { echo "cypress: bad arguments: $*"; exit 99; }
failures=0
IFS=,
for spec in $3; do
  [ -f "$spec" ] || { echo "cypress: no spec files matched $spec"; exit 98; }
  grep -q fails "$spec" && failures=$((failures + 1))
done
exit $failures
"#;

/// Takes `test --shard=K/N :: -- OPTIONS` and starts the real pytest in a folder of its own.
const PANTS: &str = r#"#!/bin/sh
[ "$1" = test ] && [ "$2" = "--shard=0/1" ] && [ "$3" = :: ] && [ "$4" = -- ] || { echo "pants: bad arguments: $*"; exit 99; }
shift 4
sandbox=$(mktemp -d)
cp -r . "$sandbox/src"
cd "$sandbox/src" && pytest "$@"
code=$?
rm -rf "$sandbox"
exit $code
"#;

fn script(project: &Project, name: &str, content: &str) -> PathBuf {
    use std::os::unix::fs::PermissionsExt as _;
    project.write(name, content);
    let path = project.root().join(name);
    fs_err::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    path
}

#[test]
fn cypress_gets_its_specs_in_one_argument_and_its_code_is_all_there_is() {
    let files = [
        ("cypress/a b.cy.js", "fails"),
        ("cypress/c.cy.js", "fails"),
        ("d.cy.ts", ""),
    ];
    let project = Project::new(&files);
    let tool = script(&project, ".stand-in", CYPRESS);
    let project = project.tool("npx", &tool, "never");
    let runner = project.runner("cypress", RunnerSettings::default());
    let ran = project.run_all(&*runner, &[], 3);
    ran.assert(2, &[]);
    assert_eq!(
        ran.events,
        ["npx cypress run --spec 'cypress/a b.cy.js,cypress/c.cy.js,d.cy.ts'"]
    );
    assert_eq!(ran.outcome.status(), RunStatus::Unknown);
}

fn pants(files: &[(&str, &str)], pytest: &str) -> Project {
    let project = Project::new(files);
    let tool = script(&project, ".stand-in", PANTS);
    project
        .tool("pants", &tool, "never")
        .tool("pytest", &tools::installed(pytest), "never")
}

const TESTS: &str = "import os\n\ndef test_passes():\n    pass\n\ndef test_flaky():\n    path = os.environ['SEEN']\n    seen = os.path.exists(path)\n    open(path, 'w').close()\n    assert seen\n";

#[test]
fn pants_runs_its_own_tests_and_again_after_a_failure() {
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
