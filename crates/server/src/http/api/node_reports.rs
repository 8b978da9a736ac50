//! `…/test_plan/node_reports`: what each node of a build ran.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use test_engine_wire::NodeReport;
use utoipa::ToSchema;

use crate::App;
use crate::accounting::{AccountingError, MAX_REPORT_BYTES};
use crate::error_chain::ErrorChain;
use crate::http::auth::{SuiteAccess, WritePlans};
use crate::http::body::LimitedJson;
use crate::http::error::ApiError;
use crate::http::openapi::{BadRequest, Invalid, TooLarge};

#[derive(Serialize, ToSchema)]
pub(super) struct Stored {
    /// False if a later report of the same job is stored already.
    stored: bool,
}

/// Report which targets a node was given and which it ran
///
/// Send one report when tests start, and one when they have ended or after a fatal error. The plan
/// need not exist. Reports are kept as long as plans.
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
    Ok(Json(Stored { stored }))
}

impl From<AccountingError> for ApiError {
    fn from(error: AccountingError) -> Self {
        match error {
            AccountingError::Invalid(_) => Self::unprocessable(error.to_string()),
            AccountingError::Store(error) => error.into(),
            AccountingError::Encoding(_) | AccountingError::Task(_) => {
                Self::internal("account for a build", &ErrorChain(&error))
            }
        }
    }
}
