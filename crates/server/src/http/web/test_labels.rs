//! The form that adds a label to a test, or removes one.

use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Redirect, Response};
use serde::Deserialize;
use test_engine_store::LabelChange;

use super::page::PageError;
use super::sign_in::form;
use super::viewer::SuiteViewer;
use crate::App;
use crate::http::api::validate_labels;
use crate::http::client_address::ClientAddress;
use crate::http::error::ApiError;
use crate::http::params::IdInPath;
use crate::links::Links;

#[derive(Default, Deserialize)]
#[serde(default)]
struct ChangeLabel {
    form_token: String,
    operator: String,
    label: String,
}

pub(super) async fn change(
    State(app): State<App>,
    SuiteViewer { viewer, suite }: SuiteViewer,
    IdInPath(id): IdInPath,
    client: ClientAddress,
    request: Request,
) -> Result<Response, PageError> {
    let form: ChangeLabel = form(request).await?;
    viewer.check_form(&form.form_token)?;
    viewer.check_may_write(&suite.organization_slug)?;
    let operation = match form.operator.as_str() {
        "add" => LabelChange::Add,
        "remove" => LabelChange::Remove,
        _ => return Err(PageError::NotFound),
    };
    let labels = validate_labels(&[form.label]).map_err(ApiError::unprocessable)?;
    let change = viewer.change(client, app.clock.now());
    app.store
        .change_labels(suite.id, id, operation, &labels, &change)
        .await?
        .ok_or(PageError::NotFound)?;
    let address = format!("{}/tests/{id}#about", Links::suite_path(&suite));
    Ok(Redirect::to(&address).into_response())
}
