//! One search for tests, runs, commits and messages of failures: in a suite, or in all suites that
//! the viewer can see.

use std::collections::BTreeMap;

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;
use test_engine_insights::Fingerprint;
use test_engine_store::{FoundCommit, FoundMessage, Page as ListPage, Suite, SuiteId, Test};

use super::format;
use super::page::{Frame, PageError, show};
use super::run_rows::{self, title};
use super::status::Mark;
use super::test_list::tests_with_text;
use super::viewer::Viewer;
use crate::App;
use crate::clock::rfc3339;
use crate::http::params::Params;
use crate::links::Links;

pub(super) const ADDRESS: &str = "/search";
/// Characters of a text to search for.
const MAX_TEXT: usize = 300;
/// Characters of a result.
const MAX_RESULT: usize = 200;
/// Results of a kind.
const LIMIT: u32 = 20;
/// Suites that are searched.
const MAX_SUITES: usize = 100;

#[derive(Template)]
#[template(path = "search.html")]
struct Page {
    frame: Frame,
    text: String,
    max_text: usize,
    sentence: String,
    /// The suite that is searched, and its name; empty for all suites.
    place: String,
    suite: String,
    /// The same search in all suites.
    everywhere: String,
    /// All tests with the text; empty in several suites.
    all_tests: String,
    groups: Vec<Group>,
}

/// Results of a kind.
struct Group {
    heading: &'static str,
    results: Vec<Found>,
    /// Whether there may be more.
    is_cut: bool,
}

struct Found {
    address: String,
    name: String,
    /// What distinguishes it from others with this name.
    detail: String,
    mark: Option<Mark>,
    /// Empty if it has none.
    time: String,
    ago: String,
    /// Where it is, if several suites are searched.
    suite: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Query {
    q: String,
    /// The slugs of organization and suite, with a slash between.
    #[serde(rename = "in")]
    place: String,
}

pub(super) async fn get(
    State(app): State<App>,
    viewer: Viewer,
    Params(query): Params<Query>,
) -> Result<Response, PageError> {
    let suites = suites(&app, &viewer, &query.place).await?;
    let text: String = query.q.trim().chars().take(MAX_TEXT).collect();
    let place = Place::new(suites, &query.place);
    let groups = if text.is_empty() {
        Vec::new()
    } else {
        search(&app, &place, &text).await?
    };
    let only = place.only();
    let mut frame = match only {
        Some(suite) => Frame::of_suite("Search", &viewer, suite),
        None => Frame::new("Search", &viewer),
    };
    // The page has its own.
    frame.has_search = false;
    let everywhere = serde_urlencoded::to_string([("q", &text)]).unwrap_or_default();
    show(&Page {
        frame,
        sentence: sentence(&text, &groups),
        max_text: MAX_TEXT,
        place: only.map_or_else(String::new, slugs),
        suite: only.map_or_else(String::new, |suite| suite.name.clone()),
        everywhere: format!("{ADDRESS}?{everywhere}"),
        all_tests: only.map_or_else(String::new, |suite| {
            tests_with_text(&format!("{}/tests", Links::suite_path(suite)), &text)
        }),
        groups,
        text,
    })
}

/// Identifies a suite in the address of a search.
pub(super) fn slugs(suite: &Suite) -> String {
    format!("{}/{}", suite.organization_slug, suite.slug)
}

/// The suite with these slugs, or all that the viewer can see.
async fn suites(app: &App, viewer: &Viewer, place: &str) -> Result<Vec<Suite>, PageError> {
    if let Some((organization, suite)) = place.split_once('/') {
        let organization = viewer.organization(app, organization).await?;
        let suite = app.store.suite(&organization.slug, suite).await?;
        return Ok(vec![suite.ok_or(PageError::NotFound)?]);
    }
    let mut found = Vec::new();
    for slug in viewer.visible_organizations(app).await? {
        let organization = viewer.organization(app, &slug).await?;
        let left = u32::try_from(MAX_SUITES - found.len()).unwrap_or(0);
        if left == 0 {
            break;
        }
        let page = ListPage::new(1, left);
        found.extend(app.store.suites(organization.id, page).await?.items);
    }
    Ok(found)
}

/// The suites that are searched.
struct Place {
    suites: BTreeMap<SuiteId, Suite>,
    is_one: bool,
}

impl Place {
    fn new(suites: Vec<Suite>, place: &str) -> Self {
        Self {
            suites: suites.into_iter().map(|suite| (suite.id, suite)).collect(),
            is_one: place.contains('/'),
        }
    }

    fn only(&self) -> Option<&Suite> {
        self.suites.values().next().filter(|_| self.is_one)
    }

    fn ids(&self) -> Vec<SuiteId> {
        self.suites.keys().copied().collect()
    }

