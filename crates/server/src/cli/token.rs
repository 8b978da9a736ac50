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
use super::suite::split_path;
use crate::admin::{self, CreatedToken, TokenRequest};
use crate::clock::{Clock, rfc3339};
use crate::config::Storage;
use crate::scopes::Scope;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Create a token and print it. It cannot be printed again.
    Create(Create),
    /// List tokens, without their secrets.
    List(List),
    /// Revoke a token, immediately and permanently.
    Revoke(Revoke),
}

#[derive(Debug, Args)]
pub(super) struct Create {
    /// Slug of the organization; optional if there is only one
    #[arg(long, value_name = "SLUG")]
    organization: Option<String>,
    /// What the token may do; repeat the flag, or separate scopes by commas
    #[arg(
        long = "scope",
        value_name = "SCOPE",
        value_delimiter = ',',
        default_values = ["read_suites", "write_suites", "read_test_plan", "write_test_plan"]
    )]
    scopes: Vec<Scope>,
    /// Create an upload token for this suite instead
    #[arg(long, value_name = "ORGANIZATION/SUITE")]
    #[arg(conflicts_with_all = ["organization", "scopes", "expires_in_days"])]
    suite: Option<String>,
    /// Purpose of the token
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
    /// Days until the token expires; by default never
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(1..))]
    expires_in_days: Option<u32>,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    storage: Storage,
}

#[derive(Debug, Args)]
pub(super) struct List {
    /// Slug of the organization; by default all
    #[arg(long, value_name = "SLUG")]
    organization: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    storage: Storage,
}

#[derive(Debug, Args)]
pub(super) struct Revoke {
    /// Id of the token, as printed by list
    #[arg(value_name = "ID")]
    id: String,
    #[command(flatten)]
    storage: Storage,
}

pub(super) async fn run(command: Command) -> anyhow::Result<()> {
    match command {
        Command::Create(create) => self::create(create).await,
        Command::List(list) => self::list(list).await,
        Command::Revoke(revoke) => self::revoke(&revoke).await,
    }
}

async fn create(create: Create) -> anyhow::Result<()> {
    let store = super::open(&create.storage).await?;
    let json = create.json;
    let created = create_in(&store, create)
        .await
        .context("failed to create the token")?;
    store.close().await;
    let token = &created.token;
    if json {
        return output::print_json(&json!({
            "id": token.uuid,
            "organization": token.organization_slug,
            "scopes": token.scopes,
            "description": token.description,
            "expires_at": token.expires_at.map(rfc3339),
            "token": created.secret.expose_secret(),
        }));
    }
    let kind = match token.kind {
        TokenKind::Suite => "suite token",
        _ => "API access token",
    };
    output::print(&format!(
        "created {kind} {} in organization {}\ntoken, shown only this once: {}",
        token.uuid,
        token.organization_slug,
        created.secret.expose_secret()
    ))
}

async fn create_in(store: &Store, create: Create) -> anyhow::Result<CreatedToken> {
    let change = super::change();
    if let Some(path) = create.suite {
        let (organization, suite) = split_path(&path)?;
        let suite = admin::suite(store, &organization, &suite).await?;
        return Ok(admin::create_suite_token(store, &suite, create.description, &change).await?);
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
            .map(|days| change.at.plus_days(i64::from(days))),
        user: None,
    };
    Ok(admin::create_token(store, &organization, request, &change).await?)
}

pub(super) async fn only_organization(store: &Store) -> anyhow::Result<Organization> {
    let mut all = store.organizations().await?;
    match (all.pop(), all.is_empty()) {
        (Some(only), true) => Ok(only),
        (Some(_), false) => {
            bail!("there are several organizations; choose one with --organization")
        }
        (None, _) => bail!(
            "there is no organization yet; create one with: test-engine organization create SLUG"
        ),
    }
}

async fn list(list: List) -> anyhow::Result<()> {
    let store = super::open(&list.storage).await?;
    let tokens = tokens(&store, list.organization.as_deref())
        .await
        .context("failed to list tokens")?;
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
        "OWNER",
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
            owner(token).unwrap_or("CI").to_owned(),
            token.scopes.join(","),
            token.description.clone().unwrap_or_default(),
        ]);
    }
    output::print(&table.trim_fmt())
}

/// The tokens of one or all organizations, without sessions.
async fn tokens(store: &Store, organization: Option<&str>) -> anyhow::Result<Vec<Token>> {
    let organizations = match organization {
        Some(slug) => vec![admin::organization(store, slug).await?],
        None => store.organizations().await?,
    };
    let mut tokens = Vec::new();
    for organization in organizations {
        tokens.extend(store.tokens(organization.id).await?);
    }
    tokens.retain(|token| token.kind != TokenKind::Session);
    Ok(tokens)
}

fn as_json(token: &Token, now: Timestamp) -> serde_json::Value {
    json!({
        "id": token.uuid,
        "organization": token.organization_slug,
        "kind": kind(token),
        "state": state(token, now),
        "user": owner(token),
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

/// The name of the person whom a token belongs to.
fn owner(token: &Token) -> Option<&str> {
    token.owner.as_ref().map(|owner| owner.name.as_str())
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
    let id = token_id(&revoke.id).context("failed to revoke the token")?;
    let store = super::open(&revoke.storage).await?;
    revoke_in(&store, id)
        .await
        .context("failed to revoke the token")?;
    store.close().await;
    output::print(&format!("revoked {id}"))
}

/// Never repeats what was given if it may be a secret.
fn token_id(given: &str) -> anyhow::Result<Uuid> {
    let given = given.trim();
    given.parse().map_err(|_error| {
        let problem = if given.starts_with("te") && given.contains('_') {
            "this is the secret of a token, not its id".to_owned()
        } else {
            format!("{given:?} is not the id of a token, which is a UUID")
        };
        anyhow::anyhow!("{problem}; list the ids with: test-engine token list")
    })
}

/// Looks in every organization.
async fn revoke_in(store: &Store, id: Uuid) -> anyhow::Result<()> {
    let change = super::change();
    for organization in store.organizations().await? {
        if store.revoke_token(organization.id, id, &change).await? {
            return Ok(());
        }
        let tokens = store.tokens(organization.id).await?;
        if let Some(token) = tokens.iter().find(|token| token.uuid == id) {
            let since = token.revoked_at.map_or_else(String::new, rfc3339);
            bail!("{id} was revoked already, at {since}");
        }
    }
    bail!("there is no token {id} in this database; list the ids with: test-engine token list")
}

#[cfg(test)]
mod tests {
    use super::token_id;

    #[test]
    fn a_secret_is_not_repeated_in_the_error() {
        for (given, part) in [
            ("tea_0123", "this is the secret of a token"),
            ("tes_0123", "this is the secret of a token"),
            ("web", "\"web\" is not the id of a token"),
        ] {
            let problem = token_id(given).unwrap_err().to_string();
            assert!(
                problem.contains(part) && !problem.contains("0123"),
                "{problem}"
            );
        }
        assert!(token_id(" 01234567-89ab-7def-8123-456789abcdef ").is_ok());
    }
}
