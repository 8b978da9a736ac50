//! The TESTOWNERS file of a suite, and its labels.

use askama::Template;
use axum::extract::{Request, State};
use axum::response::Response;
use serde::Deserialize;
use test_engine_store::Suite;

use super::super::format;
use super::super::page::{Frame, PageError, show};
use super::super::sign_in::form_of;
use super::super::viewer::{SuiteViewer, Viewer};
use super::{Done, Nav, Section, refused, to};
use crate::App;
use crate::clock::rfc3339;
use crate::http::api::{MAX_OWNERS_FILE, set_owners};
use crate::http::client_address::ClientAddress;
use crate::http::params::Params;
use crate::links::Links;
use crate::owners::Owners;

/// A form may have three bytes for each byte of the file.
const MAX_FORM: usize = 3 * MAX_OWNERS_FILE + 16 * 1024;
/// Larger files are shown, but not in a form: pages stay small.
const MAX_EDITED: usize = 64 * 1024;
const MAX_IGNORED: usize = 20;

#[derive(Template)]
#[template(path = "settings_owners.html")]
struct Page {
    frame: Frame,
    nav: Nav,
    file: String,
    is_editable: bool,
    rules: String,
    teams: Vec<String>,
    ignored: Vec<String>,
    updated: String,
    updated_time: String,
    upload: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Fields {
    form_token: String,
    file: String,
}

#[derive(Template)]
#[template(path = "settings_labels.html")]
struct LabelsPage {
    frame: Frame,
    nav: Nav,
    labels: Vec<(String, String, String)>,
}

async fn page(app: &App, viewer: &Viewer, suite: &Suite) -> Result<Page, PageError> {
    let (frame, nav) = super::in_suite(app, viewer, suite, Section::Owners).await?;
    let known = app.store.ownership(suite.id).await?;
    let updated = known.as_ref().map(|file| file.updated_at);
    let file = known.map(|file| file.body).unwrap_or_default();
    let owners = Owners::parse(&file);
    let ignored = owners.ignored();
    Ok(Page {
        frame,
        nav,
        is_editable: file.len() <= MAX_EDITED,
        rules: format::counted(owners.rules() as u64, "rule"),
        teams: owners.teams().into_iter().map(str::to_owned).collect(),
        ignored: ignored.iter().take(MAX_IGNORED).cloned().collect(),
        updated: updated.map_or_else(String::new, |at| format::ago(at, app.clock.now())),
        updated_time: updated.map_or_else(String::new, rfc3339),
        upload: format!("{}/v1/test-ownerships", app.links.public_url()),
        file,
    })
}

pub(in crate::http::web) async fn get(
    State(app): State<App>,
    SuiteViewer { viewer, suite }: SuiteViewer,
    Params(done): Params<Done>,
) -> Result<Response, PageError> {
    let mut page = page(&app, &viewer, &suite).await?;
    page.nav = page.nav.with_done(&done);
    show(&page)
}

pub(in crate::http::web) async fn set(
    State(app): State<App>,
    SuiteViewer { viewer, suite }: SuiteViewer,
    client: ClientAddress,
    request: Request,
) -> Result<Response, PageError> {
    let fields: Fields = form_of(request, MAX_FORM).await?;
    viewer.check_form(&fields.form_token)?;
    viewer.check_may_write(&suite.organization_slug)?;
    // Browsers send CR LF.
    let file = fields.file.replace("\r\n", "\n");
    if file.len() > MAX_OWNERS_FILE {
        let mut page = page(&app, &viewer, &suite).await?;
        page.nav = page.nav.with_problem("The file is larger than 1 MB.");
        return refused(&page);
    }
    let change = viewer.change(client, app.clock.now());
    set_owners(&app, &suite, &file, &change).await?;
    Ok(to(&super::suite_address(&suite, Section::Owners), "saved"))
}

pub(in crate::http::web) async fn labels(
    State(app): State<App>,
    SuiteViewer { viewer, suite }: SuiteViewer,
) -> Result<Response, PageError> {
    let (frame, nav) = super::in_suite(&app, &viewer, &suite, Section::Labels).await?;
    let labels = app.store.labels_of_suite(suite.id).await?;
    let base = Links::suite_path(&suite);
    let row = |(label, tests): (String, u64)| {
        let query = serde_urlencoded::to_string([("q", format!("label:\"{label}\""))]);
        let address = format!("{base}/tests?{}", query.unwrap_or_default());
        (label, format::count(tests), address)
    };
    show(&LabelsPage {
        frame,
        nav,
        labels: labels.into_iter().map(row).collect(),
    })
}
