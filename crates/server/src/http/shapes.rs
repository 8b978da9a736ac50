//! What the store knows, in the shapes of the REST API.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use test_engine_duration::Micros;
use test_engine_store::{Metrics, Run, RunResult, Suite, Test, TestState, Timestamp};
use test_engine_wire as wire;

use crate::clock::rfc3339;
use crate::links::Links;

pub(crate) fn suite(suite: &Suite, links: &Links) -> wire::Suite {
    wire::Suite {
        id: suite.uuid.to_string(),
        graphql_id: STANDARD.encode(format!("Suite---{}", suite.uuid)),
        organization_id: suite.organization_uuid.to_string(),
        slug: suite.slug.clone(),
        name: suite.name.clone(),
        url: links.suite_api(suite),
        web_url: links.suite_page(suite),
        default_branch: suite.default_branch.clone(),
        application_name: suite.application_name.clone(),
        color: suite.color.clone(),
        emoji: suite.emoji.clone(),
        oidc_policy: suite.oidc_policy.as_ref().map(|policy| {
            serde_json::from_str(policy).unwrap_or_else(|_text| policy.clone().into())
        }),
        api_token: None,
    }
}

/// Milliseconds after which a run without any result is given up.
const STALE_AFTER: i64 = 24 * 60 * 60 * 1_000;

pub(crate) fn run(run: &Run, suite: &Suite, links: &Links, now: Timestamp) -> wire::Run {
    let is_given_up = run.result == RunResult::Pending
        && now.millis().saturating_sub(run.updated_at.millis()) >= STALE_AFTER;
    let result = if is_given_up {
        RunResult::Stale
    } else {
        run.result
    };
    wire::Run {
        id: run.uuid.to_string(),
        branch: run.branch.clone(),
        commit_sha: run.commit_sha.clone(),
        state: run.state.name().to_owned(),
        result: result.name().to_owned(),
        url: links.run_api(suite, run.uuid),
        web_url: links.run_page(suite, run.uuid),
        build_id: run.build_id.clone(),
        created_at: rfc3339(run.created_at),
    }
}

pub(crate) fn test(test: &Test, suite: &Suite, links: &Links) -> wire::Test {
    wire::Test {
        id: test.uuid.to_string(),
        url: links.test_api(suite, test.uuid),
        web_url: links.test_page(suite, test.uuid),
        scope: Some(test.scope.clone()),
        name: test.name.clone(),
        location: test.location.clone(),
        file_name: test.file_name.clone(),
        labels: None,
    }
}

/// A test of the newer tests API: with its labels and what its executions come to.
#[derive(Debug, Serialize)]
pub(crate) struct TestWithMetrics {
    #[serde(flatten)]
    test: wire::Test,
    state: &'static str,
    /// Team slugs, the default owner first.
    owners: Vec<String>,
    /// 0 to 1.
    reliability: Option<f64>,
    /// Seconds, as all durations here.
    duration_avg: Option<f64>,
    duration_sum: f64,
    duration_min: Option<f64>,
    duration_max: Option<f64>,
    executions_count: u64,
    executions_count_by_result: CountsByResult,
}

#[derive(Debug, Serialize)]
struct CountsByResult {
    passed: u64,
    failed: u64,
    #[serde(skip_serializing_if = "is_zero")]
    skipped: u64,
    #[serde(skip_serializing_if = "is_zero")]
    unknown: u64,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde hands in a reference"
)]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

impl TestWithMetrics {
    pub(crate) fn new(
        test: wire::Test,
        state: TestState,
        owners: Vec<String>,
        metrics: &Metrics,
    ) -> Self {
        Self {
            test,
            state: state.name(),
            owners,
            reliability: metrics.counts.reliability(),
            duration_avg: metrics.duration_mean().map(Micros::seconds),
            duration_sum: metrics.duration_sum.seconds(),
            duration_min: metrics.duration_min.map(Micros::seconds),
            duration_max: metrics.duration_max.map(Micros::seconds),
            executions_count: metrics.counts.executions(),
            executions_count_by_result: CountsByResult {
                passed: metrics.counts.passed,
                failed: metrics.counts.failed,
                skipped: metrics.counts.skipped,
                unknown: metrics.counts.unknown,
            },
        }
    }
}
