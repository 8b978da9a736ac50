//! `test-engine serve`: what it says when it starts, and the signals that stop it.

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::{Child, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use test_engine_test_postgres::{Cluster, Durability};

use crate::cli::{failure, run, secret_after, stdout};
use crate::support::{Ask, program};
use crate::upgrade::create_old_database;

/// Starts the server; returns it with the address it listens on.
fn serve(data: &Path, arguments: &[&str]) -> (Child, String) {
    let mut child = program(data)
        .arg("serve")
        .args(arguments)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.as_mut().unwrap()).lines();
    let base = lines
        .map_while(Result::ok)
        .find_map(|line| line.strip_prefix("listening on ").map(str::to_owned))
        .expect("it listens");
    (child, base)
}

/// Stops the server; returns its log.
fn stop(mut child: Child, signal: Signal) -> String {
    kill_process(Pid::from_child(&child), signal).unwrap();
    let ended = child.wait().unwrap();
    let mut log = String::new();
    child
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut log)
        .unwrap();
    assert!(ended.success(), "{ended}: {log}");
    log
}

#[test]
fn logs_that_it_migrates_the_database_of_an_older_release() {
    let directory = tempfile::tempdir().unwrap();
    create_old_database(directory.path());
    for expected in [1, 0] {
        let (child, _base) = serve(directory.path(), &["--listen", "127.0.0.1:0"]);
        let log = stop(child, Signal::TERM);
        let count = log.matches("migrating the database from version ").count();
        assert_eq!(count, expected, "{log}");
    }
}

#[test]
fn logs_no_notices_of_postgres() {
    let cluster = Cluster::start(Durability::Off);
    let directory = tempfile::tempdir().unwrap();
    let url = cluster.url();
    let arguments = ["--listen", "127.0.0.1:0", "--database-url", &url];
    for _start in 0..2 {
        let (child, _base) = serve(directory.path(), &arguments);
        let log = stop(child, Signal::TERM);
        assert!(!log.contains("sqlx::postgres::notice"), "{log}");
        assert!(!log.contains("migrating"), "{log}");
    }
}

#[test]
fn says_how_to_get_an_admin_token_after_init() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    stdout(&run(&data, &["init", "acme/web"]));
    let (child, _base) = serve(&data, &["--listen", "127.0.0.1:0"]);
    let log = stop(child, Signal::TERM);
    let start = "test-engine token create ";
    let command = log.split(start).nth(1).unwrap().lines().next().unwrap();
    assert!(
        command.starts_with("--organization acme --scope read_suites,"),
        "{command}"
    );
    // The command works as printed, and then nothing is said any more.
    let arguments: Vec<&str> = ["token", "create"]
        .into_iter()
        .chain(command.split(' '))
        .collect();
    stdout(&run(&data, &arguments));
    let (child, _base) = serve(&data, &["--listen", "127.0.0.1:0"]);
    let log = stop(child, Signal::TERM);
    assert!(!log.contains(start), "{log}");
}

#[test]
fn listens_on_localhost_and_stops_on_a_hangup() {
    let directory = tempfile::tempdir().unwrap();
    let (child, base) = serve(directory.path(), &["--listen", "localhost:0"]);
    let answer = Ask::new("GET", &format!("{base}/healthz")).send();
    assert_eq!(answer.status, 200);
    let log = stop(child, Signal::HUP);
    assert!(log.contains("shutting down"), "{log}");
    assert!(!log.contains("without TLS"), "{log}");
}

#[test]
fn warns_about_all_interfaces_without_tls() {
    let directory = tempfile::tempdir().unwrap();
    let (child, _base) = serve(directory.path(), &["--listen", "0.0.0.0:0"]);
    let log = stop(child, Signal::TERM);
    assert!(log.contains("without TLS"), "{log}");
    let with_proxy = [
        "--listen",
        "0.0.0.0:0",
        "--public-url",
        "https://tests.example.com",
    ];
    let (child, _base) = serve(directory.path(), &with_proxy);
    let log = stop(child, Signal::TERM);
    assert!(!log.contains("without TLS"), "{log}");
}

#[test]
fn log_lines_of_changes_name_the_token_and_the_client() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path();
    stdout(&run(data, &["init", "acme/web"]));
    let made = stdout(&run(data, &["token", "create"]));
    let secret = secret_after(&made, "shown only this once");
    let id = made.split_whitespace().nth(4).unwrap();
    let (child, base) = serve(data, &["--listen", "127.0.0.1:0"]);
    let url = format!("{base}/v2/analytics/organizations/acme/suites/web");
    let changed = Ask::new("PATCH", &url)
        .bearer(&secret)
        .json(&serde_json::json!({"name": "Web"}))
        .send();
    assert_eq!(changed.status, 200, "{}", changed.text());
    let sign_in = |token: &str| {
        Ask::new("POST", &format!("{base}/sign-in"))
            .header("content-type", "application/x-www-form-urlencoded")
            .body(format!("token={token}"))
            .send()
    };
    let signed_in = sign_in(&secret);
    assert_eq!(signed_in.status, 303);
    let cookie = signed_in.header("set-cookie").unwrap().split(';').next();
    let page = Ask::new("GET", &format!("{base}/organizations"));
    page.header("cookie", cookie.unwrap()).send();
    let wrong: Vec<u16> = (0..11).map(|_| sign_in("tea_wrong").status).collect();
    assert_eq!(wrong, [vec![422; 10], vec![429]].concat());
    // Also with the right one, until the next minute.
    assert_eq!(sign_in(&secret).status, 429);
    let log = stop(child, Signal::TERM);
    for (part, named) in [
        ("suite changed", vec![id, "127.0.0.1"]),
        ("method=PATCH", vec![id, "127.0.0.1", "suite=\"web\""]),
        ("signed in", vec![id, "127.0.0.1"]),
        // Not with the id of the session, which is in no list of tokens.
        ("path=\"/organizations\"", vec![id, "127.0.0.1"]),
        (
            "sign-in failed",
            vec!["127.0.0.1", "unknown, expired or revoked"],
        ),
        ("too many failed attempts", vec!["127.0.0.1"]),
    ] {
        let line = log.lines().find(|line| line.contains(part)).expect(part);
        for name in named {
            assert!(line.contains(name), "{name}: {line}");
        }
    }
    assert!(
        !log.contains(&secret) && !log.contains("tea_wrong"),
        "{log}"
    );
}

#[test]
fn rejects_unknown_log_levels() {
    let directory = tempfile::tempdir().unwrap();
    for level in ["verbose", "inof", "info,test_engine=loud"] {
        let message = failure(&run(directory.path(), &["serve", "--log-level", level]));
        assert!(message.contains("is not a log level"), "{message}");
        assert!(message.contains("debug"), "{message}");
    }
}

#[test]
fn health_says_whether_the_server_is_ready() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    let (child, base) = serve(&data, &["--listen", "127.0.0.1:0"]);
    let address = base.strip_prefix("http://").unwrap();
    let health = || run(&data, &["health", "--listen", address]);
    assert_eq!(stdout(&health()), "ready\n");
    stop(child, Signal::TERM);
    let error = failure(&health());
    assert!(error.contains("failed to ask the server"), "{error}");
}
