//! What pages show of the decisions and holdouts of a suite.

use test_engine_duration::Micros;

use std::collections::HashMap;

use super::{Result, codes};
use crate::records::{
    DecisionSums, DecisionVerdict, KnownFailures, SelectedPlan, SelectionKnowledge, SuiteId,
    Timestamp,
};
use crate::sql::{Row, Value, values};
use crate::store::Store;

const DAY_MS: i64 = 24 * 60 * 60 * 1_000;
/// The newest decisions among which those that left something out are searched.
const MAX_SEARCHED: i64 = 1_000;

impl Store {
    /// The decisions since a time by day, verdict and reason.
    pub async fn selection_sums(
        &self,
        suite: SuiteId,
        since: Timestamp,
    ) -> Result<Vec<DecisionSums>> {
        let mut session = self.read().await?;
        let rows = session
            .rows(
                "SELECT created_at / $3 AS day, verdict, reason, COUNT(*) AS plans, \
                 CAST(SUM(time_us) AS BIGINT) AS time_us, \
                 CAST(SUM(selected_time_us) AS BIGINT) AS selected_time_us \
                 FROM selection_decisions WHERE suite_id = $1 AND created_at >= $2 \
                 GROUP BY created_at / $3, verdict, reason ORDER BY 1, 2, 3",
                values![suite.get(), since, DAY_MS],
            )
            .await?;
        let sums = |row: &Row| {
            Ok(DecisionSums {
                day: row.integer("day")?,
                verdict: codes::verdict(row.integer("verdict")?)?,
                reason: row.text_or_null("reason")?,
                plans: row.count("plans")?,
                time: Micros::new(row.count("time_us")?),
                selected_time: Micros::new(row.count("selected_time_us")?),
            })
        };
        rows.iter().map(sums).collect()
    }

    /// How much was known of the changed files of the newest decisions since a time, at most
    /// `limit`, and of the newest `recent` of them.
    pub async fn selection_knowledge(
        &self,
        suite: SuiteId,
        since: Timestamp,
        recent: u32,
        limit: u32,
    ) -> Result<SelectionKnowledge> {
        let mut session = self.read().await?;
        // Two reads: numbering all rows takes several times as long.
        let newest = "SELECT COUNT(*) AS plans, \
             CAST(COALESCE(SUM(known), 0) AS BIGINT) AS known \
             FROM (SELECT known FROM selection_decisions \
             WHERE suite_id = $1 AND created_at >= $2 AND known IS NOT NULL \
             ORDER BY created_at DESC, id DESC LIMIT $3) AS newest";
        let all = session
            .one(newest, values![suite.get(), since, i64::from(limit)])
            .await?;
        let recent = i64::from(recent.min(limit));
        let last = session
            .one(newest, values![suite.get(), since, recent])
            .await?;
        Ok(SelectionKnowledge {
            plans: all.count("plans")?,
            known: all.count("known")?,
            recent_plans: last.count("plans")?,
            recent_known: last.count("known")?,
        })
    }

    /// The newest plans from which items were left out, newest first: at most `limit`, and as many
    /// as have `max_bytes` of scores together, but at least one.
    pub async fn newest_selected_plans(
        &self,
        suite: SuiteId,
        limit: u32,
        max_bytes: u64,
    ) -> Result<Vec<SelectedPlan>> {
        let mut session = self.read().await?;
        let selected = codes::verdict_code(DecisionVerdict::Selected);
        let rows = session
            .rows(
                "SELECT id, identifier, created_at, bytes FROM (SELECT id, identifier, created_at, \
                 verdict, CAST(LENGTH(scores) AS BIGINT) AS bytes FROM selection_decisions \
                 WHERE suite_id = $1 ORDER BY created_at DESC, id DESC LIMIT $2) AS newest \
                 WHERE verdict = $3 AND bytes IS NOT NULL \
                 ORDER BY created_at DESC, id DESC LIMIT $4",
                values![suite.get(), MAX_SEARCHED, selected, i64::from(limit)],
            )
            .await?;
        let mut found = Vec::new();
        let mut bytes = 0;
        for row in &rows {
            bytes += row.count("bytes")?;
            if !found.is_empty() && bytes > max_bytes {
                break;
            }
            found.push((row.integer("id")?, row));
        }
        let keys = found.iter().map(|(id, _)| Value::from(*id)).collect();
        let select = "SELECT id, scores FROM selection_decisions WHERE scores IS NOT NULL AND id";
        let mut scores = HashMap::new();
        for row in session.look_up(select, &[], keys, "").await? {
            scores.insert(row.integer("id")?, row.bytes("scores")?);
        }
        let plans = found.into_iter().filter_map(|(id, row)| {
            let scores = scores.remove(&id)?;
            Some((row, scores))
        });
        plans
            .map(|(row, scores)| {
                Ok(SelectedPlan {
                    identifier: row.text("identifier")?,
                    created_at: row.time("created_at")?,
                    scores,
                })
            })
            .collect()
    }

    /// The known failing builds among plans, given with the item that was left out of each.
    pub async fn known_failures_of_plans(
        &self,
        suite: SuiteId,
        left_out: &[(String, String)],
    ) -> Result<KnownFailures> {
        let mut session = self.read().await?;
        let keys = left_out.iter().map(|(plan, _)| Value::from(plan)).collect();
        let select = "SELECT id, identifier FROM selection_holdouts WHERE suite_id = ? \
             AND identifier";
        let rows = session
            .look_up(select, &values![suite.get()], keys, "")
            .await?;
        let mut holdouts = HashMap::new();
        for row in rows {
            holdouts.insert(row.integer("id")?, row.text("identifier")?);
        }
        let items: HashMap<&str, &str> = left_out
            .iter()
            .map(|(plan, item)| (plan.as_str(), item.as_str()))
            .collect();
        let keys = holdouts.keys().copied().map(Value::from).collect();
        let select = "SELECT holdout_id, item FROM selection_misses WHERE holdout_id";
        let mut missed = 0;
        for row in session.look_up(select, &[], keys, "").await? {
            let plan = holdouts.get(&row.integer("holdout_id")?);
            let item = plan.and_then(|plan| items.get(plan.as_str()));
            let failed = row.text("item")?;
            missed += u64::from(item.is_some_and(|item| **item == failed));
        }
        Ok(KnownFailures {
            builds: holdouts.len() as u64,
            missed,
        })
    }
}
