//! A suite's OIDC policy: which issuers it trusts, with which claims, for which scopes.
//!
//! A list of statements in YAML or JSON. A token gets the scopes of every statement that matches
//! it. Unknown fields are errors: a misspelled claim must not grant access.

use std::collections::BTreeMap;

use axum::http::Uri;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::config::Oidc;
use crate::scopes::Scope;

const MAX_POLICY_BYTES: usize = 64 * 1024;
const MAX_STATEMENTS: usize = 100;

/// Reads after "failed to …: ".
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum PolicyError {
    #[error(
        "the OIDC policy is not a YAML or JSON list of statements {{iss, claims, scopes}}: {0}"
    )]
    Shape(String),
    #[error("the OIDC policy has no statement")]
    Empty,
    #[error(
        "the OIDC policy is longer than {MAX_POLICY_BYTES} bytes or {MAX_STATEMENTS} statements"
    )]
    TooLong,
    #[error("statement {number} of the OIDC policy is invalid: {problem}")]
    Statement { number: usize, problem: String },
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Policy {
    statements: Vec<Statement>,
}

#[derive(Debug, PartialEq, Eq)]
struct Statement {
    issuer: String,
    claims: BTreeMap<String, Vec<String>>,
    scopes: Vec<Scope>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    iss: String,
    claims: BTreeMap<String, Value>,
    scopes: Vec<String>,
}

impl Policy {
    /// Parses a policy that is about to be stored: issuers without TLS only if they are allowed.
    /// Stored ones are parsed without this check; their keys are not fetched if it would fail.
    pub(crate) fn parse_new(text: &str, settings: Oidc) -> Result<Self, PolicyError> {
        let policy = Self::parse(text)?;
        let is_forbidden = |statement: &Statement| {
            statement.issuer.starts_with("http://") && !settings.allow_loopback_http
        };
        match policy.statements.iter().position(is_forbidden) {
            None => Ok(policy),
            Some(index) => Err(PolicyError::Statement {
                number: index + 1,
                problem: format!(
                    "the issuer {:?} must start with https://, unless the server runs with \
                     --oidc-allow-loopback-http",
                    policy.statements[index].issuer
                ),
            }),
        }
    }

    pub(crate) fn parse(text: &str) -> Result<Self, PolicyError> {
        if text.len() > MAX_POLICY_BYTES {
            return Err(PolicyError::TooLong);
        }
        let shape = |error: &dyn std::fmt::Display| {
            // The first line is the message, the others show the position as a drawing.
            let text = error.to_string();
            let first = text.lines().next().unwrap_or_default();
            PolicyError::Shape(first.trim_start_matches("error: ").to_owned())
        };
        let written: Vec<Written> = if text.trim_start().starts_with('[') {
            // A YAML list may start like this, too; errors are then those of the JSON parser.
            serde_json::from_str(text)
                .or_else(|error| serde_saphyr::from_str(text).map_err(|_yaml| shape(&error)))?
        } else {
            serde_saphyr::from_str(text).map_err(|error| shape(&error))?
        };
        if written.is_empty() {
            return Err(PolicyError::Empty);
        }
        if written.len() > MAX_STATEMENTS {
            return Err(PolicyError::TooLong);
        }
        let statements = written
            .into_iter()
            .zip(1..)
            .map(|(written, number)| {
                statement(written).map_err(|problem| PolicyError::Statement { number, problem })
            })
            .collect::<Result<_, _>>()?;
        Ok(Self { statements })
    }

    pub(crate) fn scopes(&self) -> impl Iterator<Item = Scope> {
        self.statements
            .iter()
            .flat_map(|statement| statement.scopes.iter().copied())
    }

    pub(crate) fn trusts(&self, issuer: &str) -> bool {
        self.statements
            .iter()
            .any(|statement| statement.issuer == issuer)
    }

    /// The scopes of a verified token; empty if no statement matches.
    pub(crate) fn grants(&self, issuer: &str, claims: &Map<String, Value>) -> Vec<Scope> {
        let mut scopes: Vec<Scope> = self
            .statements
            .iter()
            .filter(|statement| statement.issuer == issuer && statement.matches(claims))
            .flat_map(|statement| statement.scopes.iter().copied())
            .collect();
        scopes.sort_unstable();
        scopes.dedup();
        scopes
    }
}

impl Statement {
    fn matches(&self, claims: &Map<String, Value>) -> bool {
        self.claims.iter().all(|(name, wanted)| {
            claims
                .get(name)
                .and_then(scalar)
                .is_some_and(|value| wanted.contains(&value))
        })
    }
}

