//! `bktec upload` with stdin, directories, globs, compressed and converted files.

use std::io::Write as _;

use test_engine_results::{Format, Outcome, parse};

use crate::bktec::Bktec;
use crate::server::Server;
use crate::upload::{JSON, JUNIT, accepting};

fn uploaded(server: &Server) -> Vec<(String, String, String)> {
    let requests = server.requests();
    let described = requests.iter().map(|request| {
        let (_, name, content) = request.form().pop().unwrap();
        let format = request.field("format").unwrap();
        (format, name.unwrap_or_default(), content)
    });
    described.collect()
}

fn named(format: &str, name: &str, content: &str) -> (String, String, String) {
    (format.to_owned(), name.to_owned(), content.to_owned())
}

#[test]
fn uploads_stdin_directories_and_globs() {
    let server = accepting();
    let upload = |arguments: &[&str]| {
        Bktec::uploading(arguments, &server.base())
            .directory("reports")
            .directory("reports/web")
            .file("reports/a.xml", JUNIT)
            .file("reports/coverage.xml", "<coverage/>")
            .file("reports/web/jest.json", r#"{"testResults":[]}"#)
    };
    let ended = upload(&["reports", "-", "reports/*.xml", "--suite-slug=x"])
        .run_with_stdin(JSON.as_bytes());
    // A glob names its files; only a directory may contain others.
    assert_eq!(ended.code, 16, "{ended}");
    assert!(
        ended
            .stderr
            .contains("reports/coverage.xml: not valid junit"),
        "{ended}"
    );
    let ended = upload(&["reports", "-", "reports/*a.xml"]).run_with_stdin(JSON.as_bytes());
    insta::assert_snapshot!(ended, @r"
    exit code: 0
    ----- stdout -----
    Uploaded a.xml: upload-1 https://te/uploads/upload-1
    Uploaded jest.json: upload-2 https://te/uploads/upload-2
    Uploaded stdin: upload-3 https://te/uploads/upload-3
    ----- stderr -----
    ⚠️ reports/coverage.xml is in no known result format. Skipped it.
    ⚠️ reports/web/jest.json contains no results.
    ");
    assert_eq!(
        uploaded(&server),
        [
            named("junit", "a.xml", JUNIT),
            named("jest-json", "jest.json", r#"{"testResults":[]}"#),
            named("json", "stdin", JSON),
        ]
    );
}

#[test]
fn a_directory_without_results_is_an_error() {
    let server = accepting();
    let ended = Bktec::uploading(&["reports", "logs", "a.xml"], &server.base())
        .directory("reports")
        .directory("reports/web")
        .directory("logs")
        .file("a.xml", JUNIT)
        .file("reports/coverage.xml", "<coverage/>")
        .file("reports/web/package.json", r#"{"name":"app"}"#)
        .run();
    insta::assert_snapshot!(ended, @r"
    exit code: 16
    ----- stdout -----
    ----- stderr -----
    ⚠️ reports/coverage.xml is in no known result format. Skipped it.
    ⚠️ reports/web/package.json is in no known result format. Skipped it.
    ❌ failed to read the results, so nothing was uploaded:
    logs: is a directory without result files
    reports: is a directory without result files
    ");
    assert_eq!(server.requests().len(), 0);
    // A file that is named itself is no file of the directory.
    let ended = Bktec::uploading(&["reports", "reports/a.xml"], &server.base())
        .directory("reports")
        .file("reports/a.xml", JUNIT)
        .run();
    assert_eq!(ended.code, 0, "{ended}");
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn uploads_compressed_and_converted_files() {
    let server = accepting();
    let ended = Bktec::uploading(&["a.xml.gz", "tests.trx", "nunit.xml"], &server.base())
        .file_bytes("a.xml.gz", &gzip(JUNIT))
        .file(
            "tests.trx",
            "<TestRun><UnitTestResult testName='adds' outcome='Failed'/></TestRun>",
        )
        .file(
            "nunit.xml",
            "<test-run><test-case name='adds' result='Passed'/></test-run>",
        )
        .run();
    assert_eq!(ended.code, 0, "{ended}");
    let uploaded = uploaded(&server);
    assert_eq!(uploaded[0], named("junit", "a.xml", JUNIT));
    for ((format, name, content), (file, outcome)) in uploaded[1..].iter().zip([
        ("tests.trx", Outcome::Failed),
        ("nunit.xml", Outcome::Passed),
    ]) {
        assert_eq!((format.as_str(), name.as_str()), ("json", file));
        let report = parse(Format::Json, content.as_bytes()).unwrap();
        assert_eq!(report.results[0].outcome, outcome);
        assert_eq!(report.results[0].name, "adds");
    }
}

/// Without a name, only the content tells the format.
#[test]
fn the_content_of_stdin_decides_its_format() {
    let junit = gzip(JUNIT);
    for (input, format, content) in [
        (junit.as_slice(), "junit", Some(JUNIT)),
        (JUNIT.as_bytes(), "junit", Some(JUNIT)),
        (&b"TAP version 14\n1..1\nok 1 - adds\n"[..], "json", None),
        (
            &b"<TestRun><UnitTestResult testName='adds' outcome='Passed'/></TestRun>"[..],
            "json",
            None,
        ),
    ] {
        let server = accepting();
        let ended = Bktec::uploading(&["-"], &server.base()).run_with_stdin(input);
        assert_eq!(ended.code, 0, "{ended}");
        let (sent_as, name, sent) = uploaded(&server).remove(0);
        assert_eq!((sent_as.as_str(), name.as_str()), (format, "stdin"));
        if let Some(content) = content {
            assert_eq!(sent, content);
        } else {
            let report = parse(Format::Json, sent.as_bytes()).unwrap();
            assert_eq!(report.results[0].name, "adds");
        }
    }
}

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn warns_about_damaged_text() {
    let server = accepting();
    let ended = Bktec::uploading(&["a.xml"], &server.base())
        .file_bytes(
            "a.xml",
            b"<testsuite><testcase name='caf\xE9'/></testsuite>",
        )
        .run();
    insta::assert_snapshot!(ended, @r"
    exit code: 0
    ----- stdout -----
    Uploaded a.xml: upload-1 https://te/uploads/upload-1
    ----- stderr -----
    ⚠️ a.xml: 1 invalid UTF-8 sequence was replaced by U+FFFD, the first at line 1, column 31.
    ");
}
