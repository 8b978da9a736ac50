//! Operations about rules.

use serde_json::json;
use test_engine::scopes::Scope;

use super::NOBODY;
use super::operation::{Body, Operation, Token, operation};
use super::seeds::Seeds;
use crate::support::SUITE;

pub(super) fn rules(seeds: &Seeds) -> Vec<Operation> {
    let read = Token::Access(Scope::ReadSuites);
    let write = Token::Access(Scope::WriteSuites);
    let rules = format!("{SUITE}/rules");
    let rule = format!("{rules}/{}", seeds.rule);
    let nothing = format!("{rules}/{NOBODY}");
    let get = |id, path: String| operation(id, "GET", path, read, Body::None, 200);
    let preview = operation(
        "previewRule",
        "POST",
        format!("{rules}/preview"),
        read,
        Body::Json(json!({"rule": "flaky"})),
        200,
    )
    .bad(
        "an unknown rule",
        422,
        "",
        Body::Json(json!({"rule": "slow"})),
    )
    .bad("a wrong type", 400, "", Body::Json(json!({"rule": 7})));
    let create = operation(
        "createRule",
        "POST",
        rules.clone(),
        write,
        Body::Json(json!({
            "name": "Mute what passes on retry",
            "monitor": {"type": "passed_on_retry", "commits": 2},
            "filters": [{"tag": "scm.branch", "operator": "is", "value": "main"}],
            "alarm_actions": [
                {"type": "mute", "days": 7},
                {"type": "add_label", "label": "flaky"},
                {"type": "notify", "webhook_id": seeds.webhook},
            ],
            "recover_actions": [{"type": "enable"}, {"type": "remove_label", "label": "flaky"}],
        })),
        201,
    )
    .bad("no monitor", 422, "", Body::Json(json!({"name": "x"})))
    .bad("a wrong type", 400, "", Body::Json(json!({"name": 7})));
    let update = operation(
        "updateRule",
        "PATCH",
        rule.clone(),
        write,
        Body::Json(json!({"enabled": false})),
        200,
    )
    .bad("a blank name", 422, "", Body::Json(json!({"name": " "})))
    .bad("a wrong type", 400, "", Body::Json(json!({"enabled": 7})))
    .bad("no such rule", 404, &nothing, Body::Json(json!({})));
    vec![
        preview,
        create,
        get("listRules", rules.clone()).list(),
        get("getRuleLimits", format!("{rules}/limits")),
        get("getRule", rule.clone()).bad("no such rule", 404, &nothing, Body::None),
        get("listRuleEvents", format!("{rule}/events")).list(),
        update,
        operation("deleteRule", "DELETE", rule, write, Body::None, 204).bad(
            "no such rule",
            404,
            &nothing,
            Body::None,
        ),
    ]
}
