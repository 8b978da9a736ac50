//! The durations of selectors and tests, for planning.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use test_engine_duration::Micros;
use uuid::Uuid;

use crate::day_sums::{self, Totals};
use crate::error::StoreError;
use crate::identity::{selector_hash, test_uuid};
use crate::records::{
    BranchFilter, BranchId, BranchKind, Period, PlanBranches, RunId, Selector, SelectorChanges,
    Suite, SuiteId, TestTiming,
};
use crate::rings;
use crate::sql::{Value, positions, values};
use crate::store::Store;
use crate::sums::Cost;
use crate::test_counts;

type Result<T> = std::result::Result<T, StoreError>;

/// From this number of tests on, one scan of all sums of the period is faster than several
/// look-ups.
const SCAN_FROM: usize = 1000;

impl Store {
    /// The selectors whose history changed after the sequence number `seq`; all of them for 0. The
    /// result contains the number for the next call.
    pub async fn selectors_changed_since(
        &self,
        suite: SuiteId,
        seq: i64,
    ) -> Result<SelectorChanges> {
        let mut session = self.read().await?;
        // Read the number first: concurrent changes are then returned twice, never missed.
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
                "SELECT value, recent, test_counts FROM selectors \
                 WHERE suite_id = $1 AND updated_seq > $2",
                values![suite.get(), seq],
            )
            .await?;
        let mut selectors = Vec::with_capacity(rows.len());
        let [value, recent, counts] = positions(&rows, ["value", "recent", "test_counts"])?;
        for row in rows {
            let recent = rings::decode(&row.bytes(recent)?)?;
            let test_counts = test_counts::counts(row.bytes_or_null(counts)?.as_deref())?;
            if !recent.is_empty() || !test_counts.is_empty() {
                selectors.push(Selector {
                    value: row.text(value)?,
                    recent,
                    test_counts,
                });
            }
        }
        Ok(SelectorChanges {
            seq: mark,
            selectors,
        })
    }

    /// Those of these selectors that ever had results.
    pub async fn known_selectors(
        &self,
        suite: SuiteId,
        values: &[String],
    ) -> Result<BTreeSet<String>> {
        let mut hashes: Vec<[u8; 16]> = values.iter().map(|value| selector_hash(value)).collect();
        hashes.sort_unstable();
        hashes.dedup();
        let mut session = self.read().await?;
        let rows = session
            .look_up(
                "SELECT value FROM selectors WHERE suite_id = ? AND value_hash",
                &values![suite.get()],
                hashes.iter().map(Value::from).collect(),
                "",
            )
            .await?;
        rows.iter().map(|row| row.text("value")).collect()
    }

    /// How long these selectors took in a run, without those that are not among the latest
    /// [`crate::RECENT_RUNS`] of theirs.
    pub async fn selector_times(
        &self,
        suite: SuiteId,
        run: RunId,
        values: &[String],
    ) -> Result<BTreeMap<String, Micros>> {
        let hashes: BTreeSet<[u8; 16]> = values.iter().map(|value| selector_hash(value)).collect();
        let mut session = self.read().await?;
        let rows = session
            .look_up(
                "SELECT value, recent FROM selectors WHERE suite_id = ? AND value_hash",
                &values![suite.get()],
                hashes.iter().map(Value::from).collect(),
                "",
            )
            .await?;
        let mut times = BTreeMap::new();
        for row in &rows {
            let recent = rings::decode(&row.bytes("recent")?)?;
            if let Some(timing) = recent.iter().find(|timing| timing.run == run) {
                times.insert(row.text("value")?, timing.duration);
            }
        }
        Ok(times)
    }

    /// The branch of this name, if a run has used it.
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

    /// Sums over the timed executions of tests, by period and kind of branch. For each key `(scope,
    /// name)`, in their order, what exists, ordered by period; empty for tests that are unknown or
    /// have no durations.
    ///
    /// [`BranchKind::Other`] is returned only for tests without executions on the default and the
    /// plan's branch: there are many other branches, and they matter only then.
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
            let costs: Totals<Cost> = if test_ids.len() >= SCAN_FROM {
                day_sums::of_suite(&mut session, suite, *period, filter).await?
            } else {
                let ids = test_ids.iter().copied();
                day_sums::of_tests(&mut session, suite, ids, *period, filter).await?
            };
            for id in test_ids {
                let cost = costs.of(*id);
                let Some(longest) = cost.longest else {
                    continue;
                };
                found.entry(*id).or_default().push(TestTiming {
                    period: place,
                    branch,
                    executions: cost.timed,
                    total: cost.duration_sum,
                    longest,
                });
            }
        }
        Ok(())
    }

    async fn test_ids(&self, uuids: &[Uuid]) -> Result<HashMap<Uuid, i64>> {
        let mut session = self.read().await?;
        let mut ids = HashMap::with_capacity(uuids.len());
        // Do not filter by suite as well: without statistics, the engine would scan the whole
        // suite. UUIDs are derived from the suite's, so they identify its own tests.
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
