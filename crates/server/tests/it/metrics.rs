//! Metrics: valid OpenMetrics text, correct values, and no labels that clients choose.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;
use test_engine::clock::Clock;

use crate::support::{SUITE, TestServer, result};

/// By name with labels, such as `a_total{b="c"}`.
type Samples = BTreeMap<String, f64>;

/// A strict parser of the OpenMetrics text format.
fn parse(text: &str) -> Samples {
    let body = text.strip_suffix("# EOF\n").expect("it ends with EOF");
    let mut types: BTreeMap<&str, &str> = BTreeMap::new();
    let mut seen = BTreeSet::new();
    let mut samples = Samples::new();
    let mut current = "";
    for line in body.lines() {
        if let Some(comment) = line.strip_prefix("# ") {
            let mut words = comment.splitn(3, ' ');
            let (what, name) = (words.next().unwrap(), words.next().unwrap());
            let rest = words.next().expect("a comment has three parts");
            assert!(is_name(name), "{line}");
            match what {
                "HELP" => {
                    assert!(seen.insert(name), "{name} is there twice");
                    assert!(rest.ends_with('.'), "{line}");
                    current = name;
                }
                "TYPE" => assert!(types.insert(name, rest).is_none(), "{line}"),
                "UNIT" => assert!(name.ends_with(&format!("_{rest}")), "{line}"),
                _ => panic!("no such comment: {line}"),
            }
            assert_eq!(name, current, "families do not mix: {line}");
            continue;
        }
        let (name, value) = line.rsplit_once(' ').expect("a sample has a value");
        let value: f64 = value
            .parse()
            .unwrap_or_else(|_| panic!("no number: {line}"));
        let base = name.split('{').next().unwrap();
        assert!(is_name(base), "{line}");
        let suffix = base
            .strip_prefix(current)
            .expect("samples follow their family");
        let fits = match types[current] {
            "counter" => suffix == "_total",
            "gauge" => suffix.is_empty(),
            "info" => suffix == "_info",
            "histogram" => ["_bucket", "_sum", "_count"].contains(&suffix),
            other => panic!("no such type: {other}"),
        };
        assert!(fits && value >= 0.0, "{line}");
        for label in labels(name) {
            assert!(is_name(label.0) && !label.1.is_empty(), "{line}");
        }
        assert!(samples.insert(name.to_owned(), value).is_none(), "{line}");
    }
    check_histograms(&samples);
    samples
}

fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_lowercase())
        && text
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}

fn labels(name: &str) -> Vec<(&str, &str)> {
    let Some((_, labels)) = name.split_once('{') else {
        return Vec::new();
    };
    // Our labels contain no commas, quotes or backslashes.
    labels
        .strip_suffix('}')
        .expect("labels are closed")
        .split(',')
        .map(|label| {
            let (key, value) = label.split_once("=\"").expect("key and value");
            (key, value.strip_suffix('"').expect("a quoted value"))
        })
        .collect()
}

/// Buckets are cumulative, and the last one equals the count.
fn check_histograms(samples: &Samples) {
    let mut series: BTreeMap<String, Vec<(f64, f64)>> = BTreeMap::new();
    for (name, value) in samples {
        let Some((base, _)) = name.split_once("_bucket{") else {
            continue;
        };
        let (le, others): (Vec<_>, Vec<_>) =
            labels(name).into_iter().partition(|label| label.0 == "le");
        let others: Vec<String> = others
            .iter()
            .map(|(key, value)| format!("{key}=\"{value}\""))
            .collect();
        let others = match others.as_slice() {
            [] => String::new(),
            others => format!("{{{}}}", others.join(",")),
        };
        let end = le[0].1.replace("+Inf", "inf").parse().unwrap();
        series
            .entry(format!("{base}_count{others}"))
            .or_default()
            .push((end, *value));
    }
    assert!(!series.is_empty());
    for (count, mut buckets) in series {
        buckets.sort_by(|a, b| a.0.total_cmp(&b.0));
        assert!(buckets.is_sorted_by(|a, b| a.1 <= b.1), "{count}");
        let last = buckets.last().unwrap();
        assert!(last.0.is_infinite(), "{count}");
        assert!((last.1 - samples[&count]).abs() < 0.5, "{count}");
    }
}

