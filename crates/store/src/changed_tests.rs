//! Tests whose evidence has changed since they were last judged.
//!
//! An upload adds one short list, so tests that only pass cost nothing, and those that fail a few
//! bytes. A judgement removes the tests that it has stored from the lists that it has read. Lists
//! never change: the rest of a list is a new one, so of two servers that judge the same tests only
//! the first removes them.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use crate::error::StoreError;
use crate::records::{SuiteId, Timestamp};
use crate::sql::{Row, Session, Value, values};
use crate::together::Write;

type Result<T> = std::result::Result<T, StoreError>;

/// Tests per list, so that no value is large if all tests of a suite fail.
const MAX_TESTS: usize = 1_000;
/// Lists that are read together. What is left of them becomes few lists, so a backlog shrinks even
/// if each step judges few tests.
const MAX_LISTS: i64 = 256;

/// The change of some tests by one upload, or what is left of several such lists.
pub(crate) struct ChangedTests {
    pub(crate) id: i64,
    pub(crate) suite: SuiteId,
    /// When the latest of these changes was received.
    pub(crate) changed_at: Timestamp,
    pub(crate) tests: Vec<i64>,
}

/// Notes that tests have to be judged.
pub(crate) fn added(
    suite: i64,
    tests: impl IntoIterator<Item = i64>,
    changed_at: Timestamp,
) -> Write<'static> {
    let tests: Vec<i64> = tests.into_iter().collect();
    let mut cells = Vec::new();
    for some in tests.chunks(MAX_TESTS) {
        let list = serde_json::json!(some).to_string();
        cells.extend(values![suite, changed_at, list]);
    }
    Write::Insert {
        before: "INSERT INTO changed_tests (suite_id, changed_at, tests)",
        columns: 3,
        cells,
        after: "",
    }
}

/// The oldest lists of all suites that are not deleted.
pub(crate) async fn oldest(session: &mut Session) -> Result<Vec<ChangedTests>> {
    let rows = session
        .rows(
            "SELECT changed_tests.id, changed_tests.suite_id, changed_tests.changed_at, \
             changed_tests.tests FROM changed_tests \
             JOIN suites ON suites.id = changed_tests.suite_id AND NOT suites.deleted \
             ORDER BY changed_tests.id LIMIT $1",
            values![MAX_LISTS],
        )
        .await?;
    rows.iter().map(list).collect()
}

/// The tests of a suite that have to be judged.
pub(crate) async fn of_suite(session: &mut Session, suite: SuiteId) -> Result<HashSet<i64>> {
    let select = "SELECT tests FROM changed_tests WHERE suite_id = $1";
    let rows = session.rows(select, values![suite.get()]).await?;
    all_tests(&rows)
}

/// Those of these tests, and possibly others of their suites, that have to be judged.
pub(crate) async fn of_suites_of(session: &mut Session, tests: &[i64]) -> Result<HashSet<i64>> {
    let select = "SELECT tests FROM changed_tests \
         WHERE suite_id IN (SELECT suite_id FROM tests WHERE id";
    let keys = tests.iter().copied().map(Value::from).collect();
    let rows = session.look_up(select, &[], keys, ")").await?;
    all_tests(&rows)
}

/// Removes tests from lists. Does nothing about lists that another process has removed meanwhile.
pub(crate) async fn remove(
    session: &mut Session,
    lists: &[ChangedTests],
    judged: &HashSet<i64>,
) -> Result<()> {
    let delete = "DELETE FROM changed_tests WHERE id";
    let returning = "RETURNING id, suite_id, changed_at, tests";
    let keys = lists.iter().map(|list| list.id.into()).collect();
    let rows = session.look_up(delete, &[], keys, returning).await?;
    let mut left: BTreeMap<SuiteId, (Timestamp, BTreeSet<i64>)> = BTreeMap::new();
    for row in &rows {
        let list = list(row)?;
        let mut tests = list.tests;
        tests.retain(|test| !judged.contains(test));
        if !tests.is_empty() {
            let (changed_at, left) = left.entry(list.suite).or_default();
            *changed_at = list.changed_at.max(*changed_at);
            left.extend(tests);
        }
    }
    let left = left
        .into_iter()
        .map(|(suite, (changed_at, tests))| added(suite.get(), tests, changed_at));
    session.write_together(left.collect()).await
}

