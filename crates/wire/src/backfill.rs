//! The backfill of commit metadata: the upload of the archive, and its `metadata.json`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The response to `POST …/commit-metadata-backfill/presigned-upload`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PresignedUpload {
    /// Location of the archive, in the storage's notation.
    #[serde(default)]
    pub uri: String,
    /// The request that uploads the archive.
    pub form: PresignedForm,
    /// UUID of the organization.
    #[serde(default)]
    pub organization_id: String,
    /// UUID of the suite.
    #[serde(default)]
    pub suite_id: String,
}

/// A form that the storage accepts without further credentials.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PresignedForm {
    /// `POST`.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(pattern = "^(POST)$"))]
    pub method: String,
    /// Of the storage.
    pub url: String,
    /// All fields, to be sent before the file.
    #[serde(default)]
    pub data: BTreeMap<String, String>,
    /// Name of the file field, which is sent last.
    #[serde(default)]
    pub file_input: String,
}

/// `metadata.json` of the archive.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackfillMetadata {
    /// Always 2.
    pub schema_version: u32,
    /// Always `bktec`.
    pub tool: String,
    /// Of `tool`.
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
    /// Number of records in the archive.
    pub commit_count: u64,
    /// Number of commits of the suite without a record.
    pub skipped_commits: u64,
    /// How far back commits were requested.
    pub days: u32,
    /// The git remote.
    pub remote: String,
    /// True if diffs were left out on request.
    pub skipped_diffs: bool,
    /// Committer date of the oldest record; absent if none could be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_commit_date: Option<String>,
    /// Committer date of the newest record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_commit_date: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recorded_response_survives_the_round_trip() {
        let text = r#"{"uri":"s3://bucket/key",
            "form":{"method":"POST","url":"https://bucket.example.com",
            "data":{"key":"k","policy":"p"},"file_input":"file","extra":1},
            "organization_id":"o","suite_id":"s","new":[]}"#;
        let response: PresignedUpload = serde_json::from_str(text).unwrap();
        assert_eq!(response.form.data["policy"], "p");
        let again: PresignedUpload =
            serde_json::from_str(&serde_json::to_string(&response).unwrap()).unwrap();
        assert_eq!(again, response);
    }
}
