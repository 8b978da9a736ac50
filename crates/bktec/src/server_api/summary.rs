//! The calls of `bktec summary`, which the hosted product does not have.

use test_engine_wire::Run;

use super::{ApiError, Client, Failure, percent_encoded, unreadable};

impl Client<'_> {
    /// The id of the latest run of a build; `None` if the server has no results of it.
    pub fn latest_run(&self, build_id: &str) -> Result<Option<String>, ApiError> {
        let url = format!(
            "{}/runs?per_page=1&build_id={}",
            self.suite_url,
            percent_encoded(build_id, true)
        );
        let runs: Vec<Run> = self.get("find the runs of the build", &url, |body| {
            serde_json::from_slice(&body).map_err(unreadable)
        })?;
        Ok(runs.into_iter().next().map(|run| run.id))
    }

    /// What failed in the build of a run, in Markdown; empty if the build did not fail.
    pub fn run_summary(&self, run: &str) -> Result<String, ApiError> {
        let url = format!(
            "{}/runs/{}/summary.md",
            self.suite_url,
            percent_encoded(run, false)
        );
        self.get("fetch the summary of the build", &url, |body| {
            String::from_utf8(body).map_err(|error| Failure::Unreadable(error.to_string()))
        })
    }
}
