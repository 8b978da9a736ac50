//! `bktec run` with a server that works: which part of a plan is run, and what is sent.

use bktec::internals;
use rstest::rstest;

use crate::bktec::Bktec;
use crate::server::{Reply, Request, Server};

const PLAN: &str = r#"{"identifier":"build-1/step-1","parallelism":2,"experiment":"","new_field":[1],
    "tasks":{"0":{"node_number":0,"tests":[
                 {"value":"c.test.js","format":"selector","estimated_duration":3000,"timing_sample_size":7},
                 {"value":"a.test.js","format":"selector","estimated_duration":1000,"timing_sample_size":0}]},
             "1":{"node_number":1,"tests":[
                 {"value":"b.test.js","format":"selector","estimated_duration":4000,"timing_sample_size":2}]}},
    "muted_tests":[],"skipped_tests":null,
    "timing_metadata":{"selector":{"median_duration":1000,"default_duration":1000}},"known_timings_ratio":0.66}"#;

fn with_plan(plan: &str) -> Server {
    let plan = plan.to_owned();
    Server::start(move |asked, _| {
        match (asked.method.as_str(), asked.target.contains("/test_plan?")) {
            ("GET", true) => Reply::ok(&plan),
            _ => Reply::ok("{}"),
        }
    })
}

fn making_plan(plan: &str) -> Server {
    let plan = plan.to_owned();
    Server::start(move |asked, _| match asked.method.as_str() {
        "GET" => Reply::not_found(),
        _ if asked.target.ends_with("/test_plan") => Reply::ok(&plan),
        _ => Reply::ok("{}"),
    })
}

fn posted_to<'a>(asked: &'a [Request], end: &str) -> &'a Request {
    asked
        .iter()
        .find(|asked| asked.method == "POST" && asked.target.ends_with(end))
        .unwrap()
}

