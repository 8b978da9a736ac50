//! `test-engine import`: results come out as if uploaded at their own time, once, and in order.

use std::io::{BufRead as _, BufReader};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::{Child, Output, Stdio};
use std::sync::atomic::Ordering;

use rustix::fs::{Mode, OFlags};
use serde_json::{Value, json};
use tempfile::TempDir;
use test_engine::clock::Clock;
use test_engine_store::Timestamp;
use test_engine_testkit::clean_command;
use uuid::Uuid;

use super::TestServer;
use crate::cli::{failure, stdout};
use crate::support::{SUITE, gzip, result};
use crate::waiting::{until, wait_for};

/// In the past, because the command uses the real clock.
const THEN: Timestamp = Timestamp::from_millis(1_750_000_000_000);
const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

fn rfc3339(time: Timestamp) -> String {
    let time = jiff::Timestamp::from_millisecond(time.millis()).unwrap();
    time.to_string()
}

/// Uploads of some days, each with its time: two runs a day on two branches, a flaky test, a slow
/// one, and one that is new on the last day.
fn history(days: i64) -> Vec<(Timestamp, Value)> {
    let uploads = (0..days * 2).map(|number| {
        let at = THEN.plus_millis(number * DAY_MS / 2);
        let is_red = number % 3 == 0;
        let seconds = f64::from(u32::try_from(number).unwrap());
        let mut results = vec![
            result("Basket", "adds", "basket.py", 0.25 + seconds, "passed"),
            result(
                "Basket",
                "pays",
                "pay.py",
                1.0,
                if is_red { "failed" } else { "passed" },
            ),
            result("Search", "waits", "search.py", 30.0, "skipped"),
        ];
        if is_red {
            results.push(result("Basket", "pays", "pay.py", 2.0, "passed"));
        }
        if number >= days * 2 - 2 {
            results.push(result("Search", "sorts", "search.py", 3.0, "passed"));
        }
        for (place, one) in results.iter_mut().enumerate() {
            one["id"] = json!(format!("{number}-{place}"));
        }
        let branch = if number % 2 == 0 { "main" } else { "topic" };
        let body = json!({
            "format": "json",
            "received_at": rfc3339(at),
            "run_env": {
                "CI": "buildkite", "key": format!("build-{number}"), "branch": branch,
                "commit_sha": format!("c{number}"), "message": "Change something",
            },
            "data": results,
        });
        (at, body)
    });
    uploads.collect()
}

/// Names do not follow time.
fn file_name(number: usize) -> String {
    format!("{:03}.json", 999 - number)
}

/// Writes each upload to a file.
fn write(directory: &Path, uploads: &[(Timestamp, Value)]) {
    for (number, (_, body)) in uploads.iter().enumerate() {
        fs_err::write(directory.join(file_name(number)), body.to_string()).unwrap();
    }
}

fn stopped_server() -> TestServer {
    let mut server = TestServer::with(same_address, Clock::fixed_at(THEN));
    server.stop();
    server
}

fn same_address(config: &mut test_engine::config::Config) {
    config.network.public_url = Some("https://tests.example.com".to_owned());
}

pub(super) fn import(server: &TestServer, arguments: &[&str]) -> Output {
    let mut command = server.command();
    command.args(["import", "acme/web"]).args(arguments);
    command.output().unwrap()
}

pub(super) fn import_json(server: &TestServer, arguments: &[&str]) -> Value {
    let output = import(server, &[arguments, &["--json"]].concat());
    serde_json::from_str(&stdout(&output)).unwrap()
}

fn path(directory: &TempDir) -> &str {
    directory.path().to_str().unwrap()
}

/// Everything that the API shows about the runs, tests and timings of the suite, without ids.
fn view(server: &TestServer, days: i64) -> Vec<Value> {
    let mut views = vec![server.get(&format!("{SUITE}/runs?per_page=100")).ok()];
    let periods = (0..days).flat_map(|day| [(day, day), (0, day)]);
    for (first, last) in periods {
        let at = |day: i64| rfc3339(THEN.plus_days(day));
        for branch in ["", "&branch=main"] {
            let list = format!(
                "{SUITE}/tests?min_timestamp={}&max_timestamp={}{branch}",
                at(first),
                at(last)
            );
            let asked = server.ask("GET", &list).bearer(&server.access);
            views.push(asked.header("buildkite-version", "2026-08-01").send().ok());
        }
    }
    let files = ["basket.py", "pay.py", "search.py"].map(|path| json!({"path": path}));
    let request = json!({
        "runner": "pytest", "identifier": "same/plan", "parallelism": 2, "branch": "main",
        "tests": {"files": files},
    });
    views.push(server.post(&format!("{SUITE}/test_plan"), &request).ok());
    views.push(server.get(&format!("{SUITE}/uploads")).ok());
    views.iter_mut().for_each(remove_ids);
    views
}

