//! The JSON API: one file an endpoint, and the table of their addresses.

mod access_token;
mod backfill_form;
mod backfill_upload;
mod backfills_list;
mod build_tests;
mod catalog;
mod commits;
mod execution_tags;
mod failed_executions;
mod filter_tests;
mod flaky_tests;
mod health;
mod metrics;
mod plan_answer;
mod plan_create;
mod plan_fetch;
mod plan_metadata;
mod rate_limit;
mod raw_upload;
mod root;
mod run_get;
mod runs_list;
mod suite_create;
mod suite_delete;
mod suite_fields;
mod suite_get;
mod suite_update;
mod suites_list;
mod test_answers;
mod test_files;
mod test_filter;
mod test_find;
mod test_get;
mod test_labels;
mod test_ownerships;
mod test_state;
mod tests_in_state;
mod tests_list;
mod upload_create;
mod upload_decode;
mod upload_metadata;
mod uploads_list;
mod version;

use super::routes::{Routes, get, patch, post, put};
use crate::links::BACKFILL_UPLOAD;

/// Every address of the API.
pub(super) fn routes() -> Routes {
    Routes::new()
        .route("/", get(root::get))
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .route("/.well-known/api-catalog", get(catalog::catalog))
        .route("/v1/test-ownerships", post(test_ownerships::post))
        .route("/metrics", get(metrics::get))
        .route("/v1/uploads", post(upload_create::post))
        .route("/v1/uploads/metadata", get(upload_metadata::get))
        .route(
            "/v2/access-token",
            get(access_token::get).delete(access_token::delete),
        )
        .route(catalog::DOCUMENT_PATH, get(catalog::document))
        .route(
            "/v2/organizations/{organization}/rate_limit",
            get(rate_limit::get),
        )
        .nest(
            "/v2/analytics/organizations/{organization}",
            organization_routes(),
        )
}

fn organization_routes() -> Routes {
    Routes::new()
        .route("/builds/{build}/tests", get(build_tests::get))
        .route("/suites", get(suites_list::get).post(suite_create::post))
        .route(
            "/suites/{suite}",
            get(suite_get::get)
                .patch(suite_update::patch)
                .delete(suite_delete::delete),
        )
        .nest("/suites/{suite}", suite_routes())
}

fn suite_routes() -> Routes {
    Routes::new()
        .route("/test_plan", get(plan_fetch::get).post(plan_create::post))
        .route("/test_plan/filter_tests", post(filter_tests::post))
        .route("/test_files", post(test_files::post))
        .route("/test_plan_metadata", post(plan_metadata::post))
        .route("/commits", get(commits::get))
        .route("/commit-metadata-backfill", get(backfills_list::get))
        .route(
            "/commit-metadata-backfill/presigned-upload",
            post(backfill_form::post),
        )
        .route(BACKFILL_UPLOAD, post(backfill_upload::post))
        .route("/execution-tags", put(execution_tags::put))
        .route("/flaky-tests", get(flaky_tests::get))
        .route("/runs", get(runs_list::get))
        .route("/runs/{id}", get(run_get::get))
        .route("/runs/{id}/uploads/{upload_id}/raw", get(raw_upload::get))
        .route("/runs/{id}/failed_executions", get(failed_executions::get))
        .route("/tests", get(tests_list::get))
        .route("/tests/find", post(test_find::post))
        .route("/tests/muted", get(tests_in_state::muted))
        .route("/tests/skipped", get(tests_in_state::skipped))
        .route("/tests/{id}", get(test_get::get))
        .route("/tests/{id}/labels", patch(test_labels::patch))
        .route("/tests/{id}/mute", put(test_state::mute))
        .route("/tests/{id}/skip", put(test_state::skip))
        .route("/tests/{id}/enable", put(test_state::enable))
        .route("/uploads", get(uploads_list::get))
}
