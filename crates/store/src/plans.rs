//! Plans, and the metadata of the runs of their nodes in the table `node_reports`. The first plan
//! stored for an identifier wins.

use test_engine_duration::Micros;

use crate::accounting::{pace, verdict};
use crate::error::StoreError;
use crate::expired::delete_expired;
use crate::records::{
    Listed, NewDecision, NewPlan, Pace, Page, PlanMetadata, PlanOrigin, PlanSummary, RanPlan,
    RequestedNodes, StoredPlan, SuiteId, Timestamp,
};
use crate::selection;
use crate::sql::{Row, Session, Value, values};
use crate::store::{Store, check_key};

type Result<T> = std::result::Result<T, StoreError>;

const SELECT_SUMMARY: &str = "\
     SELECT plans.identifier AS identifier, plans.created_at AS created_at, \
     plans.expires_at AS expires_at, branch, (SELECT COUNT(DISTINCT node) FROM node_reports \
      WHERE node_reports.suite_id = plans.suite_id \
      AND node_reports.identifier = plans.identifier) AS reports, summarized, verdict, nodes, \
     pending_nodes, targets, pace_node, pace_time, pace_planned, fastest_time FROM plans \
     LEFT JOIN accountings ON accountings.suite_id = plans.suite_id \
     AND accountings.identifier = plans.identifier WHERE plans.suite_id = ?";
const NEWEST_FIRST: &str = "ORDER BY plans.created_at DESC, plans.identifier";

impl Store {
    /// Stores a plan unless an unexpired one exists. Returns the stored plan, and whether it is
    /// this one.
    pub async fn insert_plan(&self, plan: NewPlan) -> Result<(StoredPlan, bool)> {
        self.insert_plan_with(plan, None).await
    }

    /// Like [`Self::insert_plan`], with the decision about which of its items run.
    pub async fn insert_plan_with(
        &self,
        plan: NewPlan,
        decision: Option<&NewDecision>,
    ) -> Result<(StoredPlan, bool)> {
        check_key("plan identifier", &plan.identifier)?;
        let mut session = self.write().await?;
        let suite_id = plan.suite.get();
        let nodes = NodeColumns::new(plan.origin.nodes);
        let won = session
            .optional(
                "INSERT INTO plans (suite_id, identifier, created_at, expires_at, digest, body, \
                 branch, location_prefix, files_changed, diff_base, \
                 parallelism, max_parallelism, target_time, file_load) \
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14) \
                 ON CONFLICT (suite_id, identifier) DO UPDATE SET \
                 created_at = excluded.created_at, expires_at = excluded.expires_at, \
                 digest = excluded.digest, body = excluded.body, branch = excluded.branch, \
                 location_prefix = excluded.location_prefix, \
                 files_changed = excluded.files_changed, diff_base = excluded.diff_base, \
                 parallelism = excluded.parallelism, max_parallelism = excluded.max_parallelism, \
                 target_time = excluded.target_time, file_load = excluded.file_load \
                 WHERE plans.expires_at <= excluded.created_at RETURNING suite_id",
                values![
                    suite_id,
                    &plan.identifier,
                    plan.created_at,
                    plan.expires_at,
                    &plan.digest,
                    plan.body.as_slice(),
                    &plan.origin.branch,
                    &plan.origin.location_prefix,
                    &plan.origin.files_changed,
                    &plan.origin.diff_base,
                    nodes.fixed,
                    nodes.max,
                    nodes.target,
                    plan.origin.file_load.map(|load| whole(load.get())),
                ],
            )
            .await
            .map_err(|error| error.or_gone("the suite"))?
            .is_some();
        if won {
            // Remove the decision and the metadata of an expired plan.
            session
                .execute(
                    "DELETE FROM selection_decisions WHERE suite_id = $1 AND identifier = $2",
                    values![suite_id, &plan.identifier],
                )
                .await?;
            session
                .execute(
                    "DELETE FROM node_reports WHERE suite_id = $1 AND identifier = $2",
                    values![suite_id, &plan.identifier],
                )
                .await?;
            // Reports without a plan may be older than the plan of their build.
            session
                .execute(
                    "DELETE FROM accountings \
                     WHERE suite_id = $1 AND identifier = $2 AND expires_at <= $3",
                    values![suite_id, &plan.identifier, plan.created_at],
                )
                .await?;
            if let Some(decision) = decision {
                selection::insert_decision(&mut session, &plan, decision).await?;
            }
            session.commit().await?;
            let kept = StoredPlan {
                body: plan.body,
                digest: plan.digest,
                origin: plan.origin,
                created_at: plan.created_at,
                expires_at: plan.expires_at,
            };
            return Ok((kept, true));
        }
        let row = session
            .one(
                "SELECT body, digest, branch, location_prefix, files_changed, diff_base, \
                 parallelism, max_parallelism, target_time, file_load, created_at, expires_at \
                 FROM plans \
                 WHERE suite_id = $1 AND identifier = $2",
                values![suite_id, &plan.identifier],
            )
            .await?;
        Ok((stored_plan(&row)?, false))
    }

