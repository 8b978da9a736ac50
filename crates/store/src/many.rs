//! Statements with many rows or keys, by engine. Contains no query of its own.
//!
//! SQLite is fastest with lists of values and a prepared statement, so lists have few different
//! lengths: rows are split into a few sizes, and a list of keys is filled up with its last one,
//! because a key may occur twice in a list. For Postgres a statement is a round trip, so the values
//! of a column are one array of any length, and the statement is prepared once.
//!
//! Statements that are executed together are one text on both engines. For SQLite their rows and
//! keys are JSON then, so that the text does not depend on how many there are.

use serde_json::Value as Json;
use sqlx::postgres::{PgArguments, PgConnection};
use sqlx::{Arguments as _, AssertSqlSafe, Encode, Postgres, Type};

use crate::error::StoreError;
use crate::query_count;
use crate::sql::{Row, Session, Value, values};

type Result<T> = std::result::Result<T, StoreError>;

/// Rows or keys per Postgres statement; bounds its memory.
const LARGEST: usize = 10_000;
/// Rows per SQLite statement, largest first. Few lengths, so that prepared statements are reused;
/// each statement is a wait for the thread of the connection.
const ROWS: &[usize] = &[128, 96, 64, 56, 48, 40, 32, 24, 16, 12, 8, 6, 4, 3, 2, 1];
/// Keys per SQLite statement, smallest first.
const KEYS: &[usize] = &[1, 4, 15, 60, 250, 1000];

/// One of several statements that are executed together.
pub(crate) enum Write<'a> {
    /// See [`Session::write_many`].
    Insert {
        before: &'static str,
        columns: usize,
        cells: Vec<Value<'a>>,
        after: &'static str,
    },
    /// A `DELETE` or `UPDATE` of the rows with one of these keys, see [`Session::look_up`].
    Change {
        before: &'static str,
        bound: Vec<Value<'a>>,
        keys: Vec<Value<'a>>,
    },
}

impl<'a> Write<'a> {
    fn rows(&self) -> usize {
        match self {
            Self::Insert { columns, cells, .. } => cells.len() / columns,
            Self::Change { keys, .. } => keys.len(),
        }
    }

    /// The statement for SQLite, with its rows or keys as JSON. `None` if they contain bytes.
    /// Columns with the same value in all rows are no part of the JSON, which SQLite reads slowly.
    fn sqlite(&self) -> Option<(String, Vec<Value<'a>>)> {
        match self {
            Self::Insert {
                before,
                columns,
                cells,
                after,
            } => {
                let rows = || cells.chunks(*columns);
                let (mut selected, mut values, mut differing) = (vec![], vec![], vec![]);
                for (column, first) in cells.iter().take(*columns).enumerate() {
                    if rows().all(|row| row[column] == *first) {
                        selected.push("?".to_owned());
                        values.push(first.clone());
                    } else {
                        selected.push(format!("value->>{}", differing.len()));
                        differing.push(column);
                    }
                }
                let rows = array_of(rows(), |text, row| {
                    let differing = differing.iter().map(|column| &row[*column]);
                    text.push_str(&array_of(differing, add_json)?);
                    Some(())
                })?;
                values.push(rows.into());
                let selected = selected.join(",");
                // Without a condition, SQLite takes `ON CONFLICT` for that of a join.
                let text =
                    format!("{before} SELECT {selected} FROM json_each(?) WHERE TRUE {after}");
                Some((text, values))
            }
            Self::Change {
                before,
                bound,
                keys,
            } => {
                let mut values = bound.clone();
                values.extend(values![array_of(keys, add_json)?]);
                let text = format!("{before} IN (SELECT value FROM json_each(?))");
                Some((text, values))
            }
        }
    }
}

/// A JSON array. `None` if an element cannot be added to the text.
fn array_of<T>(
    elements: impl IntoIterator<Item = T>,
    add: impl Fn(&mut String, T) -> Option<()>,
) -> Option<String> {
    let mut text = String::from("[");
    for (number, element) in elements.into_iter().enumerate() {
        if number > 0 {
            text.push(',');
        }
        add(&mut text, element)?;
    }
    text.push(']');
    Some(text)
}

/// `None` for bytes.
fn add_json(text: &mut String, value: &Value<'_>) -> Option<()> {
    match value {
        Value::Integer(Some(value)) => text.push_str(itoa::Buffer::new().format(*value)),
        Value::Boolean(value) => text.push_str(if *value { "true" } else { "false" }),
        Value::Text(Some(value)) => text.push_str(&Json::from(value.as_ref()).to_string()),
        Value::Integer(None) | Value::Text(None) => text.push_str("null"),
        Value::Bytes(_) => return None,
    }
    Some(())
}

impl Session {
    /// Executes statements that concern different rows, in any order. Those with few rows are sent
    /// together: each message is a round trip on Postgres, and a wait for another thread on SQLite.
    pub(crate) async fn write_together(&mut self, writes: Vec<Write<'_>>) -> Result<()> {
        let is_postgres = self.postgres().is_some();
        let mut statement = Statement::default();
        let (mut parts, mut texts, mut values) = (Vec::new(), Vec::new(), Vec::new());
        for write in writes {
            if write.rows() == 0 {
                continue;
            }
            if write.rows() > LARGEST {
                self.write(write).await?;
            } else if is_postgres {
                parts.push(statement.write(&write)?);
            } else if let Some((text, more)) = write.sqlite() {
                texts.push(text);
                values.extend(more);
            } else {
                self.write(write).await?;
            }
        }
        if !texts.is_empty() {
            self.execute(texts.join(";"), values).await?;
        }
        if let (Some(connection), Some(last)) = (self.postgres(), parts.pop()) {
            let named = parts.iter().enumerate();
            let named: Vec<String> = named
                .map(|(number, part)| format!("part{number} AS ({part})"))
                .collect();
            let text = if named.is_empty() {
                last
            } else {
                format!("WITH {} {last}", named.join(", "))
            };
            query_count::sent();
            let query = sqlx::query_with(AssertSqlSafe(text), statement.arguments);
            query.execute(&mut *connection).await?;
        }
        Ok(())
    }

