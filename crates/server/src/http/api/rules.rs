//! `…/rules`, `…/rules/{id}` and `…/rules/limits`.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;
use serde_json::Value;
use test_engine_insights::Brake;
use test_engine_store::{EventFilter, MAX_FIRED, MAX_RULES, Rule, RuleAction, RuleSettings, Suite};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::App;
use crate::clock::rfc3339;
use crate::events::EventBody;
use crate::http::auth::{ReadSuites, SuiteAccess, WriteSuites};
use crate::http::body::JsonBody;
use crate::http::error::ApiError;
use crate::http::openapi::{BadRequest, Invalid};
use crate::http::paging::{PageOf, Paging};
use crate::http::params::IdInPath;
use crate::rules::{self, ActionRequest, FilterRequest, MonitorRequest, RuleRequest};

/// A rule.
#[derive(Default, Serialize, ToSchema)]
#[schema(as = Rule)]
pub(super) struct RuleBody {
    #[schema(format = "uuid")]
    id: String,
    name: String,
    enabled: bool,
    #[schema(value_type = MonitorRequest)]
    monitor: Value,
    #[schema(value_type = Vec<FilterRequest>)]
    filters: Value,
    #[schema(value_type = Vec<ActionRequest>)]
    alarm_actions: Value,
    #[schema(value_type = Vec<ActionRequest>)]
    recover_actions: Value,
    /// Tests whose alarm is on.
    flagged_tests: u64,
    #[schema(format = "date-time")]
    created_at: String,
}

impl RuleBody {
    fn new(rule: &Rule) -> Self {
        let mut settings = rule.settings.to_json();
        let mut field = |name: &str| settings.remove(name).unwrap_or_default();
        Self {
            id: rule.uuid.to_string(),
            name: rule.settings.name.clone(),
            enabled: rule.settings.is_enabled,
            monitor: field("monitor"),
            filters: field("filters"),
            alarm_actions: field("alarm_actions"),
            recover_actions: field("recover_actions"),
            flagged_tests: rule.flagged_tests,
            created_at: rfc3339(rule.created_at),
        }
    }
}

/// What rules of a suite may do, and how much of it they have done.
#[derive(Default, Serialize, ToSchema)]
pub(super) struct RuleLimits {
    rules: u64,
    max_rules: u64,
    /// Alarms and recoveries of a rule in a minute; the others follow later.
    max_changes_per_minute: i64,
    /// Tests of the suite.
    tests: u32,
    /// Tests that rules have muted or skipped, and that still are.
    quarantined: u32,
    /// 5% of the tests, at least one.
    max_quarantined: u32,
    /// Tests that rules have muted or skipped today, in UTC.
    quarantined_today: u32,
    max_quarantined_per_day: u32,
    /// How many more tests rules may mute or skip today.
    remaining_today: u32,
}

/// List the rules of a suite, oldest first
#[utoipa::path(
    get, path = "/rules", tag = "Rules",
    params(SuiteAccess<ReadSuites>, Paging),
    responses(PageOf<RuleBody>, SuiteAccess<ReadSuites>),
)]
pub(super) async fn list_rules(
    State(app): State<App>,
    access: SuiteAccess<ReadSuites>,
    paging: Paging,
) -> Result<PageOf<RuleBody>, ApiError> {
    let listed = app.store.rules(access.suite.id, paging.page).await?;
    Ok(paging.respond(listed, |rule| RuleBody::new(&rule)))
}

/// Create a rule
///
/// It looks at results from now on. A preview shows what it would have done.
#[utoipa::path(
    post, path = "/rules", tag = "Rules",
    params(SuiteAccess<WriteSuites>), request_body = RuleRequest,
    responses(
        (status = 201, body = RuleBody),
        BadRequest, SuiteAccess<WriteSuites>, Invalid,
    ),
)]
pub(super) async fn create_rule(
    State(app): State<App>,
    access: SuiteAccess<WriteSuites>,
    JsonBody(request): JsonBody<RuleRequest>,
) -> Result<(StatusCode, Json<RuleBody>), ApiError> {
    let suite = &access.suite;
    let settings = validate(&app, suite, request, None).await?;
    let change = access.change(app.clock.now());
    let created = app
        .store
        .create_rule(suite, Uuid::now_v7(), settings, &change)
        .await?;
    tracing::info!(rule = %created.uuid, suite = suite.slug, "rule created");
    Ok((StatusCode::CREATED, Json(RuleBody::new(&created))))
}

/// Get a rule
#[utoipa::path(
    get, path = "/rules/{id}", tag = "Rules",
    params(SuiteAccess<ReadSuites>, IdInPath),
    responses((status = 200, body = RuleBody), SuiteAccess<ReadSuites>),
)]
pub(super) async fn get_rule(
    State(app): State<App>,
    access: SuiteAccess<ReadSuites>,
    IdInPath(id): IdInPath,
) -> Result<Json<RuleBody>, ApiError> {
    let rule = find(&app, &access.suite, id).await?;
    Ok(Json(RuleBody::new(&rule)))
}

/// Change a rule
///
/// Fields that are not sent stay as they are. Alarms that are on stay on until the monitor ends
/// them. A rule that is enabled again looks at results from then on.
#[utoipa::path(
    patch, path = "/rules/{id}", tag = "Rules",
    params(SuiteAccess<WriteSuites>, IdInPath), request_body = RuleRequest,
    responses(
        (status = 200, body = RuleBody),
        BadRequest, SuiteAccess<WriteSuites>, Invalid,
    ),
)]
pub(super) async fn update_rule(
    State(app): State<App>,
    access: SuiteAccess<WriteSuites>,
    IdInPath(id): IdInPath,
    JsonBody(request): JsonBody<RuleRequest>,
) -> Result<Json<RuleBody>, ApiError> {
    let suite = &access.suite;
    let before = find(&app, suite, id).await?.settings;
    let settings = validate(&app, suite, request, Some(&before)).await?;
    let change = access.change(app.clock.now());
    let updated = app.store.update_rule(suite, id, settings, &change).await?;
    let rule = updated.ok_or_else(|| not_found(id))?;
    Ok(Json(RuleBody::new(&rule)))
}

