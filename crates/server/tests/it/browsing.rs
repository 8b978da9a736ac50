//! Security of the pages: headers, cross-site forms, sessions, and a real browser with hostile
//! results.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use serde_json::json;
use test_engine::clock::Clock;
use test_engine::scopes::Scope;
use test_engine_testkit::{clean_command, run_within};

use crate::forms::{cookie, form_token, get, post};
use crate::support::{Answer, SUITE, TestServer, result};

const PAGES: &str = "/organizations/acme/analytics";
const FORM: &str = "application/x-www-form-urlencoded";
/// In milliseconds.
const DAY: i64 = 24 * 60 * 60 * 1_000;

fn sign_in(server: &TestServer, next: &str) -> Answer {
    server
        .ask("POST", "/sign-in")
        .header("content-type", FORM)
        .body(format!("token={}&next={next}", server.access))
        .send()
}

/// Uploads one failing and one passing test; the paths of the run's and the test's page.
fn run_and_test(server: &TestServer, name: &str) -> (String, String) {
    let receipt = server
        .upload(
            name,
            name,
            &json!([
                {"scope": name, "name": name, "location": name, "file_name": name,
                 "result": "failed", "failure_reason": name,
                 "failure_expanded": [{"expanded": [name], "backtrace": [name]}],
                 "history": {"duration": 1.0}},
                result("Cart", "adds up", "cart_spec.rb", 0.25, "passed"),
            ]),
        )
        .json();
    let run = receipt["run_url"].as_str().unwrap();
    let run = run.strip_prefix(&server.base).unwrap().to_owned();
    let test = server
        .post(
            &format!("{SUITE}/tests/find"),
            &json!({"scope": name, "name": name}),
        )
        .ok();
    let test = format!("{PAGES}/suites/web/tests/{}", test["id"].as_str().unwrap());
    (run, test)
}

/// The pages that `bin/load` requests are listed in a file.
#[test]
fn the_load_test_covers_every_page() {
    let looked_at = include_str!("../../../../benches/src/load/pages.txt");
    let looked_at: Vec<&str> = looked_at
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split_whitespace().last()?.split('?').next())
        .collect();
    let pages = test_engine::page_paths();
    for page in &pages {
        assert!(looked_at.contains(page), "{page} is not in it");
    }
    for address in looked_at {
        let served = pages.contains(&address)
            || test_engine::api_addresses().contains(&("GET", address.to_owned()));
        assert!(served, "{address} is in it, and nowhere else");
    }
}

#[test]
fn all_pages_have_security_headers() {
    let server = TestServer::start();
    let (other, _) = run_and_test(&server, "other");
    let (run, test) = run_and_test(&server, "shaky");
    let cookie = cookie(&server, &server.access);
    let rules = server.get(&format!("{SUITE}/rules")).ok();
    let rule = format!(
        "{PAGES}/suites/web/rules/{}",
        rules[0]["id"].as_str().unwrap()
    );
    let request = json!({
        "runner": "rspec", "identifier": "b/s", "parallelism": 2,
        "tests": {"files": [{"path": "a_spec.rb"}]},
    });
    server.post(&format!("{SUITE}/test_plan"), &request).ok();
    let plan = format!("{PAGES}/suites/web/plans/b%2Fs");
    let mut pages: Vec<String> = test_engine::page_paths()
        .into_iter()
        .map(|address| match address.split_once("{id}") {
            Some((before, "")) if before.ends_with("/runs/") => run.clone(),
            Some((before, "")) if before.ends_with("/tests/") => test.clone(),
            Some((before, "")) if before.ends_with("/rules/") => rule.clone(),
            Some((before, "")) if before.ends_with("/plans/") => plan.clone(),
            Some((_, "/against/{against}")) => {
                let (_, id) = other.rsplit_once('/').unwrap();
                format!("{run}/against/{id}")
            }
            Some(_) => panic!("whose id is in {address}?"),
            None => address
                .replace("{organization}", "acme")
                .replace("{build}", "shaky")
                .replace("{suite}", "web"),
        })
        .collect();
    assert!(pages.len() >= 7, "{pages:?}");
    for path in &pages {
        let expected = match path.as_str() {
            // Redirects to the only organization.
            "/organizations" => 303,
            // Only people manage people.
            people if people.ends_with("/settings/people") => 403,
            _ => 200,
        };
        assert_eq!(get(&server, path, &cookie).status, expected, "{path}");
    }
    pages.extend([
        "/sign-in?next=/organizations".to_owned(),
        format!("{PAGES}/suites/none"),
        format!("{PAGES}/suites/web/tests?page=x"),
        format!("{PAGES}/suites/web/tests/none"),
        format!("{PAGES}/suites/web/runs/none"),
        "/organizations/other/analytics".to_owned(),
    ]);
    for path in pages {
        for cookie in [cookie.as_str(), "a=b"] {
            let answer = get(&server, &path, cookie);
            let header = |name: &str| {
                let value = answer.header(name);
                value
                    .unwrap_or_else(|| panic!("{path} lacks {name}"))
                    .to_owned()
            };
            let policy = header("content-security-policy");
            for part in [
                "default-src 'none'",
                "form-action 'self'",
                "base-uri 'none'",
                "frame-ancestors 'none'",
                "script-src 'self'",
                "connect-src 'self'",
            ] {
                assert!(policy.contains(part), "{path}: {policy}");
            }
            assert!(
                !policy.contains("unsafe-") && !policy.contains('*'),
                "{path}: {policy}"
            );
            assert_eq!(header("x-content-type-options"), "nosniff", "{path}");
            assert_eq!(header("x-frame-options"), "DENY", "{path}");
            assert_eq!(header("referrer-policy"), "same-origin", "{path}");
            let is_kept = answer.status == 200
                && !["/sign-in", "/account"]
                    .iter()
                    .any(|start| path.starts_with(start));
            let expected = if is_kept {
                "private, no-cache"
            } else {
                "no-store"
            };
            assert_eq!(header("cache-control"), expected, "{path}");
        }
    }
    // API responses are not sniffed as pages.
    let state = format!("{test}/state");
    for path in [
        "/",
        "/healthz",
        "/nothing",
        SUITE,
        "/v1/uploads",
        "/sign-out",
        &state,
    ] {
        let answer = server.ask("GET", path).send();
        assert_eq!(
            answer.header("x-content-type-options"),
            Some("nosniff"),
            "{path}"
        );
    }
}

