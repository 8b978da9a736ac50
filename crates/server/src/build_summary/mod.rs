//! A short summary of a failed build in Markdown, for a comment on a pull request or an annotation
//! of a build: which failures are new, and which are not of this change.

mod markdown;
mod verdict;

use std::collections::{BTreeMap, BTreeSet};

use test_engine_accounting::Finding;
use test_engine_store::{
    BuildFailures, FailedTest, QuarantineScope, Run, Store, StoreError, Suite, TestId, TestedCode,
    Timestamp,
};

use self::markdown::{Heading, Item};
use self::verdict::{End, Facts, Verdict};
use crate::accounting::{Accountant, AccountingError};
use crate::links::Links;

/// People and programs put this label on tests that they know to be flaky.
pub(crate) const FLAKY_LABEL: &str = "flaky";

pub(crate) struct Sources<'a> {
    pub(crate) store: &'a Store,
    pub(crate) accountant: &'a Accountant,
    pub(crate) links: &'a Links,
}

impl Sources<'_> {
    /// The summary of the build of a run; `None` if the build did not fail.
    pub(crate) async fn of_build(
        &self,
        suite: &Suite,
        run: &Run,
        now: Timestamp,
    ) -> Result<Option<String>, AccountingError> {
        let failures = self.store.build_failures(suite, run).await?;
        if failures.tests.is_empty() && failures.errors_outside_tests.is_empty() {
            return Ok(None);
        }
        let ids: Vec<TestId> = failures.tests.iter().map(|failed| failed.test.id).collect();
        let known = Known {
            labels: self.store.labels(&ids).await?,
            code: self.tested_code(suite, run).await?,
            unexplained: self.unexplained_targets(suite, &failures, now).await?,
        };
        let items: Vec<Item<'_>> = failures
            .tests
            .iter()
            .map(|failed| {
                let address = self.links.test_page(suite, failed.test.uuid);
                Item::new(failed, Verdict::of(known.facts(failed)), address)
            })
            .collect();
        let heading = Heading {
            suite: &suite.name,
            number: run.number.as_deref(),
            address: self.links.run_page(suite, run.uuid),
            default_branch: &suite.default_branch,
        };
        let errors = &failures.errors_outside_tests;
        Ok(markdown::summary(&heading, items, errors))
    }

    /// Targets with failed tests according to the nodes, none of which failed according to the
    /// results.
    async fn unexplained_targets(
        &self,
        suite: &Suite,
        failures: &BuildFailures,
        now: Timestamp,
    ) -> Result<BTreeSet<String>, AccountingError> {
        let mut targets = BTreeSet::new();
        for identifier in &failures.plans {
            let accounting = self.accountant.of_plan(suite, identifier, now).await?;
            let groups = accounting.iter().flat_map(|accounting| &accounting.groups);
            for warning in groups.flat_map(|group| &group.warnings) {
                if let Finding::TargetFailed { target, .. } = warning {
                    targets.insert(target.clone());
                }
            }
        }
        for failed in failures
            .tests
            .iter()
            .filter(|failed| failed.failed_lanes > 0)
        {
            for target in targets_of(failed) {
                targets.remove(target);
            }
        }
        Ok(targets)
    }

    async fn tested_code(&self, suite: &Suite, run: &Run) -> Result<TestedCode, StoreError> {
        let commit = match &run.commit_sha {
            Some(sha) => self.store.commit(suite.id, &sha.to_lowercase()).await?,
            None => None,
        };
        let files = commit.as_ref().map(|commit| commit.files_changed.as_str());
        let branch = run.branch.as_deref();
        Ok(TestedCode::new(branch, &suite.default_branch, files))
    }
}

struct Known {
    labels: BTreeMap<TestId, Vec<String>>,
    code: TestedCode,
    unexplained: BTreeSet<String>,
}

impl Known {
    fn facts(&self, failed: &FailedTest) -> Facts {
        let mut labels = self.labels.get(&failed.test.id).into_iter().flatten();
        let file = failed.test.file_name.as_deref();
        let is_unexplained = |target: &str| self.unexplained.contains(target);
        let end = if failed.failed_lanes > 0 {
            End::Failed
        } else if failed.muted_lanes > 0 {
            End::Muted
        } else if targets_of(failed).any(is_unexplained) {
            End::Doubtful
        } else {
            End::Passed
        };
        Facts {
            end,
            fails_on_default_branch: failed.fails_on_default_branch,
            is_flaky: labels.any(|label| label == FLAKY_LABEL)
                && QuarantineScope::NotTouched.applies_to(file, &self.code),
        }
    }
}

/// What a plan may call the target of a test.
fn targets_of(failed: &FailedTest) -> impl Iterator<Item = &str> {
    let test = &failed.test;
    let names = [&test.selector, &test.file_name, &test.identifier];
    names.into_iter().flatten().map(String::as_str)
}
