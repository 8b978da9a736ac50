//! Targets as arguments that a runner cannot mistake for options.

use std::collections::HashSet;

use test_engine_wire::{Case, CaseFormat};

use super::{Result, RunnerError, TestKey};

/// The name of this case on a command line: its path, its selector's value, or its identifier.
pub(crate) fn target(case: &Case) -> &str {
    let choices = match case.format {
        CaseFormat::Selector => [&case.value, &case.path, &case.identifier],
        CaseFormat::File | CaseFormat::Example | CaseFormat::Test => {
            [&case.path, &case.identifier, &case.value]
        }
    };
    let mut choices = choices.into_iter().map(String::as_str);
    choices.find(|text| !text.is_empty()).unwrap_or_default()
}

pub(super) fn of_cases(cases: &[Case]) -> Vec<String> {
    cases.iter().map(|case| target(case).to_owned()).collect()
}

pub(super) fn arguments(targets: Vec<String>) -> Result<Vec<String>> {
    targets.into_iter().map(argument).collect()
}

/// A listed test as a case of a plan request.
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

/// Prefixes `./` to a target that would be an option, or, with `@`, a file of arguments.
pub(super) fn argument(target: String) -> Result<String> {
    check(&target)?;
    Ok(if target.starts_with(['-', '@']) {
        format!("./{target}")
    } else {
        target
    })
}

/// An argument in a form that no shell between here and the runner expands, for a program that
/// normalises paths lexically, as Node's `path.resolve` does.
///
/// `npx`, `npm` and `yarn` pass their arguments through a shell and do not quote
/// `[id]/a.test.js`, which would run `i/a.test.js` instead. In a directory that does not exist a
/// glob matches nothing, so the shell keeps the text; and the tilde makes these programs quote it,
/// for shells that expand braces.
pub(super) fn unexpanded(argument: String) -> String {
    if !argument.contains(['[', '{']) {
        return argument;
    }
    let (root, relative) = argument
        .strip_prefix('/')
        .map_or((".", argument.as_str()), |rest| ("", rest));
    format!("{root}/~/../{}", relative.trim_start_matches("./"))
}

/// Rejects names that cannot be in a command line or a list of files.
pub(super) fn check(name: &str) -> Result<()> {
    let part = match name
        .chars()
        .find(|character| matches!(character, '\n' | '\r' | '\0'))
    {
        None => return Ok(()),
        Some('\0') => "null character",
        Some(_) => "newline",
    };
    Err(RunnerError::UnsupportedName {
        name: name.to_owned(),
        part,
    })
}

pub(super) fn sorted(targets: impl IntoIterator<Item = String>) -> Vec<String> {
    let mut targets: Vec<String> = targets.into_iter().collect();
    targets.sort_unstable();
    targets.dedup();
    targets
}

pub(super) fn unique(mut targets: Vec<String>) -> Vec<String> {
    let mut seen = HashSet::new();
    targets.retain(|target| seen.insert(target.clone()));
    targets
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
        assert_eq!(argument(target.to_owned()).unwrap(), expected);
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
    fn names_with_control_characters_are_rejected(#[case] name: &str, #[case] part: &str) {
        let error = argument(name.to_owned()).unwrap_err();
        assert!(error.to_string().contains(part), "{error}");
    }

    #[rstest]
    #[case(CaseFormat::File, ["a.py", "", ""], "a.py")]
    #[case(CaseFormat::Selector, ["", "a.py", ""], "a.py")]
    #[case(CaseFormat::Example, ["a.py::t", "", "prefixed/a.py::t"], "a.py::t")]
    #[case(CaseFormat::Example, ["", "", "a[1]"], "a[1]")]
    fn the_target_depends_on_the_format(
        #[case] format: CaseFormat,
        #[case] values: [&str; 3],
        #[case] expected: &str,
    ) {
        let [path, value, identifier] = values.map(str::to_owned);
        let case = Case {
            format,
            path,
            value,
            identifier,
            ..Case::default()
        };
        assert_eq!(target(&case), expected);
    }
}
