//! The pages about test selection: the tab, the decision, the sentence of a run, and the switch.

use serde_json::{Value, json};
use test_engine::clock::Clock;
use test_engine_store::Timestamp;

use super::TestServer;
use crate::forms::{cookie, form_token, get, post};
use crate::selection_scene::{
    FILES, NOW, all_files, finish, miss, observed, overview, planned, results, selected, source,
    test_file, wait_for_holdouts,
};
use crate::support::SUITE;

const PAGES: &str = "/organizations/acme/analytics/suites/web";

fn start() -> TestServer {
    let clock = Clock::fixed_at(Timestamp::from_millis(NOW));
    TestServer::with(|_config| {}, clock)
}

fn page(server: &TestServer, path: &str) -> String {
    let cookie = cookie(server, &server.access);
    let answer = get(server, &format!("{PAGES}{path}"), &cookie);
    assert_eq!(answer.status, 200, "{path}: {}", answer.text());
    answer.text()
}

#[test]
fn a_suite_without_selection_says_how_to_begin() {
    let server = start();
    let text = page(&server, "/selection");
    assert!(text.contains("No failing build is known yet."), "{text}");
    assert!(
        text.contains("bktec run --selection-strategy observe"),
        "{text}"
    );
    let text = page(&server, "/selection/decision");
    assert!(text.contains("Plan identifier"), "{text}");
    let cookie = cookie(&server, &server.access);
    let missing = format!("{PAGES}/selection/decision?identifier=none");
    assert_eq!(get(&server, &missing, &cookie).status, 404);
}

#[test]
fn a_miss_is_on_the_tab_with_its_run_and_its_rank() {
    let server = start();
    observed(&server);
    let before = page(&server, "/selection");
    assert!(
        before.contains("11 of the last 11 failing builds were caught."),
        "{before}"
    );
    assert!(
        before.contains("Every known failing build was caught"),
        "{before}"
    );
    assert!(
        before.contains("Share of 11 failing builds that are caught"),
        "{before}"
    );
    let table = page(&server, "/selection?as=table");
    assert!(
        table.contains("Caught failing builds by share of the time"),
        "{table}"
    );
    let (key, missed) = miss(&server);
    let after = page(&server, "/selection");
    assert!(
        after.contains("11 of the last 12 failing builds were caught."),
        "{after}"
    );
    assert!(after.contains(&test_file(missed)), "{after}");
    assert!(after.contains("a run of the default branch"), "{after}");
    assert!(
        after.contains(&format!("selection/decision?identifier={key}%2Fstep")),
        "{after}"
    );
    assert!(after.contains("plans of 90 days; 10 observed"), "{after}");
}

#[test]
fn a_decision_has_every_item_and_a_search() {
    let server = start();
    observed(&server);
    let (key, answer) = selected(&server, "topic", 500, 3);
    let runs = planned(&answer);
    let address = format!("/selection/decision?identifier={key}/step");
    let text = page(&server, &address);
    for file in all_files() {
        assert!(text.contains(&file), "{file}: {text}");
    }
    let sentence = format!("Selected {} of {FILES} tests", runs.len());
    assert!(text.contains(&sentence), "{text}");
    assert!(
        text.contains(&source(3)) && text.contains("The cut."),
        "{text}"
    );
    let left_out = FILES - runs.len();
    assert_eq!(
        text.matches("<use href=\"#i-skip\"/></svg>left out")
            .count(),
        left_out,
        "{text}"
    );
    let others = page(&server, &format!("{address}&show=left_out"));
    assert!(
        others.contains(&format!("{left_out} items, best first")),
        "{others}"
    );
    assert!(!others.contains(&test_file(3)), "{others}");
    let found = page(&server, &format!("{address}&search=MODULE3.py"));
    assert!(
        found.contains("1 item, best first") && found.contains("same name"),
        "{found}"
    );
    assert!(found.contains("failed in "), "{found}");
    let none = page(&server, &format!("{address}&search=nothing"));
    assert!(none.contains("No item has such a name."), "{none}");

    // The run says the same, with a link.
    finish(
        &server,
        &key,
        "topic",
        500,
        &results(runs.iter().cloned(), &[3]),
    );
    wait_for_holdouts(&server, "caught", 1);
    let listed = server.get(&format!("{SUITE}/runs?per_page=100")).ok();
    let of_branch = |branch: &str| {
        let mut runs = listed.as_array().unwrap().iter();
        let run = runs.find(|run| run["branch"] == branch).unwrap();
        run["id"].as_str().unwrap().to_owned()
    };
    let run = page(&server, &format!("/runs/{}", of_branch("topic")));
    assert!(run.contains(&sentence), "{run}");
    assert!(
        run.contains(&format!("selection/decision?identifier={key}%2Fstep")),
        "{run}"
    );
    let main = page(&server, &format!("/runs/{}", of_branch("main")));
    assert!(!main.contains("selection/decision"), "{main}");
}

