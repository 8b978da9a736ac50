//! People on the pages: sign-in with a password, what roles allow, sessions and tokens.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use secrecy::SecretString;
use serde_json::json;
use test_engine::clock::Clock;
use test_engine::{admin, people};
use test_engine_store::{Change, Role, Timestamp};

use crate::forms::{form_token, get, post};
use crate::support::{Answer, SUITE, TestServer, result};

const PAGES: &str = "/organizations/acme/analytics";
const PASSWORD: &str = "correct horse battery";
/// In milliseconds.
const DAY: i64 = 24 * 60 * 60 * 1_000;

fn change() -> Change {
    Change::by_server(Timestamp::from_millis(0))
}

fn create(server: &TestServer, login: &str, role: Role) {
    server.with_store(async |store| {
        let acme = admin::organization(store, "acme").await.unwrap();
        let password = Some(SecretString::from(PASSWORD));
        people::create_user(store, &acme, login, role, password, &change())
            .await
            .unwrap();
    });
}

fn set_role(server: &TestServer, login: &str, role: Role) {
    server.with_store(async |store| {
        let acme = admin::organization(store, "acme").await.unwrap();
        let user = people::find_user(store, login).await.unwrap();
        people::set_role(store, &user, acme.id, role, &change())
            .await
            .unwrap();
    });
}

fn encoded(password: &str) -> String {
    password.replace(' ', "+")
}

fn try_sign_in(server: &TestServer, login: &str, password: &str, old_cookie: &str) -> Answer {
    let password = encoded(password);
    let fields = format!("login={login}&password={password}&next=%2Faccount");
    post(server, "/sign-in/password", old_cookie, &fields)
}

fn cookie_of(answer: &Answer) -> String {
    let set = answer.header("set-cookie").expect("a cookie");
    set.split(';').next().unwrap().to_owned()
}

fn sign_in(server: &TestServer, login: &str) -> String {
    let answer = try_sign_in(server, login, PASSWORD, "");
    assert_eq!(answer.status, 303, "{}", answer.text());
    assert_eq!(answer.header("location"), Some("/account"));
    cookie_of(&answer)
}

/// The value of the first button that ends or revokes something other than this session.
fn ids(page: &Answer, action: &str) -> Vec<String> {
    let text = page.text();
    let start = format!("action=\"{action}\"");
    let forms = text.split(&start).skip(1);
    forms
        .map(|form| {
            let (_, rest) = form.split_once("name=\"id\" value=\"").unwrap();
            rest.split_once('"').unwrap().0.to_owned()
        })
        .collect()
}

#[test]
fn a_person_signs_in_with_a_password() {
    let server = TestServer::start();
    let form = get(&server, "/sign-in", "").text();
    assert!(!form.contains("/sign-in/password"), "nobody has a login");
    create(&server, "priya", Role::Reader);
    let form = get(&server, "/sign-in", "").text();
    assert!(form.contains("/sign-in/password"), "{form}");

    let answer = try_sign_in(&server, "priya", PASSWORD, "");
    let set = answer.header("set-cookie").unwrap();
    for part in ["=teu_", "HttpOnly", "SameSite=Lax", "Path=/"] {
        assert!(set.contains(part), "{set}");
    }
    let cookie = cookie_of(&answer);
    let account = get(&server, "/account", &cookie);
    assert_eq!(account.status, 200);
    for part in ["<h1>priya</h1>", "reader in ", "this one", "127.0.0.1"] {
        assert!(account.text().contains(part), "{part}: {}", account.text());
    }
    assert_eq!(get(&server, PAGES, &cookie).status, 200);
    // The session is no token, and the cookie is no session for the API.
    let secret = cookie.split_once('=').unwrap().1;
    server.ask("GET", SUITE).bearer(secret).send().error(401);

    let token = form_token(&account);
    let fields = format!("form_token={token}");
    assert_eq!(
        post(&server, "/sign-out", &cookie, "form_token=x").status,
        403
    );
    assert_eq!(get(&server, PAGES, &cookie).status, 200, "still signed in");
    assert_eq!(post(&server, "/sign-out", &cookie, &fields).status, 303);
    assert_eq!(get(&server, PAGES, &cookie).status, 303);
}

#[test]
fn wrong_passwords_and_unknown_logins_look_the_same_and_are_limited() {
    let server = TestServer::with(|_| {}, Clock::fixed_at(Timestamp::from_millis(DAY)));
    create(&server, "priya", Role::Reader);
    let wrong = try_sign_in(&server, "priya", "wrong horse battery", "");
    let unknown = try_sign_in(&server, "nobody", "wrong horse battery", "");
    let other_case = try_sign_in(&server, "Priya", PASSWORD, "");
    let empty = try_sign_in(&server, "priya", "", "");
    let long = try_sign_in(&server, "priya", &"a".repeat(2_000), "");
    for answer in [&wrong, &unknown, &other_case, &empty, &long] {
        assert_eq!(answer.status, 422);
        assert_eq!(answer.header("set-cookie"), None);
        assert_eq!(answer.text(), wrong.text());
    }
    for _ in 0..5 {
        assert_eq!(try_sign_in(&server, "priya", "wrong", "").status, 422);
    }
    assert_eq!(try_sign_in(&server, "priya", PASSWORD, "").status, 429);
}

