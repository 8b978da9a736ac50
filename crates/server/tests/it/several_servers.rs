//! Three real servers on one Postgres under concurrent requests: they behave like one server.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};
use test_engine_store::{Page, Store};
use uuid::Uuid;

use crate::process::Process;
use crate::support::{Answer, Ask, program, result};

/// Requests per organization and minute: few enough that servers do not reserve them in bulk, and
/// more than the other tests need.
const LIMIT: usize = 100;

const METRICS_TOKEN: &str = "only for these tests";

pub(crate) struct Servers {
    directory: tempfile::TempDir,
    url: String,
    pub(crate) processes: Mutex<Vec<Process>>,
    pub(crate) bases: Vec<String>,
    access: String,
    suite_token: String,
}

impl Servers {
    /// Starts three servers concurrently on an empty database.
    fn start() -> Self {
        Self::with_limit(LIMIT)
    }

    /// Like [`Self::start`], with a rate limit; 0 means none.
    pub(crate) fn with_limit(limit: usize) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let url = test_engine_test_postgres::fresh_database();
        let processes: Vec<Process> = std::thread::scope(|scope| {
            let starting: Vec<_> = (0..3)
                .map(|_| scope.spawn(|| Process::serve(command(&directory, &url, limit))))
                .collect();
            starting.into_iter().map(|it| it.join().unwrap()).collect()
        });
        let tokens: Vec<&String> = processes.iter().flat_map(|it| &it.said).collect();
        assert_eq!(
            tokens.len(),
            1,
            "one server creates the organization: {tokens:?}"
        );
        let mut servers = Self {
            bases: processes.iter().map(|it| it.base.clone()).collect(),
            processes: Mutex::new(processes),
            access: String::new(),
            suite_token: String::new(),
            directory,
            url,
        };
        let suite = servers.run(&["suite", "create", "default/web", "--json"]);
        suite["suite_token"]
            .as_str()
            .unwrap()
            .clone_into(&mut servers.suite_token);
        servers.access = servers.token("default");
        servers
    }

    /// Runs a command and parses its output.
    fn run(&self, arguments: &[&str]) -> Value {
        let output = command(&self.directory, &self.url, 0)
            .args(arguments)
            .output()
            .unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{stderr}");
        serde_json::from_slice(&output.stdout).unwrap_or(Value::Null)
    }

    fn token(&self, organization: &str) -> String {
        let created = self.run(&["token", "create", "--organization", organization, "--json"]);
        created["token"].as_str().unwrap().to_owned()
    }

    /// A request to the server with this number, modulo their count.
    pub(crate) fn ask(&self, server: usize, method: &str, path: &str) -> Ask {
        self.ask_at(&self.bases[server % self.bases.len()], method, path)
    }

    pub(crate) fn ask_at(&self, base: &str, method: &str, path: &str) -> Ask {
        Ask::new(method, &format!("{base}{path}")).bearer(&self.access)
    }

    pub(crate) fn start_another(&self) -> Process {
        Process::serve(command(&self.directory, &self.url, 0))
    }

    /// How often the server at this address has run a background job.
    pub(crate) fn job_runs(base: &str, job: &str) -> u64 {
        let metrics = Ask::new("GET", &format!("{base}/metrics"))
            .bearer(METRICS_TOKEN)
            .send();
        assert_eq!(metrics.status, 200, "{}", metrics.text());
        let of_job = format!("test_engine_job_runs_total{{job=\"{job}\"");
        metrics
            .text()
            .lines()
            .filter(|line| line.starts_with(&of_job))
            .map(|line| line.rsplit_once(' ').unwrap().1.parse::<u64>().unwrap())
            .sum()
    }

    fn try_upload(&self, server: usize, body: &Value) -> Option<Answer> {
        let base = &self.bases[server % self.bases.len()];
        Ask::new("POST", &format!("{base}/v1/uploads"))
            .header("authorization", &format!("Token {}", self.suite_token))
            .json(body)
            .try_send()
    }

    /// Like a client: tries the next server if one does not respond.
    pub(crate) fn upload(&self, server: usize, body: &Value) -> Value {
        let answer = (server..server + 3)
            .find_map(|server| self.try_upload(server, body))
            .expect("a server responds");
        assert_eq!(answer.status, 202, "{}", answer.text());
        answer.json()
    }

    pub(crate) fn with_store<T>(&self, work: impl AsyncFnOnce(&Store) -> T) -> T {
        tokio::runtime::Runtime::new().unwrap().block_on(async {
            let store = Store::open(&self.url).await.unwrap();
            let value = work(&store).await;
            store.close().await;
            value
        })
    }

    /// Passed executions, failed executions and uploads of each run.
    pub(crate) fn counts(&self) -> BTreeMap<String, (u64, u64, u64)> {
        self.with_store(async |store| {
            let suite = store.suite("default", "web").await.unwrap().unwrap();
            let runs = store.runs(suite.id, None, Page::new(1, 100)).await.unwrap();
            runs.items
                .into_iter()
                .map(|run| {
                    let counts = run.counts;
                    (run.key, (counts.passed, counts.failed, run.uploads))
                })
                .collect()
        })
    }
}

