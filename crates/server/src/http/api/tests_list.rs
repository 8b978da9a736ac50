//! `GET …/tests`: the tests with executions in a period, in pages.

use axum::extract::State;
use axum::http::Uri;
use axum::response::Response;

use super::test_answers::Details;
use super::test_filter::{Sent, TestFilter};
use super::version::WithMetrics;
use crate::App;
use crate::http::auth::{ReadSuites, SuiteAccess};
use crate::http::error::ApiError;
use crate::http::paging::{self, PageQuery};
use crate::http::params::Params;

pub(super) async fn get(
    State(app): State<App>,
    access: SuiteAccess<ReadSuites>,
    WithMetrics(with_metrics): WithMetrics,
    Params(paging): Params<PageQuery>,
    Params(sent): Params<Sent>,
    uri: Uri,
) -> Result<Response, ApiError> {
    let page = paging.page();
    let suite = &access.suite;
    let filter = TestFilter::new(&sent, page, app.clock.now())?;
    let listed = filter.of_suite(&app, suite).await?;
    let details = Details::of(&app, suite, listed.items.iter().map(|item| &item.test)).await?;
    let base = app.links.public_url();
    if with_metrics {
        let tests: Vec<_> = listed
            .items
            .iter()
            .map(|item| details.with_metrics(item, suite, &app.links))
            .collect();
        return Ok(paging::answer(&tests, page, listed.total, base, &uri));
    }
    let tests: Vec<_> = listed
        .items
        .iter()
        .map(|item| details.test(&item.test, suite, &app.links))
        .collect();
    Ok(paging::answer(&tests, page, listed.total, base, &uri))
}
