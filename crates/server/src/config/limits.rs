//! The section of limits: how much one request may hold and how often one may ask.

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

/// What is refused.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of a request body, counted after decompression.
    pub body_bytes: usize,
    /// Bytes of an archive of commits, compressed as it comes.
    pub backfill_bytes: u64,
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
            results_per_upload: DEFAULT_RESULTS_LIMIT as usize,
            plan_requests_per_minute: DEFAULT_PLAN_REQUESTS_PER_MINUTE,
            rest_requests_per_minute: DEFAULT_REST_REQUESTS_PER_MINUTE,
        }
    }
}
