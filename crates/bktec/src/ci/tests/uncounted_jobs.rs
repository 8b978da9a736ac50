//! CIs that do not number parallel jobs.

use super::read;

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
    url: https://github.com/Acme-Corp/app/actions/runs/1658821493/attempts/3 (GITHUB_RUN_ID)
    branch: topic/a (GITHUB_REF_NAME)
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
    url: https://git.example.com/o/r/actions/runs/9/attempts/1 (GITHUB_RUN_ID)
    branch: topic (GITHUB_HEAD_REF)
    retries: 0 (GITHUB_RUN_ATTEMPT)
    key: tests-3-1
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
    let tag = "DRONE=true\nDRONE_BUILD_NUMBER=5\nDRONE_BRANCH=\nDRONE_TAG=v1.2";
    insta::assert_snapshot!(read(tag), @"
    Drone (drone)
    number: 5 (DRONE_BUILD_NUMBER)
    branch: v1.2 (DRONE_TAG)
    tag: v1.2 (DRONE_TAG)
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

/// `CODEBUILD_PUBLIC_BUILD_URL` is set only for projects with public builds, `APPVEYOR_URL` is not
/// documented for the hosted service.
#[test]
fn urls_of_builds_whose_ci_sets_none() {
    let codebuild = read("CODEBUILD_BUILD_ID=app:b1\nAWS_REGION=eu-west-1");
    let url = "url: https://console.aws.amazon.com/codebuild/home?region=eu-west-1#/builds/app:b1/\
        view/new (CODEBUILD_BUILD_ID)";
    assert!(codebuild.contains(url), "{codebuild}");
    let public = read(
        "CODEBUILD_BUILD_ID=app:b1\nAWS_REGION=eu-west-1\nCODEBUILD_PUBLIC_BUILD_URL=https://p/1",
    );
    assert!(
        public.contains("url: https://p/1 (CODEBUILD_PUBLIC_BUILD_URL)"),
        "{public}"
    );
    let appveyor = read(
        "APPVEYOR=True\nAPPVEYOR_ACCOUNT_NAME=Acme\nAPPVEYOR_PROJECT_SLUG=app\n\
         APPVEYOR_BUILD_ID=41",
    );
    let url = "url: https://ci.appveyor.com/project/Acme/app/builds/41 (APPVEYOR_BUILD_ID)";
    assert!(appveyor.contains(url), "{appveyor}");
}

#[test]
fn teamcity() {
    let environment = "TEAMCITY_VERSION=2024.03 (build 156166)\nTEAMCITY_PROJECT_NAME=App\n\
        TEAMCITY_BUILDCONF_NAME=Test\nBUILD_NUMBER=77\n\
        BUILD_URL=https://teamcity.example.com/build/9\nBUILD_VCS_NUMBER=abc\n\
        BRANCH_NAME=refs/heads/topic";
    insta::assert_snapshot!(read(environment), @"
    TeamCity (teamcity)
    number: 77 (BUILD_NUMBER)
    url: https://teamcity.example.com/build/9 (BUILD_URL)
    branch: topic (BRANCH_NAME)
    commit: abc (BUILD_VCS_NUMBER)
    key: App-Test-77
    ");
    // The name is not known then, and without one everything runs.
    let default_branch = read(&environment.replace("refs/heads/topic", "<default>"));
    assert!(!default_branch.contains("branch:"), "{default_branch}");
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

#[test]
fn buddy() {
    let environment = "BUDDY=true\nBUDDY_EXECUTION_BRANCH=main\nBUDDY_EXECUTION_ID=31\n\
        BUDDY_EXECUTION_REVISION=abc\nBUDDY_EXECUTION_REVISION_MESSAGE=Fix\n\
        BUDDY_EXECUTION_URL=https://app.buddy.works/acme/app/pipelines/pipeline/4/execution/31\n\
        BUDDY_PIPELINE_ID=4\nBUDDY_WORKSPACE_DOMAIN=acme";
    insta::assert_snapshot!(read(environment), @"
    Buddy (buddy)
    organization: acme (BUDDY_WORKSPACE_DOMAIN)
    build: 4-31 (BUDDY_PIPELINE_ID)
    number: 31 (BUDDY_EXECUTION_ID)
    url: https://app.buddy.works/acme/app/pipelines/pipeline/4/execution/31 (BUDDY_EXECUTION_URL)
    branch: main (BUDDY_EXECUTION_BRANCH)
    commit: abc (BUDDY_EXECUTION_REVISION)
    message: Fix (BUDDY_EXECUTION_REVISION_MESSAGE)
    key: 4-31
    ");
    let pull_request = "BUDDY=true\nBUDDY_EXECUTION_ID=31\nBUDDY_EXECUTION_BRANCH=main\n\
        BUDDY_EXECUTION_PULL_REQUEST_HEAD_BRANCH=topic";
    insta::assert_snapshot!(read(pull_request), @"
    Buddy (buddy)
    number: 31 (BUDDY_EXECUTION_ID)
    branch: topic (BUDDY_EXECUTION_PULL_REQUEST_HEAD_BRANCH)
    key:
    ");
}

#[test]
fn cirrus() {
    let environment = "CI=true\nCIRRUS_CI=true\nCI_NODE_INDEX=1\nCI_NODE_TOTAL=9\n\
        CIRRUS_BRANCH=pull/7\nCIRRUS_BUILD_ID=5\nCIRRUS_CHANGE_IN_REPO=abc\n\
        CIRRUS_CHANGE_MESSAGE=Fix\nCIRRUS_REPO_OWNER=Acme\nCIRRUS_TASK_ID=6\n\
        CIRRUS_WORKING_DIR=/tmp/cirrus-ci-build";
    insta::assert_snapshot!(read(environment), @"
    Cirrus CI (cirrus_ci)
    organization: acme (CIRRUS_REPO_OWNER)
    build: 5 (CIRRUS_BUILD_ID)
    job: 6 (CIRRUS_TASK_ID)
    url: https://cirrus-ci.com/build/5 (CIRRUS_BUILD_ID)
    branch: pull/7 (CIRRUS_BRANCH)
    commit: abc (CIRRUS_CHANGE_IN_REPO)
    message: Fix (CIRRUS_CHANGE_MESSAGE)
    key: 5
    ");
}

#[test]
fn woodpecker() {
    let environment = "CI=woodpecker\nCI_COMMIT_BRANCH=main\nCI_COMMIT_MESSAGE=Fix\n\
        CI_COMMIT_SHA=abc\nCI_COMMIT_SOURCE_BRANCH=topic\nCI_PIPELINE_NUMBER=8\n\
        CI_PIPELINE_URL=https://ci.example.com/repos/7/pipeline/8\nCI_REPO=Acme/app\n\
        CI_REPO_OWNER=Acme\nCI_WORKSPACE=/woodpecker/src/acme/app";
    insta::assert_snapshot!(read(environment), @"
    Woodpecker (woodpecker)
    organization: acme (CI_REPO_OWNER)
    build: Acme/app-8 (CI_REPO)
    number: 8 (CI_PIPELINE_NUMBER)
    url: https://ci.example.com/repos/7/pipeline/8 (CI_PIPELINE_URL)
    branch: topic (CI_COMMIT_SOURCE_BRANCH)
    commit: abc (CI_COMMIT_SHA)
    message: Fix (CI_COMMIT_MESSAGE)
    key: Acme/app-8
    ");
    assert_eq!(
        read("CI=true\nCI_REPO=Acme/app\nCI_PIPELINE_NUMBER=8"),
        "no CI"
    );
}

#[test]
fn google_cloud_build() {
    let environment = "BRANCH_NAME=main\nBUILD_ID=b-1\nCOMMIT_SHA=abc\n\
        LOCATION=europe-west1\nPROJECT_ID=acme-ci\nREF_NAME=main\nREPO_FULL_NAME=Acme/app";
    let text = read(environment);
    let lines = text.lines();
    let (url, rest): (Vec<_>, Vec<_>) = lines.partition(|line| line.starts_with("url: "));
    assert_eq!(
        url,
        [
            "url: https://console.cloud.google.com/cloud-build/builds;region=europe-west1/b-1?\
          project=acme-ci (BUILD_ID)"
        ]
    );
    insta::assert_snapshot!(rest.join("\n"), @"
    Google Cloud Build (google_cloud_build)
    organization: acme (REPO_FULL_NAME)
    build: b-1 (BUILD_ID)
    branch: main (BRANCH_NAME)
    commit: abc (COMMIT_SHA)
    key: b-1
    ");
    let pull_request = format!("{environment}\n_HEAD_BRANCH=topic");
    assert!(read(&pull_request).contains("branch: topic (_HEAD_BRANCH)"));
    // Other CIs, and people, set one of these.
    assert_eq!(read("BUILD_ID=b-1\nPROJECT_ID=acme-ci"), "no CI");
}
