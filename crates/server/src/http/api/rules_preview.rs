//! `POST …/rules/preview`.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use test_engine_insights::{
    AlarmChange, KEPT_DAYS, Monitor, Parameters, Preview, Transition, preview,
};
use test_engine_store::{RuleHistories, RuleSettings, Suite, TestId, Timestamp};
use test_engine_wire as wire;
use utoipa::ToSchema;

use crate::App;
use crate::clock::rfc3339;
use crate::http::auth::{ReadSuites, SuiteAccess};
use crate::http::body::{self, JsonBody};
use crate::http::error::ApiError;
use crate::http::openapi::{BadRequest, Invalid};
use crate::http::resources;
use crate::rules::{self, FilterRequest, MonitorKind, MonitorRequest};

/// Days that are replayed unless the request says otherwise: the window of the judgement is before.
const DEFAULT_DAYS: i32 = 60;
/// Tests in a response.
const MAX_TESTS: usize = 1_000;

/// The monitor of a rule with its parameters, and for how long to replay it.
#[derive(Deserialize, ToSchema)]
#[schema(as = RulePreviewRequest)]
pub(super) struct PreviewRequest {
    // A doc comment would require an object as well, which no value is.
    #[schema(value_type = MonitorKind, inline)]
    rule: String,
    /// The last days, up to now. By default 60.
    #[schema(minimum = 1, maximum = 88)]
    days: Option<i32>,
    /// Of `passed_on_retry`, as in a rule, like the other parameters.
    #[schema(minimum = 1, maximum = 100)]
    commits: Option<u32>,
    #[schema(minimum = 1, maximum = 88)]
    within_days: Option<i32>,
    #[schema(minimum = 1, maximum = 100_000)]
    executions: Option<u32>,
    #[schema(minimum = 1, maximum = 100)]
    window: Option<u32>,
    #[schema(minimum = 0, maximum = 86_400)]
    high: Option<f64>,
    #[schema(minimum = 0, maximum = 86_400)]
    low: Option<f64>,
    /// As in a rule, with the same default.
    #[schema(max_items = 4)]
    filters: Option<Vec<FilterRequest>>,
}

/// What a rule would have done.
#[derive(Default, Serialize, ToSchema)]
#[schema(as = RulePreview)]
pub(in crate::http) struct PreviewBody {
    /// Tests that would be flagged now.
    pub(in crate::http) flagged_tests: usize,
    /// Tests that would have been flagged at some time.
    pub(in crate::http) tests_count: usize,
    /// Alarms that came back after they had ended.
    pub(in crate::http) flaps: u32,
    /// Tests that were broken on the default branch within two days of an alarm: their failures may
    /// be real.
    pub(in crate::http) broken_tests: usize,
    /// The first day that was replayed, if the executions of the days before are too many to read
    /// at once.
    #[schema(format = "date-time")]
    pub(in crate::http) since: Option<String>,
    /// The first thousand tests, those that would be flagged now first.
    pub(in crate::http) tests: Vec<PreviewedTest>,
}

/// A test that a rule would have flagged.
#[derive(Default, Serialize, ToSchema)]
pub(in crate::http) struct PreviewedTest {
    pub(in crate::http) test: wire::Test,
    pub(in crate::http) is_flagged: bool,
    pub(in crate::http) was_broken: bool,
    pub(in crate::http) alarms: Vec<PreviewedAlarm>,
}

/// The end of a day is meant by each time.
#[derive(Default, Serialize, ToSchema)]
pub(in crate::http) struct PreviewedAlarm {
    #[schema(format = "date-time")]
    pub(in crate::http) began_at: String,
    /// Null if it would not have ended.
    #[schema(format = "date-time")]
    pub(in crate::http) ended_at: Option<String>,
}

/// Replay a rule over the stored history, to see which tests it would have flagged
#[utoipa::path(
    post, path = "/rules/preview", tag = "Rules",
    params(SuiteAccess<ReadSuites>), request_body = PreviewRequest,
    responses((status = 200, body = PreviewBody), BadRequest, SuiteAccess<ReadSuites>, Invalid),
)]
pub(super) async fn preview_rule(
    State(app): State<App>,
    access: SuiteAccess<ReadSuites>,
    JsonBody(request): JsonBody<PreviewRequest>,
) -> Result<Json<PreviewBody>, ApiError> {
    let suite = &access.suite;
    let (settings, days) = validate(&request, suite).map_err(ApiError::unprocessable)?;
    Ok(Json(replay(&app, suite, &settings, days).await?))
}

