//! Cucumber for Ruby from Debian, and for JavaScript from `.tools/node` and `.tools/node-22`.

use rstest::rstest;

use crate::project::{Project, discover, named, selector, settings};
use crate::tools;

const FEATURE: &str = "Feature: Shop
  Background:
    Given a shop

  Scenario: passes
    When it passes

  Scenario: fails
    When it fails

  Scenario: is flaky
    When it fails once

  Scenario: is undefined
    When nobody knows

  Scenario Outline: rows
    When it says <n>

    Examples:
      | n |
      | 1 |
      | 2 |
";

const RUBY_STEPS: &str = r#"
Given(/^a shop$/) {}
When(/^it passes$/) {}
When(/^it fails$/) { raise "x" }
When(/^it fails once$/) {
  seen = File.exist?("seen")
  File.write("seen", "")
  raise "x" unless seen
}
When(/^it says (\d)$/) { |n| raise "two" if n == "2" }
"#;

const JAVASCRIPT_STEPS: &str = r#"
const fs = require("fs");
const { Given, When } = require("@cucumber/cucumber");
Given("a shop", () => {});
When("it passes", () => {});
When("it fails", () => { throw new Error("x"); });
When("it fails once", () => {
  const seen = fs.existsSync("seen");
  fs.writeFileSync("seen", "");
  if (!seen) throw new Error("x");
});
When("it says {int}", (n) => { if (n === 2) throw new Error("two"); });
"#;

const RUBY: &str = "cucumber --format pretty --format json --out {{resultPath}} {{testExamples}}";
const JAVASCRIPT: &str = "npx cucumber-js --require features/support/steps.cjs \
                          --format progress --format json:{{resultPath}} {{testExamples}}";

/// The packages of each version of Cucumber for JavaScript.
const CUCUMBER_12: &str = ".tools/node/node_modules";
const CUCUMBER_13: &str = ".tools/node-22/node_modules";