    /// `None` also if the plan has expired.
    pub async fn plan(
        &self,
        suite: SuiteId,
        identifier: &str,
        now: Timestamp,
    ) -> Result<Option<StoredPlan>> {
        let mut session = self.read().await?;
        let row = session
            .optional(
                "SELECT body, digest, branch, location_prefix, files_changed, diff_base, \
                 parallelism, max_parallelism, target_time, file_load, created_at, expires_at \
                 FROM plans \
                 WHERE suite_id = $1 AND identifier = $2 AND expires_at > $3",
                values![suite.get(), identifier, now],
            )
            .await?;
        row.as_ref().map(stored_plan).transpose()
    }

    /// What the request that created a plan said; `None` also if the plan has expired.
    pub async fn plan_origin(
        &self,
        suite: SuiteId,
        identifier: &str,
        now: Timestamp,
    ) -> Result<Option<PlanOrigin>> {
        let mut session = self.read().await?;
        let row = session
            .optional(
                "SELECT branch, location_prefix, files_changed, diff_base, parallelism, \
                 max_parallelism, target_time, file_load FROM plans \
                 WHERE suite_id = $1 AND identifier = $2 AND expires_at > $3",
                values![suite.get(), identifier, now],
            )
            .await?;
        row.as_ref().map(origin).transpose()
    }

    /// Newest first.
    pub async fn plans(&self, suite: SuiteId, page: Page) -> Result<Listed<PlanSummary>> {
        let mut session = self.read().await?;
        let total = session
            .count(
                "SELECT COUNT(*) FROM plans WHERE suite_id = $1",
                values![suite.get()],
            )
            .await?;
        let text = format!("{SELECT_SUMMARY} {NEWEST_FIRST} LIMIT ? OFFSET ?");
        let bound = values![suite.get(), page.limit(), page.offset()];
        let rows = session.rows(text, bound).await?;
        Ok(Listed {
            items: rows.iter().map(summary).collect::<Result<_>>()?,
            total,
        })
    }

    /// At most `limit` plans in the order of [`Self::plans`]: those after one of them, or the
    /// first.
    pub async fn plans_after(
        &self,
        suite: SuiteId,
        last: Option<&PlanSummary>,
        limit: u32,
    ) -> Result<Vec<PlanSummary>> {
        let mut bound: Vec<Value<'_>> = values![suite.get()].to_vec();
        let condition = match last {
            None => "",
            Some(last) => {
                bound.extend(values![last.created_at, last.created_at, &last.identifier]);
                // The first bound lets the index skip the plans before.
                "AND plans.created_at <= ? AND (plans.created_at < ? OR plans.identifier > ?)"
            }
        };
        bound.extend(values![i64::from(limit)]);
        let text = format!("{SELECT_SUMMARY} {condition} {NEWEST_FIRST} LIMIT ?");
        let mut session = self.read().await?;
        let rows = session.rows(text, bound).await?;
        rows.iter().map(summary).collect()
    }

    /// The pace of the newest plans whose nodes have all ended, newest first.
    pub async fn paces(&self, suite: SuiteId, limit: u32) -> Result<Vec<Pace>> {
        let mut session = self.read().await?;
        let rows = session
            .rows(
                "SELECT pace_node, pace_time, pace_planned, fastest_time FROM plans \
                 JOIN accountings ON accountings.suite_id = plans.suite_id \
                 AND accountings.identifier = plans.identifier \
                 WHERE plans.suite_id = $1 AND pace_node IS NOT NULL \
                 ORDER BY plans.created_at DESC, plans.identifier LIMIT $2",
                values![suite.get(), i64::from(limit)],
            )
            .await?;
        let paces = rows.iter().filter_map(|row| pace(row).transpose());
        paces.collect()
    }

