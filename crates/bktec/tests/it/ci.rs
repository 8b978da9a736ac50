//! Runs on other CIs: the values detected from their variables, and log folding.

use rstest::rstest;

use crate::bktec::{Bktec, wrapped};
use crate::server::{Reply, Request, Server};

const PLAN: &str = r#"{"identifier":"x","parallelism":2,"tasks":{
    "0":{"node_number":0,"tests":[{"value":"a.test.js","format":"selector"}]},
    "1":{"node_number":1,"tests":[{"value":"b.test.js","format":"selector"}]}}}"#;

/// Writes a Jest report and prints the file it was given.
const PASSING: &str = concat!(
    r#"sh -c 'echo "{\"testResults\":[{\"name\":\"$PWD/$0\",\"status\":\"passed\","#,
    r#"\"assertionResults\":[{\"title\":\"t\",\"ancestorTitles\":[],\"status\":\"passed\"}]}]}"#,
    r#"" > result.json; echo "ran $0"' {{testExamples}} {{resultPath}}"#,
);

fn with_plan() -> Server {
    Server::start(|request, _| match request.method.as_str() {
        "GET" => Reply::ok(PLAN),
        _ => Reply::ok("{}"),
    })
}

fn without_plan() -> Server {
    Server::start(|request, _| match request.method.as_str() {
        "GET" => Reply::not_found(),
        _ if request.target.ends_with("/test_plan") => Reply::ok(PLAN),
        _ => Reply::ok("{}"),
    })
}

/// Without the variables of Buildkite.
fn on_other_ci(arguments: &[&str], server: &Server, environment: &[(&str, &str)]) -> Bktec {
    let mut bktec = Bktec::against(arguments, server);
    for name in [
        "BUILDKITE_ORGANIZATION_SLUG",
        "BUILDKITE_BUILD_ID",
        "BUILDKITE_STEP_ID",
        "BUILDKITE_JOB_ID",
        "BUILDKITE_BRANCH",
        "BUILDKITE_PARALLEL_JOB",
        "BUILDKITE_PARALLEL_JOB_COUNT",
    ] {
        bktec = bktec.without(name);
    }
    for (name, value) in environment {
        bktec = bktec.env(name, value);
    }
    bktec
}

const CIRCLECI: &[(&str, &str)] = &[
    ("CIRCLECI", "true"),
    ("CIRCLE_PROJECT_USERNAME", "Acme"),
    ("CIRCLE_WORKFLOW_ID", "w-1"),
    ("CIRCLE_JOB", "test"),
    ("CIRCLE_BUILD_NUM", "7"),
    ("CIRCLE_BRANCH", "topic"),
    ("CIRCLE_SHA1", "abc"),
    ("CIRCLE_NODE_INDEX", "1"),
    ("CIRCLE_NODE_TOTAL", "2"),
];

fn posted_to<'a>(requests: &'a [Request], path_end: &str) -> &'a Request {
    requests
        .iter()
        .find(|request| request.method == "POST" && request.target.ends_with(path_end))
        .unwrap()
}

