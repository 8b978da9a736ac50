//! Saved views: the links above the list, and the form that saves and deletes them.

use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Redirect, Response};
use serde::Deserialize;
use test_engine_store::SavedView;

use super::super::page::PageError;
use super::super::sign_in::form;
use super::super::viewer::SuiteViewer;
use super::address::{Asked, Shown};
use crate::App;
use crate::http::client_address::ClientAddress;
use crate::http::error::ApiError;
use crate::links::Links;

/// Characters of a name.
pub(super) const MAX_NAME: usize = 100;

/// A link above the list.
pub(super) struct ViewLink {
    pub(super) name: String,
    pub(super) address: String,
    pub(super) is_current: bool,
    pub(super) is_default: bool,
}

/// The links to all tests and to the saved views.
pub(super) fn links(views: &[SavedView], shown: &Shown, base: &str) -> Vec<ViewLink> {
    let of_views = views.iter().map(|view| ViewLink {
        name: view.name.clone(),
        address: Shown::of_view(&view.settings).address(base),
        is_current: shown.is_view(&view.settings),
        is_default: view.settings.is_default,
    });
    let mut links: Vec<ViewLink> = of_views.collect();
    let is_other = links.iter().all(|link| !link.is_current);
    let all = ViewLink {
        name: "All tests".to_owned(),
        address: format!("{base}?q="),
        is_current: is_other && shown.text.trim().is_empty(),
        is_default: false,
    };
    links.insert(0, all);
    links
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ChangeView {
    form_token: String,
    action: String,
    name: String,
    /// The part of the list's address after `?`.
    shown: String,
    /// Empty unless the box is checked.
    default: String,
}

/// Saves what the list shows under a name, or deletes the view with this name.
pub(in crate::http::web) async fn change(
    State(app): State<App>,
    SuiteViewer { viewer, suite }: SuiteViewer,
    client: ClientAddress,
    request: Request,
) -> Result<Response, PageError> {
    let form: ChangeView = form(request).await?;
    viewer.check_form(&form.form_token)?;
    viewer.check_may_write(&suite.organization_slug)?;
    let name = name(&form.name)?;
    let base = format!("{}/tests", Links::suite_path(&suite));
    let change = viewer.change(client, app.clock.now());
    let address = match form.action.as_str() {
        "save" => {
            let pairs = serde_urlencoded::from_str(&form.shown).map_err(|_unreadable| {
                ApiError::bad_request("The address of the list is not valid.")
            })?;
            let shown = Asked::of(pairs)?.shown(&[]);
            let settings = shown.settings(!form.default.is_empty());
            if settings.query.chars().count() > super::parse::MAX_QUERY {
                let problem = super::parse::QueryError::TooLong.to_string();
                return Err(ApiError::unprocessable(problem).into());
            }
            app.store
                .save_view(suite.id, name, &settings, &change)
                .await?;
            Shown { page: 1, ..shown }.address(&base)
        }
        "delete" => {
            app.store.delete_view(suite.id, name, &change).await?;
            format!("{base}?q=")
        }
        _ => return Err(PageError::NotFound),
    };
    Ok(Redirect::to(&address).into_response())
}

fn name(text: &str) -> Result<&str, ApiError> {
    let name = text.trim();
    let problem = if name.is_empty() {
        "name is blank"
    } else if name.chars().count() > MAX_NAME {
        "name is longer than 100 characters"
    } else if name.contains(char::is_control) {
        "name contains a control character"
    } else {
        return Ok(name);
    };
    Err(ApiError::unprocessable(format!(
        "Validation failed: {problem}"
    )))
}

#[cfg(test)]
mod tests {
    use test_engine_store::{Timestamp, ViewSettings};
    use uuid::Uuid;

    use super::*;

    #[test]
    fn the_current_view_is_marked() {
        let view = SavedView {
            uuid: Uuid::nil(),
            name: "Muted".to_owned(),
            settings: ViewSettings {
                query: "state:muted".to_owned(),
                ..ViewSettings::default()
            },
            created_at: Timestamp::from_millis(0),
        };
        let current = |query: &str| {
            let pairs = serde_urlencoded::from_str(query).unwrap();
            let shown = Asked::of(pairs).ok().unwrap().shown(&[]);
            let links = links(std::slice::from_ref(&view), &shown, "/t");
            let current = links.into_iter().filter(|link| link.is_current);
            current.map(|link| link.name).collect::<Vec<_>>()
        };
        assert_eq!(current("q="), ["All tests"]);
        assert_eq!(current("q=state:muted&page=2"), ["Muted"]);
        assert_eq!(current("q=state:skipped"), [""; 0]);
    }

    #[test]
    fn names_are_short_texts() {
        assert_eq!(name(" Slow tests ").ok(), Some("Slow tests"));
        for bad in ["", "  ", "a\nb", "x".repeat(101).as_str()] {
            assert!(name(bad).is_err(), "{bad}");
        }
    }
}
