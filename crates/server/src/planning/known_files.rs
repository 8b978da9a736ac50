//! The files of a suite, for results that do not name theirs: those of the build's plans, and those
//! with earlier results.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use serde::Deserialize;
use test_engine_store::{Page, StoreError, Suite, Timestamp};
use test_engine_wire::file_of_target;

use super::{PlanBytes, PlanError, Planner};
use crate::error_chain::ErrorChain;
use crate::ingest::KnownFiles;
use crate::selectors::canonical;

/// Plans of a build to read.
const MAX_PLANS: usize = 16;
/// If no plan of the build is known, the latest ones of the suite probably have the same files.
const LATEST_PLANS: u32 = 4;

/// The paths in a plan, without anything else of it.
#[derive(Deserialize)]
struct PlannedPaths<'a> {
    #[serde(borrow, default)]
    tasks: HashMap<Cow<'a, str>, TaskPaths<'a>>,
}

#[derive(Deserialize)]
struct TaskPaths<'a> {
    #[serde(borrow, default)]
    tests: Vec<CasePath<'a>>,
}

#[derive(Deserialize)]
struct CasePath<'a> {
    #[serde(borrow, default)]
    path: Cow<'a, str>,
    #[serde(borrow, default)]
    value: Cow<'a, str>,
}

impl Planner {
    /// `build` is the `run_env[key]` of the results.
    pub(crate) async fn known_files(
        &self,
        suite: &Suite,
        build: &str,
        now: Timestamp,
    ) -> Result<KnownFiles, PlanError> {
        let mut plans = Vec::new();
        for identifier in self.plans_of(suite, build).await? {
            plans.extend(self.fetch(suite, &identifier, now).await?);
        }
        let timings = self.timings.of(suite).await?;
        tokio::task::spawn_blocking(move || {
            let planned = files_of(&plans);
            let has_results = !timings.read().is_empty();
            let recorded =
                has_results.then(|| Box::new(move |path: &str| timings.read().has(path)) as Box<_>);
            Ok(KnownFiles::new(planned, recorded))
        })
        .await?
    }

    async fn plans_of(&self, suite: &Suite, build: &str) -> Result<Vec<String>, StoreError> {
        let mut identifiers = if build.is_empty() {
            Vec::new()
        } else {
            self.store.identifiers_of_build(suite.id, build).await?
        };
        identifiers.truncate(MAX_PLANS);
        if identifiers.is_empty() {
            let latest = self
                .store
                .plans(suite.id, Page::new(1, LATEST_PLANS))
                .await?;
            let latest = latest.items.into_iter();
            identifiers = latest.map(|plan| plan.identifier).collect();
        }
        Ok(identifiers)
    }
}

/// A plan that cannot be read is left out: results matter more than the names of their files.
fn files_of(plans: &[Arc<PlanBytes>]) -> HashSet<String> {
    let mut files = HashSet::new();
    for plan in plans {
        if let Err(error) = add_files(plan, &mut files) {
            tracing::warn!(cause = %ErrorChain(&error), "failed to read the files of a plan");
        }
    }
    files
}

fn add_files(plan: &PlanBytes, files: &mut HashSet<String>) -> Result<(), PlanError> {
    let json = plan.plain()?;
    let plan: PlannedPaths<'_> = serde_json::from_slice(&json)?;
    for case in plan.tasks.values().flat_map(|task| &task.tests) {
        let target = if case.path.is_empty() {
            &case.value
        } else {
            &case.path
        };
        let file = canonical(file_of_target(target));
        if !files.contains(&*file) {
            files.insert(file.into_owned());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_files_selectors_and_examples_of_a_plan() {
        let plan = serde_json::json!({"identifier": "b/s", "parallelism": 2, "tasks": {
            "0": {"node_number": 0, "tests": [
                {"path": "./api/a.py", "format": "file"},
                {"value": "b.py", "format": "selector", "estimated_duration": 5},
            ]},
            "1": {"node_number": 1, "tests": [
                {"path": "c.py::TestC::test_one[x]", "format": "example", "name": "quo\"te"},
                {"path": "c.py::TestC::test_two", "format": "example"},
            ]},
        }});
        let plan = PlanBytes::from_json(serde_json::to_vec(&plan).unwrap()).unwrap();
        let damaged = PlanBytes::from_json(b"{\"tasks\": 7}".to_vec()).unwrap();
        let expected = ["api/a.py", "b.py", "c.py"].map(str::to_owned);
        assert_eq!(
            files_of(&[damaged, plan].map(Arc::new)),
            HashSet::from(expected)
        );
    }
}
