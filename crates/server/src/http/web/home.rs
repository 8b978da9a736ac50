//! The start page: redirects to the only visible organization, or lists all of them.

use askama::Template;
use axum::extract::State;
use axum::response::{IntoResponse as _, Redirect, Response};

use super::page::{Frame, PageError, show};
use super::viewer::Viewer;
use crate::App;
use crate::links::Links;

#[derive(Template)]
#[template(path = "organizations.html")]
struct Page {
    frame: Frame,
    organizations: Vec<Row>,
}

struct Row {
    slug: String,
    address: String,
}

pub(super) async fn get(State(app): State<App>, viewer: Viewer) -> Result<Response, PageError> {
    let slugs = viewer.visible_organizations(&app).await?;
    let organizations: Vec<Row> = slugs
        .into_iter()
        .map(|slug| Row {
            address: Links::organization_page(&slug),
            slug,
        })
        .collect();
    if let [only] = organizations.as_slice() {
        return Ok(Redirect::to(&only.address).into_response());
    }
    show(&Page {
        frame: Frame::new("Organizations", &viewer),
        organizations,
    })
}
