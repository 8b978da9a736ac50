//! Adds executions to the daily sums of their tests.
//!
//! Reads, changes and writes back blocks. The caller has locked the suite, so that no other
//! transaction changes them.

use std::collections::BTreeMap;

use super::body::{self, place_of};
use crate::error::StoreError;
use crate::records::Metrics;
use crate::sql::{Session, Value, positions, values};
use crate::sums;

/// By position in the block.
type Block = BTreeMap<u8, Metrics>;

/// Adds to the sums of a day and branch (0: none). The transaction must have locked the suite.
pub(crate) async fn add(
    session: &mut Session,
    suite_id: i64,
    day: i64,
    branch_id: i64,
    tests: impl IntoIterator<Item = (i64, Metrics)>,
) -> Result<(), StoreError> {
    let mut blocks: BTreeMap<i64, Block> = BTreeMap::new();
    for (test_id, metrics) in tests {
        let (block, place) = place_of(test_id);
        let place = blocks.entry(block).or_default().entry(place).or_default();
        sums::merge(place, &metrics);
    }
    add_stored(session, suite_id, day, branch_id, &mut blocks).await?;
    write(session, suite_id, day, branch_id, &blocks).await
}

async fn add_stored(
    session: &mut Session,
    suite_id: i64,
    day: i64,
    branch_id: i64,
    blocks: &mut BTreeMap<i64, Block>,
) -> Result<(), StoreError> {
    let numbers = blocks.keys().copied().map(Value::from).collect();
    let rows = session
        .look_up(
            "SELECT block, body FROM day_blocks \
             WHERE suite_id = ? AND day = ? AND branch_id = ? AND block",
            &values![suite_id, day, branch_id],
            numbers,
            "",
        )
        .await?;
    let [block, body] = positions(&rows, ["block", "body"])?;
    for row in rows {
        let tests = blocks.entry(row.integer(block)?).or_default();
        body::read(&row.bytes(body)?, |place, metrics| {
            sums::merge(tests.entry(place).or_default(), &metrics);
        })?;
    }
    Ok(())
}

async fn write(
    session: &mut Session,
    suite_id: i64,
    day: i64,
    branch_id: i64,
    blocks: &BTreeMap<i64, Block>,
) -> Result<(), StoreError> {
    // In primary key order, so that adjacent rows are written together.
    let mut cells = Vec::with_capacity(blocks.len() * 6);
    for (block, tests) in blocks {
        let count = i64::try_from(tests.len()).unwrap_or(i64::MAX);
        let body = body::encode(tests.iter().map(|(place, metrics)| (*place, metrics)));
        cells.extend(values![suite_id, day, *block, branch_id, count, body]);
    }
    let insert = "INSERT INTO day_blocks (suite_id, day, block, branch_id, tests, body)";
    let update = "ON CONFLICT (suite_id, day, block, branch_id) DO UPDATE SET \
         tests = excluded.tests, body = excluded.body";
    session.write_many(insert, 6, cells, update).await?;
    Ok(())
}
