//! The fields of a suite in requests, validated together.
//!
//! Unknown fields are ignored: clients of the hosted product send teams, which this server does
//! not have.

use serde_json::{Map, Value};
use test_engine_store as store;
use test_engine_store::Conflict;
use utoipa::ToSchema;
use utoipa::openapi::schema::{Object, ObjectBuilder, SchemaType, Type};

use crate::admin::{AdminError, MAX_QUARANTINE_DAYS};
use crate::config::Oidc;
use crate::http::error::ApiError;
use crate::http::{integers, openapi};
use crate::oidc::Policy;
use crate::scopes::Scope;

/// In characters.
const MAX_TEXT: usize = 255;

/// The body that creates a suite; read by [`read`].
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes a request body in the OpenAPI document")]
pub(super) struct NewSuite {
    #[schema(schema_with = openapi::name)]
    name: String,
    #[schema(schema_with = openapi::name)]
    default_branch: String,
    /// Derived from the name by default.
    #[schema(pattern = "^[a-z0-9][a-z0-9_-]*$", max_length = 100)]
    slug: Option<String>,
    #[serde(flatten)]
    #[schema(inline)]
    optional: OptionalFields,
}

/// The body that changes a suite; read by [`read`].
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes a request body in the OpenAPI document")]
pub(super) struct SuiteChanges {
    #[schema(schema_with = openapi::name)]
    name: Option<String>,
    #[schema(schema_with = openapi::name)]
    default_branch: Option<String>,
    #[serde(flatten)]
    #[schema(inline)]
    optional: OptionalFields,
}

#[derive(ToSchema)]
#[expect(dead_code, reason = "describes a request body in the OpenAPI document")]
struct OptionalFields {
    #[schema(max_length = 255, pattern = r"^[^\x00-\x1f\x7f-\x9f]*$")]
    application_name: Option<String>,
    #[schema(max_length = 255, pattern = r"^[^\x00-\x1f\x7f-\x9f]*$")]
    color: Option<String>,
    #[schema(max_length = 255, pattern = r"^[^\x00-\x1f\x7f-\x9f]*$")]
    emoji: Option<String>,
    /// YAML or JSON in a string, or a list of statements; null removes the policy.
    #[schema(schema_with = policy)]
    oidc_policy: Option<Value>,
    /// How long tests are muted and skipped; fields that are not sent stay as they are.
    #[schema(inline)]
    quarantine: Option<QuarantineFields>,
    /// Whether the response includes a suite token.
    show_api_token: Option<bool>,
}

fn policy() -> Object {
    let kinds = [Type::Array, Type::String, Type::Null];
    ObjectBuilder::new()
        .schema_type(SchemaType::from_iter(kinds))
        .build()
}

/// In days.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes a request body in the OpenAPI document")]
struct QuarantineFields {
    /// Unless a request has an end.
    #[schema(nullable = false, minimum = 1, maximum = 3650)]
    days: Option<u32>,
    /// The longest that a request can choose.
    #[schema(nullable = false, minimum = 1, maximum = 3650)]
    max_days: Option<u32>,
    /// For requests without details; null for no end. Setting it also gives an end to the tests
    /// that have none.
    #[schema(minimum = 1, maximum = 3650)]
    api_days: Option<u32>,
}

/// The validated fields.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Fields {
    pub(super) changes: store::SuiteChanges,
    /// The parsed OIDC policy of `changes`.
    policy: Option<Policy>,
    /// For a new suite only.
    pub(super) slug: Option<String>,
    /// Whether the response includes a token.
    pub(super) show_api_token: bool,
}

impl Fields {
    /// Checks that the OIDC policy grants no scope that the person who sets it lacks. Uploading is
    /// exempt, because anyone who may change a suite can create a suite token.
    pub(super) fn check_grants(&self, has_scope: impl Fn(Scope) -> bool) -> Result<(), ApiError> {
        let beyond = self
            .policy
            .iter()
            .flat_map(Policy::scopes)
            .find(|scope| *scope != Scope::WriteUploads && !has_scope(*scope));
        beyond.map_or(Ok(()), |scope| {
            Err(ApiError::forbidden(format!(
                "The OIDC policy grants the scope {scope}, which your access token doesn't have \
                 (missing required scope: {scope})."
            )))
        })
    }
}

