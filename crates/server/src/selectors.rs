//! Canonical selectors, so that the paths in uploads match the paths in plan requests.
//!
//! Collectors and clients write one file in many ways: `./spec/a_spec.rb`, `spec/a_spec.rb`, an
//! absolute path on some machine, with or without the location prefix. A selector is stored under
//! one canonical name: relative to the repository, `/` between the parts, no `.` parts. Plan
//! requests are looked up the same way.
//!
//! Selectors that are not paths, such as Go packages, go through the same rules on both sides, so
//! equal selectors stay equal.

use std::borrow::Cow;

/// Removes `.` parts, repeated slashes and resolvable `..` parts. Borrows if there are none, since
/// most paths are canonical, and a large plan has a hundred thousand of them.
pub(crate) fn canonical(path: &str) -> Cow<'_, str> {
    let path = path.trim();
    if is_canonical(path) {
        return Cow::Borrowed(path);
    }
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    let joined = parts.join("/");
    Cow::Owned(if path.starts_with('/') {
        format!("/{joined}")
    } else {
        joined
    })
}

fn is_canonical(path: &str) -> bool {
    !path.is_empty() && path.split('/').all(|part| !matches!(part, "" | "." | ".."))
}

/// The path relative to the repository of a path relative to the project.
pub(crate) fn with_prefix(prefix: &str, path: &str) -> String {
    joined(&canonical(prefix), canonical(path)).into_owned()
}

/// [`with_prefix`] for a prefix and a path that are canonical.
fn joined<'p>(prefix: &str, path: Cow<'p, str>) -> Cow<'p, str> {
    if prefix.is_empty() || path.starts_with('/') {
        path
    } else {
        Cow::Owned(canonical(&format!("{prefix}/{path}")).into_owned())
    }
}

/// Like [`with_prefix`], unless the path starts with the prefix.
pub(crate) fn with_prefix_once(prefix: &str, path: &str) -> String {
    let prefix = canonical(prefix);
    let path = canonical(path);
    let has_it = path
        .strip_prefix(&*prefix)
        .is_some_and(|rest| rest.starts_with('/'));
    let whole = if has_it { path } else { joined(&prefix, path) };
    whole.into_owned()
}

/// Makes an absolute path below `cwd` relative. Leaves any other path as it is, except that Windows
/// paths get `/` between their parts.
pub(crate) fn relative_to(cwd: &str, path: &str) -> String {
    let (path, cwd) = if is_windows_path(path) {
        (path.replace('\\', "/"), cwd.replace('\\', "/"))
    } else {
        (path.to_owned(), cwd.to_owned())
    };
    let cwd = cwd.trim_end_matches('/');
    if cwd.is_empty() {
        return path;
    }
    match path
        .strip_prefix(cwd)
        .and_then(|rest| rest.strip_prefix('/'))
    {
        Some(relative) => relative.to_owned(),
        None => path,
    }
}

fn is_windows_path(path: &str) -> bool {
    matches!(path.as_bytes(), [drive, b':', b'\\', ..] if drive.is_ascii_alphabetic())
}

/// The names under which the selectors of a project may be stored.
pub(crate) struct StoredNames<'p> {
    prefix: Cow<'p, str>,
}

impl<'p> StoredNames<'p> {
    /// For selectors without this location prefix.
    pub(crate) fn new(location_prefix: &'p str) -> Self {
        Self {
            prefix: canonical(location_prefix),
        }
    }

    /// One or two names, the most likely first: not every collector knows the location prefix, and
    /// the selectors of the others are stored without it.
    pub(crate) fn of<'v>(&self, value: &'v str) -> impl Iterator<Item = Cow<'v, str>> + use<'v> {
        let bare = canonical(value);
        let whole = joined(&self.prefix, bare.clone());
        let bare = (bare != whole).then_some(bare);
        std::iter::once(whole).chain(bare)
    }
}

