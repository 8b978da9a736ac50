//! Every environment variable that `bktec` reads or sets.
//!
//! Only `cli` reads the environment. A variable that is set but empty counts as not set. The
//! variable of an option is described by the option's help; the reference pages are generated from
//! both.

macro_rules! variables {
    ($(#[$table_doc:meta])+ $table:ident:
     $($prefix:literal { $($name:ident $(= $text:literal)? $(: $description:literal)?;)+ })+) => {
        $($(pub const $name: &str = text!($name $($text)?);)+)+

        $(#[$table_doc])+
        pub const $table: &[(&str, &str)] =
            &[$($(($name, concat!($prefix $(, $description)?))),+),+];
    };
}

/// The name of a variable: that of its constant, unless another is given.
macro_rules! text {
    ($name:ident) => {
        stringify!($name)
    };
    ($name:ident $text:literal) => {
        $text
    };
}

variables! {
    /// The client's own variables, with a description unless an option has one.
    ALL:
    "" {
        BUILDKITE_ORGANIZATION_SLUG;
        BUILDKITE_BUILD_ID;
        BUILDKITE_BUILD_NUMBER;
        BUILDKITE_BUILD_URL;
        BUILDKITE_JOB_ID;
        BUILDKITE_PIPELINE_SLUG;
        BUILDKITE_STEP_ID;
        BUILDKITE_BRANCH;
        BUILDKITE_TAG;
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
        BUILDKITE_TEST_ENGINE_UPLOAD_ROOT;
        BUILDKITE_TEST_ENGINE_UPLOAD_TIMEOUT;
        BUILDKITE_TEST_ENGINE_OIDC;
        BUILDKITE_TEST_ENGINE_OIDC_LIFETIME;
        BUILDKITE_TEST_ENGINE_PROMISE_FAILURE;
        BUILDKITE_TEST_ENGINE_TEST_RUNNER;
        BUILDKITE_TEST_ENGINE_TEST_CMD;
        BUILDKITE_TEST_ENGINE_TEST_FILE_PATTERN;
        BUILDKITE_TEST_ENGINE_TEST_FILE_EXCLUDE_PATTERN;
        BUILDKITE_TEST_ENGINE_STRICT_DISCOVERY;
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
        BUILDKITE_TEST_ENGINE_ALLOW_MISSING_RESULTS;
        BUILDKITE_TEST_ENGINE_TRUST_EXIT_CODE;
        BUILDKITE_TEST_ENGINE_RETRY_COUNT;
        BUILDKITE_TEST_ENGINE_RETRY_CMD;
        BUILDKITE_TEST_ENGINE_DISABLE_RETRY_FOR_MUTED_TEST;
        BUILDKITE_TEST_ENGINE_PLAN_IDENTIFIER;
        BUILDKITE_TEST_ENGINE_PLAN_FILE;
        BUILDKITE_TEST_ENGINE_FALLBACK;
        BUILDKITE_TEST_ENGINE_ON_UNPLANNED_TARGETS;
        BUILDKITE_TEST_ENGINE_GROUP;
        BUILDKITE_TEST_ENGINE_REPORT_DIR;
        BUILDKITE_TEST_ENGINE_MAX_PARALLELISM;
        BUILDKITE_TEST_ENGINE_TARGET_TIME;
        BUILDKITE_TEST_ENGINE_PARALLELISM: "Set by `bktec plan --pipeline-upload` for the \
            pipeline: the number of nodes.";
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
        BUILDKITE_TEST_ENGINE_PYTEST_EVIDENCE: "Set by `bktec run` for its pytest plugin: the file \
            that the plugin writes.";
        BUILDKITE_TEST_ENGINE_PYTEST_FILES: "Set by `bktec` for its pytest plugin that lists test \
            files: the file that the plugin writes.";
        BUILDKITE_TEST_ENGINE_RSPEC_FILES: "Set by `bktec` for its RSpec formatter that lists test \
            files: the file that the formatter writes.";
        BKTEC_PREVIEW_SELECTION: "Accepted and ignored: it turned the options of test selection on \
            while they were a preview.";
        BKTEC_TEST_BUDGET_SCALE: "For this project's own tests, and read only by builds with debug \
            assertions: a factor, at most 1, for API time limits.";
        NO_COLOR: "Any value turns colors off.";
    }
}

variables! {
    /// Variables set by CIs. Options and the variables above win.
    CI:
    "Buildkite: " {
        BUILDKITE: "set to true. No other CI is detected then.";
    }
    "GitHub Actions: " {
        GITHUB_ACTIONS: "set to true.";
        GITHUB_RUN_ID: "ID of the workflow run; the build ID, and part of the build URL.";
        GITHUB_JOB: "ID of the job in the workflow; part of the step ID.";
        GITHUB_ACTION: "ID of the step; part of the step ID and of the run key.";
        GITHUB_RUN_NUMBER: "number of the workflow run; the build number, and part of the run key.";
        GITHUB_RUN_ATTEMPT: "attempt of the workflow run, from 1; the retry count plus one, and \
            part of the run key and of the build URL.";
        GITHUB_REF: "full ref of the branch or tag: says whether it is a tag, and its name if \
            `GITHUB_REF_NAME` is not set.";
        GITHUB_REF_NAME: "branch or tag.";
        GITHUB_HEAD_REF: "source branch of a pull request.";
        GITHUB_SHA: "commit; for a pull request, the merge commit.";
        GITHUB_EVENT_PATH: "file with the event, which holds the commit of a pull request.";
        GITHUB_REPOSITORY: "owner and name of the repository; part of the build URL.";
        GITHUB_REPOSITORY_OWNER: "owner of the repository; the organization.";
        GITHUB_SERVER_URL: "URL of the GitHub server; part of the build URL.";
        GITHUB_WORKSPACE: "directory of the repository.";
        GITHUB_OUTPUT: "file for step outputs, used by `bktec plan --output github`.";
    }
    "CircleCI: " {
        CIRCLECI: "set to true.";
        CIRCLE_WORKFLOW_ID: "ID of the workflow; the build ID, and part of the run key.";
        CIRCLE_JOB: "name of the job; the step ID.";
        CIRCLE_WORKFLOW_JOB_ID: "job ID.";
        CIRCLE_BUILD_NUM: "build number, and part of the run key.";
        CIRCLE_BRANCH: "branch.";
        CIRCLE_TAG: "tag, for builds of tags.";
        CIRCLE_SHA1: "commit.";
        CIRCLE_BUILD_URL: "build URL.";
        CIRCLE_PROJECT_USERNAME: "owner of the repository; the organization.";
        CIRCLE_NODE_INDEX: "index of the parallel container, from 0.";
        CIRCLE_NODE_TOTAL: "number of parallel containers.";
        CIRCLE_WORKING_DIRECTORY: "directory of the repository.";
    }
    "GitLab: " {
        GITLAB_CI: "set to true.";
        CI_PIPELINE_ID: "ID of the pipeline; the build ID and the run key.";
        CI_JOB_NAME: "name of the job; the step ID, without the ` 2/3` of parallel jobs.";
        CI_PIPELINE_IID: "number of the pipeline in its project; the build number.";
        CI_COMMIT_REF_NAME: "branch or tag.";
        CI_MERGE_REQUEST_SOURCE_BRANCH_NAME: "source branch of a merge request.";
        CI_MERGE_REQUEST_SOURCE_BRANCH_SHA: "commit of a merge request whose merge result is \
            tested.";
        CI_JOB_ID: "job ID.";
        CI_PROJECT_ROOT_NAMESPACE: "top-level group of the project; the organization.";
        CI_NODE_INDEX: "index of the parallel job, from 1.";
        CI_NODE_TOTAL: "number of parallel jobs.";
        CI_PROJECT_DIR: "directory of the repository.";
    }
    "GitLab and Woodpecker: " {
        CI_PIPELINE_URL: "build URL.";
        CI_COMMIT_SHA: "commit.";
        CI_COMMIT_MESSAGE: "commit message.";
        CI_COMMIT_TAG: "tag, for builds of tags.";
    }
    "Azure Pipelines: " {
        TF_BUILD: "set to True.";
        BUILD_BUILDID: "build ID and run key.";
        SYSTEM_STAGENAME: "name of the stage; part of the step ID.";
        SYSTEM_PHASENAME: "name of the job in the pipeline; part of the step ID.";
        SYSTEM_JOBATTEMPT: "attempt of the job, from 1; the retry count plus one.";
        SYSTEM_JOBPOSITIONINPHASE: "index of the parallel job, from 1.";
        SYSTEM_TOTALJOBSINPHASE: "number of parallel jobs.";
        SYSTEM_PARALLELEXECUTIONTYPE: "whether the parallel jobs are those of a matrix.";
        BUILD_BUILDNUMBER: "build number.";
        BUILD_SOURCEBRANCH: "full ref of the branch or tag.";
        SYSTEM_PULLREQUEST_SOURCEBRANCH: "source branch of a pull request, as a full ref.";
        BUILD_SOURCEVERSION: "commit; for a pull request, the merge commit.";
        SYSTEM_PULLREQUEST_SOURCECOMMITID: "commit of a pull request.";
        BUILD_SOURCEVERSIONMESSAGE: "commit message.";
        SYSTEM_COLLECTIONURI: "URL of the organization; the organization, and part of the build \
            URL.";
        SYSTEM_TEAMFOUNDATIONCOLLECTIONURI: "the same, from agents that do not set \
            `SYSTEM_COLLECTIONURI`.";
        SYSTEM_TEAMFOUNDATIONSERVERURI: "the same, from agents that set neither of the two.";
        SYSTEM_TEAMPROJECTID: "ID of the project; part of the build URL.";
        SYSTEM_TEAMPROJECT: "name of the project, for the build URL without the ID.";
        SYSTEM_JOBID: "job ID.";
        BUILD_SOURCESDIRECTORY: "directory of the repository.";
    }
    "Travis CI: " {
        TRAVIS: "set to true.";
        TRAVIS_BUILD_ID: "build ID and run key.";
        TRAVIS_BUILD_NUMBER: "build number.";
        TRAVIS_BUILD_WEB_URL: "build URL.";
        TRAVIS_BRANCH: "branch; for a pull request, the target branch.";
        TRAVIS_PULL_REQUEST_BRANCH: "source branch of a pull request.";
        TRAVIS_TAG: "tag, for builds of tags.";
        TRAVIS_COMMIT: "commit; for a pull request, the merge commit.";
        TRAVIS_PULL_REQUEST_SHA: "commit of a pull request.";
        TRAVIS_COMMIT_MESSAGE: "commit message.";
        TRAVIS_JOB_ID: "job ID.";
        TRAVIS_REPO_SLUG: "owner and name of the repository; the owner is the organization.";
        TRAVIS_BUILD_DIR: "directory of the repository.";
    }
    "Bitbucket Pipelines: " {
        BITBUCKET_BUILD_NUMBER: "build number. Bitbucket is detected by it.";
        BITBUCKET_PIPELINE_UUID: "ID of the pipeline; the build ID and the run key.";
        BITBUCKET_STEP_UUID: "ID of the step; the job ID.";
        BITBUCKET_BRANCH: "branch.";
        BITBUCKET_TAG: "tag, for builds of tags.";
        BITBUCKET_COMMIT: "commit.";
        BITBUCKET_REPO_FULL_NAME: "owner and name of the repository; part of the build URL.";
        BITBUCKET_WORKSPACE: "workspace; the organization.";
        BITBUCKET_PARALLEL_STEP: "index of the step in a parallel group, from 0.";
        BITBUCKET_PARALLEL_STEP_COUNT: "number of steps in the parallel group.";
        BITBUCKET_CLONE_DIR: "directory of the repository.";
    }
    "Semaphore: " {
        SEMAPHORE: "set to true.";
        SEMAPHORE_WORKFLOW_ID: "ID of the workflow; the build ID and the run key.";
        SEMAPHORE_WORKFLOW_NUMBER: "number of the workflow; the build number.";
        SEMAPHORE_PIPELINE_RERUN: "whether the pipeline is a rebuild; then the retry count is 1.";
        SEMAPHORE_ORGANIZATION_URL: "URL of the organization; the organization, and part of the \
            build URL.";
        SEMAPHORE_GIT_BRANCH: "branch; for a pull request, the target branch.";
        SEMAPHORE_GIT_PR_BRANCH: "source branch of a pull request.";
        SEMAPHORE_GIT_TAG_NAME: "tag, for builds of tags.";
        SEMAPHORE_GIT_SHA: "commit; for a pull request, the merge commit.";
        SEMAPHORE_GIT_PR_SHA: "commit of a pull request.";
        SEMAPHORE_JOB_ID: "job ID.";
        SEMAPHORE_JOB_NAME: "name of the job; the step ID, without the ` - 2/3` of parallel jobs.";
        SEMAPHORE_JOB_INDEX: "index of the parallel job, from 1.";
        SEMAPHORE_JOB_COUNT: "number of parallel jobs.";
        SEMAPHORE_GIT_DIR: "directory of the repository.";
    }
    "Harness: " {
        HARNESS_BUILD_ID: "build number. Harness is detected by it.";
        HARNESS_EXECUTION_ID: "ID of the pipeline execution; the build ID and the run key.";
        HARNESS_NODE_INDEX: "index of the parallel job, from 0.";
        HARNESS_NODE_TOTAL: "number of parallel jobs.";
        HARNESS_WORKSPACE: "directory of the repository.";
        CI_BUILD_LINK: "build URL.";
        DRONE_COMMIT_BRANCH: "branch; for a pull request, the target branch.";
    }
    "Drone: " {
        DRONE: "set to true.";
        DRONE_REPO: "owner and name of the repository; part of the build ID and of the run key.";
        DRONE_BUILD_NUMBER: "build number; part of the build ID and of the run key.";
        DRONE_WORKSPACE: "directory of the repository.";
    }
    "Drone and Harness: " {
        DRONE_REPO_OWNER: "owner of the repository; the organization.";
        DRONE_BUILD_LINK: "build URL.";
        DRONE_BRANCH: "branch; for a pull request, the target branch.";
        DRONE_SOURCE_BRANCH: "source branch of a pull request.";
        DRONE_TAG: "tag, in builds of tags, which may have no branch.";
        DRONE_COMMIT_SHA: "commit.";
        DRONE_COMMIT_MESSAGE: "commit message.";
    }
    "AppVeyor: " {
        APPVEYOR: "set to True.";
        APPVEYOR_BUILD_ID: "build ID and run key.";
        APPVEYOR_BUILD_NUMBER: "build number.";
        APPVEYOR_JOB_ID: "job ID.";
        APPVEYOR_URL: "URL of the AppVeyor server, if it is not ci.appveyor.com; part of the build \
            URL.";
        APPVEYOR_ACCOUNT_NAME: "account; the organization.";
        APPVEYOR_PROJECT_SLUG: "project; part of the build URL.";
        APPVEYOR_REPO_BRANCH: "branch; for a pull request, the target branch.";
        APPVEYOR_PULL_REQUEST_HEAD_REPO_BRANCH: "source branch of a pull request.";
        APPVEYOR_REPO_TAG_NAME: "tag, for builds of tags.";
        APPVEYOR_REPO_COMMIT: "commit; for a pull request, the merge commit.";
        APPVEYOR_PULL_REQUEST_HEAD_COMMIT: "commit of a pull request.";
        APPVEYOR_REPO_COMMIT_MESSAGE: "commit message.";
        APPVEYOR_BUILD_FOLDER: "directory of the repository.";
    }
    "Codefresh: " {
        CF_BUILD_ID: "build ID and run key. Codefresh is detected by it.";
        CF_BUILD_URL: "build URL.";
        CF_BRANCH: "branch.";
        CF_REVISION: "commit.";
        CF_COMMIT_MESSAGE: "commit message.";
        CF_REPO_OWNER: "owner of the repository; the organization.";
        CF_VOLUME_PATH: "parent directory of the repository.";
    }
    "AWS CodeBuild: " {
        CODEBUILD_BUILD_ID: "build ID and run key, except in a batch. CodeBuild is detected by it.";
        CODEBUILD_BATCH_BUILD_IDENTIFIER: "name of the build in a batch; builds of a batch share \
            no ID.";
        CODEBUILD_BUILD_NUMBER: "build number.";
        CODEBUILD_PUBLIC_BUILD_URL: "build URL, for projects with public builds.";
        AWS_REGION: "region; part of the build URL of other projects.";
        CODEBUILD_WEBHOOK_HEAD_REF: "full ref of the branch or tag.";
        CODEBUILD_RESOLVED_SOURCE_VERSION: "commit.";
        CODEBUILD_SRC_DIR: "directory of the repository.";
    }
    "Bitrise: " {
        BITRISE_IO: "set to true.";
        BITRISEIO_PIPELINE_ID: "ID of the pipeline; the build ID and the run key.";
        BITRISE_BUILD_SLUG: "ID of the build of one workflow; the job ID, and without a pipeline \
            the build ID and the run key.";
        BITRISE_BUILD_NUMBER: "build number.";
        BITRISE_BUILD_URL: "build URL.";
        BITRISE_GIT_BRANCH: "branch; for a pull request, the source branch.";
        BITRISE_GIT_TAG: "tag, for builds of tags.";
        BITRISE_GIT_COMMIT: "commit.";
        GIT_CLONE_COMMIT_HASH: "commit, set by the git clone step.";
        BITRISE_GIT_MESSAGE: "commit message.";
        BITRISE_IO_PARALLEL_INDEX: "index of the copy of a workflow, from 0.";
        BITRISE_IO_PARALLEL_TOTAL: "number of copies of the workflow.";
        BITRISE_SOURCE_DIR: "directory of the repository.";
    }
    "Buddy: " {
        BUDDY: "set to true.";
        BUDDY_PIPELINE_ID: "ID of the pipeline; part of the build ID and of the run key.";
        BUDDY_EXECUTION_ID: "number of the execution; the build number, and part of the build ID \
            and of the run key.";
        BUDDY_EXECUTION_URL: "build URL.";
        BUDDY_EXECUTION_BRANCH: "branch.";
        BUDDY_EXECUTION_TAG: "tag, for builds of tags.";
        BUDDY_EXECUTION_PULL_REQUEST_HEAD_BRANCH: "source branch of a pull request.";
        BUDDY_EXECUTION_REVISION: "commit.";
        BUDDY_EXECUTION_REVISION_MESSAGE: "commit message.";
        BUDDY_WORKSPACE_DOMAIN: "workspace; the organization.";
    }
    "Cirrus CI: " {
        CIRRUS_CI: "set to true.";
        CIRRUS_BUILD_ID: "build ID and run key, and part of the build URL.";
        CIRRUS_TASK_ID: "job ID.";
        CIRRUS_BRANCH: "branch.";
        CIRRUS_TAG: "tag, for builds of tags.";
        CIRRUS_CHANGE_IN_REPO: "commit.";
        CIRRUS_CHANGE_MESSAGE: "commit message.";
        CIRRUS_REPO_OWNER: "owner of the repository; the organization.";
        CIRRUS_WORKING_DIR: "directory of the repository.";
    }
    "Woodpecker: " {
        CI_NAME = "CI": "set to woodpecker.";
        CI_REPO: "owner and name of the repository; part of the build ID and of the run key.";
        CI_REPO_OWNER: "owner of the repository; the organization.";
        CI_PIPELINE_NUMBER: "build number; part of the build ID and of the run key.";
        CI_COMMIT_BRANCH: "branch; for a pull request, the target branch.";
        CI_COMMIT_SOURCE_BRANCH: "source branch of a pull request.";
        CI_WORKSPACE: "directory of the repository.";
    }
    "Google Cloud Build: " {
        BUILD_ID: "build ID and run key. Detected by it, `LOCATION` and `PROJECT_ID` together.";
        LOCATION: "region; part of the build URL.";
        PROJECT_ID: "project; part of the build URL.";
        REPO_FULL_NAME: "owner and name of the repository; the owner is the organization.";
        REF_NAME: "branch or tag, if `BRANCH_NAME` is not set.";
        _HEAD_BRANCH: "source branch of a pull request.";
        COMMIT_SHA: "commit.";
    }
    "TeamCity: " {
        TEAMCITY_VERSION: "version. TeamCity is detected by it.";
        TEAMCITY_PROJECT_NAME: "project; part of the run key.";
        TEAMCITY_BUILDCONF_NAME: "build configuration; part of the run key.";
        TEAMCITY_BUILD_CHECKOUTDIR: "directory of the repository, if the configuration sets it.";
        BUILD_VCS_NUMBER: "commit.";
    }
    "Jenkins: " {
        JENKINS_URL: "URL of the Jenkins server. Jenkins is detected by it.";
        BUILD_TAG: "name of the job and build number; the build ID and the run key.";
    }
    "Jenkins and TeamCity: " {
        BUILD_NUMBER: "build number; on TeamCity, part of the run key.";
        BUILD_URL: "build URL.";
    }
    "Jenkins and Google Cloud Build: " {
        TAG_NAME: "tag, for builds of tags; on Jenkins, of a multibranch job.";
    }
    "Jenkins, TeamCity and Google Cloud Build: " {
        BRANCH_NAME: "branch; on Jenkins, of a multibranch job; on TeamCity, if the build defines \
            it.";
    }
    "Jenkins: " {
        CHANGE_BRANCH: "source branch of a pull request in a multibranch job.";
        GHPRB_SOURCE_BRANCH = "ghprbSourceBranch": "source branch, set by the GitHub pull request \
            builder plugin.";
        GHPRB_ACTUAL_COMMIT = "ghprbActualCommit": "commit, set by the GitHub pull request builder \
            plugin.";
        GITLAB_SOURCE_BRANCH = "gitlabSourceBranch": "source branch, set by the GitLab plugin.";
        GITLAB_MERGE_REQUEST_LAST_COMMIT = "gitlabMergeRequestLastCommit": "commit, set by the \
            GitLab plugin.";
        GIT_BRANCH: "branch, set by the git plugin.";
        GIT_COMMIT: "commit, set by the git plugin.";
        WORKSPACE: "directory of the repository.";
    }
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
