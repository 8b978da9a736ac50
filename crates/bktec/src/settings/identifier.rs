//! The plan identifier.
//!
//! All nodes of a step must compute the same identifier, and no other command may compute that
//! one. On Buildkite, build ID and step ID ensure both. Elsewhere a hash of what the plan is of is
//! added, so that two commands that run other tests, or in another directory, never share a plan.

use std::path::Path;

use super::build::BuildSettings;
use super::problems::Problems;
use crate::ci::{Ci, Variables};
use crate::cli::{CiEnvironment, CommonArgs, Opt, SelectionArgs};

const SAME_ON_EVERY_NODE: &str =
    "must not be blank (or give --plan-identifier, the same on every node)";

pub(super) fn identifier(
    args: &CommonArgs,
    selection: &SelectionArgs,
    build: &BuildSettings,
    ci: Option<&Ci>,
    ci_environment: &CiEnvironment,
    problems: &mut Problems,
) -> String {
    if let Some(identifier) = args.plan_identifier.ok() {
        return identifier;
    }
    let (build_id, step_id) = (&args.build.build_id, &args.node.step_id);
    let both_given = build_id.is_set() && step_id.is_set();
    if let Some(ci) = ci.filter(|_| !both_given) {
        if build.build_id.is_empty() {
            problems.add(
                build_id.name(),
                format_args!(
                    "{SAME_ON_EVERY_NODE}: {} sets no variable that all nodes of a build share",
                    ci.provider.title
                ),
            );
        }
        return of_ci(args, selection, build, ci, ci_environment);
    }
    for (option, value) in [(build_id, &build.build_id), (step_id, &build.step_id)] {
        if value.trim().is_empty() {
            problems.add(option.name(), SAME_ON_EVERY_NODE);
        }
    }
    format!("{}/{}", build.build_id, build.step_id)
}

/// CI, build, step if there is one, and a hash of everything that decides which tests are planned.
fn of_ci(
    args: &CommonArgs,
    selection: &SelectionArgs,
    build: &BuildSettings,
    ci: &Ci,
    ci_environment: &CiEnvironment,
) -> String {
    let variables = Variables::new(&ci_environment.variables);
    let directory = variables
        .value(ci.provider.workspace)
        .and_then(|workspace| directory_in(&workspace.text, &ci_environment.directory))
        .unwrap_or_default();
    let runner = &args.runner;
    let parts = [
        runner.test_runner.text(),
        runner.test_file_pattern.text(),
        runner.test_file_exclude_pattern.text(),
        runner.files.text(),
        runner.selector_file.text(),
        runner.tag_filters.text(),
        runner.split_by_example.text(),
        args.engine.results.location_prefix.text(),
        selection.selection_strategy.text(),
    ]
    .map(str::trim);
    let params = selection.selection_param.iter().map(Opt::text);
    let hash = hash(parts.into_iter().chain([directory.as_str()]).chain(params));
    [ci.provider.name, &build.build_id, &build.step_id, &hash]
        .into_iter()
        .filter(|part| !part.is_empty())
        .collect::<Vec<_>>()
        .join("/")
}

/// The working directory relative to the repository, which is the same on every node.
fn directory_in(workspace: &str, directory: &Path) -> Option<String> {
    let inside = directory.strip_prefix(workspace).ok()?;
    Some(inside.to_string_lossy().into_owned())
}

/// CRC-32 as eight hexadecimal digits: avoids accidental collisions, protects nothing.
fn hash<'a>(parts: impl Iterator<Item = &'a str>) -> String {
    let mut crc = flate2::Crc::new();
    for part in parts {
        crc.update(part.as_bytes());
        crc.update(&[0]);
    }
    format!("{:08x}", crc.sum())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directory_is_relative_to_the_repository() {
        let inside = |directory: &str| directory_in("/builds/1/app", Path::new(directory));
        assert_eq!(inside("/builds/1/app/web").as_deref(), Some("web"));
        assert_eq!(inside("/builds/1/app").as_deref(), Some(""));
        assert_eq!(inside("/builds/1/apple"), None);
    }

    #[test]
    fn hash_depends_on_where_parts_end() {
        assert_ne!(hash(["ab", "c"].into_iter()), hash(["a", "bc"].into_iter()));
        assert_eq!(hash(["ab", "c"].into_iter()), hash(["ab", "c"].into_iter()));
    }
}
