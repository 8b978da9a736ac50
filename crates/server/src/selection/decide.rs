//! The decision on a plan request.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use serde_json::{Value, json};
use test_engine_duration::Micros;
use test_engine_selection::{
    AlwaysReason, Build, Change, Counts, Decision, Item, Knowledge, LastExecution, MAX_DAYS,
    RotationPointer, Selected, Settings, Share, Verdict,
};
use test_engine_store::{
    DecisionDetails, DecisionRecord, DecisionVerdict, FailingTest, NewDecision, RunId,
    SelectionFacts, Suite, Timestamp,
};
use test_engine_wire::{
    Case, CaseFormat, PlanSelection, SelectionConfidence, SelectionDurations, SelectionVerdict,
};

use super::items::{Indexed, ItemList};
use super::keys::{ItemKey, example};
use super::memory::Learned;
use super::scores::{ScoreBytes, ToScore};
use super::{SelectionError, Selections, change};

/// How durations are estimated, for clients of the hosted product.
const ESTIMATOR: &str = "recent_runs";

/// What a plan request asks for.
pub(crate) struct SelectionRequest {
    pub(crate) settings: Settings,
    pub(crate) strategy: String,
    pub(crate) params: BTreeMap<String, String>,
    pub(crate) identifier: String,
    /// Without `refs/heads/`.
    pub(crate) branch: String,
    pub(crate) runner: String,
    pub(crate) location_prefix: String,
    pub(crate) metadata: Option<BTreeMap<String, Value>>,
}

/// What is known of an item besides what was learned.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ItemHistory {
    /// The planner's estimate.
    pub(crate) duration: Micros,
    /// Its last run; `None` also for examples.
    pub(crate) last_run: Option<RunId>,
    /// Its last run on the plan's branch.
    pub(crate) last_run_on_branch: Option<RunId>,
}

/// The decision on a plan request.
pub(crate) struct Decided {
    /// For the plan.
    pub(crate) selection: PlanSelection,
    /// Whether each item runs, by position; `None` if all do.
    pub(crate) runs: Option<Vec<bool>>,
    /// To store with the plan.
    pub(crate) made: MadeDecision,
}

/// A decision that is not encoded yet.
pub(crate) struct MadeDecision {
    record: DecisionRecord,
    details: Option<MadeDetails>,
    pointer: RotationPointer,
}

struct MadeDetails {
    scores: ScoreBytes,
    change: Vec<u8>,
    files_hash: [u8; 16],
}

impl MadeDecision {
    /// Takes about as long as encoding the plan.
    pub(crate) fn encode(self) -> Result<NewDecision, SelectionError> {
        let details = self.details.map(|details| {
            Ok::<_, SelectionError>(DecisionDetails {
                scores: details.scores.compress()?,
                change: details.change,
                files_hash: details.files_hash,
            })
        });
        Ok(NewDecision {
            record: self.record,
            details: details.transpose()?,
            pointer: self.pointer,
        })
    }
}

impl Selections {
    /// Decides which of the cases run. `histories` are in their order.
    pub(crate) async fn decide(
        &self,
        suite: &Suite,
        request: SelectionRequest,
        cases: Arc<Vec<Case>>,
        histories: Vec<ItemHistory>,
        now: Timestamp,
    ) -> Result<Decided, SelectionError> {
        let (suite_id, index) = (suite.id, Arc::clone(&self.index));
        let (listed, branch) = (Arc::clone(&cases), request.branch.clone());
        // Large lists take as long as the queries.
        let listing = tokio::task::spawn_blocking(move || {
            let change = change::of_metadata(request.metadata.as_ref());
            let (prefix, runner) = (&request.location_prefix, &request.runner);
            let list = ItemList::new(listed, prefix, runner, change.as_ref());
            let indexed = index.get(suite_id, &list, now);
            ((request, change), list, indexed)
        });
        let learned = self.memory.of(&self.store, suite.id).await?;
        let facts = self.store.selection_facts(suite, &branch, now).await?;
        let executed = self.executions_of_examples(suite, &cases).await?;
        // The caller has the only one when the decision is made.
        drop(cases);
        let (request, list, indexed) = listing.await?;
        let names = match &indexed {
            Some(_) => BTreeMap::new(),
            None => self.names(suite).await?,
        };
        let index = Arc::clone(&self.index);
        let (uuid, default_branch) = (suite.uuid, suite.default_branch.clone());
        let url = self.links.selection_decision(suite, &request.0.identifier);
        let known = Arc::clone(&learned);
        let deciding = tokio::task::spawn_blocking(move || {
            let (request, change) = request;
            let indexed = indexed.unwrap_or_else(|| {
                let indexed = Arc::new(Indexed::new(&list, &names, now));
                index.put(suite_id, Arc::clone(&indexed));
                indexed
            });
            let inputs = Inputs {
                suite: uuid.as_bytes(),
                default_branch: &default_branch,
                request: &request,
                change: change.as_ref(),
                list: &list,
                indexed: &indexed,
                histories: &histories,
                executed: &executed,
                facts: &facts,
                learned: &learned,
                now,
            };
            inputs.decide(url)
        });
        let warnings = self.warnings(suite.id, &known, now).await;
        let mut decided = deciding.await??;
        if decided.made.details.is_some() {
            decided.selection.warnings = warnings?;
        }
        self.counts.decided(&decided.selection);
        Ok(decided)
    }

