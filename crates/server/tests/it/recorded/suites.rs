//! Operations about suites.

use serde_json::json;
use test_engine::scopes::Scope;

use super::ORGANIZATION;
use super::operation::{Body, Operation, Token, operation};
use crate::support::SUITE;

pub(super) fn suites() -> Vec<Operation> {
    let read = Token::Access(Scope::ReadSuites);
    let write = Token::Access(Scope::WriteSuites);
    let suites = format!("{ORGANIZATION}/suites");
    let made = json!({"name": "Mobile App", "default_branch": "trunk", "emoji": "📱",
                      "show_api_token": true});
    vec![
        operation(
            "createSuite",
            "POST",
            suites.clone(),
            write,
            Body::Json(made),
            201,
        )
        .bad(
            "nothing that is needed",
            422,
            "",
            Body::Json(json!({"color": 7})),
        )
        .bad("no object", 400, "", Body::Json(json!([]))),
        operation("listSuites", "GET", suites.clone(), read, Body::None, 200).list(),
        operation("getSuite", "GET", SUITE, read, Body::None, 200).bad(
            "an invalid flag",
            400,
            "?show_api_token=perhaps",
            Body::None,
        ),
        operation(
            "updateSuite",
            "PATCH",
            SUITE,
            write,
            Body::Json(json!({"application_name": "Shop", "color": "#f07a5b"})),
            200,
        )
        .bad("no name", 422, "", Body::Json(json!({"name": ""})))
        .bad("no object", 400, "", Body::Json(json!(7))),
        operation(
            "listAuditEvents",
            "GET",
            format!("{ORGANIZATION}/audit?suite_slug=web&per_page=2"),
            write,
            Body::None,
            200,
        )
        .bad(
            "no such id",
            400,
            &format!("{ORGANIZATION}/audit?subject=x"),
            Body::None,
        ),
        operation(
            "deleteSuite",
            "DELETE",
            format!("{suites}/mobile-app"),
            write,
            Body::None,
            204,
        ),
    ]
}
