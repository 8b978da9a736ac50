//! Muting a test from wherever somebody meets it: from the overview in three clicks, with the
//! keyboard, after a session has ended, and when somebody else was faster.

use serde_json::{Value, json};
use test_engine_testkit::Browser;

use crate::forms::{cookie, form_token, get, post};
use crate::support::SUITE;
use crate::test_scene::{History, PAGES};

/// Signed in, on a page.
fn at(history: &History, path: &str) -> Browser {
    let session = cookie(&history.server, &history.server.access);
    let mut browser = Browser::start();
    browser.look(1_280, 900, "light", true);
    browser.set_cookie(&history.server.base, &session);
    browser.open(&history.address(path));
    browser
}

fn muted(history: &History) -> Vec<String> {
    let muted = history.server.get(&format!("{SUITE}/tests/muted")).ok();
    let names = muted.as_array().unwrap().iter().map(|test| &test["name"]);
    names
        .map(|name| name.as_str().unwrap().to_owned())
        .collect()
}

fn quarantine(history: &History, name: &str) -> Value {
    let address = format!("{SUITE}/tests/{}", history.id(name));
    history.server.get(&address).ok()["quarantine"].clone()
}

/// The list, with its script.
const AT_FLAKY: &str = "location.pathname.endsWith('/flaky') && \
    document.readyState === 'complete' && \
    document.documentElement.classList.contains('scripted')";
const IS_OPEN: &str = "!!document.querySelector('dialog#change-state[open]')";

#[test]
fn a_flaky_test_is_muted_from_the_overview_with_three_clicks_and_one_line() {
    let history = History::new();
    let mut browser = at(&history, PAGES);
    // The first click.
    browser.click(".tabs a[href$='/flaky']");
    browser.wait_until(AT_FLAKY);
    // The second.
    browser.click("a[data-borrow][aria-label='Mute polls']");
    browser.wait_until(IS_OPEN);
    assert_eq!(browser.evaluate("document.activeElement.name"), "reason");
    browser.type_text("times out, see PAY-2210");
    // The third.
    browser.click("#change-state button[value=muted]");
    browser.wait_until("!!document.querySelector('.notice')");
    assert_eq!(muted(&history), ["polls", "waits"]);
    assert_eq!(
        quarantine(&history, "polls")["reason"],
        "times out, see PAY-2210"
    );
    // Back on the list, with a line that undoes it.
    let place = browser.evaluate("location.pathname");
    assert!(place.as_str().unwrap().ends_with("/flaky"), "{place}");
    let notice = browser.evaluate("document.querySelector('.notice p').innerText");
    assert!(
        notice.as_str().unwrap().starts_with("polls is muted"),
        "{notice}"
    );
    browser.click(".notice button");
    browser.wait_until("document.querySelector('.notice p')?.innerText.includes('enabled')");
    assert_eq!(muted(&history), ["waits"]);
}

#[test]
fn a_flaky_test_is_muted_from_the_list_with_the_keyboard() {
    let history = History::new();
    let mut browser = at(&history, PAGES);
    browser.press("g");
    browser.press("f");
    browser.wait_until(AT_FLAKY);
    browser.press("j");
    let name = browser.evaluate("document.activeElement.innerText");
    assert_eq!(name, "polls");
    browser.press("m");
    browser.wait_until(IS_OPEN);
    // Escape closes it, and the focus is back on the link.
    browser.press("Escape");
    browser.wait_until(&format!("!({IS_OPEN})"));
    browser.wait_until("document.activeElement.getAttribute('aria-label') === 'Mute polls'");
    browser.press("Enter");
    browser.wait_until(IS_OPEN);
    browser.type_text("times out");
    browser.press("Enter");
    browser.wait_until("!!document.querySelector('.notice')");
    assert_eq!(muted(&history), ["polls", "waits"]);
}

#[test]
fn without_scripts_the_form_is_a_part_of_the_page_of_the_test() {
    let history = History::new();
    let mut browser = at(&history, PAGES);
    browser.look(1_280, 900, "light", false);
    browser.open(&history.address(&format!("{PAGES}/flaky")));
    browser.click("a[data-borrow][aria-label='Mute polls']");
    browser.wait_until(&format!("document.readyState === 'complete' && {IS_OPEN}"));
    browser.click("#change-state input[name=reason]");
    browser.type_text("times out");
    browser.click("#change-state button[value=muted]");
    browser.wait_until("!!document.querySelector('.notice')");
    assert_eq!(muted(&history), ["polls", "waits"]);
}

