//! `GET …/runs/{id}/failed_executions`: what failed in a run, in pages.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::http::Uri;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use test_engine_duration::Micros;
use test_engine_store::{FailedExecution, Run, Suite};

use super::run_get;
use crate::App;
use crate::clock::rfc3339;
use crate::http::auth::{ReadSuites, SuiteAccess};
use crate::http::error::ApiError;
use crate::http::paging::{self, PageQuery};
use crate::http::params::{IdInPath, Params};
use crate::links::Links;

#[derive(Deserialize)]
pub(super) struct Detail {
    #[serde(default)]
    include_failure_expanded: bool,
}

#[derive(Serialize)]
struct Shape {
    execution_id: String,
    run_id: String,
    test_id: String,
    run_name: String,
    commit_sha: Option<String>,
    created_at: String,
    branch: Option<String>,
    failure_reason: Option<String>,
    /// Seconds.
    duration: Option<f64>,
    location: Option<String>,
    test_name: String,
    run_url: String,
    test_url: String,
    test_execution_url: String,
    tags: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    failure_expanded: Option<Vec<Expanded>>,
}

#[derive(Serialize)]
struct Expanded {
    expanded: Vec<String>,
    backtrace: Vec<String>,
}

pub(super) async fn get(
    State(app): State<App>,
    access: SuiteAccess<ReadSuites>,
    IdInPath(id): IdInPath,
    Params(paging): Params<PageQuery>,
    Params(detail): Params<Detail>,
    uri: Uri,
) -> Result<Response, ApiError> {
    let page = paging.page();
    let run = run_get::find(&app, &access, id).await?;
    let listed = app.store.failed_executions(&run, page).await?;
    let total = listed.total;
    let shapes: Vec<Shape> = listed
        .items
        .into_iter()
        .map(|execution| {
            shape(
                execution,
                &run,
                &access.suite,
                &app.links,
                detail.include_failure_expanded,
            )
        })
        .collect();
    Ok(paging::answer(
        &shapes,
        page,
        total,
        app.links.public_url(),
        &uri,
    ))
}

fn shape(
    execution: FailedExecution,
    run: &Run,
    suite: &Suite,
    links: &Links,
    with_expanded: bool,
) -> Shape {
    let test = &execution.test;
    let test_url = links.test_page(suite, test.uuid);
    let mut tags = execution.tags;
    for told_elsewhere in ["result", "scm.branch", "scm.commit_sha"] {
        tags.remove(told_elsewhere);
    }
    if let Some(file) = &test.file_name {
        tags.entry("code.file.path".to_owned())
            .or_insert_with(|| file.clone());
    }
    Shape {
        execution_id: execution.uuid.to_string(),
        run_id: execution.run_uuid.to_string(),
        test_id: test.uuid.to_string(),
        run_name: run.number.clone().unwrap_or_else(|| run.key.clone()),
        commit_sha: run.commit_sha.clone(),
        created_at: rfc3339(execution.created_at),
        branch: run.branch.clone(),
        failure_reason: execution.failure_reason,
        duration: execution.duration.map(Micros::seconds),
        location: test.location.clone(),
        test_name: full_name(&test.scope, &test.name),
        run_url: links.run_page(suite, run.uuid),
        test_execution_url: format!("{test_url}?execution_id={}", execution.uuid),
        test_url,
        tags,
        failure_expanded: with_expanded.then(|| {
            execution
                .failure_expanded
                .into_iter()
                .map(|detail| Expanded {
                    expanded: detail.expanded,
                    backtrace: detail.backtrace,
                })
                .collect()
        }),
    }
}

/// Scope and name as one.
fn full_name(scope: &str, name: &str) -> String {
    if scope.is_empty() {
        name.to_owned()
    } else {
        format!("{scope} {name}")
    }
}