/// A path without its first 0, 1, 2, … parts.
///
/// For requests whose paths include a location prefix that is not known.
pub(crate) fn suffixes(canonical: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(canonical), |path| {
        path.split_once('/').map(|(_first, rest)| rest)
    })
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::{StoredNames, canonical, relative_to, suffixes, with_prefix, with_prefix_once};

    #[test]
    fn different_spellings_have_one_canonical_name() {
        for spelling in [
            "spec/a_spec.rb",
            "./spec/a_spec.rb",
            "spec//a_spec.rb",
            ".//spec/./a_spec.rb",
            "spec/x/../a_spec.rb",
        ] {
            assert_eq!(canonical(spelling), "spec/a_spec.rb", "{spelling}");
        }
        for same in ["../a/b", "../../a", "example.com/pkg"] {
            assert_eq!(canonical(same), same);
        }
        assert_eq!(canonical("/abs/./a"), "/abs/a");
        assert_eq!(canonical("./"), "");
    }

    #[test]
    fn prepends_the_prefix_unless_it_is_a_dot() {
        for (prefix, path, whole) in [
            ("./", "./spec/a_spec.rb", "spec/a_spec.rb"),
            ("", "spec/a_spec.rb", "spec/a_spec.rb"),
            ("apps/web/", "./a.test.js", "apps/web/a.test.js"),
            ("app", "app/a.py", "app/app/a.py"),
            ("app", "/abs/a.py", "/abs/a.py"),
        ] {
            assert_eq!(with_prefix(prefix, path), whole);
        }
    }

    #[test]
    fn prepends_the_prefix_only_once() {
        for (prefix, path, whole) in [
            ("app", "app/a.py", "app/a.py"),
            ("app", "a.py", "app/a.py"),
            ("app", "application/a.py", "app/application/a.py"),
            ("./", "./a.py", "a.py"),
        ] {
            assert_eq!(with_prefix_once(prefix, path), whole);
        }
    }

    #[test]
    fn makes_absolute_paths_relative() {
        for (cwd, path, relative) in [
            ("/builds/1", "/builds/1/src/a.test.js", "src/a.test.js"),
            ("/builds/1/", "/builds/1/src/a.test.js", "src/a.test.js"),
            ("/builds/1", "/builds/10/a.js", "/builds/10/a.js"),
            ("", "/a.js", "/a.js"),
            ("/", "/a.js", "/a.js"),
            (r"C:\w", r"C:\w\src\a.js", "src/a.js"),
        ] {
            assert_eq!(relative_to(cwd, path), relative);
        }
    }

    #[test]
    fn stored_names_include_the_uploaded_selector() {
        let names = |prefix, value| -> Vec<String> {
            let names = StoredNames::new(prefix).of(value);
            names.map(Cow::into_owned).collect()
        };
        // What the client uploads for a project in a subdirectory, and what it requests.
        let stored = with_prefix("apps/web", &relative_to("/b", "/b/src/a.test.js"));
        assert_eq!(
            names("apps/web", "src/a.test.js"),
            [&stored, "src/a.test.js"]
        );
        // A collector that does not know the prefix.
        let stored = canonical("./tests/test_a.py");
        assert_eq!(names("apps/api", "tests/test_a.py")[1], stored);
        for (prefix, value, only) in [
            ("", "./tests/test_a.py", "tests/test_a.py"),
            ("./", "tests/test_a.py", "tests/test_a.py"),
            ("apps/api", "/abs/test_a.py", "/abs/test_a.py"),
        ] {
            assert_eq!(names(prefix, value), [only], "{prefix} {value}");
        }
        assert_eq!(names("apps/api", "../test_b.py")[0], "apps/test_b.py");
    }

    #[test]
    fn suffixes_drop_one_directory_at_a_time() {
        let all: Vec<&str> = suffixes("a/b/c.py").collect();
        assert_eq!(all, ["a/b/c.py", "b/c.py", "c.py"]);
    }
}
