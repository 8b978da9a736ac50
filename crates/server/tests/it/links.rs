//! Lists in pages: a plain HTTP client that follows `next` finds everything once, in every list.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use test_engine::clock::Clock;
use test_engine_store::Role;

use super::TestServer;
use crate::people_api::user;
use crate::support::{Ask, SUITE, result};
use crate::{backfills, forms, waiting};

const ORGANIZATION: &str = "/v2/analytics/organizations/acme";
const TESTS: usize = 5;
const BUILDS: usize = 5;
/// Lists that need builds with a selection; `selections` follows them.
const OF_SELECTION: [&str; 2] = ["/selection/exams", "/test_plan/selection"];

/// A list, the path to what identifies its items, and these values of everything that was created.
struct List {
    path: String,
    field: &'static str,
    items: BTreeSet<String>,
    /// Only people with this token may read it.
    token: Option<String>,
}

fn list(path: String, field: &'static str, items: impl IntoIterator<Item = String>) -> List {
    List {
        path,
        field,
        items: items.into_iter().collect(),
        token: None,
    }
}

/// Such as `test/name`.
fn value(item: &Value, field: &str) -> String {
    let value = item.pointer(&format!("/{field}"));
    value
        .unwrap_or_else(|| panic!("{field}: {item}"))
        .to_string()
}

fn names(kind: &str) -> impl Iterator<Item = String> {
    let kind = kind.to_owned();
    (0..TESTS).map(move |number| format!("{kind} {number}"))
}

