//! More files than fit on a command line: each of 36,000 real files runs exactly once.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;

use bktec::internals::RunnerSettings;

use crate::project::{FinishedRun, Project, settings};
use crate::tools;

const FILES: usize = 36_000;
const DIRECTORIES: usize = 60;

/// As long as paths in large projects.
fn path(index: usize, extension: &str) -> String {
    let domain = index % DIRECTORIES;
    format!(
        "packages/domain-{domain:02}/source/components/feature-{domain:02}/\
         part_{index:05}{extension}"
    )
}

fn project(extension: &str, content: &str) -> Project {
    let project = Project::new(&[]);
    for index in 0..FILES {
        project.write(&path(index, extension), content);
    }
    project
}

/// Every file must have one passed test.
#[track_caller]
fn assert_everything_ran_once(ran: &FinishedRun) {
    assert_eq!(ran.outcome.exit_code, 0, "{:?}", short(&ran.events));
    let mut times: BTreeMap<&str, usize> = BTreeMap::new();
    for test in &ran.outcome.tests {
        let file = test.key.path.split("::").next().unwrap();
        *times.entry(file).or_default() += test.outcomes.len();
    }
    assert_eq!(times.len(), FILES, "{:?}", short(&ran.events));
    assert!(times.values().all(|&times| times == 1));
    assert_eq!(ran.outcome.tests.len(), FILES);
}

/// Truncated, for readable failures.
fn short(events: &[String]) -> Vec<String> {
    events
        .iter()
        .map(|event| event.chars().take(300).collect())
        .collect()
}

/// A stand-in for Jest: logs the files on its command line and reports them as passed.
const JEST: &str = r#"#!/usr/bin/env python3
import json, os, sys
arguments = sys.argv[1:]
assert arguments[:2] == ["jest", "--runTestsByPath"], arguments[:3]
files = arguments[2:arguments.index("--json")]
with open("given", "a") as given:
    given.writelines(file + "\n" for file in files)
report = {"testResults": [{"name": os.path.abspath(file), "status": "passed", "assertionResults": [
    {"title": "t", "ancestorTitles": [], "status": "passed"}]} for file in files]}
with open(arguments[arguments.index("--outputFile") + 1], "w") as out:
    json.dump(report, out)
"#;

#[test]
fn jest_runs_in_parts() {
    let project = project(".test.js", "");
    project.write("stand-in", JEST);
    let tool = project.root().join("stand-in");
    fs_err::set_permissions(&tool, std::fs::Permissions::from_mode(0o755)).unwrap();
    let project = project.tool("npx", &tool);
    let runner = project.runner(
        "jest",
        RunnerSettings {
            result_path: Some("out/jest.json".to_owned()),
            file_pattern: Some("**/*.test.js".to_owned()),
            ..RunnerSettings::default()
        },
    );
    let ran = project.run_all(&*runner, &[], 0);
    assert_everything_ran_once(&ran);
    let parts = ran
        .events
        .iter()
        .filter(|event| event.starts_with("part "))
        .count();
    // npx passes its arguments to a shell as one argument, which is limited to 128 KiB.
    assert!(parts > 10, "{:?}", short(&ran.events));
    let given = fs_err::read_to_string(project.root().join("given")).unwrap();
    let mut given: Vec<&str> = given.lines().collect();
    given.sort_unstable();
    let expected: Vec<String> = {
        let mut paths: Vec<String> = (0..FILES).map(|index| path(index, ".test.js")).collect();
        paths.sort_unstable();
        paths
    };
    assert_eq!(given, expected);
}

/// A stand-in for pytest: reports the tests in its argument file.
const PYTEST: &str = r#"#!/usr/bin/env python3
import sys
files, out = sys.argv[1:]
assert files[0] == "@" and out.startswith("--junit-xml="), sys.argv
cases = "".join(
    f'<testcase classname="{file[:-3].replace("/", ".")}" name="test_t"/>'
    for file in open(files[1:]).read().splitlines()
)
open(out.split("=")[1], "w").write(f"<testsuites><testsuite>{cases}</testsuite></testsuites>")
"#;

