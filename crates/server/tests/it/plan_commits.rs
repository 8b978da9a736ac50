//! Commits that plan requests describe, on the page of a run and in the rules for mutes.

use serde_json::{Value, json};
use test_engine::clock::Clock;
use test_engine_store::CommitRecord;

use super::TestServer;
use crate::support::{SUITE, result};

fn open() -> TestServer {
    TestServer::with(|config| config.web.open = true, Clock::System)
}

/// As `bktec` sends it with `--collect-git-metadata`.
fn metadata(sha: &str) -> Value {
    json!({
        "commit_sha": sha, "parent_shas": "b".repeat(40),
        "author_name": "Ada Lovelace", "author_email": "ada@example.com",
        "author_date": "2026-11-22T10:00:00+01:00",
        "committer_name": "Ada Lovelace", "committer_email": "ada@example.com",
        "committer_date": "2026-11-22T10:00:00+01:00",
        "message": "Add a cart\n\nIt adds.", "base_branch": "main",
        "files_changed": "lib/cart.rb\nspec/cart_spec.rb",
        "diff_stat": "10\t2\tlib/cart.rb\n3\t0\tspec/cart_spec.rb",
        "git_diff": "…", "git_diff_raw": "…", "branch": "topic",
    })
}

fn plan(server: &TestServer, identifier: &str, metadata: &Value) {
    let request = json!({
        "runner": "rspec", "identifier": identifier, "parallelism": 1, "branch": "topic",
        "tests": {"files": [{"path": "spec/cart_spec.rb"}]}, "metadata": metadata,
    });
    server.post(&format!("{SUITE}/test_plan"), &request).ok();
}

fn upload(server: &TestServer, key: &str, sha: &str, outcome: &str) -> Value {
    let results = json!([result("Cart", "adds", "spec/cart_spec.rb", 0.5, outcome)]);
    let body = json!({
        "format": "json", "data": results,
        "run_env": {"CI": "buildkite", "key": key, "branch": "topic", "commit_sha": sha},
    });
    let answer = server.upload_json(&body);
    assert_eq!(answer.status, 202, "{}", answer.text());
    answer.json()
}

fn run_page(server: &TestServer, receipt: &Value) -> String {
    let run = receipt["run_id"].as_str().unwrap();
    let path = format!("/organizations/acme/analytics/suites/web/runs/{run}");
    server.ask("GET", &path).send().text()
}

#[test]
fn a_run_shows_the_commit_of_its_plan() {
    let server = open();
    let sha = "a".repeat(40);
    plan(&server, "b/1", &metadata(&sha));
    let receipt = upload(&server, "b", &sha.to_uppercase(), "passed");
    let page = run_page(&server, &receipt);
    for part in [
        "<b>Add a cart</b>",
        "title=\"ada@example.com\">Ada Lovelace</span>",
        "2 files changed, <span class=\"added\">+13</span>",
        "<code>spec/cart_spec.rb</code>",
    ] {
        assert!(page.contains(part), "{part}: {page}");
    }
}

#[test]
fn a_backfill_takes_precedence_over_plans() {
    let server = open();
    let sha = "a".repeat(40);
    let from_git = CommitRecord {
        sha: sha.clone(),
        author_name: "Grace Hopper".to_owned(),
        message: "From git".to_owned(),
        ..CommitRecord::default()
    };
    plan(&server, "b/1", &metadata(&sha));
    server.with_store(async |store| {
        let suite = store.suite("acme", "web").await.unwrap().unwrap();
        store.record_commits(suite.id, &[from_git]).await.unwrap();
    });
    plan(&server, "b/2", &metadata(&sha));
    let receipt = upload(&server, "b", &sha, "passed");
    let page = run_page(&server, &receipt);
    assert!(
        page.contains("Grace Hopper") && !page.contains("Ada Lovelace"),
        "{page}"
    );
}

#[test]
fn names_of_changed_files_are_shown_without_line_counts() {
    let server = open();
    let sha = "a".repeat(40);
    let mut known = metadata(&sha);
    known["diff_stat"] = json!("");
    plan(&server, "b/1", &known);
    let receipt = upload(&server, "b", &sha, "passed");
    let page = run_page(&server, &receipt);
    assert!(page.contains("2 files changed</summary>"), "{page}");
    assert!(page.contains("<code>lib/cart.rb</code>"), "{page}");
    assert!(!page.contains("<th class=\"number\">Added</th>"), "{page}");
}

#[test]
fn metadata_without_a_commit_is_no_commit() {
    let server = open();
    let sha = "a".repeat(40);
    let mut anonymous = metadata(&sha);
    anonymous["author_name"] = json!("");
    plan(&server, "b/1", &anonymous);
    plan(
        &server,
        "b/2",
        &json!({"commit_sha": "HEAD", "author_name": "Ada Lovelace"}),
    );
    let receipt = upload(&server, "b", &sha, "passed");
    let page = run_page(&server, &receipt);
    assert!(page.contains("No details are known of it"), "{page}");
    assert!(!page.contains("Ada Lovelace"), "{page}");
}

#[test]
fn a_mute_does_not_hide_failures_of_a_commit_that_changes_the_file() {
    let server = open();
    let touching = "a".repeat(40);
    let other = "c".repeat(40);
    upload(&server, "before", &other, "passed");
    let found = server.post(
        &format!("{SUITE}/tests/find"),
        &json!({"scope": "Cart", "name": "adds"}),
    );
    let id = found.ok()["id"].as_str().unwrap().to_owned();
    let mute = json!({"reason": "flaky", "scope": "not_touched"});
    server
        .ask("PUT", &format!("{SUITE}/tests/{id}/mute"))
        .bearer(&server.access)
        .json(&mute)
        .send()
        .ok();
    plan(&server, "b/1", &metadata(&touching));
    for (key, sha, expected) in [("b1", touching, "failed"), ("b2", other, "passed")] {
        let receipt = upload(&server, key, &sha, "failed");
        let run = receipt["run_id"].as_str().unwrap();
        let run = server.get(&format!("{SUITE}/runs/{run}")).ok();
        assert_eq!(run["result"], expected, "{key}");
    }
}
