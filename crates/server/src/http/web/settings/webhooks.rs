//! Webhooks of a suite, or of all suites of an organization: what they send, what could not be
//! delivered, and the forms that change them.

use askama::Template;
use axum::extract::{Request, State};
use axum::response::Response;
use secrecy::ExposeSecret as _;
use test_engine_store::{
    Delivery, DeliveryState, EventKind, Organization, OrganizationId, Page as ListPage, Suite,
    Timestamp, Webhook, WebhookFormat,
};
use uuid::Uuid;

use super::super::format;
use super::super::page::{Frame, PageError, show};
use super::super::sign_in::form;
use super::super::viewer::{OrganizationViewer, SuiteViewer, Viewer};
use super::{Done, Nav, Section, refused, to};
use crate::App;
use crate::clock::rfc3339;
use crate::http::client_address::ClientAddress;
use crate::http::error::ApiError;
use crate::http::params::Params;
use crate::webhooks::{Changed, Request as WebhookRequest, WebhookError};

/// Webhooks on the page; an organization has few.
const MAX_WEBHOOKS: u32 = 100;
/// Deliveries that were given up, for each webhook.
const MAX_DEAD: u32 = 5;

#[derive(Template)]
#[template(path = "settings_webhooks.html")]
struct Page {
    frame: Frame,
    nav: Nav,
    is_of_suite: bool,
    webhooks: Vec<Row>,
    fields: Fields,
    formats: [&'static str; 3],
    events: Vec<&'static str>,
}

/// Names and values of a form; a name may repeat.
#[derive(Default)]
struct Fields(Vec<(String, String)>);

impl Fields {
    fn text(&self, name: &str) -> &str {
        let mut found = self.0.iter().filter(|(known, _)| known == name);
        found.next().map_or("", |(_, value)| value.as_str())
    }

    fn has(&self, name: &str, value: &str) -> bool {
        let mut fields = self.0.iter();
        fields.any(|(known, found)| known == name && found == value)
    }

    fn all(&self, name: &str) -> Vec<String> {
        let of_name = self.0.iter().filter(|(known, _)| known == name);
        of_name.map(|(_, value)| value.clone()).collect()
    }

