//! The settings of `bktec tools backfill-commit-metadata`.

use std::path::PathBuf;

use super::common::DEFAULT_REMOTE;
use super::problems::{InvalidConfiguration, Problems};
use super::tokens::{self, EngineSettings};
use crate::cli::{BackfillArgs, Typed};

const MAX_DAYS: i64 = 90;
const DEFAULT_CONCURRENCY: i64 = 10;
/// More git processes would only exhaust the machine.
const MAX_CONCURRENCY: i64 = 1_000;

#[derive(Clone, Debug)]
pub struct BackfillSettings {
    pub debug: bool,
    pub engine: EngineSettings,
    pub task: BackfillTask,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BackfillTask {
    /// Collect, and upload unless `output` is set.
    Collect {
        /// 1 to 90.
        days: u32,
        remote: String,
        /// At least 1.
        concurrency: usize,
        skip_diffs: bool,
        output: Option<PathBuf>,
    },
    Upload(PathBuf),
}

impl BackfillSettings {
    pub fn resolve(typed: &Typed<BackfillArgs>) -> Result<Self, InvalidConfiguration> {
        let mut problems = Problems::default();
        let settings = resolve(typed, &mut problems);
        problems.finish("tools backfill-commit-metadata", settings)
    }
}

fn resolve(typed: &Typed<BackfillArgs>, problems: &mut Problems) -> Option<BackfillSettings> {
    let args = &typed.own;
    let debug = problems.flag(&typed.global.debug, false);
    let task = task(args, problems);
    let engine = tokens::engine(
        &args.tokens,
        &args.access_token,
        None,
        typed.time_scale,
        problems,
    );
    Some(BackfillSettings {
        debug,
        engine: engine?.0,
        task: task?,
    })
}

fn task(args: &BackfillArgs, problems: &mut Problems) -> Option<BackfillTask> {
    let output = args.output.ok();
    if let Some(archive) = args.upload.ok() {
        if output.is_some() {
            problems.add("--output and --upload", "cannot be used together");
        }
        return Some(BackfillTask::Upload(archive));
    }
    let days = problems.integer(&args.days, MAX_DAYS, 1..=MAX_DAYS);
    let concurrency = problems.integer(&args.concurrency, DEFAULT_CONCURRENCY, 1..=i64::MAX);
    let remote = args.remote.ok().or_else(|| args.backfill_remote.ok());
    Some(BackfillTask::Collect {
        days: u32::try_from(days).ok()?,
        remote: remote
            .as_deref()
            .map_or(DEFAULT_REMOTE, str::trim)
            .to_owned(),
        concurrency: usize::try_from(concurrency.min(MAX_CONCURRENCY)).ok()?,
        skip_diffs: problems.flag(&args.skip_diffs, false),
        output,
    })
}
