//! `go test -json`: one event per line, from test2json or gotestsum.
//!
//! A test ends with `pass`, `fail` or `skip`, and so does a package, in an event without a test.
//! Subtests are tests of their own. Some failures are not tests: a package that did not build, one
//! that failed without a failed test (reported as the test `TestMain`), a test that was running
//! when its package ended, and a package that did not end.
//!
//! A test binary that ends normally prints `PASS` or `FAIL` on a line of its own. After a panic, a
//! timeout or `os.Exit` that line is missing, and the tests that had not started never ran.
//!
//! Some tests pass without an event: benchmarks, and tests whose last line of output does not end
//! with a line break, so that older versions of Go do not see `--- PASS` after it.
//!
//! `gotestsum --rerun-fails` appends the runs of packages with only the tests that failed before.

mod printed_end;
mod verdicts;

use std::borrow::Cow;
use std::collections::HashMap;

use serde::Deserialize;

use crate::bounded::{BoundedText, MAX_TEXT_BYTES};
use crate::builder::{ReportBuilder, plausible_duration};
use crate::document::Document;
use crate::go_output::{
    PACKAGE_TEST, first_own_line, is_build_failure, is_crash, is_normal_end, is_own_line,
    unfinished_binary,
};
use crate::lenient::{Item, Number, Text, explained};
use crate::model::{Outcome, ParseError, Remark, TestResult};
use verdicts::Verdicts;

pub use printed_end::{GoPrintedEnd, GoTestEnd, go_printed_ends};

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct Event<'a> {
    #[serde(borrow)]
    action: Text<'a>,
    #[serde(borrow)]
    package: Text<'a>,
    #[serde(borrow)]
    test: Text<'a>,
    elapsed: Number,
    #[serde(borrow)]
    output: Text<'a>,
    #[serde(borrow)]
    failed_build: Text<'a>,
    #[serde(borrow)]
    import_path: Text<'a>,
}

/// A package that has not ended.
#[derive(Default)]
struct Package<'a> {
    /// The number of its first event.
    order: usize,
    running: HashMap<Cow<'a, str>, Running>,
    has_failed_test: bool,
    output: BoundedText,
    /// Its output says so, at whatever length.
    is_build_failure: bool,
    has_normal_end: bool,
    /// The line that says how the test binary ended, if it did not end normally.
    crash: Option<String>,
    /// Its results, if they are merged into verdicts.
    ended: Vec<TestResult<'a>>,
}

/// A test that has not ended.
#[derive(Default)]
struct Running {
    order: usize,
    output: BoundedText,
    has_own_output: bool,
    printed_end: GoPrintedEnd,
}

#[derive(Default)]
struct Build {
    output: BoundedText,
    /// Failed, and no package event has referred to it yet.
    unreported: bool,
    /// An error has its output.
    is_explained: bool,
}

pub(crate) fn read<'a>(
    document: &Document<'a>,
    builder: &mut ReportBuilder<'a>,
) -> Result<(), ParseError> {
    let mut run = Run {
        keeps_output: builder.is_full(),
        events: 0,
        packages: HashMap::new(),
        builds: HashMap::new(),
        ended: Vec::new(),
        verdicts: (!builder.is_full()).then(Verdicts::default),
        errors: Vec::new(),
        repeated: 0,
        cut_off: Vec::new(),
    };
    for (index, line) in document.text().lines().enumerate() {
        let line = line.trim_ascii();
        if line.is_empty() {
            continue;
        }
        let event: Item<Event<'_>> = document.read_json_line(index, line)?;
        event
            .object()
            .and_then(|event| run.step(event))
            .map_err(|message| document.error_in_line(index, message))?;
        // Now, so that the texts of all failures are not in memory together.
        run.ended
            .drain(..)
            .for_each(|result| builder.push(Ok(result)));
    }
    if run.events == 0 {
        return Err(document.error_at_byte(
            0,
            "no test event found; is this the output of go test -json?",
        ));
    }
    run.end();
    let verdicts = run.verdicts.map(|verdicts| verdicts.results);
    for result in verdicts.unwrap_or(run.ended) {
        builder.push(Ok(result));
    }
    for error in run.errors {
        builder.push_error(error);
    }
    for (package, reason) in run.cut_off {
        builder.push_shortfall(Some(&package), reason);
    }
    Ok(())
}

