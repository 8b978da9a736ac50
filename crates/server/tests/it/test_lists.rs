//! The list of tests, with its queries, views and bulk changes.

use serde_json::Value;
use test_engine::clock::Clock;

use super::TestServer;
use super::list_scene::{PAGES, Scene, query_string, shows};
use crate::forms::post;

#[test]
fn a_query_finds_tests_by_what_is_known_of_them() {
    let scene = Scene::new();
    let greets = "greets, \"politely\"";
    // The slowest first.
    assert_eq!(scene.found(""), ["searches", "polls", "charges", greets]);
    for (query, names) in [
        ("state:muted", &["charges"] as &[&str]),
        ("!state:enabled", &["charges"]),
        ("owner:ops", &["polls", "charges"]),
        ("owner:ops !state:muted", &["polls"]),
        ("owner:none", &[greets]),
        ("flaky:yes", &["polls"]),
        ("flaky:no owner:payments", &["charges"]),
        ("broken:yes", &[]),
        ("duration:>2s", &["searches"]),
        ("duration:<=500ms", &["charges", greets]),
        ("reliability:<99", &["polls"]),
        ("label:\"very slow\"", &["searches"]),
        ("!label:\"very slow\" !polls", &["charges", greets]),
        ("CART har", &["charges"]),
        ("\"politely\"", &[greets]),
        ("\"cart greets\"", &[greets]),
        ("tag:host.type=c7g.* flaky:yes", &["polls"]),
        ("tag:host.type=c8", &[]),
        ("branch:feature/* polls", &["polls"]),
        ("branch:none", &[]),
        ("!branch:main polls", &["polls"]),
    ] {
        assert_eq!(scene.found(query), names, "{query}");
    }
    // The results of the branch alone count: one of polls failed, and one passed.
    let query = query_string(&[("q", "branch:feature/x polls"), ("format", "json")]);
    let rows = scene.open(&format!("{PAGES}/tests?{query}")).json();
    assert_eq!(rows[0]["executions"], 2);
    assert_eq!(rows[0]["reliability"], 0.5);
    assert_eq!(rows[0]["owners"], "payments ops");
    assert_eq!(rows[0]["is_flaky"], true);
}

#[test]
fn the_list_of_tests_is_a_page_and_a_file() {
    let scene = Scene::new();
    let page = scene.open(&format!("{PAGES}/tests"));
    shows(
        &page,
        &[
            "4 tests, 1 flaky",
            "4 tests with executions in the last 28 days",
            "b-flaky",
            "b-mute",
            "very slow",
            "payments",
            "aria-sort=\"descending\"",
        ],
    );
    let columns = scene.open(&format!("{PAGES}/tests?q=&columns=failed,last_seen"));
    shows(&columns, &["Last seen", "just now"]);
    assert!(!columns.text().contains("Mean duration</a>"));
    let csv = scene.open(&format!("{PAGES}/tests.csv?q=greets"));
    assert_eq!(csv.text().lines().count(), 2, "{}", csv.text());
    assert!(csv.text().contains("\"greets, \"\"politely\"\"\""));
    // An invalid query finds nothing, and says why.
    let wrong = query_string(&[("q", "state:gone")]);
    let problem = "state:gone is not valid: use enabled, muted or skipped.";
    shows(&scene.open(&format!("{PAGES}/tests?{wrong}")), &[problem]);
    let file = scene.open(&format!("{PAGES}/tests.csv?{wrong}"));
    assert_eq!(file.status, 400);
    assert!(file.text().contains("state:gone is not valid"));
    // An empty list says which days it covers: with tags, every single execution is read.
    for (query, days) in [("state:skipped", 28), ("tag:host.type=c8", 7)] {
        let query = query_string(&[("q", query)]);
        let covered = format!("with executions in the last {days} days. ");
        let page = scene.open(&format!("{PAGES}/tests?{query}"));
        shows(&page, &["No test matches", &covered]);
    }
    for (path, status) in [("page=x", 400), ("page=99", 200), ("q=%00&sort=x", 200)] {
        let answer = scene.open(&format!("{PAGES}/tests?{path}"));
        assert_eq!(answer.status, status, "{path}");
    }
}

#[test]
fn fields_and_text_are_one_query() {
    let scene = Scene::new();
    let fields = query_string(&[
        ("fields", "1"),
        ("rest", "!greets"),
        ("state", "enabled"),
        ("owner", "shop"),
        ("slower", "2s"),
        ("label", "very slow"),
        ("sort", "reliability"),
    ]);
    let answer = scene.open(&format!("{PAGES}/tests?{fields}"));
    assert_eq!(answer.status, 303);
    let address = answer.header("location").unwrap().to_owned();
    let expected = "q=%21greets+state%3Aenabled+owner%3Ashop+label%3A%22very+slow%22+\
                    duration%3A%3E2s&sort=reliability";
    assert_eq!(address, format!("{PAGES}/tests?{expected}"));
    shows(
        &scene.open(&address),
        &[
            "1 test with executions",
            "name=\"slower\" value=\"2s\"",
            "name=\"owner\" value=\"shop\"",
            "name=\"rest\" value=\"!greets\"",
        ],
    );
}

