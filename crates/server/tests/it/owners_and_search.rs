//! The owners of tests, and the search over suites.

use serde_json::{Value, json};
use test_engine::clock::Clock;

use super::TestServer;
use super::list_scene::{ANALYTICS, PAGES, Scene, query_string, shows};

#[test]
fn teams_see_what_their_tests_cost() {
    let scene = Scene::new();
    let address = format!("{ANALYTICS}/owners");
    shows(
        &scene.open(&address),
        &[
            "3 teams: 1 flaky, 0 broken; ",
            "nobody owns 1 test.",
            "q=owner%3Apayments+flaky%3Ayes",
            "q=owner%3Ashop+duration%3A%3E2s",
            "no owner",
        ],
    );
    let rows = scene.open(&format!("{address}.json")).json();
    let row = |team: &Value| {
        let rows = rows.as_array().unwrap();
        rows.iter()
            .find(|row| row["team"] == *team)
            .unwrap()
            .clone()
    };
    let payments = row(&json!("payments"));
    assert_eq!(payments["tests"], 2);
    assert_eq!(payments["flaky"], 1);
    assert_eq!(payments["quarantined"], 1);
    assert_eq!(payments["slow"], 0);
    // 12 of each, and 6 failures.
    assert_eq!(payments["total_seconds"], 12.0 * 1.5 + 6.0);
    assert_eq!(row(&json!("shop"))["slow"], 1);
    assert_eq!(row(&Value::Null)["tests"], 1);
    shows(
        &scene.open(&format!("{address}?owner=shop")),
        &["shop: 1 test, 0 flaky, 0 broken.", "All teams"],
    );
    // The lists of a team.
    for (list, team, is_there) in [
        ("flaky", "ops", true),
        ("flaky", "shop", false),
        ("quarantine", "payments", true),
        ("quarantine", "shop", false),
    ] {
        let rows = scene
            .open(&format!("{PAGES}/{list}.json?owner={team}"))
            .json();
        assert_eq!(
            !rows.as_array().unwrap().is_empty(),
            is_there,
            "{list} {team}"
        );
        let page = scene.open(&format!("{PAGES}/{list}?owner={team}"));
        shows(&page, &[&format!("<bdi>{team}</bdi>")]);
    }
    let tests = scene.open(&format!("{PAGES}/tests?owner=shop"));
    let expected = format!("{PAGES}/tests?q=owner%3Ashop");
    assert_eq!(tests.header("location"), Some(expected.as_str()));
}

#[test]
fn one_search_finds_tests_runs_commits_and_messages() {
    let scene = Scene::new();
    let search = |text: &str, place: &str| {
        let query = query_string(&[("q", text), ("in", place)]);
        scene.open(&format!("/search?{query}"))
    };
    for place in ["", "acme/web"] {
        shows(
            &search("sEarch", place),
            &["<bdi>Cart searches</bdi>", "1 result for"],
        );
        shows(
            &search("#403", place),
            &["#403 Round tax per line", "feature/x"],
        );
        shows(&search("feature/", place), &["#403 Round tax per line"]);
        let commit = format!("{:040x}", 0xabc_0003);
        shows(
            &search(&commit[..38], place),
            &[&format!("runs?commit={commit}")],
        );
        shows(
            &search("execution EXPIRED", place),
            &[
                "Timeout::Error: execution expired",
                "6 failures, the newest of Cart polls",
                "Messages of recent failures",
            ],
        );
        shows(&search("100%_no such", place), &["Nothing matches"]);
    }
    shows(
        &search("tax", "acme/web"),
        &["12 results for", "In the suite Web"],
    );
    shows(
        &search("", ""),
        &["Finds tests, runs, commits and messages"],
    );
    assert_eq!(search("a", "acme/none").status, 404);
    assert_eq!(search("a", "other/web").status, 404);
    // The box at the top searches the suite of the page.
    shows(
        &scene.open(&format!("{PAGES}/tests")),
        &["action=\"/search\"", "name=\"in\" value=\"acme/web\""],
    );
}

#[test]
fn the_search_needs_somebody_who_is_signed_in() {
    let server = TestServer::start();
    let answer = server.ask("GET", "/search?q=a&in=acme/web").send();
    assert_eq!(answer.status, 303);
    let next = answer.header("location").unwrap().to_owned();
    assert!(
        next.starts_with("/sign-in?next=%2Fsearch%3Fq%3Da"),
        "{next}"
    );
    let everywhere = server.ask("GET", "/search?q=a").send();
    assert_eq!(
        everywhere.header("location"),
        Some("/sign-in?next=%2Fsearch%3Fq%3Da")
    );
}

#[test]
fn an_organization_without_owners_says_how_to_name_them() {
    let server = TestServer::with(|config| config.web.open = true, Clock::System);
    let page = server.ask("GET", &format!("{ANALYTICS}/owners")).send();
    let command = format!("{}/v1/test-ownerships", server.base);
    shows(&page, &["No team owns tests yet.", "TESTOWNERS", &command]);
}
