//! Uploads: does data arrive, and why not. As a page and as a file.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use test_engine_charts::{Hour, Hours, KeyMark, key};
use test_engine_results::Format;
use test_engine_store::{
    AttemptState, MAX_REJECTED_UPLOADS, Page as ListPage, Suite, Timestamp, UploadAttempt,
    UploadHour, UploadPosition, UploadProblem,
};

use super::export::{self, CHUNK, Export, FileLinks};
use super::format;
use super::page::{Frame, PageError, Pager, Tab, show};
use super::viewer::SuiteViewer;
use super::words::{self, UploadCounts};
use crate::App;
use crate::clock::rfc3339;
use crate::http::params::Params;
use crate::links::Links;

/// Uploads per page.
const PAGE_SIZE: u32 = 100;
/// Hours in the picture, the present one included.
const HOURS: i64 = 24;
/// What the reasons cover.
const REASON_DAYS: i64 = 7;
/// Reasons on the page.
const MAX_REASONS: usize = 20;
const HOUR_MS: i64 = 60 * 60 * 1_000;
/// Errors of single results that are shown of an upload.
const MAX_ERRORS: usize = 3;

#[derive(Clone, Default, Deserialize, Serialize)]
#[serde(default)]
pub(super) struct Query {
    /// `accepted`, `rejected` or `failed`; all of them without it.
    #[serde(skip_serializing_if = "String::is_empty")]
    state: String,
    /// `table` for a table instead of the picture.
    #[serde(rename = "as", skip_serializing_if = "String::is_empty")]
    form: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    page: Option<u32>,
}

impl Query {
    fn address(&self, base: &str) -> String {
        let query = serde_urlencoded::to_string(self).unwrap_or_default();
        let mark = if query.is_empty() { "" } else { "?" };
        format!("{base}{mark}{query}")
    }

    fn state(&self) -> Option<AttemptState> {
        let (_, _, state) = STATES
            .into_iter()
            .find(|(_, name, _)| *name == self.state)?;
        state
    }
}

const STATES: [(&str, &str, Option<AttemptState>); 4] = [
    ("All", "", None),
    ("Accepted", "accepted", Some(AttemptState::Accepted)),
    ("Rejected", "rejected", Some(AttemptState::Rejected)),
    ("Failed", "failed", Some(AttemptState::Failed)),
];

#[derive(Template)]
#[template(path = "uploads.html")]
struct Page {
    frame: Frame,
    sentence: String,
    /// Markup, or a table.
    hours: String,
    hours_key: String,
    is_table: bool,
    other_form: String,
    reasons: Vec<Reason>,
    hidden_reasons: String,
    choices: Vec<Choice>,
    uploads: Vec<Row>,
    total: String,
    max_rejected: i64,
    pager: Pager,
    files: FileLinks,
    upload_hint: String,
}

struct Choice {
    text: &'static str,
    address: String,
    is_current: bool,
}

/// Why some uploads were not accepted.
struct Reason {
    class: &'static str,
    word: &'static str,
    status: u16,
    text: String,
    uploads: String,
    first: String,
    first_time: String,
    last: String,
    last_time: String,
}

struct Row {
    class: &'static str,
    word: &'static str,
    /// Of the upload on the page of its run, if it was accepted.
    address: Option<String>,
    run: String,
    job: String,
    format: &'static str,
    results: String,
    /// Why it was not accepted, or which results were not usable.
    problems: Vec<String>,
    ago: String,
    time: String,
}

