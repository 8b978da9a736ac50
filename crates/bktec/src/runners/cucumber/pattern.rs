//! Paths for JavaScript's Cucumber, which takes a path for a glob pattern. Pure.
//!
//! A feature whose path the pattern does not match is passed over without a word, so characters
//! with a meaning are written in a form that means only themselves. Each form also holds a character
//! that makes `npx` quote the argument: it hands arguments to a shell, and leaves `[x]` unquoted.

use crate::runners::{RunnerError, targets};

/// In front of a path, this makes a pattern that matches nothing and still normalises to the path:
/// patterns take a backslash for a slash, and paths do not.
const MATCHES_NOTHING: &str = r"lines\of/../";

/// What Cucumber itself appends to a folder, to look for features in it.
const IN_FOLDER: &str = "/**/*.feature";

/// The arguments for a feature, a folder of features, or a feature with lines.
pub(super) fn arguments(target: &str) -> Result<Vec<String>, RunnerError> {
    check(target)?;
    let (path, lines) = split_lines(target);
    let mut pattern = escaped(path);
    if pattern == path {
        return Ok(vec![targets::argument(target)?]);
    }
    if is_folder(path) {
        pattern = format!("{}{IN_FOLDER}", pattern.trim_end_matches('/'));
    }
    let pattern = targets::argument(&pattern)?;
    if lines.is_empty() {
        return Ok(vec![pattern]);
    }
    // Lines are looked up by the normalised text of an argument, not by what its pattern matches.
    // So one argument brings the file, and another, which matches no file, its lines. The dot at
    // the end keeps a name that begins with `@` from being read as a list.
    let (root, relative) = path
        .strip_prefix('/')
        .map_or(("", path), |rest| ("/", rest));
    Ok(vec![
        pattern,
        format!("{root}{MATCHES_NOTHING}{relative}/.{lines}"),
    ])
}

/// Refuses what no pattern can say.
pub(super) fn check(target: &str) -> Result<(), RunnerError> {
    targets::check(target)?;
    if target.contains('\\') {
        return Err(RunnerError::BadName {
            name: target.to_owned(),
            character: "backslash",
        });
    }
    Ok(())
}

/// Whether a target means the same as a path and as a pattern.
pub(super) fn is_plain(target: &str) -> bool {
    let (path, _) = split_lines(target);
    !path.contains('\\') && escaped(path) == path
}

/// `a.feature:3:7` is `a.feature` and `:3:7`.
fn split_lines(target: &str) -> (&str, &str) {
    let mut path = target;
    while let Some((before, line)) = path.rsplit_once(':') {
        if line.is_empty() || !line.bytes().all(|byte| byte.is_ascii_digit()) {
            break;
        }
        path = before;
    }
    target.split_at(path.len())
}

fn escaped(path: &str) -> String {
    let name = path.rfind('/').map_or(0, |slash| slash + 1);
    let mut pattern = String::with_capacity(path.len());
    for (at, character) in path.char_indices() {
        match character {
            // A name that begins with `@` is a list of features to Cucumber, pattern or not.
            '@' if at == name => pattern.push_str("[! -?A-~]"),
            '[' if at == name => pattern.push_str("+([[])"),
            '[' => pattern.push_str("@([[])"),
            // Braces are expanded before brackets are looked at.
            '{' => pattern.push_str("[! -z|-~]"),
            '*' | '?' | '(' => {
                pattern.push('[');
                pattern.push(character);
                pattern.push(']');
            }
            _ => pattern.push(character),
        }
    }
    pattern
}

/// Cucumber takes what has no extension for a folder.
fn is_folder(path: &str) -> bool {
    std::path::Path::new(path).extension().is_none()
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
    fn a_pattern_means_its_path_alone(#[case] target: &str, #[case] expected: &[&str]) {
        assert_eq!(arguments(target).unwrap(), expected);
    }

    #[rstest]
    #[case(r"a\b.feature", "backslash")]
    #[case(r"a\b.feature:3", "backslash")]
    #[case("a\nb.feature", "newline")]
    fn what_no_pattern_can_say_is_refused(#[case] target: &str, #[case] what: &str) {
        let text = arguments(target).unwrap_err().to_string();
        assert!(text.contains(what) && text.contains("rename it"), "{text}");
    }
}
