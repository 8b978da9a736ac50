//! What is known of the build: given by options, else found in what the CI says.

use super::fields::Field;
use super::problems::Problems;
use crate::ci::{Ci, Facts, RunEnvironment, Value};
use crate::cli::BuildArgs;
use crate::env_vars as var;

/// What the CI says about the build; empty where it says nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BuildSettings {
    /// The build: on Buildkite its UUID.
    pub build_id: String,
    /// The job.
    pub job_id: String,
    /// The step.
    pub step_id: String,
    /// The branch.
    pub branch: String,
    /// The commit.
    pub commit: String,
    /// The commit's or the build's message.
    pub message: String,
    /// The build's number.
    pub number: String,
    /// The build's page.
    pub url: String,
    /// How often the CI job was retried.
    pub job_retry_count: i64,
    /// This job's number.
    pub parallel_job: i64,
    /// How many jobs there are.
    pub parallelism: i64,
}

/// What was taken from the variables of a CI, for people.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Found {
    named: Vec<String>,
    others: Vec<String>,
}

impl Found {
    /// Notes a value that was taken.
    pub(super) fn take(&mut self, what: &str, value: &Value) {
        self.named
            .push(format!("{what} {} ({})", value.text, value.from));
    }

    /// Notes something in words of its own.
    pub(super) fn note(&mut self, text: String) {
        self.named.push(text);
    }

    /// Notes a value whose text is of no use here.
    fn take_silently(&mut self, what: &str) {
        self.others.push(what.to_owned());
    }

    /// One line; `None` where nothing was taken.
    pub(super) fn line(self, ci: &Ci) -> Option<String> {
        let mut parts = self.named;
        if !self.others.is_empty() {
            parts.push(format!("and the {}", self.others.join(", ")));
        }
        if parts.is_empty() {
            return None;
        }
        Some(format!(
            "bktec: taken from {}: {}",
            ci.provider.title,
            parts.join(", ")
        ))
    }
}

/// The build without its nodes, which depend on the command.
pub(super) fn build(
    args: &BuildArgs,
    ci: Option<&Ci>,
    found: &mut Found,
    problems: &mut Problems,
) -> BuildSettings {
    let nothing = Facts::default();
    let facts = ci.map_or(&nothing, |ci| &ci.facts);
    let given = |text: &Option<String>| text.clone().filter(|text| !text.trim().is_empty());
    let mut told = |what: &str, text: &Option<String>, value: &Option<Value>| {
        given(text).unwrap_or_else(|| taken(value.as_ref(), |value| found.take(what, value)))
    };
    let build_id = told("build", &args.build_id, &facts.build);
    let step_id = told("step", &args.step_id, &facts.step);
    let retries = Field::new(
        var::BUILDKITE_RETRY_COUNT,
        "--retry-count",
        args.retry_count.as_ref(),
    );
    let job_retry_count = if retries.text.is_some() {
        retries.integer(0, 0..=i64::MAX, problems)
    } else {
        let retries = told("retry", &None, &facts.retry_count.clone().filter(is_retry));
        retries.parse().unwrap_or(0)
    };
    let mut rest = |what: &str, text: &Option<String>, value: &Option<Value>| {
        given(text).unwrap_or_else(|| taken(value.as_ref(), |_| found.take_silently(what)))
    };
    BuildSettings {
        build_id,
        step_id,
        job_retry_count,
        job_id: rest("job", &args.job_id, &facts.job),
        branch: rest("branch", &args.branch, &facts.branch),
        commit: rest("commit", &args.commit, &facts.commit),
        message: rest("message", &args.message, &facts.message),
        number: rest("number", &args.build_number, &facts.number),
        url: rest("page", &args.build_url, &facts.url),
        parallel_job: 0,
        parallelism: 1,
    }
}

fn is_retry(value: &Value) -> bool {
    value.text != "0"
}

fn taken(value: Option<&Value>, note: impl FnOnce(&Value)) -> String {
    let Some(value) = value else {
        return String::new();
    };
    note(value);
    value.text.clone()
}

/// The build that uploads belong to: options win over what the CI reports.
pub(super) fn run_environment(args: &BuildArgs, ci: Option<&Ci>) -> RunEnvironment {
    let mut run = RunEnvironment::detected(ci);
    for (given, field) in [
        (&args.build_id, &mut run.key),
        (&args.branch, &mut run.branch),
        (&args.commit, &mut run.commit_sha),
        (&args.build_number, &mut run.number),
        (&args.build_url, &mut run.url),
        (&args.job_id, &mut run.job_id),
        (&args.message, &mut run.message),
    ] {
        if let Some(text) = given.as_ref().filter(|text| !text.trim().is_empty()) {
            text.clone_into(field);
        }
    }
    // Without a CI, a build's id is Buildkite's.
    if ci.is_none() && !run.key.is_empty() {
        run.ci = "buildkite";
    }
    run
}
