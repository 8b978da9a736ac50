//! Removing expired data, suite by suite.
//!
//! Used by a background job (`jobs`) and by `test-engine retention`. The steps of the store are
//! small, and the pauses between them keep uploads fast. What is removed cannot be restored, so a
//! clock that is probably wrong is a reason not to begin.

use std::time::{Duration, Instant};

use test_engine_store::{Expired, RetentionStart, Store, StoreError, Timestamp};

/// A pause is twice as long as the step before it, so this takes at most a third of the writer's
/// time.
const PAUSE_PER_STEP: u32 = 2;
const MIN_PAUSE: Duration = Duration::from_millis(5);

/// The name of the job in the database.
const JOB: &str = "retention";
/// How far the clock may be ahead of everything that the database knows of.
const MAX_JUMP: i64 = 24 * 60 * 60 * 1_000;

/// Why nothing is removed. Reads after "failed to remove expired data: ".
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// All results would be removed.
    #[error(
        "the newest upload is {days} days old, so that everything would be removed. Check the \
         clock, which may have jumped, and the retention settings"
    )]
    AllExpired {
        /// The age of the newest upload.
        days: i64,
    },
    /// The clock, or the server was off.
    #[error(
        "the clock is {days} days ahead of the newest upload and of the last removal, so it may \
         have jumped. Check it; the next upload ends this if the clock is right"
    )]
    Jumped {
        /// How far it is ahead.
        days: i64,
    },
}

/// Whether the clock is plausible enough to remove data.
pub async fn check_clock(
    store: &Store,
    kept: RetentionStart,
    now: Timestamp,
) -> Result<Option<Refusal>, StoreError> {
    let newest = store.newest_upload().await?;
    let last_run = store.last_run(JOB).await?;
    Ok(refusal(newest, last_run, kept, now))
}

fn refusal(
    newest: Option<Timestamp>,
    last_run: Option<Timestamp>,
    kept: RetentionStart,
    now: Timestamp,
) -> Option<Refusal> {
    // Without uploads there is nothing to lose.
    let newest = newest?;
    let days = |since: Timestamp| now.millis().saturating_sub(since.millis()) / MAX_JUMP;
    if kept.executions.is_some_and(|first| newest.day() < first) {
        return Some(Refusal::AllExpired { days: days(newest) });
    }
    let known = last_run.map_or(newest, |last_run| newest.max(last_run));
    (now.millis().saturating_sub(known.millis()) > MAX_JUMP)
        .then(|| Refusal::Jumped { days: days(known) })
}

/// Records a removal that is complete, for later checks of the clock.
pub async fn record_run(store: &Store, now: Timestamp) -> Result<(), StoreError> {
    store.record_run(JOB, now).await
}

/// Removes everything that has expired and returns how much that was.
pub async fn remove_expired(store: &Store, kept: RetentionStart) -> Result<Expired, StoreError> {
    let mut removed = Expired::default();
    for suite in store.suite_ids().await? {
        loop {
            let began = Instant::now();
            let step = store.delete_some_expired(suite, kept).await?;
            if step == Expired::default() {
                break;
            }
            removed += step;
            let pause = began.elapsed() * PAUSE_PER_STEP;
            tokio::time::sleep(pause.max(MIN_PAUSE)).await;
        }
    }
    Ok(removed)
}

/// Counts what [`remove_expired`] would remove.
pub async fn count_expired(store: &Store, kept: RetentionStart) -> Result<Expired, StoreError> {
    let mut expired = Expired::default();
    for suite in store.suite_ids().await? {
        expired += store.count_expired(suite, kept).await?;
    }
    Ok(expired)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Retention;

    const HOUR: i64 = 60 * 60 * 1_000;

    #[test]
    fn refuses_when_the_clock_has_probably_jumped() {
        let now = Timestamp::from_millis(1_800_000_000_000);
        let hours_ago = |hours: i64| Some(now.plus_millis(-hours * HOUR));
        for (newest, last_run, expected) in [
            (None, None, None),
            (hours_ago(1), None, None),
            (hours_ago(1), hours_ago(1_000), None),
            // Nobody uploads, but the server has run all the time.
            (hours_ago(1_000), hours_ago(1), None),
            (hours_ago(24), hours_ago(24), None),
            (
                hours_ago(49),
                hours_ago(100),
                Some(Refusal::Jumped { days: 2 }),
            ),
            (
                hours_ago(100),
                hours_ago(49),
                Some(Refusal::Jumped { days: 2 }),
            ),
            (hours_ago(49), None, Some(Refusal::Jumped { days: 2 })),
            // Back again.
            (hours_ago(-1_000), hours_ago(-1_000), None),
            (
                hours_ago(24 * 122),
                hours_ago(1),
                Some(Refusal::AllExpired { days: 122 }),
            ),
        ] {
            let kept = Retention::default().kept_since(now);
            assert_eq!(
                refusal(newest, last_run, kept, now),
                expected,
                "{newest:?} {last_run:?}"
            );
        }
        let forever = Retention {
            execution_days: 0,
            aggregate_days: 0,
            ..Retention::default()
        };
        let kept = forever.kept_since(now);
        assert_eq!(
            refusal(hours_ago(24 * 1_000), hours_ago(1), kept, now),
            None
        );
    }
}