/// Creates more than two pages of everything.
fn seed(server: &TestServer) -> Vec<List> {
    let tests: Vec<String> = names("muted").chain(names("skipped")).collect();
    // Each with a cause of its own, which numbers would not make different.
    let words = [
        "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten",
    ];
    let failed = |(name, word): (&String, &str)| {
        let mut failed = result("", name, "a_spec.rb", 1.0, "failed");
        failed["failure_reason"] = json!(format!("{word} is wrong"));
        failed
    };
    let results: Vec<Value> = tests.iter().zip(words).map(failed).collect();
    let webhooks = format!("{ORGANIZATION}/webhooks");
    for _ in 0..TESTS {
        let webhook = json!({"url": "https://receiver.example/"});
        assert_eq!(server.post(&webhooks, &webhook).status, 201);
    }
    let rules = format!("{SUITE}/rules");
    for number in 0..TESTS {
        let rule = json!({
            "name": format!("rule {number}"), "monitor": {"type": "broken"}, "enabled": number == 0,
        });
        assert_eq!(server.post(&rules, &rule).status, 201);
    }
    let mut runs = Vec::new();
    let mut uploads = Vec::new();
    for build in 0..BUILDS {
        let receipt = server.upload(&format!("build-{build}"), "main", &json!(results));
        let receipt = receipt.json();
        runs.push(receipt["run_id"].as_str().unwrap().to_owned());
        uploads.push(receipt["id"].as_str().unwrap().to_owned());
    }
    let find = |name: &str| {
        let test = json!({"scope": "", "name": name});
        let test = server.post(&format!("{SUITE}/tests/find"), &test).ok();
        format!("{SUITE}/tests/{}", test["id"].as_str().unwrap())
    };
    for name in &tests {
        let test = find(name);
        let word = if name.starts_with("muted") {
            "mute"
        } else {
            "skip"
        };
        server.put(&format!("{test}/{word}")).ok();
        let labels = json!({"operator": "add", "labels": ["flaky"]});
        server.patch(&format!("{test}/labels"), &labels).ok();
    }
    let suites: Vec<String> = (0..TESTS).map(|number| format!("suite-{number}")).collect();
    for slug in &suites {
        let suite = json!({"name": slug, "slug": slug, "default_branch": "main"});
        let answer = server.post(&format!("{ORGANIZATION}/suites"), &suite);
        assert_eq!(answer.status, 201, "{}", answer.text());
    }
    let backfill = format!("{SUITE}/commit-metadata-backfill");
    for _ in 0..TESTS {
        let sent = backfills::form(server).send(b"no archive");
        assert_eq!(sent.status, 204, "{}", sent.text());
    }
    let all = |path: &str, field| everything(server, path, field, &server.access);
    let run = format!("{SUITE}/runs/{}", runs[0]);
    let quoted = |items: &[String]| -> Vec<String> {
        items.iter().map(|item| json!(item).to_string()).collect()
    };
    let kind = |kind| quoted(&names(kind).collect::<Vec<_>>());
    let slugs = [&suites[..], &["web".to_owned()]].concat();
    let people = people_of(server);
    wait_for(server, &format!("{SUITE}/tests/health"), tests.len());
    let rule = server.get(&rules).ok()[1]["id"].clone();
    let rule_events = format!("{rules}/{}/events", rule.as_str().unwrap());
    wait_for(server, &rule_events, tests.len());
    let groups = all(&format!("{run}/failure_groups"), "fingerprint");
    let group = groups.items.first().unwrap().trim_matches('"').to_owned();
    let hooks = all(&webhooks, "id");
    let webhook = hooks.items.first().unwrap().trim_matches('"').to_owned();
    let deliveries = all(&format!("{webhooks}/{webhook}/deliveries"), "id");
    vec![
        list(format!("{ORGANIZATION}/suites"), "slug", quoted(&slugs)),
        list(format!("{SUITE}/runs"), "id", quoted(&runs)),
        list(
            format!("{run}/failed_executions"),
            "test_name",
            quoted(&tests),
        ),
        list(format!("{SUITE}/tests"), "name", quoted(&tests)),
        list(
            format!("{SUITE}/tests?order=asc&search=muted"),
            "name",
            kind("muted"),
        ),
        list(
            format!("{SUITE}/tests?tags=result:failed"),
            "name",
            quoted(&tests),
        ),
        list(format!("{SUITE}/tests/muted"), "name", kind("muted")),
        list(format!("{SUITE}/tests/skipped"), "name", kind("skipped")),
        list(format!("{SUITE}/flaky-tests"), "name", quoted(&tests)),
        list(format!("{SUITE}/uploads"), "id", quoted(&uploads)),
        list(
            format!("{ORGANIZATION}/builds/build-0/tests"),
            "name",
            quoted(&tests),
        ),
        list(format!("{run}/failures"), "test/name", quoted(&tests)),
        // Ids and times of these are the server's.
        all(&backfill, "id"),
        all(&format!("{ORGANIZATION}/audit"), "id"),
        all(&format!("{SUITE}/events"), "id"),
        all(&rules, "id"),
        all(&rule_events, "id"),
        groups,
        list(
            format!("{SUITE}/failure_groups/{group}/runs"),
            "id",
            quoted(&runs),
        ),
        list(format!("{SUITE}/tests/health"), "name", quoted(&tests)),
        deliveries,
        hooks,
    ]
    .into_iter()
    .chain(people)
    .collect()
}

/// What only people with the role admin may list.
fn people_of(server: &TestServer) -> [List; 3] {
    let (_, token) = user(server, "acme", "admin", Role::Admin);
    for number in 0..TESTS {
        user(server, "acme", &format!("reader{number}"), Role::Reader);
        forms::cookie(server, &server.access);
        let rule = json!({
            "match": "email_domain", "value": format!("team{number}.example"), "role": "reader",
        });
        let path = format!("{ORGANIZATION}/sign-in-rules");
        let created = server.ask("POST", &path).bearer(&token).json(&rule).send();
        assert_eq!(created.status, 201, "{}", created.text());
    }
    ["members", "sessions", "sign-in-rules"].map(|name| List {
        token: Some(token.clone()),
        ..everything(server, &format!("{ORGANIZATION}/{name}"), "id", &token)
    })
}

