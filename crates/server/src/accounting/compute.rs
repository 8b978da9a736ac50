//! Computes the verdict on a plan from what is stored.

use std::collections::BTreeSet;
use std::sync::Arc;

use test_engine_accounting::{Accounting, VanishedTest, Verdict};
use test_engine_store::{NewTestCounts, PlanOrigin, Suite, Timestamp, Vanished};

use super::plan_and_reports::{Earlier, PlanAndReports};
use super::{Accountant, AccountingError};
use crate::selection::Scored;

/// The verdict on a plan, and what it means for later plans.
pub(super) struct Computed {
    pub(super) accounting: Accounting,
    /// Of a complete plan.
    pub(super) counts: Option<NewTestCounts>,
}

impl Accountant {
    /// The verdict on one plan, which names what a selection left out; `None` without a plan and
    /// reports.
    pub(crate) async fn of_plan(
        &self,
        suite: &Suite,
        identifier: &str,
        now: Timestamp,
    ) -> Result<Option<Accounting>, AccountingError> {
        let computed = self.compute(suite, identifier, true, now).await?;
        Ok(computed.map(|computed| computed.accounting))
    }

    /// The verdicts on all plans of a build.
    pub(crate) async fn of_build(
        &self,
        suite: &Suite,
        build_id: &str,
        now: Timestamp,
    ) -> Result<Vec<Accounting>, AccountingError> {
        let identifiers = self.store.identifiers_of_build(suite.id, build_id).await?;
        let mut accountings = Vec::with_capacity(identifiers.len());
        for identifier in identifiers {
            accountings.extend(self.of_plan(suite, &identifier, now).await?);
        }
        Ok(accountings)
    }

    /// `names_left_out`: the accounting is shown, not only counted.
    pub(super) async fn compute(
        &self,
        suite: &Suite,
        identifier: &str,
        names_left_out: bool,
        now: Timestamp,
    ) -> Result<Option<Computed>, AccountingError> {
        // Held across queries on purpose: it bounds the memory of concurrent requests.
        let _only_one = self.computing.lock().await;
        let stored = self.store.plan(suite.id, identifier, now).await?;
        let bodies = self.store.job_reports(suite.id, identifier).await?;
        if stored.is_none() && bodies.is_empty() {
            return Ok(None);
        }
        let decode = move || PlanAndReports::decode(stored, bodies);
        let known = Arc::new(tokio::task::spawn_blocking(decode).await??);
        let left_out = if names_left_out {
            self.left_out(suite, identifier, &known).await?
        } else {
            Vec::new()
        };
        let left_out = Arc::new(left_out);
        let mut earlier = Arc::new(Earlier {
            targets_with_history: self.targets_with_history(suite, &known).await?,
            ..Earlier::default()
        });
        let mut accounting = account(&known, identifier, &earlier, &left_out).await?;
        // Until all results are there, missing ones mean nothing.
        if accounting.has_all_reports() {
            let (vanished, unchanged_targets) = self.compare(suite, identifier, &known).await?;
            if !vanished.is_empty() || !unchanged_targets.is_empty() {
                drop(accounting);
                earlier = Arc::new(Earlier {
                    targets_with_history: earlier.targets_with_history.clone(),
                    vanished,
                    unchanged_targets,
                });
                accounting = account(&known, identifier, &earlier, &left_out).await?;
            }
        }
        let counts = if accounting.verdict == Verdict::Complete {
            let count = move || known.test_counts(&earlier);
            Some(tokio::task::spawn_blocking(count).await?)
        } else {
            None
        };
        Ok(Some(Computed { accounting, counts }))
    }

    /// Those targets without results that had results in an earlier run.
    async fn targets_with_history(
        &self,
        suite: &Suite,
        known: &PlanAndReports,
    ) -> Result<BTreeSet<String>, AccountingError> {
        let by_name = known.targets_without_results();
        if by_name.is_empty() {
            return Ok(BTreeSet::new());
        }
        let names: Vec<String> = by_name.keys().cloned().collect();
        let found = self.store.known_selectors(suite.id, &names).await?;
        let targets = found.iter().filter_map(|name| by_name.get(name));
        Ok(targets.map(|target| (*target).to_owned()).collect())
    }

    /// The tests that vanished, and which targets with fewer tests have an unchanged file.
    async fn compare(
        &self,
        suite: &Suite,
        identifier: &str,
        known: &PlanAndReports,
    ) -> Result<(Vec<VanishedTest>, BTreeSet<String>), AccountingError> {
        let keys = known.run_keys();
        let mut found = self.store.vanished_tests(suite, &keys).await?;
        let tests = std::mem::take(&mut found.tests);
        let vanished = if tests.is_empty() {
            Vec::new()
        } else {
            // Examples that were left out have not vanished.
            let left_out = self.left_out(suite, identifier, known).await?;
            known.in_targets(tests, &left_out)
        };
        let files = self.files_changed(suite, known.origin(), &found).await?;
        let unchanged = files.map(|files| known.unchanged_targets(&vanished, &files));
        Ok((vanished, unchanged.unwrap_or_default()))
    }

    /// The items that a selection left out of the plan. Those of large plans are large.
    async fn left_out(
        &self,
        suite: &Suite,
        identifier: &str,
        known: &PlanAndReports,
    ) -> Result<Vec<Scored>, AccountingError> {
        if !known.has_plan() {
            return Ok(Vec::new());
        }
        Ok(self.selections.left_out(suite, identifier).await?)
    }

    /// The files that changed since the newest earlier run, one per line. Known only if that run is
    /// on the same branch, and of the same commit or of the one that a known diff starts from:
    /// other branches may run other tests, and other commits have other ones.
    async fn files_changed(
        &self,
        suite: &Suite,
        origin: &PlanOrigin,
        found: &Vanished,
    ) -> Result<Option<String>, AccountingError> {
        let (Some(run), Some(newest)) = (&found.run, &found.newest) else {
            return Ok(None);
        };
        let (Some(sha), Some(before)) = (&run.commit_sha, &newest.commit_sha) else {
            return Ok(None);
        };
        if run.branch != newest.branch || before.is_empty() {
            return Ok(None);
        }
        let is_before = |sha: &String| sha.eq_ignore_ascii_case(before);
        if is_before(sha) {
            return Ok(Some(String::new()));
        }
        if origin.diff_base.as_ref().is_some_and(is_before) {
            return Ok(origin.files_changed.clone());
        }
        // A commit on the default branch is compared with its first parent. Where another commit
        // left that branch is not stored.
        if run.branch != suite.default_branch {
            return Ok(None);
        }
        let commit = self.store.commit(suite.id, &sha.to_lowercase()).await?;
        let commit = commit.filter(|commit| commit.parents.first().is_some_and(is_before));
        Ok(commit.map(|commit| commit.files_changed))
    }
}

async fn account(
    known: &Arc<PlanAndReports>,
    identifier: &str,
    earlier: &Arc<Earlier>,
    left_out: &Arc<Vec<Scored>>,
) -> Result<Accounting, AccountingError> {
    let (known, earlier) = (Arc::clone(known), Arc::clone(earlier));
    let (identifier, left_out) = (identifier.to_owned(), Arc::clone(left_out));
    let account = move || known.account(&identifier, &earlier, &left_out);
    Ok(tokio::task::spawn_blocking(account).await?)
}
