//! `test-engine session list|end`.

use anyhow::{Context as _, bail};
use clap::{Args, Subcommand};
use comfy_table::{Table, presets};
use serde_json::json;
use test_engine_store::{Page, Store, UserSession};
use uuid::Uuid;

use super::output;
use crate::clock::{Clock, rfc3339};
use crate::config::Storage;
use crate::people;

/// The most sessions that are listed for an organization.
const MAX_LISTED: u32 = 1_000;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// List the browsers that are signed in.
    List(List),
    /// End a session.
    End(End),
}

#[derive(Debug, Args)]
pub(super) struct List {
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    storage: Storage,
}

#[derive(Debug, Args)]
pub(super) struct End {
    /// Id of the session, as printed by list
    #[arg(value_name = "ID")]
    id: Uuid,
    #[command(flatten)]
    storage: Storage,
}

pub(super) async fn run(command: Command) -> anyhow::Result<()> {
    match command {
        Command::List(list) => self::list(list).await,
        Command::End(end) => self::end(end).await,
    }
}

async fn list(list: List) -> anyhow::Result<()> {
    let store = super::open(&list.storage).await?;
    let sessions = sessions(&store)
        .await
        .context("failed to list the sessions")?;
    store.close().await;
    if list.json {
        let sessions: Vec<_> = sessions
            .iter()
            .map(|session| {
                json!({
                    "id": session.uuid,
                    "user": session.user.as_ref().map(|(_uuid, name)| name),
                    "client_address": session.client_address,
                    "user_agent": session.user_agent,
                    "created_at": rfc3339(session.created_at),
                    "last_used_at": session.last_used_at.map(rfc3339),
                    "expires_at": session.expires_at.map(rfc3339),
                })
            })
            .collect();
        return output::print_json(&sessions.into());
    }
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(["ID", "WHO", "ADDRESS", "STARTED", "LAST USED"]);
    for session in &sessions {
        let who = session.user.as_ref().map(|(_uuid, name)| name.clone());
        table.add_row([
            session.uuid.to_string(),
            who.unwrap_or_else(|| "an access token".to_owned()),
            session.client_address.clone().unwrap_or_default(),
            rfc3339(session.created_at),
            session
                .last_used_at
                .map_or_else(|| "never".to_owned(), rfc3339),
        ]);
    }
    output::print(&table.trim_fmt())
}

/// Those of all organizations, each once.
async fn sessions(store: &Store) -> anyhow::Result<Vec<UserSession>> {
    let now = Clock::System.now();
    let mut all: Vec<UserSession> = Vec::new();
    for organization in store.organizations().await? {
        let page = Page::new(1, MAX_LISTED);
        for session in store.sessions(organization.id, now, page).await?.items {
            if all.iter().all(|known| known.uuid != session.uuid) {
                all.push(session);
            }
        }
    }
    Ok(all)
}

async fn end(end: End) -> anyhow::Result<()> {
    let store = super::open(&end.storage).await?;
    let ended = end_in(&store, end.id)
        .await
        .context("failed to end the session");
    ended?;
    store.close().await;
    output::print(&format!("ended {}", end.id))
}

/// Looks in every organization.
async fn end_in(store: &Store, id: Uuid) -> anyhow::Result<()> {
    let change = super::change();
    for organization in store.organizations().await? {
        if people::end_session(store, organization.id, id, &change).await? {
            return Ok(());
        }
    }
    bail!("there is no session {id}; list the ids with: test-engine session list")
}
