//! What `run` and `plan` both need: the build, the server, the runner, the plan's name.

use std::collections::BTreeMap;
use std::time::Duration;

use test_engine_wire::EnvPayload;

use super::build::{self, BuildSettings, Found};
use super::fields::Field;
use super::identifier::identifier;
use super::nodes::{self, CommandKind};
use super::problems::Problems;
use super::runner::{RunnerChoice, runner};
use super::tokens::{self, AgentToken, TokenSource};
use super::values;
use crate::ci::{self, Ci, Folding, RunEnvironment};
use crate::cli::{BuildArgs, CiEnvironment, CommonArgs, GlobalArgs, PreviewArgs};
use crate::env_vars as var;

pub(super) const DEFAULT_BASE_URL: &str = "https://api.buildkite.com";
pub(super) const DEFAULT_UPLOAD_BASE_URL: &str = "https://analytics-api.buildkite.com";
pub(super) const DEFAULT_REMOTE: &str = "origin";
pub(super) const DEFAULT_AGENT: &str = "buildkite-agent";

/// Nanoseconds in one second.
pub(super) const SECOND: i64 = 1_000_000_000;

/// Two hours, in nanoseconds.
const DEFAULT_OIDC_LIFETIME: i64 = 2 * 3600 * SECOND;

/// Where the server is and who is asking.
#[derive(Clone, Debug)]
pub struct EngineSettings {
    /// The organization.
    pub organization_slug: String,
    /// The suite.
    pub suite_slug: String,
    /// The plan API, without a trailing slash.
    pub base_url: String,
    /// The upload API, without a trailing slash.
    pub upload_base_url: String,
    /// The token for the plan API.
    pub access_token: TokenSource,
    /// The CI agent's program.
    pub agent: String,
    /// A factor for the time that API calls may take: 1, but for this project's tests.
    pub time_scale: f64,
}

/// A part of the tests is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selected {
    /// The strategy, for the server to know.
    pub strategy: String,
    /// Its parameters.
    pub params: BTreeMap<String, String>,
}

/// What `run` and `plan` share.
#[derive(Clone, Debug)]
pub struct CommonSettings {
    /// Print more.
    pub debug: bool,
    /// The build.
    pub build: BuildSettings,
    /// The server.
    pub engine: EngineSettings,
    /// The runner.
    pub runner: RunnerChoice,
    /// What names the plan.
    pub identifier: String,
    /// A part of the tests, when that is asked for.
    pub selection: Option<Selected>,
    /// What the user tells the server about the commit.
    pub metadata: BTreeMap<String, String>,
    /// What git knows of the commit is sent too.
    pub collect_git_metadata: bool,
    /// The git remote whose default branch the commit is compared with.
    pub git_remote: String,
    /// The pipeline's slug; empty where the CI does not say.
    pub pipeline_slug: String,
    /// The build that uploads belong to.
    pub run: RunEnvironment,
    /// How the CI folds its log.
    pub folding: Folding,
    /// One line on what was taken from which CI.
    pub found: Option<String>,
}

impl CommonSettings {
    /// The settings that `filter_tests` and `test_plan_metadata` carry: these and no others, so
    /// that no secret can be among them.
    pub fn env_payload(&self) -> EnvPayload {
        let text = |value: &Option<String>| value.clone().unwrap_or_default();
        EnvPayload {
            buildkite_build_id: self.build.build_id.clone(),
            buildkite_job_id: self.build.job_id.clone(),
            buildkite_step_id: self.build.step_id.clone(),
            buildkite_organization_slug: self.engine.organization_slug.clone(),
            buildkite_retry_count: self.build.job_retry_count,
            buildkite_parallel_job: self.build.parallel_job,
            buildkite_parallel_job_count: self.build.parallelism,
            buildkite_test_engine_debug_enabled: self.debug,
            buildkite_test_engine_identifier: self.identifier.clone(),
            buildkite_test_engine_retry_cmd: text(&self.runner.retry_command),
            buildkite_test_engine_retry_count: i64::from(self.runner.retries),
            buildkite_test_engine_split_by_example: self.runner.split_by_example,
            buildkite_test_engine_suite_slug: self.engine.suite_slug.clone(),
            buildkite_test_engine_tag_filters: text(&self.runner.tag_filters),
            buildkite_test_engine_test_cmd: text(&self.runner.test_command),
            buildkite_test_engine_test_file_exclude_pattern: text(
                &self.runner.file_exclude_pattern,
            ),
            buildkite_test_engine_test_file_pattern: text(&self.runner.file_pattern),
            buildkite_test_engine_test_runner: self.runner.definition.name.to_owned(),
        }
    }
}

