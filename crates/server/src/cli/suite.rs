//! `test-engine suite create|list|set`.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use clap::{Args, Subcommand};
use secrecy::ExposeSecret as _;
use serde_json::json;
use test_engine_store::Page;

use super::output;
use super::settings::DatabaseArguments;
use crate::admin;
use crate::clock::Clock;

/// Suites listed.
const MOST_LISTED: u32 = 10_000;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make a suite and print the token for its uploads, once.
    Create(Create),
    /// List the suites of an organization.
    List(List),
    /// Change a suite.
    Set(Set),
}

#[derive(Debug, Args)]
struct Create {
    /// Organization and suite in one, such as acme/web
    #[arg(value_name = "ORGANIZATION/SUITE")]
    path: Option<String>,
    /// Slug of the organization
    #[arg(long, value_name = "SLUG", conflicts_with = "path")]
    organization: Option<String>,
    /// Slug of the suite; made from the name when left out
    #[arg(long, value_name = "SLUG", conflicts_with = "path")]
    slug: Option<String>,
    /// Name for people; the slug when left out
    #[arg(long)]
    name: Option<String>,
    /// Branch that plans and pages prefer
    #[arg(long, value_name = "BRANCH", default_value = "main")]
    default_branch: String,
    /// File with its OIDC policy, in YAML or JSON
    #[arg(long, value_name = "FILE")]
    oidc_policy: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    database: DatabaseArguments,
}

#[derive(Debug, Args)]
#[command(group(clap::ArgGroup::new("change").required(true).args(["oidc_policy", "no_oidc_policy"])))]
struct Set {
    /// Organization and suite, such as acme/web
    #[arg(value_name = "ORGANIZATION/SUITE")]
    path: String,
    /// File with its OIDC policy, in YAML or JSON; whom the suite trusts without a token of its own
    #[arg(long, value_name = "FILE")]
    oidc_policy: Option<PathBuf>,
    /// Take its OIDC policy away
    #[arg(long)]
    no_oidc_policy: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    database: DatabaseArguments,
}

#[derive(Debug, Args)]
struct List {
    /// Slug of the organization
    #[arg(value_name = "ORGANIZATION")]
    organization: String,
    #[command(flatten)]
    database: DatabaseArguments,
}

pub(super) async fn run(arguments: Arguments) -> anyhow::Result<()> {
    match arguments.command {
        Command::Create(create) => self::create(create).await,
        Command::List(list) => self::list(list).await,
        Command::Set(set) => self::set(set).await,
    }
}

async fn create(create: Create) -> anyhow::Result<()> {
    let (organization, slug) = match (create.path, create.organization, create.slug) {
        (Some(path), _, _) => split_path(&path).context("failed to create the suite")?,
        (None, Some(organization), Some(slug)) => (organization, slug),
        (None, Some(organization), None) => {
            let Some(name) = &create.name else {
                bail!("failed to create the suite: give ORGANIZATION/SUITE, or --name, or --slug");
            };
            (organization, slug_of(name))
        }
        (None, None, _) => {
            bail!("failed to create the suite: give ORGANIZATION/SUITE, or --organization");
        }
    };
    let name = create.name.unwrap_or_else(|| slug.clone());
    // Before anything is made: a suite without the policy it should have is no success.
    let policy = create.oidc_policy.as_deref().map(read_policy).transpose()?;
    let store = super::open(&create.database).await?;
    let now = Clock::System.now();
    let made = admin::create_suite(
        &store,
        &organization,
        &slug,
        &name,
        &create.default_branch,
        now,
    )
    .await
    .context("failed to create the suite")?;
    if let Some(policy) = &policy {
        admin::set_oidc_policy(&store, &made.suite, Some(policy))
            .await
            .context("failed to keep the OIDC policy")?;
    }
    store.close().await;
    let suite = &made.suite;
    if create.json {
        return output::print_json(&json!({
            "id": suite.uuid,
            "organization": suite.organization_slug,
            "slug": suite.slug,
            "name": suite.name,
            "default_branch": suite.default_branch,
            "suite_token": made.token.expose_secret(),
        }));
    }
    output::print(&format!(
        "made suite {}/{} ({})\nsuite token, shown only this once: {}",
        suite.organization_slug,
        suite.slug,
        suite.uuid,
        made.token.expose_secret()
    ))
}

async fn set(set: Set) -> anyhow::Result<()> {
    let (organization, slug) = split_path(&set.path).context("failed to change the suite")?;
    let policy = set.oidc_policy.as_deref().map(read_policy).transpose()?;
    let store = super::open(&set.database).await?;
    let suite = admin::suite(&store, &organization, &slug)
        .await
        .context("failed to change the suite")?;
    let suite = admin::set_oidc_policy(&store, &suite, policy.as_deref())
        .await
        .context("failed to change the suite")?;
    store.close().await;
    if set.json {
        return output::print_json(&json!({
            "id": suite.uuid,
            "organization": suite.organization_slug,
            "slug": suite.slug,
            "oidc_policy": suite.oidc_policy,
        }));
    }
    output::print(&format!("changed suite {organization}/{slug}"))
}

/// The text of a policy file, checked.
fn read_policy(path: &Path) -> anyhow::Result<String> {
    let text = fs_err::read_to_string(path).context("failed to read the OIDC policy")?;
    admin::check_oidc_policy(&text)
        .with_context(|| format!("failed to read {}", path.display()))?;
    Ok(text)
}

async fn list(list: List) -> anyhow::Result<()> {
    let store = super::open(&list.database).await?;
    let organization = admin::organization(&store, &list.organization)
        .await
        .context("failed to list suites")?;
    let suites = store
        .suites(organization.id, Page::new(1, MOST_LISTED))
        .await
        .context("failed to list suites")?;
    store.close().await;
    suites
        .items
        .iter()
        .try_for_each(|suite| output::print(&format!("{}/{}", suite.organization_slug, suite.slug)))
}

/// Both slugs of `ORGANIZATION/SUITE`.
pub(super) fn split_path(path: &str) -> anyhow::Result<(String, String)> {
    match path.split_once('/') {
        Some((organization, suite)) if !organization.is_empty() && !suite.is_empty() => {
            Ok((organization.to_owned(), suite.to_owned()))
        }
        _ => bail!("{path:?} is not ORGANIZATION/SUITE, such as acme/web"),
    }
}

/// A slug for a name: what cannot stand in one becomes a hyphen.
fn slug_of(name: &str) -> String {
    let mut slug = String::new();
    for c in name.to_lowercase().chars() {
        if c.is_ascii_alphanumeric() {
            slug.push(c);
        } else if !slug.is_empty() && !slug.ends_with('-') {
            slug.push('-');
        }
    }
    slug.trim_end_matches('-').to_owned()
}

#[cfg(test)]
mod tests {
    use super::{slug_of, split_path};

    #[test]
    fn names_become_slugs() {
        assert_eq!(slug_of("Web App (EU)"), "web-app-eu");
        assert_eq!(slug_of("  backend  "), "backend");
        assert_eq!(slug_of("éé"), "");
    }

    #[test]
    fn paths_have_two_parts() {
        assert_eq!(split_path("a/b").unwrap(), ("a".to_owned(), "b".to_owned()));
        for bad in ["a", "/b", "a/", ""] {
            assert!(split_path(bad).is_err(), "{bad}");
        }
    }
}