/// What a rule with these settings would have done in the last days.
pub(in crate::http) async fn replay(
    app: &App,
    suite: &Suite,
    settings: &RuleSettings,
    days: i32,
) -> Result<PreviewBody, ApiError> {
    let now = app.clock.now();
    let replayed = (now, i64::from(days) + 1);
    let found = app.store.rule_histories(suite.id, settings, replayed);
    let RuleHistories { tests, since_day } = found.await?;
    let ids: Vec<TestId> = tests.keys().copied().collect();
    let days = since_day.map_or(days, |day| {
        i32::try_from(now.day() - day).unwrap_or(days).max(0)
    });
    let monitor = settings.monitor;
    // Never small: a thousand tests take some milliseconds.
    let found = body::run_blocking(usize::MAX, move || {
        let histories = (0_u32..).zip(tests.values());
        let parameters = Parameters::default();
        let mut found = preview(&monitor, histories, (now.millis(), days), &parameters);
        found.on.sort_unstable();
        Ok(found)
    });
    let found: Preview = found.await?;
    let alarms = by_test(&found.changes);
    let mut order: Vec<u32> = alarms.keys().copied().collect();
    order.sort_by_key(|number| (found.on.binary_search(number).is_err(), *number));
    order.truncate(MAX_TESTS);
    let id = |number: &u32| ids.get(*number as usize).copied();
    let wanted: Vec<TestId> = order.iter().filter_map(id).collect();
    let mut tests = app.store.tests_with_ids(&wanted).await?;
    let listed = order.iter().filter_map(|number| {
        let test = tests.remove(&id(number)?)?;
        Some(PreviewedTest {
            test: resources::test(&test, suite, &app.links),
            is_flagged: found.on.binary_search(number).is_ok(),
            was_broken: found.broken.contains(number),
            alarms: alarms
                .get(number)
                .map(|all| described(all))
                .unwrap_or_default(),
        })
    });
    Ok(PreviewBody {
        flagged_tests: found.on.len(),
        tests_count: alarms.len(),
        flaps: found.flaps,
        broken_tests: found.broken.len(),
        since: since_day.map(|day| rfc3339(Timestamp::from_millis(0).plus_days(day))),
        tests: listed.collect(),
    })
}

fn by_test(changes: &[AlarmChange]) -> BTreeMap<u32, Vec<AlarmChange>> {
    let mut tests: BTreeMap<u32, Vec<AlarmChange>> = BTreeMap::new();
    for change in changes {
        tests.entry(change.test).or_default().push(*change);
    }
    tests
}

/// Each alarm, with its end.
fn described(changes: &[AlarmChange]) -> Vec<PreviewedAlarm> {
    let at = |change: &AlarmChange| rfc3339(Timestamp::from_millis(change.at));
    let mut alarms: Vec<PreviewedAlarm> = Vec::new();
    for change in changes {
        match (change.transition, alarms.last_mut()) {
            (Transition::Recover, Some(alarm)) => alarm.ended_at = Some(at(change)),
            (Transition::Recover, None) => {}
            (Transition::Alarm, _) => alarms.push(PreviewedAlarm {
                began_at: at(change),
                ended_at: None,
            }),
        }
    }
    alarms
}

/// The rule, and the days to replay it.
fn validate(request: &PreviewRequest, suite: &Suite) -> Result<(RuleSettings, i32), String> {
    let mut problems = Vec::new();
    let days = request.days.unwrap_or(DEFAULT_DAYS);
    if !(1..=KEPT_DAYS).contains(&days) {
        problems.push(format!("days must be from 1 to {KEPT_DAYS}"));
    }
    let monitor = MonitorRequest {
        kind: request.rule.clone(),
        commits: request.commits,
        within_days: request.within_days,
        executions: request.executions,
        window: request.window,
        high: request.high,
        low: request.low,
    };
    let monitor: Option<Monitor> = monitor.validate(&mut problems);
    let sent = request.filters.as_ref();
    let filters = rules::filters(sent, monitor.as_ref(), suite, &mut problems);
    rules::check_branch(monitor.as_ref(), &filters, &mut problems);
    match monitor {
        Some(monitor) if problems.is_empty() => {
            let settings = RuleSettings {
                name: String::new(),
                is_enabled: false,
                monitor,
                filters,
                alarm_actions: Vec::new(),
                recover_actions: Vec::new(),
            };
            Ok((settings, days))
        }
        _ => Err(format!("Validation failed: {}", problems.join(", "))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alarms_have_the_ends_that_follow_them() {
        let change = |at, transition| AlarmChange {
            test: 1,
            at,
            transition,
        };
        let changes = [
            change(0, Transition::Alarm),
            change(1_000, Transition::Recover),
            change(2_000, Transition::Alarm),
        ];
        let alarms = described(&changes);
        assert_eq!(alarms.len(), 2);
        assert_eq!(
            alarms[0].ended_at.as_deref(),
            Some("1970-01-01T00:00:01.000Z")
        );
        assert_eq!(alarms[1].ended_at, None);
    }
}
