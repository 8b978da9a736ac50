//! Which tests are muted in the run of an upload, and whether they pass.

use std::collections::BTreeMap;

use foldhash::{HashSet, HashSetExt as _};
use test_engine_results::Outcome;

use super::guard::Guarding;
use crate::error::StoreError;
use crate::quarantines::{Streak, scope_of};
use crate::records::{NewUpload, QuarantineScope, TestedCode};
use crate::run_memory::RunMemory;
use crate::segment::StoredExecution;
use crate::sql::{Session, values};

type Result<T> = std::result::Result<T, StoreError>;

/// The ids of the tests whose failures in this upload do not count.
pub(super) async fn of_upload(session: &mut Session, upload: &NewUpload) -> Result<HashSet<i64>> {
    let rows = session
        .rows(
            "SELECT tests.id, tests.file_name, quarantines.scope FROM tests \
             LEFT JOIN quarantines ON quarantines.test_id = tests.id \
             WHERE tests.suite_id = $1 AND tests.state = 1 AND tests.state <> 0",
            values![upload.suite.get()],
        )
        .await?;
    let mut muted = HashSet::new();
    let mut limited = Vec::new();
    for row in &rows {
        let scope = row.integer_or_null("scope")?.map(scope_of).transpose()?;
        match scope.unwrap_or_default() {
            QuarantineScope::Everywhere => {
                muted.insert(row.integer("id")?);
            }
            scope => limited.push((row, scope)),
        }
    }
    if limited.is_empty() {
        return Ok(muted);
    }
    let code = tested_code(session, upload).await?;
    for (row, scope) in limited {
        let file = row.text_or_null("file_name")?;
        if scope.applies_to(file.as_deref(), &code) {
            muted.insert(row.integer("id")?);
        }
    }
    Ok(muted)
}

/// How the muted tests of an upload ended, without executions of outages.
pub(super) fn streaks(
    kept: &[StoredExecution],
    (run, guarding): (&RunMemory, &Guarding),
) -> BTreeMap<i64, Streak> {
    let mut streaks: BTreeMap<i64, Streak> = BTreeMap::new();
    for execution in kept.iter().filter(|execution| execution.muted) {
        let test = execution.test_id;
        match execution.outcome {
            _ if guarding.covers(run, test) => {}
            Outcome::Passed => streaks.entry(test).or_default().pass(),
            Outcome::Failed => streaks.entry(test).or_default().fail(),
            Outcome::Skipped | Outcome::Unknown => {}
        }
    }
    streaks
}

/// The run's branch, and what its commit changes if the commit is known.
async fn tested_code(session: &mut Session, upload: &NewUpload) -> Result<TestedCode> {
    let suite = session
        .one(
            "SELECT default_branch FROM suites WHERE id = $1",
            values![upload.suite.get()],
        )
        .await?;
    let sha = upload.run.commit_sha.as_deref().unwrap_or_default();
    let commit = session
        .optional(
            "SELECT files_changed FROM commits WHERE suite_id = $1 AND sha = $2",
            values![upload.suite.get(), sha.to_lowercase()],
        )
        .await?;
    let files = commit.map(|row| row.text("files_changed")).transpose()?;
    let branch = upload.run.branch.as_deref();
    let default = suite.text("default_branch")?;
    Ok(TestedCode::new(branch, &default, files.as_deref()))
}
