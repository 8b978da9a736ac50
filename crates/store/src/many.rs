//! Statements with many rows or keys, by engine. Contains no query of its own.
//!
//! SQLite is fastest with lists of values and a prepared statement, so rows are split into lists of
//! few different lengths. For Postgres a statement is a round trip, so the values of a column are
//! one array of any length, and the statement is prepared once.

use sqlx::postgres::{PgArguments, PgConnection};
use sqlx::{Arguments as _, AssertSqlSafe, Encode, Postgres, Type};

use crate::error::StoreError;
use crate::sql::{Row, Session, Text, Value};

type Result<T> = std::result::Result<T, StoreError>;

/// Rows or keys per Postgres statement; bounds its memory.
const LARGEST: usize = 10_000;
/// Rows per SQLite statement. Few lengths, so that prepared statements are reused.
const ROWS: &[usize] = &[100, 10, 1];
/// Keys per SQLite statement.
const KEYS: &[usize] = &[1000, 100, 10, 1];

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
        let mut returned = Vec::new();
        if let Some(connection) = self.postgres() {
            for cells in cells.chunks(columns * LARGEST) {
                let mut arguments = PgArguments::default();
                let places: Vec<String> = (0..columns)
                    .map(|column| {
                        let values = cells.iter().skip(column).step_by(columns);
                        let kind = add_array(&mut arguments, values)?;
                        Ok(format!("${}::{kind}[]", column + 1))
                    })
                    .collect::<Result<_>>()?;
                let text = format!(
                    "{before} SELECT * FROM UNNEST({}) {after}",
                    places.join(",")
                );
                let query = sqlx::query_with(AssertSqlSafe(text), arguments);
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
            let rows = self.rows(text, cells.by_ref().take(size * columns)).await?;
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
        let mut found = Vec::new();
        if let Some(connection) = self.postgres() {
            for keys in keys.chunks(LARGEST) {
                let mut arguments = PgArguments::default();
                for value in bound {
                    add_value(&mut arguments, value)?;
                }
                let kind = add_array(&mut arguments, keys.iter())?;
                // A join instead of `= ANY(…)`: uses the index even without statistics.
                let text = format!("{before} IN (SELECT UNNEST(?::{kind}[])) {after}");
                let text = AssertSqlSafe(Text::from(text).postgres());
                let query = sqlx::query_with(text, arguments);
                let rows = query.fetch_all(&mut *connection).await?;
                found.extend(rows.into_iter().map(Row::from));
            }
            return Ok(found);
        }
        let (before, after) = (format!("{before} IN ("), format!(") {after}"));
        let sizes = sizes(keys.len(), KEYS);
        let mut keys = keys.into_iter();
        for size in sizes {
            let text = repeated(&before, "?", size, &after);
            let values = bound.iter().cloned().chain(keys.by_ref().take(size));
            found.extend(self.rows(text, values).await?);
        }
        Ok(found)
    }

    fn postgres(&mut self) -> Option<&mut PgConnection> {
        match self {
            Self::PostgresRead(connection) => Some(&mut **connection),
            Self::PostgresWrite(transaction) => Some(&mut **transaction),
            Self::SqliteRead(_) | Self::SqliteWrite(_) => None,
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splits_rows_into_few_sizes() {
        let rows: Vec<usize> = sizes(213, ROWS).collect();
        assert_eq!(rows, [100, 100, 10, 1, 1, 1]);
        assert_eq!(sizes(0, ROWS).count(), 0);
        assert_eq!(sizes(2100, KEYS).collect::<Vec<_>>(), [1000, 1000, 100]);
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
