//! Lists as files: the address of a list with `?format=csv` or `?format=json`, or with `.csv` or
//! `.json` after its path.
//!
//! A file has the rows of all pages. It is sent while it is read, so its length takes no memory; if
//! reading fails in the middle, the connection is aborted, so nobody takes half a list for a whole.

mod chunks;

use std::fmt::Write as _;
use std::io;

use axum::body::{Body, Bytes};
use axum::extract::{FromRequestParts, OriginalUri};
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::http::request::Parts;
use axum::http::{HeaderValue, Uri};
use axum::response::Response;
use futures_util::stream::{self, StreamExt as _};
use serde_json::Value as Json;
use test_engine_duration::Micros;
use test_engine_store::Timestamp;

pub(super) use self::chunks::{Chunks, from_position, of_items};
use super::mute_form::SAY_WHAT_WAS_DONE;
use super::page::PageError;
use crate::clock::rfc3339;
use crate::http::error::ApiError;

/// Rows that are read at once, for lists that are not in memory.
pub(super) const CHUNK: u32 = 500;
/// What may follow the path of a list.
pub(super) const EXTENSIONS: [&str; 2] = [".csv", ".json"];
/// Other parameters of pages that mean nothing in a file.
const OF_PAGES: [&str; 3] = ["format", "page", "as"];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Csv,
    Json,
}

impl Format {
    const ALL: [Self; 2] = [Self::Csv, Self::Json];

    const fn name(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Json => "json",
        }
    }

    const fn media_type(self) -> &'static str {
        match self {
            Self::Csv => "text/csv; charset=utf-8; header=present",
            Self::Json => "application/json",
        }
    }
}

/// What a page of a list needs to offer the list as a file.
pub(super) struct Export {
    format: Option<Format>,
    /// The page's address without the parameters of pages; ends with `?` or `&`.
    address: String,
}

/// The addresses of the list as a file.
pub(super) struct FileLinks {
    pub(super) csv: String,
    pub(super) json: String,
}

/// A file to fill with rows.
pub(super) struct ListFile {
    format: Format,
    name: String,
}

/// A row; its cells are those of the columns.
pub(super) type Row = Vec<Cell>;

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Cell {
    Text(String),
    Integer(u64),
    Number(f64),
    Boolean(bool),
    Missing,
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<u64> for Cell {
    fn from(number: u64) -> Self {
        Self::Integer(number)
    }
}

impl From<f64> for Cell {
    fn from(number: f64) -> Self {
        Self::Number(number)
    }
}

impl From<bool> for Cell {
    fn from(yes: bool) -> Self {
        Self::Boolean(yes)
    }
}

/// In UTC.
impl From<Timestamp> for Cell {
    fn from(time: Timestamp) -> Self {
        Self::Text(rfc3339(time))
    }
}

/// In seconds.
impl From<Micros> for Cell {
    fn from(duration: Micros) -> Self {
        Self::Number(duration.seconds())
    }
}

impl<T: Into<Self>> From<Option<T>> for Cell {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Missing, Into::into)
    }
}

impl FromRequestParts<crate::App> for Export {
    type Rejection = PageError;

    async fn from_request_parts(parts: &mut Parts, _app: &crate::App) -> Result<Self, PageError> {
        let uri = match parts.extensions.get::<OriginalUri>() {
            Some(OriginalUri(uri)) => uri,
            None => &parts.uri,
        };
        Ok(Self::of(uri)?)
    }
}

impl Export {
    fn of(uri: &Uri) -> Result<Self, ApiError> {
        let query = uri.query().unwrap_or_default();
        let pairs: Vec<(String, String)> = serde_urlencoded::from_str(query).unwrap_or_default();
        let asked = pairs.iter().find(|(name, _)| name == "format");
        let by_query = asked.map(|(_, name)| {
            let known = Format::ALL.into_iter().find(|format| format.name() == name);
            known.ok_or_else(|| {
                ApiError::bad_request(format!("Invalid format {name:?}: use csv or json."))
            })
        });
        let (path, by_path) = split_extension(uri.path());
        let is_kept = |(name, _): &&(String, String)| {
            let name = name.as_str();
            !OF_PAGES.contains(&name) && !SAY_WHAT_WAS_DONE.contains(&name)
        };
        let kept: Vec<_> = pairs.iter().filter(is_kept).collect();
        let kept = serde_urlencoded::to_string(kept).unwrap_or_default();
        let separator = if kept.is_empty() { "" } else { "&" };
        Ok(Self {
            format: by_query.transpose()?.or(by_path),
            address: format!("{path}?{kept}{separator}"),
        })
    }

    pub(super) fn links(&self) -> FileLinks {
        let link = |format: Format| format!("{}format={}", self.address, format.name());
        FileLinks {
            csv: link(Format::Csv),
            json: link(Format::Json),
        }
    }