    async fn write(&mut self, write: Write<'_>) -> Result<()> {
        match write {
            Write::Insert {
                before,
                columns,
                cells,
                after,
            } => self.write_many(before, columns, cells, after).await?,
            Write::Change {
                before,
                bound,
                keys,
            } => self.look_up(before, &bound, keys, "").await?,
        };
        Ok(())
    }

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

    fn postgres(&mut self) -> Option<&mut PgConnection> {
        match self {
            Self::PostgresRead(connection) => Some(&mut **connection),
            Self::PostgresWrite(transaction) => Some(&mut **transaction),
            Self::SqliteRead(_) | Self::SqliteWrite(_) => None,
        }
    }
}

/// The arguments of a Postgres statement while its text is made.
#[derive(Default)]
struct Statement {
    arguments: PgArguments,
    count: usize,
}

impl Statement {
    fn write(&mut self, write: &Write<'_>) -> Result<String> {
        match write {
            Write::Insert {
                before,
                columns,
                cells,
                after,
            } => self.insert(before, *columns, cells, after),
            Write::Change {
                before,
                bound,
                keys,
            } => self.with_keys(before, bound, keys, ""),
        }
    }

    fn insert(
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

    fn with_keys(
        &mut self,
        before: &str,
        bound: &[Value<'_>],
        keys: &[Value<'_>],
        after: &str,
    ) -> Result<String> {
        use std::fmt::Write as _;
        let mut text = String::with_capacity(before.len() * 2);
        for (number, part) in before.split('?').enumerate() {
            if number > 0 {
                self.count += 1;
                // Writing to a string cannot fail.
                let _ = write!(text, "${}", self.count);
            }
            text.push_str(part);
        }
        for value in bound {
            add_value(&mut self.arguments, value)?;
        }
        // A join instead of `= ANY(…)`: uses the index even without statistics.
        let keys = self.array(keys.iter())?;
        Ok(format!("{text} IN (SELECT UNNEST({keys})) {after}"))
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
    fn numbers_the_values_of_statements_that_are_one() {
        let mut statement = Statement::default();
        let insert = Write::Insert {
            before: "INSERT INTO a (x, y)",
            columns: 2,
            cells: vec![1.into(), "b".into(), 2.into(), "c".into()],
            after: "ON CONFLICT DO NOTHING",
        };
        assert_eq!(
            statement.write(&insert).unwrap(),
            "INSERT INTO a (x, y) SELECT * FROM UNNEST($1::BIGINT[],$2::TEXT[]) \
             ON CONFLICT DO NOTHING"
        );
        let delete = Write::Change {
            before: "DELETE FROM a WHERE x = ? AND y",
            bound: vec![1.into()],
            keys: vec!["d".into()],
        };
        assert_eq!((insert.rows(), delete.rows()), (2, 1));
        assert_eq!(
            statement.write(&delete).unwrap().trim_end(),
            "DELETE FROM a WHERE x = $3 AND y IN (SELECT UNNEST($4::TEXT[]))"
        );
    }

    #[tokio::test]
    async fn statements_that_are_one_keep_all_values_on_sqlite() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("test.db");
        let store = crate::Store::open_file(&path).await.unwrap();
        let mut session = store.write().await.unwrap();
        let table = "CREATE TABLE some (kind, number PRIMARY KEY, name, is_new) WITHOUT ROWID";
        session.execute(table, []).await.unwrap();
        let insert = |cells: Vec<Value<'static>>| Write::Insert {
            before: "INSERT INTO some (kind, number, name, is_new)",
            columns: 4,
            cells: cells
                .chunks(3)
                .flat_map(|row| [&["a ?".into()], row].concat())
                .collect(),
            after: "ON CONFLICT (number) DO UPDATE SET name = excluded.name",
        };
        let name = "\"quoted\", [1,null] \\ \u{1f600}\n";
        let cells = values![i64::MIN, name, true, i64::MAX, None::<&str>, false];
        session
            .write_together(vec![insert(cells.to_vec())])
            .await
            .unwrap();
        let update = Write::Change {
            before: "UPDATE some SET kind = ? WHERE number",
            bound: vec!["changed".into()],
            keys: values![i64::MAX, 7].to_vec(),
        };
        let nothing = insert(Vec::new());
        let bytes = insert(values![1, b"bytes", false, 2, b"more", false].to_vec());
        let renamed = insert(values![i64::MIN, "renamed", false].to_vec());
        session
            .write_together(vec![update, nothing, bytes, renamed])
            .await
            .unwrap();
        let rows = session.rows("SELECT * FROM some ORDER BY number", []).await;
        let rows = rows.unwrap();
        let read = |row: &Row| {
            let name = row.bytes_or_null("name").unwrap();
            (
                row.text("kind").unwrap(),
                row.integer("number").unwrap(),
                name.map(|name| String::from_utf8(name).unwrap()),
                row.boolean("is_new").unwrap(),
            )
        };
        let text = |text: &str| Some(text.to_owned());
        assert_eq!(
            rows.iter().map(read).collect::<Vec<_>>(),
            [
                ("a ?".to_owned(), i64::MIN, text("renamed"), true),
                ("a ?".to_owned(), 1, text("bytes"), false),
                ("a ?".to_owned(), 2, text("more"), false),
                ("changed".to_owned(), i64::MAX, None, false),
            ]
        );
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
