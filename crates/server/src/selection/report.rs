//! What the API and pages say of decisions and known failing builds.

use std::collections::HashMap;

use test_engine_selection::{
    AlwaysReason, Catalog, Cause, Cut, ItemNames, Location, Origin, Selected, Sources, causes,
};
use test_engine_store::{Listed, Page, StoredDecision, StoredHoldout, Suite};
use test_engine_wire::{
    SelectionCause, SelectionChange, SelectionDecision, SelectionHoldout, SelectionItem,
    SelectionMiss, file_of_target,
};
use uuid::Uuid;

use super::closing::Details;
use super::decide::{plan_selection, rounded};
use super::keys::ItemKey;
use super::scores::{self, Scored, Scores};
use super::{SelectionError, Selections};
use crate::clock::rfc3339;
use crate::selectors::canonical;

/// Which items of a decision are asked for.
#[derive(Clone, Debug)]
pub(crate) enum DecisionQuery {
    /// These, with causes.
    Items(Vec<String>),
    /// A page of all by rank, or of those that were left out.
    Page { page: Page, only_left_out: bool },
}

impl Selections {
    /// The decision on a plan, and the number of items that the query could return.
    pub(crate) async fn decision(
        &self,
        suite: &Suite,
        identifier: &str,
        query: DecisionQuery,
    ) -> Result<Option<(SelectionDecision, u64)>, SelectionError> {
        let Some(mut stored) = self.store.selection_decision(suite.id, identifier).await? else {
            return Ok(None);
        };
        let url = self.links.selection_decision(suite, identifier);
        let details = match stored.details.take() {
            Some(details) => {
                let decode = move || Details::decode(&details);
                Some(tokio::task::spawn_blocking(decode).await??)
            }
            None => None,
        };
        let mut decision = decision(&stored, url);
        let mut total = 0;
        if let Some(details) = details {
            decision.changed_files = changed_files(&details.change);
            match query {
                DecisionQuery::Page {
                    page,
                    only_left_out,
                } => {
                    let items = details.scores.items.iter().enumerate();
                    let wanted =
                        items.filter(|(_, item)| !only_left_out || item.item.selected.is_none());
                    total = wanted.clone().count() as u64;
                    let skipped =
                        (page.number.max(1) as usize - 1).saturating_mul(page.size as usize);
                    let page = wanted.skip(skipped).take(page.size as usize);
                    decision.items = page.map(|(rank, item)| self::item(rank, item)).collect();
                }
                DecisionQuery::Items(names) => {
                    let learned = self.memory.of(&self.store, suite.id).await?;
                    let explain = move || {
                        let names = names.as_slice();
                        explained(&details, &learned.counts, names)
                    };
                    let found = tokio::task::spawn_blocking(explain).await?;
                    (decision.items, decision.unknown_items) = found;
                    total = decision.items.len() as u64;
                }
            }
        }
        Ok(Some((decision, total)))
    }

    /// The targets that a plan leaves out, by rank; none if its scores are not stored any more.
    pub(crate) async fn left_out(
        &self,
        suite: &Suite,
        identifier: &str,
    ) -> Result<Vec<Scored>, SelectionError> {
        let Some(stored) = self.store.selection_scores(suite.id, identifier).await? else {
            return Ok(Vec::new());
        };
        let decode = move || scores::decode(&stored).map(Scores::into_left_out);
        Ok(tokio::task::spawn_blocking(decode).await??)
    }

    /// Known failing builds, newest first.
    pub(crate) async fn holdouts(
        &self,
        suite: &Suite,
        only_missed: bool,
        page: Page,
    ) -> Result<Listed<SelectionHoldout>, SelectionError> {
        let listed = self
            .store
            .selection_holdouts(suite.id, only_missed, page)
            .await?;
        Ok(Listed {
            items: listed.items.into_iter().map(holdout).collect(),
            total: listed.total,
        })
    }
}

pub(super) fn decision(stored: &StoredDecision, url: String) -> SelectionDecision {
    let record = &stored.record;
    let finite = |cut: Cut| cut.0.is_finite().then(|| rounded(-cut.0));
    SelectionDecision {
        identifier: stored.identifier.clone(),
        created_at: rfc3339(stored.created_at),
        branch: record.branch.clone(),
        commit_sha: record.commit_sha.clone(),
        params: serde_json::from_str(&record.params).unwrap_or_default(),
        selection: plan_selection(record, url),
        least_value: record.cut.and_then(finite),
        ..SelectionDecision::default()
    }
}

fn changed_files(change: &test_engine_selection::Change) -> Vec<SelectionChange> {
    let changed = |file: &test_engine_selection::ChangedFile| SelectionChange {
        path: file.path.clone(),
        previous_path: file.previous_path.clone(),
        lines: file.lines,
    };
    change.files.iter().map(changed).collect()
}

