//! The settings of `bktec upload`.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use super::problems::{InvalidConfiguration, Problems};
use super::tokens::{TokenOptions, TokenSource};
use super::{build, run, runner};
use crate::ci::{self, RunEnvironment};
use crate::cli::{Typed, UploadArgs};
use crate::result_format::ResultFormat;

const DEFAULT_TIMEOUT: Duration = Duration::from_mins(5);
const MIN_TIMEOUT: Duration = Duration::from_secs(1);

#[derive(Clone, Debug)]
pub struct UploadFilesSettings {
    pub debug: bool,
    /// Files, directories, globs or `-`: at least one, without duplicates.
    pub files: Vec<PathBuf>,
    /// `None` to decide by the names and the content of the files.
    pub format: Option<ResultFormat>,
    pub url: String,
    pub token: TokenSource,
    /// The key is empty when neither options nor the CI identify the run.
    pub run: RunEnvironment,
    /// Path from the repository root to the project.
    pub location_prefix: Option<String>,
    /// The directory that absolute paths in the files are below; `None` for the working directory.
    pub root: Option<PathBuf>,
    pub tags: BTreeMap<String, String>,
    pub timeout: Duration,
    /// A factor for time limits: 1, except in this project's tests.
    pub time_scale: f64,
}

impl UploadFilesSettings {
    pub fn resolve(typed: &Typed<UploadArgs>) -> Result<Self, InvalidConfiguration> {
        let mut problems = Problems::default();
        let settings = resolve(typed, &mut problems);
        problems.finish("upload", settings)
    }
}

fn resolve(typed: &Typed<UploadArgs>, problems: &mut Problems) -> Option<UploadFilesSettings> {
    let args = &typed.own;
    let timeout = problems.get(&args.timeout).unwrap_or(DEFAULT_TIMEOUT);
    if timeout < MIN_TIMEOUT {
        problems.push(args.timeout.wrong("at least 1s"));
    }
    let debug = problems.flag(&typed.global.debug, false);
    let format = problems.get(&args.format);
    let tags = problems.pairs(&args.results.tag);
    let default_url = run::upload_url(&args.results, problems);
    let url = problems.get(&args.upload_url).map(|url| url.0);
    let token = token(args, problems);
    let ci = ci::detect(&typed.ci_environment.variables);
    let mut files: Vec<PathBuf> = Vec::new();
    for file in &args.files {
        // Overlapping shell patterns must not upload results twice.
        if !files.contains(file) {
            files.push(file.clone());
        }
    }
    Some(UploadFilesSettings {
        debug,
        files,
        format,
        url: url.unwrap_or(default_url),
        token: token?,
        run: build::run_environment(&args.build, ci.as_ref()),
        location_prefix: runner::location_prefix(&args.results),
        root: args.root.ok(),
        tags,
        timeout,
        time_scale: typed.time_scale,
    })
}

fn token(args: &UploadArgs, problems: &mut Problems) -> Option<TokenSource> {
    let options = TokenOptions::new(&args.tokens, problems);
    let (organization, suite) = (&args.tokens.organization_slug, &args.tokens.suite_slug);
    let agent_token = options.agent_token(organization.ok().as_deref(), suite.ok().as_deref());
    let can_be_fetched = organization.is_set() && suite.is_set();
    if options.oidc && !args.suite_token.is_set() && !can_be_fetched {
        problems.add(
            args.suite_token.name(),
            format_args!(
                "must not be blank (or give --suite-token); fetching a token from the Buildkite \
                 agent requires {} and {}",
                organization.name(),
                suite.name()
            ),
        );
        return None;
    }
    options.source(&args.suite_token, agent_token, problems)
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::super::problems::wrapped;
    use super::*;
    use crate::cli::{self, CiEnvironment};

    fn resolve(arguments: &[&str], variables: &[(&'static str, &str)]) -> UploadFilesSettings {
        try_resolve(arguments, variables).unwrap()
    }

    fn try_resolve(
        arguments: &[&str],
        variables: &[(&'static str, &str)],
    ) -> Result<UploadFilesSettings, InvalidConfiguration> {
        let variables = variables.iter();
        let ci_environment = CiEnvironment {
            variables: variables
                .map(|&(name, value)| (name, value.to_owned()))
                .collect(),
            ..CiEnvironment::default()
        };
        let arguments = [&["upload", "a.xml", "b.xml", "a.xml"], arguments].concat();
        UploadFilesSettings::resolve(&cli::typed_for_tests(&arguments, ci_environment))
    }

    #[test]
    fn defaults() {
        let settings = resolve(&["--suite-token", " secret\n"], &[]);
        assert_eq!(settings.files, [PathBuf::from("a.xml"), "b.xml".into()]);
        assert_eq!(
            settings.url,
            "https://analytics-api.buildkite.com/v1/uploads"
        );
        assert_eq!(settings.timeout, Duration::from_mins(5));
        let TokenSource::Given(token) = settings.token else {
            panic!("a token is given");
        };
        assert_eq!(token.expose_secret(), "secret");
        assert_eq!(settings.run.ci, "generic");
        assert_eq!(settings.run.key.as_str(), "");
    }

    #[test]
    fn options_win_over_the_ci() {
        let settings = resolve(
            &[
                "--token=secret",
                "--build-number=7",
                "--branch= ",
                "--upload-url=http://localhost/u",
                "--collector-location-prefix=api",
            ],
            &[
                ("DRONE", "true"),
                ("DRONE_BUILD_NUMBER", "6"),
                ("DRONE_BRANCH", "x"),
            ],
        );
        assert_eq!(settings.run.number, "7");
        assert_eq!(settings.run.branch, "x");
        assert_eq!(settings.url, "http://localhost/u");
        assert_eq!(settings.location_prefix.as_deref(), Some("api"));
    }

    #[test]
    fn missing_token_is_fetched_when_organization_and_suite_are_set() {
        let settings = resolve(&["--organization-slug=acme", "--suite-slug=web"], &[]);
        let TokenSource::Agent(token) = settings.token else {
            panic!("no token is given");
        };
        let expected = "https://api.buildkite.com/v2/analytics/organizations/acme/suites/web";
        assert_eq!(token.audience, expected);
    }

    #[test]
    fn reports_all_problems_at_once() {
        let problems = try_resolve(
            &[
                "--format=xunit",
                "--timeout=0s",
                "--tag=a",
                "--upload-url=localhost",
            ],
            &[],
        );
        insta::assert_snapshot!(wrapped(&problems.unwrap_err().to_string()), @r#"
        bktec upload: invalid configuration:
        BUILDKITE_ANALYTICS_TOKEN must not be blank (or give --suite-token); fetching a token
          from the Buildkite agent requires BUILDKITE_ORGANIZATION_SLUG and
          BUILDKITE_TEST_ENGINE_SUITE_SLUG
        BUILDKITE_TEST_ENGINE_TAGS was "a", must be KEY=VALUE (--tag)
        BUILDKITE_TEST_ENGINE_UPLOAD_FORMAT was "xunit", must be one of json, junit, rspec-json,
          jest-json, playwright-json, cucumber-json, go-jsonl, trx, nunit3, xunit2, ctest, tap
          (--format)
        BUILDKITE_TEST_ENGINE_UPLOAD_TIMEOUT was "0s", must be at least 1s (--timeout)
        BUILDKITE_TEST_ENGINE_UPLOAD_URL was "localhost", must be a URL such as
          https://api.example.com (--upload-url)
        "#);
    }
}
