//! The executions of an exported run, in the JSON of uploads: failed ones as listed, all others
//! from the counts of their tests.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use super::model::{FailedExecution, Run, Test};
use crate::import::skipped::Skipped;

/// More than any test runs in a build: a count that is wrong must not fill the memory.
const MAX_PER_TEST: usize = 10_000;

#[derive(Debug, PartialEq, Serialize)]
pub(super) struct Execution<'a> {
    id: String,
    scope: &'a str,
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    location: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    file_name: Option<&'a str>,
    result: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    failure_reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    failure_expanded: Option<Value>,
    history: History,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    tags: BTreeMap<String, String>,
}

#[derive(Debug, PartialEq, Serialize)]
struct History {
    section: &'static str,
    duration: Option<f64>,
}

impl History {
    fn lasting(duration: Option<f64>) -> Self {
        Self {
            section: "top",
            duration,
        }
    }
}

/// The executions of a run, by test; of each test, failed ones first, because a retry follows them.
///
/// # Errors
///
/// If tests have no metrics.
pub(super) fn of_run<'a>(
    run: &Run,
    tests: &'a [Test],
    failed: Vec<FailedExecution>,
    skipped: &mut Skipped,
) -> Result<Vec<Execution<'a>>, String> {
    let mut failed_by_test: BTreeMap<String, Vec<FailedExecution>> = BTreeMap::new();
    for execution in failed {
        let test = execution.test_id.clone();
        failed_by_test.entry(test).or_default().push(execution);
    }
    let mut executions = Vec::new();
    let suite = suite_of(run.url.as_deref());
    // A page may repeat tests of the one before.
    let tests: BTreeMap<&str, &Test> = tests.iter().map(|test| (test.id.as_str(), test)).collect();
    for test in tests.into_values() {
        // Builds may have runs of several suites.
        if suite.is_some() && suite_of(test.url.as_deref()).is_some_and(|of| Some(of) != suite) {
            continue;
        }
        let failed = failed_by_test.remove(&test.id).unwrap_or_default();
        add_test(test, failed, &mut executions)?;
    }
    let unknown = failed_by_test.values().map(Vec::len).sum::<usize>();
    skipped.add(
        "failed executions of tests that are not in builds/BUILD/tests.json",
        unknown as u64,
        format!("run {}", run.id),
    );
    Ok(executions)
}

/// `…/organizations/acme/suites/web` of an address below it.
fn suite_of(url: Option<&str>) -> Option<&str> {
    let path = url?.split_once("/organizations/")?.1;
    let (organization, rest) = path.split_once("/suites/")?;
    let suite = rest.split('/').next()?;
    path.get(..organization.len() + "/suites/".len() + suite.len())
}

fn add_test<'a>(
    test: &'a Test,
    failed: Vec<FailedExecution>,
    executions: &mut Vec<Execution<'a>>,
) -> Result<(), String> {
    let counts = test.executions_count_by_result.ok_or_else(|| {
        format!(
            "the test {} has no executions_count_by_result; request the tests of builds with the \
             header Buildkite-Version: 2026-08-01",
            test.id
        )
    })?;
    let silent = counts.failed.saturating_sub(failed.len());
    let others = [
        counts.passed,
        silent,
        counts.skipped,
        counts.pending,
        counts.unknown,
    ];
    if others.iter().any(|count| *count > MAX_PER_TEST) {
        return Err(format!(
            "the test {} has more than {MAX_PER_TEST} executions in a build",
            test.id
        ));
    }
    let listed: f64 = failed
        .iter()
        .filter_map(|execution| execution.duration)
        .sum();
    let timed = counts.passed + silent + counts.unknown;
    // The time that remains, evenly.
    #[expect(clippy::cast_precision_loss, reason = "a few thousand at most")]
    let each = test
        .duration_sum
        .map(|sum| (sum - listed).max(0.0) / timed.max(1) as f64);
    executions.extend(
        failed
            .into_iter()
            .map(|execution| from_listed(test, execution)),
    );
    for (result, count) in [
        ("failed", silent),
        ("passed", counts.passed),
        ("unknown", counts.unknown),
        ("skipped", counts.skipped + counts.pending),
    ] {
        let duration = each.filter(|_| result != "skipped");
        executions.extend((0..count).map(|number| counted(test, result, number, duration)));
    }
    Ok(())
}

fn from_listed(test: &Test, execution: FailedExecution) -> Execution<'_> {
    let mut tags = execution.tags;
    // Reserved for the API's own changes.
    tags.retain(|key, _| key != "mut" && !key.starts_with("mut."));
    Execution {
        id: execution.execution_id,
        location: execution.location.or_else(|| test.location.clone()),
        failure_reason: execution.failure_reason,
        failure_expanded: execution.failure_expanded,
        history: History::lasting(execution.duration),
        tags,
        ..counted(test, "failed", 0, None)
    }
}

/// An execution of which only the result is known. The id makes it distinct within its run.
fn counted<'a>(
    test: &'a Test,
    result: &'static str,
    number: usize,
    duration: Option<f64>,
) -> Execution<'a> {
    Execution {
        id: format!("{}/{result}/{number}", test.id),
        scope: test.scope.as_deref().unwrap_or_default(),
        name: &test.name,
        location: test.location.clone(),
        file_name: test.file_name.as_deref(),
        result,
        failure_reason: None,
        failure_expanded: None,
        history: History::lasting(duration),
        tags: BTreeMap::new(),
    }
}
