//! Commit records as clients write them: with fields that are null or missing.

use serde_json::{Map, Value, json};
use test_engine::clock::Clock;
use test_engine_store::CommitRecord;

use super::TestServer;
use crate::backfills::{commit, finished, form, record, unlimited};

/// The optional fields of a record.
const OPTIONAL: [&str; 13] = [
    "schema_version",
    "parent_shas",
    "author_name",
    "author_email",
    "author_date",
    "committer_name",
    "committer_email",
    "committer_date",
    "message",
    "files_changed",
    "diff_stat",
    "git_diff",
    "git_diff_raw",
];

fn complete(number: u32) -> Map<String, Value> {
    let mut fields: Map<String, Value> = serde_json::from_str(&record(number)).unwrap();
    fields.insert("git_diff_raw".to_owned(), json!(":100644 100644 a b M\tx"));
    fields
}

/// A root commit has no parents, and Go writes an empty list as null.
#[test]
fn null_parents_and_missing_fields_are_accepted() {
    let server = TestServer::with(unlimited, Clock::System);
    let form = form(&server);
    let mut records = Vec::new();
    for (number, field) in (1..).zip(OPTIONAL) {
        let mut null = complete(2 * number);
        let before = null.insert(field.to_owned(), Value::Null);
        assert!(before.is_some(), "{field} is a field of a record");
        let mut missing = complete(2 * number + 1);
        missing.remove(field);
        records.extend([null, missing]);
    }
    let bare = Map::from_iter([("commit_sha".to_owned(), json!(format!("{:040x}", 1)))]);
    records.push(bare);
    let lines: Vec<String> = records
        .iter()
        .map(|fields| format!("{}\n", Value::Object(fields.clone())))
        .collect();
    let lines = lines.concat();
    assert_eq!(form.send(&form.archive(&lines)).status, 204);
    let listed = finished(&server);
    assert_eq!(listed[0]["state"], "ingested", "{listed}");
    assert_eq!(listed[0]["commits"], records.len(), "{listed}");
    assert_eq!(listed[0]["skipped"], 0, "{listed}");

    // Everything else of such a record is kept.
    for (number, field) in (1..).zip(OPTIONAL) {
        for number in [2 * number, 2 * number + 1] {
            let stored = commit(&server, number).unwrap();
            let kept = |name: &str, text: &str| (name == field) == text.is_empty();
            assert!(kept("author_name", &stored.author_name), "{field}");
            assert!(kept("author_email", &stored.author_email), "{field}");
            assert!(kept("author_date", &stored.author_date), "{field}");
            assert!(kept("committer_name", &stored.committer_name), "{field}");
            assert!(kept("committer_email", &stored.committer_email), "{field}");
            assert!(kept("committer_date", &stored.committer_date), "{field}");
            assert!(kept("message", &stored.message), "{field}");
            assert!(kept("files_changed", &stored.files_changed), "{field}");
            assert!(kept("diff_stat", &stored.diff_stat), "{field}");
            let parents = usize::from(field != "parent_shas");
            assert_eq!(stored.parents.len(), parents, "{field}");
        }
    }
    assert_eq!(commit(&server, 1), Some(commit_without_fields(1)));
}

fn commit_without_fields(number: u32) -> CommitRecord {
    CommitRecord {
        sha: format!("{number:040x}"),
        parents: Vec::new(),
        author_name: String::new(),
        author_email: String::new(),
        author_date: String::new(),
        committer_name: String::new(),
        committer_email: String::new(),
        committer_date: String::new(),
        message: String::new(),
        files_changed: String::new(),
        diff_stat: String::new(),
    }
}
