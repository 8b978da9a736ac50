//! Runs the tests about results, plans, tests, runs and suites on Postgres as well.

use std::ops::{Deref, DerefMut};

use test_engine::clock::Clock;
use test_engine::config::Config;

use crate::support;

#[expect(clippy::duplicate_mod, reason = "the same tests, on another database")]
#[path = "accounting.rs"]
mod accounting;
#[expect(clippy::duplicate_mod, reason = "the same tests, on another database")]
#[path = "accounting_history.rs"]
mod accounting_history;
#[expect(clippy::duplicate_mod, reason = "the same tests, on another database")]
#[path = "audit.rs"]
mod audit;
#[expect(clippy::duplicate_mod, reason = "the same tests, on another database")]
#[path = "estimates.rs"]
mod estimates;
#[expect(clippy::duplicate_mod, reason = "the same tests, on another database")]
#[path = "node_reports.rs"]
mod node_reports;
#[expect(clippy::duplicate_mod, reason = "the same tests, on another database")]
#[path = "plan_commits.rs"]
mod plan_commits;
#[expect(clippy::duplicate_mod, reason = "the same tests, on another database")]
#[path = "plan_endpoints.rs"]
mod plan_endpoints;
#[expect(clippy::duplicate_mod, reason = "the same tests, on another database")]
#[path = "plans.rs"]
mod plans;
#[expect(clippy::duplicate_mod, reason = "the same tests, on another database")]
#[path = "quarantine.rs"]
mod quarantine;
#[expect(clippy::duplicate_mod, reason = "the same tests, on another database")]
#[path = "run_summary.rs"]
mod run_summary;
#[expect(clippy::duplicate_mod, reason = "the same tests, on another database")]
#[path = "runs.rs"]
mod runs;
#[expect(clippy::duplicate_mod, reason = "the same tests, on another database")]
#[path = "suites.rs"]
mod suites;
#[expect(clippy::duplicate_mod, reason = "the same tests, on another database")]
#[path = "tests_api.rs"]
mod tests_api;
#[expect(clippy::duplicate_mod, reason = "the same tests, on another database")]
#[path = "uploads.rs"]
mod uploads;

/// Like [`support::TestServer`], with an empty Postgres database.
pub(crate) struct TestServer(support::TestServer);

impl TestServer {
    pub(crate) fn start() -> Self {
        Self::with(|_config| {}, Clock::System)
    }

    pub(crate) fn with(change: impl FnOnce(&mut Config), clock: Clock) -> Self {
        let on_postgres = |config: &mut Config| {
            config.storage.database_url = Some(test_engine_test_postgres::fresh_database().into());
            change(config);
        };
        Self(support::TestServer::with(on_postgres, clock))
    }
}

impl Deref for TestServer {
    type Target = support::TestServer;

    fn deref(&self) -> &support::TestServer {
        &self.0
    }
}

impl DerefMut for TestServer {
    fn deref_mut(&mut self) -> &mut support::TestServer {
        &mut self.0
    }
}
