//! The file behind a JUnit class name written by pytest, which does not write files.

use test_engine_results::pytest_module_parts;

/// The file of this class name; `None` when it names no module.
pub(super) fn file_of(class_name: &str) -> Option<String> {
    let class_name = class_name.trim_matches('.');
    let module: Vec<&str> = class_name
        .split('.')
        .take(pytest_module_parts(class_name))
        .filter(|part| !part.is_empty())
        .collect();
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
