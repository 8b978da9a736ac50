//! The log has no secrets of people: passwords, codes, ID tokens, cookies.

use serde_json::json;
use test_engine_testkit::{CLIENT_ID, CLIENT_SECRET, LocalIssuer};

use crate::secrets::{Logged, printed, secret_of};
use crate::support::{Answer, Ask};

/// The value of a cookie that an answer sets.
fn cookie(answer: &Answer, name: &str) -> String {
    let mut set = answer
        .headers
        .iter()
        .filter(|(header, _)| header == "set-cookie")
        .filter_map(|(_, value)| value.split(';').next()?.split_once('='));
    let found = set.find(|(found, value)| *found == name && !value.is_empty());
    found.expect("a cookie").1.to_owned()
}

#[test]
fn the_log_has_no_secrets_of_sign_ins() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    let log = directory.path().join("log");
    let issuer = LocalIssuer::start();
    issuer.set_person(json!({"sub": "42", "groups": ["engineering"]}));
    let public_url = "http://tests.example.com";
    let more = [
        "--public-url",
        public_url,
        "--sign-in-issuer",
        issuer.url(),
        "--sign-in-client-id",
        CLIENT_ID,
        "--sign-in-client-secret",
        CLIENT_SECRET,
    ];
    let mut server = Logged::with(&data, &log, "json", &more);
    let password = secret_of(&printed(&data, &["user", "create", "priya"]));
    let sign_in = |password: &str| {
        let ask = server.ask("POST", "/sign-in/password");
        let ask = ask.header("content-type", "application/x-www-form-urlencoded");
        ask.body(format!("login=priya&password={password}")).send()
    };
    assert_eq!(sign_in("wrongpassword").status, 422);
    let signed_in = sign_in(&password);
    assert_eq!(signed_in.status, 303, "{}", signed_in.text());
    let session = cookie(&signed_in, "test_engine_session");

    let rule = [
        "sign-in-rule",
        "create",
        "claim",
        "groups=engineering",
        "reader",
    ];
    printed(&data, &rule);
    let started = server.ask("GET", "/sign-in/provider").send();
    let attempt = cookie(&started, "test_engine_sign_in");
    let address = started.header("location").unwrap();
    let answered = Ask::new("GET", address).send();
    let back = answered.header("location").unwrap();
    let path = back.strip_prefix(public_url).unwrap();
    let finished = server
        .ask("GET", path)
        .header("cookie", &format!("test_engine_sign_in={attempt}"))
        .send();
    assert_eq!(finished.status, 303, "{}", finished.text());
    let other_session = cookie(&finished, "test_engine_session");
    let wrong = server
        .ask("GET", "/sign-in/callback?code=wrongcode&state=wrongstate")
        .send();
    assert_eq!(wrong.status, 403);
    server.stop();

    let said = fs_err::read_to_string(&log).unwrap();
    assert!(said.contains("/sign-in/callback"), "{said}");
    assert!(said.contains("TRACE"), "{said}");
    let state = path.split("state=").nth(1).unwrap();
    let state = state.split('&').next().unwrap();
    for secret in [
        password.as_str(),
        "wrongpassword",
        &session,
        &attempt,
        attempt.split('.').next().unwrap(),
        &other_session,
        state,
        CLIENT_SECRET,
        "wrongcode",
        "wrongstate",
        "id_token",
        "code_verifier",
        "engineering",
    ] {
        assert!(!said.contains(secret), "the log holds {secret}:\n{said}");
    }
}