    /// The file to send instead of the page; `None` if the page was requested. Browsers save it
    /// under the name, with the extension of its format.
    pub(super) fn file(&self, name: impl Into<String>) -> Option<ListFile> {
        self.format.map(|format| ListFile {
            format,
            name: name.into(),
        })
    }
}

fn split_extension(path: &str) -> (&str, Option<Format>) {
    for format in Format::ALL {
        let before = path.strip_suffix(format.name());
        if let Some(before) = before.and_then(|before| before.strip_suffix('.')) {
            return (before, Some(format));
        }
    }
    (path, None)
}

/// The end of the path of a list, also if it is that of the file.
pub(super) fn without_extension(path: &str) -> &str {
    split_extension(path).0
}

impl ListFile {
    /// Under another name, which says that rows are left out.
    pub(super) fn named(self, name: String) -> Self {
        Self { name, ..self }
    }

    /// A list that is in memory.
    pub(super) fn rows(self, columns: &[&str], rows: &[Row]) -> Response {
        let text = self.format.file(columns, rows);
        self.response(Body::from(text))
    }

    /// A list that is read in chunks. Fails if the first one cannot be read.
    pub(super) async fn chunks(
        self,
        columns: &'static [&'static str],
        mut chunks: Chunks,
    ) -> Result<Response, PageError> {
        let first = chunks.next().await.transpose()?.unwrap_or_default();
        let format = self.format;
        let mut begin = String::new();
        format.begin(&mut begin, columns);
        let mut is_first = true;
        let parts = stream::iter([Ok(first)])
            .chain(chunks)
            .map(move |rows| match rows {
                Ok(rows) => {
                    let mut text = std::mem::take(&mut begin);
                    for row in rows {
                        format.row(&mut text, columns, &row, std::mem::take(&mut is_first));
                    }
                    Ok(Bytes::from(text))
                }
                // Its cause was logged when it became an error of a page.
                Err(_unreadable) => Err(io::Error::other("the list could not be read to its end")),
            });
        let end = stream::once(async move { Ok(Bytes::from_static(format.end().as_bytes())) });
        Ok(self.response(Body::from_stream(parts.chain(end))))
    }

    fn response(self, body: Body) -> Response {
        let mut response = Response::new(body);
        let headers = response.headers_mut();
        let kind = HeaderValue::from_static(self.format.media_type());
        headers.insert(CONTENT_TYPE, kind);
        // Slugs and the names of lists need no quoting.
        let name = format!(
            "attachment; filename=\"{}.{}\"",
            self.name,
            self.format.name()
        );
        if let Ok(name) = HeaderValue::from_str(&name) {
            headers.insert(CONTENT_DISPOSITION, name);
        }
        response
    }
}

impl Format {
    fn file(self, columns: &[&str], rows: &[Row]) -> String {
        let mut text = String::new();
        self.begin(&mut text, columns);
        for (index, row) in rows.iter().enumerate() {
            self.row(&mut text, columns, row, index == 0);
        }
        text.push_str(self.end());
        text
    }

    fn begin(self, text: &mut String, columns: &[&str]) {
        match self {
            Self::Csv => {
                text.push_str(&columns.join(","));
                text.push_str("\r\n");
            }
            Self::Json => text.push('['),
        }
    }

    fn row(self, text: &mut String, columns: &[&str], row: &[Cell], is_first: bool) {
        debug_assert_eq!(columns.len(), row.len(), "{columns:?}");
        match self {
            Self::Csv => {
                for (index, cell) in row.iter().enumerate() {
                    text.push_str(if index == 0 { "" } else { "," });
                    csv_cell(text, cell);
                }
                text.push_str("\r\n");
            }
            Self::Json => {
                text.push_str(if is_first { "\n" } else { ",\n" });
                for (index, (column, cell)) in columns.iter().zip(row).enumerate() {
                    let before = if index == 0 { '{' } else { ',' };
                    let _never_fails = write!(text, "{before}\"{column}\":{}", json_cell(cell));
                }
                text.push('}');
            }
        }
    }

    const fn end(self) -> &'static str {
        match self {
            Self::Csv => "",
            Self::Json => "\n]\n",
        }
    }
}

fn json_cell(cell: &Cell) -> Json {
    match cell {
        Cell::Text(text) => text.as_str().into(),
        Cell::Integer(number) => (*number).into(),
        Cell::Number(number) => (*number).into(),
        Cell::Boolean(yes) => (*yes).into(),
        Cell::Missing => Json::Null,
    }
}

