//! The settings of `serve` as flags and variables, and the table of them for the documentation.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, CommandFactory as _};
use secrecy::{ExposeSecret as _, SecretString};
use test_engine_store::DEFAULT_CONNECTIONS;

use crate::config::{
    BlobStore, BlobStoreError, BlobStoreInput, Config, DEFAULT_AGGREGATE_DAYS,
    DEFAULT_BACKFILL_LIMIT_MIB, DEFAULT_BODY_LIMIT_MIB, DEFAULT_DATA_DIR, DEFAULT_EXECUTION_DAYS,
    DEFAULT_FILE_LOAD_MS, DEFAULT_LISTEN, DEFAULT_ORGANIZATION, DEFAULT_PLAN_REQUESTS_PER_MINUTE,
    DEFAULT_PLAN_RETENTION_DAYS, DEFAULT_REST_REQUESTS_PER_MINUTE, DEFAULT_RESULTS_LIMIT,
    DEFAULT_S3_REGION, DEFAULT_SHUTDOWN_SECONDS, Limits, LogFormat, Logs, MetricsAccess, Network,
    Oidc, Planning, PublicUrlError, Retention, Storage, Web,
};

/// Where every command finds the database.
#[derive(Clone, Debug, Args)]
pub(super) struct DatabaseArguments {
    /// Directory that holds the database, unless --database-url names another; made when missing
    #[arg(long, value_name = "DIR", env = "TEST_ENGINE_DATA_DIR", default_value = DEFAULT_DATA_DIR)]
    data_dir: PathBuf,
    /// Database to use instead, such as postgres://user:password@host/database
    #[arg(
        long,
        value_name = "URL",
        env = "TEST_ENGINE_DATABASE_URL",
        hide_env_values = true
    )]
    database_url: Option<SecretString>,
    /// Connections to a Postgres database at most
    #[arg(long, value_name = "COUNT", env = "TEST_ENGINE_DATABASE_CONNECTIONS", default_value_t = DEFAULT_CONNECTIONS, value_parser = clap::value_parser!(u32).range(2..=1000))]
    database_connections: u32,
}

impl DatabaseArguments {
    /// For commands that need the database and nothing else.
    pub(super) fn to_config(&self) -> Config {
        let mut config = Config::in_directory(&self.data_dir);
        let organization = std::mem::take(&mut config.storage.organization);
        config.storage = self.clone().into_storage(organization);
        config
    }

    /// Where the database is, for this organization when it has none.
    fn into_storage(self, organization: String) -> Storage {
        Storage {
            blobs: BlobStore::inside(&self.data_dir),
            data_dir: self.data_dir,
            keep_raw_uploads: false,
            database_url: self.database_url.filter(is_given),
            database_connections: self.database_connections,
            organization,
        }
    }
}

/// An empty variable is how scripts say that there is none.
fn is_given(secret: &SecretString) -> bool {
    !secret.expose_secret().is_empty()
}

/// How long things are kept.
#[derive(Clone, Copy, Debug, Args)]
pub(super) struct RetentionSettings {
    /// Days executions and the text of failures are kept; 0 for ever
    #[arg(long, value_name = "DAYS", env = "TEST_ENGINE_EXECUTION_RETENTION_DAYS", default_value_t = DEFAULT_EXECUTION_DAYS)]
    execution_retention_days: u32,
    /// Days daily sums, runs and receipts of uploads are kept, never less than executions; 0 for ever
    #[arg(long, value_name = "DAYS", env = "TEST_ENGINE_AGGREGATE_RETENTION_DAYS", default_value_t = DEFAULT_AGGREGATE_DAYS)]
    aggregate_retention_days: u32,
}

impl RetentionSettings {
    pub(super) fn values(self) -> Retention {
        Retention {
            execution_days: self.execution_retention_days,
            aggregate_days: self.aggregate_retention_days,
        }
    }
}

