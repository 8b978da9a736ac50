//! The suites of an organization, each with its latest run.

use askama::Template;
use axum::extract::{Path, State};
use axum::response::Response;
use test_engine_store::Page as ListPage;

use super::format;
use super::page::{Frame, PageError, Pager, show};
use super::run::ResultMark;
use super::viewer::Viewer;
use crate::App;
use crate::http::paging::PageQuery;
use crate::http::params::Params;
use crate::links::Links;

#[derive(Template)]
#[template(path = "suites.html")]
struct Page {
    frame: Frame,
    organization: String,
    suites: Vec<Row>,
    pager: Pager,
}

struct Row {
    name: String,
    slug: String,
    address: String,
    default_branch: String,
    tests: String,
    latest: Option<Latest>,
}

struct Latest {
    result: ResultMark,
    address: String,
    branch: String,
    ago: String,
}

pub(super) async fn get(
    State(app): State<App>,
    viewer: Viewer,
    Path(slug): Path<String>,
    Params(query): Params<PageQuery>,
) -> Result<Response, PageError> {
    let organization = viewer.organization(&app, &slug).await?;
    let now = app.clock.now();
    let page = query.page();
    let listed = app.store.suites(organization.id, page).await?;
    let mut suites = Vec::new();
    for suite in &listed.items {
        let runs = app.store.runs(suite.id, None, ListPage::new(1, 1)).await?;
        let address = Links::suite_path(suite);
        suites.push(Row {
            name: suite.name.clone(),
            slug: suite.slug.clone(),
            default_branch: suite.default_branch.clone(),
            tests: format::counted(app.store.count_tests(suite.id).await?, "test"),
            latest: runs.items.first().map(|run| Latest {
                result: ResultMark::of(run),
                address: format!("{address}/runs/{}", run.uuid),
                branch: run.branch.clone().unwrap_or_else(|| "no branch".to_owned()),
                ago: format::ago(run.created_at, now),
            }),
            address,
        });
    }
    let address = Links::organization_page(&organization.slug);
    let mut frame = Frame::new(format!("Suites of {}", organization.slug), &viewer);
    frame.crumb(&organization.slug, address.clone());
    show(&Page {
        frame,
        organization: organization.slug,
        suites,
        pager: Pager::new(page, listed.total, |number| {
            format!("{address}?page={number}")
        }),
    })
}
