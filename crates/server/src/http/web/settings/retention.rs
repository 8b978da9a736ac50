//! How long the server keeps what: shown, because it is set where the server is started.

use askama::Template;
use axum::extract::State;
use axum::response::Response;

use super::super::format;
use super::super::page::{Frame, PageError, show};
use super::super::viewer::{OrganizationViewer, SuiteViewer};
use super::{Nav, Section};
use crate::App;

#[derive(Template)]
#[template(path = "settings_retention.html")]
struct Page {
    frame: Frame,
    nav: Nav,
    rows: Vec<Row>,
}

struct Row {
    what: &'static str,
    kept: String,
    option: &'static str,
}

fn rows(app: &App) -> Vec<Row> {
    let retention = app.config.retention;
    let days = |days: u32| match days {
        0 => "forever".to_owned(),
        days => format::counted(days.into(), "day"),
    };
    let spans = match (retention.span_days, retention.execution_days) {
        (0, executions) => days(executions),
        (spans, 0) => days(spans),
        (spans, executions) => days(spans.min(executions)),
    };
    let plans = app.config.planning.plan_retention_days;
    let aggregates = match (retention.aggregate_days, retention.execution_days) {
        (0, _) | (_, 0) => days(0),
        (aggregates, executions) => days(aggregates.max(executions)),
    };
    vec![
        Row {
            what: "Executions and failure messages",
            kept: days(retention.execution_days),
            option: "--execution-retention-days",
        },
        Row {
            what: "Spans of failed and slow executions",
            kept: spans,
            option: "--span-retention-days",
        },
        Row {
            what: "Runs, daily sums, upload receipts and events",
            kept: aggregates,
            option: "--aggregate-retention-days",
        },
        Row {
            what: "Plans and the reports of their nodes",
            kept: days(plans),
            option: "--plan-retention-days",
        },
        Row {
            what: "Audit log",
            kept: "forever".to_owned(),
            option: "",
        },
    ]
}

pub(in crate::http::web) async fn of_suite(
    State(app): State<App>,
    SuiteViewer { viewer, suite }: SuiteViewer,
) -> Result<Response, PageError> {
    let (frame, nav) = super::in_suite(&app, &viewer, &suite, Section::Retention).await?;
    show(&Page {
        frame,
        nav,
        rows: rows(&app),
    })
}

pub(in crate::http::web) async fn of_organization(
    State(app): State<App>,
    OrganizationViewer {
        viewer,
        organization,
    }: OrganizationViewer,
) -> Result<Response, PageError> {
    let (frame, nav) = super::in_organization(&viewer, &organization, Section::Retention)?;
    show(&Page {
        frame,
        nav,
        rows: rows(&app),
    })
}
