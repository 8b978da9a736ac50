//! What one attempt of each real runner proves about tests that did not run, and about errors
//! outside the tests. pytest has a file of its own.

use std::path::Path;

use bktec::internals::{RunnerSettings, StopPolicy};
use rstest::rstest;
use test_engine_wire::Case;

use crate::attempt::Attempt;
use crate::project::{Project, selector, settings};
use crate::tools;

const MOCHA: &str = ".tools/javascript-collectors/node_modules";
const JEST: &str = "examples/jest/node_modules";
const NODE: &str = ".tools/node/node_modules";
/// Newer runners.
const NODE_22: &str = ".tools/node-22/node_modules";

fn attempt(project: &Project, runner: &str, settings: RunnerSettings, targets: &[&str]) -> Attempt {
    let runner = project.runner(runner, settings);
    let cases: Vec<Case> = targets.iter().map(|target| selector(target)).collect();
    Attempt::of(project, &*runner, &cases)
}

fn node(modules: &str, files: &[(&str, &str)]) -> Project {
    let project = Project::new(files).node_modules(modules);
    project.tool("npx", &tools::on_path("npx"))
}

fn default_settings(result_path: &str) -> RunnerSettings {
    RunnerSettings {
        result_path: Some(result_path.to_owned()),
        ..RunnerSettings::default()
    }
}

// Jest and Vitest.

const JEST_PACKAGE: (&str, &str) = (
    "package.json",
    r#"{"name": "sample", "jest": {"testEnvironment": "node", "watchman": false, "bail": 1}}"#,
);

fn jest(files: &[(&str, &str)], targets: &[&str]) -> Attempt {
    let project = node(JEST, files);
    attempt(&project, "jest", default_settings("out.json"), targets)
}

#[test]
fn jest_overrides_bail() {
    let files = [
        JEST_PACKAGE,
        (
            "a.test.js",
            "test('fails', () => { throw new Error('no'); });\n",
        ),
        ("b.test.js", "test('passes', () => {});\n"),
    ];
    let attempt = jest(&files, &["a.test.js", "b.test.js"]);
    attempt.assert(1, &[]);
    let mut names = attempt.names();
    names.sort_unstable();
    assert_eq!(names, ["fails", "passes"]);
}

#[rstest]
#[case("describe('cart', () => { afterAll(() => { throw new Error('left open'); }); TESTS });")]
#[case("afterAll(() => { throw new Error('left open'); }); TESTS")]
fn jest_names_errors_in_after_all(#[case] code: &str) {
    let tests = "test('fails', () => { throw new Error('no'); }); test('adds', () => {});";
    let code = code.replace("TESTS", tests);
    let attempt = jest(&[JEST_PACKAGE, ("a.test.js", &code)], &["a.test.js"]);
    assert!(attempt.parsed.errors_outside_tests[0].contains("left open"));
    assert_eq!(attempt.parsed.errors_outside_tests.len(), 1);
    assert_eq!(attempt.names().len(), 2);
}

#[test]
fn jest_counts_an_error_that_a_test_causes_as_a_failure_of_that_test() {
    let code = "test('fails', async () => { setTimeout(() => { throw new Error('late'); }, 1);
        await new Promise((done) => setTimeout(done, 30)); throw new Error('no'); });\n";
    jest(&[JEST_PACKAGE, ("a.test.js", code)], &["a.test.js"]).assert(1, &[]);
}

