//! Rows of runs, as several pages list them.

use test_engine_store::{Run, Suite, Timestamp};

use super::accounting_in_lists::{self, RunAccounting};
use super::format;
use super::page::PageError;
use super::status::{Mark, is_recovered, what_failed};
use crate::App;
use crate::clock::rfc3339;
use crate::links::Links;

/// Characters of a title.
const MAX_TITLE: usize = 200;

pub(super) struct RunRow {
    pub(super) id: String,
    pub(super) address: String,
    pub(super) mark: Mark,
    pub(super) title: String,
    pub(super) branch: String,
    pub(super) branch_address: String,
    pub(super) commit: String,
    pub(super) accounting: Option<RunAccounting>,
    pub(super) executions: String,
    /// Empty if nothing failed.
    pub(super) failed: String,
    pub(super) duration: String,
    pub(super) time: String,
    pub(super) ago: String,
}

pub(super) async fn rows(
    app: &App,
    suite: &Suite,
    runs: &[Run],
    now: Timestamp,
) -> Result<Vec<RunRow>, PageError> {
    let mut accountings = accounting_in_lists::of_runs(app, suite, runs).await;
    let marks = marks(app, runs).await?;
    let base = Links::suite_path(suite);
    let rows = runs.iter().zip(marks).map(|(run, mark)| RunRow {
        accounting: accountings.remove(&run.key),
        ..RunRow::new(run, mark, &base, now)
    });
    Ok(rows.collect())
}

/// The marks of runs. Errors outside of tests matter only where every failed test passed on retry.
pub(super) async fn marks(app: &App, runs: &[Run]) -> Result<Vec<Mark>, PageError> {
    let doubtful: Vec<_> = runs.iter().filter(|run| is_recovered(run)).collect();
    let ids: Vec<_> = doubtful.iter().map(|run| run.id).collect();
    let with_errors = app.store.runs_with_errors_outside_tests(&ids).await?;
    let mark = |run: &Run| Mark::of_run(run, with_errors.contains(&run.id));
    Ok(runs.iter().map(mark).collect())
}

impl RunRow {
    /// Without its accounting; `base` is the address of its suite.
    pub(super) fn new(run: &Run, mark: Mark, base: &str, now: Timestamp) -> Self {
        let branch = run.branch.clone().unwrap_or_default();
        let query = serde_urlencoded::to_string([("branch", &branch)]).unwrap_or_default();
        Self {
            id: run.uuid.to_string(),
            address: format!("{base}/runs/{}", run.uuid),
            mark,
            title: title(run),
            branch_address: format!("{base}/runs?{query}"),
            branch,
            commit: format::commit(run.commit_sha.as_deref()),
            accounting: None,
            executions: format::count(run.counts.executions()),
            failed: what_failed(run),
            duration: format::duration(run.duration),
            time: rfc3339(run.created_at),
            ago: format::ago(run.created_at, now),
        }
    }
}

/// What a run is called: its number, or its key.
pub(super) fn number(run: &Run) -> String {
    let number = run.number.as_ref().map_or_else(
        || format!("Run {}", run.key),
        |number| format!("Run #{number}"),
    );
    format::shortened(&number, MAX_TITLE)
}

/// The number of a run and the first line of its message.
pub(super) fn title(run: &Run) -> String {
    let message = format::first_line(run.message.as_deref());
    let number = run.number.as_ref().map(|number| format!("#{number}"));
    let title = match (number, message.is_empty()) {
        (Some(number), false) => format!("{number} {message}"),
        (Some(number), true) => number,
        (None, false) => message,
        (None, true) => run.key.clone(),
    };
    format::shortened(&title, MAX_TITLE)
}
