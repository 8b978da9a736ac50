//! Three real servers on one Postgres, asked at once: whoever asks must not be able to tell them
//! from one server.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};
use test_engine_store::{Page, Store};
use uuid::Uuid;

use crate::process::Process;
use crate::support::{Answer, Ask, program, result};

/// What the servers allow an organization in a minute: few enough that no request is reserved in
/// bulk, and more than these tests need otherwise.
const LIMIT: usize = 100;

/// Who may read the metrics of each server.
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
    /// Three at the same moment, on an empty database.
    fn start() -> Self {
        Self::with_limit(LIMIT)
    }

    /// The same, and so many requests of an organization are allowed in a minute; 0: all.
    pub(crate) fn with_limit(limit: usize) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let url = test_engine_test_postgres::fresh_database();
        let processes: Vec<Process> = std::thread::scope(|scope| {
            let starting: Vec<_> = (0..3)
                .map(|_| scope.spawn(|| Process::serve(command(&directory, &url, limit))))
                .collect();
            starting.into_iter().map(|it| it.join().unwrap()).collect()
        });
        let told: Vec<&String> = processes.iter().flat_map(|it| &it.said).collect();
        assert_eq!(told.len(), 1, "one of them made the organization: {told:?}");
        let mut servers = Self {
            bases: processes.iter().map(|it| it.base.clone()).collect(),
            processes: Mutex::new(processes),
            access: String::new(),
            suite_token: String::new(),
            directory,
            url,
        };
        let suite = servers.say(&["suite", "create", "default/web", "--json"]);
        suite["suite_token"]
            .as_str()
            .unwrap()
            .clone_into(&mut servers.suite_token);
        servers.access = servers.token("default");
        servers
    }

    /// What the command line answers, beside the servers.
    fn say(&self, arguments: &[&str]) -> Value {
        let output = command(&self.directory, &self.url, 0)
            .args(arguments)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{said}");
        serde_json::from_slice(&output.stdout).unwrap_or(Value::Null)
    }

    fn token(&self, organization: &str) -> String {
        let made = self.say(&["token", "create", "--organization", organization, "--json"]);
        made["token"].as_str().unwrap().to_owned()
    }

    /// A request to the server of this number, and on from 0.
    pub(crate) fn ask(&self, server: usize, method: &str, path: &str) -> Ask {
        self.ask_at(&self.bases[server % self.bases.len()], method, path)
    }

    /// A request to the server at this address.
    pub(crate) fn ask_at(&self, base: &str, method: &str, path: &str) -> Ask {
        Ask::new(method, &format!("{base}{path}")).bearer(&self.access)
    }

    /// One more server beside the three.
    pub(crate) fn start_another(&self) -> Process {
        Process::serve(command(&self.directory, &self.url, 0))
    }

    /// How often the server at this address has done a job in the background.
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

    /// As a client does: to this server, and when it does not answer to the next.
    pub(crate) fn upload(&self, server: usize, body: &Value) -> Value {
        let answer = (server..server + 3)
            .find_map(|server| self.try_upload(server, body))
            .expect("one of the servers answers");
        assert_eq!(answer.status, 202, "{}", answer.text());
        answer.json()
    }

    /// What the database holds.
    pub(crate) fn with_store<T>(&self, work: impl AsyncFnOnce(&Store) -> T) -> T {
        tokio::runtime::Runtime::new().unwrap().block_on(async {
            let store = Store::open(&self.url).await.unwrap();
            let value = work(&store).await;
            store.close().await;
            value
        })
    }

    /// Passed and failed executions of each run.
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
        .env("TEST_ENGINE_METRICS_TOKEN", METRICS_TOKEN);
    command
}

