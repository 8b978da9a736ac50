//! The pages about test selection in a real browser: accessible, within their budgets, on a wide
//! screen and a phone, light and dark, with and without scripts.

use std::fmt::Write as _;

use test_engine::clock::Clock;
use test_engine_testkit::{Browser, root};

use crate::forms;
use crate::pages_scene::PAGES;
use crate::selection_scene::{miss, observed};
use crate::support::{SUITE, TestServer};

const MAX_HTML: usize = 100 * 1024;
const MAX_ELEMENTS: u64 = 1_500;

/// A suite with a miss, and the addresses of its pages with names for their pictures.
fn scene() -> (TestServer, Vec<(&'static str, String)>) {
    let server = TestServer::with(|config| config.web.open = true, Clock::System);
    observed(&server);
    let (key, _) = miss(&server);
    let runs = server.get(&format!("{SUITE}/runs?per_page=100")).ok();
    let mut runs = runs.as_array().unwrap().iter();
    let run = runs.find(|run| run["branch"] == "careless").unwrap();
    let run = run["id"].as_str().unwrap().to_owned();
    let suite = format!("{}{PAGES}/suites/web", server.base);
    let decision = format!("{suite}/selection/decision?identifier={key}/step");
    let pages = vec![
        ("selection", format!("{suite}/selection")),
        ("selection-table", format!("{suite}/selection?as=table")),
        ("decision", decision.clone()),
        ("decision-search", format!("{decision}&search=module4")),
        ("decision-none", format!("{suite}/selection/decision")),
        ("run-selected", format!("{suite}/runs/{run}")),
    ];
    (server, pages)
}

#[test]
fn pages_about_selection_are_sound() {
    let (server, pages) = scene();
    let cookie = forms::cookie(&server, &server.access);
    let mut browser = Browser::start();
    let mut report = String::new();
    for is_signed_in in [true, false] {
        browser.clear_cookies();
        if is_signed_in {
            browser.set_cookie(&server.base, &cookie);
        }
        for (width, scheme) in [
            (1_280, "light"),
            (1_280, "dark"),
            (390, "light"),
            (390, "dark"),
        ] {
            browser.look(width, 900, scheme, true);
            for (name, address) in &pages {
                let visit = browser.open(address);
                let mut found = browser.accessibility_findings();
                let wider = browser.sideways_scroll();
                if wider > 0.0 {
                    found.push(format!("it is {wider} pixels wider than the window"));
                }
                found.extend(visit.messages.iter().map(|text| format!("console: {text}")));
                let elements = browser.evaluate("document.querySelectorAll('*').length");
                if elements.as_u64().unwrap() > MAX_ELEMENTS {
                    found.push(format!("{elements} elements"));
                }
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
    for (name, address) in &pages {
        let path = address.strip_prefix(&server.base).unwrap();
        let size = server.ask("GET", path).send().body.len();
        assert!(size <= MAX_HTML, "{name}: {size} bytes");
    }
}

#[test]
fn pages_about_selection_work_without_scripts() {
    let (_server, pages) = scene();
    let mut browser = Browser::start();
    browser.look(320, 900, "light", false);
    for (name, address) in &pages {
        let visit = browser.open(address);
        assert_eq!(visit.messages, Vec::<String>::new(), "{name}");
        assert!(browser.sideways_scroll() <= 0.0, "{name}");
    }
    // A form with GET works without scripts, too.
    browser.open(&pages[2].1);
    let search = "document.querySelector('main input[type=search]').value = 'module4'; 1";
    let _none = browser.evaluate(search);
    browser.click("main form.filters button");
    browser.wait_until("location.search.includes('search=module4')");
    let names = "document.querySelectorAll('main tbody .name').length";
    assert_eq!(browser.evaluate(names), 1);
}