#[test]
fn a_plan_that_is_there_is_used() {
    let server = with_plan(PLAN);
    let ended = Bktec::against(&["run"], &server).run();
    insta::assert_snapshot!(ended, @r"
    exit code: 0
    ----- stdout -----
    +++ Buildkite Test Engine Client: bktec VERSION

     _     _    _
    | |__ | | _| |_ ___  ___
    | '_ \| |/ / __/ _ \/ __|
    | |_) |   <| ||  __/ (__
    |_.__/|_|\_\\__\___|\___|

    +++ Buildkite Test Engine Client: 📊 Split summary
    3 test files on 2 nodes
      2 (66.7%) estimated from past historical durations
      1 test file without history, assumed to take 1.0s each (the median of the others)
    Estimated time: 4.0s on every node
    echo ran a.test.js c.test.js into result.json
    ran a.test.js c.test.js into result.json
    ⚠️ The runner exited with code 0 but wrote no results to FOLDER/result.json. Did a test end the process? Nothing is retried.
    ----- stderr -----
    ");
    assert_eq!(server.lines(), "GET /test_plan\nPOST /test_plan_metadata");
}

#[test]
fn the_plan_is_asked_for_by_name() {
    let server = with_plan(PLAN);
    Bktec::against(
        &["run", "--plan-identifier", "b 1/s&2", "--retry-count", "3"],
        &server,
    )
    .run();
    let first = &server.requests()[0];
    assert_eq!(
        first.target,
        "/v2/analytics/organizations/acme/suites/web/test_plan?identifier=b%201/s%262&job_retry_count=3"
    );
    assert_eq!(first.header("authorization"), Some("Bearer secret-token"));
    assert_eq!(first.header("content-type"), Some("application/json"));
    let agent = first.header("user-agent").unwrap();
    assert!(
        agent.starts_with("Buildkite Test Engine Client/"),
        "{agent}"
    );
}

#[test]
fn a_plan_is_asked_for_when_there_is_none() {
    let server = making_plan(PLAN);
    let ended = Bktec::against(&["run"], &server).run();
    assert_eq!(ended.code, 0, "{ended}");
    let request = posted_to(&server.requests(), "/test_plan").json();
    insta::assert_json_snapshot!(request, @r#"
    {
      "branch": "main",
      "identifier": "build-1/step-1",
      "parallelism": 2,
      "runner": "jest",
      "tests": {
        "selectors": [
          {
            "value": "a.test.js"
          },
          {
            "value": "b.test.js"
          },
          {
            "value": "c.test.js"
          }
        ]
      }
    }
    "#);
}

#[test]
fn the_form_of_version_2_is_there_on_request() {
    let server = making_plan(PLAN);
    Bktec::against(
        &[
            "run",
            "--selector-splitting=false",
            "--location-prefix",
            "web/app",
        ],
        &server,
    )
    .run();
    let request = server.requests()[1].json();
    insta::assert_json_snapshot!(request["tests"], @r#"
    {
      "files": [
        {
          "path": "web/app/a.test.js"
        },
        {
          "path": "web/app/b.test.js"
        },
        {
          "path": "web/app/c.test.js"
        }
      ]
    }
    "#);
}

#[test]
fn how_it_went_is_told_with_these_settings_and_no_others() {
    let server = with_plan(PLAN);
    Bktec::against(&["run"], &server)
        .env("BUILDKITE_ANALYTICS_TOKEN", "upload-secret")
        .env("BUILDKITE_TEST_ENGINE_UPLOAD_RESULTS", "true")
        .run();
    let asked = server.requests();
    let told = posted_to(&asked, "/test_plan_metadata").json();
    let keys: Vec<_> = told["env"].as_object().unwrap().keys().collect();
    assert_eq!(keys.len(), 18, "{keys:?}");
    assert!(!told.to_string().contains("secret"), "{told}");
    let events: Vec<_> = told["timeline"]
        .as_array()
        .unwrap()
        .iter()
        .map(|event| event["event"].as_str().unwrap())
        .collect();
    assert_eq!(events, ["test_start", "test_end"]);
}

#[test]
fn a_list_of_files_takes_the_place_of_discovery() {
    let server = making_plan(PLAN);
    Bktec::against(&["run", "--files", "list"], &server)
        .file(
            "list",
            "one.test.js\n\n  two words.test.js \r\none.test.js\n",
        )
        .run();
    let request = posted_to(&server.requests(), "/test_plan").json();
    assert_eq!(
        request["tests"]["selectors"],
        serde_json::json!([{"value": "one.test.js"}, {"value": "two words.test.js"}])
    );
}

#[test]
fn a_list_of_selectors_wins() {
    let server = making_plan(PLAN);
    Bktec::against(
        &["run", "--files", "missing", "--selector-file", "list"],
        &server,
    )
    .file("list", "anything\n")
    .run();
    let request = posted_to(&server.requests(), "/test_plan").json();
    assert_eq!(
        request["tests"]["selectors"],
        serde_json::json!([{"value": "anything"}])
    );
}

#[rstest]
#[case::missing("no-such-list")]
#[case::empty("empty")]
#[case::binary("binary")]
fn a_list_that_is_none_stops_the_build(#[case] list: &str) {
    let server = with_plan(PLAN);
    let ended = Bktec::against(&["run", "--files", list], &server)
        .file("empty", "\n \n")
        .file("binary", "a\0b")
        .run();
    assert_eq!(ended.code, 16, "{ended}");
    assert!(ended.stderr.contains(list), "{ended}");
    assert!(server.requests().is_empty());
}

#[test]
fn finding_no_test_files_stops_the_build() {
    let server = with_plan(PLAN);
    let ended = Bktec::against(
        &[
            "run",
            "--test-file-pattern",
            "**/*.none",
            "--test-file-exclude-pattern",
            "old",
        ],
        &server,
    )
    .run();
    assert_eq!(ended.code, 16, "{ended}");
    assert!(
        ended.stderr.contains("**/*.none") && ended.stderr.contains("old"),
        "{ended}"
    );
}

#[test]
fn a_node_without_tests_passes_unless_it_must_not() {
    let plan = r#"{"parallelism":2,"tasks":{"0":{"node_number":0,"tests":[]},"1":{"node_number":1,"tests":[{"value":"a.test.js","format":"selector"}]}}}"#;
    let server = with_plan(plan);
    let ended = Bktec::against(&["run"], &server).run();
    assert_eq!(ended.code, 0, "{ended}");
    assert!(ended.stdout.contains("no tests"), "{ended}");
    assert!(!ended.stdout.contains("ran "), "{ended}");
    for must_not in [
        Bktec::against(&["run", "--fail-on-no-tests"], &server),
        Bktec::against(&["run"], &server).env("BUILDKITE_TEST_ENGINE_FAIL_ON_NO_TESTS", "t"),
    ] {
        let ended = must_not.run();
        assert_eq!(ended.code, 16);
        assert_eq!(ended.stderr, "❌ no tests assigned to this node\n");
    }
}

#[rstest]
#[case::no_tasks(r#"{"identifier":"x","parallelism":2,"tasks":{}}"#)]
#[case::null_tasks(r#"{"identifier":"x","parallelism":2,"tasks":null}"#)]
#[case::nothing(r"{}")]
fn a_plan_without_any_tasks_is_replaced(#[case] plan: &str) {
    for server in [with_plan(plan), making_plan(plan)] {
        let ended = Bktec::against(&["run"], &server).run();
        assert_eq!(ended.code, 0, "{ended}");
        assert!(
            ended
                .stderr
                .contains("Falling back to non-intelligent splitting"),
            "{ended}"
        );
        assert!(
            ended
                .stdout
                .contains("ran a.test.js c.test.js into result.json\n"),
            "{ended}"
        );
        assert!(!server.lines().contains("metadata"), "{}", server.lines());
    }
}

#[rstest]
#[case::this_node_is_missing(
    r#"{"tasks":{"1":{"tests":[{"value":"a.test.js","format":"selector"}]}}}"#,
    "has no node 0"
)]
#[case::a_node_too_many(r#"{"tasks":{"0":{"tests":[]},"1":{"tests":[]},"2":{"tests":[{"value":"a.test.js","format":"selector"}]}}}"#, "would never run")]
#[case::nameless(
    r#"{"tasks":{"0":{"tests":[{"format":"selector"}]},"1":{"tests":[]}}}"#,
    "cannot be run"
)]
fn a_plan_that_does_not_fit_stops_the_build(#[case] plan: &str, #[case] says: &str) {
    let ended = Bktec::against(&["run"], &with_plan(plan)).run();
    assert_eq!(ended.code, 16, "{ended}");
    assert!(ended.stderr.contains(says), "{ended}");
    assert!(!ended.stdout.contains("ran "), "{ended}");
}

