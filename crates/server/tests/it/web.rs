//! The pages: access, content and escaping.

use serde_json::json;
use test_engine::clock::Clock;
use test_engine::scopes::Scope;
use test_engine_store::{Change, Timestamp};

use crate::forms::{cookie, form_token, post};
use crate::support::{Answer, SUITE, TestServer, result};

const PAGES: &str = "/organizations/acme/analytics";

fn open() -> TestServer {
    TestServer::with(|config| config.web.open = true, Clock::System)
}

fn page(server: &TestServer, path: &str, cookie: Option<&str>) -> Answer {
    let ask = server.ask("GET", path);
    match cookie {
        Some(cookie) => ask.header("cookie", cookie).send(),
        None => ask.send(),
    }
}

fn sign_in(server: &TestServer, token: &str) -> Answer {
    server
        .ask("POST", "/sign-in")
        .header("content-type", "application/x-www-form-urlencoded")
        .body(format!(
            "token={token}&next=%2Forganizations%2Facme%2Fanalytics%3Fpage%3D1"
        ))
        .send()
}

#[test]
fn anonymous_viewers_sign_in_and_return_to_the_page() {
    let server = TestServer::start();
    let answer = page(
        &server,
        &format!("{PAGES}/suites/web/tests?state=muted"),
        None,
    );
    assert_eq!(answer.status, 303);
    assert_eq!(
        answer.header("location"),
        Some(
            "/sign-in?next=%2Forganizations%2Facme%2Fanalytics%2Fsuites%2Fweb\
            %2Ftests%3Fstate%3Dmuted"
        )
    );
    let answer = server
        .ask("GET", "/")
        .header("accept", "text/html,*/*")
        .send();
    assert_eq!(
        (answer.status, answer.header("location")),
        (303, Some("/organizations"))
    );
    assert_eq!(page(&server, "/organizations", None).status, 303);
    let form = page(&server, "/sign-in?next=//evil.example", None);
    assert_eq!(form.status, 200);
    assert!(!form.text().contains("evil.example"));
}

#[test]
fn a_session_ends_with_its_token() {
    let server = TestServer::start();
    let answer = sign_in(&server, &server.access);
    assert_eq!(
        (answer.status, answer.header("location")),
        (303, Some("/organizations/acme/analytics?page=1"))
    );
    let set = answer.header("set-cookie").unwrap().to_owned();
    for part in ["HttpOnly", "SameSite=Lax", "Path=/"] {
        assert!(set.contains(part), "{set}");
    }
    assert!(!set.contains(&server.access));
    let cookie = set.split(';').next().unwrap();
    assert_eq!(page(&server, PAGES, Some(cookie)).status, 200);
    // The session is not valid for the API, nor for another organization.
    let secret = cookie.split_once('=').unwrap().1;
    server.ask("GET", SUITE).bearer(secret).send().error(401);
    server.token("other", &Scope::ALL);
    assert_eq!(
        page(&server, "/organizations/other/analytics", Some(cookie)).status,
        404
    );

    server.with_store(async |store| {
        let organization = store.organization("acme").await.unwrap().unwrap();
        let tokens = store.tokens(organization.id).await.unwrap();
        let admin = tokens
            .iter()
            .find(|token| token.description.as_deref() == Some("first admin token"))
            .unwrap();
        let now = Timestamp::from_millis(1);
        assert!(
            store
                .revoke_token(organization.id, admin.uuid, &Change::by_server(now))
                .await
                .unwrap()
        );
    });
    assert_eq!(page(&server, PAGES, Some(cookie)).status, 303);
}

#[test]
fn invalid_tokens_cannot_sign_in() {
    let server = TestServer::start();
    let plans_only = server.token("acme", &[Scope::WriteTestPlan]);
    for token in [
        "",
        "tea_unknown",
        server.suite_token.as_str(),
        plans_only.as_str(),
    ] {
        let answer = sign_in(&server, token);
        assert_eq!(answer.status, 422, "{token}");
        assert_eq!(answer.header("set-cookie"), None);
    }
    let from_elsewhere = server
        .ask("POST", "/sign-in")
        .header("sec-fetch-site", "cross-site")
        .header("content-type", "application/x-www-form-urlencoded")
        .body(format!("token={}", server.access))
        .send();
    assert_eq!(from_elsewhere.status, 403);
}

#[test]
fn sign_out_ends_the_session() {
    let server = TestServer::start();
    let cookie = cookie(&server, &server.access);
    let token = form_token(&page(&server, PAGES, Some(&cookie)));
    assert_eq!(
        post(&server, "/sign-out", &cookie, "form_token=wrong").status,
        403
    );
    let answer = post(
        &server,
        "/sign-out",
        &cookie,
        &format!("form_token={token}"),
    );
    assert_eq!(answer.status, 303);
    assert!(answer.header("set-cookie").unwrap().contains("Max-Age=0"));
    assert_eq!(page(&server, PAGES, Some(&cookie)).status, 303);
}

