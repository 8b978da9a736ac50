//! Splits `go test -json` by whole tests.
//!
//! Lines of tests and packages are interleaved in any order, so every line goes to the part of its
//! test, and parts keep the order of lines. A package whose tests are in several parts gets an
//! additional end in each of them. Its own lines (output, and its real end) are in its home: the
//! part with the results that its end refers to.

use std::borrow::Cow;
use std::collections::HashMap;
use std::collections::hash_map::Entry;

use serde::Deserialize;
use test_engine_results::{GoPrintedEnd, Outcome, go_printed_ends};

use super::piece::{Part, Piece};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Event<'a> {
    action: Option<String>,
    package: Option<String>,
    test: Option<String>,
    #[serde(borrow)]
    output: Option<Cow<'a, str>>,
    failed_build: Option<String>,
    import_path: Option<String>,
}

/// What a line belongs to.
#[derive(Clone, Copy)]
enum Owner {
    /// One execution of a test.
    Execution(usize),
    /// One run of a package.
    Run(usize),
    Build(usize),
    /// The owner of the previous line.
    Previous,
}

/// One execution of a test.
struct Execution {
    run: usize,
    /// Index among the file's results, or `usize::MAX` while it runs.
    index: usize,
    /// Empty once it has ended.
    test: String,
    printed_end: GoPrintedEnd,
}

/// One run of a package.
#[derive(Default)]
struct Run {
    package: String,
    executions: Vec<usize>,
    /// Number of the line that ends it.
    end: Option<usize>,
    failed: bool,
    home: usize,
    /// The parts with tests of it, and whether one of those failed.
    parts: HashMap<usize, bool>,
}

pub(super) fn split(text: &str, max: usize) -> Option<Vec<Part>> {
    let mut splitter = Splitter {
        max,
        ..Splitter::default()
    };
    for (number, line) in lines(text).enumerate() {
        let owner = splitter.owner(number, line.1)?;
        splitter.owners.push(owner);
    }
    splitter.finish();
    if splitter.results <= max {
        return None;
    }
    Some(splitter.parts(text))
}

/// The lines including line breaks, with their byte offsets.
fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut start = 0;
    text.split_inclusive('\n').map(move |line| {
        let at = start;
        start += line.len();
        (at, line)
    })
}

#[derive(Default)]
struct Splitter {
    max: usize,
    owners: Vec<Owner>,
    executions: Vec<Execution>,
    runs: Vec<Run>,
    /// For each build, the package runs that failed because of it.
    builds: Vec<Vec<usize>>,
    build_of: HashMap<String, usize>,
    /// The run of each package that has not ended.
    open: HashMap<String, usize>,
    /// Tests that have not ended, by run and name.
    running: HashMap<(usize, String), usize>,
    results: usize,
}

impl Splitter {
    fn owner(&mut self, number: usize, line: &str) -> Option<Owner> {
        let line = line.trim_ascii();
        if line.is_empty() {
            return Some(Owner::Previous);
        }
        let event: Event<'_> = serde_json::from_str(line).ok()?;
        let Some(action) = event.action.filter(|action| !action.is_empty()) else {
            return Some(Owner::Previous);
        };
        if let Some(path) = event.import_path.filter(|path| !path.is_empty()) {
            return Some(Owner::Build(self.build(path)));
        }
        let package = event.package.unwrap_or_default();
        let run = self.run(&package);
        let test = event.test.unwrap_or_default();
        let ends = matches!(action.as_str(), "pass" | "fail" | "skip");
        if test.is_empty() {
            if ends {
                self.open.remove(&package);
                let build = event.failed_build.filter(|path| !path.is_empty());
                self.end_run(run, Some(number), action == "fail", build);
            }
            return Some(Owner::Run(run));
        }
        let key = (run, test);
        if ends {
            let running = self.running.remove(&key);
            let execution = running.unwrap_or_else(|| self.execution(run, String::new()));
            self.end_execution(execution, action == "fail");
            return Some(Owner::Execution(execution));
        }
        let known = self.running.get(&key).copied();
        if known.is_none() && !matches!(action.as_str(), "run" | "output" | "bench") {
            return Some(Owner::Run(run));
        }
        let execution = known.unwrap_or_else(|| {
            let execution = self.execution(run, key.1.clone());
            self.running.insert(key, execution);
            execution
        });
        let Execution {
            test, printed_end, ..
        } = &mut self.executions[execution];
        match (action.as_str(), event.output) {
            ("bench", _) => printed_end.set_benchmark(),
            ("output", Some(output)) => printed_end.read(test, &output),
            _ => {}
        }
        Some(Owner::Execution(execution))
    }

    fn build(&mut self, path: String) -> usize {
        let builds = &mut self.builds;
        *self.build_of.entry(path).or_insert_with(|| {
            builds.push(Vec::new());
            builds.len() - 1
        })
    }

