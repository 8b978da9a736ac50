//! Odd names, end to end with the real runners: each file fails once and is rerun.

use bktec::internals::{RunnerError, RunnerSettings};
use rstest::rstest;

use crate::project::{self, Project};
use crate::tools;

/// Some of them, interpreted as patterns, match others.
const DIRECTORIES: [&str; 15] = [
    "(group)",
    "(group)/[id]",
    "[id]",
    "i",
    "s*r",
    "star",
    "quit?",
    "{a,i}",
    "-dash",
    "@at",
    "sp ace",
    "it's \"q\"",
    "ünï",
    "$HOME",
    "back\\slash",
];

struct Kind {
    runner: &'static str,
    command: Option<&'static str>,
    file: &'static str,
    content: &'static str,
    result: &'static str,
    /// Directories that this runner does not support.
    unsupported: &'static [&'static str],
}

const RSPEC: Kind = Kind {
    runner: "rspec",
    command: Some("rspec --format progress --format json --out {{resultPath}} {{testExamples}}"),
    file: "-x_spec.rb",
    content: "RSpec.describe('S') do
  it('t') do
    seen = File.exist?(__FILE__ + '.seen')
    File.write(__FILE__ + '.seen', '')
    expect(seen).to be true
  end
end
",
    result: "out.json",
    unsupported: &[],
};

const JEST: Kind = Kind {
    runner: "jest",
    command: None,
    file: "-x.test.js",
    content: "const fs = require('fs');
test('t', () => {
  const seen = fs.existsSync(__filename + '.seen');
  fs.writeFileSync(__filename + '.seen', '');
  expect(seen).toBe(true);
});
",
    result: "out.json",
    unsupported: &[],
};

const VITEST: Kind = Kind {
    runner: "vitest",
    command: None,
    file: "-x.test.js",
    content: "import fs from 'node:fs';
import { expect, test } from 'vitest';
test('t', () => {
  const path = expect.getState().testPath + '.seen';
  const seen = fs.existsSync(path);
  fs.writeFileSync(path, '');
  expect(seen).toBe(true);
});
",
    result: "out.json",
    unsupported: &["back\\slash", "quit?"],
};

const PLAYWRIGHT: Kind = Kind {
    runner: "playwright",
    command: None,
    file: "-x.spec.js",
    content: "const fs = require('fs');
const { test, expect } = require('@playwright/test');
test('t', () => {
  const seen = fs.existsSync(__filename + '.seen');
  fs.writeFileSync(__filename + '.seen', '');
  expect(seen).toBe(true);
});
",
    result: "out.json",
    unsupported: &[],
};

const PYTEST: Kind = Kind {
    runner: "pytest",
    command: Some("pytest {{testExamples}} --junit-xml={{resultPath}}"),
    file: "test_-x.py",
    content: "import pathlib

def test_t():
    path = pathlib.Path(__file__ + '.seen')
    seen = path.exists()
    path.touch()
    assert seen
",
    result: "out.xml",
    unsupported: &["(group)/[id]", "[id]"],
};

const FEATURE: &str = "Feature: F\n\n  Scenario: s\n    Given it works the second time\n";

const RUBY: Kind = Kind {
    runner: "cucumber",
    command: Some(
        "cucumber --format progress --format json --out {{resultPath}} \
         --require steps {{testExamples}}",
    ),
    file: "-x.feature",
    content: FEATURE,
    result: "out.json",
    unsupported: &["back\\slash"],
};

const JAVASCRIPT: Kind = Kind {
    runner: "cucumber",
    command: Some(
        "npx cucumber-js --require steps/steps.cjs \
         --format progress --format json:{{resultPath}} {{testExamples}}",
    ),
    file: "-x.feature",
    content: FEATURE,
    result: "out.json",
    unsupported: &["back\\slash"],
};

const BATS: Kind = Kind {
    runner: "custom",
    command: Some("sh -c 'bats --formatter junit {{testExamples}} > {{resultPath}}'"),
    file: "-x.bats",
    content: r#"@test "t" {
  [ -e "$BATS_TEST_FILENAME.seen" ] && return
  touch "$BATS_TEST_FILENAME.seen"
  false
}
"#,
    result: "out.xml",
    unsupported: &[],
};

