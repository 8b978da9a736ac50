//! `…/test_plan/node_reports` and `…/test_plan/accounting`: what each node of a build ran, and
//! whether that is every test.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use test_engine_accounting::Accountings;
use test_engine_wire::NodeReport;
use utoipa::{IntoParams, ToSchema};

use crate::App;
use crate::accounting::{AccountingError, MAX_REPORT_BYTES};
use crate::error_chain::ErrorChain;
use crate::http::auth::{ReadPlans, SuiteAccess, WritePlans};
use crate::http::body::LimitedJson;
use crate::http::error::ApiError;
use crate::http::openapi::{BadRequest, Invalid, TooLarge};
use crate::http::params::Params;

#[derive(Serialize, ToSchema)]
pub(super) struct Stored {
    /// False if a later report of the same job is stored already.
    stored: bool,
}

/// Report which targets a node was given and which it ran
///
/// Send one report when tests start, and one when they have ended or after a fatal error. The plan
/// need not exist. Reports are kept as long as plans, after the last report on their plan.
#[utoipa::path(
    post, path = "/test_plan/node_reports", tag = "Plans",
    params(SuiteAccess<WritePlans>), request_body = NodeReport,
    responses(
        (status = 200, body = inline(Stored)),
        BadRequest, TooLarge, Invalid, SuiteAccess<WritePlans>,
    ),
)]
pub(super) async fn report_node(
    State(app): State<App>,
    access: SuiteAccess<WritePlans>,
    LimitedJson(report): LimitedJson<NodeReport, MAX_REPORT_BYTES>,
) -> Result<Json<Stored>, ApiError> {
    let now = app.clock.now();
    let stored = app.accountant.record(&access.suite, report, now).await?;
    app.metrics.node_report(stored.is_stored);
    if let Some(has_plan) = stored.has_plan {
        app.metrics.plan_metadata(has_plan);
    }
    Ok(Json(Stored {
        stored: stored.is_stored,
    }))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct AccountingQuery {
    /// Of a plan.
    #[param(pattern = r"\S")]
    identifier: Option<String>,
    /// For all plans of the build.
    #[param(pattern = r"\S")]
    build_id: Option<String>,
}

/// Check whether every test of a plan, or of all plans of a build, ran
///
/// Give either `identifier` or `build_id`. The list is empty if neither a plan nor a report is
/// known.
#[utoipa::path(
    get, path = "/test_plan/accounting", tag = "Plans",
    params(SuiteAccess<ReadPlans>, AccountingQuery),
    responses((status = 200, body = Accountings), BadRequest, SuiteAccess<ReadPlans>),
)]
pub(super) async fn get_accounting(
    State(app): State<App>,
    access: SuiteAccess<ReadPlans>,
    Params(query): Params<AccountingQuery>,
) -> Result<Json<Accountings>, ApiError> {
    let (suite, now) = (&access.suite, app.clock.now());
    let is_blank = |text: &String| text.trim().is_empty();
    let accountings = match (query.identifier, query.build_id) {
        // With an empty variable of the CI, for example.
        (identifier, build_id) if identifier.iter().chain(&build_id).any(is_blank) => {
            return Err(ApiError::bad_request(
                "Invalid parameters: identifier and build_id can't be blank.",
            ));
        }
        (Some(identifier), None) => {
            let accounting = app.accountant.of_plan(suite, &identifier, now).await?;
            accounting.into_iter().collect()
        }
        (None, Some(build_id)) => app.accountant.of_build(suite, &build_id, now).await?,
        _ => {
            return Err(ApiError::bad_request(
                "Invalid parameters: either identifier or build_id is required.",
            ));
        }
    };
    Ok(Json(Accountings { accountings }))
}

impl From<AccountingError> for ApiError {
    fn from(error: AccountingError) -> Self {
        match error {
            AccountingError::Invalid(_) => Self::unprocessable(error.to_string()),
            AccountingError::Store(error) => error.into(),
            AccountingError::Selection(error) => error.into(),
            AccountingError::Encoding(_) | AccountingError::Task(_) => {
                Self::internal("account for a build", &ErrorChain(&error))
            }
        }
    }
}
