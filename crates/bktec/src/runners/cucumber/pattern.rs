//! Paths for Cucumber for JavaScript, which interprets them as globs.
//!
//! It silently ignores a glob that matches no feature, so special characters are written in a form
//! that matches only themselves. Each form also contains a character that makes `npx` quote the
//! argument, because `npx` passes arguments to a shell and does not quote `[x]`.

use std::path::Path;

use crate::runners::{Result, RunnerError, paths, targets};

/// In front of a path this makes a pattern that matches nothing but still normalises to the path:
/// patterns treat a backslash as a slash, paths do not.
const MATCHES_NOTHING: &str = r"lines\of/../";

/// Cucumber appends this to a directory to find its features.
const IN_DIRECTORY: &str = "/**/*.feature";

/// The arguments for a feature, a directory of features, or a feature with lines.
pub(super) fn arguments(target: &str) -> Result<Vec<String>> {
    check(target)?;
    let (path, lines) = split_lines(target);
    let mut pattern = escaped(path);
    if pattern == path {
        return Ok(vec![targets::argument(target.to_owned())?]);
    }
    // Cucumber treats a path without an extension as a directory.
    if Path::new(path).extension().is_none() {
        pattern = format!("{}{IN_DIRECTORY}", pattern.trim_end_matches('/'));
    }
    let pattern = targets::argument(pattern)?;
    if lines.is_empty() {
        return Ok(vec![pattern]);
    }
    // Lines belong to the normalised text of an argument, not to the files that its pattern
    // matches. So one argument selects the file, and another, which matches no file, its lines. The
    // dot at the end prevents a name that begins with `@` from being read as a list.
    let (root, relative) = path
        .strip_prefix('/')
        .map_or(("", path), |rest| ("/", rest));
    Ok(vec![
        pattern,
        format!("{root}{MATCHES_NOTHING}{relative}/.{lines}"),
    ])
}

/// Rejects paths that no pattern can express.
pub(super) fn check(target: &str) -> Result<()> {
    targets::check(target)?;
    if target.contains('\\') {
        return Err(RunnerError::UnsupportedName {
            name: target.to_owned(),
            part: "backslash",
        });
    }
    Ok(())
}

/// Whether a target means the same as a path and as a pattern.
pub(super) fn is_plain(target: &str) -> bool {
    let (path, _) = split_lines(target);
    !path.contains('\\') && escaped(path) == path
}

/// Splits `a.feature:3:7` into `a.feature` and `:3:7`.
fn split_lines(target: &str) -> (&str, &str) {
    target.split_at(paths::without_lines(target).len())
}

fn escaped(path: &str) -> String {
    let name = path.rfind('/').map_or(0, |slash| slash + 1);
    let mut pattern = String::with_capacity(path.len());
    for (at, character) in path.char_indices() {
        match character {
            // Cucumber reads a name that begins with `@` as a list of features.
            '@' if at == name => pattern.push_str("[! -?A-~]"),
            '[' if at == name => pattern.push_str("+([[])"),
            '[' => pattern.push_str("@([[])"),
            // Braces are expanded before brackets are interpreted.
            '{' => pattern.push_str("[! -z|-~]"),
            '*' | '?' | '(' => pattern.extend(['[', character, ']']),
            _ => pattern.push(character),
        }
    }
    pattern
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("features/a b.feature", &["features/a b.feature"])]
    #[case("features/a.feature:3:7", &["features/a.feature:3:7"])]
    #[case("-a.feature", &["./-a.feature"])]
    #[case("]a!b}c.feature", &["]a!b}c.feature"])]
    #[case("[id]/a.feature", &["./@([[])id]/a.feature"])]
    #[case("x/[id].feature", &["x/+([[])id].feature"])]
    #[case("x/@a.feature", &["x/[! -?A-~]a.feature"])]
    #[case("@a.feature", &["[! -?A-~]a.feature"])]
    #[case("@a/b.feature", &["./@a/b.feature"])]
    #[case("{a,b}/*(c)?.feature", &["[! -z|-~]a,b}/[*][(]c)[?].feature"])]
    #[case("x[1]", &["x@([[])1]/**/*.feature"])]
    #[case("x[1]/", &["x@([[])1]/**/*.feature"])]
    #[case("x[1]/a.feature:3:7", &["x@([[])1]/a.feature", r"lines\of/../x[1]/a.feature/.:3:7"])]
    #[case("/x[1]/a.feature:3", &["/x@([[])1]/a.feature", r"/lines\of/../x[1]/a.feature/.:3"])]
    fn a_pattern_matches_only_its_path(#[case] target: &str, #[case] expected: &[&str]) {
        assert_eq!(arguments(target).unwrap(), expected);
    }

    #[rstest]
    #[case(r"a\b.feature", "backslash")]
    #[case(r"a\b.feature:3", "backslash")]
    #[case("a\nb.feature", "newline")]
    fn paths_that_no_pattern_can_express_are_rejected(#[case] target: &str, #[case] what: &str) {
        let text = arguments(target).unwrap_err().to_string();
        assert!(text.contains(what) && text.contains("rename it"), "{text}");
    }
}