    fn id(&self) -> Result<Uuid, PageError> {
        self.text("id").parse().map_err(|_| PageError::NotFound)
    }
}

struct Row {
    id: String,
    address: String,
    description: String,
    format: &'static str,
    events: String,
    /// Empty for those of every suite.
    suite: String,
    is_enabled: bool,
    pending: String,
    dead_count: u64,
    dead: Vec<Dead>,
}

/// A delivery that was given up.
struct Dead {
    id: String,
    event: &'static str,
    test: String,
    why: String,
    ago: String,
    time: String,
}

impl Dead {
    fn new(delivery: Delivery, now: Timestamp) -> Self {
        let at = delivery.finished_at.unwrap_or(delivery.first_at);
        Self {
            id: delivery.uuid.to_string(),
            event: delivery.event.kind.name(),
            test: delivery.event.test_name.unwrap_or_default(),
            why: delivery.last_error.unwrap_or_default(),
            ago: format::ago(at, now),
            time: rfc3339(at),
        }
    }
}

async fn row(app: &App, webhook: Webhook, now: Timestamp) -> Result<Row, PageError> {
    let pending = DeliveryState::Pending;
    let pending = app.store.count_deliveries(webhook.id, pending).await?;
    let newest = ListPage::new(1, MAX_DEAD);
    let dead = Some(DeliveryState::Dead);
    let dead = app.store.deliveries(webhook.id, dead, newest).await?;
    let events: Vec<&str> = webhook.kinds.iter().map(|kind| kind.name()).collect();
    Ok(Row {
        id: webhook.uuid.to_string(),
        address: webhook.target.address,
        description: webhook.description.unwrap_or_default(),
        format: webhook.format.name(),
        events: if events.is_empty() {
            "every event".to_owned()
        } else {
            events.join(", ")
        },
        suite: webhook.suite_slug.unwrap_or_default(),
        is_enabled: webhook.is_enabled,
        pending: format::count(pending),
        dead_count: dead.total,
        dead: dead
            .items
            .into_iter()
            .map(|delivery| Dead::new(delivery, now))
            .collect(),
    })
}

async fn page(
    app: &App,
    (frame, nav): (Frame, Nav),
    organization: OrganizationId,
    suite: Option<&Suite>,
    fields: Fields,
) -> Result<Page, PageError> {
    let now = app.clock.now();
    let all = ListPage::new(1, MAX_WEBHOOKS);
    let suite_id = suite.map(|suite| suite.id);
    let listed = app.store.webhooks(organization, suite_id, all).await?;
    let mut webhooks = Vec::new();
    // A few at most: see `MAX_WEBHOOKS` of the store.
    for webhook in listed.items {
        webhooks.push(row(app, webhook, now).await?);
    }
    Ok(Page {
        frame,
        nav,
        is_of_suite: suite.is_some(),
        webhooks,
        fields,
        formats: WebhookFormat::ALL.map(WebhookFormat::name),
        events: EventKind::ALL.iter().map(|kind| kind.name()).collect(),
    })
}

async fn suite_page(
    app: &App,
    viewer: &Viewer,
    suite: &Suite,
    fields: Fields,
) -> Result<Page, PageError> {
    let common = super::in_suite(app, viewer, suite, Section::Webhooks).await?;
    page(app, common, suite.organization, Some(suite), fields).await
}

async fn organization_page(
    app: &App,
    viewer: &Viewer,
    organization: &Organization,
    fields: Fields,
) -> Result<Page, PageError> {
    let common = super::in_organization(viewer, organization, Section::Webhooks)?;
    page(app, common, organization.id, None, fields).await
}

pub(in crate::http::web) async fn of_suite(
    State(app): State<App>,
    SuiteViewer { viewer, suite }: SuiteViewer,
    Params(done): Params<Done>,
) -> Result<Response, PageError> {
    let mut page = suite_page(&app, &viewer, &suite, Fields::default()).await?;
    page.nav = page.nav.with_done(&done);
    show(&page)
}

pub(in crate::http::web) async fn of_organization(
    State(app): State<App>,
    OrganizationViewer {
        viewer,
        organization,
    }: OrganizationViewer,
    Params(done): Params<Done>,
) -> Result<Response, PageError> {
    let mut page = organization_page(&app, &viewer, &organization, Fields::default()).await?;
    page.nav = page.nav.with_done(&done);
    show(&page)
}

async fn read(viewer: &Viewer, slug: &str, request: Request) -> Result<Fields, PageError> {
    let fields = Fields(form(request).await?);
    viewer.check_form(fields.text("form_token"))?;
    viewer.check_may_write(slug)?;
    Ok(fields)
}

fn wanted(fields: &Fields) -> WebhookRequest {
    WebhookRequest {
        url: Some(fields.text("url").trim().to_owned().into()),
        description: Some(fields.text("description").to_owned()),
        format: Some(fields.text("format").to_owned()).filter(|format| !format.is_empty()),
        events: Some(fields.all("event")),
        ..WebhookRequest::default()
    }
}

/// The page with the secret of a new webhook, or with what is wrong.
fn created(mut page: Page, result: Result<Changed, WebhookError>) -> Result<Response, PageError> {
    match result {
        Ok(created) => {
            let secret = created.secret.unwrap_or_default();
            secret.expose_secret().clone_into(&mut page.nav.secret);
            page.fields = Fields::default();
            show(&page)
        }
        Err(error @ WebhookError::Invalid(_)) => {
            page.nav = page.nav.with_problem(error.to_string());
            refused(&page)
        }
        Err(error) => Err(ApiError::from(error).into()),
    }
}

pub(in crate::http::web) async fn create_for_suite(
    State(app): State<App>,
    SuiteViewer { viewer, suite }: SuiteViewer,
    client: ClientAddress,
    request: Request,
) -> Result<Response, PageError> {
    let fields = read(&viewer, &suite.organization_slug, request).await?;
    let change = viewer.change(client, app.clock.now());
    let organization = suite.organization;
    let webhooks = &app.webhooks;
    let result = webhooks
        .create(organization, Some(&suite), wanted(&fields), &change)
        .await;
    created(suite_page(&app, &viewer, &suite, fields).await?, result)
}

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
    let webhooks = &app.webhooks;
    let result = webhooks
        .create(organization.id, None, wanted(&fields), &change)
        .await;
    let page = organization_page(&app, &viewer, &organization, fields).await?;
    created(page, result)
}

/// Switches a listed webhook on or off, sends its deliveries again, or deletes it.
async fn change_listed(
    app: &App,
    page: Page,
    organization: OrganizationId,
    fields: &Fields,
    (viewer, client): (&Viewer, ClientAddress),
) -> Result<Response, PageError> {
    let id = fields.id()?;
    let wanted = id.to_string();
    if !page.webhooks.iter().any(|webhook| webhook.id == wanted) {
        return Err(PageError::NotFound);
    }
    let change = viewer.change(client, app.clock.now());
    let address = &page.nav.address;
    match fields.text("action") {
        "delete" => {
            app.store.delete_webhook(organization, id, &change).await?;
            Ok(to(address, "deleted"))
        }
        "resend" => {
            let one = fields.text("delivery");
            let one = (!one.is_empty()).then(|| one.parse().map_err(|_| PageError::NotFound));
            let one = one.transpose()?;
            let store = &app.store;
            store
                .resend_deliveries(organization, id, one, &change)
                .await?;
            Ok(to(address, "resent"))
        }
        action @ ("on" | "off") => {
            let request = WebhookRequest {
                enabled: Some(action == "on"),
                ..WebhookRequest::default()
            };
            let updated = app.webhooks.update(organization, id, request, &change);
            updated.await.map_err(ApiError::from)?;
            Ok(to(address, "saved"))
        }
        _ => Err(PageError::NotFound),
    }
}

pub(in crate::http::web) async fn change_for_suite(
    State(app): State<App>,
    SuiteViewer { viewer, suite }: SuiteViewer,
    client: ClientAddress,
    request: Request,
) -> Result<Response, PageError> {
    let fields = read(&viewer, &suite.organization_slug, request).await?;
    let page = suite_page(&app, &viewer, &suite, Fields::default()).await?;
    let by = (&viewer, client);
    change_listed(&app, page, suite.organization, &fields, by).await
}

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
    let page = organization_page(&app, &viewer, &organization, Fields::default()).await?;
    let by = (&viewer, client);
    change_listed(&app, page, organization.id, &fields, by).await
}
