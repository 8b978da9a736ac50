//! What names the plan.
//!
//! All nodes of one step must come to the same name by themselves, and nobody else to that one. On
//! Buildkite build and step have ids that keep both. Elsewhere a build is known, a step perhaps, and
//! what the plan is of tells plans of one build apart: two commands that choose other tests, or run
//! in another folder, must never get each other's plan.

use std::path::Path;

use super::build::BuildSettings;
use super::fields::Field;
use super::problems::Problems;
use crate::ci::{Ci, Variables};
use crate::cli::{CiEnvironment, CommonArgs, PreviewArgs};
use crate::env_vars as var;

pub(super) fn identifier(
    args: &CommonArgs,
    preview: &PreviewArgs,
    build: &BuildSettings,
    ci: Option<&Ci>,
    ci_environment: &CiEnvironment,
    problems: &mut Problems,
) -> String {
    let given = Field::new(
        var::BUILDKITE_TEST_ENGINE_PLAN_IDENTIFIER,
        "--plan-identifier",
        args.plan_identifier.as_ref(),
    );
    if let Some(identifier) = given.optional() {
        return identifier;
    }
    let is_given =
        |text: &Option<String>| text.as_ref().is_some_and(|text| !text.trim().is_empty());
    let both_given = is_given(&args.build.build_id) && is_given(&args.build.step_id);
    if let Some(ci) = ci.filter(|_| !both_given) {
        if build.build_id.is_empty() {
            problems.add(
                var::BUILDKITE_BUILD_ID,
                format!(
                    "must not be blank (or give --plan-identifier, the same on every node): {} says \
                     nothing that all nodes of a build share",
                    ci.provider.title
                ),
            );
        }
        return of_ci(args, preview, build, ci, ci_environment);
    }
    for (variable, value) in [
        (var::BUILDKITE_BUILD_ID, &build.build_id),
        (var::BUILDKITE_STEP_ID, &build.step_id),
    ] {
        if value.trim().is_empty() {
            problems.add(
                variable,
                "must not be blank (or give --plan-identifier, the same on every node)",
            );
        }
    }
    format!("{}/{}", build.build_id, build.step_id)
}

/// CI, build, step if there is one, and a sum over what the plan is of.
fn of_ci(
    args: &CommonArgs,
    preview: &PreviewArgs,
    build: &BuildSettings,
    ci: &Ci,
    ci_environment: &CiEnvironment,
) -> String {
    let variables = Variables::new(&ci_environment.variables);
    let workspace = variables.value(ci.provider.workspace);
    let folder = workspace
        .and_then(|workspace| folder_in(&workspace.text, &ci_environment.directory))
        .unwrap_or_default();
    let runner = &args.runner;
    let parts = [
        &runner.test_runner,
        &runner.test_file_pattern,
        &runner.test_file_exclude_pattern,
        &runner.files,
        &runner.selector_file,
        &runner.tag_filters,
        &runner.split_by_example,
        &runner.location_prefix,
        &preview.selection_strategy,
    ]
    .map(|text| text.as_deref().unwrap_or_default().trim());
    let sum = sum(parts
        .into_iter()
        .chain([folder.as_str()])
        .chain(preview.selection_param.iter().map(String::as_str)));
    [ci.provider.name, &build.build_id, &build.step_id, &sum]
        .into_iter()
        .filter(|part| !part.is_empty())
        .collect::<Vec<_>>()
        .join("/")
}

/// The working directory as seen from the repository: the same on every node, wherever each keeps
/// its checkout.
fn folder_in(workspace: &str, directory: &Path) -> Option<String> {
    let inside = directory.strip_prefix(workspace).ok()?;
    Some(inside.to_string_lossy().into_owned())
}

/// Eight digits. It tells honest neighbours apart and keeps nothing secret.
fn sum<'a>(parts: impl Iterator<Item = &'a str>) -> String {
    let mut sum = flate2::Crc::new();
    for part in parts {
        sum.update(part.as_bytes());
        sum.update(&[0]);
    }
    format!("{:08x}", sum.sum())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folder_is_seen_from_the_repository() {
        let folder = |directory: &str| folder_in("/builds/1/app", Path::new(directory));
        assert_eq!(folder("/builds/1/app/web").as_deref(), Some("web"));
        assert_eq!(folder("/builds/1/app").as_deref(), Some(""));
        assert_eq!(folder("/builds/1/apple"), None);
    }

    #[test]
    fn where_one_part_ends_counts() {
        assert_ne!(sum(["ab", "c"].into_iter()), sum(["a", "bc"].into_iter()));
        assert_eq!(sum(["ab", "c"].into_iter()), sum(["ab", "c"].into_iter()));
    }
}
