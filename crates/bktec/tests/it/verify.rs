//! `bktec verify` from report files.

use rstest::rstest;
use test_engine_accounting::population_digest;
use test_engine_wire::{
    ExcuseReason, ExcusedTest, NodeReport, NodeState, PlanSource, Population, TargetOutcome,
    TargetReport,
};

use crate::bktec::{Bktec, Ended};

const TARGETS: [&str; 4] = ["a.py", "b.py", "c.py", "d.py"];

const PLAN: &str = r#"{"identifier": "build-1/step-1", "parallelism": 2, "tasks": {
    "0": {"node_number": 0, "tests": [
        {"value": "a.py", "format": "selector", "estimated_duration": 1000, "expected_tests": 3},
        {"value": "c.py", "format": "selector", "estimated_duration": 64000, "expected_tests": 2}]},
    "1": {"node_number": 1, "tests": [
        {"value": "b.py", "format": "selector", "estimated_duration": 1000},
        {"value": "d.py", "format": "selector", "estimated_duration": 2000}]}}}"#;

/// Node `node` of 2, whose share is every second target.
pub(crate) fn report(node: u32) -> NodeReport {
    let share = TARGETS.iter().skip(node as usize).step_by(2);
    NodeReport {
        identifier: "build-1/step-1".to_owned(),
        build_id: "build-1".to_owned(),
        node,
        parallelism: 2,
        job_id: format!("job-{node}"),
        state: NodeState::Finished,
        plan_source: PlanSource::Fallback,
        runner: "pytest".to_owned(),
        population: Population {
            digest: population_digest(TARGETS),
            count: 4,
            ..Population::default()
        },
        targets: share
            .map(|target| ran(target, TargetOutcome::Complete))
            .collect(),
        exit_code: Some(0),
        started_at: "2026-01-01T10:00:00Z".to_owned(),
        finished_at: Some("2026-01-01T10:01:05.5Z".to_owned()),
        ..NodeReport::default()
    }
}

fn ran(target: &str, outcome: TargetOutcome) -> TargetReport {
    TargetReport {
        value: target.to_owned(),
        planned: true,
        tests: 3,
        outcome,
        ..TargetReport::default()
    }
}

fn verifying(arguments: &[&str], reports: &[NodeReport]) -> Bktec {
    let mut bktec = Bktec::bare(&[&["verify", "--reports", "reports"], arguments].concat())
        .env("BUILDKITE_BUILD_ID", "build-1")
        .directory("reports");
    for report in reports {
        let name = format!(
            "reports/bktec-node-{}-{}.json",
            report.node, report.job_retry_count
        );
        bktec = bktec.file(&name, &json(report));
    }
    bktec
}

pub(crate) fn json(report: &NodeReport) -> String {
    serde_json::to_string(report).unwrap()
}

fn verify(arguments: &[&str], reports: &[NodeReport]) -> Ended {
    verifying(arguments, reports).run()
}

