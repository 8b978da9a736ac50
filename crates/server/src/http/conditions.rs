//! Conditions between the fields of request bodies, for the OpenAPI document. Attributes of fields
//! cannot say them, so they are written in JSON Schema here.

use serde_json::{Value, json};
use utoipa::openapi::schema::{Components, SchemaType};
use utoipa::openapi::{RefOr, Schema};

use super::forms;
use crate::people::UNSUITABLE_CLAIMS;

/// Adds them to the components. Each is one keyword, since the order of several is not defined.
pub(super) fn add(components: &mut Components) {
    for (name, keyword, condition) in [
        ("PlanRequest", "anyOf", node_count()),
        ("PlanExample", "anyOf", identified()),
        ("NodeReport", "anyOf", finished()),
        ("QuarantineRequest", "anyOf", reason()),
        ("NewSignInRule", "anyOf", rule_value()),
        ("UploadForm", "propertyNames", field_names()),
        ("OwnershipsForm", "propertyNames", field_names()),
        ("ArchiveForm", "propertyNames", field_names()),
    ] {
        if let Some(RefOr::T(Schema::Object(object))) = components.schemas.get_mut(name) {
            let extensions = object.extensions.get_or_insert_default();
            extensions.insert(keyword.to_owned(), condition);
            if name == "QuarantineRequest" {
                // Anything else than an object counts as no request.
                object.schema_type = SchemaType::AnyValue;
            }
        }
    }
}

/// Fields of forms are named in headers.
fn field_names() -> Value {
    json!({"pattern": forms::NAME_PATTERN})
}

/// Either the number of nodes or its maximum; only the latter goes with a target.
fn node_count() -> Value {
    json!([
        {
            "required": ["parallelism"],
            "properties": {
                "parallelism": {"minimum": 1},
                "target_time": {"enum": [null, 0]},
            },
        },
        {
            "required": ["max_parallelism"],
            "properties": {"max_parallelism": {"type": "integer", "minimum": 1}},
        },
    ])
}

/// An example is identified by at least one of these.
fn identified() -> Value {
    let fields = ["path", "value", "identifier", "name"];
    let with = |field: &str| {
        let texts = json!({ field: {"pattern": r"\S"} });
        json!({"required": [field], "properties": texts})
    };
    fields.map(with).into_iter().collect()
}

/// Only a start report has no end.
fn finished() -> Value {
    json!([
        {"properties": {"state": {"const": "started"}}},
        {"required": ["finished_at"], "properties": {"finished_at": {"type": "string"}}},
    ])
}

/// With any field a reason is required, and there is one end.
fn reason() -> Value {
    let absent = json!({"type": "null"});
    let reason = json!({"type": "string", "pattern": r"\S"});
    json!([
        {"properties": {
            "reason": absent, "owner": absent, "ticket": absent, "scope": absent, "days": absent,
            "ends_at": absent, "force": absent,
        }},
        {"required": ["reason"], "properties": {"reason": reason, "days": absent}},
        {"required": ["reason"], "properties": {"reason": reason, "ends_at": absent}},
    ])
}

/// What a rule compares decides what its value looks like.
fn rule_value() -> Value {
    let when = |matches: &str, pattern: &str| {
        let value = json!({ "pattern": pattern });
        json!({"properties": {"match": {"const": matches}, "value": value}})
    };
    let unsuitable = UNSUITABLE_CLAIMS.join("|");
    let claim = format!(r"^(?!\s*({unsuitable})\s*=)[^=]*[^=\s][^=]*=.*\S");
    let label = "[A-Za-z0-9-]+";
    json!([
        when("subject", r"\S"),
        when("claim", &claim),
        when("email_domain", &format!(r"^\s*{label}(\.{label})+\s*$")),
    ])
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use crate::http::api;

    #[test]
    fn every_condition_is_in_the_document() {
        let document = serde_json::to_value(api::document()).unwrap();
        for name in [
            "PlanRequest",
            "PlanExample",
            "NodeReport",
            "QuarantineRequest",
            "NewSignInRule",
        ] {
            let conditions = document["components"]["schemas"][name]["anyOf"].as_array();
            assert!(
                conditions.is_some_and(|all| all.iter().all(Value::is_object)),
                "{name}"
            );
        }
    }
}
