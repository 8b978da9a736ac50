//! The few calls through which all SQL goes, independent of the engine. Contains no query.
//!
//! A [`Session`] is a connection with or without a transaction; it takes [`Value`]s and returns
//! [`Row`]s. So each query is written once, and an engine is one more variant here.

use std::borrow::Cow;

use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgRow, Postgres};
use sqlx::sqlite::{Sqlite, SqliteRow};
use sqlx::{AssertSqlSafe, ColumnIndex, Row as _, Transaction};
use uuid::Uuid;

use crate::error::StoreError;
use crate::query_count;
use crate::records::Timestamp;

type Result<T> = std::result::Result<T, StoreError>;

/// A value to bind. `None` keeps its type, which Postgres requires.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value<'a> {
    Integer(Option<i64>),
    Text(Option<Cow<'a, str>>),
    Bytes(Option<Cow<'a, [u8]>>),
    Boolean(bool),
}

impl<'a> Value<'a> {
    /// Postgres rejects NUL in text, so both engines store U+FFFD instead.
    fn text(text: &'a str) -> Cow<'a, str> {
        if text.contains('\0') {
            Cow::Owned(text.replace('\0', "\u{fffd}"))
        } else {
            Cow::Borrowed(text)
        }
    }
}

impl From<i64> for Value<'_> {
    fn from(value: i64) -> Self {
        Self::Integer(Some(value))
    }
}

impl From<Option<i64>> for Value<'_> {
    fn from(value: Option<i64>) -> Self {
        Self::Integer(value)
    }
}

impl From<Timestamp> for Value<'_> {
    fn from(value: Timestamp) -> Self {
        Self::Integer(Some(value.millis()))
    }
}

impl From<Option<Timestamp>> for Value<'_> {
    fn from(value: Option<Timestamp>) -> Self {
        Self::Integer(value.map(Timestamp::millis))
    }
}

impl<'a> From<&'a str> for Value<'a> {
    fn from(value: &'a str) -> Self {
        Self::Text(Some(Self::text(value)))
    }
}

impl<'a> From<&'a String> for Value<'a> {
    fn from(value: &'a String) -> Self {
        Self::from(value.as_str())
    }
}

impl From<String> for Value<'_> {
    fn from(value: String) -> Self {
        Self::Text(Some(match Value::text(&value) {
            Cow::Borrowed(_) => Cow::Owned(value),
            Cow::Owned(clean) => Cow::Owned(clean),
        }))
    }
}

impl From<Option<String>> for Value<'_> {
    fn from(value: Option<String>) -> Self {
        value.map_or(Self::Text(None), Self::from)
    }
}

impl<'a> From<Option<&'a str>> for Value<'a> {
    fn from(value: Option<&'a str>) -> Self {
        Self::Text(value.map(Self::text))
    }
}

impl<'a> From<&'a Option<String>> for Value<'a> {
    fn from(value: &'a Option<String>) -> Self {
        Self::from(value.as_deref())
    }
}

impl<'a> From<&'a [u8]> for Value<'a> {
    fn from(value: &'a [u8]) -> Self {
        Self::Bytes(Some(Cow::Borrowed(value)))
    }
}

impl<'a, const N: usize> From<&'a [u8; N]> for Value<'a> {
    fn from(value: &'a [u8; N]) -> Self {
        Self::from(value.as_slice())
    }
}

impl From<Vec<u8>> for Value<'_> {
    fn from(value: Vec<u8>) -> Self {
        Self::Bytes(Some(Cow::Owned(value)))
    }
}

impl From<Uuid> for Value<'_> {
    fn from(value: Uuid) -> Self {
        Self::from(value.as_bytes().to_vec())
    }
}

impl From<bool> for Value<'_> {
    fn from(value: bool) -> Self {
        Self::Boolean(value)
    }
}

/// `values![a, b]` converts every expression to a [`Value`].
macro_rules! values {
    ($($value:expr),* $(,)?) => { [$($crate::sql::Value::from($value)),*] };
}
pub(crate) use values;

/// An SQL statement: static with `$1`, `$2`, or formatted with `?` in order of appearance. Hundreds
/// of numbered parameters cost SQLite more than the query itself.
pub(crate) enum Text {
    Fixed(&'static str),
    Made(String),
}

impl From<&'static str> for Text {
    fn from(text: &'static str) -> Self {
        Self::Fixed(text)
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        Self::Made(text)
    }
}

