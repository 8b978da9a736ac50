//! The pages in a real browser: accessible, calm, within their budgets, and as they are meant to be
//! used.

use std::fmt::Write as _;

use serde_json::{Value, json};
use test_engine::clock::Clock;
use test_engine_testkit::{Browser, root};

use crate::forms;
use crate::pages_scene::{PAGES, Scene};
use crate::support::{SUITE, TestServer, result};
use crate::weights;

/// Tab stops before the first failure of a run.
const MAX_TAB_STOPS: usize = 20;

/// A name for the picture, and the path.
fn pages(scene: &Scene) -> Vec<(&'static str, String)> {
    vec![
        ("suites", PAGES.to_owned()),
        ("overview", format!("{PAGES}/suites/web")),
        ("overview-7", format!("{PAGES}/suites/web?period=7")),
        ("overview-empty", scene.empty_suite.clone()),
        ("runs", format!("{PAGES}/suites/web/runs")),
        (
            "runs-by-branch",
            format!("{PAGES}/suites/web/runs?group=branch"),
        ),
        ("runs-empty", format!("{}/runs", scene.empty_suite)),
        ("runs-none", format!("{PAGES}/suites/web/runs?branch=none")),
        (
            "runs-filtered",
            format!("{PAGES}/suites/web/runs?failed=polls&result=retried"),
        ),
        ("failures", format!("{PAGES}/suites/web/failures")),
        ("failures-empty", format!("{}/failures", scene.empty_suite)),
        ("comparison", scene.comparison.clone()),
        ("build", scene.build.clone()),
        ("run-red", scene.red_run.clone()),
        ("run-retried", scene.retried_run.clone()),
        ("run-green", scene.green_run.clone()),
        ("run-strange", scene.strange_run.clone()),
        ("tests", format!("{PAGES}/suites/web/tests")),
        ("not-found", format!("{PAGES}/suites/web/runs/none")),
    ]
}

/// What is wrong with the page that is open.
fn problems(browser: &mut Browser, is_scripted: bool) -> Vec<String> {
    let mut problems = Vec::new();
    let wider = browser.sideways_scroll();
    if wider > 0.0 {
        problems.push(format!("it is {wider} pixels wider than the window"));
    }
    if is_scripted {
        problems.extend(browser.accessibility_findings());
    }
    problems
}

fn look_at_every_page(width: u32, scheme: &str) {
    let scene = Scene::new();
    let cookie = forms::cookie(&scene.server, &scene.server.access);
    let mut browser = Browser::start();
    let mut report = String::new();
    for is_signed_in in [true, false] {
        browser.clear_cookies();
        if is_signed_in {
            browser.set_cookie(&scene.server.base, &cookie);
        }
        browser.look(width, 900, scheme, true);
        for (name, path) in pages(&scene) {
            let visit = browser.open(&scene.address(&path));
            let mut found = problems(&mut browser, true);
            let is_missing = name == "not-found";
            // The browser reports the status of a missing page by itself.
            let messages = visit
                .messages
                .iter()
                .filter(|text| !(is_missing && text.contains("404")));
            found.extend(messages.map(|message| format!("console: {message}")));
            let elsewhere = |address: &&String| !address.starts_with(&scene.server.base);
            let others = visit.requests.iter().filter(elsewhere);
            found.extend(others.map(|address| format!("it requests {address}")));
            if is_signed_in {
                let picture = format!("target/screenshots/{name}-{width}-{scheme}.png");
                browser.screenshot(&root().join(picture));
            }
            for problem in found {
                writeln!(report, "{name}, signed in {is_signed_in}: {problem}").unwrap();
            }
        }
    }
    assert!(report.is_empty(), "{width} {scheme}:\n{report}");
}

#[test]
fn every_page_is_sound_on_a_wide_light_screen() {
    look_at_every_page(1_280, "light");
}

#[test]
fn every_page_is_sound_on_a_wide_dark_screen() {
    look_at_every_page(1_280, "dark");
}

#[test]
fn every_page_is_sound_on_a_light_phone() {
    look_at_every_page(390, "light");
}

#[test]
fn every_page_is_sound_on_a_dark_phone() {
    look_at_every_page(390, "dark");
}

#[test]
fn every_page_works_without_scripts() {
    let scene = Scene::new();
    let mut browser = Browser::start();
    browser.look(320, 900, "light", false);
    for (name, path) in pages(&scene) {
        let visit = browser.open(&scene.address(&path));
        let scripts = visit
            .messages
            .iter()
            .filter(|message| !message.contains("404"));
        assert_eq!(scripts.collect::<Vec<_>>(), Vec::<&String>::new(), "{name}");
        assert_eq!(
            problems(&mut browser, false),
            Vec::<String>::new(),
            "{name}"
        );
    }
}

