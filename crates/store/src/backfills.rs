//! Records of commit archives: upload forms, uploads, and how reading them ended.
//!
//! The archives themselves are in object storage. Every state change is one statement that names
//! the previous state, so that of several servers exactly one succeeds.

use uuid::Uuid;

use crate::error::StoreError;
use crate::records::{
    Backfill, BackfillOutcome, BackfillState, Listed, Page, PendingBackfill, SuiteId, Timestamp,
};
use crate::selection;
use crate::sql::{Row, Session, values};
use crate::store::Store;

type Result<T> = std::result::Result<T, StoreError>;

const AWAITED: i64 = 0;
const RECEIVING: i64 = 1;
const RECEIVED: i64 = 2;
const INGESTED: i64 = 3;
const REJECTED: i64 = 4;

const SELECT_PENDING: &str = "\
    SELECT backfills.uuid, suites.id AS suite_id, suites.uuid AS suite_uuid, \
    organizations.uuid AS organization_uuid, backfills.claims FROM backfills JOIN suites ON \
    suites.id = backfills.suite_id JOIN organizations ON organizations.id = \
    suites.organization_id";

impl Store {
    /// The secret of this name, shared by all servers of this database. Stores `fresh` if there is
    /// none.
    pub async fn server_secret(
        &self,
        name: &str,
        fresh: [u8; 32],
        now: Timestamp,
    ) -> Result<[u8; 32]> {
        // It nearly always exists, and a starting server should not wait for writers.
        if let Some(kept) = server_secret(&mut self.read().await?, name).await? {
            return Ok(kept);
        }
        let mut session = self.write().await?;
        session
            .execute(
                "INSERT INTO server_secrets (name, value, created_at) VALUES ($1, $2, $3) \
                 ON CONFLICT (name) DO NOTHING",
                values![name, &fresh, now],
            )
            .await?;
        let kept = server_secret(&mut session, name).await?;
        session.commit().await?;
        kept.ok_or(StoreError::Gone("the secret"))
    }

    /// Records that an upload form was issued.
    pub async fn create_backfill(
        &self,
        suite: SuiteId,
        uuid: Uuid,
        created_at: Timestamp,
        expires_at: Timestamp,
    ) -> Result<()> {
        let mut session = self.write().await?;
        session
            .execute(
                "INSERT INTO backfills (suite_id, uuid, state, created_at, expires_at) \
                 VALUES ($1, $2, $3, $4, $5)",
                values![suite.get(), uuid, AWAITED, created_at, expires_at],
            )
            .await
            .map_err(|error| error.or_gone("the suite"))?;
        session.commit().await
    }

    /// Reserves the form for one upload. False if it is unknown, used or in use.
    pub async fn begin_backfill(&self, suite: SuiteId, uuid: Uuid) -> Result<bool> {
        let mut session = self.write().await?;
        let taken = session
            .execute(
                "UPDATE backfills SET state = $3 WHERE uuid = $1 AND suite_id = $2 AND state = $4",
                values![uuid, suite.get(), RECEIVING, AWAITED],
            )
            .await?;
        session.commit().await?;
        Ok(taken > 0)
    }

    /// Releases the form after an incomplete upload.
    pub async fn release_backfill(&self, uuid: Uuid) -> Result<()> {
        let mut session = self.write().await?;
        session
            .execute(
                "UPDATE backfills SET state = $2 WHERE uuid = $1 AND state = $3",
                values![uuid, AWAITED, RECEIVING],
            )
            .await?;
        session.commit().await
    }

    /// Records that the archive is complete. False if no upload was expected or it is already
    /// recorded.
    pub async fn backfill_received(&self, uuid: Uuid, size: u64, now: Timestamp) -> Result<bool> {
        let mut session = self.write().await?;
        let noted = session
            .execute(
                "UPDATE backfills SET state = $2, size = $3, received_at = $4 \
                 WHERE uuid = $1 AND state IN ($5, $6)",
                values![uuid, RECEIVED, i64_of(size), now, AWAITED, RECEIVING],
            )
            .await?;
        session.commit().await?;
        Ok(noted > 0)
    }

    /// Archives whose forms are issued and unused, oldest first.
    pub async fn awaited_backfills(&self) -> Result<Vec<PendingBackfill>> {
        let mut session = self.read().await?;
        let rows = session
            .rows(
                format!("{SELECT_PENDING} WHERE backfills.state = ? ORDER BY backfills.id"),
                values![AWAITED],
            )
            .await?;
        rows.iter().map(pending).collect()
    }

