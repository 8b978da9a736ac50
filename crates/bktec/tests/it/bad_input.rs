//! Broken commands, result files, disks and networks: the client reports the problem, does not
//! hang, and never passes a build that did not pass.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rstest::rstest;
use test_engine_testkit::NO_SERVER;

use crate::bktec::{Bktec, Ended};
use crate::server::{Reply, Server};

/// Every test that could fail is muted, so that a client that only looks at tests would pass.
const PLAN: &str = r#"{"identifier":"build-1/step-1","parallelism":2,"tasks":{
    "0":{"node_number":0,"tests":[{"value":"a.test.js","format":"selector"}]},
    "1":{"node_number":1,"tests":[{"value":"b.test.js","format":"selector"}]}},
    "muted_tests":[{"scope":"S","name":"muted","path":"a.test.js"}]}"#;

fn server() -> Server {
    Server::start(|request, _| match request.method.as_str() {
        "GET" => Reply::ok(PLAN),
        _ => Reply::ok("{}"),
    })
}

/// A Jest stand-in that runs `script`; `$2` is the result file.
fn running(script: &str) -> Bktec {
    Bktec::against(&["run", "--test-engine-retry-count", "1"], &server())
        .program("runner", script)
        .env(
            "BUILDKITE_TEST_ENGINE_TEST_CMD",
            "runner {{testExamples}} {{resultPath}}",
        )
}

#[test]
fn command_that_is_not_executable() {
    let ended = running("exit 0")
        .file("plain", "exit 0\n")
        .env(
            "BUILDKITE_TEST_ENGINE_TEST_CMD",
            "./plain {{testExamples}} {{resultPath}}",
        )
        .run();
    assert_eq!(ended.code, 16, "{ended}");
    assert!(
        ended.stderr.contains("start `./plain`: not executable"),
        "{ended}"
    );
}

/// A file is no directory, even for root.
#[test]
fn result_path_below_a_file() {
    let ended = running("echo '{}' > \"$2\"")
        .env("BUILDKITE_TEST_ENGINE_RESULT_PATH", "a.test.js/result.json")
        .run();
    assert_ne!(ended.code, 0, "{ended}");
    assert!(ended.stderr.contains("a.test.js/result.json"), "{ended}");
}

#[rstest]
#[case::empty(": > \"$2\"", "the file is empty")]
#[case::truncated(
    r#"printf '{"testResults":[{"name":"a.test.js","assertionResults":[
        {"title":"muted","ancestorTitles":["S"],"status":"failed"},{' > "$2""#,
    "unexpected end of file"
)]
#[case::another_format("echo '<testsuite/>' > \"$2\"", "found XML")]
#[case::another_report("echo '{\"examples\":[]}' > \"$2\"", "\"testResults\" is missing")]
#[case::not_text(
    "printf '{\"testResults\":[\\377]}' > \"$2\"",
    "not valid jest-json at line 1, column 17"
)]
#[case::binary("head -c 4096 /dev/zero > \"$2\"", "found binary data")]
#[case::too_large("truncate -s 600M \"$2\"", "larger than")]
#[case::a_directory("mkdir \"$2\"", "is not a regular file")]
#[case::a_device("ln -s /dev/zero \"$2\"", "is not a regular file")]
#[case::deep(
    r#"{ printf '{"testResults":'; head -c 100000 /dev/zero | tr '\0' '['; } > "$2""#,
    "not valid jest-json at"
)]
fn unreadable_results_never_pass(#[case] write: &str, #[case] message: &str) {
    let ended = running(&format!("{write}; exit 1")).run();
    assert_eq!(ended.code, 1, "{ended}");
    let says = |text: &str| ended.stdout.contains(text) || ended.stderr.contains(text);
    assert!(says(message), "{ended}");
    assert!(!ended.stdout.contains("Attempt 1"), "{ended}");
}

#[test]
fn full_disk_for_stdout_keeps_the_exit_code() {
    for code in [0, 5] {
        let full = fs_err::OpenOptions::new()
            .write(true)
            .open("/dev/full")
            .unwrap();
        let ended = running(&format!("exit {code}")).run_with_stdout(full.into());
        assert_eq!(ended.code, code, "{ended}");
        assert!(!ended.stderr.contains("panicked"), "{ended}");
    }
}

