//! The pages of tests: a test, the flaky ones, the quarantined ones; and their journeys in a real
//! browser.

use std::fmt::Write as _;
use std::sync::atomic::Ordering;

use serde_json::{Value, json};
use test_engine_testkit::{Browser, root};

use crate::forms::{cookie, form_token, get, post};
use crate::support::{Answer, SUITE, TestServer, result};
use crate::test_scene::{History, PAGES, strange};
use crate::weights;

const DAY: i64 = 24 * 60 * 60 * 1_000;

#[track_caller]
fn shows(page: &Answer, parts: &[&str]) {
    assert_eq!(page.status, 200, "{}", page.text());
    let text = page.text();
    for part in parts {
        assert!(text.contains(part), "{part} is missing: {text}");
    }
}

#[test]
fn the_page_of_a_test_begins_with_the_verdict() {
    let history = History::new();
    let server = &history.server;
    let cookie = cookie(server, &server.access);
    let open = |path: &str| get(server, path, &cookie);
    let polls = history.page("polls");
    shows(
        &open(&polls),
        &[
            "Flaky: fails ",
            "of the time on code that is fine.",
            "commits have both results.",
            "It fails 100% of the time if host.type is c6i.large, and otherwise 0%.",
            "Fails on good code",
            "Passes on retry",
            "100%",
            // How it fails: the frequent cause first.
            "Timeout::Error: execution expired",
            "expected 3 items, got 2",
            "app/cart.rb:38",
            // Where it fails.
            "c6i.large",
            // Inside the last failure.
            "SELECT * FROM orders",
        ],
    );
    let ships = open(&history.page("ships"));
    shows(&ships, &["Broken on main since ", "It last passed on "]);
    shows(
        &open(&history.page("adds up")),
        &["Reliable: passed all ", " executions in 28 days."],
    );
    shows(
        &open(&history.page("waits")),
        &["It is muted", "the sandbox throttles us", "payments-team"],
    );
    // The pictures as tables, and a shorter period.
    let table = open(&format!("{polls}?as=table"));
    shows(
        &table,
        &["<caption", "failed, passed on retry", "Middle 80%"],
    );
    assert!(!table.text().contains("class=\"chart attempts\""));
    let week = open(&format!("{polls}?days=7"));
    shows(&week, &["href=\"", "?days=60"]);
    assert!(!week.text().contains("expected 3 items, got 2</bdi></code>"));
    for strange_query in ["days=0", "days=x", "page=0", "as=%00", "done=%3Cb%3E"] {
        let answer = open(&format!("{polls}?{strange_query}"));
        assert!(matches!(answer.status, 200 | 400), "{strange_query}");
    }
}

#[test]
fn a_test_without_results_has_a_page() {
    let history = History::new();
    let server = &history.server;
    history.time.fetch_add(40 * DAY, Ordering::SeqCst);
    let page = server.ask("GET", &history.page("adds up")).send();
    shows(&page, &["Did not run in the last 28 days."]);
}

#[test]
fn labels_are_changed_on_the_page_of_a_test() {
    let history = History::new();
    let server = &history.server;
    let cookie = cookie(server, &server.access);
    let page = history.page("polls");
    let token = form_token(&get(server, &page, &cookie));
    let address = format!("{page}/labels");
    let change = |fields: &str| {
        let fields = format!("form_token={token}&{fields}");
        post(server, &address, &cookie, &fields).status
    };
    assert_eq!(change("operator=add&label=+very+slow+"), 303);
    shows(
        &get(server, &page, &cookie),
        &["Remove the label very slow"],
    );
    assert_eq!(change("operator=add&label=a,b"), 422);
    assert_eq!(change("operator=turn&label=x"), 404);
    assert_eq!(change("operator=remove&label=very+slow"), 303);
    let page = get(server, &page, &cookie);
    assert!(!page.text().contains("Remove the label very slow"));
    let forged = format!("form_token={}&operator=add&label=x", "0".repeat(64));
    assert_eq!(post(server, &address, &cookie, &forged).status, 403);
}

