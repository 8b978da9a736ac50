//! Plans: created once per identifier, then the same bytes for every node.
//!
//! [`Planner`] loads timings and the muted and skipped tests, lets [`build`] create the plan, and
//! stores it. The first request wins: within a server by one lock per identifier, between servers
//! by the database.

mod alternatives;
mod assign;
mod build;
mod cache;
mod examples;
mod filter;
mod known_files;
mod node_count;
mod population;
mod selecting;
mod timings;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use serde_json::value::RawValue;
use sha2::{Digest as _, Sha256};
use test_engine_duration::Micros;
use test_engine_planner::Estimate;
use test_engine_store::{
    BranchId, CommitRecord, NewPlan, PlanBranches, PlanOrigin, Store, StoreError, Suite, SuiteId,
    Test, TestState, TestedCode, Timestamp,
};
use test_engine_wire::{Case, FilterTestsRequest, FilteredTest, Plan, PlanRequest, TestIdentity};

pub(crate) use alternatives::{Alternative, Alternatives};
pub(crate) use assign::has_enough_history;
pub(crate) use cache::PlanBytes;

use crate::commits;
use crate::config::Planning;
use crate::error_chain::ErrorChain;
use crate::metrics::PlanCounts;
use crate::selection::{Decided, SelectionError, Selections};
use crate::selectors::StoredNames;

use build::{Cases, Kind, PlanInputs, kind};
use cache::{Built, PlanCache};
use selecting::Estimated;
use timings::{Forecast, Timings};

/// Reserved per case in the JSON of a plan.
const CASE_BYTES: usize = 128;

