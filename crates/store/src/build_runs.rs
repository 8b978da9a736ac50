//! The runs of one build: those that the nodes of a plan upload to, and what else is connected with
//! them by plans. A job that is rerun later may have a run key of its own, with only its results.

use std::collections::BTreeSet;

use crate::error::StoreError;
use crate::records::{RunId, SuiteId};
use crate::sql::{Session, Value, values};

type Result<T> = std::result::Result<T, StoreError>;

/// Steps from runs to plans and back. Further runs belong to another build that reuses a key.
const MAX_STEPS: usize = 8;

/// The runs of a build that exist.
pub(crate) struct BuildRuns {
    pub(crate) ids: Vec<RunId>,
    /// Of the plans that connect them.
    pub(crate) identifiers: BTreeSet<String>,
    /// Every plan has a summary, and none of them is incomplete.
    pub(crate) is_complete: bool,
}

/// The runs of the build to which the runs with these keys belong.
pub(crate) async fn of_keys(
    session: &mut Session,
    suite: SuiteId,
    keys: impl IntoIterator<Item = String>,
) -> Result<BuildRuns> {
    let mut keys: BTreeSet<String> = keys.into_iter().collect();
    let mut new_keys = keys.clone();
    let mut identifiers = BTreeSet::new();
    let mut is_complete = true;
    for _ in 0..MAX_STEPS {
        let mut new_identifiers = BTreeSet::new();
        let plans = session
            .look_up(
                "SELECT accountings.identifier, verdict FROM accounting_runs JOIN accountings \
                 ON accountings.suite_id = accounting_runs.suite_id \
                 AND accountings.identifier = accounting_runs.identifier \
                 WHERE accounting_runs.suite_id = ? AND accounting_runs.run_key",
                &values![suite.get()],
                new_keys.iter().map(Value::from).collect(),
                "",
            )
            .await?;
        for plan in plans {
            is_complete &= !matches!(plan.integer("verdict")?, 0 | 2);
            let identifier = plan.text("identifier")?;
            if identifiers.insert(identifier.clone()) {
                new_identifiers.insert(identifier);
            }
        }
        let runs = session
            .look_up(
                "SELECT run_key FROM accounting_runs WHERE suite_id = ? AND identifier",
                &values![suite.get()],
                new_identifiers.iter().map(Value::from).collect(),
                "",
            )
            .await?;
        new_keys.clear();
        for run in runs {
            let key = run.text("run_key")?;
            if keys.insert(key.clone()) {
                new_keys.insert(key);
            }
        }
        if new_keys.is_empty() {
            break;
        }
    }
    let rows = session
        .look_up(
            "SELECT id FROM runs WHERE suite_id = ? AND key",
            &values![suite.get()],
            keys.iter().map(Value::from).collect(),
            "",
        )
        .await?;
    let ids = rows.iter().map(|row| row.integer("id").map(RunId::new));
    Ok(BuildRuns {
        ids: ids.collect::<Result<_>>()?,
        identifiers,
        is_complete,
    })
}