#[test]
fn flaky_tests_are_listed_by_cost_and_muted_together() {
    let history = History::new();
    let server = &history.server;
    let cookie = cookie(server, &server.access);
    let address = format!("{PAGES}/flaky");
    let page = get(server, &address, &cookie);
    shows(
        &page,
        &[
            "2 flaky tests.",
            "1 of them is quarantined.",
            "failed in 14 of 56 runs",
            "polls",
        ],
    );
    let table = get(server, &format!("{address}?as=table"), &cookie);
    shows(&table, &["Failures by test and run", "passed on retry"]);
    let token = form_token(&page);
    let mute = |tests: &[&str], reason: &str| {
        let mut fields = format!("form_token={token}&action=mute&from=flaky&days=3");
        write!(fields, "&reason={reason}").unwrap();
        for test in tests {
            write!(fields, "&test={}", history.id(test)).unwrap();
        }
        post(server, &format!("{PAGES}/quarantine"), &cookie, &fields)
    };
    assert_eq!(mute(&[], "x").status, 422);
    assert_eq!(mute(&["polls"], "").status, 422, "without a reason");
    let answer = mute(&["polls", "ships"], "times+out");
    assert_eq!(answer.status, 303);
    let next = answer.header("location").unwrap().to_owned();
    shows(
        &get(server, &next, &cookie),
        &["1 test changed. 1 test not changed"],
    );
    assert_eq!(
        muted(&history),
        ["polls", "waits"],
        "failures of ships are real"
    );
}

#[test]
fn quarantined_tests_are_extended_and_enabled_together() {
    let history = History::new();
    let server = &history.server;
    let cookie = cookie(server, &server.access);
    let address = format!("{PAGES}/quarantine");
    let page = get(server, &address, &cookie);
    shows(
        &page,
        &[
            "1 test is quarantined.",
            "the sandbox throttles us",
            "https://tracker.example/PAY-2210",
            "payments-team",
            "failed today",
            " clean passes",
        ],
    );
    let anonymous = server.ask("GET", &address).send();
    shows(&anonymous, &["1 test is quarantined."]);
    assert!(!anonymous.text().contains("name=\"action\""));
    let token = form_token(&page);
    let waits = history.id("waits");
    let act = |fields: &str| {
        let fields = format!("form_token={token}&test={waits}&{fields}");
        post(server, &address, &cookie, &fields).status
    };
    let quarantine = || server.get(&format!("{SUITE}/tests/{waits}")).ok()["quarantine"].clone();
    assert_eq!(act("action=extend&days=60"), 303);
    let extended = quarantine();
    assert_eq!(extended["extensions"], 1, "{extended}");
    assert_eq!(extended["reason"], "the sandbox throttles us", "kept");
    assert_eq!(extended["owner"], "payments-team", "kept");
    assert_eq!(act("action=extend&days=1000"), 422);
    assert_eq!(act("action=nothing"), 400);
    assert_eq!(act("action=enable&reason=fixed"), 303);
    assert_eq!(quarantine(), Value::Null);
    // Somebody else was faster.
    assert_eq!(act("action=extend&days=3"), 303);
    assert_eq!(quarantine(), Value::Null);
    shows(
        &get(server, &address, &cookie),
        &["No test is muted or skipped."],
    );
}

#[test]
fn a_session_that_ended_before_the_form_was_sent_leads_back_to_the_page() {
    let server = TestServer::start();
    server.upload(
        "b1",
        "main",
        &json!([result("Cart", "adds", "a.rb", 1.0, "passed")]),
    );
    let wanted = json!({"scope": "Cart", "name": "adds"});
    let test = server.post(&format!("{SUITE}/tests/find"), &wanted).ok();
    let page = format!("{PAGES}/tests/{}", test["id"].as_str().unwrap());
    for form in ["state", "labels"] {
        let address = format!("{page}/{form}");
        let answer = post(
            &server,
            &address,
            "a=b",
            "state=muted&reason=it+waits&days=3",
        );
        let next = answer.header("location").unwrap_or_default();
        assert_eq!(answer.status, 303);
        let path = page.replace('/', "%2F");
        // What was typed into the form that mutes is kept.
        let typed = if form == "state" {
            "%3Fchange%3D1%26t_reason%3Dit%2Bwaits%26t_days%3D3%23change-state"
        } else {
            ""
        };
        assert_eq!(next, format!("/sign-in?next={path}{typed}"));
    }
}

