//! How a file is called on both sides: what uploads say of it and what plan requests ask for.
//!
//! Collectors and clients name one file in many ways: `./spec/a_spec.rb`, `spec/a_spec.rb`, an
//! absolute path on some machine, with or without the folder of the project inside its repository
//! (the location prefix). A selector is stored under one canonical name: relative to the
//! repository, `/` between the parts, no `.` parts. Plan requests are looked up the same way.
//!
//! Names that are no paths, such as Go packages, pass through unharmed: the same rules on both
//! sides keep equal things equal.

/// Without `.` parts, doubled slashes and resolvable `..` parts.
pub(crate) fn canonical(path: &str) -> String {
    let path = path.trim();
    if is_canonical(path) {
        return path.to_owned();
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
    if path.starts_with('/') {
        format!("/{joined}")
    } else {
        joined
    }
}

/// Most names need no work; this is asked a hundred thousand times for a large plan.
fn is_canonical(path: &str) -> bool {
    !path.is_empty() && path.split('/').all(|part| !matches!(part, "" | "." | ".."))
}

/// The path inside the repository of a path inside a project.
pub(crate) fn with_prefix(prefix: &str, path: &str) -> String {
    let prefix = canonical(prefix);
    let path = canonical(path);
    if prefix.is_empty() || path.starts_with('/') {
        path
    } else {
        canonical(&format!("{prefix}/{path}"))
    }
}

/// As [`with_prefix`], for senders that may have put the prefix there already.
pub(crate) fn with_prefix_once(prefix: &str, path: &str) -> String {
    let prefix = canonical(prefix);
    let path = canonical(path);
    let has_it = path
        .strip_prefix(prefix.as_str())
        .is_some_and(|rest| rest.starts_with('/'));
    if has_it {
        path
    } else {
        with_prefix(&prefix, &path)
    }
}

/// An absolute path below `cwd` as a relative one; any other path as it is, with `/` between its
/// parts.
pub(crate) fn relative_to(cwd: &str, path: &str) -> String {
    let windows = is_windows_path(path);
    let path = if windows {
        path.replace('\\', "/")
    } else {
        path.to_owned()
    };
    let cwd = if windows {
        cwd.replace('\\', "/")
    } else {
        cwd.to_owned()
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
    let mut characters = path.chars();
    characters
        .next()
        .is_some_and(|drive| drive.is_ascii_alphabetic())
        && characters.next() == Some(':')
        && characters.next() == Some('\\')
}

/// The names a discovered selector may be stored under, the likeliest first.
///
/// Not every collector knows the location prefix; what it sent is stored without.
pub(crate) fn candidates(prefix: &str, value: &str) -> [Option<String>; 2] {
    let whole = with_prefix(prefix, value);
    let bare = canonical(value);
    if whole == bare {
        [Some(bare), None]
    } else {
        [Some(whole), Some(bare)]
    }
}

/// A path and what is left of it without its first part, its first two, and so on.
///
/// For requests that carry paths with a location prefix, but not the prefix.
pub(crate) fn suffixes(canonical: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(canonical), |path| {
        path.split_once('/').map(|(_first, rest)| rest)
    })
}

#[cfg(test)]
mod tests {
    use super::{candidates, canonical, relative_to, suffixes, with_prefix, with_prefix_once};

    #[test]
    fn one_name_for_every_spelling() {
        for spelling in [
            "spec/a_spec.rb",
            "./spec/a_spec.rb",
            "spec//a_spec.rb",
            ".//spec/./a_spec.rb",
            "spec/x/../a_spec.rb",
        ] {
            assert_eq!(canonical(spelling), "spec/a_spec.rb", "{spelling}");
        }
        assert_eq!(canonical("../a/b"), "../a/b");
        assert_eq!(canonical("../../a"), "../../a");
        assert_eq!(canonical("/abs/./a"), "/abs/a");
        assert_eq!(canonical("./"), "");
        assert_eq!(canonical("example.com/pkg"), "example.com/pkg");
    }

    #[test]
    fn the_prefix_goes_in_front_and_a_dot_is_no_prefix() {
        assert_eq!(with_prefix("./", "./spec/a_spec.rb"), "spec/a_spec.rb");
        assert_eq!(with_prefix("", "spec/a_spec.rb"), "spec/a_spec.rb");
        assert_eq!(
            with_prefix("apps/web/", "./a.test.js"),
            "apps/web/a.test.js"
        );
        assert_eq!(with_prefix("app", "app/a.py"), "app/app/a.py");
        assert_eq!(with_prefix("app", "/abs/a.py"), "/abs/a.py");
    }

    #[test]
    fn a_collector_that_knows_the_prefix_is_not_given_it_twice() {
        assert_eq!(with_prefix_once("app", "app/a.py"), "app/a.py");
        assert_eq!(with_prefix_once("app", "a.py"), "app/a.py");
        assert_eq!(
            with_prefix_once("app", "application/a.py"),
            "app/application/a.py"
        );
        assert_eq!(with_prefix_once("./", "./a.py"), "a.py");
    }

    #[test]
    fn absolute_paths_lose_the_working_directory() {
        assert_eq!(
            relative_to("/builds/1", "/builds/1/src/a.test.js"),
            "src/a.test.js"
        );
        assert_eq!(
            relative_to("/builds/1/", "/builds/1/src/a.test.js"),
            "src/a.test.js"
        );
        assert_eq!(
            relative_to("/builds/1", "/builds/10/a.js"),
            "/builds/10/a.js"
        );
        assert_eq!(relative_to("", "/a.js"), "/a.js");
        assert_eq!(relative_to("/", "/a.js"), "/a.js");
        assert_eq!(relative_to(r"C:\w", r"C:\w\src\a.js"), "src/a.js");
    }

    #[test]
    fn plan_requests_and_uploads_meet() {
        // What the client uploads for a project in a folder, and what it asks for.
        let stored = with_prefix("apps/web", &relative_to("/b", "/b/src/a.test.js"));
        assert_eq!(
            candidates("apps/web", "src/a.test.js")[0].as_deref(),
            Some(stored.as_str())
        );
        // A collector that does not know the prefix.
        let stored = canonical("./tests/test_a.py");
        assert_eq!(
            candidates("apps/api", "tests/test_a.py")[1].as_deref(),
            Some(stored.as_str())
        );
    }

    #[test]
    fn suffixes_lose_one_folder_after_the_other() {
        let all: Vec<&str> = suffixes("a/b/c.py").collect();
        assert_eq!(all, ["a/b/c.py", "b/c.py", "c.py"]);
    }
}
