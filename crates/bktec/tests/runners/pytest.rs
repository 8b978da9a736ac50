//! pytest, with and without the Python collector.

use bktec::internals::{RunStatus, RunnerSettings};
use rstest::rstest;

use crate::project::{FinishedRun, Project, discover, named, selector, settings};
use crate::tools;

const ODD: &str = r#"
import pytest

@pytest.mark.parametrize("x", ["a b", "c::d", "e[f]", "it's \"x\"", "-y", "é"])
def test_odd(x):
    assert x not in ("c::d", "e[f]")
"#;

const MIXED: &str = r#"
import pathlib
import pytest

def once(name):
    path = pathlib.Path(name)
    seen = path.exists()
    path.touch()
    return seen

class TestLogin:
    def test_passes(self):
        pass
    def test_flaky(self):
        assert once("flaky")

def test_fails():
    assert False

@pytest.mark.skip
def test_skipped():
    pass

@pytest.fixture
def broken():
    raise RuntimeError("no")

def test_set_up_breaks(broken):
    pass
"#;

#[derive(Clone, Copy, PartialEq)]
enum With {
    Junit,
    Collector,
}

impl With {
    fn project(self, files: &[(&str, &str)]) -> Project {
        let tool = match self {
            Self::Junit => ".tools/pytest/bin/pytest",
            Self::Collector => ".tools/pytest-collector/bin/pytest",
        };
        let mut all = vec![("pytest.ini", "[pytest]\naddopts = -v -p no:cacheprovider\n")];
        all.extend_from_slice(files);
        Project::new(&all).tool_printing_with("pytest", &tools::installed(tool), "--collect-only")
    }
}

/// Runs the default command; what is installed decides the mode.
fn run(with: With, files: &[(&str, &str)], muted: &[(&str, &str)], retries: u32) -> FinishedRun {
    let project = with.project(files);
    let runner = project.runner("pytest", RunnerSettings::default());
    let announced = runner.announcement().unwrap();
    assert!(
        announced.contains(if with == With::Junit { "JUnit" } else { "JSON" }),
        "{announced}"
    );
    project.run_all(&*runner, muted, retries)
}

#[test]
fn junit_results_are_read_and_failed_tests_rerun() {
    let ran = run(With::Junit, &[("tests/test_a.py", MIXED)], &[], 1);
    ran.assert(1, &[
        "tests/test_a.py::test_fails | tests.test_a | test_fails | failed failed",
        "tests/test_a.py::test_set_up_breaks | tests.test_a | test_set_up_breaks | failed failed",
        "tests/test_a.py::test_skipped | tests.test_a | test_skipped | skipped",
        "tests/test_a.py::TestLogin::test_flaky \
         | tests.test_a.TestLogin | test_flaky | failed passed",
        "tests/test_a.py::TestLogin::test_passes | tests.test_a.TestLogin | test_passes | passed",
    ]);
    let retry = &ran.events[1];
    assert!(
        !retry.contains("test_passes") && retry.contains("TestLogin::test_flaky"),
        "{retry}"
    );
}

#[test]
fn collector_results_are_read_and_failed_tests_rerun() {
    let ran = run(With::Collector, &[("tests/test_a.py", MIXED)], &[], 1);
    ran.assert(
        1,
        &[
            "tests/test_a.py::test_fails | tests/test_a.py | test_fails | failed failed",
            "tests/test_a.py::test_set_up_breaks \
         | tests/test_a.py | test_set_up_breaks | failed failed",
            "tests/test_a.py::test_skipped | tests/test_a.py | test_skipped | skipped",
            "tests/test_a.py::TestLogin::test_flaky \
         | tests/test_a.py::TestLogin | test_flaky | failed passed",
            "tests/test_a.py::TestLogin::test_passes \
         | tests/test_a.py::TestLogin | test_passes | passed",
        ],
    );
}

#[rstest]
#[case(With::Junit, "test_a", "test_fails")]
#[case(With::Collector, "test_a.py", "test_fails")]
fn muted_failures_pass_the_build(#[case] with: With, #[case] scope: &str, #[case] name: &str) {
    let source = "def test_fails():\n    assert 0\ndef test_passes():\n    pass\n";
    let ran = run(with, &[("test_a.py", source)], &[(scope, name)], 1);
    assert_eq!(ran.outcome.exit_code, 0, "{:?}", ran.events);
    assert_eq!(ran.outcome.statistics().muted_failed, 1);
    assert_eq!(ran.outcome.status(), RunStatus::Passed);
}

