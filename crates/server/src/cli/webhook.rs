//! `test-engine webhook create|list|delete|deliveries|resend`.

use std::path::PathBuf;

use anyhow::{Context as _, bail};
use clap::{Args, Subcommand};
use comfy_table::{Table, presets};
use secrecy::{ExposeSecret as _, SecretString};
use test_engine_store::{DeliveryState, MAX_WEBHOOKS, Organization, Page, Store, Webhook};
use uuid::Uuid;

use super::output;
use crate::admin;
use crate::config::Storage;
use crate::webhooks::{DeliveryBody, Request, WebhookBody, Webhooks};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Create a webhook and print the secret that its requests are signed with.
    Create(Create),
    /// List the webhooks of an organization.
    List(List),
    /// Delete a webhook with its deliveries.
    Delete(Delete),
    /// List the deliveries of a webhook, newest first.
    Deliveries(Deliveries),
    /// Send dead deliveries of a webhook again.
    Resend(Resend),
}

#[derive(Debug, Args)]
pub(super) struct Create {
    /// Slug of the organization
    #[arg(value_name = "ORGANIZATION")]
    organization: String,
    /// File with the URL, or - for stdin: URLs of chats are secrets
    #[arg(long, value_name = "FILE")]
    url_file: PathBuf,
    /// Slug of the suite; by default every suite of the organization
    #[arg(long, value_name = "SLUG")]
    suite: Option<String>,
    /// What to send: json, slack or email; by default email to mailto: URLs, json to others
    #[arg(long, value_name = "FORMAT")]
    format: Option<String>,
    /// Event to send, such as mute.expired; may be repeated; by default every event
    #[arg(long = "event", value_name = "EVENT")]
    events: Vec<String>,
    /// For people
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    storage: Storage,
}

#[derive(Debug, Args)]
pub(super) struct List {
    /// Slug of the organization
    #[arg(value_name = "ORGANIZATION")]
    organization: String,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    storage: Storage,
}

/// A webhook of an organization.
#[derive(Debug, Args)]
struct Which {
    /// Slug of the organization
    #[arg(value_name = "ORGANIZATION")]
    organization: String,
    /// Id of the webhook
    #[arg(value_name = "ID")]
    id: Uuid,
    #[command(flatten)]
    storage: Storage,
}

#[derive(Debug, Args)]
pub(super) struct Delete {
    #[command(flatten)]
    which: Which,
}

#[derive(Debug, Args)]
pub(super) struct Deliveries {
    #[command(flatten)]
    which: Which,
    /// Only deliveries in this state: pending, delivered or dead
    #[arg(long, value_name = "STATE", value_parser = state)]
    state: Option<DeliveryState>,
    /// Number of deliveries to list
    #[arg(long, value_name = "COUNT", default_value = "50")]
    #[arg(value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(super) struct Resend {
    #[command(flatten)]
    which: Which,
    /// Id of one delivery, which may be a successful one; by default all dead ones
    #[arg(long, value_name = "ID")]
    delivery: Option<Uuid>,
}

fn state(given: &str) -> Result<DeliveryState, String> {
    let unknown = || "use pending, delivered or dead".to_owned();
    DeliveryState::of_name(given).ok_or_else(unknown)
}

pub(super) async fn run(command: Command) -> anyhow::Result<()> {
    match command {
        Command::Create(create) => self::create(create).await,
        Command::List(list) => self::list(list).await,
        Command::Delete(delete) => self::delete(delete).await,
        Command::Deliveries(deliveries) => self::deliveries(deliveries).await,
        Command::Resend(resend) => self::resend(resend).await,
    }
}

async fn create(create: Create) -> anyhow::Result<()> {
    let url = read_url(&create.url_file)?;
    let store = super::open(&create.storage).await?;
    let created = async {
        let organization = admin::organization(&store, &create.organization).await?;
        let suite = match &create.suite {
            Some(slug) => Some(admin::suite(&store, &organization.slug, slug).await?),
            None => None,
        };
        let request = Request {
            url: Some(url),
            description: create.description,
            format: create.format,
            events: Some(create.events),
            ..Request::default()
        };
        let webhooks = Webhooks::of_command(store.clone(), &create.storage);
        let change = super::change();
        let created = webhooks.create(organization.id, suite.as_ref(), request, &change);
        anyhow::Ok(created.await?)
    };
    let created = created.await.context("failed to create the webhook")?;
    let secret = created.secret.unwrap_or_default();
    let webhook = created.webhook;
    let shown = format!(
        "created webhook {} to {}\nsecret, shown only this once: {}",
        webhook.uuid,
        webhook.target.address,
        secret.expose_secret()
    );
    let body = WebhookBody::new(&store, webhook).await;
    let mut body = body.context("failed to read the webhook")?;
    store.close().await;
    if create.json {
        body.secret = Some(secret.expose_secret().to_owned());
        return output::print_json(&serde_json::to_value(body)?);
    }
    output::print(&shown)
}

