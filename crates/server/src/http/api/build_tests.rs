//! `GET …/builds/{build}/tests`: the tests that ran in a build, over all suites, in pages.
//!
//! A build is what `run_env[key]` says in uploads from Buildkite. Metrics are always told, and are
//! of the build's own executions.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use axum::extract::{Path, State};
use axum::http::Uri;
use axum::response::Response;
use serde::Deserialize;
use test_engine_store::Suite;

use super::test_answers::Details;
use super::test_filter::{Sent, TestFilter};
use crate::App;
use crate::http::auth::{OrganizationAccess, ReadSuites};
use crate::http::error::ApiError;
use crate::http::paging::{self, PageQuery};
use crate::http::params::Params;

#[derive(Deserialize)]
pub(super) struct Build {
    build: String,
}

pub(super) async fn get(
    State(app): State<App>,
    access: OrganizationAccess<ReadSuites>,
    path: Result<Path<Build>, axum::extract::rejection::PathRejection>,
    Params(paging): Params<PageQuery>,
    Params(sent): Params<Sent>,
    uri: Uri,
) -> Result<Response, ApiError> {
    let unknown = || {
        ApiError::not_found(
            "No run of this organization is known to be of this build. Check its id; only \
             uploads from Buildkite name one.",
        )
    };
    let Ok(Path(Build { build })) = path else {
        return Err(unknown());
    };
    for (name, value) in [
        ("period", &sent.period),
        ("min_timestamp", &sent.min_timestamp),
        ("max_timestamp", &sent.max_timestamp),
    ] {
        if value.is_some() {
            return Err(ApiError::bad_request(format!(
                "A build has its own period. Leave {name} out."
            )));
        }
    }
    let page = paging.page();
    let filter = TestFilter::new(&sent, page, app.clock.now())?;
    let listed = filter
        .of_build(&app, access.principal.organization, &build)
        .await?
        .ok_or_else(unknown)?;
    let mut suites: BTreeMap<i64, (Suite, Details)> = BTreeMap::new();
    let mut shapes = Vec::with_capacity(listed.items.len());
    for item in &listed.items {
        let id = item.test.suite;
        let (suite, details) = match suites.entry(id.get()) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) => {
                let Some(suite) = app.store.suite_by_id(id).await? else {
                    // Deleted between two questions.
                    continue;
                };
                let its_tests = listed.items.iter().map(|item| &item.test);
                let its_tests = its_tests.filter(|test| test.suite == id);
                let details = Details::of(&app, &suite, its_tests).await?;
                new.insert((suite, details))
            }
        };
        shapes.push(details.with_metrics(item, suite, &app.links));
    }
    Ok(paging::answer(
        &shapes,
        page,
        listed.total,
        app.links.public_url(),
        &uri,
    ))
}