fn remove_ids(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|key, _| key != "id" && !key.ends_with("_id") && !key.ends_with("url"));
            fields.values_mut().for_each(remove_ids);
        }
        Value::Array(items) => items.iter_mut().for_each(remove_ids),
        _ => {}
    }
}

/// Waits until the flaky test has been judged, and has the label that the rule of new suites adds.
fn wait_until_labelled(server: &TestServer) {
    until("the label of the flaky test", || {
        let tests = server.get(&format!("{SUITE}/tests")).ok();
        let mut tests = tests.as_array().unwrap().iter();
        tests.any(|test| test["labels"] == json!(["flaky"]))
    });
}

#[test]
fn an_import_equals_uploads_on_their_days() {
    const DAYS: i64 = 5;
    let history = history(DAYS);
    let clock = Clock::fixed_at(THEN);
    let uploaded = TestServer::with(same_address, clock.clone());
    let Clock::Fixed(time) = &clock else {
        panic!("the clock is fixed")
    };
    for (at, body) in &history {
        time.store(at.millis(), Ordering::SeqCst);
        assert_eq!(uploaded.upload_json(body).status, 202);
    }

    let directory = tempfile::tempdir().unwrap();
    write(directory.path(), &history);
    let mut imported = stopped_server();
    let summary = import_json(&imported, &[path(&directory)]);
    assert_eq!(
        summary["imported"],
        json!({"uploads": 10, "runs": 10, "executions": 36})
    );
    assert_eq!(summary["skipped"], json!([]));
    imported.restart(clock.clone());
    wait_until_labelled(&uploaded);
    wait_until_labelled(&imported);
    let (expected, found) = (view(&uploaded, DAYS), view(&imported, DAYS));
    assert_eq!(found, expected);
    assert_eq!(expected[0].as_array().unwrap().len(), 10);
    assert_eq!(expected[0][9]["created_at"], "2025-06-15T15:06:40.000Z");
    let of_days: Vec<_> = expected
        .iter()
        .filter_map(|view| view[0]["executions_count"].as_u64())
        .collect();
    assert!(
        of_days.len() == 20 && of_days.iter().all(|count| *count > 0),
        "{of_days:?}"
    );
}

#[test]
fn importing_again_adds_nothing_and_continues_after_an_interruption() {
    let history = history(4);
    let directory = tempfile::tempdir().unwrap();
    write(directory.path(), &history[..5]);
    let mut server = stopped_server();
    let first = import_json(&server, &[path(&directory)]);
    assert_eq!(first["imported"]["uploads"], 5);
    write(directory.path(), &history);
    let dry = import_json(&server, &["--dry-run", path(&directory)]);
    assert_eq!(
        (&dry["files"]["uploads"], &dry["imported"]),
        (&json!(8), &Value::Null)
    );
    let rest = import_json(&server, &[path(&directory)]);
    assert_eq!(rest["imported"]["uploads"], 3);
    assert_eq!(rest["already_there"]["uploads"], 5);
    let again = import_json(&server, &[path(&directory)]);
    assert_eq!(
        again["imported"],
        json!({"uploads": 0, "runs": 0, "executions": 0})
    );
    // Nor does an upload of the same file.
    server.restart(Clock::fixed_at(THEN.plus_days(9)));
    server.upload_json(&history[0].1);
    let runs = server.get(&format!("{SUITE}/runs")).ok();
    assert_eq!(runs.as_array().unwrap().len(), 8);
}

/// Starts an import that stores the uploads before `file` and then blocks: once all files are
/// checked, `file` becomes a pipe to which nothing is written. Returns the process, and the end of
/// the pipe that keeps it waiting.
fn start_import_until(server: &TestServer, directory: &TempDir, file: &Path) -> (Child, OwnedFd) {
    // Until the file is a pipe, another import is in progress.
    let (holder, now) = (Uuid::new_v4(), Clock::System.now());
    let until = now.plus_days(1);
    let is_reserved = server.with_store(async |store| {
        let lease = store.try_lease("import", holder, now, until);
        lease.await.unwrap()
    });
    assert!(is_reserved);
    let mut command = server.command();
    command.args(["import", "acme/web", path(directory)]);
    let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
    // Printed when all files are checked.
    let printed = BufReader::new(child.stderr.take().unwrap());
    let mut lines = printed.lines().map(Result::unwrap);
    assert!(lines.any(|line| line.starts_with("warning: ")), "it ended");

    fs_err::remove_file(file).unwrap();
    let made = clean_command("mkfifo", directory.path()).arg(file).status();
    assert!(made.unwrap().success());
    server.with_store(async |store| store.release_leases(holder).await.unwrap());
    // Fails until the other end is open.
    let flags = OFlags::WRONLY | OFlags::NONBLOCK;
    let pipe = wait_for("the import to open the pipe", || {
        rustix::fs::open(file, flags, Mode::empty())
    });
    (child, pipe)
}