#[test]
fn another_site_cannot_submit_the_form() {
    let server = TestServer::start();
    create(&server, "priya", Role::Reader);
    let answer = server
        .ask("POST", "/sign-in/password")
        .header("sec-fetch-site", "cross-site")
        .header("content-type", "application/x-www-form-urlencoded")
        .body(format!("login=priya&password={}", encoded(PASSWORD)))
        .send();
    assert_eq!(answer.status, 403);
    assert_eq!(answer.header("set-cookie"), None);
}

#[test]
fn a_sign_in_never_keeps_the_old_session() {
    let server = TestServer::start();
    create(&server, "priya", Role::Reader);
    create(&server, "mallory", Role::Reader);
    // A session that somebody else planted in the browser, or a value that they chose.
    for planted in [
        sign_in(&server, "mallory"),
        crate::forms::cookie(&server, &server.access),
        "test_engine_session=teu_chosen".to_owned(),
    ] {
        let answer = try_sign_in(&server, "priya", PASSWORD, &planted);
        let own = cookie_of(&answer);
        assert_ne!(own, planted);
        assert!(get(&server, "/account", &own).text().contains("priya"));
        assert_eq!(get(&server, "/account", &planted).status, 303);
    }
}

#[test]
fn roles_count_at_each_request() {
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
    create(&server, "priya", Role::Reader);
    let cookie = sign_in(&server, "priya");
    let page = get(&server, &path, &cookie);
    assert_eq!(page.status, 200);
    let mute = format!("state=muted&reason=x&form_token={}", form_token(&page));
    let muted = || post(&server, &format!("{path}/state"), &cookie, &mute).status;
    assert_eq!(muted(), 403, "a reader");
    set_role(&server, "priya", Role::Writer);
    assert_eq!(muted(), 303, "a writer");
    // The audit log names the person.
    let events = server
        .get("/v2/analytics/organizations/acme/audit?per_page=1")
        .ok();
    assert_eq!(events[0]["actor"]["kind"], "user");
    assert_eq!(events[0]["actor"]["name"], "priya");
    server.token("other", &[]);
    let foreign = get(&server, "/organizations/other/analytics", &cookie);
    assert_eq!(foreign.status, 404);
    server.with_store(async |store| {
        let acme = admin::organization(store, "acme").await.unwrap();
        let user = people::find_user(store, "priya").await.unwrap();
        people::remove(store, &user, &acme, &change())
            .await
            .unwrap();
    });
    assert_eq!(get(&server, &path, &cookie).status, 303, "removed");
    assert_eq!(try_sign_in(&server, "priya", PASSWORD, "").status, 422);
}

#[test]
fn somebody_in_two_organizations_chooses() {
    let server = TestServer::start();
    create(&server, "priya", Role::Reader);
    server.token("other", &[]);
    server.with_store(async |store| {
        let other = admin::organization(store, "other").await.unwrap();
        let user = people::find_user(store, "priya").await.unwrap();
        people::set_role(store, &user, other.id, Role::Admin, &change())
            .await
            .unwrap();
    });
    let cookie = sign_in(&server, "priya");
    let list = get(&server, "/organizations", &cookie);
    assert_eq!(list.status, 200);
    for slug in ["acme", "other"] {
        let page = format!("/organizations/{slug}/analytics");
        assert!(list.text().contains(&page), "{}", list.text());
        assert_eq!(get(&server, &page, &cookie).status, 200);
    }
}

#[test]
fn sessions_are_listed_expire_and_can_be_ended_by_their_person_only() {
    let time = Arc::new(AtomicI64::new(DAY));
    let server = TestServer::with(|_| {}, Clock::Fixed(Arc::clone(&time)));
    create(&server, "priya", Role::Reader);
    create(&server, "other", Role::Reader);
    let first = sign_in(&server, "priya");
    let second = sign_in(&server, "priya");
    let other = sign_in(&server, "other");
    let page = get(&server, "/account", &second);
    // Newest first, so the last one is that of the first sign-in.
    let listed = ids(&page, "/account/end-session");
    assert_eq!(listed.len(), 2);
    let end = |cookie: &str, id: &str| {
        let token = form_token(&get(&server, "/account", cookie));
        let fields = format!("form_token={token}&id={id}");
        post(&server, "/account/end-session", cookie, &fields).status
    };
    let without = format!("form_token=x&id={}", listed[1]);
    let refused = post(&server, "/account/end-session", &second, &without);
    assert_eq!(refused.status, 403);
    assert_eq!(end(&other, &listed[1]), 404);
    assert_eq!(get(&server, PAGES, &first).status, 200);
    assert_eq!(end(&second, &listed[1]), 303);
    assert_eq!(get(&server, PAGES, &first).status, 303);
    assert_eq!(get(&server, PAGES, &second).status, 200);
    time.fetch_add(7 * DAY, Ordering::SeqCst);
    assert_eq!(get(&server, PAGES, &second).status, 303, "after a week");
}