#[test]
fn tests_can_be_muted_on_their_page_with_write_suites() {
    let server = TestServer::start();
    server.upload(
        "b1",
        "main",
        &json!([result("A", "shaky", "a_spec.rb", 1.0, "failed")]),
    );
    let test = server
        .post(
            &format!("{SUITE}/tests/find"),
            &json!({"scope": "A", "name": "shaky"}),
        )
        .ok();
    let path = format!("{PAGES}/suites/web/tests/{}", test["id"].as_str().unwrap());
    let admin = cookie(&server, &server.access);
    let token = form_token(&page(&server, &path, Some(&admin)));
    let state = format!("{path}/state");

    assert_eq!(
        post(&server, &state, &admin, "state=muted").status,
        403,
        "without the form's token"
    );
    let reader = cookie(&server, &server.token("acme", &[Scope::ReadSuites]));
    let seen = page(&server, &path, Some(&reader));
    assert!(
        !seen.text().contains("/state\""),
        "a reader is not offered buttons"
    );
    let own = form_token(&seen);
    assert_eq!(
        post(
            &server,
            &state,
            &reader,
            &format!("state=muted&reason=x&form_token={own}")
        )
        .status,
        403
    );
    assert_eq!(
        post(
            &server,
            &state,
            &reader,
            &format!("state=muted&reason=x&form_token={token}")
        )
        .status,
        403
    );
    assert_eq!(server.get(&format!("{SUITE}/tests/muted")).ok(), json!([]));

    let answer = post(
        &server,
        &state,
        &admin,
        &format!("state=muted&reason=x&form_token={token}"),
    );
    assert_eq!(
        (answer.status, answer.header("location")),
        (303, Some(format!("{path}?done=muted").as_str()))
    );
    assert_eq!(
        server
            .get(&format!("{SUITE}/tests/muted"))
            .ok()
            .as_array()
            .unwrap()
            .len(),
        1
    );
    assert_eq!(
        post(
            &server,
            &state,
            &admin,
            &format!("state=gone&form_token={token}")
        )
        .status,
        404
    );
}

#[test]
fn an_open_server_is_read_only_for_anonymous_viewers() {
    let server = open();
    server.upload(
        "b1",
        "main",
        &json!([result("A", "one", "a_spec.rb", 1.0, "passed")]),
    );
    let answer = page(&server, "/organizations", None);
    assert_eq!(
        (answer.status, answer.header("location")),
        (303, Some(PAGES))
    );
    for path in [
        PAGES.to_owned(),
        format!("{PAGES}/suites/web"),
        format!("{PAGES}/suites/web/tests"),
    ] {
        assert_eq!(page(&server, &path, None).status, 200, "{path}");
    }
    let test = server
        .post(
            &format!("{SUITE}/tests/find"),
            &json!({"scope": "A", "name": "one"}),
        )
        .ok();
    let state = format!(
        "{PAGES}/suites/web/tests/{}/state",
        test["id"].as_str().unwrap()
    );
    let answer = post(&server, &state, "a=b", "state=muted&form_token=");
    assert_eq!(answer.status, 303);
    let next = answer.header("location").unwrap();
    assert!(next.starts_with("/sign-in?next="), "{next}");
    assert_eq!(
        page(&server, "/organizations/nobody/analytics", None).status,
        303
    );
    assert_eq!(
        page(&server, &format!("{PAGES}/suites/none"), None).status,
        404
    );
}

#[test]
fn pages_escape_uploaded_text() {
    let server = open();
    let evil = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>";
    let data = json!([
        {"scope": evil, "name": evil, "location": evil, "file_name": evil,
         "result": "failed", "failure_reason": evil,
         "failure_expanded": [{"expanded": [evil], "backtrace": [evil]}],
         "history": {"duration": 1.0}},
        {"name": "", "history": {"duration": 1.0}},
        result("Cart", "adds up", "cart_spec.rb", 0.25, "passed"),
    ]);
    let receipt = server
        .upload_json(&json!({
            "format": "json",
            "run_env": {
                "key": evil, "number": "7", "branch": evil, "commit_sha": evil,
                "message": evil, "url": "javascript:alert(1)",
            },
            "data": data,
        }))
        .json();
    let run = receipt["run_url"]
        .as_str()
        .unwrap()
        .strip_prefix(&server.base)
        .unwrap()
        .to_owned();
    let found = server
        .post(
            &format!("{SUITE}/tests/find"),
            &json!({"scope": evil, "name": evil}),
        )
        .ok();
    let test = format!("{PAGES}/suites/web/tests/{}", found["id"].as_str().unwrap());
    let suite = format!("{PAGES}/suites/web");
    let pages = [
        (PAGES.to_owned(), "Web"),
        (suite.clone(), "#7"),
        (format!("{suite}/tests"), "adds up"),
        (
            format!("{suite}/tests?q=%3Cscript%3E&sort=reliability&order=desc"),
            "1 test with",
        ),
        (test, "Latest runs"),
        (run, "Failures (1)"),
    ];
    for (path, part) in pages {
        let answer = page(&server, &path, None);
        let text = answer.text();
        assert_eq!(answer.status, 200, "{path}: {text}");
        assert!(text.contains(part), "{path} lacks {part}: {text}");
        for danger in ["<script>", "<img", "href=\"javascript:"] {
            assert!(!text.contains(danger), "{path} has {danger}");
        }
        let policy = answer.header("content-security-policy").unwrap();
        assert!(
            policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"),
            "{policy}"
        );
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(answer.header("x-frame-options"), Some("DENY"));
    }
}

