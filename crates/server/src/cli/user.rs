//! `test-engine user create|list|set-role|password|remove`.

use std::io::BufRead as _;

use anyhow::{Context as _, bail};
use clap::{Args, Subcommand};
use comfy_table::{Table, presets};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;
use test_engine_store::{Identity, Membership, Organization, Role, Store, Timestamp, User};

use super::output;
use crate::admin;
use crate::clock::{Clock, rfc3339};
use crate::config::Storage;
use crate::people;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Create a user who signs in with a login and a password.
    Create(Create),
    /// List users and their roles.
    List(List),
    /// Give a user a role in an organization.
    SetRole(SetRole),
    /// Give a user another password; their sessions end.
    Password(Password),
    /// Take a user out of an organization; their sessions and tokens end.
    Remove(Remove),
}

/// Which organization a command is about.
#[derive(Debug, Args)]
struct In {
    /// Slug of the organization; optional if there is only one
    #[arg(long, value_name = "SLUG")]
    organization: Option<String>,
    #[command(flatten)]
    storage: Storage,
}

impl In {
    async fn organization(&self, store: &Store) -> anyhow::Result<Organization> {
        match &self.organization {
            Some(slug) => Ok(admin::organization(store, slug).await?),
            None => super::token::only_organization(store).await,
        }
    }
}

