//! Vitest 3, 4 and 5.

use bktec::internals::{RunStatus, RunnerSettings};
use rstest::rstest;

use crate::project::Project;
use crate::tools;

const VITEST_3: &str = ".tools/vitest-3/node_modules";
const VITEST_4: &str = ".tools/node/node_modules";
const VITEST_5: &str = ".tools/node-22/node_modules";

const MIXED: &str = r#"
import fs from "node:fs";
import { describe, expect, test } from "vitest";
const once = (name) => {
  const seen = fs.existsSync(name);
  fs.writeFileSync(name, "");
  return seen;
};

describe("Weather (now)", () => {
  test("passes", () => {});
  test("costs $1.50 [a|b] 'q' \\ back", () => { expect(once("costs")).toBe(true); });
  test.skip("is skipped", () => {});
  test.todo("is to do");
});
test("fails", () => { expect(1).toBe(2); });
"#;

fn project(modules: &str, files: &[(&str, &str)]) -> Project {
    let project = Project::new(files).node_modules(modules);
    project.write("package.json", r#"{"name": "sample", "type": "module"}"#);
    project.tool("npx", &tools::on_path("npx"))
}

fn defaults() -> RunnerSettings {
    RunnerSettings {
        result_path: Some("tmp/vitest.json".to_owned()),
        ..RunnerSettings::default()
    }
}

#[rstest]
fn results_are_read_and_failed_tests_rerun(#[values(VITEST_3, VITEST_4, VITEST_5)] modules: &str) {
    let project = project(modules, &[("src/a.test.js", MIXED)]);
    let runner = project.runner("vitest", defaults());
    project.run_all(&*runner, &[], 1).assert(
        1,
        &[
            "src/a.test.js |  | fails | failed failed",
            "src/a.test.js | Weather (now) | costs $1.50 [a|b] 'q' \\ back | failed passed",
            "src/a.test.js | Weather (now) | is skipped | skipped",
            "src/a.test.js | Weather (now) | is to do | skipped",
            "src/a.test.js | Weather (now) | passes | passed",
        ],
    );
}

/// Vitest 5 matches patterns with other names than it reports.
#[rstest]
fn nested_tests_are_rerun(#[values(VITEST_3, VITEST_4, VITEST_5)] modules: &str) {
    let code = "import fs from 'node:fs';
import { describe, test } from 'vitest';
describe('cart (x)', () => { describe('totals of all', () => {
  test('is flaky', () => {
    if (!fs.existsSync('seen')) { fs.writeFileSync('seen', ''); throw new Error('flaky'); }
  });
  test('adds', () => {});
}); });
";
    let project = project(modules, &[("a.test.js", code)]);
    let runner = project.runner("vitest", defaults());
    project.run_all(&*runner, &[], 1).assert(
        0,
        &[
            "a.test.js | cart (x) totals of all | adds | passed",
            "a.test.js | cart (x) totals of all | is flaky | failed passed",
        ],
    );
}

#[rstest]
fn odd_paths_are_run_and_rerun(#[values(VITEST_3, VITEST_4, VITEST_5)] modules: &str) {
    let fails_once = "import fs from 'node:fs';
import { expect, test } from 'vitest';
import { fileURLToPath } from 'node:url';
const seen = fileURLToPath(import.meta.url) + '.seen';
test('t', () => {
  const was = fs.existsSync(seen);
  fs.writeFileSync(seen, '');
  expect(was).toBe(true);
});
";
    let files = [
        ("(group)/[id]/a.test.js", fails_once),
        ("-dash/b.test.js", fails_once),
        ("sp ace/c+d.test.js", fails_once),
        ("ünï/e.test.js", fails_once),
    ];
    let project = project(modules, &files);
    let runner = project.runner("vitest", defaults());
    let ran = project.run_all(&*runner, &[], 1);
    assert_eq!(
        ran.outcome.exit_code,
        0,
        "{:#?}\n{}",
        ran.events,
        project.log()
    );
    assert_eq!(ran.outcome.statistics().passed_on_retry, 4);
}

#[rstest]
fn a_file_that_does_not_load_is_an_error_despite_mutes(
    #[values(VITEST_3, VITEST_4, VITEST_5)] modules: &str,
) {
    let files = [("a.test.js", MIXED), ("b.test.js", "import './nothere';\n")];
    let project = project(modules, &files);
    let runner = project.runner("vitest", defaults());
    let ran = project.run_all(&*runner, &[("", "fails")], 1);
    assert_eq!(
        (ran.outcome.exit_code, ran.outcome.status()),
        (1, RunStatus::Error)
    );
}
