//! The pages of rules: what they say, and their forms, which do the same as the API.

use serde_json::{Value, json};
use test_engine::scopes::Scope;

use super::TestServer;
use crate::forms::{cookie, form_token, get, post};
use crate::receiver::until;
use crate::support::{SUITE, result};

const RULES: &str = "/organizations/acme/analytics/suites/web/rules";

#[track_caller]
fn shows(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "{part} is missing: {text}");
    }
}

fn rules(server: &TestServer) -> Vec<Value> {
    let listed = server.get(&format!("{SUITE}/rules")).ok();
    listed.as_array().unwrap().clone()
}

#[test]
fn a_reader_does_not_see_where_webhooks_lead() {
    let server = TestServer::start();
    let hook = json!({"url": "https://internal.example:8443/hook", "description": "on-call"});
    let hooks = "/v2/analytics/organizations/acme/webhooks";
    let hook = server.post(hooks, &hook).json();
    let rule = json!({
        "name": "tell us", "monitor": {"type": "broken"},
        "alarm_actions": [{"type": "notify", "webhook_id": hook["id"]}],
    });
    let rule = server.post(&format!("{SUITE}/rules"), &rule);
    assert_eq!(rule.status, 201, "{}", rule.text());
    let page = format!("{RULES}/{}", rule.json()["id"].as_str().unwrap());
    let writer = cookie(&server, &server.access);
    shows(
        &get(&server, &page, &writer).text(),
        &["on-call", "internal.example"],
    );
    let reader = server.token("acme", &[Scope::ReadSuites]);
    let seen = get(&server, &page, &cookie(&server, &reader)).text();
    shows(&seen, &["ell a webhook"]);
    assert!(
        !seen.contains("on-call") && !seen.contains("internal.example"),
        "{seen}"
    );
}

#[test]
fn a_reader_sees_what_rules_do_and_no_controls() {
    let server = TestServer::start();
    let reader = server.token("acme", &[Scope::ReadSuites]);
    let cookie = cookie(&server, &reader);
    let list = get(&server, RULES, &cookie);
    assert_eq!(list.status, 200);
    shows(
        &list.text(),
        &[
            "1 rule; 0 events in the last 7 days.",
            "Label flaky tests",
            "tests that are flaky",
            "add the label flaky",
            "0 of at most 20 today",
        ],
    );
    assert!(!list.text().contains("New rule"));
    let rule = rules(&server).remove(0);
    let page = format!("{RULES}/{}", rule["id"].as_str().unwrap());
    let text = get(&server, &format!("{page}?change=1"), &cookie);
    shows(
        &text.text(),
        &["Add the label flaky: tests that are flaky.", "Nothing yet."],
    );
    assert!(!text.text().contains("name=\"enabled\""), "{}", text.text());
    assert_eq!(get(&server, &format!("{RULES}/new"), &cookie).status, 403);
    let token = form_token(&text);
    let fields = format!("form_token={token}&enabled=no&name=x&monitor=flaky");
    for form in [
        RULES,
        &page,
        &format!("{page}/switch"),
        &format!("{page}/delete"),
    ] {
        assert_eq!(post(&server, form, &cookie, &fields).status, 403, "{form}");
    }
    let missing = format!("{RULES}/01890a5d-ac96-774b-bcce-b302099a8057");
    assert_eq!(get(&server, &missing, &cookie).status, 404);
    assert_eq!(rules(&server), [rule]);
}

