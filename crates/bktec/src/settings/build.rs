//! The build: from options, else from what the CI reports.

use super::problems::Problems;
use crate::ci::{BuildDetails, Ci, RunEnvironment, Value};
use crate::cli::{BuildArgs, NodeArgs, Opt};

/// Texts are empty where nothing is known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BuildSettings {
    /// On Buildkite, a UUID.
    pub build_id: String,
    pub job_id: String,
    pub step_id: String,
    pub branch: String,
    pub commit: String,
    /// How many times the CI job was retried.
    pub job_retry_count: i64,
    /// This job's index, from 0.
    pub parallel_job: i64,
    pub parallelism: i64,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Detected {
    /// Texts with their variables.
    details: Vec<String>,
    /// Names alone, for values that would not help a reader.
    names: Vec<&'static str>,
}

impl Detected {
    pub(super) fn add(&mut self, detail: String) {
        self.details.push(detail);
    }

    /// The text of an option, else the value of the CI, which is noted.
    pub(super) fn resolve(
        &mut self,
        name: &'static str,
        option: &Opt<String>,
        value: Option<&Value>,
        with_text: bool,
    ) -> Option<String> {
        option.ok().or_else(|| {
            let value = value?;
            if with_text {
                self.add(format!("{name} {} ({})", value.text, value.from));
            } else {
                self.names.push(name);
            }
            Some(value.text.clone())
        })
    }

    /// One line; `None` when nothing was taken.
    pub(super) fn line(mut self, ci: &Ci) -> Option<String> {
        if !self.names.is_empty() {
            self.details.push(format!("and {}", self.names.join(", ")));
        }
        (!self.details.is_empty()).then(|| {
            let title = ci.provider.title;
            format!("bktec: detected {title}: {}", self.details.join(", "))
        })
    }
}

/// The build without its nodes, which depend on the command.
pub(super) fn build(
    args: &BuildArgs,
    node: &NodeArgs,
    ci: Option<&Ci>,
    detected: &mut Detected,
    problems: &mut Problems,
) -> BuildSettings {
    let none = BuildDetails::default();
    let details = ci.map_or(&none, |ci| &ci.details);
    let mut text = |name, option: &Opt<String>, value: &Option<Value>, with_text| {
        let text = detected.resolve(name, option, value.as_ref(), with_text);
        text.unwrap_or_default()
    };
    let build_id = text("build", &args.build_id, &details.build, true);
    let step_id = text("step", &node.step_id, &details.step, true);
    let retries = details.retry_count.clone();
    let retries = retries.filter(|value| value.text != "0" && !node.retry_count.is_set());
    let detected_retries = text("retry", &Opt::default(), &retries, true);
    let job_retry_count = problems.integer(
        &node.retry_count,
        detected_retries.parse().unwrap_or(0),
        0..=i64::MAX,
    );
    let build = BuildSettings {
        build_id,
        step_id,
        job_retry_count,
        job_id: text("job", &args.job_id, &details.job, false),
        branch: text("branch", &args.branch, &details.branch, false),
        commit: text("commit", &args.commit, &details.commit, false),
        parallel_job: 0,
        parallelism: 1,
    };
    // Used by uploads alone; read here so that they are part of the log line.
    text("message", &args.message, &details.message, false);
    text("number", &args.build_number, &details.number, false);
    text("URL", &args.build_url, &details.url, false);
    build
}

/// The build that uploads belong to: options win over what the CI reports.
pub(super) fn run_environment(args: &BuildArgs, ci: Option<&Ci>) -> RunEnvironment {
    let mut run = RunEnvironment::detected(ci);
    for (option, field) in [
        (&args.build_id, &mut run.key),
        (&args.branch, &mut run.branch),
        (&args.commit, &mut run.commit_sha),
        (&args.build_number, &mut run.number),
        (&args.build_url, &mut run.url),
        (&args.job_id, &mut run.job_id),
        (&args.message, &mut run.message),
    ] {
        if let Some(text) = option.ok() {
            *field = text;
        }
    }
    // Without a CI, a build ID is Buildkite's.
    if ci.is_none() && !run.key.is_empty() {
        run.ci = "buildkite";
    }
    run
}
