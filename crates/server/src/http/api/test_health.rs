//! `GET …/tests/{id}/health` and `GET …/tests/health`.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use test_engine_insights::Level;
use test_engine_store::{Broken, TestHealth, TestedCommit};
use test_engine_wire as wire;
use utoipa::{IntoParams, ToSchema};

use super::tests;
use crate::App;
use crate::causes::{CausesBody, Sources, UtcOffset};
use crate::clock::rfc3339;
use crate::http::auth::{ReadSuites, SuiteAccess};
use crate::http::body::run_blocking;
use crate::http::error::ApiError;
use crate::http::openapi::BadRequest;
use crate::http::paging::{PageOf, Paging};
use crate::http::params::{IdInPath, Params};
use crate::http::resources;

/// Whether a test is broken or flaky, by its results of the last 28 days.
#[derive(Default, Serialize, ToSchema)]
#[schema(as = TestHealth)]
pub(super) struct HealthBody {
    #[schema(pattern = "^(broken|flaky|suspect|sound)$")]
    level: &'static str,
    /// The probability that the test is flaky.
    #[schema(minimum = 0, maximum = 1)]
    score: f64,
    /// How often it fails although the code is good.
    #[schema(minimum = 0, maximum = 1)]
    failure_rate: f64,
    /// The rate is at least this, with a probability of 95%.
    #[schema(minimum = 0, maximum = 1)]
    failure_rate_low: f64,
    /// The rate is at most this, with a probability of 95%.
    #[schema(minimum = 0, maximum = 1)]
    failure_rate_high: f64,
    /// Commits on which it failed and passed.
    mixed_commits: u64,
    /// Times that it failed on at most two consecutive commits of the default branch.
    short_breaks: u64,
    /// When it was first considered flaky.
    #[schema(format = "date-time")]
    flaky_since: Option<String>,
    /// The first commit of the default branch on which it fails, if it fails there now.
    broken_since: Option<CommitBody>,
    /// The last commit before that one on which it passed, if known.
    last_passed: Option<CommitBody>,
    #[schema(format = "date-time")]
    judged_at: Option<String>,
    /// False for a few seconds after an upload with results of the test.
    is_current: bool,
}

/// Whether a test is broken or flaky, and what its failures depend on.
#[derive(Default, Serialize, ToSchema)]
#[schema(as = ExplainedTestHealth)]
pub(super) struct ExplainedHealthBody {
    #[serde(flatten)]
    health: HealthBody,
    /// Null for a test that failed less than eight times in 60 days.
    causes: Option<CausesBody>,
}

/// A commit with results.
#[derive(Default, Serialize, ToSchema)]
#[schema(as = TestedCommit)]
pub(super) struct CommitBody {
    /// Null if the run had no commit.
    commit_sha: Option<String>,
    /// When its first results were received.
    #[schema(format = "date-time")]
    first_result_at: String,
}

/// A test that is not sound.
#[derive(Default, Serialize, ToSchema)]
#[schema(as = UnhealthyTest)]
pub(super) struct UnhealthyTestBody {
    #[serde(flatten)]
    test: wire::Test,
    health: HealthBody,
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct CausesQuery {
    /// The time zone of hours and days among the causes.
    #[param(default = "+00:00", pattern = "^([+-](0[0-9]|1[0-4]):[0-5][0-9])?$")]
    utc_offset: Option<String>,
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct HealthQuery {
    /// Levels, separated by commas.
    #[param(
        default = "flaky,broken",
        pattern = "^( *(flaky|broken|suspect) *(, *(flaky|broken|suspect) *)*)?$"
    )]
    level: Option<String>,
}

