//! Splits the class names that pytest writes to JUnit reports instead of file names.
//!
//! pytest joins the parts of a module's path and the classes inside it with dots:
//! `tests.test_auth.TestLogin` is the class `TestLogin` in `tests/test_auth.py`. Where the module
//! ends can only be guessed by convention.

/// How many of a class name's dotted parts belong to the module; the rest are classes.
///
/// The last part that begins with `test_` or ends with `_test` ends the module. Without one, the
/// module ends before the first part that begins with an uppercase letter, or includes all parts.
pub fn pytest_module_parts(class_name: &str) -> usize {
    let parts: Vec<&str> = class_name.split('.').collect();
    let is_test_module = |part: &&str| part.starts_with("test_") || part.ends_with("_test");
    let is_class = |part: &&str| part.starts_with(char::is_uppercase);
    match parts.iter().rposition(is_test_module) {
        Some(last) => last + 1,
        None => parts.iter().position(is_class).unwrap_or(parts.len()),
    }
}

#[cfg(test)]
mod tests {
    use super::pytest_module_parts;

    #[test]
    fn splits_class_names_by_convention() {
        for (class_name, parts) in [
            ("tests.test_auth.TestLogin", 2),
            ("tests.test_auth", 2),
            ("tests.test_auth.TestLogin.TestTwice", 2),
            ("auth_test", 1),
            ("tests.unit.checks.CheckLogin", 3),
            ("tests.unit.checks", 3),
            ("TestLogin", 0),
            ("", 1),
        ] {
            assert_eq!(pytest_module_parts(class_name), parts, "{class_name}");
        }
    }
}
