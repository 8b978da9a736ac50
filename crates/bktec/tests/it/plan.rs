//! `bktec plan`: stdout has the plan and nothing else, whatever the server does.

use rstest::rstest;

use crate::bktec::Bktec;
use crate::server::{Reply, Server, nobody};

const PLAN: &str = r#"{"parallelism":3,"identifier":"build-1/step-1","tasks":{"0":{"node_number":0,"tests":[{"value":"a.test.js","format":"selector","estimated_duration":1000}]},"1":{"node_number":1,"tests":[]},"2":{"node_number":2,"tests":[]}},"known_timings_ratio":0.50,"unheard_of":[1e3,{}]}"#;

fn making(plan: &'static str) -> Server {
    Server::start(move |_, _| Reply::ok(plan))
}

#[test]
fn json_is_one_line_for_the_agent() {
    let server = making(PLAN);
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
    assert_eq!(
        ended.stdout,
        "{\"BUILDKITE_TEST_ENGINE_PLAN_IDENTIFIER\":\"build-1/step-1\",\"BUILDKITE_TEST_ENGINE_PARALLELISM\":\"3\"}\n"
    );
    assert_eq!(server.lines(), "POST /test_plan");
    insta::assert_json_snapshot!(server.asked()[0].json(), @r#"
    {
      "branch": "main",
      "identifier": "build-1/step-1",
      "max_parallelism": 10,
      "parallelism": 2,
      "runner": "jest",
      "target_time": 150.0,
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
fn the_whole_plan_keeps_order_and_numbers() {
    let ended = Bktec::against(&["plan", "--plan-out", "-"], &making(PLAN)).run();
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
      "unheard_of": [
        1e3,
        {}
      ]
    }
    "#);
}

#[test]
fn the_whole_plan_can_go_to_a_file() {
    let (ended, bktec) =
        Bktec::against(&["plan", "--plan-out", "plan.json"], &making(PLAN)).run_and_keep();
    assert_eq!((ended.code, ended.stdout.as_str()), (0, ""), "{ended}");
    assert!(
        bktec
            .read("plan.json")
            .starts_with("{\n  \"parallelism\": 3,\n")
    );
}

#[test]
fn a_file_that_cannot_be_written_is_an_error() {
    let ended = Bktec::against(
        &["plan", "--plan-out", "no/such/folder/plan.json"],
        &making(PLAN),
    )
    .run();
    assert_eq!(ended.code, 16, "{ended}");
    assert!(
        ended.stderr.contains("❌ failed to write the plan: "),
        "{ended}"
    );
    assert!(ended.stderr.contains("no/such/folder/plan.json"), "{ended}");
}

#[rstest]
#[case::without_a_server(None)]
#[case::error_plan(Some(r#"{"identifier":"build-1/step-1","parallelism":2,"tasks":{}}"#))]
#[case::no_nodes_for_tests(Some(r#"{"identifier":"build-1/step-1","parallelism":0,"tasks":{}}"#))]
fn without_a_plan_the_fallbacks_parallelism_is_told(#[case] plan: Option<&'static str>) {
    let server = plan.map(making);
    let base = server.as_ref().map_or_else(nobody, Server::base);
    let told = |arguments: &[&str]| {
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
    let expected = |nodes: &str| {
        format!(
            "{{\"BUILDKITE_TEST_ENGINE_PLAN_IDENTIFIER\":\"build-1/step-1\",\"BUILDKITE_TEST_ENGINE_PARALLELISM\":\"{nodes}\"}}\n"
        )
    };
    assert_eq!(told(&["plan", "--json"]), expected("2"));
    assert_eq!(
        told(&["plan", "--json", "--max-parallelism", "7"]),
        expected("7")
    );
}

#[test]
fn without_an_answer_the_plan_is_minimal() {
    let ended = Bktec::configured(&["plan", "--plan-out", "-"], &nobody()).run();
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
fn an_error_plan_is_written_as_it_is() {
    let server = making(r#"{"identifier":"x","parallelism":2,"tasks":{},"why":"no"}"#);
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
fn a_refusal_stops_it() {
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

const AGENT: &str = r#"echo "$@ $BUILDKITE_TEST_ENGINE_PLAN_IDENTIFIER $BUILDKITE_TEST_ENGINE_PARALLELISM" | tee -a asked; exit ${CODE:-0}"#;

#[test]
fn a_pipeline_is_uploaded_with_the_plans_values() {
    let bktec = Bktec::against(&["plan", "--pipeline-upload", "steps.yml"], &making(PLAN))
        .program("buildkite-agent", AGENT);
    let (ended, bktec) = bktec.run_and_keep();
    assert_eq!((ended.code, ended.stdout.as_str()), (0, ""), "{ended}");
    assert_eq!(
        bktec.read("asked"),
        "pipeline upload steps.yml build-1/step-1 3\n"
    );
}

#[test]
fn an_agent_that_is_killed_fails_the_plan() {
    let ended = Bktec::against(&["plan", "--pipeline-upload", "steps.yml"], &making(PLAN))
        .program("buildkite-agent", "kill -KILL $$")
        .run();
    assert_eq!(ended.code, 137, "{ended}");
}

#[test]
fn without_a_server_the_pipeline_is_uploaded_with_the_fallbacks_nodes() {
    let arguments = [
        "plan",
        "--pipeline-upload",
        "steps.yml",
        "--max-parallelism",
        "7",
    ];
    let (ended, bktec) = Bktec::configured(&arguments, &nobody())
        .program("buildkite-agent", AGENT)
        .run_and_keep();
    assert_eq!((ended.code, ended.stdout.as_str()), (0, ""), "{ended}");
    assert_eq!(
        bktec.read("asked"),
        "pipeline upload steps.yml build-1/step-1 7\n"
    );
}

#[test]
fn variables_bound_the_nodes_as_options_do() {
    let server = making(PLAN);
    let ended = Bktec::against(&["plan", "--json"], &server)
        .env("BUILDKITE_TEST_ENGINE_MAX_PARALLELISM", "10")
        .env("BUILDKITE_TEST_ENGINE_TARGET_TIME", "1.5h")
        .run();
    assert_eq!(ended.code, 0, "{ended}");
    let request = server.asked()[0].json();
    assert_eq!(
        (&request["max_parallelism"], &request["target_time"]),
        (&serde_json::json!(10), &serde_json::json!(5400.0))
    );
}

#[test]
fn the_agents_code_is_given_on() {
    let ended = Bktec::against(&["plan", "--pipeline-upload", "steps.yml"], &making(PLAN))
        .program("buildkite-agent", AGENT)
        .env("CODE", "9")
        .run();
    assert_eq!(ended.code, 9, "{ended}");
}

#[test]
fn a_missing_agent_is_an_error() {
    let ended = Bktec::against(&["plan", "--pipeline-upload", "steps.yml"], &making(PLAN)).run();
    assert_eq!(ended.code, 16, "{ended}");
    assert!(
        ended.stderr.contains("buildkite-agent cannot be started"),
        "{ended}"
    );
}

#[test]
fn a_selection_of_nothing_uploads_nothing() {
    let server = making(r#"{"identifier":"x","parallelism":0,"tasks":{}}"#);
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
    let ended = Bktec::against(&arguments, &server)
        .env("BKTEC_PREVIEW_SELECTION", "true")
        .run();
    assert_eq!(ended.code, 0, "{ended}");
    assert!(ended.stderr.contains("no pipeline is uploaded"), "{ended}");
    let request = server.asked()[0].json();
    assert_eq!(
        (&request["selection"], &request["metadata"]),
        (
            &serde_json::json!({"strategy": "random", "params": {"percent": "0"}}),
            &serde_json::json!({"branch": "main", "build_uuid": "build-1", "note": "a,b\nc=d"})
        )
    );
}

#[test]
fn without_the_preview_nothing_of_it_is_sent() {
    let server = making(PLAN);
    let ended = Bktec::against(&["plan", "--json"], &server)
        .env("BUILDKITE_TEST_ENGINE_SELECTION_STRATEGY", "random")
        .env("BUILDKITE_TEST_ENGINE_COLLECT_GIT_METADATA", "true")
        .env("BUILDKITE_TEST_ENGINE_REMOTE", "upstream")
        .run();
    assert_eq!(ended.code, 0, "{ended}");
    let request = server.asked()[0].json();
    assert_eq!(
        (request.get("selection"), request.get("metadata")),
        (None, None),
        "{request}"
    );
    for option in [
        "--selection-strategy=random",
        "--selection-param=percent=1",
        "--metadata=note=1",
        "--remote=upstream",
        "--collect-git-metadata",
    ] {
        let ended = Bktec::against(&["plan", "--json", option], &server).run();
        assert_eq!((ended.code, ended.stdout.as_str()), (16, ""), "{ended}");
        let name = option.split('=').next().unwrap();
        let told = format!("unexpected argument '{name}' found");
        assert!(ended.stderr.contains(&told), "{ended}");
    }
    assert_eq!(server.asked().len(), 1);
}
