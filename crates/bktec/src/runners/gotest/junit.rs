//! What `go test` prints, in the failure texts of gotestsum's JUnit XML.

use std::collections::{HashMap, HashSet};

use test_engine_results::go_output::{
    PACKAGE_TEST, is_build_failure, is_crash, is_normal_end, is_own_line, unfinished_binary,
};
use test_engine_results::{
    Detail, Format, Outcome, ParseError, Remark, Shortfall, TestResult, parse_with,
};

use crate::runners::ParsedResults;

/// `with_reruns`: gotestsum itself retries failed tests.
pub(super) fn read(bytes: &[u8], with_reruns: bool) -> Result<ParsedResults, ParseError> {
    let mut report = parse_with(Format::Junit, bytes, Detail::Full)?;
    // A package that does not build is already reported as an error outside the tests.
    let was_not_built =
        |result: &TestResult<'_>| is_package(result) && lines_of(result).any(is_build_failure);
    report.results.retain(|result| !was_not_built(result));
    for result in &mut report.results {
        if result.outcome != Outcome::Failed {
            continue;
        }
        if is_silent(result) {
            result.remark = Some(Remark::SilentFailure);
        }
        if has_normal_end(result) {
            continue;
        }
        let package = package_of(result).unwrap_or_else(|| result.scope.to_string());
        if !is_known(&report.shortfalls, &package) {
            let crash = lines_of(result).find(|line| is_crash(line));
            report.shortfalls.push(Shortfall {
                reason: unfinished_binary(&package, crash),
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
    // The message of every failure is "Failed".
    let is_framework = |line: &str| line.trim() == "Failed" || !is_own_line(line);
    has_ended(result) && lines_of(result).all(is_framework)
}

fn has_ended(result: &TestResult<'_>) -> bool {
    lines_of(result).any(|line| line.contains("--- FAIL: "))
}

/// Whether the test binary went on after this failed test.
fn has_normal_end(result: &TestResult<'_>) -> bool {
    if is_package(result) {
        return lines_of(result).any(|line| is_normal_end(line.trim()));
    }
    let starting = |start: &str| lines_of(result).any(|line| line.starts_with(start));
    has_ended(result) && !(starting("panic: ") && starting("goroutine "))
}
