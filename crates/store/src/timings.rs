//! How long selectors and tests have taken: what plans are made of.

use std::collections::HashMap;

use uuid::Uuid;

use crate::day_sums;
use crate::error::StoreError;
use crate::identity::test_uuid;
use crate::records::{
    BranchFilter, BranchId, BranchKind, Period, PlanBranches, Selector, SelectorChanges, Suite,
    SuiteId, TestTiming,
};
use crate::rings;
use crate::sql::{Value, positions, values};
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
            .integer("timings_seq")?;
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
        let [value, recent] = positions(&rows, ["value", "recent"])?;
        for row in rows {
            let recent = rings::decode(&row.bytes(recent)?)?;
            if !recent.is_empty() {
                selectors.push(Selector {
                    value: row.text(value)?,
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
        row.map(|row| row.integer("id").map(BranchId::new))
            .transpose()
    }

    /// What tests took in each of some periods, on each kind of branch. For each key
    /// `(scope, name)`, in their order: what there is, the first period first; nothing for a test
    /// that is not known or has told no duration.
    ///
    /// Other branches are told only of tests that ran neither on the default nor on the own one:
    /// there are many of them, and nobody asks them otherwise.
    pub async fn test_timings(
        &self,
        suite: &Suite,
        keys: &[(&str, &str)],
        periods: &[Period],
        branches: PlanBranches,
    ) -> Result<Vec<Vec<TestTiming>>> {
        let uuids: Vec<Uuid> = keys
            .iter()
            .map(|(scope, name)| test_uuid(suite.uuid, scope, name))
            .collect();
        let mut unique = uuids.clone();
        unique.sort_unstable();
        unique.dedup();
        let ids = self.test_ids(&unique).await?;
        let mut wanted: Vec<i64> = ids.values().copied().collect();
        wanted.sort_unstable();
        let mut found: HashMap<i64, Vec<TestTiming>> = HashMap::with_capacity(wanted.len());
        let named = [
            (branches.default, BranchKind::Default),
            (branches.own, BranchKind::Own),
        ];
        for (name, kind) in named {
            let Some(name) = name else { continue };
            let filter = BranchFilter::Is(name);
            self.timings_on(
                suite.id,
                &wanted,
                periods,
                (Some(&filter), kind),
                &mut found,
            )
            .await?;
        }
        wanted.retain(|id| !found.contains_key(id));
        self.timings_on(
            suite.id,
            &wanted,
            periods,
            (None, BranchKind::Other),
            &mut found,
        )
        .await?;
        for timings in found.values_mut() {
            timings.sort_unstable_by_key(|timing| (timing.period, timing.branch));
        }
        let timings = |uuid: &Uuid| ids.get(uuid).and_then(|id| found.get(id)).cloned();
        Ok(uuids
            .iter()
            .map(|uuid| timings(uuid).unwrap_or_default())
            .collect())
    }

    /// Adds what tests took on one kind of branch.
    async fn timings_on(
        &self,
        suite: SuiteId,
        test_ids: &[i64],
        periods: &[Period],
        (filter, branch): (Option<&BranchFilter>, BranchKind),
        found: &mut HashMap<i64, Vec<TestTiming>>,
    ) -> Result<()> {
        if test_ids.is_empty() {
            return Ok(());
        }
        let mut session = self.read().await?;
        for (place, period) in periods.iter().enumerate() {
            let totals = if test_ids.len() >= SCAN_FROM {
                day_sums::of_suite(&mut session, suite, *period, filter).await?
            } else {
                let ids = test_ids.iter().copied();
                day_sums::of_tests(&mut session, suite, ids, *period, filter).await?
            };
            for id in test_ids {
                let metrics = totals.of(*id);
                let Some(longest) = metrics.duration_max else {
                    continue;
                };
                found.entry(*id).or_default().push(TestTiming {
                    period: place,
                    branch,
                    executions: metrics.timed,
                    total: metrics.duration_sum,
                    longest,
                });
            }
        }
        Ok(())
    }

    async fn test_ids(&self, uuids: &[Uuid]) -> Result<HashMap<Uuid, i64>> {
        let mut session = self.read().await?;
        let mut ids = HashMap::with_capacity(uuids.len());
        // Not by suite as well: an engine that knows no statistics would then look through the
        // whole suite. The ids are made of the suite's, so they are its own.
        let select = "SELECT uuid, id FROM tests WHERE uuid";
        let keys = uuids.iter().map(|uuid| Value::from(*uuid)).collect();
        let rows = session.look_up(select, &[], keys, "").await?;
        let [uuid, id] = positions(&rows, ["uuid", "id"])?;
        for row in rows {
            ids.insert(row.uuid(uuid)?, row.integer(id)?);
        }
        Ok(ids)
    }
}
