//! `GET …/flaky-tests`: the older list of flaky tests.
//!
//! Tests with the label `flaky` are flaky, no matter who added it. An instance is a failed
//! execution in the period.

use axum::extract::State;
use serde::{Deserialize, Serialize};
use test_engine_store::{LabelFilter, TestId, Timestamp};
use utoipa::{IntoParams, ToSchema};

use super::test_details::Details;
use super::test_filter::TestFilter;
use super::test_query::{PeriodQuery, TestsQuery};
use crate::App;
use crate::build_summary::FLAKY_LABEL;
use crate::clock::rfc3339;
use crate::http::auth::{ReadSuites, SuiteAccess};
use crate::http::error::ApiError;
use crate::http::paging::{PageOf, Paging};
use crate::http::params::Params;
use crate::http::resources::LabelledTest;

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct FlakyQuery {
    /// A substring of scope and name.
    search: Option<String>,
    /// A name, `!name` for all other branches, or `prefix*`.
    #[param(pattern = r"^(?!\s*[!*]\s*$)")]
    branch: Option<String>,
    /// Executions are counted by UTC day.
    #[param(
        pattern = "^(1hour|4hours|1day|7days|14days|28days|)$",
        default = "7days"
    )]
    period: Option<String>,
}

#[derive(Default, Serialize, ToSchema)]
pub(super) struct FlakyTest {
    #[serde(flatten)]
    test: LabelledTest,
    /// Failed executions in the period.
    instances: u64,
    /// The day of the latest failure.
    latest_occurrence_at: Option<String>,
    /// The same as `latest_occurrence_at`.
    most_recent_instance_at: Option<String>,
    /// Always null.
    last_resolved_at: Option<String>,
    /// The slugs of the teams.
    ownership_team_ids: Vec<String>,
}

/// List the tests with the label `flaky`
#[utoipa::path(
    get, path = "/flaky-tests", tag = "Tests",
    params(SuiteAccess<ReadSuites>, FlakyQuery, Paging),
    responses(PageOf<FlakyTest>, SuiteAccess<ReadSuites>),
)]
pub(super) async fn list_flaky_tests(
    State(app): State<App>,
    access: SuiteAccess<ReadSuites>,
    paging: Paging,
    Params(query): Params<FlakyQuery>,
) -> Result<PageOf<FlakyTest>, ApiError> {
    let suite = &access.suite;
    let tests = TestsQuery {
        search: query.search,
        branch: query.branch,
        ..TestsQuery::default()
    };
    let period = PeriodQuery {
        period: query.period,
        ..PeriodQuery::default()
    };
    let mut filter = TestFilter::new(&tests, &period, paging.page, app.clock.now())?;
    filter.query.labels.push(LabelFilter {
        label: FLAKY_LABEL.to_owned(),
        must_have: true,
    });
    let listed = filter.of_suite(&app, suite).await?;
    let details = Details::of(&app, suite, listed.items.iter().map(|item| &item.test)).await?;
    let ids: Vec<TestId> = listed.items.iter().map(|item| item.test.id).collect();
    let failed = app
        .store
        .last_failure_days(suite.id, &ids, filter.query.period)
        .await?;
    Ok(paging.respond(listed, |item| {
        let day = failed.get(&item.test.id);
        let latest = day.map(|day| rfc3339(Timestamp::from_millis(0).plus_days(*day)));
        FlakyTest {
            test: details.labelled(&item.test, suite, &app.links),
            instances: item.metrics.counts.failed,
            latest_occurrence_at: latest.clone(),
            most_recent_instance_at: latest,
            last_resolved_at: None,
            ownership_team_ids: details.owners(&item.test),
        }
    }))
}
