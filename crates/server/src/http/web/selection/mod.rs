//! The tab about test selection: how far it can be trusted, what it saves, what it missed, and the
//! switch.

mod decision;
mod switches;

use askama::Template;
use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Redirect, Response};
use serde::Deserialize;
use test_engine_charts::{Curve, CurvePoint, KeyMark, Tone, bars, key, meter};
use test_engine_duration::Micros;
use test_engine_store::{Page as ListPage, SelectionSwitch, Suite, Timestamp};
use test_engine_wire::{SelectionHoldout, SelectionOverview};

pub(super) use self::decision::{Query as DecisionQuery, get as get_decision};
use self::switches::Switched;
use super::format;
use super::page::{Frame, PageError, Pager, Tab, show};
use super::sign_in::form;
use super::viewer::SuiteViewer;
use super::words::{self, Verdict};
use crate::App;
use crate::http::api::MAX_SWITCH_REASON;
use crate::http::client_address::ClientAddress;
use crate::http::error::ApiError;
use crate::http::params::Params;
use crate::links::Links;

/// Missed failing builds per page.
const PAGE_SIZE: u32 = 20;
/// Failing items of a missed build that are named.
const MAX_ITEMS: usize = 5;
/// Characters of the name of an item.
const MAX_NAME: usize = 200;
/// The promise that the curve shows, in percent.
const PROMISE: u64 = 95;

#[derive(Template)]
#[template(path = "selection.html")]
struct Page {
    frame: Frame,
    address: String,
    verdict: Verdict,
    warnings: Vec<String>,
    is_unused: bool,
    tiles: Vec<Tile>,
    /// Markup, or a table; empty without a known failing build.
    curve: String,
    curve_key: String,
    is_table: bool,
    other_form: String,
    points: Vec<Point>,
    weeks: Option<Weeks>,
    reasons: Vec<Reason>,
    missed: Vec<Missed>,
    missed_count: String,
    pager: Pager,
    switches: Vec<Switched>,
    may_write: bool,
    is_off: bool,
    max_reason: usize,
}

struct Tile {
    title: &'static str,
    number: String,
    note: String,
}

/// What a promise costs.
struct Point {
    confidence: String,
    needed: u32,
    time: String,
}

/// The expected time that was saved, by week.
struct Weeks {
    picture: String,
    rows: Vec<Week>,
}

struct Week {
    from: String,
    plans: String,
    saved: String,
    share: String,
    holdouts: String,
}

/// Why everything ran.
struct Reason {
    text: String,
    plans: String,
    meter: String,
}

/// A failing build that no selected item found.
struct Missed {
    class: &'static str,
    branch: String,
    ago: String,
    time: String,
    origin: String,
    decision: String,
    run: String,
    items: Vec<MissedItem>,
    more_items: u64,
    share: String,
}

