//! The executions in `GET …/builds/{build}/tests`: the latest failure or the latest executions of
//! each test of a page, with texts that together keep the response small.

use std::collections::BTreeMap;

use serde::Serialize;
use test_engine_duration::Micros;
use test_engine_results::Outcome;
use test_engine_store::{BuildExecution, ExecutionFilter, TestId, TestWithMetrics};
use utoipa::ToSchema;

use super::failure_texts::{Expanded, cut, within};
use super::test_filter::TestFilter;
use crate::App;
use crate::clock::rfc3339;
use crate::http::auth::{OrganizationAccess, ReadSuites};
use crate::http::error::ApiError;
use crate::http::text_budget::{MAX_TEXT_BYTES, fair_share};

/// Executions of a test in a response, the newest ones.
const MAX_EXECUTIONS: usize = 20;

/// What a response has beside the tests.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Include {
    LatestFail,
    Executions,
}

/// The values of the parameter `include`.
pub(super) const INCLUDES: [(&str, Include); 2] = [
    ("latest_fail", Include::LatestFail),
    ("executions", Include::Executions),
];

/// The latest failure of a test in the build.
#[derive(Default, Serialize, ToSchema)]
pub(super) struct LatestFail {
    #[schema(format = "uuid")]
    id: String,
    #[schema(format = "date-time")]
    timestamp: String,
    /// In seconds.
    duration: Option<f64>,
    failure_reason: Option<String>,
    #[schema(inline)]
    failure_expanded: Vec<Expanded>,
}

#[derive(Default, Serialize, ToSchema)]
pub(super) struct BuildTestExecution {
    #[serde(flatten)]
    execution: LatestFail,
    #[schema(pattern = "^(passed|failed|skipped|unknown)$")]
    status: &'static str,
    location: Option<String>,
}

/// What [`Include`] adds to a test.
#[derive(Default, Serialize, ToSchema)]
pub(super) struct Included {
    /// With `include=latest_fail`, if the test failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(inline)]
    latest_fail: Option<LatestFail>,
    /// With `include=executions`, those that match `result`, `tags` and `branch`, newest first, at
    /// most 20. The texts of failures are cut so that the response stays under 1 MiB.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(inline)]
    executions: Option<Vec<BuildTestExecution>>,
}

/// Of each of these tests of a build.
pub(super) async fn load(
    app: &App,
    access: &OrganizationAccess<ReadSuites>,
    build: &str,
    filter: &TestFilter,
    include: Include,
    tests: &[TestWithMetrics],
) -> Result<BTreeMap<TestId, Included>, ApiError> {
    let ids: Vec<TestId> = tests.iter().map(|item| item.test.id).collect();
    let matches = |outcome| match include {
        Include::LatestFail => outcome == Outcome::Failed,
        Include::Executions => filter.includes(outcome),
    };
    let wanted = ExecutionFilter {
        branch: filter.query.branch.as_ref(),
        outcome: &matches,
        tags: &|tags| filter.matches_tags(tags),
        limit: match include {
            Include::LatestFail => 1,
            Include::Executions => MAX_EXECUTIONS,
        },
    };
    let organization = access.principal.organization;
    let found = app
        .store
        .executions_of_build(organization, build, &ids, wanted);
    let mut found = found.await?;
    let sizes = found.values().flatten();
    let sizes = sizes.map(|it| usize::try_from(it.text_bytes).unwrap_or(usize::MAX));
    let share = fair_share(sizes, MAX_TEXT_BYTES);
    let mut included = BTreeMap::new();
    for item in tests {
        let executions = found.remove(&item.test.id).unwrap_or_default();
        let mut bodies = Vec::with_capacity(executions.len());
        for execution in &executions {
            bodies.push(BuildTestExecution {
                execution: body(app, execution, share).await?,
                status: execution.outcome.name(),
                location: item.test.location.clone(),
            });
        }
        let of_test = match include {
            Include::LatestFail => Included {
                latest_fail: bodies.pop().map(|body| body.execution),
                executions: None,
            },
            Include::Executions => Included {
                latest_fail: None,
                executions: Some(bodies),
            },
        };
        included.insert(item.test.id, of_test);
    }
    Ok(included)
}

async fn body(app: &App, execution: &BuildExecution, share: usize) -> Result<LatestFail, ApiError> {
    let (mut reason, details) = app.store.failure_texts(execution).await?;
    let mut left = share;
    if let Some(reason) = &mut reason {
        cut(reason, &mut left);
    }
    Ok(LatestFail {
        id: execution.uuid.to_string(),
        timestamp: rfc3339(execution.created_at),
        duration: execution.duration.map(Micros::seconds),
        failure_reason: reason,
        failure_expanded: within(details, &mut left),
    })
}