fn command(directory: &tempfile::TempDir, url: &str, limit: usize) -> std::process::Command {
    let mut command = program(directory.path());
    command
        .env("TEST_ENGINE_DATABASE_URL", url)
        .env("TEST_ENGINE_REST_RATE_LIMIT", limit.to_string())
        .env("TEST_ENGINE_PUBLIC_URL", "https://tests.example.com")
        .env("TEST_ENGINE_WEBHOOK_ALLOWED_NETWORKS", "127.0.0.1")
        .env("TEST_ENGINE_METRICS_TOKEN", METRICS_TOKEN);
    command
}

/// Runs `work` concurrently with each number below `times`.
pub(crate) fn concurrently<T: Send>(times: usize, work: impl Fn(usize) -> T + Sync) -> Vec<T> {
    std::thread::scope(|scope| {
        let work = &work;
        let threads: Vec<_> = (0..times)
            .map(|number| scope.spawn(move || work(number)))
            .collect();
        threads.into_iter().map(|it| it.join().unwrap()).collect()
    })
}

pub(crate) const SUITE: &str = "/v2/analytics/organizations/default/suites/web";

#[test]
fn uploads_are_neither_lost_nor_duplicated() {
    let servers = Servers::start();
    // The same upload ten times, concurrently.
    let results: Vec<Value> = (0..50)
        .map(|n| result("Same", &format!("test {n}"), "same.py", 0.1, "passed"))
        .collect();
    let body = json!({"format": "json", "run_env": {"key": "same"}, "data": results});
    let receipts = concurrently(10, |number| servers.upload(number, &body));
    assert!(receipts.iter().all(|it| *it == receipts[0]), "{receipts:?}");
    assert_eq!(receipts[0]["queued"], 50);

    // Concurrent nodes of several builds. One server is killed in between, and its clients use
    // another.
    let sent = AtomicUsize::new(0);
    let (builds, senders, uploads) = (4, 12, 8);
    concurrently(senders, |sender| {
        for number in 0..uploads {
            let mut results: Vec<Value> = (0..20)
                .map(|n| {
                    let mut one =
                        result("Node", &format!("{sender} {n}"), "node.py", 0.1, "passed");
                    one["id"] = json!(Uuid::new_v4().to_string());
                    one
                })
                .collect();
            // All nodes send this one, so all write the same rows.
            results.push(result("Node", "common", "node.py", 0.2, "failed"));
            let key = format!("build {}", (sender + number) % builds);
            let body = json!({
                "format": "json", "run_env": {"key": key},
                "tags": {"part": format!("{sender} {number}")}, "data": results,
            });
            servers.upload(sender + number, &body);
            if sent.fetch_add(1, Ordering::SeqCst) == senders * uploads / 2 {
                servers.processes.lock().unwrap()[1].kill();
            }
        }
    });
    let mut expected: BTreeMap<String, (u64, u64, u64)> = (0..builds)
        .map(|build| {
            let uploads = (senders * uploads / builds) as u64;
            (format!("build {build}"), (uploads * 20, uploads, uploads))
        })
        .collect();
    expected.insert("same".to_owned(), (50, 0, 1));
    assert_eq!(servers.counts(), expected);
    let tests = servers.with_store(async |store| {
        let suite = store.suite("default", "web").await.unwrap().unwrap();
        store.count_tests(suite.id).await.unwrap()
    });
    assert_eq!(tests, 50 + (senders as u64) * 20 + 1);
}

#[test]
fn several_servers_return_one_plan_and_store_its_reports() {
    let servers = Servers::start();
    let results: Vec<Value> = (0..40)
        .map(|n| {
            let seconds = f64::from(n) / 10.0;
            result(
                "Known",
                &format!("test {n}"),
                &format!("f{n}.py"),
                seconds,
                "passed",
            )
        })
        .collect();
    let body =
        json!({"format": "json", "run_env": {"key": "history", "branch": "main"}, "data": results});
    servers.upload(0, &body);
    for identifier in 0..5 {
        let identifier = format!("build {identifier}/step");
        // Each node sends a different request; all get the plan of the first.
        let plans = concurrently(9, |node| {
            let files: Vec<Value> = (0..30 + node)
                .map(|n| json!({"path": format!("f{n}.py")}))
                .collect();
            let body = json!({
                "runner": "pytest", "identifier": identifier, "parallelism": node + 2,
                "branch": "main", "tests": {"files": files},
            });
            let path = format!("{SUITE}/test_plan");
            let created = servers.ask(node, "POST", &path).json(&body).send();
            assert_eq!(created.status, 200, "{}", created.text());
            created.body
        });
        assert!(plans.iter().all(|plan| *plan == plans[0]));
        let plan: Value = serde_json::from_slice(&plans[0]).unwrap();
        assert!(plan["tasks"]["0"]["tests"].is_array(), "{plan}");
        let encoded = identifier.replace(' ', "%20");
        for server in 0..3 {
            let path = format!("{SUITE}/test_plan?identifier={encoded}");
            let fetched = servers.ask(server, "GET", &path).send();
            assert_eq!(fetched.status, 200);
            assert_eq!(fetched.body, plans[0], "server {server}");
        }
        concurrently(9, |node| {
            let env = json!({
                "BUILDKITE_TEST_ENGINE_IDENTIFIER": identifier, "BUILDKITE_PARALLEL_JOB": node,
            });
            let body = json!({"version": "3.0.0", "env": env, "timeline": [], "statistics": {}});
            let path = format!("{SUITE}/test_plan_metadata");
            let reported = servers.ask(node + 1, "POST", &path).json(&body).send();
            assert_eq!(reported.status, 200, "{}", reported.text());
        });
        let nodes: Vec<i64> = servers.with_store(async |store| {
            let suite = store.suite("default", "web").await.unwrap().unwrap();
            let reports = store.plan_metadata(suite.id, &identifier).await.unwrap();
            reports.iter().map(|report| report.node).collect()
        });
        assert_eq!(nodes, (0..9).collect::<Vec<_>>());
    }
}

