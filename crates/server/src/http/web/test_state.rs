//! The state of a test on its page: why it is muted or skipped, and the form that changes it.

use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Redirect, Response};
use serde::Deserialize;
use test_engine_store::{
    NewQuarantine, Quarantine, QuarantineScope, QuarantineSettings, Suite, Test, TestState,
    Timestamp,
};

use super::format;
use super::page::PageError;
use super::sign_in::form;
use super::viewer::SuiteViewer;
use crate::App;
use crate::clock::rfc3339;
use crate::http::api::timestamp;
use crate::http::client_address::ClientAddress;
use crate::http::error::ApiError;
use crate::http::params::IdInPath;
use crate::links::Links;
use crate::quarantine::{self, End, MAX_OWNER, MAX_REASON, MAX_TICKET};

/// The choices of the form, in days, if the suite allows them; its default is one more.
const DAYS: [u32; 3] = [3, 14, 30];
/// The value of the choice whose end is in the field `until`.
const ON_A_DATE: &str = "date";

/// What the page says about the state, and what its form starts with.
pub(super) struct StateSection {
    pub(super) state: &'static str,
    pub(super) is_enabled: bool,
    /// The buttons that mute and skip: value, text, explanation.
    pub(super) buttons: [(&'static str, &'static str, &'static str); 2],
    pub(super) details: Option<Details>,
    /// The present end, if it has not come: its value in the form, and its date.
    pub(super) present_end: Option<(String, String)>,
    pub(super) days: Vec<DaysChoice>,
    pub(super) scopes: Vec<ScopeChoice>,
    pub(super) owner: String,
    pub(super) ticket: String,
    pub(super) reason: String,
    /// For the date field, such as `2026-12-07`.
    pub(super) first_date: String,
    pub(super) last_date: String,
    pub(super) max_reason: usize,
    pub(super) max_owner: usize,
    pub(super) max_ticket: usize,
}

pub(super) struct Details {
    pub(super) reason: String,
    pub(super) owner: String,
    pub(super) ticket: String,
    pub(super) ticket_address: Option<String>,
    /// Who changed it last; empty if the viewer may not know.
    pub(super) by: String,
    pub(super) since: String,
    /// Such as `7 December 2026`; empty without an end.
    pub(super) until: String,
    pub(super) until_time: String,
    /// Such as `9 days left`.
    pub(super) left: String,
    pub(super) is_over: bool,
    pub(super) scope: String,
    pub(super) extensions: u64,
}

pub(super) struct DaysChoice {
    pub(super) days: u32,
    /// Such as `7 December`.
    pub(super) date: String,
    pub(super) is_default: bool,
}

pub(super) struct ScopeChoice {
    pub(super) name: &'static str,
    pub(super) text: String,
    pub(super) is_default: bool,
}

impl StateSection {
    /// `owner` is the default owner of the test, and `shows_people` whether the viewer may know who
    /// changed the state.
    pub(super) fn new(
        test: &Test,
        quarantine: Option<&Quarantine>,
        suite: &Suite,
        owner: Option<&str>,
        shows_people: bool,
        now: Timestamp,
    ) -> Self {
        let known = quarantine.map(|quarantine| &quarantine.details);
        let unset = NewQuarantine {
            scope: QuarantineScope::NotTouched,
            owner: owner.map(str::to_owned),
            ..NewQuarantine::default()
        };
        let start = known.unwrap_or(&unset);
        let settings = suite.quarantine;
        let end = known.and_then(|known| known.ends_at);
        let end = end.filter(|end| *end > now);
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        Self {
            state: test.state.name(),
            is_enabled: test.state == TestState::Enabled,
            buttons: buttons(test.state),
            details: quarantine.map(|known| Details::new(known, suite, shows_people, now)),
            present_end: end.map(|end| (rfc3339(end), format::date(end))),
            days: days(settings, end.is_none(), now),
            scopes: scopes(suite, start.scope),
            owner: text(&start.owner),
            ticket: text(&start.ticket),
            reason: start.reason.clone(),
            first_date: date_field(now),
            last_date: date_field(now.plus_days(i64::from(settings.max_days) - 1)),
            max_reason: MAX_REASON,
            max_owner: MAX_OWNER,
            max_ticket: MAX_TICKET,
        }
    }
}

impl Details {
    fn new(known: &Quarantine, suite: &Suite, shows_people: bool, now: Timestamp) -> Self {
        let details = &known.details;
        let end = details.ends_at;
        let ticket = details.ticket.clone().unwrap_or_default();
        Self {
            reason: details.reason.clone(),
            owner: details.owner.clone().unwrap_or_default(),
            ticket_address: format::web_address(Some(&ticket)),
            ticket,
            by: if shows_people {
                format::actor(&known.actor)
            } else {
                String::new()
            },
            since: format::ago(known.since, now),
            until: end.map_or_else(String::new, format::date),
            until_time: end.map_or_else(String::new, rfc3339),
            left: end.map_or_else(String::new, |end| format::left(end, now)),
            is_over: end.is_some_and(|end| end <= now),
            scope: scope_text(details.scope, suite),
            extensions: known.extensions,
        }
    }
}

fn buttons(state: TestState) -> [(&'static str, &'static str, &'static str); 2] {
    let mute = "It runs, but its failures do not fail the build.";
    let skip = "It does not run, if the runner can skip it.";
    match state {
        TestState::Enabled => [("muted", "Mute", mute), ("skipped", "Skip", skip)],
        TestState::Muted => [
            ("muted", "Change the mute", mute),
            ("skipped", "Skip instead", skip),
        ],
        TestState::Skipped => [
            ("skipped", "Change the skip", skip),
            ("muted", "Mute instead", mute),
        ],
    }
}

/// `has_default`: one of them is chosen at first.
fn days(settings: QuarantineSettings, has_default: bool, now: Timestamp) -> Vec<DaysChoice> {
    let default = settings.default_days();
    let mut days = DAYS.to_vec();
    days.push(default);
    days.retain(|days| *days <= settings.max_days);
    days.sort_unstable();
    days.dedup();
    days.into_iter()
        .map(|days| DaysChoice {
            days,
            date: format::date(now.plus_days(i64::from(days))),
            is_default: has_default && days == default,
        })
        .collect()
}

fn scopes(suite: &Suite, chosen: QuarantineScope) -> Vec<ScopeChoice> {
    use QuarantineScope::{DefaultBranch, Everywhere, NotTouched};
    [NotTouched, DefaultBranch, Everywhere]
        .into_iter()
        .map(|scope| ScopeChoice {
            name: scope.name(),
            text: scope_text(scope, suite),
            is_default: scope == chosen,
        })
        .collect()
}

fn scope_text(scope: QuarantineScope, suite: &Suite) -> String {
    match scope {
        QuarantineScope::Everywhere => "everywhere".to_owned(),
        QuarantineScope::DefaultBranch => format!("{} only", suite.default_branch),
        QuarantineScope::NotTouched => "everywhere but branches that change its file".to_owned(),
    }
}

/// As date fields have it.
fn date_field(time: Timestamp) -> String {
    rfc3339(time).chars().take(10).collect()
}

#[derive(Deserialize)]
struct SetState {
    #[serde(default)]
    form_token: String,
    #[serde(default)]
    state: String,
    #[serde(default)]
    reason: String,
    owner: Option<String>,
    ticket: Option<String>,
    scope: Option<String>,
    /// A number, [`ON_A_DATE`], or the present end.
    #[serde(default)]
    days: String,
    #[serde(default)]
    until: String,
}

impl SetState {
    fn end(&self) -> Result<End, ApiError> {
        let invalid = |what: &str, text: &str| {
            ApiError::unprocessable(format!("Validation failed: {text:?} is not a {what}"))
        };
        match self.days.as_str() {
            "" => Ok(End::SuiteDefault),
            // Until the end of that day.
            ON_A_DATE => format::end_of_day(&self.until)
                .map(End::At)
                .ok_or_else(|| invalid("date", &self.until)),
            chosen => {
                let days = chosen.parse().map(End::Days);
                days.or_else(|_not_days| timestamp("end", chosen).map(End::At))
                    .map_err(|_neither| invalid("number of days", chosen))
            }
        }
    }
}

pub(super) async fn set(
    State(app): State<App>,
    SuiteViewer { viewer, suite }: SuiteViewer,
    IdInPath(id): IdInPath,
    client: ClientAddress,
    request: Request,
) -> Result<Response, PageError> {
    let form: SetState = form(request).await?;
    if !viewer.owns_form(&form.form_token) {
        return Err(PageError::Forbidden(
            "This form has expired. Go back and reload the page.".to_owned(),
        ));
    }
    if !viewer.may_write(&suite.organization_slug) {
        return Err(PageError::Forbidden(
            "Your token does not have the scope write_suites.".to_owned(),
        ));
    }
    let state = match form.state.as_str() {
        "muted" => TestState::Muted,
        "skipped" => TestState::Skipped,
        "enabled" => TestState::Enabled,
        _ => return Err(PageError::NotFound),
    };
    let request = quarantine::Request {
        end: form.end()?,
        reason: form.reason,
        owner: form.owner,
        ticket: form.ticket,
        scope: form.scope,
    };
    let change = viewer.change(client, app.clock.now());
    quarantine::set_state(&app.store, &suite, id, state, Some(request), change)
        .await
        .map_err(ApiError::from)?
        .ok_or(PageError::NotFound)?;
    let address = format!("{}/tests/{id}", Links::suite_path(&suite));
    Ok(Redirect::to(&address).into_response())
}