/// Delete a rule
///
/// The labels, mutes and skips that it has set stay.
#[utoipa::path(
    delete, path = "/rules/{id}", tag = "Rules",
    params(SuiteAccess<WriteSuites>, IdInPath),
    responses((status = 204), SuiteAccess<WriteSuites>),
)]
pub(super) async fn delete_rule(
    State(app): State<App>,
    access: SuiteAccess<WriteSuites>,
    IdInPath(id): IdInPath,
) -> Result<StatusCode, ApiError> {
    let change = access.change(app.clock.now());
    if !app.store.delete_rule(&access.suite, id, &change).await? {
        return Err(not_found(id));
    }
    tracing::info!(rule = %id, "rule deleted");
    Ok(StatusCode::NO_CONTENT)
}

/// List what a rule did, newest first
///
/// Alarms and recoveries have each action with its `outcome` in `after`: `done`, `unchanged`,
/// `held` (the limit is reached; tried again), `refused` or `failed`, and why in `detail`.
#[utoipa::path(
    get, path = "/rules/{id}/events", tag = "Rules",
    params(SuiteAccess<ReadSuites>, IdInPath, Paging),
    responses(PageOf<EventBody>, SuiteAccess<ReadSuites>),
)]
pub(super) async fn list_rule_events(
    State(app): State<App>,
    access: SuiteAccess<ReadSuites>,
    IdInPath(id): IdInPath,
    paging: Paging,
) -> Result<PageOf<EventBody>, ApiError> {
    let suite = &access.suite;
    find(&app, suite, id).await?;
    let filter = EventFilter {
        rule: Some(id),
        ..EventFilter::default()
    };
    let listed = app.store.events(suite.id, filter, paging.page).await?;
    Ok(paging.respond(listed, |event| EventBody::new(event, suite, &app.links)))
}

/// Get the limits of the rules of a suite
#[utoipa::path(
    get, path = "/rules/limits", tag = "Rules",
    params(SuiteAccess<ReadSuites>),
    responses((status = 200, body = RuleLimits), SuiteAccess<ReadSuites>),
)]
pub(super) async fn get_rule_limits(
    State(app): State<App>,
    access: SuiteAccess<ReadSuites>,
) -> Result<Json<RuleLimits>, ApiError> {
    let usage = app
        .store
        .rule_usage(access.suite.id, app.clock.now())
        .await?;
    let brake = usage.brake;
    Ok(Json(RuleLimits {
        rules: usage.rules,
        max_rules: MAX_RULES,
        max_changes_per_minute: MAX_FIRED,
        tests: brake.tests,
        quarantined: brake.quarantined,
        max_quarantined: brake.max_tests(),
        quarantined_today: brake.quarantined_today,
        max_quarantined_per_day: Brake::MAX_PER_DAY,
        remaining_today: brake.remaining(),
    }))
}

pub(super) async fn find(app: &App, suite: &Suite, id: Uuid) -> Result<Rule, ApiError> {
    let found = app.store.rule(suite.id, id).await?;
    found.ok_or_else(|| not_found(id))
}

fn not_found(id: Uuid) -> ApiError {
    ApiError::not_found(format!("There is no rule {id} in this suite."))
}

async fn validate(
    app: &App,
    suite: &Suite,
    request: RuleRequest,
    before: Option<&RuleSettings>,
) -> Result<RuleSettings, ApiError> {
    let checked = settings(app, suite, request, before).await?;
    checked.map_err(|problems| {
        ApiError::unprocessable(format!("Validation failed: {}", problems.join(", ")))
    })
}

/// The valid settings, or all problems together.
pub(in crate::http) async fn settings(
    app: &App,
    suite: &Suite,
    request: RuleRequest,
    before: Option<&RuleSettings>,
) -> Result<Result<RuleSettings, Vec<String>>, ApiError> {
    let settings = match rules::settings(request, before, suite) {
        Ok(settings) => settings,
        Err(problems) => return Ok(Err(problems)),
    };
    let mut problems = Vec::new();
    check_webhooks(app, suite, &settings, before, &mut problems).await?;
    Ok(if problems.is_empty() {
        Ok(settings)
    } else {
        Err(problems)
    })
}

/// Webhooks that a rule names for the first time exist, and belong to the suite or all of them.
async fn check_webhooks(
    app: &App,
    suite: &Suite,
    settings: &RuleSettings,
    before: Option<&RuleSettings>,
    problems: &mut Vec<String>,
) -> Result<(), ApiError> {
    let actions = |settings: &RuleSettings| {
        let actions = settings.alarm_actions.iter();
        let actions = actions.chain(&settings.recover_actions);
        actions.cloned().collect::<Vec<_>>()
    };
    let known = before.map(actions).unwrap_or_default();
    for action in actions(settings) {
        let RuleAction::Notify(id) = action else {
            continue;
        };
        if known.contains(&action) {
            continue;
        }
        let webhook = app.store.webhook(suite.organization, id).await?;
        let is_ours =
            webhook.is_some_and(|webhook| webhook.suite_slug.is_none_or(|slug| slug == suite.slug));
        if !is_ours {
            problems.push(format!(
                "webhook_id {id} is no webhook of this suite or its organization"
            ));
        }
    }
    Ok(())
}
