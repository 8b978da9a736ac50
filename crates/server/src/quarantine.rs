//! Mutes, skips and enables tests. The API, the pages and rules come through here, so all have the
//! same limits and defaults.

use serde::Serialize;
use test_engine_insights::Level;
use test_engine_store::{
    Change, NewQuarantine, Quarantine, QuarantineScope, QuarantineSettings, Store, StoreError,
    Suite, Test, TestState, Timestamp,
};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::audit::AuditActor;
use crate::clock::rfc3339;

/// In characters, like the next two.
pub(crate) const MAX_REASON: usize = 1_000;
pub(crate) const MAX_OWNER: usize = 255;
pub(crate) const MAX_TICKET: usize = 500;
/// The reason of a request without one.
const NO_REASON: &str = "by API";

/// Why, where and how long, as somebody asks for it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Request {
    pub(crate) reason: String,
    pub(crate) owner: Option<String>,
    pub(crate) ticket: Option<String>,
    /// The name of a scope; by default everywhere but on branches that change the test's file.
    pub(crate) scope: Option<String>,
    pub(crate) end: End,
    /// Mute or skip even a test that is broken or whose failure is new.
    pub(crate) force: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum End {
    #[default]
    SuiteDefault,
    Days(i64),
    At(Timestamp),
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum QuarantineError {
    #[error("Validation failed: {}", .0.join(", "))]
    Invalid(Vec<String>),
    /// The failure may be real.
    #[error("Validation failed: {0}; to mute or skip the test anyway, set force")]
    Refused(&'static str),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Sets the state of a test; `None` if there is no such test.
///
/// Without a request, a test is muted or skipped everywhere, without an end unless the suite's
/// settings have one for this, and nothing changes if the test is in this state already: so the
/// requests of the hosted product keep their meaning, and none of them fails.
pub(crate) async fn set_state(
    store: &Store,
    suite: &Suite,
    test: Uuid,
    state: TestState,
    request: Option<Request>,
    mut change: Change,
) -> Result<Option<Test>, QuarantineError> {
    let changed = match request {
        Some(request) if state == TestState::Enabled => {
            let mut problems = Vec::new();
            change.reason = text(&request.reason, "reason", MAX_REASON, &mut problems);
            if !problems.is_empty() {
                return Err(QuarantineError::Invalid(problems));
            }
            store.set_test_state(suite.id, test, state, &change).await?
        }
        Some(request) => {
            let details = prepare(store, suite, test, state, request, change.at).await?;
            change.reason = Some(details.reason.clone());
            let quarantined = store.quarantine_test(suite.id, test, state, details, &change);
            quarantined.await?
        }
        None => {
            change.reason.get_or_insert_with(|| NO_REASON.to_owned());
            store.set_test_state(suite.id, test, state, &change).await?
        }
    };
    if changed.is_some() {
        tracing::info!(suite = suite.slug, %test, state = state.name(), "test state set");
    }
    Ok(changed)
}

/// The details of a mute or skip, if nothing is wrong with them and the test may get them.
pub(crate) async fn prepare(
    store: &Store,
    suite: &Suite,
    test: Uuid,
    state: TestState,
    request: Request,
    now: Timestamp,
) -> Result<NewQuarantine, QuarantineError> {
    if !request.force {
        refuse_real_failures(store, suite, test, state).await?;
    }
    validate(request, suite.quarantine, now).map_err(QuarantineError::Invalid)
}

/// Muting a test that fails for a reason hides the reason. A test that is in the state already may
/// get other details.
async fn refuse_real_failures(
    store: &Store,
    suite: &Suite,
    test: Uuid,
    state: TestState,
) -> Result<(), QuarantineError> {
    let Some(test) = store.test(suite.id, test).await? else {
        return Ok(());
    };
    if test.state == state {
        return Ok(());
    }
    match real_failure(store, &test).await? {
        Some(reason) => Err(QuarantineError::Refused(reason)),
        None => Ok(()),
    }
}

/// Why the failures of a test may be real, so that muting or skipping it takes force.
pub(crate) async fn real_failure(
    store: &Store,
    test: &Test,
) -> Result<Option<&'static str>, StoreError> {
    let Some(health) = store.test_health(test.id).await? else {
        return Ok(None);
    };
    if health.level == Level::Broken {
        return Ok(Some("the test is broken on the default branch"));
    }
    if health.level == Level::Sound && store.has_new_failure(test.id).await? {
        let reason = "the test failed on a branch only, and is not known to be flaky";
        return Ok(Some(reason));
    }
    Ok(None)
}

/// Checks the details of a request, also of one that has no use for them.
pub(crate) fn check(
    request: &Request,
    settings: QuarantineSettings,
    now: Timestamp,
) -> Result<(), QuarantineError> {
    let valid = validate(request.clone(), settings, now);
    valid.map(drop).map_err(QuarantineError::Invalid)
}

fn validate(
    request: Request,
    settings: QuarantineSettings,
    now: Timestamp,
) -> Result<NewQuarantine, Vec<String>> {
    let mut problems = Vec::new();
    let reason = text(&request.reason, "reason", MAX_REASON, &mut problems);
    if request.reason.trim().is_empty() {
        problems.push("reason can't be blank".to_owned());
    }
    let mut optional = |value: Option<String>, field, limit| {
        value.and_then(|value| text(&value, field, limit, &mut problems))
    };
    let owner = optional(request.owner, "owner", MAX_OWNER);
    let ticket = optional(request.ticket, "ticket", MAX_TICKET);
    let scope = match request.scope.as_deref() {
        None => QuarantineScope::NotTouched,
        Some(name) => QuarantineScope::ALL
            .into_iter()
            .find(|scope| scope.name() == name)
            .unwrap_or_else(|| {
                let names = QuarantineScope::ALL.map(QuarantineScope::name).join(", ");
                problems.push(format!("scope must be one of {names}"));
                QuarantineScope::default()
            }),
    };
    let latest = now.plus_days(i64::from(settings.max_days));
    let end = match request.end {
        End::SuiteDefault => now.plus_days(i64::from(settings.default_days())),
        End::Days(days) => now.plus_days(days),
        End::At(end) => end,
    };
    if end <= now {
        problems.push("the end must be in the future".to_owned());
    } else if end > latest {
        problems.push(format!(
            "the end must be within {} days, the suite's maximum",
            settings.max_days
        ));
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    Ok(NewQuarantine {
        scope,
        reason: reason.unwrap_or_default(),
        owner,
        ticket,
        ends_at: Some(end),
    })
}

/// The trimmed text; `None` if it is empty or not valid.
fn text(value: &str, field: &str, limit: usize, problems: &mut Vec<String>) -> Option<String> {
    if value.chars().count() > limit {
        problems.push(format!(
            "{field} is too long (maximum is {limit} characters)"
        ));
        return None;
    }
    if value.chars().any(char::is_control) {
        problems.push(format!("{field} has a control character"));
        return None;
    }
    let value = value.trim();
    (!value.is_empty()).then(|| value.to_owned())
}

/// Why a test is muted or skipped, in responses.
#[derive(Debug, Default, Serialize, ToSchema)]
#[schema(as = Quarantine)]
pub(crate) struct QuarantineBody {
    #[schema(pattern = "^(everywhere|default_branch|not_touched)$")]
    scope: &'static str,
    reason: String,
    owner: Option<String>,
    ticket: Option<String>,
    #[schema(format = "date-time")]
    since: String,
    /// Null: until somebody enables the test.
    #[schema(format = "date-time")]
    ends_at: Option<String>,
    /// How often the end has been postponed.
    extensions: u64,
    /// Passes in a row since the mute began or the test last failed, without those of outages. A
    /// skipped test has none.
    clean_passes: u64,
    /// Passes in a row that prove that a muted test is fixed.
    passes_needed: u64,
    /// When the test had them, and its release was proposed. Null again after a failure.
    #[schema(format = "date-time")]
    release_proposed_at: Option<String>,
    /// Who changed it last.
    by: AuditActor,
}

impl From<&Quarantine> for QuarantineBody {
    fn from(quarantine: &Quarantine) -> Self {
        let details = &quarantine.details;
        Self {
            scope: details.scope.name(),
            reason: details.reason.clone(),
            owner: details.owner.clone(),
            ticket: details.ticket.clone(),
            since: rfc3339(quarantine.since),
            ends_at: details.ends_at.map(rfc3339),
            extensions: quarantine.extensions,
            clean_passes: quarantine.proof.clean_passes,
            passes_needed: quarantine.proof.passes_needed,
            release_proposed_at: quarantine.proof.proposed_at.map(rfc3339),
            by: quarantine.actor.clone().into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use test_engine_store::{QuarantineScope, QuarantineSettings, Timestamp};

    use super::{End, Request, validate};

    const NOW: Timestamp = Timestamp::from_millis(1_795_392_000_000);

    fn request(reason: &str) -> Request {
        Request {
            reason: reason.to_owned(),
            ..Request::default()
        }
    }

    #[test]
    fn defaults_are_those_of_the_suite_and_the_narrowest_scope() {
        let settings = QuarantineSettings::default();
        let details = validate(request(" flaky "), settings, NOW).unwrap();
        assert_eq!(details.reason, "flaky");
        assert_eq!(details.scope, QuarantineScope::NotTouched);
        assert_eq!(details.ends_at, Some(NOW.plus_days(14)));
        let short = QuarantineSettings {
            max_days: 5,
            ..settings
        };
        let details = validate(request("flaky"), short, NOW).unwrap();
        assert_eq!(details.ends_at, Some(NOW.plus_days(5)));
    }

    #[test]
    fn all_problems_are_reported_together() {
        let bad = Request {
            reason: " ".to_owned(),
            owner: Some("x".repeat(256)),
            ticket: Some("a\tb".to_owned()),
            scope: Some("nowhere".to_owned()),
            end: End::Days(91),
            force: false,
        };
        let problems = validate(bad, QuarantineSettings::default(), NOW).unwrap_err();
        assert_eq!(
            problems,
            [
                "reason can't be blank",
                "owner is too long (maximum is 255 characters)",
                "ticket has a control character",
                "scope must be one of everywhere, default_branch, not_touched",
                "the end must be within 90 days, the suite's maximum",
            ]
        );
    }

    #[test]
    fn ends_are_in_the_future_and_within_the_maximum() {
        for (end, is_valid) in [
            (End::Days(1), true),
            (End::Days(90), true),
            (End::Days(0), false),
            (End::Days(-1), false),
            (End::Days(i64::MAX), false),
            (End::At(NOW), false),
            (End::At(NOW.plus_millis(1)), true),
            (End::At(NOW.plus_days(90)), true),
            (End::At(NOW.plus_days(90).plus_millis(1)), false),
        ] {
            let request = Request {
                end,
                ..request("flaky")
            };
            let checked = validate(request, QuarantineSettings::default(), NOW);
            assert_eq!(checked.is_ok(), is_valid, "{end:?}");
        }
    }
}
