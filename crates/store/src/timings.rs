//! How long selectors and tests have taken: what plans are made of.

use std::collections::HashMap;

use uuid::Uuid;

use crate::day_sums;
use crate::error::StoreError;
use crate::identity::test_uuid;
use crate::records::{BranchId, Period, Selector, SelectorChanges, Suite, SuiteId, TestTiming};
use crate::rings;
use crate::sql::{Value, values};
use crate::store::Store;

type Result<T> = std::result::Result<T, StoreError>;

/// From how many tests on one look through all sums of the period is faster than several short
/// ones.
const SCAN_FROM: usize = 1000;

impl Store {
    /// The selectors whose history changed after the mark `seq`; all that have one, for 0.
    /// The answer holds the mark for the next time. [`Gone`](StoreError::Gone) when there is no
    /// such suite.
    pub async fn selectors_changed_since(
        &self,
        suite: SuiteId,
        seq: i64,
    ) -> Result<SelectorChanges> {
        let mut session = self.read().await?;
        // The mark is read first: what is written in between is then seen twice, never missed.
        let mark = session
            .optional(
                "SELECT timings_seq FROM suites WHERE id = $1 AND NOT deleted",
                values![suite.get()],
            )
            .await?
            .ok_or(StoreError::Gone("the suite"))?
            .integer(0)?;
        if mark <= seq {
            return Ok(SelectorChanges {
                seq: mark,
                selectors: Vec::new(),
            });
        }
        let rows = session
            .rows(
                "SELECT value, recent FROM selectors WHERE suite_id = $1 AND updated_seq > $2",
                values![suite.get(), seq],
            )
            .await?;
        let mut selectors = Vec::with_capacity(rows.len());
        for row in rows {
            let recent = rings::decode(&row.bytes(1)?)?;
            if !recent.is_empty() {
                selectors.push(Selector {
                    value: row.text(0)?,
                    recent,
                });
            }
        }
        Ok(SelectorChanges {
            seq: mark,
            selectors,
        })
    }

    /// The branch of this name, when a run has named it.
    pub async fn branch(&self, suite: SuiteId, name: &str) -> Result<Option<BranchId>> {
        let mut session = self.read().await?;
        let row = session
            .optional(
                "SELECT id FROM branches WHERE suite_id = $1 AND name = $2",
                values![suite.get(), name],
            )
            .await?;
        row.map(|row| row.integer(0).map(BranchId::new)).transpose()
    }

    /// Mean durations of tests over a period, in the order of the keys `(scope, name)`; `None`
    /// for a test that is not known or has told no duration.
    pub async fn test_timings(
        &self,
        suite: &Suite,
        keys: &[(&str, &str)],
        period: Period,
    ) -> Result<Vec<Option<TestTiming>>> {
        let uuids: Vec<Uuid> = keys
            .iter()
            .map(|(scope, name)| test_uuid(suite.uuid, scope, name))
            .collect();
        let mut unique = uuids.clone();
        unique.sort_unstable();
        unique.dedup();
        if period.first_day > period.last_day {
            return Ok(vec![None; keys.len()]);
        }
        let ids = self.test_ids(&unique).await?;
        let mut session = self.read().await?;
        let totals = if ids.len() >= SCAN_FROM {
            day_sums::of_suite(&mut session, suite.id, period, None).await?
        } else {
            let ids = ids.values().copied();
            day_sums::of_tests(&mut session, suite.id, ids, period, None).await?
        };
        let timing = |uuid: &Uuid| {
            let metrics = totals.of(*ids.get(uuid)?);
            Some(TestTiming {
                mean_us: metrics.duration_mean_us()?,
                samples: metrics.timed,
            })
        };
        Ok(uuids.iter().map(timing).collect())
    }

    async fn test_ids(&self, uuids: &[Uuid]) -> Result<HashMap<Uuid, i64>> {
        let mut session = self.read().await?;
        let mut ids = HashMap::with_capacity(uuids.len());
        // Not by suite as well: an engine that knows no statistics would then look through the
        // whole suite. The ids are made of the suite's, so they are its own.
        let select = "SELECT uuid, id FROM tests WHERE uuid";
        let keys = uuids.iter().map(|uuid| Value::from(*uuid)).collect();
        for row in session.look_up(select, &[], keys, "").await? {
            ids.insert(row.uuid(0)?, row.integer(1)?);
        }
        Ok(ids)
    }
}
