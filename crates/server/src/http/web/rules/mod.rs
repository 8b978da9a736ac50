//! The rules of a suite: what acts by itself, what it has done, and the forms that change it. The
//! same code as the API's validates and stores them.

mod fields;
mod form;
mod list;
mod page;
mod preview;

pub(super) use form::{create, delete, new, switch, update};
pub(super) use list::get as list;
pub(super) use page::get as page;

use test_engine_insights::Monitor;

use crate::App;
use crate::http::error::ApiError;
use test_engine_store::{Page as ListPage, Suite, Timestamp, Webhook};

/// What "this week" covers.
const DAYS: i64 = 7;
/// Webhooks that a rule can tell; an organization has no more.
const MAX_WEBHOOKS: u32 = 100;

/// The monitors, with what the form calls them.
const MONITORS: [(&str, &str); 7] = [
    ("flaky", "is flaky: it passes and fails on the same code"),
    ("broken", "is broken on the default branch"),
    ("passed_on_retry", "failed and passed on the same commit"),
    ("probabilistic_flakiness", "often fails on good code"),
    ("transition_count", "often changes its result"),
    ("duration_p50", "is slow"),
    ("new_test", "is new"),
];

/// The name of a monitor, as in the API.
const fn kind(monitor: &Monitor) -> &'static str {
    match monitor {
        Monitor::Flaky => "flaky",
        Monitor::Broken => "broken",
        Monitor::PassedOnRetry { .. } => "passed_on_retry",
        Monitor::ProbabilisticFlakiness { .. } => "probabilistic_flakiness",
        Monitor::TransitionCount { .. } => "transition_count",
        Monitor::DurationP50 { .. } => "duration_p50",
        Monitor::NewTest => "new_test",
    }
}

fn since(now: Timestamp) -> Timestamp {
    now.plus_days(-DAYS)
}

/// The webhooks of the suite, and those of all suites.
async fn webhooks(app: &App, suite: &Suite) -> Result<Vec<Webhook>, ApiError> {
    let all = ListPage::new(1, MAX_WEBHOOKS);
    let listed = app.store.webhooks(suite.organization, None, all).await?;
    let is_ours = |webhook: &Webhook| {
        let slug = webhook.suite_slug.as_deref();
        slug.is_none_or(|slug| slug == suite.slug)
    };
    Ok(listed.items.into_iter().filter(is_ours).collect())
}

/// What pages call a webhook.
fn webhook_name(webhook: &Webhook) -> String {
    let address = &webhook.target.address;
    match &webhook.description {
        Some(description) => format!("{description} ({address})"),
        None => address.clone(),
    }
}