#[test]
fn cross_site_forms_are_rejected() {
    let server = TestServer::start();
    let (_, test) = run_and_test(&server, "shaky");
    let state = format!("{test}/state");
    let (own, others) = (
        cookie(&server, &server.access),
        cookie(&server, &server.access),
    );
    let good = form_token(&get(&server, &test, &own));
    let foreign = form_token(&get(&server, &test, &others));
    assert_ne!(good, foreign, "each session has its own");
    for path in [state.as_str(), "/sign-out"] {
        for fields in [
            "state=muted".to_owned(),
            "state=muted&form_token=".to_owned(),
            format!("state=muted&reason=x&form_token={foreign}"),
            format!(
                "state=muted&reason=x&form_token={}",
                &good[..good.len() - 1]
            ),
        ] {
            let answer = post(&server, path, &own, &fields);
            assert_eq!(answer.status, 403, "{path} {fields}: {}", answer.text());
        }
        // Without a session.
        let answer = post(
            &server,
            path,
            "a=b",
            &format!("state=muted&reason=x&form_token={good}"),
        );
        assert!(
            matches!(answer.status, 303 | 403),
            "{path}: {}",
            answer.status
        );
        // Links and images cannot submit it.
        assert_eq!(get(&server, path, &own).status, 405, "{path}");
    }
    let muted = server.get(&format!("{SUITE}/tests/muted")).ok();
    assert_eq!(muted, json!([]));
    assert_eq!(get(&server, &test, &own).status, 200, "still signed in");
    let answer = post(
        &server,
        &state,
        &own,
        &format!("state=muted&reason=x&force=1&form_token={good}"),
    );
    assert_eq!(answer.status, 303);
}

#[test]
fn cross_site_sign_in_is_rejected() {
    let server = TestServer::start();
    let host = server.base.trim_start_matches("http://").to_owned();
    let from = |headers: &[(&str, &str)]| {
        let mut ask = server.ask("POST", "/sign-in").header("content-type", FORM);
        for (name, value) in headers {
            ask = ask.header(name, value);
        }
        ask.body(format!("token={}", server.access)).send()
    };
    for headers in [
        &[("sec-fetch-site", "cross-site")][..],
        &[("sec-fetch-site", "same-site")],
        &[("origin", "https://evil.example")],
        &[("origin", "null")],
        &[("origin", &format!("https://{host}.evil.example"))],
    ] {
        let answer = from(headers);
        assert_eq!(answer.status, 403, "{headers:?}");
        assert_eq!(answer.header("set-cookie"), None, "{headers:?}");
    }
    for headers in [
        &[][..],
        &[("sec-fetch-site", "same-origin")],
        &[("origin", &server.base)],
    ] {
        assert_eq!(from(headers).status, 303, "{headers:?}");
    }
}

