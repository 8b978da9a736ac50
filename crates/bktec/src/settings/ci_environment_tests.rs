//! From a CI's variables to the plan that a machine requests and the share it runs.

use std::path::PathBuf;

use rstest::rstest;

use super::RunSettings;
use super::problems::wrapped;
use crate::cli::{self, CiEnvironment};
use crate::env_vars;
use crate::settings::PlanSettings;

/// `environment` holds `NAME=value` pairs.
fn ci_environment(environment: &str, directory: &str) -> CiEnvironment {
    let variables = environment
        .split_whitespace()
        .filter_map(|pair| pair.split_once('='))
        .map(|(name, value)| {
            let known = env_vars::CI.iter().find(|(known, _)| *known == name);
            (known.expect(name).0, value.to_owned())
        })
        .collect();
    CiEnvironment {
        variables,
        directory: PathBuf::from(directory),
    }
}

/// What every run needs besides the CI.
const OPTIONS: &[&str] = &[
    "--suite-slug=web",
    "--access-token=secret",
    "--test-runner=pytest",
    "--organization-slug=acme",
];

fn resolve_in(environment: &str, directory: &str, options: &[&str]) -> Result<RunSettings, String> {
    let arguments = [&["run"], OPTIONS, options].concat();
    let typed = cli::typed_for_tests(&arguments, ci_environment(environment, directory));
    RunSettings::resolve(&typed).map_err(|problems| problems.to_string())
}

fn resolve(environment: &str, options: &[&str]) -> Result<RunSettings, String> {
    resolve_in(environment, "/", options)
}

fn share(settings: &RunSettings) -> (usize, usize) {
    (settings.node, settings.nodes)
}

const NODE_1_OF_4: &[&str] = &["--parallel-job=1", "--parallelism=4"];

/// `template` has the variables of a machine; `<build>`, `<index>`, `<attempt>` and `<rerun>`
/// differ between machines and retries. `first` is the index of the first node, if the CI counts
/// nodes.
#[rstest]
#[case::github_actions(
    "GITHUB_ACTIONS=true GITHUB_RUN_ID=<build> GITHUB_JOB=test GITHUB_ACTION=__run \
     GITHUB_RUN_ATTEMPT=<attempt>",
    None
)]
#[case::gitlab(
    "GITLAB_CI=true CI_PIPELINE_ID=<build> CI_JOB_NAME=test-<index>/4 CI_NODE_INDEX=<index> \
     CI_NODE_TOTAL=4 CI_JOB_ID=<index><attempt>",
    Some(1)
)]
#[case::circleci(
    "CIRCLECI=true CIRCLE_WORKFLOW_ID=<build> CIRCLE_JOB=test CIRCLE_NODE_INDEX=<index> \
     CIRCLE_NODE_TOTAL=4",
    Some(0)
)]
#[case::azure(
    "TF_BUILD=True BUILD_BUILDID=<build> SYSTEM_STAGENAME=s SYSTEM_PHASENAME=t \
     SYSTEM_JOBPOSITIONINPHASE=<index> SYSTEM_TOTALJOBSINPHASE=4 SYSTEM_JOBATTEMPT=<attempt>",
    Some(1)
)]
#[case::semaphore(
    "SEMAPHORE=true SEMAPHORE_WORKFLOW_ID=<build> SEMAPHORE_JOB_NAME=t-<index>/4 \
     SEMAPHORE_JOB_INDEX=<index> SEMAPHORE_JOB_COUNT=4 SEMAPHORE_PIPELINE_RERUN=<rerun>",
    Some(1)
)]
#[case::bitbucket(
    "BITBUCKET_BUILD_NUMBER=<build> BITBUCKET_PIPELINE_UUID={<build>} \
     BITBUCKET_STEP_UUID={<index>}",
    None
)]
#[case::travis("TRAVIS=true TRAVIS_BUILD_ID=<build> TRAVIS_JOB_ID=<index>", None)]
#[case::drone("DRONE=true DRONE_REPO=o/r DRONE_BUILD_NUMBER=<build>", None)]
#[case::appveyor(
    "APPVEYOR=True APPVEYOR_BUILD_ID=<build> APPVEYOR_JOB_ID=<index>",
    None
)]
#[case::codefresh("CF_BUILD_ID=<build>", None)]
#[case::codebuild("CODEBUILD_BUILD_ID=p:<build>", None)]
#[case::jenkins("JENKINS_URL=x BUILD_TAG=jenkins-t-<build>", None)]
#[case::bitrise(
    "BITRISE_IO=true BITRISEIO_PIPELINE_ID=<build> BITRISE_BUILD_SLUG=<index><attempt> \
     BITRISE_IO_PARALLEL_INDEX=<index> BITRISE_IO_PARALLEL_TOTAL=4",
    Some(0)
)]
#[case::buddy("BUDDY=true BUDDY_PIPELINE_ID=1 BUDDY_EXECUTION_ID=<build>", None)]
#[case::cirrus(
    "CIRRUS_CI=true CIRRUS_BUILD_ID=<build> CIRRUS_TASK_ID=<index> CI_NODE_INDEX=<index> \
     CI_NODE_TOTAL=9",
    None
)]
#[case::google_cloud_build("BUILD_ID=<build> LOCATION=l PROJECT_ID=p", None)]
#[case::harness("HARNESS_BUILD_ID=1 DRONE=true HARNESS_EXECUTION_ID=<build>", None)]
#[case::woodpecker("CI=woodpecker CI_REPO=o/r CI_PIPELINE_NUMBER=<build>", None)]
fn nodes_of_a_build_share_a_plan(#[case] template: &str, #[case] first: Option<usize>) {
    let resolved = |build: &str, node: usize, is_rerun: bool| {
        let environment = template
            .replace("<build>", build)
            .replace("<index>", &(first.unwrap_or(0) + node).to_string())
            .replace("<attempt>", if is_rerun { "2" } else { "1" })
            .replace("<rerun>", &is_rerun.to_string());
        let options = if first.is_some() { &[] } else { NODE_1_OF_4 };
        resolve(&environment, options).unwrap()
    };
    let (machine, sibling) = (resolved("9", 0, false), resolved("9", 3, false));
    let (retried, next_build) = (resolved("9", 3, true), resolved("10", 0, false));
    let identifier = |settings: &RunSettings| settings.common.identifier.clone();
    assert_eq!(identifier(&machine), identifier(&sibling));
    assert_eq!(identifier(&sibling), identifier(&retried));
    assert_ne!(identifier(&machine), identifier(&next_build));
    assert_eq!(share(&sibling), share(&retried));
    if first.is_some() {
        assert_eq!(share(&machine), (0, 4));
        assert_eq!(share(&sibling), (3, 4));
    }
    assert!(machine.common.detected.is_some());
    assert!(!machine.common.run.key.is_empty());
}

