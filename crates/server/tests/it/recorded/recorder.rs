//! Requests every documented response of an operation and records it.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use test_engine::clock::Clock;
use test_engine::scopes::Scope;
use test_engine_store::Role;

use super::operation::{Body, Operation, Token};
use super::{BODY_LIMIT, METRICS_TOKEN, NOW};
use crate::people_api;
use crate::support::{Answer, TestServer, form};

/// A server whose responses are recorded.
pub(super) struct Recorder {
    pub(super) server: TestServer,
    pub(super) time: Arc<AtomicI64>,
    pub(super) other: String,
    /// Of a person who is an admin.
    admin: String,
}

impl Recorder {
    pub(super) fn new(requests_per_minute: u32, metrics_token: Option<&str>) -> Self {
        let time = Arc::new(AtomicI64::new(NOW));
        let server = TestServer::with(
            |config| {
                config.limits.rest_requests_per_minute = requests_per_minute;
                config.limits.plan_requests_per_minute = requests_per_minute;
                config.limits.body_bytes = BODY_LIMIT;
                config.limits.backfill_bytes = 1_000;
                config.storage.keep_raw_uploads = true;
                // Nothing is sent while responses are recorded.
                config.webhooks.period = Duration::from_hours(24);
                config.metrics.token = metrics_token.map(|token| token.to_owned().into());
            },
            Clock::Fixed(Arc::clone(&time)),
        );
        let other = server.token("other", &Scope::ALL);
        let (_id, admin) = people_api::user(&server, "acme", "admin", Role::Admin);
        Self {
            server,
            time,
            other,
            admin,
        }
    }

    pub(super) fn send(
        &self,
        operation: &Operation,
        path: &str,
        header: Option<(&str, &str)>,
        token: Option<&str>,
        body: &Body,
    ) -> Answer {
        let mut ask = self.server.ask(operation.method, path);
        if let Some(token) = token {
            ask = ask.bearer(token);
        }
        if let Some((name, value)) = header {
            ask = ask.header(name, value);
        }
        ask = match body {
            Body::None => ask,
            Body::Json(value) => ask.json(value),
            Body::Text(text) => ask.header("content-type", "text/plain").body(text.as_str()),
            Body::Form(fields) => {
                let fields: Vec<(&str, &str)> = fields
                    .iter()
                    .map(|(name, value)| (name.as_str(), value.as_str()))
                    .collect();
                let (content_type, bytes) = form(&fields);
                ask.header("content-type", &content_type).body(bytes)
            }
        };
        if operation.id == "setExecutionTags" {
            // Limited to one request per minute.
            self.time.fetch_add(60_000, Ordering::SeqCst);
        }
        ask.send()
    }

    /// Records all responses that do not need the rejecting server.
    pub(super) fn record(&self, operation: &Operation) -> Vec<Value> {
        let all = self.server.token("acme", &Scope::ALL);
        let mut exchanges = Vec::new();
        let mut keep = |case: &str, expected: u16, path: &str, body: &Body, answer: &Answer| {
            let text = answer.text();
            assert_eq!(answer.status, expected, "{} ({case}): {text}", operation.id);
            exchanges.push(exchange(operation, case, path, body, answer));
        };
        let token = match operation.token {
            Token::None => None,
            Token::Suite => Some(self.server.suite_token.clone()),
            Token::Metrics => Some(METRICS_TOKEN.to_owned()),
            Token::AnyAccess => Some(all.clone()),
            Token::Access(scope) => Some(self.server.token("acme", &[scope])),
            Token::Admin => Some(self.admin.clone()),
        };
        let (path, body, header) = (&operation.path, &operation.body, operation.header);
        if token.is_some() {
            let answer = self.send(operation, path, header, None, body);
            keep("no token", 401, path, body, &answer);
        }
        if let Token::Access(scope) = operation.token {
            let lacking: Vec<Scope> = Scope::ALL
                .into_iter()
                .filter(|other| {
                    !matches!((scope, *other), (Scope::ReadTestPlan, Scope::WriteTestPlan))
                        && *other != scope
                })
                .collect();
            let lacking = self.server.token("acme", &lacking);
            let answer = self.send(operation, path, header, Some(&lacking), body);
            keep("a token without the scope", 403, path, body, &answer);
            let answer = self.send(operation, path, header, Some(&self.other), body);
            keep("a token of another organization", 404, path, body, &answer);
        }
        if operation.token == Token::Admin {
            let answer = self.send(operation, path, header, Some(&all), body);
            keep("a token of CI", 403, path, body, &answer);
            let answer = self.send(operation, path, header, Some(&self.other), body);
            keep("a token of another organization", 404, path, body, &answer);
        }
        for bad in &operation.bad {
            let token = token.as_deref();
            let answer = self.send(operation, &bad.path, bad.header, token, &bad.body);
            keep(bad.case, bad.status, &bad.path, &bad.body, &answer);
        }
        let answer = self.send(operation, path, header, token.as_deref(), body);
        keep("success", operation.status, path, body, &answer);
        exchanges
    }
}

/// The responses of a server whose rate limits are used up and whose metrics are disabled.
pub(super) fn refused(refusing: &Recorder, operation: &Operation) -> Option<Value> {
    let (case, status) = match operation.token {
        Token::None | Token::Suite => return None,
        Token::Metrics => ("metrics are closed", 403),
        Token::AnyAccess | Token::Access(_) | Token::Admin => ("too many requests", 429),
    };
    let mut request = refusing
        .server
        .ask(operation.method, &operation.path)
        .bearer(&refusing.server.access);
    if let Body::Json(body) = &operation.body {
        request = request.json(body);
    }
    let answer = request.send();
    let (text, id) = (answer.text(), operation.id);
    assert_eq!(answer.status, status, "{id} ({case}): {text}");
    let (path, body) = (&operation.path, &operation.body);
    Some(exchange(operation, case, path, body, &answer))
}

pub(super) fn exchange(
    operation: &Operation,
    case: &str,
    path: &str,
    body: &Body,
    answer: &Answer,
) -> Value {
    let content_type = answer.header("content-type");
    let is_json = content_type.is_some_and(|kind| kind.contains("json"));
    let received = if answer.body.is_empty() {
        Value::Null
    } else if content_type == Some("application/gzip") {
        json!("(compressed)")
    } else if is_json {
        answer.json()
    } else {
        // The document is stored elsewhere, and metrics differ from run to run.
        let text = answer.text();
        Value::String(text.lines().take(2).collect::<Vec<_>>().join("\n"))
    };
    json!({
        "case": case,
        "request": {
            "method": operation.method,
            "path": path,
            "body": match body {
                Body::None => Value::Null,
                Body::Json(value) => value.clone(),
                Body::Text(text) => json!(text.chars().take(40).collect::<String>()),
                Body::Form(fields) => fields
                    .iter()
                    .map(|(name, value)| {
                        let value: String = value.chars().take(40).collect();
                        (name.clone(), json!(value))
                    })
                    .collect(),
            },
        },
        "status": answer.status,
        "content_type": content_type,
        "link": answer.header("link"),
        "location": answer.header("location"),
        "body": received,
    })
}
