//! What one attempt of the real pytest proves about tests that did not run, with our plugin loaded
//! and without it.

use bktec::internals::{RunnerSettings, StopPolicy};
use rstest::rstest;
use test_engine_wire::Case;

use crate::attempt::Attempt;
use crate::project::{Project, selector, settings};
use crate::pytest_samples::{COLLECTOR, COMMAND, JUNIT, SHOULDFAIL, STEPWISE, XDIST};
use crate::tools;

const FAILS_THEN_PASSES: &str = "def test_a():\n    assert 0\n\ndef test_b():\n    pass\n";
const PASSES: &str = "def test_a():\n    pass\n";

fn project(tool: &str, files: &[(&str, &str)]) -> Project {
    Project::new(files).tool("pytest", &tools::installed(tool))
}

fn attempt(project: &Project, settings: RunnerSettings) -> Attempt {
    let runner = project.runner("pytest", settings);
    let files = runner.discover(&mut |_| ()).unwrap();
    let cases: Vec<Case> = files.iter().map(|file| selector(file)).collect();
    Attempt::of(project, &*runner, &cases)
}

fn run(tool: &str, command: &str, files: &[(&str, &str)]) -> Attempt {
    attempt(&project(tool, files), settings(command, "out.xml"))
}

#[rstest]
#[case(COMMAND, &[("pytest.ini", "[pytest]\naddopts = -x\n")])]
#[case(COMMAND, &[(".pytest.ini", "[pytest]\naddopts = --exitfirst\n")])]
#[case(COMMAND, &[("setup.cfg", "[tool:pytest]\naddopts = --maxfail=1\n")])]
#[case(COMMAND, &[("pyproject.toml", "[tool.pytest.ini_options]\naddopts = ['-x']\n")])]
#[case(
    "pytest -c ci.ini {{testExamples}} --junit-xml={{resultPath}}",
    &[("ci.ini", "[pytest]\naddopts = -x\n")]
)]
#[case("pytest -o addopts=-x {{testExamples}} --junit-xml={{resultPath}}", &[])]
#[case("env PYTEST_ADDOPTS=-x pytest {{testExamples}} --junit-xml={{resultPath}}", &[])]
fn fail_fast_settings_are_overridden(#[case] command: &str, #[case] files: &[(&str, &str)]) {
    let mut all = vec![("test_a.py", FAILS_THEN_PASSES)];
    all.extend_from_slice(files);
    let attempt = run(JUNIT, command, &all);
    attempt.assert_exactly(1, &StopPolicy::Overridden, &[]);
    assert_eq!(attempt.parsed.tests.len(), 2);
}

#[rstest]
#[case("pytest -qx {{testExamples}} --junit-xml={{resultPath}}", "-qx")]
#[case(
    "pytest --maxfail=1 {{testExamples}} --junit-xml={{resultPath}}",
    "--maxfail"
)]
fn a_requested_stop_is_a_shortfall(#[case] command: &str, #[case] option: &str) {
    let attempt = run(JUNIT, command, &[("test_a.py", FAILS_THEN_PASSES)]);
    let requested = StopPolicy::Requested {
        option: option.to_owned(),
        failures: 1,
    };
    attempt.assert_exactly(
        1,
        &requested,
        &["test_a.py | 1 collected test has no result; pytest stopped: stopping after 1 failures"],
    );
}

/// Without the plugin, only the possibility of an early stop is known.
#[test]
fn a_script_gets_neither_plugin_nor_override() {
    let script = "#!/bin/sh\nexec pytest -x \"$@\"\n";
    let files = [("test_a.py", FAILS_THEN_PASSES), ("run.sh", script)];
    let command = "sh run.sh {{testExamples}} --junit-xml={{resultPath}}";
    let attempt = run(JUNIT, command, &files);
    attempt.assert_exactly(1, &StopPolicy::Possible, &[]);
    assert_eq!(attempt.parsed.tests.len(), 1);
}

/// A test that removes all temporary files removes the record, or the place to write it to.
#[rstest]
#[case("os.remove(record)")]
#[case("shutil.rmtree(os.path.dirname(record))")]
fn a_session_without_a_record_is_a_shortfall(
    #[case] removal: &str,
    #[values(JUNIT, COLLECTOR)] tool: &str,
) {
    let tests = format!(
        "import os, pytest, shutil
def test_a():
    record = os.environ['BUILDKITE_TEST_ENGINE_PYTEST_EVIDENCE']
    {removal}
def test_b(request):
    request.config.pluginmanager.unregister(name='bktec-evidence')
    pytest.exit('enough', returncode=0)
def test_c():
    assert 0
"
    );
    let project = project(tool, &[("test_a.py", &tests)]);
    let attempt = attempt(&project, RunnerSettings::default());
    let shortfalls = attempt.parsed.shortfalls.iter();
    let reasons: Vec<&str> = shortfalls.map(|shortfall| &*shortfall.reason).collect();
    let expected = "bktec's plugin left no record of the pytest session";
    assert!(reasons.contains(&expected), "{reasons:?}\n{}", attempt.log);
}

