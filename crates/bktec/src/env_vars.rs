//! Every environment variable that `bktec` reads or sets.
//!
//! Only `cli` reads the environment. A variable that is set but empty counts as not set. The
//! variable of an option is described by the option's help; the reference pages are generated from
//! both.

macro_rules! variables {
    ($(#[$table_doc:meta])+ $table:ident: $($(#[doc = $doc:literal])* $name:ident;)+) => {
        $($(#[doc = $doc])* pub const $name: &str = stringify!($name);)+

        $(#[$table_doc])+
        pub const $table: &[(&str, &str)] = &[$((stringify!($name), concat!($($doc),*))),+];
    };
}

variables! {
    /// The client's own variables, with a description unless an option has one.
    ALL:
    BUILDKITE_ORGANIZATION_SLUG;
    BUILDKITE_BUILD_ID;
    BUILDKITE_BUILD_NUMBER;
    BUILDKITE_BUILD_URL;
    BUILDKITE_JOB_ID;
    BUILDKITE_PIPELINE_SLUG;
    BUILDKITE_STEP_ID;
    BUILDKITE_BRANCH;
    BUILDKITE_COMMIT;
    BUILDKITE_MESSAGE;
    BUILDKITE_RETRY_COUNT;
    BUILDKITE_PARALLEL_JOB;
    BUILDKITE_PARALLEL_JOB_COUNT;
    BUILDKITE_TEST_ENGINE_API_ACCESS_TOKEN;
    BUILDKITE_ANALYTICS_TOKEN;
    BUILDKITE_TEST_ENGINE_UPLOAD_RESULTS;
    BUILDKITE_TEST_ENGINE_TAGS;
    BUILDKITE_TEST_ENGINE_SUITE_SLUG;
    BUILDKITE_TEST_ENGINE_BASE_URL;
    BUILDKITE_TEST_ENGINE_UPLOAD_BASE_URL;
    BUILDKITE_TEST_ENGINE_UPLOAD_URL;
    BUILDKITE_TEST_ENGINE_UPLOAD_FORMAT;
    BUILDKITE_TEST_ENGINE_UPLOAD_TIMEOUT;
    BUILDKITE_TEST_ENGINE_OIDC;
    BUILDKITE_TEST_ENGINE_OIDC_LIFETIME;
    BUILDKITE_TEST_ENGINE_PROMISE_FAILURE;
    BUILDKITE_TEST_ENGINE_TEST_RUNNER;
    BUILDKITE_TEST_ENGINE_TEST_CMD;
    BUILDKITE_TEST_ENGINE_TEST_FILE_PATTERN;
    BUILDKITE_TEST_ENGINE_TEST_FILE_EXCLUDE_PATTERN;
    BUILDKITE_TEST_ENGINE_RESULT_PATH;
    BUILDKITE_TEST_ENGINE_FILES;
    BUILDKITE_TEST_ENGINE_SELECTOR_FILE;
    BUILDKITE_TEST_ENGINE_SPLIT_BY_EXAMPLE;
    BUILDKITE_TEST_ENGINE_SELECTOR_SPLITTING;
    BUILDKITE_TEST_ENGINE_TAG_FILTERS;
    BUILDKITE_TEST_ENGINE_LOCATION_PREFIX;
    BUILDKITE_ANALYTICS_LOCATION_PREFIX;
    BUILDKITE_TEST_ENGINE_FAIL_ON_NO_TESTS;
    BUILDKITE_TEST_ENGINE_FAIL_ON_MISSING_RESULTS;
    BUILDKITE_TEST_ENGINE_RETRY_COUNT;
    BUILDKITE_TEST_ENGINE_RETRY_CMD;
    BUILDKITE_TEST_ENGINE_DISABLE_RETRY_FOR_MUTED_TEST;
    BUILDKITE_TEST_ENGINE_PLAN_IDENTIFIER;
    BUILDKITE_TEST_ENGINE_MAX_PARALLELISM;
    BUILDKITE_TEST_ENGINE_TARGET_TIME;
    /// Set by `bktec plan --pipeline-upload` for the pipeline: the number of nodes.
    BUILDKITE_TEST_ENGINE_PARALLELISM;
    BUILDKITE_TEST_ENGINE_OUTPUT;
    BUILDKITE_TEST_ENGINE_OUTPUT_FILE;
    BUILDKITE_TEST_ENGINE_DEBUG_ENABLED;
    BUILDKITE_TEST_ENGINE_SELECTION_STRATEGY;
    BUILDKITE_TEST_ENGINE_REMOTE;
    BUILDKITE_TEST_ENGINE_BACKFILL_DAYS;
    BUILDKITE_TEST_ENGINE_BACKFILL_REMOTE;
    BUILDKITE_TEST_ENGINE_BACKFILL_CONCURRENCY;
    BUILDKITE_TEST_ENGINE_SKIP_DIFFS;
    BUILDKITE_TEST_ENGINE_COLLECT_GIT_METADATA;
    /// Turns the preview options on: 1, t, true, y, yes or on.
    BKTEC_PREVIEW_SELECTION;
    /// For this project's own tests, and read only by builds with debug assertions: a factor, at
    /// most 1, for API time limits.
    BKTEC_TEST_BUDGET_SCALE;
    /// Any value turns colors off.
    NO_COLOR;
}

variables! {
    /// Variables set by CIs. Options and the variables above win.
    CI:
    /// Buildkite: set to true. No other CI is detected then.
    BUILDKITE;
    /// GitHub Actions: set to true.
    GITHUB_ACTIONS;
    /// GitHub Actions: ID of the workflow run; the build ID, and part of the build URL.
    GITHUB_RUN_ID;
    /// GitHub Actions: ID of the job in the workflow; part of the step ID.
    GITHUB_JOB;
    /// GitHub Actions: ID of the step; part of the step ID and of the run key.
    GITHUB_ACTION;
    /// GitHub Actions: number of the workflow run; the build number, and part of the run key.
    GITHUB_RUN_NUMBER;
    /// GitHub Actions: attempt of the workflow run, from 1; the retry count plus one, and part of
    /// the run key.
    GITHUB_RUN_ATTEMPT;
    /// GitHub Actions: full ref of the branch or tag; the branch of uploads.
    GITHUB_REF;
    /// GitHub Actions: branch or tag.
    GITHUB_REF_NAME;
    /// GitHub Actions: source branch of a pull request.
    GITHUB_HEAD_REF;
    /// GitHub Actions: commit.
    GITHUB_SHA;
    /// GitHub Actions: owner and name of the repository; part of the build URL.
    GITHUB_REPOSITORY;
    /// GitHub Actions: owner of the repository; the organization.
    GITHUB_REPOSITORY_OWNER;
    /// GitHub Actions: URL of the GitHub server; part of the build URL.
    GITHUB_SERVER_URL;
    /// GitHub Actions: directory of the repository.
    GITHUB_WORKSPACE;
    /// GitHub Actions: file for step outputs, used by `bktec plan --output github`.
    GITHUB_OUTPUT;
    /// CircleCI: set to true.
    CIRCLECI;
    /// CircleCI: ID of the workflow; the build ID, and part of the run key.
    CIRCLE_WORKFLOW_ID;
    /// CircleCI: name of the job; the step ID.
    CIRCLE_JOB;
    /// CircleCI: job ID.
    CIRCLE_WORKFLOW_JOB_ID;
    /// CircleCI: build number, and part of the run key.
    CIRCLE_BUILD_NUM;
    /// CircleCI: branch.
    CIRCLE_BRANCH;
    /// CircleCI: commit.
    CIRCLE_SHA1;
    /// CircleCI: build URL.
    CIRCLE_BUILD_URL;
    /// CircleCI: owner of the repository; the organization.
    CIRCLE_PROJECT_USERNAME;
    /// CircleCI: index of the parallel container, from 0.
    CIRCLE_NODE_INDEX;
    /// CircleCI: number of parallel containers.
    CIRCLE_NODE_TOTAL;
    /// CircleCI: directory of the repository.
    CIRCLE_WORKING_DIRECTORY;
    /// GitLab: set to true.
    GITLAB_CI;
    /// GitLab: ID of the pipeline; the build ID and the run key.
    CI_PIPELINE_ID;
    /// GitLab: name of the job; the step ID, without the ` 2/3` of parallel jobs.
    CI_JOB_NAME;
    /// GitLab: number of the pipeline in its project; the build number.
    CI_PIPELINE_IID;
    /// GitLab: build URL.
    CI_PIPELINE_URL;
    /// GitLab: branch or tag.
    CI_COMMIT_REF_NAME;
    /// GitLab: source branch of a merge request.
    CI_MERGE_REQUEST_SOURCE_BRANCH_NAME;
    /// GitLab: commit.
    CI_COMMIT_SHA;
    /// GitLab: commit message.
    CI_COMMIT_MESSAGE;
    /// GitLab: job ID.
    CI_JOB_ID;
    /// GitLab: top-level group of the project; the organization.
    CI_PROJECT_ROOT_NAMESPACE;
    /// GitLab: index of the parallel job, from 1.
    CI_NODE_INDEX;
    /// GitLab: number of parallel jobs.
    CI_NODE_TOTAL;
    /// GitLab: directory of the repository.
    CI_PROJECT_DIR;
    /// Azure Pipelines: set to True.
    TF_BUILD;
    /// Azure Pipelines: build ID and run key.
    BUILD_BUILDID;
    /// Azure Pipelines: name of the stage; part of the step ID.
    SYSTEM_STAGENAME;
    /// Azure Pipelines: name of the job in the pipeline; part of the step ID.
    SYSTEM_PHASENAME;
    /// Azure Pipelines: attempt of the job, from 1; the retry count plus one.
    SYSTEM_JOBATTEMPT;
    /// Azure Pipelines: index of the parallel job, from 1.
    SYSTEM_JOBPOSITIONINPHASE;
    /// Azure Pipelines: number of parallel jobs.
    SYSTEM_TOTALJOBSINPHASE;
    /// Azure Pipelines: whether the parallel jobs are those of a matrix.
    SYSTEM_PARALLELEXECUTIONTYPE;
    /// Azure Pipelines: build number.
    BUILD_BUILDNUMBER;
    /// Azure Pipelines: branch, prefixed with `refs/heads/`.
    BUILD_SOURCEBRANCH;
    /// Azure Pipelines: source branch of a pull request, prefixed with `refs/heads/`.
    SYSTEM_PULLREQUEST_SOURCEBRANCH;
    /// Azure Pipelines: commit.
    BUILD_SOURCEVERSION;
    /// Azure Pipelines: commit message.
    BUILD_SOURCEVERSIONMESSAGE;
    /// Azure Pipelines: URL of the organization; the organization, and part of the build URL.
    SYSTEM_COLLECTIONURI;
    /// Azure Pipelines: project; part of the build URL.
    SYSTEM_TEAMPROJECT;
    /// Azure Pipelines: job ID.
    SYSTEM_JOBID;
    /// Azure Pipelines: directory of the repository.
    BUILD_SOURCESDIRECTORY;
    /// Travis CI: set to true.
    TRAVIS;
    /// Travis CI: build ID and run key.
    TRAVIS_BUILD_ID;
    /// Travis CI: build number.
    TRAVIS_BUILD_NUMBER;
    /// Travis CI: build URL.
    TRAVIS_BUILD_WEB_URL;
    /// Travis CI: branch; for a pull request, the target branch.
    TRAVIS_BRANCH;
    /// Travis CI: source branch of a pull request.
    TRAVIS_PULL_REQUEST_BRANCH;
    /// Travis CI: commit; for a pull request, the merge commit.
    TRAVIS_COMMIT;
    /// Travis CI: commit of a pull request.
    TRAVIS_PULL_REQUEST_SHA;
    /// Travis CI: commit message.
    TRAVIS_COMMIT_MESSAGE;
    /// Travis CI: job ID.
    TRAVIS_JOB_ID;
    /// Travis CI: owner and name of the repository; the owner is the organization.
    TRAVIS_REPO_SLUG;
    /// Travis CI: directory of the repository.
    TRAVIS_BUILD_DIR;
    /// Bitbucket Pipelines: build number. Bitbucket is detected by it.
    BITBUCKET_BUILD_NUMBER;
    /// Bitbucket Pipelines: ID of the pipeline; the build ID and the run key.
    BITBUCKET_PIPELINE_UUID;
    /// Bitbucket Pipelines: ID of the step; the job ID.
    BITBUCKET_STEP_UUID;
    /// Bitbucket Pipelines: branch.
    BITBUCKET_BRANCH;
    /// Bitbucket Pipelines: commit.
    BITBUCKET_COMMIT;
    /// Bitbucket Pipelines: owner and name of the repository; part of the build URL.
    BITBUCKET_REPO_FULL_NAME;
    /// Bitbucket Pipelines: workspace; the organization.
    BITBUCKET_WORKSPACE;
    /// Bitbucket Pipelines: index of the step in a parallel group, from 0.
    BITBUCKET_PARALLEL_STEP;
    /// Bitbucket Pipelines: number of steps in the parallel group.
    BITBUCKET_PARALLEL_STEP_COUNT;
    /// Bitbucket Pipelines: directory of the repository.
    BITBUCKET_CLONE_DIR;
    /// Semaphore: set to true.
    SEMAPHORE;
    /// Semaphore: ID of the workflow; the build ID and the run key.
    SEMAPHORE_WORKFLOW_ID;
    /// Semaphore: number of the workflow; the build number.
    SEMAPHORE_WORKFLOW_NUMBER;
    /// Semaphore: whether the pipeline is a rebuild; then the retry count is 1.
    SEMAPHORE_PIPELINE_RERUN;
    /// Semaphore: URL of the organization; the organization, and part of the build URL.
    SEMAPHORE_ORGANIZATION_URL;
    /// Semaphore: branch; for a pull request, the target branch.
    SEMAPHORE_GIT_BRANCH;
    /// Semaphore: source branch of a pull request.
    SEMAPHORE_GIT_PR_BRANCH;
    /// Semaphore: commit; for a pull request, the merge commit.
    SEMAPHORE_GIT_SHA;
    /// Semaphore: commit of a pull request.
    SEMAPHORE_GIT_PR_SHA;
    /// Semaphore: job ID.
    SEMAPHORE_JOB_ID;
    /// Semaphore: name of the job; the step ID, without the ` - 2/3` of parallel jobs.
    SEMAPHORE_JOB_NAME;
    /// Semaphore: index of the parallel job, from 1.
    SEMAPHORE_JOB_INDEX;
    /// Semaphore: number of parallel jobs.
    SEMAPHORE_JOB_COUNT;
    /// Semaphore: directory of the repository.
    SEMAPHORE_GIT_DIR;
    /// Drone: set to true.
    DRONE;
    /// Drone: owner and name of the repository; part of the build ID and of the run key.
    DRONE_REPO;
    /// Drone: owner of the repository; the organization.
    DRONE_REPO_OWNER;
    /// Drone: build number; part of the build ID and of the run key.
    DRONE_BUILD_NUMBER;
    /// Drone: build URL.
    DRONE_BUILD_LINK;
    /// Drone: branch; for a pull request, the target branch.
    DRONE_BRANCH;
    /// Drone: source branch of a pull request.
    DRONE_SOURCE_BRANCH;
    /// Drone: commit.
    DRONE_COMMIT_SHA;
    /// Drone: commit message.
    DRONE_COMMIT_MESSAGE;
    /// Drone: directory of the repository.
    DRONE_WORKSPACE;
    /// AppVeyor: set to True.
    APPVEYOR;
    /// AppVeyor: build ID and run key.
    APPVEYOR_BUILD_ID;
    /// AppVeyor: build number.
    APPVEYOR_BUILD_NUMBER;
    /// AppVeyor: job ID.
    APPVEYOR_JOB_ID;
    /// AppVeyor: URL of the AppVeyor server; part of the build URL.
    APPVEYOR_URL;
    /// AppVeyor: account; the organization.
    APPVEYOR_ACCOUNT_NAME;
    /// AppVeyor: project; part of the build URL.
    APPVEYOR_PROJECT_SLUG;
    /// AppVeyor: branch; for a pull request, the target branch.
    APPVEYOR_REPO_BRANCH;
    /// AppVeyor: source branch of a pull request.
    APPVEYOR_PULL_REQUEST_HEAD_REPO_BRANCH;
    /// AppVeyor: commit; for a pull request, the merge commit.
    APPVEYOR_REPO_COMMIT;
    /// AppVeyor: commit of a pull request.
    APPVEYOR_PULL_REQUEST_HEAD_COMMIT;
    /// AppVeyor: commit message.
    APPVEYOR_REPO_COMMIT_MESSAGE;
    /// AppVeyor: directory of the repository.
    APPVEYOR_BUILD_FOLDER;
    /// Codefresh: build ID and run key. Codefresh is detected by it.
    CF_BUILD_ID;
    /// Codefresh: build URL.
    CF_BUILD_URL;
    /// Codefresh: branch.
    CF_BRANCH;
    /// Codefresh: commit.
    CF_REVISION;
    /// Codefresh: commit message.
    CF_COMMIT_MESSAGE;
    /// Codefresh: owner of the repository; the organization.
    CF_REPO_OWNER;
    /// Codefresh: parent directory of the repository.
    CF_VOLUME_PATH;
    /// AWS CodeBuild: build ID and run key, except in a batch. CodeBuild is detected by it.
    CODEBUILD_BUILD_ID;
    /// AWS CodeBuild: name of the build in a batch; builds of a batch share no ID.
    CODEBUILD_BATCH_BUILD_IDENTIFIER;
    /// AWS CodeBuild: build number.
    CODEBUILD_BUILD_NUMBER;
    /// AWS CodeBuild: build URL.
    CODEBUILD_PUBLIC_BUILD_URL;
    /// AWS CodeBuild: branch, prefixed with `refs/heads/`.
    CODEBUILD_WEBHOOK_HEAD_REF;
    /// AWS CodeBuild: commit.
    CODEBUILD_RESOLVED_SOURCE_VERSION;
    /// AWS CodeBuild: directory of the repository.
    CODEBUILD_SRC_DIR;
    /// TeamCity: version. TeamCity is detected by it.
    TEAMCITY_VERSION;
    /// TeamCity: project; part of the run key.
    TEAMCITY_PROJECT_NAME;
    /// TeamCity: build configuration; part of the run key.
    TEAMCITY_BUILDCONF_NAME;
    /// TeamCity: directory of the repository, if the configuration sets it.
    TEAMCITY_BUILD_CHECKOUTDIR;
    /// TeamCity: commit.
    BUILD_VCS_NUMBER;
    /// Jenkins: URL of the Jenkins server. Jenkins is detected by it.
    JENKINS_URL;
    /// Jenkins: name of the job and build number; the build ID and the run key.
    BUILD_TAG;
    /// Jenkins and TeamCity: build number; on TeamCity, part of the run key.
    BUILD_NUMBER;
    /// Jenkins and TeamCity: build URL.
    BUILD_URL;
    /// Jenkins: branch of a multibranch job.
    BRANCH_NAME;
    /// Jenkins: source branch of a pull request in a multibranch job.
    CHANGE_BRANCH;
    /// Jenkins: branch, set by the git plugin.
    GIT_BRANCH;
    /// Jenkins: commit, set by the git plugin.
    GIT_COMMIT;
    /// Jenkins: directory of the repository.
    WORKSPACE;
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    #[test]
    fn variables_are_listed_once() {
        let all = || super::ALL.iter().chain(super::CI);
        let names: BTreeSet<_> = all().map(|(name, _)| name).collect();
        assert_eq!(names.len(), all().count());
    }
}
