//! Statements with many rows or keys, by engine. Contains no query of its own.
//!
//! SQLite is fastest with lists of values and a prepared statement, so lists have few different
//! lengths: rows are split into a few sizes, and a list of keys is filled up with its last one,
//! because a key may occur twice in a list. For Postgres a statement is a round trip, so the values
//! of a column are one array of any length, and the statement is prepared once.

use sqlx::postgres::{PgArguments, PgConnection};
use sqlx::{Arguments as _, AssertSqlSafe, Encode, Postgres, Type};

use crate::error::StoreError;
use crate::query_count;
use crate::sql::{Row, Session, Value};

type Result<T> = std::result::Result<T, StoreError>;

/// Rows or keys per Postgres statement; bounds its memory.
pub(crate) const LARGEST: usize = 10_000;
/// Rows per SQLite statement, largest first. Few lengths, so that prepared statements are reused;
/// each statement is a wait for the thread of the connection.
const ROWS: &[usize] = &[128, 96, 64, 56, 48, 40, 32, 24, 16, 12, 8, 6, 4, 3, 2, 1];
/// Keys per SQLite statement, smallest first.
const KEYS: &[usize] = &[1, 4, 15, 60, 250, 1000];

impl Session {
    /// Inserts rows of `columns` values each, given one after another in `cells`, between `before`
    /// (`INSERT INTO table (columns)`) and `after`. Returns the statement's rows, unordered.
    pub(crate) async fn write_many(
        &mut self,
        before: &str,
        columns: usize,
        cells: Vec<Value<'_>>,
        after: &str,
    ) -> Result<Vec<Row>> {
        if !cells.is_empty() {
            query_count::sent();
        }
        let mut returned = Vec::new();
        if let Some(connection) = self.postgres() {
            for cells in cells.chunks(columns * LARGEST) {
                let mut statement = Statement::default();
                let text = statement.insert(before, columns, cells, after)?;
                let query = sqlx::query_with(AssertSqlSafe(text), statement.arguments);
                let rows = query.fetch_all(&mut *connection).await?;
                returned.extend(rows.into_iter().map(Row::from));
            }
            return Ok(returned);
        }
        let item = format!("({})", vec!["?"; columns].join(","));
        let (before, after) = (format!("{before} VALUES "), format!(" {after}"));
        let sizes = sizes(cells.len() / columns, ROWS);
        let mut cells = cells.into_iter();
        for size in sizes {
            let text = repeated(&before, &item, size, &after);
            let rows = self
                .part_of_rows(text, cells.by_ref().take(size * columns))
                .await?;
            returned.extend(rows);
        }
        Ok(returned)
    }

