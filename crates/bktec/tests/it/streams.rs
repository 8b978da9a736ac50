//! What the client does with stdin, stdout and stderr while a runner runs: nothing that running the
//! command directly would not do.

use crate::bktec::Bktec;
use crate::server::{Reply, Server};

const PLAN: &str = r#"{"identifier":"build-1/step-1","parallelism":2,"tasks":{
    "0":{"node_number":0,"tests":[{"value":"p","format":"selector"}]},
    "1":{"node_number":1,"tests":[{"value":"q","format":"selector"}]}}}"#;

fn server() -> Server {
    Server::start(|asked, _| match asked.method.as_str() {
        "GET" => Reply::ok(PLAN),
        _ => Reply::ok("{}"),
    })
}

/// A Jest stand-in that does as `script` says.
fn running(script: &str) -> Bktec {
    let server = server();
    Bktec::against(&["run"], &server)
        .program("runner", script)
        .env(
            "BUILDKITE_TEST_ENGINE_TEST_CMD",
            "runner {{testExamples}} {{resultPath}}",
        )
}

/// A `go test` stand-in, whose output the client reads as it passes it on.
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
fn both_streams_come_in_order_and_at_once() {
    let text = running("for i in 1 2 3; do echo out $i; echo err $i >&2; done; exit 3")
        .run_with_one_stream();
    let (_, own) = text.split_once("runner p result.json\n").unwrap();
    assert!(
        own.starts_with("out 1\nerr 1\nout 2\nerr 2\nout 3\nerr 3\n"),
        "{text}"
    );
}

/// As in `bktec run | head -1`.
#[test]
fn a_reader_that_leaves_changes_neither_code_nor_outcome() {
    for (code, script) in [(0, "exit 0"), (5, "exit 5")] {
        let ended = running(script).run_until_first_line();
        assert_eq!(ended.code, code, "{ended}");
        assert!(ended.stdout.starts_with("+++ Buildkite"), "{ended}");
        assert!(!ended.stderr.contains("panicked"), "{ended}");
    }
}

#[test]
fn a_reader_that_leaves_costs_no_results() {
    let script = r#"echo '{"Action":"fail","Package":"p","Test":"T"}'
echo '{"Action":"fail","Package":"p"}'
exit 1"#;
    let (ended, kept) = copying(script).run_until_first_line_and_keep();
    assert_eq!(ended.code, 1, "{ended}");
    assert!(kept.read("result.jsonl").contains(r#""Test":"T""#));
}

/// A test that leaves a server behind, which holds the output open, must not hold the job.
#[test]
fn what_a_runner_leaves_behind_holds_nothing_up() {
    let script = r#"sleep 50 2>/dev/null &
echo $! > left
echo '{"Action":"pass","Package":"p","Test":"T"}'
echo '{"Action":"pass","Package":"p"}'"#;
    // It keeps stdout, which the client copies, and not stderr, which this test reads.
    let (ended, kept) = copying(script).run_and_keep();
    let left = kept.read("left").trim().parse().unwrap();
    let left = rustix::process::Pid::from_raw(left).unwrap();
    rustix::process::kill_process(left, rustix::process::Signal::KILL).unwrap();
    assert_eq!(ended.code, 0, "{ended}");
    assert!(ended.stdout.contains("All tests passed"), "{ended}");
}

/// A runner may ask, as it may when it is run directly.
#[test]
fn stdin_is_the_runners() {
    let ended = running("read line; echo \"got $line\"; exit 0").run_with_stdin("an answer\n");
    assert!(ended.stdout.contains("\ngot an answer\n"), "{ended}");
}
