//! Uploads, independent of their encoding, and the errors that reject a whole upload.

use std::collections::BTreeMap;
use std::io;

use axum::body::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;
use test_engine_results::{Format, ParseError};

use super::json_text;
use super::run_env::truncated;
use super::sent_fields::SentFields;
use crate::spill::TemporaryFiles;

/// Bytes of an unknown format in its error.
const MAX_SHOWN_FORMAT: usize = 100;
/// Bytes of an unknown format that are looked at.
const MAX_FORMAT_JSON: usize = 1_000;
/// Characters of a key in lists of uploads.
const MAX_SHOWN_KEY: usize = 200;

#[derive(Clone, Debug)]
pub(crate) struct Submission {
    /// Of `data`.
    pub(crate) format: Format,
    pub(crate) run_env: BTreeMap<String, String>,
    pub(crate) tags: BTreeMap<String, String>,
    pub(crate) data: Bytes,
}

/// Why a whole upload is rejected. Each message is a sentence for the sender.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SubmissionError {
    #[error("The upload is not the expected JSON, at {field}: {source}.")]
    Json {
        /// A path; `.` is the whole document.
        field: String,
        source: serde_json::Error,
    },
    #[error("The form of the upload cannot be read: {0}.")]
    Form(String),
    #[error("The field format is missing. It is one of {}.", format_names())]
    NoFormat,
    #[error("The format {given:?} is not known. It is one of {}.", format_names())]
    UnknownFormat { given: String },
    #[error(
        "The field run_env[key] is missing. Send one value for all uploads of a build, such as \
         the build's id."
    )]
    NoKey,
    #[error("The field run_env[key] has {length} bytes. The maximum is {limit}.")]
    KeyTooLong { length: usize, limit: usize },
    #[error("The field data is missing. It contains the test results.")]
    NoData,
    /// Using one of them would lose the others.
    #[error("The field data was sent more than once. Send one file per upload.")]
    DataTwice,
    #[error("The results cannot be read: {0}.")]
    Results(#[from] ParseError),
    /// No fault of the sender.
    #[error("A temporary file cannot be used: {0}.")]
    TemporaryFile(#[from] io::Error),
    #[error(
        "The upload has {count} results. The maximum is {limit}. Send them in several uploads with \
         the same run_env[key]."
    )]
    TooManyResults { count: usize, limit: usize },
}

impl SubmissionError {
    fn json(source: serde_json::Error) -> Self {
        let field = ".".to_owned();
        Self::Json { field, source }
    }
}

fn format_names() -> String {
    Format::ALL.map(Format::name).join(", ")
}

impl Submission {
    pub(crate) fn parse_format(name: Option<&str>) -> Result<Format, SubmissionError> {
        let name = name.map(str::trim).filter(|name| !name.is_empty());
        let name = name.ok_or(SubmissionError::NoFormat)?;
        Format::from_name(name).ok_or_else(|| SubmissionError::UnknownFormat {
            given: truncated(name, MAX_SHOWN_FORMAT).to_owned(),
        })
    }

    /// `run_env[key]`, with `key` in any case, truncated for display.
    pub(crate) fn run_key(&self) -> Option<String> {
        let key = self.run_env_value("key")?;
        Some(key.chars().take(MAX_SHOWN_KEY).collect())
    }

    /// The value of a key, which senders write in any case.
    pub(super) fn run_env_value(&self, key: &str) -> Option<&str> {
        let mut fields = self.run_env.iter();
        let (_, value) = fields.find(|(name, _)| name.trim().eq_ignore_ascii_case(key))?;
        Some(value.trim())
    }

    /// The JSON encoding: `{format, run_env, tags, data}`.
    pub(crate) fn from_json(body: &Bytes, files: &TemporaryFiles) -> Result<Self, SubmissionError> {
        #[derive(Deserialize)]
        struct Sent<'a> {
            #[serde(default, borrow)]
            format: Option<&'a RawValue>,
            #[serde(default)]
            run_env: Option<SentFields>,
            #[serde(default)]
            tags: Option<SentFields>,
            #[serde(default, borrow)]
            data: Option<&'a RawValue>,
        }
        let mut source = serde_json::Deserializer::from_slice(body);
        let sent: Sent<'_> = serde_path_to_error::deserialize(&mut source).map_err(|error| {
            SubmissionError::Json {
                field: error.path().to_string(),
                source: error.into_inner(),
            }
        })?;
        source.end().map_err(SubmissionError::json)?;
        let format = sent.format.map(RawValue::get);
        let format = Self::parse_format(format.map(json_name).as_deref())?;
        let raw = sent
            .data
            .map(RawValue::get)
            .filter(|raw| *raw != "null")
            .ok_or(SubmissionError::NoData)?;
        let data = body.slice_ref(raw.as_bytes());
        let run_env = sent.run_env.unwrap_or_default().into_texts();
        let tags = sent.tags.unwrap_or_default().into_texts();
        Ok(Self {
            format,
            run_env,
            tags,
            data: if data.starts_with(b"\"") {
                json_text::decode(&data, files)?
            } else {
                data
            },
        })
    }
}

/// The text of a JSON string, and the JSON of anything else; of a long one, the start.
fn json_name(json: &str) -> String {
    let start = truncated(json, MAX_FORMAT_JSON);
    serde_json::from_str(start).unwrap_or_else(|_not_text| start.to_owned())
}

#[cfg(test)]
mod tests {
    use axum::body::Bytes;

    use super::{Submission, TemporaryFiles};

    fn from_json(body: &str) -> Result<Submission, String> {
        let body = Bytes::copy_from_slice(body.as_bytes());
        Submission::from_json(&body, &TemporaryFiles::default()).map_err(|error| error.to_string())
    }

    #[test]
    fn data_is_an_array_or_a_string() {
        let array = from_json(
            r#"{"format":"json","run_env":{"key":"k","n":null,"x":1},"data":[{"name":"a"}]}"#,
        )
        .unwrap();
        assert_eq!(array.data.as_ref(), br#"[{"name":"a"}]"#);
        assert_eq!(array.run_env.len(), 2);
        assert_eq!(array.run_env["x"], "1");
        let text = from_json(r#"{"data":"<testsuite\/>","format":"junit","tags":null}"#).unwrap();
        assert_eq!(text.data.as_ref(), b"<testsuite/>");
    }

    #[test]
    fn rejects_missing_and_unknown_fields() {
        for (body, expected) in [
            (r#"{"data":[]}"#, "format is missing"),
            (r#"{"format":"nunit","data":[]}"#, "\"nunit\" is not known"),
            (r#"{"format":"json"}"#, "data is missing"),
            (r#"{"format":"json","data":null}"#, "data is missing"),
            (r#"{"format":"json","data":["#, "not the expected JSON"),
            ("7", "not the expected JSON"),
        ] {
            let error = from_json(body).unwrap_err();
            assert!(error.contains(expected), "{body}: {error}");
        }
    }
}
