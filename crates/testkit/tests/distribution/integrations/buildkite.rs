//! Buildkite: the plugin, and the two pipelines. A stand-in has the agent's commands.

use serde_json::Value;
use test_engine_testkit::{Finished, root};

use super::machine::{Machine, Values, entries, load, parse, read, values};
use crate::scripts::run;

/// Keeps annotations, and replaces variables in pipelines as the agent does.
const AGENT: &str = r#"#!/usr/bin/env python3
import os, re, sys
arguments = sys.argv[1:]
directory = os.environ["TMPDIR"]
if arguments[0] == "annotate":
    name = arguments[arguments.index("--context") + 1]
    with open(f"{directory}/annotation-{name}", "w") as file:
        file.write(sys.stdin.read())
elif arguments[:2] == ["pipeline", "upload"]:
    def value(found):
        return "$" if found[0] == "$$" else os.environ.get(found[1] or found[2], "")
    text = open(arguments[2]).read()
    with open(f"{directory}/uploaded.yml", "w") as file:
        file.write(re.sub(r"\$\$|\$(\w+)|\$\{(\w+)\}", value, text))
else:
    sys.exit(f"unexpected {arguments}")
"#;

/// Runs the command of a step after the hook of the plugin.
fn run_step(machine: &Machine, step: &Value, job: &str, more: &Values) -> Finished {
    let hook = root().join("integrations/buildkite/hooks/environment");
    let mut variables = machine.settings();
    variables.extend(values([
        ("CI", "true"),
        ("BUILDKITE", "true"),
        ("BUILDKITE_BUILD_ID", "build-47"),
        ("BUILDKITE_BUILD_NUMBER", "47"),
        ("BUILDKITE_BRANCH", "feature"),
        (
            "BUILDKITE_COMMIT",
            "0123456789abcdef0123456789abcdef01234567",
        ),
        ("BUILDKITE_JOB_ID", job),
        ("BUILDKITE_STEP_ID", step["key"].as_str().unwrap_or(job)),
        // Those that a hook of the agent sets.
        (
            "BUILDKITE_TEST_ENGINE_API_ACCESS_TOKEN",
            &machine.connection.access_token,
        ),
        ("BUILDKITE_ANALYTICS_TOKEN", &machine.connection.suite_token),
        ("BUILDKITE_TEST_ENGINE_UPLOAD_RESULTS", "true"),
    ]));
    variables.extend(entries(&step["env"]));
    variables.extend(more.clone());
    let script = format!(
        ". '{}'\n{}",
        hook.display(),
        step["command"].as_str().unwrap()
    );
    machine.bash(
        &script,
        &variables,
        &[machine.example.temporary_path("agent")],
    )
}

#[test]
fn a_pipeline_runs_every_test() {
    let machine = Machine::new("pytest");
    let agent = machine.example.temporary_path("agent");
    fs_err::create_dir(&agent).unwrap();
    fs_err::write(agent.join("source"), AGENT).unwrap();
    // Copied by another process, which cannot inherit the file while it is open for writing.
    run(
        "install",
        &["-m", "755", "source", "buildkite-agent"],
        &agent,
    )
    .expect_code(0);
    let project = machine.example.project();
    fs_err::create_dir(project.join(".buildkite")).unwrap();
    fs_err::write(
        project.join(".buildkite/suite.yml"),
        read("buildkite/suite.yml"),
    )
    .unwrap();

    let pipeline = load("buildkite/pipeline.yml");
    let plan = &pipeline["steps"][0];
    let setup = values([("BKTEC_SETUP", "touch was-set-up")]);
    run_step(&machine, plan, "job-plan", &setup).expect_code(0);

    let uploaded = machine.temporary_directory().join("uploaded.yml");
    super::valid::check_schema("buildkite", &[], &[uploaded.to_str().unwrap()]);
    let uploaded = parse(&fs_err::read_to_string(&uploaded).unwrap());
    let [test, verify] = uploaded["steps"].as_array().unwrap().as_slice() else {
        panic!("{uploaded}");
    };
    assert_eq!(verify["depends_on"][0]["step"], test["key"]);
    let count = test["parallelism"].as_u64().unwrap();
    let node = |index: u64| {
        let variables = values([
            ("BUILDKITE_PARALLEL_JOB", &index.to_string()),
            ("BUILDKITE_PARALLEL_JOB_COUNT", &count.to_string()),
        ]);
        run_step(&machine, test, &format!("job-{index}"), &variables)
    };
    let nodes: Vec<Finished> = (0..count).map(node).collect();
    machine.expect_all_ran(&nodes);

    run_step(&machine, verify, "job-verify", &Values::new()).expect_code(0);
    let annotation = |name: &str| {
        let path = machine
            .temporary_directory()
            .join(format!("annotation-{name}"));
        fs_err::read_to_string(path).unwrap()
    };
    assert!(annotation("verify-pytest").contains("Complete"));
    assert!(annotation("bktec-pytest").contains("failed"));
}

#[test]
fn the_plugin_fails_without_an_address() {
    let machine = Machine::new("pytest");
    let hook = root().join("integrations/buildkite/hooks/environment");
    let finished = machine.bash(&format!(". '{}'", hook.display()), &Values::new(), &[]);
    finished.expect_code(1);
    assert!(
        finished.stderr.contains("neither download-url"),
        "{finished}"
    );
    // The options of the plugin arrive as variables.
    let given = values([("BUILDKITE_PLUGIN_BKTEC_DOWNLOAD_URL", machine.url())]);
    let script = format!(". '{}'\nbktec --version", hook.display());
    machine.bash(&script, &given, &[]).expect_code(0);
    let wrong = "0".repeat(64);
    let given = values([
        ("BUILDKITE_PLUGIN_BKTEC_DOWNLOAD_URL", machine.url()),
        ("BUILDKITE_PLUGIN_BKTEC_SHA256", &wrong),
    ]);
    machine.bash(&script, &given, &[]).expect_code(1);
}
