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

/// The levels that [`Logs::filter`] may name.
const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];

impl Logs {
    /// The part of the filter that is neither a level nor `TARGET=LEVEL`: the filter itself takes a
    /// misspelt level for the name of a module, and then logs nothing.
    pub(crate) fn unknown_level(&self) -> Option<&str> {
        self.filter.split(',').map(str::trim).find(|directive| {
            let level = directive
                .rsplit_once('=')
                .map_or(*directive, |(_, level)| level);
            !LEVELS
                .iter()
                .any(|known| known.eq_ignore_ascii_case(level.trim()))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{LogFormat, Logs};

    #[test]
    fn finds_unknown_levels() {
        for (filter, unknown) in [
            ("info", None),
            ("WARN", None),
            ("info,test_engine=debug, sqlx=off", None),
            ("test_engine[request{path=\"/\"}]=trace", None),
            ("verbose", Some("verbose")),
            ("inof,sqlx=off", Some("inof")),
            ("info,sqlx=loud", Some("sqlx=loud")),
            ("no=such=level", Some("no=such=level")),
            ("", Some("")),
        ] {
            let logs = Logs {
                format: LogFormat::Text,
                filter: filter.to_owned(),
            };
            assert_eq!(logs.unknown_level(), unknown, "{filter}");
        }
    }
}
