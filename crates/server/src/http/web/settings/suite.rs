//! General settings of a suite and of an organization, how long tests are muted, and the OIDC
//! policy.

use askama::Template;
use axum::extract::{Request, State};
use axum::response::Response;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use test_engine_store::Suite;

use super::super::format;
use super::super::page::{Frame, PageError, show};
use super::super::sign_in::form_of;
use super::super::viewer::{OrganizationViewer, SuiteViewer, Viewer};
use super::{Done, Nav, Section, refused, to};
use crate::App;
use crate::admin::MAX_QUARANTINE_DAYS;
use crate::clock::rfc3339;
use crate::http::api::change_suite;
use crate::http::client_address::ClientAddress;
use crate::http::params::Params;

/// Bytes of a form, most of them the policy.
const MAX_FORM: usize = 128 * 1024;

#[derive(Template)]
#[template(path = "settings_general.html")]
struct GeneralPage {
    frame: Frame,
    nav: Nav,
    fields: General,
    slug: String,
    id: String,
    created: String,
    created_time: String,
}

#[derive(Clone, Default, Deserialize)]
#[serde(default)]
struct General {
    form_token: String,
    name: String,
    default_branch: String,
    application_name: String,
    color: String,
    emoji: String,
}

#[derive(Template)]
#[template(path = "settings_states.html")]
struct StatesPage {
    frame: Frame,
    nav: Nav,
    fields: States,
    max: u32,
}

/// Days, as texts.
#[derive(Clone, Default, Deserialize)]
#[serde(default)]
struct States {
    form_token: String,
    days: String,
    max_days: String,
    api_days: String,
}

#[derive(Template)]
#[template(path = "settings_oidc.html")]
struct PolicyPage {
    frame: Frame,
    nav: Nav,
    policy: String,
    audience: String,
}

#[derive(Clone, Default, Deserialize)]
#[serde(default)]
struct Policy {
    form_token: String,
    policy: String,
}

#[derive(Template)]
#[template(path = "settings_organization.html")]
struct OrganizationPage {
    frame: Frame,
    nav: Nav,
    slug: String,
    id: String,
    created: String,
    created_time: String,
}

/// Changes a suite as the API does. A rejected change is the text of the problem.
async fn change(
    app: &App,
    viewer: &Viewer,
    suite: &Suite,
    (form_token, body): (&str, &Value),
    client: ClientAddress,
) -> Result<Result<(), String>, PageError> {
    viewer.check_form(form_token)?;
    let slug = &suite.organization_slug;
    viewer.check_may_write(slug)?;
    let empty = Map::new();
    let body = body.as_object().unwrap_or(&empty);
    let has_scope = |scope| viewer.has_scope(slug, scope);
    let change = viewer.change(client, app.clock.now());
    match change_suite(app, suite, body, has_scope, &change).await {
        Ok(_suite) => Ok(Ok(())),
        Err(error) if error.status().is_client_error() => Ok(Err(error.message().to_owned())),
        Err(error) => Err(error.into()),
    }
}

async fn general_page(
    app: &App,
    viewer: &Viewer,
    suite: &Suite,
    fields: General,
) -> Result<GeneralPage, PageError> {
    let (frame, nav) = super::in_suite(app, viewer, suite, Section::General).await?;
    Ok(GeneralPage {
        frame,
        nav,
        fields,
        slug: suite.slug.clone(),
        id: suite.uuid.to_string(),
        created: format::date(suite.created_at),
        created_time: rfc3339(suite.created_at),
    })
}

pub(in crate::http::web) async fn general(
    State(app): State<App>,
    SuiteViewer { viewer, suite }: SuiteViewer,
    Params(done): Params<Done>,
) -> Result<Response, PageError> {
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let fields = General {
        form_token: String::new(),
        name: suite.name.clone(),
        default_branch: suite.default_branch.clone(),
        application_name: text(&suite.application_name),
        color: text(&suite.color),
        emoji: text(&suite.emoji),
    };
    let mut page = general_page(&app, &viewer, &suite, fields).await?;
    page.nav = page.nav.with_done(&done);
    show(&page)
}

pub(in crate::http::web) async fn set_general(
    State(app): State<App>,
    SuiteViewer { viewer, suite }: SuiteViewer,
    client: ClientAddress,
    request: Request,
) -> Result<Response, PageError> {
    let fields: General = form_of(request, MAX_FORM).await?;
    let body = json!({
        "name": fields.name, "default_branch": fields.default_branch,
        "application_name": fields.application_name, "color": fields.color,
        "emoji": fields.emoji,
    });
    let sent = (fields.form_token.as_str(), &body);
    match change(&app, &viewer, &suite, sent, client).await? {
        Ok(()) => Ok(to(&super::suite_address(&suite, Section::General), "saved")),
        Err(problem) => {
            let mut page = general_page(&app, &viewer, &suite, fields).await?;
            page.nav = page.nav.with_problem(problem);
            refused(&page)
        }
    }
}

