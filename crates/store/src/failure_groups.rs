//! The failures of a run by fingerprint, and the other runs with the same ones.

use std::collections::{BTreeMap, BTreeSet};

use test_engine_insights::Fingerprint;

use crate::error::StoreError;
use crate::identity::{fingerprint, fingerprint_code};
use crate::records::{FailureGroup, Listed, Page, Run, SuiteId, Test};
use crate::runs::{SELECT_RUN, run};
use crate::sql::{Session, Value, values};
use crate::store::Store;
use crate::test_rows::by_ids;

type Result<T> = std::result::Result<T, StoreError>;

/// Characters of a reason.
const MAX_REASON: i64 = 300;
/// Tests that are listed with a group.
const MAX_TESTS: usize = 100;

impl Store {
    /// The failures of a run by fingerprint: those of most tests first, failures without a
    /// fingerprint last.
    pub async fn failure_groups(&self, run: &Run, page: Page) -> Result<Listed<FailureGroup>> {
        let mut session = self.read().await?;
        let mut found: Vec<Collected> = collect(&mut session, run).await?;
        found.sort_by_key(|one| {
            let tests = std::cmp::Reverse(one.tests.len());
            (one.fingerprint.is_none(), tests, one.first)
        });
        let total = found.len() as u64;
        let start = usize::try_from(page.offset()).unwrap_or(usize::MAX);
        let found: Vec<Collected> = found
            .into_iter()
            .skip(start)
            .take(page.size as usize)
            .collect();
        let others = other_runs(&mut session, run, &found).await?;
        let tests = tests_of(&mut session, &found).await?;
        let items = found.into_iter().map(|one| {
            let others = one.fingerprint.and_then(|code| others.get(&code));
            let first = one.tests.iter().take(MAX_TESTS);
            FailureGroup {
                fingerprint: one.fingerprint.map(fingerprint),
                reason: one.reason,
                frame: one.frame,
                executions: one.executions,
                tests_count: one.tests.len() as u64,
                tests: first.filter_map(|id| tests.get(id).cloned()).collect(),
                other_runs: others.map_or(0, |others| others.runs),
                last_seen_elsewhere: others.map(|others| others.last_at),
            }
        });
        Ok(Listed {
            items: items.collect(),
            total,
        })
    }

    /// The runs of a suite with a failure that has this fingerprint, newest first.
    pub async fn runs_with_fingerprint(
        &self,
        suite: SuiteId,
        fingerprint: Fingerprint,
        page: Page,
    ) -> Result<Listed<Run>> {
        let code = fingerprint_code(fingerprint);
        let mut session = self.read().await?;
        let total = session
            .count(
                "SELECT COUNT(*) FROM failure_groups WHERE suite_id = $1 AND fingerprint = $2",
                values![suite.get(), code],
            )
            .await?;
        let text = format!(
            "{SELECT_RUN} JOIN failure_groups ON failure_groups.run_id = runs.id \
             WHERE failure_groups.suite_id = ? AND failure_groups.fingerprint = ? \
             ORDER BY failure_groups.run_id DESC LIMIT ? OFFSET ?"
        );
        let bound = values![suite.get(), code, page.limit(), page.offset()];
        let rows = session.rows(text, bound).await?;
        Ok(Listed {
            items: rows.iter().map(run).collect::<Result<_>>()?,
            total,
        })
    }
}

struct Collected {
    fingerprint: Option<i64>,
    /// The place of its first failure among those of the run.
    first: usize,
    reason: Option<String>,
    frame: Option<String>,
    executions: u64,
    tests: BTreeSet<i64>,
}

async fn collect(session: &mut Session, run: &Run) -> Result<Vec<Collected>> {
    let rows = session
        .rows(
            "SELECT fingerprint, frame, test_id, \
             SUBSTR(reason, 1, CAST($2 AS INTEGER)) AS reason FROM failures \
             WHERE run_id = $1 ORDER BY upload_id, position",
            values![run.id.get(), MAX_REASON],
        )
        .await?;
    let mut found: BTreeMap<Option<i64>, Collected> = BTreeMap::new();
    for (place, row) in rows.iter().enumerate() {
        let fingerprint = row.integer_or_null("fingerprint")?;
        let (reason, frame) = (row.text_or_null("reason")?, row.text_or_null("frame")?);
        let one = found.entry(fingerprint).or_insert_with(|| Collected {
            fingerprint,
            first: place,
            reason,
            frame,
            executions: 0,
            tests: BTreeSet::new(),
        });
        one.executions += 1;
        one.tests.insert(row.integer("test_id")?);
    }
    Ok(found.into_values().collect())
}

struct Others {
    runs: u64,
    last_at: crate::records::Timestamp,
}

async fn other_runs(
    session: &mut Session,
    run: &Run,
    found: &[Collected],
) -> Result<BTreeMap<i64, Others>> {
    let codes = found.iter().filter_map(|one| one.fingerprint);
    let rows = session
        .look_up(
            "SELECT fingerprint, COUNT(*) AS runs, MAX(last_at) AS last_at FROM failure_groups \
             WHERE suite_id = ? AND run_id <> ? AND fingerprint",
            &values![run.suite.get(), run.id.get()],
            codes.map(Value::from).collect(),
            "GROUP BY fingerprint",
        )
        .await?;
    let others = rows.iter().map(|row| {
        let others = Others {
            runs: row.count("runs")?,
            last_at: row.time("last_at")?,
        };
        Ok((row.integer("fingerprint")?, others))
    });
    others.collect()
}

async fn tests_of(session: &mut Session, found: &[Collected]) -> Result<BTreeMap<i64, Test>> {
    let ids: BTreeSet<i64> = found
        .iter()
        .flat_map(|one| one.tests.iter().take(MAX_TESTS).copied())
        .collect();
    by_ids(session, ids.into_iter()).await
}
