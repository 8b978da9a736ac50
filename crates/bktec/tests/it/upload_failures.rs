//! `bktec upload` when something is wrong: with the settings, the files, or the server.

use std::time::Duration;

use rstest::rstest;

use crate::bktec::Bktec;
use crate::server::{Reply, Server, nobody};

const JUNIT: &str = r#"<testsuite><testcase classname="C" name="a"/></testsuite>"#;

fn answering(status: u16, message: &'static str) -> Server {
    Server::start(move |_, _| Reply::message(status, message))
}

#[test]
fn wrong_settings_are_told_at_once() {
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
        &nobody(),
    )
    .without("BUILDKITE_ANALYTICS_TOKEN")
    .run();
    insta::assert_snapshot!(ended, @r#"
    exit code: 16
    ----- stdout -----
    ----- stderr -----
    bktec upload: invalid configuration:
    BUILDKITE_ANALYTICS_TOKEN must not be blank (or give --suite-token); the CI agent can only be asked for one where BUILDKITE_ORGANIZATION_SLUG and BUILDKITE_TEST_ENGINE_SUITE_SLUG are set
    BUILDKITE_TEST_ENGINE_TAGS was ["x"], must be KEY=VALUE (--tag)
    BUILDKITE_TEST_ENGINE_UPLOAD_FORMAT was "xunit", must be one of json, junit, rspec-json, jest-json, playwright-json, cucumber-json, go-jsonl (--format)
    BUILDKITE_TEST_ENGINE_UPLOAD_TIMEOUT was "soon", must be a duration such as 90s, 2m30s or 1.5h (--timeout)
    "#);
}

