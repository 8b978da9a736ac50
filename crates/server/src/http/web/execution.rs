//! The page of an execution of a test: how it ended and why, what happened in it, and where it ran.

use askama::Template;
use axum::response::Response;
use test_engine_charts::{Span, Spans};
use test_engine_duration::Micros;
use test_engine_results::Outcome;
use test_engine_store::{Execution, Suite, Test, TestedCode};
use uuid::Uuid;

use super::format;
use super::page::{Frame, PageError, Tab, show};
use super::run::{FailureText, Limits};
use super::test::OutcomeMark;
use super::viewer::Viewer;
use super::words::Verdict;
use crate::App;
use crate::clock::rfc3339;
use crate::http::text_budget::{html_size, start_of};
use crate::links::Links;
use crate::spans;

/// Bytes of the text and of the reason in the page; the API has all.
const MAX_TEXT: usize = 32 * 1_024;
/// Lines of the backtrace.
const MAX_LINES: usize = 60;
/// Characters of a tag.
const MAX_TAG: usize = 300;
/// Spans in the picture.
const MAX_SPANS: usize = 60;

#[derive(Template)]
#[template(path = "execution.html")]
struct Page {
    frame: Frame,
    scope: String,
    name: String,
    test_address: String,
    verdict: Verdict,
    text: FailureText,
    is_cut: bool,
    spans: String,
    more_spans: usize,
    run_address: String,
    run: String,
    branch: String,
    commit: String,
    duration: String,
    time: String,
    ago: String,
    job: String,
    tags: Vec<(String, String)>,
}

pub(super) async fn get(
    app: &App,
    viewer: &Viewer,
    suite: &Suite,
    test: &Test,
    id: Uuid,
) -> Result<Response, PageError> {
    let found = app.store.test_execution(test, id).await?;
    let (execution, details) = found.ok_or(PageError::NotFound)?;
    let now = app.clock.now();
    let base = Links::suite_path(suite);
    let test_address = format!("{base}/tests/{}", test.uuid);
    let mut frame = Frame::of_tab(app, test.name.clone(), viewer, suite, Tab::Tests).await?;
    frame.crumb("Tests", format!("{base}/tests"));
    frame.crumb(
        &format::shortened(&test.name, MAX_TAG),
        test_address.clone(),
    );
    let changed = match execution.commit_sha.as_deref() {
        Some(sha) => app.store.commit(suite.id, sha).await?,
        None => None,
    };
    let code = TestedCode::new(
        execution.branch.as_deref(),
        &suite.default_branch,
        changed.as_ref().map(|commit| commit.files_changed.as_str()),
    );
    let mut text = FailureText::new(&details, &code, Limits { lines: MAX_LINES });
    let is_cut = html_size(&text.text) > MAX_TEXT;
    if is_cut {
        text.text = start_of(&text.text, MAX_TEXT, html_size).to_owned();
    }
    let stored = spans(app, suite, &execution).await?;
    let (picture, more_spans) = match stored {
        Some(mut spans) => {
            let more = spans.spans.len().saturating_sub(MAX_SPANS);
            spans.spans.truncate(MAX_SPANS);
            (spans.svg(), more)
        }
        None => (String::new(), 0),
    };
    let run = execution.run_number.as_ref();
    show(&Page {
        frame,
        scope: test.scope.clone(),
        name: test.name.clone(),
        test_address,
        verdict: verdict(&execution),
        text,
        is_cut,
        spans: picture,
        more_spans,
        run_address: format!("{base}/runs/{}", execution.run_uuid),
        run: run.map_or_else(|| "this run".to_owned(), |number| format!("#{number}")),
        branch: execution.branch.clone().unwrap_or_default(),
        commit: execution.commit_sha.clone().unwrap_or_default(),
        duration: format::maybe_duration(execution.duration),
        time: rfc3339(execution.created_at),
        ago: format::ago(execution.created_at, now),
        job: execution.job_id.clone().unwrap_or_default(),
        tags: execution
            .tags
            .iter()
            .map(|(key, value)| (key.clone(), format::shortened(value, MAX_TAG)))
            .collect(),
    })
}

fn verdict(execution: &Execution) -> Verdict {
    let mark = OutcomeMark::of(execution);
    let reason = execution.failure_reason.as_deref().unwrap_or_default();
    Verdict {
        class: mark.class,
        title: format!("{}.", mark.word),
        details: match execution.outcome {
            Outcome::Failed if reason.is_empty() => "Without a message.".to_owned(),
            _ => start_of(reason, MAX_TEXT, html_size).to_owned(),
        },
    }
}

/// The spans of an execution, if they are stored and can be read.
pub(super) async fn spans(
    app: &App,
    suite: &Suite,
    execution: &Execution,
) -> Result<Option<Spans>, PageError> {
    let Some(stored) = app.store.spans(suite.id, execution.uuid).await? else {
        return Ok(None);
    };
    let Ok(stored) = spans::Spans::decode(&stored) else {
        return Ok(None);
    };
    let timed = stored.timed().into_iter();
    let timed = timed.map(|(section, detail, start, duration)| Span {
        section: section.to_owned(),
        detail: detail.to_owned(),
        start: start.get(),
        duration: duration.get(),
    });
    let spans: Vec<Span> = timed.collect();
    Ok((!spans.is_empty()).then(|| Spans {
        spans,
        duration: execution.duration.unwrap_or_default().get(),
        format: |micros| format::duration(Micros::new(micros)),
    }))
}
