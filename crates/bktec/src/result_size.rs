//! The size limit of result files that are read into memory.
//!
//! Shared by `attempts` and `upload`. A report of a million tests has about 300 MB; a larger file
//! is a runner gone wrong and must not exhaust the machine's memory.

pub(crate) const MAX_RESULT_BYTES: u64 = 512 << 20;

pub(crate) const MAX_RESULT_SIZE: &str = "512 MiB";