const GITLAB: &str =
    "GITLAB_CI=true CI_PIPELINE_ID=9 CI_JOB_NAME=test CI_NODE_TOTAL=1 CI_PROJECT_DIR=/b/app";

#[test]
fn different_tests_of_one_build_have_different_plans() {
    let identifier = |directory: &str, options: &[&str]| {
        let settings = resolve_in(GITLAB, directory, options).unwrap();
        settings.common.identifier
    };
    let plain = identifier("/b/app", &[]);
    assert!(plain.starts_with("gitlab/9/test/"), "{plain}");
    for other in [
        identifier("/b/app/web", &[]),
        identifier("/b/app", &["--test-file-pattern=api/**"]),
        identifier(
            "/b/app",
            &[
                "--test-runner=pytest-pants",
                "--test-command=pants test :: -- --junit-xml={{resultPath}}",
            ],
        ),
        identifier("/b/app", &["--step-id=other"]),
    ] {
        assert_ne!(other, plain);
    }
    // Options that decide only how tests are run do not matter.
    let same = identifier(
        "/b/app",
        &["--result-path=out-1.xml", "--test-engine-retry-count=2"],
    );
    assert_eq!(same, plain);
}

/// Identifiers must not change between versions: nodes and retries may run different ones.
#[test]
fn identifiers_are_stable() {
    let options = ["--test-file-pattern=api/**", "--split-by-example"];
    let settings = resolve_in(GITLAB, "/b/app/web", &options).unwrap();
    insta::assert_snapshot!(settings.common.identifier, @"gitlab/9/test/83b337cf");
}

#[test]
fn options_win_over_the_ci() {
    let options = ["--build-id=build-1", "--step-id=step-1", "--branch=mine"];
    let settings = resolve(GITLAB, &[&options, NODE_1_OF_4].concat()).unwrap();
    assert_eq!(settings.common.identifier, "build-1/step-1");
    assert_eq!(share(&settings), (1, 4));
    assert_eq!(settings.common.build.branch, "mine");
    assert_eq!(settings.common.run.key, "build-1");
    assert_eq!(settings.common.run.ci, "gitlab");
}

#[test]
fn on_buildkite_no_other_ci_is_detected() {
    let environment = format!("BUILDKITE=true {GITLAB}");
    let settings = resolve(&environment, &["--build-id=b", "--step-id=s"]).unwrap();
    assert_eq!(settings.common.identifier, "b/s");
    assert_eq!(settings.common.run.ci, "buildkite");
    assert_eq!(settings.common.detected, None);
}