fn statement(written: Written) -> Result<Statement, String> {
    check_issuer(&written.iss)?;
    if written.claims.is_empty() {
        return Err("it has no claims, so it would match every token of the issuer".to_owned());
    }
    let claims = written
        .claims
        .into_iter()
        .map(|(name, wanted)| {
            let wanted = values(&wanted).ok_or_else(|| {
                format!("the claim {name} must be a non-empty value or {{in: [values]}}")
            })?;
            Ok((name, wanted))
        })
        .collect::<Result<_, String>>()?;
    let scopes = written
        .scopes
        .iter()
        .map(|name| {
            Scope::of_policy(name).ok_or_else(|| {
                let known = Scope::OF_POLICIES.map(Scope::name).join(", ");
                format!("{name:?} is not a scope; the scopes are {known}")
            })
        })
        .collect::<Result<Vec<_>, String>>()?;
    if scopes.is_empty() {
        return Err("it has no scopes".to_owned());
    }
    Ok(Statement {
        issuer: written.iss,
        claims,
        scopes,
    })
}

fn values(wanted: &Value) -> Option<Vec<String>> {
    if let Some(one) = scalar(wanted) {
        return Some(vec![one]);
    }
    let operators = wanted.as_object()?;
    let (name, list) = operators.iter().next()?;
    if name != "in" || operators.len() != 1 {
        return None;
    }
    let several: Vec<String> = list.as_array()?.iter().map(scalar).collect::<Option<_>>()?;
    (!several.is_empty()).then_some(several)
}

/// A string, integer or boolean as a string: issuers differ in which they use for a claim.
fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Bool(truth) => Some(truth.to_string()),
        Value::Number(number) if !number.is_f64() => Some(number.to_string()),
        _ => None,
    }
}

