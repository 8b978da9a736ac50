//! What the server counts about itself, and how Prometheus reads it.
//!
//! Labels have few values that are known beforehand: route templates, methods, statuses, names in
//! this code. Never an organization, a suite, a path as it was asked for, or anything else that
//! others choose. `docs/server/operate.md` has a table of everything here.

mod process;

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
use prometheus_client::registry::{Registry, Unit};
use test_engine_store::{Expired, Recorded};

use process::Process;

/// Upper ends of the ranges that durations are counted in, in seconds.
const SECONDS: [f64; 13] = [
    0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
];
/// The route of a request that no route fits.
const UNMATCHED: &str = "unmatched";
/// Where uploads come in.
const UPLOADS: &str = "/v1/uploads";

/// The media type of [`Metrics::text`].
pub(crate) const MEDIA_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Answered {
    route: String,
    method: &'static str,
    status: u32,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Asked {
    route: String,
    method: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Outcome {
    outcome: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Kind {
    kind: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct JobRun {
    job: &'static str,
    outcome: &'static str,
}

type Outcomes = Family<Outcome, Counter>;

/// How plans were come by; shared with the planner.
#[derive(Clone, Debug, Default)]
pub(crate) struct PlanCounts(Outcomes);

impl PlanCounts {
    /// A plan was made and is everyone's from now on.
    pub(crate) fn created(&self) {
        count(&self.0, "created", 1);
    }

    /// A plan that was there was handed out.
    pub(crate) fn served(&self) {
        count(&self.0, "served", 1);
    }

    /// There was no plan to hand out.
    pub(crate) fn missing(&self) {
        count(&self.0, "missing", 1);
    }
}

/// Every figure of one server.
pub(crate) struct Metrics {
    registry: Registry,
    requests: Family<Answered, Counter>,
    request_seconds: Family<Asked, Histogram>,
    uploads: Outcomes,
    results: Outcomes,
    ingest_seconds: Histogram,
    uploads_under_way: Gauge,
    plans: PlanCounts,
    node_reports: Outcomes,
    database_errors: Family<Kind, Counter>,
    job_runs: Family<JobRun, Counter>,
    expired: Family<Kind, Counter>,
    process: Process,
}

impl Metrics {
    /// Everything at zero. `database` is the file whose size is told, when there is one.
    pub(crate) fn new(database: Option<PathBuf>) -> Self {
        let mut registry = Registry::default();
        let build = Info::new([("version", env!("CARGO_PKG_VERSION"))]);
        registry.register("test_engine_build", "The program that runs", build);
        let metrics = Self {
            requests: Family::default(),
            request_seconds: Family::new_with_constructor(seconds),
            uploads: Family::default(),
            results: Family::default(),
            ingest_seconds: seconds(),
            uploads_under_way: Gauge::default(),
            plans: PlanCounts::default(),
            node_reports: Family::default(),
            database_errors: Family::default(),
            job_runs: Family::default(),
            expired: Family::default(),
            process: Process::register(&mut registry, database),
            registry: Registry::default(),
        };
        registry.register(
            "test_engine_http_requests",
            "Requests that were answered, by route template",
            metrics.requests.clone(),
        );
        registry.register_with_unit(
            "test_engine_http_request_duration",
            "From the headers of a request to its answer",
            Unit::Seconds,
            metrics.request_seconds.clone(),
        );
        registry.register(
            "test_engine_uploads",
            "Uploads, by what became of them",
            metrics.uploads.clone(),
        );
        registry.register(
            "test_engine_results",
            "Results in accepted uploads, by what became of them",
            metrics.results.clone(),
        );
        registry.register_with_unit(
            "test_engine_ingest_duration",
            "From the complete body of an upload to its results being on disk",
            Unit::Seconds,
            metrics.ingest_seconds.clone(),
        );
        registry.register(
            "test_engine_uploads_under_way",
            "Uploads whose answer is not known yet, those that wait for others included",
            metrics.uploads_under_way.clone(),
        );
        registry.register(
            "test_engine_plans",
            "Plans that were asked for, by how they were come by",
            metrics.plans.0.clone(),
        );
        registry.register(
            "test_engine_node_reports",
            "Reports of nodes; of an unknown plan when a client went on without the server's",
            metrics.node_reports.clone(),
        );
        registry.register(
            "test_engine_database_errors",
            "Requests that failed because of the database",
            metrics.database_errors.clone(),
        );
        registry.register(
            "test_engine_job_runs",
            "Runs of work in the background",
            metrics.job_runs.clone(),
        );
        registry.register(
            "test_engine_expired",
            "What retention has removed",
            metrics.expired.clone(),
        );
        Self {
            registry,
            ..metrics
        }
    }

    /// For the planner.
    pub(crate) fn plans(&self) -> PlanCounts {
        self.plans.clone()
    }

    /// A request was answered. `route` is the template, `None` when there is none.
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
        let answered = Answered {
            route: route.clone(),
            method,
            status: status.as_u16().into(),
        };
        self.requests.get_or_create(&answered).inc();
        let asked = Asked { route, method };
        self.request_seconds
            .get_or_create(&asked)
            .observe(took.as_secs_f64());
    }

    /// An upload came in; it counts as under way until the value is dropped.
    pub(crate) fn upload_begins(&self) -> UnderWay {
        self.uploads_under_way.inc();
        UnderWay(self.uploads_under_way.clone())
    }

    /// An upload is on disk.
    pub(crate) fn upload_kept(&self, recorded: &Recorded, took: Duration) {
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

    /// A node has reported of a plan that is known, or is not.
    pub(crate) fn node_report(&self, is_known: bool) {
        let outcome = if is_known { "kept" } else { "unknown_plan" };
        count(&self.node_reports, outcome, 1);
    }

    /// The database did not do its work.
    pub(crate) fn database_error(&self, kind: &'static str) {
        self.database_errors.get_or_create(&Kind { kind }).inc();
    }

    /// A job has had its turn.
    pub(crate) fn job_run(&self, job: &'static str, succeeded: bool) {
        let outcome = if succeeded { "done" } else { "failed" };
        self.job_runs.get_or_create(&JobRun { job, outcome }).inc();
    }

    /// Retention has removed this.
    pub(crate) fn expired(&self, removed: &Expired) {
        for (kind, amount) in [
            ("executions", removed.executions),
            ("failures", removed.failures),
            ("runs", removed.runs),
            ("daily_sums", removed.sums),
        ] {
            self.expired.get_or_create(&Kind { kind }).inc_by(amount);
        }
    }

    /// Everything in the text format that Prometheus reads.
    pub(crate) fn text(&self) -> Result<String, std::fmt::Error> {
        self.process.refresh();
        let mut text = String::new();
        encode(&mut text, &self.registry)?;
        Ok(text)
    }
}

/// Counts an upload as under way while it lives.
pub(crate) struct UnderWay(Gauge);

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.dec();
    }
}

fn count(outcomes: &Outcomes, outcome: &'static str, amount: u64) {
    outcomes.get_or_create(&Outcome { outcome }).inc_by(amount);
}

fn seconds() -> Histogram {
    Histogram::new(SECONDS)
}

/// Anybody may invent methods, so only those that are served have a name.
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
    fn labels_stay_few_whatever_is_asked_for() {
        let metrics = Metrics::new(None);
        for number in 0..100 {
            let method = Method::from_bytes(format!("INVENTED{number}").as_bytes()).unwrap();
            metrics.request(None, &method, StatusCode::NOT_FOUND, Duration::ZERO);
        }
        let text = metrics.text().unwrap();
        let requests: Vec<&str> = text
            .lines()
            .filter(|line| line.starts_with("test_engine_http_requests_total{"))
            .collect();
        assert_eq!(
            requests,
            [
                r#"test_engine_http_requests_total{route="unmatched",method="other",status="404"} 100"#
            ]
        );
    }
}