#[rstest]
#[case(
    ("pytest.ini", STEPWISE),
    "; pytest stopped: Test failed, continuing from this test next run."
)]
#[case(("conftest.py", SHOULDFAIL), "; pytest stopped: enough")]
fn what_cannot_be_overridden_is_a_shortfall(
    #[case] file: (&str, &str),
    #[case] stopped: &str,
    #[values(JUNIT, COLLECTOR)] tool: &str,
) {
    let project = project(tool, &[("test_a.py", FAILS_THEN_PASSES), file]);
    let attempt = attempt(&project, RunnerSettings::default());
    let reason = format!("test_a.py | 1 collected test has no result{stopped}");
    let code = attempt.code;
    attempt.assert_exactly(code, &StopPolicy::Overridden, &[&reason]);
}

#[rstest]
#[case(JUNIT, &["- | pytest stopped before it finished"])]
#[case(COLLECTOR, &[])]
fn pytest_exit_with_code_0_is_a_shortfall(#[case] tool: &str, #[case] by_report: &[&str]) {
    let files = [
        (
            "test_a.py",
            "import pytest\ndef test_a():\n    pytest.exit('bye', returncode=0)\n",
        ),
        (
            "test_b.py",
            "def test_b():\n    assert 0\ndef test_c():\n    pass\n",
        ),
    ];
    let project = project(tool, &files);
    let by_plugin = [
        "test_a.py | 1 collected test has no result",
        "test_b.py | 2 collected tests have no result",
    ];
    let expected = [by_report, &by_plugin].concat();
    attempt(&project, RunnerSettings::default()).assert_exactly(
        0,
        &StopPolicy::Overridden,
        &expected,
    );
}

#[rstest]
#[case(
    "pytest_collection",
    "- | pytest ended before it had collected all tests"
)]
#[case(
    "pytest_collection_modifyitems",
    "test_a.py | 1 collected test has no result"
)]
fn pytest_exit_while_collecting_is_a_shortfall(#[case] hook: &str, #[case] expected: &str) {
    let conftest = format!("import pytest\ndef {hook}(): pytest.exit('bye', returncode=0)\n");
    let files = [("test_a.py", PASSES), ("conftest.py", &conftest)];
    let attempt = run(JUNIT, COMMAND, &files);
    attempt.assert_exactly(0, &StopPolicy::Overridden, &[expected]);
}

#[test]
fn a_crash_without_a_restarted_worker_is_a_shortfall() {
    let crashes = "import os
def test_a(): os._exit(3)
def test_b(): pass
def test_c(): assert False
";
    let command = "pytest -n1 --max-worker-restart=0 {{testExamples}} --junit-xml={{resultPath}}";
    let attempt = run(XDIST, command, &[("test_a.py", crashes)]);
    let expected = ["test_a.py | 2 collected tests have no result"];
    attempt.assert_exactly(1, &StopPolicy::Overridden, &expected);
    let command = "pytest -n1 {{testExamples}} --junit-xml={{resultPath}}";
    let attempt = run(XDIST, command, &[("test_a.py", crashes)]);
    attempt.assert_exactly(1, &StopPolicy::Overridden, &[]);
    assert_eq!(attempt.parsed.tests.len(), 3);
}

#[rstest]
#[case::junit(JUNIT, "pytest")]
#[case::collector(COLLECTOR, "pytest")]
#[case::xdist(XDIST, "pytest -n2")]
fn deselected_tests_are_named(#[case] tool: &str, #[case] pytest: &str) {
    let files = [("test_a.py", FAILS_THEN_PASSES), ("test_c.py", PASSES)];
    let command = format!("{pytest} -k test_b {{{{testExamples}}}} --junit-xml={{{{resultPath}}}}");
    let attempt = run(tool, &command, &files);
    attempt.assert_exactly(0, &StopPolicy::Overridden, &[]);
    let parsed = &attempt.parsed;
    assert_eq!(parsed.deselected, ["test_c.py"]);
    let tests: Vec<&str> = parsed
        .deselected_tests
        .iter()
        .map(|test| &*test.path)
        .collect();
    assert_eq!(tests, ["test_a.py::test_a", "test_c.py::test_a"]);
}

/// Of files with and without tests that the command deselects.
#[rstest]
#[case::junit(JUNIT, "pytest", true)]
#[case::collector(COLLECTOR, "pytest", true)]
// Its workers load the files.
#[case::xdist(XDIST, "pytest -n2", false)]
fn the_time_to_load_files_is_measured(
    #[case] tool: &str,
    #[case] pytest: &str,
    #[case] is_measured: bool,
) {
    let slow = "import time\ntime.sleep(0.3)\ndef test_a():\n    pass\n";
    let files = [
        ("test_a.py", slow),
        ("test_b.py", FAILS_THEN_PASSES),
        ("test_c.py", PASSES),
    ];
    let command = format!("{pytest} -k test_b {{{{testExamples}}}} --junit-xml={{{{resultPath}}}}");
    let loading = run(tool, &command, &files).parsed.loading;
    assert_eq!(loading.is_some(), is_measured, "{loading:?}");
    if let Some(loading) = loading {
        assert_eq!(loading.files, 3);
        assert!(loading.duration_us >= 300_000, "{loading:?}");
    }
}

