//! The state that all request handlers and jobs share.

use std::sync::Arc;

use test_engine_store::Store;
use uuid::Uuid;

use crate::access::Authenticator;
use crate::accounting::Accountant;
use crate::backfills::Backfills;
use crate::blobs::Blobs;
use crate::clock::Clock;
use crate::config::Config;
use crate::judgements::Judgements;
use crate::links::Links;
use crate::metrics::Metrics;
use crate::oidc::Provider;
use crate::passwords::PasswordChecks;
use crate::planning::Planner;
use crate::rate_limits::RateLimits;
use crate::raw_uploads::RawUploads;
use crate::selection::Selections;
use crate::sign_in_attempts::SignInAttempts;
use crate::spill::TemporaryFiles;
use crate::webhooks::Webhooks;
use crate::write_health::WriteHealth;

pub(crate) type App = Arc<AppState>;

pub(crate) struct AppState {
    pub(crate) config: Config,
    pub(crate) clock: Clock,
    pub(crate) store: Store,
    pub(crate) blobs: Blobs,
    pub(crate) backfills: Backfills,
    /// For what is too large for the memory of a request.
    pub(crate) temporary_files: TemporaryFiles,
    pub(crate) raw_uploads: RawUploads,
    pub(crate) authenticator: Authenticator,
    pub(crate) rate_limits: RateLimits,
    pub(crate) planner: Planner,
    pub(crate) selections: Arc<Selections>,
    pub(crate) accountant: Accountant,
    pub(crate) webhooks: Webhooks,
    pub(crate) judgements: Judgements,
    pub(crate) links: Links,
    pub(crate) metrics: Metrics,
    pub(crate) write_health: WriteHealth,
    pub(crate) sign_in_attempts: SignInAttempts,
    pub(crate) passwords: PasswordChecks,
    /// That people sign in with.
    pub(crate) provider: Option<Provider>,
    /// Identifies this server among those on the same database.
    pub(crate) instance: Uuid,
}

impl AppState {
    pub(crate) fn new(
        config: Config,
        clock: Clock,
        store: Store,
        blobs: Blobs,
        backfills: Backfills,
        public_url: String,
    ) -> Self {
        let links = Links::new(public_url);
        let is_file = config.storage.database_url().is_none();
        let metrics = Metrics::new(is_file.then(|| config.storage.database()));
        let temporary_files = TemporaryFiles::in_directory(&config.storage.data_dir);
        let selections = Selections::new(store.clone(), links.clone(), metrics.selections());
        let selections = Arc::new(selections);
        Self {
            authenticator: Authenticator::new(store.clone(), links.clone(), config.oidc),
            raw_uploads: RawUploads::new(
                blobs.clone(),
                config.storage.keep_raw_uploads,
                temporary_files.clone(),
            ),
            temporary_files,
            rate_limits: RateLimits::new(config.limits, &store),
            planner: Planner::new(
                store.clone(),
                Arc::clone(&selections),
                config.planning,
                metrics.plans(),
            ),
            accountant: Accountant::new(
                store.clone(),
                Arc::clone(&selections),
                config.planning.plan_retention_days,
                metrics.nodes(),
            ),
            selections,
            webhooks: Webhooks::new(store.clone(), &config, links.public_url()),
            judgements: Judgements::default(),
            sign_in_attempts: SignInAttempts::default(),
            passwords: PasswordChecks::new(),
            provider: Provider::new(&config.sign_in, config.oidc),
            write_health: WriteHealth::new(config.limits.write_failure_time),
            links,
            metrics,
            instance: Uuid::new_v4(),
            config,
            clock,
            store,
            blobs,
            backfills,
        }
    }
}