/// Common settings before it is known whether there is anything wrong, with what is needed to ask
/// for tokens.
pub(super) struct Resolved {
    pub settings: Option<CommonSettings>,
    pub agent_token: Option<AgentToken>,
    pub oidc: bool,
}

/// Reads the shared options. `settings` is there whenever enough of them could be read; whether
/// all were right stands in `problems`.
pub(super) fn resolve(
    asker: CommandKind,
    global: &GlobalArgs,
    args: &CommonArgs,
    preview: &PreviewArgs,
    ci_environment: &CiEnvironment,
    problems: &mut Problems,
) -> Resolved {
    let debug = debug(global, problems);
    let ci = ci::detect(&ci_environment.variables);
    let ci = ci.as_ref();
    let mut found = Found::default();
    let organization = organization(&args.build, ci, &mut found);
    let mut build = build::build(&args.build, ci, &mut found, problems);
    if let Some(node) = nodes::node_of(&args.build, ci, asker, &mut found, problems) {
        (build.parallel_job, build.parallelism) = (node.index, node.count);
    }
    let identifier = identifier(args, preview, &build, ci, ci_environment, problems);
    let mut run = build::run_environment(&args.build, ci);
    if run.key.is_empty() {
        // The nodes of a plan are one run.
        identifier.clone_into(&mut run.key);
    }
    let runner = runner(&args.runner, problems);
    let (selection, metadata) = selection(preview, problems);
    let collect_git_metadata = Field::new(
        var::BUILDKITE_TEST_ENGINE_COLLECT_GIT_METADATA,
        "--collect-git-metadata",
        preview.collect_git_metadata.as_ref(),
    )
    .boolean(false, problems)
        || selection.is_some();
    let git_remote = preview
        .remote
        .clone()
        .filter(|remote| !remote.trim().is_empty())
        .unwrap_or_else(|| DEFAULT_REMOTE.to_owned());

    let engine = &args.engine;
    // Whom a token is for depends on these; asking for one is pointless when they are wrong.
    let mut audience_problems = Problems::default();
    let organization_slug = Field::new(
        var::BUILDKITE_ORGANIZATION_SLUG,
        "--organization-slug",
        organization.as_ref(),
    )
    .required(&mut audience_problems);
    let suite_slug = Field::new(
        var::BUILDKITE_TEST_ENGINE_SUITE_SLUG,
        "--suite-slug",
        engine.suite_slug.as_ref(),
    )
    .required(&mut audience_problems);
    let base_url = Field::new(
        var::BUILDKITE_TEST_ENGINE_BASE_URL,
        "--base-url",
        engine.base_url.as_ref(),
    )
    .base_url(DEFAULT_BASE_URL, &mut audience_problems);
    let lifetime = oidc_lifetime(args, &mut audience_problems);
    let agent = engine
        .buildkite_agent_command
        .clone()
        .filter(|agent| !agent.trim().is_empty())
        .unwrap_or_else(|| DEFAULT_AGENT.to_owned());
    let agent_token = audience_problems.is_empty().then(|| AgentToken {
        program: agent.clone(),
        audience: format!(
            "{base_url}/v2/analytics/organizations/{organization_slug}/suites/{suite_slug}"
        ),
        lifetime,
    });
    problems.take(audience_problems);

    let upload_base_url = Field::new(
        var::BUILDKITE_TEST_ENGINE_UPLOAD_BASE_URL,
        "--upload-base-url",
        engine.upload_base_url.as_ref(),
    )
    .base_url(DEFAULT_UPLOAD_BASE_URL, problems);
    let oidc = oidc(args, problems);
    let given = Field::new(
        var::BUILDKITE_TEST_ENGINE_API_ACCESS_TOKEN,
        "--access-token",
        engine.access_token.as_ref(),
    )
    .optional()
    .map(|token| token.trim().to_owned());
    let access = tokens::access_token(given, oidc, agent_token.as_ref(), problems);

    let settings = runner
        .zip(access)
        .map(|(runner, access_token)| CommonSettings {
            debug,
            build,
            engine: EngineSettings {
                organization_slug,
                suite_slug,
                base_url,
                upload_base_url,
                access_token,
                agent,
                time_scale: global.time_scale.unwrap_or(1.0),
            },
            runner,
            identifier,
            selection,
            metadata,
            collect_git_metadata,
            git_remote,
            pipeline_slug: preview.pipeline_slug.clone().unwrap_or_default(),
            run,
            folding: ci.map_or(Folding::default(), |ci| ci.provider.folding),
            found: ci.and_then(|ci| found.line(ci)),
        });
    Resolved {
        settings,
        agent_token,
        oidc,
    }
}