const BROKEN_TEARDOWN: &str = "
import pytest

@pytest.fixture(scope='session')
def database():
    yield
    raise RuntimeError('database dirty')

def test_first(database):
    pass

def test_last(database):
    pass
";

#[rstest]
#[case(JUNIT)]
#[case(COLLECTOR)]
#[case(XDIST)]
fn a_teardown_error_is_no_failure_of_a_test(#[case] tool: &str) {
    let project = project(tool, &[("test_a.py", BROKEN_TEARDOWN)]);
    let expected = "test_a.py | the teardown after test_a.py::test_last failed: RuntimeError: \
                    database dirty";
    let attempt = attempt(&project, RunnerSettings::default());
    attempt.assert_exactly(1, &StopPolicy::Overridden, &[expected]);
}

/// JUnit XML alone shows a teardown error.
#[test]
fn a_teardown_error_is_found_without_the_plugin() {
    let files = [("test_a.py", BROKEN_TEARDOWN)];
    let command = "sh -c 'pytest \"$@\"' - {{testExamples}} --junit-xml={{resultPath}}";
    let expected = "test_a.py | the teardown after test_a.py::test_last failed: RuntimeError: \
                    database dirty";
    run(JUNIT, command, &files).assert_exactly(1, &StopPolicy::Possible, &[expected]);
}

const COVERAGE_LIMIT: &str = "
import pytest

@pytest.hookimpl(hookwrapper=True)
def pytest_runtestloop(session):
    yield
    session.testsfailed += 1
";
const SETS_STATUS: &str = "
import pytest

def pytest_sessionfinish(session):
    session.exitstatus = pytest.ExitCode.TESTS_FAILED
";

#[rstest]
#[case(
    COVERAGE_LIMIT,
    "pytest counts a failure that is no test, for example a coverage limit"
)]
#[case(SETS_STATUS, "a session hook set pytest's exit status to 1")]
fn failures_beyond_the_tests_are_errors(
    #[case] conftest: &str,
    #[case] error: &str,
    #[values(PASSES, FAILS_THEN_PASSES)] tests: &str,
    #[values(JUNIT, COLLECTOR, XDIST)] tool: &str,
) {
    let files = [("test_a.py", tests), ("conftest.py", conftest)];
    let project = project(tool, &files);
    let attempt = attempt(&project, RunnerSettings::default());
    attempt.assert_exactly(1, &StopPolicy::Overridden, &[error]);
}

/// The plugin must not add to healthy runs, whatever their options are.
#[rstest]
#[case(JUNIT, "")]
#[case(JUNIT, "-p no:terminal -W error")]
#[case(XDIST, "-n2")]
#[case(XDIST, "-n2 --dist loadgroup")]
#[case(JUNIT, "--import-mode=importlib -p no:cacheprovider --strict-markers")]
fn healthy_runs_have_no_shortfall(#[case] tool: &str, #[case] options: &str) {
    let files = [
        (
            "test_a.py",
            "import pytest, unittest

@pytest.mark.parametrize('x', ['a b', 'c::d', 'e[f]'])
def test_p(x): pass

@pytest.mark.xfail
def test_x(): assert 0

@pytest.mark.skip
def test_s(): pass

class TestU(unittest.TestCase):
    def test_sub(self):
        for i in range(3):
            with self.subTest(i=i): pass
",
        ),
        (
            "test_b.py",
            "import pytest\npytest.skip('no', allow_module_level=True)\n",
        ),
        ("test_c.py", "x = 1\n"),
        ("test_d.py", PASSES),
    ];
    let command = format!("pytest {options} {{{{testExamples}}}} --junit-xml={{{{resultPath}}}}");
    let attempt = run(tool, &command, &files);
    attempt.assert_exactly(0, &StopPolicy::Overridden, &[]);
    let skipped = attempt
        .parsed
        .tests
        .iter()
        .filter(|test| test.key.path == "test_b.py");
    assert_eq!(skipped.count(), 1, "{:#?}", attempt.parsed.tests);
}

#[test]
fn a_file_that_is_skipped_as_a_whole_has_a_result_with_the_collector() {
    let files = [
        ("test_a.py", PASSES),
        (
            "sub/test_b.py",
            "import pytest\npytest.skip('no', allow_module_level=True)\n",
        ),
    ];
    let attempt = attempt(&project(COLLECTOR, &files), RunnerSettings::default());
    let paths: Vec<&str> = attempt
        .parsed
        .tests
        .iter()
        .map(|test| test.key.path.as_str())
        .collect();
    assert_eq!(paths, ["test_a.py::test_a", "sub/test_b.py"]);
}
