//! `bktec plan --output`: the formats for GitHub Actions, GitLab and CircleCI.

use rstest::rstest;
use serde_json::{Value, json};
use test_engine_testkit::NO_SERVER;

use crate::bktec::Bktec;
use crate::server::{Reply, Server};

const PLAN: &str = r#"{"parallelism":3,"identifier":"a b/$x","tasks":{
    "0":{"tests":[{"value":"a.test.js","format":"selector"}]},"1":{"tests":[]},"2":{"tests":[]}}}"#;
const NO_TESTS: &str = r#"{"identifier":"x","parallelism":0,"tasks":{},
    "skipped_tests":[{"scope":"","name":"t","path":"a.test.js"}]}"#;
const TEMPLATE: &str = ".bktec:\n  script:\n    - bktec run\n";

fn planning(plan: &'static str) -> Server {
    Server::start(move |_, _| Reply::ok(plan))
}

#[test]
fn github_appends_to_the_outputs_of_the_step() {
    let (ended, bktec) = Bktec::against(&["plan", "--output", "github"], &planning(PLAN))
        .file("outputs", "other=1\n")
        .env("GITHUB_OUTPUT", "outputs")
        .run_and_keep();
    assert_eq!((ended.code, ended.stdout.as_str()), (0, ""), "{ended}");
    let outputs = bktec.read("outputs");
    let delimiter = outputs.lines().last().unwrap();
    insta::assert_snapshot!(outputs.replace(delimiter, "DELIMITER"), @r#"
    other=1
    matrix={"node":[0,1,2]}
    parallelism=3
    has-tests=true
    identifier<<DELIMITER
    a b/$x
    DELIMITER
    "#);
}

#[test]
fn github_without_tests() {
    let (ended, bktec) = Bktec::against(
        &["plan", "--output", "github", "--output-file", "out"],
        &planning(NO_TESTS),
    )
    .run_and_keep();
    assert_eq!(ended.code, 0, "{ended}");
    let outputs = bktec.read("out");
    assert!(outputs.contains("\nhas-tests=false\n"), "{outputs}");
    assert!(outputs.contains("matrix={\"node\":[]}\n"), "{outputs}");
}

#[test]
fn gitlab_writes_a_child_pipeline() {
    let arguments = ["plan", "--output", "gitlab", "--job-template", "job.yml"];
    let ended = Bktec::against(&arguments, &planning(PLAN))
        .file("job.yml", TEMPLATE)
        .run();
    assert_eq!(ended.code, 0, "{ended}");
    let pipeline: Value = serde_saphyr::from_str(&ended.stdout).unwrap();
    assert_eq!(
        pipeline,
        json!({
            ".bktec": {"script": ["bktec run"]},
            "bktec": {
                "extends": ".bktec",
                "parallel": 3,
                "variables": {"BUILDKITE_TEST_ENGINE_PLAN_IDENTIFIER": "a b/$$x"},
            },
        })
    );
    let to_file = [&arguments[..], &["--output-file", "child.yml"]].concat();
    let (ended, bktec) = Bktec::against(&to_file, &planning(NO_TESTS))
        .file("job.yml", TEMPLATE)
        .run_and_keep();
    assert_eq!((ended.code, ended.stdout.as_str()), (0, ""), "{ended}");
    let pipeline: Value = serde_saphyr::from_str(&bktec.read("child.yml")).unwrap();
    assert!(pipeline["bktec"]["script"].is_array(), "{pipeline}");
}

#[rstest]
#[case::missing("no-such-file", "failed to read the job template: ")]
#[case::other("other.yml", "other.yml: the job template does not define .bktec")]
fn an_unusable_template_is_reported_before_any_request(
    #[case] template: &str,
    #[case] message: &str,
) {
    let server = planning(PLAN);
    let ended = Bktec::against(
        &["plan", "--output", "gitlab", "--job-template", template],
        &server,
    )
    .file("other.yml", "test:\n  script: x\n")
    .run();
    assert_eq!((ended.code, ended.stdout.as_str()), (16, ""), "{ended}");
    assert!(ended.stderr.contains(message), "{ended}");
    assert!(server.requests().is_empty());
}

#[rstest]
#[case::planned(Some(PLAN), true, 3, "a b/$x")]
#[case::no_tests(Some(NO_TESTS), false, 1, "x")]
#[case::fallback(None, true, 2, "build-1/step-1")]
fn circleci_gets_parameters(
    #[case] plan: Option<&'static str>,
    #[case] has_tests: bool,
    #[case] parallelism: u32,
    #[case] identifier: &str,
) {
    let server = plan.map(planning);
    let base = server
        .as_ref()
        .map_or_else(|| NO_SERVER.to_owned(), Server::base);
    let ended = Bktec::configured(&["plan", "--output", "circleci"], &base).run();
    assert_eq!(ended.code, 0, "{ended}");
    assert_eq!(ended.stdout.lines().count(), 1, "{ended}");
    let read: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(
        read,
        json!({
            "bktec_has_tests": has_tests,
            "bktec_parallelism": parallelism,
            "bktec_plan_identifier": identifier,
        })
    );
}

#[test]
fn rejects_invalid_combinations() {
    let problems = |arguments: &[&str]| {
        let all = [&["plan"], arguments].concat();
        let ended = Bktec::configured(&all, NO_SERVER).run();
        assert_eq!(ended.code, 16, "{ended}");
        ended
            .stderr
            .replace("bktec plan: invalid configuration:\n", "")
    };
    insta::assert_snapshot!(problems(&["--output", "jenkins"]), @r#"
    --output was "jenkins", must be github, gitlab or circleci
    "#);
    insta::assert_snapshot!(problems(&["--output", "github"]), @"
    GITHUB_OUTPUT must not be blank for --output github (or give --output-file)
    ");
    insta::assert_snapshot!(problems(&["--output", "gitlab"]), @"
    --job-template must not be blank for --output gitlab
    ");
    insta::assert_snapshot!(problems(&["--output", "circleci", "--job-template", "x"]), @"
    --job-template requires --output gitlab
    ");
    insta::assert_snapshot!(problems(&["--output", "circleci", "--json"]), @"
    --json and --output cannot be used together
    ");
    insta::assert_snapshot!(problems(&["--json", "--output-file", "x"]), @"
    --output-file requires --output
    ");
}

#[test]
fn every_pipeline_in_the_docs_is_valid_yaml() {
    let page = include_str!("../../../../docs/ci.md");
    let blocks: Vec<&str> = page
        .split("```yaml\n")
        .skip(1)
        .map(|rest| rest.split("```").next().unwrap())
        .collect();
    assert!(blocks.len() > 12, "{}", blocks.len());
    for block in blocks {
        let read: Result<Value, _> = serde_saphyr::from_str(block);
        assert!(read.is_ok_and(|value| value.is_object()), "{block}");
    }
}