#[test]
fn sign_in_redirects_only_to_local_paths() {
    let server = TestServer::start();
    for next in [
        "https%3A%2F%2Fevil.example",
        "%2F%2Fevil.example",
        "%2F%5Cevil.example",
        "%5C%5Cevil.example",
        "javascript%3Aalert(1)",
        "%2F%09%2Fevil.example",
        "%2F%0D%0ALocation%3A%20https%3A%2F%2Fevil.example",
        "evil.example",
        "",
    ] {
        let answer = sign_in(&server, next);
        assert_eq!(
            (answer.status, answer.header("location")),
            (303, Some("/organizations")),
            "{next}"
        );
        let form = server.ask("GET", &format!("/sign-in?next={next}")).send();
        assert!(!form.text().contains("evil.example"), "{next}");
    }
}

#[test]
fn the_session_cookie_is_protected() {
    for (public_url, is_secure) in [(None, false), (Some("https://tests.example.com"), true)] {
        let server = TestServer::with(
            |config| config.network.public_url = public_url.map(str::to_owned),
            Clock::System,
        );
        let set = sign_in(&server, "")
            .header("set-cookie")
            .unwrap()
            .to_owned();
        let attributes: Vec<&str> = set.split("; ").skip(1).collect();
        for wanted in ["HttpOnly", "SameSite=Lax", "Path=/", "Max-Age=604800"] {
            assert!(attributes.contains(&wanted), "{set}");
        }
        assert_eq!(attributes.contains(&"Secure"), is_secure, "{set}");
        assert!(!set.contains("Domain"), "{set}");
    }
}

#[test]
fn sessions_expire_after_a_week() {
    let time = Arc::new(AtomicI64::new(DAY));
    let server = TestServer::with(|_| {}, Clock::Fixed(Arc::clone(&time)));
    let cookie = cookie(&server, &server.access);
    for (days, status) in [(0, 200), (6, 200), (8, 303)] {
        time.store(DAY * (1 + days), Ordering::SeqCst);
        assert_eq!(
            get(&server, PAGES, &cookie).status,
            status,
            "after {days} days"
        );
    }
}

#[test]
fn a_session_has_the_scopes_of_its_token() {
    let server = TestServer::start();
    let (_, test) = run_and_test(&server, "shaky");
    let reader = server.token("acme", &[Scope::ReadSuites]);
    let answer = server
        .ask("POST", "/sign-in")
        .header("content-type", FORM)
        .body(format!("token={reader}"))
        .send();
    let cookie = answer
        .header("set-cookie")
        .unwrap()
        .split(';')
        .next()
        .unwrap()
        .to_owned();
    let token = form_token(&get(&server, &test, &cookie));
    let answer = post(
        &server,
        &format!("{test}/state"),
        &cookie,
        &format!("state=muted&reason=x&form_token={token}"),
    );
    assert_eq!(answer.status, 403);
}

#[test]
fn a_browser_executes_nothing_from_a_hostile_result() {
    let home = tempfile::tempdir().unwrap();
    let dump = |address: &str| {
        let mut command = clean_command("chromium", home.path());
        command.args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--no-proxy-server",
            "--virtual-time-budget=2000",
            "--dump-dom",
            address,
        ]);
        let finished = run_within(command, Duration::from_mins(2));
        finished.expect_code(0);
        finished.stdout
    };
    // Verifies that this browser runs scripts at all.
    let trap = home.path().join("trap.html");
    fs_err::write(
        &trap,
        "<title>calm</title><img src=x onerror=\"document.title='pwned'\">",
    )
    .unwrap();
    let caught = dump(&format!("file://{}", trap.display()));
    assert!(caught.contains("<title>pwned</title>"), "{caught}");

    let server = TestServer::with(|config| config.web.open = true, Clock::System);
    let hostile = "</title><script>document.title='pwned'</script>\"'>\
        <img src=x onerror=\"document.title='pwned'\"><svg/onload=document.title='pwned'>";
    let (run, test) = run_and_test(&server, hostile);
    for path in [
        run,
        test,
        format!("{PAGES}/suites/web"),
        format!("{PAGES}/suites/web/tests"),
    ] {
        let seen = dump(&format!("{}{path}", server.base));
        assert!(seen.contains("pwned"), "{path} shows the text: {seen}");
        assert!(!seen.contains("<title>pwned"), "{path} ran it: {seen}");
        for element in ["<script", "<img", "onload=\"", "onerror=\""] {
            let in_markup = seen.split('<').any(|tag| {
                let tag = tag.split('>').next().unwrap_or_default();
                format!("<{tag}").contains(element) && !tag.starts_with("script src=\"/assets/")
            });
            assert!(!in_markup, "{path} has {element} as markup: {seen}");
        }
    }
}
