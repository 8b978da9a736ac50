//! `GET …/builds/{build}/tests`: the tests of a build, in all suites.
//!
//! A build is identified by `run_env[key]` of uploads from Buildkite. Metrics are always included,
//! and cover only the executions of the build.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use axum::extract::State;
use serde::{Deserialize, Serialize};
use test_engine_store::{Listed, Suite};
use utoipa::{IntoParams, ToSchema};

use super::build_test_executions::{self as executions, INCLUDES, Included};
use super::test_details::Details;
use super::test_filter::TestFilter;
use super::test_query::{PeriodQuery, TestsQuery, choose, present};
use crate::App;
use crate::http::auth::{OrganizationAccess, ReadSuites};
use crate::http::error::ApiError;
use crate::http::paging::{PageOf, Paging};
use crate::http::params::{BuildInPath, Params};
use crate::http::resources::{LabelledTest, MeasuredTest, TestMetrics};
use crate::quarantine::QuarantineBody;

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct BuildTestsQuery {
    /// `failed`: at least one execution failed; `^failed`: all did. Likewise for the other results.
    #[param(pattern = r"^([\^~]?(passed|failed|skipped|unknown))?$")]
    result: Option<String>,
    /// Adds the latest failed execution of each test, or the executions that match the filters.
    #[param(pattern = "^(latest_fail|executions|)$")]
    include: Option<String>,
}

/// A label as an object.
#[derive(Serialize, ToSchema)]
struct BuildTestLabel {
    name: String,
    /// Always null: labels have no colors.
    color: Option<String>,
}

/// A test of a build. Its labels are objects, unlike those of a suite's tests.
#[derive(Default, Serialize, ToSchema)]
pub(super) struct BuildTest {
    id: String,
    url: String,
    web_url: String,
    scope: Option<String>,
    name: String,
    location: Option<String>,
    file_name: Option<String>,
    #[schema(inline)]
    labels: Vec<BuildTestLabel>,
    /// Only if the test is muted or skipped, and the reason is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    quarantine: Option<QuarantineBody>,
    #[serde(flatten)]
    metrics: TestMetrics,
    #[serde(flatten)]
    included: Included,
}

/// List the tests that ran in a build, in all suites
#[utoipa::path(
    get, path = "/builds/{build}/tests", tag = "Tests",
    params(
        OrganizationAccess<ReadSuites>, BuildInPath, BuildTestsQuery, TestsQuery, Paging,
    ),
    responses(PageOf<BuildTest>, OrganizationAccess<ReadSuites>),
)]
pub(super) async fn list_build_tests(
    State(app): State<App>,
    access: OrganizationAccess<ReadSuites>,
    BuildInPath(build): BuildInPath,
    paging: Paging,
    Params(own): Params<BuildTestsQuery>,
    Params(query): Params<TestsQuery>,
    Params(period): Params<PeriodQuery>,
) -> Result<PageOf<BuildTest>, ApiError> {
    reject_period(&period)?;
    let include = choose("include", own.include.as_ref(), &INCLUDES);
    let include = include.map_err(ApiError::bad_request)?;
    let mut filter = TestFilter::new(&query, &period, paging.page, app.clock.now())?;
    if let Some(result) = present(own.result.as_ref()) {
        filter.require_result(result)?;
    }
    let listed = filter
        .of_build(&app, access.principal.organization, &build)
        .await?
        .ok_or_else(|| {
            ApiError::not_found(
                "This organization has no run of this build. Check the id; only uploads from \
                 Buildkite have one.",
            )
        })?;
    let mut included = match include {
        Some(include) => {
            executions::load(&app, &access, &build, &filter, include, &listed.items).await?
        }
        None => BTreeMap::new(),
    };
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
        let included = included.remove(&item.test.id).unwrap_or_default();
        items.push(body(details.measured(item, suite, &app.links), included));
    }
    let total = listed.total;
    Ok(paging.respond(Listed { items, total }, |test| test))
}

fn reject_period(period: &PeriodQuery) -> Result<(), ApiError> {
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
    Ok(())
}

fn body(measured: MeasuredTest, included: Included) -> BuildTest {
    let MeasuredTest { test, metrics } = measured;
    let LabelledTest {
        test,
        labels,
        quarantine,
    } = test;
    let labels = labels
        .into_iter()
        .map(|name| BuildTestLabel { name, color: None });
    BuildTest {
        id: test.id,
        url: test.url,
        web_url: test.web_url,
        scope: test.scope,
        name: test.name,
        location: test.location,
        file_name: test.file_name,
        labels: labels.collect(),
        quarantine,
        metrics,
        included,
    }
}