#[test]
fn an_import_that_was_killed_continues() {
    const STORED: usize = 40;
    let directory = tempfile::tempdir().unwrap();
    let history = history(60);
    write(directory.path(), &history);
    let server = stopped_server();
    let next = directory.path().join(file_name(STORED));
    let (mut child, pipe) = start_import_until(&server, &directory, &next);
    child.kill().unwrap();
    child.wait().unwrap();
    drop(pipe);
    fs_err::remove_file(&next).unwrap();
    let stored = || {
        server.with_store(async |store| {
            let suite = test_engine::admin::suite(store, "acme", "web")
                .await
                .unwrap();
            store.suite_contents(suite.id).await.unwrap()
        })
    };
    assert_eq!((stored().runs, stored().uploads), (40, 40));
    write(directory.path(), &history);
    let rest = import_json(&server, &[path(&directory)]);
    assert_eq!(rest["imported"]["uploads"], 80);
    assert_eq!(rest["already_there"]["uploads"], 40);
    assert_eq!((stored().runs, stored().uploads), (120, 120));
}

#[test]
fn refuses_while_a_server_runs() {
    let directory = tempfile::tempdir().unwrap();
    write(directory.path(), &history(1));
    let mut server = TestServer::start();
    server.get(&format!("{SUITE}/runs")).ok();
    let kept = ["--execution-retention-days", "0", path(&directory)];
    let message = failure(&import(&server, &kept));
    assert!(message.contains("a server uses the database"), "{message}");
    assert!(message.contains("\nhint: stop "), "{message}");
    let runs = server.get(&format!("{SUITE}/runs")).ok();
    assert_eq!(runs, json!([]));
    server.stop();
    let imported = import_json(&server, &[path(&directory)]);
    assert_eq!(imported["imported"]["uploads"], 2);
}

#[test]
fn refuses_implausible_times_with_file_and_value() {
    let directory = tempfile::tempdir().unwrap();
    let (_, good) = &history(1)[0];
    let with_time = |name: &str, time: Value| {
        let mut body = good.clone();
        body["received_at"] = time;
        fs_err::write(directory.path().join(name), body.to_string()).unwrap();
    };
    with_time("good.json", json!("2025-06-15T10:00:00Z"));
    with_time("future.json", json!("2125-06-15T10:00:00Z"));
    with_time("epoch.json", json!("1970-01-01T00:00:00Z"));
    with_time("number.json", json!(1_750_000_000));
    with_time("none.json", Value::Null);
    let junit = "<testsuite timestamp='2125-01-01T00:00:00'><testcase name='a'/></testsuite>";
    fs_err::write(directory.path().join("suite.xml"), junit).unwrap();
    fs_err::write(directory.path().join("broken.json"), "{").unwrap();
    let server = stopped_server();
    let message = failure(&import(&server, &[path(&directory)]));
    for line in [
        "6 of the files cannot be imported, so nothing was stored",
        "future.json: the time \"2125-06-15T10:00:00Z\" is in the future",
        "epoch.json: the time \"1970-01-01T00:00:00Z\" is before the year 2000",
        "number.json: received_at is 1750000000, not a text",
        "none.json: the file has no received_at",
        "suite.xml: the time \"2125-01-01T00:00:00\" is in the future",
        "broken.json: the file is not an upload in JSON",
    ] {
        assert!(message.contains(line), "{line}: {message}");
    }
    assert!(!message.contains("good.json"), "{message}");
    let absurd = import(&server, &[path(&directory), "--received-at", "soon"]);
    assert!(failure(&absurd).contains("\"soon\""));
    for name in [
        "future.json",
        "epoch.json",
        "number.json",
        "suite.xml",
        "broken.json",
    ] {
        fs_err::remove_file(directory.path().join(name)).unwrap();
    }
    let dated = ["--received-at", "2025-06-16T00:00:00Z", path(&directory)];
    assert_eq!(import_json(&server, &dated)["imported"]["uploads"], 1);
}

