//! Builds with pytest that must not be green, because tests did not run or something other than a
//! test failed; and shares that must not be red, because all their tests are left out.

use bktec::internals::{self, AttemptOptions, Capacity, Managed, RunnerSettings, VerdictOptions};
use rstest::rstest;
use test_engine_wire::Case;

use crate::project::{FinishedRun, Project, selector, settings};
use crate::pytest_samples::{COLLECTOR, COMMAND, JUNIT, SHOULDFAIL, STEPWISE, XDIST};
use crate::tools;

/// Fails in the first attempt only.
const FAILS_ONCE: &str = "import os

def test_a():
    seen = os.path.exists('seen')
    open('seen', 'w').close()
    assert seen
";

fn project(tool: &str, files: &[(&str, &str)]) -> Project {
    Project::new(files).tool_printing_with("pytest", &tools::installed(tool), "--collect-only")
}

/// The scopes of `test_a.py` in JUnit XML and for the collector.
const SCOPES: [&str; 2] = ["test_a", "test_a.py"];

fn run(project: &Project, settings: RunnerSettings, muted: &str, retries: u32) -> FinishedRun {
    let runner = project.runner("pytest", settings);
    let files = runner.discover(&mut |_| ()).unwrap();
    let cases: Vec<Case> = files.iter().map(|file| selector(file)).collect();
    let muted = SCOPES.map(|scope| (scope, muted));
    project.run(&*runner, &cases, &muted, retries)
}

#[track_caller]
fn assert_code(ran: &FinishedRun, code: i32, project: &Project) {
    let details = || format!("{:#?}\n{:#?}\n{}", ran.events, ran.outcome, project.log());
    assert_eq!(ran.outcome.exit_code, code, "{}", details());
}

/// `test_b` does not run in the first attempt unless the setting is overridden.
#[rstest]
#[case(COMMAND, "pytest.ini", "[pytest]\naddopts = -x\n")]
#[case(
    COMMAND,
    "pyproject.toml",
    "[tool.pytest.ini_options]\naddopts = ['--maxfail=1']\n"
)]
#[case(
    "pytest -c ci.ini {{testExamples}} --junit-xml={{resultPath}}",
    "ci.ini",
    "[pytest]\naddopts = -x\n"
)]
#[case(
    "pytest -o addopts=-x {{testExamples}} --junit-xml={{resultPath}}",
    "none",
    ""
)]
#[case(
    "sh run.sh {{testExamples}} --junit-xml={{resultPath}}",
    "run.sh",
    "exec pytest -x \"$@\"\n"
)]
#[case(
    "sh -c 'pytest \"$@\"' - {{testExamples}} --junit-xml={{resultPath}}",
    "tox.ini",
    "[pytest]\naddopts = -x\n"
)]
#[case(COMMAND, "pytest.ini", STEPWISE)]
#[case(COMMAND, "conftest.py", SHOULDFAIL)]
fn an_early_stop_does_not_hide_the_tests_after_it(
    #[case] command: &str,
    #[case] file: &str,
    #[case] content: &str,
    #[values("pass", "assert 0")] last: &str,
    #[values("test_a", "none")] muted: &str,
) {
    let source = format!("{FAILS_ONCE}\ndef test_b():\n    open('ran', 'w').close()\n    {last}\n");
    let project = project(JUNIT, &[("test_a.py", &source), (file, content)]);
    let retries = u32::from(muted == "none");
    let ran = run(&project, settings(command, "out.xml"), muted, retries);
    let has_run = project.root().join("ran").exists();
    let is_green = ran.outcome.exit_code == 0;
    let details = || format!("{:#?}\n{:#?}\n{}", ran.events, ran.outcome, project.log());
    assert!(!is_green || has_run && last == "pass", "{}", details());
    // Where the setting is overridden, the build is as green as without it.
    if content.contains("addopts = -x") && command.starts_with("pytest") && last == "pass" {
        assert!(is_green, "{}", details());
    }
}

