//! `bktec upload` with invalid settings, invalid files, or a failing server.

use std::time::Duration;

use rstest::rstest;
use test_engine_testkit::NO_SERVER;

use crate::bktec::Bktec;
use crate::server::{Reply, Server};

const JUNIT: &str = r#"<testsuite><testcase classname="C" name="a"/></testsuite>"#;

fn responding(status: u16, message: &'static str) -> Server {
    Server::start(move |_, _| Reply::message(status, message))
}

#[test]
fn reports_all_invalid_settings() {
    let ended = Bktec::uploading(
        &[
            "a.xml",
            "--format",
            "xunit",
            "--timeout",
            "soon",
            "--tag",
            "x",
        ],
        NO_SERVER,
    )
    .without("BUILDKITE_ANALYTICS_TOKEN")
    .run();
    assert_eq!((ended.code, ended.stdout.as_str()), (16, ""), "{ended}");
    let problems: Vec<&str> = ended.stderr.lines().collect();
    assert_eq!(problems[0], "bktec upload: invalid configuration:");
    let token = "BUILDKITE_ANALYTICS_TOKEN must not be blank";
    assert!(problems[1].starts_with(token), "{ended}");
    assert_eq!(
        problems[2..],
        [
            "BUILDKITE_TEST_ENGINE_TAGS was \"x\", must be KEY=VALUE (--tag)",
            "BUILDKITE_TEST_ENGINE_UPLOAD_FORMAT was \"xunit\", must be one of json, junit, \
             rspec-json, jest-json, playwright-json, cucumber-json, go-jsonl, trx, nunit3, \
             xunit2, ctest, tap (--format)",
            "BUILDKITE_TEST_ENGINE_UPLOAD_TIMEOUT was \"soon\", must be a duration such as 90s, \
             2m30s or 1.5h (--timeout)",
        ]
    );
}

