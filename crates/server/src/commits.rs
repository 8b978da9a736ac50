//! Commits as clients describe them. Pure.

use std::collections::BTreeMap;

use serde_json::Value;
use test_engine_store::CommitRecord;

/// An object id of git, in lower case; `None` if it is none.
pub(crate) fn object_id(text: &str) -> Option<String> {
    let is_one = matches!(text.len(), 40 | 64) && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_one.then(|| text.to_ascii_lowercase())
}

/// The commit that a plan request describes in its metadata; `None` unless it has an id and an
/// author, because a client without access to git sends other metadata only.
pub(crate) fn of_plan(metadata: &BTreeMap<String, Value>) -> Option<CommitRecord> {
    let text = |name: &str| {
        metadata
            .get(name)
            .and_then(Value::as_str)
            .unwrap_or_default()
    };
    let author_name = text("author_name");
    if author_name.trim().is_empty() {
        return None;
    }
    let parents = text("parent_shas").split_whitespace().map(object_id);
    Some(CommitRecord {
        sha: object_id(text("commit_sha"))?,
        parents: parents.collect::<Option<_>>()?,
        author_name: author_name.to_owned(),
        author_email: text("author_email").to_owned(),
        author_date: text("author_date").to_owned(),
        committer_name: text("committer_name").to_owned(),
        committer_email: text("committer_email").to_owned(),
        committer_date: text("committer_date").to_owned(),
        message: text("message").to_owned(),
        files_changed: text("files_changed").to_owned(),
        diff_stat: text("diff_stat").to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::{Value, json};

    use super::of_plan;

    fn metadata(fields: Value) -> BTreeMap<String, Value> {
        serde_json::from_value(fields).unwrap()
    }

    #[test]
    fn a_commit_needs_an_id_and_an_author() {
        let sha = "A".repeat(40);
        let complete = json!({
            "commit_sha": sha, "parent_shas": format!("{} {}", "b".repeat(40), "c".repeat(40)),
            "author_name": "Ada", "files_changed": "a.py\nb.py", "build_uuid": "x", "number": 7,
        });
        let commit = of_plan(&metadata(complete.clone())).unwrap();
        assert_eq!(commit.sha, "a".repeat(40));
        assert_eq!(commit.parents, ["b".repeat(40), "c".repeat(40)]);
        assert_eq!(commit.files_changed, "a.py\nb.py");
        for (field, value) in [
            ("commit_sha", json!("abc")),
            ("commit_sha", json!(null)),
            ("author_name", json!(" ")),
            ("author_name", json!(7)),
            ("parent_shas", json!("abc")),
        ] {
            let mut incomplete = complete.clone();
            incomplete[field] = value;
            assert_eq!(of_plan(&metadata(incomplete.clone())), None, "{incomplete}");
        }
    }
}