#[test]
fn a_complete_build() {
    let ended = verify(&[], &[report(0), report(1)]);
    insta::assert_snapshot!(ended, @"
    exit code: 0
    ----- stdout -----
    +++ Test accounting of build-1/step-1
    ✅ Complete: 4 of 4 targets ran to the end on 2 nodes, with 12 tests

     Node  Plan      Targets  Ran  Estimated  Actual  State
        0  fallback        2    2          –  1m 06s  finished, exit 0
        1  fallback        2    2          –  1m 06s  finished, exit 0
    ----- stderr -----
    ");
}

#[test]
fn an_incomplete_build_lists_what_is_missing() {
    let mut first = report(0);
    first.targets[1] = ran("c.py", TargetOutcome::Incomplete);
    first.targets[1].expected_tests = Some(7);
    first.excused_tests = vec![ExcusedTest {
        scope: "tests.cart".to_owned(),
        name: "test_adds".to_owned(),
        reason: ExcuseReason::Muted,
    }];
    let bktec = verifying(&["--plan-file", "plan.json"], &[first]).file("plan.json", PLAN);
    insta::assert_snapshot!(bktec.run(), @"
    exit code: 1
    ----- stdout -----
    +++ Test accounting of build-1/step-1
    ❌ Incomplete: 1 of 4 targets ran to the end on 2 nodes, with 6 tests

     Node  Plan      Targets  Ran  Estimated  Actual  State
        0  fallback        2    2     1m 05s  1m 06s  finished, exit 0
        1  –               2    0         3s       –  no report

    ❌ No node ran these targets:
      b.py (node 1)
      d.py (node 1)

    ❌ Tests of these targets did not run:
      c.py (node 0): 3 of 7 tests have results

    ⚠️ These nodes sent no report:
      node 1

    Muted tests that failed:
      tests.cart test_adds
    ----- stderr -----
    hint: bktec verify --run-missing runs what is missing on this machine
    ");
}

#[test]
fn markdown_is_appended_to_the_summary_file() {
    let arguments = ["--summary-file", "summary.md"];
    let bktec = verifying(&arguments, &[report(0)]).file("summary.md", "# Earlier step\n\n");
    let (ended, bktec) = bktec.run_and_keep();
    assert_eq!(ended.code, 1, "{ended}");
    insta::assert_snapshot!(bktec.read("summary.md"), @"
    # Earlier step

    ### Test accounting of `build-1/step-1`

    ❌ Incomplete: 2 of 2 targets ran to the end on 2 nodes, with 6 tests

    | Node | Plan     | Targets | Ran | Estimated | Actual | State            |
    |------|----------|---------|-----|-----------|--------|------------------|
    |    0 | fallback |       2 |   2 |         – | 1m 06s | finished, exit 0 |
    |    1 | –        |       0 |   0 |         – |      – | no report        |

    ❌ **These nodes sent no report**

    - node 1, and its share is unknown

    ❌ **These nodes discovered other targets**

    - node 0: 4 targets, and some of them may have run on no node
    ");
    let markdown = verify(&["--output", "markdown"], &[report(0)]);
    assert_eq!(
        bktec.read("summary.md"),
        format!("# Earlier step\n\n{}", markdown.stdout)
    );
}

#[test]
fn json_has_everything() {
    let ended = verify(&["--output", "json"], &[report(0), report(1)]);
    assert_eq!((ended.code, ended.stderr.as_str()), (0, ""), "{ended}");
    let json: serde_json::Value = serde_json::from_str(&ended.stdout).unwrap();
    insta::assert_json_snapshot!(json, @r#"
    {
      "accountings": [
        {
          "groups": [
            {
              "complete_targets": 4,
              "excused_tests": [],
              "failed_tests": 0,
              "failures": [],
              "group": "",
              "nodes": [
                {
                  "estimated_ms": null,
                  "exit_code": 0,
                  "finished_at": "2026-01-01T10:01:05.5Z",
                  "job_id": "job-0",
                  "node": 0,
                  "planned": 2,
                  "ran": 2,
                  "runs_missing_targets": false,
                  "source": "fallback",
                  "started_at": "2026-01-01T10:00:00Z",
                  "state": "finished"
                },
                {
                  "estimated_ms": null,
                  "exit_code": 0,
                  "finished_at": "2026-01-01T10:01:05.5Z",
                  "job_id": "job-1",
                  "node": 1,
                  "planned": 2,
                  "ran": 2,
                  "runs_missing_targets": false,
                  "source": "fallback",
                  "started_at": "2026-01-01T10:00:00Z",
                  "state": "finished"
                }
              ],
              "parallelism": 2,
              "targets": 4,
              "tests": 12,
              "verdict": "complete",
              "warnings": []
            }
          ],
          "identifier": "build-1/step-1",
          "verdict": "complete"
        }
      ],
      "verdict": "complete"
    }
    "#);
}

#[test]
fn each_plan_has_a_verdict_and_the_worst_decides() {
    let mut other = report(0);
    other.identifier = "build-1/step-2".to_owned();
    let verify = |arguments: &[&str]| {
        verifying(arguments, &[report(0), report(1)])
            .file("reports/bktec-node-0-0-step-2.json", &json(&other))
            .run()
    };
    let ended = verify(&[]);
    assert_eq!(ended.code, 1, "{ended}");
    let sections: Vec<&str> = ended
        .stdout
        .lines()
        .filter(|line| line.starts_with("+++") || line.contains(" ran to the end "))
        .collect();
    assert_eq!(
        sections,
        [
            "+++ Test accounting of build-1/step-1",
            "✅ Complete: 4 of 4 targets ran to the end on 2 nodes, with 12 tests",
            "+++ Test accounting of build-1/step-2",
            "❌ Incomplete: 2 of 2 targets ran to the end on 2 nodes, with 6 tests",
        ]
    );
    let ended = verify(&["--plan-identifier", "build-1/step-1"]);
    assert_eq!(ended.code, 0, "{ended}");
}

#[rstest]
#[case(&["--plans", "1"], 0, "")]
#[case(
    &["--plans", "2"], 16,
    "❌ failed to verify the build: 2 plans expected, found build-1/step-1"
)]
#[case(&["--group", "3.12"], 1, "")]
#[case(&["--group", "", "--group", " "], 0, "")]
fn plans_and_groups_that_are_expected_must_have_reported(
    #[case] arguments: &[&str],
    #[case] code: i32,
    #[case] message: &str,
) {
    let ended = verify(arguments, &[report(0), report(1)]);
    assert_eq!(ended.code, code, "{ended}");
    if !message.is_empty() {
        assert_eq!(ended.stderr.lines().next(), Some(message), "{ended}");
    }
}

#[rstest]
#[case::retried_job(|reports: &mut Vec<NodeReport>| {
    reports[1].targets[0].outcome = TargetOutcome::NotRun;
    let mut retry = report(1);
    retry.job_retry_count = 1;
    reports.push(retry);
}, 0)]
#[case::unfinished_job(|reports: &mut Vec<NodeReport>| {
    reports[1].state = NodeState::Started;
}, 1)]
#[case::other_list(|reports: &mut Vec<NodeReport>| {
    reports[1].population.digest = population_digest(["a.py", "b.py", "c.py", "d.py", "e.py"]);
    reports[1].population.count = 5;
}, 1)]
#[case::focus(|reports: &mut Vec<NodeReport>| reports[0].has_focus = true, 1)]
#[case::no_test_ran(|reports: &mut Vec<NodeReport>| {
    for target in reports.iter_mut().flat_map(|report| &mut report.targets) {
        (target.tests, target.outcome) = (0, TargetOutcome::NoResults);
    }
}, 1)]
#[case::failed_tests(|reports: &mut Vec<NodeReport>| reports[0].targets[0].failed = 2, 0)]
fn the_exit_code_says_whether_the_build_is_complete(
    #[case] change: fn(&mut Vec<NodeReport>),
    #[case] code: i32,
) {
    let mut reports = vec![report(0), report(1)];
    change(&mut reports);
    let ended = verify(&[], &reports);
    assert_eq!(ended.code, code, "{ended}");
}