fn all_tests(rows: &[Row]) -> Result<HashSet<i64>> {
    let mut all = HashSet::new();
    for row in rows {
        all.extend(tests(row)?);
    }
    Ok(all)
}

fn list(row: &Row) -> Result<ChangedTests> {
    Ok(ChangedTests {
        id: row.integer("id")?,
        suite: SuiteId::new(row.integer("suite_id")?),
        changed_at: row.time("changed_at")?,
        tests: tests(row)?,
    })
}

fn tests(row: &Row) -> Result<Vec<i64>> {
    row.json("tests", "list of changed tests")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::records::{Change, NewSuite};
    use crate::store::Store;

    const NOON: Timestamp = Timestamp::from_millis(5);

    async fn store_with_suite(folder: &tempfile::TempDir) -> (Store, SuiteId) {
        let path = folder.path().join("test.db");
        let store = Store::open_file(&path).await.unwrap();
        let change = Change::by_server(NOON);
        let organization = store
            .create_organization(uuid::Uuid::nil(), "acme", &change)
            .await
            .unwrap();
        let suite = store
            .create_suite(organization.id, NewSuite::default(), &change)
            .await
            .unwrap();
        (store, suite.id)
    }

    #[tokio::test]
    async fn what_is_left_of_lists_becomes_one_and_later_changes_stay() {
        let folder = tempfile::tempdir().unwrap();
        let (store, suite) = store_with_suite(&folder).await;
        let mut session = store.write().await.unwrap();
        let id = suite.get();
        for (tests, at) in [([1, 2, 3], 7), ([2, 3, 4], 6)] {
            let at = Timestamp::from_millis(at);
            let list = added(id, tests, at);
            session.write_together(vec![list]).await.unwrap();
        }
        let read = oldest(&mut session).await.unwrap();
        assert_eq!(read.len(), 2);
        // Arrives while the tests are judged.
        let list = added(id, [2], NOON);
        session.write_together(vec![list]).await.unwrap();
        let judged = HashSet::from([1, 2]);
        remove(&mut session, &read, &judged).await.unwrap();
        let left = oldest(&mut session).await.unwrap();
        let tests: Vec<(i64, &[i64])> = left
            .iter()
            .map(|list| (list.changed_at.millis(), list.tests.as_slice()))
            .collect();
        assert_eq!(tests, [(5, &[2][..]), (7, &[3, 4][..])]);
        let all = of_suite(&mut session, suite).await.unwrap();
        assert_eq!(all, HashSet::from([2, 3, 4]));
        // Another process has read the same lists: they are gone, and nothing else is removed.
        remove(&mut session, &read, &HashSet::from([3]))
            .await
            .unwrap();
        assert_eq!(of_suite(&mut session, suite).await.unwrap(), all);
        assert_eq!(oldest(&mut session).await.unwrap().len(), 2);
    }

    #[tokio::test]
    async fn lists_are_short_and_have_ids_of_their_own() {
        let folder = tempfile::tempdir().unwrap();
        let (store, suite) = store_with_suite(&folder).await;
        let mut session = store.write().await.unwrap();
        let list = added(suite.get(), 0..2_001, NOON);
        session.write_together(vec![list]).await.unwrap();
        let lists = oldest(&mut session).await.unwrap();
        let sizes: Vec<usize> = lists.iter().map(|list| list.tests.len()).collect();
        assert_eq!(sizes, [1_000, 1_000, 1]);
        let all = of_suite(&mut session, suite).await.unwrap();
        remove(&mut session, &lists, &all).await.unwrap();
        assert!(oldest(&mut session).await.unwrap().is_empty());
        let list = added(suite.get(), [1], NOON);
        session.write_together(vec![list]).await.unwrap();
        let next = oldest(&mut session).await.unwrap();
        assert!(next[0].id > lists[2].id, "ids are not reused");
    }
}
