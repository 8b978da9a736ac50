//! A comparison as a file: a row for each difference, with what both runs say about the test.

use std::collections::{BTreeMap, HashMap};

use test_engine_store::{Run, Suite, TestId, TestInRun};

use super::super::export;
use super::super::page::PageError;
use super::difference::{Difference, Kind};
use super::{Both, duration, mark, messages};
use crate::App;

/// `before` and `after` are how the test ended in the other run and in this one; empty if it is not
/// in the run.
pub(super) const COLUMNS: [&str; 11] = [
    "difference",
    "id",
    "scope",
    "name",
    "location",
    "before",
    "after",
    "before_seconds",
    "after_seconds",
    "message",
    "url",
];

/// A test of a kind.
pub(super) struct Item {
    kind: Kind,
    test: TestId,
    before: Option<TestInRun>,
    after: Option<TestInRun>,
}

/// In the order of the page.
pub(super) fn items(found: &Difference<TestId>, tests: &Both) -> Vec<Item> {
    let of = |tests: &HashMap<TestId, TestInRun>, test: &TestId| tests.get(test).copied();
    let all = Kind::ALL.into_iter().flat_map(|kind| {
        let of_kind = found.of_kind(kind).iter();
        of_kind.map(move |test| Item {
            kind,
            test: *test,
            before: of(&tests.before, test),
            after: of(&tests.after, test),
        })
    });
    all.collect()
}

/// `after` is this run, whose new failures have messages.
pub(super) fn chunks(app: App, suite: Suite, after: Run, items: Vec<Item>) -> export::Chunks {
    export::of_items(items, move |items| {
        let (app, suite, after) = (App::clone(&app), suite.clone(), after.clone());
        async move { rows(&app, &suite, &after, items).await }
    })
}

async fn rows(
    app: &App,
    suite: &Suite,
    after: &Run,
    items: Vec<Item>,
) -> Result<Vec<export::Row>, PageError> {
    // A test may be of several kinds.
    let mut ids: Vec<TestId> = items.iter().map(|item| item.test).collect();
    ids.sort_unstable();
    ids.dedup();
    let known = app.store.tests_with_ids(&ids).await?;
    let failing = items.iter().filter(|item| item.kind == Kind::NewFailures);
    let mut failing: Vec<TestId> = failing.map(|item| item.test).collect();
    let mut known_messages = BTreeMap::new();
    while !failing.is_empty() {
        let found = messages(app, after, &failing).await?;
        if found.is_empty() {
            break;
        }
        failing.retain(|test| !found.contains_key(test));
        known_messages.extend(found);
    }
    // Tests that were deleted in between are left out.
    let rows = items.into_iter().filter_map(|item| {
        let test = known.get(&item.test)?;
        let message = match item.kind {
            Kind::NewFailures => known_messages.remove(&item.test),
            _ => None,
        };
        let end = |found: Option<TestInRun>| found.map(|found| mark(found.end).1);
        Some(vec![
            item.kind.title().into(),
            test.uuid.to_string().into(),
            test.scope.clone().into(),
            test.name.clone().into(),
            test.location
                .clone()
                .or_else(|| test.file_name.clone())
                .into(),
            end(item.before).into(),
            end(item.after).into(),
            duration(item.before.as_ref()).into(),
            duration(item.after.as_ref()).into(),
            message.into(),
            app.links.test_page(suite, test.uuid).into(),
        ])
    });
    Ok(rows.collect())
}
