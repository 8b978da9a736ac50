//! The targets of a plan request, so that nodes can tell whether they discovered the same. Pure.

use test_engine_accounting::population;
use test_engine_wire::{
    Case, CaseFormat, Population, file_of_target, without_dot_slash, without_location_prefix,
};

/// The population of a request with these cases. An example counts as its file, because a node
/// discovers files, and only the node that requests the plan expands some of them.
pub(super) fn of<'a>(cases: impl Iterator<Item = &'a Case>, location_prefix: &str) -> Population {
    let targets = cases.map(|case| target(case, location_prefix));
    population(targets.filter(|target| !target.is_empty()))
}

fn target<'a>(case: &'a Case, prefix: &str) -> &'a str {
    let path = || without_location_prefix(case.target(), prefix);
    without_dot_slash(match case.format {
        // Selectors do not have the location prefix, paths do.
        CaseFormat::Selector => case.target(),
        CaseFormat::File => path(),
        CaseFormat::Example | CaseFormat::Test => file_of_target(path()),
    })
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
            (
                "",
                &[
                    (Example, "app/[id].spec.ts:7"),
                    (Example, "app/[id].spec.ts:9"),
                ],
                &["app/[id].spec.ts"],
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
