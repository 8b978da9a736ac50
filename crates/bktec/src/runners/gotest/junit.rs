//! What `go test` prints, in the failure texts of gotestsum's JUnit XML.

use std::collections::{HashMap, HashSet};

use test_engine_results::{
    Detail, Format, Outcome, ParseError, Remark, Shortfall, TestResult, parse_with,
};

use crate::runners::ParsedResults;

/// The name of the result of a package that failed without a failed test.
const PACKAGE_TEST: &str = "TestMain";

/// `with_reruns`: gotestsum itself retries failed tests.
pub(super) fn read(bytes: &[u8], with_reruns: bool) -> Result<ParsedResults, ParseError> {
    let mut report = parse_with(Format::Junit, bytes, Detail::Full)?;
    // A package that does not build is already reported as an error outside the tests.
    let is_build_failure = |result: &TestResult<'_>| {
        is_package(result) && lines_of(result).any(|line| line.contains("[build failed]"))
    };
    report.results.retain(|result| !is_build_failure(result));
    for result in &mut report.results {
        if result.outcome != Outcome::Failed {
            continue;
        }
        if is_silent(result) {
            result.remark = Some(Remark::SilentFailure);
        }
        let package = || package_of(result).unwrap_or_else(|| result.scope.to_string());
        if let Some((crash, package)) = crash_of(result).map(|crash| (crash, package()))
            && !is_known(&report.shortfalls, &package)
        {
            report.shortfalls.push(Shortfall {
                reason: format!(
                    "the test binary of {package} did not finish ({crash}), so tests of it did \
                     not run"
                ),
                file: Some(package),
            });
        }
    }
    if with_reruns {
        fold_reruns(&mut report.results);
    }
    Ok(ParsedResults::of(report, super::key_of))
}

/// JUnit XML has all attempts of a test, the failed ones first. gotestsum repeats only failed
/// tests, until they pass.
fn fold_reruns(results: &mut Vec<TestResult<'_>>) {
    let key = |result: &TestResult<'_>| (result.scope.to_string(), result.name.to_string());
    let mut failures: HashMap<_, u32> = HashMap::new();
    for result in results
        .iter()
        .filter(|result| result.outcome == Outcome::Failed)
    {
        *failures.entry(key(result)).or_default() += 1;
    }
    let mut retried = HashSet::new();
    for result in results
        .iter_mut()
        .filter(|result| result.outcome == Outcome::Passed)
    {
        if let Some(&failed_before) = failures.get(&key(result)) {
            result.failed_before = failed_before;
            retried.insert(key(result));
        }
    }
    results.retain(|result| result.outcome != Outcome::Failed || !retried.contains(&key(result)));
}

fn is_known(shortfalls: &[Shortfall], package: &str) -> bool {
    let mut packages = shortfalls.iter().filter_map(|known| known.file.as_deref());
    packages.any(|known| known == package)
}

/// A package as a whole, in JUnit XML, which does not name the package.
pub(super) fn is_package(result: &TestResult<'_>) -> bool {
    result.name == PACKAGE_TEST && result.outcome == Outcome::Failed
}

/// Reads the last line of `go test` for a package: `FAIL`, a tab, the package.
pub(super) fn package_of(result: &TestResult<'_>) -> Option<String> {
    lines_of(result).find_map(|line| {
        let rest = line.trim_start().strip_prefix("FAIL")?;
        let package = rest.split_whitespace().next()?;
        (!package.starts_with('[')).then(|| package.to_owned())
    })
}

fn lines_of<'r>(result: &'r TestResult<'_>) -> impl Iterator<Item = &'r str> {
    let details = result.extras.failure_expanded.iter();
    let details = details.flat_map(|detail| detail.expanded.iter().chain(&detail.backtrace));
    let reason = result.extras.failure_reason.as_deref();
    reason.into_iter().chain(details.map(String::as_str))
}

/// Whether there is nothing but lines of the test framework.
fn is_silent(result: &TestResult<'_>) -> bool {
    let is_framework = |line: &str| {
        let line = line.trim();
        // The message of every failure is "Failed".
        matches!(line, "" | "Failed") || line.starts_with("=== ") || line.starts_with("--- ")
    };
    has_ended(result) && lines_of(result).all(is_framework)
}

fn has_ended(result: &TestResult<'_>) -> bool {
    lines_of(result).any(|line| line.contains("--- FAIL: "))
}

/// Why the test binary ended during this failed test, if it did.
fn crash_of(result: &TestResult<'_>) -> Option<String> {
    let starting = |start: &str| lines_of(result).find(|line| line.starts_with(start));
    let panic = starting("panic: ").filter(|_| starting("goroutine ").is_some());
    let has_normal_end = if is_package(result) {
        lines_of(result).any(|line| matches!(line.trim(), "PASS" | "FAIL"))
    } else {
        has_ended(result) && panic.is_none()
    };
    let exit = || starting("exit status ").or_else(|| starting("signal: "));
    let crash = panic.or_else(exit).unwrap_or("the process exited early");
    (!has_normal_end).then(|| crash.to_owned())
}
