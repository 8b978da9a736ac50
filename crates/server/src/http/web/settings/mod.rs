//! The settings of suites and organizations. Every form calls the same code as the API and the
//! command line, so every change is in the audit log.

mod audit;
mod owners;
mod people;
mod retention;
mod suite;
mod tokens;
mod webhooks;

use askama::Template;
use axum::Router;
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse as _, Redirect, Response};
use axum::routing::{MethodRouter, get, post};
use serde::Deserialize;
use test_engine_store::{Organization, Suite};

use super::page::{Frame, PageError, Tab};
use super::viewer::Viewer;
use crate::App;
use crate::links::Links;

/// A path below the settings of a suite.
macro_rules! of_suite {
    ($path:literal) => {
        concat!(
            "/organizations/{organization}/analytics/suites/{suite}/settings",
            $path
        )
    };
}

/// A path below the settings of an organization.
macro_rules! of_organization {
    ($path:literal) => {
        concat!("/organizations/{organization}/analytics/settings", $path)
    };
}

/// The pages, with the forms that are sent to the address of their page.
pub(super) fn pages() -> [(&'static str, MethodRouter<App>); 15] {
    [
        (of_suite!(""), get(suite::general).post(suite::set_general)),
        (
            of_suite!("/states"),
            get(suite::states).post(suite::set_states),
        ),
        (of_suite!("/labels"), get(owners::labels)),
        (of_suite!("/owners"), get(owners::get).post(owners::set)),
        (
            of_suite!("/tokens"),
            get(tokens::of_suite).post(tokens::create_for_suite),
        ),
        (
            of_suite!("/oidc"),
            get(suite::policy).post(suite::set_policy),
        ),
        (
            of_suite!("/webhooks"),
            get(webhooks::of_suite).post(webhooks::create_for_suite),
        ),
        (of_suite!("/retention"), get(retention::of_suite)),
        (of_suite!("/audit"), get(audit::of_suite)),
        (of_organization!(""), get(suite::organization)),
        (
            of_organization!("/tokens"),
            get(tokens::of_organization).post(tokens::create),
        ),
        (
            of_organization!("/webhooks"),
            get(webhooks::of_organization).post(webhooks::create),
        ),
        (
            of_organization!("/people"),
            get(people::get).post(people::create),
        ),
        (
            of_organization!("/retention"),
            get(retention::of_organization),
        ),
        (of_organization!("/audit"), get(audit::of_organization)),
    ]
}

/// Forms whose address is below that of their page.
pub(super) fn forms() -> Router<App> {
    Router::new()
        .route(of_suite!("/tokens/revoke"), post(tokens::revoke_of_suite))
        .route(of_organization!("/tokens/revoke"), post(tokens::revoke))
        .route(
            of_suite!("/webhooks/change"),
            post(webhooks::change_for_suite),
        )
        .route(of_organization!("/webhooks/change"), post(webhooks::change))
        .route(of_organization!("/people/change"), post(people::change))
        .route(
            of_organization!("/people/rules"),
            post(people::change_rules),
        )
        .route(
            of_organization!("/people/sessions"),
            post(people::end_session),
        )
}

/// A page of the settings of a suite, or of an organization.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Section {
    General,
    States,
    Labels,
    Owners,
    Tokens,
    Oidc,
    Webhooks,
    People,
    Retention,
    Audit,
}

impl Section {
    const OF_SUITE: [Self; 9] = [
        Self::General,
        Self::States,
        Self::Labels,
        Self::Owners,
        Self::Tokens,
        Self::Oidc,
        Self::Webhooks,
        Self::Retention,
        Self::Audit,
    ];
    const OF_ORGANIZATION: [Self; 6] = [
        Self::General,
        Self::People,
        Self::Tokens,
        Self::Webhooks,
        Self::Retention,
        Self::Audit,
    ];

    const fn text(self) -> &'static str {
        match self {
            Self::General => "General",
            Self::States => "Muting and skipping",
            Self::Labels => "Labels",
            Self::Owners => "Owners",
            Self::Tokens => "Tokens",
            Self::Oidc => "OIDC policy",
            Self::Webhooks => "Webhooks",
            Self::People => "People",
            Self::Retention => "Retention",
            Self::Audit => "Audit log",
        }
    }

    /// Below the address of the settings.
    const fn path(self) -> &'static str {
        match self {
            Self::General => "",
            Self::States => "/states",
            Self::Labels => "/labels",
            Self::Owners => "/owners",
            Self::Tokens => "/tokens",
            Self::Oidc => "/oidc",
            Self::Webhooks => "/webhooks",
            Self::People => "/people",
            Self::Retention => "/retention",
            Self::Audit => "/audit",
        }
    }

    /// Whether readers see it too.
    const fn is_for_readers(self) -> bool {
        matches!(
            self,
            Self::General | Self::States | Self::Labels | Self::Owners | Self::Retention
        )
    }
}

