//! The list of tests in a real browser: by form and by pointer, with scripts and without.

use serde_json::json;
use test_engine_testkit::Browser;

use crate::forms::cookie;
use crate::test_scene::{History, PAGES};

/// Signed in, on the list of tests.
fn at_the_list(history: &History, is_scripted: bool) -> Browser {
    let session = cookie(&history.server, &history.server.access);
    let mut browser = Browser::start();
    browser.look(1_280, 900, "light", is_scripted);
    browser.set_cookie(&history.server.base, &session);
    browser.open(&history.address(&format!("{PAGES}/tests")));
    browser
}

/// The names in the list.
const NAMES: &str = "[...document.querySelectorAll('.test-list a.name')].map(a => a.innerText)";

#[test]
fn the_form_and_the_text_find_the_same_tests_without_scripts() {
    let history = History::new();
    let mut browser = at_the_list(&history, false);
    browser.click("#fields summary");
    browser.evaluate("document.querySelector('select[name=health]').value = 'flaky'; 1");
    browser.click("#fields input[name=slower]");
    browser.type_text("200ms");
    browser.click("#fields button");
    browser.settle("Page.loadEventFired");
    let text = browser.evaluate("document.querySelector('.query input[name=q]').value");
    assert_eq!(text, "flaky:yes duration:>200ms");
    assert_eq!(browser.evaluate(NAMES), json!(["polls"]));
    // The text changes the fields.
    browser.evaluate("document.querySelector('.query input[name=q]').value = 'state:muted'; 1");
    browser.click(".query button");
    browser.settle("Page.loadEventFired");
    let state = browser.evaluate("document.querySelector('select[name=state]').value");
    assert_eq!(state, "muted");
    assert_eq!(browser.evaluate(NAMES), json!(["waits"]));
}

#[test]
fn chosen_tests_get_a_label_and_a_query_gets_a_name() {
    let history = History::new();
    let mut browser = at_the_list(&history, true);
    for name in ["polls", "ships"] {
        let id = history.id(name);
        browser.click(&format!("input[name=test][value='{id}']"));
    }
    browser.click(".bulk input[name=label]");
    browser.type_text("checkout");
    browser.click("button[value=label]");
    browser.wait_until("!!document.querySelector('.notice')");
    let notice = browser.evaluate("document.querySelector('.notice').innerText");
    assert_eq!(notice, "2 tests changed.");
    browser.open(&history.address(&format!("{PAGES}/tests?q=label:checkout")));
    assert_eq!(browser.evaluate(NAMES), json!(["ships", "polls"]));
    browser.click("#save summary");
    browser.click("#save input[name=name]");
    browser.type_text("Checkout");
    browser.click("#save button[value=save]");
    browser.wait_until("!!document.querySelector('.views [aria-current] bdi')");
    let current = browser.evaluate("document.querySelector('.views [aria-current]').innerText");
    assert_eq!(current, "Checkout");
}

#[test]
fn the_search_is_a_key_away() {
    let history = History::new();
    let mut browser = at_the_list(&history, true);
    browser.press("/");
    browser.type_text("execution expired");
    browser.press("Enter");
    browser.wait_until("location.pathname === '/search'");
    let heading = browser.evaluate("document.querySelector('.found h2').innerText");
    assert_eq!(heading, "Messages of recent failures");
    browser.press("/");
    let text = browser.evaluate("document.activeElement.value");
    assert_eq!(text, "execution expired");
}