#[test]
fn changes_on_one_server_are_visible_on_all() {
    let servers = Servers::start();
    // The file of a test is that of the last upload, whichever server received it.
    let upload = |server: usize, file: &str| {
        let results = [result("Moving", "test", file, 0.1, "passed")];
        let key = Uuid::new_v4().to_string();
        let body = json!({"format": "json", "run_env": {"key": key}, "data": results});
        servers.upload(server, &body);
    };
    let find = |server: usize| {
        let body = json!({"scope": "Moving", "name": "test"});
        servers
            .ask(server, "POST", &format!("{SUITE}/tests/find"))
            .json(&body)
            .send()
            .ok()
    };
    for (server, file) in [
        (0, "a.py"),
        (1, "b.py"),
        (0, "a.py"),
        (2, "b.py"),
        (1, "b.py"),
        (0, "a.py"),
    ] {
        upload(server, file);
        assert_eq!(find(server + 1)["file_name"], file, "server {server}");
    }
    // A test muted on one server is muted in the next plan of another.
    let id = find(0)["id"].as_str().unwrap().to_owned();
    let muted = |server: usize, identifier: &str| {
        let body = json!({
            "runner": "pytest", "identifier": identifier, "parallelism": 2, "branch": "main",
            "tests": {"files": [{"path": "a.py"}]},
        });
        let path = format!("{SUITE}/test_plan");
        let plan = servers.ask(server, "POST", &path).json(&body).send().ok();
        plan["muted_tests"].as_array().unwrap().len()
    };
    assert_eq!(muted(1, "before"), 0);
    let put = |server: usize, action: &str| {
        let path = format!("{SUITE}/tests/{id}/{action}");
        let changed = servers.ask(server, "PUT", &path).send();
        assert_eq!(changed.status, 200, "{}", changed.text());
    };
    put(0, "mute");
    assert_eq!(muted(1, "muted"), 1);
    put(2, "enable");
    assert_eq!(muted(0, "enabled"), 0);
    // New and revoked tokens take effect on all servers immediately.
    let created = servers.run(&["token", "create", "--json"]);
    let with_token = |server: usize| {
        let path = "/v2/access-token";
        let token = created["token"].as_str().unwrap();
        let ask = Ask::new("GET", &format!("{}{path}", servers.bases[server]));
        ask.bearer(token).send()
    };
    let uuids: Vec<Value> = (0..3)
        .map(|it| with_token(it).ok()["uuid"].clone())
        .collect();
    servers.run(&["token", "revoke", uuids[0].as_str().unwrap()]);
    for server in 0..3 {
        with_token(server).error(401);
    }
}

#[test]
fn several_servers_share_rate_limits() {
    let servers = Servers::start();
    for attempt in 0.. {
        assert!(attempt < 5, "no minute was long enough");
        // An organization without previous requests.
        let organization = format!("limited-{attempt}");
        servers.run(&["organization", "create", &organization]);
        let token = servers.token(&organization);
        let path = format!("/v2/analytics/organizations/{organization}/suites");
        let get = |server: usize| {
            let base = &servers.bases[server % 3];
            Ask::new("GET", &format!("{base}{path}"))
                .bearer(&token)
                .send()
        };
        let senders = 6;
        let answers: Vec<Answer> = concurrently(senders, |sender| {
            (0..LIMIT / 4).map(|_| get(sender)).collect::<Vec<_>>()
        })
        .into_iter()
        .flatten()
        .collect();
        let reset = |answer: &Answer| answer.header("ratelimit-reset").unwrap().parse::<u32>();
        let resets: Vec<u32> = answers.iter().map(|it| reset(it).unwrap()).collect();
        if resets.iter().max().unwrap() - resets.iter().min().unwrap() > 30 {
            // A new minute started meanwhile, which reset the count.
            continue;
        }
        let passed = answers.iter().filter(|it| it.status == 200).count();
        let rejected = answers.iter().filter(|it| it.status == 429).count();
        assert_eq!((passed, rejected), (LIMIT, senders * (LIMIT / 4) - LIMIT));
        return;
    }
}
