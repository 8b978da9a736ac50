//! What a page may weigh: bytes, elements, requests, and queries of the database.

use test_engine_testkit::Browser;

use crate::support::{Answer, TestServer};

/// Bytes of a page, as it is and compressed.
const MAX_HTML: usize = 100 * 1024;
const MAX_COMPRESSED: u64 = 15 * 1024;
const MAX_ELEMENTS: u64 = 1_500;
/// The page, the style sheet and the script.
const COLD_REQUESTS: usize = 3;
/// Queries of a page. Each is a few tenths of a millisecond, and a round trip on Postgres.
const MAX_QUERIES: u64 = 60;
/// A build has a section of this many queries for each of its runs, of which it shows ten.
const MAX_QUERIES_OF_BUILD: u64 = 200;

/// Opens a page, and fails if it exceeds its budget. `name` is for the messages.
#[track_caller]
pub(crate) fn check(browser: &mut Browser, server: &TestServer, name: &str, path: &str) {
    check_as("", browser, server, name, path);
}

/// With the cookie of a session, which the browser has too.
#[track_caller]
pub(crate) fn check_as(
    cookie: &str,
    browser: &mut Browser,
    server: &TestServer,
    name: &str,
    path: &str,
) {
    let plain = server.ask("GET", path).header("cookie", cookie).send();
    let size = plain.body.len();
    assert!(size <= MAX_HTML, "{name}: {size} bytes");
    let queries = queries(&plain);
    let limit = if path.contains("/builds/") {
        MAX_QUERIES_OF_BUILD
    } else {
        MAX_QUERIES
    };
    assert!((1..=limit).contains(&queries), "{name}: {queries} queries");
    browser.clear_cache();
    let visit = browser.open(&format!("{}{path}", server.base));
    let requests = &visit.requests;
    assert!(requests.len() <= COLD_REQUESTS, "{name}: {requests:?}");
    let packed = "performance.getEntriesByType('navigation')[0].encodedBodySize";
    let packed = browser.evaluate(packed).as_u64().unwrap();
    assert!(packed > 0, "{name}");
    if plain.status == 200 {
        assert!(
            packed <= MAX_COMPRESSED,
            "{name}: {packed} bytes compressed"
        );
    }
    let elements = browser.evaluate("document.querySelectorAll('*').length");
    let elements = elements.as_u64().unwrap();
    assert!(elements <= MAX_ELEMENTS, "{name}: {elements} elements");
}

/// The number of queries that a page needed, as it says.
pub(crate) fn queries(page: &Answer) -> u64 {
    let timing = page.header("server-timing").expect("a server-timing");
    let text = timing.split('"').nth(1).expect("a description");
    let (number, unit) = text.split_once(' ').expect("a number and a unit");
    assert_eq!(unit, "queries", "{timing}");
    number.parse().expect("a number")
}
