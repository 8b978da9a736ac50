//! Jest, with the packages of `examples/jest`.

use bktec::internals::{RunStatus, RunnerSettings};

use crate::project::{Project, discover, settings};
use crate::tools;

const MIXED: &str = r#"
const fs = require("fs");
const once = (name) => {
  const seen = fs.existsSync(name);
  fs.writeFileSync(name, "");
  return seen;
};

describe("Weather (now)", () => {
  test("passes", () => {});
  test("costs $1.50 [a|b] 'q' \"d\" \\ back", () => { expect(once("costs")).toBe(true); });
  test.skip("is skipped", () => {});
  test.todo("is to do");
});
test("fails", () => { expect(1).toBe(2); });
test("it fails too often", () => {});
"#;

const RESULTS: &str = "tmp/jest.json";

fn project(files: &[(&str, &str)]) -> Project {
    let project = Project::new(files);
    project.write("package.json", r#"{"name": "sample"}"#);
    let modules = tools::installed("examples/jest/node_modules");
    std::os::unix::fs::symlink(modules, project.root().join("node_modules")).unwrap();
    project.tool("npx", &tools::on_path("npx"))
}

fn defaults() -> RunnerSettings {
    RunnerSettings {
        result_path: Some(RESULTS.to_owned()),
        ..RunnerSettings::default()
    }
}

#[test]
fn results_are_read_and_failed_tests_rerun() {
    let project = project(&[("src/a.test.js", MIXED)]);
    let runner = project.runner("jest", defaults());
    let ran = project.run_all(&*runner, &[], 1);
    ran.assert(
        1,
        &[
            "src/a.test.js |  | fails | failed failed",
            // Its name contains that of the failed test, and a pattern matches any part of a name.
            "src/a.test.js |  | it fails too often | passed passed",
            "src/a.test.js | Weather (now) | costs $1.50 [a|b] 'q' \"d\" \\ back | failed passed",
            "src/a.test.js | Weather (now) | is skipped | skipped",
            "src/a.test.js | Weather (now) | is to do | skipped",
            "src/a.test.js | Weather (now) | passes | passed",
        ],
    );
}

#[test]
fn a_run_whose_failures_are_muted_passes() {
    let project = project(&[("src/a.test.js", MIXED)]);
    let runner = project.runner("jest", defaults());
    let ran = project.run_all(&*runner, &[("", "fails")], 1);
    assert_eq!(
        (ran.outcome.exit_code, ran.outcome.status()),
        (0, RunStatus::Passed)
    );
}

#[test]
fn odd_paths_are_run_and_rerun() {
    let fails_once = "const fs = require('fs');
test('t', () => {
  const seen = fs.existsSync(__filename + '.seen');
  fs.writeFileSync(__filename + '.seen', '');
  expect(seen).toBe(true);
});
";
    let files = [
        ("(group)/[id]/a.test.js", fails_once),
        ("-dash/b.test.js", fails_once),
        ("sp ace/c+d.test.js", fails_once),
        ("ünï/e.test.js", fails_once),
        ("$x/f.test.js", fails_once),
    ];
    let project = project(&files);
    let runner = project.runner("jest", defaults());
    let ran = project.run_all(&*runner, &[], 1);
    assert_eq!(
        ran.outcome.exit_code,
        0,
        "{:#?}\n{}",
        ran.events,
        project.log()
    );
    assert_eq!(ran.outcome.statistics().passed_on_retry, 5);
}

#[test]
fn tests_with_equal_names_in_two_files_are_different() {
    let files = [
        ("a.test.js", "test('t', () => { throw new Error('x'); });\n"),
        ("b.test.js", "test('t', () => {});\n"),
    ];
    let project = project(&files);
    let runner = project.runner("jest", defaults());
    assert_eq!(discover(&*runner), ["a.test.js", "b.test.js"]);
    project.run_all(&*runner, &[], 1).assert(
        1,
        &[
            "a.test.js |  | t | failed failed",
            "b.test.js |  | t | passed",
        ],
    );
}

#[test]
fn a_file_that_does_not_load_is_an_error_despite_mutes() {
    let files = [
        ("a.test.js", MIXED),
        ("b.test.js", "require('./nothere');\n"),
    ];
    let project = project(&files);
    let runner = project.runner("jest", defaults());
    let ran = project.run_all(&*runner, &[("", "fails")], 1);
    assert_eq!(
        (ran.outcome.exit_code, ran.outcome.status()),
        (1, RunStatus::Error)
    );
    assert_eq!(ran.outcome.retries, 0);
    assert!(ran.outcome.errors_outside_tests[0].contains("b.test.js"));
}

#[test]
fn without_run_tests_by_path_paths_are_escaped() {
    let files = [
        ("(g)/a.test.js", "test('t', () => {});\n"),
        ("g/a.test.js", "test('u', () => {});\n"),
    ];
    let project = project(&files);
    let command = "npx jest {{testExamples}} --json --outputFile {{resultPath}}";
    let runner = project.runner("jest", settings(command, RESULTS));
    let ran = project.run(
        &*runner,
        &[crate::project::selector("(g)/a.test.js")],
        &[],
        0,
    );
    ran.assert(0, &["(g)/a.test.js |  | t | passed"]);
}

#[test]
fn a_file_that_jest_ignores_is_reported() {
    let project = project(&[
        ("a.test.js", "test('t', () => {});\n"),
        ("b.test.js", "test('u', () => {});\n"),
    ]);
    project.write(
        "package.json",
        r#"{"name": "sample", "jest": {"testPathIgnorePatterns": ["b.test"]}}"#,
    );
    // Without --runTestsByPath, Jest silently leaves out ignored files.
    let command = "npx jest {{testExamples}} --json --outputFile {{resultPath}}";
    let settings = RunnerSettings {
        file_pattern: Some("*.test.js".to_owned()),
        ..settings(command, RESULTS)
    };
    let runner = project.runner("jest", settings);
    let ran = project.run_all(&*runner, &[], 0);
    ran.assert(0, &["a.test.js |  | t | passed"]);
    assert_eq!(ran.events[1], "without results: b.test.js");
}
