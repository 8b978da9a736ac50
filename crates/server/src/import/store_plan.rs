//! Stores a plan, and checks afterwards that the suite has grown by what was stored.

use std::path::Path;

use test_engine_store::{Store, SuiteContents, SuiteId, Timestamp};

use super::offline::Offline;
use super::plan::Plan;
use super::{ImportError, Settings};
use crate::clock::Clock;

/// What an import has stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Imported {
    pub(crate) uploads: u64,
    /// Runs that were new.
    pub(crate) runs: u64,
    pub(crate) executions: u64,
    /// Executions that their run had already, from another upload.
    pub(crate) duplicates: u64,
    /// Uploads that the suite had already.
    pub(crate) repeated: u64,
}

/// Stores all uploads of a plan, oldest first. `progress` is called after each, with their number
/// so far and the time of the last one.
///
/// # Errors
///
/// If a server or another import runs, now or meanwhile. What was stored until then remains, and
/// the same import continues after it.
pub(crate) async fn store_plan(
    store: &Store,
    suite: SuiteId,
    plan: &Plan,
    settings: &Settings,
    (database, clock): (Option<&Path>, &Clock),
    mut progress: impl FnMut(u64, Timestamp),
) -> Result<Imported, ImportError> {
    let mut offline = Offline::begin(store, database, clock).await?;
    let before = store.suite_contents(suite).await?;
    let stored = store_items(store, suite, plan, settings, &mut offline, &mut progress).await;
    // Also after an error, so that the next import need not wait.
    let ended = offline.end().await;
    let mut imported = stored?;
    ended?;
    let after = store.suite_contents(suite).await?;
    imported.runs = after.runs.saturating_sub(before.runs);
    check_counts(&imported, &before, &after)?;
    Ok(imported)
}

async fn store_items(
    store: &Store,
    suite: SuiteId,
    plan: &Plan,
    settings: &Settings,
    offline: &mut Offline<'_>,
    progress: &mut impl FnMut(u64, Timestamp),
) -> Result<Imported, ImportError> {
    let mut imported = Imported::default();
    for (number, item) in (1..).zip(&plan.items) {
        offline.check().await?;
        let recorded = store.record_upload(item.upload(suite, settings)?).await?;
        if recorded.repeated {
            imported.repeated += 1;
        } else {
            imported.uploads += 1;
            imported.executions += recorded.kept;
            imported.duplicates += recorded.duplicates;
        }
        progress(number, item.received_at);
    }
    Ok(imported)
}

fn check_counts(
    imported: &Imported,
    before: &SuiteContents,
    after: &SuiteContents,
) -> Result<(), ImportError> {
    for (what, expected, before, after) in [
        ("uploads", imported.uploads, before.uploads, after.uploads),
        (
            "executions",
            imported.executions,
            before.executions,
            after.executions,
        ),
    ] {
        let found = after.saturating_sub(before);
        if found != expected {
            return Err(ImportError::Counts {
                what,
                expected,
                found,
            });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reports_counts_that_differ() {
        let imported = Imported {
            uploads: 2,
            executions: 7,
            ..Imported::default()
        };
        let before = SuiteContents {
            uploads: 1,
            executions: 10,
            ..SuiteContents::default()
        };
        let after = |uploads, executions| SuiteContents {
            uploads,
            executions,
            ..before
        };
        assert!(check_counts(&imported, &before, &after(3, 17)).is_ok());
        let error = check_counts(&imported, &before, &after(3, 16)).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the counts differ: 7 executions were imported, but the suite has 6 more than before"
        );
        assert!(check_counts(&imported, &before, &after(2, 17)).is_err());
    }
}
