//! The command line: output and exit status.

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::{Output, Stdio};

use serde_json::Value;

use crate::support::{Ask, create_database, program};

pub(crate) fn run(data_dir: &Path, arguments: &[&str]) -> Output {
    program(data_dir).args(arguments).output().unwrap()
}

pub(crate) fn stdout(output: &Output) -> String {
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout.clone()).unwrap()
}

pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

pub(crate) fn failure(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(1));
    assert!(
        output.stdout.is_empty(),
        "{}",
        String::from_utf8_lossy(&output.stdout)
    );
    let stderr = String::from_utf8(output.stderr.clone()).unwrap();
    assert!(stderr.starts_with("test-engine: failed to "), "{stderr}");
    stderr
}

/// The text after the last colon of the line that contains `part`.
pub(crate) fn secret_after(text: &str, part: &str) -> String {
    let line = text.lines().find(|line| line.contains(part)).expect(part);
    line.rsplit(": ").next().unwrap().to_owned()
}

#[test]
fn creates_lists_and_revokes_suites_and_tokens() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path();
    create_database(data);
    let message = failure(&run(data, &["suite", "create", "acme/web"]));
    assert!(
        message.contains("test-engine organization create acme"),
        "{message}"
    );
    assert_eq!(
        stdout(&run(data, &["organization", "create", "acme"])),
        "acme\n"
    );
    let made = stdout(&run(data, &["suite", "create", "acme/web"]));
    assert!(
        secret_after(&made, "shown only this once").starts_with("tes_"),
        "{made}"
    );
    let message = failure(&run(data, &["suite", "create", "acme/web"]));
    assert!(message.contains("already exists"), "{message}");
    let named = run(
        data,
        &[
            "suite",
            "create",
            "--organization",
            "acme",
            "--name",
            "Back End",
            "--default-branch",
            "trunk",
            "--json",
        ],
    );
    let named: Value = serde_json::from_str(&stdout(&named)).unwrap();
    assert_eq!(
        (named["slug"].as_str(), named["default_branch"].as_str()),
        (Some("back-end"), Some("trunk"))
    );
    assert_eq!(
        stdout(&run(data, &["suite", "list", "acme"])),
        "acme/back-end\nacme/web\n"
    );

    let made = stdout(&run(
        data,
        &[
            "token",
            "create",
            "--scope",
            "read_suites",
            "--description",
            "for me",
            "--expires-in-days",
            "3",
        ],
    ));
    let secret = secret_after(&made, "shown only this once");
    assert!(secret.starts_with("tea_"), "{made}");
    let listed = stdout(&run(data, &["token", "list"]));
    assert!(
        listed.contains("read_suites") && listed.contains("for me"),
        "{listed}"
    );
    assert!(!listed.contains(&secret), "secrets are not listed");
    let tokens: Value =
        serde_json::from_str(&stdout(&run(data, &["token", "list", "--json"]))).unwrap();
    let token = tokens
        .as_array()
        .unwrap()
        .iter()
        .find(|token| token["kind"] == "access")
        .unwrap();
    let id = token["id"].as_str().unwrap();
    assert_eq!(
        stdout(&run(data, &["token", "revoke", id])),
        format!("revoked {id}\n")
    );
    failure(&run(data, &["token", "revoke", id]));
    let listed = stdout(&run(data, &["token", "list"]));
    assert!(listed.contains("revoked"), "{listed}");
}

#[test]
fn reports_invalid_arguments() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path();
    create_database(data);
    for (arguments, part) in [
        (vec!["token", "create", "--scope", "admin"], "read_suites"),
        (vec!["serve", "--listen", "nowhere"], "--listen"),
        (vec!["serve", "--body-limit-mib", "0"], "--body-limit-mib"),
        (vec!["fly"], "unrecognized subcommand"),
    ] {
        let output = run(data, &arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(stderr.contains(part), "{arguments:?}: {stderr}");
    }
    failure(&run(data, &["serve", "--public-url", "ftp://x"]));
    failure(&run(data, &["serve", "--log-level", "no=such=level"]));
    failure(&run(data, &["suite", "create", "acme"]));
    failure(&run(data, &["organization", "create", "Not A Slug"]));
    let message = failure(&run(data, &["token", "create"]));
    assert!(message.contains("organization create"), "{message}");
}