/// For Cucumber for JavaScript, if `modules` are given.
fn project(modules: &str) -> Project {
    let files = [
        ("features/a.feature", FEATURE),
        (
            "features/sp ace/b.feature",
            "Feature: Other\n  Scenario: one\n    When it passes\n",
        ),
    ];
    let project = Project::new(&files);
    if modules.is_empty() {
        project.write("features/step_definitions/steps.rb", RUBY_STEPS);
        project.tool("cucumber", &tools::on_path("cucumber"))
    } else {
        project.write("features/support/steps.cjs", JAVASCRIPT_STEPS);
        project.write("package.json", r#"{"name": "sample"}"#);
        let project = project.node_modules(modules);
        project.tool("npx", &tools::on_path("npx"))
    }
}

#[rstest]
#[case(RUBY, "")]
#[case(JAVASCRIPT, CUCUMBER_12)]
#[case(JAVASCRIPT, CUCUMBER_13)]
fn results_are_read_and_failed_scenarios_rerun(#[case] command: &str, #[case] modules: &str) {
    let project = project(modules);
    let runner = project.runner("cucumber", settings(command, "result.json"));
    let ran = project.run_all(&*runner, &[], 1);
    ran.assert(
        1,
        &[
            "features/sp ace/b.feature:2 | Other | one | passed",
            "features/a.feature:8 | Shop | fails | failed failed",
            "features/a.feature:11 | Shop | is flaky | failed passed",
            "features/a.feature:14 | Shop | is undefined | failed failed",
            "features/a.feature:5 | Shop | passes | passed",
            "features/a.feature:22 | Shop | rows | passed",
            "features/a.feature:23 | Shop | rows | failed failed",
        ],
    );
}

#[rstest]
#[case(RUBY, "")]
#[case(JAVASCRIPT, CUCUMBER_12)]
#[case(JAVASCRIPT, CUCUMBER_13)]
fn rows_are_separate_scenarios(#[case] command: &str, #[case] modules: &str) {
    let project = project(modules);
    let runner = project.runner("cucumber", settings(command, "result.json"));
    let examples = runner.examples(&discover(&*runner)).unwrap();
    assert_eq!(examples.len(), 7);
    assert!(
        !project.root().join("result.json").exists(),
        "listing scenarios wrote results"
    );
    let row = examples
        .iter()
        .find(|case| case.path == "features/a.feature:22")
        .unwrap()
        .clone();
    let cases = [named(&examples, "one"), row];
    project.run(&*runner, &cases, &[], 0).assert(
        0,
        &[
            "features/sp ace/b.feature:2 | Other | one | passed",
            "features/a.feature:22 | Shop | rows | passed",
        ],
    );
}

/// Names that Cucumber for JavaScript interprets as patterns, and names that these patterns match.
const PATTERNS: [(&str, &str); 9] = [
    ("features/[id]/a.feature", "features/i/a.feature"),
    ("features/[!i]/a.feature", "features/x/a.feature"),
    ("features/{a,b}/a.feature", "features/b/a.feature"),
    ("features/{1..3}/a.feature", "features/2/a.feature"),
    ("features/st*r/a.feature", "features/stair/a.feature"),
    ("features/wh?/a.feature", "features/who/a.feature"),
    ("features/+(y)/a.feature", "features/yy/a.feature"),
    ("features/**/a.feature", "features/z/a.feature"),
    ("features/[n].feature", "features/n.feature"),
];

#[rstest]
fn paths_with_pattern_characters_run_only_their_file(
    #[values(CUCUMBER_12, CUCUMBER_13)] modules: &str,
) {
    let project = project(modules);
    let feature = "Feature: F
  Scenario: one
    When it fails once
  Scenario: two
    When it passes
";
    for (file, decoy) in PATTERNS {
        project.write(file, feature);
        project.write(
            decoy,
            "Feature: D\n  Scenario: not planned\n    When it fails\n",
        );
    }
    // Cucumber reads a name that begins with `@` as a list of features.
    project.write("features/x/@list.feature", feature);
    let files = || {
        PATTERNS
            .iter()
            .map(|(file, _)| *file)
            .chain(["features/x/@list.feature"])
    };
    let runner = project.runner("cucumber", settings(JAVASCRIPT, "result.json"));

    let cases: Vec<_> = files().map(selector).collect();
    let ran = project.run(&*runner, &cases, &[], 1);
    let first = files().next().unwrap();
    let mut sorted: Vec<&str> = files().collect();
    sorted.sort_unstable();
    let two: Vec<String> = sorted
        .iter()
        .map(|file| format!("{file}:4 | F | two | passed"))
        .collect();
    let one = sorted.iter().map(|&file| {
        // All scenarios share one file, which the first one creates.
        let outcomes = if file == first {
            "failed passed"
        } else {
            "passed"
        };
        format!("{file}:2 | F | one | {outcomes}")
    });
    let all: Vec<String> = one.chain(two.iter().cloned()).collect();
    let all: Vec<&str> = all.iter().map(String::as_str).collect();
    ran.assert(0, &all);

    // By line, as in a retry.
    let all: Vec<String> = files().map(str::to_owned).collect();
    let examples = runner.examples(&all).unwrap();
    assert_eq!(examples.len(), 2 * all.len());
    let second: Vec<_> = examples
        .into_iter()
        .filter(|case| case.name == "two")
        .collect();
    let two: Vec<&str> = two.iter().map(String::as_str).collect();
    project.run(&*runner, &second, &[], 0).assert(0, &two);
}

#[rstest]
fn a_backslash_is_rejected_before_anything_runs(#[values(CUCUMBER_12, CUCUMBER_13)] modules: &str) {
    let project = project(modules);
    project.write("features/a\\b.feature", FEATURE);
    let runner = project.runner("cucumber", settings(JAVASCRIPT, "result.json"));
    let error = runner.discover(&mut |_| {}).unwrap_err();
    assert!(
        error.to_string().contains("contains a backslash"),
        "{error}"
    );
    let error = runner
        .command(&[selector("features/a\\b.feature")])
        .unwrap_err();
    assert!(
        error.to_string().contains("contains a backslash"),
        "{error}"
    );
}
