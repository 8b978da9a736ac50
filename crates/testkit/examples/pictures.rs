//! The camera of `bin/pictures`: opens pages of a running server in Chromium and writes what a
//! reader sees first to a directory. Each line of standard input is a name and a path.

use std::io::{BufRead as _, Write as _};
use std::path::Path;
use std::process::ExitCode;

use serde_json::json;
use test_engine_testkit::Browser;

const WIDTH: u32 = 1_100;
const HEIGHT: u32 = 1_000;
const SIGN_IN: &str = "/sign-in";
const HAS_CUT_TABLE: &str = "[...document.querySelectorAll('.scroll')]\
    .some(place => place.scrollWidth > place.clientWidth)";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [directory, server, token] = arguments.as_slice() else {
        let _ = writeln!(std::io::stderr(), "usage: pictures DIRECTORY SERVER TOKEN");
        return ExitCode::from(2);
    };
    let mut browser = Browser::start();
    for line in std::io::stdin().lock().lines().map_while(Result::ok) {
        let Some((name, path)) = line.split_once(' ') else {
            let _ = writeln!(std::io::stderr(), "not a name and a path: {line}");
            return ExitCode::from(2);
        };
        browser.clear_cookies();
        if path != SIGN_IN {
            sign_in(&mut browser, server, token);
        }
        let scheme = if name.ends_with("-dark") {
            "dark"
        } else {
            "light"
        };
        browser.look(WIDTH, HEIGHT, scheme, true);
        let visit = browser.open(&format!("{server}{path}"));
        if visit.status != 200 {
            let _ = writeln!(std::io::stderr(), "{name}: {path} is a {}", visit.status);
            return ExitCode::FAILURE;
        }
        // A part of a table that has to be scrolled to is not in the picture.
        if browser.evaluate(HAS_CUT_TABLE) == true {
            let _ = writeln!(std::io::stderr(), "{name}: a table is wider than its place");
            return ExitCode::FAILURE;
        }
        let content = browser.evaluate("document.body.getBoundingClientRect().height");
        let height = content.as_f64().unwrap_or(f64::MAX).min(HEIGHT.into());
        let file = Path::new(directory).join(format!("{name}.webp"));
        browser.picture(&file, height);
    }
    ExitCode::SUCCESS
}

/// The server sets the cookie of the session.
fn sign_in(browser: &mut Browser, server: &str, token: &str) {
    browser.open(&format!("{server}{SIGN_IN}"));
    let form = json!({"token": token});
    let is_signed_in = browser.evaluate(&format!(
        "fetch('{SIGN_IN}', {{method: 'POST', body: new URLSearchParams({form})}})\
         .then(answer => answer.ok)"
    ));
    assert!(is_signed_in == true, "the server rejects the token");
}