    /// By position; `None` for other cases and for unknown examples.
    async fn executions_of_examples(
        &self,
        suite: &Suite,
        cases: &[Case],
    ) -> Result<Vec<Option<Timestamp>>, SelectionError> {
        let keys: Vec<(&str, &str)> = cases.iter().filter_map(example).collect();
        if keys.is_empty() {
            return Ok(vec![None; cases.len()]);
        }
        let mut found = self.store.last_executions(suite, &keys).await?.into_iter();
        let executed = cases.iter().map(|case| {
            let next = example(case).and_then(|_| found.next());
            next.flatten()
        });
        Ok(executed.collect())
    }

    /// The names of the tests of each selector.
    pub(super) async fn names(
        &self,
        suite: &Suite,
    ) -> Result<BTreeMap<String, Vec<String>>, SelectionError> {
        let mut names: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (selector, name) in self.store.names_by_selector(suite.id).await? {
            names.entry(selector).or_default().push(name);
        }
        for names in names.values_mut() {
            names.sort_unstable();
            names.dedup();
        }
        Ok(names)
    }
}

/// What a decision is made from.
pub(super) struct Inputs<'a> {
    pub(super) suite: &'a [u8; 16],
    pub(super) default_branch: &'a str,
    pub(super) request: &'a SelectionRequest,
    pub(super) change: Option<&'a Change>,
    pub(super) list: &'a ItemList,
    pub(super) indexed: &'a Indexed,
    pub(super) histories: &'a [ItemHistory],
    pub(super) executed: &'a [Option<Timestamp>],
    pub(super) facts: &'a SelectionFacts,
    pub(super) learned: &'a Learned,
    pub(super) now: Timestamp,
}

