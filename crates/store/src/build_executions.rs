//! Single executions of some tests in a build, and the texts of their failures.
//!
//! Texts are read apart, a few at a time, because they may be long.

use std::collections::{BTreeMap, HashSet, VecDeque};

use test_engine_results::{FailureDetail, Outcome};

use crate::error::StoreError;
use crate::executed::runs_of_build;
use crate::identity::execution_uuid;
use crate::records::{BranchFilter, BuildExecution, OrganizationId, TestId};
use crate::runs::{MAX_REASON, MAX_TEXT_BYTES, expanded};
use crate::segment::StoredExecution;
use crate::sql::{Row, Session, values};
use crate::store::Store;
use crate::tagged_executions::{OfRun, TagsPredicate};

type Result<T> = std::result::Result<T, StoreError>;

/// Which executions of a test [`Store::executions_of_build`] returns.
#[derive(Clone, Copy)]
pub struct ExecutionFilter<'a> {
    /// Of their runs.
    pub branch: Option<&'a BranchFilter>,
    /// A predicate on the outcome.
    pub outcome: &'a (dyn Fn(Outcome) -> bool + Send + Sync),
    /// A predicate on the tags.
    pub tags: &'a TagsPredicate<'a>,
    /// The newest ones of each test.
    pub limit: usize,
}

impl Store {
    /// Executions of these tests in a build, newest first.
    pub async fn executions_of_build(
        &self,
        organization: OrganizationId,
        build_id: &str,
        tests: &[TestId],
        filter: ExecutionFilter<'_>,
    ) -> Result<BTreeMap<TestId, Vec<BuildExecution>>> {
        let wanted: HashSet<i64> = tests.iter().map(|test| test.get()).collect();
        let mut newest: BTreeMap<i64, VecDeque<BuildExecution>> = BTreeMap::new();
        let mut session = self.read().await?;
        for (suite, runs) in runs_of_build(&mut session, organization, build_id).await? {
            for run in runs {
                let of_run = OfRun {
                    suite,
                    run,
                    branch: filter.branch,
                };
                let mut add = |row: &Row, position: u32, execution: &StoredExecution| {
                    if !wanted.contains(&execution.test_id) || !(filter.outcome)(execution.outcome)
                    {
                        return Ok(());
                    }
                    let kept = newest.entry(execution.test_id).or_default();
                    kept.push_front(describe(row, position, execution)?);
                    kept.truncate(filter.limit);
                    Ok(())
                };
                of_run.each(&mut session, filter.tags, &mut add).await?;
            }
        }
        let mut found = BTreeMap::new();
        for (test, executions) in newest {
            let mut executions = Vec::from(executions);
            for execution in &mut executions {
                execution.text_bytes = text_bytes(&mut session, execution).await?;
            }
            found.insert(TestId::new(test), executions);
        }
        Ok(found)
    }

    /// The reason and the texts of a failed execution; nothing for any other.
    pub async fn failure_texts(
        &self,
        execution: &BuildExecution,
    ) -> Result<(Option<String>, Vec<FailureDetail>)> {
        if execution.text_bytes == 0 {
            return Ok((None, Vec::new()));
        }
        let mut session = self.read().await?;
        let row = session
            .optional(
                format!(
                    "SELECT SUBSTR(reason, 1, {MAX_REASON}) AS reason, CASE \
                     WHEN octet_length(expanded) > {MAX_TEXT_BYTES} THEN NULL \
                     ELSE expanded END AS expanded FROM failures \
                     WHERE upload_id = ? AND position = ?"
                ),
                values![execution.upload, i64::from(execution.position)],
            )
            .await?;
        // Deleted by now.
        let Some(row) = row else {
            return Ok((None, Vec::new()));
        };
        let texts = row.text_or_null("expanded")?;
        let details = texts.map_or(Ok(Vec::new()), |text| expanded(&text))?;
        Ok((row.text_or_null("reason")?, details))
    }
}

fn describe(row: &Row, position: u32, execution: &StoredExecution) -> Result<BuildExecution> {
    let upload = row.integer("upload_id")?;
    Ok(BuildExecution {
        uuid: execution_uuid(upload, row.uuid("uuid")?, position),
        outcome: execution.outcome,
        duration: execution.duration,
        created_at: row.time("received_at")?,
        text_bytes: 0,
        upload,
        position,
    })
}

async fn text_bytes(session: &mut Session, execution: &BuildExecution) -> Result<u64> {
    if execution.outcome != Outcome::Failed {
        return Ok(0);
    }
    session
        .count(
            "SELECT COALESCE(SUM(COALESCE(octet_length(reason), 0) \
             + COALESCE(octet_length(expanded), 0)), 0) FROM failures \
             WHERE upload_id = $1 AND position = $2",
            values![execution.upload, i64::from(execution.position)],
        )
        .await
}