/// Every setting of `serve`.
#[derive(Debug, Args)]
pub(super) struct ServeSettings {
    #[command(flatten)]
    database: DatabaseArguments,
    /// Address and port to listen on; port 0 lets the system choose
    #[arg(long, value_name = "ADDRESS", env = "TEST_ENGINE_LISTEN", default_value_t = DEFAULT_LISTEN)]
    listen: SocketAddr,
    /// What links begin with, such as https://tests.example.com; otherwise the address listened on
    #[arg(long, value_name = "URL", env = "TEST_ENGINE_PUBLIC_URL")]
    public_url: Option<String>,
    /// Seconds that requests under way may take once the server is told to stop
    #[arg(long, value_name = "SECONDS", env = "TEST_ENGINE_SHUTDOWN_SECONDS", default_value_t = DEFAULT_SHUTDOWN_SECONDS)]
    shutdown_seconds: u32,
    /// Slug of the organization that an empty database is given
    #[arg(long, value_name = "SLUG", env = "TEST_ENGINE_ORGANIZATION", default_value = DEFAULT_ORGANIZATION)]
    organization: String,
    #[command(flatten)]
    blobs: BlobSettings,
    /// Mebibytes a request body may have, after decompression
    #[arg(long, value_name = "MIB", env = "TEST_ENGINE_BODY_LIMIT_MIB", default_value_t = DEFAULT_BODY_LIMIT_MIB, value_parser = clap::value_parser!(u32).range(1..=4096))]
    body_limit_mib: u32,
    /// Mebibytes an archive of commits may have, compressed
    #[arg(long, value_name = "MIB", env = "TEST_ENGINE_BACKFILL_LIMIT_MIB", default_value_t = DEFAULT_BACKFILL_LIMIT_MIB, value_parser = clap::value_parser!(u32).range(1..=4096))]
    backfill_limit_mib: u32,
    /// Results one upload may have
    #[arg(long, value_name = "COUNT", env = "TEST_ENGINE_RESULTS_LIMIT", default_value_t = DEFAULT_RESULTS_LIMIT, value_parser = clap::value_parser!(u32).range(1..))]
    results_limit: u32,
    /// Days a plan is kept
    #[arg(long, value_name = "DAYS", env = "TEST_ENGINE_PLAN_RETENTION_DAYS", default_value_t = DEFAULT_PLAN_RETENTION_DAYS, value_parser = clap::value_parser!(u32).range(1..=365))]
    plan_retention_days: u32,
    /// Milliseconds a plan charges for loading a file on each node that runs examples of it
    #[arg(long, value_name = "MS", env = "TEST_ENGINE_FILE_LOAD_MS", default_value_t = DEFAULT_FILE_LOAD_MS, value_parser = clap::value_parser!(u32).range(0..=600_000))]
    file_load_ms: u32,
    #[command(flatten)]
    retention: RetentionSettings,
    /// Plan requests an organization may make in a minute; 0 for no limit
    #[arg(long, value_name = "COUNT", env = "TEST_ENGINE_PLAN_RATE_LIMIT", default_value_t = DEFAULT_PLAN_REQUESTS_PER_MINUTE)]
    plan_rate_limit: u32,
    /// Other API requests an organization may make in a minute; 0 for no limit
    #[arg(long, value_name = "COUNT", env = "TEST_ENGINE_REST_RATE_LIMIT", default_value_t = DEFAULT_REST_REQUESTS_PER_MINUTE)]
    rest_rate_limit: u32,
    /// Let everybody who can reach the server read its pages; for trusted networks only
    #[arg(long, env = "TEST_ENGINE_WEB_OPEN", value_parser = clap::builder::BoolishValueParser::new())]
    web_open: bool,
    /// Fetch the keys of OIDC issuers over plain HTTP, too, from this machine only; for trying things out
    #[arg(long, env = "TEST_ENGINE_OIDC_ALLOW_LOOPBACK_HTTP", value_parser = clap::builder::BoolishValueParser::new())]
    oidc_allow_loopback_http: bool,
    /// Token that whoever reads GET /metrics has to send; without it they are closed
    #[arg(
        long,
        value_name = "TOKEN",
        env = "TEST_ENGINE_METRICS_TOKEN",
        hide_env_values = true
    )]
    metrics_token: Option<SecretString>,
    /// Let everybody who can reach the server read GET /metrics
    #[arg(long, env = "TEST_ENGINE_METRICS_OPEN", value_parser = clap::builder::BoolishValueParser::new())]
    metrics_open: bool,
    /// How log lines look
    #[arg(
        long,
        value_name = "FORMAT",
        env = "TEST_ENGINE_LOG_FORMAT",
        default_value = "text"
    )]
    log_format: LogFormat,
    /// What is logged: a level such as info or debug, or directives of tracing
    #[arg(
        long,
        value_name = "LEVEL",
        env = "TEST_ENGINE_LOG_LEVEL",
        default_value = "info"
    )]
    log_level: String,
}

