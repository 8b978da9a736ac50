//! `GET …/suites/{suite}`. Its token is never in the answer: only a hash of it is kept.

use axum::Json;
use axum::extract::State;
use test_engine_wire::Suite;

use crate::App;
use crate::http::auth::{ReadSuites, SuiteAccess};
use crate::http::shapes;

pub(super) async fn get(State(app): State<App>, access: SuiteAccess<ReadSuites>) -> Json<Suite> {
    Json(shapes::suite(&access.suite, &app.links))
}
