//! `GET …/audit`: the audit log of an organization.

use axum::extract::State;
use serde::Deserialize;
use test_engine_store::AuditFilter;
use utoipa::IntoParams;
use uuid::Uuid;

use crate::App;
use crate::audit::AuditEvent;
use crate::http::auth::{OrganizationAccess, WriteSuites};
use crate::http::error::ApiError;
use crate::http::paging::{PageOf, Paging};
use crate::http::params::Params;

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct AuditQuery {
    /// The slug of a suite, also of a deleted one.
    suite_slug: Option<String>,
    /// The id of a test, suite, token or organization.
    #[param(value_type = Option<String>, format = "uuid")]
    subject: Option<Uuid>,
}

/// List who changed what, newest first
///
/// Every change of a test's state or labels, of a suite's settings or owners, and of a token is an
/// entry. Entries are never deleted, not even with the suite, test or token that they name.
#[utoipa::path(
    get, path = "/audit", tag = "Audit",
    params(OrganizationAccess<WriteSuites>, AuditQuery, Paging),
    responses(PageOf<AuditEvent>, OrganizationAccess<WriteSuites>),
)]
pub(super) async fn list_audit_events(
    State(app): State<App>,
    access: OrganizationAccess<WriteSuites>,
    paging: Paging,
    Params(query): Params<AuditQuery>,
) -> Result<PageOf<AuditEvent>, ApiError> {
    let filter = AuditFilter {
        suite: query.suite_slug,
        subject: query.subject,
    };
    let organization = access.principal.organization;
    let listed = app.store.audit_log(organization, &filter, paging.page);
    Ok(paging.respond(listed.await?, AuditEvent::from))
}