async fn states_page(
    app: &App,
    viewer: &Viewer,
    suite: &Suite,
    fields: States,
) -> Result<StatesPage, PageError> {
    let (frame, nav) = super::in_suite(app, viewer, suite, Section::States).await?;
    Ok(StatesPage {
        frame,
        nav,
        fields,
        max: MAX_QUARANTINE_DAYS,
    })
}

pub(in crate::http::web) async fn states(
    State(app): State<App>,
    SuiteViewer { viewer, suite }: SuiteViewer,
    Params(done): Params<Done>,
) -> Result<Response, PageError> {
    let settings = suite.quarantine;
    let fields = States {
        form_token: String::new(),
        days: settings.days.to_string(),
        max_days: settings.max_days.to_string(),
        api_days: settings
            .api_days
            .map_or_else(String::new, |days| days.to_string()),
    };
    let mut page = states_page(&app, &viewer, &suite, fields).await?;
    page.nav = page.nav.with_done(&done);
    show(&page)
}

pub(in crate::http::web) async fn set_states(
    State(app): State<App>,
    SuiteViewer { viewer, suite }: SuiteViewer,
    client: ClientAddress,
    request: Request,
) -> Result<Response, PageError> {
    let fields: States = form_of(request, MAX_FORM).await?;
    // What is no number stays a text, which the API rejects.
    let days = |text: &str| {
        let number = text.trim().parse::<u64>();
        number.map_or_else(|_| json!(text), |number| json!(number))
    };
    let api_days = match fields.api_days.trim() {
        "" => Value::Null,
        text => days(text),
    };
    let body = json!({"quarantine": {
        "days": days(&fields.days), "max_days": days(&fields.max_days), "api_days": api_days,
    }});
    let sent = (fields.form_token.as_str(), &body);
    match change(&app, &viewer, &suite, sent, client).await? {
        Ok(()) => Ok(to(&super::suite_address(&suite, Section::States), "saved")),
        Err(problem) => {
            let mut page = states_page(&app, &viewer, &suite, fields).await?;
            page.nav = page.nav.with_problem(problem);
            refused(&page)
        }
    }
}

async fn policy_page(
    app: &App,
    viewer: &Viewer,
    suite: &Suite,
    policy: String,
) -> Result<PolicyPage, PageError> {
    let (frame, nav) = super::in_suite(app, viewer, suite, Section::Oidc).await?;
    Ok(PolicyPage {
        frame,
        nav,
        policy,
        audience: app.links.suite_page(suite),
    })
}

pub(in crate::http::web) async fn policy(
    State(app): State<App>,
    SuiteViewer { viewer, suite }: SuiteViewer,
    Params(done): Params<Done>,
) -> Result<Response, PageError> {
    let policy = suite.oidc_policy.clone().unwrap_or_default();
    let mut page = policy_page(&app, &viewer, &suite, policy).await?;
    page.nav = page.nav.with_done(&done);
    show(&page)
}

pub(in crate::http::web) async fn set_policy(
    State(app): State<App>,
    SuiteViewer { viewer, suite }: SuiteViewer,
    client: ClientAddress,
    request: Request,
) -> Result<Response, PageError> {
    let fields: Policy = form_of(request, MAX_FORM).await?;
    // Browsers send CR LF.
    let policy = fields.policy.replace("\r\n", "\n");
    let body = json!({"oidc_policy": policy});
    let sent = (fields.form_token.as_str(), &body);
    match change(&app, &viewer, &suite, sent, client).await? {
        Ok(()) => Ok(to(&super::suite_address(&suite, Section::Oidc), "saved")),
        Err(problem) => {
            let mut page = policy_page(&app, &viewer, &suite, policy).await?;
            page.nav = page.nav.with_problem(problem);
            refused(&page)
        }
    }
}

pub(in crate::http::web) async fn organization(
    OrganizationViewer {
        viewer,
        organization,
    }: OrganizationViewer,
) -> Result<Response, PageError> {
    let (frame, nav) = super::in_organization(&viewer, &organization, Section::General)?;
    show(&OrganizationPage {
        frame,
        nav,
        id: organization.uuid.to_string(),
        created: format::date(organization.created_at),
        created_time: rfc3339(organization.created_at),
        slug: organization.slug,
    })
}
