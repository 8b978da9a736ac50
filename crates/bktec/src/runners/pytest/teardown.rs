//! Errors of teardowns. Pure.
//!
//! pytest reports the error of a fixture's teardown with the test that happened to run last, even
//! for a fixture of the whole session. So it is no failure of that test: no mute excuses it, and
//! rerunning only that test disproves nothing. A rerun of the whole file does.

use test_engine_results::{Detail, Format, ParseError, TestResult, parse_with};

use super::node_id::KnownFiles;
use crate::runners::{ParsedResults, Shortfall};

/// The start of pytest's message in JUnit XML, before the quoted first line of the error.
const JUNIT_MESSAGE: &str = "failed on teardown with ";

/// Notes the error, unless another source has already noted it. `path` is the test's.
pub(super) fn note(parsed: &mut ParsedResults, known: &KnownFiles, path: &str, message: &str) {
    let start = format!("the teardown after {path} failed");
    let is_known = |shortfall: &Shortfall| shortfall.reason.starts_with(&start);
    if !parsed.shortfalls.iter().any(is_known) {
        parsed.shortfalls.push(Shortfall {
            path: Some(known.planned(path).to_owned()),
            reason: format!("{start}: {message}"),
        });
    }
}

/// Notes the teardown errors of a JUnit file. `path` is the path of a result's test.
pub(super) fn note_junit(
    parsed: &mut ParsedResults,
    known: &KnownFiles,
    bytes: &[u8],
    path: impl Fn(TestResult<'_>) -> String,
) -> Result<(), ParseError> {
    let message = JUNIT_MESSAGE.as_bytes();
    // Failure texts need much memory, and most files have no such error.
    if !bytes.windows(message.len()).any(|window| window == message) {
        return Ok(());
    }
    for result in parse_with(Format::Junit, bytes, Detail::Full)?.results {
        let reason = result.extras.failure_reason.as_deref();
        if let Some(error) = reason.and_then(|reason| reason.strip_prefix(JUNIT_MESSAGE)) {
            let error = error.trim_matches('"').to_owned();
            note(parsed, known, &path(result), &error);
        }
    }
    Ok(())
}