/// Does something so many times at once, each with its number.
pub(crate) fn at_once<T: Send>(times: usize, work: impl Fn(usize) -> T + Sync) -> Vec<T> {
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
fn uploads_to_several_servers_are_neither_lost_nor_doubled() {
    let servers = Servers::start();
    // The same upload ten times at once.
    let results: Vec<Value> = (0..50)
        .map(|n| result("Same", &format!("test {n}"), "same.py", 0.1, "passed"))
        .collect();
    let body = json!({"format": "json", "run_env": {"key": "same"}, "data": results});
    let receipts = at_once(10, |number| servers.upload(number, &body));
    assert!(receipts.iter().all(|it| *it == receipts[0]), "{receipts:?}");
    assert_eq!(receipts[0]["queued"], 50);

    // Nodes of several builds at once; one server dies in the middle, and its clients go on with
    // another.
    let sent = AtomicUsize::new(0);
    let (builds, senders, uploads) = (4, 12, 8);
    at_once(senders, |sender| {
        for number in 0..uploads {
            let mut results: Vec<Value> = (0..20)
                .map(|n| {
                    let mut one =
                        result("Node", &format!("{sender} {n}"), "node.py", 0.1, "passed");
                    one["id"] = json!(Uuid::new_v4().to_string());
                    one
                })
                .collect();
            // Every node brings this one, so all of them write the same rows.
            results.push(result("Node", "common", "node.py", 0.2, "failed"));
            let key = format!("build {}", (sender + number) % builds);
            let body = json!({"format": "json", "run_env": {"key": key}, "tags": {"part": format!("{sender} {number}")}, "data": results});
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
fn several_servers_give_one_plan_and_take_its_reports() {
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
        // Each node asks for something else; all of them get the first one's.
        let plans = at_once(9, |node| {
            let files: Vec<Value> = (0..30 + node)
                .map(|n| json!({"path": format!("f{n}.py")}))
                .collect();
            let body = json!({"runner": "pytest", "identifier": identifier, "parallelism": node + 2, "branch": "main", "tests": {"files": files}});
            let path = format!("{SUITE}/test_plan");
            let made = servers.ask(node, "POST", &path).json(&body).send();
            assert_eq!(made.status, 200, "{}", made.text());
            made.body
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
        at_once(9, |node| {
            let body = json!({"version": "3.0.0", "env": {"BUILDKITE_TEST_ENGINE_IDENTIFIER": identifier, "BUILDKITE_PARALLEL_JOB": node}, "timeline": [], "statistics": {}});
            let path = format!("{SUITE}/test_plan_metadata");
            let told = servers.ask(node + 1, "POST", &path).json(&body).send();
            assert_eq!(told.status, 200, "{}", told.text());
        });
        let nodes: Vec<i64> = servers.with_store(async |store| {
            let suite = store.suite("default", "web").await.unwrap().unwrap();
            let reports = store.node_reports(suite.id, &identifier).await.unwrap();
            reports.iter().map(|report| report.node).collect()
        });
        assert_eq!(nodes, (0..9).collect::<Vec<_>>());
    }
}

#[test]
fn what_one_server_was_told_all_know_at_once() {
    let servers = Servers::start();
    // A test stands where the last upload saw it, whichever servers took the uploads.
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
    // Muted on one server, muted in the next plan of another, and enabled again.
    let id = find(0)["id"].as_str().unwrap().to_owned();
    let muted = |server: usize, identifier: &str| {
        let body = json!({"runner": "pytest", "identifier": identifier, "parallelism": 2, "branch": "main", "tests": {"files": [{"path": "a.py"}]}});
        let path = format!("{SUITE}/test_plan");
        let plan = servers.ask(server, "POST", &path).json(&body).send().ok();
        plan["muted_tests"].as_array().unwrap().len()
    };
    assert_eq!(muted(1, "before"), 0);
    let put = |server: usize, what: &str| {
        let path = format!("{SUITE}/tests/{id}/{what}");
        let told = servers.ask(server, "PUT", &path).send();
        assert_eq!(told.status, 200, "{}", told.text());
    };
    put(0, "mute");
    assert_eq!(muted(1, "muted"), 1);
    put(2, "enable");
    assert_eq!(muted(0, "enabled"), 0);
    // A token works everywhere once it is made, and nowhere once it is taken back.
    let made = servers.say(&["token", "create", "--json"]);
    let with_token = |server: usize| {
        let path = "/v2/access-token";
        let token = made["token"].as_str().unwrap();
        let ask = Ask::new("GET", &format!("{}{path}", servers.bases[server]));
        ask.bearer(token).send()
    };
    let uuids: Vec<Value> = (0..3)
        .map(|it| with_token(it).ok()["uuid"].clone())
        .collect();
    servers.say(&["token", "revoke", uuids[0].as_str().unwrap()]);
    for server in 0..3 {
        with_token(server).error(401);
    }
}

#[test]
fn several_servers_share_a_limit_on_requests() {
    let servers = Servers::start();
    for attempt in 0.. {
        assert!(attempt < 5, "no minute was long enough");
        // An organization that has asked nothing yet.
        let organization = format!("limited-{attempt}");
        servers.say(&["organization", "create", &organization]);
        let token = servers.token(&organization);
        let path = format!("/v2/analytics/organizations/{organization}/suites");
        let get = |server: usize| {
            let base = &servers.bases[server % 3];
            Ask::new("GET", &format!("{base}{path}"))
                .bearer(&token)
                .send()
        };
        let senders = 6;
        let answers: Vec<Answer> = at_once(senders, |sender| {
            (0..LIMIT / 4).map(|_| get(sender)).collect::<Vec<_>>()
        })
        .into_iter()
        .flatten()
        .collect();
        let reset = |answer: &Answer| answer.header("ratelimit-reset").unwrap().parse::<u32>();
        let resets: Vec<u32> = answers.iter().map(|it| reset(it).unwrap()).collect();
        if resets.iter().max().unwrap() - resets.iter().min().unwrap() > 30 {
            // A minute ended meanwhile, and the count began anew.
            continue;
        }
        let passed = answers.iter().filter(|it| it.status == 200).count();
        let refused = answers.iter().filter(|it| it.status == 429).count();
        assert_eq!((passed, refused), (LIMIT, senders * (LIMIT / 4) - LIMIT));
        return;
    }
}
