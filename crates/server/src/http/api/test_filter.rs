//! The filters of lists of tests: from the query of an address to the tests that meet it.
//!
//! What the database can decide it decides; owners, results and tags are decided here.

use std::collections::BTreeMap;

use serde::Deserialize;
use test_engine_store::{
    BranchFilter, LabelFilter, Listed, Metrics, OrganizationId, Page, Period, Suite, Test,
    TestOrder, TestQuery, TestState, TestWants, TestWithMetrics, Timestamp,
};

use super::test_answers::{self, file_of, file_of_test};
use crate::App;
use crate::http::error::ApiError;
use crate::owners::Owners;

/// Days looked at unless asked otherwise.
const DEFAULT_DAYS: i64 = 7;
/// Terms that one filter may have.
const MOST_TERMS: usize = 50;
/// The key in `tags` that stands for how executions ended.
const RESULT: &str = "result";

/// As sent.
#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct Sent {
    pub(super) branch: Option<String>,
    pub(super) state: Option<String>,
    pub(super) search: Option<String>,
    pub(super) sort_by: Option<String>,
    pub(super) order: Option<String>,
    pub(super) period: Option<String>,
    pub(super) min_timestamp: Option<String>,
    pub(super) max_timestamp: Option<String>,
    pub(super) label: Option<String>,
    pub(super) labels: Option<String>,
    pub(super) owners: Option<String>,
    pub(super) tags: Option<String>,
}

/// Understood.
#[derive(Debug)]
pub(super) struct TestFilter {
    pub(super) query: TestQuery,
    tags: Vec<TagTerm>,
    results: Vec<ResultTerm>,
    owners: Vec<Term>,
}

/// A word that is wanted, or, after `!`, not wanted.
#[derive(Debug, PartialEq, Eq)]
struct Term {
    word: String,
    is_wanted: bool,
}

/// What an execution's tags must be.
#[derive(Debug, PartialEq, Eq)]
struct TagTerm {
    key: String,
    value: Value,
    is_wanted: bool,
}

#[derive(Debug, PartialEq, Eq)]
enum Value {
    Is(String),
    StartsWith(String),
}

/// How a test's executions must have ended.
#[derive(Debug, PartialEq, Eq)]
struct ResultTerm {
    result: String,
    how: How,
}

#[derive(Debug, PartialEq, Eq)]
enum How {
    AtLeastOne,
    Only,
    None,
}

impl TestFilter {
    /// What is asked for, or what is wrong with it.
    pub(super) fn new(sent: &Sent, page: Page, now: Timestamp) -> Result<Self, ApiError> {
        Self::read(sent, page, now).map_err(ApiError::bad_request)
    }

    fn read(sent: &Sent, page: Page, now: Timestamp) -> Result<Self, String> {
        let state = match present(sent.state.as_ref()) {
            None => None,
            Some("enabled") => Some(TestState::Enabled),
            Some("muted") => Some(TestState::Muted),
            Some("skipped") => Some(TestState::Skipped),
            Some(other) => {
                return Err(format!(
                    "The state {other:?} is none of enabled, muted, skipped."
                ));
            }
        };
        let order = match present(sent.sort_by.as_ref()) {
            None | Some("duration_avg") => TestOrder::DurationMean,
            Some("duration_sum") => TestOrder::DurationSum,
            Some("duration_min") => TestOrder::DurationMin,
            Some("duration_max") => TestOrder::DurationMax,
            Some("reliability") => TestOrder::Reliability,
            Some(other) => {
                return Err(format!(
                    "sort_by {other:?} is none of duration_avg, duration_sum, duration_min, \
                     duration_max, reliability."
                ));
            }
        };
        let descending = match present(sent.order.as_ref()) {
            None | Some("desc") => true,
            Some("asc") => false,
            Some(other) => return Err(format!("The order {other:?} is none of asc, desc.")),
        };
        let (tags, results) = tag_terms(present(sent.tags.as_ref()))?;
        Ok(Self {
            query: TestQuery {
                period: period(sent, now)?,
                branch: branch(present(sent.branch.as_ref()))?,
                state,
                search: present(sent.search.as_ref()).map(str::to_owned),
                labels: labels(sent)?,
                order,
                descending,
                page,
            },
            tags,
            results,
            owners: terms("owners", present(sent.owners.as_ref()))?,
        })
    }