/// A `pytest.ini` above the working directory.
#[test]
fn fail_fast_in_a_parent_directory_is_overridden() {
    let source = format!("{FAILS_ONCE}\ndef test_c():\n    assert False\n");
    let files = [
        ("sub/test_a.py", source.as_str()),
        ("pytest.ini", "[pytest]\naddopts = -x\n"),
    ];
    let project = project(JUNIT, &files);
    let environment = project.runner("pytest", RunnerSettings::default());
    let runner = internals::build(
        "pytest",
        RunnerSettings {
            working_directory: project.root().join("sub"),
            environment: environment.execution_env().environment.clone(),
            ..settings(COMMAND, "out.xml")
        },
    )
    .unwrap();
    let ran = project.run(&*runner, &[selector("test_a.py")], &[], 1);
    ran.assert(
        1,
        &[
            "test_a.py::test_a | sub.test_a | test_a | failed passed",
            "test_a.py::test_c | sub.test_a | test_c | failed failed",
        ],
    );
}

#[rstest]
#[case("os._exit(0)")]
#[case("pytest.exit('bye', returncode=0)")]
fn a_process_that_ends_early_with_code_0_is_red(
    #[case] end: &str,
    #[values(JUNIT, COLLECTOR)] tool: &str,
) {
    let source =
        format!("import os, pytest\ndef test_a():\n    {end}\ndef test_b():\n    assert 0\n");
    let project = project(tool, &[("test_a.py", &source)]);
    let ran = run(&project, RunnerSettings::default(), "test_a", 1);
    assert_code(&ran, 1, &project);
}

#[test]
fn a_muted_crash_does_not_excuse_the_tests_after_it() {
    let source = "import os
def test_a(): os._exit(3)
def test_b(): pass
def test_c(): assert False
";
    let project = project(XDIST, &[("test_a.py", source)]);
    let command = "pytest -n1 --max-worker-restart=0 {{testExamples}} --junit-xml={{resultPath}}";
    let ran = run(&project, settings(command, "out.xml"), "test_a", 1);
    assert_code(&ran, 1, &project);
}

/// The fixture's teardown fails as often as the file `failures` has lines.
const TEARDOWN: &str = "import pytest

@pytest.fixture(scope='session')
def database():
    yield
    with open('failures') as file:
        lines = file.readlines()
    with open('failures', 'w') as file:
        file.writelines(lines[1:])
    assert not lines, 'database dirty'

def test_first(database):
    pass

def test_last(database):
    pass
";

#[rstest]
#[case("1\n", 0, 1)]
#[case("1\n", 1, 0)]
#[case("1\n2\n", 1, 1)]
fn only_a_whole_rerun_repairs_a_teardown_error(
    #[case] failures: &str,
    #[case] retries: u32,
    #[case] code: i32,
    #[values(JUNIT, COLLECTOR, XDIST)] tool: &str,
    #[values("test_last", "none")] muted: &str,
) {
    let project = project(tool, &[("test_a.py", TEARDOWN), ("failures", failures)]);
    let ran = run(&project, RunnerSettings::default(), muted, retries);
    assert_code(&ran, code, &project);
    if retries > 0 {
        assert!(!ran.events[1].contains("::"), "{:?}", ran.events);
    }
}

const COVERAGE_LIMIT: &str = "
import pytest

@pytest.hookimpl(hookwrapper=True)
def pytest_runtestloop(session):
    yield
    session.testsfailed += 1
";
const SETS_STATUS: &str = "
def pytest_sessionfinish(session):
    session.exitstatus = 1
";

#[rstest]
#[case(COVERAGE_LIMIT, 1)]
#[case(SETS_STATUS, 1)]
#[case("", 0)]
fn a_mute_excuses_only_the_test(
    #[case] conftest: &str,
    #[case] code: i32,
    #[values(JUNIT, COLLECTOR)] tool: &str,
) {
    let source = "def test_a():\n    assert 0\ndef test_b():\n    pass\n";
    let project = project(tool, &[("test_a.py", source), ("conftest.py", conftest)]);
    let ran = run(&project, RunnerSettings::default(), "test_a", 1);
    assert_code(&ran, code, &project);
}

const SKIPPED: &str = "import pytest\npytest.skip('no', allow_module_level=True)\n";
const SLOW: &str = "import pytest\n@pytest.mark.slow\ndef test_slow():\n    pass\n";
const EMPTY: &str = "x = 1\n";

