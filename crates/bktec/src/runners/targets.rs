//! What a runner is handed to run, as arguments that cannot be taken for anything else.
//!
//! A path that begins with a dash would be an option, so it gets `./` in front. Used by every
//! runner; how a target reads inside a result file is each runner's own business.

use test_engine_wire::{Case, CaseFormat};

use super::{RunnerError, TestKey};

/// What names this case to the runner: its path, its selector's value, its identifier.
pub(crate) fn target(case: &Case) -> &str {
    let choices = match case.format {
        CaseFormat::Selector => [&case.value, &case.path, &case.identifier],
        CaseFormat::File | CaseFormat::Example | CaseFormat::Test => {
            [&case.path, &case.identifier, &case.value]
        }
    };
    choices
        .into_iter()
        .find(|text| !text.is_empty())
        .map_or("", String::as_str)
}

/// The arguments for these cases, in their order.
pub(super) fn arguments(cases: &[Case]) -> Result<Vec<String>, RunnerError> {
    cases.iter().map(|case| argument(target(case))).collect()
}

/// The arguments for these files.
pub(super) fn file_arguments(files: &[String]) -> Result<Vec<String>, RunnerError> {
    files.iter().map(|file| argument(file)).collect()
}

/// The arguments that rerun these tests, sorted, each once.
pub(super) fn rerun_arguments(failed: &[TestKey]) -> Result<Vec<String>, RunnerError> {
    let arguments: Result<_, _> = failed.iter().map(|key| argument(&key.path)).collect();
    arguments.map(sorted_once)
}

/// A test as a plan request has it.
pub(super) fn example(key: TestKey) -> Case {
    Case {
        format: CaseFormat::Example,
        identifier: key.path.clone(),
        path: key.path,
        name: key.name,
        scope: key.scope,
        ..Case::default()
    }
}

/// One target as an argument. `@` begins a file of arguments for some runners.
pub(super) fn argument(target: &str) -> Result<String, RunnerError> {
    check(target)?;
    Ok(if target.starts_with(['-', '@']) {
        format!("./{target}")
    } else {
        target.to_owned()
    })
}

/// An argument for a program that makes paths plain by their text alone, as Node's `path.resolve`
/// does: in a form that no shell on the way to it expands.
///
/// `npx`, `npm` and `yarn` hand their arguments to a shell, and leave `[id]/a.test.js` unquoted: it
/// would run `i/a.test.js` instead. In a folder that is not there nothing matches, so the shell
/// leaves the text as it is; and the tilde makes these programs quote it, for shells that expand
/// braces.
pub(super) fn unexpanded(argument: String) -> String {
    if !argument.contains(['[', '{']) {
        return argument;
    }
    let (root, relative) = argument
        .strip_prefix('/')
        .map_or((".", argument.as_str()), |rest| ("", rest));
    format!("{root}/~/../{}", relative.trim_start_matches("./"))
}

/// Refuses names that no command line or list of files can hold.
pub(super) fn check(name: &str) -> Result<(), RunnerError> {
    let character = match name
        .chars()
        .find(|character| matches!(character, '\n' | '\r' | '\0'))
    {
        None => return Ok(()),
        Some('\0') => "null character",
        Some(_) => "newline",
    };
    Err(RunnerError::BadName {
        name: name.to_owned(),
        character,
    })
}

/// Sorted, each once.
pub(super) fn sorted_once(mut targets: Vec<String>) -> Vec<String> {
    targets.sort_unstable();
    targets.dedup();
    targets
}

/// A path as a runner reports it, relative to the directory it ran in if it lies there. `real` is
/// that directory without symbolic links.
pub(super) fn relative(
    path: &str,
    directory: &std::path::Path,
    real: Option<&std::path::Path>,
) -> String {
    let path = std::path::Path::new(path);
    [Some(directory), real]
        .into_iter()
        .flatten()
        .find_map(|directory| path.strip_prefix(directory).ok())
        .unwrap_or(path)
        .to_string_lossy()
        .into_owned()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("spec/a_spec.rb", "spec/a_spec.rb")]
    #[case("-x.py", "./-x.py")]
    #[case("--help", "./--help")]
    #[case("@list", "./@list")]
    #[case("a -b.py", "a -b.py")]
    #[case("./-x.py", "./-x.py")]
    fn a_target_is_never_an_option(#[case] target: &str, #[case] expected: &str) {
        assert_eq!(argument(target).unwrap(), expected);
    }

    #[rstest]
    #[case("a/b c/(d)*?.js", "a/b c/(d)*?.js")]
    #[case("[id]/a.js", "./~/../[id]/a.js")]
    #[case("./{a,b}/a.js", "./~/../{a,b}/a.js")]
    #[case("a/../[id]/-a.js", "./~/../a/../[id]/-a.js")]
    #[case("/app/[id]/a.js", "/~/../app/[id]/a.js")]
    fn no_shell_expands_a_path(#[case] argument: &str, #[case] expected: &str) {
        assert_eq!(unexpanded(argument.to_owned()), expected);
    }

    #[rstest]
    #[case("a\nb.py", "newline")]
    #[case("a\rb.py", "newline")]
    #[case("a\0b.py", "null character")]
    fn names_that_cannot_be_handed_over_are_refused(#[case] name: &str, #[case] what: &str) {
        let error = argument(name).unwrap_err();
        assert!(error.to_string().contains(what), "{error}");
    }

    #[test]
    fn each_kind_of_case_has_its_target() {
        let case = |format, path: &str, value: &str, identifier: &str| Case {
            format,
            path: path.to_owned(),
            value: value.to_owned(),
            identifier: identifier.to_owned(),
            ..Case::default()
        };
        assert_eq!(target(&case(CaseFormat::File, "a.py", "", "")), "a.py");
        assert_eq!(target(&case(CaseFormat::Selector, "", "a.py", "")), "a.py");
        assert_eq!(
            target(&case(
                CaseFormat::Example,
                "a.py::t",
                "",
                "prefixed/a.py::t"
            )),
            "a.py::t"
        );
        assert_eq!(target(&case(CaseFormat::Example, "", "", "a[1]")), "a[1]");
    }

    #[test]
    fn paths_outside_the_directory_stay_absolute() {
        use std::path::Path;
        let directory = Path::new("/app");
        assert_eq!(
            relative("/app/src/a.test.js", directory, None),
            "src/a.test.js"
        );
        assert_eq!(
            relative("/application/a.test.js", directory, None),
            "/application/a.test.js"
        );
        assert_eq!(
            relative("/real/a.js", directory, Some(Path::new("/real"))),
            "a.js"
        );
        assert_eq!(relative("src/a.js", directory, None), "src/a.js");
    }
}