#[test]
fn uses_and_logs_detected_values() {
    let server = without_plan();
    let ended = on_other_ci(
        &["run", "--upload-results", "--test-command", PASSING],
        &server,
        CIRCLECI,
    )
    .env("BUILDKITE_ANALYTICS_TOKEN", "upload-secret")
    .run();
    assert_eq!(ended.code, 0, "{ended}");
    assert!(ended.stdout.contains("ran b.test.js\n"), "{ended}");
    let line = ended.stderr.lines().next().unwrap();
    insta::assert_snapshot!(wrapped(line), @"
    bktec: detected CircleCI: organization acme (CIRCLE_PROJECT_USERNAME), build w-1
      (CIRCLE_WORKFLOW_ID), step test (CIRCLE_JOB), node 1 of 2 (CIRCLE_NODE_INDEX 1,
      CIRCLE_NODE_TOTAL 2), and branch, commit, number
    ");
    let requests = server.requests();
    assert!(requests[0].target.contains("/organizations/acme/"));
    assert!(requests[0].target.contains("identifier=circleci/w-1/test/"));
    let request = posted_to(&requests, "/test_plan").json();
    assert_eq!(
        (&request["branch"], &request["parallelism"]),
        (&"topic".into(), &2.into())
    );
    let told = posted_to(&requests, "/test_plan_metadata").json();
    assert_eq!(told["env"]["BUILDKITE_BUILD_ID"], "w-1");
    assert_eq!(told["env"]["BUILDKITE_PARALLEL_JOB"], 1);
    let upload = posted_to(&requests, "/v1/uploads");
    let field = |name: &str| upload.field(&format!("run_env[{name}]"));
    assert_eq!(field("CI").as_deref(), Some("circleci"));
    assert_eq!(field("key").as_deref(), Some("w-1-7"));
    assert_eq!(field("branch").as_deref(), Some("topic"));
    assert_eq!(field("commit_sha").as_deref(), Some("abc"));
    assert_eq!(field("number").as_deref(), Some("7"));
}

/// All tests run for a tag, so the server has to know that it is one.
#[test]
fn a_plan_request_names_the_tag_that_is_built() {
    let arguments = ["plan", "--json", "--selection-strategy", "confidence"];
    let metadata = |bktec: &dyn Fn(&Server) -> Bktec| {
        let server = without_plan();
        let ended = bktec(&server).run();
        assert_eq!(ended.code, 0, "{ended}");
        posted_to(&server.requests(), "/test_plan").json()["metadata"].clone()
    };
    let tag = [CIRCLECI, &[("CIRCLE_BRANCH", ""), ("CIRCLE_TAG", "v1.2")]].concat();
    let found = metadata(&|server| on_other_ci(&arguments, server, &tag));
    assert_eq!(
        (&found["git_tag"], &found["branch"]),
        (&"v1.2".into(), &"v1.2".into())
    );
    let found = metadata(&|server| on_other_ci(&arguments, server, CIRCLECI));
    assert_eq!(found.get("git_tag"), None);
    let buildkite = |server: &Server| Bktec::against(&arguments, server).env("BUILDKITE_TAG", "v2");
    assert_eq!(metadata(&buildkite)["git_tag"], "v2");
}

#[test]
fn logs_nothing_on_buildkite() {
    let ended = Bktec::against(&["run"], &with_plan())
        .env("BUILDKITE", "true")
        .env("CIRCLECI", "true")
        .run();
    assert_eq!(ended.stderr, "", "{ended}");
}

#[test]
fn plan_logs_detected_values_to_stderr() {
    let ended = on_other_ci(&["plan", "--json"], &without_plan(), CIRCLECI).run();
    assert_eq!(
        ended.stdout,
        "{\"BUILDKITE_TEST_ENGINE_PLAN_IDENTIFIER\":\"x\",\
         \"BUILDKITE_TEST_ENGINE_PARALLELISM\":\"2\"}\n"
    );
    assert!(
        ended.stderr.starts_with("bktec: detected CircleCI: "),
        "{ended}"
    );
}

#[test]
fn plan_identifier_is_the_run_key_without_a_ci() {
    let server = with_plan();
    let ended = on_other_ci(
        &[
            "run",
            "--upload-results",
            "--organization-slug",
            "acme",
            "--plan-identifier",
            "mine",
            "--parallel-job",
            "0",
            "--parallelism",
            "2",
            "--test-command",
            PASSING,
        ],
        &server,
        &[("BUILDKITE_ANALYTICS_TOKEN", "upload-secret")],
    )
    .run();
    assert_eq!(ended.code, 0, "{ended}");
    let requests = server.requests();
    let upload = posted_to(&requests, "/v1/uploads");
    assert_eq!(upload.field("run_env[CI]").as_deref(), Some("generic"));
    assert_eq!(upload.field("run_env[key]").as_deref(), Some("mine"));
}

#[rstest]
#[case::first("1", false)]
#[case::rerun("2", true)]
fn rerun_requests_the_same_plan_and_stops_if_it_is_gone(
    #[case] attempt: &str,
    #[case] stops: bool,
) {
    let server = without_plan();
    let environment = [
        ("GITHUB_ACTIONS", "true"),
        ("GITHUB_REPOSITORY_OWNER", "acme"),
        ("GITHUB_RUN_ID", "99"),
        ("GITHUB_JOB", "test"),
        ("GITHUB_ACTION", "__run"),
        ("GITHUB_RUN_ATTEMPT", attempt),
        ("BUILDKITE_PARALLEL_JOB", "1"),
        ("BUILDKITE_PARALLEL_JOB_COUNT", "2"),
    ];
    let ended = on_other_ci(&["run"], &server, &environment).run();
    assert_eq!(ended.code == 16, stops, "{ended}");
    assert_eq!(
        ended.stderr.contains("❌ This job is a retry"),
        stops,
        "{ended}"
    );
    let target = &server.requests()[0].target;
    assert!(
        target.contains("identifier=github_actions/99/test/__run/"),
        "{target}"
    );
    let retries = if stops {
        "&job_retry_count=1"
    } else {
        "&job_retry_count=0"
    };
    assert!(target.ends_with(retries), "{target}");
}

#[test]
fn node_index_without_a_count_is_an_error() {
    let server = with_plan();
    let environment: Vec<_> = CIRCLECI
        .iter()
        .copied()
        .filter(|(name, _)| *name != "CIRCLE_NODE_TOTAL")
        .collect();
    let ended = on_other_ci(&["run"], &server, &environment).run();
    insta::assert_snapshot!(ended.wrapped(), @r#"
    exit code: 16
    ----- stdout -----
    ----- stderr -----
    bktec run: invalid configuration:
    CIRCLE_NODE_INDEX was "1", but CircleCI sets no node count: set both
      BUILDKITE_PARALLEL_JOB and BUILDKITE_PARALLEL_JOB_COUNT (or give --parallel-job and
      --parallelism)
    "#);
    assert!(server.requests().is_empty());
}

/// The lines that open and close sections.
fn section_lines(environment: &[(&str, &str)]) -> String {
    let mut bktec = Bktec::against(&["run"], &with_plan()).file("x", "");
    for (name, value) in environment {
        bktec = bktec.env(name, value);
    }
    let ended = bktec.env("BUILDKITE_TEST_ENGINE_TEST_CMD", PASSING).run();
    assert_eq!(ended.code, 0, "{ended}");
    ended
        .stdout
        .lines()
        .filter(|line| {
            ["+++", "::", "##[", "\u{1b}[0Ksection", "====="]
                .iter()
                .any(|start| line.starts_with(start))
        })
        .map(|line| line.replace('\u{1b}', "ESC").replace('\r', "CR"))
        .map(|line| {
            line.split(':')
                .map(|part| {
                    if part.len() == 10 && part.parse::<u64>().is_ok() {
                        "TIME"
                    } else {
                        part
                    }
                })
                .collect::<Vec<_>>()
                .join(":")
        })
        .collect::<Vec<_>>()
        .join("\n")
}

#[test]
fn sections_use_the_syntax_of_the_ci() {
    let marks = "+++ Buildkite Test Engine Client: bktec VERSION\n\
        +++ ========== Buildkite Test Engine Report  ==========";
    assert_eq!(section_lines(&[]), marks);
    assert_eq!(
        section_lines(&[("BUILDKITE", "true"), ("GITHUB_ACTIONS", "true")]),
        marks
    );
    assert_eq!(section_lines(&[("CIRCLECI", "true")]), marks);
    insta::assert_snapshot!(section_lines(&[("GITHUB_ACTIONS", "true")]), @"
    ::group::Buildkite Test Engine Client: bktec VERSION
    ::endgroup::
    ========== Buildkite Test Engine Report  ==========
    ");
    insta::assert_snapshot!(wrapped(&section_lines(&[("GITLAB_CI", "true")])), @"
    ESC[0Ksection_start:TIME:bktec_1_1[collapsed=true]CRESC[0KBuildkite Test Engine Client:
      bktec VERSION
    ESC[0Ksection_end:TIME:bktec_1_1CRESC[0K
    ESC[0Ksection_start:TIME:bktec_3_1CRESC[0K========== Buildkite Test Engine Report
      ==========
    ESC[0Ksection_end:TIME:bktec_3_1CRESC[0K
    ");
    insta::assert_snapshot!(section_lines(&[("TF_BUILD", "True")]), @"
    ##[group]Buildkite Test Engine Client: bktec VERSION
    ##[endgroup]
    ========== Buildkite Test Engine Report  ==========
    ");
}

/// `GITHUB_SHA` of a pull request is a merge commit that no other build has.
#[test]
fn github_pull_requests_are_uploaded_with_their_own_commit() {
    let commit = |event: &str| {
        let server = with_plan();
        let ended = on_other_ci(
            &["run", "--upload-results", "--test-command", PASSING],
            &server,
            &[
                ("GITHUB_ACTIONS", "true"),
                ("GITHUB_RUN_ID", "9"),
                ("GITHUB_JOB", "test"),
                ("GITHUB_ACTION", "__run"),
                ("GITHUB_HEAD_REF", "topic"),
                ("GITHUB_REF", "refs/pull/7/merge"),
                ("GITHUB_SHA", "merge"),
                ("GITHUB_EVENT_PATH", "event.json"),
                ("BUILDKITE_ORGANIZATION_SLUG", "acme"),
                ("BUILDKITE_ANALYTICS_TOKEN", "upload-secret"),
                ("BUILDKITE_PARALLEL_JOB", "0"),
                ("BUILDKITE_PARALLEL_JOB_COUNT", "2"),
            ],
        )
        .file("event.json", event)
        .run();
        assert_eq!(ended.code, 0, "{ended}");
        let requests = server.requests();
        let upload = posted_to(&requests, "/v1/uploads");
        assert_eq!(upload.field("run_env[branch]").as_deref(), Some("topic"));
        upload.field("run_env[commit_sha]").unwrap()
    };
    let event = r#"{"action": "opened", "pull_request": {"number": 7, "head": {"sha": "abc"}}}"#;
    assert_eq!(commit(event), "abc");
    assert_eq!(commit(r#"{"ref": "refs/heads/topic"}"#), "merge");
    assert_eq!(commit("{"), "merge");
}
