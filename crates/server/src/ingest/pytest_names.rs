//! Derives files from the class names in pytest's JUnit reports, which contain no files.

use test_engine_results::pytest_module_parts;

/// `None` if the class name contains no module.
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
    fn derives_the_file_from_the_module() {
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
