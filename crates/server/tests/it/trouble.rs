//! An unavailable or read-only database: the server responds with 503, loses no acknowledged
//! upload, and recovers without a restart.

use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::process::{Resource, Rlimit, prlimit};
use serde_json::{Value, json};
use test_engine::clock::Clock;
use test_engine_store::{Page, Store};
use test_engine_test_postgres::{Cluster, Durability};

use crate::process::Process;
use crate::support::{Answer, Ask, SUITE, TestServer, program, result};

/// Checks status, message and `Retry-After`.
#[track_caller]
fn assert_unavailable(answer: &Answer) {
    let message = answer.error(503);
    assert!(message.contains("database"), "{message}");
    assert!(message.contains("Try again later"), "{message}");
    assert_eq!(answer.header("retry-after"), Some("5"));
}

/// An upload to a run of its own.
fn upload(key: &str, tests: usize) -> Value {
    let results: Vec<Value> = (0..tests)
        .map(|n| result("Trouble", &format!("{key} {n}"), "a.py", 0.1, "passed"))
        .collect();
    json!({"format": "json", "run_env": {"key": key}, "data": results})
}

/// Key and number of passed executions of each run of the suite.
async fn runs(store: &Store, organization: &str) -> Vec<(String, u64)> {
    let suite = store.suite(organization, "web").await.unwrap().unwrap();
    let mut runs = Vec::new();
    for page in 1.. {
        let listed = store.runs(suite.id, None, Page::new(page, 100)).await;
        let items = listed.unwrap().items;
        if items.is_empty() {
            break;
        }
        runs.extend(items.into_iter().map(|run| (run.key, run.counts.passed)));
    }
    runs.sort();
    runs
}

#[test]
fn recovers_when_postgres_restarts() {
    let cluster = Cluster::start(Durability::Off);
    let server = TestServer::with(
        |config| config.storage.database_url = Some(cluster.url().into()),
        Clock::System,
    );
    assert_eq!(server.upload_json(&upload("before", 3)).status, 202);
    // Uploads in progress when it stops. Each is retried until it is acknowledged, as clients do.
    let back = AtomicBool::new(false);
    let acknowledged = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for sender in 0..4 {
            let (server, back, acknowledged) = (&server, &back, &acknowledged);
            scope.spawn(move || {
                for number in 0.. {
                    if number >= 10 && back.load(Ordering::SeqCst) {
                        return;
                    }
                    let key = format!("{sender} {number}");
                    let body = upload(&key, 5);
                    loop {
                        let answer = server.upload_json(&body);
                        match answer.status {
                            202 => break,
                            503 => assert_unavailable(&answer),
                            status => panic!("{status}: {}", answer.text()),
                        }
                    }
                    acknowledged.lock().unwrap().push((key, 5));
                }
            });
        }
        while acknowledged.lock().unwrap().len() < 20 {
            std::thread::yield_now();
        }
        cluster.stop();
        assert_unavailable(&server.upload_json(&upload("while away", 1)));
        assert_unavailable(&server.get(&format!("{SUITE}/test_plan?identifier=x")));
        assert_unavailable(&server.get("/readyz"));
        server.get("/healthz").ok();
        cluster.restart();
        back.store(true, Ordering::SeqCst);
    });
    // Without a restart, and without an error for the first request.
    server.get("/readyz").ok();
    let mut expected = acknowledged.into_inner().unwrap();
    expected.push(("before".to_owned(), 3));
    expected.sort();
    let kept = server.with_store(async |store| runs(store, "acme").await);
    assert_eq!(kept, expected);
}

#[test]
fn a_read_only_postgres_rejects_uploads_and_serves_reads() {
    let cluster = Cluster::start(Durability::Off);
    let server = TestServer::with(
        |config| config.storage.database_url = Some(cluster.url().into()),
        Clock::System,
    );
    cluster.execute("ALTER SYSTEM SET default_transaction_read_only = on");
    let applied = |value: &str| {
        cluster.execute("SELECT pg_reload_conf()");
        // Each connection applies the change before its next statement.
        while cluster.execute("SHOW default_transaction_read_only").trim() != value {
            std::thread::yield_now();
        }
    };
    applied("on");
    let mut refused = server.upload_json(&upload("refused", 1));
    while refused.status == 202 {
        refused = server.upload_json(&upload("refused", 1));
    }
    assert_unavailable(&refused);
    assert!(refused.error(503).contains("read-only"));
    server.get(SUITE).ok();
    cluster.execute("ALTER SYSTEM RESET default_transaction_read_only");
    applied("off");
    let mut taken = server.upload_json(&upload("taken", 2));
    while taken.status == 503 {
        taken = server.upload_json(&upload("taken", 2));
    }
    assert_eq!(taken.status, 202, "{}", taken.text());
}

