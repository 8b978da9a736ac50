//! `bktec summary` with a scripted server.

use crate::bktec::Bktec;
use crate::server::{Reply, Server};

const RUN: &str = r#"[{"id": "0193-a", "state": "finished", "result": "failed", "url": "",
    "web_url": "", "created_at": ""}]"#;
const TEXT: &str = "### ❌ 1 test failed\n#### New (1)\n- `Cart adds`\n";

fn server(runs: &'static str, summary: fn() -> Reply) -> Server {
    Server::start(move |request, _| {
        if request.line().ends_with("/runs") {
            Reply::ok(runs)
        } else {
            summary()
        }
    })
}

#[test]
fn prints_the_summary_of_the_latest_run_of_the_build() {
    let server = server(RUN, || Reply::ok(TEXT));
    let ended = Bktec::against(&["summary"], &server).run();
    assert_eq!((ended.code, ended.stdout.as_str()), (0, TEXT), "{ended}");
    assert_eq!(server.lines(), "GET /runs\nGET /runs/0193-a/summary.md");
    let [runs, summary] = &server.requests()[..] else {
        panic!("{}", server.lines());
    };
    assert!(runs.target.ends_with("/runs?per_page=1&build_id=build-1"));
    assert_eq!(summary.header("authorization"), Some("Bearer secret-token"));
}

#[test]
fn a_summary_file_keeps_what_it_has() {
    let server = server(RUN, || Reply::ok(TEXT));
    let (ended, bktec) = Bktec::against(&["summary", "--summary-file", "out.md"], &server)
        .file("out.md", "before\n")
        .run_and_keep();
    assert_eq!((ended.code, ended.stdout.as_str()), (0, ""), "{ended}");
    assert_eq!(bktec.read("out.md"), format!("before\n{TEXT}"));
}

#[test]
fn nothing_is_printed_if_the_build_did_not_fail() {
    let server = server(RUN, || Reply::ok(""));
    let ended = Bktec::against(&["summary"], &server).run();
    assert_eq!((ended.code, ended.stdout.as_str()), (0, ""), "{ended}");
}

#[test]
fn a_build_without_results_is_a_warning() {
    let server = server("[]", || Reply::ok(TEXT));
    let ended = Bktec::against(&["summary"], &server).run();
    assert_eq!((ended.code, ended.stdout.as_str()), (0, ""), "{ended}");
    let warning = "the server has no results of build \"build-1\"";
    assert!(ended.stderr.contains(warning), "{ended}");
    assert_eq!(server.lines(), "GET /runs");
}

#[test]
fn errors_of_the_server_are_errors() {
    let server = server(RUN, || Reply::message(403, "No"));
    let ended = Bktec::against(&["summary"], &server).run();
    assert_eq!((ended.code, ended.stdout.as_str()), (16, ""), "{ended}");
    let error = "failed to fetch the summary of the build";
    assert!(ended.stderr.contains(error), "{ended}");
}

#[test]
fn the_build_is_required() {
    let server = server(RUN, || Reply::ok(TEXT));
    let ended = Bktec::against(&["summary"], &server)
        .without("BUILDKITE_BUILD_ID")
        .run();
    assert_eq!(ended.code, 16, "{ended}");
    assert!(ended.stderr.contains("BUILDKITE_BUILD_ID"), "{ended}");
    assert_eq!(server.lines(), "");
}
