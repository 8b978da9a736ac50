//! The sections that open something up: pages, metrics, key fetches over plain HTTP.

use clap::builder::BoolishValueParser;
use secrecy::SecretString;

/// Access to the pages.
#[derive(Clone, Copy, Debug, clap::Args)]
pub struct Web {
    /// Show all pages to everyone who can reach the server; for trusted networks only
    #[arg(id = "web_open", long = "web-open", env = "TEST_ENGINE_WEB_OPEN")]
    #[arg(value_parser = BoolishValueParser::new())]
    pub open: bool,
}

/// How the keys of OIDC issuers are fetched.
#[derive(Clone, Copy, Debug, clap::Args)]
pub struct Oidc {
    /// Also fetch the keys of OIDC issuers over plain HTTP from loopback addresses; for testing
    /// only
    #[arg(long = "oidc-allow-loopback-http")]
    #[arg(env = "TEST_ENGINE_OIDC_ALLOW_LOOPBACK_HTTP")]
    #[arg(value_parser = BoolishValueParser::new())]
    pub allow_loopback_http: bool,
}

/// Access to `GET /metrics`. Without either setting, nobody has it.
#[derive(Clone, Debug, clap::Args)]
pub struct MetricsAccess {
    /// Bearer token that gives access to GET /metrics
    #[arg(long = "metrics-token", value_name = "TOKEN")]
    #[arg(env = "TEST_ENGINE_METRICS_TOKEN", hide_env_values = true)]
    pub token: Option<SecretString>,
    /// Let everyone who can reach the server read GET /metrics
    #[arg(id = "metrics_open", long = "metrics-open")]
    #[arg(env = "TEST_ENGINE_METRICS_OPEN")]
    #[arg(value_parser = BoolishValueParser::new())]
    pub open: bool,
}
