//! Go tests, with gotestsum and with `go test -json`.

use bktec::internals::{RunStatus, RunnerSettings};
use rstest::rstest;
use test_engine_results::Format;

use crate::project::{Project, discover, settings};
use crate::tools;

const MIXED: &str = r#"
package a

import (
	"os"
	"testing"
)

func TestFails(t *testing.T) {
	t.Run("sub one", func(t *testing.T) { t.Error("x") })
	t.Run("sub two", func(t *testing.T) {})
}

func TestFlaky(t *testing.T) {
	if _, err := os.Stat("seen"); err != nil {
		os.WriteFile("seen", nil, 0o644)
		t.Error("first")
	}
}

func TestPasses(t *testing.T) {}

func TestSkipped(t *testing.T) { t.Skip() }
"#;

const PASSES: &str = "package b\n\nimport \"testing\"\n\nfunc TestB(t *testing.T) {}\n";
const BROKEN: &str =
    "package c\n\nimport \"testing\"\n\nfunc TestC(t *testing.T) { undefined() }\n";
const EXITS: &str = r#"package d

import (
	"os"
	"testing"
)

func TestMain(m *testing.M) { os.Exit(3) }

func TestD(t *testing.T) {}
"#;

const SUM_JSON: &str = "gotestsum --jsonfile={{resultPath}} {{packages}}";
const SUM_JUNIT: &str = "gotestsum --junitfile={{resultPath}} {{packages}}";
const GO_JSON: &str = "go test -json {{packages}}";

fn project(files: &[(&str, &str)]) -> Project {
    let project = Project::new(&[("go.mod", "module example.com/m\n\ngo 1.22\n")]);
    for (file, content) in files {
        project.write(file, content);
    }
    project
        .tool("gotestsum", &tools::installed(".tools/go/bin/gotestsum"))
        .unwrapped_tool(&tools::on_path("go"))
}

#[test]
fn packages_with_tests_are_found() {
    let project = project(&[
        ("a/a_test.go", MIXED),
        ("b/b_test.go", PASSES),
        ("n/n.go", "package n\n"),
    ]);
    let runner = project.runner("gotest", RunnerSettings::default());
    assert_eq!(discover(&*runner), ["example.com/m/a", "example.com/m/b"]);
}

#[rstest]
#[case(SUM_JSON, Format::GoJsonl)]
#[case(SUM_JUNIT, Format::Junit)]
#[case(GO_JSON, Format::GoJsonl)]
fn results_are_read_and_failed_packages_rerun(#[case] command: &str, #[case] format: Format) {
    let project = project(&[("a/a_test.go", MIXED), ("b/b_test.go", PASSES)]);
    let runner = project.runner("gotest", settings(command, "result"));
    assert_eq!(runner.upload_format(), Some(format));
    let ran = project.run_all(&*runner, &[], 1);
    let scope = "example.com/m/a | example.com/m/a";
    ran.assert(
        1,
        &[
            &format!("{scope} | TestFails | failed failed"),
            &format!("{scope} | TestFails/sub_one | failed failed"),
            &format!("{scope} | TestFails/sub_two | passed passed"),
            &format!("{scope} | TestFlaky | failed passed"),
            &format!("{scope} | TestPasses | passed passed"),
            &format!("{scope} | TestSkipped | skipped"),
            "example.com/m/b | example.com/m/b | TestB | passed",
        ],
    );
    assert!(
        !ran.events[1].contains("example.com/m/b"),
        "{:?}",
        ran.events
    );
}

#[rstest]
#[case(SUM_JSON)]
#[case(SUM_JUNIT)]
#[case(GO_JSON)]
fn a_package_that_does_not_build_is_an_error(#[case] command: &str) {
    let project = project(&[("b/b_test.go", PASSES), ("c/c_test.go", BROKEN)]);
    let runner = project.runner("gotest", settings(command, "result"));
    let ran = project.run_all(&*runner, &[("", "TestMain")], 1);
    assert_eq!(
        (ran.outcome.exit_code, ran.outcome.status()),
        (1, RunStatus::Error),
        "{:?}",
        ran.events
    );
    assert!(
        ran.outcome.errors_outside_tests[0].contains("example.com/m/c"),
        "{:?}",
        ran.outcome
    );
    assert_eq!(ran.outcome.retries, 0);
}

#[rstest]
#[case(SUM_JSON)]
#[case(SUM_JUNIT)]
#[case(GO_JSON)]
fn a_package_that_fails_without_a_failed_test_is_a_failed_test(#[case] command: &str) {
    let project = project(&[("b/b_test.go", PASSES), ("d/d_test.go", EXITS)]);
    let runner = project.runner("gotest", settings(command, "result"));
    project.run_all(&*runner, &[], 1).assert(
        1,
        &[
            "example.com/m/b | example.com/m/b | TestB | passed",
            "example.com/m/d | example.com/m/d | TestMain | failed failed",
        ],
    );
}
