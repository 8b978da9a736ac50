//! The common parts of pages: frame, breadcrumbs, tabs, pager and error pages.

use askama::Template;
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Redirect, Response};
use test_engine_store::{Page, StoreError, Suite, SuiteCounts};

use super::mute_form::{self, Notice};
use super::viewer::Viewer;
use super::{assets, format};
use crate::App;
use crate::http::error::ApiError;
use crate::http::paging;
use crate::links::Links;

/// A breadcrumb.
pub(super) struct Crumb {
    pub(super) text: String,
    pub(super) address: String,
}

/// The pages of a suite, as tabs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tab {
    Overview,
    Runs,
    Tests,
    Flaky,
    Quarantine,
    Selection,
    Plans,
    Uploads,
    Rules,
    Settings,
}

impl Tab {
    const ALL: [Self; 10] = [
        Self::Overview,
        Self::Runs,
        Self::Tests,
        Self::Flaky,
        Self::Quarantine,
        Self::Selection,
        Self::Plans,
        Self::Uploads,
        Self::Rules,
        Self::Settings,
    ];

    const fn text(self) -> &'static str {
        match self {
            Self::Overview => "Overview",
            Self::Runs => "Runs",
            Self::Tests => "Tests",
            Self::Flaky => "Flaky",
            Self::Quarantine => "Quarantine",
            Self::Selection => "Selection",
            Self::Plans => "Plans",
            Self::Uploads => "Uploads",
            Self::Rules => "Rules",
            Self::Settings => "Settings",
        }
    }

    /// Whether its link is in the menu beside the tabs unless it is the current one. The others are
    /// those that people open every day, and those whose count is an alarm.
    const fn is_in_menu(self) -> bool {
        match self {
            Self::Overview | Self::Runs | Self::Tests | Self::Flaky | Self::Quarantine => false,
            Self::Selection | Self::Plans | Self::Uploads | Self::Rules | Self::Settings => true,
        }
    }

    /// Below the address of the suite.
    const fn path(self) -> &'static str {
        match self {
            Self::Overview => "",
            Self::Runs => "/runs",
            Self::Tests => "/tests",
            Self::Flaky => "/flaky",
            Self::Quarantine => "/quarantine",
            Self::Selection => "/selection",
            Self::Plans => "/plans",
            Self::Uploads => "/uploads",
            Self::Rules => "/rules",
            Self::Settings => "/settings",
        }
    }

    /// The key that opens it, after `g`.
    const fn key(self) -> &'static str {
        match self {
            Self::Overview => "o",
            Self::Runs => "r",
            Self::Tests => "t",
            Self::Flaky => "f",
            Self::Quarantine => "q",
            Self::Selection => "e",
            Self::Plans => "p",
            Self::Uploads => "u",
            Self::Rules => "l",
            Self::Settings => "s",
        }
    }

    const fn count(self, counts: &SuiteCounts) -> Option<u64> {
        match self {
            Self::Overview
            | Self::Selection
            | Self::Plans
            | Self::Uploads
            | Self::Rules
            | Self::Settings => None,
            Self::Runs => Some(counts.runs),
            Self::Tests => Some(counts.tests),
            Self::Flaky => Some(counts.flaky),
            Self::Quarantine => Some(counts.quarantined),
        }
    }
}

pub(super) struct TabLink {
    pub(super) text: &'static str,
    pub(super) address: String,
    pub(super) key: &'static str,
    pub(super) is_current: bool,
    /// Empty if it is not known.
    pub(super) count: String,
}

/// The links to the pages of a suite.
#[derive(Default)]
pub(super) struct Tabs {
    pub(super) always: Vec<TabLink>,
    /// The current page, if its link would otherwise be in the menu.
    pub(super) from_menu: Option<TabLink>,
    pub(super) menu: Vec<TabLink>,
}

impl Tabs {
    fn new(suite: &Suite, current: Option<Tab>, counts: Option<&SuiteCounts>) -> Self {
        let base = Links::suite_path(suite);
        let mut tabs = Self::default();
        for tab in Tab::ALL {
            let count = counts.and_then(|counts| tab.count(counts));
            let link = TabLink {
                text: tab.text(),
                address: format!("{base}{}", tab.path()),
                key: tab.key(),
                is_current: current == Some(tab),
                count: count.map(format::count).unwrap_or_default(),
            };
            if !tab.is_in_menu() {
                tabs.always.push(link);
            } else if link.is_current {
                tabs.from_menu = Some(link);
            } else {
                tabs.menu.push(link);
            }
        }
        tabs
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &TabLink> {
        self.always.iter().chain(&self.from_menu).chain(&self.menu)
    }
}

pub(super) struct Frame {
    pub(super) title: String,
    pub(super) crumbs: Vec<Crumb>,
    /// Of pages below a suite; otherwise empty.
    pub(super) tabs: Tabs,
    /// The suite that the search at the top is about, as in its address; empty for all suites.
    pub(super) search_in: String,
    /// Whether the viewer can see anything that could be searched.
    pub(super) has_search: bool,
    pub(super) style: &'static str,
    pub(super) script: &'static str,
    /// `light` or `dark`; empty for that of the reader's system.
    pub(super) theme: &'static str,
    /// For the sign-out form; empty if not signed in.
    pub(super) form_token: String,
    pub(super) is_signed_in: bool,
    /// The page changes by itself: browsers reload it.
    pub(super) is_live: bool,
    /// Of the suite, on pages below a tab.
    pub(super) counts: Option<SuiteCounts>,
    /// What the viewer has just done to a test on this page.
    pub(super) notice: Option<Notice>,
}

impl Frame {
    pub(super) fn new(title: impl Into<String>, viewer: &Viewer) -> Self {
        Self {
            title: title.into(),
            crumbs: Vec::new(),
            tabs: Tabs::default(),
            search_in: String::new(),
            has_search: viewer.is_signed_in(),
            style: &assets::STYLE.address,
            script: &assets::SCRIPT.address,
            theme: viewer.theme.name(),
            form_token: viewer.form_token(),
            is_signed_in: viewer.is_signed_in(),
            is_live: false,
            counts: None,
            notice: None,
        }
    }