/// Reads a body that changes a suite or, with `is_new`, creates one. `oidc` decides which issuers a
/// policy may name.
pub(super) fn read(
    body: &Map<String, Value>,
    is_new: bool,
    oidc: Oidc,
) -> Result<Fields, ApiError> {
    let mut reader = Reader {
        body,
        problems: Vec::new(),
    };
    let mut changes = store::SuiteChanges {
        name: reader.required_text("name", "Name", is_new),
        default_branch: reader.required_text("default_branch", "Default branch", is_new),
        application_name: reader.optional_text("application_name", "Application name"),
        color: reader.optional_text("color", "Color"),
        emoji: reader.optional_text("emoji", "Emoji"),
        ..store::SuiteChanges::default()
    };
    reader.quarantine(&mut changes);
    let (oidc_policy, policy) = reader.policy(oidc).unzip();
    changes.oidc_policy = oidc_policy;
    let slug = if is_new { reader.slug() } else { None };
    let show_api_token = reader.flag("show_api_token", "Show API token");
    if reader.problems.is_empty() {
        return Ok(Fields {
            changes,
            policy: policy.flatten(),
            slug,
            show_api_token,
        });
    }
    Err(invalid(&reader.problems.join(", ")))
}

/// A 422 with the wording of the hosted product.
pub(super) fn invalid(problems: &str) -> ApiError {
    ApiError::unprocessable(format!("Validation failed: {problems}"))
}

struct Reader<'a> {
    body: &'a Map<String, Value>,
    problems: Vec<String>,
}

impl Reader<'_> {
    /// A field that every suite has.
    fn required_text(&mut self, field: &str, label: &str, is_new: bool) -> Option<String> {
        match self.body.get(field) {
            None if !is_new => None,
            None | Some(Value::Null) => {
                self.problems.push(format!("{label} can't be blank"));
                None
            }
            Some(value) => {
                let text = self.text(value, label)?;
                if text.is_empty() {
                    self.problems.push(format!("{label} can't be blank"));
                    return None;
                }
                Some(text)
            }
        }
    }

    /// A field that null and blank clear.
    #[expect(
        clippy::option_option,
        reason = "as in the store's changes: absent keeps the value, null clears it"
    )]
    fn optional_text(&mut self, field: &str, label: &str) -> Option<Option<String>> {
        match self.body.get(field)? {
            Value::Null => Some(None),
            value => {
                let text = self.text(value, label)?;
                Some((!text.is_empty()).then_some(text))
            }
        }
    }

    fn text(&mut self, value: &Value, label: &str) -> Option<String> {
        let Some(text) = value.as_str() else {
            self.problems.push(format!("{label} must be a string"));
            return None;
        };
        if text.chars().count() > MAX_TEXT {
            self.problems.push(format!(
                "{label} is too long (maximum is {MAX_TEXT} characters)"
            ));
            return None;
        }
        if text.chars().any(char::is_control) {
            self.problems
                .push(format!("{label} has a control character"));
            return None;
        }
        Some(text.trim().to_owned())
    }

    /// Null means that it is derived from the name.
    fn slug(&mut self) -> Option<String> {
        match self.body.get("slug")? {
            Value::Null => None,
            Value::String(slug) if slug.is_empty() => {
                self.problems.push("Slug can't be blank".to_owned());
                None
            }
            // The rest is validated with the slugs of the command line.
            Value::String(slug) => Some(slug.clone()),
            _ => {
                self.problems.push("Slug must be a string".to_owned());
                None
            }
        }
    }

    /// The policy as stored and as parsed, from YAML or JSON in a string, or a JSON list.
    fn policy(&mut self, oidc: Oidc) -> Option<(Option<String>, Option<Policy>)> {
        let text = match self.body.get("oidc_policy")? {
            Value::Null => return Some((None, None)),
            Value::String(text) if text.trim().is_empty() => return Some((None, None)),
            Value::String(text) => text.clone(),
            value => value.to_string(),
        };
        match Policy::parse_new(&text, oidc) {
            Ok(policy) => Some((Some(text), Some(policy))),
            Err(error) => {
                self.problems.push(error.to_string());
                None
            }
        }
    }

    fn quarantine(&mut self, changes: &mut store::SuiteChanges) {
        let fields = match self.body.get("quarantine") {
            None | Some(Value::Null) => return,
            Some(Value::Object(fields)) => fields,
            Some(_) => {
                self.problems
                    .push("Quarantine must be an object".to_owned());
                return;
            }
        };
        let mut days = |field: &str| {
            let value = fields.get(field)?;
            let days = integers::natural(value).and_then(|days| u32::try_from(days).ok());
            let days = days.filter(|days| (1..=MAX_QUARANTINE_DAYS).contains(days));
            let may_be_null = field == "api_days" && value.is_null();
            if days.is_none() && !may_be_null {
                self.problems.push(format!(
                    "Quarantine {field} must be a number of days from 1 to {MAX_QUARANTINE_DAYS}"
                ));
            }
            Some(days)
        };
        changes.quarantine_days = days("days").flatten();
        changes.quarantine_max_days = days("max_days").flatten();
        changes.quarantine_api_days = days("api_days");
    }

    fn flag(&mut self, field: &str, label: &str) -> bool {
        match self.body.get(field) {
            None | Some(Value::Null) => false,
            Some(Value::Bool(flag)) => *flag,
            Some(_) => {
                self.problems.push(format!("{label} must be true or false"));
                false
            }
        }
    }
}