    /// The address of a suite, and its name if there are several.
    fn of(&self, suite: SuiteId) -> (String, String) {
        let Some(suite) = self.suites.get(&suite) else {
            return (String::new(), String::new());
        };
        let name = if self.suites.len() > 1 {
            suite.name.clone()
        } else {
            String::new()
        };
        (Links::suite_path(suite), name)
    }
}

async fn search(app: &App, place: &Place, text: &str) -> Result<Vec<Group>, PageError> {
    let (store, ids, now) = (&app.store, place.ids(), app.clock.now());
    let tests = store.search_tests(&ids, text, LIMIT).await?;
    let mut runs = store.search_runs(&ids, text, LIMIT).await?;
    // Those with failures of this cause.
    if let Ok(fingerprint) = text.parse::<Fingerprint>() {
        let page = ListPage::new(1, LIMIT);
        for id in &ids {
            let found = store.runs_with_fingerprint(*id, fingerprint, page);
            runs.extend(found.await?.items);
            if runs.len() >= LIMIT as usize {
                break;
            }
        }
        runs.truncate(LIMIT as usize);
    }
    let marks = run_rows::marks(app, &runs).await?;
    let commits = store.search_commits(&ids, text, LIMIT).await?;
    let messages = store.search_messages(&ids, text, LIMIT).await?;
    let runs = runs.iter().zip(marks).map(|(run, mark)| {
        let (base, suite) = place.of(run.suite);
        Found {
            address: format!("{base}/runs/{}", run.uuid),
            name: title(run),
            detail: format::shortened(run.branch.as_deref().unwrap_or_default(), MAX_RESULT),
            mark: Some(mark),
            time: rfc3339(run.created_at),
            ago: format::ago(run.created_at, now),
            suite,
        }
    });
    let commit = |commit: &FoundCommit| {
        let (base, suite) = place.of(commit.suite);
        let message = format::first_line(Some(&commit.message));
        Found {
            address: format!("{base}/runs?commit={}", commit.sha),
            name: format!("{} {message}", format::commit(Some(&commit.sha))),
            detail: commit.author.clone(),
            mark: None,
            time: commit.first_at.map_or_else(String::new, rfc3339),
            ago: commit
                .first_at
                .map_or_else(|| "no results".to_owned(), |at| format::ago(at, now)),
            suite,
        }
    };
    let message = |message: &FoundMessage| {
        let (base, suite) = place.of(message.run.suite);
        let times = format::counted(message.failures, "failure");
        Found {
            address: format!("{base}/runs/{}", message.run.uuid),
            name: format::first_line(Some(message.reason.trim_start())),
            detail: format!("{times}, the newest of {}", name_of(&message.test)),
            mark: None,
            time: rfc3339(message.run.created_at),
            ago: format::ago(message.run.created_at, now),
            suite,
        }
    };
    let groups = [
        ("Tests", tests.iter().map(|one| test(one, place)).collect()),
        ("Runs", runs.collect()),
        ("Commits", commits.iter().map(commit).collect()),
        (
            "Messages of recent failures",
            messages.iter().map(message).collect(),
        ),
    ];
    Ok(groups
        .map(|(heading, results)| Group::new(heading, results))
        .into())
}

fn test(test: &Test, place: &Place) -> Found {
    let (base, suite) = place.of(test.suite);
    let location = test.location.as_deref().or(test.file_name.as_deref());
    Found {
        address: format!("{base}/tests/{}", test.uuid),
        name: name_of(test),
        detail: location.unwrap_or_default().to_owned(),
        mark: None,
        time: String::new(),
        ago: String::new(),
        suite,
    }
}

fn name_of(test: &Test) -> String {
    let name = format!("{} {}", test.scope, test.name);
    name.trim().to_owned()
}

impl Group {
    fn new(heading: &'static str, mut results: Vec<Found>) -> Self {
        for found in &mut results {
            found.name = format::shortened(&found.name, MAX_RESULT);
            found.detail = format::shortened(&found.detail, MAX_RESULT);
        }
        Self {
            heading,
            is_cut: results.len() >= LIMIT as usize,
            results,
        }
    }
}

fn sentence(text: &str, groups: &[Group]) -> String {
    if text.is_empty() {
        return "Finds tests, runs, commits and messages of failures.".to_owned();
    }
    let found: usize = groups.iter().map(|group| group.results.len()).sum();
    match found {
        0 => format!("Nothing matches “{text}”."),
        found => {
            let is_cut = groups.iter().any(|group| group.is_cut);
            let least = if is_cut { "At least " } else { "" };
            let results = format::counted(found as u64, "result");
            format!("{least}{results} for “{text}”.")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Found, Group, LIMIT, sentence};

    fn group(results: u32) -> Group {
        let found = |_| Found {
            address: String::new(),
            name: "x".repeat(500),
            detail: String::new(),
            mark: None,
            time: String::new(),
            ago: String::new(),
            suite: String::new(),
        };
        Group::new("Tests", (0..results).map(found).collect())
    }

    #[test]
    fn the_first_line_counts_results() {
        let of = |groups: &[Group]| sentence("pays", groups);
        assert_eq!(of(&[group(0), group(0)]), "Nothing matches “pays”.");
        assert_eq!(of(&[group(1), group(0)]), "1 result for “pays”.");
        let many = of(&[group(LIMIT), group(1)]);
        assert_eq!(many, "At least 21 results for “pays”.");
        assert!(sentence("", &[]).starts_with("Finds tests"));
    }

    #[test]
    fn long_results_are_shortened() {
        assert_eq!(group(1).results[0].name.chars().count(), 201);
    }
}