/// The page of the test in a file.
fn page_of_test(server: &TestServer, number: usize) -> String {
    let sought = json!({"scope": test_file(number), "name": "works"});
    let found = server.post(&format!("{SUITE}/tests/find"), &sought).ok();
    page(server, &format!("/tests/{}", found["id"].as_str().unwrap()))
}

#[test]
fn a_test_says_how_often_it_was_left_out_and_what_it_missed() {
    let server = start();
    observed(&server);
    let before = page_of_test(&server, 4);
    assert!(!before.contains("<dt>Selection</dt>"), "{before}");
    let (key, missed) = miss(&server);
    let ran = page_of_test(&server, 4);
    assert!(
        ran.contains("Left out of none of the newest 1 builds with a selection."),
        "{ran}"
    );
    assert!(
        ran.contains(">ran with rank 1 of 30 and a value of "),
        "{ran}"
    );
    let left_out = page_of_test(&server, missed);
    let sentence = "Left out of 1 of the newest 1 builds with a selection. 1 of these is known to \
         have failed because of this test.";
    assert!(left_out.contains(sentence), "{left_out}");
    let file = test_file(missed).replace('/', "%2F");
    let decision = format!("selection/decision?identifier={key}%2Fstep&#38;search={file}\"");
    assert!(left_out.contains(&decision), "{left_out}");
    // Another build leaves it out, but nothing is known of how that ended.
    selected(&server, "topic", 900, 9);
    let other = (0..FILES).rfind(|number| ![4, 9, missed].contains(number));
    let twice = page_of_test(&server, other.unwrap());
    assert!(
        twice.contains(" of the newest 2 builds with a selection."),
        "{twice}"
    );
}

#[test]
fn the_switch_needs_a_reason_and_names_it_everywhere() {
    let server = start();
    observed(&server);
    let cookie = cookie(&server, &server.access);
    let address = format!("{PAGES}/selection");
    let token = form_token(&get(&server, &address, &cookie));
    let send = |fields: &str| {
        let fields = format!("form_token={token}&{fields}");
        post(&server, &address, &cookie, &fields).status
    };
    assert_eq!(send("action=off&reason="), 422);
    assert_eq!(
        send(&format!("action=off&reason={}", "x".repeat(1_001))),
        422
    );
    assert_eq!(send("action=away"), 404);
    assert_eq!(overview(&server)["off"], Value::Null);
    assert_eq!(send("action=off&reason=release+week"), 303);
    assert_eq!(overview(&server)["off"]["reason"], "switched_off");
    let text = page(&server, "/selection");
    assert!(text.contains("Every build runs all tests"), "{text}");
    assert!(text.contains("release week"), "{text}");
    // Another reason is no second switch.
    let other = json!({"off": true, "reason": "release month"});
    let ask = server.ask("PATCH", &format!("{SUITE}/selection"));
    ask.bearer(&server.access).json(&other).send().ok();
    let text = page(&server, "/selection");
    assert_eq!(text.matches("<b>Switched off").count(), 1, "{text}");
    assert!(text.contains("release month"), "{text}");
    assert_eq!(send("action=on"), 303);
    assert_eq!(overview(&server)["off"], Value::Null);
    let forged = post(
        &server,
        &address,
        &cookie,
        "form_token=x&action=off&reason=x",
    );
    assert_eq!(forged.status, 403);
    assert_eq!(overview(&server)["off"], Value::Null);
}