#[rstest]
#[case::empty_directory(&[], "❌ no node reports found: reports")]
#[case::garbage(
    &[("bktec-node-1-0.json", "<html>")],
    "❌ failed to read the node report: DIRECTORY/reports/bktec-node-1-0.json: it is not a JSON \
     object"
)]
#[case::truncated(
    &[("bktec-node-1-0.json", r#"{"identifier": "build-1/step-1", "targ"#)],
    "❌ failed to read the node report: DIRECTORY/reports/bktec-node-1-0.json: EOF while parsing a \
     string at line 1 column 38"
)]
#[case::other_build(
    &[("bktec-node-1-0.json", r#"{"identifier": "p", "build_id": "build-0", "parallelism": 1}"#)],
    "❌ failed to verify build \"build-1\": DIRECTORY/reports/bktec-node-1-0.json is a report of \
     build \"build-0\""
)]
fn reports_that_cannot_be_used_leave_it_unknown(
    #[case] files: &[(&str, &str)],
    #[case] message: &str,
) {
    let mut bktec = verifying(&[], &[]);
    for (name, content) in files {
        bktec = bktec.file(&format!("reports/{name}"), content);
    }
    let ended = bktec.run();
    assert_eq!(ended.code, 16, "{ended}");
    assert_eq!(ended.stderr.lines().next(), Some(message), "{ended}");
}

#[test]
fn a_plan_file_that_cannot_be_used_leaves_it_unknown() {
    for (content, cause) in [
        ("[]", "it is not a JSON object"),
        ("{}", "missing field `tasks`"),
        (
            r#"{"identifier": "other", "tasks": {}}"#,
            "the plan in plan.json is \"other\"",
        ),
    ] {
        let arguments = [
            "--plan-file",
            "plan.json",
            "--plan-identifier",
            "build-1/step-1",
        ];
        let ended = verifying(&arguments, &[report(0)])
            .file("plan.json", content)
            .run();
        assert_eq!(ended.code, 16, "{ended}");
        assert!(ended.stderr.contains(cause), "{ended}");
    }
}

#[test]
fn waiting_ends_when_the_time_is_over() {
    let ended = verify(&["--wait", "150ms"], &[report(0)]);
    assert_eq!(ended.code, 1, "{ended}");
    let empty = verify(&["--wait", "150ms"], &[]);
    assert_eq!(empty.code, 16, "{empty}");
    assert!(empty.stderr.contains("no node reports found"), "{empty}");
}

#[test]
fn settings_of_verify() {
    let ended = Bktec::bare(&[
        "verify",
        "--output",
        "xml",
        "--wait",
        "10",
        "--plan-file",
        "p",
    ])
    .run();
    insta::assert_snapshot!(ended.wrapped(), @r#"
    exit code: 16
    ----- stdout -----
    ----- stderr -----
    bktec verify: invalid configuration:
    --output was "xml", must be text, markdown or json
    BUILDKITE_ORGANIZATION_SLUG must not be blank (or give --organization-slug)
    BUILDKITE_TEST_ENGINE_PLAN_FILE requires --reports
    BUILDKITE_TEST_ENGINE_SUITE_SLUG must not be blank (or give --suite-slug)
    "#);
}