/// The path of the page of the latest failed execution of a test.
fn failed_execution(history: &History, name: &str) -> String {
    let page = history.page(name);
    let text = history.server.ask("GET", &page).send().text();
    let links = text.split("?execution_id=").skip(1);
    let mut failed = links.filter(|link| link[..200].contains("#i-fail"));
    format!("{page}?execution_id={}", &failed.next().unwrap()[..36])
}

#[test]
fn an_execution_has_its_failure_its_spans_and_its_place() {
    let history = History::new();
    let server = &history.server;
    let path = failed_execution(&history, "polls");
    shows(
        &server.ask("GET", &path).send(),
        &[
            "Failed.",
            "Timeout::Error: execution expired",
            "app/cart.rb:38:in",
            "https://api.shop.test/v1/charges",
            "host.type",
            "c6i.large",
            "#4053",
        ],
    );
    let (page, execution) = path.split_once('?').unwrap();
    let others = history.page("ships");
    for missing in [
        format!("{others}?{execution}"),
        format!("{page}?execution_id=01890a5d-ac96-774b-bcce-b302099a8057"),
    ] {
        assert_eq!(server.ask("GET", &missing).send().status, 404, "{missing}");
    }
    let unreadable = format!("{page}?execution_id=x");
    assert_eq!(server.ask("GET", &unreadable).send().status, 400);
}

/// A name for the picture, and the path.
fn pages(history: &History) -> Vec<(&'static str, String)> {
    let polls = history.page("polls");
    vec![
        ("test-flaky", polls.clone()),
        ("test-table", format!("{polls}?as=table")),
        ("test-branch", format!("{polls}?branch=main&days=7")),
        ("test-change", format!("{polls}?change=1")),
        ("test-broken", history.page("ships")),
        ("test-sound", history.page("adds up")),
        ("test-muted", history.page("waits")),
        ("test-strange", history.page(&strange())),
        ("execution", failed_execution(history, "polls")),
        ("execution-strange", failed_execution(history, &strange())),
        ("failures-many", format!("{PAGES}/failures")),
        ("flaky", format!("{PAGES}/flaky")),
        ("flaky-table", format!("{PAGES}/flaky?as=table")),
        ("quarantine", format!("{PAGES}/quarantine")),
        (
            "quarantine-team",
            format!("{PAGES}/quarantine?owner=payments-team"),
        ),
        ("test-list", format!("{PAGES}/tests")),
        (
            "test-list-query",
            format!("{PAGES}/tests?q=flaky:yes+Cart+duration:%3E1ms"),
        ),
        ("test-list-none", format!("{PAGES}/tests?q=none+such")),
        ("test-list-problem", format!("{PAGES}/tests?q=state:gone")),
        ("owners", "/organizations/acme/analytics/owners".to_owned()),
        ("search", "/search?q=cart&in=acme/web".to_owned()),
        (
            "search-everywhere",
            "/search?q=execution+expired".to_owned(),
        ),
        ("search-none", "/search?q=none+such".to_owned()),
    ]
}

#[test]
fn the_pages_of_tests_are_sound_in_every_look() {
    let history = History::new();
    let session = cookie(&history.server, &history.server.access);
    let mut browser = Browser::start();
    let mut report = String::new();
    for (width, scheme) in [
        (1_280, "light"),
        (1_280, "dark"),
        (390, "light"),
        (390, "dark"),
    ] {
        for is_signed_in in [true, false] {
            browser.clear_cookies();
            if is_signed_in {
                browser.set_cookie(&history.server.base, &session);
            }
            browser.look(width, 900, scheme, true);
            for (name, path) in pages(&history) {
                let visit = browser.open(&history.address(&path));
                // What is folded has to be sound too.
                browser.evaluate(
                    "for (const one of document.querySelectorAll('main details')) one.open = true",
                );
                let mut found = browser.accessibility_findings();
                found.extend(visit.messages.iter().map(|text| format!("console: {text}")));
                let wider = browser.sideways_scroll();
                if wider > 0.0 {
                    found.push(format!("{wider} pixels wider than the window"));
                }
                let base = &history.server.base;
                let elsewhere = visit.requests.iter().filter(|one| !one.starts_with(base));
                found.extend(elsewhere.map(|one| format!("requests {one}")));
                if is_signed_in {
                    let picture = format!("target/screenshots/{name}-{width}-{scheme}.png");
                    browser.screenshot(&root().join(picture));
                }
                for problem in found {
                    writeln!(report, "{name} {width} {scheme} {is_signed_in}: {problem}").unwrap();
                }
            }
        }
    }
    assert!(report.is_empty(), "{report}");
}

