//! Commands and results of pytest, without pytest.

use std::os::unix::fs::PermissionsExt as _;

use rstest::rstest;

use super::ResultTrust::{Complete, Partial, Unusable};
use super::*;
use crate::runners::StopPolicy;
use crate::runners::testing::{case, command, key, settings};

/// A directory with stand-ins for Python, first in `PATH`.
struct Environment {
    directory: TempDir,
}

impl Environment {
    /// `version` is the version of the installed collector.
    fn new(version: Option<&str>) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let script = format!("#!/bin/sh\necho '{}'\n", version.unwrap_or_default());
        for name in ["python", "python3"] {
            let path = directory.path().join(name);
            fs_err::write(&path, &script).unwrap();
            fs_err::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        }
        Self { directory }
    }

    fn build(&self, settings: RunnerSettings) -> Result<Box<dyn Runner>> {
        let path = format!("{}:/usr/bin:/bin", self.directory.path().display());
        build(RunnerSettings {
            working_directory: self.directory.path().to_owned(),
            environment: vec![("PATH".into(), path.into())],
            ..settings
        })
    }
}

/// Its environment is gone when it is returned, so it must not start Python later.
fn pytest(
    collector: Option<&str>,
    test: Option<&str>,
    result_path: Option<&str>,
) -> Box<dyn Runner> {
    let environment = Environment::new(collector);
    environment.build(settings(test, result_path)).unwrap()
}

#[rstest]
#[case(None, None, "pytest a.py --junit-xml=out", Some(Format::Junit))]
#[case(Some("1.9.0"), None, "pytest a.py --json=out", None)]
#[case(
    None,
    Some("pytest -x --junit-xml={{resultPath}}"),
    "pytest -x --junit-xml=out a.py",
    Some(Format::Junit)
)]
#[case(
    Some("1.9.0"),
    Some("pytest --junitxml {{resultPath}}"),
    "pytest --junitxml out a.py",
    Some(Format::Junit)
)]
#[case(
    Some("1.9.0"),
    Some("pytest {{testExamples}} --json={{resultPath}}"),
    "pytest a.py --json=out",
    None
)]
#[case(
    None,
    Some("tox -- {{testExamples}}"),
    "tox -- a.py",
    Some(Format::Junit)
)]
fn the_command_or_the_collector_decides_the_mode(
    #[case] collector: Option<&str>,
    #[case] test: Option<&str>,
    #[case] expected: &str,
    #[case] upload: Option<Format>,
) {
    let runner = pytest(collector, test, Some("out"));
    assert_eq!(command(&*runner, &["a.py"]), expected);
    assert_eq!(runner.upload_format(), upload);
    let mode = if upload.is_some() { "JUnit" } else { "JSON" };
    assert!(runner.announcement().unwrap().contains(mode));
}

#[rstest]
#[case("out.xml", Some(Format::Junit))]
#[case("out.json", None)]
fn the_extension_decides_the_mode_of_a_command_without_options(
    #[case] path: &str,
    #[case] upload: Option<Format>,
) {
    let runner = pytest(Some("1.9.0"), Some("pytest"), Some(path));
    assert_eq!(runner.upload_format(), upload);
}

#[test]
fn json_without_the_collector_is_an_error() {
    let error = Environment::new(None)
        .build(settings(Some("pytest --json={{resultPath}}"), None))
        .err()
        .unwrap();
    assert!(
        matches!(error, RunnerError::MissingPackage { .. }),
        "{error}"
    );
}

#[rstest]
#[case(None, false)]
#[case(Some("1.2.0"), false)]
#[case(Some("1.3.0"), true)]
fn tag_filters_need_the_collector(#[case] collector: Option<&str>, #[case] fine: bool) {
    let settings = RunnerSettings {
        tag_filters: Some("team:x".to_owned()),
        ..RunnerSettings::default()
    };
    assert_eq!(Environment::new(collector).build(settings).is_ok(), fine);
}

#[test]
fn a_missing_result_path_is_temporary() {
    let environment = Environment::new(None);
    let runner = environment.build(RunnerSettings::default()).unwrap();
    let path = runner.result_path().unwrap().to_owned();
    assert!(path.parent().unwrap().is_dir());
    drop(runner);
    assert!(!path.parent().unwrap().exists());
}

#[rstest]
#[case(
    "uv run pytest -v -m 'not slow' {{testExamples}} --json={{resultPath}} --merge-json",
    None,
    "uv run pytest -v -m 'not slow' 'a b.py' --collect-only -q --verbosity=-1"
)]
#[case(
    "pytest --junit-xml {{resultPath}} -c x.ini",
    Some("a:b"),
    "pytest -c x.ini 'a b.py' --collect-only -q --verbosity=-1 --tag-filters a:b"
)]
#[case(
    "make test TESTS={{testExamples}}",
    None,
    "pytest 'a b.py' --collect-only -q --verbosity=-1"
)]
fn the_listing_keeps_options_that_decide_what_is_collected(
    #[case] test: &str,
    #[case] tag_filters: Option<&str>,
    #[case] expected: &str,
) {
    let pytest = Pytest {
        base: RunnerBase::new(&DEFINITION, settings(Some(test), None)).unwrap(),
        mode: Mode::Json,
        tag_filters: tag_filters.map(str::to_owned),
        argument_files: RefCell::default(),
        plugin: None,
        known: RefCell::default(),
        _directory: None,
    };
    let command = pytest.listing_command(&["a b.py".to_owned()], "unused");
    assert_eq!(command.to_string(), expected);
}

