//! The mail server that events are sent through.

use secrecy::SecretString;

/// Sending events by e-mail.
#[derive(Clone, Debug, clap::Args)]
pub struct Mail {
    /// Mail server for webhooks to mailto: addresses
    #[arg(help = "Mail server for webhooks to mailto: addresses, such as \
                  smtps://user:password@host or smtp://host:587?tls=required; use the variable to \
                  keep a password out of process lists")]
    #[arg(id = "smtp_url", long = "smtp-url", value_name = "URL")]
    #[arg(env = "TEST_ENGINE_SMTP_URL", hide_env_values = true)]
    pub url: Option<SecretString>,
    /// Sender of e-mail, such as tests@example.com
    #[arg(id = "smtp_from", long = "smtp-from", value_name = "ADDRESS")]
    #[arg(env = "TEST_ENGINE_SMTP_FROM")]
    pub from: Option<String>,
}
