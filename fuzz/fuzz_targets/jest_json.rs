//! Any bytes, read as Jest's and Vitest's JSON: no panic, no hang, no heap out of proportion.
//! What must hold of every report is in `../src/lib.rs`; the seeds are the parsers' fixtures.
#![no_main]

use libfuzzer_sys::fuzz_target;
use test_engine_results::Format;

fuzz_target!(|bytes: &[u8]| test_engine_fuzz::check(Format::JestJson, bytes));