#[derive(Debug, thiserror::Error)]
pub(crate) enum PlanError {
    #[error("Invalid parameters: {}.", .0.join("; "))]
    Invalid(Vec<String>),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("failed to encode or decode a plan")]
    Encoding(#[from] std::io::Error),
    #[error(transparent)]
    Selection(#[from] SelectionError),
    #[error("planning was aborted")]
    Task(#[from] tokio::task::JoinError),
}

impl From<serde_json::Error> for PlanError {
    fn from(error: serde_json::Error) -> Self {
        Self::Encoding(error.into())
    }
}

type PlanLock = tokio::sync::Mutex<()>;

pub(crate) struct Planner {
    store: Store,
    timings: Timings,
    selections: Arc<Selections>,
    cache: PlanCache,
    locks: Mutex<HashMap<(SuiteId, String), Weak<PlanLock>>>,
    retention_days: i64,
    /// Microseconds added per node and file for loading a file whose examples run there, until
    /// nodes have reported what it takes.
    file_load: u64,
    counts: PlanCounts,
}

impl Planner {
    pub(crate) fn new(
        store: Store,
        selections: Arc<Selections>,
        config: Planning,
        counts: PlanCounts,
    ) -> Self {
        Self {
            timings: Timings::new(store.clone()),
            selections,
            store,
            cache: PlanCache::default(),
            locks: Mutex::new(HashMap::new()),
            retention_days: i64::from(config.plan_retention_days),
            file_load: Micros::from_milliseconds(u64::from(config.file_load_ms)).get(),
            counts,
        }
    }

    pub(crate) async fn fetch(
        &self,
        suite: &Suite,
        identifier: &str,
        now: Timestamp,
    ) -> Result<Option<Arc<PlanBytes>>, PlanError> {
        if let Some(cached) = self.cache.get(suite.id, identifier, now) {
            return Ok(Some(cached));
        }
        let Some(stored) = self.store.plan(suite.id, identifier, now).await? else {
            return Ok(None);
        };
        let bytes = Arc::new(PlanBytes::from_gzip(stored.body));
        self.cache
            .put(suite.id, identifier, stored.expires_at, Arc::clone(&bytes));
        Ok(Some(bytes))
    }

    /// Like [`Self::fetch`], with the currently muted tests: a job may be retried days later.
    pub(crate) async fn fetch_for_retry(
        &self,
        suite: &Suite,
        identifier: &str,
        now: Timestamp,
    ) -> Result<Option<Arc<PlanBytes>>, PlanError> {
        let Some(plan) = self.fetch(suite, identifier, now).await? else {
            return Ok(None);
        };
        let origin = self.store.plan_origin(suite.id, identifier, now).await?;
        let code = tested_code(suite, &origin.unwrap_or_default());
        let muted = self.tests_in_state(suite, TestState::Muted, &code).await?;
        let refreshed = tokio::task::spawn_blocking(move || with_muted(&plan, &muted)).await??;
        Ok(Some(refreshed))
    }

    /// The plan with the request's identifier; created from this request if there is none.
    pub(crate) async fn create(
        &self,
        suite: &Suite,
        request: PlanRequest,
        now: Timestamp,
    ) -> Result<Arc<PlanBytes>, PlanError> {
        let nodes = node_count::validate(&request).map_err(PlanError::Invalid)?;
        if let Some(existing) = self.fetch(suite, &request.identifier, now).await? {
            self.counts.served();
            return Ok(existing);
        }
        let lock = self.lock_for(suite.id, &request.identifier);
        // Held while planning on purpose: the other nodes of the build wait for this plan.
        let _guard = lock.lock().await;
        if let Some(existing) = self.fetch(suite, &request.identifier, now).await? {
            self.counts.served();
            return Ok(existing);
        }
        let new = NewPlan {
            suite: suite.id,
            identifier: request.identifier.clone(),
            digest: [0; 32],
            body: Vec::new(),
            origin: PlanOrigin {
                nodes: Some(nodes.requested()),
                ..origin(&request)
            },
            created_at: now,
            expires_at: now.plus_days(self.retention_days),
        };
        let commit = request.metadata.as_ref().and_then(commits::of_plan);
        let built = self.build(suite, request, nodes, now).await?;
        let plan = self.store_first(new, built).await?;
        if let Some(commit) = commit {
            self.record_commit(suite, &commit).await;
        }
        Ok(plan)
    }

    /// A build does not depend on it, so an error is only logged.
    async fn record_commit(&self, suite: &Suite, commit: &CommitRecord) {
        if let Err(error) = self.store.record_new_commit(suite.id, commit).await {
            let (cause, suite) = (ErrorChain(&error), &suite.slug);
            tracing::warn!(%cause, suite, "failed to record the commit of a plan");
        }
    }

    async fn build(
        &self,
        suite: &Suite,
        mut request: PlanRequest,
        nodes: node_count::NodeCount,
        now: Timestamp,
    ) -> Result<Built, PlanError> {
        let timings = self.timings.of(suite).await?;
        let branch = self.branch(suite, &request.branch).await?;
        let branches = branches(suite, &request.branch);
        let code = tested_code(suite, &origin(&request));
        let muted = self.tests_in_state(suite, TestState::Muted, &code).await?;
        let skipped = self
            .tests_in_state(suite, TestState::Skipped, &code)
            .await?;
        let selection = selecting::request(&mut request);
        let PlanRequest {
            identifier,
            tests,
            location_prefix,
            runner,
            ..
        } = request;
        let is_empty =
            tests.files.is_empty() && tests.examples.is_empty() && tests.selectors.is_empty();
        let prefix = location_prefix.clone();
        let (cases, population, skipped) = tokio::task::spawn_blocking(move || {
            let Cases { planned, omitted } = build::cases(tests, &skipped);
            let population = population::of(planned.iter().chain(&omitted), &prefix);
            (planned, population, skipped)
        })
        .await?;
        let examples = self.example_estimates(suite, &cases, branches, now).await?;
        let file_load = self.file_load(suite, &runner, &cases).await?;
        let inputs = PlanInputs {
            identifier,
            nodes,
            file_load,
            muted,
            skipped,
            is_empty,
            population,
            selection: None,
        };
        let estimating = move || {
            let mut cases = cases;
            let forecasts = {
                let known = timings.read();
                let selectors = StoredNames::new(&location_prefix);
                // Paths of files include the prefix.
                let files = StoredNames::new("");
                let mut examples = examples.into_iter();
                let mut forecast = |case: &mut Case| {
                    let forecast = match kind(case) {
                        Kind::Example => Forecast {
                            estimate: examples.next().flatten(),
                            ..Forecast::default()
                        },
                        Kind::Selector => known.forecast(&selectors, &case.value, branch),
                        Kind::File => known.forecast(&files, &case.path, branch),
                    };
                    if kind(case) != Kind::Example {
                        case.expected_tests = forecast.expected_tests;
                    }
                    forecast
                };
                cases.iter_mut().map(&mut forecast).collect()
            };
            Estimated { cases, forecasts }
        };
        let Some(selection) = selection else {
            let plan = move || encode(estimating(), inputs);
            return Ok(Built {
                plan: tokio::task::spawn_blocking(plan).await??,
                file_load,
                decision: None,
            });
        };
        let estimated = tokio::task::spawn_blocking(estimating).await?;
        let (estimated, decided) = self.select(suite, selection, estimated, now).await?;
        let Decided {
            selection, made, ..
        } = decided;
        let inputs = PlanInputs {
            selection: Some(selection),
            ..inputs
        };
        let decision = tokio::task::spawn_blocking(move || made.encode());
        let plan = tokio::task::spawn_blocking(move || encode(estimated, inputs)).await??;
        Ok(Built {
            plan,
            file_load,
            decision: Some(decision.await??),
        })
    }

    /// In microseconds: what nodes have reported, or the first guess.
    async fn file_load(
        &self,
        suite: &Suite,
        runner: &str,
        cases: &[Case],
    ) -> Result<u64, PlanError> {
        let has_examples = cases.iter().any(|case| kind(case) == Kind::Example);
        let learned = if has_examples {
            self.store.file_load(suite.id, runner).await?
        } else {
            None
        };
        Ok(learned.map_or(self.file_load, Micros::get))
    }

    /// Stores the plan, or returns the one that another server stored first.
    async fn store_first(&self, new: NewPlan, built: Built) -> Result<Arc<PlanBytes>, PlanError> {
        let plan = Arc::new(built.plan);
        let gzip = plan.gzip();
        let (suite, identifier) = (new.suite, new.identifier.clone());
        let (stored, is_ours) = self
            .store
            .insert_plan_with(
                NewPlan {
                    digest: Sha256::digest(&gzip).into(),
                    body: gzip.to_vec(),
                    origin: PlanOrigin {
                        file_load: Some(Micros::new(built.file_load)),
                        ..new.origin
                    },
                    ..new
                },
                built.decision.as_ref(),
            )
            .await?;
        let winner = if is_ours {
            self.counts.created();
            plan
        } else {
            self.counts.served();
            Arc::new(PlanBytes::from_gzip(stored.body))
        };
        self.cache
            .put(suite, &identifier, stored.expires_at, Arc::clone(&winner));
        Ok(winner)
    }

    fn lock_for(&self, suite: SuiteId, identifier: &str) -> Arc<PlanLock> {
        let mut locks = self.locks.lock().unwrap_or_else(PoisonError::into_inner);
        locks.retain(|_, lock| lock.strong_count() > 0);
        let key = (suite, identifier.to_owned());
        if let Some(lock) = locks.get(&key).and_then(Weak::upgrade) {
            return lock;
        }
        let lock = Arc::new(PlanLock::new(()));
        locks.insert(key, Arc::downgrade(&lock));
        lock
    }

    async fn branch(&self, suite: &Suite, name: &str) -> Result<Option<BranchId>, StoreError> {
        match bare(name) {
            "" => Ok(None),
            name => self.store.branch(suite.id, name).await,
        }
    }

    /// The muted or skipped tests, as far as that applies to the code.
    async fn tests_in_state(
        &self,
        suite: &Suite,
        state: TestState,
        code: &TestedCode,
    ) -> Result<Vec<TestIdentity>, StoreError> {
        let mut tests = self.store.quarantined_tests(suite.id, state).await?;
        tests.retain(|item| item.applies_to(code));
        Ok(tests.into_iter().map(|item| identity(item.test)).collect())
    }

    /// The estimates of those cases that are examples, in their order.
    async fn example_estimates(
        &self,
        suite: &Suite,
        cases: &[Case],
        branches: PlanBranches,
        now: Timestamp,
    ) -> Result<Vec<Option<Estimate>>, StoreError> {
        let keys: Vec<(&str, &str)> = cases
            .iter()
            .filter(|case| kind(case) == Kind::Example)
            .map(|case| (case.scope.as_str(), case.name.as_str()))
            .collect();
        examples::estimates(&self.store, suite, &keys, branches, now).await
    }

    /// What a stored plan takes, and would take with these numbers of nodes. Loading a file takes
    /// as long as when the plan was made; for plans of earlier versions, as long as configured.
    pub(crate) async fn alternatives(
        &self,
        plan: Plan,
        file_load: Option<Micros>,
        nodes: Vec<usize>,
    ) -> Result<Alternatives, PlanError> {
        let file_load = file_load.map_or(self.file_load, Micros::get);
        let split = move || alternatives::alternatives(plan, &nodes, file_load);
        Ok(tokio::task::spawn_blocking(split).await?)
    }

    /// The files of a request that the client should expand into examples, with reasons.
    pub(crate) async fn filter(
        &self,
        suite: &Suite,
        request: FilterTestsRequest,
    ) -> Result<Vec<FilteredTest>, PlanError> {
        if let Some(problem) = node_count::blank_file(&request.files) {
            return Err(PlanError::Invalid(vec![problem]));
        }
        let with_skipped = self.store.files_with_skipped_tests(suite.id).await?;
        let timings = self.timings.of(suite).await?;
        let filter = move || filter::filter(&request, &with_skipped, &timings.read());
        Ok(tokio::task::spawn_blocking(filter).await?)
    }

    /// Estimates in milliseconds, without files that have no history.
    pub(crate) async fn file_timings(
        &self,
        suite: &Suite,
        paths: Vec<String>,
    ) -> Result<BTreeMap<String, i64>, PlanError> {
        let timings = self.timings.of(suite).await?;
        let known = timings.read();
        Ok(paths
            .into_iter()
            .filter_map(|path| {
                let estimate = known.estimate_of_path(&path)?;
                Some((path, estimate.duration.rounded_milliseconds()))
            })
            .collect())
    }
}

/// The plan of these cases.
fn encode(estimated: Estimated, inputs: PlanInputs) -> Result<PlanBytes, PlanError> {
    let Estimated { cases, forecasts } = estimated;
    let estimates: Vec<Option<Estimate>> = forecasts.iter().map(|it| it.estimate).collect();
    let mut json = Vec::with_capacity(cases.len() * CASE_BYTES);
    let plan = build::plan(cases, &estimates, inputs);
    serde_json::to_writer(&mut json, &plan)?;
    Ok(PlanBytes::from_json(json)?)
}

fn bare(branch: &str) -> &str {
    branch.strip_prefix("refs/heads/").unwrap_or(branch)
}

/// What the accounting of the build needs to know of its request.
fn origin(request: &PlanRequest) -> PlanOrigin {
    let fact = |name: &str| request.metadata.as_ref()?.get(name)?.as_str();
    let branch = bare(&request.branch);
    // A commit on the base branch is compared with its first parent. Where another commit left that
    // branch, the request does not say.
    let is_on_base = fact("base_branch").is_some_and(|base| base == branch);
    let parents = fact("parent_shas").filter(|_| is_on_base);
    let parent = parents.and_then(|parents| parents.split_whitespace().next());
    PlanOrigin {
        branch: branch.to_owned(),
        location_prefix: request.location_prefix.clone(),
        files_changed: fact("files_changed").map(str::to_owned),
        diff_base: parent.map(str::to_owned),
        nodes: None,
        file_load: None,
    }
}

/// What decides whether a mute or skip applies to a plan.
fn tested_code(suite: &Suite, origin: &PlanOrigin) -> TestedCode {
    let files_changed = origin.files_changed.as_deref();
    TestedCode::new(Some(&origin.branch), &suite.default_branch, files_changed)
}

/// The branches whose timings are distinguished for a plan of the branch `own`.
fn branches(suite: &Suite, own: &str) -> PlanBranches {
    let own = Some(bare(own)).filter(|own| !own.is_empty() && *own != suite.default_branch);
    PlanBranches {
        default: Some(suite.default_branch.clone()),
        own: own.map(str::to_owned),
    }
}

fn identity(test: Test) -> TestIdentity {
    TestIdentity {
        scope: test.scope,
        name: test.name,
        path: test.location.or(test.file_name).unwrap_or_default(),
    }
}

/// The plan with its muted tests replaced; the same bytes if they are equal.
fn with_muted(plan: &Arc<PlanBytes>, muted: &[TestIdentity]) -> Result<Arc<PlanBytes>, PlanError> {
    let plain = plan.plain()?;
    let mut fields: BTreeMap<String, &RawValue> = serde_json::from_slice(&plain)?;
    let current = serde_json::value::to_raw_value(muted)?;
    if fields
        .get("muted_tests")
        .is_some_and(|planned| planned.get() == current.get())
    {
        return Ok(Arc::clone(plan));
    }
    fields.insert("muted_tests".to_owned(), &current);
    let json = serde_json::to_vec(&fields)?;
    Ok(Arc::new(PlanBytes::from_json(json)?))
}

#[cfg(test)]
mod tests;
