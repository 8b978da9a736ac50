//! Mutes, skips, extends, enables and labels several tests at once, for the lists of tests. Every
//! test goes through the same code, and gets the same entry in the audit log, as a single one.

use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Redirect, Response};
use serde::Serialize;
use test_engine_store::{Change, LabelChange, Suite, TestState};
use uuid::Uuid;

use super::mute_form::SAY_WHAT_WAS_DONE;
use super::page::PageError;
use super::sign_in::form;
use super::viewer::SuiteViewer;
use crate::App;
use crate::http::api::validate_labels;
use crate::http::client_address::ClientAddress;
use crate::http::error::ApiError;
use crate::links::Links;
use crate::quarantine::{self, End, QuarantineError};

/// Tests per request.
const MAX_TESTS: usize = 200;
/// The choices of the form, in days, if the suite allows them.
const DAYS: [u32; 3] = [3, 14, 30];

/// The choices of how long to mute.
pub(super) fn days(suite: &Suite) -> Vec<u32> {
    let settings = suite.quarantine;
    let mut days = DAYS.to_vec();
    days.push(settings.default_days());
    days.retain(|days| *days <= settings.max_days);
    days.sort_unstable();
    days.dedup();
    days
}

/// What was done, as the address of the next page says it.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Done {
    changed: Option<u64>,
    refused: Option<u64>,
}

impl Done {
    pub(super) const fn new(changed: Option<u64>, refused: Option<u64>) -> Self {
        Self { changed, refused }
    }

