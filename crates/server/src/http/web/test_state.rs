//! The state of a test on its page: why it is muted or skipped, and the form that changes it.

use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Redirect, Response};
use serde::Deserialize;
use test_engine_charts::{Tone, meter};
use test_engine_store::{
    FixProof, NewQuarantine, Quarantine, QuarantineScope, QuarantineSettings, Suite, Test,
    TestState, Timestamp,
};
use uuid::Uuid;

use super::format;
use super::mute_form::{self, Typed};
use super::page::PageError;
use super::sign_in::{form, local_path};
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

/// Who looks at the page, and when.
pub(super) struct Viewing {
    /// Whether the viewer may know who changed the state.
    pub(super) shows_people: bool,
    /// The form is open from the start.
    pub(super) is_changing: bool,
    /// Why the failures of the test may be real.
    pub(super) warning: Option<&'static str>,
    /// What the form was filled in with before.
    pub(super) typed: Typed,
    pub(super) now: Timestamp,
}

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
    pub(super) is_changing: bool,
    /// Empty if nothing speaks against muting.
    pub(super) warning: String,
    /// The choice of a date is chosen, and the date.
    pub(super) is_on_date: bool,
    pub(super) until: String,
    /// Identifies the state that the form is shown for.
    pub(super) seen: String,
    /// Where to go back to; empty for this page.
    pub(super) back: String,
    /// What somebody else has done meanwhile; empty without.
    pub(super) conflict: String,
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
    /// Passes in a row, and those that prove that it is fixed; empty for a skipped test.
    pub(super) proof: String,
    pub(super) meter: String,
    pub(super) is_proven: bool,
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
    /// `owner` is the default owner of the test.
    pub(super) fn new(
        test: &Test,
        quarantine: Option<&Quarantine>,
        suite: &Suite,
        owner: Option<&str>,
        viewing: &Viewing,
    ) -> Self {
        let now = viewing.now;
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
        let typed = &viewing.typed;
        let text = |typed: &str, known: Option<&String>| {
            let known = known.cloned().unwrap_or_default();
            if viewing.typed.is_typed() {
                typed.to_owned()
            } else {
                known
            }
        };
        let mut scopes = scopes(suite, start.scope);
        if scopes.iter().any(|choice| choice.name == typed.scope) {
            for choice in &mut scopes {
                choice.is_default = choice.name == typed.scope;
            }
        }
        let is_on_date = typed.days == ON_A_DATE;
        let chosen = typed.days.parse().ok();
        let mut days = days(settings, end.is_none() && !is_on_date, now);
        let is_chosen = chosen.is_some_and(|chosen| days.iter().any(|it| it.days == chosen));
        if is_chosen {
            for choice in &mut days {
                choice.is_default = chosen == Some(choice.days);
            }
        }
        Self {
            state: test.state.name(),
            is_enabled: test.state == TestState::Enabled,
            buttons: buttons(test.state),
            details: quarantine.map(|known| {
                let is_muted = test.state == TestState::Muted;
                Details::new(known, suite, is_muted, viewing)
            }),
            present_end: end
                .filter(|_| !is_on_date && !is_chosen)
                .map(|end| (rfc3339(end), format::date(end))),
            days,
            scopes,
            owner: text(&typed.owner, start.owner.as_ref()),
            ticket: text(&typed.ticket, start.ticket.as_ref()),
            reason: text(&typed.reason, Some(&start.reason)),
            is_on_date,
            until: typed.until.clone(),
            seen: mute_form::seen(test, quarantine),
            back: if typed.back.is_empty() {
                String::new()
            } else {
                // Anybody can write an address.
                local_path(Some(&typed.back))
            },
            conflict: if typed.conflict.is_empty() {
                String::new()
            } else {
                conflict(test.state, quarantine, viewing)
            },
            first_date: date_field(now),
            last_date: date_field(now.plus_days(i64::from(settings.max_days) - 1)),
            max_reason: MAX_REASON,
            max_owner: MAX_OWNER,
            max_ticket: MAX_TICKET,
            is_changing: viewing.is_changing,
            warning: viewing.warning.unwrap_or_default().to_owned(),
        }
    }
}

impl Details {
    fn new(known: &Quarantine, suite: &Suite, is_muted: bool, viewing: &Viewing) -> Self {
        let (shows_people, now) = (viewing.shows_people, viewing.now);
        let details = &known.details;
        let proof = Some(&known.proof).filter(|_| is_muted);
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
            proof: proof.map_or_else(String::new, clean_passes),
            meter: proof.map_or_else(String::new, |proof| {
                meter(proof.clean_passes, proof.passes_needed, Tone::Passed)
            }),
            is_proven: proof.is_some_and(|proof| proof.proposed_at.is_some()),
        }
    }
}

