//! The project's folder inside its repository, put before paths and taken off again. Pure.
//!
//! The server knows files by their place in the repository, runners by their place in the project.
//! The prefix `./` is special: it is a spelling (RSpec's), not a folder.

use std::borrow::Cow;

/// The prefix that is only a spelling.
const SPELLING: &str = "./";

/// A path that should carry the prefix does not.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the plan's path {path:?} does not begin with the location prefix {prefix:?}")]
pub(super) struct MissingPrefix {
    /// As the plan has it.
    pub path: String,
    /// As configured.
    pub prefix: String,
}

/// `path` as the server knows it.
pub(super) fn add<'p>(prefix: &str, path: &'p str) -> Cow<'p, str> {
    match prefix {
        "" => Cow::Borrowed(path),
        SPELLING if path.starts_with(SPELLING) => Cow::Borrowed(path),
        SPELLING => Cow::Owned(format!("{SPELLING}{path}")),
        _ => Cow::Owned(joined(&cleaned(prefix), path)),
    }
}

/// `path` as the runner knows it.
pub(super) fn remove<'p>(prefix: &str, path: &'p str) -> Result<&'p str, MissingPrefix> {
    if prefix == SPELLING {
        return Ok(path.strip_prefix(SPELLING).unwrap_or(path));
    }
    let folder = cleaned(prefix);
    if prefix.is_empty() || folder == "." {
        return Ok(path);
    }
    path.strip_prefix(folder.as_str())
        .and_then(|rest| {
            if folder == "/" {
                Some(rest)
            } else {
                rest.strip_prefix('/')
            }
        })
        .ok_or_else(|| MissingPrefix {
            path: path.to_owned(),
            prefix: prefix.to_owned(),
        })
}

/// `path` seen from where `folder` is. Only what leads into the path is looked at: what follows may
/// be a test's name, in which `..` and `//` mean themselves.
fn joined(folder: &str, path: &str) -> String {
    let (mut folder, mut path) = (folder.to_owned(), path);
    loop {
        if let Some(rest) = path.strip_prefix("./") {
            path = rest;
        } else if let Some(rest) = path.strip_prefix("../") {
            path = rest;
            folder = cleaned(&format!("{folder}/.."));
        } else {
            break;
        }
    }
    match folder.as_str() {
        "." => path.to_owned(),
        "/" => format!("/{path}"),
        _ => format!("{folder}/{path}"),
    }
}

/// A path without empty and `.` parts, and without `..` where a part stands before it.
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
    fn adding(#[case] prefix: &str, #[case] path: &str, #[case] expected: &str) {
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
    fn removing(#[case] prefix: &str, #[case] path: &str, #[case] expected: &str) {
        assert_eq!(remove(prefix, path), Ok(expected));
    }

    #[test]
    fn a_path_without_the_prefix_is_an_error() {
        assert!(remove("api", "apidocs/a.rb").is_err());
        assert!(remove("api", "api").is_err());
        assert_eq!(
            remove("api", "web/a.rb").unwrap_err().to_string(),
            r#"the plan's path "web/a.rb" does not begin with the location prefix "api""#
        );
    }

    proptest! {
        #[test]
        fn what_is_added_comes_off(prefix in "[a-z]{1,4}(/[a-z]{1,4}){0,2}/?", path in "[a-z]{1,4}(/[a-z ]{1,4}){0,3}") {
            let added = add(&prefix, &path);
            prop_assert_eq!(remove(&prefix, &added), Ok(path.as_str()));
        }
    }
}
