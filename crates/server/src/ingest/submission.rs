//! An upload as it came, freed from its encoding, and what can be wrong with it as a whole.

use std::collections::BTreeMap;

use axum::body::Bytes;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use test_engine_results::{Format, ParseError};

/// Characters of a key that lists of uploads show.
const SHOWN_KEY: usize = 200;

/// The fields every encoding carries.
#[derive(Clone, Debug)]
pub(crate) struct Submission {
    /// Of `data`.
    pub(crate) format: Format,
    /// As sent.
    pub(crate) run_env: BTreeMap<String, String>,
    /// As sent.
    pub(crate) tags: BTreeMap<String, String>,
    /// The result file.
    pub(crate) data: Bytes,
}

/// Why nothing of an upload can be used. A sentence for the sender.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SubmissionError {
    /// Not the JSON of an upload.
    #[error("The upload is not the JSON that was expected, at {field}: {source}.")]
    Json {
        /// Where in it; `.` is the whole.
        field: String,
        /// What is wrong there.
        source: serde_json::Error,
    },
    /// Not the form of an upload.
    #[error("The upload is not a form that can be read: {0}.")]
    Form(String),
    /// No `format`.
    #[error("The field format is missing. It is one of {}.", format_names())]
    NoFormat,
    /// A `format` that nobody knows.
    #[error("The format {given:?} is not known. It is one of {}.", format_names())]
    UnknownFormat {
        /// As sent.
        given: String,
    },
    /// No `run_env[key]`.
    #[error(
        "The field run_env[key] is missing. Send one value for all uploads of a build, such as \
         the build's id."
    )]
    NoKey,
    /// A key that cannot be one.
    #[error("The field run_env[key] has {length} bytes, at most {limit} are kept.")]
    KeyTooLong {
        /// Bytes of it.
        length: usize,
        /// Bytes allowed.
        limit: usize,
    },
    /// No `data`.
    #[error("The field data is missing. It holds the test results.")]
    NoData,
    /// Several `data`: keeping one would lose the others.
    #[error("The field data was sent more than once. Send one file per upload.")]
    DataTwice,
    /// The results cannot be read.
    #[error("The results cannot be read: {0}.")]
    Results(#[from] ParseError),
    /// More than one upload may hold.
    #[error(
        "The upload has {count} results, and at most {limit} are taken at once. Send them in \
         several uploads with the same run_env[key]."
    )]
    TooManyResults {
        /// Results in it.
        count: usize,
        /// Results allowed.
        limit: usize,
    },
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
    /// The format of this name.
    pub(crate) fn parse_format(name: Option<&str>) -> Result<Format, SubmissionError> {
        let name = name.map(str::trim).filter(|name| !name.is_empty());
        let name = name.ok_or(SubmissionError::NoFormat)?;
        Format::from_name(name).ok_or_else(|| SubmissionError::UnknownFormat {
            given: name.to_owned(),
        })
    }

    /// `run_env[key]` in whatever case it was sent, cut to a readable length.
    pub(crate) fn run_key(&self) -> Option<String> {
        let (_, key) = self
            .run_env
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case("key"))?;
        Some(key.chars().take(SHOWN_KEY).collect())
    }

    /// The JSON encoding: `{format, run_env, tags, data}`.
    pub(crate) fn from_json(body: &Bytes) -> Result<Self, SubmissionError> {
        #[derive(Deserialize)]
        struct Sent<'a> {
            #[serde(default)]
            format: Option<String>,
            #[serde(default)]
            run_env: Option<BTreeMap<String, Value>>,
            #[serde(default)]
            tags: Option<BTreeMap<String, Value>>,
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
        let format = Self::parse_format(sent.format.as_deref())?;
        let raw = sent
            .data
            .map(RawValue::get)
            .filter(|raw| *raw != "null")
            .ok_or(SubmissionError::NoData)?;
        let data = if raw.starts_with('"') {
            let text: String = serde_json::from_str(raw).map_err(SubmissionError::json)?;
            Bytes::from(text)
        } else {
            body.slice_ref(raw.as_bytes())
        };
        Ok(Self {
            format,
            run_env: texts(sent.run_env.unwrap_or_default()),
            tags: texts(sent.tags.unwrap_or_default()),
            data,
        })
    }
}

/// JSON values as texts; `null` is the same as absent.
fn texts(values: BTreeMap<String, Value>) -> BTreeMap<String, String> {
    values
        .into_iter()
        .filter_map(|(key, value)| match value {
            Value::Null => None,
            Value::String(text) => Some((key, text)),
            other => Some((key, other.to_string())),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use axum::body::Bytes;

    use super::Submission;

    fn from_json(body: &str) -> Result<Submission, String> {
        Submission::from_json(&Bytes::copy_from_slice(body.as_bytes()))
            .map_err(|error| error.to_string())
    }

    #[test]
    fn data_is_an_array_or_a_text() {
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
    fn what_is_missing_is_named() {
        for (body, expected) in [
            (r#"{"data":[]}"#, "format is missing"),
            (r#"{"format":"nunit","data":[]}"#, "\"nunit\" is not known"),
            (r#"{"format":"json"}"#, "data is missing"),
            (r#"{"format":"json","data":null}"#, "data is missing"),
            (r#"{"format":"json","data":["#, "not the JSON"),
            ("7", "not the JSON"),
        ] {
            let error = from_json(body).unwrap_err();
            assert!(error.contains(expected), "{body}: {error}");
        }
    }
}
