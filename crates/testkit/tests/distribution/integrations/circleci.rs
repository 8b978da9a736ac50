//! CircleCI: the orb, and the two configurations that use it.

use serde_json::Value;
use test_engine_testkit::Finished;

use super::machine::{Machine, Values, entries, expand, load, text, values};
use crate::forge::Forge;

const EXPRESSION: (&str, &str) = ("<<", ">>");

/// Variables that CircleCI sets in a workflow, and those of the context.
fn variables(machine: &Machine, workflow: &str, job: &str) -> Values {
    let mut variables = machine.settings();
    variables.extend(values([
        ("CI", "true"),
        ("CIRCLECI", "true"),
        ("CIRCLE_WORKFLOW_ID", workflow),
        ("CIRCLE_JOB", job),
        ("CIRCLE_WORKFLOW_JOB_ID", job),
        ("CIRCLE_BUILD_NUM", "47"),
        ("CIRCLE_BRANCH", "feature"),
        ("CIRCLE_SHA1", "0123456789abcdef0123456789abcdef01234567"),
        ("CIRCLE_PROJECT_USERNAME", "acme"),
        (
            "CIRCLE_PULL_REQUEST",
            "https://github.example.com/acme/shop/pull/12",
        ),
        (
            "BUILDKITE_TEST_ENGINE_API_ACCESS_TOKEN",
            &machine.connection.access_token,
        ),
        ("PYTEST_SUITE_TOKEN", &machine.connection.suite_token),
        ("GITHUB_TOKEN", Forge::token()),
    ]));
    let path = |name: &str| {
        machine
            .temporary_directory()
            .join(name)
            .display()
            .to_string()
    };
    variables.insert("BASH_ENV".to_owned(), path("bash.env"));
    variables.insert("CIRCLE_WORKING_DIRECTORY".to_owned(), path("../project"));
    variables
}

/// The values of the parameters of a command or job: those that are given, and the defaults.
fn parameters(definition: &Value, given: &Values) -> Values {
    let mut known = Values::new();
    for (name, parameter) in definition["parameters"].as_object().into_iter().flatten() {
        let value = given.get(name).cloned().unwrap_or_else(|| {
            let default = parameter.get("default");
            text(default.unwrap_or_else(|| panic!("{name} is required")))
        });
        known.insert(format!("parameters.{name}"), value);
    }
    known
}

/// Runs the steps of a command or job of the orb.
fn run_steps(
    machine: &Machine,
    steps: &Value,
    known: &Values,
    variables: &Values,
) -> Vec<Finished> {
    let orb = load("circleci/orb.yml");
    let mut finished = Vec::new();
    for step in steps.as_array().unwrap() {
        match step.as_str() {
            Some("checkout") => {}
            Some(command) => {
                let command = &orb["commands"][command];
                finished.extend(run_steps(machine, &command["steps"], known, variables));
            }
            None => {
                let step = &step["run"];
                let mut variables = variables.clone();
                for (name, value) in entries(&step["environment"]) {
                    variables.insert(name, expand(&value, EXPRESSION, known));
                }
                let script = expand(step["command"].as_str().unwrap(), EXPRESSION, known);
                finished.push(machine.bash(&script, &variables, &[]));
            }
        }
    }
    finished
}

/// Runs a job of the orb with the parameters that a workflow gives.
fn run_job(machine: &Machine, job: &str, given: &Values, variables: &Values) -> Vec<Finished> {
    let orb = load("circleci/orb.yml");
    let job = &orb["jobs"][job];
    let known = parameters(job, given);
    let mut variables = variables.clone();
    for (name, value) in entries(&job["environment"]) {
        variables.insert(name, expand(&value, EXPRESSION, &known));
    }
    run_steps(machine, &job["steps"], &known, &variables)
}

#[test]
fn a_pipeline_runs_every_test() {
    let machine = Machine::new("pytest");
    let orb = load("circleci/orb.yml");
    let file = machine.temporary_directory().join("parameters.json");
    let file = file.to_str().unwrap();

    // The setup workflow: install, then one plan for each suite.
    let setup = variables(&machine, "workflow-1", "plan");
    let config = load("circleci/config.yml");
    let plans: Vec<Values> = config["jobs"]["plan"]["steps"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|step| step.get("bktec/plan").is_some())
        .map(|step| entries(&step["bktec/plan"]))
        .collect();
    assert_eq!(plans.len(), 3);
    let install = &orb["commands"]["install"]["steps"];
    run_steps(&machine, install, &Values::new(), &setup)[0].expect_code(0);
    machine.add_suite("other");
    // Two suites, to see that the second plan is added to the first.
    for suite in ["pytest", "other"] {
        let mut given = plans[0].clone();
        given.insert("suite".to_owned(), suite.to_owned());
        given.insert("parameters-file".to_owned(), file.to_owned());
        let plan = &orb["commands"]["plan"];
        let known = parameters(plan, &given);
        run_steps(&machine, &plan["steps"], &known, &setup)[0].expect_code(0);
    }
    let found: Value = serde_json::from_str(&fs_err::read_to_string(file).unwrap()).unwrap();
    assert!(
        found["other_parallelism"].is_u64() && found["pytest_has_tests"] == true,
        "{found}"
    );

    // The continued pipeline, with the parameters that the plan gave.
    let tests = load("circleci/tests.yml");
    let mut known = Values::new();
    for (name, value) in entries(&found) {
        known.insert(format!("pipeline.parameters.{name}"), value);
    }
    let given = |index: usize, job: &str| -> Values {
        let given = entries(&tests["workflows"]["pytest"]["jobs"][index][job]);
        let given = given.into_iter().filter(|(name, _)| name != "requires");
        given
            .map(|(name, value)| (name, expand(&value, EXPRESSION, &known)))
            .collect()
    };
    let mut of_test = given(0, "bktec/test");
    of_test.insert("setup".to_owned(), "touch was-set-up".to_owned());
    let count: usize = of_test["parallelism"].parse().unwrap();
    let node = |index: usize| {
        let mut variables = variables(&machine, "workflow-2", "pytest");
        variables.insert("CIRCLE_NODE_INDEX".to_owned(), index.to_string());
        variables.insert("CIRCLE_NODE_TOTAL".to_owned(), count.to_string());
        run_job(&machine, "test", &of_test, &variables)
            .pop()
            .unwrap()
    };
    let nodes: Vec<Finished> = (0..count).map(node).collect();
    machine.expect_all_ran(&nodes);

    let verify = variables(&machine, "workflow-2", "pytest-verify");
    let steps = run_job(&machine, "verify", &given(1, "bktec/verify"), &verify);
    Machine::expect_complete(&steps[1]);
    machine.expect_one_comment(&steps[2]);
}