#[rstest]
#[case::own_code("sh -c 'exit 7' {{testExamples}} {{resultPath}}", 7)]
#[case::signal("sh -c 'kill -TERM $$' {{testExamples}} {{resultPath}}", 143)]
#[case::not_there("no-such-program-here {{testExamples}} {{resultPath}}", 16)]
fn the_exit_code_is_the_runners(#[case] command: &str, #[case] code: i32) {
    let ended = Bktec::against(&["run", "--test-command", command], &with_plan(PLAN)).run();
    assert_eq!(ended.code, code, "{ended}");
}

#[test]
fn a_closed_stdout_is_no_panic() {
    let server = with_plan(PLAN);
    let silent = "true {{testExamples}} {{resultPath}}";
    let ended = Bktec::against(&["run", "--debug", "--test-command", silent], &server)
        .run_with_closed_stdout();
    assert_eq!(ended.code, 0, "{ended}");
    assert!(!ended.stderr.contains("panicked"), "{ended}");
    assert_eq!(server.lines(), "GET /test_plan\nPOST /test_plan_metadata");
}

/// A command that leaves a Jest report behind, and says that all went well.
const PASSING: &str = r#"sh -c 'echo "{\"testResults\":[{\"name\":\"$PWD/a.test.js\",\"status\":\"passed\",\"assertionResults\":[{\"title\":\"t\",\"ancestorTitles\":[],\"status\":\"passed\"}]}]}" > result.json; echo "the child sees $BUILDKITE_ANALYTICS_TOKEN"' {{testExamples}} {{resultPath}}"#;

