//! Test selection: `…/test_plan/selection` and `…/selection`.

use axum::Json;
use axum::extract::{RawQuery, State};
use axum::http::HeaderMap;
use serde::Deserialize;
use test_engine_store::SelectionSwitch as Switch;
use test_engine_wire::{SelectionDecision, SelectionHoldout, SelectionOverview, SelectionSwitch};
use utoipa::IntoParams;

use crate::App;
use crate::error_chain::ErrorChain;
use crate::http::auth::{ReadPlans, ReadSuites, SuiteAccess, WriteSuites};
use crate::http::body::JsonBody;
use crate::http::error::ApiError;
use crate::http::openapi::{BadRequest, Invalid};
use crate::http::paging::{PageOf, Paging};
use crate::http::params::Params;
use crate::selection::{DecisionQuery, SelectionError};

/// Items that one request can name.
const MAX_ITEMS: usize = 100;
/// Characters of the reason of a switch.
pub(in crate::http) const MAX_REASON: usize = 1_000;

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct DecisionParams {
    /// Of the plan.
    #[serde(default)]
    #[param(required, pattern = r"\S")]
    identifier: String,
    /// Only items that were left out. Without effect if items are named.
    #[serde(default)]
    left_out: bool,
}

/// Get the decision about which items of a plan run
///
/// With `item`, which can be given up to 100 times, these items with what links them with the
/// changed files. Otherwise a page of all items by rank; the header `Link` has the other pages.
/// Items are known as long as the plan is stored.
#[utoipa::path(
    get, path = "/test_plan/selection", tag = "Selection",
    params(
        SuiteAccess<ReadPlans>, DecisionParams, Paging,
        ("item" = Option<Vec<String>>, Query, description = "A target, as in the plan request."),
    ),
    responses((status = 200, body = SelectionDecision), BadRequest, SuiteAccess<ReadPlans>),
)]
pub(super) async fn get_decision(
    State(app): State<App>,
    access: SuiteAccess<ReadPlans>,
    paging: Paging,
    RawQuery(raw): RawQuery,
    Params(query): Params<DecisionParams>,
) -> Result<(HeaderMap, Json<SelectionDecision>), ApiError> {
    if query.identifier.trim().is_empty() {
        return Err(ApiError::bad_request(
            "Invalid parameters: identifier is required.",
        ));
    }
    let items = named_items(raw.as_deref().unwrap_or_default())?;
    let wanted = if items.is_empty() {
        DecisionQuery::Page {
            page: paging.page,
            only_left_out: query.left_out,
        }
    } else {
        DecisionQuery::Items(items)
    };
    let found = app
        .selections
        .decision(&access.suite, &query.identifier, wanted)
        .await?;
    let Some((decision, total)) = found else {
        return Err(ApiError::not_found(
            "There is no decision about a plan with this identifier. Plans have one if their \
             request asks for a selection.",
        ));
    };
    Ok((paging.links(total), Json(decision)))
}

/// The values of `item` in a query, which the other extractors would reject as repeated.
fn named_items(query: &str) -> Result<Vec<String>, ApiError> {
    let pairs: Vec<(String, String)> = serde_urlencoded::from_str(query)
        .map_err(|error| ApiError::bad_request(format!("Invalid query parameters: {error}.")))?;
    let items = pairs.into_iter().filter(|(name, _)| name == "item");
    let items: Vec<String> = items.map(|(_, value)| value).collect();
    if items.len() > MAX_ITEMS {
        return Err(ApiError::bad_request(format!(
            "Invalid query parameters: at most {MAX_ITEMS} items can be named."
        )));
    }
    Ok(items)
}

/// Get how far selections can be trusted, and what they save
#[utoipa::path(
    get, path = "/selection", tag = "Selection",
    params(SuiteAccess<ReadSuites>),
    responses((status = 200, body = SelectionOverview), SuiteAccess<ReadSuites>),
)]
pub(super) async fn get_selection(
    State(app): State<App>,
    access: SuiteAccess<ReadSuites>,
) -> Result<Json<SelectionOverview>, ApiError> {
    let overview = app.selections.overview(&access.suite, app.clock.now());
    Ok(Json(overview.await?))
}

/// Switch selection off or on for every plan of the suite
///
/// The switch wins over every request. Switching on also ends what drift has switched off; misses
/// so far no longer count for drift.
#[utoipa::path(
    patch, path = "/selection", tag = "Selection",
    params(SuiteAccess<WriteSuites>), request_body = SelectionSwitch,
    responses(
        (status = 200, body = SelectionOverview), BadRequest, SuiteAccess<WriteSuites>, Invalid,
    ),
)]
pub(super) async fn switch_selection(
    State(app): State<App>,
    access: SuiteAccess<WriteSuites>,
    JsonBody(body): JsonBody<SelectionSwitch>,
) -> Result<Json<SelectionOverview>, ApiError> {
    let reason = body.reason.trim();
    if reason.chars().count() > MAX_REASON {
        return Err(ApiError::unprocessable(format!(
            "The reason is too long; the maximum is {MAX_REASON} characters."
        )));
    }
    let switch = if body.off {
        Switch::Off {
            reason: reason.to_owned(),
        }
    } else {
        Switch::On
    };
    let now = app.clock.now();
    let (suite, change) = (&access.suite, access.change(now));
    if !app.store.switch_selection(suite, &switch, &change).await? {
        return Err(ApiError::not_found(
            "The suite was deleted in the meantime.",
        ));
    }
    tracing::info!(suite = suite.slug, off = body.off, "selection switched");
    Ok(Json(app.selections.overview(suite, now).await?))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct HoldoutParams {
    /// Only those that were missed.
    #[serde(default)]
    missed: bool,
}

/// List the known failing builds that measure selections, newest first
#[utoipa::path(
    get, path = "/selection/exams", tag = "Selection",
    params(SuiteAccess<ReadSuites>, HoldoutParams, Paging),
    responses(PageOf<SelectionHoldout>, SuiteAccess<ReadSuites>),
)]
pub(super) async fn list_holdouts(
    State(app): State<App>,
    access: SuiteAccess<ReadSuites>,
    paging: Paging,
    Params(query): Params<HoldoutParams>,
) -> Result<PageOf<SelectionHoldout>, ApiError> {
    let suite = &access.suite;
    let listed = app
        .selections
        .holdouts(suite, query.missed, paging.page)
        .await?;
    Ok(paging.respond(listed, |holdout| holdout))
}

impl From<SelectionError> for ApiError {
    fn from(error: SelectionError) -> Self {
        match error {
            SelectionError::Store(error) => error.into(),
            SelectionError::Encoding(_) | SelectionError::Task(_) => {
                Self::internal("read or make the selection", &ErrorChain(&error))
            }
        }
    }
}