    /// Claims the oldest unread archive until `until`. A server renews the claim while it reads;
    /// another one may take over an expired claim.
    pub async fn claim_backfill(
        &self,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Option<PendingBackfill>> {
        let mut session = self.write().await?;
        let claimed = session
            .optional(
                "UPDATE backfills SET claimed_until = $2, claims = claims + 1 \
                 WHERE state = $3 AND claimed_until <= $1 AND id = ( \
                 SELECT MIN(id) FROM backfills WHERE state = $3 AND claimed_until <= $1) \
                 RETURNING id",
                values![now, until, RECEIVED],
            )
            .await?;
        let Some(claimed) = claimed else {
            return Ok(None);
        };
        let row = session
            .one(
                format!("{SELECT_PENDING} WHERE backfills.id = ?"),
                values![claimed.integer("id")?],
            )
            .await?;
        session.commit().await?;
        pending(&row).map(Some)
    }

    /// Extends a claim. False if the archive no longer needs to be read.
    pub async fn renew_backfill(&self, uuid: Uuid, until: Timestamp) -> Result<bool> {
        let mut session = self.write().await?;
        let renewed = session
            .execute(
                "UPDATE backfills SET claimed_until = $2 WHERE uuid = $1 AND state = $3",
                values![uuid, until, RECEIVED],
            )
            .await?;
        session.commit().await?;
        Ok(renewed > 0)
    }

    /// Releases an archive that cannot be read at the moment, until `not_before`. Does not count as
    /// a claim.
    pub async fn postpone_backfill(&self, uuid: Uuid, not_before: Timestamp) -> Result<()> {
        let mut session = self.write().await?;
        session
            .execute(
                "UPDATE backfills SET claimed_until = $2, claims = claims - 1 \
                 WHERE uuid = $1 AND state = $3 AND claims > 0",
                values![uuid, not_before, RECEIVED],
            )
            .await?;
        session.commit().await
    }

    /// Has no effect on an archive that is not [`BackfillState::Received`].
    pub async fn finish_backfill(
        &self,
        uuid: Uuid,
        outcome: &BackfillOutcome,
        now: Timestamp,
    ) -> Result<()> {
        let (state, commits, skipped_records, problems) = match outcome {
            BackfillOutcome::Ingested {
                commits,
                skipped_records,
                problems,
            } => (INGESTED, *commits, *skipped_records, problems.as_slice()),
            BackfillOutcome::Rejected { reason } => (REJECTED, 0, 0, std::slice::from_ref(reason)),
        };
        let problems = serde_json::Value::from(problems).to_string();
        let mut session = self.write().await?;
        session
            .execute(
                "UPDATE backfills SET state = $2, finished_at = $3, commits = $4, \
                 passed_over = $5, problems = $6 WHERE uuid = $1 AND state = $7",
                values![
                    uuid,
                    state,
                    now,
                    i64_of(commits),
                    i64_of(skipped_records),
                    problems,
                    RECEIVED
                ],
            )
            .await?;
        if state == INGESTED {
            selection::archive_read(&mut session, uuid).await?;
        }
        session.commit().await
    }

    /// The archives of a suite, newest first, without unused forms.
    pub async fn backfills(&self, suite: SuiteId, page: Page) -> Result<Listed<Backfill>> {
        let mut session = self.read().await?;
        let total = session
            .count(
                "SELECT COUNT(*) FROM backfills WHERE suite_id = $1 AND state <> $2",
                values![suite.get(), AWAITED],
            )
            .await?;
        let rows = session
            .rows(
                "SELECT uuid, state, created_at, received_at, finished_at, size, commits, \
                 passed_over, problems FROM backfills WHERE suite_id = $1 AND state <> $2 \
                 ORDER BY id DESC LIMIT $3 OFFSET $4",
                values![suite.get(), AWAITED, page.limit(), page.offset()],
            )
            .await?;
        Ok(Listed {
            items: rows.iter().map(backfill).collect::<Result<_>>()?,
            total,
        })
    }

    /// Forms that expired before `before` without a complete upload.
    pub async fn unused_backfills(&self, before: Timestamp) -> Result<Vec<PendingBackfill>> {
        let mut session = self.read().await?;
        let rows = session
            .rows(
                format!(
                    "{SELECT_PENDING} WHERE backfills.state IN (?, ?) AND \
                     backfills.expires_at < ? ORDER BY backfills.id"
                ),
                values![AWAITED, RECEIVING, before],
            )
            .await?;
        rows.iter().map(pending).collect()
    }

    /// Deletes a form unless its archive has been uploaded after all.
    pub async fn delete_unused_backfill(&self, uuid: Uuid) -> Result<bool> {
        let mut session = self.write().await?;
        let deleted = session
            .execute(
                "DELETE FROM backfills WHERE uuid = $1 AND state IN ($2, $3)",
                values![uuid, AWAITED, RECEIVING],
            )
            .await?;
        session.commit().await?;
        Ok(deleted > 0)
    }
}

async fn server_secret(session: &mut Session, name: &str) -> Result<Option<[u8; 32]>> {
    let row = session
        .optional(
            "SELECT value FROM server_secrets WHERE name = $1",
            values![name],
        )
        .await?;
    row.map(|row| row.hash("value")).transpose()
}

fn i64_of(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn pending(row: &Row) -> Result<PendingBackfill> {
    Ok(PendingBackfill {
        uuid: row.uuid("uuid")?,
        suite: SuiteId::new(row.integer("suite_id")?),
        suite_uuid: row.uuid("suite_uuid")?,
        organization_uuid: row.uuid("organization_uuid")?,
        claims: row.count("claims")?,
    })
}

fn backfill(row: &Row) -> Result<Backfill> {
    Ok(Backfill {
        uuid: row.uuid("uuid")?,
        state: match row.integer("state")? {
            AWAITED => BackfillState::Awaited,
            RECEIVING => BackfillState::Receiving,
            RECEIVED => BackfillState::Received,
            INGESTED => BackfillState::Ingested,
            REJECTED => BackfillState::Rejected,
            _ => {
                return Err(StoreError::Damaged {
                    what: "backfill state",
                });
            }
        },
        created_at: row.time("created_at")?,
        received_at: row.time_or_null("received_at")?,
        finished_at: row.time_or_null("finished_at")?,
        size: row.count_or_null("size")?,
        commits: row.count("commits")?,
        skipped_records: row.count("passed_over")?,
        problems: row.json("problems", "list of problems")?,
    })
}
