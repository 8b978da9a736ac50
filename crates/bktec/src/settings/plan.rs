//! The settings of `bktec plan`.

use std::path::PathBuf;
use std::time::Duration;

use super::common::{self, CommonSettings};
use super::fields::Field;
use super::nodes::{self, Asker, MAX_PARALLELISM};
use super::problems::{InvalidConfiguration, Problems};
use super::tokens::Mint;
use crate::cli::{PlanArgs, Typed};
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
    /// Gives meaning to what was typed. `mint` is called when a token is missing.
    pub fn resolve(
        typed: &Typed<PlanArgs>,
        mint: &mut Mint<'_>,
    ) -> Result<Self, InvalidConfiguration> {
        const COMMAND: &str = "plan";
        let mut problems = Problems::default();
        let args = &typed.own;
        let resolved = common::resolve(
            Asker::Planner,
            &typed.global,
            &args.common,
            &typed.preview,
            &typed.surroundings,
            mint,
            &mut problems,
        );
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
        let output = output(args, &mut problems);
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

fn output(args: &PlanArgs, problems: &mut Problems) -> Option<PlanOutput> {
    let set = |text: &Option<String>| text.clone().filter(|text| !text.trim().is_empty());
    let json = Field::new("--json", "--json", args.json.as_ref())
        .boolean(false, problems)
        .then_some(PlanOutput::Json);
    let plan = set(&args.plan_out).map(|path| match path.as_str() {
        "-" => PlanOutput::PlanToStdout,
        _ => PlanOutput::PlanToFile(PathBuf::from(path)),
    });
    let pipeline = set(&args.pipeline_upload).map(PlanOutput::PipelineUpload);
    let mut asked: Vec<PlanOutput> = [json, plan, pipeline].into_iter().flatten().collect();
    if asked.len() == 1 {
        return asked.pop();
    }
    problems.add(
        "--json|--plan-out|--pipeline-upload",
        "exactly one of these must be given",
    );
    None
}