struct MissedItem {
    name: String,
    rank: String,
    run: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Query {
    page: Option<u32>,
    /// `table` for a table instead of the curve.
    #[serde(rename = "as")]
    form: String,
}

pub(super) async fn get(
    State(app): State<App>,
    SuiteViewer { viewer, suite }: SuiteViewer,
    Params(query): Params<Query>,
) -> Result<Response, PageError> {
    let now = app.clock.now();
    let base = Links::suite_path(&suite);
    let address = format!("{base}/selection");
    let overview = app.selections.overview(&suite, now).await;
    let overview = overview.map_err(ApiError::from)?;
    let page = ListPage::new(query.page.unwrap_or(1), PAGE_SIZE);
    let missed = app.selections.holdouts(&suite, true, page).await;
    let missed = missed.map_err(ApiError::from)?;
    let is_table = query.form == "table";
    let curve = curve(&overview);
    let title = format!("Test selection of {}", suite.name);
    let frame = Frame::of_tab(&app, title, &viewer, &suite, Tab::Selection).await?;
    show(&Page {
        frame,
        verdict: words::selection(&overview),
        is_unused: overview.verdicts.is_empty() && overview.seen.holdouts == 0,
        tiles: tiles(&overview),
        curve: match curve {
            None => String::new(),
            Some(curve) if is_table => curve.table().html(),
            Some(curve) => curve.svg(),
        },
        curve_key: key(&CURVE_KEY),
        is_table,
        other_form: format!("{address}{}", if is_table { "" } else { "?as=table" }),
        points: points(&overview),
        weeks: weeks(&overview),
        reasons: reasons(&overview),
        missed: missed
            .items
            .iter()
            .map(|one| Missed::new(one, &base, now))
            .collect(),
        missed_count: format::counted(missed.total, "failing build"),
        pager: Pager::new(page, missed.total, |number| {
            format!("{address}?page={number}")
        }),
        switches: switches::of(&app, &suite, viewer.is_signed_in(), now).await?,
        may_write: viewer.may_write(&suite.organization_slug),
        is_off: overview.off.is_some(),
        max_reason: MAX_SWITCH_REASON,
        warnings: overview.warnings,
        address,
    })
}

const CURVE_KEY: [(KeyMark, &str); 4] = [
    (KeyMark::Median, "all known failing builds"),
    (KeyMark::Unbiased, "those that ran everything to find out"),
    (KeyMark::Promise, "95%"),
    (KeyMark::Now, "the time that 95% takes"),
];

/// `None` without a known failing build.
fn curve(overview: &SelectionOverview) -> Option<Curve> {
    if overview.curve.is_empty() {
        return None;
    }
    let points = overview.curve.iter().map(|point| CurvePoint {
        time: point.time.into(),
        caught: point.caught.into(),
        unbiased: point.unbiased_caught.into(),
    });
    #[expect(clippy::cast_precision_loss, reason = "a whole percentage")]
    let is_promise = |confidence: f64| (confidence - PROMISE as f64).abs() < 0.01;
    let promised = overview
        .operating_points
        .iter()
        .find(|point| is_promise(point.confidence));
    Some(Curve {
        points: points.collect(),
        builds: overview.seen.holdouts.into(),
        unbiased: overview.seen_unbiased.holdouts.into(),
        promise: Some(PROMISE),
        current: promised.and_then(|point| point.time).map(u64::from),
    })
}

fn tiles(overview: &SelectionOverview) -> Vec<Tile> {
    let (seen, unbiased) = (overview.seen, overview.seen_unbiased);
    let of = |caught: u32, all: u32| {
        format!(
            "{} of {}",
            format::count(caught.into()),
            format::count(all.into())
        )
    };
    let caught = if seen.holdouts == 0 {
        ("–".to_owned(), "no failing build is known".to_owned())
    } else {
        let note = format!(
            "{} failing builds, at least {}",
            of(seen.caught, seen.holdouts),
            words::at_least(&seen)
        );
        (format::percent(Some(seen.shown)), note)
    };
    let alone = if unbiased.holdouts == 0 {
        (
            "–".to_owned(),
            "no build ran everything to find out".to_owned(),
        )
    } else {
        let note = format!(
            "ran everything to find out, at least {}",
            words::at_least(&unbiased)
        );
        (of(unbiased.caught, unbiased.holdouts), note)
    };
    let plans = |verdict: &str| overview.verdicts.get(verdict).copied().unwrap_or_default();
    let all: u64 = overview.verdicts.values().sum();
    let tile = |title, (number, note)| Tile {
        title,
        number,
        note,
    };
    vec![
        tile("Caught", caught),
        tile("Unbiased alone", alone),
        tile("Saved in four weeks", saved(overview)),
        tile(
            "Left something out",
            (
                format!(
                    "{} of {}",
                    format::count(plans("selected")),
                    format::count(all)
                ),
                format!(
                    "plans of 90 days; {} observed",
                    format::count(plans("observe"))
                ),
            ),
        ),
    ]
}

/// The expected time that was saved in the last four weeks, with what measuring cost.
fn saved(overview: &SelectionOverview) -> (String, String) {
    let recent = &overview.weeks[overview.weeks.len().saturating_sub(4)..];
    let sum = |part: fn(&test_engine_wire::SelectionWeek) -> f64| -> f64 {
        recent.iter().map(part).sum()
    };
    let (all, saved) = (sum(|week| week.time), sum(|week| week.time_saved));
    if all <= 0.0 {
        return ("–".to_owned(), "no plan asked for a selection".to_owned());
    }
    let holdouts = sum(|week| week.time_of_holdouts);
    let note = format!(
        "{} of the test time; {} ran only to measure",
        format::percent(Some(saved / all)),
        seconds(holdouts)
    );
    (seconds(saved), note)
}

fn seconds(seconds: f64) -> String {
    format::duration(Micros::from_seconds(seconds))
}

fn points(overview: &SelectionOverview) -> Vec<Point> {
    let known = overview.seen.holdouts;
    let point = |point: &test_engine_wire::SelectionOperatingPoint| Point {
        confidence: format!("{}%", point.confidence),
        needed: point.holdouts_needed,
        time: match point.time {
            Some(time) => format!("{time}% of the time"),
            None if point.holdouts_needed > known => {
                let missing = (point.holdouts_needed - known).into();
                format!(
                    "not yet: {} to go",
                    format::counted(missing, "failing build")
                )
            }
            None => "not reached by any part of the tests".to_owned(),
        },
    };
    overview.operating_points.iter().map(point).collect()
}

/// `None` if no plan asked for a selection.
fn weeks(overview: &SelectionOverview) -> Option<Weeks> {
    let first = overview.weeks.iter().position(|week| week.plans > 0)?;
    let weeks = &overview.weeks[first..];
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "whole seconds, not negative"
    )]
    let minutes: Vec<u64> = weeks
        .iter()
        .map(|week| (week.time_saved / 60.0) as u64)
        .collect();
    let label = format!(
        "Minutes saved in each of {}",
        format::counted(weeks.len() as u64, "week")
    );
    let row = |week: &test_engine_wire::SelectionWeek| Week {
        from: week.from.clone(),
        plans: format!(
            "{} of {}",
            format::count(week.selected_plans),
            format::count(week.plans)
        ),
        saved: seconds(week.time_saved),
        share: format::percent((week.time > 0.0).then(|| week.time_saved / week.time)),
        holdouts: seconds(week.time_of_holdouts),
    };
    Some(Weeks {
        picture: bars(&minutes, Tone::Strong, &label),
        rows: weeks.iter().rev().map(row).collect(),
    })
}

