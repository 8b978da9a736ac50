//! Adds and removes the location prefix, the path from the repository root to the project. Pure.
//!
//! The server knows files relative to the repository, runners relative to the project. The prefix
//! `./` is special: it is RSpec's notation, not a directory.

use std::borrow::Cow;

const DOT_SLASH: &str = "./";

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the plan's path {path:?} does not begin with the location prefix {prefix:?}")]
pub(super) struct MissingPrefix {
    pub path: String,
    /// As configured, not cleaned.
    pub prefix: String,
}

/// The path relative to the repository.
pub(super) fn add<'p>(prefix: &str, path: &'p str) -> Cow<'p, str> {
    match prefix {
        "" => Cow::Borrowed(path),
        DOT_SLASH if path.starts_with(DOT_SLASH) => Cow::Borrowed(path),
        DOT_SLASH => Cow::Owned(format!("{DOT_SLASH}{path}")),
        _ => Cow::Owned(joined(&cleaned(prefix), path)),
    }
}

/// The path relative to the project.
pub(super) fn remove<'p>(prefix: &str, path: &'p str) -> Result<&'p str, MissingPrefix> {
    if prefix == DOT_SLASH {
        return Ok(path.strip_prefix(DOT_SLASH).unwrap_or(path));
    }
    let directory = cleaned(prefix);
    if prefix.is_empty() || directory == "." {
        return Ok(path);
    }
    path.strip_prefix(directory.as_str())
        .and_then(|rest| match directory.as_str() {
            "/" => Some(rest),
            _ => rest.strip_prefix('/'),
        })
        .ok_or_else(|| MissingPrefix {
            path: path.to_owned(),
            prefix: prefix.to_owned(),
        })
}

/// Resolves only a leading `./` and `../` of the path: the rest may contain a test name, in which
/// `..` and `//` are literal.
fn joined(directory: &str, path: &str) -> String {
    let (mut directory, mut path) = (directory.to_owned(), path);
    loop {
        if let Some(rest) = path.strip_prefix("./") {
            path = rest;
        } else if let Some(rest) = path.strip_prefix("../") {
            path = rest;
            directory = cleaned(&format!("{directory}/.."));
        } else {
            break;
        }
    }
    match directory.as_str() {
        "." => path.to_owned(),
        "/" => format!("/{path}"),
        _ => format!("{directory}/{path}"),
    }
}

/// Removes empty and `.` parts, and resolves `..` where a part precedes it.
fn cleaned(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    let absolute = path.starts_with('/');
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => match parts.last() {
                Some(&"..") | None if !absolute => parts.push(".."),
                _ => {
                    parts.pop();
                }
            },
            _ => parts.push(part),
        }
    }
    let joined = parts.join("/");
    match (absolute, joined.is_empty()) {
        (true, _) => format!("/{joined}"),
        (false, true) => ".".to_owned(),
        (false, false) => joined,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("", "spec/a.rb", "spec/a.rb")]
    #[case("./", "spec/a.rb", "./spec/a.rb")]
    #[case("./", "./spec/a.rb", "./spec/a.rb")]
    #[case("api", "spec/a.rb", "api/spec/a.rb")]
    #[case("api/", "./spec/a.rb[1:2]", "api/spec/a.rb[1:2]")]
    #[case("./api", "spec/a.rb", "api/spec/a.rb")]
    #[case("a/b", "../spec/a.rb", "a/spec/a.rb")]
    #[case(
        "api",
        "t.py::test[a/../b, http://x]",
        "api/t.py::test[a/../b, http://x]"
    )]
    #[case("a", "../../b.rb", "../b.rb")]
    #[case("/", "../b.rb", "/b.rb")]
    #[case(".", "spec/a.rb", "spec/a.rb")]
    #[case("/src", "a.py", "/src/a.py")]
    fn adds_the_prefix(#[case] prefix: &str, #[case] path: &str, #[case] expected: &str) {
        assert_eq!(add(prefix, path), expected);
    }

    #[rstest]
    #[case("", "spec/a.rb", "spec/a.rb")]
    #[case("./", "./spec/a.rb", "spec/a.rb")]
    #[case("./", "spec/a.rb", "spec/a.rb")]
    #[case("api", "api/spec/a.rb", "spec/a.rb")]
    #[case("./api/", "api/spec/a.rb", "spec/a.rb")]
    #[case(".", "spec/a.rb", "spec/a.rb")]
    #[case("/", "/a.py", "a.py")]
    fn removes_the_prefix(#[case] prefix: &str, #[case] path: &str, #[case] expected: &str) {
        assert_eq!(remove(prefix, path), Ok(expected));
    }

    #[test]
    fn rejects_a_path_without_the_prefix() {
        assert!(remove("api", "apidocs/a.rb").is_err());
        assert!(remove("api", "api").is_err());
        assert_eq!(
            remove("api", "web/a.rb").unwrap_err().to_string(),
            r#"the plan's path "web/a.rb" does not begin with the location prefix "api""#
        );
    }

    proptest! {
        #[test]
        fn removing_reverts_adding(
            prefix in "[a-z]{1,4}(/[a-z]{1,4}){0,2}/?",
            path in "[a-z]{1,4}(/[a-z ]{1,4}){0,3}",
        ) {
            let added = add(&prefix, &path);
            prop_assert_eq!(remove(&prefix, &added), Ok(path.as_str()));
        }
    }
}