    /// Empty if nothing was done.
    pub(super) fn text(self) -> String {
        let tests = |number| super::format::counted(number, "test");
        let mut parts = Vec::new();
        if let Some(changed) = self.changed {
            parts.push(format!("{} changed.", tests(changed)));
        }
        if let Some(refused) = self.refused.filter(|refused| *refused > 0) {
            parts.push(format!(
                "{} not changed: the failures may be real. Decide on the page of the test.",
                tests(refused)
            ));
        }
        parts.join(" ")
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Action {
    Mute,
    Skip,
    /// Moves the end, and keeps the other details.
    Extend,
    Enable,
    Label(LabelChange),
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Bulk {
    form_token: String,
    action: String,
    tests: Vec<String>,
    reason: String,
    days: String,
    owner: Option<String>,
    ticket: Option<String>,
    label: String,
    /// The list that the form is on.
    from: String,
    /// What the list shows: the part of its address after `?`.
    back: String,
}

impl Bulk {
    fn of(fields: Vec<(String, String)>) -> Self {
        let mut bulk = Self::default();
        for (name, value) in fields {
            match name.as_str() {
                "form_token" => bulk.form_token = value,
                "action" => bulk.action = value,
                "test" => bulk.tests.push(value),
                "reason" => bulk.reason = value,
                "days" => bulk.days = value,
                "owner" => bulk.owner = Some(value),
                "ticket" => bulk.ticket = Some(value),
                "label" => bulk.label = value,
                "from" => bulk.from = value,
                "back" => bulk.back = value,
                _ => {}
            }
        }
        bulk
    }

    fn action(&self) -> Result<Action, ApiError> {
        match self.action.as_str() {
            "mute" => Ok(Action::Mute),
            "skip" => Ok(Action::Skip),
            "label" => Ok(Action::Label(LabelChange::Add)),
            "unlabel" => Ok(Action::Label(LabelChange::Remove)),
            "extend" => Ok(Action::Extend),
            "enable" => Ok(Action::Enable),
            other => Err(ApiError::bad_request(format!("Unknown action {other:?}."))),
        }
    }

    fn tests(&self) -> Result<Vec<Uuid>, ApiError> {
        if self.tests.is_empty() {
            let text = "Validation failed: choose at least one test";
            return Err(ApiError::unprocessable(text));
        }
        if self.tests.len() > MAX_TESTS {
            return Err(ApiError::unprocessable(format!(
                "Validation failed: more than {MAX_TESTS} tests at once"
            )));
        }
        let tests = self.tests.iter().map(|text| text.parse());
        let tests: Result<Vec<Uuid>, _> = tests.collect();
        tests.map_err(|_not_an_id| ApiError::bad_request("A test's ID is not valid."))
    }

    /// The list, as it was, with what was done.
    fn next(&self, suite: &Suite, done: Done) -> String {
        let list = match self.from.as_str() {
            "flaky" | "tests" => self.from.as_str(),
            _ => "quarantine",
        };
        let mut pairs: Vec<(String, String)> =
            serde_urlencoded::from_str(&self.back).unwrap_or_default();
        pairs.retain(|(name, _)| !SAY_WHAT_WAS_DONE.contains(&name.as_str()));
        let before = serde_urlencoded::to_string(pairs).unwrap_or_default();
        let done = serde_urlencoded::to_string(done).unwrap_or_default();
        let separator = if before.is_empty() { "" } else { "&" };
        let base = Links::suite_path(suite);
        format!("{base}/{list}?{before}{separator}{done}")
    }

    /// The label to add or remove.
    fn labels(&self) -> Result<Vec<String>, ApiError> {
        validate_labels(std::slice::from_ref(&self.label)).map_err(ApiError::unprocessable)
    }

    fn end(&self) -> Result<End, ApiError> {
        match self.days.as_str() {
            "" => Ok(End::SuiteDefault),
            days => days.parse().map(End::Days).map_err(|_not_a_number| {
                let text = format!("Validation failed: {days:?} is not a number of days");
                ApiError::unprocessable(text)
            }),
        }
    }

    fn request(&self) -> Result<quarantine::Request, ApiError> {
        Ok(quarantine::Request {
            reason: self.reason.clone(),
            owner: self.owner.clone(),
            ticket: self.ticket.clone(),
            end: self.end()?,
            ..quarantine::Request::default()
        })
    }
}

pub(super) async fn post(
    State(app): State<App>,
    SuiteViewer { viewer, suite }: SuiteViewer,
    client: ClientAddress,
    request: Request,
) -> Result<Response, PageError> {
    let bulk = Bulk::of(form(request).await?);
    viewer.check_form(&bulk.form_token)?;
    viewer.check_may_write(&suite.organization_slug)?;
    let (action, tests) = (bulk.action()?, bulk.tests()?);
    let change = viewer.change(client, app.clock.now());
    let (mut changed, mut refused) = (0, 0);
    for test in tests {
        match apply(&app, &suite, test, action, &bulk, &change).await {
            Ok(true) => changed += 1,
            Ok(false) => {}
            Err(Failure::Refused) => refused += 1,
            // Such as the labels of a test that has too many: the page counts those before it.
            Err(Failure::Other(error)) if changed > 0 && error.status().is_client_error() => {}
            // The same for every test.
            Err(Failure::Other(error)) => return Err(error.into()),
        }
    }
    let done = Done::new(Some(changed), (refused > 0).then_some(refused));
    Ok(Redirect::to(&bulk.next(&suite, done)).into_response())
}

enum Failure {
    /// The failures of the test may be real.
    Refused,
    Other(ApiError),
}

impl<E: Into<ApiError>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::Other(error.into())
    }
}

/// Whether the test exists and was changed.
async fn apply(
    app: &App,
    suite: &Suite,
    id: Uuid,
    action: Action,
    bulk: &Bulk,
    change: &Change,
) -> Result<bool, Failure> {
    let Some(test) = app.store.test(suite.id, id).await? else {
        return Ok(false);
    };
    let mut request = bulk.request()?;
    let state = match action {
        Action::Label(operation) => {
            let labels = bulk.labels()?;
            let store = &app.store;
            let changed = store.change_labels(suite.id, id, operation, &labels, change);
            return Ok(changed.await?.is_some());
        }
        Action::Mute => TestState::Muted,
        Action::Skip => TestState::Skipped,
        Action::Enable => TestState::Enabled,
        // Somebody else was faster.
        Action::Extend if test.state == TestState::Enabled => return Ok(false),
        Action::Extend => {
            let known = app.store.quarantines(&[test.id]).await?.remove(&test.id);
            if let Some(known) = known {
                let details = known.details;
                request.owner = details.owner;
                request.ticket = details.ticket;
                request.scope = Some(details.scope.name().to_owned());
                if request.reason.trim().is_empty() {
                    request.reason = details.reason;
                }
            }
            test.state
        }
    };
    let set = quarantine::set_state(&app.store, suite, id, state, Some(request), change.clone());
    match set.await {
        Ok(test) => Ok(test.is_some()),
        Err(QuarantineError::Refused(_)) => Err(Failure::Refused),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use test_engine_store::LabelChange;

    use super::{Action, Bulk, Done, MAX_TESTS};
    use crate::quarantine::End;

    fn bulk(fields: &[(&str, &str)]) -> Bulk {
        let fields = fields
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Bulk::of(fields.collect())
    }

    #[test]
    fn forms_with_an_action_and_tests_are_accepted() {
        let id = "01890a5d-ac96-774b-bcce-b302099a8057";
        let form = bulk(&[
            ("action", "extend"),
            ("test", id),
            ("test", id),
            ("days", "14"),
        ]);
        assert_eq!(form.action().ok(), Some(Action::Extend));
        assert_eq!(form.tests().ok().map(|tests| tests.len()), Some(2));
        assert_eq!(form.end().ok(), Some(End::Days(14)));
        assert_eq!(bulk(&[]).end().ok(), Some(End::SuiteDefault));
        assert!(bulk(&[]).tests().is_err());
        assert!(bulk(&[("test", "x")]).tests().is_err());
        assert!(bulk(&[("action", "delete")]).action().is_err());
        assert!(bulk(&[("days", "soon")]).end().is_err());
        assert!(bulk(&vec![("test", id); MAX_TESTS + 1]).tests().is_err());
    }

    #[test]
    fn labels_are_checked() {
        let form = bulk(&[("action", "unlabel"), ("label", " slow ")]);
        assert_eq!(form.action().ok(), Some(Action::Label(LabelChange::Remove)));
        assert_eq!(form.labels().ok(), Some(vec!["slow".to_owned()]));
        assert!(bulk(&[("label", "a,b")]).labels().is_err());
        assert!(bulk(&[]).labels().is_err());
    }

    #[test]
    fn what_was_done_is_said() {
        let text = |changed, refused| Done::new(changed, refused).text();
        assert_eq!(text(None, None), "");
        assert_eq!(text(Some(2), None), "2 tests changed.");
        assert!(text(Some(0), Some(1)).starts_with("0 tests changed. 1 test not changed: the"));
    }
}
