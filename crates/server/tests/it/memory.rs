//! The memory of any one request: how far the allocated memory of a new server process rises above
//! what it was before, with requests as large as allowed and built to take much.
//!
//! Memory is not time: the figures do not depend on what else the machine does.

use std::fmt::Write as _;
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;
use test_engine_testkit::{
    HOSTILE_TO_READ, HOSTILE_TO_STORE, HostileKind, allocated_memory, growth_of_memory,
};

use crate::cli::{secret_after, stdout};
use crate::process::Process;
use crate::support::{Answer, Ask, SUITE, program};

/// Above idle, in bytes.
const MAX_GROWTH: u64 = 64 << 20;

/// A data directory with a suite, and the server on it.
struct Measured {
    data: TempDir,
    database: Option<String>,
    process: Option<Process>,
    suite_token: String,
    access: String,
}

impl Measured {
    fn start(database: Option<String>) -> Self {
        let mut measured = Self {
            data: tempfile::tempdir().unwrap(),
            database,
            process: None,
            suite_token: String::new(),
            access: String::new(),
        };
        let made = stdout(
            &measured
                .command()
                .args(["init", "acme/web"])
                .output()
                .unwrap(),
        );
        let mut words = made.split(['=', '\n']);
        let suite_token = words.find(|word| word.starts_with("tes_")).unwrap();
        suite_token.clone_into(&mut measured.suite_token);
        let token = ["token", "create", "--organization", "acme"];
        let made = stdout(&measured.command().args(token).output().unwrap());
        measured.access = secret_after(&made, "tea_");
        measured.restart();
        measured
    }

    fn command(&self) -> Command {
        let mut command = program(self.data.path());
        if let Some(url) = &self.database {
            command.env("TEST_ENGINE_DATABASE_URL", url);
        }
        command
    }

    /// A new process has no memory from earlier requests.
    fn restart(&mut self) {
        drop(self.process.take());
        let mut command = self.command();
        for limit in ["REST", "PLAN"] {
            command.env(format!("TEST_ENGINE_{limit}_RATE_LIMIT"), "0");
        }
        command.env("TEST_ENGINE_WEB_OPEN", "true");
        command.env("TEST_ENGINE_KEEP_RAW_UPLOADS", "true");
        // As the systemd unit and the image start it. Without it, glibc sometimes keeps what the
        // spans of each result took, and reserves new memory for the next one.
        command.env("MALLOC_TRIM_THRESHOLD_", "131072");
        self.process = Some(Process::serve(command));
        self.wait_until_idle();
    }

    /// Until background jobs, which are no request, have done what they can.
    fn wait_until_idle(&self) {
        let mut before = 0;
        let mut unchanged = 0;
        for _ in 0..300 {
            let now = allocated_memory(self.id()) >> 20;
            unchanged = if now == before { unchanged + 1 } else { 0 };
            if unchanged == 5 {
                return;
            }
            before = now;
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    fn ask(&self, method: &str, path: &str) -> Ask {
        let process = self.process.as_ref().unwrap();
        Ask::new(method, &format!("{}{path}", process.base))
    }

    fn get(&self, path: &str) -> Answer {
        self.ask("GET", path).bearer(&self.access).send()
    }

    fn id(&self) -> u32 {
        let id = self.process.as_ref().unwrap().id();
        id.as_raw_nonzero().get().unsigned_abs()
    }

    fn growth<T>(&self, work: impl FnOnce() -> T) -> (u64, T) {
        growth_of_memory(self.id(), work)
    }
}

/// The growth of every kind of request, all of which are shown if one is too large.
#[derive(Default)]
struct Growths(Vec<(String, u64)>);

impl Growths {
    fn add(&mut self, kind: impl Into<String>, bytes: u64) {
        self.0.push((kind.into(), bytes));
    }

    #[track_caller]
    fn check(&self) {
        let mut table = String::new();
        for (kind, bytes) in &self.0 {
            let _ = writeln!(table, "{:5} MiB  {kind}", bytes >> 20);
        }
        let largest = self.0.iter().map(|(_, bytes)| *bytes).max().unwrap();
        assert!(largest < MAX_GROWTH, "above idle:\n{table}");
    }
}

/// Returns the id of the run.
fn upload(server: &Measured, (kind, upload): &HostileKind, growths: &mut Growths) -> String {
    let upload = upload("hostile");
    let ask = server
        .ask("POST", "/v1/uploads")
        .header(
            "authorization",
            &format!("Token token=\"{}\"", server.suite_token),
        )
        .header("content-type", &upload.content_type)
        .header("content-encoding", upload.content_encoding)
        .body(upload.body);
    let (growth, receipt) = server.growth(|| ask.send());
    assert_eq!(receipt.status, 202, "{kind}: {}", receipt.text());
    let receipt = receipt.json();
    assert!(receipt["queued"].as_u64().unwrap() > 0, "{kind}: {receipt}");
    growths.add(format!("upload of {kind}"), growth);
    receipt["run_id"].as_str().unwrap().to_owned()
}

/// Every upload to a new server, then the lists and pages of what it has stored.
fn uploads_and_lists(database: fn() -> Option<String>) {
    let mut growths = Growths::default();
    for hostile in HOSTILE_TO_STORE {
        let mut server = Measured::start(database());
        let run = upload(&server, hostile, &mut growths);
        server.wait_until_idle();
        server.restart();
        let (kind, _) = hostile;
        for (name, path) in views(&server, &run) {
            let (growth, answer) = server.growth(|| server.get(&path));
            assert_eq!(answer.status, 200, "{path}: {}", answer.text());
            assert!(answer.body.len() < 1 << 20, "{path}: {}", answer.body.len());
            growths.add(format!("{name} after {kind}"), growth);
        }
    }
    growths.check();
}

/// The lists and pages that show results of a run.
fn views(server: &Measured, run: &str) -> Vec<(&'static str, String)> {
    let all = "page=1&per_page=100";
    let pages = "/organizations/acme/analytics/suites/web";
    let failed = format!("{SUITE}/runs/{run}/failed_executions");
    let page_of_run = format!("{pages}/runs/{run}");
    let failures = format!("{failed}?{all}&include_failure_expanded=true");
    let mut views = vec![
        ("page of a run", page_of_run),
        ("list of failures", failures),
        ("list of runs", format!("{SUITE}/runs?{all}")),
        ("list of tests", format!("{SUITE}/tests?{all}")),
        ("list of uploads", format!("{SUITE}/uploads?{all}")),
        ("list of flaky tests", format!("{SUITE}/flaky-tests?{all}")),
        ("page of a suite", pages.to_owned()),
        ("page of runs", format!("{pages}/runs")),
        ("page of tests", format!("{pages}/tests")),
    ];
    let tests = server.get(&format!("{SUITE}/tests?per_page=1")).ok();
    let test = tests[0]["id"].as_str().unwrap();
    views.push(("page of a test", format!("{pages}/tests/{test}")));
    views
}

#[test]
fn uploads_and_lists_stay_under_64_mib() {
    uploads_and_lists(|| None);
}

#[test]
fn uploads_of_what_is_not_stored_stay_under_64_mib() {
    let mut growths = Growths::default();
    for hostile in HOSTILE_TO_READ {
        upload(&Measured::start(None), hostile, &mut growths);
    }
    growths.check();
}

#[test]
fn uploads_and_lists_stay_under_64_mib_on_postgres() {
    uploads_and_lists(|| Some(test_engine_test_postgres::fresh_database()));
}
