//! The build that results belong to, as uploads describe it (`run_env`).

use super::{BuildDetails, Ci};

/// `run_env` of an upload; empty where unknown. Uploads with the same key are one run, so the key
/// is never built from only some of its parts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RunEnvironment {
    pub ci: &'static str,
    pub key: String,
    pub branch: String,
    pub commit_sha: String,
    pub number: String,
    pub url: String,
    pub job_id: String,
    pub message: String,
}

impl RunEnvironment {
    /// What the CI reports about the build.
    pub fn detected(ci: Option<&Ci>) -> Self {
        let Some(ci) = ci else {
            return Self {
                ci: "generic",
                ..Self::default()
            };
        };
        let BuildDetails {
            branch,
            uploaded_branch,
            commit,
            number,
            url,
            job,
            message,
            ..
        } = &ci.details;
        let [branch, commit_sha, number, url, job_id, message] = [
            uploaded_branch.as_ref().or(branch.as_ref()),
            commit.as_ref(),
            number.as_ref(),
            url.as_ref(),
            job.as_ref(),
            message.as_ref(),
        ]
        .map(|value| value.map_or_else(String::new, |value| value.text.clone()));
        Self {
            ci: ci.provider.name,
            key: ci.details.key.clone(),
            branch,
            commit_sha,
            number,
            url,
            job_id,
            message,
        }
    }

    /// The `run_env` fields, including empty ones.
    pub fn pairs(&self) -> [(&'static str, &str); 8] {
        [
            ("CI", self.ci),
            ("key", &self.key),
            ("branch", &self.branch),
            ("commit_sha", &self.commit_sha),
            ("number", &self.number),
            ("url", &self.url),
            ("job_id", &self.job_id),
            ("message", &self.message),
        ]
    }
}
