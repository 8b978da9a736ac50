//! `GET …/suites`: the organization's suites, in pages.

use axum::extract::State;
use axum::http::Uri;
use axum::response::Response;

use crate::App;
use crate::http::auth::{OrganizationAccess, ReadSuites};
use crate::http::error::ApiError;
use crate::http::paging::{self, PageQuery};
use crate::http::params::Params;
use crate::http::shapes;

pub(super) async fn get(
    State(app): State<App>,
    access: OrganizationAccess<ReadSuites>,
    Params(query): Params<PageQuery>,
    uri: Uri,
) -> Result<Response, ApiError> {
    let page = query.page();
    let listed = app
        .store
        .suites(access.principal.organization, page)
        .await?;
    let suites: Vec<_> = listed
        .items
        .iter()
        .map(|suite| shapes::suite(suite, &app.links))
        .collect();
    Ok(paging::answer(
        &suites,
        page,
        listed.total,
        app.links.public_url(),
        &uri,
    ))
}
