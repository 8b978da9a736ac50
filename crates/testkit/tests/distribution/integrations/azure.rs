//! Azure Pipelines: the template of a suite.

use serde_json::Value;
use test_engine_testkit::Finished;

use super::machine::{Machine, Values, entries, expand, load, parse, read, text, values};
use crate::forge::Forge;

/// The template with the parameters that a pipeline gives, as text.
pub(super) fn template(index: usize) -> String {
    let pipeline = load("azure/azure-pipelines.yml");
    let template = read("azure/suite.yml");
    let mut known = Values::new();
    for parameter in parse(&template)["parameters"].as_array().unwrap() {
        if let Some(default) = parameter.get("default") {
            known.insert(
                format!("parameters.{}", text(&parameter["name"])),
                text(default),
            );
        }
    }
    for (name, value) in entries(&pipeline["jobs"][index]["parameters"]) {
        known.insert(format!("parameters.{name}"), value);
    }
    // The packages of the project are installed already.
    known.insert("parameters.setup".to_owned(), "touch was-set-up".to_owned());
    expand(&template, ("${{", "}}"), &known)
}

/// A build, whose jobs share a checkout.
struct Build {
    machine: Machine,
    template: Value,
    /// Values of the expressions that the agent knows when a job starts.
    outputs: Values,
}

impl Build {
    fn variables(&self, job: &Value, more: &Values) -> Values {
        let mut variables = self.machine.settings();
        variables.extend(values([
            ("TF_BUILD", "True"),
            ("BUILD_BUILDID", "4711"),
            ("BUILD_BUILDNUMBER", "20261129.1"),
            ("BUILD_SOURCEBRANCH", "refs/pull/12/merge"),
            (
                "BUILD_SOURCEVERSION",
                "0123456789abcdef0123456789abcdef01234567",
            ),
            ("BUILD_REPOSITORY_PROVIDER", "GitHub"),
            ("BUILD_REPOSITORY_NAME", "acme/shop"),
            ("SYSTEM_PULLREQUEST_PULLREQUESTNUMBER", "12"),
            ("SYSTEM_STAGENAME", "__default"),
            ("SYSTEM_PHASENAME", job["job"].as_str().unwrap()),
            ("SYSTEM_JOBATTEMPT", "1"),
            ("SYSTEM_JOBID", job["job"].as_str().unwrap()),
            ("BUILDKITE_TEST_ENGINE_UPLOAD_RESULTS", "true"),
        ]));
        let directory = self.machine.temporary_directory();
        variables.insert(
            "AGENT_TEMPDIRECTORY".to_owned(),
            directory.display().to_string(),
        );
        let of_job = entries(&job["variables"]).into_iter();
        variables.extend(
            of_job.map(|(name, value)| (name, expand(&value, ("$[", " ]"), &self.outputs))),
        );
        variables.extend(more.clone());
        variables
    }

    /// Runs the steps of a job.
    fn job(&self, index: usize, more: &Values) -> Vec<Finished> {
        let job = &self.template["jobs"][index];
        let secrets = values([
            ("TestEngineApiToken", &self.machine.connection.access_token),
            ("PytestSuiteToken", &self.machine.connection.suite_token),
            ("GitHubToken", Forge::token()),
        ]);
        let steps = job["steps"].as_array().unwrap().iter();
        let run = |step: &Value| {
            let mut variables = self.variables(job, more);
            for (name, value) in entries(&step["env"]) {
                variables.insert(name, expand(&value, ("$(", ")"), &secrets));
            }
            self.machine.bash(
                step["bash"].as_str().unwrap(),
                &variables,
                &[self.machine.programs()],
            )
        };
        steps
            .filter(|step| step.get("bash").is_some())
            .map(run)
            .collect()
    }
}

/// The outputs of the step `plan`, in the form of the expressions that later jobs use.
fn outputs(planned: &Finished) -> Values {
    let marker = "##vso[task.setvariable variable=";
    let lines = planned
        .stdout
        .lines()
        .filter_map(|line| line.strip_prefix(marker));
    let output = |line: &str| {
        let (name, value) = line.split_once(";isOutput=true]").unwrap();
        (
            format!("dependencies.pytest_plan.outputs['plan.{name}']"),
            value.to_owned(),
        )
    };
    lines.map(output).collect()
}

#[test]
fn a_pipeline_runs_every_test() {
    let mut build = Build {
        machine: Machine::new("pytest"),
        template: parse(&template(0)),
        outputs: Values::new(),
    };
    let steps = build.job(0, &Values::new());
    for step in &steps {
        step.expect_code(0);
    }
    let path = format!(
        "##vso[task.prependpath]{}",
        build.machine.programs().display()
    );
    assert!(steps[0].stdout.contains(&path), "{}", steps[0]);
    build.outputs = outputs(&steps[2]);

    let matrix = &build.template["jobs"][1]["strategy"]["matrix"];
    let matrix = expand(matrix.as_str().unwrap(), ("$[", " ]"), &build.outputs);
    let matrix: Value = serde_json::from_str(&matrix).unwrap();
    let mut nodes = Vec::new();
    for node in matrix.as_object().unwrap().values() {
        nodes.push(build.job(1, &entries(node)).pop().unwrap());
    }
    build.machine.expect_all_ran(&nodes);

    let steps = build.job(2, &Values::new());
    Machine::expect_complete(&steps[1]);
    build.machine.expect_one_comment(&steps[2]);
    assert!(
        steps[2].stdout.contains("##vso[task.uploadsummary]"),
        "{}",
        steps[2]
    );
}
