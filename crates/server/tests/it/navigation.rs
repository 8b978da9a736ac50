//! Finding one's way in a suite, in a real browser: the tabs and the menus beside them, and lists
//! that fit.

use test_engine_testkit::Browser;

use crate::forms;
use crate::pages_scene::{PAGES, Scene};
use crate::test_scene::History;

/// The tabs, and the pages of the menu.
const TABS: [&str; 5] = ["", "/runs", "/tests", "/flaky", "/quarantine"];
const MENU: [&str; 5] = ["/selection", "/plans", "/uploads", "/rules", "/settings"];
const OPEN_MENUS: &str = "document.querySelectorAll('.menu[open]').length";

fn suite(path: &str) -> String {
    format!("{PAGES}/suites/web{path}")
}

/// At the narrowest supported width, without scripts.
#[test]
fn every_page_of_a_suite_shows_where_it_is() {
    let scene = Scene::new();
    let mut browser = Browser::start();
    browser.look(320, 900, "light", false);
    for path in TABS.iter().chain(&MENU) {
        browser.open(&scene.address(&suite(path)));
        let current = "[...document.querySelectorAll('.tabs [aria-current]')].map(link => {\
            const box = link.getBoundingClientRect();\
            return [new URL(link.href).pathname, box.left >= 0 && box.right <= innerWidth];\
        })";
        let expected = serde_json::json!([[suite(path), true]]);
        assert_eq!(browser.evaluate(current), expected, "{path}");
        let addresses = "[...document.querySelectorAll('.tabs a')]\
            .map(link => new URL(link.href).pathname)";
        let addresses = browser.evaluate(addresses);
        let mut found: Vec<&str> = addresses
            .as_array()
            .unwrap()
            .iter()
            .map(|address| address.as_str().unwrap())
            .collect();
        found.sort_unstable();
        let mut all: Vec<String> = TABS.iter().chain(&MENU).map(|path| suite(path)).collect();
        all.sort_unstable();
        assert_eq!(found, all, "{path}");
    }
}

#[test]
fn menus_work_without_scripts() {
    let scene = Scene::new();
    let cookie = forms::cookie(&scene.server, &scene.server.access);
    let mut browser = Browser::start();
    browser.look(390, 900, "light", false);
    browser.set_cookie(&scene.server.base, &cookie);
    browser.open(&scene.address(&suite("")));
    browser.click(".tabs summary");
    browser.click(".session summary");
    assert_eq!(browser.evaluate(OPEN_MENUS), 1, "one menu at a time");
    browser.click(".session summary");
    browser.click(".tabs summary");
    assert_eq!(browser.evaluate(OPEN_MENUS), 1);
    let is_inside = "(() => { const box = document.querySelector('.tabs .menu-list')\
        .getBoundingClientRect(); return box.left >= 0 && box.right <= innerWidth; })()";
    assert_eq!(browser.evaluate(is_inside), true);
    browser.click(".tabs .menu-list a[href$='/plans']");
    browser.wait_until("location.pathname.endsWith('/plans')");
    browser.click(".session summary");
    browser.click(".session .menu-list form button");
    browser.wait_until("!!document.querySelector('.session a[href=\"/sign-in\"]')");
}

#[test]
fn menus_close_when_they_are_left() {
    let scene = Scene::new();
    let mut browser = Browser::start();
    browser.look(1_280, 900, "light", true);
    browser.open(&scene.address(&suite("")));
    browser.click(".tabs summary");
    assert_eq!(browser.evaluate(OPEN_MENUS), 1);
    browser.press("Tab");
    let focused = "document.activeElement.innerText";
    assert_eq!(browser.evaluate(focused), "Selection");
    browser.press("Escape");
    assert_eq!(browser.evaluate(OPEN_MENUS), 0);
    assert_eq!(browser.evaluate(focused), "More");
    browser.press("Enter");
    assert_eq!(browser.evaluate(OPEN_MENUS), 1);
    for _ in MENU {
        browser.press("Tab");
    }
    assert_eq!(browser.evaluate(focused), "Settings");
    browser.press("Tab");
    browser.wait_until(&format!("{OPEN_MENUS} === 0"));
    browser.click(".tabs summary");
    browser.click("h1");
    browser.wait_until(&format!("{OPEN_MENUS} === 0"));
    // Keys lead to the pages of the menu, too.
    browser.press("g");
    browser.press("u");
    browser.wait_until("location.pathname.endsWith('/uploads')");
}

/// The less important columns are left out on a small laptop, instead of cutting off the last ones.
#[test]
fn tables_of_a_suite_fit_on_a_small_laptop() {
    let scene = Scene::new();
    // Has flaky tests.
    let history = History::new();
    let mut browser = Browser::start();
    browser.look(1_100, 900, "light", true);
    for path in [
        scene.address(PAGES),
        scene.address(&suite("/runs")),
        scene.address(&suite("/rules")),
        history.address(&suite("/flaky")),
    ] {
        browser.open(&path);
        let wider = "[...document.querySelectorAll('.scroll')]\
            .map(place => place.scrollWidth - place.clientWidth)\
            .filter(pixels => pixels > 0)";
        assert_eq!(browser.evaluate(wider), serde_json::json!([]), "{path}");
        let tables = browser.evaluate("document.querySelectorAll('.scroll').length");
        assert_ne!(tables, 0, "{path} has no table");
    }
}