#[test]
fn only_the_first_start_prints_a_token() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("new/directory");
    let start = || {
        let mut child = program(&data)
            .args(["serve", "--listen", "127.0.0.1:0"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = Vec::new();
        for line in BufReader::new(child.stdout.as_mut().unwrap()).lines() {
            lines.push(line.unwrap());
            if lines.last().unwrap().starts_with("listening on ") {
                break;
            }
        }
        (child, lines)
    };
    let (mut child, first) = start();
    assert_eq!(first.len(), 2, "{first:?}");
    let secret = secret_after(&first[0], "shown only this once");
    let base = first[1].strip_prefix("listening on ").unwrap();
    let told = Ask::new("GET", &format!("{base}/v2/access-token"))
        .bearer(&secret)
        .send()
        .ok();
    assert_eq!(told["scopes"].as_array().unwrap().len(), 6);
    // Created while the server runs, valid immediately.
    let made = stdout(&run(&data, &["token", "create", "--scope", "read_suites"]));
    let second = secret_after(&made, "shown only this once");
    Ask::new("GET", &format!("{base}/v2/access-token"))
        .bearer(&second)
        .send()
        .ok();

    rustix::process::kill_process(
        rustix::process::Pid::from_child(&child),
        rustix::process::Signal::TERM,
    )
    .unwrap();
    assert!(
        child.wait().unwrap().success(),
        "stopping when asked is a success"
    );
    let mut log = String::new();
    child
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut log)
        .unwrap();
    assert!(log.contains("/v2/access-token"), "{log}");
    assert!(!log.contains("tea_"), "no secret in the log: {log}");

    let (mut child, again) = start();
    assert_eq!(again.len(), 1, "{again:?}");
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn reports_a_used_port_and_an_invalid_data_directory() {
    let directory = tempfile::tempdir().unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let data = directory.path().join("data");
    let message = failure(&run(&data, &["serve", "--listen", &address]));
    assert!(
        message.contains(&address) && message.contains("--listen"),
        "{message}"
    );
    assert!(!data.exists(), "nothing was created");
    let file = directory.path().join("file");
    fs_err::write(&file, "").unwrap();
    let message = failure(&run(&file, &["serve", "--listen", "127.0.0.1:0"]));
    assert!(message.contains("--data-dir"), "{message}");
}

#[test]
fn init_prints_what_a_pipeline_needs() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path();
    let url = "https://tests.example.com/";
    let output = run(data, &["init", "acme/web", "--public-url", url]);
    assert!(!stderr(&output).contains("this machine only"));
    let exports = stdout(&output);
    for line in [
        "export BUILDKITE_ORGANIZATION_SLUG=acme",
        "export BUILDKITE_TEST_ENGINE_SUITE_SLUG=web",
        "export BUILDKITE_TEST_ENGINE_BASE_URL=https://tests.example.com",
        "export BUILDKITE_TEST_ENGINE_UPLOAD_BASE_URL=https://tests.example.com",
        "export BUILDKITE_TEST_ENGINE_API_ACCESS_TOKEN=tea_",
        "export BUILDKITE_ANALYTICS_TOKEN=tes_",
    ] {
        assert!(exports.contains(line), "{line}: {exports}");
    }
    let local = stderr(&run(data, &["init", "acme/web"]));
    let hint = "http://127.0.0.1:8080 works on this machine only";
    assert!(local.contains(hint), "{local}");
}

#[test]
fn every_command_accepts_a_database_url() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("unused");
    let file = format!("sqlite://{}/elsewhere.db", directory.path().display());
    for url in [file, test_engine_test_postgres::fresh_database()] {
        let on_url = |arguments: &[&str]| {
            let mut command = program(&data);
            command.env("TEST_ENGINE_DATABASE_URL", &url);
            stdout(&command.args(arguments).output().unwrap())
        };
        on_url(&["init", "other/web"]);
        on_url(&["organization", "create", "acme"]);
        on_url(&["suite", "create", "acme/web"]);
        on_url(&["token", "create", "--organization", "acme"]);
        // By flag and by variable.
        let listed = run(&data, &["suite", "list", "acme", "--database-url", &url]);
        assert_eq!(stdout(&listed), "acme/web\n");
        assert!(!data.exists(), "the data directory is not created");
    }
}