/// Get whether a test is broken or flaky, and what its failures depend on
#[utoipa::path(
    get, path = "/tests/{id}/health", tag = "Tests",
    params(SuiteAccess<ReadSuites>, IdInPath, CausesQuery),
    responses(
        (status = 200, body = ExplainedHealthBody), BadRequest, SuiteAccess<ReadSuites>,
    ),
)]
pub(super) async fn get_test_health(
    State(app): State<App>,
    access: SuiteAccess<ReadSuites>,
    IdInPath(id): IdInPath,
    Params(query): Params<CausesQuery>,
) -> Result<Json<ExplainedHealthBody>, ApiError> {
    let offset = match query.utc_offset.as_deref() {
        None | Some("") => UtcOffset::UTC,
        Some(text) => UtcOffset::parse(text).ok_or_else(|| {
            let problem = format!("utc_offset {text:?} is not an offset such as +02:00.");
            ApiError::bad_request(problem)
        })?,
    };
    let suite = &access.suite;
    let test = app.store.test(suite.id, id).await?;
    let test = test.ok_or_else(|| tests::not_found(id))?;
    let health = app.store.test_health(test.id).await?;
    let sources = Sources {
        store: &app.store,
        links: &app.links,
        suite,
    };
    let causes = match sources.load(&test, app.clock.now()).await? {
        // Never small: a thousand executions with many tags take some milliseconds.
        Some(evidence) => {
            let work = move || Ok(evidence.causes(offset));
            Some(run_blocking(usize::MAX, work).await?)
        }
        None => None,
    };
    Ok(Json(ExplainedHealthBody {
        health: health.map_or_else(never_failed, body),
        causes,
    }))
}

/// List the tests that are broken or flaky, worst first
#[utoipa::path(
    get, path = "/tests/health", tag = "Tests",
    params(SuiteAccess<ReadSuites>, HealthQuery, Paging),
    responses(PageOf<UnhealthyTestBody>, SuiteAccess<ReadSuites>),
)]
pub(super) async fn list_unhealthy_tests(
    State(app): State<App>,
    access: SuiteAccess<ReadSuites>,
    paging: Paging,
    Params(query): Params<HealthQuery>,
) -> Result<PageOf<UnhealthyTestBody>, ApiError> {
    let levels = match query.level.as_deref() {
        None | Some("") => vec![Level::Broken, Level::Flaky],
        Some(text) => levels(text).map_err(ApiError::bad_request)?,
    };
    let suite = &access.suite;
    let listed = app.store.unhealthy_tests(suite.id, &levels, paging.page);
    Ok(paging.respond(listed.await?, |item| UnhealthyTestBody {
        test: resources::test(&item.test, suite, &app.links),
        health: body(item.health),
    }))
}

fn levels(text: &str) -> Result<Vec<Level>, String> {
    let level = |name: &str| {
        let name = name.trim();
        let mut listed = Level::ALL.into_iter().filter(|it| *it != Level::Sound);
        let names: Vec<&str> = listed.clone().map(Level::name).collect();
        let found = listed.find(|level| level.name() == name);
        found.ok_or_else(|| format!("level {name:?} is not one of {}.", names.join(", ")))
    };
    text.split(',').map(level).collect()
}

fn never_failed() -> HealthBody {
    HealthBody {
        level: Level::Sound.name(),
        is_current: true,
        ..HealthBody::default()
    }
}

/// Parts per million as a share.
fn share(millionths: u32) -> f64 {
    f64::from(millionths) / 1e6
}

fn body(health: TestHealth) -> HealthBody {
    let (since, last_passed) = match health.broken {
        None => (None, None),
        Some(Broken { since, last_passed }) => (Some(since), last_passed),
    };
    HealthBody {
        level: health.level.name(),
        score: share(health.score.flaky),
        failure_rate: share(health.score.rate),
        failure_rate_low: share(health.score.low),
        failure_rate_high: share(health.score.high),
        mixed_commits: health.mixed_groups,
        short_breaks: health.short_breaks,
        flaky_since: health.alarm_since.map(rfc3339),
        broken_since: since.map(commit),
        last_passed: last_passed.map(commit),
        judged_at: (health.judged_at.millis() > 0).then(|| rfc3339(health.judged_at)),
        is_current: health.is_current,
    }
}

fn commit(commit: TestedCommit) -> CommitBody {
    CommitBody {
        commit_sha: commit.sha,
        first_result_at: rfc3339(commit.first_at),
    }
}
