//! The audit log: who changed what.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use serde_json::Value;
use test_engine_store::{
    AuditEntry, AuditFilter, Listed, OrganizationId, Page as ListPage, Timestamp,
};

use super::super::format;
use super::super::page::{Frame, PageError, Pager, show};
use super::super::viewer::{OrganizationViewer, SuiteViewer};
use super::{Done, Nav, Section};
use crate::App;
use crate::audit::with_times;
use crate::clock::rfc3339;
use crate::http::params::Params;

/// Entries per page.
const PAGE_SIZE: u32 = 50;
/// Characters of a value.
const MAX_VALUE: usize = 120;

#[derive(Template)]
#[template(path = "settings_audit.html")]
struct Page {
    frame: Frame,
    nav: Nav,
    entries: Vec<Entry>,
    total: String,
    shows_suite: bool,
    pager: Pager,
}

struct Entry {
    action: String,
    subject: String,
    suite: String,
    actor: String,
    address: String,
    reason: String,
    /// Each changed field: its name, and its value before and after.
    changes: Vec<(String, String, String)>,
    ago: String,
    time: String,
}

impl Entry {
    fn new(entry: AuditEntry, now: Timestamp) -> Self {
        let change = entry.change;
        Self {
            action: entry.action.replace(['.', '_'], " "),
            subject: entry.subject_name,
            suite: entry.suite_slug.unwrap_or_default(),
            actor: format::actor(&change.actor),
            address: change.client_address.unwrap_or_default(),
            reason: change.reason.unwrap_or_default(),
            changes: changes(entry.before, entry.after),
            ago: format::ago(change.at, now),
            time: rfc3339(change.at),
        }
    }
}

/// The fields of both sides, by name.
fn changes(before: Option<Value>, after: Option<Value>) -> Vec<(String, String, String)> {
    let fields = |side: Option<Value>| match side.map(with_times) {
        Some(Value::Object(fields)) => fields,
        _ => serde_json::Map::new(),
    };
    let (before, after) = (fields(before), fields(after));
    let mut names: Vec<&String> = before.keys().chain(after.keys()).collect();
    names.sort_unstable();
    names.dedup();
    let rows = names.into_iter().map(|name| {
        let side = |fields: &serde_json::Map<String, Value>| {
            fields.get(name).map_or_else(String::new, value)
        };
        (name.replace('_', " "), side(&before), side(&after))
    });
    rows.filter(|(_, before, after)| before != after).collect()
}

/// Empty for null.
fn value(value: &Value) -> String {
    let text = match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    format::shortened(&text, MAX_VALUE)
}

async fn log(
    app: &App,
    organization: OrganizationId,
    suite: Option<&str>,
    page: ListPage,
) -> Result<Listed<AuditEntry>, PageError> {
    let filter = AuditFilter {
        suite: suite.map(str::to_owned),
        subject: None,
    };
    Ok(app.store.audit_log(organization, &filter, page).await?)
}

fn page(
    (frame, nav): (Frame, Nav),
    listed: Listed<AuditEntry>,
    shows_suite: bool,
    page: ListPage,
    now: Timestamp,
) -> Page {
    let address = nav.address.clone();
    Page {
        frame,
        nav,
        total: match listed.total {
            1 => "1 entry".to_owned(),
            total => format!("{} entries", format::count(total)),
        },
        pager: Pager::new(page, listed.total, |number| {
            format!("{address}?page={number}")
        }),
        entries: listed
            .items
            .into_iter()
            .map(|entry| Entry::new(entry, now))
            .collect(),
        shows_suite,
    }
}

pub(in crate::http::web) async fn of_suite(
    State(app): State<App>,
    SuiteViewer { viewer, suite }: SuiteViewer,
    Params(query): Params<Done>,
) -> Result<Response, PageError> {
    let common = super::in_suite(&app, &viewer, &suite, Section::Audit).await?;
    let wanted = ListPage::new(query.page.unwrap_or(1), PAGE_SIZE);
    let listed = log(&app, suite.organization, Some(&suite.slug), wanted).await?;
    show(&page(common, listed, false, wanted, app.clock.now()))
}

pub(in crate::http::web) async fn of_organization(
    State(app): State<App>,
    OrganizationViewer {
        viewer,
        organization,
    }: OrganizationViewer,
    Params(query): Params<Done>,
) -> Result<Response, PageError> {
    let common = super::in_organization(&viewer, &organization, Section::Audit)?;
    let wanted = ListPage::new(query.page.unwrap_or(1), PAGE_SIZE);
    let listed = log(&app, organization.id, None, wanted).await?;
    show(&page(common, listed, true, wanted, app.clock.now()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::changes;

    #[test]
    fn only_changed_fields_are_shown() {
        let before = json!({"ends_at": 0, "reason": "flaky", "owner": null});
        let after = json!({"ends_at": 1000, "reason": "flaky", "owner": "web", "kinds": [1]});
        let text = |name: &str, before: &str, after: &str| {
            (name.to_owned(), before.to_owned(), after.to_owned())
        };
        assert_eq!(
            changes(Some(before), Some(after)),
            [
                text(
                    "ends at",
                    "1970-01-01T00:00:00.000Z",
                    "1970-01-01T00:00:01.000Z"
                ),
                text("kinds", "", "[1]"),
                text("owner", "", "web"),
            ]
        );
        assert!(changes(None, None).is_empty());
    }
}
