//! Uploads with texts of any size: accepted, bounded, and never a large page or list.

use serde_json::{Value, json};

use crate::support::{Answer, SUITE, TestServer};

const MIB: usize = 1 << 20;

/// Results that failed with this text, with long names.
fn failures(first: usize, text: &str) -> Vec<Value> {
    let failure = |number: usize| {
        json!({
            "id": format!("00000000-0000-4000-8000-{number:012}"),
            "scope": format!("{number} {}", "s<".repeat(500)),
            "name": format!("{number} {}", "n<".repeat(500)),
            "location": "a_spec.rb:1",
            "file_name": "a_spec.rb",
            "result": "failed",
            "failure_reason": text,
            "failure_expanded": [{"expanded": [text], "backtrace": ["a_spec.rb:1", text]}],
            "history": {"section": "top", "duration": 1},
        })
    };
    (first..first + 50).map(failure).collect()
}

fn page(server: &TestServer, path: &str) -> Answer {
    let answer = server.ask("GET", path).send();
    assert_eq!(answer.status, 200, "{path}: {}", answer.text());
    answer
}

#[test]
fn pages_and_lists_stay_under_a_mebibyte() {
    let server = TestServer::with(
        |config| config.web.open = true,
        test_engine::clock::Clock::System,
    );
    let mut results = Vec::new();
    for (group, text) in ["<".repeat(200_000), "\u{1}\"".repeat(10_000)]
        .into_iter()
        .enumerate()
    {
        results.extend(failures(group * 50, &text));
    }
    let receipt = server.upload("k", "main", &json!(results)).json();
    assert_eq!(receipt["queued"], 100);
    let run = receipt["run_id"].as_str().unwrap();
    let all = "page=1&per_page=100";
    let failed = format!("{SUITE}/runs/{run}/failed_executions");
    for path in [
        format!("{failed}?{all}"),
        format!("{failed}?{all}&include_failure_expanded=true"),
        format!("{SUITE}/tests?{all}"),
        format!("{SUITE}/runs?{all}"),
        format!("{SUITE}/uploads?{all}"),
    ] {
        let answer = server.get(&path);
        assert_eq!(answer.status, 200, "{path}");
        assert!(answer.body.len() < MIB, "{path}: {}", answer.body.len());
    }
    let listed = server.get(&format!("{failed}?{all}")).ok();
    assert_eq!(
        listed.as_array().unwrap().len(),
        100,
        "no failure is left out"
    );
    let pages = "/organizations/acme/analytics/suites/web";
    let test = listed[0]["test_id"].as_str().unwrap();
    for path in [
        pages.to_owned(),
        format!("{pages}/tests"),
        format!("{pages}/tests/{test}"),
        format!("{pages}/runs/{run}"),
        format!("{pages}/runs/{run}?page=4"),
    ] {
        let size = page(&server, &path).body.len();
        assert!(size < MIB, "{path}: {size}");
    }
    // One alone has everything that was stored.
    let one = format!("{failed}?per_page=1&include_failure_expanded=true");
    let one = server.get(&one);
    assert!(one.body.len() > 60 * 1024, "{}", one.body.len());
    let one = &one.ok()[0]["failure_expanded"][0];
    assert!(
        one["expanded"]
            .to_string()
            .contains("more bytes were not stored"),
        "{one}"
    );
    assert_eq!(one["backtrace"][0], "a_spec.rb:1");
}

#[test]
fn a_whole_environment_as_run_env_is_accepted_in_part() {
    let server = TestServer::start();
    let mut run_env = json!({"key": "k", "branch": "main", "CI": "buildkite"});
    for number in 0..5_000 {
        run_env[format!("variable_{number:04}")] = "v".repeat(1_000).into();
    }
    let receipt = server.upload_json(&json!({
        "format": "json", "run_env": run_env,
        "data": [{"name": "a", "result": "passed", "history": {"duration": 1}}],
    }));
    assert_eq!(receipt.status, 202, "{}", receipt.text());
    let receipt = receipt.json();
    assert_eq!(receipt["queued"], 1);
    let error = receipt["errors"][0].as_str().unwrap();
    assert!(error.starts_with("run_env: keys were dropped"), "{error}");
    assert!(
        error.contains("variable_4999") || error.contains("more"),
        "{error}"
    );
    let runs = server.get(&format!("{SUITE}/runs")).ok();
    assert_eq!(runs[0]["branch"], "main");
    assert_eq!(runs[0]["build_id"], "k");
    assert!(server.get(&format!("{SUITE}/uploads")).body.len() < 5_000);
}
