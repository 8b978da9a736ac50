//! The settings of `bktec plan`.

use std::path::PathBuf;
use std::time::Duration;

use super::common::{self, CommonSettings};
use super::nodes::{CommandKind, MAX_PARALLELISM};
use super::problems::{InvalidConfiguration, Problems};
use super::run::options_of_run;
use crate::ci::Variables;
use crate::cli::{CiEnvironment, PlanArgs, Typed};
use crate::env_vars as var;

const MAX_TARGET_TIME: Duration = Duration::from_hours(24);

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PlanOutput {
    /// Identifier and parallelism as one line of JSON on stdout.
    Json,
    /// The whole plan on stdout.
    PlanToStdout,
    /// The whole plan in a file.
    PlanToFile(PathBuf),
    /// A pipeline template for the Buildkite agent to upload.
    PipelineUpload(String),
    /// Step outputs of GitHub Actions, appended to this file.
    GitHub(PathBuf),
    GitLab {
        /// Defines the job that the jobs of the pipeline extend.
        template: PathBuf,
        /// `None` for stdout.
        file: Option<PathBuf>,
    },
    /// Parameters of a CircleCI pipeline, in a file or on stdout.
    CircleCi(Option<PathBuf>),
}

#[derive(Clone, Debug)]
pub struct PlanSettings {
    pub common: CommonSettings,
    pub output: PlanOutput,
    /// 1 to 1000; `None` when the server may not choose the number of nodes.
    pub max_parallelism: Option<i64>,
    /// Target duration of each node, at most 24 hours.
    pub target_time: Option<Duration>,
}

impl PlanSettings {
    pub fn resolve(typed: &Typed<PlanArgs>) -> Result<Self, InvalidConfiguration> {
        let mut problems = Problems::default();
        let settings = resolve(typed, &mut problems);
        problems.finish("plan", settings)
    }
}

fn resolve(typed: &Typed<PlanArgs>, problems: &mut Problems) -> Option<PlanSettings> {
    let args = &typed.own;
    let common = common::resolve(
        CommandKind::Planner,
        typed,
        &args.common,
        &args.selection,
        problems,
    );
    options_of_run(&args.common, problems);
    let max_parallelism = problems.integer(&args.max_parallelism, 0, 0..=MAX_PARALLELISM);
    let target_time = target_time(args, max_parallelism, problems);
    let parallelism = &args.common.node.parallelism;
    let min = i64::from(max_parallelism == 0);
    if !(min..=MAX_PARALLELISM).contains(&parallelism.ok().unwrap_or(1)) {
        problems.push(parallelism.wrong(&format!("{min} to {MAX_PARALLELISM}")));
    }
    let output = output(args, &typed.ci_environment, problems);
    Some(PlanSettings {
        common: common?.0,
        output: output?,
        max_parallelism: (max_parallelism > 0).then_some(max_parallelism),
        target_time,
    })
}

fn target_time(args: &PlanArgs, max_parallelism: i64, problems: &mut Problems) -> Option<Duration> {
    let target_time = problems
        .get(&args.target_time)
        .filter(|time| !time.is_zero())?;
    if target_time > MAX_TARGET_TIME {
        problems.push(args.target_time.wrong("more than 0s and at most 24h"));
    } else if max_parallelism == 0 {
        problems.add(args.target_time.name(), "requires --max-parallelism");
    }
    Some(target_time)
}

fn output(
    args: &PlanArgs,
    ci_environment: &CiEnvironment,
    problems: &mut Problems,
) -> Option<PlanOutput> {
    let json = problems.flag(&args.json, false).then_some(PlanOutput::Json);
    let plan = args.plan_out.ok().map(|path| match path.to_str() {
        Some("-") => PlanOutput::PlanToStdout,
        _ => PlanOutput::PlanToFile(path),
    });
    let pipeline = args.pipeline_upload.ok().map(PlanOutput::PipelineUpload);
    let ci = args.output.ok();
    if ci.is_none() {
        for option in [&args.output_file, &args.job_template] {
            if option.is_set() {
                problems.add(option.name(), "requires --output");
            }
        }
    }
    let for_ci = ci.map(|ci| for_ci(ci.trim(), args, ci_environment, problems));
    let given: Vec<(&str, Option<PlanOutput>)> = [
        ("--json", json.map(Some)),
        ("--plan-out", plan.map(Some)),
        ("--pipeline-upload", pipeline.map(Some)),
        ("--output", for_ci),
    ]
    .into_iter()
    .filter_map(|(flag, output)| Some((flag, output?)))
    .collect();
    match given.as_slice() {
        [] => problems.add(
            "--json, --plan-out, --pipeline-upload or --output",
            "is required",
        ),
        [_] => return given.into_iter().next()?.1,
        _ => {
            let flags: Vec<&str> = given.iter().map(|(flag, _)| *flag).collect();
            problems.add(&flags.join(" and "), "cannot be used together");
        }
    }
    None
}

/// `None` when a problem was found.
fn for_ci(
    ci: &str,
    args: &PlanArgs,
    ci_environment: &CiEnvironment,
    problems: &mut Problems,
) -> Option<PlanOutput> {
    let file = args.output_file.ok();
    let template = args.job_template.ok();
    let mut required = |path: Option<PathBuf>, field: &str, message: &str| {
        if path.is_none() {
            problems.add(field, message);
        }
        path
    };
    let output = match ci {
        "github" => {
            let of_step = Variables::new(&ci_environment.variables).value(var::GITHUB_OUTPUT);
            required(
                file.or_else(|| of_step.map(|value| PathBuf::from(value.text))),
                var::GITHUB_OUTPUT,
                "must not be blank for --output github (or give --output-file)",
            )
            .map(PlanOutput::GitHub)
        }
        "gitlab" => required(
            template.clone(),
            "--job-template",
            "must not be blank for --output gitlab",
        )
        .map(|template| PlanOutput::GitLab { template, file }),
        "circleci" => Some(PlanOutput::CircleCi(file)),
        _ => {
            problems.push(args.output.wrong("github, gitlab or circleci"));
            None
        }
    };
    if template.is_some() && ci != "gitlab" {
        problems.add("--job-template", "requires --output gitlab");
    }
    output
}