impl Inputs<'_> {
    pub(super) fn decide(&self, url: String) -> Result<Decided, SelectionError> {
        let request = self.request;
        let metadata = request.metadata.as_ref();
        let text = |name: &str| metadata.and_then(|metadata| metadata.get(name)?.as_str());
        let items = self.items();
        let counts = self.counts();
        let state = &self.learned.state;
        let window = self.learned.window(request.settings.target);
        let off = self.learned.off(self.now);
        let rotation = self.indexed.rotation(state.pointer.round);
        let knowledge = Knowledge {
            catalog: &self.indexed.catalog,
            counts: &counts,
            window: &window,
            off: off.as_ref(),
            rotation: &rotation,
            pointer: state.pointer,
        };
        let build = Build {
            suite: self.suite,
            identifier: &request.identifier,
            branch: &request.branch,
            // A build that does not say its branch may be one of the default branch.
            is_default_branch: request.branch.is_empty() || request.branch == self.default_branch,
            is_tag: text("git_tag").is_some_and(|tag| !tag.is_empty()),
            message: text("message").unwrap_or_default(),
            change: self.change,
            last_run_failed: self.facts.last_run_failed,
        };
        let decision = test_engine_selection::decide(&build, &request.settings, &items, &knowledge);
        let commit_sha = text("commit_sha").and_then(crate::commits::object_id);
        let record = self.record(&decision, commit_sha);
        let details = self.details(&decision)?;
        let runs = (decision.verdict == Verdict::Selected).then(|| {
            let positions = 0..items.len();
            positions.map(|position| decision.runs(position)).collect()
        });
        Ok(Decided {
            selection: plan_selection(&record, url),
            runs,
            made: MadeDecision {
                record,
                details,
                pointer: decision.pointer,
            },
        })
    }

    /// What was learned, with the history of files that the change itself renames.
    fn counts(&self) -> Cow<'_, Counts> {
        let counts = &self.learned.counts;
        let files = self.change.into_iter().flat_map(|change| &change.files);
        let mut renamed = files.filter(|file| file.previous_path.is_some());
        match (self.change, renamed.next()) {
            (Some(change), Some(_)) => {
                let mut own = Counts::clone(counts);
                own.rename(change);
                Cow::Owned(own)
            }
            _ => Cow::Borrowed(counts),
        }
    }

    fn items(&self) -> Vec<Item<'_>> {
        let facts = self.facts;
        let on_default = self.failing(&facts.failing_on_default_branch);
        let on_branch = self.failing(&facts.failing_on_branch);
        let failures = self.learned.counts.items().failures();
        let catalog = &self.indexed.catalog;
        let has_failed = |position: usize| {
            let id = catalog.ids()[position];
            let found = failures.binary_search_by_key(&id, |failure| failure.0);
            found.is_ok()
        };
        let item = |position: usize| {
            let (case, history) = (&self.list.cases[position], &self.histories[position]);
            let executed = self.executed[position];
            let is_fresh = match executed {
                Some(at) => at >= facts.stale_before,
                None => history.last_run.is_some_and(|run| run > facts.stale_run),
            };
            let is_known = executed.is_some() || history.last_run.is_some();
            let last_execution = is_known.then_some(LastExecution {
                days: if is_fresh { 0 } else { MAX_DAYS + 1 },
                default_branch_runs: 0,
            });
            let failed_on_default_branch = on_default[position];
            let failed_on_branch = on_branch[position];
            // Only asked of items whose names say nothing.
            let is_unknown = catalog.is_unknown(position);
            Item {
                name: case.target(),
                duration: history.duration,
                last_execution,
                failed_on_branch,
                failed_on_default_branch,
                ever_failed: failed_on_default_branch
                    || failed_on_branch
                    || !is_unknown
                    || has_failed(position),
            }
        };
        (0..self.list.cases.len()).map(item).collect()
    }

    /// Whether each item has a failing test, by position.
    fn failing(&self, tests: &[FailingTest]) -> Vec<bool> {
        let mut newest: HashMap<ItemKey, RunId> = HashMap::new();
        for test in tests {
            let example = ItemKey::Example {
                scope: test.scope.clone(),
                name: test.name.clone(),
            };
            let selector = test.selector.clone().map(ItemKey::Selector);
            for key in selector.into_iter().chain([example]) {
                let run = newest.entry(key).or_default();
                *run = (*run).max(test.run);
            }
        }
        let mut failed: HashMap<usize, RunId> = HashMap::new();
        for (key, run) in &newest {
            let positions = self.indexed.positions_of(key);
            failed.extend(positions.map(|position| (position, *run)));
        }
        // Not every collector knows the location prefix.
        for (key, run) in &newest {
            if let ItemKey::Selector(selector) = key {
                for position in self.indexed.positions_of_bare(selector) {
                    failed.entry(position).or_insert(*run);
                }
            }
        }
        let mut failing = vec![false; self.histories.len()];
        for (position, failed) in failed {
            // It was executed later on the branch, so it passed.
            let later = self.histories[position].last_run_on_branch;
            let has_passed = failed > RunId::default() && later.is_some_and(|run| run > failed);
            failing[position] = !has_passed;
        }
        failing
    }

    fn record(&self, decision: &Decision, commit_sha: Option<String>) -> DecisionRecord {
        let request = self.request;
        let items = self.histories.len() as u64;
        let time: Micros = self.histories.iter().map(|item| item.duration).sum();
        let verdict = match decision.verdict {
            Verdict::Selected => DecisionVerdict::Selected,
            Verdict::Observed => DecisionVerdict::Observed,
            Verdict::Full(_) => DecisionVerdict::Full,
        };
        let reason = match &decision.verdict {
            Verdict::Full(reason) => Some((reason.as_str().to_owned(), reason.to_string())),
            Verdict::Selected | Verdict::Observed => None,
        };
        let mut record = DecisionRecord {
            branch: request.branch.clone(),
            commit_sha,
            strategy: request.strategy.clone(),
            params: json!(request.params).to_string(),
            verdict,
            reason,
            promise: None,
            cut: None,
            confidence: test_engine_selection::Confidence::default(),
            items,
            selected: items,
            time,
            selected_time: time,
            always: "{}".to_owned(),
            known: None,
        };
        if let Some(assessment) = &decision.assessment {
            let selected = assessment.selected.iter().flatten();
            let mut always: BTreeMap<&str, u64> = BTreeMap::new();
            for one in selected.clone() {
                if let Selected::Always(reason) = one {
                    *always.entry(AlwaysReason::as_str(*reason)).or_default() += 1;
                }
            }
            record.promise = request
                .settings
                .target
                .promise()
                .filter(|_| assessment.cut.is_some());
            record.cut = assessment.cut;
            record.confidence = assessment.confidence;
            record.selected = selected.count() as u64;
            record.selected_time = assessment.selected_time;
            record.always = json!(always).to_string();
            record.known = Some(share(assessment.values.known()));
        }
        record
    }

    fn details(&self, decision: &Decision) -> Result<Option<MadeDetails>, SelectionError> {
        let (Some(assessment), Some(change)) = (&decision.assessment, self.change) else {
            return Ok(None);
        };
        let cases = self.list.cases.iter().enumerate();
        let items = cases.map(|(position, case)| ToScore {
            target: case.target(),
            is_file: case.format == CaseFormat::File,
            example: example(case),
            item: assessment.item(position),
        });
        Ok(Some(MadeDetails {
            scores: ScoreBytes::of(&self.list.location_prefix, items),
            change: change::encode(change)?,
            files_hash: change::files_hash(change),
        }))
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "from 0 to a million"
)]
fn share(part: f64) -> Share {
    let ppm = (part.clamp(0.0, 1.0) * 1e6).round() as u32;
    Share::from_ppm(ppm).unwrap_or(Share::ALL)
}

