//! "Did every test run?" in short, in lists of runs.

use std::collections::HashMap;

use test_engine_store::{AccountingSummary, AccountingVerdict, Run, Suite, Timestamp};

use super::format;
use crate::App;
use crate::accounting::is_recent;
use crate::error_chain::ErrorChain;

/// The accountings of the plans that a run executed, as one entry in a list.
pub(super) struct RunAccounting {
    /// Of the text: `failed`, or `muted-text`.
    pub(super) class: &'static str,
    pub(super) text: String,
    /// A sentence.
    pub(super) title: String,
}

/// By the keys of the runs. Runs whose plans name no targets are left out; all are if the summaries
/// cannot be read, because a list of runs is useful without them.
pub(super) async fn of_runs(
    app: &App,
    suite: &Suite,
    runs: &[Run],
) -> HashMap<String, RunAccounting> {
    let keys: Vec<&str> = runs.iter().map(|run| run.key.as_str()).collect();
    let summaries = app.store.accountings_of_runs(suite.id, &keys).await;
    let summaries = summaries.unwrap_or_else(|error| {
        tracing::error!(cause = %ErrorChain(&error), "failed to read the accountings of runs");
        Vec::new()
    });
    let now = app.clock.now();
    let by_run = of_each_run(summaries).into_iter();
    by_run
        .map(|(key, summary)| (key, RunAccounting::new(&summary, now)))
        .collect()
}

/// Adds up the plans of each run.
fn of_each_run(summaries: Vec<AccountingSummary>) -> HashMap<String, AccountingSummary> {
    let mut by_run: HashMap<String, AccountingSummary> = HashMap::new();
    for plan in summaries {
        if plan.verdict == AccountingVerdict::Unknown {
            continue;
        }
        match by_run.get_mut(&plan.run_key) {
            Some(all) => add(all, &plan),
            None => {
                by_run.insert(plan.run_key.clone(), plan);
            }
        }
    }
    by_run
}

fn add(all: &mut AccountingSummary, one: &AccountingSummary) {
    if one.verdict == AccountingVerdict::Incomplete {
        all.verdict = one.verdict;
    }
    all.targets += one.targets;
    all.complete_targets += one.complete_targets;
    all.nodes += one.nodes;
    all.pending_nodes += one.pending_nodes;
    all.fallback_nodes += one.fallback_nodes;
    all.updated_at = all.updated_at.max(one.updated_at);
}

impl RunAccounting {
    fn new(summary: &AccountingSummary, now: Timestamp) -> Self {
        let nodes = format::counted(summary.nodes, "node");
        let targets = format!(
            "{} of {}",
            format::count(summary.complete_targets),
            format::count(summary.targets)
        );
        let title = format!("{targets} targets ran to the end on {nodes}");
        let missing = summary.targets.saturating_sub(summary.complete_targets);
        let (class, text) = if summary.verdict == AccountingVerdict::Complete {
            ("muted-text", format!("{targets} targets · {nodes}"))
        } else if summary.pending_nodes > 0 && is_recent(summary.updated_at, now) {
            let ended = summary.nodes.saturating_sub(summary.pending_nodes);
            (
                "muted-text",
                format!("{} of {nodes} ended", format::count(ended)),
            )
        } else if missing > 0 {
            (
                "failed",
                format!("✗ {} missing", format::counted(missing, "target")),
            )
        } else {
            ("failed", "✗ incomplete".to_owned())
        };
        Self { class, text, title }
    }
}

#[cfg(test)]
mod tests {
    use test_engine_store::{AccountingSummary, AccountingVerdict, Timestamp};

    use super::{RunAccounting, of_each_run};

    #[test]
    fn a_list_shows_what_matters() {
        let summary = |complete, complete_targets, pending_nodes| AccountingSummary {
            verdict: if complete {
                AccountingVerdict::Complete
            } else {
                AccountingVerdict::Incomplete
            },
            targets: 1204,
            complete_targets,
            nodes: 4,
            pending_nodes,
            updated_at: Timestamp::from_millis(0),
            ..AccountingSummary::default()
        };
        let minute = Timestamp::from_millis(60_000);
        let day = Timestamp::from_millis(86_400_000);
        for (summary, now, class, text) in [
            (
                summary(true, 1204, 0),
                day,
                "muted-text",
                "1\u{202f}204 of 1\u{202f}204 targets · 4 nodes",
            ),
            (
                summary(false, 1201, 0),
                minute,
                "failed",
                "✗ 3 targets missing",
            ),
            (summary(false, 1204, 0), minute, "failed", "✗ incomplete"),
            (
                summary(false, 300, 3),
                minute,
                "muted-text",
                "1 of 4 nodes ended",
            ),
            // The other nodes are lost.
            (
                summary(false, 1000, 1),
                day,
                "failed",
                "✗ 204 targets missing",
            ),
        ] {
            let short = RunAccounting::new(&summary, now);
            assert_eq!((short.class, short.text.as_str()), (class, text));
        }
    }

    #[test]
    fn plans_without_targets_do_not_count() {
        use AccountingVerdict::{Complete, Incomplete, Unknown};
        let plan = |run_key: &str, verdict, targets| AccountingSummary {
            run_key: run_key.to_owned(),
            verdict,
            targets,
            ..AccountingSummary::default()
        };
        let by_run = of_each_run(vec![
            plan("a", Complete, 3),
            plan("a", Unknown, 0),
            plan("a", Complete, 4),
            plan("b", Unknown, 0),
            plan("c", Incomplete, 1),
            plan("c", Complete, 1),
        ]);
        let of = |key: &str| by_run.get(key).map(|all| (all.verdict, all.targets));
        assert_eq!(of("a"), Some((Complete, 7)));
        assert_eq!(of("b"), None);
        assert_eq!(of("c"), Some((Incomplete, 2)));
    }
}
