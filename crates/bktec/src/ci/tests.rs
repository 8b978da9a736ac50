//! Build details of each CI, from environments as in its documentation and logs.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use super::*;
use crate::env_vars;

/// `NAME=value` lines as a map, without unknown names, like `cli` builds it.
fn variables(environment: &str) -> BTreeMap<&'static str, String> {
    environment
        .lines()
        .filter_map(|line| line.trim().split_once('='))
        .filter_map(|(name, value)| {
            let (known, _) = env_vars::CI.iter().find(|(known, _)| *known == name)?;
            Some((*known, value.to_owned()))
        })
        .collect()
}

fn read(environment: &str) -> String {
    let Some(ci) = detect(&variables(environment)) else {
        return "no CI".to_owned();
    };
    let details = &ci.details;
    let mut text = format!("{} ({})", ci.provider.title, ci.provider.name);
    for (name, value) in [
        ("organization", &details.organization),
        ("build", &details.build),
        ("step", &details.step),
        ("job", &details.job),
        ("number", &details.number),
        ("url", &details.url),
        ("branch", &details.branch),
        ("uploaded branch", &details.uploaded_branch),
        ("commit", &details.commit),
        ("message", &details.message),
        ("retries", &details.retry_count),
        ("index", &details.nodes.index),
        ("count", &details.nodes.count),
    ] {
        if let Some(value) = value {
            let _ = write!(text, "\n{name}: {} ({})", value.text, value.from);
        }
    }
    if details.nodes.index.is_some() {
        let _ = write!(text, "\nfirst: {}", details.nodes.first);
    }
    if let Some(uncertainty) = details.nodes.uncertainty {
        let _ = write!(text, "\nuncertainty: {uncertainty}");
    }
    let _ = write!(text, "\nkey: {}", details.key);
    text
}

#[test]
fn names_and_variables_are_unique() {
    let names: BTreeSet<_> = PROVIDERS.iter().map(|provider| provider.name).collect();
    let variables: BTreeSet<_> = PROVIDERS
        .iter()
        .map(|provider| provider.detected_by)
        .collect();
    assert_eq!(names.len(), PROVIDERS.len());
    assert_eq!(variables.len(), PROVIDERS.len());
}

#[test]
fn detects_nothing_without_a_ci_and_on_buildkite() {
    let others = read("BUILD_NUMBER=9\nGIT_BRANCH=main\nTRAVIS=false\nDRONE= ");
    assert_eq!(others, "no CI");
    let buildkite = read("BUILDKITE=true\nJENKINS_URL=https://jenkins/\nBUILD_TAG=t");
    assert_eq!(buildkite, "no CI");
}

