//! Operations about events and webhooks.

use serde_json::json;
use test_engine::scopes::Scope;

use super::ORGANIZATION;
use super::operation::{Body, Operation, Token, operation};
use super::seeds::Seeds;
use crate::support::SUITE;

pub(super) fn webhooks(seeds: &Seeds) -> Vec<Operation> {
    let read = Token::Access(Scope::ReadSuites);
    let write = Token::Access(Scope::WriteSuites);
    let webhooks = format!("{ORGANIZATION}/webhooks");
    let webhook = format!("{webhooks}/{}", seeds.webhook);
    let url = |url: &str| Body::Json(json!({"url": url, "events": ["mute.expired"]}));
    let get = |id, path: String, token| operation(id, "GET", path, token, Body::None, 200);
    vec![
        get("listEvents", format!("{SUITE}/events?per_page=2"), read).bad(
            "an unknown event",
            400,
            "&event=mute",
            Body::None,
        ),
        operation(
            "createWebhook",
            "POST",
            webhooks.clone(),
            write,
            url("https://hooks.example.com/T0/B0"),
            201,
        )
        .bad("no URL", 422, "", Body::Json(json!({"format": "slack"})))
        .bad("a wrong type", 400, "", Body::Json(json!({"url": 7}))),
        get("listWebhooks", webhooks.clone(), write).list(),
        get("getWebhook", webhook.clone(), write),
        operation(
            "updateWebhook",
            "PATCH",
            webhook.clone(),
            write,
            Body::Json(json!({"enabled": false, "new_secret": true})),
            200,
        )
        .bad(
            "an unknown format",
            422,
            "",
            Body::Json(json!({"format": "xml"})),
        )
        .bad("a wrong type", 400, "", Body::Json(json!({"enabled": 7}))),
        get("listDeliveries", format!("{webhook}/deliveries"), write).bad(
            "an unknown state",
            400,
            "?state=lost",
            Body::None,
        ),
        operation(
            "resendDeliveries",
            "POST",
            format!("{webhook}/resend"),
            write,
            Body::None,
            202,
        )
        .bad("no such id", 400, "?delivery_id=x", Body::None),
        operation("deleteWebhook", "DELETE", webhook, write, Body::None, 204),
    ]
}
