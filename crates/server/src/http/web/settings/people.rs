//! The people of an organization: members and roles, the rules that admit them, and the browsers
//! that are signed in. For admins only.

use askama::Template;
use axum::extract::{Request, State};
use axum::response::Response;
use secrecy::ExposeSecret as _;
use serde::Deserialize;
use test_engine_store::{
    Identity, Organization, Page as ListPage, Role, SignInRule, Timestamp, User, UserSession,
};
use uuid::Uuid;

use super::super::format;
use super::super::page::{Frame, PageError, show};
use super::super::sign_in::form;
use super::super::viewer::{OrganizationViewer, Viewer};
use super::{Done, Nav, Section, organization_address, refused, to};
use crate::App;
use crate::clock::rfc3339;
use crate::http::client_address::ClientAddress;
use crate::http::error::ApiError;
use crate::http::params::Params;
use crate::people::{self, PeopleError};

/// Sessions on the page, newest first.
const MAX_SESSIONS: u32 = 100;

#[derive(Template)]
#[template(path = "settings_people.html")]
struct Page {
    frame: Frame,
    nav: Nav,
    members: Vec<Member>,
    roles: [&'static str; 3],
    has_provider: bool,
    rules: Vec<Rule>,
    sessions: Vec<Session>,
    hidden_sessions: String,
    fields: Fields,
}

struct Member {
    id: String,
    name: String,
    role: &'static str,
    identity: String,
    /// How they got the role.
    origin: &'static str,
    until: String,
    is_self: bool,
}

struct Rule {
    id: String,
    matches: &'static str,
    value: String,
    role: &'static str,
}

struct Session {
    id: String,
    user: String,
    browser: String,
    address: String,
    started: String,
    started_time: String,
    used: String,
}

/// The fields of all forms of the page.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Fields {
    form_token: String,
    action: String,
    id: String,
    login: String,
    role: String,
    #[serde(rename = "match")]
    matches: String,
    value: String,
}

impl Fields {
    fn id(&self) -> Result<Uuid, PageError> {
        self.id.parse().map_err(|_| PageError::NotFound)
    }
}

impl Member {
    fn of(
        user: &User,
        organization: &Organization,
        viewer: Option<Uuid>,
        now: Timestamp,
    ) -> Option<Self> {
        let mut memberships = user.memberships.iter();
        let membership = memberships.find(|role| role.organization == organization.id)?;
        Some(Self {
            id: user.uuid.to_string(),
            name: user.name.clone(),
            role: membership.role.name(),
            identity: match &user.identity {
                Identity::Login(_) => "password".to_owned(),
                Identity::Provider { issuer, .. } => issuer.clone(),
            },
            origin: if membership.rule.is_some() {
                "by a sign-in rule"
            } else {
                "set by somebody"
            },
            until: membership
                .expires_at
                .map_or_else(String::new, |end| format::left(end, now)),
            is_self: viewer == Some(user.uuid),
        })
    }
}

impl From<SignInRule> for Rule {
    fn from(rule: SignInRule) -> Self {
        let (matches, value) = people::rule_parts(&rule.matches);
        Self {
            id: rule.uuid.to_string(),
            matches: match matches {
                "email_domain" => "e-mail domain",
                other => other,
            },
            value,
            role: rule.role.map_or(people::NO_ROLE, Role::name),
        }
    }
}

impl Session {
    fn new(session: UserSession, now: Timestamp) -> Self {
        Self {
            id: session.uuid.to_string(),
            user: session
                .user
                .map_or_else(|| "an access token".to_owned(), |(_, name)| name),
            browser: session.user_agent.unwrap_or_default(),
            address: session.client_address.unwrap_or_default(),
            started: format::ago(session.created_at, now),
            started_time: rfc3339(session.created_at),
            used: session
                .last_used_at
                .map_or_else(|| "never".to_owned(), |used| format::ago(used, now)),
        }
    }
}

async fn page(
    app: &App,
    viewer: &Viewer,
    organization: &Organization,
    fields: Fields,
) -> Result<Page, PageError> {
    viewer.check_is_admin(&organization.slug)?;
    let (frame, nav) = super::in_organization(viewer, organization, Section::People)?;
    let now = app.clock.now();
    let itself = viewer.person().map(|person| person.user.uuid);
    let users = app.store.users(Some(organization.id)).await?;
    let rules = app.store.sign_in_rules(Some(organization.id)).await?;
    let newest = ListPage::new(1, MAX_SESSIONS);
    let sessions = app.store.sessions(organization.id, now, newest).await?;
    let hidden = sessions.total.saturating_sub(sessions.items.len() as u64);
    Ok(Page {
        frame,
        nav,
        members: users
            .iter()
            .filter_map(|user| Member::of(user, organization, itself, now))
            .collect(),
        roles: Role::ALL.map(Role::name),
        has_provider: app.provider.is_some(),
        rules: rules.into_iter().map(Rule::from).collect(),
        sessions: sessions
            .items
            .into_iter()
            .map(|session| Session::new(session, now))
            .collect(),
        hidden_sessions: match hidden {
            0 => String::new(),
            hidden => format!("and {}", format::counted(hidden, "older session")),
        },
        fields,
    })
}

