//! What must hold of every result file, whatever its bytes; shared by the fuzz targets.
//!
//! The same rules are properties in `crates/results/tests/properties.rs`, where they are tried on
//! every test run; here a fuzzer tries to break them for as long as it is given.

use test_engine_results::{Detail, Format, parse, parse_with};

/// Reads the bytes both ways and checks what comes of it.
///
/// # Panics
///
/// When a rule does not hold: that is what the fuzzer looks for.
pub fn check(format: Format, bytes: &[u8]) {
    let full = parse(format, bytes);
    let brief = parse_with(format, bytes, Detail::Outcomes);
    match full {
        Ok(report) => {
            let brief = brief.expect("what is read in full is read in brief");
            assert!(brief.results.len() <= report.results.len());
            for result in report.results.iter().chain(&brief.results) {
                assert!(!result.name.trim().is_empty());
                assert!(!result.name.contains('\0') && !result.scope.contains('\0'));
                assert!(
                    result
                        .duration
                        .is_none_or(|seconds| seconds.is_finite() && seconds >= 0.0)
                );
            }
        }
        Err(error) => assert!(!error.place.is_empty() && !error.message.is_empty()),
    }
}
