//! `PATCH …/tests/{id}/labels`.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use test_engine_store::LabelChange;
use utoipa::ToSchema;
use utoipa::openapi::schema::{Array, ArrayBuilder, ObjectBuilder, Type};

use super::test_details::Details;
use super::tests::not_found;
use crate::App;
use crate::http::auth::{SuiteAccess, WriteSuites};
use crate::http::body::JsonBody;
use crate::http::error::ApiError;
use crate::http::openapi::{BadRequest, Invalid};
use crate::http::params::IdInPath;
use crate::http::resources::LabelledTest;
use crate::labels;

/// Labels per request.
const MAX_LABELS: usize = 100;

#[derive(Deserialize, ToSchema)]
pub(super) struct LabelsChange {
    #[schema(pattern = "^(add|remove)$")]
    operator: String,
    #[schema(schema_with = labels)]
    labels: Vec<String>,
}

fn labels() -> Array {
    let label = ObjectBuilder::new()
        .schema_type(Type::String)
        .max_length(Some(labels::MAX_LABEL))
        .pattern(Some(
            r"^(?!\s*!)[^,\x00-\x1f\x7f-\x9f]*[^,\s\x00-\x1f\x7f-\x9f][^,\x00-\x1f\x7f-\x9f]*$",
        ));
    ArrayBuilder::new()
        .items(label)
        .min_items(Some(1))
        .max_items(Some(MAX_LABELS))
        .build()
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

/// The labels, trimmed.
pub(in crate::http) fn validate(sent: &[String]) -> Result<Vec<String>, String> {
    if sent.is_empty() {
        return Err("Validation failed: labels is empty".to_owned());
    }
    if sent.len() > MAX_LABELS {
        return Err(format!(
            "Validation failed: labels has more than {MAX_LABELS} labels"
        ));
    }
    let mut checked = Vec::with_capacity(sent.len());
    for (index, label) in sent.iter().enumerate() {
        let label = labels::check(label)
            .map_err(|problem| format!("Validation failed: labels[{index}] {problem}"))?;
        checked.push(label);
    }
    Ok(checked)
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
