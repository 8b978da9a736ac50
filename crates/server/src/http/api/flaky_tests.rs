//! `GET …/flaky-tests`: the older list of flaky tests, in pages.
//!
//! Flaky are the tests with the label `flaky`, whoever put it there. An instance is a failed
//! execution in the period.

use axum::extract::State;
use axum::http::Uri;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use test_engine_store::{LabelFilter, TestId, Timestamp};
use test_engine_wire as wire;

use super::test_answers::Details;
use super::test_filter::{Sent, TestFilter};
use crate::App;
use crate::clock::rfc3339;
use crate::http::auth::{ReadSuites, SuiteAccess};
use crate::http::error::ApiError;
use crate::http::paging::{self, PageQuery};
use crate::http::params::Params;

/// The label of flaky tests.
const LABEL: &str = "flaky";

#[derive(Deserialize)]
pub(super) struct Query {
    search: Option<String>,
    branch: Option<String>,
    period: Option<String>,
}

#[derive(Serialize)]
struct Shape {
    #[serde(flatten)]
    test: wire::Test,
    /// Failed executions in the period.
    instances: u64,
    /// The day of the latest failure, at its beginning.
    latest_occurrence_at: Option<String>,
    /// The same.
    most_recent_instance_at: Option<String>,
    /// Not known here.
    last_resolved_at: Option<String>,
    /// Team slugs.
    ownership_team_ids: Vec<String>,
}

pub(super) async fn get(
    State(app): State<App>,
    access: SuiteAccess<ReadSuites>,
    Params(paging): Params<PageQuery>,
    Params(query): Params<Query>,
    uri: Uri,
) -> Result<Response, ApiError> {
    let page = paging.page();
    let suite = &access.suite;
    let sent = Sent {
        search: query.search,
        branch: query.branch,
        period: query.period,
        ..Sent::default()
    };
    let mut filter = TestFilter::new(&sent, page, app.clock.now())?;
    filter.query.labels.push(LabelFilter {
        label: LABEL.to_owned(),
        is_wanted: true,
    });
    let listed = filter.of_suite(&app, suite).await?;
    let details = Details::of(&app, suite, listed.items.iter().map(|item| &item.test)).await?;
    let ids: Vec<TestId> = listed.items.iter().map(|item| item.test.id).collect();
    let failed = app
        .store
        .last_failure_days(suite.id, &ids, filter.query.period)
        .await?;
    let shapes: Vec<Shape> = listed
        .items
        .iter()
        .map(|item| {
            let day = failed.get(&item.test.id);
            let latest = day.map(|day| rfc3339(Timestamp::from_millis(0).plus_days(*day)));
            Shape {
                test: details.test(&item.test, suite, &app.links),
                instances: item.metrics.counts.failed,
                latest_occurrence_at: latest.clone(),
                most_recent_instance_at: latest,
                last_resolved_at: None,
                ownership_team_ids: details.owners(&item.test),
            }
        })
        .collect();
    Ok(paging::answer(
        &shapes,
        page,
        listed.total,
        app.links.public_url(),
        &uri,
    ))
}