const VITEST_PACKAGE: (&str, &str) = ("package.json", r#"{"name": "sample", "type": "module"}"#);
const VITEST_BAIL: (&str, &str) = (
    "vitest.config.js",
    "export default { test: { bail: 1, fileParallelism: false } };\n",
);
const VITEST_FAILS: &str = "import { test, describe, afterAll } from 'vitest';
test('fails', () => { throw new Error('no'); });
test('adds', () => {});
test.skip('is skipped', () => {});
describe('cart', () => { test('pays', () => {}); });
";

fn vitest(
    modules: &str,
    settings: RunnerSettings,
    files: &[(&str, &str)],
    targets: &[&str],
) -> Attempt {
    let project = node(modules, files);
    project.write(VITEST_PACKAGE.0, VITEST_PACKAGE.1);
    attempt(&project, "vitest", settings, targets)
}

#[rstest]
fn vitest_overrides_bail(#[values(NODE, NODE_22)] modules: &str) {
    let files = [
        VITEST_BAIL,
        ("a.test.js", VITEST_FAILS),
        ("b.test.js", VITEST_FAILS),
    ];
    let attempt = vitest(
        modules,
        default_settings("out.json"),
        &files,
        &["a.test.js", "b.test.js"],
    );
    attempt.assert(1, &[]);
    assert_eq!(attempt.names().len(), 8);
}

/// A script may not pass on an option, so there is only what the results show.
#[rstest]
fn vitest_lists_what_did_not_run_after_a_bail(#[values(NODE, NODE_22)] modules: &str) {
    let files = [
        VITEST_BAIL,
        ("a.test.js", VITEST_FAILS),
        ("b.test.js", VITEST_FAILS),
    ];
    let command = "sh -c 'npx vitest run {{testExamples}} --reporter=json \
                   --outputFile {{resultPath}}'";
    let attempt = vitest(
        modules,
        settings(command, "out.json"),
        &files,
        &["a.test.js", "b.test.js"],
    );
    let mut names = attempt.names();
    names.sort_unstable();
    assert_eq!(names, ["fails", "is skipped"]);
    let stopped = |file: &str| {
        let shortfalls = &attempt.parsed.shortfalls;
        let mut paths = shortfalls
            .iter()
            .filter_map(|shortfall| shortfall.path.as_deref());
        paths.any(|path| path == file)
    };
    assert!(
        stopped("a.test.js") && stopped("b.test.js"),
        "{:#?}",
        attempt.parsed
    );
    assert_eq!(attempt.policy, StopPolicy::Possible);
}

#[rstest]
#[case(
    "describe('cart', () => { afterAll(() => { throw new Error('open'); }); TESTS });",
    1
)]
#[case("afterAll(() => { throw new Error('open'); }); TESTS", 1)]
#[case(
    "describe('c', () => { describe('d', () => {
    afterAll(() => { throw new Error('open'); }); TESTS }); });",
    1
)]
#[case(
    "TESTS test('late', async () => { setTimeout(() => { throw new Error('open'); }, 1);
    await new Promise((done) => setTimeout(done, 30)); });",
    1
)]
#[case("TESTS", 0)]
fn vitest_errors_outside_the_tests_are_recorded(
    #[case] code: &str,
    #[case] errors: usize,
    #[values(NODE, NODE_22)] modules: &str,
) {
    let tests = "test('fails', () => { throw new Error('no'); }); test('adds', () => {});";
    let code = code.replace("TESTS", tests);
    let code = format!("import {{ test, describe, afterAll }} from 'vitest';\n{code}\n");
    let attempt = vitest(
        modules,
        default_settings("out.json"),
        &[("a.test.js", &code)],
        &["a.test.js"],
    );
    let found = &attempt.parsed.errors_outside_tests;
    assert_eq!(found.len(), errors, "{found:#?}\n{}", attempt.log);
    assert!(
        found.iter().all(|error| error.contains("open")),
        "{found:#?}"
    );
    assert_eq!(attempt.code, 1);
}

// Playwright.

const PLAYWRIGHT: &str = "npx playwright test {{testExamples}}";
const PLAYWRIGHT_CONFIGURATION: &str = "module.exports = {
  testDir: '.', workers: 1, maxFailures: LIMIT,
  reporter: [['json', { outputFile: 'out.json' }]],
};
";
const PLAYWRIGHT_TESTS: &str = "const { test } = require('@playwright/test');
test('fails', () => { throw new Error('no'); });
test.skip('is skipped', () => {});
test('skips itself', () => { test.skip(true, 'why'); });
test('passes', () => {});
";

