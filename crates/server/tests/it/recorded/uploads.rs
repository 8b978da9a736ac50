//! Operations that receive results, archives and files.

use serde_json::json;
use test_engine::scopes::Scope;

use super::operation::{Body, Operation, Token, operation};
use super::seeds::Seeds;
use super::{BODY_LIMIT, NOBODY};
use crate::support::{SUITE, result};

/// A form with only a file.
pub(super) fn file(content: &str) -> Body {
    Body::Form(vec![("file".to_owned(), content.to_owned())])
}

pub(super) fn uploads() -> Vec<Operation> {
    let upload = json!({
        "format": "json", "run_env": {"CI": "buildkite", "key": "b2", "branch": "main"},
        "data": [result("Cart", "adds", "spec/cart_spec.rb", 0.5, "passed"), {"result": "passed"}],
    });
    let no_key = json!({"format": "json", "run_env": {}, "data": []});
    let owners = || file("*.rb shop # all\nlonely\n");
    vec![
        operation(
            "createUpload",
            "POST",
            "/v1/uploads",
            Token::Suite,
            Body::Json(upload),
            202,
        )
        .bad("no key", 422, "", Body::Json(no_key))
        .bad(
            "an unknown format",
            422,
            "",
            Body::Json(json!({"format": "nunit", "data": []})),
        )
        .bad("a plain text", 415, "", Body::Text("1 passed".to_owned()))
        .bad("too much", 413, "", Body::Text("x".repeat(BODY_LIMIT + 1))),
        operation(
            "getUploadMetadata",
            "GET",
            "/v1/uploads/metadata",
            Token::Suite,
            Body::None,
            200,
        ),
        operation(
            "setTestOwnerships",
            "POST",
            "/v1/test-ownerships",
            Token::Suite,
            owners(),
            200,
        )
        .bad(
            "no file",
            422,
            "",
            Body::Form(vec![("other".to_owned(), "x".to_owned())]),
        )
        .bad("a plain text", 415, "", Body::Text("* shop".to_owned()))
        .bad("too much", 413, "", file(&"#".repeat(BODY_LIMIT + 1))),
        operation(
            "listUploads",
            "GET",
            format!("{SUITE}/uploads"),
            Token::Access(Scope::ReadSuites),
            Body::None,
            200,
        )
        .list()
        .bad("an unknown state", 400, "?state=lost", Body::None),
    ]
}

pub(super) fn files(seeds: &Seeds) -> Vec<Operation> {
    let read = Token::Access(Scope::ReadSuites);
    let backfills = format!("{SUITE}/commit-metadata-backfill");
    let raw = |upload: &str| format!("{SUITE}/runs/{}/uploads/{upload}/raw", seeds.run);
    let form = |content: &str| {
        let mut fields = seeds.form.clone();
        fields.push(("file".to_owned(), content.to_owned()));
        Body::Form(fields)
    };
    vec![
        operation(
            "getRawUpload",
            "GET",
            raw(&seeds.upload),
            read,
            Body::None,
            200,
        )
        .bad("no such upload", 404, &raw(NOBODY), Body::None),
        operation(
            "listBackfills",
            "GET",
            backfills.clone(),
            read,
            Body::None,
            200,
        )
        .list(),
        operation(
            "createBackfillForm",
            "POST",
            format!("{backfills}/presigned-upload"),
            Token::Access(Scope::WriteSuites),
            Body::None,
            200,
        ),
        operation(
            "sendBackfill",
            "POST",
            format!("{backfills}/upload"),
            Token::None,
            form("not an archive"),
            204,
        )
        .bad("no file", 400, "", Body::Form(seeds.form.clone()))
        .bad("no seal", 403, "", file("x"))
        .bad("too much", 413, "", form(&"x".repeat(BODY_LIMIT)))
        .bad(
            "no such suite",
            404,
            &backfills
                .replace("/web/", "/none/")
                .replace("backfill", "backfill/upload"),
            file("x"),
        ),
    ]
}
