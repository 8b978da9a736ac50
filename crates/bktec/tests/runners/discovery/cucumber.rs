//! Cucumber for Ruby and for JavaScript, which are asked with `--dry-run`.

use bktec::internals::RunnerSettings;
use rstest::rstest;

use super::{found, node_project, strict_error};
use crate::project::{Project, discover, settings};
use crate::tools;

const RUBY: &str = "cucumber --format json --out {{resultPath}} {{testExamples}}";
const JAVASCRIPT: &str = "npx cucumber-js --format json:{{resultPath}} {{testExamples}}";
const FEATURE: &str = "Feature: F\n  Scenario: passes\n    Given a step\n";
const TAGGED: &str = "Feature: F\n  @slow\n  Scenario: passes\n    Given a step\n";

/// For both flavours; each ignores the files of the other.
fn project(command: &str, files: &[(&str, &str)]) -> Project {
    let all = [
        ("package.json", r#"{"name": "sample"}"#),
        ("features/a.feature", FEATURE),
        ("features/sub/b.feature", TAGGED),
        ("other/c.feature", FEATURE),
        ("features/support/steps.rb", "Given('a step') {}\n"),
        (
            "features/support/steps.js",
            "require('@cucumber/cucumber').Given('a step', () => {});\n",
        ),
    ];
    let project = node_project(".tools/node/node_modules", "--dry-run", &all);
    for (file, content) in files {
        project.write(file, content);
    }
    if command.starts_with("cucumber") {
        project.tool_printing_with("cucumber", &tools::on_path("cucumber"), "--dry-run")
    } else {
        project
    }
}

#[rstest]
#[case(RUBY, "unused", "", &["features/a.feature", "features/sub/b.feature"])]
#[case(RUBY, "cucumber.yml", "default: other -r features\n", &["other/c.feature"])]
#[case(RUBY, "cucumber.yml", "default: --tags ~@slow\n", &["features/a.feature"])]
// Strict about steps without a definition.
#[case(
    "cucumber --strict {{testExamples}}",
    "features/support/steps.rb",
    "",
    &["features/a.feature", "features/sub/b.feature"]
)]
#[case(
    "cucumber --exclude sub {{testExamples}}",
    "unused",
    "",
    &["features/a.feature"]
)]
#[case(JAVASCRIPT, "unused", "", &["features/a.feature", "features/sub/b.feature"])]
#[case(
    JAVASCRIPT,
    "features/d.feature.md",
    "# Feature: F\n## Scenario: passes\n* Given a step\n",
    &["features/a.feature", "features/d.feature.md", "features/sub/b.feature"]
)]
#[case(
    JAVASCRIPT,
    "cucumber.json",
    r#"{"default": {"paths": ["other/*.feature"], "require": ["features/support/*.js"]}}"#,
    &["other/c.feature"]
)]
#[case(
    JAVASCRIPT,
    "cucumber.json",
    r#"{"default": {"tags": "not @slow"}}"#,
    &["features/a.feature"]
)]
fn cucumber_decides_which_files_have_tests(
    #[case] command: &str,
    #[case] file: &str,
    #[case] content: &str,
    #[case] expected: &[&str],
) {
    let project = project(command, &[(file, content)]);
    let runner = project.runner("cucumber", settings(command, "out.json"));
    assert_eq!(discover(&*runner), expected, "{}", project.log());
    assert!(!project.root().join("out.json").exists());
}

/// With the pattern, `c.feature` would never run.
#[test]
fn a_cucumber_suite_with_its_own_paths_runs_completely() {
    let project = project(RUBY, &[("cucumber.yml", "default: -r features\n")]);
    let command = "cucumber other --format json --out {{resultPath}} {{testExamples}}";
    let runner = project.runner("cucumber", settings(command, "out.json"));
    let ran = project.run_all(&*runner, &[], 0);
    ran.assert(0, &["other/c.feature:2 | F | passes | passed"]);
}

#[rstest]
#[case::a_script("make e2e", FEATURE, None)]
#[case::a_shell("sh -c 'cucumber \"$@\"' -", FEATURE, None)]
#[case::ruby(RUBY, "no feature", Some("broken.feature"))]
#[case::javascript(JAVASCRIPT, "no feature", Some("broken.feature"))]
fn the_pattern_is_used_where_cucumber_cannot_be_asked(
    #[case] command: &str,
    #[case] content: &str,
    #[case] warning: Option<&str>,
) {
    let project = project(command, &[("features/broken.feature", content)]);
    let runner = project.runner("cucumber", settings(command, "out.json"));
    let (files, warnings) = found(&*runner);
    let all = [
        "features/a.feature",
        "features/broken.feature",
        "features/sub/b.feature",
    ];
    assert_eq!(files, all);
    assert_eq!(
        warnings.len(),
        usize::from(warning.is_some()),
        "{warnings:?}"
    );
    for text in warning.into_iter().chain(["cucumber could not list"]) {
        assert!(
            warnings.iter().all(|warning| warning.contains(text)),
            "{warnings:?}"
        );
    }
}

#[rstest]
#[case(RUBY)]
#[case(JAVASCRIPT)]
fn strict_discovery_compares_the_pattern_with_cucumber(#[case] command: &str) {
    let project = project(command, &[]);
    let settings = RunnerSettings {
        file_pattern: Some("features/*.feature".to_owned()),
        strict_discovery: true,
        ..settings(command, "out.json")
    };
    let error = strict_error(&*project.runner("cucumber", settings)).unwrap();
    assert!(
        error.contains("misses: features/sub/b.feature\n"),
        "{error}"
    );
}
