//! The file behind a JUnit class name written by pytest, which does not write files.
//!
//! pytest joins the parts of the module's path and the classes inside it with dots:
//! `tests.test_auth.TestLogin` is the class `TestLogin` in `tests/test_auth.py`.

/// The file of this class name; `None` when it names no module.
pub(super) fn file_of(class_name: &str) -> Option<String> {
    let parts: Vec<&str> = class_name
        .split('.')
        .filter(|part| !part.is_empty())
        .collect();
    let is_test_module = |part: &&str| part.starts_with("test_") || part.ends_with("_test");
    let module = if let Some(last) = parts.iter().rposition(is_test_module) {
        &parts[..=last]
    } else {
        let class = parts
            .iter()
            .position(|part| part.starts_with(char::is_uppercase));
        &parts[..class.unwrap_or(parts.len())]
    };
    (!module.is_empty()).then(|| format!("{}.py", module.join("/")))
}

#[cfg(test)]
mod tests {
    use super::file_of;

    #[test]
    fn modules_become_files() {
        for (class_name, file) in [
            ("tests.test_auth.TestLogin", Some("tests/test_auth.py")),
            ("tests.test_auth", Some("tests/test_auth.py")),
            ("auth_test", Some("auth_test.py")),
            ("tests.unit.checks.CheckLogin", Some("tests/unit/checks.py")),
            ("tests.unit.checks", Some("tests/unit/checks.py")),
            ("TestLogin", None),
            ("", None),
        ] {
            assert_eq!(file_of(class_name).as_deref(), file, "{class_name}");
        }
    }
}
