//! The settings of `serve`, and the table of them in `docs/server/configure.md`.

use std::fmt::Write as _;

use clap::{Args, CommandFactory as _};
use secrecy::ExposeSecret as _;

use crate::config::{
    BlobStore, BlobStoreError, BlobStoreInput, Config, DEFAULT_ORGANIZATION, Limits, Logs, Mail,
    MetricsAccess, Network, Oidc, Planning, PublicUrlError, Retention, SignIn, SignInError,
    Storage, Web, Webhooks,
};

use crate::webhooks::{MailError, Mailer};

#[derive(Debug, Args)]
pub(super) struct ServeSettings {
    #[command(flatten)]
    storage: Storage,
    #[command(flatten)]
    network: Network,
    /// Slug of the organization that is created in an empty database
    #[arg(long, value_name = "SLUG", env = "TEST_ENGINE_ORGANIZATION")]
    #[arg(default_value = DEFAULT_ORGANIZATION)]
    organization: String,
    #[command(flatten)]
    blobs: BlobStoreInput,
    #[command(flatten)]
    limits: Limits,
    #[command(flatten)]
    planning: Planning,
    #[command(flatten)]
    retention: Retention,
    #[command(flatten)]
    webhooks: Webhooks,
    #[command(flatten)]
    mail: Mail,
    #[command(flatten)]
    web: Web,
    #[command(flatten)]
    oidc: Oidc,
    #[command(flatten)]
    sign_in: SignIn,
    #[command(flatten)]
    metrics: MetricsAccess,
    #[command(flatten)]
    logs: Logs,
}

#[derive(Debug, thiserror::Error)]
pub(super) enum SettingsError {
    #[error(transparent)]
    PublicUrl(#[from] PublicUrlError),
    #[error(transparent)]
    SignIn(#[from] SignInError),
    #[error(transparent)]
    BlobStore(#[from] BlobStoreError),
    #[error(transparent)]
    Mail(#[from] MailError),
}

impl ServeSettings {
    pub(super) fn into_config(self) -> Result<Config, SettingsError> {
        let public_url = self.network.public_url.as_deref().unwrap_or_default();
        let public_url = Network::parse_public_url(public_url)?;
        let token = self.metrics.token;
        Ok(Config {
            sign_in: self.sign_in.checked(public_url.is_some(), self.oidc)?,
            network: Network {
                public_url,
                ..self.network
            },
            oidc: self.oidc,
            storage: Storage {
                keep_raw_uploads: self.blobs.keep_raw_uploads,
                blobs: BlobStore::parse(self.blobs)?,
                organization: self.organization,
                ..self.storage
            },
            limits: self.limits,
            planning: self.planning,
            retention: self.retention,
            mail: checked(self.mail, &self.webhooks)?,
            webhooks: self.webhooks,
            web: self.web,
            metrics: MetricsAccess {
                token: token.filter(|token| !token.expose_secret().is_empty()),
                ..self.metrics
            },
            logs: self.logs,
        })
    }
}

fn checked(mail: Mail, webhooks: &Webhooks) -> Result<Mail, MailError> {
    Mailer::new(&mail, webhooks.attempt_time)?;
    Ok(mail)
}

/// The settings of `serve` as a Markdown table.
pub fn settings_table() -> String {
    let mut table =
        String::from("| flag | variable | default | what it does |\n| --- | --- | --- | --- |\n");
    let cli = super::Cli::command();
    let serve = cli.find_subcommand("serve");
    for argument in serve.into_iter().flat_map(clap::Command::get_arguments) {
        let (Some(flag), Some(variable)) = (argument.get_long(), argument.get_env()) else {
            continue;
        };
        let variable = variable.to_string_lossy();
        let mut help = argument.get_help().cloned().unwrap_or_default().to_string();
        let (mut value, mut default) = (String::new(), "off".to_owned());
        if argument.get_action().takes_values() {
            let name = argument.get_value_names().and_then(<[_]>::first);
            value = name.map_or_else(String::new, |name| format!(" {name}"));
            default = argument
                .get_default_values()
                .first()
                .map_or_else(String::new, |value| {
                    format!("`{}`", value.to_string_lossy())
                });
            let choices: Vec<String> = argument
                .get_possible_values()
                .iter()
                .map(|choice| format!("`{}`", choice.get_name()))
                .collect();
            if !choices.is_empty() {
                help = format!("{help}: {}", choices.join(" or "));
            }
        }
        // Writing to a string cannot fail.
        let _ = writeln!(
            table,
            "| `--{flag}{value}` | `{variable}` | {default} | {help} |"
        );
    }
    table
}
