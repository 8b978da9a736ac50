//! `PATCH …/tests/{id}/labels`: put labels on a test, or take them off.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use test_engine_store::LabelChange;
use test_engine_wire::Test;

use super::test_answers::Details;
use super::test_get;
use crate::App;
use crate::http::auth::{SuiteAccess, WriteSuites};
use crate::http::body::JsonBody;
use crate::http::error::ApiError;
use crate::http::params::IdInPath;

/// Labels in one request.
const MOST_LABELS: usize = 100;
/// Characters of a label.
const LONGEST_LABEL: usize = 100;

#[derive(Deserialize)]
pub(super) struct Change {
    operator: String,
    labels: Vec<String>,
}

pub(super) async fn patch(
    State(app): State<App>,
    access: SuiteAccess<WriteSuites>,
    IdInPath(id): IdInPath,
    JsonBody(body): JsonBody<Change>,
) -> Result<Json<Test>, ApiError> {
    let change = match body.operator.as_str() {
        "add" => LabelChange::Add,
        "remove" => LabelChange::Remove,
        other => {
            return Err(ApiError::bad_request(format!(
                "The operator {other:?} is none of add, remove."
            )));
        }
    };
    let labels = labels(&body.labels).map_err(ApiError::unprocessable)?;
    let suite = &access.suite;
    let test = app
        .store
        .change_labels(suite.id, id, change, &labels)
        .await?
        .ok_or_else(|| test_get::missing(id))?;
    let details = Details::of(&app, suite, std::iter::once(&test)).await?;
    Ok(Json(details.test(&test, suite, &app.links)))
}

/// The labels as they are kept. Filters put commas between labels and `!` before them.
fn labels(sent: &[String]) -> Result<Vec<String>, String> {
    if sent.is_empty() {
        return Err("Validation failed: labels is empty".to_owned());
    }
    if sent.len() > MOST_LABELS {
        return Err(format!(
            "Validation failed: labels has more than {MOST_LABELS} labels"
        ));
    }
    let mut labels = Vec::with_capacity(sent.len());
    for (place, label) in sent.iter().enumerate() {
        let label = label.trim();
        let problem = if label.is_empty() {
            "is blank".to_owned()
        } else if label.chars().count() > LONGEST_LABEL {
            format!("is longer than {LONGEST_LABEL} characters")
        } else if label.starts_with('!') || label.contains(',') || label.contains(char::is_control)
        {
            "begins with !, or has a comma or a control character".to_owned()
        } else {
            labels.push(label.to_owned());
            continue;
        };
        return Err(format!("Validation failed: labels[{place}] {problem}"));
    }
    Ok(labels)
}

#[cfg(test)]
mod tests {
    use super::labels;

    #[test]
    fn labels_can_be_asked_for_again() {
        let label = |label: &str| labels(&[label.to_owned()]);
        assert_eq!(label(" very slow ⏳ ").unwrap(), ["very slow ⏳"]);
        let long = "x".repeat(101);
        for bad in ["", "  ", "!no", "a,b", "a\nb", long.as_str()] {
            let error = label(bad).unwrap_err();
            assert!(error.contains("labels[0]"), "{error}");
        }
        assert!(labels(&[]).is_err());
        assert!(labels(&vec!["a".to_owned(); 101]).is_err());
    }
}
