//! The JSON API: one file an endpoint, and the table of their addresses.

mod access_token;
mod commits;
mod failed_executions;
mod filter_tests;
mod health;
mod plan_answer;
mod plan_create;
mod plan_fetch;
mod plan_metadata;
mod root;
mod run_get;
mod runs_list;
mod suite_create;
mod suite_delete;
mod suite_fields;
mod suite_get;
mod suite_update;
mod suites_list;
mod test_files;
mod test_find;
mod test_get;
mod test_state;
mod tests_in_state;
mod tests_list;
mod upload_create;
mod upload_decode;
mod upload_metadata;
mod version;

use super::routes::{Routes, get, post, put};

/// Every address of the API.
pub(super) fn routes() -> Routes {
    Routes::new()
        .route("/", get(root::get))
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .route("/v1/uploads", post(upload_create::post))
        .route("/v1/uploads/metadata", get(upload_metadata::get))
        .route("/v2/access-token", get(access_token::get))
        .nest(
            "/v2/analytics/organizations/{organization}",
            organization_routes(),
        )
}

fn organization_routes() -> Routes {
    Routes::new()
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
        .route("/runs", get(runs_list::get))
        .route("/runs/{id}", get(run_get::get))
        .route("/runs/{id}/failed_executions", get(failed_executions::get))
        .route("/tests", get(tests_list::get))
        .route("/tests/find", post(test_find::post))
        .route("/tests/muted", get(tests_in_state::muted))
        .route("/tests/skipped", get(tests_in_state::skipped))
        .route("/tests/{id}", get(test_get::get))
        .route("/tests/{id}/mute", put(test_state::mute))
        .route("/tests/{id}/skip", put(test_state::skip))
        .route("/tests/{id}/enable", put(test_state::enable))
}
