//! The configurations follow the schemas of their CIs. What a CI replaces before it reads a file,
//! such as the inputs of a component, is checked after that.

use test_engine_testkit::{clean_command, root, run_within, tool};

use super::machine::{load, read};
use crate::scripts::{SCRIPT_TIMEOUT, run};

/// Fails the test unless the files follow the schema of this CI.
#[track_caller]
pub(super) fn check_schema(name: &str, options: &[&str], files: &[&str]) {
    let program = tool("packaging/bin/check-jsonschema");
    let schema = format!("vendor.{name}");
    let mut arguments = vec!["--builtin-schema", &schema];
    arguments.extend(options);
    arguments.extend(files);
    run(
        program.to_str().unwrap(),
        &arguments,
        &root().join("integrations"),
    )
    .expect_code(0);
}

#[test]
fn github_workflows_and_actions() {
    let directory = tempfile::tempdir().unwrap();
    let workflows = directory.path().join(".github/workflows");
    fs_err::create_dir_all(&workflows).unwrap();
    for name in ["suite.yml", "tests.yml"] {
        fs_err::write(workflows.join(name), read(&format!("github/{name}"))).unwrap();
    }
    run("git", &["init", "--quiet"], directory.path()).expect_code(0);
    let actionlint = tool("go/bin/actionlint");
    // The workflows that people copy, and those of this repository.
    for checkout in [directory.path(), &root()] {
        let home = directory.path();
        let mut command = clean_command(&actionlint, home);
        command.current_dir(checkout);
        if checkout == root() {
            for name in ["ci.yml", "release.yml"] {
                command.arg(checkout.join(".github/workflows").join(name));
            }
        }
        run_within(command, SCRIPT_TIMEOUT).expect_code(0);
    }
    let actions = ["github/setup-bktec/action.yml", "github/run/action.yml"];
    check_schema("github-actions", &[], &actions);
}

#[test]
fn gitlab_pipelines() {
    let options = ["--data-transform", "gitlab-ci"];
    check_schema(
        "gitlab-ci",
        &options,
        &["gitlab/gitlab-ci.yml", "gitlab/job.yml"],
    );
}

#[test]
fn circleci_configurations() {
    let files = [
        "circleci/orb.yml",
        "circleci/config.yml",
        "circleci/tests.yml",
    ];
    check_schema("circle-ci", &[], &files);
}

#[test]
fn buildkite_pipeline_and_plugin() {
    check_schema("buildkite", &[], &["buildkite/pipeline.yml"]);
    // The options of a plugin are a JSON schema.
    let directory = tempfile::tempdir().unwrap();
    let schema = directory.path().join("schema.json");
    fs_err::write(
        &schema,
        load("buildkite/plugin.yml")["configuration"].to_string(),
    )
    .unwrap();
    let given = directory.path().join("given.json");
    let check = |text: &str| {
        fs_err::write(&given, text).unwrap();
        let program = tool("packaging/bin/check-jsonschema");
        let arguments = [
            "--schemafile",
            schema.to_str().unwrap(),
            given.to_str().unwrap(),
        ];
        run(program.to_str().unwrap(), &arguments, directory.path()).code()
    };
    assert_eq!(
        check(r#"{"download-url": "https://downloads.example.com"}"#),
        0
    );
    assert_eq!(check(r#"{"url": "https://downloads.example.com"}"#), 1);
}

#[test]
fn azure_pipelines() {
    // A pattern of the schema is not valid in Unicode mode.
    let options = [
        "--regex-variant",
        "nonunicode",
        "--data-transform",
        "azure-pipelines",
    ];
    check_schema("azure-pipelines", &options, &["azure/azure-pipelines.yml"]);
    let directory = tempfile::tempdir().unwrap();
    let template = directory.path().join("suite.yml");
    for index in 0..3 {
        fs_err::write(&template, super::azure::template(index)).unwrap();
        check_schema(
            "azure-pipelines",
            &options[..2],
            &[template.to_str().unwrap()],
        );
    }
}