pub(super) async fn get(
    State(app): State<App>,
    SuiteViewer { viewer, suite }: SuiteViewer,
    export: Export,
    Params(query): Params<Query>,
) -> Result<Response, PageError> {
    if let Some(file) = export.file(format!("{}-uploads", suite.slug)) {
        let chunks = chunks(app, suite, query.state());
        return file.chunks(&COLUMNS, chunks).await;
    }
    let now = app.clock.now();
    let address = format!("{}/uploads", Links::suite_path(&suite));
    let page = ListPage::new(query.page.unwrap_or(1), PAGE_SIZE);
    let store = &app.store;
    let listed = store.upload_attempts(suite.id, query.state(), page).await?;
    let start = first_hour(now);
    let counted = store.uploads_by_hour(suite.id, start).await?;
    let week = now.plus_days(-REASON_DAYS);
    let problems = store.upload_problems(suite.id, week).await?;
    let has_any = listed.total > 0 || !query.state.is_empty() && has_any(&app, &suite).await?;
    let hours = hours(&counted, start);
    let is_table = query.form == "table";
    let other = |change: &dyn Fn(&mut Query)| {
        let mut other = query.clone();
        change(&mut other);
        other.address(&address)
    };
    let frame = Frame::of_tab(
        &app,
        format!("Uploads of {}", suite.name),
        &viewer,
        &suite,
        Tab::Uploads,
    );
    show(&Page {
        frame: frame.await?,
        sentence: words::uploads(counts(&counted, has_any)),
        hours: if is_table {
            hours.table().html()
        } else {
            hours.svg()
        },
        hours_key: key(&[
            (KeyMark::Passed, "accepted"),
            (KeyMark::PassedOnRetry, "rejected: the upload was not valid"),
            (KeyMark::FailedRun, "failed on the server"),
        ]),
        is_table,
        other_form: other(&|other| {
            let form = if is_table { "" } else { "table" };
            form.clone_into(&mut other.form);
        }),
        hidden_reasons: match problems.len().saturating_sub(MAX_REASONS) {
            0 => String::new(),
            hidden => format!("and {}", format::counted(hidden as u64, "more reason")),
        },
        reasons: problems
            .into_iter()
            .take(MAX_REASONS)
            .map(|problem| Reason::new(problem, now))
            .collect(),
        choices: STATES
            .into_iter()
            .map(|(text, name, _)| Choice {
                text,
                address: other(&|other| {
                    name.clone_into(&mut other.state);
                    other.page = None;
                }),
                is_current: query.state == name,
            })
            .collect(),
        total: format::counted(listed.total, "upload"),
        uploads: listed
            .items
            .into_iter()
            .map(|attempt| Row::new(attempt, &suite, now))
            .collect(),
        max_rejected: MAX_REJECTED_UPLOADS,
        pager: Pager::new(page, listed.total, |number| {
            other(&|other| other.page = Some(number))
        }),
        files: export.links(),
        upload_hint: if has_any {
            String::new()
        } else {
            super::empty::upload_command(&app, &suite)
        },
    })
}

async fn has_any(app: &App, suite: &Suite) -> Result<bool, PageError> {
    let one = ListPage::new(1, 1);
    let listed = app.store.upload_attempts(suite.id, None, one).await?;
    Ok(listed.total > 0)
}

/// The start of the first hour of the picture.
fn first_hour(now: Timestamp) -> Timestamp {
    let present = now.millis().div_euclid(HOUR_MS);
    Timestamp::from_millis((present - (HOURS - 1)) * HOUR_MS)
}

/// Every hour of the picture, also those without uploads.
fn hours(counted: &[UploadHour], start: Timestamp) -> Hours {
    let hour = |index: i64| {
        let at = start.plus_millis(index * HOUR_MS);
        let known = counted.iter().find(|hour| hour.start == at);
        let known = known.copied().unwrap_or_default();
        Hour {
            label: format!("{:02}:00", at.millis().div_euclid(HOUR_MS).rem_euclid(24)),
            accepted: known.accepted,
            rejected: known.rejected,
            failed: known.failed,
        }
    };
    Hours {
        hours: (0..HOURS).map(hour).collect(),
    }
}

fn counts(hours: &[UploadHour], has_any: bool) -> UploadCounts {
    UploadCounts {
        accepted: hours.iter().map(|hour| hour.accepted).sum(),
        rejected: hours.iter().map(|hour| hour.rejected).sum(),
        failed: hours.iter().map(|hour| hour.failed).sum(),
        has_any,
    }
}

const fn mark(state: AttemptState) -> (&'static str, &'static str) {
    match state {
        AttemptState::Accepted => ("pass", "Accepted"),
        AttemptState::Rejected => ("flaky", "Rejected"),
        AttemptState::Failed => ("fail", "Failed"),
    }
}

