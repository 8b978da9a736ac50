//! GitHub Actions: the reusable workflow and the composite actions.

use rstest::rstest;
use serde_json::Value;
use test_engine_testkit::{Finished, root};

use super::machine::{Machine, Values, entries, expand, lines, load, parse, text, values};
use crate::forge::Forge;

const EXPRESSION: (&str, &str) = ("${{", "}}");

/// A run of the workflow, whose jobs share a checkout.
struct Workflow {
    machine: Machine,
    definition: Value,
    /// The values of expressions.
    values: Values,
}

impl Workflow {
    fn new(suite: &str) -> Self {
        let machine = Machine::new(suite);
        let workflow = load("github/suite.yml");
        let caller = load("github/tests.yml");
        let inputs = &workflow["on"]["workflow_call"]["inputs"];
        let mut known = Values::new();
        for (name, input) in inputs.as_object().unwrap() {
            known.insert(format!("inputs.{name}"), text(&input["default"]));
        }
        for (name, input) in entries(&caller["jobs"][suite]["with"]) {
            known.insert(format!("inputs.{name}"), input);
        }
        let temporary = machine.temporary_directory();
        known.extend(values([
            // The packages of the project are installed already.
            ("inputs.setup", "touch was-set-up"),
            (
                "vars.TEST_ENGINE_ORGANIZATION",
                &machine.connection.organization,
            ),
            ("vars.TEST_ENGINE_URL", &machine.connection.base_url),
            ("vars.TEST_ENGINE_DOWNLOAD_URL", machine.url()),
            ("secrets.api-token", &machine.connection.access_token),
            ("secrets.suite-token", &machine.connection.suite_token),
            ("github.token", Forge::token()),
            ("runner.temp", temporary.to_str().unwrap()),
            ("runner.os", "Linux"),
            ("runner.arch", "X64"),
        ]));
        Self {
            machine,
            definition: workflow,
            values: known,
        }
    }

    /// Variables that GitHub sets in every job.
    fn variables(&self, job: &str) -> Values {
        let file = |name: &str| {
            let path = self.machine.temporary_directory().join(name);
            path.to_str().unwrap().to_owned()
        };
        let mut variables = values([
            ("CI", "true"),
            ("GITHUB_ACTIONS", "true"),
            ("GITHUB_RUN_ID", "4711"),
            ("GITHUB_RUN_NUMBER", "47"),
            ("GITHUB_RUN_ATTEMPT", "1"),
            ("GITHUB_JOB", job),
            ("GITHUB_ACTION", "__run"),
            ("GITHUB_REF", "refs/pull/12/merge"),
            ("GITHUB_REF_NAME", "12/merge"),
            ("GITHUB_HEAD_REF", "feature"),
            ("GITHUB_SHA", "0123456789abcdef0123456789abcdef01234567"),
            ("GITHUB_REPOSITORY", "acme/shop"),
            ("GITHUB_REPOSITORY_OWNER", "acme"),
            ("GITHUB_SERVER_URL", "https://github.example.com"),
        ]);
        for name in ["GITHUB_OUTPUT", "GITHUB_PATH", "GITHUB_STEP_SUMMARY"] {
            variables.insert(name.to_owned(), file(name));
        }
        let project = self.machine.example.project();
        variables.insert("GITHUB_WORKSPACE".to_owned(), project.display().to_string());
        for level in [&self.definition, &self.definition["jobs"][job]] {
            variables.extend(self.expand_all(entries(&level["env"])));
        }
        variables
    }

    #[track_caller]
    fn expand_all(&self, values: Values) -> Values {
        let expanded =
            |(name, value): (String, String)| (name, expand(&value, EXPRESSION, &self.values));
        values.into_iter().map(expanded).collect()
    }

    /// Runs the steps of a job, and returns those that run a script.
    fn job(&mut self, job: &str) -> Vec<Finished> {
        let variables = self.variables(job);
        let steps = self.definition["jobs"][job]["steps"].clone();
        let steps = steps.as_array().unwrap().clone();
        steps
            .iter()
            .flat_map(|step| self.step(step, &variables))
            .collect()
    }

