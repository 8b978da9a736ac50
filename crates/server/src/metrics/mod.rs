//! Prometheus metrics of the server.
//!
//! Labels have few values, all known in advance: route templates, methods, statuses, names in this
//! code. Never use an organization, a suite, a requested path or anything else that clients choose.
//! `docs/server/operate.md` lists all metrics.

mod process;
mod selection;

use std::path::PathBuf;
use std::time::Duration;

use axum::http::{Method, StatusCode};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Metric, Registry, Unit};
use test_engine_store::{Expired, Recorded};

use process::Process;
pub(crate) use selection::SelectionCounts;

/// Upper bounds of the buckets of histograms.
const SECONDS: [f64; 13] = [
    0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
];
/// The route label of requests without a route.
const UNMATCHED: &str = "unmatched";
const UPLOADS: &str = "/v1/uploads";

pub(crate) const MEDIA_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Response {
    route: String,
    method: &'static str,
    status: u32,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Endpoint {
    route: String,
    method: &'static str,
}

type Labels<const COUNT: usize> = [(&'static str, &'static str); COUNT];
type Outcomes = Family<Labels<1>, Counter>;

/// Plan requests by outcome; shared with the planner.
#[derive(Clone, Debug, Default)]
pub(crate) struct PlanCounts(Outcomes);

impl PlanCounts {
    pub(crate) fn created(&self) {
        count(&self.0, "created", 1);
    }

    /// An existing plan was returned.
    pub(crate) fn served(&self) {
        count(&self.0, "served", 1);
    }

    pub(crate) fn missing(&self) {
        count(&self.0, "missing", 1);
    }
}

/// End reports of nodes; shared with the accountant.
#[derive(Clone, Debug, Default)]
pub(crate) struct NodeCounts {
    fallback: Counter,
}

impl NodeCounts {
    /// A node split the tests itself.
    pub(crate) fn fallback(&self) {
        self.fallback.inc();
    }
}

pub(crate) struct Metrics {
    registry: Registry,
    requests: Family<Response, Counter>,
    request_seconds: Family<Endpoint, Histogram>,
    uploads: Outcomes,
    results: Outcomes,
    ingest_seconds: Histogram,
    uploads_in_progress: Gauge,
    plans: PlanCounts,
    node_reports: Outcomes,
    nodes: NodeCounts,
    selections: SelectionCounts,
    incomplete_plans: Gauge,
    database_errors: Family<Labels<1>, Counter>,
    job_runs: Family<Labels<2>, Counter>,
    expired: Family<Labels<1>, Counter>,
    webhook_attempts: Family<Labels<1>, Counter>,
    process: Process,
}

/// Registers metrics. Each method returns the registered metric.
struct Registration(Registry);

impl Registration {
    fn add<M: Metric + Clone>(&mut self, name: &str, help: &str, metric: M) -> M {
        self.0.register(name, help, metric.clone());
        metric
    }

    /// The unit becomes part of the name.
    fn add_with_unit<M: Metric + Clone>(
        &mut self,
        name: &str,
        help: &str,
        unit: Unit,
        metric: M,
    ) -> M {
        self.0.register_with_unit(name, help, unit, metric.clone());
        metric
    }

    fn counters<L>(&mut self, name: &str, help: &str) -> Family<L, Counter>
    where
        Family<L, Counter>: Metric + Clone + Default,
    {
        self.add(name, help, Family::default())
    }

    fn gauge(&mut self, name: &str, help: &str) -> Gauge {
        self.add(name, help, Gauge::default())
    }

    fn bytes(&mut self, name: &str, help: &str) -> Gauge {
        self.add_with_unit(name, help, Unit::Bytes, Gauge::default())
    }
}

impl Metrics {
    /// `database` is the file whose size is reported, if the database is a file.
    pub(crate) fn new(database: Option<PathBuf>) -> Self {
        let mut to = Registration(Registry::default());
        let build = Info::new([("version", env!("CARGO_PKG_VERSION"))]);
        to.0.register("test_engine_build", "Version of the server", build);
        let request_seconds = to.add_with_unit(
            "test_engine_http_request_duration",
            "Time from the headers of a request to its response",
            Unit::Seconds,
            Family::new_with_constructor(seconds as fn() -> Histogram),
        );
        let ingest_seconds = to.add_with_unit(
            "test_engine_ingest_duration",
            "Time from the end of an upload's body until its results are on disk",
            Unit::Seconds,
            seconds(),
        );
        let reports = "Reports of nodes; unknown_plan for nodes that used a fallback plan";
        let fallback = "Runs of nodes that split the tests themselves, without a plan";
        let incomplete = "Stored plans whose nodes ended or are lost although not every test ran";
        let errors = "Requests that failed because of the database";
        let in_progress = "Uploads in progress, including queued ones";
        let results = "Results in accepted uploads, by outcome";
        Self {
            requests: to.counters("test_engine_http_requests", "Responses, by route template"),
            request_seconds,
            uploads: to.counters("test_engine_uploads", "Uploads, by outcome"),
            results: to.counters("test_engine_results", results),
            ingest_seconds,
            uploads_in_progress: to.gauge("test_engine_uploads_under_way", in_progress),
            plans: PlanCounts(to.counters("test_engine_plans", "Plan requests, by outcome")),
            node_reports: to.counters("test_engine_node_reports", reports),
            nodes: NodeCounts {
                fallback: to.add("test_engine_fallback_nodes", fallback, Counter::default()),
            },
            selections: SelectionCounts::register(&mut to),
            incomplete_plans: to.gauge("test_engine_incomplete_plans", incomplete),
            database_errors: to.counters("test_engine_database_errors", errors),
            job_runs: to.counters(
                "test_engine_job_runs",
                "Runs of background jobs, by outcome",
            ),
            expired: to.counters("test_engine_expired", "Rows removed by retention"),
            webhook_attempts: to.counters(
                "test_engine_webhook_attempts",
                "Attempts to deliver an event to a webhook, by outcome",
            ),
            process: Process::register(&mut to, database),
            registry: to.0,
        }
    }

    pub(crate) fn plans(&self) -> PlanCounts {
        self.plans.clone()
    }

    pub(crate) fn nodes(&self) -> NodeCounts {
        self.nodes.clone()
    }

    pub(crate) fn selections(&self) -> SelectionCounts {
        self.selections.clone()
    }

    pub(crate) fn incomplete_plans(&self, count: u64) {
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        self.incomplete_plans.set(count);
    }

    /// Counts a response. `route` is the template, `None` if no route matched.
    pub(crate) fn request(
        &self,
        route: Option<&str>,
        method: &Method,
        status: StatusCode,
        took: Duration,
    ) {
        let route = route.unwrap_or(UNMATCHED).to_owned();
        let method = known_method(method);
        if route == UPLOADS && method == "POST" {
            if status.is_client_error() {
                count(&self.uploads, "rejected", 1);
            } else if status.is_server_error() {
                count(&self.uploads, "failed", 1);
            }
        }
        let response = Response {
            route: route.clone(),
            method,
            status: status.as_u16().into(),
        };
        self.requests.get_or_create(&response).inc();
        let endpoint = Endpoint { route, method };
        self.request_seconds
            .get_or_create(&endpoint)
            .observe(took.as_secs_f64());
    }

    /// Counts an upload as in progress until the value is dropped.
    pub(crate) fn upload_started(&self) -> UploadInProgress {
        self.uploads_in_progress.inc();
        UploadInProgress(self.uploads_in_progress.clone())
    }

    pub(crate) fn upload_stored(&self, recorded: &Recorded, took: Duration) {
        let outcome = if recorded.repeated {
            "repeated"
        } else {
            "accepted"
        };
        count(&self.uploads, outcome, 1);
        if !recorded.repeated {
            count(&self.results, "kept", recorded.kept);
            count(&self.results, "duplicate", recorded.duplicates);
            count(&self.results, "unusable", recorded.skipped);
        }
        self.ingest_seconds.observe(took.as_secs_f64());
    }

    pub(crate) fn plan_metadata(&self, is_known: bool) {
        let outcome = if is_known { "kept" } else { "unknown_plan" };
        count(&self.node_reports, outcome, 1);
    }

    pub(crate) fn node_report(&self, stored: bool) {
        let outcome = if stored { "stored" } else { "outdated" };
        count(&self.node_reports, outcome, 1);
    }

    pub(crate) fn database_error(&self, kind: &'static str) {
        self.database_errors.get_or_create(&[("kind", kind)]).inc();
    }

    pub(crate) fn job_run(&self, job: &'static str, succeeded: bool) {
        let outcome = if succeeded { "done" } else { "failed" };
        let labels = [("job", job), ("outcome", outcome)];
        self.job_runs.get_or_create(&labels).inc();
    }

    pub(crate) fn expired(&self, removed: &Expired) {
        for (kind, amount) in [
            ("executions", removed.executions),
            ("failures", removed.failures),
            ("spans", removed.spans),
            ("runs", removed.runs),
            ("daily_sums", removed.sums),
            ("events", removed.events),
        ] {
            self.expired.get_or_create(&[("kind", kind)]).inc_by(amount);
        }
    }

    /// Counts an attempt to deliver an event.
    pub(crate) fn webhook_attempt(&self, outcome: &'static str) {
        let labels = [("outcome", outcome)];
        self.webhook_attempts.get_or_create(&labels).inc();
    }

    /// All metrics in the format of [`MEDIA_TYPE`].
    pub(crate) fn text(&self) -> Result<String, std::fmt::Error> {
        self.process.refresh();
        let mut text = String::new();
        encode(&mut text, &self.registry)?;
        Ok(text)
    }
}

pub(crate) struct UploadInProgress(Gauge);

impl Drop for UploadInProgress {
    fn drop(&mut self) {
        self.0.dec();
    }
}

fn count(outcomes: &Outcomes, outcome: &'static str, amount: u64) {
    let labels = [("outcome", outcome)];
    outcomes.get_or_create(&labels).inc_by(amount);
}

fn seconds() -> Histogram {
    Histogram::new(SECONDS)
}

/// Clients can invent methods, so all others share one label.
fn known_method(method: &Method) -> &'static str {
    ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
        .into_iter()
        .find(|known| method.as_str() == *known)
        .unwrap_or("other")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invented_methods_and_paths_share_one_label() {
        let metrics = Metrics::new(None);
        for number in 0..100 {
            let method = Method::from_bytes(format!("INVENTED{number}").as_bytes()).unwrap();
            metrics.request(None, &method, StatusCode::NOT_FOUND, Duration::ZERO);
        }
        let text = metrics.text().unwrap();
        let requests: Vec<&str> = text
            .lines()
            .filter_map(|line| line.strip_prefix("test_engine_http_requests_total"))
            .collect();
        let expected = r#"{route="unmatched",method="other",status="404"} 100"#;
        assert_eq!(requests, [expected]);
    }
}
