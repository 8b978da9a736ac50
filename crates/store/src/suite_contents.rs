//! What a suite contains, for imports: which uploads it has, and how much of everything.

use std::collections::BTreeMap;

use crate::error::StoreError;
use crate::records::{SuiteContents, SuiteCounts, SuiteId};
use crate::sql::{Value, values};
use crate::store::Store;

type Result<T> = std::result::Result<T, StoreError>;

impl Store {
    /// Counts the stored uploads of a suite. Reads all of their rows.
    pub async fn suite_contents(&self, suite: SuiteId) -> Result<SuiteContents> {
        let mut session = self.read().await?;
        let row = session
            .one(
                "SELECT COUNT(*) AS uploads, COUNT(DISTINCT run_id) AS runs, \
                 CAST(COALESCE(SUM(kept), 0) AS BIGINT) AS executions, \
                 MAX(received_at) AS newest FROM uploads WHERE suite_id = $1",
                values![suite.get()],
            )
            .await?;
        Ok(SuiteContents {
            runs: row.count("runs")?,
            uploads: row.count("uploads")?,
            executions: row.count("executions")?,
            newest_upload: row.time_or_null("newest")?,
        })
    }

    /// The numbers beside the tabs of a suite's pages, from indexes.
    pub async fn suite_counts(&self, suite: SuiteId) -> Result<SuiteCounts> {
        let counts = self.counts_of_suites(&[suite]).await?;
        Ok(counts.get(&suite).copied().unwrap_or_default())
    }

    /// The same for several suites. Those that do not exist are left out.
    pub async fn counts_of_suites(
        &self,
        suites: &[SuiteId],
    ) -> Result<BTreeMap<SuiteId, SuiteCounts>> {
        let mut session = self.read().await?;
        let rows = session
            .look_up(
                "SELECT suites.id, (SELECT COUNT(*) FROM runs WHERE suite_id = suites.id) AS runs, \
                 (SELECT COUNT(*) FROM tests WHERE suite_id = suites.id) AS tests, \
                 (SELECT COUNT(*) FROM test_health WHERE suite_id = suites.id AND level = 2 \
                 AND level > 0) AS flaky, (SELECT COUNT(*) FROM tests \
                 WHERE suite_id = suites.id AND state <> 0) AS quarantined FROM suites \
                 WHERE suites.id",
                &[],
                suites
                    .iter()
                    .map(|suite| Value::from(suite.get()))
                    .collect(),
                "",
            )
            .await?;
        let counts = rows.iter().map(|row| {
            let counts = SuiteCounts {
                runs: row.count("runs")?,
                tests: row.count("tests")?,
                flaky: row.count("flaky")?,
                quarantined: row.count("quarantined")?,
            };
            Ok((SuiteId::new(row.integer("id")?), counts))
        });
        counts.collect()
    }

    /// Whether a run of the suite has an upload with this digest: sent again, it adds nothing.
    pub async fn has_upload(
        &self,
        suite: SuiteId,
        run_key: &str,
        digest: &[u8; 32],
    ) -> Result<bool> {
        let mut session = self.read().await?;
        let row = session
            .optional(
                "SELECT uploads.id FROM uploads JOIN runs ON runs.id = uploads.run_id \
                 WHERE runs.suite_id = $1 AND runs.key = $2 AND uploads.digest = $3",
                values![suite.get(), run_key, digest],
            )
            .await?;
        Ok(row.is_some())
    }
}