#[test]
fn a_view_is_a_name_for_a_query() {
    let scene = Scene::new();
    let save = |name: &str, shown: &str, default: &str| {
        let fields = [
            ("action", "save"),
            ("name", name),
            ("shown", shown),
            ("default", default),
        ];
        scene.send("/tests/views", &fields)
    };
    let slow = save(
        " Slow ",
        "q=duration%3A%3E2s&sort=total&columns=total&page=3",
        "",
    );
    assert_eq!(slow.status, 303);
    assert_eq!(
        slow.header("location").unwrap(),
        format!("{PAGES}/tests?q=duration%3A%3E2s&sort=total&columns=total")
    );
    assert_eq!(save("Muted", "q=state%3Amuted", "1").status, 303);
    // Without a query, the default view; with an empty one, all tests.
    let names = |path: &str| {
        let rows = scene.open(&format!("{PAGES}/{path}")).json();
        let rows = rows.as_array().unwrap().clone();
        rows.iter()
            .map(|row| row["name"].to_string())
            .collect::<Vec<_>>()
    };
    assert_eq!(names("tests.json"), ["\"charges\""]);
    assert_eq!(names("tests.json?q=").len(), 4);
    let page = scene.open(&format!("{PAGES}/tests"));
    shows(
        &page,
        &[
            "1 test with executions",
            "value=\"Muted\"",
            "<bdi>Slow</bdi>",
        ],
    );
    // Another default replaces it; a view is changed under its name.
    assert_eq!(save("Slow", "q=duration%3A%3E2s", "1").status, 303);
    assert_eq!(names("tests.json"), ["\"searches\""]);
    for (name, shown) in [("", "q="), ("a\nb", "q="), (&"x".repeat(101), "q=")] {
        assert_eq!(save(name, shown, "").status, 422, "{name}");
    }
    let delete = [("action", "delete"), ("name", "Slow")];
    assert_eq!(scene.send("/tests/views", &delete).status, 303);
    assert_eq!(names("tests.json").len(), 4);
    assert_eq!(
        scene
            .send("/tests/views", &[("action", "x"), ("name", "y")])
            .status,
        404
    );
    let log = scene
        .server
        .get("/v2/analytics/organizations/acme/audit")
        .ok();
    let actions = log.as_array().unwrap().iter().map(|entry| &entry["action"]);
    let actions: Vec<_> = actions.filter_map(Value::as_str).take(4).collect();
    assert_eq!(
        actions,
        ["view.deleted", "view.saved", "view.saved", "view.saved"]
    );
    // Readers cannot.
    let forged = post(
        &scene.server,
        &format!("{PAGES}/tests/views"),
        "a=b",
        "form_token=&action=delete&name=Muted",
    );
    assert_eq!(forged.status, 403);
    let anonymous = scene.server.ask("GET", &format!("{PAGES}/tests")).send();
    assert!(!anonymous.text().contains("name=\"action\""));
}

#[test]
fn chosen_tests_are_muted_skipped_labelled_and_enabled_together() {
    let scene = Scene::new();
    let (polls, searches) = (scene.id("polls"), scene.id("searches"));
    let act = |fields: &[(&str, &str)]| {
        let mut all = vec![
            ("from", "tests"),
            ("back", "q=owner%3Ashop&sort=total&changed=9"),
            ("test", polls.as_str()),
            ("test", searches.as_str()),
        ];
        all.extend(fields);
        scene.send("/quarantine", &all)
    };
    let done = act(&[("action", "label"), ("label", "watched")]);
    assert_eq!(done.status, 303);
    let next = done.header("location").unwrap().to_owned();
    assert_eq!(
        next,
        format!("{PAGES}/tests?q=owner%3Ashop&sort=total&changed=2")
    );
    shows(&scene.open(&next), &["2 tests changed.", "watched"]);
    assert_eq!(scene.found("label:watched"), ["searches", "polls"]);
    assert_eq!(
        act(&[("action", "unlabel"), ("label", "watched")]).status,
        303
    );
    assert_eq!(scene.found("label:watched"), [""; 0]);
    assert_eq!(act(&[("action", "label"), ("label", "a,b")]).status, 422);
    assert_eq!(act(&[("action", "skip")]).status, 422, "without a reason");
    assert_eq!(
        act(&[("action", "skip"), ("reason", "slow"), ("days", "3")]).status,
        303
    );
    assert_eq!(scene.found("state:skipped"), ["searches", "polls"]);
    assert_eq!(
        act(&[("action", "enable"), ("reason", "fixed")]).status,
        303
    );
    assert_eq!(scene.found("state:skipped"), [""; 0]);
}

#[test]
fn a_suite_without_results_says_what_to_do() {
    let server = TestServer::with(|config| config.web.open = true, Clock::System);
    let page = |path: &str| server.ask("GET", path).send();
    let base = server.base.clone();
    shows(
        &page(&format!("{PAGES}/tests")),
        &["No tests yet.", &base, "TEST_ENGINE_SUITE_SLUG=web"],
    );
}