#[test]
fn github_actions() {
    let push = "CI=true\nGITHUB_ACTIONS=true\nGITHUB_ACTION=__run_2\nGITHUB_ACTOR=jo\n\
        GITHUB_BASE_REF=\nGITHUB_EVENT_NAME=push\nGITHUB_HEAD_REF=\nGITHUB_JOB=test\n\
        GITHUB_REF=refs/heads/topic/a\nGITHUB_REF_NAME=topic/a\nGITHUB_REF_TYPE=branch\n\
        GITHUB_REPOSITORY=Acme-Corp/app\nGITHUB_REPOSITORY_OWNER=Acme-Corp\n\
        GITHUB_RUN_ATTEMPT=3\nGITHUB_RUN_ID=1658821493\nGITHUB_RUN_NUMBER=31\n\
        GITHUB_SERVER_URL=https://github.com\n\
        GITHUB_SHA=ffac537e6cbbf934b08745a378932722df287a53\nGITHUB_WORKFLOW=CI\n\
        GITHUB_WORKSPACE=/repository\nRUNNER_OS=Linux";
    insta::assert_snapshot!(read(push), @"
    GitHub Actions (github_actions)
    organization: acme-corp (GITHUB_REPOSITORY_OWNER)
    build: 1658821493 (GITHUB_RUN_ID)
    step: test/__run_2 (GITHUB_JOB)
    job: test (GITHUB_JOB)
    number: 31 (GITHUB_RUN_NUMBER)
    url: https://github.com/Acme-Corp/app/actions/runs/1658821493 (GITHUB_RUN_ID)
    branch: topic/a (GITHUB_REF_NAME)
    uploaded branch: refs/heads/topic/a (GITHUB_REF)
    commit: ffac537e6cbbf934b08745a378932722df287a53 (GITHUB_SHA)
    retries: 2 (GITHUB_RUN_ATTEMPT)
    key: __run_2-31-3
    ");
    let pull_request = "GITHUB_ACTIONS=true\nGITHUB_HEAD_REF=topic\n\
        GITHUB_REF=refs/pull/7/merge\nGITHUB_REF_NAME=7/merge\nGITHUB_RUN_ATTEMPT=1\n\
        GITHUB_RUN_ID=9\nGITHUB_REPOSITORY=o/r\nGITHUB_SERVER_URL=https://git.example.com/\n\
        GITHUB_ACTION=tests\nGITHUB_JOB=test\nGITHUB_RUN_NUMBER=3";
    insta::assert_snapshot!(read(pull_request), @"
    GitHub Actions (github_actions)
    build: 9 (GITHUB_RUN_ID)
    step: test/tests (GITHUB_JOB)
    job: test (GITHUB_JOB)
    number: 3 (GITHUB_RUN_NUMBER)
    url: https://git.example.com/o/r/actions/runs/9 (GITHUB_RUN_ID)
    branch: topic (GITHUB_HEAD_REF)
    uploaded branch: refs/pull/7/merge (GITHUB_REF)
    retries: 0 (GITHUB_RUN_ATTEMPT)
    key: tests-3-1
    ");
}

#[test]
fn circleci() {
    let environment = "CI=true\nCIRCLECI=true\nCIRCLE_BRANCH=main\nCIRCLE_BUILD_NUM=7\n\
        CIRCLE_BUILD_URL=https://circleci.com/gh/acme/app/7\nCIRCLE_JOB=test-3.12\n\
        CIRCLE_NODE_INDEX=0\nCIRCLE_NODE_TOTAL=4\n\
        CIRCLE_PIPELINE_ID=5034460f-c7c4-4c43-9457-de07e2029e7b\nCIRCLE_PROJECT_REPONAME=app\n\
        CIRCLE_PROJECT_USERNAME=Acme\nCIRCLE_SHA1=6d7e7a9\nCIRCLE_WORKFLOW_ID=ea8f2a1c\n\
        CIRCLE_WORKFLOW_JOB_ID=b5f4\nCIRCLE_WORKING_DIRECTORY=~/project";
    insta::assert_snapshot!(read(environment), @"
    CircleCI (circleci)
    organization: acme (CIRCLE_PROJECT_USERNAME)
    build: ea8f2a1c (CIRCLE_WORKFLOW_ID)
    step: test-3.12 (CIRCLE_JOB)
    job: b5f4 (CIRCLE_WORKFLOW_JOB_ID)
    number: 7 (CIRCLE_BUILD_NUM)
    url: https://circleci.com/gh/acme/app/7 (CIRCLE_BUILD_URL)
    branch: main (CIRCLE_BRANCH)
    commit: 6d7e7a9 (CIRCLE_SHA1)
    index: 0 (CIRCLE_NODE_INDEX)
    count: 4 (CIRCLE_NODE_TOTAL)
    first: 0
    key: ea8f2a1c-7
    ");
}

#[test]
fn gitlab() {
    let environment = "CI=true\nGITLAB_CI=true\nCI_COMMIT_MESSAGE=Fix it\n\
        CI_COMMIT_REF_NAME=main\nCI_COMMIT_SHA=1ecfd275\nCI_JOB_ID=50\nCI_JOB_NAME=rspec 2/3\n\
        CI_JOB_STAGE=test\nCI_NODE_INDEX=2\nCI_NODE_TOTAL=3\nCI_PIPELINE_ID=1000\n\
        CI_PIPELINE_IID=10\nCI_PIPELINE_URL=https://gitlab.com/acme/app/-/pipelines/1000\n\
        CI_PROJECT_DIR=/builds/acme/app\nCI_PROJECT_ROOT_NAMESPACE=acme";
    insta::assert_snapshot!(read(environment), @"
    GitLab (gitlab)
    organization: acme (CI_PROJECT_ROOT_NAMESPACE)
    build: 1000 (CI_PIPELINE_ID)
    step: rspec (CI_JOB_NAME)
    job: 50 (CI_JOB_ID)
    number: 10 (CI_PIPELINE_IID)
    url: https://gitlab.com/acme/app/-/pipelines/1000 (CI_PIPELINE_URL)
    branch: main (CI_COMMIT_REF_NAME)
    uploaded branch: main (CI_COMMIT_REF_NAME)
    commit: 1ecfd275 (CI_COMMIT_SHA)
    message: Fix it (CI_COMMIT_MESSAGE)
    index: 2 (CI_NODE_INDEX)
    count: 3 (CI_NODE_TOTAL)
    first: 1
    key: 1000
    ");
    let single = "GITLAB_CI=true\nCI_PIPELINE_ID=1000\nCI_JOB_NAME=rspec 2/3\nCI_NODE_TOTAL=1\n\
        CI_COMMIT_REF_NAME=refs/merge-requests/1/head\nCI_MERGE_REQUEST_SOURCE_BRANCH_NAME=topic";
    insta::assert_snapshot!(read(single), @"
    GitLab (gitlab)
    build: 1000 (CI_PIPELINE_ID)
    step: rspec 2/3 (CI_JOB_NAME)
    branch: topic (CI_MERGE_REQUEST_SOURCE_BRANCH_NAME)
    uploaded branch: refs/merge-requests/1/head (CI_COMMIT_REF_NAME)
    count: 1 (CI_NODE_TOTAL)
    key: 1000
    ");
    let matrix = "GITLAB_CI=true\nCI_PIPELINE_ID=1000\nCI_JOB_NAME=rspec: [3.3, pg]\n\
        CI_NODE_INDEX=1\nCI_NODE_TOTAL=6";
    insta::assert_snapshot!(read(matrix), @"
    GitLab (gitlab)
    build: 1000 (CI_PIPELINE_ID)
    index: 1 (CI_NODE_INDEX)
    count: 6 (CI_NODE_TOTAL)
    first: 1
    uncertainty: this is a job of a matrix, whose jobs may run different tests
    key: 1000
    ");
}

#[test]
fn azure_pipelines() {
    let environment = "TF_BUILD=True\nAGENT_JOBNAME=tests 2\nBUILD_BUILDID=12\n\
        BUILD_BUILDNUMBER=20240620.1\nBUILD_SOURCEBRANCH=refs/heads/a/b\n\
        BUILD_SOURCESDIRECTORY=/repository\nBUILD_SOURCEVERSION=abc\n\
        BUILD_SOURCEVERSIONMESSAGE=Fix\nSYSTEM_COLLECTIONURI=https://dev.azure.com/Acme/\n\
        SYSTEM_JOBATTEMPT=2\nSYSTEM_JOBID=j\nSYSTEM_JOBPOSITIONINPHASE=2\n\
        SYSTEM_PHASENAME=tests\nSYSTEM_PARALLELEXECUTIONTYPE=MultiMachine\n\
        SYSTEM_STAGENAME=__default\nSYSTEM_TEAMPROJECT=My project\nSYSTEM_TOTALJOBSINPHASE=5";
    insta::assert_snapshot!(read(environment), @"
    Azure Pipelines (azure_pipelines)
    organization: acme (SYSTEM_COLLECTIONURI)
    build: 12 (BUILD_BUILDID)
    step: __default/tests (SYSTEM_STAGENAME)
    job: j (SYSTEM_JOBID)
    number: 20240620.1 (BUILD_BUILDNUMBER)
    url: https://dev.azure.com/Acme/My%20project/_build/results?buildId=12 (BUILD_BUILDID)
    branch: a/b (BUILD_SOURCEBRANCH)
    uploaded branch: a/b (BUILD_SOURCEBRANCH)
    commit: abc (BUILD_SOURCEVERSION)
    message: Fix (BUILD_SOURCEVERSIONMESSAGE)
    retries: 1 (SYSTEM_JOBATTEMPT)
    index: 2 (SYSTEM_JOBPOSITIONINPHASE)
    count: 5 (SYSTEM_TOTALJOBSINPHASE)
    first: 1
    key: 12
    ");
    let matrix = "TF_BUILD=True\nBUILD_BUILDID=12\nSYSTEM_JOBPOSITIONINPHASE=1\n\
        SYSTEM_TOTALJOBSINPHASE=2\nSYSTEM_PARALLELEXECUTIONTYPE=MultiConfiguration\n\
        BUILD_SOURCEBRANCH=refs/pull/7/merge\nSYSTEM_PULLREQUEST_SOURCEBRANCH=refs/heads/topic";
    insta::assert_snapshot!(read(matrix), @"
    Azure Pipelines (azure_pipelines)
    build: 12 (BUILD_BUILDID)
    branch: topic (SYSTEM_PULLREQUEST_SOURCEBRANCH)
    uploaded branch: refs/pull/7/merge (BUILD_SOURCEBRANCH)
    index: 1 (SYSTEM_JOBPOSITIONINPHASE)
    count: 2 (SYSTEM_TOTALJOBSINPHASE)
    first: 1
    uncertainty: this is a job of a matrix, whose jobs may run different tests
    key: 12
    ");
}

#[test]
fn travis() {
    let environment = "CI=true\nTRAVIS=true\nTRAVIS_BRANCH=main\n\
        TRAVIS_BUILD_DIR=/home/travis/build/acme/app\nTRAVIS_BUILD_ID=8\nTRAVIS_BUILD_NUMBER=2\n\
        TRAVIS_BUILD_WEB_URL=https://app.travis-ci.com/acme/app/builds/8\nTRAVIS_COMMIT=abc\n\
        TRAVIS_COMMIT_MESSAGE=Fix\nTRAVIS_JOB_ID=81\nTRAVIS_JOB_NUMBER=2.1\n\
        TRAVIS_PULL_REQUEST=false\nTRAVIS_PULL_REQUEST_BRANCH=\nTRAVIS_PULL_REQUEST_SHA=\n\
        TRAVIS_REPO_SLUG=Acme/app";
    insta::assert_snapshot!(read(environment), @"
    Travis CI (travis_ci)
    organization: acme (TRAVIS_REPO_SLUG)
    build: 8 (TRAVIS_BUILD_ID)
    job: 81 (TRAVIS_JOB_ID)
    number: 2 (TRAVIS_BUILD_NUMBER)
    url: https://app.travis-ci.com/acme/app/builds/8 (TRAVIS_BUILD_WEB_URL)
    branch: main (TRAVIS_BRANCH)
    commit: abc (TRAVIS_COMMIT)
    message: Fix (TRAVIS_COMMIT_MESSAGE)
    key: 8
    ");
    let pull_request = "TRAVIS=true\nTRAVIS_BRANCH=main\nTRAVIS_PULL_REQUEST_BRANCH=topic\n\
        TRAVIS_COMMIT=merge\nTRAVIS_PULL_REQUEST_SHA=abc";
    insta::assert_snapshot!(read(pull_request), @"
    Travis CI (travis_ci)
    branch: topic (TRAVIS_PULL_REQUEST_BRANCH)
    commit: abc (TRAVIS_PULL_REQUEST_SHA)
    key:
    ");
}

#[test]
fn bitbucket() {
    let environment = "CI=true\nBITBUCKET_BRANCH=main\nBITBUCKET_BUILD_NUMBER=4\n\
        BITBUCKET_CLONE_DIR=/opt/atlassian/pipelines/agent/build\nBITBUCKET_COMMIT=abc\n\
        BITBUCKET_PARALLEL_STEP=0\nBITBUCKET_PARALLEL_STEP_COUNT=3\n\
        BITBUCKET_PIPELINE_UUID={p-1}\nBITBUCKET_REPO_FULL_NAME=acme/app\n\
        BITBUCKET_STEP_UUID={s-1}\nBITBUCKET_WORKSPACE=acme";
    insta::assert_snapshot!(read(environment), @"
    Bitbucket Pipelines (bitbucket)
    organization: acme (BITBUCKET_WORKSPACE)
    build: {p-1} (BITBUCKET_PIPELINE_UUID)
    job: {s-1} (BITBUCKET_STEP_UUID)
    number: 4 (BITBUCKET_BUILD_NUMBER)
    url: https://bitbucket.org/acme/app/pipelines/results/4 (BITBUCKET_BUILD_NUMBER)
    branch: main (BITBUCKET_BRANCH)
    commit: abc (BITBUCKET_COMMIT)
    index: 0 (BITBUCKET_PARALLEL_STEP)
    count: 3 (BITBUCKET_PARALLEL_STEP_COUNT)
    first: 0
    uncertainty: the steps of a parallel group may do different things
    key: {p-1}
    ");
}

#[test]
fn semaphore() {
    let environment = "CI=true\nSEMAPHORE=true\nSEMAPHORE_GIT_BRANCH=main\n\
        SEMAPHORE_GIT_DIR=app\nSEMAPHORE_GIT_PR_BRANCH=topic\nSEMAPHORE_GIT_PR_SHA=\n\
        SEMAPHORE_GIT_SHA=abc\nSEMAPHORE_JOB_COUNT=4\nSEMAPHORE_JOB_ID=j\n\
        SEMAPHORE_JOB_INDEX=4\nSEMAPHORE_JOB_NAME=RSpec - 4/4\n\
        SEMAPHORE_ORGANIZATION_URL=https://acme.semaphoreci.com\nSEMAPHORE_PIPELINE_RERUN=true\n\
        SEMAPHORE_WORKFLOW_ID=w\nSEMAPHORE_WORKFLOW_NUMBER=6";
    insta::assert_snapshot!(read(environment), @"
    Semaphore (semaphore)
    organization: acme (SEMAPHORE_ORGANIZATION_URL)
    build: w (SEMAPHORE_WORKFLOW_ID)
    step: RSpec (SEMAPHORE_JOB_NAME)
    job: j (SEMAPHORE_JOB_ID)
    number: 6 (SEMAPHORE_WORKFLOW_NUMBER)
    url: https://acme.semaphoreci.com/workflows/w (SEMAPHORE_WORKFLOW_ID)
    branch: topic (SEMAPHORE_GIT_PR_BRANCH)
    commit: abc (SEMAPHORE_GIT_SHA)
    retries: 1 (SEMAPHORE_PIPELINE_RERUN)
    index: 4 (SEMAPHORE_JOB_INDEX)
    count: 4 (SEMAPHORE_JOB_COUNT)
    first: 1
    key: w
    ");
    let first = "SEMAPHORE=true\nSEMAPHORE_WORKFLOW_ID=w\nSEMAPHORE_PIPELINE_RERUN=false\n\
        SEMAPHORE_JOB_NAME=RSpec";
    insta::assert_snapshot!(read(first), @"
    Semaphore (semaphore)
    build: w (SEMAPHORE_WORKFLOW_ID)
    step: RSpec (SEMAPHORE_JOB_NAME)
    key: w
    ");
}

#[test]
fn drone() {
    let environment = "CI=true\nDRONE=true\nDRONE_BRANCH=main\n\
        DRONE_BUILD_LINK=https://drone.example.com/acme/app/5\nDRONE_BUILD_NUMBER=5\n\
        DRONE_COMMIT_MESSAGE=Fix\nDRONE_COMMIT_SHA=abc\nDRONE_REPO=Acme/app\n\
        DRONE_REPO_OWNER=Acme\nDRONE_SOURCE_BRANCH=topic\nDRONE_STAGE_NAME=default\n\
        DRONE_STEP_NAME=test-1\nDRONE_WORKSPACE=/drone/src";
    insta::assert_snapshot!(read(environment), @"
    Drone (drone)
    organization: acme (DRONE_REPO_OWNER)
    build: Acme/app-5 (DRONE_REPO)
    number: 5 (DRONE_BUILD_NUMBER)
    url: https://drone.example.com/acme/app/5 (DRONE_BUILD_LINK)
    branch: topic (DRONE_SOURCE_BRANCH)
    commit: abc (DRONE_COMMIT_SHA)
    message: Fix (DRONE_COMMIT_MESSAGE)
    key: Acme/app-5
    ");
    insta::assert_snapshot!(read("DRONE=true\nDRONE_BUILD_NUMBER=5"), @"
    Drone (drone)
    number: 5 (DRONE_BUILD_NUMBER)
    key:
    ");
}

#[test]
fn appveyor() {
    let environment = "CI=True\nAPPVEYOR=True\nAPPVEYOR_ACCOUNT_NAME=Acme\n\
        APPVEYOR_BUILD_FOLDER=/home/appveyor/projects/app\nAPPVEYOR_BUILD_ID=41\n\
        APPVEYOR_BUILD_NUMBER=9\nAPPVEYOR_JOB_ID=j\nAPPVEYOR_JOB_NUMBER=2\n\
        APPVEYOR_PROJECT_SLUG=app\nAPPVEYOR_PULL_REQUEST_HEAD_COMMIT=abc\n\
        APPVEYOR_PULL_REQUEST_HEAD_REPO_BRANCH=topic\nAPPVEYOR_REPO_BRANCH=main\n\
        APPVEYOR_REPO_COMMIT=merge\nAPPVEYOR_REPO_COMMIT_MESSAGE=Fix\n\
        APPVEYOR_URL=https://ci.appveyor.com";
    insta::assert_snapshot!(read(environment), @"
    AppVeyor (appveyor)
    organization: acme (APPVEYOR_ACCOUNT_NAME)
    build: 41 (APPVEYOR_BUILD_ID)
    job: j (APPVEYOR_JOB_ID)
    number: 9 (APPVEYOR_BUILD_NUMBER)
    url: https://ci.appveyor.com/project/Acme/app/builds/41 (APPVEYOR_BUILD_ID)
    branch: topic (APPVEYOR_PULL_REQUEST_HEAD_REPO_BRANCH)
    commit: abc (APPVEYOR_PULL_REQUEST_HEAD_COMMIT)
    message: Fix (APPVEYOR_REPO_COMMIT_MESSAGE)
    key: 41
    ");
}

#[test]
fn codefresh() {
    let environment = "CF_BRANCH=main\nCF_BUILD_ID=64f\n\
        CF_BUILD_URL=https://g.codefresh.io/build/64f\nCF_COMMIT_MESSAGE=Fix\nCF_REPO_NAME=app\n\
        CF_REPO_OWNER=Acme\nCF_REVISION=abc\nCF_VOLUME_PATH=/codefresh/volume";
    insta::assert_snapshot!(read(environment), @"
    Codefresh (codefresh)
    organization: acme (CF_REPO_OWNER)
    build: 64f (CF_BUILD_ID)
    url: https://g.codefresh.io/build/64f (CF_BUILD_URL)
    branch: main (CF_BRANCH)
    commit: abc (CF_REVISION)
    message: Fix (CF_COMMIT_MESSAGE)
    key: 64f
    ");
}

#[test]
fn codebuild() {
    let environment = "CODEBUILD_BUILD_ID=app:b1e6661e\nCODEBUILD_BUILD_NUMBER=12\n\
        CODEBUILD_CI=true\nCODEBUILD_RESOLVED_SOURCE_VERSION=abc\n\
        CODEBUILD_SRC_DIR=/codebuild/output/src1/src\nCODEBUILD_WEBHOOK_HEAD_REF=refs/heads/main";
    insta::assert_snapshot!(read(environment), @"
    AWS CodeBuild (aws_codebuild)
    build: app:b1e6661e (CODEBUILD_BUILD_ID)
    job: app:b1e6661e (CODEBUILD_BUILD_ID)
    number: 12 (CODEBUILD_BUILD_NUMBER)
    branch: main (CODEBUILD_WEBHOOK_HEAD_REF)
    commit: abc (CODEBUILD_RESOLVED_SOURCE_VERSION)
    key: app:b1e6661e
    ");
    let batch = format!("{environment}\nCODEBUILD_BATCH_BUILD_IDENTIFIER=node2");
    insta::assert_snapshot!(read(&batch), @"
    AWS CodeBuild (aws_codebuild)
    job: app:b1e6661e (CODEBUILD_BUILD_ID)
    number: 12 (CODEBUILD_BUILD_NUMBER)
    branch: main (CODEBUILD_WEBHOOK_HEAD_REF)
    commit: abc (CODEBUILD_RESOLVED_SOURCE_VERSION)
    key:
    ");
}

#[test]
fn teamcity() {
    let environment = "TEAMCITY_VERSION=2024.03 (build 156166)\nTEAMCITY_PROJECT_NAME=App\n\
        TEAMCITY_BUILDCONF_NAME=Test\nBUILD_NUMBER=77\n\
        BUILD_URL=https://teamcity.example.com/build/9\nBUILD_VCS_NUMBER=abc";
    insta::assert_snapshot!(read(environment), @"
    TeamCity (teamcity)
    number: 77 (BUILD_NUMBER)
    url: https://teamcity.example.com/build/9 (BUILD_URL)
    commit: abc (BUILD_VCS_NUMBER)
    key: App-Test-77
    ");
}

#[test]
fn jenkins() {
    let environment = "JENKINS_URL=https://jenkins.example.com/\nBRANCH_NAME=main\nBUILD_ID=9\n\
        BUILD_NUMBER=9\nBUILD_TAG=jenkins-app-main-9\n\
        BUILD_URL=https://jenkins.example.com/job/app/9/\nEXECUTOR_NUMBER=1\n\
        GIT_BRANCH=origin/main\nGIT_COMMIT=abc\nJOB_NAME=app/main\n\
        WORKSPACE=/var/jenkins/workspace/app@2";
    insta::assert_snapshot!(read(environment), @"
    Jenkins (jenkins)
    build: jenkins-app-main-9 (BUILD_TAG)
    number: 9 (BUILD_NUMBER)
    url: https://jenkins.example.com/job/app/9/ (BUILD_URL)
    branch: main (BRANCH_NAME)
    commit: abc (GIT_COMMIT)
    key: jenkins-app-main-9
    ");
    insta::assert_snapshot!(read("JENKINS_URL=x\nGIT_BRANCH=origin/topic"), @"
    Jenkins (jenkins)
    branch: topic (GIT_BRANCH)
    key:
    ");
}