#[test]
fn failed_tests_are_rerun_by_node_id() {
    let test = "pytest {{testExamples}} --junit-xml={{resultPath}}";
    let runner = pytest(None, Some(test), Some("o.xml"));
    let failed = [
        key("test_b", "test_p[a b]", "root/test_b.py::test_p[a b]"),
        key("test_a.T", "test_x", "test_a.py::T::test_x"),
    ];
    let command = runner
        .retry_command(&failed, &[case("test_b.py"), case("test_a.py")])
        .unwrap();
    assert_eq!(
        command.unwrap().arguments,
        [
            "test_a.py::T::test_x",
            "test_b.py::test_p[a b]",
            "--junit-xml=o.xml"
        ]
    );
}

#[rstest]
#[case(
    "python -m pytest -o addopts=-x",
    "python -m pytest --maxfail=0 -p bktec_evidence -o addopts=-x a.py",
    StopPolicy::Overridden
)]
#[case(
    "python -m pytest --maxfail=0",
    "python -m pytest -p bktec_evidence --maxfail=0 a.py",
    StopPolicy::Overridden
)]
#[case(
    "python -m pytest -qx",
    "python -m pytest -p bktec_evidence -qx a.py",
    StopPolicy::Requested { option: "-qx".to_owned(), failures: 1 }
)]
#[case(
    "bin/test --maxfail=2",
    "bin/test --maxfail=2 a.py",
    StopPolicy::Requested { option: "--maxfail".to_owned(), failures: 2 }
)]
// Without our plugin, other causes of an early stop cannot be excluded.
#[case(
    "python -I -m pytest",
    "python -I -m pytest --maxfail=0 a.py",
    StopPolicy::Possible
)]
#[case(
    "sh -c 'pytest --maxfail=0 \"$@\"' -",
    "sh -c 'pytest --maxfail=0 \"$@\"' - a.py",
    StopPolicy::Possible
)]
#[case("make test", "make test a.py", StopPolicy::Possible)]
fn fail_fast_settings_are_overridden_where_that_is_possible(
    #[case] test: &str,
    #[case] expected: &str,
    #[case] policy: StopPolicy,
) {
    let environment = Environment::new(None);
    let settings = settings(Some(test), Some("out.xml"));
    let runner = environment.build(settings).unwrap();
    let command = runner.command(&[case("a.py")]).unwrap();
    let guarded = runner.override_fail_fast(command);
    let command = guarded.command.to_string();
    assert_eq!((command.as_str(), guarded.policy), (expected, policy));
}

#[test]
fn only_some_exit_codes_leave_results() {
    let junit = pytest(None, Some("pytest --junit-xml=x"), None);
    let json = pytest(Some("1.9.0"), Some("pytest --json=x"), None);
    let trust = |runner: &dyn Runner| [0, 1, 2, 3, 4, 5].map(|code| runner.result_trust(code));
    assert_eq!(
        trust(junit.as_ref()),
        [Complete, Complete, Unusable, Unusable, Unusable, Unusable]
    );
    assert_eq!(
        trust(json.as_ref()),
        [Complete, Complete, Partial, Unusable, Unusable, Unusable]
    );
}

#[test]
fn a_collection_error_in_junit_is_not_a_test() {
    let runner = pytest(None, Some("pytest --junit-xml=x"), None);
    let xml = br#"<testsuites><testsuite name="pytest">
        <testcase classname="" name="test_c"><error message="collection failure">x</error>
        </testcase>
        <testcase classname="" name="test_skipped"><skipped message="collection skipped"/>
        </testcase>
        <testcase classname="test_a.T" name="test_x"><failure message="m">x</failure></testcase>
        </testsuite></testsuites>"#;
    let parsed = runner.read(xml, &[case("test_a.py")]).unwrap();
    assert_eq!(parsed.errors_outside_tests.len(), 1);
    assert!(parsed.errors_outside_tests[0].starts_with("pytest could not collect test_c"));
    let paths: Vec<_> = parsed
        .tests
        .iter()
        .map(|test| test.key.path.as_str())
        .collect();
    assert_eq!(paths, ["test_skipped", "test_a.py::T::test_x"]);
}

#[test]
fn explains_a_test_case_without_a_name() {
    let runner = pytest(None, Some("pytest --junit-xml=x"), None);
    let xml =
        br#"<testsuites><testsuite name="pytest"><testcase time="0.1"/></testsuite></testsuites>"#;
    let parsed = runner.read(xml, &[case("test_a.py")]).unwrap();
    assert_eq!(parsed.unusable, [""; 0]);
    assert_eq!(
        parsed.shortfalls[0].reason,
        "pytest stopped before it finished"
    );
}

#[test]
fn explains_its_exit_codes() {
    let runner = pytest(None, Some("pytest --junit-xml=x"), None);
    let expected = "pytest collected no tests from this node's files (exit code 5)";
    assert_eq!(runner.unusable_reason(5), expected);
    let other = runner.unusable_reason(139);
    assert_eq!(other, "pytest stopped before it finished (exit code 139)");
}

#[rstest]
#[case(
    "test_a.py::t\ntest_a.py::T::u[x::y]\n\n2 tests collected in 0.01s\n",
    &["test_a.py::t", "test_a.py::T::u[x::y]"]
)]
#[case(
    "a plugin's greeting\n\ntest_a.py::t\n\n=== warnings summary ===\ntest_a.py::w\n",
    &["test_a.py::t"]
)]
#[case("\nno tests collected in 0.00s\n", &[])]
fn node_ids_are_found_in_a_listing(#[case] output: &str, #[case] expected: &[&str]) {
    assert_eq!(listed(output).collect::<Vec<_>>(), expected);
}