#[rstest]
#[case(With::Junit)]
#[case(With::Collector)]
fn odd_parameters_are_run_and_rerun(#[case] with: With) {
    let ran = run(with, &[("test_odd.py", ODD)], &[], 1);
    let mut failed: Vec<_> = ran
        .outcome
        .failed()
        .map(|test| test.key.path.as_str())
        .collect();
    // The collector splits scope and name inside the parameter, which changes the order.
    failed.sort_unstable();
    assert_eq!(
        failed,
        ["test_odd.py::test_odd[c::d]", "test_odd.py::test_odd[e[f]]"]
    );
    // Only these two were rerun.
    for test in &ran.outcome.tests {
        let expected = if test.is_failed() { 2 } else { 1 };
        assert_eq!(test.outcomes.len(), expected, "{test:?}\n{:?}", ran.events);
    }
    assert_eq!((ran.outcome.tests.len(), ran.outcome.exit_code), (6, 1));
}

#[rstest]
#[case(With::Junit)]
#[case(With::Collector)]
fn odd_paths_are_run_and_rerun(#[case] with: With) {
    let fails_once = "import pathlib

def test_x():
    path = pathlib.Path(__file__ + '.seen')
    seen = path.exists()
    path.touch()
    assert seen
";
    let files = [
        ("(group)/{x,y}/test_a.py", fails_once),
        ("-dash/test_b.py", fails_once),
        ("sp ace/test_c d.py", fails_once),
        ("my.pkg/test_e.py", fails_once),
        ("ünï/test_f.py", fails_once),
    ];
    let ran = run(with, &files, &[], 1);
    assert_eq!(ran.outcome.exit_code, 0, "{:#?}", ran.events);
    assert_eq!(
        ran.outcome.statistics().passed_on_retry,
        5,
        "{:#?}",
        ran.outcome.tests
    );
}

#[rstest]
#[case(With::Junit)]
#[case(With::Collector)]
fn listed_examples_have_the_names_of_results(#[case] with: With) {
    let project = with.project(&[("test_a.py", MIXED), ("sub/test_odd.py", ODD)]);
    let runner = project.runner("pytest", RunnerSettings::default());
    let files = discover(&*runner);
    assert_eq!(files, ["sub/test_odd.py", "test_a.py"]);
    let examples = runner.examples(&files).unwrap();
    assert_eq!(examples.len(), 11);
    let ran = project.run(&*runner, &examples, &[], 0);
    assert_eq!(ran.outcome.tests.len(), examples.len(), "{:#?}", ran.events);
    for test in &ran.outcome.tests {
        let example = examples
            .iter()
            .find(|example| example.path == test.key.path)
            .unwrap();
        assert_eq!(
            (&example.scope, &example.name),
            (&test.key.scope, &test.key.name)
        );
    }
}

#[test]
fn only_planned_examples_run() {
    let project = With::Junit.project(&[("test_a.py", MIXED), ("sub/test_odd.py", ODD)]);
    let runner = project.runner("pytest", RunnerSettings::default());
    let examples = runner
        .examples(&["sub/test_odd.py".to_owned(), "test_a.py".to_owned()])
        .unwrap();
    let cases = [
        named(&examples, "test_odd[c::d]"),
        named(&examples, "test_passes"),
    ];
    project.run(&*runner, &cases, &[], 0).assert(
        1,
        &[
            "sub/test_odd.py::test_odd[c::d] | sub.test_odd | test_odd[c::d] | failed",
            "test_a.py::TestLogin::test_passes | test_a.TestLogin | test_passes | passed",
        ],
    );
}

