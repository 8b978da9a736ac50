//! `test-engine init`: creates what a pipeline needs and prints shell exports.
//!
//! It can be repeated: organization, suite and tokens are created once. Secrets cannot be printed
//! again, so a token that nobody has used yet gets a new one.

use std::net::SocketAddr;

use anyhow::Context as _;
use clap::Args;
use secrecy::ExposeSecret as _;
use test_engine_store::{Conflict, NewSuite, Organization, Store, Suite, without_secrets};
use uuid::Uuid;

use super::output;
use super::suite::split_path;
use crate::admin::{self, AdminError, PipelineToken, Secret};
use crate::config::{DEFAULT_LISTEN, Network, Storage, parse_listen};
use crate::running::{Running, is_loopback, reachable};
use crate::server;

const ACCESS_TOKEN: &str = "BUILDKITE_TEST_ENGINE_API_ACCESS_TOKEN";
const SUITE_TOKEN: &str = "BUILDKITE_ANALYTICS_TOKEN";

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Organization and suite, such as acme/web; created if missing
    #[arg(value_name = "ORGANIZATION/SUITE")]
    path: String,
    /// URL of the server for the pipeline; by default that of the running server
    #[arg(long, value_name = "URL", env = "TEST_ENGINE_PUBLIC_URL")]
    public_url: Option<String>,
    /// Address that the server listens on, if it is not running yet
    #[arg(long, value_name = "ADDRESS", env = "TEST_ENGINE_LISTEN")]
    #[arg(default_value_t = DEFAULT_LISTEN, value_parser = parse_listen)]
    listen: SocketAddr,
    /// Default branch of a new suite
    #[arg(long, value_name = "BRANCH", default_value = "main")]
    default_branch: String,
    /// Replace the tokens of an earlier init, which then stop working
    #[arg(long)]
    new_tokens: bool,
    #[command(flatten)]
    storage: Storage,
}

pub(super) async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let given = arguments.public_url.as_deref().unwrap_or_default();
    let public_url = Network::parse_public_url(given).context("failed to read the settings")?;
    let (organization, suite) = split_path(&arguments.path).context("failed to read the suite")?;
    let place = Place::of(&arguments.storage);
    let url = place.url(public_url, arguments.listen);
    let store = super::open_or_create(&arguments.storage).await?;
    output::print_error(&format!("using {}", place.description));
    if is_loopback(&url) {
        output::print_error(&format!(
            "{url} works on this machine only; for CI on other machines, add --public-url URL"
        ));
    }
    let created = create(&store, &organization, &suite, &arguments)
        .await
        .context("failed to create the suite and its tokens")?;
    store.close().await;
    print(&organization, &suite, &url, &created)
}

/// The database, for people.
struct Place {
    description: String,
    running: Option<Running>,
}

impl Place {
    fn of(storage: &Storage) -> Self {
        let Some(file) = server::file_of(storage) else {
            let url = storage.database_url().unwrap_or_default();
            return Self {
                description: format!("the database {}", without_secrets(url)),
                running: None,
            };
        };
        let path = std::path::absolute(&file).unwrap_or_else(|_error| file.clone());
        let kind = if file.is_file() { "the" } else { "the new" };
        Self {
            description: format!("{kind} database {}", path.display()),
            running: Running::find(&file),
        }
    }

    fn url(&self, public_url: Option<String>, listen: SocketAddr) -> String {
        public_url
            .or_else(|| Some(self.running.as_ref()?.url.clone()))
            .unwrap_or_else(|| format!("http://{}", reachable(listen)))
    }
}

struct Created {
    access: Secret,
    uploads: Secret,
}

async fn create(
    store: &Store,
    organization: &str,
    suite: &str,
    arguments: &Arguments,
) -> Result<Created, AdminError> {
    let change = super::change();
    let organization: Organization = match admin::organization(store, organization).await {
        Err(AdminError::NoOrganization { slug }) => {
            match admin::create_organization(store, &slug, &change).await {
                // A server that is starting was faster.
                Err(AdminError::Exists(Conflict::Organization)) => {
                    admin::organization(store, &slug).await?
                }
                created => created?,
            }
        }
        found => found?,
    };
    let suite: Suite = match admin::suite(store, &organization.slug, suite).await {
        Err(AdminError::NoSuite { suite: slug, .. }) => {
            let suite = NewSuite {
                default_branch: arguments.default_branch.clone(),
                ..admin::new_suite(&slug)
            };
            match admin::add_suite(store, &organization.slug, suite, &change).await {
                Err(AdminError::Exists(Conflict::Suite)) => {
                    admin::suite(store, &organization.slug, &slug).await?
                }
                created => created?,
            }
        }
        found => found?,
    };
    let replace = arguments.new_tokens;
    let token = async |kind| {
        admin::pipeline_token(store, &organization, &suite, kind, replace, &change).await
    };
    Ok(Created {
        access: token(PipelineToken::Access).await?,
        uploads: token(PipelineToken::Uploads).await?,
    })
}

fn print(organization: &str, suite: &str, url: &str, created: &Created) -> anyhow::Result<()> {
    output::print("# The two tokens are secrets and are shown only this once.")?;
    for (name, value) in [
        ("BUILDKITE_ORGANIZATION_SLUG", organization.to_owned()),
        ("BUILDKITE_TEST_ENGINE_SUITE_SLUG", suite.to_owned()),
        ("BUILDKITE_TEST_ENGINE_BASE_URL", url.to_owned()),
        ("BUILDKITE_TEST_ENGINE_UPLOAD_BASE_URL", url.to_owned()),
        ("BUILDKITE_ANALYTICS_API_URL", format!("{url}/v1")),
        ("BUILDKITE_ANALYTICS_BASE_URL", format!("{url}/v1/uploads")),
    ] {
        output::print(&format!("export {name}={value}"))?;
    }
    let tokens = [
        (ACCESS_TOKEN, &created.access),
        (SUITE_TOKEN, &created.uploads),
    ];
    for (name, token) in tokens {
        match token {
            Secret::New(secret) => {
                output::print(&format!("export {name}={}", secret.expose_secret()))?;
            }
            Secret::InUse(id) => output::print(&in_use(name, *id))?,
        }
    }
    if tokens
        .iter()
        .any(|(_, token)| matches!(token, Secret::InUse(_)))
    {
        output::print_error(
            "tokens of an earlier init are in use and were kept; to replace them, so that they \
             stop working, repeat with --new-tokens",
        );
    }
    output::print_error(&format!(
        "the access token may plan, read the suite and sign in to the pages; to mute and skip \
         tests there, and for bktec backfill-commit-metadata: test-engine token create \
         --organization {organization} --scope read_suites,write_suites"
    ));
    Ok(())
}

fn in_use(name: &str, id: Uuid) -> String {
    format!("# {name}: as printed by the earlier init; its token {id} is in use")
}
