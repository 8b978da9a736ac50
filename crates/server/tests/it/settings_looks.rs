//! The pages of plans, uploads, rules and settings in a real browser: in every look, with and
//! without scripts, and within their budgets.

use std::fmt::Write as _;

use secrecy::SecretString;
use serde_json::json;
use test_engine::{admin, people};
use test_engine_store::{Change, Role, Timestamp};
use test_engine_testkit::{Browser, root};

use crate::forms::post;
use crate::pages_scene::{PAGES, Scene};
use crate::support::SUITE;

const MAX_HTML: usize = 100 * 1024;
const MAX_COMPRESSED: u64 = 15 * 1024;
const MAX_ELEMENTS: u64 = 1_500;
const LOOKS: [(u32, &str); 4] = [
    (1_280, "light"),
    (1_280, "dark"),
    (390, "light"),
    (390, "dark"),
];

/// A suite with everything that these pages show, and the session of an admin.
struct Place {
    scene: Scene,
    admin: String,
    rule: String,
}

impl Place {
    fn new() -> Self {
        let scene = Scene::new();
        let server = &scene.server;
        let refused = json!({"format": "no", "run_env": {"key": "b3"}, "data": []});
        assert_eq!(server.upload_json(&refused).status, 422);
        let rule = json!({
            "name": "Mute what is flaky, or has a very long name that does not fit",
            "monitor": {"type": "passed_on_retry"},
            "filters": [{"tag": "scm.branch", "operator": "is", "value": "main"}],
            "alarm_actions": [{"type": "mute", "days": 7}, {"type": "add_label", "label": "flaky"}],
            "recover_actions": [{"type": "enable"}],
        });
        let rule = server.post(&format!("{SUITE}/rules"), &rule).json();
        let webhook = json!({
            "url": "https://chat.example.com/hooks/T0", "format": "slack",
            "events": ["mute.created", "test.alarm"], "suite_slug": "web",
        });
        let webhooks = "/v2/analytics/organizations/acme/webhooks";
        let created = server.post(webhooks, &webhook);
        assert_eq!(created.status, 201, "{}", created.text());
        server.with_store(async |store| {
            let acme = admin::organization(store, "acme").await.unwrap();
            let change = Change::by_server(Timestamp::from_millis(0));
            for (login, role) in [("ada", Role::Admin), ("rea", Role::Reader)] {
                let password = Some(SecretString::from("correct horse battery"));
                people::create_user(store, &acme, login, role, password, &change)
                    .await
                    .unwrap();
            }
            let matches = people::rule_match("claim", "groups=engineering").unwrap();
            people::create_rule(store, acme.id, matches, Some(Role::Writer), &change)
                .await
                .unwrap();
        });
        let fields = "login=ada&password=correct+horse+battery";
        let answer = post(server, "/sign-in/password", "", fields);
        let set = answer.header("set-cookie").unwrap();
        Self {
            admin: set.split(';').next().unwrap().to_owned(),
            rule: format!("{PAGES}/suites/web/rules/{}", rule["id"].as_str().unwrap()),
            scene,
        }
    }

    /// A name for the picture, and the path.
    fn pages(&self) -> Vec<(String, String)> {
        let suite = |path: &str| format!("{PAGES}/suites/web{path}");
        let mut pages = vec![
            ("uploads".to_owned(), suite("/uploads")),
            ("uploads-table".to_owned(), suite("/uploads?as=table")),
            (
                "uploads-empty".to_owned(),
                format!("{}/uploads", self.scene.empty_suite),
            ),
            ("plans".to_owned(), suite("/plans")),
            (
                "plans-empty".to_owned(),
                format!("{}/plans", self.scene.empty_suite),
            ),
            ("plan".to_owned(), suite("/plans/red%2Fstep?nodes=3")),
            ("rules".to_owned(), suite("/rules")),
            ("rule".to_owned(), self.rule.clone()),
            (
                "rule-change".to_owned(),
                format!("{}?change=1&preview=1", self.rule),
            ),
            ("rule-new".to_owned(), suite("/rules/new")),
            ("sign-in".to_owned(), "/sign-in".to_owned()),
        ];
        for section in [
            "",
            "states",
            "labels",
            "owners",
            "tokens",
            "oidc",
            "webhooks",
            "retention",
            "audit",
        ] {
            let path = suite(&format!("/settings/{section}"));
            let path = path.trim_end_matches('/').to_owned();
            pages.push((format!("settings-{section}"), path));
        }
        for section in ["", "people", "tokens", "webhooks", "retention", "audit"] {
            let path = format!("{PAGES}/settings/{section}");
            let path = path.trim_end_matches('/').to_owned();
            pages.push((format!("organization-{section}"), path));
        }
        pages
    }
}