impl Text {
    fn sqlite(self) -> Cow<'static, str> {
        match self {
            Self::Fixed(text) => Cow::Borrowed(text),
            Self::Made(text) => Cow::Owned(text),
        }
    }

    /// Postgres supports only numbered parameters. No statement has a `?` that is not a parameter.
    pub(crate) fn postgres(self) -> Cow<'static, str> {
        use std::fmt::Write as _;
        let text = match self {
            Self::Fixed(text) => return Cow::Borrowed(text),
            Self::Made(text) => text,
        };
        let mut numbered = String::with_capacity(text.len() * 2);
        for (number, part) in text.split('?').enumerate() {
            if number > 0 {
                // Writing to a string cannot fail.
                let _ = write!(numbered, "${number}");
            }
            numbered.push_str(part);
        }
        Cow::Owned(numbered)
    }
}

/// A connection in use; with a transaction if it came from [`crate::Store`]'s writer.
pub(crate) enum Session {
    SqliteRead(PoolConnection<Sqlite>),
    SqliteWrite(Transaction<'static, Sqlite>),
    PostgresRead(PoolConnection<Postgres>),
    PostgresWrite(Transaction<'static, Postgres>),
}

/// Evaluates the same expression for each engine's types of query and connection.
macro_rules! on_connection {
    ($session:expr, $text:expr, $values:expr, |$query:ident, $connection:ident| $call:expr) => {
        match $session {
            Session::SqliteRead(connection) => {
                let ($query, $connection) = (query!($text.sqlite(), $values), &mut **connection);
                $call
            }
            Session::SqliteWrite(connection) => {
                let ($query, $connection) = (query!($text.sqlite(), $values), &mut **connection);
                $call
            }
            Session::PostgresRead(connection) => {
                let ($query, $connection) = (query!($text.postgres(), $values), &mut **connection);
                $call
            }
            Session::PostgresWrite(connection) => {
                let ($query, $connection) = (query!($text.postgres(), $values), &mut **connection);
                $call
            }
        }
    };
}

macro_rules! query {
    ($text:expr, $values:expr) => {{
        let mut query = sqlx::query(AssertSqlSafe($text));
        for value in $values {
            query = match value {
                Value::Integer(value) => query.bind(value),
                Value::Text(value) => query.bind(value.map(Cow::into_owned)),
                Value::Bytes(value) => query.bind(value.map(Cow::into_owned)),
                Value::Boolean(value) => query.bind(value),
            };
        }
        query
    }};
}

impl Session {
    /// Returns the number of changed rows.
    pub(crate) async fn execute(
        &mut self,
        text: impl Into<Text>,
        values: impl IntoIterator<Item = Value<'_>>,
    ) -> Result<u64> {
        query_count::sent();
        let text = text.into();
        on_connection!(self, text, values, |query, connection| {
            Ok(query.execute(connection).await?.rows_affected())
        })
    }

    pub(crate) async fn rows(
        &mut self,
        text: impl Into<Text>,
        values: impl IntoIterator<Item = Value<'_>>,
    ) -> Result<Vec<Row>> {
        query_count::sent();
        self.part_of_rows(text, values).await
    }

    /// A statement of a query that is sent in several.
    pub(crate) async fn part_of_rows(
        &mut self,
        text: impl Into<Text>,
        values: impl IntoIterator<Item = Value<'_>>,
    ) -> Result<Vec<Row>> {
        let text = text.into();
        on_connection!(self, text, values, |query, connection| {
            Ok(query
                .fetch_all(connection)
                .await?
                .into_iter()
                .map(Row::from)
                .collect())
        })
    }

    pub(crate) async fn optional(
        &mut self,
        text: impl Into<Text>,
        values: impl IntoIterator<Item = Value<'_>>,
    ) -> Result<Option<Row>> {
        query_count::sent();
        let text = text.into();
        on_connection!(self, text, values, |query, connection| {
            Ok(query.fetch_optional(connection).await?.map(Row::from))
        })
    }

    /// The row of a query that always returns one.
    pub(crate) async fn one(
        &mut self,
        text: impl Into<Text>,
        values: impl IntoIterator<Item = Value<'_>>,
    ) -> Result<Row> {
        query_count::sent();
        let text = text.into();
        on_connection!(self, text, values, |query, connection| {
            Ok(Row::from(query.fetch_one(connection).await?))
        })
    }

    /// The value of a query for a single count or sum.
    pub(crate) async fn count(
        &mut self,
        text: impl Into<Text>,
        values: impl IntoIterator<Item = Value<'_>>,
    ) -> Result<u64> {
        self.one(text, values).await?.count(0)
    }

    /// Without this the transaction is rolled back.
    pub(crate) async fn commit(self) -> Result<()> {
        match self {
            Self::SqliteRead(_) => Ok(()),
            Self::SqliteWrite(transaction) => Ok(transaction.commit().await?),
            Self::PostgresRead(_) => Ok(()),
            Self::PostgresWrite(transaction) => Ok(transaction.commit().await?),
        }
    }
}

/// A row of a result. Columns are read by name, or by [`positions`] in large results.
pub(crate) enum Row {
    Sqlite(SqliteRow),
    Postgres(PgRow),
}

impl From<SqliteRow> for Row {
    fn from(row: SqliteRow) -> Self {
        Self::Sqlite(row)
    }
}

impl From<PgRow> for Row {
    fn from(row: PgRow) -> Self {
        Self::Postgres(row)
    }
}

/// A column's name or position.
pub(crate) trait Column: ColumnIndex<SqliteRow> + ColumnIndex<PgRow> {}

impl<C: ColumnIndex<SqliteRow> + ColumnIndex<PgRow>> Column for C {}

/// The positions of columns in every row of a result. A name costs a hash look-up per row, which
/// matters in results of many thousand rows.
pub(crate) fn positions<const N: usize>(rows: &[Row], names: [&str; N]) -> Result<[usize; N]> {
    let mut positions = [0; N];
    if let Some(row) = rows.first() {
        for (position, name) in positions.iter_mut().zip(names) {
            *position = match row {
                Row::Sqlite(row) => name.index(row)?,
                Row::Postgres(row) => name.index(row)?,
            };
        }
    }
    Ok(positions)
}

macro_rules! getters {
    ($($name:ident -> $kind:ty;)*) => {$(
        pub(crate) fn $name(&self, column: impl Column) -> Result<$kind> {
            match self {
                Self::Sqlite(row) => Ok(row.try_get_unchecked(column)?),
                Self::Postgres(row) => Ok(row.try_get_unchecked(column)?),
            }
        }
    )*};
}

impl Row {
    getters! {
        integer -> i64;
        integer_or_null -> Option<i64>;
        text -> String;
        text_or_null -> Option<String>;
        bytes -> Vec<u8>;
        bytes_or_null -> Option<Vec<u8>>;
        boolean -> bool;
    }

    pub(crate) fn uuid(&self, column: impl Column) -> Result<Uuid> {
        Uuid::from_slice(&self.bytes(column)?).map_err(|_| StoreError::Damaged { what: "UUID" })
    }

    pub(crate) fn uuid_or_null(&self, column: impl Column) -> Result<Option<Uuid>> {
        self.bytes_or_null(column)?
            .map(|bytes| Uuid::from_slice(&bytes))
            .transpose()
            .map_err(|_| StoreError::Damaged { what: "UUID" })
    }

    pub(crate) fn time(&self, column: impl Column) -> Result<Timestamp> {
        self.integer(column).map(Timestamp::from_millis)
    }

    pub(crate) fn time_or_null(&self, column: impl Column) -> Result<Option<Timestamp>> {
        Ok(self.integer_or_null(column)?.map(Timestamp::from_millis))
    }

    /// A count or a sum: never negative.
    pub(crate) fn count(&self, column: impl Column) -> Result<u64> {
        u64::try_from(self.integer(column)?).map_err(|_| StoreError::Damaged { what: "count" })
    }

    pub(crate) fn count_or_null(&self, column: impl Column) -> Result<Option<u64>> {
        self.integer_or_null(column)?
            .map(|count| u64::try_from(count).map_err(|_| StoreError::Damaged { what: "count" }))
            .transpose()
    }

    pub(crate) fn hash(&self, column: impl Column) -> Result<[u8; 32]> {
        self.bytes(column)?
            .try_into()
            .map_err(|_| StoreError::Damaged { what: "hash" })
    }

    pub(crate) fn json<T: serde::de::DeserializeOwned>(
        &self,
        column: impl Column,
        what: &'static str,
    ) -> Result<T> {
        serde_json::from_str(&self.text(column)?).map_err(|_| StoreError::Damaged { what })
    }

    pub(crate) fn json_or_null<T: serde::de::DeserializeOwned>(
        &self,
        column: impl Column,
        what: &'static str,
    ) -> Result<Option<T>> {
        self.text_or_null(column)?
            .map(|text| serde_json::from_str(&text))
            .transpose()
            .map_err(|_| StoreError::Damaged { what })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replaces_nul_in_text() {
        let Value::Text(Some(text)) = Value::from("a\0b") else {
            panic!("not a text")
        };
        assert_eq!(text, "a\u{fffd}b");
    }
}