#[test]
fn a_failure_is_muted_on_the_page_of_its_run() {
    let history = History::new();
    let run = history.server.get(&format!("{SUITE}/runs?per_page=1")).ok();
    let run = format!("{PAGES}/runs/{}", run[0]["id"].as_str().unwrap());
    let mut browser = at(&history, &run);
    browser.evaluate("document.querySelectorAll('details.group').forEach(e => { e.open = true; })");
    browser.click("a[data-borrow]");
    browser.wait_until(IS_OPEN);
    // The failures of the test may be real, so somebody has to say that it is to be muted anyway.
    let has_warning = "!!document.querySelector('#change-state .problem')";
    if browser.evaluate(has_warning) == true {
        browser.click("#change-state [name=force]");
        browser.click("#change-state input[name=reason]");
    }
    browser.type_text("known");
    browser.click("#change-state button[value=muted]");
    browser.wait_until("!!document.querySelector('.notice')");
    assert_eq!(browser.evaluate("location.pathname"), run);
    assert_eq!(muted(&history).len(), 2);
}

#[test]
fn what_was_typed_survives_a_session_that_has_ended() {
    let history = History::new();
    let mut browser = at(&history, &format!("{PAGES}/flaky"));
    browser.click("a[data-borrow][aria-label='Mute polls']");
    browser.wait_until(IS_OPEN);
    browser.type_text("times out & more");
    browser.click("#change-state [name=days][value='3']");
    browser.clear_cookies();
    browser.click("#change-state button[value=muted]");
    browser.wait_until("location.pathname === '/sign-in'");
    assert_eq!(muted(&history), ["waits"]);
    let token = json!(history.server.access);
    browser.evaluate(&format!(
        "document.querySelector('details.way:last-of-type').open = true; \
         document.getElementById('token').value = {token}; 1"
    ));
    browser.click("#token");
    browser.press("Enter");
    browser.wait_until(IS_OPEN);
    let reason = browser.evaluate("document.querySelector('[name=reason]').value");
    assert_eq!(reason, "times out & more");
    let days = browser.evaluate("document.querySelector('[name=days]:checked').value");
    assert_eq!(days, "3");
    browser.click("#change-state button[value=muted]");
    // Back on the list on which it began.
    browser.wait_until("location.pathname.endsWith('/flaky')");
    assert_eq!(quarantine(&history, "polls")["reason"], "times out & more");
}

#[test]
fn the_second_of_two_people_is_told_who_was_faster() {
    let history = History::new();
    let server = &history.server;
    let session = cookie(server, &server.access);
    let page = history.page("polls");
    let shown = get(server, &format!("{page}?change=1"), &session);
    let token = form_token(&shown);
    let text = shown.text();
    let (_, seen) = text.split_once("name=\"seen\" value=\"").unwrap();
    let seen = seen.split('"').next().unwrap();
    let mute = |reason: &str| {
        let fields =
            format!("form_token={token}&seen={seen}&state=muted&reason={reason}&days=3&owner=web");
        post(server, &format!("{page}/state"), &session, &fields)
    };
    assert_eq!(mute("the+first").status, 303);
    assert_eq!(quarantine(&history, "polls")["reason"], "the first");
    let second = mute("the+second");
    assert_eq!(second.status, 303);
    assert_eq!(quarantine(&history, "polls")["reason"], "the first");
    let next = second.header("location").unwrap();
    let next = next.split('#').next().unwrap();
    let told = get(server, next, &session).text();
    for part in [
        "first admin token has muted the test since you opened this form",
        "the first",
        "value=\"the second\"",
        "value=\"web\"",
    ] {
        assert!(told.contains(part), "{part}: {told}");
    }
    // Saving that form replaces it.
    let (_, seen) = told.split_once("name=\"seen\" value=\"").unwrap();
    let seen = seen.split('"').next().unwrap();
    let fields = format!("form_token={token}&seen={seen}&state=muted&reason=both&days=3");
    let saved = post(server, &format!("{page}/state"), &session, &fields);
    assert!(saved.header("location").unwrap().ends_with("?done=muted"));
    assert_eq!(quarantine(&history, "polls")["reason"], "both");
}

#[test]
fn the_way_back_never_leads_to_another_site() {
    let history = History::new();
    let server = &history.server;
    let session = cookie(server, &server.access);
    let page = history.page("polls");
    for back in [
        "https://evil.example/",
        "//evil.example",
        "javascript:alert(1)",
    ] {
        let query = serde_urlencoded::to_string([("change", "1"), ("back", back)]).unwrap();
        let shown = get(server, &format!("{page}?{query}"), &session);
        assert_eq!(shown.status, 200);
        assert!(!shown.text().contains("evil.example"), "{back}");
        assert!(!shown.text().contains("javascript:"), "{back}");
    }
    let token = form_token(&get(server, &page, &session));
    let fields = format!(
        "form_token={token}&state=muted&reason=x&days=3&back=https%3A%2F%2Fevil.example%2F"
    );
    let answer = post(server, &format!("{page}/state"), &session, &fields);
    let next = answer.header("location").unwrap();
    assert!(next.starts_with("/organizations?done=muted"), "{next}");
}