#[test]
fn pytest_reads_an_argument_file() {
    let project = project("_test.py", "def test_t():\n    pass\n");
    project.write("stand-in", PYTEST);
    let tool = project.root().join("stand-in");
    fs_err::set_permissions(&tool, std::fs::Permissions::from_mode(0o755)).unwrap();
    // The version comes from the Python of the real pytest.
    let project = project
        .tool("pytest", &tool)
        .unwrapped_tool(&tools::installed(".tools/pytest/bin/python"));
    let command = "pytest {{testExamples}} --junit-xml={{resultPath}}";
    let runner = project.runner("pytest", settings(command, "out/pytest.xml"));
    let ran = project.run_all(&*runner, &[], 0);
    assert!(
        ran.events[0].starts_with("pytest @/") && ran.events.len() == 1,
        "{:?}",
        short(&ran.events)
    );
    assert_everything_ran_once(&ran);
}

/// The real pytest would need many minutes for 36,000 files. A large environment leaves less room
/// for arguments, so fewer files are enough.
#[test]
fn the_real_pytest_reads_odd_names_from_the_argument_file() {
    let project = Project::new(&[("pytest.ini", "[pytest]\naddopts = -q -p no:cacheprovider\n")]);
    let odd = [
        "-dash/test_a.py",
        "sp ace/test_b c.py",
        "@at/test_d.py",
        "ünï/test_e.py",
        "#h/test_f.py",
    ];
    let plain = (0..500).map(|index| {
        let directory = format!("directory_with_a_long_name_{index:03}");
        format!("{directory}/another_directory_with_a_long_name/test_{index:03}.py")
    });
    let files: Vec<String> = plain.chain(odd.map(str::to_owned)).collect();
    for file in &files {
        project.write(file, "def test_t():\n    pass\n");
    }
    let project = project.tool("pytest", &tools::installed(".tools/pytest/bin/pytest"));
    let mut settings = settings(
        "pytest {{testExamples}} --junit-xml={{resultPath}}",
        "out.xml",
    );
    settings.environment = (0..17)
        .map(|index| (format!("FILL_{index}").into(), "x".repeat(119_000).into()))
        .collect();
    let runner = project.runner("pytest", settings);
    let ran = project.run_all(&*runner, &[], 0);
    assert!(
        ran.events[0].starts_with("pytest -p bktec_evidence @/"),
        "{:?}",
        short(&ran.events)
    );
    assert_eq!(ran.outcome.exit_code, 0, "{:?}", short(&ran.events));
    let mut ran: Vec<&str> = ran
        .outcome
        .tests
        .iter()
        .map(|test| test.key.path.split("::").next().unwrap())
        .collect();
    ran.sort_unstable();
    let mut expected: Vec<&str> = files.iter().map(String::as_str).collect();
    expected.sort_unstable();
    assert_eq!(ran, expected);
}

#[test]
fn cypress_gets_lists_that_fit_into_one_argument() {
    let project = project(".cy.js", "");
    project.write(
        "stand-in",
        "#!/bin/sh\n\
         [ \"$1 $2 $3\" = 'cypress run --spec' ] && [ $# -eq 4 ] || exit 99\n\
         echo \"$4\" >>given\n",
    );
    let tool = project.root().join("stand-in");
    fs_err::set_permissions(&tool, std::fs::Permissions::from_mode(0o755)).unwrap();
    let project = project.tool("npx", &tool);
    let runner = project.runner("cypress", RunnerSettings::default());
    let ran = project.run_all(&*runner, &[], 0);
    assert_eq!(ran.outcome.exit_code, 0, "{:?}", short(&ran.events));
    let given = fs_err::read_to_string(project.root().join("given")).unwrap();
    let mut given: Vec<&str> = given.lines().flat_map(|line| line.split(',')).collect();
    assert_eq!(given.len(), FILES);
    given.sort_unstable();
    given.dedup();
    assert_eq!(given.len(), FILES);
}