impl Reason {
    fn new(problem: UploadProblem, now: Timestamp) -> Self {
        let (class, word) = mark(if problem.status >= 500 {
            AttemptState::Failed
        } else {
            AttemptState::Rejected
        });
        Self {
            class,
            word,
            status: problem.status,
            text: problem.reason,
            uploads: format::count(problem.uploads),
            first: format::ago(problem.first_at, now),
            first_time: rfc3339(problem.first_at),
            last: format::ago(problem.last_at, now),
            last_time: rfc3339(problem.last_at),
        }
    }
}

impl Row {
    fn new(attempt: UploadAttempt, suite: &Suite, now: Timestamp) -> Self {
        let (class, word) = mark(attempt.state);
        let mut problems: Vec<String> = attempt.reason.into_iter().collect();
        let skipped = attempt.skipped;
        if skipped > 0 {
            let results = format::counted(skipped, "result");
            problems.push(format!("{results} could not be used"));
        }
        problems.extend(attempt.errors.into_iter().take(MAX_ERRORS));
        let is_accepted = attempt.state == AttemptState::Accepted;
        Self {
            class,
            word,
            address: attempt.run_uuid.map(|run| {
                let base = Links::suite_path(suite);
                format!("{base}/runs/{run}#upload-{}", attempt.uuid)
            }),
            run: attempt.run_key.unwrap_or_default(),
            job: attempt.job_id.unwrap_or_default(),
            format: attempt.format.map_or("–", Format::name),
            results: if is_accepted {
                format::count(attempt.kept + attempt.duplicates)
            } else {
                "–".to_owned()
            },
            problems,
            ago: format::ago(attempt.received_at, now),
            time: rfc3339(attempt.received_at),
        }
    }
}

const COLUMNS: [&str; 13] = [
    "id",
    "result",
    "status",
    "reason",
    "run_key",
    "job_id",
    "format",
    "results",
    "duplicates",
    "unusable_results",
    "errors",
    "received_at",
    "url",
];

/// All uploads in the state, newest first.
fn chunks(app: App, suite: Suite, state: Option<AttemptState>) -> export::Chunks {
    export::from_position(UploadPosition::START, move |position| {
        let (app, suite) = (App::clone(&app), suite.clone());
        async move {
            let store = &app.store;
            let attempts = store.upload_attempts_from(suite.id, state, position, CHUNK);
            let (attempts, next) = attempts.await?;
            let rows = attempts.into_iter();
            let rows = rows.map(|attempt| file_row(&app, &suite, attempt));
            Ok((rows.collect(), next))
        }
    })
}

fn file_row(app: &App, suite: &Suite, attempt: UploadAttempt) -> export::Row {
    let is_accepted = attempt.state == AttemptState::Accepted;
    let of_accepted = |number: u64| is_accepted.then_some(number);
    vec![
        attempt.uuid.to_string().into(),
        mark(attempt.state).1.into(),
        (!is_accepted).then_some(u64::from(attempt.status)).into(),
        attempt.reason.into(),
        attempt.run_key.into(),
        attempt.job_id.into(),
        attempt.format.map(Format::name).into(),
        of_accepted(attempt.kept + attempt.duplicates).into(),
        of_accepted(attempt.duplicates).into(),
        of_accepted(attempt.skipped).into(),
        attempt.errors.join("\n").into(),
        attempt.received_at.into(),
        attempt
            .run_uuid
            .map(|run| app.links.upload_on_page(suite, run, attempt.uuid))
            .into(),
    ]
}

#[cfg(test)]
mod tests {
    use test_engine_store::{Timestamp, UploadHour};

    use super::{HOUR_MS, first_hour, hours};

    #[test]
    fn the_picture_has_every_hour_of_the_last_day() {
        let now = Timestamp::from_millis(100 * HOUR_MS + 5);
        let start = first_hour(now);
        let counted = UploadHour {
            start: Timestamp::from_millis(100 * HOUR_MS),
            accepted: 3,
            ..UploadHour::default()
        };
        let hours = hours(&[counted], start).hours;
        assert_eq!(hours.len(), 24);
        assert_eq!(hours[23].accepted, 3);
        assert_eq!(
            (hours[0].label.as_str(), hours[23].label.as_str()),
            ("05:00", "04:00")
        );
    }
}