/// `rank` is from 0.
fn item(rank: usize, scored: &Scored) -> SelectionItem {
    let reason = scored.item.selected.map(|selected| match selected {
        Selected::Always(reason) => AlwaysReason::as_str(reason),
        Selected::Value => "value",
    });
    SelectionItem {
        item: scored.target.clone(),
        is_in: reason.is_some(),
        reason: reason.map(str::to_owned),
        rank: rank as u64 + 1,
        value: rounded(scored.item.value),
        duration: rounded(scored.item.duration.seconds()),
        why: Vec::new(),
    }
}

/// The named items with their causes, and the names that the request did not have.
fn explained(
    details: &Details,
    counts: &test_engine_selection::Counts,
    names: &[String],
) -> (Vec<SelectionItem>, Vec<String>) {
    let by_name = by_name(&details.scores);
    let mut found = Vec::new();
    let mut unknown = Vec::new();
    for name in names {
        match by_name
            .get(name.as_str())
            .or(by_name.get(&*canonical(name)))
        {
            Some(rank) => found.push(*rank),
            None => unknown.push(name.clone()),
        }
    }
    let scores = &details.scores;
    let paths: Vec<String> = found
        .iter()
        .map(|rank| path(&scores.items[*rank], &scores.location_prefix))
        .collect();
    let places: Vec<ItemNames<'_>> = found
        .iter()
        .zip(&paths)
        .map(|(rank, path)| {
            let scored = &scores.items[*rank];
            let keys = ItemKey::of_scored(scored, &scores.location_prefix);
            ItemNames {
                id: keys.first().map_or(0, ItemKey::id),
                name: &scored.target,
                location: Location::File(path),
                tests: scored
                    .example
                    .iter()
                    .map(|(_, name)| name.as_str())
                    .collect(),
            }
        })
        .collect();
    let catalog = Catalog::new(&places);
    let sources = Sources::of(&details.change, |path| catalog.has_file(path));
    let items = found.iter().enumerate().map(|(position, rank)| {
        let causes = causes(&catalog, counts, &sources, position);
        SelectionItem {
            why: causes.into_iter().map(cause).collect(),
            ..item(*rank, &scores.items[*rank])
        }
    });
    (items.collect(), unknown)
}

/// Items by target, and by canonical path.
fn by_name(scores: &Scores) -> HashMap<String, usize> {
    let mut ranks = HashMap::with_capacity(scores.items.len());
    for (rank, scored) in scores.items.iter().enumerate() {
        ranks.entry(scored.target.clone()).or_insert(rank);
        ranks
            .entry(canonical(&scored.target).into_owned())
            .or_insert(rank);
    }
    ranks
}

/// The path of an item in the repository.
fn path(scored: &Scored, location_prefix: &str) -> String {
    if scored.example.is_some() {
        return canonical(file_of_target(&scored.target)).into_owned();
    }
    let keys = ItemKey::of_scored(scored, location_prefix);
    match keys.into_iter().next() {
        Some(ItemKey::Selector(path)) => path,
        _ => String::new(),
    }
}

fn cause(cause: Cause) -> SelectionCause {
    match cause {
        Cause::Failed {
            path,
            failures,
            builds,
        } => SelectionCause {
            path: Some(path),
            why: format!(
                "failed in {failures:.1} of {builds:.1} weighted failing builds that changed it"
            ),
        },
        Cause::SameName { path } => SelectionCause {
            path: Some(path),
            why: "same name".to_owned(),
        },
        Cause::Functions { words } => SelectionCause {
            path: None,
            why: format!("tests named like changed functions: {}", words.join(", ")),
        },
    }
}

fn holdout(stored: StoredHoldout) -> SelectionHoldout {
    let uuid = |uuid: Option<Uuid>| uuid.map(|uuid| uuid.to_string());
    let new = stored.holdout;
    let misses = new.misses.into_iter().zip(stored.miss_runs);
    SelectionHoldout {
        closed_at: rfc3339(stored.closed_at),
        origin: Origin::as_str(new.holdout.origin).to_owned(),
        identifier: new.identifier,
        branch: new.branch,
        commit_sha: new.commit_sha,
        run_id: uuid(stored.run_uuid),
        strategy: new.strategy,
        is_caught: new.holdout.is_caught,
        time: rounded(new.holdout.time_share * 100.0),
        least_value: new
            .holdout
            .needed
            .is_finite()
            .then(|| rounded(-new.holdout.needed)),
        failing: new.failing,
        failing_selected: new.selected,
        misses: misses
            .map(|(miss, run)| SelectionMiss {
                item: miss.item,
                rank: miss.rank,
                run_id: uuid(run),
            })
            .collect(),
    }
}