#[test]
fn the_pages_for_admins_are_sound_in_every_look() {
    let place = Place::new();
    let base = &place.scene.server.base;
    let mut browser = Browser::start();
    browser.set_cookie(base, &place.admin);
    let mut report = String::new();
    for (width, scheme) in LOOKS {
        browser.look(width, 900, scheme, true);
        for (name, path) in place.pages() {
            let visit = browser.open(&place.scene.address(&path));
            let mut found = browser.accessibility_findings();
            found.extend(visit.messages.iter().map(|text| format!("console: {text}")));
            let wider = browser.sideways_scroll();
            if wider > 0.0 {
                found.push(format!("{wider} pixels wider than the window"));
            }
            let elsewhere = visit.requests.iter().filter(|one| !one.starts_with(base));
            found.extend(elsewhere.map(|one| format!("requests {one}")));
            let picture = format!("target/screenshots/{name}-{width}-{scheme}.png");
            browser.screenshot(&root().join(picture));
            for problem in found {
                writeln!(report, "{name} {width} {scheme}: {problem}").unwrap();
            }
        }
    }
    assert!(report.is_empty(), "{report}");
}

#[test]
fn the_pages_for_admins_stay_within_their_budgets_without_scripts_too() {
    let place = Place::new();
    let server = &place.scene.server;
    let mut browser = Browser::start();
    browser.set_cookie(&server.base, &place.admin);
    let mut report = String::new();
    for (name, path) in place.pages() {
        let plain = server.ask("GET", &path).header("cookie", &place.admin);
        let size = plain.send().body.len();
        if size > MAX_HTML {
            writeln!(report, "{name}: {size} bytes").unwrap();
        }
        browser.look(320, 900, "light", false);
        let visit = browser.open(&place.scene.address(&path));
        assert_eq!(visit.messages, Vec::<String>::new(), "{name}");
        let wider = browser.sideways_scroll();
        if wider > 0.0 {
            writeln!(report, "{name}: {wider} pixels wider than the window").unwrap();
        }
        browser.look(320, 900, "light", true);
        browser.open(&place.scene.address(&path));
        let packed = "performance.getEntriesByType('navigation')[0].encodedBodySize";
        let packed = browser.evaluate(packed).as_u64().unwrap();
        if name != "sign-in" && packed > MAX_COMPRESSED {
            writeln!(report, "{name}: {packed} bytes compressed").unwrap();
        }
        let elements = browser.evaluate("document.querySelectorAll('*').length");
        let elements = elements.as_u64().unwrap();
        if elements > MAX_ELEMENTS {
            writeln!(report, "{name}: {elements} elements").unwrap();
        }
    }
    assert!(report.is_empty(), "{report}");
}

#[test]
fn a_rule_is_written_previewed_and_saved_by_pointer_and_keyboard() {
    let place = Place::new();
    let mut browser = Browser::start();
    browser.look(1_280, 900, "light", true);
    browser.set_cookie(&place.scene.server.base, &place.admin);
    browser.open(&place.scene.address(&format!("{PAGES}/suites/web")));
    browser.press("g");
    browser.press("l");
    browser.wait_until("location.pathname.endsWith('/rules')");
    browser.click("a[href$='/rules/new']");
    browser.wait_until("!!document.querySelector('.rule-fields')");
    // Only the parameters of the chosen monitor are shown.
    let is_shown = "document.querySelector('[name=\"duration_p50.high\"]').offsetParent !== null";
    assert_eq!(browser.evaluate(is_shown), false);
    browser.click("[name=monitor][value=duration_p50]");
    assert_eq!(browser.evaluate(is_shown), true);
    browser.click("[name='duration_p50.high']");
    browser.type_text("1");
    browser.click("input[name=name]");
    browser.type_text("Slow tests");
    browser.click("button[value=preview]");
    browser.wait_until("!!document.getElementById('preview')");
    let name = browser.evaluate("document.querySelector('input[name=name]').value");
    assert_eq!(name, "Slow tests", "what was typed stays");
    browser.click("button[value=save]");
    browser.wait_until("document.querySelector('h1')?.innerText === 'Slow tests'");
    browser.click("button[name=enabled]");
    browser.wait_until("document.querySelector('button[name=enabled]')?.value === 'yes'");
}

#[test]
fn a_token_can_be_copied_from_the_page_that_shows_it_once() {
    let place = Place::new();
    let mut browser = Browser::start();
    browser.look(1_280, 900, "light", true);
    browser.set_cookie(&place.scene.server.base, &place.admin);
    let tokens = format!("{PAGES}/suites/web/settings/tokens");
    browser.open(&place.scene.address(&tokens));
    browser.click("input[name=purpose]");
    browser.type_text("nightly");
    browser.press("Enter");
    browser.wait_until("!!document.getElementById('secret')");
    browser.evaluate("navigator.clipboard.writeText = (text) => { window.copied = text; }; 1");
    browser.click("[data-copy-from=secret]");
    browser.wait_until("!!window.copied && window.copied.startsWith('tes_')");
}
