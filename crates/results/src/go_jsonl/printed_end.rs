//! The end of a test in its output, for tests that have no event for it.

use std::collections::HashMap;

use memchr::memmem;

use crate::go_output::is_normal_end;
use crate::model::Outcome;

/// An outcome, and seconds if known.
pub type GoTestEnd = (Outcome, Option<f64>);

/// Finds the end of a Go test or benchmark in its output, for tests that have no event for it.
#[derive(Default)]
pub struct GoPrintedEnd {
    found: Option<GoTestEnd>,
    is_benchmark: bool,
}

impl GoPrintedEnd {
    /// Reads the output of one event of `test`.
    pub fn read(&mut self, test: &str, output: &str) {
        if let Some(end) = end_in(test, output) {
            self.found = Some(end);
        } else if self.found.is_some() && !is_about_package(output) {
            // The end is the last line of a test; what follows it may be a panic.
            self.found = None;
        }
    }

    /// There is a `bench` event: the test is a benchmark that has logged something, and has passed.
    pub fn set_benchmark(&mut self) {
        self.is_benchmark = true;
    }

    fn get(&self) -> Option<GoTestEnd> {
        let passed = self.is_benchmark.then_some((Outcome::Passed, None));
        self.found.or(passed)
    }
}

/// The ends of the tests of a package that have no event for it, in the same order. A benchmark
/// with parts prints nothing itself, and has passed if all of them have.
pub fn go_printed_ends<'i>(
    tests: impl Iterator<Item = (&'i str, &'i GoPrintedEnd)> + Clone,
) -> Vec<Option<GoTestEnd>> {
    let parents_of = |test: &'i str| {
        let slashes = test.match_indices('/');
        slashes.map(|(slash, _)| test.get(..slash).unwrap_or_default())
    };
    let mut all_passed: HashMap<&str, bool> = HashMap::new();
    for parent in tests.clone().flat_map(|(test, _)| parents_of(test)) {
        all_passed.insert(parent, true);
    }
    for (test, end) in tests.clone() {
        if end.get().is_none() && !all_passed.contains_key(test) {
            for parent in parents_of(test) {
                all_passed.insert(parent, false);
            }
        }
    }
    let passes = |test| is_benchmark(test) && all_passed.get(test) == Some(&true);
    tests
        .map(|(test, end)| {
            end.get()
                .or(passes(test).then_some((Outcome::Passed, None)))
        })
        .collect()
}

fn is_benchmark(test: &str) -> bool {
    test.starts_with("Benchmark")
}

fn end_in(test: &str, output: &str) -> Option<GoTestEnd> {
    if is_benchmark(test) && output.contains("ns/op") {
        return Some((Outcome::Passed, None));
    }
    let at = memmem::rfind(output.as_bytes(), b"--- ")?;
    let line = output.get(at + "--- ".len()..)?.trim_end();
    let (word, rest) = line.split_once(": ")?;
    let outcome = match word {
        "PASS" => Outcome::Passed,
        "SKIP" => Outcome::Skipped,
        "FAIL" => Outcome::Failed,
        _ => return None,
    };
    let rest = rest.strip_prefix(test)?;
    let seconds = rest.strip_prefix(" (")?.strip_suffix("s)")?;
    Some((outcome, Some(seconds.parse().ok()?)))
}

/// Whether the line is the package's, and only seems to be the test's.
fn is_about_package(output: &str) -> bool {
    let line = output.trim_end();
    line.is_empty()
        || is_normal_end(line)
        || line.starts_with("coverage: ")
        || line.starts_with("exit status ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_end_of_a_test() {
        let passed = |seconds| Some((Outcome::Passed, seconds));
        let skipped = Some((Outcome::Skipped, Some(1.5)));
        let table: [(&str, &[&str], _); 12] = [
            (
                "TestA",
                &["OK--- PASS: TestA (0.25s)\n"],
                passed(Some(0.25)),
            ),
            ("TestA", &["sk--- SKIP: TestA (1.50s)\n", "FAIL\n"], skipped),
            (
                "TestA/x",
                &["a\n", "b    --- PASS: TestA/x (0.00s)\n"],
                passed(Some(0.0)),
            ),
            (
                "TestA",
                &["--- PASS: TestA (0.00s)\n", "panic: boom\n"],
                None,
            ),
            (
                "TestA",
                &["--- PASS: TestA (0.00s)\n", "coverage: 5%\n"],
                passed(Some(0.0)),
            ),
            ("TestA", &["--- PASS: TestA (0.00s) or not\n"], None),
            ("TestA", &["--- PASS: TestAB (0.00s)\n"], None),
            ("TestA", &["--- PASS: TestA (soon)\n"], None),
            ("TestA", &["100 ns/op\n"], None),
            (
                "BenchmarkA",
                &["BenchmarkA\n", "BenchmarkA-2 \t", "10\t 7 ns/op\n"],
                passed(None),
            ),
            (
                "BenchmarkA",
                &["BenchmarkA-2 10 7 ns/op\n", "panic: boom\n"],
                None,
            ),
            ("BenchmarkA", &["BenchmarkA\n"], None),
        ];
        for (test, outputs, expected) in table {
            let mut end = GoPrintedEnd::default();
            for output in outputs {
                end.read(test, output);
            }
            assert_eq!(end.get(), expected, "{test}: {outputs:?}");
        }
    }

    #[test]
    fn a_benchmark_with_parts_passes_with_them() {
        let mut passed = GoPrintedEnd::default();
        passed.read("Benchmark", "7 ns/op");
        let unknown = GoPrintedEnd::default();
        let tests = [
            ("BenchmarkA", &unknown),
            ("BenchmarkA/x", &unknown),
            ("BenchmarkA/x/y", &passed),
            ("BenchmarkB", &unknown),
            ("BenchmarkB/x", &passed),
            ("BenchmarkB/z", &unknown),
            ("TestA", &unknown),
            ("TestA/x", &passed),
        ];
        let ends = go_printed_ends(tests.into_iter());
        let passed: Vec<bool> = ends.iter().map(Option::is_some).collect();
        let expected = [true, true, true, false, true, false, false, true];
        assert_eq!(passed, expected);
    }
}
