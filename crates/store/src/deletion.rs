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
const PARTS: [Part; 17] = [
    Part {
        text: "DELETE FROM selection_decisions WHERE id IN \
               (SELECT id FROM selection_decisions WHERE suite_id = $1 ORDER BY id LIMIT $2)",
        rows_of: heavy,
    },
    Part {
        text: "DELETE FROM selection_holdouts WHERE id IN \
               (SELECT id FROM selection_holdouts WHERE suite_id = $1 ORDER BY id LIMIT $2)",
        rows_of: light,
    },
    Part {
        text: "DELETE FROM selection_counts WHERE suite_id = $1 AND (kind, path) IN \
               (SELECT kind, path FROM selection_counts WHERE suite_id = $1 \
               ORDER BY kind, path LIMIT $2)",
        rows_of: light,
    },
    Part {
        text: "DELETE FROM selection_renames WHERE suite_id = $1 AND hash IN \
               (SELECT hash FROM selection_renames WHERE suite_id = $1 ORDER BY hash LIMIT $2)",
        rows_of: light,
    },
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
        text: "DELETE FROM events WHERE id IN \
               (SELECT id FROM events WHERE suite_id = $1 ORDER BY id LIMIT $2)",
        rows_of: heavy,
    },
    Part {
        text: "DELETE FROM webhooks WHERE id IN \
               (SELECT id FROM webhooks WHERE suite_id = $1 ORDER BY id LIMIT $2)",
        rows_of: light,
    },
    Part {
        text: "DELETE FROM open_breaks WHERE suite_id = $1 AND test_id IN \
               (SELECT test_id FROM open_breaks WHERE suite_id = $1 ORDER BY test_id LIMIT $2)",
        rows_of: light,
    },
    Part {
        text: "DELETE FROM changed_tests WHERE id IN \
               (SELECT id FROM changed_tests WHERE suite_id = $1 ORDER BY id LIMIT $2)",
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
        text: "DELETE FROM tested_commits WHERE suite_id = $1 AND number IN \
               (SELECT number FROM tested_commits WHERE suite_id = $1 ORDER BY number LIMIT $2)",
        rows_of: light,
    },
    Part {
        text: "DELETE FROM branches WHERE id IN \
               (SELECT id FROM branches WHERE suite_id = $1 LIMIT $2)",
        rows_of: light,
    },
];

/// A table whose rows have no id: a range of its key is deleted.
struct Range {
    table: &'static str,
    /// After the suite in the key.
    first: &'static str,
    second: &'static str,
    rows_of: fn(u32) -> i64,
}

const RANGES: [Range; 4] = [
    Range {
        table: "day_blocks",
        first: "day",
        second: "block",
        rows_of: heavy,
    },
    Range {
        table: "guarded_blocks",
        first: "day",
        second: "block",
        rows_of: heavy,
    },
    Range {
        table: "commit_groups",
        first: "commit_number",
        second: "test_id",
        rows_of: light,
    },
    Range {
        table: "failure_groups",
        first: "fingerprint",
        second: "run_id",
        rows_of: light,
    },
];

fn light(rows: u32) -> i64 {
    i64::from(rows.max(1))
}

/// For rows with large values or many dependent rows: uploads with segments and failures, plans,
/// events with deliveries, blocks of daily sums.
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
    for range in &RANGES {
        if range.delete_some(session, suite, rows).await? {
            return Ok(true);
        }
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

impl Range {
    /// Deletes the first rows of a suite in the order of the key; false if there are none.
    async fn delete_some(&self, session: &mut Session, suite: i64, rows: u32) -> Result<bool> {
        let Self {
            table,
            first,
            second,
            rows_of,
        } = *self;
        let end = session
            .optional(
                format!(
                    "SELECT {first} AS first, {second} AS second FROM {table} WHERE suite_id = ? \
                     ORDER BY {first}, {second} LIMIT 1 OFFSET ?"
                ),
                values![suite, rows_of(rows)],
            )
            .await?;
        let deleted = if let Some(end) = end {
            let text =
                format!("DELETE FROM {table} WHERE suite_id = ? AND ({first}, {second}) <= (?, ?)");
            let bound = values![suite, end.integer("first")?, end.integer("second")?];
            session.execute(text, bound).await?
        } else {
            let text = format!("DELETE FROM {table} WHERE suite_id = ?");
            session.execute(text, values![suite]).await?
        };
        Ok(deleted > 0)
    }
}
