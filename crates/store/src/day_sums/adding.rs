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

/// Which sums of a day. Both have the same format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sums {
    /// Of all executions.
    All,
    /// Of those that are part of an outage; [`Sums::All`] contains them too.
    Guarded,
}

impl Sums {
    pub(crate) const fn table(self) -> &'static str {
        match self {
            Self::All => "day_blocks",
            Self::Guarded => "guarded_blocks",
        }
    }
}

/// A suite, a day and a branch (0: none).
type Place = (i64, i64, i64);

/// Adds to the sums of a day and branch. The transaction must have locked the suite.
pub(crate) async fn add(
    session: &mut Session,
    which: Sums,
    place: Place,
    tests: impl IntoIterator<Item = (i64, Metrics)>,
) -> Result<(), StoreError> {
    change(session, which, place, tests, sums::merge).await
}

/// Subtracts from the counts of a day and branch, not from the durations. The transaction must have
/// locked the suite.
pub(crate) async fn subtract(
    session: &mut Session,
    which: Sums,
    place: Place,
    tests: impl IntoIterator<Item = (i64, Metrics)>,
) -> Result<(), StoreError> {
    change(session, which, place, tests, sums::subtract_counts).await
}

async fn change(
    session: &mut Session,
    which: Sums,
    place: Place,
    tests: impl IntoIterator<Item = (i64, Metrics)>,
    apply: fn(&mut Metrics, &Metrics),
) -> Result<(), StoreError> {
    let mut changes: BTreeMap<i64, Block> = BTreeMap::new();
    for (test_id, metrics) in tests {
        let (block, position) = place_of(test_id);
        let block = changes.entry(block).or_default();
        sums::merge(block.entry(position).or_default(), &metrics);
    }
    let numbers = changes.keys().copied();
    let mut blocks = stored(session, which, place, numbers).await?;
    for (number, tests) in changes {
        let block = blocks.entry(number).or_default();
        for (position, metrics) in tests {
            apply(block.entry(position).or_default(), &metrics);
        }
    }
    write(session, which, place, &blocks).await
}

async fn stored(
    session: &mut Session,
    which: Sums,
    (suite_id, day, branch_id): Place,
    blocks: impl Iterator<Item = i64>,
) -> Result<BTreeMap<i64, Block>, StoreError> {
    let select = format!(
        "SELECT block, body FROM {} WHERE suite_id = ? AND day = ? AND branch_id = ? AND block",
        which.table()
    );
    let bound = values![suite_id, day, branch_id];
    let numbers = blocks.map(Value::from).collect();
    let rows = session.look_up(&select, &bound, numbers, "").await?;
    let [block, body] = positions(&rows, ["block", "body"])?;
    let mut found: BTreeMap<i64, Block> = BTreeMap::new();
    for row in rows {
        let tests = found.entry(row.integer(block)?).or_default();
        body::read(&row.bytes(body)?, |place, metrics| {
            tests.insert(place, metrics);
        })?;
    }
    Ok(found)
}

async fn write(
    session: &mut Session,
    which: Sums,
    (suite_id, day, branch_id): Place,
    blocks: &BTreeMap<i64, Block>,
) -> Result<(), StoreError> {
    // In primary key order, so that adjacent rows are written together.
    let mut cells = Vec::with_capacity(blocks.len() * 6);
    for (block, tests) in blocks {
        let count = i64::try_from(tests.len()).unwrap_or(i64::MAX);
        let body = body::encode(tests.iter().map(|(place, metrics)| (*place, metrics)));
        cells.extend(values![suite_id, day, *block, branch_id, count, body]);
    }
    let table = which.table();
    let insert = format!("INSERT INTO {table} (suite_id, day, block, branch_id, tests, body)");
    let update = "ON CONFLICT (suite_id, day, block, branch_id) DO UPDATE SET \
         tests = excluded.tests, body = excluded.body";
    session.write_many(&insert, 6, cells, update).await?;
    Ok(())
}