#[test]
fn no_file() {
    let ended = Bktec::uploading(&[], &nobody()).run();
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
fn files_that_cannot_be_uploaded_are_told_before_anything_is_sent() {
    let server = answering(202, "never asked");
    let ended = Bktec::uploading(
        &[
            "good.xml",
            "missing.xml",
            "folder",
            "empty.xml",
            "broken.xml",
            "rspec.json",
            "report.txt",
        ],
        &server.base(),
    )
    .file("good.xml", JUNIT)
    .folder("folder")
    .file("empty.xml", "")
    .file("broken.xml", "<testsuite><testcase>")
    .file("rspec.json", r#"{"examples":[]}"#)
    .file("report.txt", JUNIT)
    .run();
    insta::assert_snapshot!(ended, @"
    exit code: 16
    ----- stdout -----
    ----- stderr -----
    ❌ failed to read the results, so nothing was uploaded:
    missing.xml: there is no such file
    folder: it is a directory; name the files in it
    empty.xml: not valid junit at the start: the file is empty
    broken.xml: not valid junit at line 1, column 22: unexpected end of file inside a test case
    rspec.json: not valid json at line 1, column 1: expected an array of results, found an object; it looks like rspec-json: give --format rspec-json
    report.txt: its name does not tell its format, as .xml, .json and .jsonl do; give --format
    ");
    assert_eq!(server.lines(), "");
}

#[rstest]
#[case::unavailable(Reply::message(503, "busy"))]
#[case::too_many(Reply::message(429, "slow down"))]
#[case::breaks_off(Reply::Truncated)]
fn what_may_heal_is_tried_again(#[case] trouble: Reply) {
    let server = Server::start(move |_, before| {
        if before < 2 {
            trouble.clone()
        } else {
            Reply::Answer(201, r#"{"upload_id":"u"}"#.to_owned())
        }
    });
    let ended = Bktec::uploading(&["a.xml"], &server.base())
        .file("a.xml", JUNIT)
        .run();
    assert_eq!(ended.code, 0, "{ended}");
    assert_eq!(ended.stdout, "Uploaded a.xml: u\n");
    let asked = server.asked();
    assert_eq!(asked.len(), 3);
    for asked in &asked {
        assert_eq!(asked.field("data").unwrap(), JUNIT);
    }
}

#[test]
fn five_tries_are_enough() {
    let server = answering(500, "oops");
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
        bktec: API request failed: POST a.xml: oops (status 500)
        bktec: Retrying API request (attempt 2)
        bktec: API request failed: POST a.xml: oops (status 500)
        bktec: Retrying API request (attempt 3)
        bktec: API request failed: POST a.xml: oops (status 500)
        bktec: Retrying API request (attempt 4)
        bktec: API request failed: POST a.xml: oops (status 500)
        bktec: Retrying API request (attempt 5)
        bktec: API request failed: POST a.xml: oops (status 500)
        ❌ failed to upload a.xml: oops (status 500) (5 tries in TIME)
        ");
    });
    assert_eq!(server.asked().len(), 5);
}

#[rstest]
#[case(400, "format is unknown")]
#[case(403, "no")]
#[case(404, "no such suite")]
#[case(409, "conflict")]
#[case(413, "too large")]
#[case(422, "too many results")]
fn a_refusal_is_told_at_once(#[case] status: u16, #[case] message: &'static str) {
    let server = answering(status, message);
    let ended = Bktec::uploading(&["a.xml"], &server.base())
        .file("a.xml", JUNIT)
        .run();
    assert_eq!(ended.code, 16, "{ended}");
    let told = format!("❌ failed to upload a.xml: {message} (status {status})\n");
    assert!(ended.stderr.starts_with(&told), "{ended}");
    assert_eq!(server.asked().len(), 1);
}

#[test]
fn a_wrong_token() {
    let server = answering(401, "no such token");
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
fn a_page_that_is_no_upload_api() {
    let server = Server::start(|_, _| Reply::ok("<html>Welcome</html>"));
    let ended = Bktec::uploading(&["a.xml"], &server.base())
        .file("a.xml", JUNIT)
        .run();
    insta::assert_snapshot!(ended, @"
    exit code: 16
    ----- stdout -----
    ----- stderr -----
    ❌ failed to upload a.xml: the server answered with status 200 instead of 201 or 202: this is no address for uploads
    ");
}

#[test]
fn all_files_are_tried() {
    let server = Server::start(|asked, _| {
        let (_, name, _) = asked.form().pop().unwrap();
        if name.as_deref() == Some("b.xml") {
            Reply::message(422, "no")
        } else {
            Reply::Answer(202, r#"{"id":"u","run_url":"https://te/run"}"#.to_owned())
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
fn results_that_the_server_passes_over() {
    let server = Server::start(|_, _| {
        Reply::Answer(
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
    ⚠️ The server passed over 2 results of a.xml: result 1: name is blank, …
    ");
}

#[test]
fn a_part_that_is_refused_is_named() {
    let server = Server::start(|_, before| match before {
        0 => Reply::Answer(202, r#"{"id":"u"}"#.to_owned()),
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

/// 10 s are 0.2 s here.
#[test]
fn a_server_that_hangs_holds_no_job() {
    let server = Server::start(|_, _| Reply::Silence);
    let ended = Bktec::uploading(&["a.xml", "b.xml", "--timeout", "10s"], &server.base())
        .file("a.xml", JUNIT)
        .file("b.xml", JUNIT)
        .run();
    assert_eq!(ended.code, 16, "{ended}");
    assert!(ended.took < Duration::from_secs(5), "{:?}", ended.took);
    assert!(
        ended
            .stderr
            .contains("❌ failed to upload b.xml: the time for uploads is spent\n"),
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
fn nobody_listens() {
    let ended = Bktec::uploading(&["a.xml", "--debug"], &nobody())
        .file("a.xml", JUNIT)
        .run();
    assert_eq!(ended.code, 16, "{ended}");
    assert_eq!(ended.stderr.matches("API request failed").count(), 5);
    assert!(!ended.stderr.contains("upload-secret"), "{ended}");
}