/// `expected` is the number of tests that the file had before.
#[rstest]
#[case(SKIPPED, 3, 2, 0)]
#[case(SLOW, 3, 2, 0)]
#[case(EMPTY, 0, 2, 0)]
#[case(EMPTY, 3, 2, 5)]
// On a single node, a wrong `-m` must not pass.
#[case(SKIPPED, 0, 1, 5)]
#[case(SLOW, 0, 1, 5)]
fn a_share_without_tests_to_run_is_green(
    #[case] source: &str,
    #[case] expected: u64,
    #[case] node_count: usize,
    #[case] code: i32,
    #[values(JUNIT, COLLECTOR)] tool: &str,
) {
    let ini = "[pytest]\naddopts = -m 'not slow'\nmarkers = slow\n";
    let project = project(tool, &[("test_a.py", source), ("pytest.ini", ini)]);
    let runner = project.runner(
        "pytest",
        RunnerSettings {
            node_count,
            ..RunnerSettings::default()
        },
    );
    let case = Case {
        expected_tests: Some(expected).filter(|expected| *expected > 0),
        ..selector("test_a.py")
    };
    let ran = project.run(&*runner, &[case], &[], 1);
    assert_code(&ran, code, &project);
}

/// A file that is skipped as a whole has a result.
#[rstest]
#[case(SKIPPED, 0)]
#[case(EMPTY, 1)]
fn a_skipped_file_is_no_missing_result(
    #[case] source: &str,
    #[case] code: i32,
    #[values(JUNIT, COLLECTOR)] tool: &str,
) {
    let passes = "def test_b():\n    pass\n";
    let project = project(tool, &[("sub/test_a.py", source), ("test_b.py", passes)]);
    let runner = project.runner("pytest", RunnerSettings::default());
    let cases = ["sub/test_a.py", "test_b.py"].map(selector);
    let options = AttemptOptions {
        retries: 0,
        retry_muted: true,
        require_results: true,
        verdict: VerdictOptions::default(),
        capacity: Capacity::of_system(runner.execution_env()),
    };
    let outcome = internals::run(&*runner, &cases, Managed::default(), &options, &mut |_| ());
    let outcome = outcome.unwrap();
    assert_eq!(outcome.exit_code, code, "{outcome:#?}\n{}", project.log());
}

/// Directories, classes and files with names that do not follow pytest's defaults.
#[test]
fn tests_of_unusual_names_are_retried() {
    let project = project(
        JUNIT,
        &[
            (
                "pytest.ini",
                "[pytest]\npython_files = *.py\n\
                 python_classes = Test* Checks describe_* test_*\n\
                 python_functions = test_* it_*\n",
            ),
            ("tests/__init__.py", ""),
            ("tests/login/__init__.py", ""),
            ("tests/test_unit/__init__.py", ""),
            (
                "once.py",
                "import os

def once(name):
    seen = os.path.exists(name)
    open(name, 'w').close()
    return seen
",
            ),
            (
                "tests/login/checks.py",
                "from once import once
class describe_login:
    def it_works(self): assert once('b')
class test_group:
    class test_inner:
        def test_b(self): assert once('c')
",
            ),
            (
                "tests/test_unit/helpers.py",
                "from once import once\nclass Checks:\n    def test_a(self): assert once('a')\n",
            ),
        ],
    );
    let runner = project.runner("pytest", settings(COMMAND, "out.xml"));
    let files = runner.discover(&mut |warning| panic!("{warning}")).unwrap();
    let cases: Vec<Case> = files.iter().map(|file| selector(file)).collect();
    project.run(&*runner, &cases, &[], 1).assert(
        0,
        &[
            "tests/login/checks.py::describe_login::it_works \
             | tests.login.checks.describe_login | it_works | failed passed",
            "tests/login/checks.py::test_group::test_inner::test_b \
             | tests.login.checks.test_group.test_inner | test_b | failed passed",
            "tests/test_unit/helpers.py::Checks::test_a \
             | tests.test_unit.helpers.Checks | test_a | failed passed",
        ],
    );
}
