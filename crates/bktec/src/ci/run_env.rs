//! The build that results belong to, as uploads describe it (`run_env`).

use super::{Ci, Value};

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
    pub fn detected(ci: Option<&Ci>) -> Self {
        let Some(ci) = ci else {
            return Self {
                ci: "generic",
                ..Self::default()
            };
        };
        let details = &ci.details;
        let text = |value: Option<&Value>| value.map_or("", |value| &value.text).to_owned();
        Self {
            ci: ci.provider.name,
            key: details.key.clone(),
            branch: text(details.branch.as_ref()),
            commit_sha: text(details.commit.as_ref()),
            number: text(details.number.as_ref()),
            url: text(details.url.as_ref()),
            job_id: text(details.job.as_ref()),
            message: text(details.message.as_ref()),
        }
    }

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