#[test]
fn pages_stay_within_their_budgets() {
    let scene = Scene::new();
    let many = many_failures(&scene.server);
    let mut browser = Browser::start();
    browser.look(1_280, 900, "light", true);
    let mut all = pages(&scene);
    all.push(("run-many", many));
    for (name, path) in all {
        weights::check(&mut browser, &scene.server, name, &path);
    }
}

#[test]
fn a_run_with_50_000_failures_has_a_light_page() {
    let server = TestServer::with(|config| config.web.open = true, Clock::System);
    let mut run = String::new();
    for part in 0..10 {
        let results: Vec<Value> = (0..5_000)
            .map(|number| {
                let name = format!("case {part} {number}");
                let mut failed = result("Cart", &name, "spec/a_spec.rb", 0.1, "failed");
                failed["failure_reason"] = json!("the sandbox is away");
                failed
            })
            .collect();
        let receipt = server.upload("many", "topic", &json!(results)).json();
        receipt["run_id"].as_str().unwrap().clone_into(&mut run);
    }
    let path = format!("{PAGES}/suites/web/runs/{run}");
    let mut browser = Browser::start();
    browser.look(1_280, 900, "light", true);
    weights::check(&mut browser, &server, "50,000 failures", &path);
    let text = browser.evaluate("document.querySelector('main').innerText");
    let text = text.as_str().unwrap();
    for part in [
        "50\u{202f}000 tests fail",
        "50\u{202f}000 tests with the same message",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    for page in ["failures", "runs", "tests"] {
        let path = format!("{PAGES}/suites/web/{page}");
        weights::check(&mut browser, &server, page, &path);
    }
}

/// A run with sixty causes, each with a text and a backtrace, and one cause of a thousand tests.
fn many_failures(server: &TestServer) -> String {
    let failure = |name: String, reason: String| {
        let mut failed = result(
            "Cart with two currencies",
            &name,
            "spec/a_spec.rb",
            1.0,
            "failed",
        );
        failed["failure_reason"] = json!(reason);
        let frames: Vec<String> = (0..40)
            .map(|line| format!("lib/f{line}.rb:{line}:in `x'"))
            .collect();
        failed["failure_expanded"] = json!([{
            "expanded": [format!("{reason}\n{}", "some text of the failure\n".repeat(30))],
            "backtrace": frames,
        }]);
        failed
    };
    let letters = |number: u8| {
        let letter = |number: u8| char::from(b'a' + number);
        format!("{}{}", letter(number / 8), letter(number % 8))
    };
    let mut results: Vec<Value> = (0..60)
        .map(|number| {
            failure(
                format!("case {number}"),
                format!("{} is wrong", letters(number)),
            )
        })
        .collect();
    results.extend((0..1_000).map(|number| failure(format!("same {number}"), "outage".to_owned())));
    let receipt = server.upload("many", "topic", &json!(results)).json();
    let run = receipt["run_id"].as_str().unwrap();
    format!("{PAGES}/suites/web/runs/{run}")
}

#[test]
fn a_red_run_answers_who_is_to_blame() {
    let scene = Scene::new();
    let mut browser = Browser::start();
    browser.look(1_280, 900, "light", true);
    browser.open(&scene.address(&scene.red_run));
    let text = |browser: &mut Browser, selector: &str| {
        let text = format!("document.querySelector({}).innerText", json!(selector));
        browser
            .evaluate(&text)
            .as_str()
            .unwrap_or_default()
            .to_owned()
    };
    let verdict = text(&mut browser, ".verdict strong");
    assert!(
        verdict.starts_with("2 tests fail because of this change. The other 2 failures do not"),
        "{verdict}"
    );
    let details = text(&mut browser, ".verdict p");
    assert!(
        details.contains("app/services/tax/per_line.rb:49, which this commit changed"),
        "{details}"
    );
    let labels =
        browser.evaluate("[...document.querySelectorAll('.group .badge')].map(e => e.innerText)");
    let labels: Vec<&str> = labels
        .as_array()
        .unwrap()
        .iter()
        .filter_map(Value::as_str)
        .collect();
    assert_eq!(labels.len(), 4, "{labels:?}");
    assert_eq!(&labels[..2], ["New here", "Also on main"]);
    assert!(
        labels[2].contains("lak") && labels[3].starts_with("Muted"),
        "{labels:?}"
    );
    let first = text(&mut browser, ".group");
    for part in [
        "+ expected",
        "4758",
        "4757",
        "2 frames of libraries",
        "changed in this commit",
    ] {
        assert!(first.contains(part), "{part}: {first}");
    }
    // Only new failures are open.
    let open = browser.evaluate("document.querySelectorAll('.group[open]').length");
    assert_eq!(open, 1);
    let page = text(&mut browser, "main");
    for part in [
        "Did every test run?",
        "Yes.",
        "How the work was split",
        "c7g.xlarge",
    ] {
        assert!(page.contains(part), "{part}: {page}");
    }
}

#[test]
fn a_red_run_can_be_read_with_the_keyboard() {
    let scene = Scene::new();
    let mut browser = Browser::start();
    browser.look(1_280, 900, "light", true);
    let cookie = forms::cookie(&scene.server, &scene.server.access);
    browser.set_cookie(&scene.server.base, &cookie);
    browser.open(&scene.address(&scene.red_run));
    let in_failure = "!!document.activeElement.closest('[data-failure]')";
    let mut stops = 0;
    while browser.evaluate(in_failure) != true {
        browser.press("Tab");
        stops += 1;
        assert!(
            stops <= MAX_TAB_STOPS,
            "too many tab stops before the first failure"
        );
    }
    // The second failure: open it, and go back.
    let focused = "[...document.querySelectorAll('[data-failure]')]\
        .indexOf(document.activeElement.closest('[data-failure]'))";
    browser.press("j");
    assert_eq!(browser.evaluate(focused), 1);
    let is_open = "document.activeElement.closest('[data-failure]').open";
    assert_eq!(browser.evaluate(is_open), false);
    browser.press("o");
    assert_eq!(browser.evaluate(is_open), true);
    browser.press("k");
    assert_eq!(browser.evaluate(focused), 0);
    browser.press("?");
    assert_eq!(
        browser.evaluate("document.getElementById('keys').open"),
        true
    );
    browser.press("Escape");
    browser.wait_until("!document.getElementById('keys').open");
    browser.press("/");
    assert_eq!(browser.evaluate("document.activeElement.type"), "search");
    browser.evaluate("document.activeElement.blur()");
    browser.press("g");
    browser.press("t");
    browser.wait_until("location.pathname.endsWith('/tests')");
}

#[test]
fn the_command_that_runs_the_failures_can_be_copied() {
    let scene = Scene::new();
    let mut browser = Browser::start();
    browser.look(1_280, 900, "light", true);
    browser.open(&scene.address(&scene.red_run));
    // What is copied, without a clipboard.
    browser.evaluate("navigator.clipboard.writeText = (text) => { window.copied = text; }; 1");
    browser.click(".verdict [data-command]");
    browser.wait_until("!!window.copied");
    assert_eq!(
        browser.evaluate("window.copied"),
        "bundle exec rspec spec/cart_spec.rb:1"
    );
    browser.click("[data-copy-from]");
    browser.wait_until("window.copied.startsWith('### ')");
}

#[test]
fn the_theme_changes_at_once_and_is_remembered() {
    let scene = Scene::new();
    let mut browser = Browser::start();
    browser.look(1_280, 900, "light", true);
    let address = scene.address(PAGES);
    browser.open(&address);
    let background = "getComputedStyle(document.body).backgroundColor";
    let light = browser.evaluate(background);
    browser.click("[data-theme-form] button");
    browser.wait_until("document.documentElement.dataset.theme === 'dark'");
    let dark = browser.evaluate(background);
    assert_ne!(light, dark);
    browser.wait_until("fetch('/account', {method: 'HEAD'}).then(() => true)");
    browser.open(&address);
    assert_eq!(
        browser.evaluate("document.documentElement.dataset.theme"),
        "dark"
    );
    assert_eq!(browser.evaluate(background), dark);
}

#[test]
fn a_run_that_grows_reloads_its_content() {
    let server = TestServer::with(|config| config.web.open = true, Clock::System);
    let upload = |name: &str, outcome: &str| {
        let results = json!([result("Cart", name, "a_spec.rb", 1.0, outcome)]);
        server.upload("live", "topic", &results).json()
    };
    let run = upload("adds", "passed");
    let run = run["run_id"].as_str().unwrap();
    let mut browser = Browser::start();
    browser.look(1_280, 900, "light", true);
    browser.open(&format!("{}{PAGES}/suites/web/runs/{run}", server.base));
    let verdict = "document.querySelector('.verdict strong').innerText";
    assert_eq!(browser.evaluate(verdict), "It works. Every test passed.");
    browser.evaluate("document.getElementById('uploads').open = true; window.same = 1");
    upload("pays", "failed");
    browser.wait_until(&format!("{verdict}.startsWith('1 test fails')"));
    assert_eq!(
        browser.evaluate("document.getElementById('uploads').open"),
        true
    );
    assert_eq!(browser.evaluate("window.same"), 1, "without a new page");
    // The server is away for some rounds. The focus stays on the failure that somebody reads.
    browser.press("j");
    let network = |offline: bool| {
        json!({
            "offline": offline, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1,
        })
    };
    browser.command("Network.emulateNetworkConditions", &network(true));
    upload("ships", "failed");
    browser.wait_until("new Promise(done => setTimeout(() => done(true), 6000))");
    browser.command("Network.emulateNetworkConditions", &network(false));
    browser.wait_until(&format!("{verdict}.startsWith('2 tests fail')"));
    let focused = "document.activeElement.closest('[data-failure]') !== null";
    assert_eq!(browser.evaluate(focused), true);
    let muted = server.get(&format!("{SUITE}/runs/{run}")).ok();
    assert_eq!(muted["result"], "failed");
}
