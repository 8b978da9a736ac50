//! Every environment variable that `bktec` reads or sets, once, with what it means.
//!
//! `cli` ties them to flags; nothing else reads the environment. The reference pages are made from
//! the same names. A variable that is set but empty counts as not set.

macro_rules! variables {
    ($(#[$table_doc:meta])+ $table:ident: $($(#[doc = $doc:literal])+ $name:ident;)+) => {
        $($(#[doc = $doc])+ pub const $name: &str = stringify!($name);)+

        $(#[$table_doc])+
        pub const $table: &[(&str, &str)] = &[$((stringify!($name), concat!($($doc),+))),+];
    };
}

variables! {
    /// Every variable of this client with its description, in the order of this file.
    ALL:
    /// The organization's slug.
    BUILDKITE_ORGANIZATION_SLUG;
    /// The build's UUID; with the step's it names the plan, and it is the key of the uploaded run.
    BUILDKITE_BUILD_ID;
    /// The build's number, for uploads.
    BUILDKITE_BUILD_NUMBER;
    /// The build's page, for uploads.
    BUILDKITE_BUILD_URL;
    /// The job's UUID.
    BUILDKITE_JOB_ID;
    /// The pipeline's slug, told with what git knows of the commit.
    BUILDKITE_PIPELINE_SLUG;
    /// The step's UUID.
    BUILDKITE_STEP_ID;
    /// The branch that is built.
    BUILDKITE_BRANCH;
    /// The commit that is built, for uploads.
    BUILDKITE_COMMIT;
    /// The commit's or the build's message, for uploads.
    BUILDKITE_MESSAGE;
    /// How often the CI job was retried.
    BUILDKITE_RETRY_COUNT;
    /// This job's number among the parallel jobs, from 0.
    BUILDKITE_PARALLEL_JOB;
    /// How many parallel jobs there are.
    BUILDKITE_PARALLEL_JOB_COUNT;
    /// The token for the plan API.
    BUILDKITE_TEST_ENGINE_API_ACCESS_TOKEN;
    /// The token for uploads. The runner and its collector see it too.
    BUILDKITE_ANALYTICS_TOKEN;
    /// Whether to upload the result files of a run.
    BUILDKITE_TEST_ENGINE_UPLOAD_RESULTS;
    /// Tags for uploads: `KEY=VALUE`, separated by commas.
    BUILDKITE_TEST_ENGINE_TAGS;
    /// The suite's slug.
    BUILDKITE_TEST_ENGINE_SUITE_SLUG;
    /// Where the plan API is.
    BUILDKITE_TEST_ENGINE_BASE_URL;
    /// Where the upload API is.
    BUILDKITE_TEST_ENGINE_UPLOAD_BASE_URL;
    /// The address that `bktec upload` sends results to, path included.
    BUILDKITE_TEST_ENGINE_UPLOAD_URL;
    /// The format of the files of `bktec upload`.
    BUILDKITE_TEST_ENGINE_UPLOAD_FORMAT;
    /// How long `bktec upload` may take.
    BUILDKITE_TEST_ENGINE_UPLOAD_TIMEOUT;
    /// Whether tokens that are not set are asked of the CI agent.
    BUILDKITE_TEST_ENGINE_OIDC;
    /// How long such a token is good for.
    BUILDKITE_TEST_ENGINE_OIDC_LIFETIME;
    /// Whether to tell the CI early that the job will fail.
    BUILDKITE_TEST_ENGINE_PROMISE_FAILURE;
    /// The test runner's name.
    BUILDKITE_TEST_ENGINE_TEST_RUNNER;
    /// The command that runs tests.
    BUILDKITE_TEST_ENGINE_TEST_CMD;
    /// The glob pattern of test files.
    BUILDKITE_TEST_ENGINE_TEST_FILE_PATTERN;
    /// The glob pattern of files and folders to leave out.
    BUILDKITE_TEST_ENGINE_TEST_FILE_EXCLUDE_PATTERN;
    /// Where the runner writes its results.
    BUILDKITE_TEST_ENGINE_RESULT_PATH;
    /// A file that lists test files, instead of discovery.
    BUILDKITE_TEST_ENGINE_FILES;
    /// A file that lists selectors; wins over the list of files.
    BUILDKITE_TEST_ENGINE_SELECTOR_FILE;
    /// Whether slow files may be split into their examples.
    BUILDKITE_TEST_ENGINE_SPLIT_BY_EXAMPLE;
    /// Whether the plan request names its targets as selectors rather than as files.
    BUILDKITE_TEST_ENGINE_SELECTOR_SPLITTING;
    /// Which tags to run; pytest only.
    BUILDKITE_TEST_ENGINE_TAG_FILTERS;
    /// The folder of the project inside its repository.
    BUILDKITE_TEST_ENGINE_LOCATION_PREFIX;
    /// The same, as collectors name it; read when the other is not set.
    BUILDKITE_ANALYTICS_LOCATION_PREFIX;
    /// Whether a node without tests fails.
    BUILDKITE_TEST_ENGINE_FAIL_ON_NO_TESTS;
    /// Whether a node fails when a file that it was to run left no results.
    BUILDKITE_TEST_ENGINE_FAIL_ON_MISSING_RESULTS;
    /// How often failed tests are retried.
    BUILDKITE_TEST_ENGINE_RETRY_COUNT;
    /// The command that retries failed tests.
    BUILDKITE_TEST_ENGINE_RETRY_CMD;
    /// Whether failed muted tests are left out of retries.
    BUILDKITE_TEST_ENGINE_DISABLE_RETRY_FOR_MUTED_TEST;
    /// What names the plan. `bktec plan` also sets it for the pipeline it uploads.
    BUILDKITE_TEST_ENGINE_PLAN_IDENTIFIER;
    /// How many nodes the server may choose.
    BUILDKITE_TEST_ENGINE_MAX_PARALLELISM;
    /// How long each node should take.
    BUILDKITE_TEST_ENGINE_TARGET_TIME;
    /// Set by `bktec plan` for the pipeline it uploads: the nodes of the plan.
    BUILDKITE_TEST_ENGINE_PARALLELISM;
    /// Whether to write the events of a run: `text` (no) or `json`.
    BUILDKITE_TEST_ENGINE_OUTPUT;
    /// The file for the events of a run, instead of stderr.
    BUILDKITE_TEST_ENGINE_OUTPUT_FILE;
    /// Whether to print more about what is done.
    BUILDKITE_TEST_ENGINE_DEBUG_ENABLED;
    /// Preview: which part of the tests to choose.
    BUILDKITE_TEST_ENGINE_SELECTION_STRATEGY;
    /// Preview: the git remote to compare with.
    BUILDKITE_TEST_ENGINE_REMOTE;
    /// How many days of history to collect for test selection.
    BUILDKITE_TEST_ENGINE_BACKFILL_DAYS;
    /// The git remote to collect from; read when `BUILDKITE_TEST_ENGINE_REMOTE` is not set.
    BUILDKITE_TEST_ENGINE_BACKFILL_REMOTE;
    /// How many git processes may make diffs at once.
    BUILDKITE_TEST_ENGINE_BACKFILL_CONCURRENCY;
    /// Whether the collected history is to hold no patches.
    BUILDKITE_TEST_ENGINE_SKIP_DIFFS;
    /// Preview: whether to send what git knows of the commit.
    BUILDKITE_TEST_ENGINE_COLLECT_GIT_METADATA;
    /// Whether the preview options exist.
    BKTEC_PREVIEW_SELECTION;
    /// For this project's own tests, and read by builds with debug assertions only: a factor, at
    /// most 1, for the time that API requests may take.
    BKTEC_TEST_BUDGET_SCALE;
    /// Set to anything, it turns colours off.
    NO_COLOR;
}

variables! {
    /// What CIs say about a build; options and the variables above win.
    CI:
    /// Set by Buildkite. Where it is, no other CI is looked for.
    BUILDKITE;
    /// GitHub Actions runs this.
    GITHUB_ACTIONS;
    /// GitHub Actions: the workflow run: the build, and its page.
    GITHUB_RUN_ID;
    /// GitHub Actions: the job's id in the workflow: part of the step.
    GITHUB_JOB;
    /// GitHub Actions: the step; with the run's number and attempt it is the key of the run.
    GITHUB_ACTION;
    /// GitHub Actions: the workflow run's number.
    GITHUB_RUN_NUMBER;
    /// GitHub Actions: how often the workflow run was started; one more than the job's retries.
    GITHUB_RUN_ATTEMPT;
    /// GitHub Actions: the branch or tag, with `refs/` in front, for uploads.
    GITHUB_REF;
    /// GitHub Actions: the branch or tag.
    GITHUB_REF_NAME;
    /// GitHub Actions: the branch of a pull request.
    GITHUB_HEAD_REF;
    /// GitHub Actions: the commit.
    GITHUB_SHA;
    /// GitHub Actions: owner and name of the repository, for the run's page.
    GITHUB_REPOSITORY;
    /// GitHub Actions: the owner: the organization.
    GITHUB_REPOSITORY_OWNER;
    /// GitHub Actions: where GitHub is, for the run's page.
    GITHUB_SERVER_URL;
    /// GitHub Actions: the repository's folder.
    GITHUB_WORKSPACE;
    /// GitHub Actions: the file that takes the outputs of a step, for `bktec plan --output github`.
    GITHUB_OUTPUT;
    /// CircleCI runs this.
    CIRCLECI;
    /// CircleCI: the workflow: the build; with the build's number it is the key of the run.
    CIRCLE_WORKFLOW_ID;
    /// CircleCI: the job's name: the step.
    CIRCLE_JOB;
    /// CircleCI: the job.
    CIRCLE_WORKFLOW_JOB_ID;
    /// CircleCI: the build's number.
    CIRCLE_BUILD_NUM;
    /// CircleCI: the branch.
    CIRCLE_BRANCH;
    /// CircleCI: the commit.
    CIRCLE_SHA1;
    /// CircleCI: the build's page.
    CIRCLE_BUILD_URL;
    /// CircleCI: the repository's owner: the organization.
    CIRCLE_PROJECT_USERNAME;
    /// CircleCI: which of the parallel containers this is, from 0.
    CIRCLE_NODE_INDEX;
    /// CircleCI: how many parallel containers there are.
    CIRCLE_NODE_TOTAL;
    /// CircleCI: the repository's folder.
    CIRCLE_WORKING_DIRECTORY;
    /// GitLab runs this.
    GITLAB_CI;
    /// GitLab: the pipeline: the build, and the key of the run.
    CI_PIPELINE_ID;
    /// GitLab: the job's name: the step, without the ` 2/3` of parallel jobs.
    CI_JOB_NAME;
    /// GitLab: the pipeline's number in its project.
    CI_PIPELINE_IID;
    /// GitLab: the pipeline's page.
    CI_PIPELINE_URL;
    /// GitLab: the branch or tag.
    CI_COMMIT_REF_NAME;
    /// GitLab: the branch of a merge request.
    CI_MERGE_REQUEST_SOURCE_BRANCH_NAME;
    /// GitLab: the commit.
    CI_COMMIT_SHA;
    /// GitLab: the commit's message.
    CI_COMMIT_MESSAGE;
    /// GitLab: the job.
    CI_JOB_ID;
    /// GitLab: the uppermost group of the project: the organization.
    CI_PROJECT_ROOT_NAMESPACE;
    /// GitLab: which of the parallel jobs this is, from 1.
    CI_NODE_INDEX;
    /// GitLab: how many parallel jobs there are.
    CI_NODE_TOTAL;
    /// GitLab: the repository's folder.
    CI_PROJECT_DIR;
    /// Azure Pipelines runs this.
    TF_BUILD;
    /// Azure Pipelines: the build, and the key of the run.
    BUILD_BUILDID;
    /// Azure Pipelines: the stage: part of the step.
    SYSTEM_STAGENAME;
    /// Azure Pipelines: the job's name in the pipeline: part of the step.
    SYSTEM_PHASENAME;
    /// Azure Pipelines: how often the job was started; one more than its retries.
    SYSTEM_JOBATTEMPT;
    /// Azure Pipelines: which of the parallel jobs this is, from 1.
    SYSTEM_JOBPOSITIONINPHASE;
    /// Azure Pipelines: how many parallel jobs there are.
    SYSTEM_TOTALJOBSINPHASE;
    /// Azure Pipelines: whether the parallel jobs are those of a matrix.
    SYSTEM_PARALLELEXECUTIONTYPE;
    /// Azure Pipelines: the build's number.
    BUILD_BUILDNUMBER;
    /// Azure Pipelines: the branch, with `refs/heads/` in front.
    BUILD_SOURCEBRANCH;
    /// Azure Pipelines: the branch of a pull request, with `refs/heads/` in front.
    SYSTEM_PULLREQUEST_SOURCEBRANCH;
    /// Azure Pipelines: the commit.
    BUILD_SOURCEVERSION;
    /// Azure Pipelines: the commit's message.
    BUILD_SOURCEVERSIONMESSAGE;
    /// Azure Pipelines: the organization's address, for the organization and the build's page.
    SYSTEM_COLLECTIONURI;
    /// Azure Pipelines: the project, for the build's page.
    SYSTEM_TEAMPROJECT;
    /// Azure Pipelines: the job.
    SYSTEM_JOBID;
    /// Azure Pipelines: the repository's folder.
    BUILD_SOURCESDIRECTORY;
    /// Travis CI runs this.
    TRAVIS;
    /// Travis CI: the build, and the key of the run.
    TRAVIS_BUILD_ID;
    /// Travis CI: the build's number.
    TRAVIS_BUILD_NUMBER;
    /// Travis CI: the build's page.
    TRAVIS_BUILD_WEB_URL;
    /// Travis CI: the branch, of a pull request the one it is to be merged into.
    TRAVIS_BRANCH;
    /// Travis CI: the branch of a pull request.
    TRAVIS_PULL_REQUEST_BRANCH;
    /// Travis CI: the commit, of a pull request the merge.
    TRAVIS_COMMIT;
    /// Travis CI: the commit of a pull request.
    TRAVIS_PULL_REQUEST_SHA;
    /// Travis CI: the commit's message.
    TRAVIS_COMMIT_MESSAGE;
    /// Travis CI: the job.
    TRAVIS_JOB_ID;
    /// Travis CI: owner and name of the repository, for the organization.
    TRAVIS_REPO_SLUG;
    /// Travis CI: the repository's folder.
    TRAVIS_BUILD_DIR;
    /// Bitbucket Pipelines: the build's number. Where it is set, Bitbucket runs this.
    BITBUCKET_BUILD_NUMBER;
    /// Bitbucket Pipelines: the pipeline: the build, and the key of the run.
    BITBUCKET_PIPELINE_UUID;
    /// Bitbucket Pipelines: the step, as the job.
    BITBUCKET_STEP_UUID;
    /// Bitbucket Pipelines: the branch.
    BITBUCKET_BRANCH;
    /// Bitbucket Pipelines: the commit.
    BITBUCKET_COMMIT;
    /// Bitbucket Pipelines: owner and name of the repository, for the build's page.
    BITBUCKET_REPO_FULL_NAME;
    /// Bitbucket Pipelines: the workspace: the organization.
    BITBUCKET_WORKSPACE;
    /// Bitbucket Pipelines: which step of a parallel group this is, from 0.
    BITBUCKET_PARALLEL_STEP;
    /// Bitbucket Pipelines: how many steps the parallel group has.
    BITBUCKET_PARALLEL_STEP_COUNT;
    /// Bitbucket Pipelines: the repository's folder.
    BITBUCKET_CLONE_DIR;
    /// Semaphore runs this.
    SEMAPHORE;
    /// Semaphore: the workflow: the build, and the key of the run.
    SEMAPHORE_WORKFLOW_ID;
    /// Semaphore: the workflow's number.
    SEMAPHORE_WORKFLOW_NUMBER;
    /// Semaphore: whether the pipeline is rebuilt.
    SEMAPHORE_PIPELINE_RERUN;
    /// Semaphore: the organization's address, for the organization and the workflow's page.
    SEMAPHORE_ORGANIZATION_URL;
    /// Semaphore: the branch, of a pull request the one it is to be merged into.
    SEMAPHORE_GIT_BRANCH;
    /// Semaphore: the branch of a pull request.
    SEMAPHORE_GIT_PR_BRANCH;
    /// Semaphore: the commit, of a pull request the merge.
    SEMAPHORE_GIT_SHA;
    /// Semaphore: the commit of a pull request.
    SEMAPHORE_GIT_PR_SHA;
    /// Semaphore: the job.
    SEMAPHORE_JOB_ID;
    /// Semaphore: the job's name: the step, without the ` - 2/3` of parallel jobs.
    SEMAPHORE_JOB_NAME;
    /// Semaphore: which of the parallel jobs this is, from 1.
    SEMAPHORE_JOB_INDEX;
    /// Semaphore: how many parallel jobs there are.
    SEMAPHORE_JOB_COUNT;
    /// Semaphore: the repository's folder.
    SEMAPHORE_GIT_DIR;
    /// Drone runs this.
    DRONE;
    /// Drone: owner and name of the repository; with the build's number it is the build and the key
    /// of the run.
    DRONE_REPO;
    /// Drone: the repository's owner: the organization.
    DRONE_REPO_OWNER;
    /// Drone: the build's number.
    DRONE_BUILD_NUMBER;
    /// Drone: the build's page.
    DRONE_BUILD_LINK;
    /// Drone: the branch, of a pull request the one it is to be merged into.
    DRONE_BRANCH;
    /// Drone: the branch of a pull request.
    DRONE_SOURCE_BRANCH;
    /// Drone: the commit.
    DRONE_COMMIT_SHA;
    /// Drone: the commit's message.
    DRONE_COMMIT_MESSAGE;
    /// Drone: the repository's folder.
    DRONE_WORKSPACE;
    /// AppVeyor runs this.
    APPVEYOR;
    /// AppVeyor: the build, and the key of the run.
    APPVEYOR_BUILD_ID;
    /// AppVeyor: the build's number.
    APPVEYOR_BUILD_NUMBER;
    /// AppVeyor: the job.
    APPVEYOR_JOB_ID;
    /// AppVeyor: its address, for the build's page.
    APPVEYOR_URL;
    /// AppVeyor: the account: the organization.
    APPVEYOR_ACCOUNT_NAME;
    /// AppVeyor: the project, for the build's page.
    APPVEYOR_PROJECT_SLUG;
    /// AppVeyor: the branch, of a pull request the one it is to be merged into.
    APPVEYOR_REPO_BRANCH;
    /// AppVeyor: the branch of a pull request.
    APPVEYOR_PULL_REQUEST_HEAD_REPO_BRANCH;
    /// AppVeyor: the commit, of a pull request the merge.
    APPVEYOR_REPO_COMMIT;
    /// AppVeyor: the commit of a pull request.
    APPVEYOR_PULL_REQUEST_HEAD_COMMIT;
    /// AppVeyor: the commit's message.
    APPVEYOR_REPO_COMMIT_MESSAGE;
    /// AppVeyor: the repository's folder.
    APPVEYOR_BUILD_FOLDER;
    /// Codefresh: the build, and the key of the run. Where it is set, Codefresh runs this.
    CF_BUILD_ID;
    /// Codefresh: the build's page.
    CF_BUILD_URL;
    /// Codefresh: the branch.
    CF_BRANCH;
    /// Codefresh: the commit.
    CF_REVISION;
    /// Codefresh: the commit's message.
    CF_COMMIT_MESSAGE;
    /// Codefresh: the repository's owner: the organization.
    CF_REPO_OWNER;
    /// Codefresh: the folder that holds the repository's.
    CF_VOLUME_PATH;
    /// AWS CodeBuild: the build, and the key of the run, outside of batches. Where it is set,
    /// CodeBuild runs this.
    CODEBUILD_BUILD_ID;
    /// AWS CodeBuild: which build of a batch this is; builds of a batch have no name in common.
    CODEBUILD_BATCH_BUILD_IDENTIFIER;
    /// AWS CodeBuild: the build's number.
    CODEBUILD_BUILD_NUMBER;
    /// AWS CodeBuild: the build's page.
    CODEBUILD_PUBLIC_BUILD_URL;
    /// AWS CodeBuild: the branch, with `refs/heads/` in front.
    CODEBUILD_WEBHOOK_HEAD_REF;
    /// AWS CodeBuild: the commit.
    CODEBUILD_RESOLVED_SOURCE_VERSION;
    /// AWS CodeBuild: the repository's folder.
    CODEBUILD_SRC_DIR;
    /// TeamCity runs this.
    TEAMCITY_VERSION;
    /// TeamCity: the project; with the configuration and the build's number it is the key of the run.
    TEAMCITY_PROJECT_NAME;
    /// TeamCity: the build configuration.
    TEAMCITY_BUILDCONF_NAME;
    /// TeamCity: the repository's folder, where the configuration sets it.
    TEAMCITY_BUILD_CHECKOUTDIR;
    /// TeamCity: the commit.
    BUILD_VCS_NUMBER;
    /// Jenkins: its address. Where it is set, Jenkins runs this.
    JENKINS_URL;
    /// Jenkins: the job and the build's number: the build, and the key of the run.
    BUILD_TAG;
    /// Jenkins and TeamCity: the build's number.
    BUILD_NUMBER;
    /// Jenkins and TeamCity: the build's page.
    BUILD_URL;
    /// Jenkins: the branch of a multibranch job.
    BRANCH_NAME;
    /// Jenkins: the branch of a pull request of a multibranch job.
    CHANGE_BRANCH;
    /// Jenkins: the branch, from its git plugin.
    GIT_BRANCH;
    /// Jenkins: the commit, from its git plugin.
    GIT_COMMIT;
    /// Jenkins: the repository's folder.
    WORKSPACE;
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    #[test]
    fn every_variable_is_there_once_and_described() {
        let all = || super::ALL.iter().chain(super::CI);
        let names: BTreeSet<_> = all().map(|(name, _)| name).collect();
        assert_eq!(names.len(), all().count());
        for (name, description) in all() {
            assert!(!description.trim().is_empty(), "{name}");
        }
    }
}