/// What somebody else has done since the form was shown.
fn conflict(state: TestState, quarantine: Option<&Quarantine>, viewing: &Viewing) -> String {
    let Some(known) = quarantine else {
        return "Somebody has enabled the test since you opened this form.".to_owned();
    };
    let who = if viewing.shows_people {
        format::actor(&known.actor)
    } else {
        "Somebody".to_owned()
    };
    let verb = match state {
        TestState::Skipped => "skipped",
        TestState::Enabled | TestState::Muted => "muted",
    };
    format!(
        "{who} has {verb} the test since you opened this form: “{}”. Nothing of yours is saved \
         yet; save it to replace theirs.",
        known.details.reason
    )
}

/// Such as `2 of 99`.
pub(super) fn clean_passes(proof: &FixProof) -> String {
    format!(
        "{} of {}",
        format::count(proof.clean_passes),
        format::count(proof.passes_needed)
    )
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

pub(super) fn scope_text(scope: QuarantineScope, suite: &Suite) -> String {
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
    /// Of a checkbox: there if it is checked.
    force: Option<String>,
    /// What the form was shown for; empty if that does not matter.
    #[serde(default)]
    seen: String,
    /// The page that shows the form; empty for that of the test.
    #[serde(default)]
    back: String,
}

impl SetState {
    fn typed(&self) -> Typed {
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        Typed {
            reason: self.reason.clone(),
            days: self.days.clone(),
            until: self.until.clone(),
            scope: text(&self.scope),
            owner: text(&self.owner),
            ticket: text(&self.ticket),
            back: self.back.clone(),
            conflict: String::new(),
        }
    }

    /// To the sign-in page, and from there back to what was typed.
    fn sign_in(&self, page: &str) -> PageError {
        let next = if self.state == TestState::Enabled.name() {
            page.to_owned()
        } else {
            self.typed().address(page)
        };
        PageError::SignIn { next }
    }

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
    viewing: Result<SuiteViewer, PageError>,
    IdInPath(id): IdInPath,
    client: ClientAddress,
    request: Request,
) -> Result<Response, PageError> {
    let form: SetState = form(request).await?;
    let SuiteViewer { viewer, suite } = match viewing {
        Ok(found) if found.viewer.is_signed_in() => found,
        Ok(found) => {
            let base = Links::suite_path(&found.suite);
            return Err(form.sign_in(&format!("{base}/tests/{id}")));
        }
        Err(PageError::SignIn { next }) => return Err(form.sign_in(&next)),
        Err(error) => return Err(error),
    };
    viewer.check_form(&form.form_token)?;
    viewer.check_may_write(&suite.organization_slug)?;
    let state = match form.state.as_str() {
        "muted" => TestState::Muted,
        "skipped" => TestState::Skipped,
        "enabled" => TestState::Enabled,
        _ => return Err(PageError::NotFound),
    };
    let page = format!("{}/tests/{id}", Links::suite_path(&suite));
    if !form.seen.is_empty() && is_outdated(&app, &suite, id, &form.seen).await? {
        let typed = Typed {
            conflict: "1".to_owned(),
            ..form.typed()
        };
        return Ok(Redirect::to(&typed.address(&page)).into_response());
    }
    let request = quarantine::Request {
        end: form.end()?,
        reason: form.reason,
        owner: form.owner,
        ticket: form.ticket,
        scope: form.scope,
        force: form.force.is_some(),
    };
    let change = viewer.change(client, app.clock.now());
    quarantine::set_state(&app.store, &suite, id, state, Some(request), change)
        .await
        .map_err(ApiError::from)?
        .ok_or(PageError::NotFound)?;
    let address = if form.back.is_empty() {
        format!("{page}?done={}", state.name())
    } else {
        mute_form::back_address(&form.back, id, state)
    };
    Ok(Redirect::to(&address).into_response())
}

/// Whether somebody has changed the state since the form was shown.
async fn is_outdated(app: &App, suite: &Suite, id: Uuid, seen: &str) -> Result<bool, PageError> {
    let test = app.store.test(suite.id, id).await?;
    let test = test.ok_or(PageError::NotFound)?;
    let known = app.store.quarantines(&[test.id]).await?;
    Ok(mute_form::seen(&test, known.get(&test.id)) != seen)
}
