//! The settings of `bktec tools backfill-commit-metadata`.

use std::path::PathBuf;

use super::common::{self, EngineSettings};
use super::fields::Field;
use super::problems::{InvalidConfiguration, Problems};
use super::tokens::{self, AgentToken};
use crate::cli::{CommonArgs, EngineArgs, TypedBackfill};
use crate::env_vars as var;

const COMMAND: &str = "tools backfill-commit-metadata";
const ORGANIZATION: &str = "--organization-slug / BUILDKITE_ORGANIZATION_SLUG";
const SUITE: &str = "--suite-slug / BUILDKITE_TEST_ENGINE_SUITE_SLUG";
const DEFAULT_DAYS: i64 = 90;
const DEFAULT_CONCURRENCY: i64 = 10;
/// More gits than this at once help nobody and can use up a machine's processes.
const MOST_CONCURRENT: i64 = 1_000;

/// Everything the backfill needs to know.
#[derive(Clone, Debug)]
pub struct BackfillSettings {
    /// Print more.
    pub debug: bool,
    /// The server.
    pub engine: EngineSettings,
    /// What is to be done.
    pub task: BackfillTask,
}

/// Collect, or send what was collected before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BackfillTask {
    /// Collect, and send unless `output` is set.
    Collect {
        /// 1 to 90.
        days: u32,
        /// The git remote.
        remote: String,
        /// At least 1.
        concurrency: usize,
        /// No patches.
        skip_diffs: bool,
        /// Keep the archive here instead of sending it.
        output: Option<PathBuf>,
    },
    /// Send this archive.
    Upload(PathBuf),
}

impl BackfillSettings {
    pub fn resolve(typed: &TypedBackfill) -> Result<Self, InvalidConfiguration> {
        let mut problems = Problems::default();
        let args = &typed.own;
        let debug = common::debug(&typed.global, &mut problems);
        let task = task(typed, &mut problems);

        let mut audience_problems = Problems::default();
        let mut slug = |field: &'static str, text: &Option<String>| {
            let text = text.as_deref().map(str::trim).unwrap_or_default();
            if text.is_empty() {
                audience_problems.add(field, "must not be blank");
            }
            text.to_owned()
        };
        let organization_slug = slug(ORGANIZATION, &args.organization_slug);
        let suite_slug = slug(SUITE, &args.suite_slug);
        // Read like the same options of the other commands.
        let shared = CommonArgs {
            engine: EngineArgs {
                oidc: args.oidc.clone(),
                no_oidc: args.no_oidc.clone(),
                oidc_lifetime: args.oidc_lifetime.clone(),
                ..EngineArgs::default()
            },
            ..CommonArgs::default()
        };
        let base_url = Field::new(
            "--base-url",
            var::BUILDKITE_TEST_ENGINE_BASE_URL,
            args.base_url.as_ref(),
        )
        .base_url(common::DEFAULT_BASE_URL, &mut audience_problems);
        let lifetime = common::oidc_lifetime(&shared, &mut audience_problems);
        let agent = args
            .buildkite_agent_command
            .clone()
            .filter(|agent| !agent.trim().is_empty())
            .unwrap_or_else(|| common::DEFAULT_AGENT.to_owned());
        let agent_token = audience_problems.is_empty().then(|| AgentToken {
            program: agent.clone(),
            audience: format!(
                "{base_url}/v2/analytics/organizations/{organization_slug}/suites/{suite_slug}"
            ),
            lifetime,
        });
        problems.take(audience_problems);
        let oidc = common::oidc(&shared, &mut problems);
        let given = Field::new(
            "--access-token",
            "--access-token",
            args.access_token.as_ref(),
        )
        .optional()
        .map(|token| token.trim().to_owned());
        let access = tokens::access_token(given, oidc, agent_token.as_ref(), &mut problems);
        problems.finish(COMMAND)?;
        let (Some(access_token), Some(task)) = (access, task) else {
            return Err(InvalidConfiguration::incomplete(COMMAND));
        };
        Ok(Self {
            debug,
            engine: EngineSettings {
                organization_slug,
                suite_slug,
                base_url,
                upload_base_url: String::new(),
                access_token,
                agent,
                time_scale: typed.global.time_scale.unwrap_or(1.0),
            },
            task,
        })
    }
}

/// What is to be done. The options of a collection are not read where nothing is collected.
fn task(typed: &TypedBackfill, problems: &mut Problems) -> Option<BackfillTask> {
    let args = &typed.own;
    let path = |text: &Option<String>| {
        text.as_ref()
            .filter(|text| !text.trim().is_empty())
            .map(PathBuf::from)
    };
    let output = path(&args.output);
    if let Some(archive) = path(&args.upload) {
        if output.is_some() {
            problems.add(
                "--upload",
                "sends an archive that is there already (leave out --output)",
            );
        }
        return Some(BackfillTask::Upload(archive));
    }
    let days = Field::new(
        "--days",
        var::BUILDKITE_TEST_ENGINE_BACKFILL_DAYS,
        args.days.as_ref(),
    )
    .integer(DEFAULT_DAYS, 1..=DEFAULT_DAYS, problems);
    let concurrency = Field::new(
        "--concurrency",
        var::BUILDKITE_TEST_ENGINE_BACKFILL_CONCURRENCY,
        args.concurrency.as_ref(),
    )
    .integer(DEFAULT_CONCURRENCY, 1..=i64::MAX, problems)
    .min(MOST_CONCURRENT);
    let skip_diffs = Field::new(
        "--skip-diffs",
        var::BUILDKITE_TEST_ENGINE_SKIP_DIFFS,
        args.skip_diffs.as_ref(),
    )
    .boolean(false, problems);
    let set = |text: &Option<String>| text.clone().filter(|text| !text.trim().is_empty());
    let remote = set(&args.remote)
        .or_else(|| set(&args.backfill_remote))
        .unwrap_or_else(|| common::DEFAULT_REMOTE.to_owned());
    Some(BackfillTask::Collect {
        days: u32::try_from(days).ok()?,
        remote: remote.trim().to_owned(),
        concurrency: usize::try_from(concurrency).ok()?,
        skip_diffs,
        output,
    })
}
