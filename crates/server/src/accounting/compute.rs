//! Computes the verdict on a plan from what is stored.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::io::Read as _;

use flate2::read::GzDecoder;
use test_engine_accounting::{Accounting, Input, VanishedTest, account};
use test_engine_store::{PlanOrigin, StoredPlan, Suite, Test, Timestamp};
use test_engine_wire::{NodeReport, Plan, TargetOutcome, TargetReport};

use super::{Accountant, AccountingError, build_ids};
use crate::selectors;

/// A plan and the reports of its nodes.
struct Known {
    plan: Option<Plan>,
    origin: PlanOrigin,
    reports: Vec<NodeReport>,
}

impl Accountant {
    /// The verdict on one plan; `None` without a plan and reports.
    pub(crate) async fn of_plan(
        &self,
        suite: &Suite,
        identifier: &str,
        now: Timestamp,
    ) -> Result<Option<Accounting>, AccountingError> {
        let stored = self.store.plan(suite.id, identifier, now).await?;
        let bodies = self.store.job_reports(suite.id, identifier).await?;
        if stored.is_none() && bodies.is_empty() {
            return Ok(None);
        }
        let known = tokio::task::spawn_blocking(move || decode(stored, &bodies)).await??;
        let targets_with_history = self.targets_with_history(suite, &known).await?;
        let (vanished, unchanged_targets) = self.vanished(suite, &known).await?;
        let identifier = identifier.to_owned();
        let accounting = tokio::task::spawn_blocking(move || {
            account(&Input {
                identifier: &identifier,
                plan: known.plan.as_ref(),
                reports: &known.reports,
                targets_with_history: &targets_with_history,
                vanished: &vanished,
                unchanged_targets: &unchanged_targets,
            })
        });
        Ok(Some(accounting.await?))
    }

    /// The verdicts on all plans of a build.
    pub(crate) async fn of_build(
        &self,
        suite: &Suite,
        build_id: &str,
        now: Timestamp,
    ) -> Result<Vec<Accounting>, AccountingError> {
        let beginnings = build_ids::identifier_beginnings(build_id);
        let identifiers = self
            .store
            .identifiers_of_build(suite.id, build_id, &beginnings)
            .await?;
        let mut accountings = Vec::with_capacity(identifiers.len());
        for identifier in identifiers {
            accountings.extend(self.of_plan(suite, &identifier, now).await?);
        }
        Ok(accountings)
    }

    /// Those targets without results that had results in an earlier run.
    async fn targets_with_history(
        &self,
        suite: &Suite,
        known: &Known,
    ) -> Result<BTreeSet<String>, AccountingError> {
        let prefix = &known.origin.location_prefix;
        let mut by_name: BTreeMap<String, &str> = BTreeMap::new();
        for target in known.targets() {
            if target.outcome == TargetOutcome::NoResults {
                for name in selectors::candidates(prefix, &target.value)
                    .into_iter()
                    .flatten()
                {
                    by_name.insert(name, &target.value);
                }
            }
        }
        if by_name.is_empty() {
            return Ok(BTreeSet::new());
        }
        let names: Vec<String> = by_name.keys().cloned().collect();
        let found = self.store.known_selectors(suite.id, &names).await?;
        let targets = found.iter().filter_map(|name| by_name.get(name));
        Ok(targets.map(|target| (*target).to_owned()).collect())
    }

    /// The tests that vanished, and which of their targets have an unchanged file.
    async fn vanished(
        &self,
        suite: &Suite,
        known: &Known,
    ) -> Result<(Vec<VanishedTest>, BTreeSet<String>), AccountingError> {
        let nothing = (Vec::new(), BTreeSet::new());
        let Some(run_key) = known.run_key() else {
            return Ok(nothing);
        };
        let run = self.store.run_with_key(suite.id, run_key).await?;
        let tests = match &run {
            Some(run) => self.store.vanished_tests(suite, run).await?,
            None => Vec::new(),
        };
        let commit = run.and_then(|run| run.commit_sha);
        let files_changed = self.files_changed(suite, known, commit).await?;
        let vanished = known.in_targets(tests);
        let unchanged = files_changed.map_or_else(BTreeSet::new, |files| {
            known.unchanged_targets(&vanished, &files)
        });
        Ok((vanished, unchanged))
    }