/// `test-engine` in a shell that runs a command first.
#[expect(clippy::disallowed_methods, reason = "tests start the real program")]
fn after(shell: &str, data_dir: &std::path::Path) -> Command {
    let plain = program(data_dir);
    let mut command = Command::new("/bin/sh");
    command
        .args(["-c", &format!("{shell} exec \"$0\" \"$@\"")])
        .arg(plain.get_program())
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("TEST_ENGINE_DATA_DIR", data_dir);
    command
}

#[test]
fn a_full_disk_loses_no_acknowledged_upload() {
    let directory = tempfile::tempdir().unwrap();
    let say = |arguments: &[&str]| -> Value {
        let output = program(directory.path()).args(arguments).output().unwrap();
        serde_json::from_slice(&output.stdout).unwrap()
    };
    // With the signal ignored, the file size limit makes writes fail as on a full disk.
    let server = Process::serve(after("trap '' XFSZ;", directory.path()));
    let suite = say(&["suite", "create", "default/web", "--json"]);
    let send = |body: &Value| {
        let token = suite["suite_token"].as_str().unwrap();
        Ask::new("POST", &format!("{}/v1/uploads", server.base))
            .header("authorization", &format!("Token {token}"))
            .json(body)
            .send()
    };
    assert_eq!(send(&upload("before", 10)).status, 202);
    let files_may_grow_to = |bytes: Option<u64>| {
        let limit = Rlimit {
            current: bytes,
            maximum: None,
        };
        prlimit(Some(server.id()), Resource::Fsize, limit).unwrap();
    };
    files_may_grow_to(Some(2 * 1024 * 1024));
    let mut acknowledged = vec![("before".to_owned(), 10)];
    let mut refused = 0;
    for number in 0.. {
        assert!(number < 200, "the limit was never reached");
        let key = format!("run {number}");
        let answer = send(&upload(&key, 500));
        if answer.status == 202 {
            acknowledged.push((key, 500));
            continue;
        }
        assert_unavailable(&answer);
        refused += 1;
        if refused == 3 {
            break;
        }
    }
    assert!(acknowledged.len() > 1, "some uploads succeeded");
    // It still responds, with every acknowledged upload.
    let health = Ask::new("GET", &format!("{}/readyz", server.base)).send();
    health.ok();
    files_may_grow_to(None);
    for number in 0..3 {
        let key = format!("after {number}");
        let answer = send(&upload(&key, 500));
        assert_eq!(answer.status, 202, "{}", answer.text());
        acknowledged.push((key, 500));
    }
    drop(server);
    acknowledged.sort();
    let path = directory.path().join("test-engine.db");
    let kept = tokio::runtime::Runtime::new().unwrap().block_on(async {
        let store = Store::open_file(&path).await.unwrap();
        let kept = runs(&store, "default").await;
        store.close().await;
        kept
    });
    assert_eq!(kept, acknowledged);
}

#[test]
fn a_read_only_data_directory_is_an_error() {
    use std::os::unix::fs::PermissionsExt as _;
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    drop(Process::serve(program(&data)));
    let read_only = |path: &std::path::Path, mode: u32| {
        fs_err::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    // Root can write anywhere, unless it drops that capability.
    let as_anybody = if rustix::process::geteuid().is_root() {
        "exec setpriv --bounding-set=-dac_override,-dac_read_search \"$0\" \"$@\";"
    } else {
        ""
    };
    let start = |data: &std::path::Path| {
        let mut command = after(as_anybody, data);
        let output = command
            .args(["serve", "--listen", "127.0.0.1:0"])
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    for entry in fs_err::read_dir(&data).unwrap() {
        read_only(&entry.unwrap().path(), 0o444);
    }
    read_only(&data, 0o555);
    let message = start(&data);
    assert!(message.contains("test-engine.db"), "{message}");
    assert!(
        message.contains("check that the data directory is writable"),
        "{message}"
    );
    let message = start(&data.join("below"));
    assert!(message.contains("--data-dir"), "{message}");
    // The database is unchanged.
    read_only(&data, 0o755);
    for entry in fs_err::read_dir(&data).unwrap() {
        read_only(&entry.unwrap().path(), 0o644);
    }
    let again = Process::serve(program(&data));
    assert!(again.said.is_empty(), "the organization exists");
}
