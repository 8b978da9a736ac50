//! The settings of `bktec upload`.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use test_engine_results::Format;

use super::fields::Field;
use super::problems::{InvalidConfiguration, Problems};
use super::tokens::{AgentToken, TokenSource};
use super::{build, common};
use crate::ci::{self, RunEnvironment};
use crate::cli::{BuildArgs, CiEnvironment, CommonArgs, EngineArgs, TypedUpload, UploadArgs};
use crate::env_vars as var;

const COMMAND: &str = "upload";
const DEFAULT_TIMEOUT: Duration = Duration::from_mins(5);

/// Everything `bktec upload` needs to know.
#[derive(Clone, Debug)]
pub struct UploadFilesSettings {
    /// Print more.
    pub debug: bool,
    /// The files, at least one, none twice.
    pub files: Vec<PathBuf>,
    /// Their format; by their names when it is not given.
    pub format: Option<Format>,
    /// Where to send them.
    pub url: String,
    /// The suite's token.
    pub token: TokenSource,
    /// What is told about the build. The key is empty when nothing says which run this is.
    pub run: RunEnvironment,
    /// The project's folder inside its repository.
    pub location_prefix: Option<String>,
    /// Tags of the upload.
    pub tags: BTreeMap<String, String>,
    /// How long everything may take.
    pub timeout: Duration,
    /// A factor for waits: 1, but for this project's tests.
    pub time_scale: f64,
}

impl UploadFilesSettings {
    pub fn resolve(typed: &TypedUpload) -> Result<Self, InvalidConfiguration> {
        let mut problems = Problems::default();
        let args = &typed.own;
        let debug = common::debug(&typed.global, &mut problems);
        let format = format(args, &mut problems);
        let timeout = timeout(args, &mut problems);
        let tags = common::tags(&args.tag, typed.tags_from_variable, &mut problems);
        let url = url(args, &mut problems);
        let token = token(args, &mut problems);
        problems.finish(COMMAND)?;
        let Some(token) = token else {
            return Err(InvalidConfiguration::incomplete(COMMAND));
        };
        let mut files: Vec<PathBuf> = Vec::new();
        for file in &args.files {
            // Patterns of a shell overlap easily; results must not be there twice for that.
            if !files.contains(file) {
                files.push(file.clone());
            }
        }
        Ok(Self {
            debug,
            files,
            format,
            url,
            token,
            run: run(args, &typed.ci_environment),
            location_prefix: set(args.location_prefix.as_ref())
                .or_else(|| set(args.collector_location_prefix.as_ref())),
            tags,
            timeout,
            time_scale: typed.global.time_scale.unwrap_or(1.0),
        })
    }
}

fn set(text: Option<&String>) -> Option<String> {
    text.filter(|text| !text.trim().is_empty()).cloned()
}

fn format(args: &UploadArgs, problems: &mut Problems) -> Option<Format> {
    let field = Field::new(
        var::BUILDKITE_TEST_ENGINE_UPLOAD_FORMAT,
        "--format",
        args.format.as_ref(),
    );
    let name = field.text?.trim();
    let format = Format::from_name(name);
    if format.is_none() {
        let names: Vec<_> = Format::ALL.iter().map(|format| format.name()).collect();
        field.wrong(&format!("one of {}", names.join(", ")), problems);
    }
    format
}

fn timeout(args: &UploadArgs, problems: &mut Problems) -> Duration {
    let field = Field::new(
        var::BUILDKITE_TEST_ENGINE_UPLOAD_TIMEOUT,
        "--timeout",
        args.timeout.as_ref(),
    );
    let default = i64::try_from(DEFAULT_TIMEOUT.as_nanos()).unwrap_or(i64::MAX);
    let nanoseconds = field.duration(default, problems);
    if nanoseconds < common::SECOND {
        field.wrong("at least 1s", problems);
    }
    Duration::from_nanos(nanoseconds.unsigned_abs())
}

fn url(args: &UploadArgs, problems: &mut Problems) -> String {
    let base = Field::new(
        var::BUILDKITE_TEST_ENGINE_UPLOAD_BASE_URL,
        "--upload-base-url",
        args.upload_base_url.as_ref(),
    )
    .base_url(common::DEFAULT_UPLOAD_BASE_URL, problems);
    Field::new(
        var::BUILDKITE_TEST_ENGINE_UPLOAD_URL,
        "--upload-url",
        args.upload_url.as_ref(),
    )
    .base_url(&format!("{base}/v1/uploads"), problems)
}

