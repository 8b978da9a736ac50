//! Deletes suites: hides them immediately, then deletes their rows in small transactions, so that
//! uploads to other suites do not wait for long.

use crate::audit::{self, Event, Place};
use crate::error::StoreError;
use crate::records::{Change, SuiteId};
use crate::sql::{Session, values};
use crate::store::Store;
use crate::{suites, tokens};

type Result<T> = std::result::Result<T, StoreError>;

/// Deletes up to `$2` rows of a suite, and with them the rows that refer to them.
struct Part {
    text: &'static str,
    /// The number of rows of this table that cost as much as `rows` small ones.
    rows_of: fn(u32) -> i64,
}

/// The tables of a suite, ordered so that no deletion cascades far.
const PARTS: [Part; 8] = [
    Part {
        text: "DELETE FROM commits WHERE id IN \
               (SELECT id FROM commits WHERE suite_id = $1 ORDER BY id LIMIT $2)",
        rows_of: light,
    },
    Part {
        text: "DELETE FROM uploads WHERE id IN \
               (SELECT id FROM uploads WHERE suite_id = $1 ORDER BY id LIMIT $2)",
        rows_of: heavy,
    },
    Part {
        text: "DELETE FROM runs WHERE id IN \
               (SELECT id FROM runs WHERE suite_id = $1 ORDER BY id LIMIT $2)",
        rows_of: light,
    },
    Part {
        text: "DELETE FROM accountings WHERE suite_id = $1 AND identifier IN \
               (SELECT identifier FROM accountings WHERE suite_id = $1 \
               ORDER BY identifier LIMIT $2)",
        rows_of: heavy,
    },
    Part {
        text: "DELETE FROM plans WHERE suite_id = $1 AND identifier IN \
               (SELECT identifier FROM plans WHERE suite_id = $1 ORDER BY identifier LIMIT $2)",
        rows_of: heavy,
    },
    Part {
        text: "DELETE FROM tests WHERE id IN \
               (SELECT id FROM tests WHERE suite_id = $1 LIMIT $2)",
        rows_of: light,
    },
    Part {
        text: "DELETE FROM selectors WHERE id IN \
               (SELECT id FROM selectors WHERE suite_id = $1 LIMIT $2)",
        rows_of: light,
    },
    Part {
        text: "DELETE FROM branches WHERE id IN \
               (SELECT id FROM branches WHERE suite_id = $1 LIMIT $2)",
        rows_of: light,
    },
];

fn light(rows: u32) -> i64 {
    i64::from(rows.max(1))
}

/// For rows with large values or many dependent rows: uploads with segments and failures, plans,
/// blocks of daily sums.
fn heavy(rows: u32) -> i64 {
    i64::from((rows / 50).max(1))
}

impl Store {
    /// Hides a suite; false if there is none. Deletes its tokens, frees its slug, and makes uploads
    /// to it fail. [`Self::purge_deleted_suites`] deletes the rest.
    pub async fn delete_suite(&self, id: SuiteId, change: &Change) -> Result<bool> {
        let mut session = self.write().await?;
        let Some(suite) = suites::lock(&mut session, id).await? else {
            return Ok(false);
        };
        // No slug contains a space, so this one is never taken.
        session
            .execute(
                "UPDATE suites SET deleted = TRUE, slug = 'deleted ' || CAST(id AS TEXT) \
                 WHERE id = $1",
                values![id.get()],
            )
            .await?;
        let place = Place::of(&suite);
        tokens::delete_of_suite(&mut session, id, &place, change).await?;
        let event = Event {
            before: Some(suites::settings(&suite).into()),
            ..suites::event("suite.deleted", &suite)
        };
        audit::record(&mut session, &place, change, event).await?;
        session.commit().await?;
        self.caches().forget(id);
        Ok(true)
    }

    /// Deletes about `rows` rows of deleted suites. True while there are more.
    pub async fn purge_deleted_suites(&self, rows: u32) -> Result<bool> {
        let mut session = self.write().await?;
        let suite = session
            .optional("SELECT MIN(id) AS id FROM suites WHERE deleted", [])
            .await?;
        let Some(suite) = suite
            .map(|row| row.integer_or_null("id"))
            .transpose()?
            .flatten()
        else {
            return Ok(false);
        };
        let found = delete_some(&mut session, suite, rows).await?;
        if !found {
            session
                .execute("DELETE FROM suites WHERE id = $1", values![suite])
                .await?;
        }
        session.commit().await?;
        Ok(true)
    }
}

/// Deletes some rows of the first table that has any; false if none has.
async fn delete_some(session: &mut Session, suite: i64, rows: u32) -> Result<bool> {
    if delete_some_days(session, suite, heavy(rows)).await? {
        return Ok(true);
    }
    for part in &PARTS {
        let deleted = session
            .execute(part.text, values![suite, (part.rows_of)(rows)])
            .await?;
        if deleted > 0 {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Daily sums have no id: delete a range of their key.
async fn delete_some_days(session: &mut Session, suite: i64, rows: i64) -> Result<bool> {
    let end = session
        .optional(
            "SELECT day, block FROM day_blocks WHERE suite_id = $1 \
             ORDER BY day, block LIMIT 1 OFFSET $2",
            values![suite, rows],
        )
        .await?;
    let deleted = match end {
        Some(end) => {
            session
                .execute(
                    "DELETE FROM day_blocks WHERE suite_id = $1 AND (day, block) <= ($2, $3)",
                    values![suite, end.integer("day")?, end.integer("block")?],
                )
                .await?
        }
        None => {
            session
                .execute("DELETE FROM day_blocks WHERE suite_id = $1", values![suite])
                .await?
        }
    };
    Ok(deleted > 0)
}