fn playwright(command: &str, limit: &str, code: &str) -> Attempt {
    let configuration = PLAYWRIGHT_CONFIGURATION.replace("LIMIT", limit);
    let files = [
        ("playwright.config.js", configuration.as_str()),
        ("a.spec.js", code),
    ];
    let project = node(NODE, &files);
    attempt(
        &project,
        "playwright",
        settings(command, "out.json"),
        &["a.spec.js"],
    )
}

#[test]
fn playwright_overrides_max_failures() {
    let attempt = playwright(PLAYWRIGHT, "1", PLAYWRIGHT_TESTS);
    attempt.assert(1, &[]);
    assert_eq!(attempt.names().len(), 4);
}

#[test]
fn playwright_lists_what_did_not_run_after_max_failures() {
    let command = "sh -c 'npx playwright test {{testExamples}}'";
    let attempt = playwright(command, "1", PLAYWRIGHT_TESTS);
    attempt.assert_with_policy(
        1,
        &StopPolicy::Possible,
        &[
            "- | Testing stopped early after 1 maximum allowed failures",
            "a.spec.js:4 | 1 test of a.spec.js:4 did not run",
            "a.spec.js:5 | 1 test of a.spec.js:5 did not run",
        ],
    );
    assert_eq!(attempt.names(), ["fails", "is skipped"]);
}

#[rstest]
#[case(
    "test.describe.serial('cart', () => {
test('fails', () => { throw new Error('no'); });
test('pays', () => {}); });"
)]
#[case(
    "test.describe('cart', () => { test.beforeAll(() => { throw new Error('no'); });
test('fails', () => {});
test('pays', () => {}); });"
)]
fn playwright_lists_what_did_not_run_in_a_group(#[case] group: &str) {
    let code = format!("const {{ test }} = require('@playwright/test');\n{group}\n");
    let attempt = playwright(PLAYWRIGHT, "0", &code);
    attempt.assert(1, &["a.spec.js:4 | 1 test of a.spec.js:4 did not run"]);
    assert_eq!(attempt.names(), ["fails"]);
}

// RSpec.

const RSPEC: &str = "rspec --format json --out {{resultPath}} {{testExamples}}";
const RSPEC_FAILS: &str = "RSpec.describe('S') { it('fails') { raise 'no' }; it('passes') {} }\n";

fn rspec(command: &str, files: &[(&str, &str)]) -> Attempt {
    let project = Project::new(files).tool("rspec", &tools::on_path("rspec"));
    let targets: Vec<&str> = files
        .iter()
        .map(|(file, _)| *file)
        .filter(|file| file.ends_with("a_spec.rb") || file.ends_with("b_spec.rb"))
        .collect();
    attempt(&project, "rspec", settings(command, "out.json"), &targets)
}

#[rstest]
#[case("spec/spec_helper.rb", "RSpec.configure { |c| c.fail_fast = true }\n")]
#[case(".rspec-local", "--fail-fast\n")]
fn rspec_overrides_fail_fast(#[case] file: &str, #[case] content: &str) {
    let mut files = vec![
        (".rspec", "--require spec_helper\n"),
        ("spec/spec_helper.rb", ""),
        ("spec/a_spec.rb", RSPEC_FAILS),
        ("spec/b_spec.rb", RSPEC_FAILS),
    ];
    files.retain(|(name, _)| *name != file);
    files.push((file, content));
    let attempt = rspec(RSPEC, &files);
    attempt.assert(1, &[]);
    assert_eq!(attempt.names().len(), 4);
}

#[test]
fn rspec_that_exits_inside_an_example_is_incomplete() {
    let code = "RSpec.describe('S') { it('passes') {}; it('exits') { exit 0 }; it('unrun') {} }\n";
    let attempt = rspec(RSPEC, &[("spec/a_spec.rb", code)]);
    attempt.assert(0, &["- | RSpec stopped inside an example"]);
    assert_eq!(attempt.names(), ["passes"]);
}