/// The given token, or one of the CI agent's where it can be said whom it is for.
fn token(args: &UploadArgs, problems: &mut Problems) -> Option<TokenSource> {
    const MISSING: &str = "must not be blank (or give --suite-token)";
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
    let mut audience_problems = Problems::default();
    let oidc = common::oidc(&shared, &mut audience_problems);
    let base_url = Field::new(
        var::BUILDKITE_TEST_ENGINE_BASE_URL,
        "--base-url",
        args.base_url.as_ref(),
    )
    .base_url(common::DEFAULT_BASE_URL, &mut audience_problems);
    let lifetime = common::oidc_lifetime(&shared, &mut audience_problems);
    let is_readable = audience_problems.is_empty();
    problems.take(audience_problems);
    if let Some(token) = set(args.suite_token.as_ref()) {
        return Some(TokenSource::Given(token.trim().into()));
    }
    let variable = var::BUILDKITE_ANALYTICS_TOKEN;
    if !is_readable {
        return None;
    }
    if !oidc {
        problems.add(variable, format!("{MISSING}, since OIDC is off"));
        return None;
    }
    let (Some(organization), Some(suite)) = (
        set(args.organization_slug.as_ref()),
        set(args.suite_slug.as_ref()),
    ) else {
        problems.add(
            variable,
            format!(
                "{MISSING}; the CI agent can only be asked for one where {} and {} are set",
                var::BUILDKITE_ORGANIZATION_SLUG,
                var::BUILDKITE_TEST_ENGINE_SUITE_SLUG
            ),
        );
        return None;
    };
    Some(TokenSource::Agent(AgentToken {
        program: set(args.buildkite_agent_command.as_ref())
            .unwrap_or_else(|| common::DEFAULT_AGENT.to_owned()),
        audience: format!("{base_url}/v2/analytics/organizations/{organization}/suites/{suite}"),
        lifetime,
    }))
}

/// What the CI says, with what was typed in its place.
fn run(args: &UploadArgs, ci_environment: &CiEnvironment) -> RunEnvironment {
    let ci = ci::detect(&ci_environment.variables);
    build::run_environment(
        &BuildArgs {
            build_id: args.build_id.clone(),
            build_number: args.build_number.clone(),
            build_url: args.build_url.clone(),
            job_id: args.job_id.clone(),
            branch: args.branch.clone(),
            commit: args.commit.clone(),
            message: args.message.clone(),
            ..BuildArgs::default()
        },
        ci.as_ref(),
    )
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    fn typed(change: impl FnOnce(&mut UploadArgs)) -> TypedUpload {
        let mut typed = TypedUpload::default();
        typed.own.files = vec!["a.xml".into(), "b.xml".into(), "a.xml".into()];
        typed.own.suite_token = Some(" secret\n".to_owned());
        change(&mut typed.own);
        typed
    }

    fn resolve(typed: &TypedUpload) -> Result<UploadFilesSettings, String> {
        UploadFilesSettings::resolve(typed).map_err(|problems| problems.to_string())
    }

    #[test]
    fn defaults() {
        let settings = resolve(&typed(|_| {})).unwrap();
        assert_eq!(settings.files, [PathBuf::from("a.xml"), "b.xml".into()]);
        assert_eq!(
            settings.url,
            "https://analytics-api.buildkite.com/v1/uploads"
        );
        assert_eq!(settings.timeout, Duration::from_mins(5));
        assert!(
            matches!(&settings.token, TokenSource::Given(token) if token.expose_secret() == "secret")
        );
        assert_eq!(
            (settings.run.ci, settings.run.key.as_str()),
            ("generic", "")
        );
    }

    #[test]
    fn what_was_typed_wins() {
        let mut typed = typed(|args| {
            args.build_number = Some("7".to_owned());
            args.branch = Some(" ".to_owned());
            args.upload_url = Some("http://localhost/u".to_owned());
            args.collector_location_prefix = Some("api".to_owned());
        });
        typed.ci_environment.variables = [
            ("DRONE", "true"),
            ("DRONE_BUILD_NUMBER", "6"),
            ("DRONE_BRANCH", "x"),
        ]
        .map(|(name, value)| (name, value.to_owned()))
        .into();
        let settings = resolve(&typed).unwrap();
        assert_eq!(settings.run.number, "7");
        assert_eq!(settings.run.branch, "x");
        assert_eq!(settings.url, "http://localhost/u");
        assert_eq!(settings.location_prefix.as_deref(), Some("api"));
    }

    #[test]
    fn missing_token_is_fetched_when_organization_and_suite_are_set() {
        let typed = typed(|args| {
            args.suite_token = None;
            args.organization_slug = Some("acme".to_owned());
            args.suite_slug = Some("web".to_owned());
        });
        let TokenSource::Agent(token) = resolve(&typed).unwrap().token else {
            panic!("a token was given");
        };
        assert_eq!(
            token.audience,
            "https://api.buildkite.com/v2/analytics/organizations/acme/suites/web"
        );
    }

    #[test]
    fn all_problems_are_told_at_once() {
        let problems = resolve(&typed(|args| {
            args.suite_token = None;
            args.format = Some("xunit".to_owned());
            args.timeout = Some("0s".to_owned());
            args.tag = vec!["a".to_owned()];
            args.upload_url = Some("localhost".to_owned());
        }));
        insta::assert_snapshot!(problems.unwrap_err(), @r#"
        bktec upload: invalid configuration:
        BUILDKITE_ANALYTICS_TOKEN must not be blank (or give --suite-token); the CI agent can only be asked for one where BUILDKITE_ORGANIZATION_SLUG and BUILDKITE_TEST_ENGINE_SUITE_SLUG are set
        BUILDKITE_TEST_ENGINE_TAGS was ["a"], must be KEY=VALUE (--tag)
        BUILDKITE_TEST_ENGINE_UPLOAD_FORMAT was "xunit", must be one of json, junit, rspec-json, jest-json, playwright-json, cucumber-json, go-jsonl (--format)
        BUILDKITE_TEST_ENGINE_UPLOAD_TIMEOUT was "0s", must be at least 1s (--timeout)
        BUILDKITE_TEST_ENGINE_UPLOAD_URL was "localhost", must be a URL such as https://api.example.com (--upload-url)
        "#);
    }
}
