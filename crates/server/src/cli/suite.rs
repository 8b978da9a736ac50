//! `test-engine suite create|list|set|delete`.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use clap::{Args, Subcommand};
use secrecy::ExposeSecret as _;
use serde_json::json;
use test_engine_store::{NewSuite, Page, SuiteChanges};

use super::output;
use crate::admin;
use crate::config::{Oidc, Storage, defaults};

const MAX_LISTED: u32 = 10_000;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Create a suite and print its upload token.
    Create(Create),
    /// List the suites of an organization.
    List(List),
    /// Change a suite.
    Set(Set),
    /// Delete a suite with all of its results and tokens, permanently.
    Delete(Delete),
}

#[derive(Debug, Args)]
pub(super) struct Create {
    /// Organization and suite, such as acme/web
    #[arg(value_name = "ORGANIZATION/SUITE")]
    path: Option<String>,
    /// Slug of the organization
    #[arg(long, value_name = "SLUG", conflicts_with = "path")]
    organization: Option<String>,
    /// Slug of the suite; by default derived from the name
    #[arg(long, value_name = "SLUG", conflicts_with = "path")]
    slug: Option<String>,
    /// Display name; by default the slug
    #[arg(long)]
    name: Option<String>,
    /// Default branch
    #[arg(long, value_name = "BRANCH", default_value = "main")]
    default_branch: String,
    /// File with the OIDC policy, in YAML or JSON
    #[arg(long, value_name = "FILE")]
    oidc_policy: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    storage: Storage,
}

#[derive(Debug, Args)]
#[command(group(clap::ArgGroup::new("change").required(true).multiple(true)))]
pub(super) struct Set {
    /// Organization and suite, such as acme/web
    #[arg(value_name = "ORGANIZATION/SUITE")]
    path: String,
    /// File with the OIDC policy, in YAML or JSON: which OIDC tokens the suite accepts
    #[arg(long, value_name = "FILE", group = "change")]
    oidc_policy: Option<PathBuf>,
    /// Remove the OIDC policy
    #[arg(long, group = "change", conflicts_with = "oidc_policy")]
    no_oidc_policy: bool,
    /// Days to mute and skip, unless somebody chooses an end
    #[arg(long, value_name = "DAYS", group = "change", value_parser = quarantine_days())]
    quarantine_days: Option<u32>,
    /// The most days that somebody can choose
    #[arg(long, value_name = "DAYS", group = "change", value_parser = quarantine_days())]
    quarantine_max_days: Option<u32>,
    /// Days of mutes and skips by API requests without details, also of present ones without an end
    #[arg(long, value_name = "DAYS", group = "change", value_parser = quarantine_days())]
    quarantine_api_days: Option<u32>,
    /// No end for mutes and skips by API requests without details
    #[arg(long, group = "change", conflicts_with = "quarantine_api_days")]
    no_quarantine_api_days: bool,
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
    #[command(flatten)]
    storage: Storage,
}

#[derive(Debug, Args)]
pub(super) struct Delete {
    /// Organization and suite, such as acme/web
    #[arg(value_name = "ORGANIZATION/SUITE")]
    path: String,
    /// Confirm that everything in it is to be deleted
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    storage: Storage,
}

pub(super) async fn run(command: Command) -> anyhow::Result<()> {
    match command {
        Command::Create(create) => self::create(create).await,
        Command::List(list) => self::list(list).await,
        Command::Set(set) => self::set(set).await,
        Command::Delete(delete) => self::delete(delete).await,
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
            (organization, admin::slug_of(name))
        }
        (None, None, _) => {
            bail!("failed to create the suite: give ORGANIZATION/SUITE, or --organization");
        }
    };
    // First, so that an invalid policy does not leave a suite without a policy.
    let policy = create.oidc_policy.as_deref();
    let policy = policy.map(read_policy).transpose()?;
    let store = super::open(&create.storage).await?;
    let suite = NewSuite {
        name: create.name.unwrap_or_else(|| slug.clone()),
        default_branch: create.default_branch,
        ..admin::new_suite(&slug)
    };
    let change = super::change();
    let created = admin::create_suite(&store, &organization, suite, &change)
        .await
        .context("failed to create the suite")?;
    if let Some(policy) = &policy {
        admin::set_oidc_policy(&store, &created.suite, Some(policy), &change)
            .await
            .context("failed to store the OIDC policy")?;
    }
    store.close().await;
    let suite = &created.suite;
    if create.json {
        return output::print_json(&json!({
            "id": suite.uuid,
            "organization": suite.organization_slug,
            "slug": suite.slug,
            "name": suite.name,
            "default_branch": suite.default_branch,
            "suite_token": created.token.expose_secret(),
        }));
    }
    output::print(&format!(
        "created suite {}/{} ({})\nsuite token, shown only this once: {}",
        suite.organization_slug,
        suite.slug,
        suite.uuid,
        created.token.expose_secret()
    ))
}

