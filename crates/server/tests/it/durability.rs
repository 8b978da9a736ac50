//! What was acknowledged is there after the process was killed, with no chance to tidy up.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Stdio};

use serde_json::{Value, json};

use crate::support::{Ask, program, result};

/// How often the server is killed.
const ROUNDS: usize = 20;

struct Running {
    child: Child,
    base: String,
}

impl Running {
    fn start(data_dir: &Path) -> Self {
        let mut child = program(data_dir)
            .args(["serve", "--listen", "127.0.0.1:0", "--log-level", "warn"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let base = lines
            .map(Result::unwrap)
            .find_map(|line| line.strip_prefix("listening on ").map(str::to_owned))
            .expect("the server says where it listens");
        Self { child, base }
    }

    /// SIGKILL: nothing can be finished or flushed.
    fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _already_dead = self.child.kill();
        let _no_zombie = self.child.wait();
    }
}

fn json_of(command: &mut std::process::Command) -> Value {
    let output = command.output().unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn an_acknowledged_upload_survives_a_kill() {
    let directory = tempfile::tempdir().unwrap();
    let data_dir = directory.path();
    let server = Running::start(data_dir);
    let suite = json_of(program(data_dir).args(["suite", "create", "default/web", "--json"]));
    let token = json_of(program(data_dir).args(["token", "create", "--json"]));
    let uploads = suite["suite_token"].as_str().unwrap();
    let access = token["token"].as_str().unwrap();
    server.kill();

    let mut acknowledged: Vec<(String, usize)> = Vec::new();
    for round in 0..ROUNDS {
        let server = Running::start(data_dir);
        let failures = round % 5 + 1;
        let results: Vec<Value> = (0..failures)
            .map(|n| result("Round", &format!("{round} {n}"), "a_spec.rb", 0.1, "failed"))
            .collect();
        let body = json!({"format": "json", "run_env": {"key": format!("build-{round}")}, "data": results});
        let receipt = Ask::new("POST", &format!("{}/v1/uploads", server.base))
            .header("authorization", &format!("Token {uploads}"))
            .json(&body)
            .send();
        assert_eq!(receipt.status, 202, "{}", receipt.text());
        server.kill();
        let run = receipt.json()["run_id"].as_str().unwrap().to_owned();
        acknowledged.push((run, failures));
    }

    let server = Running::start(data_dir);
    for (run, failures) in &acknowledged {
        let path =
            format!("/v2/analytics/organizations/default/suites/web/runs/{run}/failed_executions");
        let found = Ask::new("GET", &format!("{}{path}", server.base))
            .bearer(access)
            .send()
            .ok();
        assert_eq!(found.as_array().unwrap().len(), *failures, "run {run}");
    }
    server.kill();
}
