//! A minimal Test Engine server and its storage.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard};

const SUITE: &str = "/v2/analytics/organizations/acme/suites/web";

/// Configured responses, and recorded requests.
pub(crate) struct State {
    /// Scopes of the token; `None`: the server lacks the endpoint.
    pub(crate) scopes: Option<Vec<&'static str>>,
    /// The response with the suite's commits.
    pub(crate) commits: String,
    /// Statuses of the next storage responses; then 204.
    pub(crate) storage: VecDeque<u16>,
    /// Method, path and query of every request.
    pub(crate) requests: Vec<String>,
    /// Storage requests: header lines and body.
    pub(crate) stored: Vec<(Vec<String>, Vec<u8>)>,
    /// Plan requests.
    pub(crate) plans: Vec<serde_json::Value>,
    forms: u32,
}

pub(crate) struct Server {
    pub(crate) base: String,
    state: Arc<Mutex<State>>,
}

impl Server {
    pub(crate) fn start(commits: &[String]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let state = Arc::new(Mutex::new(State {
            scopes: Some(vec!["read_suites", "write_suites"]),
            commits: commits.join("\n"),
            storage: VecDeque::new(),
            requests: Vec::new(),
            stored: Vec::new(),
            plans: Vec::new(),
            forms: 0,
        }));
        let (served, address) = (Arc::clone(&state), base.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (served, address) = (Arc::clone(&served), address.clone());
                std::thread::spawn(move || serve(stream, &address, &served));
            }
        });
        Self { base, state }
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// All requests, without the suite's part of the path.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.state()
            .requests
            .iter()
            .map(|line| line.replace(SUITE, ""))
            .collect()
    }
}

fn serve(mut stream: TcpStream, base: &str, state: &Mutex<State>) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut head = Vec::new();
    for line in reader.by_ref().lines() {
        let line = line.unwrap_or_default();
        if line.is_empty() {
            break;
        }
        head.push(line);
    }
    let Some(request) = head.first() else { return };
    let line = request.trim_end_matches(" HTTP/1.1").to_owned();
    let length = head
        .iter()
        .find_map(|line| {
            line.to_lowercase()
                .strip_prefix("content-length: ")?
                .parse()
                .ok()
        })
        .unwrap_or(0);
    let mut body = vec![0; length];
    if reader.read_exact(&mut body).is_err() {
        return;
    }
    let mut state = state.lock().unwrap();
    state.requests.push(line.clone());
    let (status, kind, response) = if line == "GET /v2/access-token" {
        match &state.scopes {
            Some(scopes) => {
                let scopes = serde_json::json!({"uuid": "u", "scopes": scopes});
                (200, "application/json", scopes.to_string())
            }
            None => (
                404,
                "application/json",
                r#"{"message":"Not Found"}"#.to_owned(),
            ),
        }
    } else if line.starts_with(&format!("GET {SUITE}/commits?days=")) {
        let plain = head
            .iter()
            .any(|line| line.eq_ignore_ascii_case("accept: text/plain"));
        (
            if plain { 200 } else { 406 },
            "text/plain",
            state.commits.clone(),
        )
    } else if line == format!("GET {SUITE}") {
        let suite = serde_json::json!({
            "id": "suite-uuid", "organization_id": "organization-uuid", "slug": "web",
            "name": "Web"});
        (200, "application/json", suite.to_string())
    } else if line == format!("POST {SUITE}/commit-metadata-backfill/presigned-upload") {
        state.forms += 1;
        let upload = serde_json::json!({
            "uri": "store://x",
            "form": {"method": "POST", "url": format!("{base}/storage"),
                     "data": {"zeta": "last", "key": format!("form-{}", state.forms)},
                     "file_input": "archive"},
            "organization_id": "organization-uuid", "suite_id": "suite-uuid"});
        (200, "application/json", upload.to_string())
    } else if line == format!("POST {SUITE}/test_plan") {
        state.plans.push(serde_json::from_slice(&body).unwrap());
        let plan = serde_json::json!({
            "identifier": "p", "parallelism": 1,
            "tasks": {"0": {"node_number": 0,
                            "tests": [{"value": "a.test.js", "format": "selector"}]}}});
        (200, "application/json", plan.to_string())
    } else if line == "POST /storage" {
        state.stored.push((head, body));
        let status = state.storage.pop_front().unwrap_or(204);
        (
            status,
            "application/json",
            if status == 204 {
                String::new()
            } else {
                r#"{"message":"as configured"}"#.to_owned()
            },
        )
    } else {
        (
            404,
            "application/json",
            r#"{"message":"no such path"}"#.to_owned(),
        )
    };
    drop(state);
    let _ = write!(
        stream,
        "HTTP/1.1 {status} Whatever\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n{response}",
        response.len()
    );
}