async fn set(set: Set) -> anyhow::Result<()> {
    let (organization, slug) = split_path(&set.path).context("failed to change the suite")?;
    let policy = set.oidc_policy.as_deref();
    let policy = policy.map(read_policy).transpose()?;
    let changes = SuiteChanges {
        oidc_policy: (policy.is_some() || set.no_oidc_policy).then_some(policy),
        quarantine_days: set.quarantine_days,
        quarantine_max_days: set.quarantine_max_days,
        quarantine_api_days: (set.quarantine_api_days.is_some() || set.no_quarantine_api_days)
            .then_some(set.quarantine_api_days),
        ..SuiteChanges::default()
    };
    let store = super::open(&set.storage).await?;
    let change = async {
        let suite = admin::suite(&store, &organization, &slug).await?;
        admin::update_suite(&store, &suite, changes, &super::change()).await
    };
    let suite = change.await.context("failed to change the suite")?;
    store.close().await;
    if set.json {
        return output::print_json(&json!({
            "id": suite.uuid,
            "organization": suite.organization_slug,
            "slug": suite.slug,
            "oidc_policy": suite.oidc_policy,
            "quarantine": {
                "days": suite.quarantine.days,
                "max_days": suite.quarantine.max_days,
                "api_days": suite.quarantine.api_days,
            },
        }));
    }
    output::print(&format!("changed suite {organization}/{slug}"))
}

fn quarantine_days() -> clap::builder::RangedI64ValueParser<u32> {
    clap::value_parser!(u32).range(1..=i64::from(admin::MAX_QUARANTINE_DAYS))
}

async fn delete(delete: Delete) -> anyhow::Result<()> {
    let (organization, slug) = split_path(&delete.path).context("failed to delete the suite")?;
    let store = super::open(&delete.storage).await?;
    let suite = admin::suite(&store, &organization, &slug)
        .await
        .context("failed to delete the suite")?;
    if !delete.yes {
        bail!(
            "failed to delete the suite: its results, timings and tokens cannot be restored; \
             confirm with: test-engine suite delete {organization}/{slug} --yes"
        );
    }
    store
        .delete_suite(suite.id, &super::change())
        .await
        .context("failed to delete the suite")?;
    store.close().await;
    output::print(&format!("deleted suite {organization}/{slug}"))
}

fn read_policy(path: &Path) -> anyhow::Result<String> {
    let text = fs_err::read_to_string(path).context("failed to read the OIDC policy")?;
    // Only the server knows whether it allows issuers without TLS; the API rejects them.
    let with_loopback = Oidc {
        allow_loopback_http: true,
    };
    admin::check_oidc_policy(&text, with_loopback)
        .with_context(|| format!("failed to read {}", path.display()))?;
    if let Err(problem) = admin::check_oidc_policy(&text, defaults()) {
        output::print_error(&format!("warning: {problem}"));
    }
    Ok(text)
}

async fn list(list: List) -> anyhow::Result<()> {
    let store = super::open(&list.storage).await?;
    let organization = admin::organization(&store, &list.organization)
        .await
        .context("failed to list suites")?;
    let suites = store
        .suites(organization.id, Page::new(1, MAX_LISTED))
        .await
        .context("failed to list suites")?;
    store.close().await;
    suites
        .items
        .iter()
        .try_for_each(|suite| output::print(&format!("{}/{}", suite.organization_slug, suite.slug)))
}

pub(super) fn split_path(path: &str) -> anyhow::Result<(String, String)> {
    match path.split_once('/') {
        Some((organization, suite)) if !organization.is_empty() && !suite.is_empty() => {
            Ok((organization.to_owned(), suite.to_owned()))
        }
        _ => bail!("{path:?} is not ORGANIZATION/SUITE, such as acme/web"),
    }
}

#[cfg(test)]
mod tests {
    use super::split_path;

    #[test]
    fn splits_paths_of_exactly_two_parts() {
        assert_eq!(split_path("a/b").unwrap(), ("a".to_owned(), "b".to_owned()));
        for invalid in ["a", "/b", "a/", ""] {
            assert!(split_path(invalid).is_err(), "{invalid}");
        }
    }
}