    fn step(&mut self, step: &Value, variables: &Values) -> Vec<Finished> {
        if let Some(action) = step["uses"].as_str() {
            let with = self.expand_all(entries(&step["with"]));
            return self.action(action, &with, variables);
        }
        let mut variables = variables.clone();
        variables.extend(self.expand_all(entries(&step["env"])));
        let script = expand(step["run"].as_str().unwrap(), EXPRESSION, &self.values);
        let path = fs_err::read_to_string(&variables["GITHUB_PATH"]).unwrap_or_default();
        let directories: Vec<_> = path.lines().map(Into::into).collect();
        vec![self.machine.bash(&script, &variables, &directories)]
    }

    /// Runs an action of this repository. Those of GitHub do nothing.
    fn action(&mut self, action: &str, with: &Values, variables: &Values) -> Vec<Finished> {
        let Some(path) = action.strip_prefix("OWNER/REPO/integrations/") else {
            assert!(action.starts_with("actions/"), "{action}");
            return Vec::new();
        };
        let path = path.split_once('@').expect("a version").0;
        let action = load(&format!("{path}/action.yml"));
        let directory = root().join("integrations").join(path);
        let outer = self.values.clone();
        for (name, input) in action["inputs"].as_object().unwrap() {
            let value = with.get(name).cloned();
            let is_required = input["required"] == true;
            assert!(value.is_some() || !is_required, "{path} needs {name}");
            let value = value.unwrap_or_else(|| text(&input["default"]));
            self.values.insert(format!("inputs.{name}"), value);
        }
        let directory = directory.to_str().unwrap().to_owned();
        self.values
            .insert("github.action_path".to_owned(), directory);
        let steps = action["runs"]["steps"].as_array().unwrap().clone();
        let finished = steps
            .iter()
            .flat_map(|step| self.step(step, variables))
            .collect();
        self.values = outer;
        finished
    }

    /// Reads the outputs of the step `plan`, and makes them known to the later jobs.
    fn take_outputs(&mut self) {
        let path = self.machine.temporary_directory().join("GITHUB_OUTPUT");
        let written = fs_err::read_to_string(path).unwrap();
        let mut written = written.lines();
        while let Some(line) = written.next() {
            let (name, value) = if let Some((name, end)) = line.split_once("<<") {
                let value: Vec<_> = written.by_ref().take_while(|line| *line != end).collect();
                (name, value.join("\n"))
            } else {
                let (name, value) = line.split_once('=').unwrap();
                (name, value.to_owned())
            };
            self.values
                .insert(format!("needs.plan.outputs.{name}"), value.clone());
        }
    }
}

#[rstest]
fn a_workflow_runs_every_test(#[values("pytest", "jest", "rspec")] suite: &str) {
    let mut run = Workflow::new(suite);
    for step in run.job("plan") {
        step.expect_code(0);
    }
    run.take_outputs();
    assert_eq!(run.values["needs.plan.outputs.has-tests"], "true");

    let matrix = parse(&run.values["needs.plan.outputs.matrix"]);
    let mut nodes = Vec::new();
    for node in lines(&matrix["node"]) {
        run.values.insert("matrix.node".to_owned(), node);
        let mut steps = run.job("test");
        nodes.push(steps.pop().unwrap());
    }
    run.machine.expect_all_ran(&nodes);

    let steps = run.job("verify");
    let [_install, verified, commented] = steps.as_slice() else {
        panic!("{steps:?}");
    };
    verified.expect_code(0);
    run.machine.expect_one_comment(commented);
    let summary = run
        .machine
        .temporary_directory()
        .join("GITHUB_STEP_SUMMARY");
    let summary = fs_err::read_to_string(summary).unwrap();
    assert!(
        summary.contains("Complete") && summary.contains("failed"),
        "{summary}"
    );

    // A later build edits the comment.
    let again = run.job("verify").pop().unwrap();
    run.machine.expect_one_comment(&again);
}