#[test]
fn errors_about_the_database_do_not_contain_its_password() {
    use test_engine_test_postgres::{Cluster, Durability};
    let directory = tempfile::tempdir().unwrap();
    let complaint = |url: &str| {
        let output = run(
            directory.path(),
            &["organization", "list", "--database-url", url],
        );
        let message = failure(&output);
        assert!(!message.contains("sesame"), "{message}");
        message
    };
    let cluster = Cluster::start(Durability::Off);
    let role = cluster.create_password_role("open");
    let right = cluster.url_for(&format!("{role}:open"), "postgres");
    let output = run(
        directory.path(),
        &["organization", "list", "--database-url", &right],
    );
    stdout(&output);
    for (url, parts) in [
        (
            cluster.url_for(&format!("{role}:sesame"), "postgres"),
            ["check the user and the password", "authentication failed"],
        ),
        (
            cluster.url_for(&format!("{role}:open"), "nothing"),
            ["CREATE DATABASE", "\"nothing\" does not exist"],
        ),
        (
            "postgres://me:sesame@127.0.0.1:1/x".to_owned(),
            ["check that it is running", "postgres://…@127.0.0.1:1/x"],
        ),
        (
            "postgres://me:sesame@db:port/x".to_owned(),
            ["postgres://…@db:port/x", "invalid port"],
        ),
        (
            "mysql://me:sesame@db/x".to_owned(),
            ["mysql://…@db/x", "postgres://user@host/database"],
        ),
    ] {
        let message = complaint(&url);
        for part in parts {
            assert!(message.contains(part), "{part}: {message}");
        }
    }
    cluster.stop();
    let message = complaint(&right);
    assert!(message.contains("check that it is running"), "{message}");
    cluster.restart();
    cluster.execute("UPDATE _sqlx_migrations SET version = 900 WHERE version = 1");
    let message = complaint(&right);
    assert!(message.contains("version 900"), "{message}");
    assert!(message.contains("use a newer test-engine"), "{message}");
}

#[test]
fn help_does_not_print_values_of_secret_variables() {
    let directory = tempfile::tempdir().unwrap();
    let output = program(directory.path())
        .env("TEST_ENGINE_DATABASE_URL", "postgres://me:sesame@db/x")
        .args(["serve", "--help"])
        .output()
        .unwrap();
    let help = stdout(&output);
    assert!(help.contains("TEST_ENGINE_DATABASE_URL"));
    assert!(!help.contains("sesame"), "{help}");
}

#[test]
fn rejects_backups_that_would_be_useless() {
    let directory = tempfile::tempdir().unwrap();
    let (data, to) = (directory.path().join("data"), directory.path().join("to"));
    let to = to.to_str().unwrap();
    let message = failure(&run(&data, &["backup", "--to", to]));
    assert!(message.contains("there is no database at"), "{message}");
    let postgres = ["--database-url", "postgres://u:secret@127.0.0.1:1/x"];
    let message = failure(&run(
        &data,
        &["backup", "--to", to, postgres[0], postgres[1]],
    ));
    assert!(message.contains("pg_dump"), "{message}");
    assert!(!message.contains("secret"), "{message}");

    create_database(&data);
    stdout(&run(&data, &["organization", "create", "acme"]));
    let inside = data.join("copy");
    let message = failure(&run(&data, &["backup", "--to", inside.to_str().unwrap()]));
    assert!(
        message.contains("is inside the data directory"),
        "{message}"
    );
    let said = stdout(&run(&data, &["backup", "--to", to]));
    assert!(said.starts_with(to), "{said}");
    let copied = stdout(&run(
        directory.path().join("to").as_path(),
        &["organization", "list"],
    ));
    assert_eq!(copied, "acme\n");
    let message = failure(&run(&data, &["backup", "--to", to]));
    assert!(message.contains("already exists"), "{message}");
}

#[test]
fn empty_variables_count_as_unset() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    // Commands use their defaults, here in the current directory.
    let made = program(&data)
        .env("TEST_ENGINE_DATA_DIR", "")
        .current_dir(directory.path())
        .args(["init", "acme/web"])
        .output()
        .unwrap();
    stdout(&made);
    assert!(
        directory
            .path()
            .join("test-engine-data/test-engine.db")
            .is_file()
    );

    let mut command = program(&data);
    command.args(["serve", "--listen", "127.0.0.1:0"]);
    let all = [
        "BODY_LIMIT_MIB",
        "DATABASE_CONNECTIONS",
        "DATABASE_URL",
        "FILE_LOAD_MS",
        "LISTEN",
        "LOG_FORMAT",
        "LOG_LEVEL",
        "ORGANIZATION",
        "PLAN_RATE_LIMIT",
        "PLAN_RETENTION_DAYS",
        "PUBLIC_URL",
        "REST_RATE_LIMIT",
        "RESULTS_LIMIT",
        "WEB_OPEN",
        "OIDC_ALLOW_LOOPBACK_HTTP",
    ];
    for name in all {
        command.env(format!("TEST_ENGINE_{name}"), "");
    }
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.as_mut().unwrap()).lines();
    let is_up = lines
        .map_while(Result::ok)
        .any(|line| line.starts_with("listening on "));
    child.kill().unwrap();
    let ended = child.wait_with_output().unwrap();
    assert!(is_up, "{}", String::from_utf8_lossy(&ended.stderr));
}
