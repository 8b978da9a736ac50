//! CIs that tell a job its place among parallel jobs.

use super::read;

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
    index: 1 (SYSTEM_JOBPOSITIONINPHASE)
    count: 2 (SYSTEM_TOTALJOBSINPHASE)
    first: 1
    uncertainty: this is a job of a matrix, whose jobs may run different tests
    key: 12
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
fn azure_url_is_built_from_what_the_agent_sets() {
    let url = |environment: &str| {
        let text = read(&format!("TF_BUILD=True\nBUILD_BUILDID=12\n{environment}"));
        let line = text.lines().find(|line| line.starts_with("url: "));
        line.unwrap_or_default().to_owned()
    };
    let server = "SYSTEM_TEAMFOUNDATIONSERVERURI=https://acme.visualstudio.com/";
    assert_eq!(
        url(&format!(
            "{server}\nSYSTEM_TEAMPROJECTID=4d2f\nSYSTEM_TEAMPROJECT=My project"
        )),
        "url: https://acme.visualstudio.com/4d2f/_build/results?buildId=12 (BUILD_BUILDID)"
    );
    let collection = "SYSTEM_TEAMFOUNDATIONCOLLECTIONURI=https://tfs.example.com/tfs/Acme/";
    assert_eq!(
        url(&format!(
            "{server}\n{collection}\nSYSTEM_TEAMPROJECT=Büro #1"
        )),
        "url: https://tfs.example.com/tfs/Acme/B%C3%BCro%20%231/_build/results?buildId=12 \
         (BUILD_BUILDID)"
    );
    assert_eq!(url("SYSTEM_TEAMPROJECT=App"), "");
    let organization = read(&format!("TF_BUILD=True\n{server}"));
    assert!(
        organization.contains("organization: acme (SYSTEM_TEAMFOUNDATIONSERVERURI)"),
        "{organization}"
    );
}

#[test]
fn bitrise() {
    let environment = "CI=true\nBITRISE_IO=true\nBITRISEIO_PIPELINE_ID=p-1\n\
        BITRISE_BUILD_NUMBER=12\nBITRISE_BUILD_SLUG=b-1\n\
        BITRISE_BUILD_URL=https://app.bitrise.io/build/b-1\nBITRISE_GIT_BRANCH=topic\n\
        BITRISE_GIT_COMMIT=abc\nBITRISE_GIT_MESSAGE=Fix\nBITRISE_IO_PARALLEL_INDEX=1\n\
        BITRISE_IO_PARALLEL_TOTAL=4\nBITRISE_SOURCE_DIR=/bitrise/src\n\
        GIT_CLONE_COMMIT_HASH=merge";
    insta::assert_snapshot!(read(environment), @"
    Bitrise (bitrise)
    build: p-1 (BITRISEIO_PIPELINE_ID)
    job: b-1 (BITRISE_BUILD_SLUG)
    number: 12 (BITRISE_BUILD_NUMBER)
    url: https://app.bitrise.io/build/b-1 (BITRISE_BUILD_URL)
    branch: topic (BITRISE_GIT_BRANCH)
    commit: abc (BITRISE_GIT_COMMIT)
    message: Fix (BITRISE_GIT_MESSAGE)
    index: 1 (BITRISE_IO_PARALLEL_INDEX)
    count: 4 (BITRISE_IO_PARALLEL_TOTAL)
    first: 0
    key: p-1
    ");
    let workflow = "BITRISE_IO=true\nBITRISE_BUILD_SLUG=b-1\nGIT_CLONE_COMMIT_HASH=abc";
    insta::assert_snapshot!(read(workflow), @"
    Bitrise (bitrise)
    build: b-1 (BITRISE_BUILD_SLUG)
    job: b-1 (BITRISE_BUILD_SLUG)
    commit: abc (GIT_CLONE_COMMIT_HASH)
    key: b-1
    ");
}

#[test]
fn harness_is_not_drone() {
    let environment = "CI=true\nDRONE=true\nDRONE_BUILD_NUMBER=9\n\
        DRONE_BUILD_LINK=https://app.harness.io/execution/x-1\nDRONE_COMMIT_BRANCH=main\n\
        DRONE_COMMIT_MESSAGE=Fix\nDRONE_COMMIT_SHA=abc\nDRONE_REPO=Acme/app\n\
        DRONE_REPO_OWNER=Acme\nHARNESS_BUILD_ID=9\nHARNESS_EXECUTION_ID=x-1\n\
        HARNESS_NODE_INDEX=0\nHARNESS_NODE_TOTAL=2\nHARNESS_WORKSPACE=/harness";
    insta::assert_snapshot!(read(environment), @"
    Harness (harness)
    organization: acme (DRONE_REPO_OWNER)
    build: x-1 (HARNESS_EXECUTION_ID)
    number: 9 (HARNESS_BUILD_ID)
    url: https://app.harness.io/execution/x-1 (DRONE_BUILD_LINK)
    branch: main (DRONE_COMMIT_BRANCH)
    commit: abc (DRONE_COMMIT_SHA)
    message: Fix (DRONE_COMMIT_MESSAGE)
    index: 0 (HARNESS_NODE_INDEX)
    count: 2 (HARNESS_NODE_TOTAL)
    first: 0
    uncertainty: a looping strategy may also be a matrix of different tests
    key: x-1
    ");
}
