//! The settings of `bktec plan`.

use std::path::PathBuf;
use std::time::Duration;

use super::common::{self, CommonSettings};
use super::fields::Field;
use super::nodes::{self, CommandKind, MAX_PARALLELISM};
use super::problems::{InvalidConfiguration, Problems};
use super::run::used_by_run;
use crate::ci::Variables;
use crate::cli::{CiEnvironment, PlanArgs, Typed};
use crate::env_vars as var;

/// The longest target time, in nanoseconds: 24 hours.
const MAX_TARGET_TIME: i64 = 24 * 3600 * 1_000_000_000;

/// What becomes of the plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PlanOutput {
    /// Identifier and parallelism as one line of JSON on stdout.
    Json,
    /// The whole plan on stdout.
    PlanToStdout,
    /// The whole plan in a file.
    PlanToFile(PathBuf),
    /// A pipeline template for the CI agent to upload.
    PipelineUpload(String),
    /// Outputs of a step of GitHub Actions, added to this file.
    GitHub(PathBuf),
    /// A child pipeline of GitLab.
    GitLab {
        /// The file with the job that its jobs extend.
        template: PathBuf,
        /// Where to; stdout without it.
        file: Option<PathBuf>,
    },
    /// Parameters of CircleCI's continued pipeline, in a file or on stdout.
    CircleCi(Option<PathBuf>),
}

/// Everything `bktec plan` needs to know.
#[derive(Clone, Debug)]
pub struct PlanSettings {
    /// What it shares with `run`.
    pub common: CommonSettings,
    /// What becomes of the plan.
    pub output: PlanOutput,
    /// The most nodes the server may choose; `None` when it may not choose.
    pub max_parallelism: Option<i64>,
    /// How long each node should take.
    pub target_time: Option<Duration>,
}

impl PlanSettings {
    pub fn resolve(typed: &Typed<PlanArgs>) -> Result<Self, InvalidConfiguration> {
        const COMMAND: &str = "plan";
        let mut problems = Problems::default();
        let args = &typed.own;
        let resolved = common::resolve(
            CommandKind::Planner,
            &typed.global,
            &args.common,
            &typed.preview,
            &typed.ci_environment,
            &mut problems,
        );
        // Nothing here uses them, but the nodes would stop at the same values.
        used_by_run(&args.common, typed.tags_from_variable, &mut problems);
        let max_parallelism = Field::new(
            var::BUILDKITE_TEST_ENGINE_MAX_PARALLELISM,
            "--max-parallelism",
            args.max_parallelism.as_ref(),
        )
        .integer(0, 0..=MAX_PARALLELISM, &mut problems);
        let target_time = target_time(args, max_parallelism, &mut problems);
        let parallelism_field = nodes::count_field(&args.common.build);
        // A text that is no number has been noted already.
        let parallelism =
            parallelism_field.integer(1, i64::MIN..=i64::MAX, &mut Problems::default());
        let least = i64::from(max_parallelism == 0);
        if !(least..=MAX_PARALLELISM).contains(&parallelism) {
            parallelism_field.wrong(&format!("{least} to {MAX_PARALLELISM}"), &mut problems);
        }
        let output = output(args, &typed.ci_environment, &mut problems);
        problems.finish(COMMAND)?;
        let (Some(common), Some(output)) = (resolved.settings, output) else {
            // Each of these is missing only when a problem was noted.
            return Err(InvalidConfiguration::incomplete(COMMAND));
        };
        Ok(Self {
            common,
            output,
            max_parallelism: (max_parallelism > 0).then_some(max_parallelism),
            target_time,
        })
    }
}

fn target_time(args: &PlanArgs, max_parallelism: i64, problems: &mut Problems) -> Option<Duration> {
    let field = Field::new(
        var::BUILDKITE_TEST_ENGINE_TARGET_TIME,
        "--target-time",
        args.target_time.as_ref(),
    );
    let nanoseconds = field.duration(0, problems);
    if nanoseconds == 0 {
        return None;
    }
    if !(1..=MAX_TARGET_TIME).contains(&nanoseconds) {
        field.wrong("more than 0s and at most 24h", problems);
        return None;
    }
    if max_parallelism == 0 {
        problems.add(
            field.variable,
            "needs a maximum of nodes (give --max-parallelism)",
        );
        return None;
    }
    u64::try_from(nanoseconds).ok().map(Duration::from_nanos)
}

fn output(
    args: &PlanArgs,
    ci_environment: &CiEnvironment,
    problems: &mut Problems,
) -> Option<PlanOutput> {
    let set = |text: &Option<String>| text.clone().filter(|text| !text.trim().is_empty());
    let json = Field::new("--json", "--json", args.json.as_ref())
        .boolean(false, problems)
        .then_some(PlanOutput::Json);
    let plan = set(&args.plan_out).map(|path| match path.as_str() {
        "-" => PlanOutput::PlanToStdout,
        _ => PlanOutput::PlanToFile(PathBuf::from(path)),
    });
    let pipeline = set(&args.pipeline_upload).map(PlanOutput::PipelineUpload);
    let for_ci = set(&args.output).map(|ci| for_ci(ci.trim(), args, ci_environment, problems));
    if for_ci.is_none() {
        for (flag, text) in [
            ("--output-file", &args.output_file),
            ("--job-template", &args.job_template),
        ] {
            if set(text).is_some() {
                problems.add(flag, "needs a CI to write for (give --output)");
            }
        }
    }
    let mut asked: Vec<Option<PlanOutput>> = [json, plan, pipeline]
        .into_iter()
        .flatten()
        .map(Some)
        .chain(for_ci)
        .collect();
    if asked.len() == 1 {
        return asked.pop().flatten();
    }
    problems.add(
        "--json|--plan-out|--pipeline-upload|--output",
        "exactly one of these must be given",
    );
    None
}

/// `None` when a problem was noted.
fn for_ci(
    ci: &str,
    args: &PlanArgs,
    ci_environment: &CiEnvironment,
    problems: &mut Problems,
) -> Option<PlanOutput> {
    let path = |text: &Option<String>| {
        let text = text.as_ref().filter(|text| !text.trim().is_empty());
        text.map(PathBuf::from)
    };
    let file = path(&args.output_file);
    let template = path(&args.job_template);
    if template.is_some() && ci != "gitlab" {
        problems.add("--job-template", "is for --output gitlab");
    }
    match ci {
        "github" => {
            let of_step = Variables::new(&ci_environment.variables).value(var::GITHUB_OUTPUT);
            let file = file.or_else(|| of_step.map(|value| PathBuf::from(value.text)));
            if file.is_none() {
                problems.add(
                    var::GITHUB_OUTPUT,
                    "must not be blank for --output github (or give --output-file)",
                );
            }
            file.map(PlanOutput::GitHub)
        }
        "gitlab" => {
            if template.is_none() {
                problems.add("--job-template", "must not be blank for --output gitlab");
            }
            template.map(|template| PlanOutput::GitLab { template, file })
        }
        "circleci" => Some(PlanOutput::CircleCi(file)),
        other => {
            problems.add(
                "--output",
                format!("was {other:?}, must be github, gitlab or circleci"),
            );
            None
        }
    }
}