#[rstest]
#[case("RSpec.configure { |c| c.after(:suite) { raise 'open' } }\n")]
#[case("RSpec.describe('T') { after(:all) { raise 'open' }; it('passes') {} }\n")]
fn rspec_errors_in_hooks_are_outside_the_tests(#[case] code: &str) {
    let code = format!("{RSPEC_FAILS}{code}");
    rspec(RSPEC, &[("spec/a_spec.rb", &code)]).assert(1, &["An error occurred in an `after(:"]);
}

const RSPEC_ALL_UNLESS_FOCUSED: &str =
    "c.filter_run focus: true; c.run_all_when_everything_filtered = true";

#[test]
fn rspec_shows_focus() {
    for (filter, example, has_focus) in [
        ("c.filter_run_when_matching :focus", "fit", true),
        ("c.filter_run_when_matching :focus", "it", false),
        (RSPEC_ALL_UNLESS_FOCUSED, "fit", true),
        (RSPEC_ALL_UNLESS_FOCUSED, "it", false),
    ] {
        let helper = format!("RSpec.configure {{ |c| {filter} }}\n");
        let code = format!("{helper}RSpec.describe('S') {{ {example}('a') {{}}; it('b') {{}} }}\n");
        let attempt = rspec(RSPEC, &[("spec/a_spec.rb", &code)]);
        assert_eq!(attempt.parsed.has_focus, has_focus, "{}", attempt.log);
        let ran: &[&str] = if has_focus { &["a"] } else { &["a", "b"] };
        assert_eq!(attempt.names(), ran);
    }
}

// Cucumber.

const FEATURE: &str = "Feature: F
  Scenario: passes
    Given it passes
  Scenario: fails
    Given it fails
  Scenario: unrun
    Given it passes
";
const UNDEFINED: &str = "Feature: F
  Scenario: passes
    Given it passes
  Scenario: undefined
    Given nothing of the kind
";
const CUCUMBER: &str =
    "cucumber --require steps --format json --out {{resultPath}} {{testExamples}}";
const CUCUMBER_JS: &str =
    "npx cucumber-js --require steps/s.cjs --format json:{{resultPath}} {{testExamples}}";

fn cucumber(command: &str, files: &[(&str, &str)], feature: &str) -> Attempt {
    let project = node(NODE, files);
    project.write(
        "steps/s.rb",
        "Given(/^it passes$/) {}\nGiven(/^it fails$/) { raise 'no' }\n",
    );
    project.write(
        "steps/s.cjs",
        "const { Given } = require('@cucumber/cucumber');
Given('it passes', () => {});
Given('it fails', () => { throw new Error('no'); });
",
    );
    project.write("features/a.feature", feature);
    project.write("features/b.feature", FEATURE);
    let project = project.tool("cucumber", &tools::on_path("cucumber"));
    let targets = ["features/a.feature", "features/b.feature"];
    attempt(
        &project,
        "cucumber",
        settings(command, "out.json"),
        &targets,
    )
}

#[test]
fn cucumber_for_javascript_lists_what_did_not_run() {
    let configuration = [(
        "cucumber.js",
        "module.exports = { default: { failFast: true } };\n",
    )];
    let attempt = cucumber(CUCUMBER_JS, &configuration, FEATURE);
    attempt.assert_with_policy(
        1,
        &StopPolicy::Overridden,
        &[
            "features/a.feature:6 | 1 test of features/a.feature:6 did not run",
            "features/b.feature:2 | 1 test of",
            "features/b.feature:4 | 1 test of",
            "features/b.feature:6 | 1 test of",
        ],
    );
    assert_eq!(attempt.names(), ["passes", "fails"]);
}

