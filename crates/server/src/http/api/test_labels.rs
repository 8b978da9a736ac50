//! `PATCH …/tests/{id}/labels`.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use test_engine_store::LabelChange;
use utoipa::ToSchema;

use super::test_details::Details;
use super::tests::not_found;
use crate::App;
use crate::http::auth::{SuiteAccess, WriteSuites};
use crate::http::body::JsonBody;
use crate::http::error::ApiError;
use crate::http::openapi::{BadRequest, Invalid};
use crate::http::params::IdInPath;
use crate::http::resources::LabelledTest;

/// Labels per request.
const MAX_LABELS: usize = 100;
/// Characters per label.
const MAX_LABEL: usize = 100;

#[derive(Deserialize, ToSchema)]
pub(super) struct LabelsChange {
    #[schema(pattern = "^(add|remove)$")]
    operator: String,
    /// Up to 100 characters each.
    #[schema(min_items = 1, max_items = 100)]
    labels: Vec<String>,
}

/// Add labels to a test, or remove them
#[utoipa::path(
    patch, path = "/tests/{id}/labels", tag = "Tests",
    params(SuiteAccess<WriteSuites>, IdInPath), request_body = LabelsChange,
    responses((status = 200, body = LabelledTest), BadRequest, SuiteAccess<WriteSuites>, Invalid),
)]
pub(super) async fn change_labels(
    State(app): State<App>,
    access: SuiteAccess<WriteSuites>,
    IdInPath(id): IdInPath,
    JsonBody(body): JsonBody<LabelsChange>,
) -> Result<Json<LabelledTest>, ApiError> {
    let operation = match body.operator.as_str() {
        "add" => LabelChange::Add,
        "remove" => LabelChange::Remove,
        other => {
            return Err(ApiError::bad_request(format!(
                "Invalid operator {other:?}: use add or remove."
            )));
        }
    };
    let labels = validate(&body.labels).map_err(ApiError::unprocessable)?;
    let suite = &access.suite;
    let change = access.change(app.clock.now());
    let test = app
        .store
        .change_labels(suite.id, id, operation, &labels, &change)
        .await?
        .ok_or_else(|| not_found(id))?;
    let details = Details::of(&app, suite, std::iter::once(&test)).await?;
    Ok(Json(details.labelled(&test, suite, &app.links)))
}

/// The labels, trimmed. Commas and a leading `!` are reserved for filters.
fn validate(sent: &[String]) -> Result<Vec<String>, String> {
    if sent.is_empty() {
        return Err("Validation failed: labels is empty".to_owned());
    }
    if sent.len() > MAX_LABELS {
        return Err(format!(
            "Validation failed: labels has more than {MAX_LABELS} labels"
        ));
    }
    let mut labels = Vec::with_capacity(sent.len());
    for (index, label) in sent.iter().enumerate() {
        let label = label.trim();
        let problem = if label.is_empty() {
            "is blank".to_owned()
        } else if label.chars().count() > MAX_LABEL {
            format!("is longer than {MAX_LABEL} characters")
        } else if label.starts_with('!') || label.contains(',') || label.contains(char::is_control)
        {
            "begins with ! or contains a comma or a control character".to_owned()
        } else {
            labels.push(label.to_owned());
            continue;
        };
        return Err(format!("Validation failed: labels[{index}] {problem}"));
    }
    Ok(labels)
}

#[cfg(test)]
mod tests {
    use super::validate;

    #[test]
    fn labels_that_filters_cannot_express_are_rejected() {
        let label = |label: &str| validate(&[label.to_owned()]);
        assert_eq!(label(" very slow ⏳ ").unwrap(), ["very slow ⏳"]);
        let long = "x".repeat(101);
        for bad in ["", "  ", "!no", "a,b", "a\nb", long.as_str()] {
            let error = label(bad).unwrap_err();
            assert!(error.contains("labels[0]"), "{error}");
        }
        assert!(validate(&[]).is_err());
        assert!(validate(&vec!["a".to_owned(); 101]).is_err());
    }
}