/// The most frequent first.
fn reasons(overview: &SelectionOverview) -> Vec<Reason> {
    let all: u64 = overview.full_reasons.values().sum();
    let mut reasons: Vec<(&String, u64)> = overview
        .full_reasons
        .iter()
        .map(|(code, plans)| (code, *plans))
        .collect();
    reasons.sort_by_key(|(_, plans)| std::cmp::Reverse(*plans));
    let reason = |(code, plans): (&String, u64)| Reason {
        text: words::full_reason(code),
        plans: format::count(plans),
        meter: meter(plans, all, Tone::Neutral),
    };
    reasons.into_iter().map(reason).collect()
}

/// The address of the page of a decision; empty if there is none.
pub(super) fn decision_address(base: &str, identifier: &str) -> String {
    if identifier.is_empty() {
        return String::new();
    }
    let query = serde_urlencoded::to_string([("identifier", identifier)]).unwrap_or_default();
    format!("{base}/selection/decision?{query}")
}

fn run_address(base: &str, run: Option<&String>) -> String {
    run.map_or_else(String::new, |run| format!("{base}/runs/{run}"))
}

impl Missed {
    fn new(holdout: &SelectionHoldout, base: &str, now: Timestamp) -> Self {
        let at: Option<jiff::Timestamp> = holdout.closed_at.parse().ok();
        let at = at.map(|at| Timestamp::from_millis(at.as_millisecond()));
        let items = holdout
            .misses
            .iter()
            .take(MAX_ITEMS)
            .map(|miss| MissedItem {
                name: format::shortened(&miss.item, MAX_NAME),
                rank: format::count(miss.rank),
                run: run_address(base, miss.run_id.as_ref()),
            });
        let named = holdout.misses.len().min(MAX_ITEMS) as u64;
        Self {
            // A build that failed all the same did its work.
            class: if holdout.origin == "missed" {
                "fail"
            } else {
                "skip"
            },
            branch: format::shortened(&holdout.branch, MAX_NAME),
            ago: at.map_or_else(String::new, |at| format::ago(at, now)),
            time: holdout.closed_at.clone(),
            origin: words::origin(&holdout.origin).to_owned(),
            decision: decision_address(base, &holdout.identifier),
            run: run_address(base, holdout.run_id.as_ref()),
            items: items.collect(),
            more_items: (holdout.misses.len() as u64).saturating_sub(named),
            share: format!("{:.0}%", holdout.time.ceil()),
        }
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Switch {
    form_token: String,
    action: String,
    reason: String,
}

/// Switches selection off or on.
pub(super) async fn post(
    State(app): State<App>,
    SuiteViewer { viewer, suite }: SuiteViewer,
    client: ClientAddress,
    request: Request,
) -> Result<Response, PageError> {
    let fields: Switch = form(request).await?;
    viewer.check_form(&fields.form_token)?;
    viewer.check_may_write(&suite.organization_slug)?;
    let reason = fields.reason.trim();
    let switch = match fields.action.as_str() {
        "on" => SelectionSwitch::On,
        "off" if reason.is_empty() => {
            let text = "Validation failed: a reason is necessary";
            return Err(ApiError::unprocessable(text).into());
        }
        "off" if reason.chars().count() > MAX_SWITCH_REASON => {
            let text = format!("Validation failed: more than {MAX_SWITCH_REASON} characters");
            return Err(ApiError::unprocessable(text).into());
        }
        "off" => SelectionSwitch::Off {
            reason: reason.to_owned(),
        },
        _ => return Err(PageError::NotFound),
    };
    let change = viewer.change(client, app.clock.now());
    switch_suite(&app, &suite, &switch, &change).await?;
    let address = format!("{}/selection", Links::suite_path(&suite));
    Ok(Redirect::to(&address).into_response())
}

async fn switch_suite(
    app: &App,
    suite: &Suite,
    switch: &SelectionSwitch,
    change: &test_engine_store::Change,
) -> Result<(), PageError> {
    if app.store.switch_selection(suite, switch, change).await? {
        Ok(())
    } else {
        Err(PageError::NotFound)
    }
}

#[cfg(test)]
mod tests;