#[test]
fn a_collection_error_is_an_error_despite_mutes() {
    let files = [
        ("test_a.py", "def test_fails():\n    assert 0\n"),
        ("test_broken.py", "import nothere\n"),
    ];
    let ran = run(With::Collector, &files, &[("test_a.py", "test_fails")], 2);
    assert_eq!(
        (ran.outcome.exit_code, ran.outcome.status()),
        (2, RunStatus::Error)
    );
    assert!(ran.outcome.errors_outside_tests[0].contains("test_broken.py"));
    assert_eq!(ran.outcome.retries, 0);

    // JUnit XML after exit code 2 is not read.
    let ran = run(With::Junit, &files, &[("test_a", "test_fails")], 2);
    assert_eq!(
        (ran.outcome.exit_code, ran.outcome.status()),
        (2, RunStatus::Unknown)
    );
    assert!(ran.events[1].contains("exit code 2"), "{:?}", ran.events);
}

#[test]
fn a_collection_error_next_to_tests_is_read_from_junit() {
    let files = [
        ("test_a.py", "def test_fails():\n    assert 0\n"),
        ("test_broken.py", "import nothere\n"),
    ];
    let project = With::Junit.project(&files);
    let command = "pytest --continue-on-collection-errors --junit-xml={{resultPath}}";
    let runner = project.runner("pytest", settings(command, "out/result.xml"));
    let ran = project.run_all(&*runner, &[("test_a", "test_fails")], 1);
    assert_eq!(
        (ran.outcome.exit_code, ran.outcome.status()),
        (1, RunStatus::Error)
    );
    let errors = &ran.outcome.errors_outside_tests;
    assert_eq!(errors.len(), 1, "{errors:?}");
    assert!(
        errors[0].starts_with("pytest could not collect test_broken"),
        "{errors:?}"
    );
}

#[rstest]
#[case(With::Junit)]
#[case(With::Collector)]
fn a_test_that_vanishes_before_its_retry_stays_failed(#[case] with: With) {
    let source =
        "import os\n\ndef test_fails():\n    os.rename(__file__, 'gone.txt')\n    assert 0\n";
    let ran = run(with, &[("test_a.py", source)], &[], 2);
    // pytest finds nothing to run and exits with code 4.
    assert_eq!(ran.outcome.exit_code, 4, "{:?}", ran.events);
    assert_eq!(ran.outcome.failed().count(), 1);
    assert!(ran.outcome.tests[0].unproven.is_some());
}

#[rstest]
#[case(With::Junit)]
#[case(With::Collector)]
fn node_ids_are_relative_to_the_working_directory(#[case] with: With) {
    let project = with.project(&[("backend/tests/test_a.py", MIXED)]);
    let runner = project.runner("pytest", RunnerSettings::default());
    let below = project.root().join("backend");
    // pytest.ini in the parent directory makes that the root directory.
    let environment = runner.execution_env().environment.clone();
    let runner = bktec::internals::build(
        "pytest",
        RunnerSettings {
            working_directory: below,
            environment,
            ..RunnerSettings::default()
        },
    )
    .unwrap();
    let ran = project.run(&*runner, &[selector("tests/test_a.py")], &[], 1);
    assert_eq!(
        ran.outcome.statistics().passed_on_retry,
        1,
        "{:#?}",
        ran.events
    );
    let examples = runner.examples(&["tests/test_a.py".to_owned()]).unwrap();
    let ran = project.run(&*runner, &[named(&examples, "test_passes")], &[], 0);
    assert_eq!(
        (ran.outcome.exit_code, ran.outcome.tests.len()),
        (0, 1),
        "{:#?}",
        ran.events
    );
}

#[test]
fn tags_select_examples() {
    let tagged = "import pytest

@pytest.mark.execution_tag('team', 'red')
def test_red():
    pass

def test_plain():
    pass
";
    let project = With::Collector.project(&[
        ("test_a.py", tagged),
        ("test_b.py", "def test_c():\n    pass\n"),
    ]);
    let tag_filters = Some("team:red".to_owned());
    let runner = project.runner(
        "pytest",
        RunnerSettings {
            tag_filters,
            ..RunnerSettings::default()
        },
    );
    let examples = runner.examples(&discover(&*runner)).unwrap();
    assert_eq!(
        examples
            .iter()
            .map(|case| case.path.as_str())
            .collect::<Vec<_>>(),
        ["test_a.py::test_red"]
    );
    let nothing = runner.examples(&["test_b.py".to_owned()]).unwrap();
    assert_eq!(nothing, []);
}