#[test]
fn results_are_uploaded() {
    let server = with_plan(PLAN);
    let ended = Bktec::against(
        &[
            "run",
            "--upload-results",
            "--test-command",
            PASSING,
            "--tag",
            "team=a,b",
            "--location-prefix",
            "web",
        ],
        &server,
    )
    .env("BUILDKITE_ANALYTICS_TOKEN", "upload-secret")
    .env("BUILDKITE_COMMIT", "abc")
    .env("BUILDKITE_BUILD_NUMBER", "12")
    .run();
    assert_eq!(ended.code, 0, "{ended}");
    assert!(
        ended.stdout.contains("the child sees upload-secret"),
        "{ended}"
    );
    let asked = server.requests();
    let upload = posted_to(&asked, "/v1/uploads");
    assert_eq!(
        upload.header("authorization"),
        Some("Token token=upload-secret")
    );
    let content_type = upload.header("content-type").unwrap();
    let boundary = content_type
        .strip_prefix("multipart/form-data; boundary=")
        .unwrap();
    let body = String::from_utf8(upload.body.clone()).unwrap();
    let fields = body
        .replace(boundary, "BOUNDARY")
        .replace('\r', "")
        .lines()
        .filter(|line| !line.is_empty() && *line != "--BOUNDARY")
        .map(|line| line.replace("Content-Disposition: form-data; ", ""))
        .map(|line| {
            if line.contains("testResults") {
                "(the file)".to_owned()
            } else {
                line
            }
        })
        .map(|line| {
            if line.starts_with('/') {
                "(the folder)".to_owned()
            } else {
                line
            }
        })
        .map(|line| line.replace(env!("CARGO_PKG_VERSION"), "VERSION"))
        .collect::<Vec<_>>()
        .join("\n");
    insta::assert_snapshot!(fields, @r#"
    name="format"
    jest-json
    name="run_env[CI]"
    buildkite
    name="run_env[key]"
    build-1
    name="run_env[branch]"
    main
    name="run_env[commit_sha]"
    abc
    name="run_env[number]"
    12
    name="run_env[url]"
    name="run_env[job_id]"
    job-1
    name="run_env[message]"
    name="run_env[location_prefix]"
    web
    name="run_env[collector]"
    bktec
    name="run_env[test_runner]"
    jest
    name="run_env[version]"
    VERSION
    name="run_env[cwd]"
    (the folder)
    name="tags[team]"
    a,b
    name="data"; filename="result.json"
    Content-Type: application/octet-stream
    (the file)
    --BOUNDARY--
    "#);
}

/// Whole paths in a report of Jest would meet no plan; every other format names files as plans do.
#[test]
fn the_directory_is_told_with_reports_of_jest_even_without_a_build() {
    let server = with_plan(PLAN);
    let bktec = Bktec::against(
        &[
            "run",
            "--upload-results",
            "--plan-identifier",
            "p",
            "--test-command",
            PASSING,
        ],
        &server,
    )
    .without("BUILDKITE_BUILD_ID")
    .env("BUILDKITE_ANALYTICS_TOKEN", "upload-secret");
    let (ended, kept) = bktec.run_and_keep();
    assert_eq!(ended.code, 0, "{ended}");
    let asked = server.requests();
    let upload = posted_to(&asked, "/v1/uploads");
    let folder = fs_err::canonicalize(kept.path()).unwrap();
    assert_eq!(upload.field("run_env[cwd]").as_deref(), folder.to_str());
}

#[test]
fn an_upload_that_fails_changes_nothing() {
    let plan = PLAN.to_owned();
    let server = Server::start(move |asked, _| {
        if asked.target == "/v1/uploads" {
            Reply::message(401, "no such suite")
        } else if asked.method == "GET" {
            Reply::ok(&plan)
        } else {
            Reply::ok("{}")
        }
    });
    let ended = Bktec::against(
        &["run", "--upload-results", "--test-command", PASSING],
        &server,
    )
    .env("BUILDKITE_ANALYTICS_TOKEN", "upload-secret")
    .run();
    assert_eq!(ended.code, 0, "{ended}");
    assert_eq!(
        ended.stderr,
        "⚠️ failed to upload FOLDER/result.json: no such suite (status 401)\n"
    );
    assert_eq!(server.lines().matches("uploads").count(), 1);
}

#[test]
fn an_upload_without_a_token_warns_once() {
    let server = with_plan(PLAN);
    let ended = Bktec::against(
        &["run", "--upload-results", "--test-command", PASSING],
        &server,
    )
    .run();
    assert_eq!(ended.code, 0, "{ended}");
    assert_eq!(
        ended.stderr,
        "⚠️ Results are not uploaded: BUILDKITE_ANALYTICS_TOKEN is not set and OIDC is off.\n"
    );
}

#[test]
fn metadata_that_is_not_wanted_is_only_a_warning() {
    let plan = PLAN.to_owned();
    let server = Server::start(move |asked, _| match asked.method.as_str() {
        "GET" => Reply::ok(&plan),
        _ => Reply::message(404, "Test plan not found"),
    });
    let ended = Bktec::against(&["run"], &server).run();
    assert_eq!(ended.code, 0, "{ended}");
    assert!(ended.stderr.contains("Test plan not found"), "{ended}");
}

/// Lists examples as RSpec would, or says what it was given to run.
const RSPEC: &str = r#"
case "$*" in
  *--dry-run*)
    while [ $# -gt 0 ]; do [ "$1" = --out ] && out=$2; shift; done
    echo '{"examples":[{"id":"./spec/slow_spec.rb[1:1]","description":"works","full_description":"Slow works","status":"passed"},{"id":"./spec/slow_spec.rb[1:2]","description":"too","full_description":"Slow too","status":"passed"}],"summary":{"errors_outside_of_examples_count":0}}' > "$out" ;;
  *) echo "ran $*" ;;
