//! `GET …/runs`: a suite's runs, newest first, in pages; `build_id` narrows to one build.

use axum::extract::State;
use axum::http::Uri;
use axum::response::Response;
use serde::Deserialize;

use crate::App;
use crate::http::auth::{ReadSuites, SuiteAccess};
use crate::http::error::ApiError;
use crate::http::paging::{self, PageQuery};
use crate::http::params::Params;
use crate::http::shapes;

#[derive(Deserialize)]
pub(super) struct Filter {
    build_id: Option<String>,
}

pub(super) async fn get(
    State(app): State<App>,
    access: SuiteAccess<ReadSuites>,
    Params(paging): Params<PageQuery>,
    Params(filter): Params<Filter>,
    uri: Uri,
) -> Result<Response, ApiError> {
    let page = paging.page();
    let suite = &access.suite;
    let build_id = filter.build_id.as_deref().filter(|id| !id.is_empty());
    let listed = app.store.runs(suite.id, build_id, page).await?;
    let runs: Vec<_> = listed
        .items
        .iter()
        .map(|run| shapes::run(run, suite, &app.links, app.clock.now()))
        .collect();
    Ok(paging::answer(
        &runs,
        page,
        listed.total,
        app.links.public_url(),
        &uri,
    ))
}
