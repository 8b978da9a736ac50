//! Parses arbitrary bytes as Playwright JSON: no panic, no hang, no excessive memory.
//! `../src/lib.rs` has the assertions; the seeds are the fixtures of the parsers.
#![no_main]

use libfuzzer_sys::fuzz_target;
use test_engine_results::Format;

fuzz_target!(|bytes: &[u8]| test_engine_fuzz::check(Format::PlaywrightJson, bytes));
