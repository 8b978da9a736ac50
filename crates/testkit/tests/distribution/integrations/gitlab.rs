//! GitLab: the component, and the child pipeline that it starts.

use serde_json::Value;
use test_engine_testkit::Finished;

use super::machine::{Machine, Values, entries, expand, lines, load, parse, read, text, values};
use crate::forge::Forge;

/// Variables that GitLab sets.
fn variables(machine: &Machine, pipeline: &str, job: &str) -> Values {
    let mut variables = machine.settings();
    variables.extend(values([
        ("CI", "true"),
        ("GITLAB_CI", "true"),
        ("CI_PIPELINE_ID", pipeline),
        ("CI_PIPELINE_IID", "47"),
        ("CI_JOB_NAME", job),
        ("CI_JOB_ID", job),
        ("CI_COMMIT_REF_NAME", "feature"),
        ("CI_COMMIT_SHA", "0123456789abcdef0123456789abcdef01234567"),
        ("CI_PROJECT_ROOT_NAMESPACE", "acme"),
        ("CI_PROJECT_ID", "7"),
        ("CI_API_V4_URL", machine.forge.url()),
        ("CI_MERGE_REQUEST_IID", "12"),
        // CI/CD variables of the project.
        ("GITLAB_TOKEN", Forge::token()),
        ("PYTEST_SUITE_TOKEN", &machine.connection.suite_token),
        (
            "BUILDKITE_TEST_ENGINE_API_ACCESS_TOKEN",
            &machine.connection.access_token,
        ),
        ("BUILDKITE_TEST_ENGINE_UPLOAD_RESULTS", "true"),
    ]));
    let project = machine.example.project();
    variables.insert("CI_PROJECT_DIR".to_owned(), project.display().to_string());
    variables
}

/// The component with the inputs that the pipeline gives.
fn component(include: &Value) -> Value {
    let component = read("gitlab/bktec.yml");
    let (head, jobs) = component.split_once("\n---\n").unwrap();
    let mut inputs = Values::new();
    for (name, input) in parse(head)["spec"]["inputs"].as_object().unwrap() {
        if let Some(default) = input.get("default") {
            inputs.insert(format!("inputs.{name}"), text(default));
        }
    }
    for (name, value) in entries(&include["inputs"]) {
        inputs.insert(format!("inputs.{name}"), value);
    }
    // The packages of the project are installed already.
    inputs.insert("inputs.setup".to_owned(), "touch was-set-up".to_owned());
    inputs.insert("inputs.job-template".to_owned(), "job.yml".to_owned());
    parse(&expand(jobs, ("$[[", "]]"), &inputs))
}

/// Runs a job of a pipeline, after applying `extends`.
fn run_job(machine: &Machine, pipeline: &Value, job: &Value, mut variables: Values) -> Finished {
    let mut script = Vec::new();
    let mut level = Some(job);
    let mut levels = Vec::new();
    while let Some(found) = level {
        levels.push(found);
        level = found["extends"].as_str().map(|name| &pipeline[name]);
    }
    for key in ["before_script", "script"] {
        let nearest = levels.iter().find(|level| !level[key].is_null());
        script.extend(lines(
            &nearest.map_or(Value::Null, |level| level[key].clone()),
        ));
    }
    for level in [&pipeline["variables"], &job["variables"]] {
        variables.extend(entries(level));
    }
    machine.bash(&script.join("\n"), &variables, &[])
}

#[test]
fn a_pipeline_runs_every_test() {
    let machine = Machine::new("pytest");
    let pipeline = load("gitlab/gitlab-ci.yml");
    let jobs = component(&pipeline["include"][0]);
    let project = machine.example.project();
    fs_err::write(project.join("job.yml"), read("gitlab/job.yml")).unwrap();
    let plan = &jobs["pytest: plan"];
    let planned = run_job(
        &machine,
        &jobs,
        plan,
        variables(&machine, "4711", "pytest: plan"),
    );
    planned.expect_code(0);

    let artifact = lines(&plan["artifacts"]["paths"]).pop().unwrap();
    let child = parse(&fs_err::read_to_string(project.join(artifact)).unwrap());
    let count = child["bktec"]["parallel"].as_u64().unwrap();
    let of_child = |job: &str| {
        // The child pipeline has an ID of its own, and the variables of the job that triggered it.
        let mut variables = variables(&machine, "4712", job);
        variables.extend(entries(&jobs["pytest: test"]["variables"]));
        variables
    };
    let node = |index: u64| {
        let mut variables = of_child(&format!("bktec {index}/{count}"));
        variables.insert("CI_NODE_INDEX".to_owned(), index.to_string());
        variables.insert("CI_NODE_TOTAL".to_owned(), count.to_string());
        run_job(&machine, &child, &child["bktec"], variables)
    };
    let nodes: Vec<Finished> = (1..=count).map(node).collect();
    machine.expect_all_ran(&nodes);

    let verified = run_job(&machine, &child, &child["verify"], of_child("verify"));
    Machine::expect_complete(&verified);
    machine.expect_one_comment(&verified);
}

/// The job that verifies knows the plan even if no job of the child pipeline started.
#[test]
fn a_pipeline_whose_jobs_never_start_is_incomplete() {
    let machine = Machine::new("pytest");
    let jobs = component(&load("gitlab/gitlab-ci.yml")["include"][0]);
    let project = machine.example.project();
    fs_err::write(project.join("job.yml"), read("gitlab/job.yml")).unwrap();
    let plan = &jobs["pytest: plan"];
    run_job(
        &machine,
        &jobs,
        plan,
        variables(&machine, "4711", "pytest: plan"),
    )
    .expect_code(0);
    let child = parse(&fs_err::read_to_string(project.join("pytest-tests.yml")).unwrap());
    let mut variables = variables(&machine, "4712", "verify");
    variables.extend(entries(&jobs["pytest: test"]["variables"]));
    let mut verify = child["verify"].clone();
    let script = verify["script"]
        .to_string()
        .replace("--wait 1m", "--wait 1s");
    verify["script"] = serde_json::from_str(&script).unwrap();
    let verified = run_job(&machine, &child, &verify, variables);
    verified.expect_code(1);
    assert!(verified.stdout.contains("❌ Incomplete"), "{verified}");
}
