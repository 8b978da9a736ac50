//! The format and level of the log on stderr.

/// The format of log lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object per line.
    Json,
}

/// The log on stderr.
#[derive(Clone, Debug, clap::Args)]
pub struct Logs {
    /// Format of log lines
    #[arg(long = "log-format", value_name = "FORMAT")]
    #[arg(env = "TEST_ENGINE_LOG_FORMAT", default_value = "text")]
    pub format: LogFormat,
    /// Log level, such as info or debug, or tracing directives, such as info,test_engine=debug
    #[arg(long = "log-level", value_name = "LEVEL")]
    #[arg(env = "TEST_ENGINE_LOG_LEVEL", default_value = "info")]
    pub filter: String,
}
