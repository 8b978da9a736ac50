//! What to do about a suite without results: the next command, with the real address.

use test_engine_store::Suite;

use crate::App;

/// Runs tests and uploads their results to the suite.
pub(super) fn upload_command(app: &App, suite: &Suite) -> String {
    format!(
        "export BUILDKITE_TEST_ENGINE_BASE_URL={0}\n\
         export BUILDKITE_TEST_ENGINE_UPLOAD_BASE_URL={0}\n\
         export BUILDKITE_ORGANIZATION_SLUG={1}\n\
         export BUILDKITE_TEST_ENGINE_SUITE_SLUG={2}\n\
         export BUILDKITE_TEST_ENGINE_API_ACCESS_TOKEN=...  # test-engine token create\n\
         export BUILDKITE_ANALYTICS_TOKEN=...               # the token of the suite\n\
         bktec run --test-runner pytest --upload-results",
        app.links.public_url(),
        suite.organization_slug,
        suite.slug,
    )
}