    /// Finds the rows with one of these keys, which must be distinct. `before` ends with the column
    /// to search, `bound` are the values of its `?`. The rows are unordered.
    pub(crate) async fn look_up(
        &mut self,
        before: &str,
        bound: &[Value<'_>],
        keys: Vec<Value<'_>>,
        after: &str,
    ) -> Result<Vec<Row>> {
        if !keys.is_empty() {
            query_count::sent();
        }
        let mut found = Vec::new();
        if let Some(connection) = self.postgres() {
            for keys in keys.chunks(LARGEST) {
                let mut statement = Statement::default();
                let text = statement.with_keys(before, bound, keys, after)?;
                let query = sqlx::query_with(AssertSqlSafe(text), statement.arguments);
                let rows = query.fetch_all(&mut *connection).await?;
                found.extend(rows.into_iter().map(Row::from));
            }
            return Ok(found);
        }
        let (before, after) = (format!("{before} IN ("), format!(") {after}"));
        let largest = KEYS.last().copied().unwrap_or(1);
        for keys in keys.chunks(largest) {
            let size = size_for(keys.len());
            let text = repeated(&before, "?", size, &after);
            let filling = std::iter::repeat_n(&keys[keys.len() - 1], size - keys.len());
            let values = bound.iter().chain(keys).chain(filling).cloned();
            found.extend(self.part_of_rows(text, values).await?);
        }
        Ok(found)
    }

    pub(crate) fn postgres(&mut self) -> Option<&mut PgConnection> {
        match self {
            Self::PostgresRead(connection) => Some(&mut **connection),
            Self::PostgresWrite(transaction) => Some(&mut **transaction),
            Self::SqliteRead(_) | Self::SqliteWrite(_) => None,
        }
    }
}

/// The arguments of a Postgres statement while its text is made.
#[derive(Default)]
pub(crate) struct Statement {
    pub(crate) arguments: PgArguments,
    count: usize,
}

impl Statement {
    /// Rows as in [`Session::write_many`].
    pub(crate) fn insert(
        &mut self,
        before: &str,
        columns: usize,
        cells: &[Value<'_>],
        after: &str,
    ) -> Result<String> {
        let places = (0..columns).map(|column| {
            let values = cells.iter().skip(column).step_by(columns);
            self.array(values)
        });
        let places: Vec<String> = places.collect::<Result<_>>()?;
        let places = places.join(",");
        Ok(format!("{before} SELECT * FROM UNNEST({places}) {after}"))
    }

    /// Keys as in [`Session::look_up`].
    pub(crate) fn with_keys(
        &mut self,
        before: &str,
        bound: &[Value<'_>],
        keys: &[Value<'_>],
        after: &str,
    ) -> Result<String> {
        let text = self.with_values(before, bound)?;
        // A join instead of `= ANY(…)`: uses the index even without statistics.
        let keys = self.array(keys.iter())?;
        Ok(format!("{text} IN (SELECT UNNEST({keys})) {after}"))
    }

    /// A text with a `?` for each value.
    pub(crate) fn with_values(&mut self, text: &str, bound: &[Value<'_>]) -> Result<String> {
        use std::fmt::Write as _;
        let mut numbered = String::with_capacity(text.len() * 2);
        for (number, part) in text.split('?').enumerate() {
            if number > 0 {
                self.count += 1;
                // Writing to a string cannot fail.
                let _ = write!(numbered, "${}", self.count);
            }
            numbered.push_str(part);
        }
        for value in bound {
            add_value(&mut self.arguments, value)?;
        }
        Ok(numbered)
    }

    /// Adds values as one array, and returns its place in the text.
    fn array<'v>(&mut self, values: impl Iterator<Item = &'v Value<'v>> + Clone) -> Result<String> {
        let kind = add_array(&mut self.arguments, values)?;
        self.count += 1;
        Ok(format!("${}::{kind}[]", self.count))
    }
}

/// Adds values as one array, and returns the name of their type, which must be the same for all.
fn add_array<'v>(
    arguments: &mut PgArguments,
    mut values: impl Iterator<Item = &'v Value<'v>> + Clone,
) -> Result<&'static str> {
    let Some(first) = values.clone().next() else {
        return Err(unfit("no values"));
    };
    macro_rules! array {
        ($kind:ident, |$value:ident| $as:expr, $name:literal) => {{
            let array: Option<Vec<_>> = values
                .by_ref()
                .map(|value| match value {
                    Value::$kind($value) => Some($as),
                    _ => None,
                })
                .collect();
            add(
                arguments,
                array.ok_or_else(|| unfit("values of two kinds"))?,
            )?;
            Ok($name)
        }};
    }
    match first {
        Value::Integer(_) => array!(Integer, |value| *value, "BIGINT"),
        Value::Text(_) => array!(Text, |value| value.as_deref(), "TEXT"),
        Value::Bytes(_) => array!(Bytes, |value| value.as_deref(), "BYTEA"),
        Value::Boolean(_) => array!(Boolean, |value| *value, "BOOLEAN"),
    }
}

fn add_value(arguments: &mut PgArguments, value: &Value<'_>) -> Result<()> {
    match value {
        Value::Integer(value) => add(arguments, *value),
        Value::Text(value) => add(arguments, value.as_deref()),
        Value::Bytes(value) => add(arguments, value.as_deref()),
        Value::Boolean(value) => add(arguments, *value),
    }
}

fn add<'v, T>(arguments: &mut PgArguments, value: T) -> Result<()>
where
    T: Encode<'v, Postgres> + Type<Postgres>,
{
    arguments
        .add(value)
        .map_err(|error| StoreError::from(sqlx::Error::Encode(error)))
}

fn unfit(what: &'static str) -> StoreError {
    StoreError::from(sqlx::Error::Encode(what.into()))
}

fn repeated(before: &str, item: &str, count: usize, after: &str) -> String {
    let mut text = String::with_capacity(before.len() + (item.len() + 1) * count + after.len());
    text.push_str(before);
    for index in 0..count {
        if index > 0 {
            text.push(',');
        }
        text.push_str(item);
    }
    text.push_str(after);
    text
}

/// Splits a number of rows into these sizes, largest first.
fn sizes(mut length: usize, sizes: &'static [usize]) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let size = *sizes.iter().find(|size| **size <= length)?;
        length -= size;
        Some(size)
    })
}

/// The smallest size of a list that holds so many keys, at most as many as the largest one.
fn size_for(keys: usize) -> usize {
    let fitting = KEYS.iter().find(|size| **size >= keys);
    fitting.copied().unwrap_or(keys)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splits_rows_into_few_sizes() {
        let rows: Vec<usize> = sizes(213, ROWS).collect();
        assert_eq!(rows, [128, 64, 16, 4, 1]);
        let rows: Vec<usize> = sizes(300, ROWS).collect();
        assert_eq!(rows, [128, 128, 40, 4]);
        assert_eq!(sizes(0, ROWS).count(), 0);
    }

    #[test]
    fn lists_of_keys_have_few_lengths() {
        let sizes = [1, 2, 4, 5, 40, 61, 1000].map(size_for);
        assert_eq!(sizes, [1, 4, 4, 15, 60, 250, 1000]);
    }

    #[test]
    fn formats_value_lists() {
        assert_eq!(repeated("IN (", "?", 3, ")"), "IN (?,?,?)");
    }

    #[test]
    fn rejects_arrays_of_mixed_types() {
        let mut arguments = PgArguments::default();
        let numbers = [Value::from(1_i64), Value::from(None::<i64>)];
        assert_eq!(add_array(&mut arguments, numbers.iter()).unwrap(), "BIGINT");
        let mixed = [Value::from(1_i64), Value::from("one")];
        assert!(add_array(&mut arguments, mixed.iter()).is_err());
    }
}
