//! Reads tests from rows.

use std::collections::BTreeMap;

use crate::error::StoreError;
use crate::filters::state_of;
use crate::records::{SuiteId, Test, TestId};
use crate::sql::{Row, Session, Value};

type Result<T> = std::result::Result<T, StoreError>;

/// The columns that [`test`] reads.
pub(crate) const TEST_COLUMNS: &str = "tests.id, tests.uuid, tests.suite_id, tests.scope, \
     tests.name, tests.location, tests.file_name, tests.identifier, \
     selectors.value AS selector, \
     tests.state, tests.state_changed_at, tests.first_seen_at, tests.last_seen_at";

pub(crate) const SELECT_TEST: &str =
    "FROM tests LEFT JOIN selectors ON selectors.id = tests.selector_id ";

/// Tests by internal id, which must be distinct. Those that do not exist are left out.
pub(crate) async fn by_ids(
    session: &mut Session,
    ids: impl Iterator<Item = i64>,
) -> Result<BTreeMap<i64, Test>> {
    let select = format!("SELECT {TEST_COLUMNS} {SELECT_TEST} WHERE tests.id");
    let keys = ids.map(Value::from).collect();
    let rows = session.look_up(&select, &[], keys, "").await?;
    let tests = rows.iter().map(|row| Ok((row.integer("id")?, test(row)?)));
    tests.collect()
}

/// Reads [`TEST_COLUMNS`].
pub(crate) fn test(row: &Row) -> Result<Test> {
    Ok(Test {
        id: TestId::new(row.integer("id")?),
        uuid: row.uuid("uuid")?,
        suite: SuiteId::new(row.integer("suite_id")?),
        scope: row.text("scope")?,
        name: row.text("name")?,
        location: row.text_or_null("location")?,
        file_name: row.text_or_null("file_name")?,
        identifier: row.text_or_null("identifier")?,
        selector: row.text_or_null("selector")?,
        state: state_of(row.integer("state")?)?,
        state_changed_at: row.time_or_null("state_changed_at")?,
        first_seen_at: row.time("first_seen_at")?,
        last_seen_at: row.time("last_seen_at")?,
    })
}