    /// Inserts or replaces the metadata of a node's run. False if there is no such plan.
    pub async fn insert_plan_metadata(
        &self,
        suite: SuiteId,
        identifier: &str,
        metadata: &PlanMetadata,
    ) -> Result<bool> {
        let mut session = self.write().await?;
        match write_metadata(&mut session, suite, identifier, metadata).await {
            Ok(is_known) => {
                session.commit().await?;
                Ok(is_known)
            }
            Err(StoreError::Gone(_)) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Ordered by node and retry.
    pub async fn plan_metadata(
        &self,
        suite: SuiteId,
        identifier: &str,
    ) -> Result<Vec<PlanMetadata>> {
        let mut session = self.read().await?;
        let rows = session
            .rows(
                "SELECT node, retry_count, version, body, received_at FROM node_reports \
                 WHERE suite_id = $1 AND identifier = $2 ORDER BY node, retry_count",
                values![suite.get(), identifier],
            )
            .await?;
        let metadata = |row: &Row| {
            Ok(PlanMetadata {
                node: row.integer("node")?,
                retry_count: row.integer("retry_count")?,
                version: row.text("version")?,
                body: row.text("body")?,
                received_at: row.time("received_at")?,
            })
        };
        rows.iter().map(metadata).collect()
    }

    /// Deletes at most `limit` expired plans and as many accountings, with their reports; returns
    /// how many. Small steps let uploads proceed in between.
    pub async fn delete_expired_plans(&self, now: Timestamp, limit: u32) -> Result<u64> {
        let mut session = self.write().await?;
        let mut deleted = 0;
        for table in ["plans", "accountings"] {
            deleted += delete_expired(&mut session, table, now, limit).await?;
        }
        session.commit().await?;
        Ok(deleted)
    }
}

fn stored_plan(row: &Row) -> Result<StoredPlan> {
    Ok(StoredPlan {
        body: row.bytes("body")?,
        digest: row.hash("digest")?,
        origin: origin(row)?,
        created_at: row.time("created_at")?,
        expires_at: row.time("expires_at")?,
    })
}

fn summary(row: &Row) -> Result<PlanSummary> {
    let is_summarized = row.integer_or_null("summarized")?.unwrap_or(0) > 0;
    Ok(PlanSummary {
        identifier: row.text("identifier")?,
        created_at: row.time("created_at")?,
        expires_at: row.time("expires_at")?,
        reports: row.count("reports")?,
        branch: row.text("branch")?,
        ran: is_summarized.then(|| ran(row)).transpose()?,
    })
}

fn ran(row: &Row) -> Result<RanPlan> {
    Ok(RanPlan {
        verdict: verdict(row.integer("verdict")?)?,
        nodes: row.count("nodes")?,
        pending_nodes: row.count("pending_nodes")?,
        targets: row.count("targets")?,
        pace: pace(row)?,
    })
}

/// Saturates at the largest value of a column.
fn whole(microseconds: u64) -> i64 {
    i64::try_from(microseconds).unwrap_or(i64::MAX)
}

/// [`RequestedNodes`] as they are stored.
#[derive(Default)]
struct NodeColumns {
    fixed: Option<i64>,
    max: Option<i64>,
    /// In microseconds.
    target: Option<i64>,
}

impl NodeColumns {
    fn new(nodes: Option<RequestedNodes>) -> Self {
        match nodes {
            None => Self::default(),
            Some(RequestedNodes::Fixed(nodes)) => Self {
                fixed: Some(nodes.into()),
                ..Self::default()
            },
            Some(RequestedNodes::UpTo { max, target }) => Self {
                max: Some(max.into()),
                target: target.map(|time| whole(time.get())),
                ..Self::default()
            },
        }
    }

    fn read(row: &Row) -> Result<Option<RequestedNodes>> {
        let nodes = |number| {
            let damaged = |_| StoreError::Damaged { what: "node count" };
            u32::try_from(number).map_err(damaged)
        };
        let fixed = row.integer_or_null("parallelism")?;
        Ok(match (fixed, row.integer_or_null("max_parallelism")?) {
            (Some(fixed), _) => Some(RequestedNodes::Fixed(nodes(fixed)?)),
            (None, Some(max)) => Some(RequestedNodes::UpTo {
                max: nodes(max)?,
                target: row.count_or_null("target_time")?.map(Micros::new),
            }),
            (None, None) => None,
        })
    }
}

fn origin(row: &Row) -> Result<PlanOrigin> {
    Ok(PlanOrigin {
        branch: row.text("branch")?,
        location_prefix: row.text("location_prefix")?,
        files_changed: row.text_or_null("files_changed")?,
        diff_base: row.text_or_null("diff_base")?,
        nodes: NodeColumns::read(row)?,
        file_load: row.count_or_null("file_load")?.map(Micros::new),
    })
}

/// Within the caller's transaction. False if there is no such plan.
pub(crate) async fn write_metadata(
    session: &mut Session,
    suite: SuiteId,
    identifier: &str,
    metadata: &PlanMetadata,
) -> Result<bool> {
    let written = session
        .execute(
            "INSERT INTO node_reports \
             (suite_id, identifier, node, retry_count, version, received_at, body) \
             SELECT suite_id, identifier, $3, $4, $5, $6, $7 FROM plans \
             WHERE suite_id = $1 AND identifier = $2 AND expires_at > $6 \
             ON CONFLICT (suite_id, identifier, node, retry_count) DO UPDATE SET \
             version = excluded.version, received_at = excluded.received_at, \
             body = excluded.body",
            values![
                suite.get(),
                identifier,
                metadata.node,
                metadata.retry_count,
                &metadata.version,
                metadata.received_at,
                &metadata.body,
            ],
        )
        .await
        // Deleted while the statement runs; possible with concurrent writers only.
        .map_err(|error| error.or_gone("the plan"))?;
    Ok(written > 0)
}