esac"#;

#[test]
fn slow_files_are_sent_as_their_examples() {
    let server = Server::start(|asked, _| {
        if asked.target.ends_with("filter_tests") {
            Reply::ok(
                r#"{"tests":[{"path":"api/spec/slow_spec.rb","reason":"slow file"},{"path":"unheard/of.rb"}]}"#,
            )
        } else if asked.method == "GET" {
            Reply::not_found()
        } else {
            Reply::ok(
                r#"{"tasks":{"1":{"tests":[]},"0":{"tests":[
                    {"format":"example","path":"api/spec/slow_spec.rb[1:2]","identifier":"./spec/slow_spec.rb[1:2]","name":"too","scope":"Slow"},
                    {"format":"selector","value":"spec/fast_spec.rb"}]}}}"#,
            )
        }
    });
    let ended = Bktec::against(
        &[
            "run",
            "--files",
            "list",
            "--split-by-example",
            "--location-prefix",
            "api/",
        ],
        &server,
    )
    .file("list", "spec/fast_spec.rb\nspec/slow_spec.rb\n")
    .program("rspec", RSPEC)
    .env("BUILDKITE_TEST_ENGINE_TEST_RUNNER", "rspec")
    .env("BUILDKITE_TEST_ENGINE_TEST_CMD", "rspec {{testExamples}}")
    .run();
    assert_eq!(ended.code, 0, "{ended}");
    assert_eq!(
        server.lines(),
        "GET /test_plan\nPOST /test_plan/filter_tests\nPOST /test_plan\nPOST /test_plan_metadata"
    );
    let asked = server.requests();
    let filter = asked[1].json();
    assert_eq!(
        filter["files"],
        serde_json::json!([{"path": "api/spec/fast_spec.rb"}, {"path": "api/spec/slow_spec.rb"}])
    );
    assert_eq!(
        filter["env"]["BUILDKITE_TEST_ENGINE_SPLIT_BY_EXAMPLE"],
        true
    );
    let request = asked[2].json();
    assert_eq!(request["location_prefix"], "api/");
    insta::assert_json_snapshot!(request["tests"], @r#"
    {
      "examples": [
        {
          "format": "example",
          "identifier": "./spec/slow_spec.rb[1:1]",
          "name": "works",
          "path": "api/spec/slow_spec.rb[1:1]",
          "scope": "Slow"
        },
        {
          "format": "example",
          "identifier": "./spec/slow_spec.rb[1:2]",
          "name": "too",
          "path": "api/spec/slow_spec.rb[1:2]",
          "scope": "Slow"
        }
      ],
      "selectors": [
        {
          "value": "spec/fast_spec.rb"
        }
      ]
    }
    "#);
    assert!(
        ended
            .stdout
            .contains("ran spec/slow_spec.rb[1:2] spec/fast_spec.rb\n"),
        "{ended}"
    );
}

