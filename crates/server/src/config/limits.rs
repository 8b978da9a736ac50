//! The section of limits: how much one request may hold and how often one may ask.

use std::time::Duration;

/// Mebibytes of a request body, after decompression.
pub(crate) const DEFAULT_BODY_LIMIT_MIB: u32 = 64;
/// Mebibytes of an archive of commits.
pub(crate) const DEFAULT_BACKFILL_LIMIT_MIB: u32 = 1024;
/// Results in one upload, as the hosted product has it.
pub(crate) const DEFAULT_RESULTS_LIMIT: u32 = 5_000;
/// Requests an organization may make to the plan endpoints in a minute.
pub(crate) const DEFAULT_PLAN_REQUESTS_PER_MINUTE: u32 = 10_000;
/// Requests an organization may make to everything else of the REST API in a minute.
pub(crate) const DEFAULT_REST_REQUESTS_PER_MINUTE: u32 = 200;

/// The longest the headers of a request may take; also how long a connection may idle.
const DEFAULT_HEADER_TIME: Duration = Duration::from_mins(1);
/// The longest silence between two pieces of a body.
const DEFAULT_BODY_SILENCE: Duration = Duration::from_secs(20);
/// The longest time one body may take to arrive.
const DEFAULT_BODY_TIME: Duration = Duration::from_mins(2);

/// What is refused.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of a request body, counted after decompression.
    pub body_bytes: usize,
    /// Bytes of an archive of commits, compressed as it comes.
    pub backfill_bytes: u64,
    /// How long the headers of a request may take; also how long a connection may idle. Not a
    /// setting of the program: tests are less patient.
    pub header_time: Duration,
    /// How long a body may pause. No setting either.
    pub body_silence: Duration,
    /// How long a body may take altogether. No setting either.
    pub body_time: Duration,
    /// Results in one upload.
    pub results_per_upload: usize,
    /// Plan requests per organization and minute; 0 means no limit.
    pub plan_requests_per_minute: u32,
    /// Other REST requests per organization and minute; 0 means no limit.
    pub rest_requests_per_minute: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body_bytes: DEFAULT_BODY_LIMIT_MIB as usize * 1024 * 1024,
            backfill_bytes: u64::from(DEFAULT_BACKFILL_LIMIT_MIB) * 1024 * 1024,
            header_time: DEFAULT_HEADER_TIME,
            body_silence: DEFAULT_BODY_SILENCE,
            body_time: DEFAULT_BODY_TIME,
            results_per_upload: DEFAULT_RESULTS_LIMIT as usize,
            plan_requests_per_minute: DEFAULT_PLAN_REQUESTS_PER_MINUTE,
            rest_requests_per_minute: DEFAULT_REST_REQUESTS_PER_MINUTE,
        }
    }
}
