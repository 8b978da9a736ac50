//! What our pytest plugin recorded, and what it proves. Pure.
//!
//! A collected test without a result did not run, whatever the exit code is. What pytest counts as
//! a failure but does not report with a test is an error outside the tests.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::Deserialize;
use test_engine_results::Outcome;
use test_engine_wire::Loading;

use super::node_id::{KnownFiles, file_of};
use super::teardown;
use crate::runners::coverage_limit::COVERAGE_LIMIT;
use crate::runners::{Observed, ParsedResults, Shortfall, TestKey};

/// The content of the plugin's file. All but the stage is missing if the session did not finish.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Evidence {
    stage: Stage,
    /// `None` if the collection did not finish.
    collected: Option<u64>,
    /// Loading all files; `None` if the workers of pytest-xdist do that.
    collection_seconds: Option<f64>,
    collected_files: u32,
    /// Node IDs, the first of them.
    missing: Vec<String>,
    missing_count: usize,
    unexplained_failures: u64,
    /// Node IDs and messages.
    teardown_errors: Vec<(String, String)>,
    stop_reason: Option<String>,
    status_before_hooks: i32,
    status_assigned: bool,
    exit_status: i32,
    skipped_files: Vec<String>,
    deselected_files: Vec<String>,
    /// Node IDs.
    deselected: Vec<String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Stage {
    #[default]
    Started,
    SessionFinished,
    Ended,
}

