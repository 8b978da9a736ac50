//! Many tests of one file run by naming the file and the tests to keep.

use bktec::internals::{RunStatus, RunnerSettings, StopPolicy};
use rstest::rstest;
use test_engine_wire::Case;

use crate::attempt::Attempt;
use crate::project::{Project, assert_ended, selector, settings};
use crate::pytest_samples::{COLLECTOR, JUNIT, XDIST};
use crate::tools;

const CASES: usize = 200;

const MANY: &str = "
import pytest

@pytest.mark.parametrize('n', range(200))
def test_many(n):
    assert n != 7

class TestClass:
    @pytest.mark.parametrize('text', ['a::b', 'c'])
    def test_text(self, text):
        pass

    def test_other(self):
        pass
";

fn project(tool: &str, files: &[(&str, &str)]) -> Project {
    Project::new(files).tool("pytest", &tools::installed(tool))
}

/// Every second case, from the first.
fn share(file: &str) -> Vec<Case> {
    let case = |n| selector(&format!("{file}::test_many[{n}]"));
    (0..CASES).step_by(2).map(case).collect()
}

fn run(project: &Project, pytest: &str, cases: &[Case]) -> Attempt {
    let option = if pytest.contains("collector") {
        "--json"
    } else {
        "--junit-xml"
    };
    let pytest = pytest.replace(" collector", "");
    let command = format!("{pytest} {{{{testExamples}}}} {option}={{{{resultPath}}}}");
    let result = if option == "--json" {
        "out.json"
    } else {
        "out.xml"
    };
    let runner = project.runner("pytest", settings(&command, result));
    Attempt::of(project, &*runner, cases)
}

#[rstest]
#[case::junit(JUNIT, "pytest")]
#[case::collector(COLLECTOR, "pytest collector")]
#[case::xdist(XDIST, "pytest -n2")]
#[case::other_rootdir(JUNIT, "pytest --rootdir=sub")]
fn runs_the_tests_of_this_node_only(#[case] tool: &str, #[case] pytest: &str) {
    let files = [
        ("sub/test_a.py", MANY),
        ("test_b.py", "def test_one():\n    pass\n"),
    ];
    let project = project(tool, &files);
    let mut cases = share("sub/test_a.py");
    cases.push(selector("sub/test_a.py::TestClass::test_text[a::b]"));
    cases.push(selector("test_b.py"));
    let attempt = run(&project, pytest, &cases);
    attempt.assert_exactly(0, &StopPolicy::Overridden, &[]);
    assert_eq!(attempt.parsed.tests.len(), CASES / 2 + 2, "{}", attempt.log);
    assert!(!attempt.log.contains("test_many["), "{}", attempt.log);
    // Those of other nodes are not named as excused.
    assert_eq!(attempt.parsed.deselected_tests, []);
    assert_eq!(attempt.parsed.deselected, [""; 0]);
}

#[test]
fn two_paths_of_one_file_select_from_it_together() {
    let project = project(JUNIT, &[("test_a.py", MANY)]);
    let mut cases = share("test_a.py");
    let case = |n| selector(&format!("./test_a.py::test_many[{n}]"));
    cases.extend((9..CASES).step_by(2).map(case));
    let attempt = run(&project, "pytest", &cases);
    attempt.assert_exactly(0, &StopPolicy::Overridden, &[]);
    assert_eq!(attempt.parsed.tests.len(), CASES - 4, "{}", attempt.log);
}

#[test]
fn a_name_selects_all_tests_below_it() {
    let project = project(JUNIT, &[("test_a.py", MANY)]);
    let mut cases = share("test_a.py");
    cases.push(selector("test_a.py::TestClass"));
    let attempt = run(&project, "pytest", &cases);
    attempt.assert_exactly(0, &StopPolicy::Overridden, &[]);
    assert_eq!(attempt.parsed.tests.len(), CASES / 2 + 3);
}

/// As with node IDs, of which pytest-xdist does not say which one is missing.
#[rstest]
#[case::junit(JUNIT, "pytest", 4, CASES / 2)]
#[case::xdist(XDIST, "pytest -n2", 5, CASES / 2)]
#[case::junit_node_ids(JUNIT, "pytest", 4, 2)]
#[case::xdist_node_ids(XDIST, "pytest -n2", 5, 2)]
fn a_test_that_is_gone_is_an_error(
    #[case] tool: &str,
    #[case] pytest: &str,
    #[case] code: i32,
    #[case] count: usize,
) {
    let project = project(tool, &[("test_a.py", MANY)]);
    let mut cases = share("test_a.py");
    cases.truncate(count);
    cases.push(selector("test_a.py::test_gone"));
    let command = format!("{pytest} {{{{testExamples}}}} --junit-xml={{{{resultPath}}}}");
    let of_several_nodes = RunnerSettings {
        node_count: 2,
        ..settings(&command, "out.xml")
    };
    let runner = project.runner("pytest", of_several_nodes);
    let ran = project.run(&*runner, &cases, &[], 0);
    assert_eq!(ran.outcome.exit_code, code, "{:?}", ran.events);
    if count > 50 {
        let log = project.log();
        assert!(log.contains("not found: test_a.py::test_gone"), "{log}");
    }
}

#[test]
fn failed_tests_are_retried_by_name() {
    let project = project(JUNIT, &[("test_a.py", MANY)]);
    let case = |n| selector(&format!("test_a.py::test_many[{n}]"));
    let cases: Vec<Case> = (0..CASES / 2).map(case).collect();
    let command = "pytest {{testExamples}} --junit-xml={{resultPath}}";
    let runner = project.runner("pytest", settings(command, "out.xml"));
    let ran = project.run(&*runner, &cases, &[], 1);
    assert_ended(&ran, 1, RunStatus::Failed);
    assert_eq!(ran.outcome.tests.len(), CASES / 2);
    let retried = ran.events.last().unwrap();
    assert!(retried.contains("test_a.py::test_many[7]"), "{retried}");
    assert!(!retried.contains("bktec_selection"), "{retried}");
}

/// Without the plugin, tests are node IDs as before.
#[test]
fn a_script_gets_node_ids() {
    let script = "#!/bin/sh\nexec pytest \"$@\"\n";
    let project = project(JUNIT, &[("test_a.py", MANY), ("run.sh", script)]);
    let attempt = run(&project, "sh run.sh", &share("test_a.py"));
    assert_eq!(attempt.parsed.tests.len(), CASES / 2);
    assert!(attempt.log.contains("test_many[8]"), "{}", attempt.log);
}