fn read_url(path: &std::path::Path) -> anyhow::Result<SecretString> {
    let text = if path == std::path::Path::new("-") {
        std::io::read_to_string(std::io::stdin()).context("failed to read the URL from stdin")?
    } else {
        fs_err::read_to_string(path).context("failed to read the URL")?
    };
    Ok(text.trim().to_owned().into())
}

async fn list(list: List) -> anyhow::Result<()> {
    let store = super::open(&list.storage).await?;
    let all = Page::new(1, u32::try_from(MAX_WEBHOOKS).unwrap_or(u32::MAX));
    let webhooks = async {
        let organization = admin::organization(&store, &list.organization).await?;
        let webhooks = store.webhooks(organization.id, None, all).await?.items;
        let mut bodies = Vec::new();
        for webhook in webhooks {
            bodies.push(WebhookBody::new(&store, webhook).await?);
        }
        anyhow::Ok(bodies)
    };
    let webhooks = webhooks.await.context("failed to list webhooks")?;
    store.close().await;
    if list.json {
        return output::print_json(&serde_json::to_value(webhooks)?);
    }
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header([
        "ID", "SUITE", "ADDRESS", "FORMAT", "EVENTS", "ENABLED", "DEAD",
    ]);
    for webhook in webhooks {
        let events = webhook.events.join(",");
        table.add_row([
            webhook.id,
            webhook.suite.unwrap_or_else(|| "(all)".to_owned()),
            webhook.address,
            webhook.format.to_owned(),
            if events.is_empty() {
                "(all)".to_owned()
            } else {
                events
            },
            if webhook.enabled { "yes" } else { "no" }.to_owned(),
            webhook.dead.to_string(),
        ]);
    }
    output::print(&table.trim_fmt())
}

/// The database, the organization and the webhook.
async fn find(which: &Which) -> anyhow::Result<(Store, Organization, Webhook)> {
    let store = super::open(&which.storage).await?;
    let organization = admin::organization(&store, &which.organization).await?;
    let Some(webhook) = store.webhook(organization.id, which.id).await? else {
        bail!(
            "there is no webhook {}; list them with: test-engine webhook list {}",
            which.id,
            which.organization
        );
    };
    Ok((store, organization, webhook))
}

async fn delete(delete: Delete) -> anyhow::Result<()> {
    let doing = "failed to delete the webhook";
    let (store, organization, webhook) = find(&delete.which).await.context(doing)?;
    store
        .delete_webhook(organization.id, webhook.uuid, &super::change())
        .await
        .context(doing)?;
    store.close().await;
    output::print(&format!("deleted webhook {}", webhook.uuid))
}

async fn deliveries(deliveries: Deliveries) -> anyhow::Result<()> {
    let doing = "failed to list the deliveries";
    let (store, _organization, webhook) = find(&deliveries.which).await.context(doing)?;
    let page = Page::new(1, deliveries.limit);
    let listed = store.deliveries(webhook.id, deliveries.state, page).await;
    let listed = listed.context(doing)?.items;
    store.close().await;
    let listed: Vec<_> = listed.into_iter().map(DeliveryBody::from).collect();
    if deliveries.json {
        return output::print_json(&serde_json::to_value(listed)?);
    }
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(["ID", "STATE", "EVENT", "TEST", "ATTEMPTS", "NEXT", "ERROR"]);
    for delivery in listed {
        table.add_row([
            delivery.id,
            delivery.state.to_owned(),
            delivery.event.to_owned(),
            delivery.test.unwrap_or_default(),
            delivery.attempts.to_string(),
            delivery.next_at.unwrap_or_default(),
            delivery.last_error.unwrap_or_default(),
        ]);
    }
    output::print(&table.trim_fmt())
}

async fn resend(resend: Resend) -> anyhow::Result<()> {
    let doing = "failed to send deliveries again";
    let (store, organization, webhook) = find(&resend.which).await.context(doing)?;
    let change = super::change();
    let resent = store
        .resend_deliveries(organization.id, webhook.uuid, resend.delivery, &change)
        .await
        .context(doing)?;
    store.close().await;
    if let (Some(delivery), 0) = (resend.delivery, resent) {
        bail!("{doing}: the webhook has no delivery {delivery} that is delivered or dead");
    }
    output::print(&format!("{resent} deliveries are due again"))
}
