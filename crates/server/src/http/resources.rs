//! Stored records as response bodies of the REST API.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use test_engine_duration::Micros;
use test_engine_store::{
    Metrics, QuarantinedTest, Run, RunResult, Suite, Test, TestState, Timestamp,
};
use test_engine_wire as wire;
use utoipa::openapi::schema::AnyOfBuilder;
use utoipa::openapi::{Ref, RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use crate::clock::rfc3339;
use crate::links::Links;
use crate::quarantine::QuarantineBody;

/// Milliseconds after which a run without results is stale.
const STALE_AFTER: i64 = 24 * 60 * 60 * 1_000;

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
        quarantine: Some(wire::QuarantineSettings {
            days: suite.quarantine.days,
            max_days: suite.quarantine.max_days,
            api_days: suite.quarantine.api_days,
        }),
        api_token: None,
    }
}

pub(crate) fn run(run: &Run, suite: &Suite, links: &Links, now: Timestamp) -> wire::Run {
    let is_stale = run.result == RunResult::Pending
        && now.millis().saturating_sub(run.updated_at.millis()) >= STALE_AFTER;
    let result = if is_stale {
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
        failed_tests: run.tests.map(|tests| wire::FailedTests {
            first_failed: tests.first_failed,
            broken: tests.broken,
            recovered: tests.recovered,
            muted_failed: tests.muted_failed,
        }),
        outage: run.guarded,
        outage_counted: run.outage_counted,
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

/// A test with its labels.
#[derive(Debug, Default, Serialize, ToSchema)]
pub(crate) struct LabelledTest {
    #[serde(flatten)]
    pub(crate) test: wire::Test,
    pub(crate) labels: Vec<String>,
    /// Only if the test is muted or skipped, and the reason is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) quarantine: Option<QuarantineBody>,
}

/// A test, and why it is muted or skipped.
#[derive(Debug, Default, Serialize, ToSchema)]
#[schema(as = QuarantinedTest)]
pub(crate) struct QuarantinedTestBody {
    #[serde(flatten)]
    pub(crate) test: wire::Test,
    /// Only if the test is muted or skipped, and the reason is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) quarantine: Option<QuarantineBody>,
}

impl QuarantinedTestBody {
    pub(crate) fn new(item: &QuarantinedTest, suite: &Suite, links: &Links) -> Self {
        Self {
            test: test(&item.test, suite, links),
            quarantine: item.quarantine.as_ref().map(QuarantineBody::from),
        }
    }
}

/// A test with its labels and metrics.
#[derive(Debug, Default, Serialize, ToSchema)]
pub(crate) struct MeasuredTest {
    #[serde(flatten)]
    pub(crate) test: LabelledTest,
    #[serde(flatten)]
    pub(crate) metrics: TestMetrics,
}

/// The state, the owners and the metrics of a test.
#[derive(Debug, Default, Serialize, ToSchema)]
pub(crate) struct TestMetrics {
    #[schema(pattern = "^(enabled|muted|skipped)$")]
    state: &'static str,
    /// Team slugs, the default owner first.
    owners: Vec<String>,
    #[schema(minimum = 0, maximum = 1)]
    reliability: Option<f64>,
    /// In seconds, as all durations.
    duration_avg: Option<f64>,
    duration_sum: f64,
    duration_min: Option<f64>,
    duration_max: Option<f64>,
    /// Exact to a bucket of a histogram: 2, 5, 10, … ms up to 100 s. Null if an earlier release
    /// stored some of the durations.
    duration_p50: Option<f64>,
    /// See `duration_p50`.
    duration_p90: Option<f64>,
    /// See `duration_p50`.
    duration_p99: Option<f64>,
    executions_count: u64,
    executions_count_by_result: CountsByResult,
}

/// A test in the format that the `Buildkite-Version` header selects.
#[derive(Serialize)]
#[serde(untagged)]
pub(crate) enum TestBody {
    Measured(MeasuredTest),
    Labelled(LabelledTest),
}

impl PartialSchema for TestBody {
    fn schema() -> RefOr<Schema> {
        AnyOfBuilder::new()
            .item(Ref::from_schema_name(MeasuredTest::name()))
            .item(Ref::from_schema_name(LabelledTest::name()))
            .into()
    }
}

impl ToSchema for TestBody {}

/// A count of 0 skipped or unknown executions is left out.
#[derive(Debug, Default, Serialize, ToSchema)]
struct CountsByResult {
    passed: u64,
    failed: u64,
    #[serde(skip_serializing_if = "is_zero")]
    skipped: u64,
    #[serde(skip_serializing_if = "is_zero")]
    unknown: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "required by serde")]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

impl TestMetrics {
    pub(crate) fn new(state: TestState, owners: Vec<String>, metrics: &Metrics) -> Self {
        let percentile = |percent| metrics.duration_percentile(percent).map(Micros::seconds);
        Self {
            state: state.name(),
            owners,
            reliability: metrics.counts.reliability(),
            duration_avg: metrics.duration_mean().map(Micros::seconds),
            duration_sum: metrics.duration_sum.seconds(),
            duration_min: metrics.duration_min.map(Micros::seconds),
            duration_max: metrics.duration_max.map(Micros::seconds),
            duration_p50: percentile(50),
            duration_p90: percentile(90),
            duration_p99: percentile(99),
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
