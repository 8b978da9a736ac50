//! `test-engine init`: creates what a pipeline needs and prints shell exports.

use anyhow::Context as _;
use clap::Args;
use secrecy::{ExposeSecret as _, SecretString};
use test_engine_store::{NewSuite, Store};

use super::output;
use super::suite::split_path;
use crate::admin::{self, AdminError, TokenRequest};
use crate::config::{DEFAULT_LISTEN, Network, Storage};
use crate::scopes::Scope;

const PIPELINE_SCOPES: [Scope; 3] = [Scope::ReadSuites, Scope::ReadTestPlan, Scope::WriteTestPlan];

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Organization and suite, such as acme/web; created if missing
    #[arg(value_name = "ORGANIZATION/SUITE")]
    path: String,
    /// URL of the server for the pipeline
    #[arg(long, value_name = "URL", env = "TEST_ENGINE_PUBLIC_URL")]
    #[arg(default_value_t = format!("http://{DEFAULT_LISTEN}"))]
    public_url: String,
    /// Default branch of a new suite
    #[arg(long, value_name = "BRANCH", default_value = "main")]
    default_branch: String,
    #[command(flatten)]
    storage: Storage,
}

pub(super) async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let url = Network::parse_public_url(&arguments.public_url)
        .context("failed to read the settings")?
        .unwrap_or_else(|| format!("http://{DEFAULT_LISTEN}"));
    let (organization, suite) = split_path(&arguments.path).context("failed to read the suite")?;
    let store = super::open(&arguments.storage).await?;
    let branch = arguments.default_branch;
    let (access, uploads) = create(&store, &organization, &suite, branch)
        .await
        .context("failed to create the suite and its tokens")?;
    store.close().await;
    let exports = [
        ("BUILDKITE_ORGANIZATION_SLUG", organization),
        ("BUILDKITE_TEST_ENGINE_SUITE_SLUG", suite),
        ("BUILDKITE_TEST_ENGINE_BASE_URL", url.clone()),
        ("BUILDKITE_TEST_ENGINE_UPLOAD_BASE_URL", url.clone()),
        ("BUILDKITE_TEST_ENGINE_API_ACCESS_TOKEN", access),
        ("BUILDKITE_ANALYTICS_TOKEN", uploads),
        ("BUILDKITE_ANALYTICS_API_URL", format!("{url}/v1")),
        ("BUILDKITE_ANALYTICS_BASE_URL", format!("{url}/v1/uploads")),
    ];
    output::print("# The two tokens are secrets and are shown only this once.")?;
    exports
        .iter()
        .try_for_each(|(name, value)| output::print(&format!("export {name}={value}")))
}

/// Creates an access token and a suite token, and organization and suite if they are missing.
async fn create(
    store: &Store,
    organization: &str,
    suite: &str,
    branch: String,
) -> Result<(String, String), AdminError> {
    let change = super::change();
    let organization = match admin::organization(store, organization).await {
        Err(AdminError::NoOrganization { slug }) => {
            admin::create_organization(store, &slug, &change).await?
        }
        found => found?,
    };
    let uploads = match admin::suite(store, &organization.slug, suite).await {
        Err(AdminError::NoSuite { .. }) => {
            let suite = NewSuite {
                default_branch: branch,
                ..admin::new_suite(suite)
            };
            let created = admin::create_suite(store, &organization.slug, suite, &change);
            created.await?.token
        }
        found => {
            let suite = found?;
            let created = admin::create_suite_token(store, &suite, None, &change);
            created.await?.secret
        }
    };
    let request = TokenRequest {
        scopes: PIPELINE_SCOPES.to_vec(),
        description: Some(format!("pipelines of {suite}")),
        expires_at: None,
    };
    let access = admin::create_token(store, &organization, request, &change).await?;
    let exposed = |secret: &SecretString| secret.expose_secret().to_owned();
    Ok((exposed(&access.secret), exposed(&uploads)))
}