/// A command that leaves a Jest report with a failed test behind.
const FAILING: &str = r#"sh -c 'echo "{\"testResults\":[{\"name\":\"$PWD/a.test.js\",\"status\":\"failed\",\"assertionResults\":[{\"title\":\"t\",\"ancestorTitles\":[],\"status\":\"failed\"}]}]}" > result.json; exit 1' {{testExamples}} {{resultPath}}"#;

#[test]
fn a_failure_is_promised() {
    let server = with_plan(PLAN);
    let run = |agent: &str| {
        Bktec::against(
            &["run", "--promise-failure", "--test-command", FAILING],
            &server,
        )
        .program("buildkite-agent", agent)
        .run_and_keep()
    };
    let (ended, bktec) = run(r#"echo "$@" > asked"#);
    assert_eq!(ended.code, 1, "{ended}");
    assert_eq!(
        bktec.read("asked"),
        "job promise-failure 1 --reason test_failure (1 failed after retries)\n"
    );
    let (ended, _) = run("exit 3");
    assert_eq!(ended.code, 1, "{ended}");
    assert!(ended.stderr.contains("failed to promise"), "{ended}");
}

/// Nothing is promised without being asked to, nor where the job does not fail.
#[rstest]
#[case::unplanned_files_ran(&["run", "--test-command", FAILING], false, 1)]
#[case::all_passed(&["run", "--promise-failure", "--test-command", PASSING], false, 0)]
#[case::only_muted_ones_failed(&["run", "--promise-failure", "--test-command", FAILING], true, 0)]
fn no_failure_is_promised(#[case] arguments: &[&str], #[case] muted: bool, #[case] code: i32) {
    let mut plan = PLAN.to_owned();
    if muted {
        plan = plan.replace(r#""muted_tests":[]"#, MUTED);
    }
    let (ended, bktec) = Bktec::against(arguments, &with_plan(&plan))
        .program("buildkite-agent", "touch asked")
        .run_and_keep();
    assert_eq!(ended.code, code, "{ended}");
    assert!(!bktec.path().join("asked").exists(), "{ended}");
}

#[test]
fn an_agent_that_hangs_holds_no_failure_back() {
    let ended = Bktec::against(
        &["run", "--promise-failure", "--test-command", FAILING],
        &with_plan(PLAN),
    )
    .program("buildkite-agent", "exec sleep 60")
    .run();
    assert_eq!(ended.code, 1, "{ended}");
    assert!(
        ended.stderr.contains("did not answer within 5 s"),
        "{ended}"
    );
}

const MUTED: &str = r#""muted_tests":[{"scope":"","name":"t","path":"elsewhere:3"}]"#;

#[test]
fn a_muted_failure_does_not_fail_the_build() {
    let server = with_plan(&PLAN.replace(r#""muted_tests":[]"#, MUTED));
    let ended = Bktec::against(&["run", "--test-command", FAILING], &server).run();
    assert_eq!(ended.code, 0, "{ended}");
    assert!(ended.stdout.contains("Some muted tests failed."), "{ended}");
}

#[test]
fn after_a_killed_runner_nothing_more_is_done() {
    let server = with_plan(PLAN);
    let command = "sh -c 'echo {} > result.json; kill -KILL $$' {{testExamples}} {{resultPath}}";
    let ended = Bktec::against(
        &["run", "--upload-results", "--test-command", command],
        &server,
    )
    .env("BUILDKITE_ANALYTICS_TOKEN", "upload-secret")
    .run();
    assert_eq!(ended.code, 137, "{ended}");
    assert_eq!(server.lines(), "GET /test_plan");
}

#[test]
fn a_commit_message_in_another_encoding_is_no_obstacle() {
    use std::os::unix::ffi::OsStrExt as _;
    let message = std::ffi::OsStr::from_bytes(b"caf\xe9");
    let ended = Bktec::against(&["run"], &with_plan(PLAN))
        .env("BUILDKITE_MESSAGE", message)
        .run();
    assert_eq!(ended.code, 0, "{ended}");
}

#[test]
fn debug_lines_are_marked() {
    let ended = Bktec::against(&["run", "--debug"], &with_plan(PLAN)).run();
    assert!(ended.stdout.contains("\nDEBUG: GET SERVER/"), "{ended}");
    let ended = Bktec::against(&["plan", "--json"], &with_plan(PLAN))
        .env("BUILDKITE_TEST_ENGINE_DEBUG_ENABLED", "TRUE")
        .run();
    assert!(ended.stderr.contains("\nDEBUG: POST SERVER/"), "{ended}");
    assert!(!ended.stdout.contains("DEBUG"), "{ended}");
}

#[test]
fn colours_are_for_those_who_want_them() {
    let ended = |name: &str, value: &str| {
        Bktec::configured(&["run", "--files", "missing"], "http://127.0.0.1:9")
            .env("CLICOLOR_FORCE", "1")
            .env(name, value)
            .run()
            .stderr
    };
    assert!(ended("X", "").starts_with("\u{1b}[31m❌ "));
    assert!(ended(internals::NO_COLOR, "1").starts_with("❌ "));
}

#[test]
fn a_selection_and_metadata_are_sent() {
    let server = making_plan(PLAN);
    let arguments = [
        "run",
        "--selection-strategy",
        "random",
        "--selection-param",
        "percent=40",
        "--metadata",
        "note=a,b",
    ];
    let ended = Bktec::against(&arguments, &server)
        .env("BKTEC_PREVIEW_SELECTION", "on")
        .run();
    assert_eq!(ended.code, 0, "{ended}");
    let request = posted_to(&server.requests(), "/test_plan").json();
    assert_eq!(
        request["selection"],
        serde_json::json!({"strategy": "random", "params": {"percent": "40"}})
    );
    assert_eq!(request["metadata"]["note"], "a,b", "{request}");
    let server = making_plan(PLAN);
    let ended = Bktec::against(&["run", "--selection-strategy", "Off"], &server)
        .env("BKTEC_PREVIEW_SELECTION", "on")
        .run();
    assert_eq!(ended.code, 0, "{ended}");
    let request = posted_to(&server.requests(), "/test_plan").json();
    assert_eq!(request.get("selection"), None, "{request}");
}

#[test]
fn a_node_without_tests_sends_plan_metadata() {
    let plan = r#"{"tasks":{"0":{"tests":[]},"1":{"tests":[]}}}"#;
    for (option, code) in [("--fail-on-no-tests=false", 0), ("--fail-on-no-tests", 16)] {
        let server = with_plan(plan);
        let ended = Bktec::against(&["run", option], &server).run();
        assert_eq!(ended.code, code, "{ended}");
        assert_eq!(server.lines(), "GET /test_plan\nPOST /test_plan_metadata");
        let requests = server.requests();
        let metadata = posted_to(&requests, "/test_plan_metadata").json();
        assert_eq!(metadata["timeline"], serde_json::json!([]));
        assert_eq!(metadata["statistics"]["total"], 0);
        assert_eq!(
            metadata["env"]["BUILDKITE_TEST_ENGINE_IDENTIFIER"],
            "build-1/step-1"
        );
    }
}
