//! Jest, which is asked with `--listTests`.

use bktec::internals::RunnerSettings;
use rstest::rstest;

use super::{node_project, strict_error};
use crate::project::{Project, discover, settings};

const JEST_COMMAND: &str =
    "npx jest --runTestsByPath {{testExamples}} --json --outputFile {{resultPath}}";

fn jest_project(configuration: &str) -> Project {
    let package = format!(r#"{{"name": "sample", "jest": {{{configuration}}}}}"#);
    let passes = "test('passes', () => {});\n";
    let files = [
        ("package.json", package.as_str()),
        ("a.test.js", passes),
        ("check/b.check.js", passes),
        ("src/__tests__/c.js", passes),
        // Listing files must not load them.
        ("d.test.mjs", "process.exit(1);\n"),
    ];
    node_project("examples/jest/node_modules", "--listTests", &files)
}

#[rstest]
#[case("", &["a.test.js", "src/__tests__/c.js"])]
#[case(r#""testMatch": ["**/*.check.js"]"#, &["check/b.check.js"])]
#[case(
    r#""testRegex": "\\.test\\.mjs$", "moduleFileExtensions": ["js", "mjs"]"#,
    &["d.test.mjs"]
)]
#[case(
    r#""testPathIgnorePatterns": ["/__tests__/", "/node_modules/"], "testMatch": ["**/*.js"]"#,
    &["a.test.js", "check/b.check.js"]
)]
#[case(
    r#""projects": [{"roots": ["check"], "testMatch": ["**/*.check.js"]}, {"roots": ["src"]}]"#,
    &["check/b.check.js", "src/__tests__/c.js"]
)]
fn jest_decides_which_files_have_tests(#[case] configuration: &str, #[case] expected: &[&str]) {
    let project = jest_project(configuration);
    let runner = project.runner("jest", settings(JEST_COMMAND, "out.json"));
    assert_eq!(discover(&*runner), expected, "{}", project.log());
}

/// With the pattern, only `a.test.js` and `c.js` would be given to Jest, which ignores them.
#[test]
fn a_jest_suite_with_its_own_file_names_runs_completely() {
    let project = jest_project(r#""testMatch": ["**/*.check.js"]"#);
    let runner = project.runner("jest", settings(JEST_COMMAND, "out.json"));
    let ran = project.run_all(&*runner, &[], 0);
    ran.assert(0, &["check/b.check.js |  | passes | passed"]);
}

#[test]
fn strict_discovery_compares_the_pattern_with_jest() {
    let project = jest_project(r#""testMatch": ["**/*.js"]"#);
    let settings = RunnerSettings {
        file_pattern: Some("**/*.test.js".to_owned()),
        strict_discovery: true,
        ..settings(JEST_COMMAND, "out.json")
    };
    let runner = project.runner("jest", settings);
    let error = strict_error(&*runner).unwrap();
    let missed = "jest takes tests from files that the pattern \"**/*.test.js\" misses: \
                  check/b.check.js, src/__tests__/c.js\n";
    assert!(error.starts_with(missed), "{error}");
}
