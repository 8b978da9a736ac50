//! Paths that the shell of a launcher such as `npx` would expand to other paths.
//!
//! `npx`, `npm` and `yarn` join their arguments for a shell and quote only those with certain
//! characters. `[id]/a.js` has none of them, so if `i/a.js` exists, it would run instead. Supported
//! runners write such paths in another form; in other commands they are rejected if the shell could
//! expand them.

use std::path::Path;

use super::{Result, RunnerError};
use crate::process;

/// All of these launchers quote an argument that contains one of these.
const QUOTED: &str = "\t\r\n \"#$&'()*;<>?\\`|~";

/// Rejects arguments that the shell of `program` would expand.
pub(super) fn check(program: &str, arguments: &[String], directory: &Path) -> Result<()> {
    if !process::passes_through_shell(program) {
        return Ok(());
    }
    let expanded = arguments
        .iter()
        .find(|argument| is_expanded(argument, directory));
    expanded.map_or(Ok(()), |argument| {
        Err(RunnerError::ShellExpansion {
            name: argument.clone(),
            program: program.to_owned(),
        })
    })
}

fn is_expanded(argument: &str, directory: &Path) -> bool {
    if argument.contains(|character| QUOTED.contains(character)) {
        return false;
    }
    // Not every shell expands braces; one that does expands them even if no such file exists.
    let has_braces = argument
        .split_once('{')
        .is_some_and(|(_, rest)| rest.contains('}') && (rest.contains(',') || rest.contains("..")));
    let from = if argument.starts_with('/') {
        Path::new("/")
    } else {
        directory
    };
    let components: Vec<&str> = argument
        .split('/')
        .filter(|component| !component.is_empty())
        .collect();
    has_braces || (argument.contains('[') && matches_other(from, &components, false))
}

/// Whether the components, as globs below `directory`, match an existing path other than the
/// literal one. `differs`: the components before matched another name.
fn matches_other(directory: &Path, components: &[&str], differs: bool) -> bool {
    let Some((first, rest)) = components.split_first() else {
        return differs;
    };
    let literal = directory.join(first);
    if literal.exists() && matches_other(&literal, rest, differs) {
        return true;
    }
    if !first.contains('[') {
        return false;
    }
    let Ok(entries) = fs_err::read_dir(directory) else {
        return false;
    };
    entries.flatten().any(|entry| {
        let name = entry.file_name();
        let is_other = name.to_str().is_some_and(|name| {
            let (name, pattern): (Vec<char>, Vec<char>) =
                (name.chars().collect(), first.chars().collect());
            name != pattern && may_match(&pattern, &name)
        });
        is_other && matches_other(&entry.path(), rest, true)
    })
}

/// Whether a shell may expand the pattern to this name. Brackets match any character here, and also
/// themselves: this may reject too much, never too little.
fn may_match(pattern: &[char], name: &[char]) -> bool {
    let Some((first, rest)) = pattern.split_first() else {
        return name.is_empty();
    };
    let Some((character, others)) = name.split_first() else {
        return false;
    };
    let is_itself = first == character && may_match(rest, others);
    let closes = |(at, character): (usize, &char)| (*character == ']').then_some(at + 1);
    is_itself
        || (*first == '['
            && rest
                .iter()
                .enumerate()
                .filter_map(closes)
                .any(|after| may_match(&rest[after..], others)))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("npx", "[id]/a.js", true)]
    #[case("/usr/bin/npm", "./x/[id].js", true)]
    #[case("yarn", "[a-z]/a.js", true)]
    #[case("npx", "[[]x]/a.js", true)]
    #[case("npx", "{a,b}/a.js", true)]
    #[case("npx", "{a..c}/a.js", true)]
    // No other file matches.
    #[case("npx", "[kl]m/a.js", false)]
    #[case("npx", "[id]/b.js", false)]
    #[case("npx", "{a}/a.js", false)]
    #[case("npx", "i/a.js", false)]
    // Quoted.
    #[case("npx", "(g)/[id]/a.js", false)]
    #[case("npx", "s p/[id].js", false)]
    // No shell.
    #[case("mocha", "[id]/a.js", false)]
    fn paths_that_a_shell_would_expand_are_rejected(
        #[case] program: &str,
        #[case] path: &str,
        #[case] rejected: bool,
    ) {
        let directory = tempfile::tempdir().unwrap();
        for file in [
            "[id]/a.js",
            "[id]/b.js",
            "i/a.js",
            "x/[id].js",
            "x/d.js",
            "[x]/a.js",
            "(g)/[id]/a.js",
            "(g)/i/a.js",
            "s p/[id].js",
            "s p/i.js",
        ] {
            let path = directory.path().join(file);
            fs_err::create_dir_all(path.parent().unwrap()).unwrap();
            fs_err::write(path, "").unwrap();
        }
        let checked = check(program, &[path.to_owned()], directory.path());
        assert_eq!(checked.is_err(), rejected, "{checked:?}");
        if let Err(error) = checked {
            let text = error.to_string();
            assert!(text.contains(path) && text.contains(program), "{text}");
        }
    }
}
