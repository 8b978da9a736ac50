//! One operation of the API as it is asked for: well once, and badly in each way that is promised.

use serde_json::Value;
use test_engine::scopes::Scope;

#[derive(Clone, Copy, PartialEq)]
pub(super) enum Token {
    None,
    Suite,
    Metrics,
    AnyAccess,
    Access(Scope),
    /// Of a person who is an admin.
    Admin,
}

#[derive(Clone)]
pub(super) enum Body {
    None,
    Json(Value),
    Form(Vec<(String, String)>),
    Text(String),
}

/// A request that is refused: why, the status, and what differs from the good one.
pub(super) struct Bad {
    pub(super) case: &'static str,
    pub(super) status: u16,
    pub(super) path: String,
    pub(super) header: Option<(&'static str, &'static str)>,
    pub(super) body: Body,
}

pub(super) struct Operation {
    pub(super) id: &'static str,
    pub(super) method: &'static str,
    pub(super) path: String,
    pub(super) token: Token,
    pub(super) body: Body,
    pub(super) header: Option<(&'static str, &'static str)>,
    pub(super) status: u16,
    pub(super) bad: Vec<Bad>,
}

pub(super) fn operation(
    id: &'static str,
    method: &'static str,
    path: impl Into<String>,
    token: Token,
    body: Body,
    status: u16,
) -> Operation {
    Operation {
        id,
        method,
        path: path.into(),
        token,
        body,
        header: None,
        status,
        bad: Vec::new(),
    }
}

impl Operation {
    pub(super) fn header(mut self, name: &'static str, value: &'static str) -> Self {
        self.header = Some((name, value));
        self
    }

    pub(super) fn bad(mut self, case: &'static str, status: u16, path: &str, body: Body) -> Self {
        let path = if path.starts_with('/') {
            path.to_owned()
        } else {
            format!("{}{path}", self.path)
        };
        self.bad.push(Bad {
            case,
            status,
            path,
            header: None,
            body,
        });
        self
    }

    pub(super) fn bad_header(mut self, name: &'static str, value: &'static str) -> Self {
        self.bad.push(Bad {
            case: "an invalid header",
            status: 400,
            path: self.path.clone(),
            header: Some((name, value)),
            body: Body::None,
        });
        self
    }

    /// Adds a request with an invalid page.
    pub(super) fn list(self) -> Self {
        self.bad("an invalid page", 400, "?page=first", Body::None)
    }
}