#[test]
fn counts_requests_uploads_and_plans() {
    let server = TestServer::with(
        |config| config.metrics.token = Some("scrape me".to_owned().into()),
        Clock::System,
    );
    let results = json!([
        result("Basket", "adds", "a_spec.rb", 0.5, "passed"),
        result("Basket", "removes", "a_spec.rb", 0.5, "failed"),
        "no result at all",
    ]);
    let run = server.upload("build", "main", &results).json()["run_id"].clone();
    server.upload("build", "main", &results);
    let refused = server.upload_json(&json!({"format": "nonsense", "run_env": {"key": "k"}}));
    assert_eq!(refused.status, 422);
    let run = run.as_str().unwrap();
    server.get(&format!("{SUITE}/runs/{run}")).ok();
    let plan = json!({
        "runner": "rspec", "identifier": "build/step", "parallelism": 2, "branch": "main",
        "tests": {"files": [{"path": "a_spec.rb"}]},
    });
    server.post(&format!("{SUITE}/test_plan"), &plan).ok();
    server.post(&format!("{SUITE}/test_plan"), &plan).ok();
    let get = |identifier| server.get(&format!("{SUITE}/test_plan?identifier={identifier}"));
    get("build/step").ok();
    get("other").error(404);
    server.get("/nowhere/secret-path").error(404);

    let scrape = || server.ask("GET", "/metrics").bearer("scrape me").send();
    let answer = scrape();
    assert_eq!(answer.status, 200, "{}", answer.text());
    let media_type = answer.header("content-type").unwrap();
    assert!(
        media_type.starts_with("application/openmetrics-text; version=1.0.0"),
        "{media_type}"
    );
    let text = answer.text();
    let samples = parse(&text);
    let suite = "/v2/analytics/organizations/{organization}/suites/{suite}";
    let version = env!("CARGO_PKG_VERSION");
    for (name, value) in [
        (
            format!("test_engine_build_info{{version=\"{version}\"}}"),
            1.0,
        ),
        (
            "test_engine_uploads_total{outcome=\"accepted\"}".to_owned(),
            1.0,
        ),
        (
            "test_engine_uploads_total{outcome=\"repeated\"}".to_owned(),
            1.0,
        ),
        (
            "test_engine_uploads_total{outcome=\"rejected\"}".to_owned(),
            1.0,
        ),
        (
            "test_engine_results_total{outcome=\"kept\"}".to_owned(),
            2.0,
        ),
        (
            "test_engine_results_total{outcome=\"unusable\"}".to_owned(),
            1.0,
        ),
        ("test_engine_uploads_under_way".to_owned(), 0.0),
        ("test_engine_ingest_duration_seconds_count".to_owned(), 2.0),
        (
            "test_engine_plans_total{outcome=\"created\"}".to_owned(),
            1.0,
        ),
        (
            "test_engine_plans_total{outcome=\"served\"}".to_owned(),
            2.0,
        ),
        (
            "test_engine_plans_total{outcome=\"missing\"}".to_owned(),
            1.0,
        ),
        (
            format!(
                "test_engine_http_requests_total{{route=\"{suite}/runs/{{id}}\",\
                 method=\"GET\",status=\"200\"}}"
            ),
            1.0,
        ),
        (
            "test_engine_http_requests_total{route=\"unmatched\",method=\"GET\",status=\"404\"}"
                .to_owned(),
            1.0,
        ),
        (
            format!(
                "test_engine_http_request_duration_seconds_count{{route=\"{suite}/test_plan\",\
                 method=\"POST\"}}"
            ),
            2.0,
        ),
    ] {
        let found = samples.get(&name);
        assert_eq!(found, Some(&value), "{name} in\n{text}");
    }
    #[cfg(target_os = "linux")]
    assert!(samples["process_resident_memory_bytes"] > 1e6, "{text}");
    assert!(samples["test_engine_database_size_bytes"] > 1e4, "{text}");
    // Paths, names and tokens of requests never become labels.
    for part in [run, "secret-path", "acme", "\"web\"", "build/step"] {
        assert!(!text.contains(part), "{part} in\n{text}");
    }
    parse(&scrape().text());
}

#[test]
fn metrics_are_disabled_by_default() {
    let closed = TestServer::start();
    let message = closed.get("/metrics").error(403);
    assert!(message.contains("--metrics-token"), "{message}");
    let with_token = TestServer::with(
        |config| config.metrics.token = Some("scrape me".to_owned().into()),
        Clock::System,
    );
    with_token.ask("GET", "/metrics").send().error(401);
    with_token.get("/metrics").error(401);
    let open = TestServer::with(|config| config.metrics.open = true, Clock::System);
    parse(&open.ask("GET", "/metrics").send().text());
}
