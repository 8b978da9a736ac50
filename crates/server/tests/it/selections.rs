//! The life of a selection: failing builds are observed, items are left out, and what is missed
//! becomes known on the default branch.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use test_engine::clock::Clock;
use test_engine_store::{BackfillOutcome, CommitRecord, Timestamp};
use uuid::Uuid;

use super::TestServer;
use crate::links::link;
use crate::selection_scene::{
    FILES, NOW, all_files, finish, finish_main, miss, observed, overview, plan, planned, request,
    results, selected, source, test_file, wait_for_holdouts, with_selection,
};
use crate::support::{Ask, SUITE};

fn start() -> TestServer {
    let clock = Clock::fixed_at(Timestamp::from_millis(NOW));
    TestServer::with(|_config| {}, clock)
}

/// The items of all pages of a list, by the `next` of each.
fn all_pages(server: &TestServer, path: &str, items: impl Fn(&Value) -> &Value) -> Vec<Value> {
    let mut address = format!("{}{path}", server.base);
    let mut found = Vec::new();
    for _ in 0..100 {
        let answer = Ask::new("GET", &address).bearer(&server.access).send();
        found.extend(items(&answer.ok()).as_array().unwrap().iter().cloned());
        match answer
            .header("link")
            .and_then(|header| link(header, "next"))
        {
            Some(next) => address = next,
            None => return found,
        }
    }
    panic!("{path} has no end");
}

#[test]
fn following_next_finds_every_holdout_and_item_once() {
    let server = start();
    observed(&server);
    let holdouts = format!("{SUITE}/selection/exams?per_page=2");
    let found = all_pages(&server, &holdouts, |page| page);
    let builds: BTreeSet<String> = found.iter().map(Value::to_string).collect();
    assert_eq!((found.len(), builds.len()), (11, 11));

    let (key, _) = selected(&server, "selected", 500, 3);
    let decision = format!("{SUITE}/test_plan/selection?identifier={key}/step&per_page=7");
    let found = all_pages(&server, &decision, |page| &page["items"]);
    let items = found.iter().map(|item| item["item"].as_str().unwrap());
    let items: BTreeSet<String> = items.map(str::to_owned).collect();
    assert_eq!((found.len(), items), (FILES, all_files().collect()));
}

