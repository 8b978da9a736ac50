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
    /// What other CIs say about a build; only `bktec upload` reads it.
    OTHER_CI:
    /// CircleCI runs this.
    CIRCLECI;
    /// CircleCI: the workflow; with the build's number it is the key of the run.
    CIRCLE_WORKFLOW_ID;
    /// CircleCI: the build's number.
    CIRCLE_BUILD_NUM;
    /// CircleCI: the branch.
    CIRCLE_BRANCH;
    /// CircleCI: the commit.
    CIRCLE_SHA1;
    /// CircleCI: the build's page.
    CIRCLE_BUILD_URL;
    /// GitHub Actions runs this.
    GITHUB_ACTIONS;
    /// GitHub Actions: the step; with the run's number and attempt it is the key of the run.
    GITHUB_ACTION;
    /// GitHub Actions: the workflow run's number.
    GITHUB_RUN_NUMBER;
    /// GitHub Actions: how often the workflow run was started.
    GITHUB_RUN_ATTEMPT;
    /// GitHub Actions: the branch or tag, with `refs/` in front.
    GITHUB_REF;
    /// GitHub Actions: the commit.
    GITHUB_SHA;
    /// GitHub Actions: owner and name of the repository, for the run's page.
    GITHUB_REPOSITORY;
    /// GitHub Actions: the workflow run, for its page.
    GITHUB_RUN_ID;
    /// GitHub Actions: where GitHub is, for the run's page.
    GITHUB_SERVER_URL;
    /// GitLab runs this.
    GITLAB_CI;
    /// GitLab: the pipeline; the key of the run.
    CI_PIPELINE_ID;
    /// GitLab: the pipeline's number in its project.
    CI_PIPELINE_IID;
    /// GitLab: the pipeline's page.
    CI_PIPELINE_URL;
    /// GitLab: the branch or tag.
    CI_COMMIT_REF_NAME;
    /// GitLab: the commit.
    CI_COMMIT_SHA;
    /// GitLab: the commit's message.
    CI_COMMIT_MESSAGE;
    /// GitLab: the job.
    CI_JOB_ID;
    /// Azure Pipelines runs this.
    TF_BUILD;
    /// Azure Pipelines: the build; the key of the run.
    BUILD_BUILDID;
    /// Azure Pipelines: the build's number.
    BUILD_BUILDNUMBER;
    /// Azure Pipelines: the branch, with `refs/heads/` in front.
    BUILD_SOURCEBRANCH;
    /// Azure Pipelines: the commit.
    BUILD_SOURCEVERSION;
    /// Azure Pipelines: the commit's message.
    BUILD_SOURCEVERSIONMESSAGE;
    /// Azure Pipelines: the organization's address, for the build's page.
    SYSTEM_COLLECTIONURI;
    /// Azure Pipelines: the project, for the build's page.
    SYSTEM_TEAMPROJECT;
    /// Azure Pipelines: the job.
    SYSTEM_JOBID;
    /// Travis CI runs this.
    TRAVIS;
    /// Travis CI: the build; the key of the run.
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
    /// Bitbucket Pipelines: the build's number. Where it is set, Bitbucket runs this.
    BITBUCKET_BUILD_NUMBER;
    /// Bitbucket Pipelines: the pipeline; the key of the run.
    BITBUCKET_PIPELINE_UUID;
    /// Bitbucket Pipelines: the step.
    BITBUCKET_STEP_UUID;
    /// Bitbucket Pipelines: the branch.
    BITBUCKET_BRANCH;
    /// Bitbucket Pipelines: the commit.
    BITBUCKET_COMMIT;
    /// Bitbucket Pipelines: owner and name of the repository, for the build's page.
    BITBUCKET_REPO_FULL_NAME;
    /// Semaphore runs this.
    SEMAPHORE;
    /// Semaphore: the workflow; the key of the run.
    SEMAPHORE_WORKFLOW_ID;
    /// Semaphore: the workflow's number.
    SEMAPHORE_WORKFLOW_NUMBER;
    /// Semaphore: the organization's address, for the workflow's page.
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
    /// Drone runs this.
    DRONE;
    /// Drone: owner and name of the repository; with the build's number it is the key of the run.
    DRONE_REPO;
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
    /// Jenkins: its address. Where it is set, Jenkins runs this.
    JENKINS_URL;
    /// Jenkins: the job and the build's number; the key of the run.
    BUILD_TAG;
    /// Jenkins: the build's number.
    BUILD_NUMBER;
    /// Jenkins: the build's page.
    BUILD_URL;
    /// Jenkins: the branch of a multibranch job.
    BRANCH_NAME;
    /// Jenkins: the branch of a pull request of a multibranch job.
    CHANGE_BRANCH;
    /// Jenkins: the branch, from its git plugin.
    GIT_BRANCH;
    /// Jenkins: the commit, from its git plugin.
    GIT_COMMIT;
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    #[test]
    fn every_variable_is_there_once_and_described() {
        let all = || super::ALL.iter().chain(super::OTHER_CI);
        let names: BTreeSet<_> = all().map(|(name, _)| name).collect();
        assert_eq!(names.len(), all().count());
        for (name, description) in all() {
            assert!(!description.trim().is_empty(), "{name}");
        }
    }
}