#[test]
fn a_file_is_required() {
    let ended = Bktec::uploading(&[], NO_SERVER).run();
    insta::assert_snapshot!(ended, @"
    exit code: 16
    ----- stdout -----
    ----- stderr -----
    error: the following required arguments were not provided:
      <FILE>...

    Usage: bktec upload [OPTIONS] <FILE>...

    For more information, try '--help'.
    ");
}

#[test]
fn reports_unusable_files_before_anything_is_sent() {
    let server = responding(202, "unused");
    let ended = Bktec::uploading(
        &[
            "good.xml",
            "missing.xml",
            "directory",
            "empty.xml",
            "broken.xml",
            "cut.json",
            "report.txt",
            "*.trx",
        ],
        &server.base(),
    )
    .file("good.xml", JUNIT)
    .directory("directory")
    .file("empty.xml", "")
    .file("broken.xml", "<testsuite><testcase>")
    .file("cut.json", r#"{"examples":["#)
    .file("report.txt", JUNIT)
    .run();
    let stderr = ended.stderr.replace(" (EOF while", "\n(EOF while");
    insta::assert_snapshot!(stderr, @"
    ❌ failed to read the results, so nothing was uploaded:
    directory: is a directory without result files
    *.trx: matches no file
    missing.xml: no such file
    empty.xml: not valid junit at the start: the file is empty
    broken.xml: not valid junit at line 1, column 22: unexpected end of file inside a test case
    cut.json: not valid rspec-json at line 1, column 13: unexpected end of file
    (EOF while parsing a list)
    report.txt: unknown file type; choose one with --format
    ");
    assert_eq!((ended.code, ended.stdout.as_str()), (16, ""), "{ended}");
    assert_eq!(server.lines(), "");
}

#[rstest]
#[case::unavailable(Reply::message(503, "busy"))]
#[case::too_many(Reply::message(429, "slow down"))]
#[case::truncated(Reply::Truncated)]
fn retries_temporary_failures(#[case] failure: Reply) {
    let server = Server::start(move |_, before| {
        if before < 2 {
            failure.clone()
        } else {
            Reply::Body(201, r#"{"upload_id":"u"}"#.to_owned())
        }
    });
    let ended = Bktec::uploading(&["a.xml"], &server.base())
        .file("a.xml", JUNIT)
        .run();
    assert_eq!(ended.code, 0, "{ended}");
    assert_eq!(ended.stdout, "Uploaded a.xml: u\n");
    let requests = server.requests();
    assert_eq!(requests.len(), 3);
    for request in &requests {
        assert_eq!(request.field("data").unwrap(), JUNIT);
    }
}

#[test]
fn gives_up_after_five_tries() {
    let server = responding(500, "oops");
    let ended = Bktec::uploading(&["a.xml", "--debug"], &server.base())
        .file("a.xml", JUNIT)
        .env("BUILDKITE_BUILD_ID", "build-1")
        .run();
    insta::with_settings!({filters => vec![(r"in \d+\.\d s", "in TIME")]}, {
        insta::assert_snapshot!(ended, @"
        exit code: 16
        ----- stdout -----
        ----- stderr -----
        DEBUG: SERVER/v1/uploads as run build-1 of buildkite
        bktec: Uploading a.xml to SERVER/v1/uploads failed: oops (status 500)
        bktec: Retrying API request (attempt 2)
        bktec: Uploading a.xml to SERVER/v1/uploads failed: oops (status 500)
        bktec: Retrying API request (attempt 3)
        bktec: Uploading a.xml to SERVER/v1/uploads failed: oops (status 500)
        bktec: Retrying API request (attempt 4)
        bktec: Uploading a.xml to SERVER/v1/uploads failed: oops (status 500)
        bktec: Retrying API request (attempt 5)
        bktec: Uploading a.xml to SERVER/v1/uploads failed: oops (status 500)
        ❌ failed to upload a.xml: oops (status 500) (5 tries in TIME)
        ");
    });
    assert_eq!(server.requests().len(), 5);
}

#[rstest]
#[case(400, "format is unknown")]
#[case(403, "no")]
#[case(404, "no such suite")]
#[case(409, "conflict")]
#[case(413, "too large")]
#[case(422, "too many results")]
fn does_not_retry_a_refusal(#[case] status: u16, #[case] message: &'static str) {
    let server = responding(status, message);
    let ended = Bktec::uploading(&["a.xml"], &server.base())
        .file("a.xml", JUNIT)
        .run();
    assert_eq!(ended.code, 16, "{ended}");
    let expected = format!("❌ failed to upload a.xml: {message} (status {status})\n");
    assert!(ended.stderr.starts_with(&expected), "{ended}");
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn an_invalid_token() {
    let server = responding(401, "no such token");
    let ended = Bktec::uploading(&["a.xml"], &server.base())
        .file("a.xml", JUNIT)
        .run();
    insta::assert_snapshot!(ended, @"
    exit code: 16
    ----- stdout -----
    ----- stderr -----
    ❌ failed to upload a.xml: no such token (status 401)
    hint: check the suite's token: BUILDKITE_ANALYTICS_TOKEN or --suite-token
    ");
}

#[test]
fn rejects_a_url_that_is_not_an_upload_api() {
    let server = Server::start(|_, _| Reply::ok("<html>Welcome</html>"));
    let ended = Bktec::uploading(&["a.xml"], &server.base())
        .file("a.xml", JUNIT)
        .run();
    assert_eq!(
        ended.stderr,
        "❌ failed to upload a.xml: the server responded with status 200 instead of 201 or 202, so \
         this is not an upload URL\n"
    );
    assert_eq!(ended.code, 16, "{ended}");
}

#[test]
fn tries_all_files() {
    let server = Server::start(|request, _| {
        let (_, name, _) = request.form().pop().unwrap();
        if name.as_deref() == Some("b.xml") {
            Reply::message(422, "no")
        } else {
            Reply::Body(202, r#"{"id":"u","run_url":"https://te/run"}"#.to_owned())
        }
    });
    let ended = Bktec::uploading(&["a.xml", "b.xml", "c.xml"], &server.base())
        .file("a.xml", JUNIT)
        .file("b.xml", JUNIT)
        .file("c.xml", JUNIT)
        .run();
    insta::assert_snapshot!(ended, @"
    exit code: 16
    ----- stdout -----
    Uploaded a.xml: u https://te/run
    Uploaded c.xml: u https://te/run
    ----- stderr -----
    ❌ failed to upload b.xml: no (status 422)
    ❌ failed to upload 1 of 3 files: b.xml
    ");
}

#[test]
fn warns_about_rejected_results() {
    let server = Server::start(|_, _| {
        Reply::Body(
            202,
            r#"{"id":"u","queued":1,"skipped":2,"errors":["result 1: name is blank","x"]}"#
                .to_owned(),
        )
    });
    let ended = Bktec::uploading(&["a.xml"], &server.base())
        .file("a.xml", JUNIT)
        .run();
    insta::assert_snapshot!(ended, @"
    exit code: 0
    ----- stdout -----
    Uploaded a.xml: u
    ----- stderr -----
    ⚠️ The server rejected 2 results of a.xml: result 1: name is blank, …
    ");
}

#[test]
fn does_not_call_notes_of_the_server_rejected_results() {
    let server = Server::start(|_, before| {
        Reply::Body(
            202,
            match before {
                0 => r#"{"id":"u","queued":2,"skipped":0,"errors":["tag \"x y\" was dropped"]}"#,
                1 => r#"{"id":"u","queued":1,"skipped":1,"errors":["result 1: blank","note"]}"#,
                _ => r#"{"id":"u","queued":1,"skipped":3}"#,
            }
            .to_owned(),
        )
    });
    let ended = Bktec::uploading(&["a.xml", "b.xml", "c.xml"], &server.base())
        .file("a.xml", JUNIT)
        .file("b.xml", JUNIT)
        .file("c.xml", JUNIT)
        .run();
    insta::assert_snapshot!(ended, @r#"
    exit code: 0
    ----- stdout -----
    Uploaded a.xml: u
    Uploaded b.xml: u
    Uploaded c.xml: u
    ----- stderr -----
    ⚠️ The server's note on a.xml: tag "x y" was dropped
    ⚠️ The server rejected 1 result of b.xml: result 1: blank, …
    ⚠️ The server rejected 3 results of c.xml.
    "#);
}

#[test]
fn names_the_part_that_failed() {
    let server = Server::start(|_, before| match before {
        0 => Reply::Body(202, r#"{"id":"u"}"#.to_owned()),
        _ => Reply::message(422, "no"),
    });
    let results = vec![r#"{"name":"t"}"#; 10_001].join(",");
    let ended = Bktec::uploading(&["a.json"], &server.base())
        .file("a.json", &format!("[{results}]"))
        .run();
    insta::assert_snapshot!(ended, @"
    exit code: 16
    ----- stdout -----
    Uploaded a.json, part 1 of 3: u
    ----- stderr -----
    ❌ failed to upload a.json, part 2 of 3: no (status 422)
    ");
}

/// The timeout is scaled to 2 s.
#[test]
fn the_timeout_includes_all_files() {
    let server = Server::start(|_, _| Reply::Silence);
    let ended = Bktec::uploading(&["a.xml", "b.xml", "--timeout", "100s"], &server.base())
        .file("a.xml", JUNIT)
        .file("b.xml", JUNIT)
        .run();
    assert_eq!(ended.code, 16, "{ended}");
    assert!(ended.took < Duration::from_secs(25), "{:?}", ended.took);
    assert!(
        ended
            .stderr
            .contains("❌ failed to upload b.xml: no time is left for uploads\n"),
        "{ended}"
    );
    assert!(
        ended
            .stderr
            .ends_with("❌ failed to upload 2 of 2 files: a.xml, b.xml\n"),
        "{ended}"
    );
}

#[test]
fn no_server_at_the_address() {
    let ended = Bktec::uploading(&["a.xml", "--debug"], NO_SERVER)
        .file("a.xml", JUNIT)
        .run();
    assert_eq!(ended.code, 16, "{ended}");
    let failed = "bktec: Uploading a.xml to SERVER/v1/uploads failed: connection refused\n";
    assert_eq!(ended.stderr.matches(failed).count(), 5);
    assert!(!ended.stderr.contains("upload-secret"), "{ended}");
}

#[rstest]
#[case::go("Client sent an HTTP request to an HTTPS server.")]
#[case::nginx("<html>400 The plain HTTP request was sent to HTTPS port</html>")]
#[case::apache("<p>Reason: You're speaking plain HTTP to an SSL-enabled server port.</p>")]
fn a_port_for_tls_is_named(#[case] body: &str) {
    let reply = Reply::Body(400, body.to_owned());
    let server = Server::start(move |_, _| reply.clone());
    let ended = Bktec::uploading(&["a.xml"], &server.base())
        .file("a.xml", JUNIT)
        .run();
    assert_ne!(ended.code, 0, "{ended}");
    let hint = "hint: the server uses TLS: BUILDKITE_TEST_ENGINE_UPLOAD_BASE_URL \
        (--upload-base-url), or BUILDKITE_TEST_ENGINE_UPLOAD_URL (--upload-url), must start with \
        https://";
    assert!(ended.stderr.contains(hint), "{ended}");
}
