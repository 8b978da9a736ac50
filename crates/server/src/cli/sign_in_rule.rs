//! `test-engine sign-in-rule create|list|remove`.

use anyhow::{Context as _, bail};
use clap::{Args, Subcommand};
use comfy_table::{Table, presets};
use serde_json::json;
use test_engine_store::{Role, SignInRule, Store};
use uuid::Uuid;

use super::output;
use crate::admin;
use crate::clock::rfc3339;
use crate::config::Storage;
use crate::people;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Give people who sign in with the provider a role in an organization.
    Create(Create),
    /// List the sign-in rules.
    List(List),
    /// Remove a rule; the roles that it gave end.
    Remove(Remove),
}

#[derive(Debug, Args)]
pub(super) struct Create {
    /// What the rule compares: email_domain, claim or subject
    #[arg(value_name = "MATCH")]
    matches: String,
    /// The domain, NAME=VALUE of a claim, or the subject
    #[arg(value_name = "VALUE")]
    value: String,
    /// Role: reader, writer or admin; none keeps people out
    #[arg(value_name = "ROLE")]
    role: String,
    /// Slug of the organization; optional if there is only one
    #[arg(long, value_name = "SLUG")]
    organization: Option<String>,
    #[command(flatten)]
    storage: Storage,
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
pub(super) struct Remove {
    /// Id of the rule, as printed by list
    #[arg(value_name = "ID")]
    id: Uuid,
    #[command(flatten)]
    storage: Storage,
}

pub(super) async fn run(command: Command) -> anyhow::Result<()> {
    match command {
        Command::Create(create) => self::create(create).await,
        Command::List(list) => self::list(list).await,
        Command::Remove(remove) => self::remove(remove).await,
    }
}

async fn create(create: Create) -> anyhow::Result<()> {
    let store = super::open(&create.storage).await?;
    let work = async {
        let organization = match &create.organization {
            Some(slug) => admin::organization(&store, slug).await?,
            None => super::token::only_organization(&store).await?,
        };
        let matches = people::rule_match(&create.matches, &create.value)?;
        let role = people::role_or_none(&create.role)?;
        let change = super::change();
        anyhow::Ok(people::create_rule(&store, organization.id, matches, role, &change).await?)
    };
    let rule = work.await.context("failed to create the sign-in rule")?;
    store.close().await;
    output::print(&format!("created sign-in rule {}", rule.uuid))
}

async fn list(list: List) -> anyhow::Result<()> {
    let store = super::open(&list.storage).await?;
    let rules = rules(&store).await.context("failed to list the rules")?;
    store.close().await;
    if list.json {
        let rules: Vec<_> = rules
            .iter()
            .map(|(organization, rule)| {
                let (kind, value) = people::rule_parts(&rule.matches);
                json!({
                    "id": rule.uuid,
                    "organization": organization,
                    "match": kind,
                    "value": value,
                    "role": role(rule),
                    "created_at": rfc3339(rule.created_at),
                })
            })
            .collect();
        return output::print_json(&rules.into());
    }
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(["ID", "ORGANIZATION", "MATCH", "VALUE", "ROLE"]);
    for (organization, rule) in &rules {
        let (kind, value) = people::rule_parts(&rule.matches);
        table.add_row([
            rule.uuid.to_string(),
            organization.clone(),
            kind.to_owned(),
            value,
            role(rule).to_owned(),
        ]);
    }
    output::print(&table.trim_fmt())
}

/// The rules of all organizations, with the slug of each.
async fn rules(store: &Store) -> anyhow::Result<Vec<(String, SignInRule)>> {
    let mut rules = Vec::new();
    for organization in store.organizations().await? {
        for rule in store.sign_in_rules(Some(organization.id)).await? {
            rules.push((organization.slug.clone(), rule));
        }
    }
    Ok(rules)
}

fn role(rule: &SignInRule) -> &'static str {
    rule.role.map_or(people::NO_ROLE, Role::name)
}

async fn remove(remove: Remove) -> anyhow::Result<()> {
    let store = super::open(&remove.storage).await?;
    let removed = remove_in(&store, remove.id)
        .await
        .context("failed to remove the sign-in rule");
    removed?;
    store.close().await;
    output::print(&format!("removed {}", remove.id))
}

/// Looks in every organization.
async fn remove_in(store: &Store, id: Uuid) -> anyhow::Result<()> {
    let change = super::change();
    for organization in store.organizations().await? {
        if store
            .delete_sign_in_rule(organization.id, id, &change)
            .await?
        {
            return Ok(());
        }
    }
    bail!("there is no sign-in rule {id}; list the ids with: test-engine sign-in-rule list")
}