/// Where what is too large for the database lies.
#[derive(Debug, Args)]
struct BlobSettings {
    /// Object storage: file:///a/folder or s3://bucket/prefix; otherwise a folder in the data directory
    #[arg(long, value_name = "URL", env = "TEST_ENGINE_BLOB_STORE")]
    blob_store: Option<String>,
    /// Address of an S3-compatible service; otherwise AWS
    #[arg(long, value_name = "URL", env = "TEST_ENGINE_S3_ENDPOINT")]
    s3_endpoint: Option<String>,
    /// Region of the bucket
    #[arg(long, value_name = "REGION", env = "TEST_ENGINE_S3_REGION", default_value = DEFAULT_S3_REGION)]
    s3_region: String,
    /// Access key for the bucket; otherwise what AWS gave the machine
    #[arg(long, value_name = "ID", env = "TEST_ENGINE_S3_ACCESS_KEY_ID")]
    s3_access_key_id: Option<String>,
    /// Secret of the access key; the variable keeps it out of the list of processes
    #[arg(
        long,
        value_name = "SECRET",
        env = "TEST_ENGINE_S3_SECRET_ACCESS_KEY",
        hide_env_values = true
    )]
    s3_secret_access_key: Option<SecretString>,
    /// Keep every uploaded result file as it came, in object storage
    #[arg(long, env = "TEST_ENGINE_KEEP_RAW_UPLOADS", value_parser = clap::builder::BoolishValueParser::new())]
    keep_raw_uploads: bool,
}

/// Settings that cannot be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum SettingsError {
    #[error(transparent)]
    PublicUrl(#[from] PublicUrlError),
    #[error(transparent)]
    BlobStore(#[from] BlobStoreError),
}

impl ServeSettings {
    /// The settings as checked values.
    pub(super) fn into_config(self) -> Result<Config, SettingsError> {
        let blobs = BlobStoreInput {
            url: self.blobs.blob_store,
            endpoint: self.blobs.s3_endpoint,
            region: self.blobs.s3_region,
            access_key_id: self.blobs.s3_access_key_id,
            secret_access_key: self.blobs.s3_secret_access_key,
        };
        let mut storage = self.database.into_storage(self.organization);
        storage.blobs = BlobStore::parse(blobs, &storage.data_dir)?;
        storage.keep_raw_uploads = self.blobs.keep_raw_uploads;
        let public_url = self.public_url.as_deref().unwrap_or_default();
        Ok(Config {
            network: Network {
                listen: self.listen,
                public_url: Network::parse_public_url(public_url)?,
                shutdown_limit: Duration::from_secs(self.shutdown_seconds.into()),
            },
            oidc: Oidc {
                allow_loopback_http: self.oidc_allow_loopback_http,
            },
            storage,
            limits: Limits {
                body_bytes: self.body_limit_mib as usize * 1024 * 1024,
                backfill_bytes: u64::from(self.backfill_limit_mib) * 1024 * 1024,
                results_per_upload: self.results_limit as usize,
                plan_requests_per_minute: self.plan_rate_limit,
                rest_requests_per_minute: self.rest_rate_limit,
                ..Limits::default()
            },
            planning: Planning {
                plan_retention_days: self.plan_retention_days,
                file_load_ms: self.file_load_ms,
            },
            retention: self.retention.values(),
            web: Web {
                open: self.web_open,
            },
            metrics: MetricsAccess {
                open: self.metrics_open,
                token: self.metrics_token.filter(is_given),
            },
            logs: Logs {
                format: self.log_format,
                filter: self.log_level,
            },
        })
    }
}

/// The settings of `serve` as a Markdown table; `docs/server/configure.md` carries it.
pub fn settings_table() -> String {
    let mut table =
        String::from("| flag | variable | default | what it does |\n| --- | --- | --- | --- |\n");
    let cli = super::Cli::command();
    let serve = cli.find_subcommand("serve");
    for argument in serve.into_iter().flat_map(clap::Command::get_arguments) {
        let (Some(flag), Some(variable)) = (argument.get_long(), argument.get_env()) else {
            continue;
        };
        let takes_value = argument.get_action().takes_values();
        let value = argument
            .get_value_names()
            .and_then(<[_]>::first)
            .filter(|_| takes_value);
        let value = value.map_or_else(String::new, |name| format!(" {name}"));
        let default = match argument.get_default_values() {
            [] => String::new(),
            [default, ..] => format!("`{}`", default.to_string_lossy()),
        };
        let default = if takes_value {
            default
        } else {
            "off".to_owned()
        };
        let choices: Vec<String> = argument
            .get_possible_values()
            .iter()
            .filter(|_| takes_value)
            .map(|choice| format!("`{}`", choice.get_name()))
            .collect();
        let help = argument
            .get_help()
            .map(ToString::to_string)
            .unwrap_or_default();
        let help = if choices.is_empty() {
            help
        } else {
            format!("{help}: {}", choices.join(" or "))
        };
        // Writing to a string cannot fail.
        let _never = writeln!(
            table,
            "| `--{flag}{value}` | `{}` | {default} | {help} |",
            variable.to_string_lossy()
        );
    }
    table
}