    fn run(&mut self, package: &str) -> usize {
        match self.open.entry(package.to_owned()) {
            Entry::Occupied(run) => *run.get(),
            Entry::Vacant(entry) => {
                self.runs.push(Run {
                    package: package.to_owned(),
                    ..Run::default()
                });
                *entry.insert(self.runs.len() - 1)
            }
        }
    }

    fn execution(&mut self, run: usize, test: String) -> usize {
        self.executions.push(Execution {
            run,
            index: usize::MAX,
            test,
            printed_end: GoPrintedEnd::default(),
        });
        let execution = self.executions.len() - 1;
        self.runs[run].executions.push(execution);
        execution
    }

    fn end_execution(&mut self, execution: usize, failed: bool) {
        let part = self.results / self.max;
        let execution = &mut self.executions[execution];
        execution.index = self.results;
        execution.test = String::new();
        self.results += 1;
        let run = &mut self.runs[execution.run];
        *run.parts.entry(part).or_default() |= failed;
    }

    /// `end` is the number of the line that ends it; `None` if the file ends first.
    fn end_run(&mut self, run: usize, end: Option<usize>, failed: bool, build: Option<String>) {
        if let Some(path) = build {
            let build = self.build(path);
            self.builds[build].push(run);
        }
        let mut unfinished = std::mem::take(&mut self.runs[run].executions);
        unfinished.retain(|&execution| self.executions[execution].index == usize::MAX);
        // A test that has not ended ends with its package, and fails with it unless it printed
        // another end.
        let tests = unfinished.iter().map(|&execution| {
            let execution = &self.executions[execution];
            (execution.test.as_str(), &execution.printed_end)
        });
        let failures: Vec<bool> = go_printed_ends(tests)
            .into_iter()
            .map(|end| end.map_or(failed, |(outcome, _)| outcome == Outcome::Failed))
            .collect();
        for (execution, failed) in unfinished.into_iter().zip(failures) {
            self.end_execution(execution, failed);
        }
        let here = self.results / self.max;
        let max = self.max;
        let run = &mut self.runs[run];
        run.end = end;
        run.failed = failed;
        let last = |failed_only: bool| {
            run.parts
                .iter()
                .filter(|&(_, &has_failed)| has_failed || !failed_only)
                .map(|(&part, _)| part)
                .max()
        };
        run.home = match last(failed) {
            Some(part) => part,
            None if failed => {
                // The package itself is the failed result.
                self.results += 1;
                here
            }
            None => here.min(self.results.saturating_sub(1) / max),
        };
    }

    fn finish(&mut self) {
        let mut open: Vec<usize> = self.open.drain().map(|(_, run)| run).collect();
        open.sort_unstable();
        for run in open {
            self.end_run(run, None, false, None);
        }
        self.running.clear();
    }

    fn parts(&self, text: &str) -> Vec<Part> {
        let mut parts = vec![Part::default(); self.results.div_ceil(self.max)];
        let mut ends: HashMap<usize, Vec<usize>> = HashMap::new();
        for (number, run) in self.runs.iter().enumerate() {
            ends.entry(run.end.unwrap_or(usize::MAX))
                .or_default()
                .push(number);
        }
        let mut owners = vec![0];
        for (number, (start, line)) in lines(text).enumerate() {
            match self.owners[number] {
                Owner::Execution(execution) => {
                    owners = vec![self.executions[execution].index / self.max];
                }
                Owner::Run(run) => owners = vec![self.runs[run].home],
                Owner::Build(build) => owners = self.homes_of(&self.builds[build]),
                Owner::Previous => {}
            }
            for &part in &owners {
                parts[part].push(Piece::File(start..start + line.len()));
                if !line.ends_with('\n') {
                    parts[part].push(Piece::text("\n"));
                }
            }
            for &run in ends.get(&number).into_iter().flatten() {
                end_elsewhere(&self.runs[run], &mut parts);
            }
        }
        for &run in ends.get(&usize::MAX).into_iter().flatten() {
            end_elsewhere(&self.runs[run], &mut parts);
        }
        parts
    }

    /// The parts with the output of a build: those of each package that it broke, else the first.
    fn homes_of(&self, claims: &[usize]) -> Vec<usize> {
        let mut homes: Vec<usize> = claims.iter().map(|&run| self.runs[run].home).collect();
        homes.sort_unstable();
        homes.dedup();
        if homes.is_empty() {
            homes.push(0);
        }
        homes
    }
}

/// Ends a package in all parts with tests of it except its home.
fn end_elsewhere(run: &Run, parts: &mut [Part]) {
    for (&part, &has_failed) in run.parts.iter().filter(|&(&part, _)| part != run.home) {
        // A failed package without a failed test would count as another failure.
        let action = if run.failed && has_failed {
            "fail"
        } else {
            "pass"
        };
        let line = serde_json::json!({"Action": action, "Package": run.package});
        parts[part].push(Piece::text(format!("{line}\n")));
    }
}
