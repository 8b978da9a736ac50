//! A short summary of a failed build in Markdown, for a comment on a pull request or an annotation
//! of a build: which failures are new, and which are not of this change.

mod markdown;
mod verdict;

use std::collections::BTreeSet;

use test_engine_accounting::Finding;
use test_engine_insights::FailureVerdict;
use test_engine_store::{
    BuildFailures, FailedTest, Run, Store, StoreError, Suite, TestId, TestedCode, Timestamp,
};

pub(crate) use self::markdown::code;
use self::markdown::{Heading, Item};
pub(crate) use self::verdict::End;
use self::verdict::Failure;
use crate::accounting::{Accountant, AccountingError};
use crate::links::Links;

/// People and programs put this label on tests that they know to be flaky.
pub(crate) const FLAKY_LABEL: &str = "flaky";

pub(crate) struct Sources<'a> {
    pub(crate) store: &'a Store,
    pub(crate) accountant: &'a Accountant,
    pub(crate) links: &'a Links,
}

/// A test that failed in a build, and why.
pub(crate) struct FailedInBuild {
    pub(crate) failed: FailedTest,
    pub(crate) end: End,
    pub(crate) verdict: FailureVerdict,
}

/// What failed in a build.
pub(crate) struct FailedBuild {
    /// In the order of the first failures.
    pub(crate) tests: Vec<FailedInBuild>,
    pub(crate) errors_outside_tests: Vec<String>,
}

impl Sources<'_> {
    /// The summary of the build of a run; `None` if the build did not fail.
    pub(crate) async fn of_build(
        &self,
        suite: &Suite,
        run: &Run,
        now: Timestamp,
    ) -> Result<Option<String>, AccountingError> {
        let build = self.failures(suite, run, now).await?;
        Ok(self.in_markdown(suite, run, &build))
    }

    /// The summary of a build; `None` if it did not fail.
    pub(crate) fn in_markdown(
        &self,
        suite: &Suite,
        run: &Run,
        build: &FailedBuild,
    ) -> Option<String> {
        let items: Vec<Item<'_>> = build
            .tests
            .iter()
            .map(|found| {
                let address = self.links.test_page(suite, found.failed.test.uuid);
                Item::new(found, address)
            })
            .collect();
        let heading = Heading {
            suite: &suite.name,
            number: run.number.as_deref(),
            address: self.links.run_page(suite, run.uuid),
            default_branch: &suite.default_branch,
        };
        markdown::summary(&heading, items, &build.errors_outside_tests)
    }

    /// What failed in the build of a run.
    pub(crate) async fn failures(
        &self,
        suite: &Suite,
        run: &Run,
        now: Timestamp,
    ) -> Result<FailedBuild, AccountingError> {
        let failures = self.store.build_failures(run).await?;
        if failures.tests.is_empty() {
            return Ok(FailedBuild {
                tests: Vec::new(),
                errors_outside_tests: failures.errors_outside_tests,
            });
        }
        let ids: Vec<TestId> = failures.tests.iter().map(|failed| failed.test.id).collect();
        let labels = self.store.labels(&ids).await?;
        let code = self.tested_code(suite, run).await?;
        let unexplained = self.unexplained_targets(suite, &failures, now).await?;
        let explain = |failed: FailedTest| {
            let is_unexplained = targets_of(&failed).any(|target| unexplained.contains(target));
            let mut labels = labels.get(&failed.test.id).into_iter().flatten();
            let failure = Failure {
                history: &failed.history,
                file: failed.test.file_name.as_deref(),
                end: End::of(&failed, is_unexplained),
                has_passed: failed.passed_lanes > 0,
                is_labelled: labels.any(|label| label == FLAKY_LABEL),
            };
            FailedInBuild {
                end: failure.end,
                verdict: failure.verdict(&code),
                failed,
            }
        };
        Ok(FailedBuild {
            tests: failures.tests.into_iter().map(explain).collect(),
            errors_outside_tests: failures.errors_outside_tests,
        })
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

/// What a plan may call the target of a test.
fn targets_of(failed: &FailedTest) -> impl Iterator<Item = &str> {
    let test = &failed.test;
    let names = [&test.selector, &test.file_name, &test.identifier];
    names.into_iter().flatten().map(String::as_str)
}
