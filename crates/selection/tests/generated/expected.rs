//! The rules of §3 of the design, written down a second time without regard to speed.

use test_engine_selection::{AlwaysReason, Location, Mode, Target, is_held_out};

use super::{BRANCHES, Case, LOCATIONS, PATHS, World};

/// The name of the first reason to run everything, apart from "all_selected".
pub(crate) fn full_reason(case: &Case, world: &World) -> Option<&'static str> {
    let branch = BRANCHES[case.branch];
    let settings = &case.settings;
    let is_selecting = settings.mode == Mode::Select;
    let files = case.files.as_deref().unwrap_or_default();
    let count = files.len() + case.more_files;
    let paths: Vec<&str> = files
        .iter()
        .flat_map(|file| file.previous.into_iter().chain([file.path]))
        .map(|path| PATHS[path])
        .collect();
    let has_proto = !settings
        .config
        .eq(&test_engine_selection::Patterns::default());
    let is_configuration = |path: &&&str| match **path {
        "Gemfile.lock" | "tests/fixtures/a.json" => true,
        "api/a.proto" => has_proto,
        _ => false,
    };
    let is_test = |path: &str| {
        case.items
            .iter()
            .any(|item| LOCATIONS[item.location] == Location::File(path))
    };
    let learned: Vec<&str> = case
        .lessons
        .iter()
        .map(|lesson| PATHS[lesson.0])
        .filter(|path| !is_test(path) && *path != "README.md")
        .collect();
    let ending = |path: &str| path.rsplit_once('.').map(|(_, ending)| ending.to_owned());
    let is_known = |path: &str| {
        learned
            .iter()
            .any(|learned| ending(learned) == ending(path))
    };
    let new_paths = files.iter().map(|file| PATHS[file.path]);
    let mut sources = new_paths.filter(|path| !is_test(path) && *path != "README.md");
    let has_unknown =
        sources.any(|path| !is_known(path)) || case.more_files > 0 && !is_known("a.py");
    let merge_queues = ["gh-readonly-queue/", "mergify/merge-queue/", "trunk-merge/"];
    let needed = match settings.target {
        Target::Confidence(promise) => {
            (1_000_000_u32.div_ceil(1_000_000 - promise.ppm()) - 1).max(settings.min_holdouts)
        }
        Target::Percent(..) | Target::Time(_) => settings.min_holdouts,
    };
    let has_full_branch = settings.full_branch != test_engine_selection::Patterns::default();
    let build = world.build(case);
    let rules = [
        (
            matches!(settings.mode, Mode::Unsupported(_)),
            "unsupported_strategy",
        ),
        (case.is_default_branch, "default_branch"),
        (has_full_branch && branch == "release/1", "full_branch"),
        (case.is_tag, "tag"),
        (
            merge_queues.iter().any(|start| branch.starts_with(start)),
            "merge_queue",
        ),
        (case.files.is_none() || count == 0, "no_changed_files"),
        (count > 300, "many_changed_files"),
        (
            paths.iter().any(|path| is_configuration(&path)),
            "configuration_changed",
        ),
        (has_unknown, "unknown_kind_of_file"),
        (case.off == Some(test_engine_selection::Off::Drift), "drift"),
        (case.off.is_some(), "switched_off"),
        (
            is_selecting && world.window.len() < needed as usize,
            "few_holdouts",
        ),
        (
            is_selecting && is_held_out(build.suite, build.identifier, settings.holdout),
            "holdout",
        ),
        (case.message().contains("[all tests]"), "message"),
        (settings.all_after_red && case.last_run_failed, "after_red"),
    ];
    rules.iter().find(|rule| rule.0).map(|rule| rule.1)
}

/// The first reason for an item to run always, apart from the rotating sample.
pub(crate) fn always_reason(case: &Case, position: usize) -> Option<AlwaysReason> {
    let item = &case.items[position];
    let location = LOCATIONS[item.location];
    let changed = case.files.iter().flatten().map(|file| PATHS[file.path]);
    let mut changed = changed.filter(|path| match location {
        Location::File(file) => file == *path,
        Location::Folder(folder) => folder == "pkg" && *path == "pkg/a.go",
        Location::Unknown => false,
    });
    let has_patterns = case.settings.always != test_engine_selection::Patterns::default();
    let is_smoke = location == Location::File("tests/smoke/test_all.py");
    let rules = [
        (item.last_execution.is_none(), AlwaysReason::New),
        (
            item.last_execution
                .is_some_and(|(days, runs)| days > 14 || runs >= 200),
            AlwaysReason::Stale,
        ),
        (changed.next().is_some(), AlwaysReason::Changed),
        (
            item.failed_on_branch || item.failed_on_default_branch,
            AlwaysReason::Failing,
        ),
        (
            has_patterns && (is_smoke || position.is_multiple_of(4)),
            AlwaysReason::Pattern,
        ),
        (
            location == Location::Unknown && !item.ever_failed,
            AlwaysReason::Unknown,
        ),
    ];
    rules.iter().find(|rule| rule.0).map(|rule| rule.1)
}