struct Run<'a> {
    keeps_output: bool,
    events: usize,
    packages: HashMap<Cow<'a, str>, Package<'a>>,
    builds: HashMap<Cow<'a, str>, Build>,
    /// In file order; empty if the results are merged into verdicts.
    ended: Vec<TestResult<'a>>,
    verdicts: Option<Verdicts<'a>>,
    errors: Vec<String>,
    /// Bytes of the output of builds in errors, beyond the first error of each build.
    repeated: usize,
    /// Packages whose test binary did not end normally, with the reason.
    cut_off: Vec<(String, String)>,
}

#[expect(
    clippy::ptr_arg,
    reason = "a Cow that borrows from the file is cloned for nothing, a str is not"
)]
impl<'a> Run<'a> {
    fn step(&mut self, event: Event<'a>) -> Result<(), String> {
        let Some(action) = event.action.non_empty() else {
            return Ok(());
        };
        let output = event.output.or_empty("Output")?;
        if let Some(import_path) = event.import_path.non_empty() {
            self.events += 1;
            let build = self.builds.entry(import_path).or_default();
            match action.as_ref() {
                "build-output" => build.output.push(&output),
                "build-fail" => build.unreported = true,
                _ => {}
            }
            return Ok(());
        }
        let name = event.package.or_empty("Package")?;
        let test = event.test.or_empty("Test")?;
        self.events += 1;
        let order = self.events;
        let package = self.packages.entry(name.clone()).or_default();
        if package.order == 0 {
            package.order = order;
        }
        let outcome = match action.as_ref() {
            "pass" => Outcome::Passed,
            "fail" => Outcome::Failed,
            "skip" => Outcome::Skipped,
            "output" if test.is_empty() => {
                package.has_normal_end |= is_normal_end(&output);
                package.note_crash(&output);
                package.is_build_failure |= is_build_failure(&output);
                package.output.push(&output);
                return Ok(());
            }
            "run" | "output" => {
                package.note_crash(&output);
                let running = package.running.entry(test.clone()).or_default();
                if running.order == 0 {
                    running.order = order;
                }
                running.has_own_output |= output.lines().any(is_own_line);
                running.printed_end.read(&test, &output);
                if self.keeps_output {
                    running.output.push(&output);
                }
                return Ok(());
            }
            "bench" => {
                let running = package.running.entry(test).or_default();
                running.printed_end.set_benchmark();
                return Ok(());
            }
            _ => return Ok(()),
        };
        if test.is_empty() {
            if let Some(package) = self.packages.remove(&name) {
                let failed_build = event.failed_build.non_empty();
                self.end_package(&name, package, outcome, event.elapsed.0, failed_build);
            }
        } else {
            package.has_failed_test |= outcome == Outcome::Failed;
            let running = package.running.remove(&test).unwrap_or_default();
            let result = self.result(&name, test, (outcome, event.elapsed.0), running);
            if self.verdicts.is_none() {
                self.ended.push(result);
            } else if let Some(package) = self.packages.get_mut(&name) {
                package.ended.push(result);
            }
        }
        Ok(())
    }