/// What the plan says of a decision.
pub(super) fn plan_selection(record: &DecisionRecord, url: String) -> PlanSelection {
    let is_selected = record.verdict == DecisionVerdict::Selected;
    let milliseconds = |time: Micros| u64::try_from(time.rounded_milliseconds()).unwrap_or(0);
    let (planned, planned_time) = if is_selected {
        (record.selected, record.selected_time)
    } else {
        (record.items, record.time)
    };
    let reason = record.reason.as_ref();
    let observed = "selection only observes";
    PlanSelection {
        verdict: match record.verdict {
            DecisionVerdict::Selected => SelectionVerdict::Selected,
            DecisionVerdict::Observed => SelectionVerdict::Observe,
            DecisionVerdict::Full => SelectionVerdict::Full,
        },
        reason: reason.map(|(code, _)| code.clone()),
        reason_text: reason.map(|(_, text)| text.clone()),
        strategy: record.strategy.clone(),
        items: record.items,
        selected: record.selected,
        time: rounded(record.time.seconds()),
        selected_time: rounded(record.selected_time.seconds()),
        confidence: record.known.map(|_| confidence(record.confidence)),
        always: serde_json::from_str(&record.always).unwrap_or_default(),
        url,
        warnings: Vec::new(),
        applied: is_selected,
        candidate_count: record.items,
        selected_count: planned,
        skipped_reason: match record.verdict {
            DecisionVerdict::Selected => None,
            DecisionVerdict::Observed => Some(observed.to_owned()),
            DecisionVerdict::Full => reason.map(|(_, text)| text.clone()),
        },
        duration_estimates: SelectionDurations {
            estimator: ESTIMATOR.to_owned(),
            candidate_total_duration_ms: milliseconds(record.time),
            selected_total_duration_ms: milliseconds(planned_time),
        },
    }
}

pub(super) fn confidence(counted: test_engine_selection::Confidence) -> SelectionConfidence {
    SelectionConfidence {
        holdouts: counted.holdouts,
        caught: counted.caught,
        shown: rounded(counted.shown()),
        at_least: rounded(counted.at_least()),
    }
}

/// To thousandths.
pub(super) fn rounded(number: f64) -> f64 {
    (number * 1_000.0).round() / 1_000.0
}
