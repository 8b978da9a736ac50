//! The form of a rule: creates, changes and previews it. Its other forms switch a rule on and off
//! and delete it.

use askama::Template;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse as _, Redirect, Response};
use test_engine_store::{
    Page as ListPage, QuarantineScope, RuleSettings, Suite, TagOperator, Webhook,
};
use uuid::Uuid;

use super::super::page::{Frame, PageError, Tab, show};
use super::super::sign_in::form;
use super::super::test_state::scope_text;
use super::super::viewer::{SuiteViewer, Viewer};
use super::MONITORS;
use super::fields::Fields;
use super::page;
use super::preview::{self, Preview};
use crate::App;
use crate::http::api::rule_settings;
use crate::http::client_address::ClientAddress;
use crate::http::error::ApiError;
use crate::http::params::IdInPath;
use crate::links::Links;
use crate::rules::RuleRequest;

/// The form, with what somebody has typed.
pub(super) struct FormSection {
    /// Where it is sent to.
    pub(super) address: String,
    /// The page without it.
    pub(super) back: String,
    pub(super) fields: Fields,
    pub(super) problems: Vec<String>,
    pub(super) monitors: [(&'static str, &'static str); 7],
    pub(super) operators: [&'static str; 3],
    pub(super) scopes: Vec<(&'static str, String)>,
    /// IDs and names.
    pub(super) webhooks: Vec<(String, String)>,
    pub(super) max_days: u32,
    pub(super) default_branch: String,
}

impl FormSection {
    pub(super) fn new(
        suite: &Suite,
        address: &str,
        fields: Fields,
        webhooks: &[Webhook],
        problems: Vec<String>,
    ) -> Self {
        let scopes = QuarantineScope::ALL.into_iter();
        let webhooks = webhooks.iter();
        Self {
            address: address.to_owned(),
            back: address.to_owned(),
            fields,
            problems,
            monitors: MONITORS,
            operators: TagOperator::ALL.map(TagOperator::name),
            scopes: scopes
                .map(|scope| (scope.name(), scope_text(scope, suite)))
                .collect(),
            webhooks: webhooks
                .map(|webhook| (webhook.uuid.to_string(), super::webhook_name(webhook)))
                .collect(),
            max_days: suite.quarantine.max_days,
            default_branch: suite.default_branch.clone(),
        }
    }
}

#[derive(Template)]
#[template(path = "rule_new.html")]
struct NewPage {
    frame: Frame,
    form: FormSection,
    preview: Option<Preview>,
}

async fn new_page(
    app: &App,
    viewer: &Viewer,
    suite: &Suite,
    (fields, problems): (Fields, Vec<String>),
    preview: Option<Preview>,
) -> Result<NewPage, PageError> {
    let mut frame = Frame::of_tab(app, "New rule", viewer, suite, Tab::Rules).await?;
    let address = format!("{}/rules", Links::suite_path(suite));
    frame.crumb("Rules", address.clone());
    let webhooks = super::webhooks(app, suite).await?;
    Ok(NewPage {
        frame,
        form: FormSection::new(suite, &address, fields, &webhooks, problems),
        preview,
    })
}

pub(in crate::http::web) async fn new(
    State(app): State<App>,
    SuiteViewer { viewer, suite }: SuiteViewer,
) -> Result<Response, PageError> {
    viewer.check_may_write(&suite.organization_slug)?;
    let fields = (Fields::of_new(), Vec::new());
    show(&new_page(&app, &viewer, &suite, fields, None).await?)
}

/// What a form of this page asks for, from somebody who may ask.
async fn read(viewer: &Viewer, suite: &Suite, request: Request) -> Result<Fields, PageError> {
    let fields: Vec<(String, String)> = form(request).await?;
    let fields = Fields::from(fields);
    viewer.check_form(fields.text("form_token"))?;
    viewer.check_may_write(&suite.organization_slug)?;
    Ok(fields)
}

/// The valid settings of the form, or its problems.
async fn settings(
    app: &App,
    suite: &Suite,
    fields: &Fields,
    before: Option<&RuleSettings>,
) -> Result<Result<RuleSettings, Vec<String>>, PageError> {
    match fields.request(before.is_none()) {
        Ok(request) => Ok(rule_settings(app, suite, request, before).await?),
        Err(problems) => Ok(Err(problems)),
    }
}

fn with_problems(page: &impl Template) -> Result<Response, PageError> {
    let html = Html(page.render()?);
    Ok((StatusCode::UNPROCESSABLE_ENTITY, html).into_response())
}

pub(in crate::http::web) async fn create(
    State(app): State<App>,
    SuiteViewer { viewer, suite }: SuiteViewer,
    client: ClientAddress,
    request: Request,
) -> Result<Response, PageError> {
    let fields = read(&viewer, &suite, request).await?;
    let settings = match settings(&app, &suite, &fields, None).await? {
        Ok(settings) => settings,
        Err(problems) => {
            let page = new_page(&app, &viewer, &suite, (fields, problems), None);
            return with_problems(&page.await?);
        }
    };
    if fields.text("action") == "preview" {
        let preview = preview::of(&app, &suite, &settings).await?;
        let page = new_page(&app, &viewer, &suite, (fields, Vec::new()), Some(preview));
        return show(&page.await?);
    }
    let change = viewer.change(client, app.clock.now());
    let created = app
        .store
        .create_rule(&suite, Uuid::now_v7(), settings, &change)
        .await?;
    tracing::info!(rule = %created.uuid, suite = suite.slug, "rule created");
    Ok(to(&suite, Some(created.uuid)))
}

pub(in crate::http::web) async fn update(
    State(app): State<App>,
    SuiteViewer { viewer, suite }: SuiteViewer,
    IdInPath(id): IdInPath,
    client: ClientAddress,
    request: Request,
) -> Result<Response, PageError> {
    let fields = read(&viewer, &suite, request).await?;
    let rule = app.store.rule(suite.id, id).await?;
    let rule = rule.ok_or(PageError::NotFound)?;
    let first = ListPage::new(1, page::PAGE_SIZE);
    let settings = match settings(&app, &suite, &fields, Some(&rule.settings)).await? {
        Ok(settings) => settings,
        Err(problems) => {
            let form = Some((fields, problems));
            let page = page::of(&app, &viewer, &suite, &rule, (form, None), first);
            return with_problems(&page.await?);
        }
    };
    if fields.text("action") == "preview" {
        let preview = preview::of(&app, &suite, &settings).await?;
        let parts = (Some((fields, Vec::new())), Some(preview));
        return show(&page::of(&app, &viewer, &suite, &rule, parts, first).await?);
    }
    let change = viewer.change(client, app.clock.now());
    let updated = app.store.update_rule(&suite, id, settings, &change).await?;
    updated.ok_or(PageError::NotFound)?;
    Ok(to(&suite, Some(id)))
}

pub(in crate::http::web) async fn switch(
    State(app): State<App>,
    SuiteViewer { viewer, suite }: SuiteViewer,
    IdInPath(id): IdInPath,
    client: ClientAddress,
    request: Request,
) -> Result<Response, PageError> {
    let fields = read(&viewer, &suite, request).await?;
    let rule = app.store.rule(suite.id, id).await?;
    let before = rule.ok_or(PageError::NotFound)?.settings;
    let wanted = RuleRequest {
        enabled: Some(fields.text("enabled") == "yes"),
        ..RuleRequest::default()
    };
    let settings = rule_settings(&app, &suite, wanted, Some(&before)).await?;
    let settings = settings.map_err(|problems| ApiError::unprocessable(problems.join(", ")))?;
    let change = viewer.change(client, app.clock.now());
    let updated = app.store.update_rule(&suite, id, settings, &change).await?;
    updated.ok_or(PageError::NotFound)?;
    Ok(to(&suite, Some(id)))
}

pub(in crate::http::web) async fn delete(
    State(app): State<App>,
    SuiteViewer { viewer, suite }: SuiteViewer,
    IdInPath(id): IdInPath,
    client: ClientAddress,
    request: Request,
) -> Result<Response, PageError> {
    read(&viewer, &suite, request).await?;
    let change = viewer.change(client, app.clock.now());
    if !app.store.delete_rule(&suite, id, &change).await? {
        return Err(PageError::NotFound);
    }
    tracing::info!(rule = %id, "rule deleted");
    Ok(to(&suite, None))
}

/// To the page of a rule, or to the list.
fn to(suite: &Suite, rule: Option<Uuid>) -> Response {
    let list = format!("{}/rules", Links::suite_path(suite));
    let address = rule.map_or_else(|| list.clone(), |rule| format!("{list}/{rule}"));
    Redirect::to(&address).into_response()
}