fn check_issuer(issuer: &str) -> Result<(), String> {
    let wrong = |what: &str| Err(format!("the issuer {issuer:?} {what}"));
    let Ok(uri) = issuer.parse::<Uri>() else {
        return wrong("is not a URL");
    };
    let (Some(host), Some(authority)) = (uri.host(), uri.authority()) else {
        return wrong("is not a URL");
    };
    if authority.as_str().contains('@') || uri.query().is_some() || issuer.contains('#') {
        return wrong("must not contain a user, a query or a fragment");
    }
    match uri.scheme_str() {
        Some("https") => Ok(()),
        Some("http") if super::fetch::is_loopback(host) => Ok(()),
        _ => wrong("must start with https://"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, Value, json};

    use super::{Policy, PolicyError};
    use crate::config::Oidc;

    #[test]
    fn issuers_without_tls_are_stored_only_if_they_are_allowed() {
        let statement = |issuer: &str| {
            json!([{"iss": issuer, "claims": {"a": "b"}, "scopes": ["read_suites"]}]).to_string()
        };
        for (issuer, by_default, if_allowed) in [
            ("https://issuer.example", true, true),
            ("http://127.0.0.1:8080", false, true),
            ("http://localhost", false, true),
            ("http://issuer.example", false, false),
        ] {
            for (allow_loopback_http, expected) in [(false, by_default), (true, if_allowed)] {
                let settings = Oidc {
                    allow_loopback_http,
                };
                let parsed = Policy::parse_new(&statement(issuer), settings);
                assert_eq!(parsed.is_ok(), expected, "{issuer}: {parsed:?}");
            }
        }
    }
    use crate::scopes::Scope;

    const AGENT: &str = "https://agent.buildkite.com";

    fn parse(statements: &Value) -> Result<Policy, PolicyError> {
        Policy::parse(&statements.to_string())
    }

    fn claims(claims: Value) -> Map<String, Value> {
        serde_json::from_value(claims).unwrap()
    }

    #[test]
    fn yaml_and_json_are_equivalent() {
        let yaml = "
- iss: https://agent.buildkite.com
  claims:
    organization_slug: acme
    pipeline_slug:
      in: [web, api]
  scopes:
    - write_uploads
    - write_test_plan
";
        let json = parse(&json!([{
            "iss": AGENT,
            "claims": {"organization_slug": "acme", "pipeline_slug": {"in": ["web", "api"]}},
            "scopes": ["write_uploads", "write_test_plan"],
        }]));
        let policy = Policy::parse(yaml).unwrap();
        assert_eq!(policy, json.unwrap());
        assert!(policy.trusts(AGENT));
        assert!(!policy.trusts("https://agent.buildkite.com/"));
    }

    #[test]
    fn every_claim_of_a_statement_must_match() {
        fn statement(issuer: &str, claims: &Value, scopes: &[&str]) -> Value {
            json!({"iss": issuer, "claims": claims, "scopes": scopes})
        }

        let other = "https://other.example";
        let pipelines = json!({"org": "acme", "pipeline": {"in": ["web", "api"]}});
        let main = json!({"org": "acme", "branch": "main"});
        let policy = parse(&json!([
            statement(AGENT, &pipelines, &["read_suites"]),
            statement(AGENT, &main, &["write_test_plan", "read_suites"]),
            statement(
                other,
                &json!({"id": 7, "protected": true}),
                &["write_uploads"]
            ),
        ]))
        .unwrap();
        let grants = |issuer: &str, given: Value| policy.grants(issuer, &claims(given));
        let web = json!({"org": "acme", "pipeline": "web"});
        assert_eq!(grants(AGENT, web), [Scope::ReadSuites]);
        let api = json!({"org": "acme", "pipeline": "api", "branch": "main"});
        assert_eq!(
            grants(AGENT, api),
            [Scope::ReadSuites, Scope::WriteTestPlan]
        );
        for unmatched in [
            json!({}),
            json!({"org": "acme"}),
            json!({"org": "acme", "pipeline": "ops"}),
            json!({"org": "Acme", "pipeline": "web"}),
            json!({"org": ["acme"], "pipeline": "web"}),
            json!({"org": "acme", "pipeline": null}),
            json!({"id": 7, "protected": true}),
        ] {
            assert_eq!(grants(AGENT, unmatched.clone()), [], "{unmatched}");
        }
        let texts = json!({"id": "7", "protected": "true"});
        assert_eq!(grants(other, texts), [Scope::WriteUploads]);
        assert_eq!(grants(other, json!({"id": 8, "protected": true})), []);
    }

    #[test]
    fn rejects_invalid_policies() {
        let good = json!({"iss": AGENT, "claims": {"a": "b"}, "scopes": ["read_suites"]});
        for (change, expected) in [
            (json!({"iss": "http://agent.example"}), "https://"),
            (json!({"iss": "agent"}), "https://"),
            (json!({"iss": "https://a/?x=y"}), "query"),
            (json!({"iss": "https://user@a"}), "user"),
            (json!({"claims": {}}), "no claims"),
            (json!({"claims": {"a": {"in": []}}}), "claim a"),
            (json!({"claims": {"a": {"not_in": ["b"]}}}), "claim a"),
            (json!({"claims": {"a": {"in": ["b"], "x": 1}}}), "claim a"),
            (json!({"claims": {"a": ["b"]}}), "claim a"),
            (json!({"claims": {"a": ""}}), "claim a"),
            (json!({"claims": {"a": 1.5}}), "claim a"),
            (json!({"scopes": []}), "no scopes"),
            (json!({"scopes": ["admin"]}), "write_uploads"),
            (json!({"scope": ["read_suites"]}), "scope"),
        ] {
            let mut statement = good.clone();
            let fields = statement.as_object_mut().unwrap();
            fields.extend(claims(change.clone()));
            let error = parse(&json!([statement])).unwrap_err();
            assert!(error.to_string().contains(expected), "{change}: {error}");
        }
        assert_eq!(Policy::parse("[]").unwrap_err(), PolicyError::Empty);
        assert_eq!(Policy::parse("").unwrap_err(), PolicyError::Empty);
        let many = Value::Array(vec![good.clone(); 101]);
        assert_eq!(parse(&many).unwrap_err(), PolicyError::TooLong);
        let twice = "- iss: a\n  iss: b";
        for text in ["a", "{}", "- a", twice, "\0", "[{]", "- &a [*a]"] {
            let error = Policy::parse(text).unwrap_err();
            assert!(matches!(error, PolicyError::Shape(_)), "{text}");
        }
    }

    #[test]
    fn allows_http_only_for_loopback() {
        let policy = |issuer: &str| {
            let scopes = ["read_suites"];
            parse(&json!([{"iss": issuer, "claims": {"a": "b"}, "scopes": scopes}])).is_ok()
        };
        for good in [
            "http://127.0.0.1:80",
            "http://localhost:1/x",
            "http://[::1]:1",
        ] {
            assert!(policy(good), "{good}");
        }
        for bad in [
            "http://127.0.0.1.example",
            "http://10.0.0.1",
            "http://localhost.example",
            "ftp://127.0.0.1",
            "file:///etc/passwd",
        ] {
            assert!(!policy(bad), "{bad}");
        }
    }
}
