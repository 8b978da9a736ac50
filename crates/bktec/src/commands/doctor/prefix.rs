//! Whether results name files differently from plans, because only one of them has the path from
//! the repository root to the project. Pure.

use std::collections::{BTreeMap, HashSet};

/// How the names differ.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Mismatch {
    /// Results have this path in front, and plans do not.
    InResults(String),
    /// Plans have this path in front, and results do not.
    InPlans(String),
}

/// Compares the targets of a plan with the files of results; `None` if they fit, or have nothing in
/// common.
pub(super) fn mismatch<'a>(
    targets: impl Iterator<Item = &'a str>,
    files: &[&str],
) -> Option<Mismatch> {
    let targets: HashSet<&str> = targets.map(bare).collect();
    let files: HashSet<&str> = files.iter().map(|file| bare(file)).collect();
    if targets.iter().any(|target| files.contains(target)) {
        return None;
    }
    let in_results = most_common(&files, &targets).map(|(count, path)| (count, true, path));
    let in_plans = most_common(&targets, &files).map(|(count, path)| (count, false, path));
    let (_, is_in_results, path) = [in_results, in_plans].into_iter().flatten().max()?;
    Some(if is_in_results {
        Mismatch::InResults(path)
    } else {
        Mismatch::InPlans(path)
    })
}

fn bare(path: &str) -> &str {
    path.strip_prefix("./").unwrap_or(path)
}

/// The directory that, in front of some of the `short` paths, makes most of the `long` ones.
fn most_common(long: &HashSet<&str>, short: &HashSet<&str>) -> Option<(usize, String)> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for path in long {
        for (slash, _) in path.match_indices('/') {
            if short.contains(&path[slash + 1..]) {
                *counts.entry(&path[..slash]).or_default() += 1;
            }
        }
    }
    let most = counts.into_iter().max_by_key(|(_, count)| *count);
    most.map(|(prefix, count)| (count, prefix.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::{Mismatch, mismatch};

    #[test]
    fn the_path_in_front_of_most_names_is_found() {
        for (targets, files, expected) in [
            (&["a.rb", "b.rb"][..], &["a.rb", "app/b.rb"][..], None),
            (&["./a.rb"], &["a.rb"], None),
            (&["a.rb"], &["other.rb"], None),
            (&["a.rb"], &[], None),
            (
                &["spec/a.rb", "spec/b.rb", "c.rb"],
                &["app/spec/a.rb", "app/spec/b.rb", "x/c.rb"],
                Some(Mismatch::InResults("app".to_owned())),
            ),
            (
                &["app/spec/a.rb"],
                &["./spec/a.rb"],
                Some(Mismatch::InPlans("app".to_owned())),
            ),
        ] {
            let found = mismatch(targets.iter().copied(), files);
            assert_eq!(found, expected, "{targets:?} {files:?}");
        }
    }
}
