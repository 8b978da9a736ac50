//! Selects the tests that a query is about: the database decides what it can, this module the rest.

use std::collections::{BTreeMap, HashMap};
use std::sync::Mutex;

use test_engine_store::{
    BranchFilter, LabelFilter, Listed, Metrics, Page, Period, Suite, TestCondition, TestId,
    TestPredicates, TestQuery, TestTerm, Timestamp,
};

use super::columns::Sort;
use super::query::{Condition, Query, Term};
use crate::App;
use crate::http::error::ApiError;
use crate::http::test_owners::file_of;
use crate::owners::Owners;

/// Days that the metrics cover.
pub(super) const DAYS: i64 = 28;
/// The same with a condition on tags, for which every single execution is read.
pub(super) const TAG_DAYS: i64 = 7;
/// In `owner:none`.
const NOBODY: &str = "none";

/// The tests of a query, in an order.
pub(super) struct Selection<'a> {
    query: TestQuery,
    /// On the metrics of a test.
    metrics: Vec<&'a Term>,
    tags: Vec<&'a Term>,
    owned: Vec<&'a Term>,
    owners: &'a Owners,
}

impl<'a> Selection<'a> {
    pub(super) fn new(
        query: &'a Query,
        sort: Sort,
        page: Page,
        owners: &'a Owners,
        now: Timestamp,
    ) -> Self {
        let mut selection = Self {
            query: TestQuery {
                period: Period::last_days(DAYS, now),
                branch: None,
                state: None,
                search: None,
                labels: Vec::new(),
                terms: Vec::new(),
                order: sort.order,
                descending: sort.is_descending,
                page,
            },
            metrics: Vec::new(),
            tags: Vec::new(),
            owned: Vec::new(),
            owners,
        };
        for term in &query.terms {
            selection.add(term);
        }
        if !selection.tags.is_empty() {
            selection.query.period = Period::last_days(TAG_DAYS, now);
        }
        selection
    }

    fn add(&mut self, term: &'a Term) {
        let must_have = !term.is_negated;
        let of_test = |condition| TestTerm {
            condition,
            must_have,
        };
        let terms = &mut self.query.terms;
        match &term.condition {
            Condition::Name(part) => terms.push(of_test(TestCondition::Name(part.clone()))),
            Condition::State(state) => terms.push(of_test(TestCondition::State(*state))),
            Condition::Flaky(yes) => terms.push(TestTerm {
                condition: TestCondition::Flaky,
                must_have: must_have == *yes,
            }),
            Condition::Broken(yes) => terms.push(TestTerm {
                condition: TestCondition::Broken,
                must_have: must_have == *yes,
            }),
            Condition::Label(label) => self.query.labels.push(LabelFilter {
                label: label.clone(),
                must_have,
            }),
            Condition::Branch { name, is_prefix } => {
                self.query.branch = Some(match (term.is_negated, is_prefix) {
                    (false, false) => BranchFilter::Is(name.clone()),
                    (false, true) => BranchFilter::StartsWith(name.clone()),
                    (true, false) => BranchFilter::IsNot(name.clone()),
                    (true, true) => BranchFilter::DoesNotStartWith(name.clone()),
                });
            }
            Condition::Duration(..) | Condition::Reliability(..) => self.metrics.push(term),
            Condition::Tag { .. } => self.tags.push(term),
            Condition::Owner(_) => self.owned.push(term),
        }
    }

    /// Days that the metrics cover.
    pub(super) fn days(&self) -> i64 {
        if self.tags.is_empty() { DAYS } else { TAG_DAYS }
    }

    /// The tests of the page, to be read with their metrics.
    pub(super) async fn find(
        &self,
        app: &App,
        suite: &Suite,
    ) -> Result<Listed<(TestId, Metrics)>, ApiError> {
        let known = KnownFiles::default();
        let metrics = |metrics: &Metrics| self.matches_metrics(metrics);
        let file = |name: Option<&str>, location: Option<&str>| {
            known.get(file_of(name, location), |file| self.matches_owner(file))
        };
        let tags = |tags: &BTreeMap<String, String>| self.matches_tags(tags);
        let wants = TestPredicates {
            metrics: (!self.metrics.is_empty()).then_some(&metrics),
            file: (!self.owned.is_empty()).then_some(&file),
            tags: (!self.tags.is_empty()).then_some(&tags),
        };
        let found = app.store.tests_in_order(suite.id, &self.query, &wants);
        Ok(found.await?)
    }

    fn matches_metrics(&self, metrics: &Metrics) -> bool {
        self.metrics.iter().all(|term| {
            let holds = match &term.condition {
                Condition::Duration(comparison, limit) => metrics
                    .duration_mean()
                    .is_some_and(|mean| comparison.holds(mean, *limit)),
                Condition::Reliability(comparison, limit) => metrics
                    .counts
                    .reliability()
                    .is_some_and(|share| comparison.holds(share * 100.0, limit.value())),
                _ => true,
            };
            holds != term.is_negated
        })
    }