fn project(kind: &Kind) -> (Project, usize) {
    let project = Project::new(&[("package.json", r#"{"name": "sample", "type": "commonjs"}"#)]);
    let directories = || {
        DIRECTORIES
            .iter()
            .filter(|directory| !kind.unsupported.contains(directory))
    };
    for directory in directories() {
        project.write(&format!("{directory}/{}", kind.file), kind.content);
    }
    project.write(kind.file, kind.content);
    let count = directories().count() + 1;
    let project = match kind.runner {
        "rspec" => project.tool("rspec", &tools::on_path("rspec")),
        "pytest" => {
            project.write(
                "pytest.ini",
                "[pytest]\naddopts = -p no:cacheprovider --import-mode=importlib\n",
            );
            project.tool("pytest", &tools::installed(".tools/pytest/bin/pytest"))
        }
        "jest" => {
            let modules = tools::installed("examples/jest/node_modules");
            std::os::unix::fs::symlink(modules, project.root().join("node_modules")).unwrap();
            project.tool("npx", &tools::on_path("npx"))
        }
        "custom" => project.tool_printing_with("bats", &tools::on_path("bats"), "--formatter"),
        _ => {
            project.link_node_modules();
            project.write(
                "playwright.config.js",
                "module.exports = {
  testDir: '.',
  workers: 1,
  reporter: [['json', { outputFile: 'out.json' }]],
};
",
            );
            // The step of both flavours fails the first time for each feature file.
            project.write(
                "steps/steps.rb",
                "Before { |scenario| @seen = scenario.location.file + '.seen' }
Given(/^it works the second time$/) {
  seen = File.exist?(@seen)
  File.write(@seen, '')
  raise 'first' unless seen
}
",
            );
            project.write(
                "steps/steps.cjs",
                "const fs = require('fs');
const { Before, Given } = require('@cucumber/cucumber');
Before(function ({ pickle }) { this.seen = pickle.uri + '.seen'; });
Given('it works the second time', function () {
  const seen = fs.existsSync(this.seen);
  fs.writeFileSync(this.seen, '');
  if (!seen) throw new Error('first');
});
",
            );
            project
                .tool("npx", &tools::on_path("npx"))
                .tool("cucumber", &tools::on_path("cucumber"))
        }
    };
    (project, count)
}

#[rstest]
#[case::rspec(RSPEC)]
#[case::jest(JEST)]
#[case::vitest(VITEST)]
#[case::playwright(PLAYWRIGHT)]
#[case::pytest(PYTEST)]
#[case::cucumber_ruby(RUBY)]
#[case::cucumber_javascript(JAVASCRIPT)]
#[case::bats(BATS)]
fn odd_names_are_run_and_rerun(#[case] kind: Kind) {
    let (project, count) = project(&kind);
    let runner = project.runner(
        kind.runner,
        RunnerSettings {
            test_command: kind.command.map(str::to_owned),
            retry_command: kind
                .command
                .filter(|_| kind.runner == "custom")
                .map(str::to_owned),
            result_path: Some(kind.result.to_owned()),
            file_pattern: Some(format!("**/*{}", kind.file.trim_start_matches("test_"))),
            ..RunnerSettings::default()
        },
    );
    let ran = project.run_all(&*runner, &[], 1);
    let details = || format!("{:#?}\n{:#?}\n{}", ran.events, ran.outcome, project.log());
    assert_eq!(ran.outcome.exit_code, 0, "{}", details());
    let repaired = ran.outcome.statistics().passed_on_retry;
    assert_eq!(usize::try_from(repaired).unwrap(), count, "{}", details());
}

#[rstest]
#[case("rspec", "spec/a\nb_spec.rb", "spec/**/*_spec.rb")]
#[case("jest", "a\nb.test.js", "**/*.test.js")]
#[case("vitest", "a\rb.test.js", "**/*.test.js")]
#[case("playwright", "a\nb.spec.js", "**/*.spec.js")]
#[case("cypress", "a\nb.cy.js", "**/*.cy.js")]
#[case("pytest", "test_a\nb.py", "**/test_*.py")]
#[case("cucumber", "features/a\nb.feature", "features/**/*.feature")]
#[case("custom", "a\nb.bats", "*.bats")]
fn a_line_break_in_a_name_is_rejected(
    #[case] runner: &str,
    #[case] file: &str,
    #[case] pattern: &str,
) {
    let project = Project::new(&[(file, "")]);
    let runner = project.runner(
        runner,
        RunnerSettings {
            test_command: Some("x {{testExamples}} {{resultPath}}".to_owned()),
            result_path: Some("out.xml".to_owned()),
            file_pattern: Some(pattern.to_owned()),
            ..RunnerSettings::default()
        },
    );
    let error = runner.discover(&mut |_| {}).unwrap_err();
    assert!(
        matches!(error, RunnerError::UnsupportedName { .. }),
        "{error}"
    );
    let text = error.to_string();
    assert!(
        text.contains("newline") && text.contains("rename it"),
        "{text}"
    );
}

/// pytest would run all other files, or none, and report success.
#[test]
fn a_bracket_in_a_path_is_rejected_for_pytest() {
    for file in ["[id]/test_a.py", "p[x]q/test_a.py", "test_[a].py"] {
        let project = Project::new(&[(file, ""), ("test_b.py", "")]);
        let runner = project.runner(
            "pytest",
            RunnerSettings {
                test_command: Some("pytest --junit-xml={{resultPath}}".to_owned()),
                ..RunnerSettings::default()
            },
        );
        let named = project::selector(file);
        for error in [
            runner.discover(&mut |_| {}).map(drop).unwrap_err(),
            runner.command(&[named]).map(drop).unwrap_err(),
            runner.examples(&[file.to_owned()]).map(drop).unwrap_err(),
        ] {
            let text = error.to_string();
            assert!(text.contains(file) && text.contains("exclude it"), "{text}");
        }
    }
}