#[test]
fn the_pages_of_tests_stay_within_their_budgets() {
    let history = History::new();
    let mut browser = Browser::start();
    browser.look(320, 900, "light", false);
    for (name, path) in pages(&history) {
        // Without scripts, on the narrowest window.
        let visit = browser.open(&history.address(&path));
        assert_eq!(visit.messages, Vec::<String>::new(), "{name}");
        let wider = browser.sideways_scroll();
        assert!(wider <= 0.0, "{name}: {wider} pixels wider than the window");
        browser.look(320, 900, "light", true);
        weights::check(&mut browser, &history.server, name, &path);
        browser.look(320, 900, "light", false);
    }
}

/// Signed in, on the list of flaky tests.
fn at_flaky_tests(history: &History) -> Browser {
    let session = cookie(&history.server, &history.server.access);
    let mut browser = Browser::start();
    browser.look(1_280, 900, "light", true);
    browser.set_cookie(&history.server.base, &session);
    browser.open(&history.address(&format!("{PAGES}/flaky")));
    browser
}

/// The names of the muted tests.
fn muted(history: &History) -> Vec<String> {
    let muted = history.server.get(&format!("{SUITE}/tests/muted")).ok();
    let names = muted.as_array().unwrap().iter().map(|test| &test["name"]);
    names
        .map(|name| name.as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn a_flaky_test_is_muted_with_three_clicks_and_undone() {
    let history = History::new();
    let mut browser = at_flaky_tests(&history);
    let polls = history.page("polls");
    browser.click(&format!("a.name[href='{polls}']"));
    browser.wait_until(&format!("location.pathname === {}", json!(polls)));
    browser.wait_until("!!document.querySelector('[data-mute]')");
    browser.click("[data-mute]");
    browser.wait_until("document.getElementById('change-state').open");
    // The reason has the focus.
    browser.type_text("times out, see PAY-2210");
    browser.click("#change-state button[value=muted]");
    browser.wait_until("!!document.querySelector('.notice')");
    let notice = browser.evaluate("document.querySelector('.notice p').innerText");
    assert!(
        notice
            .as_str()
            .unwrap()
            .starts_with("The test is muted until "),
        "{notice}"
    );
    assert_eq!(muted(&history), ["polls", "waits"]);
    browser.click(".notice button");
    browser.wait_until("document.querySelector('.notice p')?.innerText.includes('enabled')");
    assert_eq!(muted(&history), ["waits"]);
}

#[test]
fn a_flaky_test_is_muted_with_the_keyboard() {
    let history = History::new();
    let mut browser = at_flaky_tests(&history);
    browser.open(&history.address(&history.page("polls")));
    let is_open = "document.getElementById('change-state').open";
    browser.press("m");
    browser.wait_until(is_open);
    browser.press("Escape");
    browser.wait_until(&format!("!{is_open}"));
    // The focus is back where it was, so that Tab goes on from there.
    browser.evaluate("document.querySelector('[data-mute]').focus()");
    browser.press("Enter");
    browser.wait_until(is_open);
    let focused = browser.evaluate("document.activeElement.name");
    assert_eq!(focused, "reason");
    browser.type_text("times out");
    browser.press("Enter");
    browser.wait_until("!!document.querySelector('.notice')");
    assert_eq!(muted(&history), ["polls", "waits"]);
}

#[test]
fn a_test_is_muted_without_scripts() {
    let history = History::new();
    let mut browser = at_flaky_tests(&history);
    browser.look(1_280, 900, "light", false);
    browser.open(&history.address(&history.page("polls")));
    browser.click("[data-mute]");
    browser.settle("Page.loadEventFired");
    browser.click("#change-state input[name=reason]");
    browser.type_text("times out");
    browser.click("#change-state button[value=muted]");
    browser.settle("Page.loadEventFired");
    assert_eq!(muted(&history), ["polls", "waits"]);
}
