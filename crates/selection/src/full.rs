//! When everything runs (§3 of the design).

use crate::build::{Build, Knowledge};
use crate::change::{Change, Sources};
use crate::holdout::is_held_out;
use crate::paths::is_configuration;
use crate::reason::FullReason;
use crate::settings::{Mode, Settings};
use crate::words::extension;

/// More changed files are not looked at.
const MAX_FILES: usize = 300;
/// In a commit message.
const DEMAND: &str = "[all tests]";
/// The starts of branch names of merge queues.
const MERGE_QUEUES: [&str; 3] = ["gh-readonly-queue/", "mergify/merge-queue/", "trunk-merge/"];

/// A change that can be looked at.
pub(crate) struct UsableChange<'a> {
    pub(crate) change: &'a Change,
    pub(crate) sources: Sources,
}

/// The change of a build on which a selection is possible, or why it is not: the first reasons of
/// the list, which do not depend on what the suite has learned.
pub(crate) fn usable_change<'a>(
    build: &Build<'a>,
    settings: &Settings,
    knowledge: &Knowledge<'_>,
) -> Result<UsableChange<'a>, FullReason> {
    if let Mode::Unsupported(strategy) = settings.mode {
        return Err(FullReason::Unsupported(strategy));
    }
    if build.is_default_branch {
        return Err(FullReason::DefaultBranch);
    }
    if settings.full_branch.matches(build.branch) {
        return Err(FullReason::FullBranch);
    }
    if build.is_tag {
        return Err(FullReason::Tag);
    }
    if MERGE_QUEUES
        .iter()
        .any(|start| build.branch.starts_with(start))
    {
        return Err(FullReason::MergeQueue);
    }
    match build.change {
        None => Err(FullReason::NoChange),
        Some(change) if change.files.is_empty() => Err(FullReason::NoChange),
        Some(change) if change.files.len() > MAX_FILES => {
            Err(FullReason::ManyFiles(change.files.len()))
        }
        Some(change) => Ok(UsableChange {
            change,
            sources: Sources::of(change, |path| knowledge.catalog.has_file(path)),
        }),
    }
}

/// The first of the other reasons that applies. A build that only observes runs everything anyway,
/// so it needs no holdouts and is not held out.
pub(crate) fn full_reason(
    usable: &UsableChange<'_>,
    build: &Build<'_>,
    settings: &Settings,
    knowledge: &Knowledge<'_>,
) -> Option<FullReason> {
    let is_observed = settings.mode == Mode::Observe;
    let by_files = || file_reason(usable, settings, knowledge);
    let off = || knowledge.off.cloned().map(FullReason::Off);
    let few = || few_holdouts(settings, knowledge).filter(|_| !is_observed);
    let held_out = || {
        let is_held_out = is_held_out(build.suite, build.identifier, settings.holdout);
        (!is_observed && is_held_out).then_some(FullReason::Holdout)
    };
    let message = || {
        build
            .message
            .contains(DEMAND)
            .then_some(FullReason::Message)
    };
    let after_red = || {
        let is_after_red = settings.all_after_red && build.last_run_failed;
        is_after_red.then_some(FullReason::AfterRed)
    };
    by_files()
        .or_else(off)
        .or_else(few)
        .or_else(held_out)
        .or_else(message)
        .or_else(after_red)
}

/// A changed file that may affect every test.
fn file_reason(
    usable: &UsableChange<'_>,
    settings: &Settings,
    knowledge: &Knowledge<'_>,
) -> Option<FullReason> {
    let files = &usable.change.files;
    let mut paths = files
        .iter()
        .flat_map(|file| file.previous_path.iter().chain([&file.path]));
    let is_configuration = |path: &&String| is_configuration(path) || settings.config.matches(path);
    if let Some(path) = paths.find(is_configuration) {
        return Some(FullReason::Configuration(path.clone()));
    }
    let is_unknown = |path: &str| {
        knowledge.counts.file(path).is_none() && !knowledge.counts.has_extension(extension(path))
    };
    let sources = usable.sources.files().iter();
    let mut unknown = sources.filter(|source| is_unknown(&source.path));
    unknown
        .next()
        .map(|source| FullReason::UnknownKind(source.path.clone()))
}

fn few_holdouts(settings: &Settings, knowledge: &Knowledge<'_>) -> Option<FullReason> {
    let known = u32::try_from(knowledge.window.len()).unwrap_or(u32::MAX);
    let needed = settings.holdouts_needed();
    (known < needed).then_some(FullReason::FewHoldouts { known, needed })
}