/// A list that fits on one page of 100, with what it has now.
fn everything(server: &TestServer, path: &str, field: &'static str, token: &str) -> List {
    let page = server.ask("GET", &format!("{path}?per_page=100"));
    let page = page.bearer(token).send().ok();
    let items = page.as_array().unwrap().iter();
    let items: BTreeSet<String> = items.map(|item| value(item, field)).collect();
    assert!(items.len() >= TESTS, "{path}: {page}");
    list(path.to_owned(), field, items)
}

/// Waits until the job has judged all tests, or a rule has followed the judgement.
fn wait_for(server: &TestServer, list: &str, items: usize) {
    waiting::wait_for(list, || {
        let found = server.get(&format!("{list}?per_page=100")).ok();
        let found = found.as_array().unwrap().len();
        (found == items).then_some(()).ok_or(found)
    });
}

/// The address with a relation in a `Link` header.
pub(crate) fn link(header: &str, relation: &str) -> Option<String> {
    header.split(", ").find_map(|link| {
        let (address, parameters) = link.split_once("; ")?;
        let is_wanted = parameters == format!("rel=\"{relation}\"");
        is_wanted.then(|| address.trim_matches(['<', '>']).to_owned())
    })
}

fn get(url: &str, token: &str) -> (Vec<Value>, String) {
    let answer = Ask::new("GET", url).bearer(token).send();
    let items = answer.ok().as_array().unwrap().clone();
    (items, answer.header("link").unwrap_or_default().to_owned())
}

#[test]
fn following_next_finds_everything_once() {
    let server = TestServer::with(backfills::unlimited, Clock::System);
    for list in seed(&server) {
        let token = list.token.as_ref().unwrap_or(&server.access);
        let separator = if list.path.contains('?') { '&' } else { '?' };
        let first = format!("{}{}{separator}per_page=2", server.base, list.path);
        let (mut items, mut links) = get(&first, token);
        let last = link(&links, "last").expect("there are several pages");
        let mut pages = 1;
        let mut address = first.clone();
        while let Some(next) = link(&links, "next") {
            assert!(items.len() == 2 * pages, "{address}: a page is not full");
            let (more, its_links) = get(&next, token);
            items.extend(more);
            assert!(link(&its_links, "prev").is_some(), "{next}: {its_links}");
            (address, links) = (next, its_links);
            pages += 1;
        }
        assert!(pages > 2, "{}: {pages} pages", list.path);
        assert_eq!(address, last, "{}", list.path);
        assert_eq!(items.len(), list.items.len(), "{}", list.path);
        let found = items.iter().map(|item| value(item, list.field));
        assert_eq!(found.collect::<BTreeSet<_>>(), list.items, "{}", list.path);
    }
}

/// The lists of the API, by its document, without their parameters.
#[test]
fn every_list_of_the_api_is_followed() {
    let document = include_str!("../../../../docs/server/openapi.yaml");
    let document: Value = serde_saphyr::from_str(document).unwrap();
    let paths = document["paths"].as_object().unwrap();
    let is_list = |path: &Value| {
        path["get"]["responses"]["200"]["headers"]
            .get("Link")
            .is_some()
    };
    let is_of_selection = |path: &str| OF_SELECTION.iter().any(|end| path.ends_with(end));
    let documented = paths
        .iter()
        .filter(|(name, path)| is_list(path) && !is_of_selection(name));
    let documented: BTreeSet<String> = documented.map(|(path, _)| path.clone()).collect();
    let server = TestServer::start();
    let mut followed = BTreeSet::new();
    for list in seed(&server) {
        let path = list.path.split('?').next().unwrap();
        let matches = |template: &&String| {
            let parts = template.split('/').zip(path.split('/'));
            template.split('/').count() == path.split('/').count()
                && parts
                    .into_iter()
                    .all(|(part, own)| part == own || part.starts_with('{'))
        };
        // `tests/muted` is not a test.
        let exact = documented.iter().filter(matches);
        followed.extend(
            exact
                .min_by_key(|template| template.matches('{').count())
                .cloned(),
        );
    }
    assert_eq!(followed, documented);
}
