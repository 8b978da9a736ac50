//! Playwright from `.tools/node`, with Debian's Chromium.

use bktec::internals::{RunStatus, RunnerSettings};

use crate::project::{Project, discover, named, settings};
use crate::tools;

const CONFIGURATION: &str = r#"
module.exports = {
  testDir: ".",
  workers: 1,
  reporter: [["json", { outputFile: "result.json" }], ["line"]],
  projects: [{
    name: "chromium",
    use: { launchOptions: { executablePath: "CHROMIUM", args: ["--no-sandbox"] } },
  }],
};
"#;

const MIXED: &str = r#"
const fs = require("fs");
const { test, expect } = require("@playwright/test");
test.describe("Shop (new)", () => {
  test("shows", async ({ page }) => {
    await page.setContent("<p>hello</p>");
    await expect(page.locator("p")).toHaveText("hello");
  });
  test("fails", async () => { expect(1).toBe(2); });
  test("is flaky", async () => {
    const seen = fs.existsSync("seen");
    fs.writeFileSync("seen", "");
    expect(seen).toBe(true);
  });
  test.skip("is skipped", async () => {});
});
"#;

const COMMAND: &str = "npx playwright test {{testExamples}}";

fn project(files: &[(&str, &str)]) -> Project {
    let project = Project::new(files);
    let chromium = tools::on_path("chromium");
    let configuration = CONFIGURATION.replace("CHROMIUM", chromium.to_str().unwrap());
    project.write("playwright.config.js", &configuration);
    project.write("package.json", r#"{"name": "sample"}"#);
    project.link_node_modules();
    project.tool("npx", &tools::on_path("npx"))
}

#[test]
fn results_are_read_and_failed_tests_rerun() {
    let project = project(&[("(group)/[id]/a.spec.js", MIXED)]);
    let runner = project.runner("playwright", settings(COMMAND, "result.json"));
    let scope = " chromium (group)/[id]/a.spec.js Shop (new)";
    let ran = project.run_all(&*runner, &[], 1);
    ran.assert(
        1,
        &[
            &format!("(group)/[id]/a.spec.js:9 | {scope} fails | fails | failed failed"),
            &format!("(group)/[id]/a.spec.js:10 | {scope} is flaky | is flaky | failed passed"),
            &format!("(group)/[id]/a.spec.js:15 | {scope} is skipped | is skipped | skipped"),
            &format!("(group)/[id]/a.spec.js:5 | {scope} shows | shows | passed"),
        ],
    );
}

#[test]
fn listed_tests_have_the_names_of_results() {
    let project = project(&[("(group)/a.spec.js", MIXED)]);
    let runner = project.runner("playwright", settings(COMMAND, "result.json"));
    let examples = runner.examples(&discover(&*runner)).unwrap();
    assert_eq!(examples.len(), 4);
    assert!(
        !project.root().join("result.json").exists(),
        "listing tests wrote results"
    );
    let cases = [named(&examples, "shows")];
    let ran = project.run(&*runner, &cases, &[], 0);
    assert_eq!(
        (ran.outcome.exit_code, ran.outcome.tests.len()),
        (0, 1),
        "{:?}",
        ran.events
    );
    assert_eq!(ran.outcome.tests[0].key.scope, cases[0].scope);
}

#[test]
fn a_file_that_does_not_load_is_an_error_despite_mutes() {
    let project = project(&[
        ("a.spec.js", MIXED),
        ("b.spec.js", "require('./nothere');\n"),
    ]);
    let settings = RunnerSettings {
        file_pattern: Some("*.spec.js".to_owned()),
        ..settings(COMMAND, "result.json")
    };
    let runner = project.runner("playwright", settings);
    let ran = project.run_all(&*runner, &[], 1);
    assert_eq!(
        (ran.outcome.exit_code, ran.outcome.status()),
        (1, RunStatus::Error)
    );
}
