//! `GET …/runs/{id}/failed_executions`.

use std::collections::BTreeMap;

use axum::extract::State;
use serde::{Deserialize, Serialize};
use test_engine_duration::Micros;
use test_engine_store::{FailedExecution, Run, Suite};
use utoipa::{IntoParams, ToSchema};

use super::failure_texts::{Expanded, cut, within};
use super::runs;
use crate::App;
use crate::clock::rfc3339;
use crate::http::auth::{ReadSuites, SuiteAccess};
use crate::http::error::ApiError;
use crate::http::paging::{PageOf, Paging};
use crate::http::params::{IdInPath, Params};
use crate::http::text_budget::{MAX_TEXT_BYTES, fair_share, json_size};
use crate::links::Links;

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct FailedExecutionsQuery {
    /// Long texts are cut so that the response stays under 1 MiB; a smaller `per_page` leaves more
    /// to each.
    #[serde(default)]
    include_failure_expanded: bool,
}

#[derive(Default, Serialize, ToSchema)]
#[schema(as = FailedExecution)]
pub(super) struct FailedExecutionBody {
    execution_id: String,
    run_id: String,
    test_id: String,
    run_name: String,
    commit_sha: Option<String>,
    created_at: String,
    branch: Option<String>,
    failure_reason: Option<String>,
    /// Identifies the cause: 16 hexadecimal digits.
    fingerprint: Option<String>,
    /// In seconds.
    duration: Option<f64>,
    location: Option<String>,
    /// Scope and name.
    test_name: String,
    run_url: String,
    test_url: String,
    test_execution_url: String,
    tags: BTreeMap<String, String>,
    /// Only with `include_failure_expanded`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(inline)]
    failure_expanded: Option<Vec<Expanded>>,
}

/// List the failed executions of a run
#[utoipa::path(
    get, path = "/runs/{id}/failed_executions", tag = "Runs",
    params(SuiteAccess<ReadSuites>, IdInPath, FailedExecutionsQuery, Paging),
    responses(PageOf<FailedExecutionBody>, SuiteAccess<ReadSuites>),
)]
pub(super) async fn list_failed_executions(
    State(app): State<App>,
    access: SuiteAccess<ReadSuites>,
    IdInPath(id): IdInPath,
    paging: Paging,
    Params(query): Params<FailedExecutionsQuery>,
) -> Result<PageOf<FailedExecutionBody>, ApiError> {
    let run = runs::find(&app, &access, id).await?;
    let listed = if query.include_failure_expanded {
        app.store.failed_executions(&run, paging.page).await?
    } else {
        let brief = app.store.failed_executions_in_brief(&run, paging.page);
        brief.await?
    };
    let share = fair_share(listed.items.iter().map(text_size), MAX_TEXT_BYTES);
    Ok(paging.respond(listed, |mut execution| {
        let expanded = std::mem::take(&mut execution.failure_expanded);
        let mut body = body(execution, &run, &access.suite, &app.links);
        let mut left = share;
        if let Some(reason) = &mut body.failure_reason {
            cut(reason, &mut left);
        }
        body.failure_expanded = query
            .include_failure_expanded
            .then(|| within(expanded, &mut left));
        body
    }))
}

fn text_size(execution: &FailedExecution) -> usize {
    let details = execution.failure_expanded.iter();
    details
        .flat_map(|detail| detail.expanded.iter().chain(&detail.backtrace))
        .chain(&execution.failure_reason)
        .map(|text| json_size(text))
        .sum()
}

fn body(
    execution: FailedExecution,
    run: &Run,
    suite: &Suite,
    links: &Links,
) -> FailedExecutionBody {
    let test = &execution.test;
    let test_url = links.test_page(suite, test.uuid);
    let mut tags = execution.tags;
    for has_own_field in ["result", "scm.branch", "scm.commit_sha"] {
        tags.remove(has_own_field);
    }
    if let Some(file) = &test.file_name {
        tags.entry("code.file.path".to_owned())
            .or_insert_with(|| file.clone());
    }
    FailedExecutionBody {
        execution_id: execution.uuid.to_string(),
        run_id: execution.run_uuid.to_string(),
        test_id: test.uuid.to_string(),
        run_name: run.number.clone().unwrap_or_else(|| run.key.clone()),
        commit_sha: run.commit_sha.clone(),
        created_at: rfc3339(execution.created_at),
        branch: run.branch.clone(),
        failure_reason: execution.failure_reason,
        fingerprint: execution.fingerprint.map(|found| found.to_string()),
        duration: execution.duration.map(Micros::seconds),
        location: test.location.clone(),
        test_name: if test.scope.is_empty() {
            test.name.clone()
        } else {
            format!("{} {}", test.scope, test.name)
        },
        run_url: links.run_page(suite, run.uuid),
        test_execution_url: format!("{test_url}?execution_id={}", execution.uuid),
        test_url,
        tags,
        failure_expanded: None,
    }
}
