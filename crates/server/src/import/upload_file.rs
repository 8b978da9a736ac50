//! Files with the body of an upload, as `POST /v1/uploads` accepts it, and its time in the field
//! `received_at`.

use axum::body::Bytes;
use serde::Deserialize;
use serde_json::Value;
use test_engine_store::Timestamp;

use super::date::parse_time;
use super::{Loaded, Settings};
use crate::ingest::Submission;
use crate::spill::TemporaryFiles;

#[derive(Deserialize)]
struct Dated {
    #[serde(default)]
    received_at: Option<Value>,
}

pub(super) fn load(bytes: &Bytes, settings: &Settings) -> Result<Loaded, String> {
    let dated: Dated = serde_json::from_slice(bytes)
        .map_err(|error| format!("the file is not an upload in JSON: {error}"))?;
    let mut submission = Submission::from_json(bytes, &TemporaryFiles::default())
        .map_err(|error| error.to_string())?;
    settings.complete(&mut submission.run_env);
    if submission.run_key().is_none_or(|key| key.trim().is_empty()) {
        return Err(
            "run_env has no key, which names the run; add it, or set it with --run-env key=…"
                .to_owned(),
        );
    }
    Ok(Loaded {
        received_at: received_at(dated.received_at, settings)?,
        submission,
    })
}

fn received_at(value: Option<Value>, settings: &Settings) -> Result<Timestamp, String> {
    match value {
        None | Some(Value::Null) => settings.received_at.ok_or_else(|| {
            "the file has no received_at; add it, or set one for all files without a time with \
             --received-at"
                .to_owned()
        }),
        Some(Value::String(text)) => parse_time(&text, settings.now),
        Some(other) => Err(format!(
            "received_at is {other}, not a text like \"2026-11-22T10:00:00Z\""
        )),
    }
}