    /// The tests of a suite that meet it, on the page that is asked for.
    pub(super) async fn of_suite(
        &self,
        app: &App,
        suite: &Suite,
    ) -> Result<Listed<TestWithMetrics>, ApiError> {
        let owners = if self.owners.is_empty() {
            Owners::default()
        } else {
            test_answers::owners(app, suite).await?
        };
        if !self.tags.is_empty() {
            let tests = app
                .store
                .tests_with_tags(suite.id, &self.query, &|tags| self.wants_tags(tags))
                .await?;
            return Ok(self.page_of(tests, |_test| &owners));
        }
        let metrics = |metrics: &Metrics| self.wants_metrics(metrics);
        let file = |file_name: Option<&str>, location: Option<&str>| {
            self.wants_owners(&owners, file_of(file_name, location))
        };
        let wants = TestWants {
            metrics: (!self.results.is_empty()).then_some(&metrics),
            file: (!self.owners.is_empty()).then_some(&file),
        };
        Ok(app
            .store
            .tests_wanted(suite.id, &self.query, &wants)
            .await?)
    }

    /// The tests of a build that meet it, on the page that is asked for; `None` without any run.
    pub(super) async fn of_build(
        &self,
        app: &App,
        organization: OrganizationId,
        build_id: &str,
    ) -> Result<Option<Listed<TestWithMetrics>>, ApiError> {
        let wants = |tags: &BTreeMap<String, String>| self.wants_tags(tags);
        let found = app
            .store
            .tests_of_build(organization, build_id, &self.query, &wants)
            .await?;
        let Some(tests) = found else { return Ok(None) };
        let mut owners: BTreeMap<i64, Owners> = BTreeMap::new();
        if !self.owners.is_empty() {
            for item in &tests {
                let id = item.test.suite.get();
                if !owners.contains_key(&id)
                    && let Some(suite) = app.store.suite_by_id(item.test.suite).await?
                {
                    owners.insert(id, test_answers::owners(app, &suite).await?);
                }
            }
        }
        let nobody = Owners::default();
        let page = self.page_of(tests, |test| {
            owners.get(&test.suite.get()).unwrap_or(&nobody)
        });
        Ok(Some(page))
    }

    fn page_of<'a>(
        &self,
        mut tests: Vec<TestWithMetrics>,
        owners: impl Fn(&Test) -> &'a Owners,
    ) -> Listed<TestWithMetrics> {
        tests.retain(|item| {
            let file = file_of_test(&item.test);
            self.wants_metrics(&item.metrics) && self.wants_owners(owners(&item.test), file)
        });
        let page = self.query.page;
        let before = (page.number as usize - 1).saturating_mul(page.size as usize);
        Listed {
            total: tests.len() as u64,
            items: tests
                .into_iter()
                .skip(before)
                .take(page.size as usize)
                .collect(),
        }
    }

    fn wants_tags(&self, tags: &BTreeMap<String, String>) -> bool {
        self.tags.iter().all(|term| {
            let is_there = tags.get(&term.key).is_some_and(|given| match &term.value {
                Value::Is(value) => given == value,
                Value::StartsWith(prefix) => given.starts_with(prefix),
            });
            is_there == term.is_wanted
        })
    }

    fn wants_metrics(&self, metrics: &Metrics) -> bool {
        self.results.iter().all(|term| {
            let counts = &metrics.counts;
            let count = match term.result.as_str() {
                "passed" => counts.passed,
                "failed" => counts.failed,
                "skipped" => counts.skipped,
                _ => counts.unknown,
            };
            match term.how {
                How::AtLeastOne => count > 0,
                How::Only => count > 0 && count == counts.executions(),
                How::None => count == 0,
            }
        })
    }

    fn wants_owners(&self, owners: &Owners, file: &str) -> bool {
        let teams = owners.of(file);
        self.owners
            .iter()
            .all(|term| teams.contains(&term.word) == term.is_wanted)
    }
}

fn present(value: Option<&String>) -> Option<&str> {
    value
        .map(String::as_str)
        .map(str::trim)
        .filter(|value| !value.is_empty())
}

fn branch(sent: Option<&str>) -> Result<Option<BranchFilter>, String> {
    Ok(match sent {
        None => None,
        Some("!" | "*") => return Err("The branch has no name.".to_owned()),
        Some(sent) => Some(match (sent.strip_prefix('!'), sent.strip_suffix('*')) {
            (Some(name), _) => BranchFilter::IsNot(name.to_owned()),
            (None, Some(prefix)) => BranchFilter::StartsWith(prefix.to_owned()),
            (None, None) => BranchFilter::Is(sent.to_owned()),
        }),
    })
}

/// The words between commas.
fn terms(filter: &str, sent: Option<&str>) -> Result<Vec<Term>, String> {
    let terms: Vec<Term> = sent
        .unwrap_or_default()
        .split(',')
        .map(str::trim)
        .filter(|word| !word.is_empty())
        .map(|word| match word.strip_prefix('!') {
            Some(word) => Term {
                word: word.trim().to_owned(),
                is_wanted: false,
            },
            None => Term {
                word: word.to_owned(),
                is_wanted: true,
            },
        })
        .collect();
    if terms.iter().any(|term| term.word.is_empty()) {
        return Err(format!(
            "The filter {filter} has a ! with nothing behind it."
        ));
    }
    if terms.len() > MOST_TERMS {
        return Err(format!(
            "The filter {filter} has more than {MOST_TERMS} terms."
        ));
    }
    Ok(terms)
}