/// What all pages of the settings have in common.
struct Nav {
    address: String,
    links: Vec<NavLink>,
    may_write: bool,
    /// What was done, or why not; empty without.
    done: String,
    problem: String,
    /// Of a new token or webhook, shown only now; empty without.
    secret: String,
}

struct NavLink {
    text: &'static str,
    address: String,
    is_current: bool,
}

/// What the address says that was done.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Done {
    done: String,
    page: Option<u32>,
}

impl Done {
    /// Only texts of this server, because anybody can write an address.
    fn text(&self) -> &'static str {
        match self.done.as_str() {
            "saved" => "Saved.",
            "revoked" => "The token was revoked.",
            "deleted" => "Deleted.",
            "resent" => "The deliveries are due again.",
            "ended" => "The session has ended.",
            "removed" => "The person was removed.",
            _ => "",
        }
    }
}

impl Nav {
    fn new(base: &str, sections: &[Section], open: Section, may_write: bool) -> Self {
        let address = |section: Section| format!("{base}/settings{}", section.path());
        let shown = sections
            .iter()
            .filter(|section| may_write || section.is_for_readers());
        Self {
            address: address(open),
            links: shown
                .map(|section| NavLink {
                    text: section.text(),
                    address: address(*section),
                    is_current: *section == open,
                })
                .collect(),
            may_write,
            done: String::new(),
            problem: String::new(),
            secret: String::new(),
        }
    }

    fn with_done(mut self, done: &Done) -> Self {
        done.text().clone_into(&mut self.done);
        self
    }

    fn with_problem(mut self, problem: impl Into<String>) -> Self {
        self.problem = problem.into();
        self
    }
}

/// Frame and navigation of a page of a suite's settings.
async fn in_suite(
    app: &App,
    viewer: &Viewer,
    suite: &Suite,
    open: Section,
) -> Result<(Frame, Nav), PageError> {
    let may_write = viewer.may_write(&suite.organization_slug);
    if !open.is_for_readers() {
        viewer.check_may_write(&suite.organization_slug)?;
    }
    let title = format!("{} · Settings of {}", open.text(), suite.name);
    let frame = Frame::of_tab(app, title, viewer, suite, Tab::Settings).await?;
    let base = Links::suite_path(suite);
    let nav = Nav::new(&base, &Section::OF_SUITE, open, may_write);
    Ok((frame, nav))
}

/// Frame and navigation of a page of an organization's settings.
fn in_organization(
    viewer: &Viewer,
    organization: &Organization,
    open: Section,
) -> Result<(Frame, Nav), PageError> {
    let slug = &organization.slug;
    let may_write = viewer.may_write(slug);
    if !open.is_for_readers() {
        viewer.check_may_write(slug)?;
    }
    let base = Links::organization_page(slug);
    let mut frame = Frame::new(format!("{} · Settings of {slug}", open.text()), viewer);
    frame.crumb(slug, base.clone());
    frame.crumb("Settings", format!("{base}/settings"));
    let nav = Nav::new(&base, &Section::OF_ORGANIZATION, open, may_write);
    Ok((frame, nav))
}

/// To a page that says what was done.
fn to(address: &str, done: &str) -> Response {
    Redirect::to(&format!("{address}?done={done}")).into_response()
}

/// A page for a form that was not accepted.
fn refused(page: &impl Template) -> Result<Response, PageError> {
    let html = Html(page.render()?);
    Ok((StatusCode::UNPROCESSABLE_ENTITY, html).into_response())
}

/// The address of a page of a suite's settings.
fn suite_address(suite: &Suite, section: Section) -> String {
    format!("{}/settings{}", Links::suite_path(suite), section.path())
}

/// The address of a page of an organization's settings.
fn organization_address(organization: &Organization, section: Section) -> String {
    let base = Links::organization_page(&organization.slug);
    format!("{base}/settings{}", section.path())
}