fn problems(environment: &str, index: &str, count: &str) -> String {
    let index = format!("--parallel-job={index}");
    let count = format!("--parallelism={count}");
    let settings = resolve(environment, &["--plan-identifier=x", &index, &count]);
    settings.map_or_else(
        |problems| wrapped(&problems.replace("bktec run: invalid configuration:\n", "")),
        |settings| format!("node {} of {}", settings.node, settings.nodes),
    )
}

#[test]
fn index_and_count_are_needed_together() {
    insta::assert_snapshot!(problems("", "0", ""), @"
    BUILDKITE_PARALLEL_JOB_COUNT must not be blank if BUILDKITE_PARALLEL_JOB is set (0) (or
      give --parallelism)
    ");
    insta::assert_snapshot!(problems("", "", "2"), @"
    BUILDKITE_PARALLEL_JOB must not be blank if BUILDKITE_PARALLEL_JOB_COUNT is 2 (or give
      --parallel-job)
    ");
    assert_eq!(problems("", "", "1"), "node 0 of 1");
    assert_eq!(problems("", "", ""), "node 0 of 1");
    insta::assert_snapshot!(problems("CIRCLECI=true CIRCLE_NODE_INDEX=1", "", ""), @r#"
    CIRCLE_NODE_INDEX was "1", but CircleCI sets no node count: set both
      BUILDKITE_PARALLEL_JOB and BUILDKITE_PARALLEL_JOB_COUNT (or give --parallel-job and
      --parallelism)
    "#);
    insta::assert_snapshot!(problems("CIRCLECI=true CIRCLE_NODE_TOTAL=4", "", ""), @r#"
    CIRCLE_NODE_TOTAL was "4", but CircleCI sets no node index: set both
      BUILDKITE_PARALLEL_JOB and BUILDKITE_PARALLEL_JOB_COUNT (or give --parallel-job and
      --parallelism)
    "#);
    insta::assert_snapshot!(problems("CIRCLECI=true CIRCLE_NODE_TOTAL=4", "2", ""), @r#"
    CIRCLE_NODE_TOTAL was "4", but CircleCI sets no node index: set both
      BUILDKITE_PARALLEL_JOB and BUILDKITE_PARALLEL_JOB_COUNT (or give --parallel-job and
      --parallelism)
    "#);
    insta::assert_snapshot!(problems("GITHUB_ACTIONS=true", "2", ""), @"
    BUILDKITE_PARALLEL_JOB_COUNT must not be blank if BUILDKITE_PARALLEL_JOB is set (2) (or
      give --parallelism)
    ");
    assert_eq!(
        problems("GITLAB_CI=true CI_NODE_TOTAL=1", "", ""),
        "node 0 of 1"
    );
}

#[test]
fn rejects_invalid_numbers_of_the_ci() {
    let gitlab = |index: &str, count: &str| {
        problems(
            &format!("GITLAB_CI=true CI_NODE_INDEX={index} CI_NODE_TOTAL={count}"),
            "",
            "",
        )
    };
    assert_eq!(gitlab("3", "3"), "node 2 of 3");
    insta::assert_snapshot!(gitlab("0", "3"), @r#"
    CI_NODE_INDEX was "0", must be 1 to 3, since CI_NODE_TOTAL is 3 on GitLab (or give both
      --parallel-job and --parallelism)
    "#);
    insta::assert_snapshot!(gitlab("4", "3"), @r#"
    CI_NODE_INDEX was "4", must be 1 to 3, since CI_NODE_TOTAL is 3 on GitLab (or give both
      --parallel-job and --parallelism)
    "#);
    insta::assert_snapshot!(gitlab("x", "3"), @r#"
    CI_NODE_INDEX was "x", must be a whole number on GitLab (or give both --parallel-job and
      --parallelism)
    "#);
    insta::assert_snapshot!(gitlab("1", "0"), @r#"
    CI_NODE_TOTAL was "0", must be 1 to 1000 on GitLab (or give both --parallel-job and
      --parallelism)
    "#);
    insta::assert_snapshot!(gitlab("1", "1001"), @r#"
    CI_NODE_TOTAL was "1001", must be 1 to 1000 on GitLab (or give both --parallel-job and
      --parallelism)
    "#);
}

#[test]
fn options_and_ci_must_agree() {
    let circleci = "CIRCLECI=true CIRCLE_NODE_INDEX=1 CIRCLE_NODE_TOTAL=4";
    assert_eq!(problems(circleci, "", "4"), "node 1 of 4");
    assert_eq!(problems(circleci, "1", ""), "node 1 of 4");
    insta::assert_snapshot!(problems(circleci, "", "8"), @"
    BUILDKITE_PARALLEL_JOB_COUNT was 8, but this is node 1 of 4 (CIRCLE_NODE_INDEX 1,
      CIRCLE_NODE_TOTAL 4) on CircleCI: set both BUILDKITE_PARALLEL_JOB and
      BUILDKITE_PARALLEL_JOB_COUNT
    ");
    insta::assert_snapshot!(problems(circleci, "0", ""), @"
    BUILDKITE_PARALLEL_JOB was 0, but this is node 1 of 4 (CIRCLE_NODE_INDEX 1,
      CIRCLE_NODE_TOTAL 4) on CircleCI: set both BUILDKITE_PARALLEL_JOB and
      BUILDKITE_PARALLEL_JOB_COUNT
    ");
    assert_eq!(problems(circleci, "7", "8"), "node 7 of 8");
}

#[test]
fn jobs_that_may_run_other_tests_need_an_explicit_count() {
    let bitbucket =
        "BITBUCKET_BUILD_NUMBER=1 BITBUCKET_PARALLEL_STEP=2 BITBUCKET_PARALLEL_STEP_COUNT=3";
    insta::assert_snapshot!(problems(bitbucket, "", ""), @"
    BUILDKITE_PARALLEL_JOB_COUNT must not be blank: BITBUCKET_PARALLEL_STEP_COUNT is 3, but
      the steps of a parallel group may do different things. If all 3 run these tests, set it
      to 3 (or give --parallelism 3); otherwise give both --parallel-job and --parallelism
    ");
    assert_eq!(problems(bitbucket, "", "3"), "node 2 of 3");
    assert_eq!(problems(bitbucket, "0", "1"), "node 0 of 1");
    let alone =
        "BITBUCKET_BUILD_NUMBER=1 BITBUCKET_PARALLEL_STEP=0 BITBUCKET_PARALLEL_STEP_COUNT=1";
    assert_eq!(problems(alone, "", ""), "node 0 of 1");
    let harness = "HARNESS_BUILD_ID=1 HARNESS_NODE_INDEX=2 HARNESS_NODE_TOTAL=3";
    assert!(problems(harness, "", "").contains("may also be a matrix of different tests"));
    assert_eq!(problems(harness, "", "3"), "node 2 of 3");
    let azure = "TF_BUILD=True SYSTEM_JOBPOSITIONINPHASE=2 SYSTEM_TOTALJOBSINPHASE=2 \
        SYSTEM_PARALLELEXECUTIONTYPE=MultiConfiguration";
    insta::assert_snapshot!(problems(azure, "", ""), @"
    BUILDKITE_PARALLEL_JOB_COUNT must not be blank: SYSTEM_TOTALJOBSINPHASE is 2, but this
      is a job of a matrix, whose jobs may run different tests. If all 2 run these tests, set
      it to 2 (or give --parallelism 2); otherwise give both --parallel-job and --parallelism
    ");
}

#[test]
fn reports_a_ci_without_a_shared_build_id() {
    let problem = |environment: &str| wrapped(&resolve(environment, &[]).unwrap_err());
    insta::assert_snapshot!(problem("TEAMCITY_VERSION=2024.03 BUILD_NUMBER=7"), @"
    bktec run: invalid configuration:
    BUILDKITE_BUILD_ID must not be blank (or give --plan-identifier, the same on every
      node): TeamCity sets no variable that all nodes of a build share
    ");
    let batch = "CODEBUILD_BUILD_ID=p:1 CODEBUILD_BATCH_BUILD_IDENTIFIER=n2";
    insta::assert_snapshot!(problem(batch), @"
    bktec run: invalid configuration:
    BUILDKITE_BUILD_ID must not be blank (or give --plan-identifier, the same on every
      node): AWS CodeBuild sets no variable that all nodes of a build share
    ");
}

#[test]
fn planner_needs_only_the_count() {
    let plan = |environment: &str, count: &str| {
        let count = format!("--parallelism={count}");
        let own = ["--plan-identifier=x", &count, "--json"];
        let arguments = [&["plan"], OPTIONS, &own].concat();
        let typed = cli::typed_for_tests(&arguments, ci_environment(environment, "/"));
        PlanSettings::resolve(&typed)
            .map(|settings| settings.common.build.parallelism)
            .map_err(|problems| problems.to_string())
    };
    assert_eq!(plan("GITHUB_ACTIONS=true", "5"), Ok(5));
    assert_eq!(plan("GITLAB_CI=true CI_NODE_TOTAL=1", ""), Ok(1));
    assert_eq!(
        plan("CIRCLECI=true CIRCLE_NODE_INDEX=0 CIRCLE_NODE_TOTAL=1", "5"),
        Ok(5)
    );
    assert_eq!(plan("", "5"), Ok(5));
    assert_eq!(plan("", ""), Ok(1));
}
