//! The fields of a suite as they are sent to make or change one, checked all at once.
//!
//! Fields that are not known are passed over: clients of the hosted product send teams, which
//! this server does not have.

use serde_json::{Map, Value};
use test_engine_store::SuiteChanges;

use crate::access::Principal;
use crate::http::error::ApiError;
use crate::oidc::Policy;
use crate::scopes::Scope;

/// Characters of the short texts.
const LONGEST_TEXT: usize = 255;

/// What was sent, checked.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Fields {
    /// As the store changes a suite; a new one takes what is given.
    pub(super) changes: SuiteChanges,
    /// The OIDC policy among them, read.
    policy: Option<Policy>,
    /// For a new suite; made of the name unless given.
    pub(super) slug: Option<String>,
    /// Whether a token shall be in the answer.
    pub(super) show_api_token: bool,
}

impl Fields {
    /// Nobody may give others what they do not have themselves. Uploads are what a suite token is
    /// for, and whoever may change a suite may ask for one.
    pub(super) fn check_grants(&self, principal: &Principal) -> Result<(), ApiError> {
        let beyond = self
            .policy
            .iter()
            .flat_map(Policy::scopes)
            .find(|scope| *scope != Scope::WriteUploads && !principal.has_scope(*scope));
        beyond.map_or(Ok(()), |scope| {
            Err(ApiError::forbidden(format!(
                "The OIDC policy grants the scope {scope}, which your access token doesn't have \
                 itself (missing required scope: {scope})."
            )))
        })
    }
}

/// Of a body that changes a suite, or, with `is_new`, makes one.
pub(super) fn read(body: &Map<String, Value>, is_new: bool) -> Result<Fields, ApiError> {
    let mut reader = Reader {
        body,
        problems: Vec::new(),
    };
    let mut changes = SuiteChanges {
        name: reader.required_text("name", "Name", is_new),
        default_branch: reader.required_text("default_branch", "Default branch", is_new),
        application_name: reader.optional_text("application_name", "Application name"),
        color: reader.optional_text("color", "Color"),
        emoji: reader.optional_text("emoji", "Emoji"),
        oidc_policy: None,
    };
    let (oidc_policy, policy) = reader.policy().unzip();
    changes.oidc_policy = oidc_policy;
    let slug = if is_new {
        reader.optional_text("slug", "Slug").flatten()
    } else {
        None
    };
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

/// 422, in the words of the hosted product.
pub(super) fn invalid(problems: &str) -> ApiError {
    ApiError::unprocessable(format!("Validation failed: {problems}"))
}

struct Reader<'a> {
    body: &'a Map<String, Value>,
    problems: Vec<String>,
}

impl Reader<'_> {
    /// A text that every suite has.
    fn required_text(&mut self, field: &str, called: &str, is_new: bool) -> Option<String> {
        match self.body.get(field) {
            None if !is_new => None,
            None | Some(Value::Null) => {
                self.problems.push(format!("{called} can't be blank"));
                None
            }
            Some(value) => {
                let text = self.text(value, called)?;
                if text.is_empty() {
                    self.problems.push(format!("{called} can't be blank"));
                    return None;
                }
                Some(text)
            }
        }
    }

    /// A text that a suite may have; null and blank clear it.
    #[expect(
        clippy::option_option,
        reason = "as the store takes changes: absent stays, null clears"
    )]
    fn optional_text(&mut self, field: &str, called: &str) -> Option<Option<String>> {
        match self.body.get(field)? {
            Value::Null => Some(None),
            value => {
                let text = self.text(value, called)?;
                Some((!text.is_empty()).then_some(text))
            }
        }
    }

    fn text(&mut self, value: &Value, called: &str) -> Option<String> {
        let Some(text) = value.as_str().map(str::trim) else {
            self.problems.push(format!("{called} must be a text"));
            return None;
        };
        if text.chars().count() > LONGEST_TEXT {
            self.problems.push(format!(
                "{called} is too long (maximum is {LONGEST_TEXT} characters)"
            ));
            return None;
        }
        if text.chars().any(char::is_control) {
            self.problems
                .push(format!("{called} has a control character"));
            return None;
        }
        Some(text.to_owned())
    }

    /// YAML or JSON as a text, or the JSON itself: as it is kept, and as it is understood.
    fn policy(&mut self) -> Option<(Option<String>, Option<Policy>)> {
        let text = match self.body.get("oidc_policy")? {
            Value::Null => return Some((None, None)),
            Value::String(text) if text.trim().is_empty() => return Some((None, None)),
            Value::String(text) => text.clone(),
            value => value.to_string(),
        };
        match Policy::parse(&text) {
            Ok(policy) => Some((Some(text), Some(policy))),
            Err(error) => {
                self.problems.push(error.to_string());
                None
            }
        }
    }

    fn flag(&mut self, field: &str, called: &str) -> bool {
        match self.body.get(field) {
            None | Some(Value::Null) => false,
            Some(Value::Bool(flag)) => *flag,
            Some(_) => {
                self.problems
                    .push(format!("{called} must be true or false"));
                false
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{Fields, read};

    fn fields(body: &Value, is_new: bool) -> Result<Fields, String> {
        read(body.as_object().unwrap(), is_new).map_err(|error| error.message().to_owned())
    }

    #[test]
    fn every_problem_is_named_at_once() {
        let message = fields(
            &json!({"name": " ", "color": 7, "emoji": "x".repeat(256), "oidc_policy": {}}),
            true,
        )
        .unwrap_err();
        assert_eq!(
            message,
            "Validation failed: Name can't be blank, Default branch can't be blank, Color must \
             be a text, Emoji is too long (maximum is 255 characters), the OIDC policy is not a \
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
    fn what_is_not_sent_stays_and_null_clears() {
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
    fn a_policy_is_kept_as_text_or_as_json() {
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
