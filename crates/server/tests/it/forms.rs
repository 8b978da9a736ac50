//! The pages as a person uses them: signs in, opens a page, submits its form.

use crate::support::{Answer, TestServer};

const FORM: &str = "application/x-www-form-urlencoded";

/// The session cookie after sign-in with this token.
pub(crate) fn cookie(server: &TestServer, token: &str) -> String {
    let answer = post(server, "/sign-in", "", &format!("token={token}"));
    assert_eq!(answer.status, 303, "{}", answer.text());
    let set = answer.header("set-cookie").expect("a cookie");
    set.split(';').next().unwrap().to_owned()
}

pub(crate) fn get(server: &TestServer, path: &str, cookie: &str) -> Answer {
    server.ask("GET", path).header("cookie", cookie).send()
}

pub(crate) fn post(server: &TestServer, path: &str, cookie: &str, fields: &str) -> Answer {
    server
        .ask("POST", path)
        .header("cookie", cookie)
        .header("content-type", FORM)
        .body(fields)
        .send()
}

/// The token of the first form of a page, which every form has to send.
pub(crate) fn form_token(page: &Answer) -> String {
    let text = page.text();
    let (_, rest) = text
        .split_once("name=\"form_token\" value=\"")
        .expect("a form");
    rest.split_once('"').unwrap().0.to_owned()
}
