//! The result of each check, and how all of them are printed.

use serde_json::{Value, json};

/// How a check ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    Ok,
    /// The server works, but something needs attention.
    Warning,
    Failed,
    /// Not checked, because of an earlier failure or a setting.
    Skipped,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Check {
    name: &'static str,
    status: Status,
    message: String,
    /// What to do about it; empty if nothing.
    fix: String,
}

impl Check {
    pub(super) fn ok(name: &'static str, message: impl Into<String>) -> Self {
        Self::new(name, Status::Ok, message, "")
    }

    pub(super) fn skipped(name: &'static str, message: impl Into<String>) -> Self {
        Self::new(name, Status::Skipped, message, "")
    }

    pub(super) fn warning(
        name: &'static str,
        message: impl Into<String>,
        fix: impl Into<String>,
    ) -> Self {
        Self::new(name, Status::Warning, message, fix)
    }

    pub(super) fn failed(
        name: &'static str,
        message: impl Into<String>,
        fix: impl Into<String>,
    ) -> Self {
        Self::new(name, Status::Failed, message, fix)
    }

    fn new(
        name: &'static str,
        status: Status,
        message: impl Into<String>,
        fix: impl Into<String>,
    ) -> Self {
        Self {
            name,
            status,
            message: message.into(),
            fix: fix.into(),
        }
    }

    #[cfg(test)]
    pub(super) fn status(&self) -> Status {
        self.status
    }
}

/// The number of failed checks.
pub(super) fn failed(checks: &[Check]) -> usize {
    let is_failed = |check: &&Check| check.status == Status::Failed;
    checks.iter().filter(is_failed).count()
}

/// One line for each check, with the fix of a problem below it.
pub(super) fn text(checks: &[Check]) -> String {
    let width = checks.iter().map(|check| check.name.len()).max();
    let width = width.unwrap_or_default();
    let line = |check: &Check| {
        let label = match check.status {
            Status::Ok => "ok",
            Status::Warning => "warning",
            Status::Failed => "FAILED",
            Status::Skipped => "skipped",
        };
        let fix = match check.fix.as_str() {
            "" => String::new(),
            fix => format!("    fix: {fix}\n"),
        };
        format!("{label:8} {:width$}  {}\n{fix}", check.name, check.message)
    };
    checks.iter().map(line).collect()
}

pub(super) fn report(checks: &[Check]) -> Value {
    let check = |check: &Check| {
        let status = match check.status {
            Status::Ok => "ok",
            Status::Warning => "warning",
            Status::Failed => "failed",
            Status::Skipped => "skipped",
        };
        let mut json = json!({"name": check.name, "status": status, "message": check.message});
        if !check.fix.is_empty() {
            json["fix"] = check.fix.clone().into();
        }
        json
    };
    let all: Vec<Value> = checks.iter().map(check).collect();
    json!({"ok": failed(checks) == 0, "checks": all})
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Check, failed, report, text};

    #[test]
    fn problems_have_their_fix_below_them() {
        let checks = [
            Check::ok("disk", "5 GiB are free"),
            Check::warning("backup", "there is none", "make one"),
            Check::failed("database", "damaged", "restore it"),
            Check::skipped("clock", "no uploads"),
        ];
        assert_eq!(
            text(&checks),
            "ok       disk      5 GiB are free\n\
             warning  backup    there is none\n    fix: make one\n\
             FAILED   database  damaged\n    fix: restore it\n\
             skipped  clock     no uploads\n"
        );
        assert_eq!(failed(&checks), 1);
        let report = report(&checks);
        assert_eq!(report["ok"], false);
        assert_eq!(
            report["checks"][2],
            json!({
                "name": "database", "status": "failed", "message": "damaged",
                "fix": "restore it",
            })
        );
    }
}
