//! Drift: too many missed failing builds switch selection off, and builds that keep the promise
//! switch it on again. Both are in the event log, the audit log and on the tab.

use serde_json::{Value, json};
use test_engine::clock::Clock;
use test_engine_store::Timestamp;

use super::TestServer;
use crate::forms::{cookie, get};
use crate::selection_scene::{
    FILES, NOW, all_files, confident, finish, observed, overview, plan, planned, request, results,
    source, test_file, wait_for, with_selection,
};
use crate::support::SUITE;

const TAB: &str = "/organizations/acme/analytics/suites/web/selection";

/// A build that observes a selection with a confidence of 90%. Returns the key and the plan.
fn observe(server: &TestServer, number: usize, module: usize) -> (String, Value) {
    let key = format!("drift{number}");
    let body = request(
        &format!("{key}/step"),
        &key,
        1_000 + number,
        &[source(module)],
    );
    let answer = plan(server, &with_selection(body, "observe", &confident())).ok();
    (key, answer)
}

fn end(server: &TestServer, key: &str, number: usize, failing: usize) {
    let failed = results(all_files(), &[failing]);
    finish(server, key, key, 1_000 + number, &failed);
}

/// The numbers of the tests that a selection would have left out, the most valuable first.
fn left_out(server: &TestServer, key: &str) -> Vec<usize> {
    let query = format!("identifier={key}/step&left_out=true&per_page=100");
    let path = format!("{SUITE}/test_plan/selection?{query}");
    let decision = server.get(&path).ok();
    let items = decision["items"].as_array().unwrap().iter();
    let names = items.map(|item| item["item"].as_str().unwrap());
    names
        .map(|name| {
            (0..FILES)
                .find(|number| test_file(*number) == name)
                .unwrap()
        })
        .collect()
}

/// Two failing builds in a row are missed, where one in ten was promised.
fn drift(server: &TestServer) {
    let (key, answer) = observe(server, 0, 3);
    assert_eq!(answer["selection"]["verdict"], "observe", "{answer}");
    // The first miss makes later selections include what is as likely to fail.
    let missed = *left_out(server, &key)
        .first()
        .expect("something is left out");
    end(server, &key, 0, missed);
    wait_for(server, "a miss", |found| {
        found["holdouts"]["observed"] == 11
    });
    let (key, _) = observe(server, 1, 4);
    let missed = *left_out(server, &key)
        .last()
        .expect("something is left out");
    end(server, &key, 1, missed);
    wait_for(server, "drift", |found| found["off"]["reason"] == "drift");
}

/// Forty failing builds that would have been caught.
fn recover(server: &TestServer) {
    for number in 2..42 {
        let module = number % FILES;
        let (key, answer) = observe(server, number, module);
        assert_eq!(answer["selection"]["reason"], "drift", "{answer}");
        end(server, &key, number, module);
    }
    wait_for(server, "recovery", |found| found["off"] == Value::Null);
}

/// Newest first.
fn events(server: &TestServer, kind: &str) -> Vec<Value> {
    let listed = server.get(&format!("{SUITE}/events?event={kind}")).ok();
    listed.as_array().unwrap().clone()
}

fn tab(server: &TestServer) -> String {
    let answer = server.ask("GET", TAB).send();
    assert_eq!(answer.status, 200);
    answer.text()
}

#[test]
fn drift_and_recovery_are_events_and_on_the_tab() {
    let clock = Clock::fixed_at(Timestamp::from_millis(NOW));
    let server = TestServer::with(|config| config.web.open = true, clock);
    observed(&server);
    assert!(!tab(&server).contains("Switched off and on"));
    drift(&server);
    let off = events(&server, "selection.off");
    assert_eq!(off.len(), 1);
    assert_eq!(off[0]["actor"]["kind"], "server");
    assert_eq!(off[0]["before"]["selection"], "on");
    assert_eq!(off[0]["after"]["selection"], "off by drift");
    assert!(off[0]["after"]["drift_statistic"].as_f64().unwrap() >= 20.0);
    let reason = "more failing builds were missed than promised";
    assert_eq!(off[0]["reason"], reason);
    assert_eq!(events(&server, "selection.on").len(), 0);
    let text = tab(&server);
    assert!(text.contains("Switched off automatically"), "{text}");
    assert!(text.contains(reason), "{text}");
    // Every plan has all tests.
    let body = request("full/step", "full", 2_000, &[source(3)]);
    let answer = plan(&server, &with_selection(body, "confidence", &confident())).ok();
    assert_eq!(answer["selection"]["reason"], "drift", "{answer}");
    assert_eq!(planned(&answer).len(), FILES);

    recover(&server);
    let on = events(&server, "selection.on");
    assert_eq!(on.len(), 1);
    assert_eq!(on[0]["before"]["selection"], "off by drift");
    assert_eq!(on[0]["after"]["selection"], "on");
    assert_eq!(
        on[0]["reason"],
        "the newest failing builds keep the promise"
    );
    let text = tab(&server);
    let (on, off) = (
        text.find("Switched on automatically").expect("in the list"),
        text.find("Switched off automatically")
            .expect("in the list"),
    );
    assert!(on < off, "the newest is first");
    let audit = "/v2/analytics/organizations/acme/audit?per_page=100";
    let entries = server.get(audit).ok();
    let switches = entries.as_array().unwrap().iter();
    let switches: Vec<&Value> = switches
        .filter(|entry| entry["action"] == "suite.selection")
        .map(|entry| &entry["after"]["selection"])
        .collect();
    assert_eq!(switches, ["on", "off by drift"]);
}

#[test]
fn a_person_who_switches_selection_off_is_named_where_people_are() {
    let server = TestServer::with(|config| config.web.open = true, Clock::System);
    let path = format!("{SUITE}/selection");
    let off = json!({"off": true, "reason": "release week"});
    server.patch(&path, &off).ok();
    server.patch(&path, &json!({"off": false})).ok();
    server.patch(&path, &json!({"off": true})).ok();
    let off = events(&server, "selection.off");
    let reasons: Vec<&Value> = off.iter().map(|event| &event["reason"]).collect();
    assert_eq!(reasons, [&Value::Null, &json!("release week")]);
    assert_eq!(off[0]["actor"]["kind"], "token");
    assert_eq!(events(&server, "selection.on").len(), 1);
    assert_eq!(overview(&server)["off"]["reason"], "switched_off");
    let open = tab(&server);
    assert!(open.contains("<b>Switched off</b>"), "{open}");
    assert!(open.contains("release week"), "{open}");
    let cookie = cookie(&server, &server.access);
    let signed_in = get(&server, TAB, &cookie).text();
    assert!(signed_in.contains("<b>Switched off by "), "{signed_in}");
}