/// RFC 4180. Names and messages are chosen by the author of a test, so a cell that a spreadsheet
/// would take for a formula gets an apostrophe in front, which makes it a text.
fn csv_cell(text: &mut String, cell: &Cell) {
    let value = match cell {
        Cell::Text(value) => value,
        Cell::Missing => return,
        other => {
            let _never_fails = write!(text, "{}", json_cell(other));
            return;
        }
    };
    let is_formula =
        value.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠']);
    let is_quoted = value.contains([',', '"', '\r', '\n']) || value.starts_with(' ');
    let quote = if is_quoted { "\"" } else { "" };
    text.push_str(quote);
    text.push_str(if is_formula { "'" } else { "" });
    text.push_str(&value.replace('"', "\"\""));
    text.push_str(quote);
}

#[cfg(test)]
mod tests {
    use super::{Cell, Export, Format};
    use test_engine_duration::Micros;
    use test_engine_store::Timestamp;

    fn export(address: &str) -> Export {
        let found = Export::of(&address.parse().unwrap());
        found.unwrap_or_else(|error| panic!("{}", error.message()))
    }

    #[test]
    fn the_format_is_part_of_the_address() {
        for (address, format) in [
            ("/a/runs", None),
            ("/a/runs?format=csv", Some(Format::Csv)),
            ("/a/runs?format=json&page=2", Some(Format::Json)),
            ("/a/runs.csv", Some(Format::Csv)),
            ("/a/runs.json?branch=main", Some(Format::Json)),
            ("/a/runs.csv?format=json", Some(Format::Json)),
            ("/a/csv", None),
        ] {
            assert_eq!(export(address).format, format, "{address}");
        }
        assert!(Export::of(&"/a/runs?format=xls".parse().unwrap()).is_err());
    }

    #[test]
    fn links_keep_what_selects_rows() {
        for (address, csv) in [
            ("/a/runs", "/a/runs?format=csv"),
            ("/a/runs.json?page=3&as=table", "/a/runs?format=csv"),
            (
                "/a/tests?done=muted&done_test=x&changed=1",
                "/a/tests?format=csv",
            ),
            (
                "/a/runs?q=%21a+b&page=2&branch=x%26y",
                "/a/runs?q=%21a+b&branch=x%26y&format=csv",
            ),
        ] {
            assert_eq!(export(address).links().csv, csv);
        }
    }

    fn row(text: &str) -> Vec<Cell> {
        vec![
            text.into(),
            7_u64.into(),
            Micros::new(250_000).into(),
            true.into(),
            None::<String>.into(),
        ]
    }

    const COLUMNS: [&str; 5] = ["name", "runs", "seconds", "muted", "owner"];

    #[test]
    fn csv_quotes_what_it_must() {
        for (text, cell) in [
            ("adds up", "adds up"),
            ("", ""),
            ("a,b", "\"a,b\""),
            ("says \"no\"", "\"says \"\"no\"\"\""),
            ("two\nlines", "\"two\nlines\""),
            (" padded", "\" padded\""),
            ("größe 👍", "größe 👍"),
        ] {
            let file = Format::Csv.file(&COLUMNS, &[row(text)]);
            let expected = format!("name,runs,seconds,muted,owner\r\n{cell},7,0.25,true,\r\n");
            assert_eq!(file, expected);
        }
    }

    #[test]
    fn a_text_is_never_a_formula() {
        for start in ["=", "+", "-", "@", "\t", "\r", "\n", "＝", "－"] {
            let text = format!("{start}cmd|' /C calc'!A0");
            let file = Format::Csv.file(&["name"], &[vec![text.as_str().into()]]);
            let cell = file.strip_prefix("name\r\n").unwrap();
            assert!(
                cell.starts_with('\'') || cell.starts_with("\"'"),
                "{cell:?}"
            );
        }
        // Numbers stay numbers, and texts are unchanged in JSON.
        let file = Format::Csv.file(&["a", "b"], &[vec![Cell::Number(-1.5), "1=1".into()]]);
        assert_eq!(file, "a,b\r\n-1.5,1=1\r\n");
        let json = Format::Json.file(&["a"], &[vec!["=1".into()]]);
        assert_eq!(json, "[\n{\"a\":\"=1\"}\n]\n");
    }

    #[test]
    fn json_has_an_object_for_each_row() {
        let rows = vec![row("a \"b\"\u{0}"), row("c")];
        let file = Format::Json.file(&COLUMNS, &rows);
        let parsed: serde_json::Value = serde_json::from_str(&file).unwrap();
        assert_eq!(parsed[0]["name"], "a \"b\"\u{0}");
        assert_eq!(parsed[1]["seconds"], 0.25);
        assert_eq!(parsed[1]["muted"], true);
        assert_eq!(parsed[1]["owner"], serde_json::Value::Null);
        assert_eq!(Format::Json.file(&COLUMNS, &[]), "[\n]\n");
        assert_eq!(Format::Csv.file(&["a"], &[]), "a\r\n", "the header alone");
    }

    #[test]
    fn times_are_in_utc() {
        let cell = Cell::from(Timestamp::from_millis(0));
        assert_eq!(cell, Cell::Text("1970-01-01T00:00:00.000Z".to_owned()));
    }
}