#[test]
fn assets_are_embedded_and_never_fetched_twice() {
    let server = TestServer::start();
    let form = page(&server, "/sign-in", None).text();
    for (before, kind, part) in [
        (
            "rel=\"stylesheet\" href=\"",
            "text/css; charset=utf-8",
            "prefers-color-scheme",
        ),
        (
            "<script src=\"",
            "text/javascript; charset=utf-8",
            "data-theme",
        ),
    ] {
        let (_, rest) = form.split_once(before).unwrap();
        let address = rest.split_once('"').unwrap().0;
        let asset = page(&server, address, None);
        assert_eq!(
            (asset.status, asset.header("content-type")),
            (200, Some(kind))
        );
        let cached = asset.header("cache-control").unwrap();
        assert!(
            cached.contains("immutable") && cached.contains("31536000"),
            "{cached}"
        );
        assert!(asset.text().contains(part));
        // An address of another version.
        let other = address.replace("/assets/", "/assets/0");
        assert_eq!(page(&server, &other, None).status, 404);
    }
}

#[test]
fn an_unchanged_page_is_not_sent_again() {
    let server = open();
    server.upload(
        "b1",
        "main",
        &json!([result("A", "one", "a_spec.rb", 1.0, "passed")]),
    );
    let path = format!("{PAGES}/suites/web/tests");
    let first = page(&server, &path, None);
    assert_eq!(first.header("cache-control"), Some("private, no-cache"));
    let tag = first.header("etag").unwrap().to_owned();
    let again = |tag: &str, cookie: &str| {
        server
            .ask("GET", &path)
            .header("if-none-match", tag)
            .header("cookie", cookie)
            .send()
    };
    let known = again(&tag, "a=b");
    assert_eq!((known.status, known.body.len()), (304, 0));
    assert_eq!(known.header("etag"), Some(tag.as_str()));
    assert!(known.header("content-security-policy").is_some());
    assert_eq!(again("W/\"other\"", "a=b").status, 200);
    // Another look, another reader, other results.
    assert_eq!(again(&tag, "test_engine_theme=dark").status, 200);
    let reader = cookie(&server, &server.access);
    assert_eq!(again(&tag, &reader).status, 200);
    server.upload(
        "b2",
        "main",
        &json!([result("A", "two", "a_spec.rb", 1.0, "passed")]),
    );
    assert_eq!(again(&tag, "a=b").status, 200);
    // Pages about the signed-in person, and error pages, are not stored.
    for path in ["/sign-in", "/account", "/organizations/none/analytics"] {
        let answer = page(&server, path, Some(&reader));
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{path}");
    }
}

#[test]
fn readers_choose_between_light_and_dark() {
    let server = TestServer::start();
    let choose = |cookie: &str, fields: &str| {
        server
            .ask("POST", "/theme")
            .header("content-type", "application/x-www-form-urlencoded")
            .header("referer", &format!("{}/sign-in?next=%2Fa", server.base))
            .header("cookie", cookie)
            .body(fields)
            .send()
    };
    for (cookie, fields, theme) in [
        ("a=b", "theme=dark", "dark"),
        ("a=b", "x=", "dark"),
        ("test_engine_theme=dark", "x=", "light"),
        ("test_engine_theme=dark", "theme=light", "light"),
    ] {
        let answer = choose(cookie, fields);
        assert_eq!(
            (answer.status, answer.header("location")),
            (303, Some("/sign-in?next=%2Fa"))
        );
        let set = answer.header("set-cookie").unwrap();
        assert!(
            set.starts_with(&format!("test_engine_theme={theme};")),
            "{set}"
        );
        let chosen = set.split(';').next().unwrap();
        let shown = page(&server, "/sign-in", Some(chosen)).text();
        assert!(
            shown.contains(&format!("data-theme=\"{theme}\"")),
            "{shown}"
        );
    }
    let elsewhere = server
        .ask("POST", "/theme")
        .header("sec-fetch-site", "cross-site")
        .header("content-type", "application/x-www-form-urlencoded")
        .body("theme=dark")
        .send();
    assert_eq!(elsewhere.status, 403);
}
