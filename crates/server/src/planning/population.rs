//! The targets of a plan request, so that nodes can tell whether they discovered the same. Pure.

use test_engine_accounting::population_digest;
use test_engine_wire::{Case, CaseFormat, Population};

/// The population of a request with these cases. An example counts as its file, because a node
/// discovers files, and only the node that requests the plan expands some of them.
pub(super) fn of<'a>(cases: impl Iterator<Item = &'a Case>, location_prefix: &str) -> Population {
    let mut targets: Vec<&str> = cases
        .map(|case| target(case, location_prefix))
        .filter(|target| !target.is_empty())
        .collect();
    #[expect(
        clippy::stable_sort_primitive,
        reason = "much faster on nearly sorted input, such as a directory walk"
    )]
    targets.sort();
    targets.dedup();
    Population {
        digest: population_digest(targets.iter().copied()),
        count: targets.len() as u64,
        ..Population::default()
    }
}

fn target<'a>(case: &'a Case, prefix: &str) -> &'a str {
    let target = case.target();
    let target = match case.format {
        CaseFormat::Selector => target,
        CaseFormat::File => without_prefix(target, prefix),
        CaseFormat::Example | CaseFormat::Test => file_part(without_prefix(target, prefix)),
    };
    without_dot(target)
}

/// Selectors do not have the location prefix, paths do.
fn without_prefix<'a>(path: &'a str, prefix: &str) -> &'a str {
    let prefix = without_dot(prefix).trim_end_matches('/');
    without_dot(path)
        .strip_prefix(prefix)
        .and_then(|rest| rest.strip_prefix('/'))
        .filter(|_| !prefix.is_empty())
        .unwrap_or(path)
}

fn without_dot(path: &str) -> &str {
    path.strip_prefix("./").unwrap_or(path)
}

/// The file of an example: `a.rb[1:2]`, `a.py::test`, `a.feature:3` and `a.ts:3` all belong to the
/// file before the mark.
pub(crate) fn file_part(path: &str) -> &str {
    let name_start = path
        .split("::")
        .next()
        .unwrap_or(path)
        .rfind('/')
        .map_or(0, |at| at + 1);
    let end = path[name_start..]
        .find([':', '['])
        .map_or(path.len(), |at| name_start + at);
    &path[..end]
}

#[cfg(test)]
mod tests {
    use test_engine_accounting::population_digest;
    use test_engine_wire::{Case, CaseFormat};

    use super::of;

    fn case(format: CaseFormat, text: &str) -> Case {
        let mut case = Case {
            format,
            ..Case::default()
        };
        let field = match format {
            CaseFormat::Selector => &mut case.value,
            _ => &mut case.path,
        };
        text.clone_into(field);
        case
    }

    #[test]
    fn targets_have_no_prefix_and_examples_count_as_their_file() {
        use CaseFormat::{Example, File, Selector};
        for (prefix, cases, targets) in [
            (
                "",
                &[(Selector, "b"), (Selector, "./a")][..],
                &["a", "b"][..],
            ),
            (
                "./",
                &[(File, "./spec/a.rb"), (File, "spec/a.rb")],
                &["spec/a.rb"],
            ),
            // Selectors are sent as discovered.
            (
                "api",
                &[(Selector, "api/a.py"), (File, "api/b.py")],
                &["api/a.py", "b.py"],
            ),
            (
                "./api/",
                &[(File, "api/b.py"), (File, "apis/b.py")],
                &["b.py", "apis/b.py"],
            ),
            (
                "api",
                &[
                    (Example, "api/a.py::T::test_x[a/b]"),
                    (Example, "api/a.py::T::test_y"),
                ],
                &["a.py"],
            ),
            (
                "",
                &[(Example, "./spec/a.rb[1:2]"), (File, "spec/b.rb")],
                &["spec/a.rb", "spec/b.rb"],
            ),
            ("", &[], &[]),
        ] {
            let cases: Vec<Case> = cases.iter().map(|(kind, text)| case(*kind, text)).collect();
            let population = of(cases.iter(), prefix);
            assert_eq!(population.count, targets.len() as u64, "{targets:?}");
            let expected = population_digest(targets.iter().copied());
            assert_eq!(population.digest, expected, "{targets:?}");
        }
    }
}