pub(in crate::http::web) async fn get(
    State(app): State<App>,
    OrganizationViewer {
        viewer,
        organization,
    }: OrganizationViewer,
    Params(done): Params<Done>,
) -> Result<Response, PageError> {
    let mut page = page(&app, &viewer, &organization, Fields::default()).await?;
    page.nav = page.nav.with_done(&done);
    show(&page)
}

async fn read(viewer: &Viewer, slug: &str, request: Request) -> Result<Fields, PageError> {
    let fields: Fields = form(request).await?;
    viewer.check_form(&fields.form_token)?;
    viewer.check_is_admin(slug)?;
    Ok(fields)
}

/// The page with what is wrong, unless that is the database.
async fn with_problem(
    app: &App,
    viewer: &Viewer,
    organization: &Organization,
    fields: Fields,
    error: PeopleError,
) -> Result<Response, PageError> {
    if let PeopleError::Store(error) = error {
        return Err(error.into());
    }
    let mut page = page(app, viewer, organization, fields).await?;
    // The second line is for the command line.
    let text = error.to_string();
    let text = text.lines().next().unwrap_or_default().to_owned();
    page.nav = page
        .nav
        .with_problem(format!("Nothing was changed: {text}."));
    refused(&page)
}

/// Creates a user with a generated password, which is shown once.
pub(in crate::http::web) async fn create(
    State(app): State<App>,
    OrganizationViewer {
        viewer,
        organization,
    }: OrganizationViewer,
    client: ClientAddress,
    request: Request,
) -> Result<Response, PageError> {
    let fields = read(&viewer, &organization.slug, request).await?;
    let change = viewer.change(client, app.clock.now());
    let created = match people::role(&fields.role) {
        Ok(role) => {
            let login = fields.login.trim();
            people::create_user(&app.store, &organization, login, role, None, &change).await
        }
        Err(error) => Err(error),
    };
    match created {
        Ok((_user, password)) => {
            let mut page = page(&app, &viewer, &organization, Fields::default()).await?;
            let password = password.unwrap_or_default();
            password.expose_secret().clone_into(&mut page.nav.secret);
            show(&page)
        }
        Err(error) => with_problem(&app, &viewer, &organization, fields, error).await,
    }
}

/// Gives a member another role, or removes them.
pub(in crate::http::web) async fn change(
    State(app): State<App>,
    OrganizationViewer {
        viewer,
        organization,
    }: OrganizationViewer,
    client: ClientAddress,
    request: Request,
) -> Result<Response, PageError> {
    let fields = read(&viewer, &organization.slug, request).await?;
    let id = fields.id()?;
    let change = viewer.change(client, app.clock.now());
    let user = app.store.user(id).await?.ok_or(PageError::NotFound)?;
    let mut memberships = user.memberships.iter();
    if !memberships.any(|role| role.organization == organization.id) {
        return Err(PageError::NotFound);
    }
    let address = organization_address(&organization, Section::People);
    let changed = match fields.action.as_str() {
        "remove" => people::remove(&app.store, &user, &organization, &change)
            .await
            .map(|()| "removed"),
        "role" => match people::role(&fields.role) {
            Ok(role) => people::set_role(&app.store, &user, organization.id, role, &change)
                .await
                .map(|()| "saved"),
            Err(error) => Err(error),
        },
        _ => return Err(PageError::NotFound),
    };
    match changed {
        Ok(done) => Ok(to(&address, done)),
        Err(error) => with_problem(&app, &viewer, &organization, fields, error).await,
    }
}

/// Creates or deletes a sign-in rule.
pub(in crate::http::web) async fn change_rules(
    State(app): State<App>,
    OrganizationViewer {
        viewer,
        organization,
    }: OrganizationViewer,
    client: ClientAddress,
    request: Request,
) -> Result<Response, PageError> {
    let fields = read(&viewer, &organization.slug, request).await?;
    let change = viewer.change(client, app.clock.now());
    let address = organization_address(&organization, Section::People);
    if fields.action == "delete" {
        let store = &app.store;
        let id = fields.id()?;
        if !store
            .delete_sign_in_rule(organization.id, id, &change)
            .await?
        {
            return Err(PageError::NotFound);
        }
        return Ok(to(&address, "deleted"));
    }
    let matches = people::rule_match(&fields.matches, &fields.value);
    let parts = matches.and_then(|matches| Ok((matches, people::role_or_none(&fields.role)?)));
    let created = match parts {
        Ok((matches, role)) => {
            people::create_rule(&app.store, organization.id, matches, role, &change).await
        }
        Err(error) => Err(error),
    };
    match created {
        Ok(_rule) => Ok(to(&address, "saved")),
        Err(error) => with_problem(&app, &viewer, &organization, fields, error).await,
    }
}

pub(in crate::http::web) async fn end_session(
    State(app): State<App>,
    OrganizationViewer {
        viewer,
        organization,
    }: OrganizationViewer,
    client: ClientAddress,
    request: Request,
) -> Result<Response, PageError> {
    let fields = read(&viewer, &organization.slug, request).await?;
    let change = viewer.change(client, app.clock.now());
    let ended = people::end_session(&app.store, organization.id, fields.id()?, &change).await;
    if !ended.map_err(ApiError::from)? {
        return Err(PageError::NotFound);
    }
    let address = organization_address(&organization, Section::People);
    Ok(to(&address, "ended"))
}