impl From<AdminError> for ApiError {
    fn from(error: AdminError) -> Self {
        match error {
            AdminError::Slug { given } if given.is_empty() => invalid(
                "Slug can't be blank (the name contains no letter or digit; send a slug of \
                 lowercase letters, digits, - and _)",
            ),
            AdminError::Slug { .. } => {
                invalid("Slug is invalid (use lowercase letters, digits, - and _, at most 100)")
            }
            AdminError::Exists(Conflict::Suite) => invalid("Slug has already been taken"),
            AdminError::OidcPolicy(error) => invalid(&error.to_string()),
            AdminError::Store(error) => error.into(),
            other => Self::not_found(format!("{other}.")),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{Fields, read};

    fn fields(body: &Value, is_new: bool) -> Result<Fields, String> {
        let oidc = crate::config::defaults();
        read(body.as_object().unwrap(), is_new, oidc).map_err(|error| error.message().to_owned())
    }

    #[test]
    fn all_problems_are_reported_together() {
        let message = fields(
            &json!({"name": " ", "color": 7, "emoji": "x".repeat(256), "oidc_policy": {}}),
            true,
        )
        .unwrap_err();
        assert_eq!(
            message,
            "Validation failed: Name can't be blank, Default branch can't be blank, Color must \
             be a string, Emoji is too long (maximum is 255 characters), the OIDC policy is not a \
             YAML or JSON list of statements {iss, claims, scopes}: line 1 column 1: expected \
             sequence start"
        );
        let message = fields(&json!({"name": null, "show_api_token": "yes"}), false).unwrap_err();
        assert_eq!(
            message,
            "Validation failed: Name can't be blank, Show API token must be true or false"
        );
    }

    #[test]
    fn absent_fields_stay_and_null_clears() {
        let read = fields(
            &json!({"color": null, "emoji": "🚀", "team_ids": [1]}),
            false,
        )
        .unwrap();
        assert_eq!(read.changes.name, None);
        assert_eq!(read.changes.color, Some(None));
        assert_eq!(read.changes.emoji, Some(Some("🚀".to_owned())));
        assert_eq!(read.changes.oidc_policy, None);
    }

    #[test]
    fn days_of_quarantine_are_positive_and_only_those_of_the_api_may_be_null() {
        let changes = fields(
            &json!({"quarantine": {"days": 7, "api_days": null, "other": 1}}),
            false,
        )
        .unwrap()
        .changes;
        assert_eq!(changes.quarantine_days, Some(7));
        assert_eq!(changes.quarantine_max_days, None);
        assert_eq!(changes.quarantine_api_days, Some(None));
        for bad in [
            json!({"days": 0}),
            json!({"max_days": null}),
            json!({"days": 3651}),
            json!(7),
        ] {
            let message = fields(&json!({ "quarantine": bad }), false).unwrap_err();
            assert!(message.contains("Quarantine"), "{message}");
        }
    }

    #[test]
    fn a_policy_is_stored_as_a_string_or_as_json() {
        let policy = |value: Value| {
            fields(&json!({ "oidc_policy": value }), false)
                .unwrap()
                .changes
                .oidc_policy
        };
        let text = "- iss: https://a\n  claims: {b: c}\n  scopes: [read_suites]\n";
        assert_eq!(policy(json!(text)), Some(Some(text.into())));
        let statements =
            json!([{"iss": "https://a", "claims": {"b": "c"}, "scopes": ["read_suites"]}]);
        assert_eq!(
            policy(statements.clone()),
            Some(Some(statements.to_string()))
        );
        assert_eq!(policy(json!(null)), Some(None));
        assert_eq!(policy(json!("  ")), Some(None));
    }
}