#[test]
fn refuses_uploads_older_than_those_of_the_suite() {
    let history = history(2);
    let directory = tempfile::tempdir().unwrap();
    write(directory.path(), &history[2..]);
    let server = stopped_server();
    import_json(&server, &[path(&directory)]);
    write(directory.path(), &history);
    let message = failure(&import(&server, &[path(&directory)]));
    assert!(
        message.contains("is from 2025-06-16T03:06:40.000Z")
            || message.contains("is from 2025-06-15T15:06:40.000Z"),
        "{message}"
    );
    assert!(message.contains("nothing was stored"), "{message}");
    assert!(
        message.contains("hint: import all files together"),
        "{message}"
    );
}

#[test]
fn junit_files_of_a_directory_are_one_run() {
    let directory = tempfile::tempdir().unwrap();
    let junit = |name: &str, time: &str| {
        format!(
            "<testsuites><testsuite name='s' timestamp='{time}'>\
             <testcase classname='c' name='{name}' time='0.5'/></testsuite></testsuites>"
        )
    };
    let at = directory.path();
    fs_err::create_dir(at.join("build-8")).unwrap();
    for (file, name, time) in [
        ("build-7.xml", "a", "2025-06-14T10:00:00"),
        ("build-8/unit.xml", "a", "2025-06-15T10:00:00+02:00"),
        ("build-8/e2e.xml", "b", "2025-06-15T11:00:00+02:00"),
    ] {
        fs_err::write(at.join(file), junit(name, time)).unwrap();
    }
    fs_err::write(at.join("build-9.xml.gz"), gzip(junit("c", "").as_bytes())).unwrap();
    fs_err::write(at.join("README.md"), "notes").unwrap();
    let mut server = stopped_server();
    let settings = [
        "--received-at",
        "2025-06-16T00:00:00Z",
        "--run-env",
        "branch=main",
    ];
    let imported = import_json(&server, &[&settings[..], &[path(&directory)]].concat());
    assert_eq!(
        imported["imported"],
        json!({"uploads": 4, "runs": 3, "executions": 4})
    );
    assert_eq!(imported["skipped"][0]["count"], 1);
    server.restart(Clock::fixed_at(THEN.plus_days(3)));
    let runs = server.get(&format!("{SUITE}/runs")).ok();
    let times: Vec<_> = (0..3)
        .map(|place| runs[place]["created_at"].clone())
        .collect();
    assert_eq!(
        times,
        [
            "2025-06-16T00:00:00.000Z",
            "2025-06-15T08:00:00.000Z",
            "2025-06-14T10:00:00.000Z"
        ]
    );
    assert_eq!(runs[0]["branch"], "main");
}

#[test]
fn says_what_retention_will_remove() {
    let directory = tempfile::tempdir().unwrap();
    let mut history = history(1);
    let recent = Clock::System.now().plus_days(-200);
    history[1].1["received_at"] = json!(rfc3339(recent));
    write(directory.path(), &history);
    let server = stopped_server();
    let warnings = |arguments: &[&str]| {
        let output = import(
            &server,
            &[&["--dry-run", path(&directory)], arguments].concat(),
        );
        stdout(&output);
        String::from_utf8(output.stderr).unwrap()
    };
    let warned = warnings(&[]);
    assert!(
        warned.contains("warning: 2 uploads with 9 results are older than 120 days"),
        "{warned}"
    );
    assert!(!warned.contains("730 days"), "{warned}");
    let warned = warnings(&["--aggregate-retention-days", "300"]);
    assert!(
        warned.contains("warning: 1 uploads with 5 results are older than 300 days"),
        "{warned}"
    );
    assert_eq!(warnings(&["--execution-retention-days", "0"]), "");
    let listed = import_json(&server, &["--dry-run", path(&directory)]);
    assert_eq!(listed["older_than_executions_are_kept"], 9);
}

#[test]
fn results_that_cannot_be_used_are_counted_and_named() {
    let directory = tempfile::tempdir().unwrap();
    let (_, mut body) = history(1).remove(0);
    body["data"][1]["name"] = json!(" ");
    fs_err::write(directory.path().join("one.json"), body.to_string()).unwrap();
    let server = stopped_server();
    let printed = stdout(&import(&server, &[path(&directory)]));
    assert!(
        printed.contains("imported 1 uploads into acme/web: 1 new runs, 4 executions"),
        "{printed}"
    );
    assert!(
        printed.contains("skipped: 1 results that cannot be used"),
        "{printed}"
    );
    assert!(printed.contains("one.json: result 1"), "{printed}");
    let missing = failure(&import(&server, &["/does/not/exist"]));
    assert!(missing.contains("/does/not/exist"), "{missing}");
}
