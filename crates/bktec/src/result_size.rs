//! How large a result file may be that is read into memory.
//!
//! One rule for results of a run (`attempts`) and for files to upload (`upload`). A report of a
//! million tests has some 300 MB; what is larger is a runner that went wrong, and must not take a
//! machine's memory with it.

/// The largest result file that is read, in bytes.
pub(crate) const LARGEST: u64 = 512 << 20;

/// The same, for people.
pub(crate) const LARGEST_IN_WORDS: &str = "512 MiB";