fn labels(sent: &Sent) -> Result<Vec<LabelFilter>, String> {
    let one = present(sent.label.as_ref());
    let several = present(sent.labels.as_ref());
    if one.is_some() && several.is_some() {
        return Err("Send either label or labels.".to_owned());
    }
    if let Some(label) = one {
        return Ok(vec![LabelFilter {
            label: label.to_owned(),
            is_wanted: true,
        }]);
    }
    let labels = terms("labels", several)?
        .into_iter()
        .map(|term| LabelFilter {
            label: term.word,
            is_wanted: term.is_wanted,
        });
    Ok(labels.collect())
}

/// `key:value`, with `!` before either for what is not wanted and `*` behind a beginning.
fn tag_terms(sent: Option<&str>) -> Result<(Vec<TagTerm>, Vec<ResultTerm>), String> {
    let (mut tags, mut results) = (Vec::new(), Vec::new());
    for term in terms("tags", sent)? {
        let Some((key, value)) = term.word.split_once(':') else {
            return Err(format!("The tag {:?} is not key:value.", term.word));
        };
        let (key, value) = (key.trim(), value.trim());
        let negated = value.strip_prefix('!');
        let is_wanted = term.is_wanted && negated.is_none();
        let value = negated.unwrap_or(value);
        if key.is_empty() || value.is_empty() {
            return Err(format!("The tag {:?} is not key:value.", term.word));
        }
        if key == RESULT {
            results.push(result_term(value, is_wanted)?);
            continue;
        }
        tags.push(TagTerm {
            key: key.to_owned(),
            value: match value.strip_suffix('*') {
                Some(prefix) => Value::StartsWith(prefix.to_owned()),
                None => Value::Is(value.to_owned()),
            },
            is_wanted,
        });
    }
    Ok((tags, results))
}

fn result_term(value: &str, is_wanted: bool) -> Result<ResultTerm, String> {
    let only = value.strip_prefix('^');
    let result = only.or_else(|| value.strip_prefix('~')).unwrap_or(value);
    if !["passed", "failed", "skipped", "unknown"].contains(&result) {
        return Err(format!(
            "The result {result:?} is none of passed, failed, skipped, unknown."
        ));
    }
    if only.is_some() && !is_wanted {
        return Err("A result takes either ! or ^.".to_owned());
    }
    let how = match (only, is_wanted) {
        (Some(_), _) => How::Only,
        (None, true) => How::AtLeastOne,
        (None, false) => How::None,
    };
    Ok(ResultTerm {
        result: result.to_owned(),
        how,
    })
}

/// Executions are counted by the day, so shorter periods are their day.
fn period(sent: &Sent, now: Timestamp) -> Result<Period, String> {
    let from = present(sent.min_timestamp.as_ref());
    let to = present(sent.max_timestamp.as_ref());
    if let Some(name) = present(sent.period.as_ref()) {
        if from.is_some() || to.is_some() {
            return Err("Send either period, or min_timestamp and max_timestamp.".to_owned());
        }
        let days = match name {
            "1hour" | "4hours" | "1day" => 1,
            "7days" => 7,
            "14days" => 14,
            "28days" => 28,
            other => {
                return Err(format!(
                    "The period {other:?} is none of 1hour, 4hours, 1day, 7days, 14days, 28days."
                ));
            }
        };
        return Ok(Period::last_days(days, now));
    }
    let to = to.map_or(Ok(now), |text| timestamp("max_timestamp", text))?;
    let from = from.map_or(Ok(to.plus_days(1 - DEFAULT_DAYS)), |text| {
        timestamp("min_timestamp", text)
    })?;
    Ok(Period::between(from, to))
}

fn timestamp(field: &str, text: &str) -> Result<Timestamp, String> {
    let parsed: jiff::Timestamp = text.parse().map_err(|_error| {
        format!("{field} {text:?} is not a time such as 2026-08-01T00:00:00Z.")
    })?;
    Ok(Timestamp::from_millis(parsed.as_millisecond()))
}

#[cfg(test)]
mod tests {
    use test_engine_store::{Period, TestOrder, TestState, Timestamp};

    use super::{BranchFilter, How, Page, Sent, TestFilter, Value};

    fn read(sent: &Sent, now: Timestamp) -> Result<TestFilter, String> {
        TestFilter::read(sent, Page::new(1, 30), now)
    }

