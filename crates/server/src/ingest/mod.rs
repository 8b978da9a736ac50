//! Turns uploads into what the store writes.
//!
//! [`Submission`] is an upload, whatever its encoding; [`derive()`] turns it into one value for one
//! transaction of the store. No HTTP, no database, no clock; what is too large for the memory goes
//! to a temporary file.

mod digest;
mod executions;
mod extras;
mod failure_cause;
mod failure_text;
mod json_text;
mod kept_spans;
mod known_files;
mod long_strings;
mod names;
mod pytest_names;
mod run_env;
mod sent_fields;
mod submission;
mod tags;
mod text_keeper;

pub(crate) use known_files::KnownFiles;
pub(crate) use sent_fields::SentFields;
pub(crate) use submission::{Submission, SubmissionError};
pub(crate) use tags::check_mutable as check_mutable_tags;

use std::io;

use test_engine_results::{Detail, Format, Report, decode_to, parse_text};
use test_engine_store::{NewRun, NewUpload, SuiteId, Timestamp};
use uuid::Uuid;

use extras::ExtrasSink;
use run_env::{RunEnv, truncated};

use crate::spill::TemporaryFiles;

/// In the response to an upload.
const MAX_ERRORS: usize = 50;
/// Of one of them; it may contain uploaded text.
const MAX_ERROR_BYTES: usize = 1_024;

#[derive(Clone, Copy, Debug)]
pub(crate) struct Context {
    pub(crate) suite: SuiteId,
    /// Used if the upload starts a new run.
    pub(crate) run_uuid: Uuid,
    pub(crate) upload_uuid: Uuid,
    pub(crate) received_at: Timestamp,
    pub(crate) results_limit: usize,
}

pub(crate) fn derive(
    submission: &Submission,
    context: Context,
    files: &KnownFiles,
    temporary_files: &TemporaryFiles,
) -> Result<NewUpload, SubmissionError> {
    let mut errors = Vec::new();
    let run_env = RunEnv::new(&submission.run_env, &mut errors);
    let key = run_env.key(context.run_uuid)?;
    let limit = context.results_limit;
    let extras = ExtrasSink::new(limit, temporary_files);
    let digest = digest::of(submission);
    let format = submission.format;
    let mut decoded = temporary_files.spill();
    let (sent, note) = decode_to(&submission.data, &mut decoded);
    let decoded = decoded.into_bytes()?;
    let text = match sent {
        Some(text) => text,
        None => text_of(&decoded)?,
    };
    let mut cut = temporary_files.spill();
    let is_cut = format != Format::Junit && long_strings::cut(text, &mut cut);
    let cut = cut.into_bytes()?;
    let text = if is_cut { text_of(&cut)? } else { text };
    let mut repaired = temporary_files.spill();
    let report = parse_text(format, text, Detail::Full, limit, &extras, &mut repaired);
    // Without all of it, the results are others.
    repaired.check()?;
    let Report {
        results,
        invalid,
        mut errors_outside_tests,
        more_errors,
        notes,
        omitted,
        ..
    } = report?;
    if omitted > 0 {
        return Err(SubmissionError::TooManyResults {
            count: limit + omitted,
            limit,
        });
    }

    let invalid_results = invalid.iter().take(MAX_ERRORS);
    errors.extend(
        invalid_results.map(|result| format!("result {}: {}", result.index, result.message)),
    );
    let upload_tags = tags::of_upload(&submission.tags, &run_env, &mut errors);
    let mut executions =
        executions::derive(format, results, &run_env, &upload_tags, files, &mut errors);
    extras.add_to(&mut executions);
    errors.extend(notes.into_iter().chain(note));
    errors.truncate(MAX_ERRORS);
    for error in &mut errors {
        let end = truncated(error, MAX_ERROR_BYTES).len();
        error.truncate(end);
    }
    failure_text::limit_errors_outside_tests(&mut errors_outside_tests, more_errors);

    Ok(NewUpload {
        suite: context.suite,
        run: NewRun {
            uuid: context.run_uuid,
            key: key.clone(),
            branch: run_env.branch(),
            commit_sha: run_env.text("commit_sha"),
            build_id: run_env.is_buildkite().then_some(key),
            number: run_env.text("number"),
            url: run_env.text("url"),
            message: run_env.text("message"),
            run_env: run_env.to_json(),
        },
        uuid: context.upload_uuid,
        format,
        job_id: run_env.text("job_id"),
        tags: upload_tags,
        digest,
        skipped: invalid.len() as u64,
        errors,
        errors_outside_tests,
        received_at: context.received_at,
        executions,
    })
}

fn text_of(copy: &[u8]) -> io::Result<&str> {
    std::str::from_utf8(copy).map_err(io::Error::other)
}

#[cfg(test)]
mod tests;