#[test]
fn a_rule_is_previewed_created_changed_switched_and_deleted() {
    let server = TestServer::start();
    let cookie = cookie(&server, &server.access);
    let test = json!([result("Cart", "adds", "a_spec.rb", 9.0, "passed")]);
    server.upload("b1", "main", &test);
    let new = get(&server, &format!("{RULES}/new"), &cookie);
    assert_eq!(new.status, 200);
    let token = form_token(&new);
    let send = |address: &str, fields: &str| {
        let fields = format!("form_token={token}&{fields}");
        post(&server, address, &cookie, &fields)
    };
    // All problems together, and what was typed stays.
    let bad = send(
        RULES,
        "name=+&monitor=duration_p50&alarm.add=slow&recover.enable=yes&action=save",
    );
    assert_eq!(bad.status, 422);
    shows(
        &bad.text(),
        &[
            "name can&#39;t be blank",
            "high is required for duration_p50",
            "value=\"slow\"",
            "value=\"duration_p50\" required checked",
        ],
    );
    let slow = "name=Slow+tests&enabled=yes&monitor=duration_p50&duration_p50.high=5\
        &duration_p50.window=1&alarm.add=slow,+to+look+at&recover.remove=slow";
    let preview = send(RULES, &format!("{slow}&action=preview"));
    assert_eq!(preview.status, 200);
    shows(
        &preview.text(),
        &[
            "In the last 60 days it would have flagged 1 test, 1 of them still now.",
            "value=\"Slow tests\"",
            "adds",
        ],
    );
    assert_eq!(rules(&server).len(), 1, "a preview changes nothing");
    let forged = format!("form_token={}&{slow}", "0".repeat(64));
    assert_eq!(post(&server, RULES, &cookie, &forged).status, 403);
    let created = send(RULES, &format!("{slow}&action=save"));
    assert_eq!(created.status, 303, "{}", created.text());
    let page = created.header("location").unwrap().to_owned();
    let rule = rules(&server).remove(1);
    assert_eq!(page, format!("{RULES}/{}", rule["id"].as_str().unwrap()));
    assert_eq!(
        rule["monitor"],
        json!({"type": "duration_p50", "window": 1, "high": 5.0, "low": 4.0})
    );
    let labels = json!([
        {"type": "add_label", "label": "slow"}, {"type": "add_label", "label": "to look at"},
    ]);
    assert_eq!(rule["alarm_actions"], labels);
    let on_main = json!([{"tag": "scm.branch", "operator": "is", "value": "main"}]);
    assert_eq!(rule["filters"], on_main, "the default of the monitor");

    let change = get(&server, &format!("{page}?change=1"), &cookie).text();
    shows(
        &change,
        &[
            "value=\"slow, to look at\"",
            "value=\"scm.branch\"",
            "value=\"5\"",
        ],
    );
    let shown = get(&server, &format!("{page}?preview=1"), &cookie).text();
    shows(&shown, &["it would have flagged 1 test"]);
    let changed = send(
        &page,
        "name=Slow&enabled=yes&monitor=duration_p50&duration_p50.high=7&action=save",
    );
    assert_eq!(changed.status, 303, "{}", changed.text());
    let rule = rules(&server).remove(1);
    assert_eq!(rule["name"], "Slow");
    assert_eq!(rule["filters"], json!([]));
    assert_eq!(rule["alarm_actions"], json!([]));
    assert_eq!(send(&format!("{page}/switch"), "enabled=no").status, 303);
    assert_eq!(rules(&server)[1]["enabled"], false);
    shows(
        &get(&server, &page, &cookie).text(),
        &["Switched off. Watches tests that take 7.0 s or longer"],
    );
    shows(
        &get(&server, RULES, &cookie).text(),
        &["2 rules, 1 switched on;"],
    );
    assert_eq!(send(&format!("{page}/switch"), "enabled=yes").status, 303);
    assert_eq!(rules(&server)[1]["enabled"], true);
    assert_eq!(send(&format!("{page}/delete"), "").status, 303);
    assert_eq!(send(&format!("{page}/delete"), "").status, 404);
    assert_eq!(rules(&server).len(), 1);

    let audit = "/v2/analytics/organizations/acme/audit?per_page=100";
    let audit = server.get(audit).ok();
    let entries = audit.as_array().unwrap().iter();
    let actions: Vec<&str> = entries
        .filter(|entry| entry["actor"]["kind"] == "session")
        .filter_map(|entry| entry["action"].as_str())
        .filter(|action| action.starts_with("rule."))
        .collect();
    let expected = [
        "rule.deleted",
        "rule.updated",
        "rule.updated",
        "rule.updated",
        "rule.created",
    ];
    assert_eq!(actions, expected);
}

#[test]
fn the_page_of_a_rule_lists_what_it_did_and_why() {
    let server = TestServer::start();
    let cookie = cookie(&server, &server.access);
    let rule = json!({
        "name": "Mute <b>", "monitor": {"type": "passed_on_retry"},
        "alarm_actions": [{"type": "add_label", "label": "flaky"}],
    });
    let rule = server.post(&format!("{SUITE}/rules"), &rule).json();
    let page = format!("{RULES}/{}", rule["id"].as_str().unwrap());
    let both = json!([
        result("Cart", "adds <i>", "a_spec.rb", 0.5, "failed"),
        result("Cart", "adds <i>", "a_spec.rb", 0.6, "passed"),
    ]);
    server.upload("b1", "main", &both);
    until("the alarm", || {
        let text = get(&server, &page, &cookie).text();
        text.contains("1 event; nothing was dropped")
    });
    let text = get(&server, &page, &cookie).text();
    shows(
        &text,
        &[
            "1 test flagged now; 1 event in the last 7 days.",
            "Alarm",
            "the test failed and passed on the same commit",
            "add label flaky: done",
            "adds &#60;i&#62;",
        ],
    );
    assert!(!text.contains("<i>"), "{text}");
    shows(
        &get(&server, RULES, &cookie).text(),
        &["2 rules; 1 event in"],
    );
}