#[test]
fn failing_builds_are_observed_then_selections_leave_out_what_does_not_fail() {
    let server = start();
    observed(&server);
    let seen = overview(&server);
    assert_eq!(seen["seen"]["holdouts"], 11);
    assert_eq!(seen["seen_unbiased"]["holdouts"], 10);
    assert_eq!(seen["curve"].as_array().unwrap().len(), 100);
    assert_eq!(
        seen["curve"][99],
        json!({"time": 100, "caught": 11, "unbiased_caught": 10})
    );
    assert_eq!(seen["verdicts"], json!({"observe": 10, "full": 1}));
    assert_eq!(seen["off"], Value::Null);

    let (key, answer) = selected(&server, "selected", 500, 3);
    let selection = &answer["selection"];
    let runs = planned(&answer);
    assert!(
        runs.contains(&test_file(3)) && runs.len() < FILES,
        "{runs:?}"
    );
    assert_eq!(selection["selected"], runs.len());
    assert_eq!(selection["items"], FILES);
    assert_eq!(selection["applied"], true);
    let confidence = &selection["confidence"];
    assert_eq!(confidence["holdouts"], 11);
    assert!(confidence["shown"].as_f64().unwrap() >= 0.9, "{confidence}");

    // Every node gets the same plan, also if it asks for another selection.
    let identifier = format!("{key}/step");
    let query = format!("identifier={identifier}");
    let fetched = server.get(&format!("{SUITE}/test_plan?{query}")).ok();
    assert_eq!(fetched, answer);
    let other = request(&identifier, "other", 1, &[source(9)]);
    let again = plan(
        &server,
        &with_selection(other.clone(), "percent", &json!({"percent": "1"})),
    );
    assert_eq!(again.ok(), answer);
    assert_eq!(plan(&server, &other).ok(), answer);

    // What runs and what was left out is everything.
    let path = format!("{SUITE}/test_plan/selection?{query}");
    let left_out = server
        .get(&format!("{path}&left_out=true&per_page=100"))
        .ok();
    let items = left_out["items"].as_array().unwrap();
    let left_out: BTreeSet<String> = items
        .iter()
        .map(|item| item["item"].as_str().unwrap().to_owned())
        .collect();
    assert!(left_out.is_disjoint(&runs));
    let all: BTreeSet<String> = left_out.union(&runs).cloned().collect();
    assert_eq!(all, all_files().collect());
    let page = server.get(&format!("{path}&per_page=10&page=2"));
    assert!(page.header("link").unwrap().contains("rel=\"next\""));
    let ranks: Vec<u64> = page.ok()["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| item["rank"].as_u64().unwrap())
        .collect();
    assert_eq!(ranks, (11..=20).collect::<Vec<u64>>());

    let item = format!("{path}&item={}&item=unknown.py", test_file(3));
    let explained = server.get(&item).ok();
    assert_eq!(explained["unknown_items"], json!(["unknown.py"]));
    assert_eq!(explained["changed_files"][0]["path"], source(3));
    let causes = explained["items"][0]["why"].as_array().unwrap();
    let words: Vec<&str> = causes
        .iter()
        .map(|cause| cause["why"].as_str().unwrap())
        .collect();
    assert!(
        words.iter().any(|why| why.starts_with("failed in ")),
        "{words:?}"
    );
    assert!(words.contains(&"same name"), "{words:?}");
    assert_eq!(explained["items"][0]["in"], true);

    // The accounting names what was left out.
    let executed = results(runs.iter().cloned(), &[3]);
    finish(&server, &key, "selected", 500, &executed);
    wait_for_holdouts(&server, "caught", 1);
    let accounting = server
        .get(&format!("{SUITE}/test_plan/accounting?{query}"))
        .ok();
    let group = &accounting["accountings"][0]["groups"][0];
    assert_eq!(group["failures"], json!([]), "{group}");
    let excused = group["excused_tests"].as_array().unwrap();
    let names: BTreeSet<String> = excused
        .iter()
        .filter(|test| test["reason"] == "not_selected")
        .map(|test| test["name"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(names, left_out);
}

#[test]
fn a_miss_becomes_known_on_the_default_branch() {
    let server = start();
    observed(&server);
    let before = overview(&server)["seen"]["shown"].as_f64().unwrap();
    let (key, missed) = miss(&server);
    let found = overview(&server);
    assert!(found["seen"]["shown"].as_f64().unwrap() < before, "{found}");
    assert_eq!(found["seen_unbiased"]["caught"], 10);
    let listed = server
        .get(&format!("{SUITE}/selection/exams?missed=true"))
        .ok();
    assert_eq!(listed.as_array().unwrap().len(), 1);
    let holdout = &listed[0];
    assert_eq!(holdout["origin"], "missed");
    assert_eq!(holdout["is_caught"], false);
    assert_eq!(holdout["identifier"], format!("{key}/step"));
    assert_eq!(holdout["misses"][0]["item"], test_file(missed));
    assert!(holdout["misses"][0]["run_id"].is_string());
    let all = server.get(&format!("{SUITE}/selection/exams")).ok();
    assert_eq!(all.as_array().unwrap().len(), 12);
    // It fails on the default branch now, so it always runs.
    let next = request("next/step", "next", 800, &[source(5)]);
    let params = json!({"percent": "20", "min_holdouts": "9"});
    let next = plan(&server, &with_selection(next, "percent", &params)).ok();
    assert!(planned(&next).contains(&test_file(missed)));
    assert_eq!(next["selection"]["always"]["failing"], 1);
}

#[test]
fn failures_that_prove_nothing_are_not_learned() {
    let server = start();
    finish_main(&server, &[7]);
    let observe = |key: &str, number: usize| {
        let request = request(&format!("{key}/step"), key, number, &[source(1)]);
        plan(&server, &with_selection(request, "observe", &json!({}))).ok();
    };
    // It failed on the default branch before.
    observe("old", 1);
    finish(&server, "old", "old", 1, &results(all_files(), &[7]));
    // So much fails that something else is broken.
    observe("breakdown", 2);
    let many: Vec<usize> = (10..FILES).collect();
    finish(
        &server,
        "breakdown",
        "breakdown",
        2,
        &results(all_files(), &many),
    );
    // It passed on retry.
    observe("flaky", 3);
    let mut twice = results(all_files(), &[2]);
    let again = results(std::iter::once(test_file(2)), &[]);
    twice
        .as_array_mut()
        .unwrap()
        .extend(again.as_array().unwrap().clone());
    finish(&server, "flaky", "flaky", 3, &twice);
    observe("real", 4);
    finish(&server, "real", "real", 4, &results(all_files(), &[3, 7]));
    // Nothing was known of this kind of file before.
    let found = wait_for_holdouts(&server, "full", 1);
    assert_eq!(found["seen"]["holdouts"], 1);
    let listed = server.get(&format!("{SUITE}/selection/exams")).ok();
    assert_eq!(listed[0]["identifier"], "real/step");
    assert_eq!(listed[0]["failing"], 1);
}

/// The commits of these builds, as an archive describes them.
fn read_archive(server: &TestServer, builds: &[usize]) {
    let commit = |number: &usize| CommitRecord {
        sha: format!("{number:040x}"),
        parents: Vec::new(),
        author_name: "Ada".to_owned(),
        author_email: String::new(),
        author_date: String::new(),
        committer_name: String::new(),
        committer_email: String::new(),
        committer_date: String::new(),
        message: String::new(),
        files_changed: source(number % 100),
        diff_stat: format!("3\t1\t{}", source(number % 100)),
    };
    let commits: Vec<CommitRecord> = builds.iter().map(commit).collect();
    let now = Timestamp::from_millis(NOW);
    server.with_store(async |store| {
        let suite = store.suite("acme", "web").await.unwrap().unwrap();
        store.record_commits(suite.id, &commits).await.unwrap();
        let archive = Uuid::now_v7();
        let end = now.plus_days(1);
        store
            .create_backfill(suite.id, archive, now, end)
            .await
            .unwrap();
        assert!(store.begin_backfill(suite.id, archive).await.unwrap());
        assert!(store.backfill_received(archive, 7, now).await.unwrap());
        let outcome = BackfillOutcome::Ingested {
            commits: builds.len() as u64,
            skipped_records: 0,
            problems: Vec::new(),
        };
        store.finish_backfill(archive, &outcome, now).await.unwrap();
    });
}

#[test]
fn failing_builds_of_archived_commits_are_history() {
    let server = start();
    finish_main(&server, &[]);
    let builds: Vec<usize> = (0..8).map(|number| 200 + number).collect();
    for build in &builds {
        let key = format!("old{build}");
        let failed = results(all_files(), &[build % 100]);
        finish(&server, &key, &format!("branch{build}"), *build, &failed);
    }
    // The commit of the last one is not in the archive.
    read_archive(&server, &builds[..7]);
    finish(&server, "green", "main", 300, &results(all_files(), &[]));
    let found = wait_for_holdouts(&server, "history", 7);
    assert_eq!(found["seen"]["holdouts"], 7);
    assert_eq!(found["seen_unbiased"]["holdouts"], 0);
    let listed = server.get(&format!("{SUITE}/selection/exams")).ok();
    assert_eq!(listed[0]["commit_sha"], format!("{:040x}", 206));
    assert_eq!(listed[0]["identifier"], "");
    // Enough is known to select from the first plan on.
    let body = request("new/step", "feature", 400, &[source(2)]);
    let params = json!({"confidence": "80", "min_holdouts": "5", "holdout": "1"});
    let answer = plan(&server, &with_selection(body, "confidence", &params)).ok();
    let selection = &answer["selection"];
    assert!(
        selection["verdict"] == "selected" || selection["reason"] == "holdout",
        "{selection}"
    );
    assert_eq!(selection["confidence"]["holdouts"], 7);
    assert!(planned(&answer).contains(&test_file(2)));
}