#[test]
fn a_new_password_needs_the_old_one_and_ends_other_sessions() {
    let server = TestServer::start();
    create(&server, "priya", Role::Reader);
    let other = sign_in(&server, "priya");
    let own = sign_in(&server, "priya");
    let change = |current: &str, new: &str| {
        let token = form_token(&get(&server, "/account", &own));
        let (current, new) = (encoded(current), encoded(new));
        let fields = format!("form_token={token}&current={current}&new={new}");
        post(&server, "/account/password", &own, &fields)
    };
    let new = "another horse battery";
    assert_eq!(change("wrong", new).status, 422);
    let short = change(PASSWORD, "short");
    assert_eq!(short.status, 422);
    assert!(short.text().contains("12 characters"), "{}", short.text());
    assert_eq!(get(&server, PAGES, &other).status, 200);
    assert_eq!(change(PASSWORD, new).status, 200);
    assert_eq!(get(&server, PAGES, &own).status, 200);
    assert_eq!(get(&server, PAGES, &other).status, 303);
    assert_eq!(try_sign_in(&server, "priya", PASSWORD, "").status, 422);
    assert_eq!(try_sign_in(&server, "priya", new, "").status, 303);
}

#[test]
fn tokens_of_a_person_have_at_most_the_scopes_of_their_role() {
    let server = TestServer::start();
    create(&server, "priya", Role::Writer);
    let cookie = sign_in(&server, "priya");
    let create_token = |fields: &str| {
        let token = form_token(&get(&server, "/account", &cookie));
        let fields = format!("form_token={token}&organization=acme&purpose=script&{fields}");
        post(&server, "/account/create-token", &cookie, &fields)
    };
    for bad in [
        "days=90",
        "days=0&read_suites=yes",
        "days=366&read_suites=yes",
        "days=x&read_suites=yes",
    ] {
        assert_eq!(create_token(bad).status, 422, "{bad}");
    }
    let created = create_token("days=90&read_suites=yes&write_suites=yes");
    assert_eq!(created.status, 200, "{}", created.text());
    let text = created.text();
    let secret = text.split_once("<pre>").unwrap().1;
    let secret = secret.split_once("</pre>").unwrap().0.to_owned();
    assert!(!get(&server, "/account", &cookie).text().contains(&secret));
    let rename = || {
        server
            .ask("PATCH", SUITE)
            .bearer(&secret)
            .json(&json!({"color": "#fff"}))
            .send()
    };
    assert_eq!(rename().status, 200);
    // A session of it would not follow changes of the role.
    let as_session = post(&server, "/sign-in", "", &format!("token={secret}"));
    assert_eq!(as_session.status, 422);
    set_role(&server, "priya", Role::Reader);
    rename().error(403);
    assert_eq!(server.ask("GET", SUITE).bearer(&secret).send().status, 200);
    let refused = create_token("days=90&write_suites=yes");
    assert_eq!(refused.status, 422);

    let page = get(&server, "/account", &cookie);
    let [id] = &ids(&page, "/account/revoke-token")[..] else {
        panic!("{}", page.text())
    };
    create(&server, "other", Role::Admin);
    let other = sign_in(&server, "other");
    let revoke = |cookie: &str| {
        let token = form_token(&get(&server, "/account", cookie));
        let fields = format!("form_token={token}&id={id}");
        post(&server, "/account/revoke-token", cookie, &fields).status
    };
    assert_eq!(revoke(&other), 404);
    assert_eq!(revoke(&cookie), 303);
    server.ask("GET", SUITE).bearer(&secret).send().error(401);
}

#[test]
fn the_account_of_an_access_token_says_so() {
    let server = TestServer::start();
    assert_eq!(get(&server, "/account", "").status, 303);
    let cookie = crate::forms::cookie(&server, &server.access);
    let page = get(&server, "/account", &cookie);
    assert_eq!(page.status, 200);
    assert!(page.text().contains("first admin token"), "{}", page.text());
    let fields = format!("form_token={}&days=1", form_token(&page));
    let refused = post(&server, "/account/create-token", &cookie, &fields);
    assert_eq!(refused.status, 303, "to the sign-in page");
}
