//! The forms of the settings, as tests send them.

use secrecy::SecretString;
use serde_json::Value;
use test_engine::{admin, people};
use test_engine_store::{Change, Role, Timestamp};

use crate::forms::{form_token, get, post};
use crate::support::{Answer, TestServer};

pub(crate) const ORGANIZATION: &str = "/organizations/acme/analytics/settings";
pub(crate) const SETTINGS: &str = "/organizations/acme/analytics/suites/web/settings";
const PASSWORD: &str = "correct horse battery";

#[track_caller]
pub(crate) fn shows(page: &Answer, parts: &[&str]) {
    for part in parts {
        assert!(
            page.text().contains(part),
            "{part} is missing: {}",
            page.text()
        );
    }
}

/// The audit log, as `action` and kind of the actor, newest first.
pub(crate) fn audit(server: &TestServer) -> Vec<(String, String)> {
    let log = "/v2/analytics/organizations/acme/audit?per_page=100";
    let entries = server.get(log).ok();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let entries = entries.as_array().unwrap().iter();
    entries
        .map(|entry| (text(&entry["action"]), text(&entry["actor"]["kind"])))
        .collect()
}

/// Signs in a new person with this role.
pub(crate) fn person(server: &TestServer, login: &str, role: Role) -> String {
    server.with_store(async |store| {
        let acme = admin::organization(store, "acme").await.unwrap();
        let password = Some(SecretString::from(PASSWORD));
        let change = Change::by_server(Timestamp::from_millis(0));
        people::create_user(store, &acme, login, role, password, &change)
            .await
            .unwrap();
    });
    let password = PASSWORD.replace(' ', "+");
    let fields = format!("login={login}&password={password}&next=%2Faccount");
    let answer = post(server, "/sign-in/password", "", &fields);
    assert_eq!(answer.status, 303, "{}", answer.text());
    let set = answer.header("set-cookie").unwrap();
    set.split(';').next().unwrap().to_owned()
}

/// Sends the form of a page.
pub(crate) fn send(
    server: &TestServer,
    cookie: &str,
    page: &str,
    form: &str,
    fields: &str,
) -> Answer {
    let token = form_token(&get(server, page, cookie));
    post(
        server,
        form,
        cookie,
        &format!("form_token={token}&{fields}"),
    )
}

/// The secret that a page shows once.
pub(crate) fn secret(page: &Answer) -> String {
    let text = page.text();
    let (_, rest) = text.split_once("<pre id=\"secret\">").expect("a secret");
    rest.split_once('<').unwrap().0.to_owned()
}
