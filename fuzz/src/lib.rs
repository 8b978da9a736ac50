//! What holds for every result file, whatever its bytes; shared by the fuzz targets.
//!
//! `crates/results/tests/properties.rs` has the same assertions as property tests, in every test
//! run. Here a fuzzer searches for counterexamples for as long as it runs.

use test_engine_results::{Detail, Format, MAX_DURATION_SECONDS, parse, parse_with};

/// Parses the bytes with both levels of detail and checks the results.
///
/// # Panics
///
/// If an assertion fails, which is what the fuzzer looks for.
pub fn check(format: Format, bytes: &[u8]) {
    let full = parse(format, bytes);
    let reduced = parse_with(format, bytes, Detail::Outcomes);
    match full {
        Ok(report) => {
            let reduced = reduced.expect("valid with full detail is valid with less");
            assert!(reduced.results.len() <= report.results.len());
            for result in report.results.iter().chain(&reduced.results) {
                assert!(!result.name.trim().is_empty());
                assert!(!result.name.contains('\0') && !result.scope.contains('\0'));
                assert!(
                    result
                        .duration
                        .is_none_or(|duration| duration.seconds() <= MAX_DURATION_SECONDS)
                );
            }
        }
        Err(error) => assert!(!error.place.is_empty() && !error.message.is_empty()),
    }
}
