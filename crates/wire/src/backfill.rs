//! The backfill of commit metadata: where to send the archive, and what is in it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Answer to `POST …/commit-metadata-backfill/presigned-upload`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PresignedUpload {
    /// Where the archive will lie, in the storage's own terms.
    #[serde(default)]
    pub uri: String,
    /// What to send.
    pub form: PresignedForm,
    /// UUID of the organization.
    #[serde(default)]
    pub organization_id: String,
    /// UUID of the suite.
    #[serde(default)]
    pub suite_id: String,
}

/// A form that storage takes without any other credential.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PresignedForm {
    /// `POST`.
    #[serde(default)]
    pub method: String,
    /// Where to send it.
    pub url: String,
    /// Every field, to be sent before the file.
    #[serde(default)]
    pub data: BTreeMap<String, String>,
    /// The name of the field that holds the file; sent last.
    #[serde(default)]
    pub file_input: String,
}

/// `metadata.json` of the archive.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackfillMetadata {
    /// 2.
    pub schema_version: u32,
    /// `bktec`.
    pub tool: String,
    /// Its version.
    pub tool_version: String,
    /// RFC 3339.
    pub generated_at: String,
    /// Slug.
    pub organization_slug: String,
    /// Slug.
    pub suite_slug: String,
    /// UUID.
    pub organization_uuid: String,
    /// UUID.
    pub suite_uuid: String,
    /// Records in the archive.
    pub commit_count: u64,
    /// Commits that the suite has seen and that have no record.
    pub skipped_commits: u64,
    /// How far back was asked for.
    pub days: u32,
    /// The git remote.
    pub remote: String,
    /// Patches were left out on purpose.
    pub skipped_diffs: bool,
    /// Committer date of the oldest record; absent when none could be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_commit_date: Option<String>,
    /// And of the newest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_commit_date: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recorded_answer() {
        let text = r#"{"uri":"s3://bucket/key","form":{"method":"POST","url":"https://bucket.example.com",
            "data":{"key":"k","policy":"p"},"file_input":"file","extra":1},
            "organization_id":"o","suite_id":"s","new":[]}"#;
        let answer: PresignedUpload = serde_json::from_str(text).unwrap();
        assert_eq!(answer.form.data["policy"], "p");
        let again: PresignedUpload =
            serde_json::from_str(&serde_json::to_string(&answer).unwrap()).unwrap();
        assert_eq!(again, answer);
    }
}
