//! Muting, changing and enabling a test in its row, on the lists of tests and of quarantined tests.

use serde_json::{Value, json};
use test_engine_testkit::Browser;

use crate::forms::cookie;
use crate::support::{SUITE, result};
use crate::test_scene::{History, PAGES};
use crate::weights;

const IS_OPEN: &str = "!!document.querySelector('dialog#change-state[open]')";

/// Signed in, on a page of the suite.
fn at(history: &History, path: &str, is_scripted: bool) -> Browser {
    let session = cookie(&history.server, &history.server.access);
    let mut browser = Browser::start();
    browser.look(1_280, 900, "light", is_scripted);
    browser.set_cookie(&history.server.base, &session);
    browser.open(&history.address(&format!("{PAGES}/{path}")));
    browser
}

/// Why a test is muted or skipped; null if it is enabled.
fn quarantine(history: &History, name: &str) -> Value {
    let address = format!("{SUITE}/tests/{}", history.id(name));
    history.server.get(&address).ok()["quarantine"].clone()
}

/// The line that says what was done, once it has this in it.
fn notice(browser: &mut Browser, part: &str) {
    let has_part = format!("document.querySelector('.notice p')?.innerText.includes('{part}')");
    browser.wait_until(&has_part);
}

#[test]
fn a_test_is_muted_in_its_row_and_the_list_stays_as_it_was() {
    let history = History::new();
    for is_scripted in [true, false] {
        let mut browser = at(&history, "tests?q=polls&sort=failed", is_scripted);
        browser.click(".test-list a[aria-label='Mute polls']");
        browser.wait_until(IS_OPEN);
        browser.click("#change-state input[name=reason]");
        browser.type_text("times out");
        browser.click("#change-state button[value=muted]");
        notice(&mut browser, "polls is muted");
        let place = browser.evaluate("location.pathname + location.search");
        let place = place.as_str().unwrap();
        let list = format!("{PAGES}/tests?q=polls&sort=failed&done=muted");
        assert!(place.starts_with(&list), "{place}");
        assert_eq!(quarantine(&history, "polls")["reason"], "times out");
        // What the row offers now.
        let label = "document.querySelector('.test-list .acts a').innerText";
        assert_eq!(browser.evaluate(label), "Change…");
        browser.click(".notice button");
        notice(&mut browser, "polls is enabled");
        assert_eq!(quarantine(&history, "polls"), Value::Null);
    }
}

#[test]
fn a_quarantined_test_is_changed_in_its_row() {
    let history = History::new();
    let before = quarantine(&history, "waits");
    let mut browser = at(&history, "quarantine?owner=payments-team", true);
    browser.press("j");
    browser.press("m");
    browser.wait_until(IS_OPEN);
    let heading = browser.evaluate("document.querySelector('#change-title').innerText");
    assert_eq!(heading, "Change how it is muted");
    browser.click("#change-state [name=days][value='3']");
    browser.click("#change-state button[value=muted]");
    notice(&mut browser, "waits is muted");
    let place = browser.evaluate("location.pathname + location.search");
    let list = format!("{PAGES}/quarantine?owner=payments-team&done=muted");
    assert!(place.as_str().unwrap().starts_with(&list), "{place}");
    let has_three_days =
        "document.querySelector('.quarantined')?.innerText.includes('3 days left')";
    browser.wait_until(has_three_days);
    browser.click(".notice button");
    browser.wait_until(&format!("{has_three_days} === false"));
    assert_eq!(quarantine(&history, "waits")["ends_at"], before["ends_at"]);
}

#[test]
fn a_quarantined_test_is_enabled_in_its_row_and_restored() {
    let history = History::new();
    let before = quarantine(&history, "waits");
    assert_eq!(before["reason"], "the sandbox throttles us");
    for is_scripted in [true, false] {
        let mut browser = at(&history, "quarantine", is_scripted);
        browser.click(".quarantined button[aria-label='Enable waits']");
        notice(&mut browser, "waits is enabled");
        assert_eq!(quarantine(&history, "waits"), Value::Null);
        let place = browser.evaluate("location.pathname");
        assert_eq!(place, format!("{PAGES}/quarantine"));
        browser.click(".notice button");
        notice(&mut browser, "waits is muted");
        let restored = quarantine(&history, "waits");
        for field in ["reason", "owner", "ticket", "scope", "ends_at"] {
            assert_eq!(restored[field], before[field], "{field}");
        }
    }
}

#[test]
fn readers_have_no_buttons_in_rows() {
    let history = History::new();
    for list in ["tests", "quarantine"] {
        let page = history.server.ask("GET", &format!("{PAGES}/{list}")).send();
        assert_eq!(page.status, 200);
        let text = page.text();
        assert!(
            !text.contains("class=\"acts\"") && !text.contains("Enable waits"),
            "{text}"
        );
    }
}

/// More tests than a page has, muted or not, with long names.
#[test]
fn full_lists_stay_within_their_budgets() {
    let history = History::new();
    let server = &history.server;
    let name = |number: usize| format!("{} {number}", "adds up the prices of all items".repeat(4));
    let results = (0..60).map(|number| result("Cart", &name(number), "a_spec.rb", 0.1, "passed"));
    server.upload("many", "main", &json!(results.collect::<Vec<_>>()));
    for number in 0..40 {
        let address = format!("{SUITE}/tests/{}/mute", history.id(&name(number)));
        let details = json!({
            "reason": format!("The sandbox throttles us, {number}"), "days": 20,
            "ticket": format!("https://tracker.example/PAY-{number}"), "owner": "payments-team",
        });
        let muted = server.ask("PUT", &address).bearer(&server.access);
        muted.json(&details).send().ok();
    }
    let session = cookie(server, &server.access);
    let mut browser = at(&history, "tests", true);
    for list in ["tests", "quarantine"] {
        let path = format!("{PAGES}/{list}");
        weights::check_as(&session, &mut browser, server, list, &path);
    }
}
