//! Derives files from the class names in pytest's JUnit reports, which contain no files.
//!
//! pytest joins the parts of a module's path and the classes in it with dots, so
//! `tests.login.checks.describe_login` may be a module or a class in one. Only a file that is known
//! to exist tells.

use super::known_files::KnownFiles;

/// Whether a runner, in lower case, writes such class names.
pub(super) fn is_pytest(runner: &str) -> bool {
    runner == "pytest" || runner == "pytest-pants"
}

/// The file of a class name, relative to the project; `None` if no such file is known.
///
/// In a suite without plans and results, the defaults of pytest decide, as far as they are
/// unambiguous.
pub(super) fn file_of(
    class_name: &str,
    location_prefix: &str,
    known: &KnownFiles,
) -> Option<String> {
    let parts: Vec<&str> = class_name
        .split('.')
        .filter(|part| !part.is_empty())
        .collect();
    if known.is_empty() {
        return conventional(&parts);
    }
    let mut candidates: Vec<String> = (1..=parts.len())
        .rev()
        .map(|length| file(&parts[..length]))
        .collect();
    let found = known.first_of(&candidates, location_prefix)?;
    Some(candidates.swap_remove(found))
}

/// The only part with the name of a test module ends the path, if all that follow have the names of
/// test classes.
fn conventional(parts: &[&str]) -> Option<String> {
    let is_module = |part: &&str| part.starts_with("test_") || part.ends_with("_test");
    let last = parts.iter().rposition(is_module)?;
    let is_only_one = !parts[..last].iter().any(is_module);
    let classes = &parts[last + 1..];
    let has_only_classes = classes.iter().all(|part| part.starts_with("Test"));
    (is_only_one && has_only_classes).then(|| file(&parts[..=last]))
}

fn file(module: &[&str]) -> String {
    format!("{}.py", module.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_known_files_the_defaults_of_pytest_decide() {
        for (class_name, file) in [
            ("tests.test_auth.TestLogin", Some("tests/test_auth.py")),
            (
                "tests.test_auth.TestLogin.TestTwice",
                Some("tests/test_auth.py"),
            ),
            ("tests.test_auth", Some("tests/test_auth.py")),
            ("auth_test", Some("auth_test.py")),
            // A directory or a class may have such a name, too.
            ("tests.test_unit.helpers.Checks", None),
            ("tests.test_unit.test_auth.TestLogin", None),
            ("tests.login.checks.test_group.test_inner", None),
            ("tests.unit.checks.CheckLogin", None),
            ("TestLogin", None),
            ("", None),
        ] {
            let derived = file_of(class_name, "", &KnownFiles::default());
            assert_eq!(derived.as_deref(), file, "{class_name}");
        }
    }

    #[test]
    fn a_class_name_becomes_a_file_that_exists() {
        let planned = [
            "tests/login/checks.py",
            "tests/test_unit/helpers.py",
            "tests/login.py",
        ];
        let planned = planned.map(|file| format!("api/{file}"));
        let recorded = |path: &str| ["tests/test_unit.py", "old/checks.py"].contains(&path);
        let known = KnownFiles::new(planned, Some(Box::new(recorded)));
        for (class_name, file) in [
            (
                "tests.login.checks.describe_login",
                Some("tests/login/checks.py"),
            ),
            (
                "tests.login.checks.test_group.test_inner",
                Some("tests/login/checks.py"),
            ),
            ("tests.login.TestIt", Some("tests/login.py")),
            // Plans come before results.
            (
                "tests.test_unit.helpers.Checks",
                Some("tests/test_unit/helpers.py"),
            ),
            ("old.checks.TestIt", Some("old/checks.py")),
            ("tests.test_auth.TestLogin", None),
            ("..", None),
        ] {
            let derived = file_of(class_name, "api", &known);
            assert_eq!(derived.as_deref(), file, "{class_name}");
        }
    }
}
