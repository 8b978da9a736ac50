//! Every environment variable that `bktec` reads or sets, once, with what it means.
//!
//! `cli` ties them to flags; nothing else reads the environment. The reference pages are made from
//! the same names. A variable that is set but empty counts as not set.

macro_rules! variables {
    ($($(#[doc = $doc:literal])+ $name:ident;)+) => {
        $($(#[doc = $doc])+ pub const $name: &str = stringify!($name);)+

        /// Every variable with its description, in the order of this file.
        pub const ALL: &[(&str, &str)] = &[$((stringify!($name), concat!($($doc),+))),+];
    };
}

variables! {
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    #[test]
    fn every_variable_is_there_once_and_described() {
        let names: BTreeSet<_> = super::ALL.iter().map(|(name, _)| name).collect();
        assert_eq!(names.len(), super::ALL.len());
        for (name, description) in super::ALL {
            assert!(!description.trim().is_empty(), "{name}");
        }
    }
}
