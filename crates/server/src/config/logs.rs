//! The section of logs: how they look and how much they say.

/// How log lines look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// What is logged, to stderr.
#[derive(Clone, Debug)]
pub struct Logs {
    /// How it looks.
    pub format: LogFormat,
    /// A level (`info`) or directives of `tracing` (`info,test_engine=debug`).
    pub filter: String,
}

impl Default for Logs {
    fn default() -> Self {
        Self {
            format: LogFormat::Text,
            filter: "info".to_owned(),
        }
    }
}
