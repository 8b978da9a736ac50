//! Paths that a launcher such as `npx` would let a shell turn into other paths.
//!
//! `npx`, `npm` and `yarn` join their arguments for a shell and quote only those that hold certain
//! characters. `[id]/a.js` holds none of them, so where there is an `i/a.js` that one would run
//! instead. A runner that is known writes such paths in another form; with any other command they
//! are refused, if there is something that they could be taken for.

use std::path::Path;

use super::RunnerError;
use crate::process;

/// An argument that holds one of these is quoted by all of these launchers.
const QUOTED: &str = "\t\r\n \"#$&'()*;<>?\\`|~";

/// Refuses arguments that would become others on their way through `program`.
pub(super) fn check(
    program: &str,
    arguments: &[String],
    directory: &Path,
) -> Result<(), RunnerError> {
    if !process::joins_for_a_shell(program) {
        return Ok(());
    }
    let expanded = arguments
        .iter()
        .find(|argument| is_expanded(argument, directory));
    expanded.map_or(Ok(()), |argument| {
        Err(RunnerError::Expanded {
            name: argument.clone(),
            program: program.to_owned(),
        })
    })
}

fn is_expanded(argument: &str, directory: &Path) -> bool {
    if argument.contains(|character| QUOTED.contains(character)) {
        return false;
    }
    // Not every shell expands braces, and one that does asks nobody whether there is such a file.
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
    has_braces || (argument.contains('[') && leads_elsewhere(from, &components, false))
}

/// Whether the components, as patterns, lead from `folder` to something other than they say.
fn leads_elsewhere(folder: &Path, components: &[&str], has_left: bool) -> bool {
    let Some((first, rest)) = components.split_first() else {
        return has_left;
    };
    let stays = folder.join(first);
    if stays.exists() && leads_elsewhere(&stays, rest, has_left) {
        return true;
    }
    if !first.contains('[') {
        return false;
    }
    let Ok(entries) = fs_err::read_dir(folder) else {
        return false;
    };
    entries.flatten().any(|entry| {
        let name = entry.file_name();
        let is_other = name.to_str().is_some_and(|name| {
            let (name, pattern): (Vec<char>, Vec<char>) =
                (name.chars().collect(), first.chars().collect());
            name != pattern && may_match(&pattern, &name)
        });
        is_other && leads_elsewhere(&entry.path(), rest, true)
    })
}

/// Whether a shell may take the pattern for this name. Brackets stand for any character here, and
/// for themselves: too much rather than too little.
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
    // Nothing else is there.
    #[case("npx", "[kl]m/a.js", false)]
    #[case("npx", "[id]/b.js", false)]
    #[case("npx", "{a}/a.js", false)]
    #[case("npx", "i/a.js", false)]
    // Quoted on the way.
    #[case("npx", "(g)/[id]/a.js", false)]
    #[case("npx", "s p/[id].js", false)]
    // No shell on the way.
    #[case("mocha", "[id]/a.js", false)]
    fn what_a_shell_would_change_is_refused(
        #[case] program: &str,
        #[case] path: &str,
        #[case] refused: bool,
    ) {
        let folder = tempfile::tempdir().unwrap();
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
            let path = folder.path().join(file);
            fs_err::create_dir_all(path.parent().unwrap()).unwrap();
            fs_err::write(path, "").unwrap();
        }
        let checked = check(program, &[path.to_owned()], folder.path());
        assert_eq!(checked.is_err(), refused, "{checked:?}");
        if let Err(error) = checked {
            let text = error.to_string();
            assert!(text.contains(path) && text.contains(program), "{text}");
        }
    }
}