    fn matches_owner(&self, file: &str) -> bool {
        let teams = self.owners.of(file);
        self.owned.iter().all(|term| {
            let holds = match &term.condition {
                Condition::Owner(team) if team == NOBODY => teams.is_empty(),
                Condition::Owner(team) => teams.contains(team),
                _ => true,
            };
            holds != term.is_negated
        })
    }

    fn matches_tags(&self, tags: &BTreeMap<String, String>) -> bool {
        self.tags.iter().all(|term| {
            let holds = match &term.condition {
                Condition::Tag {
                    key,
                    value,
                    is_prefix,
                } => tags
                    .get(key)
                    .is_some_and(|found| found == value || *is_prefix && found.starts_with(value)),
                _ => true,
            };
            holds != term.is_negated
        })
    }
}

/// Answers for files: many tests share one, and matching a file with owners takes a while.
#[derive(Default)]
struct KnownFiles(Mutex<HashMap<String, bool>>);

impl KnownFiles {
    fn get(&self, file: &str, find: impl FnOnce(&str) -> bool) -> bool {
        let mut known = self
            .0
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(answer) = known.get(file) {
            return *answer;
        }
        let answer = find(file);
        known.insert(file.to_owned(), answer);
        answer
    }
}

#[cfg(test)]
mod tests {
    use test_engine_duration::Micros;
    use test_engine_store::OutcomeCounts;

    use super::*;

    fn metrics(seconds: u64, passed: u64, failed: u64) -> Metrics {
        Metrics {
            counts: OutcomeCounts {
                passed,
                failed,
                ..OutcomeCounts::default()
            },
            timed: u64::from(seconds > 0),
            duration_sum: Micros::new(seconds * 1_000_000),
            ..Metrics::default()
        }
    }

    /// Asks a selection by a text.
    fn ask<T>(text: &str, question: impl FnOnce(&Selection<'_>) -> T) -> T {
        let query = Query::parse(text).unwrap();
        let owners = Owners::parse("pay/ payments ops\nshop/ shop");
        let page = Page::new(1, 10);
        let now = Timestamp::from_millis(0);
        question(&Selection::new(&query, Sort::default(), page, &owners, now))
    }

    #[test]
    fn metrics_are_compared_with_limits() {
        for (text, expected) in [
            ("duration:>2s", [false, true, false]),
            ("duration:>=2s", [true, true, false]),
            ("duration:<3s", [true, false, false]),
            // A test without a duration is not slow.
            ("!duration:>2s", [true, false, true]),
            ("reliability:<100", [false, true, false]),
            ("reliability:>=99 duration:>1s", [true, false, false]),
        ] {
            let tests = [metrics(2, 4, 0), metrics(3, 9, 1), metrics(0, 0, 0)];
            let found = ask(text, |selection| {
                tests.map(|metrics| selection.matches_metrics(&metrics))
            });
            assert_eq!(found, expected, "{text}");
        }
    }

    #[test]
    fn owners_may_be_several_or_nobody() {
        for (text, expected) in [
            ("owner:ops", [true, false, false]),
            ("!owner:ops", [false, true, true]),
            ("owner:none", [false, false, true]),
            ("!owner:none !owner:shop", [true, false, false]),
            ("a", [true, true, true]),
        ] {
            let found = ask(text, |selection| {
                ["pay/a.rb", "shop/a.rb", "lib/a.rb"].map(|file| selection.matches_owner(file))
            });
            assert_eq!(found, expected, "{text}");
        }
    }

    #[test]
    fn tags_shorten_the_period() {
        let tags = BTreeMap::from([("host.type".to_owned(), "c7g.large".to_owned())]);
        for (text, expected) in [
            ("tag:host.type=c7g.*", true),
            ("tag:host.type=c7g", false),
            ("!tag:host.type=c7g.large", false),
            ("!tag:region=eu", true),
        ] {
            let found = ask(text, |selection| {
                (selection.matches_tags(&tags), selection.days())
            });
            assert_eq!(found, (expected, TAG_DAYS), "{text}");
        }
        let untagged = ask("state:muted", |selection| {
            (selection.tags.len(), selection.days())
        });
        assert_eq!(untagged, (0, DAYS));
    }

    #[test]
    fn a_negated_answer_is_the_other_answer() {
        let wanted = |text| ask(text, |selection| selection.query.terms[0].must_have);
        assert!(wanted("flaky:yes") && wanted("!flaky:no"));
        assert!(!wanted("flaky:no") && !wanted("!broken:yes"));
        let branch = |text| ask(text, |selection| selection.query.branch.clone().unwrap());
        assert_eq!(
            branch("branch:a*"),
            BranchFilter::StartsWith("a".to_owned())
        );
        assert_eq!(branch("!branch:a"), BranchFilter::IsNot("a".to_owned()));
        let none = BranchFilter::DoesNotStartWith("a".to_owned());
        assert_eq!(branch("!branch:a*"), none);
    }
}
