//! When the database cannot be written: a clear 503, nothing lost that was acknowledged, nothing
//! damaged, and well again by itself.

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

/// Says what a client that cannot be served needs to know.
#[track_caller]
fn is_told_to_come_back(answer: &Answer) {
    let message = answer.error(503);
    assert!(message.contains("database"), "{message}");
    assert!(message.contains("Try again later"), "{message}");
    assert_eq!(answer.header("retry-after"), Some("5"));
}

/// An upload of one run of its own, with so many tests.
fn upload(key: &str, tests: usize) -> Value {
    let results: Vec<Value> = (0..tests)
        .map(|n| result("Trouble", &format!("{key} {n}"), "a.py", 0.1, "passed"))
        .collect();
    json!({"format": "json", "run_env": {"key": key}, "data": results})
}

/// The runs of the only suite, with what passed in them, by key.
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
fn postgres_may_go_and_come_back() {
    let cluster = Cluster::start(Durability::Off);
    let server = TestServer::with(
        |config| config.storage.database_url = Some(cluster.url().into()),
        Clock::System,
    );
    assert_eq!(server.upload_json(&upload("before", 3)).status, 202);
    // Uploads under way when it goes: each is sent until it is acknowledged, as clients do.
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
                            503 => is_told_to_come_back(&answer),
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
        is_told_to_come_back(&server.upload_json(&upload("while away", 1)));
        is_told_to_come_back(&server.get(&format!("{SUITE}/test_plan?identifier=x")));
        is_told_to_come_back(&server.get("/readyz"));
        server.get("/healthz").ok();
        cluster.restart();
        back.store(true, Ordering::SeqCst);
    });
    // By itself, and without an error for the first who comes.
    server.get("/readyz").ok();
    let mut expected = acknowledged.into_inner().unwrap();
    expected.push(("before".to_owned(), 3));
    expected.sort();
    let kept = server.with_store(async |store| runs(store, "acme").await);
    assert_eq!(kept, expected);
}

#[test]
fn a_postgres_that_may_only_be_read_refuses_uploads_and_answers_the_rest() {
    let cluster = Cluster::start(Durability::Off);
    let server = TestServer::with(
        |config| config.storage.database_url = Some(cluster.url().into()),
        Clock::System,
    );
    cluster.execute("ALTER SYSTEM SET default_transaction_read_only = on");
    let applied = |value: &str| {
        cluster.execute("SELECT pg_reload_conf()");
        // Connections take the change over one after another, each before its next statement.
        while cluster.execute("SHOW default_transaction_read_only").trim() != value {
            std::thread::yield_now();
        }
    };
    applied("on");
    let mut refused = server.upload_json(&upload("refused", 1));
    while refused.status == 202 {
        refused = server.upload_json(&upload("refused", 1));
    }
    is_told_to_come_back(&refused);
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

/// `test-engine` in a shell that first does this.
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
fn a_disk_that_is_full_for_a_while_loses_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let say = |arguments: &[&str]| -> Value {
        let output = program(directory.path()).args(arguments).output().unwrap();
        serde_json::from_slice(&output.stdout).unwrap()
    };
    // Without the signal, a file that may not grow is a write that fails, as on a full disk.
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
        assert!(number < 200, "the disk never filled");
        let key = format!("run {number}");
        let answer = send(&upload(&key, 500));
        if answer.status == 202 {
            acknowledged.push((key, 500));
            continue;
        }
        is_told_to_come_back(&answer);
        refused += 1;
        if refused == 3 {
            break;
        }
    }
    assert!(acknowledged.len() > 1, "some had room");
    // It still answers, with everything it had acknowledged.
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
fn a_data_directory_that_may_not_be_written_is_a_clear_error() {
    use std::os::unix::fs::PermissionsExt as _;
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    drop(Process::serve(program(&data)));
    let read_only = |path: &std::path::Path, mode: u32| {
        fs_err::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    // Root may write anywhere, unless it gives that up.
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
    // And nothing happened to it.
    read_only(&data, 0o755);
    for entry in fs_err::read_dir(&data).unwrap() {
        read_only(&entry.unwrap().path(), 0o644);
    }
    let again = Process::serve(program(&data));
    assert!(again.said.is_empty(), "the organization is there");
}
