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
#[path = "backfill_fields.rs"]
mod backfill_fields;
#[expect(clippy::duplicate_mod, reason = "the same tests, on another database")]
#[path = "budgets.rs"]
mod budgets;
#[expect(clippy::duplicate_mod, reason = "the same tests, on another database")]
#[path = "build_tests.rs"]
mod build_tests;
#[expect(clippy::duplicate_mod, reason = "the same tests, on another database")]
#[path = "cause_pages.rs"]
mod cause_pages;
#[expect(clippy::duplicate_mod, reason = "the same tests, on another database")]
#[path = "ci_pages.rs"]
mod ci_pages;
#[expect(clippy::duplicate_mod, reason = "the same tests, on another database")]
#[path = "class_names.rs"]
mod class_names;
#[expect(clippy::duplicate_mod, reason = "the same tests, on another database")]
#[path = "estimates.rs"]
mod estimates;
#[expect(clippy::duplicate_mod, reason = "the same tests, on another database")]
#[path = "exports.rs"]
mod exports;
#[expect(clippy::duplicate_mod, reason = "the same tests, on another database")]
#[path = "file_loads.rs"]
mod file_loads;
#[expect(clippy::duplicate_mod, reason = "the same tests, on another database")]
#[path = "flaky_life.rs"]
mod flaky_life;
#[expect(clippy::duplicate_mod, reason = "the same tests, on another database")]
#[path = "import.rs"]
mod import;
#[expect(clippy::duplicate_mod, reason = "the same tests, on another database")]
#[path = "import_rest.rs"]
mod import_rest;
#[expect(clippy::duplicate_mod, reason = "the same tests, on another database")]
#[path = "links.rs"]
mod links;
#[expect(clippy::duplicate_mod, reason = "the same tests, on another database")]
#[path = "list_scene.rs"]
mod list_scene;
#[expect(clippy::duplicate_mod, reason = "the same tests, on another database")]
#[path = "node_reports.rs"]
mod node_reports;
#[expect(clippy::duplicate_mod, reason = "the same tests, on another database")]
#[path = "owners_and_search.rs"]
mod owners_and_search;
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
#[path = "rule_pages.rs"]
mod rule_pages;
#[expect(clippy::duplicate_mod, reason = "the same tests, on another database")]
#[path = "rules.rs"]
mod rules;
#[expect(clippy::duplicate_mod, reason = "the same tests, on another database")]
#[path = "run_pages.rs"]
mod run_pages;
#[expect(clippy::duplicate_mod, reason = "the same tests, on another database")]
#[path = "run_summary.rs"]
mod run_summary;
#[expect(clippy::duplicate_mod, reason = "the same tests, on another database")]
#[path = "runs.rs"]
mod runs;
#[expect(clippy::duplicate_mod, reason = "the same tests, on another database")]
#[path = "same_names.rs"]
mod same_names;
#[expect(clippy::duplicate_mod, reason = "the same tests, on another database")]
#[path = "selection_pages.rs"]
mod selection_pages;
#[expect(clippy::duplicate_mod, reason = "the same tests, on another database")]
#[path = "selection_requests.rs"]
mod selection_requests;
#[expect(clippy::duplicate_mod, reason = "the same tests, on another database")]
#[path = "selections.rs"]
mod selections;
#[expect(clippy::duplicate_mod, reason = "the same tests, on another database")]
#[path = "settings_pages.rs"]
mod settings_pages;
#[expect(clippy::duplicate_mod, reason = "the same tests, on another database")]
#[path = "settings_people.rs"]
mod settings_people;
#[expect(clippy::duplicate_mod, reason = "the same tests, on another database")]
#[path = "spans.rs"]
mod spans;
#[expect(clippy::duplicate_mod, reason = "the same tests, on another database")]
#[path = "suites.rs"]
mod suites;
#[expect(clippy::duplicate_mod, reason = "the same tests, on another database")]
#[path = "test_lists.rs"]
mod test_lists;
#[expect(clippy::duplicate_mod, reason = "the same tests, on another database")]
#[path = "tests_api.rs"]
mod tests_api;
#[expect(clippy::duplicate_mod, reason = "the same tests, on another database")]
#[path = "uploads.rs"]
mod uploads;
#[expect(clippy::duplicate_mod, reason = "the same tests, on another database")]
#[path = "webhooks.rs"]
mod webhooks;

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
