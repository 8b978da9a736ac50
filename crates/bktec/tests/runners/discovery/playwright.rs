//! Playwright, which is asked with `--list`.

use bktec::internals::RunnerSettings;
use rstest::rstest;

use super::{found, node_project, strict_error};
use crate::project::{Project, discover, settings};

const COMMAND: &str = "npx playwright test {{testExamples}}";
const PASSES: &str = "const { test } = require('@playwright/test');\ntest('passes', () => {});\n";
const MODULE: &str = "import { test } from '@playwright/test';\ntest('passes', () => {});\n";

fn project(configuration: &str, files: &[(&str, &str)]) -> Project {
    let configuration = format!(
        "module.exports = {{ reporter: [['json', {{ outputFile: 'out.json' }}]], \
         {configuration} }};\n"
    );
    let project = node_project(
        ".tools/node/node_modules",
        "--list",
        &[
            ("package.json", r#"{"name": "sample"}"#),
            ("playwright.config.js", &configuration),
            ("a.spec.js", PASSES),
            ("b.test.mjs", MODULE),
            ("check/c.check.js", PASSES),
            ("check/d.spec.js", PASSES),
            ("check/no_tests.spec.js", ""),
        ],
    );
    for (file, content) in files {
        project.write(file, content);
    }
    project
}

#[rstest]
#[case("", COMMAND, &["a.spec.js", "b.test.mjs", "check/d.spec.js"])]
#[case("testDir: 'check', testMatch: /\\.check\\.js$/", COMMAND, &["check/c.check.js"])]
#[case(
    "projects: [{ name: 'x', testMatch: '**/*.check.js' }, \
     { name: 'y', testIgnore: '**/check/*' }]",
    COMMAND,
    &["a.spec.js", "b.test.mjs", "check/c.check.js"]
)]
#[case(
    "projects: [{ name: 'x', testMatch: '**/*.check.js' }, { name: 'y' }]",
    "npx playwright test --project=x --reporter=line {{testExamples}}",
    &["check/c.check.js"]
)]
fn playwright_decides_which_files_have_tests(
    #[case] configuration: &str,
    #[case] command: &str,
    #[case] expected: &[&str],
) {
    let project = project(configuration, &[]);
    let runner = project.runner("playwright", settings(command, "out.json"));
    assert_eq!(discover(&*runner), expected, "{}", project.log());
    assert!(!project.root().join("out.json").exists());
}

/// With the pattern, only `a.spec.js` and `d.spec.js` would run.
#[test]
fn a_playwright_suite_with_its_own_file_names_runs_completely() {
    let project = project("testMatch: /(check|test)\\.m?js$/", &[]);
    let runner = project.runner("playwright", settings(COMMAND, "out.json"));
    project.run_all(&*runner, &[], 0).assert(
        0,
        &[
            "b.test.mjs:2 |   b.test.mjs passes | passes | passed",
            "check/c.check.js:2 |   check/c.check.js passes | passes | passed",
        ],
    );
}

#[rstest]
#[case::a_script("npm run e2e -- {{testExamples}}", "", "", None)]
#[case::a_part("npx playwright test --shard=1/2", "", "", None)]
#[case::configuration(COMMAND, "", "testMatch: undefined.x", Some("Cannot read properties"))]
#[case::a_file(COMMAND, "require('./nothere');\n", "", Some("nothere"))]
// The list would lack all other files.
#[case::focus(
    COMMAND,
    "require('@playwright/test').test.only('focused', () => {});\n",
    "",
    Some("--forbid-only")
)]
fn the_pattern_is_used_where_playwright_cannot_be_asked(
    #[case] command: &str,
    #[case] file: &str,
    #[case] configuration: &str,
    #[case] warning: Option<&str>,
) {
    let project = project(configuration, &[("e.spec.js", file)]);
    let runner = project.runner("playwright", settings(command, "out.json"));
    let (files, warnings) = found(&*runner);
    let all = [
        "a.spec.js",
        "check/d.spec.js",
        "check/no_tests.spec.js",
        "e.spec.js",
    ];
    assert_eq!(files, all);
    assert_eq!(
        warnings.len(),
        usize::from(warning.is_some()),
        "{warnings:?}"
    );
    for text in warning.into_iter().chain(["playwright could not list"]) {
        assert!(
            warnings.iter().all(|warning| warning.contains(text)),
            "{warnings:?}"
        );
    }
}

#[test]
fn strict_discovery_compares_the_pattern_with_playwright() {
    let project = project("", &[]);
    let settings = RunnerSettings {
        file_pattern: Some("**/*.spec.js".to_owned()),
        strict_discovery: true,
        ..settings(COMMAND, "out.json")
    };
    let error = strict_error(&*project.runner("playwright", settings)).unwrap();
    assert!(error.contains("misses: b.test.mjs\n"), "{error}");
}