#[derive(Debug, Args)]
pub(super) struct Create {
    /// Login, such as an e-mail address
    #[arg(value_name = "LOGIN")]
    login: String,
    /// Role: reader, writer or admin
    #[arg(long, value_name = "ROLE", default_value = "reader", value_parser = people::role)]
    role: Role,
    /// Read the password from the first line of stdin, instead of generating and printing one
    #[arg(long)]
    password_stdin: bool,
    #[command(flatten)]
    of: In,
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
pub(super) struct SetRole {
    /// Login, name or id of the user
    #[arg(value_name = "USER")]
    user: String,
    /// Role: reader, writer or admin
    #[arg(value_name = "ROLE", value_parser = people::role)]
    role: Role,
    #[command(flatten)]
    of: In,
}

#[derive(Debug, Args)]
pub(super) struct Password {
    /// Login or id of the user
    #[arg(value_name = "USER")]
    user: String,
    /// Read the password from the first line of stdin, instead of generating and printing one
    #[arg(long = "password-stdin")]
    from_stdin: bool,
    #[command(flatten)]
    storage: Storage,
}

#[derive(Debug, Args)]
pub(super) struct Remove {
    /// Login, name or id of the user
    #[arg(value_name = "USER")]
    user: String,
    #[command(flatten)]
    of: In,
}

pub(super) async fn run(command: Command) -> anyhow::Result<()> {
    match command {
        Command::Create(create) => self::create(create).await,
        Command::List(list) => self::list(list).await,
        Command::SetRole(set) => set_role(set).await,
        Command::Password(password) => self::password(password).await,
        Command::Remove(remove) => self::remove(remove).await,
    }
}

async fn create(create: Create) -> anyhow::Result<()> {
    let store = super::open(&create.of.storage).await?;
    let work = async {
        let organization = create.of.organization(&store).await?;
        let password = create.password_stdin.then(read_password).transpose()?;
        let (login, role) = (&create.login, create.role);
        let change = super::change();
        let created =
            people::create_user(&store, &organization, login, role, password, &change).await?;
        anyhow::Ok((organization, created))
    };
    let (organization, (user, generated)) = work.await.context("failed to create the user")?;
    store.close().await;
    let (name, role) = (&user.name, create.role.name());
    output::print(&format!(
        "created user {name} ({}), {role} in organization {}",
        user.uuid, organization.slug
    ))?;
    print_generated(generated.as_ref())
}

fn print_generated(password: Option<&SecretString>) -> anyhow::Result<()> {
    let Some(password) = password else {
        return Ok(());
    };
    let password = password.expose_secret();
    output::print(&format!("password, shown only this once: {password}"))
}

fn read_password() -> anyhow::Result<SecretString> {
    let mut line = String::new();
    std::io::stdin()
        .lock()
        .read_line(&mut line)
        .context("cannot read the password from stdin")?;
    let password = line.trim_end_matches(['\n', '\r']);
    if password.is_empty() {
        bail!("stdin has no password on its first line");
    }
    Ok(SecretString::from(password))
}

async fn list(list: List) -> anyhow::Result<()> {
    let store = super::open(&list.storage).await?;
    let work = async {
        let only = match &list.organization {
            Some(slug) => Some(admin::organization(&store, slug).await?.id),
            None => None,
        };
        anyhow::Ok(store.users(only).await?)
    };
    let users = work.await.context("failed to list the users")?;
    store.close().await;
    let now = Clock::System.now();
    if list.json {
        let users: Vec<_> = users.iter().map(as_json).collect();
        return output::print_json(&users.into());
    }
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(["ID", "NAME", "SIGNS IN WITH", "ROLES"]);
    for user in &users {
        let roles: Vec<String> = user
            .memberships
            .iter()
            .map(|membership| described(membership, now))
            .collect();
        table.add_row([
            user.uuid.to_string(),
            user.name.clone(),
            identity(user),
            roles.join(", "),
        ]);
    }
    output::print(&table.trim_fmt())
}

fn described(membership: &Membership, now: Timestamp) -> String {
    let (slug, role) = (&membership.organization_slug, membership.role.name());
    if membership.is_live(now) {
        format!("{slug}: {role}")
    } else {
        format!("{slug}: {role} (expired)")
    }
}

fn identity(user: &User) -> String {
    match &user.identity {
        Identity::Login(_) => "password".to_owned(),
        Identity::Provider { issuer, .. } => issuer.clone(),
    }
}

fn as_json(user: &User) -> serde_json::Value {
    let subject = match &user.identity {
        Identity::Login(_) => None,
        Identity::Provider { subject, .. } => Some(subject),
    };
    let roles: Vec<_> = user
        .memberships
        .iter()
        .map(|membership| {
            json!({
                "organization": membership.organization_slug,
                "role": membership.role.name(),
                "rule": membership.rule,
                "since": rfc3339(membership.since),
                "expires_at": membership.expires_at.map(rfc3339),
            })
        })
        .collect();
    json!({
        "id": user.uuid,
        "name": user.name,
        "signs_in_with": identity(user),
        "subject": subject,
        "created_at": rfc3339(user.created_at),
        "roles": roles,
    })
}

async fn set_role(set: SetRole) -> anyhow::Result<()> {
    let store = super::open(&set.of.storage).await?;
    let work = async {
        let organization = set.of.organization(&store).await?;
        let user = people::find_user(&store, &set.user).await?;
        let change = super::change();
        people::set_role(&store, &user, organization.id, set.role, &change).await?;
        anyhow::Ok((user, organization))
    };
    let (user, organization) = work.await.context("failed to set the role")?;
    store.close().await;
    let (name, role) = (&user.name, set.role.name());
    output::print(&format!(
        "{name} is {role} in organization {}",
        organization.slug
    ))
}

async fn password(password: Password) -> anyhow::Result<()> {
    let store = super::open(&password.storage).await?;
    let work = async {
        let user = people::find_user(&store, &password.user).await?;
        let new = password.from_stdin.then(read_password).transpose()?;
        let change = super::change();
        let generated = people::set_password(&store, &user, new, None, &change).await?;
        anyhow::Ok((user, generated))
    };
    let (user, generated) = work.await.context("failed to set the password")?;
    store.close().await;
    output::print(&format!("{} has a new password", user.name))?;
    print_generated(generated.as_ref())
}

async fn remove(remove: Remove) -> anyhow::Result<()> {
    let store = super::open(&remove.of.storage).await?;
    let work = async {
        let organization = remove.of.organization(&store).await?;
        let user = people::find_user(&store, &remove.user).await?;
        people::remove(&store, &user, &organization, &super::change()).await?;
        anyhow::Ok((user, organization))
    };
    let (user, organization) = work.await.context("failed to remove the user")?;
    store.close().await;
    output::print(&format!(
        "removed {} from organization {}",
        user.name, organization.slug
    ))?;
    if let Identity::Provider { subject, .. } = &user.identity {
        output::print_error(&format!(
            "hint: a sign-in rule may admit them again; to keep them out: test-engine sign-in-rule \
             create subject '{subject}' none --organization {}",
            organization.slug
        ));
    }
    Ok(())
}
