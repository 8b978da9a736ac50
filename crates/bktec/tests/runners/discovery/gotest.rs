//! Go, which is asked with `go list` and the build flags of the test command.

use bktec::internals::RunnerSettings;
use rstest::rstest;

use super::{found, strict_error};
use crate::project::{Project, discover, settings};
use crate::tools;

const MODULE: &str = "example.com/m";
const JSON: &str = "go test -json {{packages}}";
const TAGGED: &str = "go test -tags integration -json {{packages}}";

fn project() -> Project {
    let test = |condition: &str, package: &str| {
        format!(
            "{condition}package {package}\n\nimport \"testing\"\n\nfunc TestX(*testing.T) {{}}\n"
        )
    };
    let project = Project::new(&[
        ("go.mod", "module example.com/m\n\ngo 1.22\n"),
        ("plain/a_test.go", &test("", "plain")),
        (
            "integration/b_test.go",
            &test("//go:build integration\n\n", "integration"),
        ),
        ("race/c_test.go", &test("//go:build race\n\n", "race")),
    ]);
    project
        .tool("gotestsum", &tools::installed(".tools/go/bin/gotestsum"))
        .unwrapped_tool(&tools::on_path("go"))
}

#[rstest]
#[case(JSON, "", &["plain"])]
#[case(TAGGED, "", &["integration", "plain"])]
#[case(
    "gotestsum --jsonfile={{resultPath}} -- -tags=integration -race",
    "",
    &["integration", "plain", "race"]
)]
#[case("sh -c 'go test -tags=integration {{packages}}'", "", &["integration", "plain"])]
#[case(JSON, "-tags=integration", &["integration", "plain"])]
#[case("env GOFLAGS=-tags=integration go test -json", "", &["integration", "plain"])]
fn go_list_has_the_build_flags_of_the_command(
    #[case] command: &str,
    #[case] flags: &str,
    #[case] expected: &[&str],
) {
    let project = project();
    let settings = RunnerSettings {
        environment: vec![("GOFLAGS".into(), flags.into())],
        ..settings(command, "out.json")
    };
    let packages = discover(&*project.runner("gotest", settings));
    let expected: Vec<_> = expected
        .iter()
        .map(|name| format!("{MODULE}/{name}"))
        .collect();
    assert_eq!(packages, expected);
}

#[test]
fn a_package_behind_a_build_tag_runs() {
    let project = project();
    let runner = project.runner("gotest", settings(TAGGED, "out.json"));
    let ran = |name| format!("{MODULE}/{name} | {MODULE}/{name} | TestX | passed");
    let ran = ["integration", "plain"].map(ran);
    project
        .run_all(&*runner, &[], 0)
        .assert(0, &[&ran[0], &ran[1]]);
}

#[test]
fn strict_discovery_needs_a_command_that_calls_go() {
    let strict = |command| RunnerSettings {
        strict_discovery: true,
        ..settings(command, "out.json")
    };
    let project = project();
    let direct = project.runner("gotest", strict(TAGGED));
    assert_eq!(strict_error(&*direct), None);
    let (_, warnings) = found(&*project.runner("gotest", strict("make test")));
    assert!(
        warnings[0].starts_with("--strict-discovery has no effect") && warnings.len() == 1,
        "{warnings:?}"
    );
}
