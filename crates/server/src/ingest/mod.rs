//! Turns uploads into what the store writes.
//!
//! [`Submission`] is an upload, whatever its encoding; [`derive()`] turns it into one value for one
//! transaction of the store. Pure: no HTTP, no database, no clock.

mod digest;
mod executions;
mod failure_text;
mod names;
mod pytest_names;
mod run_env;
mod submission;
mod tags;

pub(crate) use submission::{Submission, SubmissionError};
pub(crate) use tags::check_mutable as check_mutable_tags;

use test_engine_results::{Detail, Report, parse_limited};
use test_engine_store::{NewRun, NewUpload, SuiteId, Timestamp};
use uuid::Uuid;

use run_env::{RunEnv, truncated};

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
) -> Result<NewUpload, SubmissionError> {
    let mut errors = Vec::new();
    let run_env = RunEnv::new(&submission.run_env, &mut errors);
    let key = run_env.key(context.run_uuid)?;
    let limit = context.results_limit;
    let report = parse_limited(submission.format, &submission.data, Detail::Full, limit)?;
    let Report {
        results,
        invalid,
        mut errors_outside_tests,
        notes,
        omitted,
        ..
    } = report;
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
    let executions = executions::derive(
        submission.format,
        results,
        &run_env,
        &upload_tags,
        &mut errors,
    );
    errors.extend(notes);
    errors.truncate(MAX_ERRORS);
    for error in &mut errors {
        let end = truncated(error, MAX_ERROR_BYTES).len();
        error.truncate(end);
    }
    failure_text::limit_errors_outside_tests(&mut errors_outside_tests);

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
        format: submission.format,
        job_id: run_env.text("job_id"),
        tags: upload_tags,
        digest: digest::of(submission),
        skipped: invalid.len() as u64,
        errors,
        errors_outside_tests,
        received_at: context.received_at,
        executions,
    })
}

#[cfg(test)]
mod tests;
