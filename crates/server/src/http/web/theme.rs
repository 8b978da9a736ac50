//! Light or dark pages: the choice of a browser, in a cookie, so that no page flashes.

use axum::extract::{Request, State};
use axum::http::HeaderMap;
use axum::http::header::{REFERER, SET_COOKIE};
use axum::response::{IntoResponse as _, Redirect, Response};
use serde::Deserialize;

use super::page::PageError;
use super::sign_in::{cookie, form, local_path, reject_cross_site};
use super::viewer::cookies;
use crate::App;

pub(super) const ADDRESS: &str = "/theme";
const COOKIE_NAME: &str = "test_engine_theme";
const COOKIE_SECONDS: i64 = 400 * 24 * 60 * 60;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Theme {
    /// What the system of the reader uses.
    #[default]
    System,
    Light,
    Dark,
}

impl Theme {
    pub(super) fn of(headers: &HeaderMap) -> Self {
        cookies(headers, COOKIE_NAME)
            .next()
            .map_or(Self::System, Self::named)
    }

    fn named(name: &str) -> Self {
        match name {
            "light" => Self::Light,
            "dark" => Self::Dark,
            _ => Self::System,
        }
    }

    /// Empty for that of the system.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::System => "",
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }
}

#[derive(Deserialize)]
struct Choice {
    /// `light`, `dark` or `system`. Without it, the other one than now: the server does not know
    /// that of the system, which is most often the light one.
    theme: Option<String>,
}

pub(super) async fn set(State(app): State<App>, request: Request) -> Result<Response, PageError> {
    let headers = request.headers().clone();
    reject_cross_site(&headers, app.links.public_url())?;
    let choice: Choice = form(request).await?;
    let theme = match choice.theme {
        Some(name) => Theme::named(&name),
        None if Theme::of(&headers) == Theme::Dark => Theme::Light,
        None => Theme::Dark,
    };
    let back = came_from(&headers);
    let cookie = cookie(&app, COOKIE_NAME, theme.name(), COOKIE_SECONDS)?;
    let mut response = Redirect::to(&back).into_response();
    response.headers_mut().append(SET_COOKIE, cookie);
    Ok(response)
}

/// The page with the form; pages send their address to this server only.
fn came_from(headers: &HeaderMap) -> String {
    let address = headers.get(REFERER).and_then(|value| value.to_str().ok());
    let path = address
        .and_then(|address| address.split_once("://"))
        .and_then(|(_, rest)| rest.find('/').map(|start| &rest[start..]));
    local_path(path)
}

#[cfg(test)]
mod tests {
    use axum::http::header::{COOKIE, REFERER};
    use axum::http::{HeaderMap, HeaderValue};

    use super::{Theme, came_from};

    #[test]
    fn a_cookie_chooses_the_theme() {
        for (cookie, theme) in [
            ("test_engine_theme=dark", Theme::Dark),
            ("a=b; test_engine_theme=light", Theme::Light),
            ("test_engine_theme=", Theme::System),
            ("test_engine_theme=\"><script>", Theme::System),
            ("a=b", Theme::System),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(COOKIE, HeaderValue::from_static(cookie));
            assert_eq!(Theme::of(&headers), theme, "{cookie}");
        }
    }

    #[test]
    fn readers_return_to_their_page() {
        for (address, path) in [
            ("http://tests.example/a/b?c=d", "/a/b?c=d"),
            ("http://tests.example", "/organizations"),
            ("http://tests.example//evil.example", "/organizations"),
            ("nonsense", "/organizations"),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(REFERER, HeaderValue::from_static(address));
            assert_eq!(came_from(&headers), path, "{address}");
        }
    }
}
