//! The JSON API: its addresses, and a file for each group of endpoints.

#![expect(
    unused_qualifications,
    reason = "in the code that `utoipa::path` generates"
)]

mod access_token;
mod audit;
mod backfill_upload;
mod backfills;
mod build_test_executions;
mod build_tests;
mod commits;
mod events;
mod execution_spans;
mod execution_tags;
mod failed_executions;
mod failure_groups;
mod failure_texts;
mod flaky_tests;
mod general;
mod members;
mod metrics;
mod node_reports;
mod plan_response;
mod plans;
mod quarantine_request;
mod rate_limit;
mod rules;
mod rules_preview;
mod run_failures;
mod run_outage;
mod run_summary;
mod runs;
mod selection;
mod sessions;
mod sign_in_rules;
mod suite_fields;
mod suites;
mod test_details;
mod test_filter;
mod test_health;
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
mod webhook_deliveries;
mod webhooks;

pub(super) use rules::settings as rule_settings;
pub(super) use rules_preview::replay as replay_rule;
pub(super) use selection::MAX_REASON as MAX_SWITCH_REASON;
pub(super) use suites::change as change_suite;
pub(super) use test_labels::validate as validate_labels;
pub(super) use test_ownerships::{MAX_FILE as MAX_OWNERS_FILE, set as set_owners};
pub(super) use test_query::timestamp;

use std::sync::LazyLock;

use test_engine_wire::SelectionHoldout;
use utoipa::openapi::{Components, OpenApi};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::openapi;
use crate::App;
use crate::audit::AuditEvent;
use crate::events::EventBody;
use crate::webhooks::{DeliveryBody, WebhookBody};

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
        .routes(routes!(members::list_members))
        .routes(routes!(members::update_member, members::remove_member))
        .routes(routes!(sessions::list_sessions))
        .routes(routes!(sessions::end_session))
        .routes(routes!(
            sign_in_rules::list_sign_in_rules,
            sign_in_rules::create_sign_in_rule
        ))
        .routes(routes!(sign_in_rules::delete_sign_in_rule))
        .routes(routes!(suites::list_suites, suites::create_suite))
        .routes(routes!(
            suites::get_suite,
            suites::update_suite,
            suites::delete_suite
        ))
        .routes(routes!(webhooks::list_webhooks, webhooks::create_webhook))
        .routes(routes!(
            webhooks::get_webhook,
            webhooks::update_webhook,
            webhooks::delete_webhook
        ))
        .routes(routes!(webhook_deliveries::list_deliveries))
        .routes(routes!(webhook_deliveries::resend_deliveries))
        .nest("/suites/{suite}", suite_routes())
}

fn suite_routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(plans::get_plan, plans::create_plan))
        .routes(routes!(selection::get_decision))
        .routes(routes!(
            selection::get_selection,
            selection::switch_selection
        ))
        .routes(routes!(selection::list_holdouts))
        .routes(routes!(plans::filter_tests))
        .routes(routes!(plans::get_file_timings))
        .routes(routes!(plans::report_plan_run))
        .routes(routes!(node_reports::report_node))
        .routes(routes!(node_reports::get_accounting))
        .routes(routes!(commits::list_commits))
        .routes(routes!(backfills::list_backfills))
        .routes(routes!(backfills::create_backfill_form))
        .routes(routes!(backfill_upload::send_backfill))
        .routes(routes!(events::list_events))
        .routes(routes!(execution_tags::set_execution_tags))
        .routes(routes!(execution_spans::get_execution_spans))
        .routes(routes!(flaky_tests::list_flaky_tests))
        .routes(routes!(runs::list_runs))
        .routes(routes!(runs::get_run))
        .routes(routes!(run_summary::get_run_summary))
        .routes(routes!(run_failures::list_run_failures))
        .routes(routes!(run_outage::set_run_outage))
        .routes(routes!(rules::list_rules, rules::create_rule))
        .routes(routes!(rules::get_rule_limits))
        .routes(routes!(rules_preview::preview_rule))
        .routes(routes!(
            rules::get_rule,
            rules::update_rule,
            rules::delete_rule
        ))
        .routes(routes!(rules::list_rule_events))
        .routes(routes!(failed_executions::list_failed_executions))
        .routes(routes!(failure_groups::list_failure_groups))
        .routes(routes!(failure_groups::list_runs_with_failure))
        .routes(routes!(tests::list_tests))
        .routes(routes!(tests::find_test))
        .routes(routes!(tests::get_test))
        .routes(routes!(test_health::get_test_health))
        .routes(routes!(test_health::list_unhealthy_tests))
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
    openapi::add_response_schema::<EventBody>(components);
    openapi::add_response_schema::<WebhookBody>(components);
    openapi::add_response_schema::<DeliveryBody>(components);
    openapi::add_response_schema::<webhook_deliveries::Resent>(components);
    openapi::add_response_schema::<backfills::BackfillBody>(components);
    openapi::add_response_schema::<build_tests::BuildTest>(components);
    openapi::add_response_schema::<failed_executions::FailedExecutionBody>(components);
    openapi::add_response_schema::<failure_groups::FailureGroupBody>(components);
    openapi::add_response_schema::<flaky_tests::FlakyTest>(components);
    openapi::add_response_schema::<rules::RuleBody>(components);
    openapi::add_response_schema::<rules::RuleLimits>(components);
    openapi::add_response_schema::<rules_preview::PreviewBody>(components);
    openapi::add_response_schema::<rules_preview::PreviewedAlarm>(components);
    openapi::add_response_schema::<rules_preview::PreviewedTest>(components);
    openapi::add_response_schema::<run_failures::FailedTestBody>(components);
    openapi::add_response_schema::<test_health::CommitBody>(components);
    openapi::add_response_schema::<test_health::HealthBody>(components);
    openapi::add_response_schema::<test_health::UnhealthyTestBody>(components);
    openapi::add_response_schema::<members::Member>(components);
    openapi::add_response_schema::<sessions::SessionBody>(components);
    openapi::add_response_schema::<sign_in_rules::SignInRuleBody>(components);
    openapi::add_response_schema::<SelectionHoldout>(components);
    openapi::add_response_schema::<uploads::Upload>(components);
}
