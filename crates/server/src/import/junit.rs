//! JUnit files. Their time is the latest `timestamp` of their suites.

use axum::body::Bytes;
use test_engine_results::xml::{Token, Tokens};
use test_engine_results::{Format, decode};
use test_engine_store::Timestamp;

use super::date::parse_time;
use super::{Loaded, Settings};
use crate::ingest::Submission;

/// `run_key`: the run of the file, unless the settings have a key.
pub(super) fn load(data: Bytes, run_key: &str, settings: &Settings) -> Result<Loaded, String> {
    let received_at = newest_suite(&data, settings.now)?
        .or(settings.received_at)
        .ok_or_else(|| {
            "no testsuite of the file has a timestamp; set one for all files without a time with \
             --received-at"
                .to_owned()
        })?;
    let mut submission = Submission {
        format: Format::Junit,
        run_env: settings.run_env.clone(),
        tags: std::collections::BTreeMap::new(),
        data,
    };
    if submission.run_key().is_none_or(|key| key.trim().is_empty()) {
        submission
            .run_env
            .insert("key".to_owned(), run_key.to_owned());
    }
    Ok(Loaded {
        received_at,
        submission,
    })
}

/// Every timestamp must be plausible. Those of a file that is no XML are not found here; parsing
/// the results reports that.
fn newest_suite(data: &[u8], now: Timestamp) -> Result<Option<Timestamp>, String> {
    let (text, _) = decode(data);
    let mut tokens = Tokens::new(&text);
    let mut newest = None;
    while let Ok(token) = tokens.next_token() {
        match token {
            Token::Eof => break,
            Token::Start("testsuite" | "testsuites") => {
                while let Ok(Some(attribute)) = tokens.next_attribute() {
                    let value = attribute.value();
                    if attribute.name == "timestamp" && !value.trim().is_empty() {
                        newest = newest.max(Some(parse_time(value.trim(), now)?));
                    }
                }
            }
            _ => {}
        }
    }
    Ok(newest)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_795_341_600_000);

    #[test]
    fn the_latest_suite_dates_the_file() {
        let at = |text: &str| newest_suite(text.as_bytes(), NOW);
        assert_eq!(at("<testsuites/>"), Ok(None));
        assert_eq!(at("<testsuite timestamp=''/>"), Ok(None));
        assert_eq!(
            at("<testsuites><testsuite timestamp='2026-11-22T09:00:00'/>\
                <testsuite timestamp='2026-11-22T10:00:00'/></testsuites>"),
            Ok(Some(NOW))
        );
        let absurd = at("<testsuite timestamp='1970-01-01T00:00:00'/>").unwrap_err();
        assert!(absurd.contains("1970-01-01T00:00:00"), "{absurd}");
        assert_eq!(at("no XML"), Ok(None));
    }
}
