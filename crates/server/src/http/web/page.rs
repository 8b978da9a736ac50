//! The common parts of pages: frame, breadcrumbs, pager and error pages.

use askama::Template;
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Redirect, Response};
use test_engine_store::{Page, StoreError, Suite};

use super::assets;
use super::viewer::Viewer;
use crate::http::error::ApiError;
use crate::http::paging;
use crate::links::Links;

/// A breadcrumb.
pub(super) struct Crumb {
    pub(super) text: String,
    pub(super) address: String,
}

pub(super) struct Frame {
    pub(super) title: String,
    pub(super) crumbs: Vec<Crumb>,
    pub(super) style: &'static str,
    /// For the sign-out form; empty if not signed in.
    pub(super) form_token: String,
    pub(super) is_signed_in: bool,
}

impl Frame {
    pub(super) fn new(title: impl Into<String>, viewer: &Viewer) -> Self {
        Self {
            title: title.into(),
            crumbs: Vec::new(),
            style: assets::STYLE,
            form_token: viewer.form_token(),
            is_signed_in: viewer.is_signed_in(),
        }
    }

    /// With breadcrumbs for the organization and the suite.
    pub(super) fn of_suite(title: impl Into<String>, viewer: &Viewer, suite: &Suite) -> Self {
        let mut frame = Self::new(title, viewer);
        frame.crumb(
            &suite.organization_slug,
            Links::organization_page(&suite.organization_slug),
        );
        frame.crumb(&suite.name, Links::suite_path(suite));
        frame
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
