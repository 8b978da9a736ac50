//! Known failing builds.

use std::collections::HashMap;

use test_engine_selection::Holdout;
use uuid::Uuid;

use super::{KEPT_HOLDOUTS, Result, codes, whole};
use crate::records::{
    KnownHoldout, Listed, MissedItem, NewHoldout, Page, RunId, StoredHoldout, SuiteId, Timestamp,
};
use crate::sql::{Row, Session, Value, values};
use crate::store::Store;

/// Missed items of one holdout that are named.
const MAX_MISSES: usize = 100;

impl Store {
    /// The known failing builds of a suite, newest first.
    pub async fn selection_holdouts(
        &self,
        suite: SuiteId,
        only_missed: bool,
        page: Page,
    ) -> Result<Listed<StoredHoldout>> {
        let mut session = self.read().await?;
        let condition = if only_missed { "AND NOT is_caught" } else { "" };
        let total = session
            .count(
                format!("SELECT COUNT(*) FROM selection_holdouts WHERE suite_id = ? {condition}"),
                values![suite.get()],
            )
            .await?;
        let rows = session
            .rows(
                format!(
                    "SELECT selection_holdouts.*, runs.uuid AS run_uuid FROM selection_holdouts \
                     LEFT JOIN runs ON runs.id = selection_holdouts.run_id \
                     WHERE selection_holdouts.suite_id = ? {condition} \
                     ORDER BY selection_holdouts.id DESC LIMIT ? OFFSET ?"
                ),
                values![suite.get(), page.limit(), page.offset()],
            )
            .await?;
        let ids = rows.iter().map(|row| row.integer("id"));
        let ids = ids.collect::<Result<Vec<i64>>>()?;
        let mut misses = misses(&mut session, ids).await?;
        let stored = |row: &Row| {
            let misses = misses.remove(&row.integer("id")?).unwrap_or_default();
            stored(row, misses)
        };
        Ok(Listed {
            items: rows.iter().map(stored).collect::<Result<_>>()?,
            total,
        })
    }
}

type Missed = (MissedItem, Option<Uuid>);

async fn misses(session: &mut Session, holdouts: Vec<i64>) -> Result<HashMap<i64, Vec<Missed>>> {
    let mut found: HashMap<i64, Vec<Missed>> = HashMap::new();
    if holdouts.is_empty() {
        return Ok(found);
    }
    let keys = holdouts.into_iter().map(Value::from).collect();
    let rows = session
        .look_up(
            "SELECT holdout_id, item, place, run_id, runs.uuid AS run_uuid FROM selection_misses \
             LEFT JOIN runs ON runs.id = run_id WHERE holdout_id",
            &[],
            keys,
            "",
        )
        .await?;
    for row in rows {
        let miss = MissedItem {
            item: row.text("item")?,
            rank: row.count("place")?,
            run: row.integer_or_null("run_id")?.map(RunId::new),
        };
        let of_holdout = found.entry(row.integer("holdout_id")?).or_default();
        of_holdout.push((miss, row.uuid_or_null("run_uuid")?));
    }
    for misses in found.values_mut() {
        misses.sort_by_key(|(miss, _)| miss.rank);
    }
    Ok(found)
}

fn stored(row: &Row, misses: Vec<Missed>) -> Result<StoredHoldout> {
    let known = known(row)?;
    let (misses, miss_runs) = misses.into_iter().unzip();
    Ok(StoredHoldout {
        id: known.id,
        closed_at: known.closed_at,
        holdout: NewHoldout {
            holdout: known.holdout,
            identifier: row.text("identifier")?,
            branch: row.text("branch")?,
            commit_sha: row.text_or_null("commit_sha")?,
            run: row.integer_or_null("run_id")?.map(RunId::new),
            strategy: row.text("strategy")?,
            promise: known.promise,
            failing: row.count("failing")?,
            selected: row.count("selected")?,
            misses,
        },
        run_uuid: row.uuid_or_null("run_uuid")?,
        miss_runs,
    })
}

fn known(row: &Row) -> Result<KnownHoldout> {
    let promise = row.integer_or_null("promise")?;
    Ok(KnownHoldout {
        id: row.integer("id")?,
        closed_at: row.time("closed_at")?,
        holdout: Holdout {
            origin: codes::origin(row.integer("origin")?)?,
            needed: codes::of_millionths(row.integer_or_null("needed")?),
            time_share: codes::of_ppm(row.integer("time_share")?),
            is_caught: row.boolean("is_caught")?,
        },
        promise: promise.map(codes::share).transpose()?,
    })
}

/// The newest ones after an ID, oldest first.
pub(super) async fn newest(
    session: &mut Session,
    suite: SuiteId,
    after: i64,
) -> Result<Vec<KnownHoldout>> {
    let rows = session
        .rows(
            "SELECT id, closed_at, origin, needed, time_share, is_caught, promise \
             FROM selection_holdouts WHERE suite_id = $1 AND id > $2 ORDER BY id DESC LIMIT $3",
            values![suite.get(), after, KEPT_HOLDOUTS],
        )
        .await?;
    rows.iter().rev().map(known).collect()
}

/// Returns its ID.
pub(super) async fn insert(
    session: &mut Session,
    (suite, clock, at): (SuiteId, i64, Timestamp),
    new: &NewHoldout,
) -> Result<i64> {
    let holdout = new.holdout;
    let row = session
        .one(
            "INSERT INTO selection_holdouts (suite_id, changed, closed_at, origin, identifier, \
             branch, commit_sha, run_id, strategy, promise, needed, time_share, is_caught, \
             failing, selected) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15) \
             RETURNING id",
            values![
                suite.get(),
                clock,
                at,
                codes::origin_code(holdout.origin),
                &new.identifier,
                &new.branch,
                &new.commit_sha,
                new.run.map(RunId::get),
                &new.strategy,
                new.promise.map(|share| i64::from(share.ppm())),
                codes::millionths(holdout.needed),
                codes::ppm(holdout.time_share),
                holdout.is_caught,
                whole(new.failing),
                whole(new.selected),
            ],
        )
        .await?;
    let id = row.integer("id")?;
    let misses: Vec<Value<'_>> = new
        .misses
        .iter()
        .take(MAX_MISSES)
        .flat_map(|miss| {
            let run = miss.run.map(RunId::get);
            values![id, &miss.item, whole(miss.rank), run]
        })
        .collect();
    if !misses.is_empty() {
        session
            .write_many(
                "INSERT INTO selection_misses (holdout_id, item, place, run_id)",
                4,
                misses,
                "",
            )
            .await?;
    }
    Ok(id)
}