    /// The files that differ from the merge base: as the plan request said, else as a backfill of
    /// commits did.
    async fn files_changed(
        &self,
        suite: &Suite,
        known: &Known,
        commit_sha: Option<String>,
    ) -> Result<Option<String>, AccountingError> {
        if let Some(files) = &known.origin.files_changed {
            return Ok(Some(files.clone()));
        }
        let Some(sha) = commit_sha else {
            return Ok(None);
        };
        let commit = self.store.commit(suite.id, &sha.to_lowercase()).await?;
        Ok(commit.map(|commit| commit.files_changed))
    }
}

fn decode(stored: Option<StoredPlan>, bodies: &[Vec<u8>]) -> Result<Known, AccountingError> {
    let (plan, origin) = match stored {
        None => (None, PlanOrigin::default()),
        Some(stored) => (Some(from_gzip(&stored.body)?), stored.origin),
    };
    let reports = bodies.iter().map(|body| from_gzip(body));
    Ok(Known {
        plan,
        origin,
        reports: reports.collect::<Result<_, _>>()?,
    })
}

fn from_gzip<T: serde::de::DeserializeOwned>(gzip: &[u8]) -> Result<T, AccountingError> {
    let mut json = Vec::new();
    GzDecoder::new(gzip).read_to_end(&mut json)?;
    Ok(serde_json::from_slice(&json)?)
}

impl Known {
    fn targets(&self) -> impl Iterator<Item = &TargetReport> {
        self.reports.iter().flat_map(|report| &report.targets)
    }

    /// The key of the run to which the nodes upload their results.
    fn run_key(&self) -> Option<&str> {
        let keys = self
            .reports
            .iter()
            .flat_map(|report| [&report.run_key, &report.build_id]);
        keys.map(String::as_str).find(|key| !key.is_empty())
    }

    /// The tests under the names that the plan uses for their targets, without those whose target
    /// is not in a report.
    fn in_targets(&self, tests: Vec<Test>) -> Vec<VanishedTest> {
        if tests.is_empty() {
            return Vec::new();
        }
        let prefix = &self.origin.location_prefix;
        let mut targets: BTreeMap<String, &str> = BTreeMap::new();
        for target in self.targets() {
            for name in selectors::candidates(prefix, &target.value)
                .into_iter()
                .flatten()
            {
                targets.insert(name, &target.value);
            }
        }
        let tests = tests.into_iter().filter_map(|test| {
            let target = targets.get(test.selector.as_deref()?)?;
            Some(VanishedTest {
                target: (*target).to_owned(),
                scope: test.scope,
                name: test.name,
            })
        });
        tests.collect()
    }

    /// The targets with fewer tests than before whose file is not among the changed ones.
    fn unchanged_targets(&self, vanished: &[VanishedTest], files: &str) -> BTreeSet<String> {
        let changed: HashSet<String> = files.lines().map(selectors::canonical).collect();
        let prefix = &self.origin.location_prefix;
        if !self
            .reports
            .iter()
            .all(|report| has_file_targets(&report.runner))
        {
            return BTreeSet::new();
        }
        let shrank = self
            .targets()
            .filter(|target| {
                target
                    .expected_tests
                    .is_some_and(|count| target.tests < count)
            })
            .map(|target| target.value.as_str());
        let vanished = vanished.iter().map(|test| test.target.as_str());
        shrank
            .chain(vanished)
            .filter(|target| {
                let names = selectors::candidates(prefix, target);
                names.iter().flatten().all(|name| !changed.contains(name))
            })
            .map(str::to_owned)
            .collect()
    }
}

/// A package contains files whose changes its name does not tell.
fn has_file_targets(runner: &str) -> bool {
    !matches!(runner, "gotest" | "custom")
}