    fn result(
        &self,
        package: &Cow<'a, str>,
        test: Cow<'a, str>,
        (outcome, seconds): GoTestEnd,
        running: Running,
    ) -> TestResult<'a> {
        let is_silent = outcome == Outcome::Failed && !running.has_own_output;
        let mut result = TestResult {
            scope: package.clone(),
            name: test,
            outcome,
            remark: is_silent.then_some(Remark::SilentFailure),
            duration: seconds.and_then(plausible_duration),
            ..TestResult::default()
        };
        if outcome == Outcome::Failed && self.keeps_output {
            explain(&mut result, &running.output.into_string());
        }
        result
    }

    fn add_run(&mut self, results: Vec<TestResult<'a>>) {
        match &mut self.verdicts {
            Some(verdicts) => verdicts.add_run(results),
            None => self.ended.extend(results),
        }
    }

    fn end_package(
        &mut self,
        name: &Cow<'a, str>,
        mut package: Package<'a>,
        outcome: Outcome,
        seconds: Option<f64>,
        failed_build: Option<Cow<'a, str>>,
    ) {
        let failed = outcome == Outcome::Failed;
        // A test that is still running ended with its process; if the package passed, only the
        // test's last event is missing.
        let cut_off = if failed {
            Outcome::Failed
        } else {
            Outcome::Unknown
        };
        let unfinished = self.end_running(name, &mut package, cut_off);
        package.has_failed_test |= unfinished
            .iter()
            .any(|result| result.outcome == Outcome::Failed);
        let mut results = package.ended;
        results.extend(unfinished);
        if !failed {
            return self.add_run(results);
        }
        if failed_build.is_some() || package.is_build_failure {
            let mut error = format!("package {name} did not build");
            if let Some(build) = failed_build.and_then(|path| self.builds.get_mut(&path)) {
                build.unreported = false;
                let is_repeated = std::mem::replace(&mut build.is_explained, true);
                let length = if is_repeated { build.output.len() } else { 0 };
                // Packages may share a build that failed.
                if self.repeated + length <= MAX_TEXT_BYTES {
                    self.repeated += length;
                    error.push_str(":\n");
                    error.push_str(&build.output.clone().into_string());
                }
            }
            self.errors.push(error);
            return self.add_run(results);
        }
        // Without output, as in a file of timing events only, nothing shows how it ended.
        if !package.has_normal_end && !package.output.is_empty() {
            let reason = unfinished_binary(name, package.crash.as_deref());
            self.cut_off.push((name.to_string(), reason));
        }
        if !package.has_failed_test {
            let whole = Running {
                output: package.output,
                has_own_output: true,
                ..Running::default()
            };
            let end = (Outcome::Failed, seconds);
            results.push(self.result(name, PACKAGE_TEST.into(), end, whole));
        }
        self.add_run(results);
    }

    /// The results of tests without an event for their end.
    fn end_running(
        &self,
        name: &Cow<'a, str>,
        package: &mut Package<'a>,
        cut_off: Outcome,
    ) -> Vec<TestResult<'a>> {
        let mut running: Vec<_> = package.running.drain().collect();
        running.sort_by_key(|(_, running)| running.order);
        let ends = go_printed_ends(
            running
                .iter()
                .map(|(test, running)| (&**test, &running.printed_end)),
        );
        let results = running.into_iter().zip(ends).map(|((test, running), end)| {
            let end = end.unwrap_or((cut_off, None));
            self.result(name, test, end, running)
        });
        results.collect()
    }

    /// Reports whatever has not ended at the end of the file.
    fn end(&mut self) {
        let mut packages: Vec<_> = std::mem::take(&mut self.packages).into_iter().collect();
        packages.sort_by_key(|(_, package)| package.order);
        for (name, mut package) in packages {
            let unfinished = self.end_running(&name, &mut package, Outcome::Unknown);
            package.ended.extend(unfinished);
            self.add_run(package.ended);
            self.errors.push(format!(
                "package {name} did not finish: the report ends before the package"
            ));
        }
        let mut builds: Vec<_> = std::mem::take(&mut self.builds).into_iter().collect();
        builds.retain(|(_, build)| build.unreported);
        builds.sort_by(|one, other| one.0.cmp(&other.0));
        for (path, build) in builds {
            self.errors.push(format!(
                "{path} did not build:\n{}",
                build.output.into_string()
            ));
        }
    }
}

impl Package<'_> {
    /// Keeps the first line that says why the test binary ended.
    fn note_crash(&mut self, output: &str) {
        if is_crash(output) && self.crash.is_none() {
            self.crash = Some(output.trim_end().to_owned());
        }
    }
}

fn explain(result: &mut TestResult<'_>, output: &str) {
    result.extras.failure_reason = first_own_line(output);
    let detail = explained(output);
    if !detail.expanded.is_empty() {
        result.extras.failure_expanded.push(detail);
    }
}