    fn text(value: &str) -> String {
        value.to_owned()
    }

    #[test]
    fn the_default_is_a_week_of_the_slowest() {
        let now = Timestamp::from_millis(0).plus_days(100);
        let query = read(&Sent::default(), now).unwrap().query;
        assert_eq!(
            query.period,
            Period {
                first_day: 94,
                last_day: 100
            }
        );
        assert_eq!(
            (query.order, query.descending, query.state),
            (TestOrder::DurationMean, true, None)
        );
    }

    #[test]
    fn filters_are_understood() {
        let filter = Sent {
            state: Some(text("muted")),
            sort_by: Some(text("reliability")),
            order: Some(text("asc")),
            branch: Some(text("main")),
            min_timestamp: Some(text("1970-01-02T10:00:00Z")),
            max_timestamp: Some(text("1970-01-03T00:00:00Z")),
            ..Sent::default()
        };
        let query = read(&filter, Timestamp::from_millis(0)).unwrap().query;
        assert_eq!(
            query.period,
            Period {
                first_day: 1,
                last_day: 2
            }
        );
        assert_eq!(
            (query.order, query.descending),
            (TestOrder::Reliability, false)
        );
        assert_eq!(
            (query.state, query.branch),
            (Some(TestState::Muted), Some(BranchFilter::Is(text("main"))))
        );
    }

    #[test]
    fn what_is_not_known_is_refused_rather_than_ignored() {
        let now = Timestamp::from_millis(0);
        for filter in [
            Sent {
                state: Some(text("gone")),
                ..Sent::default()
            },
            Sent {
                sort_by: Some(text("name")),
                ..Sent::default()
            },
            Sent {
                order: Some(text("up")),
                ..Sent::default()
            },
            Sent {
                period: Some(text("1year")),
                ..Sent::default()
            },
            Sent {
                period: Some(text("7days")),
                min_timestamp: Some(text("1970-01-02T10:00:00Z")),
                ..Sent::default()
            },
            Sent {
                min_timestamp: Some(text("yesterday")),
                ..Sent::default()
            },
            Sent {
                labels: Some(text("a,!")),
                ..Sent::default()
            },
        ] {
            assert!(read(&filter, now).is_err(), "{filter:?}");
        }
    }

    #[test]
    fn terms_are_wanted_or_not() {
        let sent = Sent {
            branch: Some(text("feature/*")),
            labels: Some(text("slow, !flaky,")),
            owners: Some(text("!web")),
            tags: Some(text(
                "team:shop,!host.arch:arm*,cloud:!gcp,result:^passed,result:!failed",
            )),
            ..Sent::default()
        };
        let filter = read(&sent, Timestamp::from_millis(0)).unwrap();
        assert_eq!(
            filter.query.branch,
            Some(BranchFilter::StartsWith(text("feature/")))
        );
        let labels: Vec<(&str, bool)> = filter
            .query
            .labels
            .iter()
            .map(|label| (label.label.as_str(), label.is_wanted))
            .collect();
        assert_eq!(labels, [("slow", true), ("flaky", false)]);
        assert_eq!(
            (filter.owners[0].word.as_str(), filter.owners[0].is_wanted),
            ("web", false)
        );
        let tags: Vec<(&str, &Value, bool)> = filter
            .tags
            .iter()
            .map(|tag| (tag.key.as_str(), &tag.value, tag.is_wanted))
            .collect();
        assert_eq!(
            tags,
            [
                ("team", &Value::Is(text("shop")), true),
                ("host.arch", &Value::StartsWith(text("arm")), false),
                ("cloud", &Value::Is(text("gcp")), false),
            ]
        );
        let results: Vec<(&str, &How)> = filter
            .results
            .iter()
            .map(|term| (term.result.as_str(), &term.how))
            .collect();
        assert_eq!(results, [("passed", &How::Only), ("failed", &How::None)]);
    }

    #[test]
    fn filters_that_say_nothing_are_refused() {
        let now = Timestamp::from_millis(0);
        let many = "a,".repeat(51);
        for (name, value) in [
            ("tags", "team"),
            ("tags", ":x"),
            ("tags", "x:"),
            ("tags", "result:broken"),
            ("tags", "!result:^passed"),
            ("owners", "!"),
            ("owners", many.as_str()),
            ("branch", "*"),
        ] {
            let mut sent = Sent::default();
            let field = match name {
                "tags" => &mut sent.tags,
                "owners" => &mut sent.owners,
                _ => &mut sent.branch,
            };
            *field = Some(text(value));
            assert!(read(&sent, now).is_err(), "{name}={value}");
        }
        let both = Sent {
            label: Some(text("a")),
            labels: Some(text("b")),
            ..Sent::default()
        };
        assert!(read(&both, now).is_err());
    }
}
