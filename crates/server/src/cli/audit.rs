//! `test-engine audit`: lists the audit log.

use anyhow::Context as _;
use clap::Args;
use comfy_table::{Table, presets};
use test_engine_store::{AuditEntry, AuditFilter, Page};

use super::output;
use crate::admin;
use crate::audit::AuditEvent;
use crate::clock::rfc3339;
use crate::config::Storage;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Slug of the organization
    #[arg(value_name = "ORGANIZATION")]
    organization: String,
    /// Only changes in this suite, which may be deleted
    #[arg(long, value_name = "SLUG")]
    suite: Option<String>,
    /// Number of changes to list
    #[arg(long, value_name = "COUNT", default_value = "50")]
    #[arg(value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    storage: Storage,
}

pub(super) async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let store = super::open(&arguments.storage).await?;
    let list = async {
        let organization = admin::organization(&store, &arguments.organization).await?;
        let filter = AuditFilter {
            suite: arguments.suite,
            subject: None,
        };
        let page = Page::new(1, arguments.limit);
        let listed = store.audit_log(organization.id, &filter, page).await?;
        anyhow::Ok(listed.items)
    };
    let entries = list.await.context("failed to list the audit log")?;
    store.close().await;
    if arguments.json {
        let events: Vec<_> = entries.into_iter().map(AuditEvent::from).collect();
        return output::print_json(&serde_json::to_value(events)?);
    }
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(["AT", "ACTION", "SUITE", "SUBJECT", "ACTOR", "REASON"]);
    for entry in &entries {
        table.add_row([
            rfc3339(entry.change.at),
            entry.action.clone(),
            entry.suite_slug.clone().unwrap_or_default(),
            entry.subject_name.clone(),
            actor(entry),
            entry.change.reason.clone().unwrap_or_default(),
        ]);
    }
    output::print(&table.trim_fmt())
}

fn actor(entry: &AuditEntry) -> String {
    let actor = &entry.change.actor;
    match &actor.name {
        Some(name) => format!("{} {name}", actor.kind.name()),
        None => actor.kind.name().to_owned(),
    }
}
