//! The JSON API: its addresses, and a file for each group of endpoints.

#![expect(
    unused_qualifications,
    reason = "in the code that `utoipa::path` generates"
)]

mod access_token;
mod audit;
mod backfill_upload;
mod backfills;
mod build_tests;
mod commits;
mod execution_tags;
mod failed_executions;
mod flaky_tests;
mod general;
mod metrics;
mod node_reports;
mod plan_response;
mod plans;
mod quarantine_request;
mod rate_limit;
mod run_summary;
mod runs;
mod suite_fields;
mod suites;
mod test_details;
mod test_filter;
mod test_labels;
mod test_ownerships;
mod test_query;
mod test_states;
mod test_terms;
mod tests;
mod upload_create;
mod upload_decode;
mod uploads;
mod version;

pub(super) use test_query::timestamp;

use std::sync::LazyLock;

use utoipa::openapi::{Components, OpenApi};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::openapi;
use crate::App;
use crate::audit::AuditEvent;

/// The OpenAPI document of this API, in YAML.
pub(super) static DOCUMENT: LazyLock<String> = LazyLock::new(|| {
    serde_saphyr::to_string(&document()).expect("the document consists of maps, lists and scalars")
});

pub(super) fn document() -> OpenApi {
    openapi::document(router().into_openapi())
}

pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::with_openapi(openapi::base())
        .routes(routes!(general::root))
        .routes(routes!(general::alive))
        .routes(routes!(general::ready))
        .routes(routes!(general::api_catalog))
        .routes(routes!(general::openapi))
        .routes(routes!(metrics::get_metrics))
        .routes(routes!(
            access_token::get_access_token,
            access_token::revoke_access_token
        ))
        .routes(routes!(rate_limit::get_rate_limits))
        .routes(routes!(upload_create::create_upload))
        .routes(routes!(uploads::get_upload_metadata))
        .routes(routes!(test_ownerships::set_test_ownerships))
        .nest(
            "/v2/analytics/organizations/{organization}",
            organization_routes(),
        )
}

fn organization_routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(audit::list_audit_events))
        .routes(routes!(build_tests::list_build_tests))
        .routes(routes!(suites::list_suites, suites::create_suite))
        .routes(routes!(
            suites::get_suite,
            suites::update_suite,
            suites::delete_suite
        ))
        .nest("/suites/{suite}", suite_routes())
}

fn suite_routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(plans::get_plan, plans::create_plan))
        .routes(routes!(plans::filter_tests))
        .routes(routes!(plans::get_file_timings))
        .routes(routes!(plans::report_plan_run))
        .routes(routes!(node_reports::report_node))
        .routes(routes!(node_reports::get_accounting))
        .routes(routes!(commits::list_commits))
        .routes(routes!(backfills::list_backfills))
        .routes(routes!(backfills::create_backfill_form))
        .routes(routes!(backfill_upload::send_backfill))
        .routes(routes!(execution_tags::set_execution_tags))
        .routes(routes!(flaky_tests::list_flaky_tests))
        .routes(routes!(runs::list_runs))
        .routes(routes!(runs::get_run))
        .routes(routes!(run_summary::get_run_summary))
        .routes(routes!(failed_executions::list_failed_executions))
        .routes(routes!(tests::list_tests))
        .routes(routes!(tests::find_test))
        .routes(routes!(tests::get_test))
        .routes(routes!(test_labels::change_labels))
        .routes(routes!(test_states::list_muted_tests))
        .routes(routes!(test_states::list_skipped_tests))
        .routes(routes!(test_states::mute_test))
        .routes(routes!(test_states::skip_test))
        .routes(routes!(test_states::enable_test))
        .routes(routes!(uploads::list_uploads))
        .routes(routes!(uploads::get_raw_upload))
}

/// Adds the schemas of lists; a [`PageOf`](super::paging::PageOf) only refers to them.
pub(super) fn add_response_schemas(components: &mut Components) {
    openapi::add_response_schema::<AuditEvent>(components);
    openapi::add_response_schema::<backfills::BackfillBody>(components);
    openapi::add_response_schema::<failed_executions::FailedExecutionBody>(components);
    openapi::add_response_schema::<flaky_tests::FlakyTest>(components);
    openapi::add_response_schema::<uploads::Upload>(components);
}
