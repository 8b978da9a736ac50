//! The audit log: who changed what. As a page and as a file.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use serde_json::Value;
use test_engine_store::{
    AuditEntry, AuditFilter, Listed, OrganizationId, Page as ListPage, Timestamp,
};

use super::super::export::{self, CHUNK, Export, FileLinks};
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
    files: FileLinks,
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

/// Of an organization, or of one suite of it.
struct Log {
    organization: OrganizationId,
    filter: AuditFilter,
    /// Of the organization or the suite.
    slug: String,
}

impl Log {
    /// The page, or the file instead.
    async fn response(
        self,
        app: App,
        export: Export,
        common: (Frame, Nav),
        number: Option<u32>,
    ) -> Result<Response, PageError> {
        if let Some(file) = export.file(format!("{}-audit", self.slug)) {
            return file.chunks(&COLUMNS, self.chunks(app)).await;
        }
        let wanted = ListPage::new(number.unwrap_or(1), PAGE_SIZE);
        let listed = app.store.audit_log(self.organization, &self.filter, wanted);
        let shows_suite = self.filter.suite.is_none();
        let now = app.clock.now();
        show(&page(
            common,
            listed.await?,
            shows_suite,
            wanted,
            (export.links(), now),
        ))
    }

    /// All entries, newest first.
    fn chunks(self, app: App) -> export::Chunks {
        let Self {
            organization,
            filter,
            ..
        } = self;
        export::from_position(None, move |last| {
            let (app, filter) = (App::clone(&app), filter.clone());
            async move {
                let store = &app.store;
                let entries = store.audit_log_before(organization, &filter, last, CHUNK);
                let entries = entries.await?;
                let next = entries.last().map(|entry| Some(entry.uuid));
                Ok((entries.into_iter().map(file_row).collect(), next))
            }
        })
    }
}

/// `before` and `after` are the changed fields as JSON.
const COLUMNS: [&str; 10] = [
    "id",
    "at",
    "action",
    "subject",
    "suite",
    "by",
    "client_address",
    "reason",
    "before",
    "after",
];

fn file_row(entry: AuditEntry) -> export::Row {
    let change = entry.change;
    let side = |side: Option<Value>| side.map(|side| with_times(side).to_string());
    vec![
        entry.uuid.to_string().into(),
        change.at.into(),
        entry.action.into(),
        entry.subject_name.into(),
        entry.suite_slug.into(),
        format::actor(&change.actor).into(),
        change.client_address.into(),
        change.reason.into(),
        side(entry.before).into(),
        side(entry.after).into(),
    ]
}

fn page(
    (frame, nav): (Frame, Nav),
    listed: Listed<AuditEntry>,
    shows_suite: bool,
    page: ListPage,
    (files, now): (FileLinks, Timestamp),
) -> Page {
    let address = nav.address.clone();
    Page {
        files,
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
    export: Export,
    Params(query): Params<Done>,
) -> Result<Response, PageError> {
    let common = super::in_suite(&app, &viewer, &suite, Section::Audit).await?;
    let log = Log {
        organization: suite.organization,
        filter: AuditFilter {
            suite: Some(suite.slug.clone()),
            subject: None,
        },
        slug: suite.slug,
    };
    log.response(app, export, common, query.page).await
}

pub(in crate::http::web) async fn of_organization(
    State(app): State<App>,
    OrganizationViewer {
        viewer,
        organization,
    }: OrganizationViewer,
    export: Export,
    Params(query): Params<Done>,
) -> Result<Response, PageError> {
    let common = super::in_organization(&viewer, &organization, Section::Audit)?;
    let log = Log {
        organization: organization.id,
        filter: AuditFilter::default(),
        slug: organization.slug,
    };
    log.response(app, export, common, query.page).await
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
