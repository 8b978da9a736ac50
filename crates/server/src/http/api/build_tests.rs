//! `GET …/builds/{build}/tests`: the tests of a build, in all suites.
//!
//! A build is identified by `run_env[key]` of uploads from Buildkite. Metrics are always included,
//! and cover only the executions of the build.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use axum::extract::State;
use test_engine_store::{Listed, Suite};

use super::test_details::Details;
use super::test_filter::TestFilter;
use super::test_query::{PeriodQuery, TestsQuery};
use crate::App;
use crate::http::auth::{OrganizationAccess, ReadSuites};
use crate::http::error::ApiError;
use crate::http::paging::{PageOf, Paging};
use crate::http::params::{BuildInPath, Params};
use crate::http::resources::MeasuredTest;

/// List the tests that ran in a build, in all suites
#[utoipa::path(
    get, path = "/builds/{build}/tests", tag = "Tests",
    params(OrganizationAccess<ReadSuites>, BuildInPath, TestsQuery, Paging),
    responses(PageOf<MeasuredTest>, OrganizationAccess<ReadSuites>),
)]
pub(super) async fn list_build_tests(
    State(app): State<App>,
    access: OrganizationAccess<ReadSuites>,
    BuildInPath(build): BuildInPath,
    paging: Paging,
    Params(query): Params<TestsQuery>,
    Params(period): Params<PeriodQuery>,
) -> Result<PageOf<MeasuredTest>, ApiError> {
    for (name, value) in [
        ("period", &period.period),
        ("min_timestamp", &period.min_timestamp),
        ("max_timestamp", &period.max_timestamp),
    ] {
        if value.is_some() {
            return Err(ApiError::bad_request(format!(
                "{name} cannot be combined with a build. Remove it."
            )));
        }
    }
    let filter = TestFilter::new(&query, &period, paging.page, app.clock.now())?;
    let listed = filter
        .of_build(&app, access.principal.organization, &build)
        .await?
        .ok_or_else(|| {
            ApiError::not_found(
                "This organization has no run of this build. Check the id; only uploads from \
                 Buildkite have one.",
            )
        })?;
    let mut suites: BTreeMap<i64, (Suite, Details)> = BTreeMap::new();
    let mut items = Vec::with_capacity(listed.items.len());
    for item in &listed.items {
        let id = item.test.suite;
        let (suite, details) = match suites.entry(id.get()) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) => {
                let Some(suite) = app.store.suite_by_id(id).await? else {
                    // Deleted since the tests were read.
                    continue;
                };
                let tests = listed.items.iter().map(|item| &item.test);
                let tests = tests.filter(|test| test.suite == id);
                let details = Details::of(&app, &suite, tests).await?;
                new.insert((suite, details))
            }
        };
        items.push(details.measured(item, suite, &app.links));
    }
    let total = listed.total;
    Ok(paging.respond(Listed { items, total }, |test| test))
}