/// The client writes the results of `go test`.
#[test]
fn full_disk_for_results_fails() {
    let ended = running(r#"echo '{"Action":"pass","Package":"p","Test":"T"}'"#)
        .env("BUILDKITE_TEST_ENGINE_TEST_RUNNER", "gotest")
        .env("BUILDKITE_TEST_ENGINE_FILES", "packages")
        .file("packages", "p\n")
        .env("BUILDKITE_TEST_ENGINE_RESULT_PATH", "/dev/full")
        .env(
            "BUILDKITE_TEST_ENGINE_TEST_CMD",
            "runner -json {{packages}}",
        )
        .run();
    assert_eq!(ended.code, 16, "{ended}");
    assert!(ended.stderr.contains("No space left"), "{ended}");
}

/// A run of Jest needs no temporary files.
#[rstest]
#[case::missing("/nonexistent")]
#[case::a_file("a.test.js")]
#[case::full("/dev/full")]
fn runs_without_a_temporary_directory(#[case] directory: &str) {
    let ended = Bktec::against(&["run"], &server())
        .env("TMPDIR", directory)
        .run();
    assert_ran(&ended);
}

/// Results of pytest are written to a temporary file if no path is given.
#[rstest]
#[case::missing("/nonexistent")]
#[case::a_file("a.test.js")]
fn fails_without_a_required_temporary_directory(#[case] directory: &str) {
    let ended = Bktec::against(&["run"], &server())
        .env("BUILDKITE_TEST_ENGINE_TEST_RUNNER", "pytest")
        .without("BUILDKITE_TEST_ENGINE_RESULT_PATH")
        .env("TMPDIR", directory)
        .run();
    assert_eq!(ended.code, 16, "{ended}");
    assert!(
        ended.stderr.contains("cannot create a temporary file: No"),
        "{ended}"
    );
    assert!(ended.stderr.contains(&format!("{directory}/")), "{ended}");
    assert!(!ended.stdout.contains("ran "), "{ended}");
}

#[test]
fn endless_response_leads_to_the_fallback_plan() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    // Ends with the test process.
    std::thread::spawn(move || {
        for client in listener.incoming().flatten() {
            std::thread::spawn(move || endless(&client));
        }
    });
    let ended = Bktec::configured(&["run"], &base).run();
    assert!(
        ended
            .stderr
            .contains("Falling back to non-intelligent splitting"),
        "{ended}"
    );
    assert!(ended.stdout.contains("ran a.test.js c.test.js"), "{ended}");
}

/// Sends spaces until the client disconnects.
fn endless(mut client: &TcpStream) -> Option<()> {
    let mut reader = BufReader::new(client.try_clone().ok()?);
    let mut line = String::new();
    while reader.read_line(&mut line).ok()? > 2 {
        line.clear();
    }
    client
        .write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
        .ok()?;
    loop {
        client.write_all(&[b' '; 4096]).ok()?;
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
}

#[rstest]
#[case::http("HTTP_PROXY")]
#[case::http_lowercase("http_proxy")]
#[case::all("ALL_PROXY")]
fn proxy_is_used_for_all_requests(#[case] variable: &str) {
    let server = server();
    let proxy = Proxy::start();
    let ended = Bktec::against(&["run"], &server)
        .env(variable, &proxy.base)
        .run();
    assert_ran(&ended);
    assert_eq!(
        proxy.tunnels.load(Ordering::Relaxed),
        server.requests().len(),
        "{ended}"
    );
    assert_eq!(server.requests().len(), 2);
}

#[test]
fn no_proxy_hosts_are_contacted_directly() {
    let server = server();
    for no_proxy in ["127.0.0.1", "localhost,127.0.0.1", "*"] {
        let ended = Bktec::against(&["run"], &server)
            .env("ALL_PROXY", NO_SERVER)
            .env("NO_PROXY", no_proxy)
            .run();
        assert_ran(&ended);
    }
}

#[test]
fn unavailable_proxy_leads_to_the_fallback_plan() {
    let ended = Bktec::against(&["run"], &server())
        .env("ALL_PROXY", NO_SERVER)
        .run();
    assert!(
        ended
            .stderr
            .contains("Falling back to non-intelligent splitting"),
        "{ended}"
    );
    assert!(ended.stdout.contains("ran a.test.js c.test.js"), "{ended}");
}

/// With the server's plan.
fn assert_ran(ended: &Ended) {
    assert_eq!(ended.code, 0, "{ended}");
    assert!(ended.stdout.contains("ran a.test.js into"), "{ended}");
    assert!(!ended.stderr.contains("Falling back"), "{ended}");
}

/// A proxy that counts its tunnels.
struct Proxy {
    base: String,
    tunnels: Arc<AtomicUsize>,
}

impl Proxy {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let tunnels = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&tunnels);
        // Ends with the test process.
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let counted = Arc::clone(&counted);
                std::thread::spawn(move || tunnel(&client, &counted));
            }
        });
        Self { base, tunnels }
    }
}

fn tunnel(mut client: &TcpStream, counted: &AtomicUsize) -> Option<()> {
    let mut reader = BufReader::new(client.try_clone().ok()?);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let target = line.strip_prefix("CONNECT ")?.split(' ').next()?.to_owned();
    while line.trim() != "" {
        line.clear();
        reader.read_line(&mut line).ok()?;
    }
    let server = TcpStream::connect(target).ok()?;
    client.write_all(b"HTTP/1.1 200 OK\r\n\r\n").ok()?;
    counted.fetch_add(1, Ordering::Relaxed);
    let mut to_server = server.try_clone().ok()?;
    std::thread::spawn(move || std::io::copy(&mut reader, &mut to_server));
    std::io::copy(&mut &server, &mut client).ok()?;
    client.shutdown(std::net::Shutdown::Both).ok()
}
