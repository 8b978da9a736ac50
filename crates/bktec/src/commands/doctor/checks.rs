//! The result of each check, and how all of them are printed.

use serde::Serialize;

/// How a check ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Status {
    Ok,
    /// Builds work, but not as well as they could.
    Warning,
    /// Builds will fail, or run without the server.
    Failed,
    /// Not checked, because of an earlier failure or a setting.
    Skipped,
}

impl Status {
    fn label(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Failed => "FAILED",
            Self::Skipped => "skipped",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Check {
    pub name: &'static str,
    pub status: Status,
    pub message: String,
    /// What to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fix: Option<String>,
}

impl Check {
    pub(super) fn ok(name: &'static str, message: impl Into<String>) -> Self {
        Self::new(name, Status::Ok, message)
    }

    pub(super) fn skipped(name: &'static str, message: impl Into<String>) -> Self {
        Self::new(name, Status::Skipped, message)
    }

    pub(super) fn warning(
        name: &'static str,
        message: impl Into<String>,
        fix: impl Into<String>,
    ) -> Self {
        Self::new(name, Status::Warning, message).with_fix(fix)
    }

    pub(super) fn failed(
        name: &'static str,
        message: impl Into<String>,
        fix: impl Into<String>,
    ) -> Self {
        Self::new(name, Status::Failed, message).with_fix(fix)
    }

    fn new(name: &'static str, status: Status, message: impl Into<String>) -> Self {
        Self {
            name,
            status,
            message: message.into(),
            fix: None,
        }
    }

    fn with_fix(self, fix: impl Into<String>) -> Self {
        let fix = fix.into();
        Self {
            fix: (!fix.is_empty()).then_some(fix),
            ..self
        }
    }
}

/// Whether no check failed.
pub(super) fn passed(checks: &[Check]) -> bool {
    checks.iter().all(|check| check.status != Status::Failed)
}

/// One line for each check, with the fix of a problem below it.
pub(super) fn text(checks: &[Check]) -> String {
    let width = checks.iter().map(|check| check.name.len()).max();
    let width = width.unwrap_or_default();
    let line = |check: &Check| {
        let label = check.status.label();
        let message = check.message.replace('\n', "\n    ");
        let fix = check.fix.as_ref().map_or_else(String::new, |fix| {
            format!("    fix: {}\n", fix.replace('\n', "\n    "))
        });
        format!("{label:8} {:width$}  {message}\n{fix}", check.name)
    };
    checks.iter().map(line).collect()
}

/// One object, on several lines.
pub(super) fn json(checks: &[Check]) -> String {
    let report = serde_json::json!({"ok": passed(checks), "checks": checks});
    format!("{report:#}\n")
}

#[cfg(test)]
mod tests {
    use super::{Check, json, passed, text};

    #[test]
    fn problems_have_their_fix_below_them() {
        let checks = [
            Check::ok("runner", "pytest 9"),
            Check::warning("timings", "no timings", "upload results"),
            Check::failed("token", "unknown token", "create one"),
            Check::skipped("plan", "the token is wrong"),
        ];
        assert_eq!(
            text(&checks),
            "ok       runner   pytest 9\n\
             warning  timings  no timings\n    fix: upload results\n\
             FAILED   token    unknown token\n    fix: create one\n\
             skipped  plan     the token is wrong\n"
        );
        assert!(!passed(&checks));
        assert!(passed(&checks[..2]));
        let report: serde_json::Value = serde_json::from_str(&json(&checks)).unwrap();
        assert_eq!(report["ok"], false);
        assert_eq!(report["checks"][2]["status"], "failed");
        assert_eq!(report["checks"][2]["fix"], "create one");
        assert_eq!(report["checks"][0].get("fix"), None);
    }
}
