//! Vitest, which is asked with `list --filesOnly`.

use rstest::rstest;

use super::{found, node_project};
use crate::project::{Project, discover, settings};

const VITEST_COMMAND: &str = "npx vitest run {{testExamples}} \
                              --reporter=default --reporter=json --outputFile {{resultPath}}";

fn vitest_project(configuration: &str) -> Project {
    let configuration = format!("export default {{ test: {{ {configuration} }} }};\n");
    let passes = "import { test } from 'vitest';\ntest('passes', () => {});\n";
    let files = [
        (
            "package.json",
            r#"{"name": "sample", "type": "module", "scripts": {"test": "vitest"}}"#,
        ),
        ("vitest.config.js", configuration.as_str()),
        ("a.test.js", passes),
        ("check/b.check.js", passes),
        ("d.test.mjs", passes),
        // Listing files must not load them.
        ("exits.test.mjs", "process.exit(1);\n"),
    ];
    node_project(".tools/node/node_modules", "--filesOnly", &files)
}

#[rstest]
#[case("", &["a.test.js", "d.test.mjs", "exits.test.mjs"])]
#[case("include: ['**/*.check.js']", &["check/b.check.js"])]
#[case("exclude: ['**/*.mjs', '**/node_modules/**']", &["a.test.js"])]
#[case(
    "projects: [{ test: { name: 'c', include: ['check/*'] } }, \
     { test: { name: 'd', include: ['d.*'] } }]",
    &["check/b.check.js", "d.test.mjs"]
)]
fn vitest_decides_which_files_have_tests(#[case] configuration: &str, #[case] expected: &[&str]) {
    let project = vitest_project(configuration);
    let runner = project.runner("vitest", settings(VITEST_COMMAND, "out.json"));
    assert_eq!(discover(&*runner), expected, "{}", project.log());
}

/// With the pattern, only `a.test.js` would run.
#[test]
fn a_vitest_suite_with_its_own_file_names_runs_completely() {
    let project = vitest_project("include: ['**/*.check.js', 'd.test.mjs']");
    let runner = project.runner("vitest", settings(VITEST_COMMAND, "out.json"));
    project.run_all(&*runner, &[], 0).assert(
        0,
        &[
            "check/b.check.js |  | passes | passed",
            "d.test.mjs |  | passes | passed",
        ],
    );
}

#[rstest]
#[case("npm test -- {{testExamples}} --outputFile {{resultPath}}", "", 0)]
#[case("npx vitest run --shard=1/2 {{testExamples}}", "", 0)]
#[case(VITEST_COMMAND, "include: broken", 1)]
fn the_pattern_is_used_where_vitest_cannot_be_asked(
    #[case] command: &str,
    #[case] configuration: &str,
    #[case] expected_warnings: usize,
) {
    let project = vitest_project(configuration);
    let runner = project.runner("vitest", settings(command, "out.json"));
    let (files, warnings) = found(&*runner);
    assert_eq!(files, ["a.test.js"]);
    assert_eq!(warnings.len(), expected_warnings, "{warnings:?}");
}
