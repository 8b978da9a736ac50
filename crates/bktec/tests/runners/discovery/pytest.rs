//! pytest, which is asked with `--collect-only` and a plugin.

use bktec::internals::RunnerSettings;
use rstest::rstest;

use super::{found, strict_error};
use crate::project::{Project, discover, settings};
use crate::pytest_samples::{COMMAND, JUNIT, XDIST};
use crate::tools;

const PASSES: &str = "def test_passes():\n    pass\n";

/// Files that pytest takes tests from by default, and others.
fn project(tool: &str, files: &[(&str, &str)]) -> Project {
    let project = Project::new(&[
        ("tests/test_a.py", PASSES),
        ("tests/unit/b_test.py", PASSES),
        ("tests/unit/check_c.py", PASSES),
        ("build/test_d.py", PASSES),
        ("other/test_e.py", PASSES),
        (
            "src/module.py",
            "def f():\n    \"\"\"\n    >>> 1\n    1\n    \"\"\"\n",
        ),
        ("src/plain.py", "x = 1\n"),
        // Listing files must not import them.
        ("other/test_exits.py", "raise SystemExit('imported')\n"),
    ]);
    for (file, content) in files {
        project.write(file, content);
    }
    project.tool_printing_with("pytest", &tools::installed(tool), "--collect-only")
}

const DEFAULT: &[&str] = &[
    "other/test_e.py",
    "other/test_exits.py",
    "tests/test_a.py",
    "tests/unit/b_test.py",
];

#[rstest]
#[case("", "", DEFAULT)]
#[case(
    "pytest.ini",
    "[pytest]\npython_files = check_*.py test_*.py\ntestpaths = tests\n",
    &["tests/test_a.py", "tests/unit/check_c.py"]
)]
#[case(
    "pyproject.toml",
    "[tool.pytest.ini_options]\nnorecursedirs = ['other', 'unit']\n",
    &["build/test_d.py", "tests/test_a.py"]
)]
#[case(
    "conftest.py",
    "collect_ignore = ['other/test_exits.py']\ncollect_ignore_glob = ['*/unit/*']\n",
    &["other/test_e.py", "tests/test_a.py"]
)]
#[case(
    "pytest.ini",
    "[pytest]\naddopts = --doctest-modules --ignore=other\n",
    &["src/module.py", "tests/test_a.py", "tests/unit/b_test.py"]
)]
fn pytest_decides_which_files_have_tests(
    #[case] file: &str,
    #[case] content: &str,
    #[case] expected: &[&str],
) {
    let files = [(file, content)];
    let project = project(JUNIT, if file.is_empty() { &[] } else { &files });
    let runner = project.runner("pytest", RunnerSettings::default());
    assert_eq!(discover(&*runner), expected, "{}", project.log());
}

#[test]
fn pytest_decides_with_xdist_and_an_excluding_pattern() {
    let project = project(XDIST, &[("pytest.ini", "[pytest]\naddopts = -n2\n")]);
    let settings = RunnerSettings {
        file_exclude_pattern: Some("other".to_owned()),
        ..settings(COMMAND, "out.xml")
    };
    let runner = project.runner("pytest", settings);
    assert_eq!(
        discover(&*runner),
        ["tests/test_a.py", "tests/unit/b_test.py"]
    );
}

/// With the pattern, `check_c.py` would never run and `test_exits.py` would fail.
#[test]
fn a_suite_with_its_own_file_names_runs_completely() {
    let project = project(
        JUNIT,
        &[
            (
                "pytest.ini",
                "[pytest]\npython_files = check_*.py test_*.py\n",
            ),
            ("conftest.py", "collect_ignore = ['other/test_exits.py']\n"),
        ],
    );
    let runner = project.runner("pytest", settings(COMMAND, "out.xml"));
    project.run_all(&*runner, &[], 0).assert(
        0,
        &[
            "other/test_e.py::test_passes | other.test_e | test_passes | passed",
            "tests/test_a.py::test_passes | tests.test_a | test_passes | passed",
            "tests/unit/check_c.py::test_passes | tests.unit.check_c | test_passes | passed",
        ],
    );
}

#[rstest]
// pytest is not called by the command itself.
#[case(
    "sh -c 'pytest \"$@\"' - {{testExamples}} --junit-xml={{resultPath}}",
    None,
    0
)]
#[case(COMMAND, Some("raise RuntimeError('broken')\n"), 1)]
fn the_pattern_is_used_where_pytest_cannot_be_asked(
    #[case] command: &str,
    #[case] conftest: Option<&str>,
    #[case] expected_warnings: usize,
) {
    let project = project(JUNIT, &[]);
    if let Some(conftest) = conftest {
        project.write("conftest.py", conftest);
    }
    let runner = project.runner("pytest", settings(command, "out.xml"));
    let (files, warnings) = found(&*runner);
    assert!(files.contains(&"build/test_d.py".to_owned()), "{files:?}");
    assert_eq!(warnings.len(), expected_warnings, "{warnings:?}");
    let texts = ["pytest could not list its test files", "broken"];
    for warning in warnings {
        assert!(texts.iter().all(|text| warning.contains(text)), "{warning}");
        // pytest prints the traceback itself when it runs.
        assert_eq!(warning.lines().count(), 1, "{warning}");
    }
}

#[rstest]
#[case(None, None)]
#[case(Some("**/test_*.py"), Some("tests/unit/b_test.py"))]
#[case(Some("**/*test*.py"), None)]
fn strict_discovery_compares_the_pattern_with_pytest(
    #[case] pattern: Option<&str>,
    #[case] missed: Option<&str>,
) {
    let project = project(JUNIT, &[]);
    let settings = RunnerSettings {
        file_pattern: pattern.map(str::to_owned),
        strict_discovery: true,
        ..settings(COMMAND, "out.xml")
    };
    let runner = project.runner("pytest", settings);
    let error = strict_error(&*runner);
    match missed {
        None => assert_eq!(error, None),
        Some(file) => assert!(error.unwrap().contains(&format!("misses: {file}\n"))),
    }
}
