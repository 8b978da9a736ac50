//! Which items run whatever their value (§3 of the design).

use crate::build::{Item, Knowledge};
use crate::change::Change;
use crate::reason::AlwaysReason;
use crate::settings::Settings;

/// An item that was not executed for more days is stale.
pub const MAX_DAYS: u32 = 14;
/// An item that was not executed in this many runs of the default branch is stale.
pub const MAX_DEFAULT_BRANCH_RUNS: u32 = 200;

/// The first reason of each item that applies, by position; without the rotating sample.
pub(crate) fn always_reasons(
    items: &[Item<'_>],
    change: &Change,
    settings: &Settings,
    knowledge: &Knowledge<'_>,
) -> Vec<Option<AlwaysReason>> {
    let catalog = knowledge.catalog;
    let mut is_changed = vec![false; items.len()];
    for file in &change.files {
        for position in catalog.items_of(&file.path) {
            is_changed[position as usize] = true;
        }
    }
    let is_pattern = |position: usize, item: &Item<'_>| {
        let path = catalog
            .path(position)
            .is_some_and(|path| settings.always.matches(path));
        path || settings.always.matches(item.name)
    };
    let has_patterns = !settings.always.is_empty();
    let reason = |(position, item): (usize, &Item<'_>)| {
        if item.last_execution.is_none() {
            Some(AlwaysReason::New)
        } else if is_stale(item) {
            Some(AlwaysReason::Stale)
        } else if is_changed[position] {
            Some(AlwaysReason::Changed)
        } else if item.failed_on_branch || item.failed_on_default_branch {
            Some(AlwaysReason::Failing)
        } else if has_patterns && is_pattern(position, item) {
            Some(AlwaysReason::Pattern)
        } else if catalog.is_unknown(position) && !item.ever_failed {
            Some(AlwaysReason::Unknown)
        } else {
            None
        }
    };
    items.iter().enumerate().map(reason).collect()
}

fn is_stale(item: &Item<'_>) -> bool {
    item.last_execution.is_some_and(|last| {
        last.days > MAX_DAYS || last.default_branch_runs >= MAX_DEFAULT_BRANCH_RUNS
    })
}