    /// With breadcrumbs for the organization and the suite, and the tabs of the suite.
    pub(super) fn of_suite(title: impl Into<String>, viewer: &Viewer, suite: &Suite) -> Self {
        let mut frame = Self::new(title, viewer);
        frame.crumb(
            &suite.organization_slug,
            Links::organization_page(&suite.organization_slug),
        );
        frame.crumb(&suite.name, Links::suite_path(suite));
        frame.search_in = super::search::slugs(suite);
        frame.has_search = true;
        frame.tabs = Tabs::new(suite, None, None);
        frame
    }

    /// The frame of a page below one of the tabs, with the counts of all tabs.
    pub(super) async fn of_tab(
        app: &App,
        title: impl Into<String>,
        viewer: &Viewer,
        suite: &Suite,
        current: Tab,
    ) -> Result<Self, PageError> {
        let counts = app.store.suite_counts(suite.id).await?;
        let mut frame = Self::of_suite(title, viewer, suite);
        frame.counts = Some(counts);
        frame.notice = mute_form::notice(app, viewer, suite).await?;
        frame.tabs = Tabs::new(suite, Some(current), Some(&counts));
        Ok(frame)
    }

    pub(super) fn crumb(&mut self, text: &str, address: String) {
        self.crumbs.push(Crumb {
            text: text.to_owned(),
            address,
        });
    }
}

/// Links to the previous and next page of a list.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Pager {
    pub(super) number: u32,
    pub(super) last: u32,
    pub(super) previous: Option<String>,
    pub(super) next: Option<String>,
}

impl Pager {
    /// `address` returns the address of a page by its number.
    pub(super) fn new(page: Page, total: u64, address: impl Fn(u32) -> String) -> Self {
        let last = paging::last_page(page, total);
        Self {
            number: page.number,
            last,
            previous: (page.number > 1).then(|| address((page.number - 1).min(last))),
            next: (page.number < last).then(|| address(page.number + 1)),
        }
    }
}

/// The items of a page of a list that is in memory.
pub(super) fn of_page<T>(items: Vec<T>, page: Page) -> Vec<T> {
    let size = page.size as usize;
    let before = (page.number.saturating_sub(1) as usize).saturating_mul(size);
    items.into_iter().skip(before).take(size).collect()
}

/// Why a page is not shown.
pub(super) enum PageError {
    /// Not signed in; `next` is where to redirect after sign-in.
    SignIn {
        next: String,
    },
    /// The page does not exist, or the viewer has no access.
    NotFound,
    Forbidden(String),
    Api(ApiError),
    Template(askama::Error),
}

impl From<ApiError> for PageError {
    fn from(error: ApiError) -> Self {
        Self::Api(error)
    }
}

impl From<StoreError> for PageError {
    fn from(error: StoreError) -> Self {
        Self::Api(error.into())
    }
}

impl From<askama::Error> for PageError {
    fn from(error: askama::Error) -> Self {
        Self::Template(error)
    }
}

#[derive(Template)]
#[template(path = "error.html")]
pub(super) struct ErrorPage {
    pub(super) frame: Frame,
    pub(super) message: String,
}

/// The text of an error page, as an extension of the response: `error_pages` adds the page, because
/// it knows the place and the viewer.
#[derive(Clone, Debug)]
pub(super) struct PageErrorText(pub(super) String);

impl IntoResponse for PageError {
    fn into_response(self) -> Response {
        let (mut response, text) = match self {
            Self::SignIn { next } => {
                let query = serde_urlencoded::to_string([("next", next)]).unwrap_or_default();
                return Redirect::to(&format!("/sign-in?{query}")).into_response();
            }
            Self::NotFound => (
                StatusCode::NOT_FOUND.into_response(),
                "This page does not exist, or you do not have access to it.".to_owned(),
            ),
            Self::Forbidden(message) => (StatusCode::FORBIDDEN.into_response(), message),
            Self::Api(error) => api_response(error),
            Self::Template(error) => api_response(ApiError::internal("render the page", &error)),
        };
        response.extensions_mut().insert(PageErrorText(text));
        response
    }
}

/// With the headers and the database error of the API's response.
fn api_response(error: ApiError) -> (Response, String) {
    let text = error.message().to_owned();
    (error.into_response(), text)
}

pub(super) fn show(page: &impl Template) -> Result<Response, PageError> {
    Ok(Html(page.render()?).into_response())
}
