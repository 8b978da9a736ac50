//! `bktec plan`: stdout has the plan and nothing else, whatever the server does.

use rstest::rstest;
use test_engine_testkit::NO_SERVER;

use crate::bktec::Bktec;
use crate::server::{Reply, Request, Server};

const PLAN: &str = concat!(
    r#"{"parallelism":3,"identifier":"build-1/step-1","tasks":{"0":{"node_number":0,"tests":"#,
    r#"[{"value":"a.test.js","format":"selector","estimated_duration":1000}]},"#,
    r#""1":{"node_number":1,"tests":[]},"2":{"node_number":2,"tests":[]}},"#,
    r#""known_timings_ratio":0.50,"unknown_field":[1e3,{}]}"#
);

fn planning(plan: &'static str) -> Server {
    Server::start(move |_, _| Reply::ok(plan))
}

/// What `--json` prints for the requested plan.
fn variables(nodes: &str) -> String {
    format!(
        "{{\"BUILDKITE_TEST_ENGINE_PLAN_IDENTIFIER\":\"build-1/step-1\",\
         \"BUILDKITE_TEST_ENGINE_PARALLELISM\":\"{nodes}\"}}\n"
    )
}

#[test]
fn json_is_one_line_for_the_agent() {
    let server = planning(PLAN);
    let ended = Bktec::against(
        &[
            "plan",
            "--json",
            "--max-parallelism",
            "10",
            "--target-time",
            "2m30s",
        ],
        &server,
    )
    .run();
    assert_eq!(ended.code, 0, "{ended}");
    assert_eq!(ended.stdout, variables("3"));
    assert_eq!(server.lines(), "POST /test_plan");
    insta::assert_json_snapshot!(server.requests()[0].json(), @r#"
    {
      "branch": "main",
      "identifier": "build-1/step-1",
      "max_parallelism": 10,
      "parallelism": 2,
      "runner": "jest",
      "target_time": 150,
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
fn plan_out_keeps_the_order_of_keys_and_numbers() {
    let ended = Bktec::against(&["plan", "--plan-out", "-"], &planning(PLAN)).run();
    insta::assert_snapshot!(ended.stdout, @r#"
    {
      "parallelism": 3,
      "identifier": "build-1/step-1",
      "tasks": {
        "0": {
          "node_number": 0,
          "tests": [
            {
              "value": "a.test.js",
              "format": "selector",
              "estimated_duration": 1000
            }
          ]
        },
        "1": {
          "node_number": 1,
          "tests": []
        },
        "2": {
          "node_number": 2,
          "tests": []
        }
      },
      "known_timings_ratio": 0.50,
      "unknown_field": [
        1e3,
        {}
      ],
      "population": {
        "count": 3,
        "digest": "216f043449a22868716172038e6afb7cf0b7c66b6afa90b2f3dff075a2229f26"
      }
    }
    "#);
}

#[rstest]
#[case::of_the_server(r#"{"population":{"digest":"aa","count":9},"tasks":{"0":{"tests":[]}}}"#)]
#[case::null(r#"{"population":null,"tasks":{"0":{"tests":[]}}}"#)]
fn plan_out_keeps_what_the_server_says_the_plan_was_made_from(#[case] plan: &'static str) {
    let ended = Bktec::against(&["plan", "--plan-out", "-"], &planning(plan)).run();
    let written = ended.stdout.split_whitespace().collect::<String>();
    assert_eq!(written, plan, "{ended}");
}

#[test]
fn plan_out_can_be_a_file() {
    let (ended, bktec) =
        Bktec::against(&["plan", "--plan-out", "plan.json"], &planning(PLAN)).run_and_keep();
    assert_eq!((ended.code, ended.stdout.as_str()), (0, ""), "{ended}");
    assert!(
        bktec
            .read("plan.json")
            .starts_with("{\n  \"parallelism\": 3,\n")
    );
}

#[test]
fn plan_out_fails_if_the_file_cannot_be_written() {
    let ended = Bktec::against(
        &["plan", "--plan-out", "no/such/directory/plan.json"],
        &planning(PLAN),
    )
    .run();
    assert_eq!(ended.code, 16, "{ended}");
    assert!(
        ended.stderr.contains("❌ failed to write the plan: "),
        "{ended}"
    );
    assert!(
        ended.stderr.contains("no/such/directory/plan.json"),
        "{ended}"
    );
}

#[rstest]
#[case::without_a_server(None)]
#[case::error_plan(Some(r#"{"identifier":"other","parallelism":3,"tasks":{}}"#))]
#[case::no_nodes_for_tests(Some(r#"{"identifier":"other","parallelism":0,"tasks":{}}"#))]
fn without_a_plan_json_has_the_requested_identifier_and_the_fallback_parallelism(
    #[case] plan: Option<&'static str>,
) {
    let server = plan.map(planning);
    let base = server
        .as_ref()
        .map_or_else(|| NO_SERVER.to_owned(), Server::base);
    let printed = |arguments: &[&str]| {
        let ended = Bktec::configured(arguments, &base).run();
        assert_eq!(ended.code, 0, "{ended}");
        assert!(
            ended
                .stderr
                .contains("Falling back to non-intelligent splitting"),
            "{ended}"
        );
        ended.stdout
    };
    assert_eq!(printed(&["plan", "--json"]), variables("2"));
    assert_eq!(
        printed(&["plan", "--json", "--max-parallelism", "7"]),
        variables("7")
    );
}

#[test]
fn without_a_response_plan_out_is_minimal() {
    let ended = Bktec::configured(&["plan", "--plan-out", "-"], NO_SERVER).run();
    assert_eq!(ended.code, 0, "{ended}");
    insta::assert_snapshot!(ended.stdout, @r#"
    {
      "identifier": "build-1/step-1",
      "parallelism": 2,
      "tasks": {}
    }
    "#);
}

#[test]
fn plan_out_writes_an_error_plan_unchanged() {
    let server = planning(r#"{"identifier":"x","parallelism":2,"tasks":{},"why":"no"}"#);
    let ended = Bktec::against(&["plan", "--plan-out", "-"], &server).run();
    insta::assert_snapshot!(ended, @r#"
    exit code: 0
    ----- stdout -----
    {
      "identifier": "x",
      "parallelism": 2,
      "tasks": {},
      "why": "no"
    }
    ----- stderr -----
    +++ Buildkite Test Engine Client: bktec VERSION

     _     _    _
    | |__ | | _| |_ ___  ___
    | '_ \| |/ / __/ _ \/ __|
    | |_) |   <| ||  __/ (__
    |_.__/|_|\_\\__\___|\___|

    ⚠️ The server could not plan these tests. Falling back to non-intelligent splitting.
    "#);
}

#[test]
fn a_refusal_is_fatal() {
    let server = Server::start(|_, _| Reply::message(400, "unknown strategy"));
    let ended = Bktec::against(&["plan", "--json"], &server).run();
    assert_eq!((ended.code, ended.stdout.as_str()), (16, ""), "{ended}");
    assert!(
        ended
            .stderr
            .contains("❌ failed to create the test plan: unknown strategy (status 400)\n"),
        "{ended}"
    );
}

const AGENT: &str = r#"
echo "$@ $BUILDKITE_TEST_ENGINE_PLAN_IDENTIFIER $BUILDKITE_TEST_ENGINE_PARALLELISM" | tee -a calls
exit ${CODE:-0}"#;

#[test]
fn uploads_the_pipeline_with_the_variables_of_the_plan() {
    let bktec = Bktec::against(&["plan", "--pipeline-upload", "steps.yml"], &planning(PLAN))
        .program("buildkite-agent", AGENT);
    let (ended, bktec) = bktec.run_and_keep();
    assert_eq!((ended.code, ended.stdout.as_str()), (0, ""), "{ended}");
    assert_eq!(
        bktec.read("calls"),
        "pipeline upload steps.yml build-1/step-1 3\n"
    );
}

#[test]
fn exits_with_the_signal_that_killed_the_agent() {
    let ended = Bktec::against(&["plan", "--pipeline-upload", "steps.yml"], &planning(PLAN))
        .program("buildkite-agent", "kill -KILL $$")
        .run();
    assert_eq!(ended.code, 137, "{ended}");
}

#[rstest]
#[case::without_a_server(None)]
#[case::error_plan(Some(r#"{"identifier":"other","parallelism":3,"tasks":{}}"#))]
fn without_a_plan_the_pipeline_has_the_requested_identifier(#[case] plan: Option<&'static str>) {
    let server = plan.map(planning);
    let base = server
        .as_ref()
        .map_or_else(|| NO_SERVER.to_owned(), Server::base);
    let arguments = [
        "plan",
        "--pipeline-upload",
        "steps.yml",
        "--max-parallelism",
        "7",
    ];
    let (ended, bktec) = Bktec::configured(&arguments, &base)
        .program("buildkite-agent", AGENT)
        .run_and_keep();
    assert_eq!((ended.code, ended.stdout.as_str()), (0, ""), "{ended}");
    assert_eq!(
        bktec.read("calls"),
        "pipeline upload steps.yml build-1/step-1 7\n"
    );
}

#[test]
fn max_parallelism_and_target_time_can_be_variables() {
    let server = planning(PLAN);
    let ended = Bktec::against(&["plan", "--json"], &server)
        .env("BUILDKITE_TEST_ENGINE_MAX_PARALLELISM", "10")
        .env("BUILDKITE_TEST_ENGINE_TARGET_TIME", "1.5h")
        .run();
    assert_eq!(ended.code, 0, "{ended}");
    let request = server.requests()[0].json();
    assert_eq!(
        (&request["max_parallelism"], &request["target_time"]),
        (&serde_json::json!(10), &serde_json::json!(5400))
    );
}

#[test]
fn exits_with_the_code_of_the_agent() {
    let ended = Bktec::against(&["plan", "--pipeline-upload", "steps.yml"], &planning(PLAN))
        .program("buildkite-agent", AGENT)
        .env("CODE", "9")
        .run();
    assert_eq!(ended.code, 9, "{ended}");
}

#[test]
fn a_missing_agent_is_an_error() {
    let ended = Bktec::against(&["plan", "--pipeline-upload", "steps.yml"], &planning(PLAN)).run();
    assert_eq!(ended.code, 16, "{ended}");
    assert!(
        ended.stderr.contains("cannot start buildkite-agent"),
        "{ended}"
    );
}

#[test]
fn an_empty_selection_uploads_no_pipeline() {
    let server = planning(r#"{"identifier":"x","parallelism":0,"tasks":{}}"#);
    let arguments = [
        "plan",
        "--pipeline-upload",
        "steps.yml",
        "--selection-strategy",
        "random",
        "--selection-param",
        "percent=0",
        "--metadata",
        "note=a,b\nc=d",
    ];
    let ended = Bktec::against(&arguments, &server).run();
    assert_eq!(ended.code, 0, "{ended}");
    assert!(ended.stderr.contains("no pipeline is uploaded"), "{ended}");
    let request = server.requests()[0].json();
    assert_eq!(
        (&request["selection"], &request["metadata"]),
        (
            &serde_json::json!({"strategy": "random", "params": {"percent": "0"}}),
            &serde_json::json!({"branch": "main", "build_uuid": "build-1", "note": "a,b\nc=d"})
        )
    );
}

#[test]
fn selection_by_variables_needs_no_preview() {
    let server = planning(PLAN);
    let ended = Bktec::against(&["plan", "--json"], &server)
        .env("BUILDKITE_TEST_ENGINE_SELECTION_STRATEGY", "confidence")
        .env("BUILDKITE_TEST_ENGINE_REMOTE", "upstream")
        .run();
    assert_eq!(ended.code, 0, "{ended}");
    let request = server.requests()[0].json();
    assert_eq!(
        (&request["selection"], &request["metadata"]["branch"]),
        (
            &serde_json::json!({"strategy": "confidence"}),
            &serde_json::json!("main")
        )
    );
}

/// The variable is that of a whole pipeline, and `none` switches selection off for one step.
#[test]
fn strategy_none_sends_neither_selection_nor_metadata() {
    let server = planning(PLAN);
    let ended = Bktec::against(&["plan", "--json", "--selection-strategy=none"], &server)
        .env("BUILDKITE_TEST_ENGINE_SELECTION_STRATEGY", "confidence")
        .run();
    assert_eq!(ended.code, 0, "{ended}");
    let request = server.requests()[0].json();
    assert_eq!(
        (request.get("selection"), request.get("metadata")),
        (None, None),
        "{request}"
    );
}

#[test]
fn a_request_that_is_too_large_is_sent_again_without_the_diff() {
    let server = Server::start(|request, _| {
        if request.json()["metadata"]["files_changed"].is_string() {
            Reply::message(413, "The body is too large")
        } else {
            Reply::ok(PLAN)
        }
    });
    let arguments = [
        "plan",
        "--json",
        "--selection-strategy=confidence",
        "--metadata=files_changed=a.py",
        "--metadata=git_diff=+x",
        "--metadata=message=fix",
    ];
    let ended = Bktec::against(&arguments, &server).run();
    assert_eq!(ended.code, 0, "{ended}");
    let removed: Vec<_> = ended
        .stderr
        .lines()
        .filter(|line| line.contains("too large"))
        .collect();
    assert_eq!(removed.len(), 2, "{ended}");
    assert!(removed[0].contains("without the patch"), "{ended}");
    assert!(removed[1].contains("all tests will run"), "{ended}");
    let sent: Vec<_> = server.requests().iter().map(Request::json).collect();
    assert_eq!(sent.len(), 3);
    assert_eq!(sent[1]["metadata"].get("git_diff"), None);
    assert_eq!(
        sent[2]["metadata"],
        serde_json::json!({"branch": "main", "build_uuid": "build-1", "message": "fix"})
    );
    assert_eq!(sent[2]["selection"]["strategy"], "confidence");
}

#[test]
fn a_request_that_stays_too_large_is_an_error() {
    let server = Server::start(|_, _| Reply::message(413, "The body is too large"));
    let ended = Bktec::against(
        &["plan", "--json", "--selection-strategy=confidence"],
        &server,
    )
    .run();
    assert_eq!(ended.code, 16, "{ended}");
    assert!(ended.stderr.contains("The body is too large"), "{ended}");
    assert_eq!(server.requests().len(), 1);
}

/// RSpec's `./` is a notation: it is part of paths, but not sent as a prefix.
#[rstest]
#[case::default(&[], None, "./a.rb")]
#[case::set(&["--location-prefix", "api"], Some("api"), "api/a.rb")]
#[case::set_to_the_default(&["--location-prefix", "./"], Some("./"), "./a.rb")]
fn sends_the_location_prefix_only_if_the_user_set_one(
    #[case] options: &[&str],
    #[case] sent: Option<&str>,
    #[case] path: &str,
) {
    let server = planning(PLAN);
    let arguments = [
        &[
            "plan",
            "--json",
            "--test-runner",
            "rspec",
            "--selector-splitting=false",
        ],
        options,
    ]
    .concat();
    let ended = Bktec::against(&arguments, &server)
        .file("list", "a.rb\n")
        .env("BUILDKITE_TEST_ENGINE_FILES", "list")
        .run();
    assert_eq!(ended.code, 0, "{ended}");
    let requests = server.requests();
    let request = requests.last().unwrap().json();
    assert_eq!(
        request["tests"],
        serde_json::json!({"files": [{"path": path}]})
    );
    let prefix = request
        .get("location_prefix")
        .map(|prefix| prefix.as_str().unwrap());
    assert_eq!(prefix, sent);
}