fn organization(build: &BuildArgs, ci: Option<&Ci>, found: &mut Found) -> Option<String> {
    let given = build.organization_slug.clone();
    given.filter(|slug| !slug.trim().is_empty()).or_else(|| {
        let value = ci?.facts.organization.as_ref()?;
        found.take("organization", value);
        Some(value.text.clone())
    })
}

pub(super) fn debug(global: &GlobalArgs, problems: &mut Problems) -> bool {
    Field::new(
        var::BUILDKITE_TEST_ENGINE_DEBUG_ENABLED,
        "--debug",
        global.debug.as_ref(),
    )
    .boolean(false, problems)
}

fn selection(
    preview: &PreviewArgs,
    problems: &mut Problems,
) -> (Option<Selected>, BTreeMap<String, String>) {
    let mut read = |flag: &str, texts: &[String]| {
        values::pairs(texts.iter().map(String::as_str)).unwrap_or_else(|must_be| {
            problems.add(flag, format!("was {texts:?}, must be {must_be}"));
            BTreeMap::new()
        })
    };
    let params = read("--selection-param", &preview.selection_param);
    let metadata = read("--metadata", &preview.metadata);
    let strategy = preview
        .selection_strategy
        .clone()
        .filter(|strategy| !means_no_selection(strategy));
    if strategy.is_none() && !preview.selection_param.is_empty() {
        problems.add(
            "--selection-param",
            "needs a strategy (give --selection-strategy)",
        );
    }
    let selection = strategy.map(|strategy| Selected { strategy, params });
    (selection, metadata)
}

fn means_no_selection(strategy: &str) -> bool {
    matches!(
        strategy.trim().to_ascii_lowercase().as_str(),
        "" | "none" | "off" | "false" | "disabled" | "no"
    )
}

/// Tags for uploads. Those of the variable are one text, separated by commas.
pub(super) fn tags(
    texts: &[String],
    from_variable: bool,
    problems: &mut Problems,
) -> BTreeMap<String, String> {
    let texts = texts.iter().map(String::as_str);
    let texts: Vec<&str> = if from_variable {
        texts
            .flat_map(|all| all.split(','))
            .map(str::trim)
            .filter(|one| !one.is_empty())
            .collect()
    } else {
        texts.collect()
    };
    values::pairs(texts.iter().copied()).unwrap_or_else(|must_be| {
        problems.add(
            var::BUILDKITE_TEST_ENGINE_TAGS,
            format!("was {texts:?}, must be {must_be} (--tag)"),
        );
        BTreeMap::new()
    })
}

pub(super) fn oidc(args: &CommonArgs, problems: &mut Problems) -> bool {
    let wanted = Field::new(
        var::BUILDKITE_TEST_ENGINE_OIDC,
        "--oidc",
        args.engine.oidc.as_ref(),
    )
    .boolean(true, problems);
    let refused =
        Field::new("--no-oidc", "--no-oidc", args.engine.no_oidc.as_ref()).boolean(false, problems);
    wanted && !refused
}

/// Whole seconds, at least one.
pub(super) fn oidc_lifetime(args: &CommonArgs, problems: &mut Problems) -> Duration {
    let field = Field::new(
        var::BUILDKITE_TEST_ENGINE_OIDC_LIFETIME,
        "--oidc-lifetime",
        args.engine.oidc_lifetime.as_ref(),
    );
    let lifetime = field.duration(DEFAULT_OIDC_LIFETIME, problems);
    if lifetime < SECOND {
        field.wrong("at least 1s", problems);
    }
    Duration::from_nanos(lifetime.unsigned_abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strategies_that_mean_none() {
        for none in ["none", " OFF ", "False", "disabled", "no", ""] {
            assert!(means_no_selection(none), "{none}");
        }
        assert!(!means_no_selection("random"));
    }
}
