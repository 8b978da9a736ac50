//! `GET …/tests/{id}`, also for tests without recent executions.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use test_engine_store::{Period, Suite, Test, TestWithMetrics};
use uuid::Uuid;

use super::test_answers::Details;
use super::version::WithMetrics;
use crate::App;
use crate::http::auth::{ReadSuites, SuiteAccess};
use crate::http::error::ApiError;
use crate::http::params::IdInPath;
use crate::http::shapes;

/// Days that the metrics are of.
const DAYS: i64 = 7;

pub(super) async fn get(
    State(app): State<App>,
    access: SuiteAccess<ReadSuites>,
    WithMetrics(with_metrics): WithMetrics,
    IdInPath(id): IdInPath,
) -> Result<Response, ApiError> {
    let suite = &access.suite;
    let test = app
        .store
        .test(suite.id, id)
        .await?
        .ok_or_else(|| missing(id))?;
    let details = Details::of(&app, suite, std::iter::once(&test)).await?;
    if !with_metrics {
        return Ok(Json(details.test(&test, suite, &app.links)).into_response());
    }
    let period = Period::last_days(DAYS, app.clock.now());
    let metrics = app.store.test_metrics(&test, period, None).await?;
    let item = TestWithMetrics { test, metrics };
    Ok(Json(details.with_metrics(&item, suite, &app.links)).into_response())
}

/// A test as it is answered where labels are not.
pub(super) fn answer(app: &App, suite: &Suite, test: &Test) -> Response {
    Json(shapes::test(test, suite, &app.links)).into_response()
}

pub(super) fn missing(id: Uuid) -> ApiError {
    ApiError::not_found(format!("This suite has no test {id}."))
}
