//! stdin, stdout and stderr of a runner behave as if the command were run directly.

use crate::bktec::Bktec;
use crate::server::{Reply, Server};

const PLAN: &str = r#"{"identifier":"build-1/step-1","parallelism":2,"tasks":{
    "0":{"node_number":0,"tests":[{"value":"p","format":"selector"}]},
    "1":{"node_number":1,"tests":[{"value":"q","format":"selector"}]}}}"#;

fn server() -> Server {
    Server::start(|request, _| match request.method.as_str() {
        "GET" => Reply::ok(PLAN),
        _ => Reply::ok("{}"),
    })
}

/// A Jest stand-in that runs `script`.
fn running(script: &str) -> Bktec {
    let server = server();
    Bktec::against(&["run"], &server)
        .program("runner", script)
        .env(
            "BUILDKITE_TEST_ENGINE_TEST_CMD",
            "runner {{testExamples}} {{resultPath}}",
        )
}

/// A `go test` stand-in, whose output the client copies and parses.
fn copying(script: &str) -> Bktec {
    running(script)
        .env("BUILDKITE_TEST_ENGINE_TEST_RUNNER", "gotest")
        .env("BUILDKITE_TEST_ENGINE_FILES", "packages")
        .file("packages", "p\n")
        .env("BUILDKITE_TEST_ENGINE_RESULT_PATH", "result.jsonl")
        .env(
            "BUILDKITE_TEST_ENGINE_TEST_CMD",
            "runner -json {{packages}}",
        )
}

#[test]
fn streams_keep_their_order() {
    let text = running("for i in 1 2 3; do echo out $i; echo err $i >&2; done; exit 3")
        .run_with_one_stream();
    let (_, own) = text.split_once("runner p result.json\n").unwrap();
    assert!(
        own.starts_with("out 1\nerr 1\nout 2\nerr 2\nout 3\nerr 3\n"),
        "{text}"
    );
}

/// Like `bktec run | head -1`.
#[test]
fn closed_stdout_does_not_change_the_exit_code() {
    for (code, script) in [(0, "exit 0"), (5, "exit 5")] {
        let ended = running(script).run_until_first_line();
        assert_eq!(ended.code, code, "{ended}");
        assert!(ended.stdout.starts_with("+++ Buildkite"), "{ended}");
        assert!(!ended.stderr.contains("panicked"), "{ended}");
    }
}

#[test]
fn closed_stdout_loses_no_results() {
    let script = r#"echo '{"Action":"fail","Package":"p","Test":"T"}'
echo '{"Action":"fail","Package":"p"}'
exit 1"#;
    let (ended, kept) = copying(script).run_until_first_line_and_keep();
    assert_eq!(ended.code, 1, "{ended}");
    assert!(kept.read("result.jsonl").contains(r#""Test":"T""#));
}

/// An orphaned process that holds the output open must not block the job.
#[test]
fn orphaned_process_does_not_block_the_run() {
    let script = r#"sleep 50 2>/dev/null &
echo $! > orphan
echo '{"Action":"pass","Package":"p","Test":"T"}'
echo '{"Action":"pass","Package":"p"}'"#;
    // The orphan keeps stdout, which the client copies, but not stderr, which this test reads.
    let (ended, kept) = copying(script).run_and_keep();
    let orphan = kept.read("orphan").trim().parse().unwrap();
    let orphan = rustix::process::Pid::from_raw(orphan).unwrap();
    rustix::process::kill_process(orphan, rustix::process::Signal::KILL).unwrap();
    assert_eq!(ended.code, 0, "{ended}");
    assert!(ended.stdout.contains("All tests passed"), "{ended}");
}

#[test]
fn runner_reads_stdin() {
    let ended = running("read line; echo \"got $line\"; exit 0").run_with_stdin(b"an answer\n");
    assert!(ended.stdout.contains("\ngot an answer\n"), "{ended}");
}