#[test]
fn cucumber_for_ruby_exits_with_another_code_when_it_stops_early() {
    let profile = [("cucumber.yml", "default: --fail-fast\n")];
    let attempt = cucumber(CUCUMBER, &profile, FEATURE);
    let expected = ["- | Cucumber stopped early"];
    attempt.assert_with_policy(2, &StopPolicy::Overridden, &expected);
    assert_eq!(attempt.names(), ["passes", "fails"]);
    cucumber(CUCUMBER, &[], FEATURE).assert_with_policy(1, &StopPolicy::Overridden, &[]);
    // A script may replace the exit code.
    let script = [("run.sh", "cucumber \"$@\" || exit 1\n")];
    let command = CUCUMBER.replace("cucumber ", "sh run.sh ");
    cucumber(&command, &script, FEATURE).assert_with_policy(1, &StopPolicy::Possible, &[]);
}

/// Ruby accepts undefined steps unless it is strict.
#[rstest]
#[case(CUCUMBER, "skipped")]
#[case(
    "cucumber --strict --require steps --format json --out {{resultPath}} {{testExamples}}",
    "failed"
)]
#[case(CUCUMBER_JS, "failed")]
fn undefined_steps_follow_the_strictness_of_the_runner(
    #[case] command: &str,
    #[case] expected: &str,
) {
    let project = node(NODE, &[("features/a.feature", UNDEFINED)]);
    project.write("steps/s.rb", "Given(/^it passes$/) {}\n");
    project.write(
        "steps/s.cjs",
        "require('@cucumber/cucumber').Given('it passes', () => {});\n",
    );
    let project = project.tool("cucumber", &tools::on_path("cucumber"));
    let settings = settings(command, "out.json");
    let attempt = attempt(&project, "cucumber", settings, &["features/a.feature"]);
    let outcome = attempt.parsed.tests[1].outcome.name();
    assert_eq!(outcome, expected, "{}", attempt.log);
    let undefined = attempt.parsed.tests.iter().filter(|test| test.is_undefined);
    assert_eq!(undefined.count(), 1);
    assert_eq!(attempt.code == 0, expected == "skipped");
}

// Mocha, as a custom runner.

const MOCHA_XUNIT: &str =
    "npx mocha --reporter xunit --reporter-option output={{resultPath}} {{testExamples}}";

fn mocha(files: &[(&str, &str)]) -> Attempt {
    let mut settings = settings(MOCHA_XUNIT, "out.xml");
    settings.file_pattern = Some("test/*.js".to_owned());
    let project = node(MOCHA, files);
    attempt(&project, "custom", settings, &["test/a.test.js"])
}

#[test]
fn mocha_overrides_bail() {
    let tests = "it('fails', () => { throw new Error('no'); }); it('passes', () => {});";
    let attempt = mocha(&[
        (".mocharc.json", r#"{"bail": true}"#),
        ("test/a.test.js", tests),
    ]);
    // The code of a test may still stop it.
    attempt.assert_with_policy(1, &StopPolicy::Possible, &[]);
    assert_eq!(attempt.names().len(), 2);
}

#[rstest]
#[case("before", true)]
#[case("beforeEach", true)]
#[case("afterEach", true)]
#[case("after", false)]
fn mocha_hooks_that_fail_keep_tests_from_running(#[case] hook: &str, #[case] skips: bool) {
    let code = format!(
        "describe('cart', () => {{ {hook}(() => {{ throw new Error('no'); }});
           it('adds', () => {{}}); it('pays', () => {{}}); }});"
    );
    let attempt = mocha(&[("test/a.test.js", &code)]);
    let shortfalls = &attempt.parsed.shortfalls;
    assert_eq!(!shortfalls.is_empty(), skips, "{:#?}", attempt.parsed);
    for shortfall in shortfalls {
        let path = shortfall.path.as_deref().unwrap();
        assert!(Path::new(path).ends_with("test/a.test.js"), "{path}");
    }
    assert_eq!(attempt.names().contains(&"pays"), !skips);
}