impl Evidence {
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok()
    }

    /// `code` is the exit code of the command; `known` are the files of the plan.
    pub(super) fn add_to(&self, parsed: &mut ParsedResults, known: &KnownFiles, code: i32) {
        if self.stage == Stage::Started {
            parsed.shortfalls.push(Shortfall {
                path: None,
                reason: "pytest did not finish its session".to_owned(),
            });
            return;
        }
        parsed.loading = self.loading();
        parsed.shortfalls.extend(self.missing_tests(known));
        for (node_id, message) in &self.teardown_errors {
            teardown::note(parsed, known, &known.relative(node_id), message);
        }
        // Without tests, pytest's own status would be 5.
        let ended_early = match self.collected {
            None => true,
            Some(collected) => collected == 0 && self.status_before_hooks == 0,
        };
        if ended_early && parsed.errors_outside_tests.is_empty() {
            parsed.shortfalls.push(Shortfall {
                path: None,
                reason: "pytest ended before it had collected all tests".to_owned(),
            });
        }
        parsed.errors_outside_tests.extend(self.errors(code));
        self.add_left_out(parsed, known);
    }

    fn loading(&self) -> Option<Loading> {
        let seconds = self
            .collection_seconds
            .filter(|_| self.collected_files > 0)?;
        let duration = Duration::try_from_secs_f64(seconds).ok()?;
        Some(Loading {
            files: self.collected_files,
            duration_us: u64::try_from(duration.as_micros()).ok()?,
        })
    }

    fn missing_tests(&self, known: &KnownFiles) -> Vec<Shortfall> {
        let mut files: BTreeMap<String, usize> = BTreeMap::new();
        for node_id in &self.missing {
            let path = known.relative(node_id);
            *files.entry(known.planned(&path).to_owned()).or_default() += 1;
        }
        let stop = self.stop_reason.as_deref();
        let stop = stop.map_or_else(String::new, |reason| format!("; pytest stopped: {reason}"));
        let shortfall = |path: Option<String>, count: usize| Shortfall {
            path,
            reason: match count {
                1 => format!("1 collected test has no result{stop}"),
                _ => format!("{count} collected tests have no result{stop}"),
            },
        };
        let unnamed = self.missing_count.saturating_sub(self.missing.len());
        let unnamed = (unnamed > 0).then(|| shortfall(None, unnamed));
        let named = files
            .into_iter()
            .map(|(path, count)| shortfall(Some(path), count));
        named.chain(unnamed).collect()
    }

    fn errors(&self, code: i32) -> Vec<String> {
        let mut errors = Vec::new();
        match self.unexplained_failures {
            0 => {}
            1 => errors.push(format!(
                "pytest counts a failure that is no test, for example {COVERAGE_LIMIT}"
            )),
            count => errors.push(format!(
                "pytest counts {count} failures that are no tests, for example {COVERAGE_LIMIT}"
            )),
        }
        if self.stage != Stage::Ended {
            return errors;
        }
        let status = self.exit_status;
        if status != 0 && (self.status_assigned || status != self.status_before_hooks) {
            errors.push(format!(
                "a session hook set pytest's exit status to {status}"
            ));
        }
        if code != status {
            errors.push(format!(
                "pytest ended with exit status {status}, but the command exited with code {code}"
            ));
        }
        errors
    }

    fn add_left_out(&self, parsed: &mut ParsedResults, known: &KnownFiles) {
        let mut skipped: BTreeSet<String> = self
            .skipped_files
            .iter()
            .map(|file| known.relative(file))
            .collect();
        if !skipped.is_empty() {
            // JUnit XML lists them, the collector does not.
            for test in &parsed.tests {
                skipped.remove(file_of(&test.key.path));
            }
        }
        parsed.tests.extend(
            skipped
                .into_iter()
                .map(|path| Observed::new(TestKey::new("", path.clone(), path), Outcome::Skipped)),
        );
        let deselected = self.deselected_files.iter();
        parsed
            .deselected
            .extend(deselected.map(|file| known.relative(file)));
        let tests = self.deselected.iter().map(|node_id| {
            let path = known.relative(node_id);
            let file = file_of(&path);
            let name = path[file.len()..].trim_start_matches("::");
            TestKey::new(file, name, path.as_str())
        });
        parsed.deselected_tests.extend(tests);
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    /// What `evidence` adds to the results of a passed test: `path | reason` of each shortfall, and
    /// each error.
    fn added(evidence: &str, code: i32) -> Vec<String> {
        let evidence = Evidence::parse(evidence.as_bytes()).unwrap();
        let known = KnownFiles::new(["test_a.py", "sub/test_b.py::test_x"]);
        let mut parsed = ParsedResults::default();
        evidence.add_to(&mut parsed, &known, code);
        let shortfalls = parsed.shortfalls.into_iter();
        let shortfalls = shortfalls.map(|shortfall| {
            format!(
                "{} | {}",
                shortfall.path.as_deref().unwrap_or("-"),
                shortfall.reason
            )
        });
        shortfalls.chain(parsed.errors_outside_tests).collect()
    }

    #[rstest]
    #[case(r#""collection_seconds":1.5,"collected_files":3"#, Some((3, 1_500_000)))]
    #[case(r#""collection_seconds":0,"collected_files":1"#, Some((1, 0)))]
    // The workers of pytest-xdist load the files.
    #[case(r#""collection_seconds":null,"collected_files":3"#, None)]
    #[case(r#""collection_seconds":1,"collected_files":0"#, None)]
    // An older plugin.
    #[case("", None)]
    fn the_time_to_load_files_is_read(#[case] fields: &str, #[case] expected: Option<(u32, u64)>) {
        let evidence = Evidence::parse(ended(fields).as_bytes()).unwrap();
        let mut parsed = ParsedResults::default();
        evidence.add_to(&mut parsed, &KnownFiles::new(["test_a.py"]), 0);
        let loading = parsed.loading;
        assert_eq!(loading.map(|it| (it.files, it.duration_us)), expected);
    }

    fn ended(fields: &str) -> String {
        let more = if fields.is_empty() { "" } else { "," };
        format!(r#"{{"stage":"ended","collected":3{more}{fields}}}"#)
    }

    #[rstest]
    #[case("", 0, &[])]
    #[case(r#""exit_status":1,"status_before_hooks":1"#, 1, &[])]
    #[case(r#""exit_status":5,"status_before_hooks":5"#, 5, &[])]
    // A plugin that suppresses failures.
    #[case(r#""exit_status":0,"status_before_hooks":1,"status_assigned":true"#, 0, &[])]
    #[case(
        r#""missing":["test_a.py::t","root/sub/test_b.py::test_x"],"missing_count":4,
           "stop_reason":"stopping after 1 failures","exit_status":1,"status_before_hooks":1"#,
        1,
        &[
            "sub/test_b.py::test_x | 1 collected test has no result; \
             pytest stopped: stopping after 1 failures",
            "test_a.py | 1 collected test has no result; pytest stopped: stopping after 1 failures",
            "- | 2 collected tests have no result; pytest stopped: stopping after 1 failures",
        ]
    )]
    #[case(
        r#""teardown_errors":[["test_a.py::t","E: x"],["sub/test_b.py::test_x","y"]],
           "exit_status":1,"status_before_hooks":1"#,
        1,
        &[
            "test_a.py | the teardown after test_a.py::t failed: E: x",
            "sub/test_b.py::test_x | the teardown after sub/test_b.py::test_x failed: y",
        ]
    )]
    #[case(
        r#""unexplained_failures":1,"exit_status":1,"status_before_hooks":1"#,
        1,
        &["pytest counts a failure that is no test, for example a coverage limit"]
    )]
    #[case(
        r#""exit_status":1,"status_before_hooks":1,"status_assigned":true"#,
        1,
        &["a session hook set pytest's exit status to 1"]
    )]
    #[case(
        r#""exit_status":1,"status_before_hooks":0"#,
        1,
        &["a session hook set pytest's exit status to 1"]
    )]
    #[case(
        r#""exit_status":1,"status_before_hooks":1"#,
        0,
        &["pytest ended with exit status 1, but the command exited with code 0"]
    )]
    fn proves_that_tests_did_not_run_or_more_failed(
        #[case] fields: &str,
        #[case] code: i32,
        #[case] expected: &[&str],
    ) {
        assert_eq!(added(&ended(fields), code), expected);
    }

    #[rstest]
    #[case(r#"{"stage":"started"}"#, "- | pytest did not finish its session")]
    #[case(
        r#"{"stage":"session_finished","collected":null}"#,
        "- | pytest ended before it had collected all tests"
    )]
    fn proves_that_the_session_ended_early(#[case] evidence: &str, #[case] expected: &str) {
        assert_eq!(added(evidence, 0), [expected]);
    }

    #[test]
    fn a_process_that_ends_after_its_session_is_complete() {
        let evidence = r#"{"stage":"session_finished","collected":3,"exit_status":0}"#;
        assert_eq!(added(evidence, 7), [""; 0]);
    }

    #[test]
    fn files_without_tests_to_run_are_named() {
        let fields = r#""skipped_files":["root/test_a.py"],"deselected_files":["test_c.py"],
            "deselected":["root/test_a.py::T::t[x::y]"]"#;
        let evidence = Evidence::parse(ended(fields).as_bytes()).unwrap();
        let known = KnownFiles::new(["test_a.py"]);
        let mut parsed = ParsedResults::default();
        for _ in 0..2 {
            evidence.add_to(&mut parsed, &known, 0);
            assert_eq!(parsed.tests.len(), 1);
            assert_eq!(parsed.tests[0].key.path, "test_a.py");
            assert_eq!(parsed.tests[0].outcome, Outcome::Skipped);
            assert_eq!(parsed.deselected, ["test_c.py"]);
            let key = TestKey::new("test_a.py", "T::t[x::y]", "test_a.py::T::t[x::y]");
            assert_eq!(parsed.deselected_tests, [key]);
            parsed.deselected.clear();
            parsed.deselected_tests.clear();
        }
    }
}
