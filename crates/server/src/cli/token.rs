//! `test-engine token create|list|revoke`.

use anyhow::{Context as _, bail};
use clap::{Args, Subcommand};
use comfy_table::Table;
use comfy_table::presets;
use secrecy::ExposeSecret as _;
use serde_json::json;
use test_engine_store::{Organization, Store, Timestamp, Token, TokenKind};
use uuid::Uuid;

use super::output;
use super::settings::DatabaseArguments;
use super::suite::split_path;
use crate::admin::{self, CreatedToken, TokenRequest};
use crate::clock::{Clock, rfc3339};
use crate::scopes::Scope;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make a token and print it, once.
    Create(Create),
    /// List tokens; their secrets are not kept and cannot be listed.
    List(List),
    /// Take a token back, at once and for good.
    Revoke(Revoke),
}

#[derive(Debug, Args)]
struct Create {
    /// Slug of the organization; not needed while there is only one
    #[arg(long, value_name = "SLUG")]
    organization: Option<String>,
    /// What it may do; repeat, or separate by commas
    #[arg(
        long = "scope",
        value_name = "SCOPE",
        value_delimiter = ',',
        default_values = ["read_suites", "write_suites", "read_test_plan", "write_test_plan"]
    )]
    scopes: Vec<Scope>,
    /// Make a token for the uploads of this suite instead
    #[arg(long, value_name = "ORGANIZATION/SUITE", conflicts_with_all = ["organization", "scopes", "expires_in_days"])]
    suite: Option<String>,
    /// What it is for
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
    /// Days until it is refused; it never is when left out
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(1..))]
    expires_in_days: Option<u32>,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    database: DatabaseArguments,
}

#[derive(Debug, Args)]
struct List {
    /// Slug of the organization; all of them when left out
    #[arg(long, value_name = "SLUG")]
    organization: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    database: DatabaseArguments,
}

#[derive(Debug, Args)]
struct Revoke {
    /// The token's id, as list prints it
    #[arg(value_name = "ID")]
    id: Uuid,
    #[command(flatten)]
    database: DatabaseArguments,
}

pub(super) async fn run(arguments: Arguments) -> anyhow::Result<()> {
    match arguments.command {
        Command::Create(create) => self::create(create).await,
        Command::List(list) => self::list(list).await,
        Command::Revoke(revoke) => self::revoke(&revoke).await,
    }
}

async fn create(create: Create) -> anyhow::Result<()> {
    let store = super::open(&create.database).await?;
    let json = create.json;
    let made = make(&store, create)
        .await
        .context("failed to create the token")?;
    store.close().await;
    let token = &made.token;
    if json {
        return output::print_json(&json!({
            "id": token.uuid,
            "organization": token.organization_slug,
            "scopes": token.scopes,
            "description": token.description,
            "expires_at": token.expires_at.map(rfc3339),
            "token": made.secret.expose_secret(),
        }));
    }
    let kind = match token.kind {
        TokenKind::Suite => "suite token",
        _ => "API access token",
    };
    output::print(&format!(
        "made {kind} {} in organization {}\ntoken, shown only this once: {}",
        token.uuid,
        token.organization_slug,
        made.secret.expose_secret()
    ))
}

async fn make(store: &Store, create: Create) -> anyhow::Result<CreatedToken> {
    let now = Clock::System.now();
    if let Some(path) = create.suite {
        let (organization, suite) = split_path(&path)?;
        let suite = admin::suite(store, &organization, &suite).await?;
        return Ok(admin::create_suite_token(store, &suite, create.description, now).await?);
    }
    let organization = match create.organization {
        Some(slug) => admin::organization(store, &slug).await?,
        None => only_organization(store).await?,
    };
    let request = TokenRequest {
        scopes: create.scopes,
        description: create.description,
        expires_at: create
            .expires_in_days
            .map(|days| now.plus_days(i64::from(days))),
    };
    Ok(admin::create_token(store, &organization, request, now).await?)
}

/// The organization that nobody has to name.
async fn only_organization(store: &Store) -> anyhow::Result<Organization> {
    let mut all = store.organizations().await?;
    match (all.pop(), all.is_empty()) {
        (Some(only), true) => Ok(only),
        (Some(_), false) => {
            bail!("there are several organizations; choose one with --organization")
        }
        (None, _) => bail!(
            "there is no organization yet; make one with: test-engine organization create SLUG"
        ),
    }
}

async fn list(list: List) -> anyhow::Result<()> {
    let store = super::open(&list.database).await?;
    let organizations = match list.organization {
        Some(slug) => vec![
            admin::organization(&store, &slug)
                .await
                .context("failed to list tokens")?,
        ],
        None => store
            .organizations()
            .await
            .context("failed to list tokens")?,
    };
    let mut tokens = Vec::new();
    for organization in organizations {
        let all = store
            .tokens(organization.id)
            .await
            .context("failed to list tokens")?;
        tokens.extend(
            all.into_iter()
                .filter(|token| token.kind != TokenKind::Session),
        );
    }
    store.close().await;
    let now = Clock::System.now();
    if list.json {
        let tokens: Vec<_> = tokens.iter().map(|token| as_json(token, now)).collect();
        return output::print_json(&tokens.into());
    }
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header([
        "ID",
        "ORGANIZATION",
        "KIND",
        "STATE",
        "LAST USED",
        "SCOPES",
        "DESCRIPTION",
    ]);
    for token in &tokens {
        table.add_row([
            token.uuid.to_string(),
            token.organization_slug.clone(),
            kind(token).to_owned(),
            state(token, now).to_owned(),
            token
                .last_used_at
                .map_or_else(|| "never".to_owned(), rfc3339),
            token.scopes.join(","),
            token.description.clone().unwrap_or_default(),
        ]);
    }
    output::print(&table.trim_fmt())
}

fn as_json(token: &Token, now: Timestamp) -> serde_json::Value {
    json!({
        "id": token.uuid,
        "organization": token.organization_slug,
        "kind": kind(token),
        "state": state(token, now),
        "scopes": token.scopes,
        "description": token.description,
        "created_at": rfc3339(token.created_at),
        "expires_at": token.expires_at.map(rfc3339),
        "last_used_at": token.last_used_at.map(rfc3339),
        "revoked_at": token.revoked_at.map(rfc3339),
    })
}

fn kind(token: &Token) -> &'static str {
    match token.kind {
        TokenKind::Access => "access",
        TokenKind::Suite => "suite",
        TokenKind::Session => "session",
    }
}

fn state(token: &Token, now: Timestamp) -> &'static str {
    if token.revoked_at.is_some() {
        "revoked"
    } else if token.is_live(now) {
        "live"
    } else {
        "expired"
    }
}

async fn revoke(revoke: &Revoke) -> anyhow::Result<()> {
    let store = super::open(&revoke.database).await?;
    let now = Clock::System.now();
    for organization in store
        .organizations()
        .await
        .context("failed to revoke the token")?
    {
        let revoked = store
            .revoke_token(organization.id, revoke.id, now)
            .await
            .context("failed to revoke the token")?;
        if revoked {
            store.close().await;
            return output::print(&format!("revoked {}", revoke.id));
        }
    }
    store.close().await;
    bail!(
        "failed to revoke the token: {} is no token, or was revoked before; test-engine token list \
         shows the ids",
        revoke.id
    )
}
