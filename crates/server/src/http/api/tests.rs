//! `…/tests`: lists, finds and shows tests.

use axum::Json;
use axum::extract::State;
use test_engine_store::{Period, TestWithMetrics};
use test_engine_wire::{FindTest, Test};
use uuid::Uuid;

use super::test_details::Details;
use super::test_filter::TestFilter;
use super::test_query::{PeriodQuery, TestsQuery};
use super::version::WithMetrics;
use crate::App;
use crate::http::auth::{ReadSuites, SuiteAccess};
use crate::http::body::JsonBody;
use crate::http::error::ApiError;
use crate::http::openapi::BadRequest;
use crate::http::paging::{PageOf, Paging};
use crate::http::params::{IdInPath, Params};
use crate::http::resources::{self, TestBody};

/// Days that the metrics of a single test cover.
const METRICS_DAYS: i64 = 7;

/// List the tests with executions in a period
#[utoipa::path(
    get, path = "/tests", tag = "Tests",
    params(SuiteAccess<ReadSuites>, WithMetrics, TestsQuery, PeriodQuery, Paging),
    responses(PageOf<TestBody>, SuiteAccess<ReadSuites>),
)]
pub(super) async fn list_tests(
    State(app): State<App>,
    access: SuiteAccess<ReadSuites>,
    WithMetrics(with_metrics): WithMetrics,
    paging: Paging,
    Params(query): Params<TestsQuery>,
    Params(period): Params<PeriodQuery>,
) -> Result<PageOf<TestBody>, ApiError> {
    let suite = &access.suite;
    let filter = TestFilter::new(&query, &period, paging.page, app.clock.now())?;
    let listed = filter.of_suite(&app, suite).await?;
    let tests = listed.items.iter().map(|item| &item.test);
    let details = Details::of(&app, suite, tests).await?;
    Ok(paging.respond(listed, |item| {
        details.body(&item, suite, &app.links, with_metrics)
    }))
}

/// Get a test
#[utoipa::path(
    get, path = "/tests/{id}", tag = "Tests",
    params(SuiteAccess<ReadSuites>, IdInPath, WithMetrics),
    responses((status = 200, body = TestBody), BadRequest, SuiteAccess<ReadSuites>),
)]
pub(super) async fn get_test(
    State(app): State<App>,
    access: SuiteAccess<ReadSuites>,
    WithMetrics(with_metrics): WithMetrics,
    IdInPath(id): IdInPath,
) -> Result<Json<TestBody>, ApiError> {
    let suite = &access.suite;
    let test = app.store.test(suite.id, id).await?;
    let test = test.ok_or_else(|| not_found(id))?;
    let details = Details::of(&app, suite, std::iter::once(&test)).await?;
    if !with_metrics {
        let labelled = details.labelled(&test, suite, &app.links);
        return Ok(Json(TestBody::Labelled(labelled)));
    }
    let period = Period::last_days(METRICS_DAYS, app.clock.now());
    let metrics = app.store.test_metrics(&test, period, None).await?;
    let item = TestWithMetrics { test, metrics };
    Ok(Json(details.body(&item, suite, &app.links, true)))
}

/// Find the test with exactly this scope and name
#[utoipa::path(
    post, path = "/tests/find", tag = "Tests",
    params(SuiteAccess<ReadSuites>), request_body = FindTest,
    responses((status = 200, body = Test), BadRequest, SuiteAccess<ReadSuites>),
)]
pub(super) async fn find_test(
    State(app): State<App>,
    access: SuiteAccess<ReadSuites>,
    JsonBody(request): JsonBody<FindTest>,
) -> Result<Json<Test>, ApiError> {
    if request.name.trim().is_empty() {
        return Err(ApiError::bad_request("name is required."));
    }
    let scope = request.scope.unwrap_or_default();
    let test = app
        .store
        .find_test(&access.suite, &scope, &request.name)
        .await?
        .ok_or_else(|| {
            ApiError::not_found(
                "This suite has no test with this scope and name. Both must match exactly.",
            )
        })?;
    Ok(Json(resources::test(&test, &access.suite, &app.links)))
}

pub(super) fn not_found(id: Uuid) -> ApiError {
    ApiError::not_found(format!("This suite has no test {id}."))
}
