//! `…/events`: the event log of a suite.

use axum::extract::State;
use serde::Deserialize;
use test_engine_store::{EventFilter, EventKind};
use utoipa::IntoParams;
use utoipa::openapi::schema::{Object, ObjectBuilder, Type};
use uuid::Uuid;

use crate::App;
use crate::events::EventBody;
use crate::http::auth::{ReadSuites, SuiteAccess};
use crate::http::error::ApiError;
use crate::http::paging::{PageOf, Paging};
use crate::http::params::Params;

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct EventQuery {
    #[param(schema_with = event_name)]
    event: Option<String>,
    /// The id of a test.
    #[param(value_type = Option<String>, format = "uuid")]
    test_id: Option<Uuid>,
}

fn event_name() -> Object {
    let names = EventKind::ALL.iter().map(|kind| kind.name());
    ObjectBuilder::new()
        .schema_type(Type::String)
        .enum_values(Some(names))
        .build()
}

/// List what happened to the tests of a suite, newest first
///
/// Events are the changes of states, the announcements of their ends, tests that become flaky or
/// broken, and what rules do. They are kept as long as runs. Webhooks send the same objects.
#[utoipa::path(
    get, path = "/events", tag = "Events",
    params(SuiteAccess<ReadSuites>, EventQuery, Paging),
    responses(PageOf<EventBody>, SuiteAccess<ReadSuites>),
)]
pub(super) async fn list_events(
    State(app): State<App>,
    access: SuiteAccess<ReadSuites>,
    paging: Paging,
    Params(query): Params<EventQuery>,
) -> Result<PageOf<EventBody>, ApiError> {
    let suite = &access.suite;
    let kind = query.event.as_deref().map(|name| {
        let unknown = || ApiError::bad_request(format!("There is no event {name:?}."));
        EventKind::of_name(name).ok_or_else(unknown)
    });
    let filter = EventFilter {
        kind: kind.transpose()?,
        test: query.test_id,
        rule: None,
    };
    let listed = app.store.events(suite.id, filter, paging.page).await?;
    Ok(paging.respond(listed, |event| EventBody::new(event, suite, &app.links)))
}
