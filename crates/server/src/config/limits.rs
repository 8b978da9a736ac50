//! The limits on requests.

use std::time::Duration;

use clap::builder::TypedValueParser;
use clap::{Args, value_parser};

/// Limits on the size, duration and rate of requests.
#[derive(Clone, Copy, Debug, Args)]
pub struct Limits {
    /// Maximum size of a request body in MiB, after decompression
    #[arg(long = "body-limit-mib", value_name = "MIB")]
    #[arg(env = "TEST_ENGINE_BODY_LIMIT_MIB")]
    #[arg(default_value = "64", value_parser = mebibytes().map(|bytes| bytes as usize))]
    pub body_bytes: usize,
    /// Maximum size of a commit archive in MiB, compressed
    #[arg(long = "backfill-limit-mib", value_name = "MIB")]
    #[arg(env = "TEST_ENGINE_BACKFILL_LIMIT_MIB")]
    #[arg(default_value = "1024", value_parser = mebibytes())]
    pub backfill_bytes: u64,
    /// Maximum number of results in one upload
    #[arg(long = "results-limit", value_name = "COUNT")]
    #[arg(env = "TEST_ENGINE_RESULTS_LIMIT", default_value = "5000")]
    #[arg(value_parser = value_parser!(u32).range(1..).map(|count| count as usize))]
    pub results_per_upload: usize,
    /// Maximum plan requests per organization and minute; 0 disables the limit
    #[arg(long = "plan-rate-limit", value_name = "COUNT")]
    #[arg(env = "TEST_ENGINE_PLAN_RATE_LIMIT", default_value = "10000")]
    pub plan_requests_per_minute: u32,
    /// Maximum other API requests per organization and minute; 0 disables the limit
    #[arg(long = "rest-rate-limit", value_name = "COUNT")]
    #[arg(env = "TEST_ENGINE_REST_RATE_LIMIT", default_value = "200")]
    pub rest_requests_per_minute: u32,
    /// For the headers of a request; also how long a connection may idle. Not a setting, like the
    /// next two: tests use shorter times.
    #[arg(skip = Duration::from_mins(1))]
    pub header_time: Duration,
    /// Between two pieces of a body.
    #[arg(skip = Duration::from_secs(20))]
    pub body_silence: Duration,
    /// How long writes to the database may fail before `/readyz` says so.
    #[arg(skip = Duration::from_secs(30))]
    pub write_failure_time: Duration,
    /// For one body.
    #[arg(skip = Duration::from_mins(2))]
    pub body_time: Duration,
}

fn mebibytes() -> impl TypedValueParser<Value = u64> {
    value_parser!(u32)
        .range(1..=4096)
        .map(|mebibytes| u64::from(mebibytes) * 1024 * 1024)
}

impl Default for Limits {
    fn default() -> Self {
        super::defaults()
    }
}
