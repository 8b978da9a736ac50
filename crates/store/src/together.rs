//! Several statements with many rows or keys in one message to the database.
//!
//! On Postgres they are parts of one statement. On SQLite they are one text, and their rows and
//! keys are JSON, so that the text does not depend on how many there are.

use serde_json::Value as Json;
use sqlx::AssertSqlSafe;

use crate::error::StoreError;
use crate::many::{LARGEST, Statement};
use crate::query_count;
use crate::sql::{Session, Value, values};

type Result<T> = std::result::Result<T, StoreError>;

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
    /// A statement with a `?` for each value.
    Plain {
        text: &'static str,
        bound: Vec<Value<'a>>,
    },
}

impl<'a> Write<'a> {
    fn rows(&self) -> usize {
        match self {
            Self::Insert { columns, cells, .. } => cells.len() / columns,
            Self::Change { keys, .. } => keys.len(),
            Self::Plain { .. } => 1,
        }
    }

    /// The statement for SQLite, with its rows or keys as JSON. `None` if they contain bytes.
    /// Columns with the same value in all rows are no part of the JSON, which SQLite reads slowly.
    fn sqlite_text(&self) -> Option<(String, Vec<Value<'a>>)> {
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
            Self::Plain { text, bound } => Some(((*text).to_owned(), bound.clone())),
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
                parts.push(postgres_text(&mut statement, &write)?);
            } else if let Some((text, more)) = write.sqlite_text() {
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
            Write::Plain { text, bound } => self.rows(text.to_owned(), bound).await?,
        };
        Ok(())
    }
}

/// Adds the values to a statement for Postgres; returns its text.
fn postgres_text(statement: &mut Statement, write: &Write<'_>) -> Result<String> {
    match write {
        Write::Insert {
            before,
            columns,
            cells,
            after,
        } => statement.insert(before, *columns, cells, after),
        Write::Change {
            before,
            bound,
            keys,
        } => statement.with_keys(before, bound, keys, ""),
        Write::Plain { text, bound } => statement.with_values(text, bound),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::Row;

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
            postgres_text(&mut statement, &insert).unwrap(),
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
            postgres_text(&mut statement, &delete).unwrap().trim_end(),
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
        let mut cells = values![i64::MIN, name, true, i64::MAX, None::<&str>, false].to_vec();
        cells.extend(values![0, "former", false]);
        session.write_together(vec![insert(cells)]).await.unwrap();
        let update = Write::Change {
            before: "UPDATE some SET kind = ? WHERE number",
            bound: vec!["changed".into()],
            keys: values![i64::MAX, 7].to_vec(),
        };
        let nothing = insert(Vec::new());
        let bytes = insert(values![1, b"bytes", false, 2, b"more", false].to_vec());
        let renamed = insert(values![0, "renamed", true].to_vec());
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
                ("a ?".to_owned(), i64::MIN, text(name), true),
                ("a ?".to_owned(), 0, text("renamed"), false),
                ("a ?".to_owned(), 1, text("bytes"), false),
                ("a ?".to_owned(), 2, text("more"), false),
                ("changed".to_owned(), i64::MAX, None, false),
            ]
        );
    }
}
