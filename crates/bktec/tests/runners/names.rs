//! Odd names, end to end with the real runners: each file fails once, and is found again.

use bktec::internals::{RunnerError, RunnerSettings};
use rstest::rstest;

use crate::project::{self, Project};
use crate::tools;

/// Some of them, taken for patterns, stand for others: these would run in their place.
const FOLDERS: [&str; 15] = [
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

/// A runner, how its files are called, and what stands in them.
struct Kind {
    runner: &'static str,
    command: Option<&'static str>,
    file: &'static str,
    content: &'static str,
    result: &'static str,
    /// Folders that this runner itself cannot have.
    cannot: &'static [&'static str],
}

const RSPEC: Kind = Kind {
    runner: "rspec",
    command: Some("rspec --format progress --format json --out {{resultPath}} {{testExamples}}"),
    file: "-x_spec.rb",
    content: "RSpec.describe('S') do\n  it('t') do\n    seen = File.exist?(__FILE__ + '.seen')\n    File.write(__FILE__ + '.seen', '')\n    expect(seen).to be true\n  end\nend\n",
    result: "out.json",
    cannot: &[],
};

const JEST: Kind = Kind {
    runner: "jest",
    command: None,
    file: "-x.test.js",
    content: "const fs = require('fs');\ntest('t', () => { const seen = fs.existsSync(__filename + '.seen'); fs.writeFileSync(__filename + '.seen', ''); expect(seen).toBe(true); });\n",
    result: "out.json",
    cannot: &[],
};

const VITEST: Kind = Kind {
    runner: "vitest",
    command: None,
    file: "-x.test.js",
    content: "import fs from 'node:fs';\nimport { expect, test } from 'vitest';\ntest('t', () => { const path = expect.getState().testPath + '.seen'; const seen = fs.existsSync(path); fs.writeFileSync(path, ''); expect(seen).toBe(true); });\n",
    result: "out.json",
    cannot: &["back\\slash", "quit?"],
};

const PLAYWRIGHT: Kind = Kind {
    runner: "playwright",
    command: None,
    file: "-x.spec.js",
    content: "const fs = require('fs');\nconst { test, expect } = require('@playwright/test');\ntest('t', () => { const seen = fs.existsSync(__filename + '.seen'); fs.writeFileSync(__filename + '.seen', ''); expect(seen).toBe(true); });\n",
    result: "out.json",
    cannot: &[],
};

const PYTEST: Kind = Kind {
    runner: "pytest",
    command: Some("pytest {{testExamples}} --junit-xml={{resultPath}}"),
    file: "test_-x.py",
    content: "import pathlib\n\ndef test_t():\n    path = pathlib.Path(__file__ + '.seen')\n    seen = path.exists()\n    path.touch()\n    assert seen\n",
    result: "out.xml",
    cannot: &["(group)/[id]", "[id]"],
};

const FEATURE: &str = "Feature: F\n\n  Scenario: s\n    Given it works the second time\n";

const RUBY: Kind = Kind {
    runner: "cucumber",
    command: Some(
        "cucumber --format progress --format json --out {{resultPath}} --require steps {{testExamples}}",
    ),
    file: "-x.feature",
    content: FEATURE,
    result: "out.json",
    cannot: &["back\\slash"],
};

const JAVASCRIPT: Kind = Kind {
    runner: "cucumber",
    command: Some(
        "npx cucumber-js --require steps/steps.cjs --format progress --format json:{{resultPath}} {{testExamples}}",
    ),
    file: "-x.feature",
    content: FEATURE,
    result: "out.json",
    cannot: &["back\\slash"],
};

const BATS: Kind = Kind {
    runner: "custom",
    command: Some("sh -c 'bats --formatter junit {{testExamples}} > {{resultPath}}'"),
    file: "-x.bats",
    content: "@test \"t\" {\n  [ -e \"$BATS_TEST_FILENAME.seen\" ] && return\n  touch \"$BATS_TEST_FILENAME.seen\"\n  false\n}\n",
    result: "out.xml",
    cannot: &[],
};

fn project(kind: &Kind) -> (Project, usize) {
    let project = Project::new(&[("package.json", r#"{"name": "sample", "type": "commonjs"}"#)]);
    let folders = || {
        FOLDERS
            .iter()
            .filter(|folder| !kind.cannot.contains(folder))
    };
    for folder in folders() {
        project.write(&format!("{folder}/{}", kind.file), kind.content);
    }
    project.write(kind.file, kind.content);
    let count = folders().count() + 1;
    let project = match kind.runner {
        "rspec" => project.tool("rspec", &tools::on_path("rspec"), "never"),
        "pytest" => {
            project.write(
                "pytest.ini",
                "[pytest]\naddopts = -p no:cacheprovider --import-mode=importlib\n",
            );
            project.tool(
                "pytest",
                &tools::installed(".tools/pytest/bin/pytest"),
                "never",
            )
        }
        "jest" => {
            let modules = tools::installed("examples/jest/node_modules");
            std::os::unix::fs::symlink(modules, project.root().join("node_modules")).unwrap();
            project.tool("npx", &tools::on_path("npx"), "never")
        }
        "custom" => project.tool("bats", &tools::on_path("bats"), "--formatter"),
        _ => {
            project.link_node_modules();
            project.write("playwright.config.js", "module.exports = { testDir: '.', workers: 1, reporter: [['json', { outputFile: 'out.json' }]] };\n");
            // One step for both; it remembers its scenario by the file that it is in.
            project.write("steps/steps.rb", "Before { |scenario| @seen = scenario.location.file + '.seen' }\nGiven(/^it works the second time$/) { seen = File.exist?(@seen); File.write(@seen, ''); raise 'first' unless seen }\n");
            project.write("steps/steps.cjs", "const fs = require('fs');\nconst { Before, Given } = require('@cucumber/cucumber');\nBefore(function ({ pickle }) { this.seen = pickle.uri + '.seen'; });\nGiven('it works the second time', function () { const seen = fs.existsSync(this.seen); fs.writeFileSync(this.seen, ''); if (!seen) throw new Error('first'); });\n");
            project.tool("npx", &tools::on_path("npx"), "never").tool(
                "cucumber",
                &tools::on_path("cucumber"),
                "never",
            )
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
fn every_odd_name_is_run_and_found_again(#[case] kind: Kind) {
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
    let told = || format!("{:#?}\n{:#?}\n{}", ran.events, ran.outcome, project.log());
    assert_eq!(ran.outcome.exit_code, 0, "{}", told());
    let mended = ran.outcome.statistics().passed_on_retry;
    assert_eq!(usize::try_from(mended).unwrap(), count, "{}", told());
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
fn a_line_break_in_a_name_is_refused(
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

/// pytest would run all files but this one, or none at all, and say that all is well.
#[test]
fn a_bracket_in_a_path_is_refused_for_pytest() {
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
