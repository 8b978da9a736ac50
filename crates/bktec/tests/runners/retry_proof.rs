//! A retry repairs a failed test only if its results list that test as passed: the same rule for
//! every runner that retries.
//!
//! A stand-in copies prepared result files in each runner's format, because real runners cannot be
//! made to write all of these.

use bktec::internals::{RunStatus, RunnerSettings};
use rstest::rstest;
use test_engine_wire::Case;

use crate::project::{FinishedRun, Project, selector};

/// Attempt N copies `attempt-N`, if it exists, to the result path and exits with the code in
/// `code-N`.
const STAND_IN: &str = r#"
number=$(($(cat number 2>/dev/null || echo 0) + 1))
echo $number >number
[ -f "attempt-$number" ] && cp "attempt-$number" "$1"
exit "$(cat "code-$number")"
"#;

/// A test in a result file: its file, and whether it passed.
type Listed = (File, bool);

#[derive(Clone, Copy)]
enum File {
    Planned,
    Other,
}

/// A runner and its result format.
struct Dialect {
    runner: &'static str,
    command: &'static str,
    result_path: &'static str,
    /// Writes a result file, optionally with an error outside the tests; `None` if the format
    /// cannot express that error.
    write: fn(root: &str, tests: &[Listed], error: bool) -> Option<String>,
}

const DIALECTS: [Dialect; 10] = [
    Dialect {
        runner: "rspec",
        command: "sh stand-in {{resultPath}} {{testExamples}}",
        result_path: "out/rspec.json",
        write: |_, tests, error| {
            let examples = joined(tests, |file, passed| {
                let status = word(passed);
                format!(
                    r#"{{"id":"./{file}[1:1]","description":"t","full_description":"S t",
                        "status":"{status}","file_path":"./{file}","line_number":1}}"#
                )
            });
            let errors = u8::from(error);
            Some(format!(
                r#"{{"examples":[{examples}],
                    "summary":{{"errors_outside_of_examples_count":{errors}}}}}"#
            ))
        },
    },
    Dialect {
        runner: "jest",
        command: "sh stand-in {{resultPath}} {{testExamples}} {{testNamePattern}}",
        result_path: "out/jest.json",
        write: |root, tests, error| Some(jest(root, tests, error)),
    },
    Dialect {
        runner: "vitest",
        command: "sh stand-in {{resultPath}} {{testExamples}} {{testNamePattern}}",
        result_path: "out/vitest.json",
        write: |root, tests, error| Some(jest(root, tests, error)),
    },
    Dialect {
        runner: "playwright",
        command: "sh stand-in {{resultPath}} {{testExamples}}",
        result_path: "out/playwright.json",
        write: |root, tests, error| {
            let suites = joined(tests, |file, passed| {
                let status = if passed { "expected" } else { "unexpected" };
                format!(
                    r#"{{"title":"S","specs":[
                        {{"title":"t","ok":{passed},"file":"{file}","line":1,"tests":[
                            {{"projectName":"p","expectedStatus":"passed","status":"{status}",
                              "results":[{{"status":"{}"}}]}}]}}]}}"#,
                    word(passed)
                )
            });
            let errors = if error { r#"{"message":"boom"}"# } else { "" };
            Some(format!(
                r#"{{"config":{{"rootDir":"{root}"}},"suites":[{suites}],"errors":[{errors}]}}"#
            ))
        },
    },
    Dialect {
        runner: "pytest",
        command: "sh stand-in {{resultPath}} {{testExamples}} --junit-xml={{resultPath}}",
        result_path: "out/pytest.xml",
        write: |_, tests, error| Some(junit(tests, error)),
    },
    Dialect {
        runner: "pytest-pants",
        command: "sh stand-in {{resultPath}} -- --junit-xml={{resultPath}}",
        result_path: "out/pants.xml",
        write: |_, tests, error| Some(junit(tests, error)),
    },
    Dialect {
        runner: "gotest",
        command: "sh stand-in {{resultPath}} --jsonfile={{resultPath}} {{packages}}",
        result_path: "out/go.jsonl",
        write: |_, tests, error| {
            let lines = tests
                .iter()
                .map(|&(test, passed)| {
                    let package = path(test).trim_end_matches(".py");
                    let action = if passed { "pass" } else { "fail" };
                    format!(
                        "{{\"Action\":\"{action}\",\"Package\":\"{package}\",\"Test\":\"t\"}}\n\
                         {{\"Action\":\"{action}\",\"Package\":\"{package}\"}}\n"
                    )
                })
                .collect::<Vec<_>>();
            let mut lines = lines.concat();
            if error {
                lines.push_str(BUILD_FAILURE);
            }
            Some(lines)
        },
    },
    Dialect {
        runner: "cucumber",
        command: "sh stand-in {{resultPath}} {{testExamples}}",
        result_path: "out/cucumber.json",
        write: |_, tests, error| {
            let features = joined(tests, |file, passed| {
                let status = word(passed);
                format!(
                    r#"{{"uri":"{file}","name":"S","keyword":"Feature","elements":[
                        {{"type":"scenario","keyword":"Scenario","name":"t","line":3,"steps":[
                            {{"keyword":"Given ","name":"x",
                              "result":{{"status":"{status}"}}}}]}}]}}"#
                )
            });
            (!error).then(|| format!("[{features}]"))
        },
    },
    Dialect {
        runner: "custom",
        command: "sh stand-in {{resultPath}} {{testExamples}}",
        result_path: "out/custom.json",
        write: |_, tests, error| {
            let results = joined(tests, |file, passed| {
                let result = word(passed);
                format!(
                    r#"{{"scope":"S","name":"t","location":"{file}:1","file_name":"{file}",
                        "result":"{result}"}}"#
                )
            });
            (!error).then(|| format!("[{results}]"))
        },
    },
    Dialect {
        runner: "custom",
        command: "sh stand-in {{resultPath}} {{testExamples}}",
        result_path: "out/custom.xml",
        write: |_, tests, error| {
            let cases = tests
                .iter()
                .map(|&(test, passed)| {
                    let failure = if passed { "" } else { "<failure/>" };
                    format!(
                        r#"<testcase classname="S" name="t" file="{}">{failure}</testcase>"#,
                        path(test)
                    )
                })
                .collect::<Vec<_>>();
            let cases = cases.concat();
            (!error).then(|| format!("<testsuite>{cases}</testsuite>"))
        },
    },
];

const BUILD_FAILURE: &str = r#"
{"Action":"output","Package":"m/c","Output":"FAIL\tm/c [build failed]\n"}
{"Action":"fail","Package":"m/c","FailedBuild":"m/c"}
"#;

fn path(file: File) -> &'static str {
    match file {
        File::Planned => "tests/test_a.py",
        File::Other => "tests/test_b.py",
    }
}

fn word(passed: bool) -> &'static str {
    if passed { "passed" } else { "failed" }
}

fn joined(tests: &[Listed], one: impl Fn(&str, bool) -> String) -> String {
    let all: Vec<_> = tests
        .iter()
        .map(|&(test, passed)| one(path(test), passed))
        .collect();
    all.join(",")
}

fn jest(root: &str, tests: &[Listed], error: bool) -> String {
    let mut files = joined(tests, |file, passed| {
        let status = word(passed);
        format!(
            r#"{{"name":"{root}/{file}","status":"{status}","message":"","assertionResults":[
                {{"title":"t","ancestorTitles":["S"],"status":"{status}"}}]}}"#
        )
    });
    if error {
        if !files.is_empty() {
            files.push(',');
        }
        let broken = format!(
            r#"{{"name":"{root}/c.js","status":"failed","message":"boom","assertionResults":[]}}"#
        );
        files.push_str(&broken);
    }
    format!(r#"{{"testResults":[{files}]}}"#)
}

fn junit(tests: &[Listed], error: bool) -> String {
    let cases = tests
        .iter()
        .map(|&(test, passed)| {
            let class = path(test).trim_end_matches(".py").replace('/', ".");
            let failure = if passed { "" } else { "<failure/>" };
            format!(r#"<testcase classname="{class}" name="t">{failure}</testcase>"#)
        })
        .collect::<Vec<_>>();
    let mut cases = cases.concat();
    if error {
        cases.push_str(
            r#"<testcase classname="" name="tests.test_c">
                <error message="collection failure"/></testcase>"#,
        );
    }
    format!("<testsuites><testsuite>{cases}</testsuite></testsuites>")
}

/// The result file and exit code of an attempt.
struct Attempt {
    results: Option<String>,
    code: i32,
}

impl Dialect {
    /// Runs the first attempt and a retry.
    fn run(&self, muted: bool, attempts: impl Fn(&str) -> Vec<Attempt>) -> FinishedRun {
        let project = Project::new(&[("stand-in", STAND_IN)]);
        let root = project.root();
        let root = root.to_str().unwrap();
        for (index, attempt) in attempts(root).into_iter().enumerate() {
            let number = index + 1;
            if let Some(results) = attempt.results {
                project.write(&format!("attempt-{number}"), &results);
            }
            project.write(&format!("code-{number}"), &attempt.code.to_string());
        }
        // The passing results of an earlier run.
        if let Some(old) = (self.write)(root, &[(File::Planned, true)], false) {
            project.write(self.result_path, &old);
        }
        let runner = project.runner(
            self.runner,
            RunnerSettings {
                test_command: Some(self.command.to_owned()),
                retry_command: Some(self.command.to_owned()),
                result_path: Some(self.result_path.to_owned()),
                ..RunnerSettings::default()
            },
        );
        let scopes = ["S", "tests.test_a", "tests/test_a", " p S t"];
        let muted: Vec<(&str, &str)> = if muted {
            scopes.iter().map(|&scope| (scope, "t")).collect()
        } else {
            Vec::new()
        };
        // So it is known that the command did not stop at the failed test.
        let file = path(File::Planned);
        let target = match self.runner {
            "gotest" => file.trim_end_matches(".py"),
            _ => file,
        };
        let case = Case {
            expected_tests: Some(1),
            ..selector(target)
        };
        project.run(&*runner, &[case], &muted, 1)
    }

    fn file(&self, root: &str, tests: &[Listed]) -> Option<String> {
        (self.write)(root, tests, false)
    }
}

/// The results of a retry that does not prove the test.
#[derive(Clone, Copy, Debug)]
enum Retry {
    ListsNothing,
    ListsOnlyAnother,
    WritesNothing,
    IsTruncated,
}

#[rstest]
#[case(Retry::ListsNothing, 0)]
#[case(Retry::ListsOnlyAnother, 0)]
#[case(Retry::WritesNothing, 0)]
#[case(Retry::WritesNothing, 1)]
#[case(Retry::IsTruncated, 0)]
fn a_retry_that_does_not_list_the_test_as_passed_proves_nothing(
    #[case] retry: Retry,
    #[case] code: i32,
) {
    for dialect in &DIALECTS {
        let ran = dialect.run(false, |root| {
            let failed = dialect.file(root, &[(File::Planned, false)]);
            let passed = dialect.file(root, &[(File::Planned, true)]).unwrap();
            let results = match retry {
                Retry::ListsNothing => dialect.file(root, &[]),
                Retry::ListsOnlyAnother => dialect.file(root, &[(File::Other, true)]),
                Retry::WritesNothing => None,
                Retry::IsTruncated => Some(passed[..passed.len() * 2 / 3].to_owned()),
            };
            vec![
                Attempt {
                    results: failed,
                    code: 1,
                },
                Attempt { results, code },
            ]
        });
        let details = (dialect.runner, &ran.events, &ran.outcome);
        assert_eq!(ran.outcome.exit_code, 1, "{details:?}");
        assert_eq!(ran.outcome.retries, 1, "{details:?}");
        let failed: Vec<_> = ran.outcome.failed().collect();
        assert_eq!(failed.len(), 1, "{details:?}");
        assert!(failed[0].unproven.is_some(), "{details:?}");
    }
}

#[test]
fn a_retry_that_lists_the_test_as_passed_proves_it() {
    for dialect in &DIALECTS {
        let ran = dialect.run(false, |root| {
            let attempt = |passed: bool| Attempt {
                results: dialect.file(root, &[(File::Planned, passed)]),
                code: i32::from(!passed),
            };
            vec![attempt(false), attempt(true)]
        });
        let details = (dialect.runner, &ran.events, &ran.outcome);
        assert_eq!(ran.outcome.exit_code, 0, "{details:?}");
        assert_eq!(ran.outcome.statistics().passed_on_retry, 1, "{details:?}");
    }
}

#[test]
fn results_of_an_earlier_run_are_not_read_after_a_crash() {
    for dialect in &DIALECTS {
        let ran = dialect.run(false, |_| {
            vec![Attempt {
                results: None,
                code: 1,
            }]
        });
        let details = (dialect.runner, &ran.events, &ran.outcome);
        assert_eq!(ran.outcome.exit_code, 1, "{details:?}");
        assert_eq!(ran.outcome.status(), RunStatus::Unknown, "{details:?}");
        assert!(ran.outcome.no_results.is_some(), "{details:?}");
    }
}

#[test]
fn a_mute_excuses_a_failed_test_but_no_error_outside_the_tests() {
    for dialect in &DIALECTS {
        let run = |error: bool| {
            dialect.run(true, |root| {
                let attempt = || Attempt {
                    results: (dialect.write)(root, &[(File::Planned, false)], error),
                    code: 1,
                };
                vec![attempt(), attempt()]
            })
        };
        let muted = run(false);
        let details = (dialect.runner, &muted.events, &muted.outcome);
        assert_eq!(muted.outcome.exit_code, 0, "{details:?}");
        if (dialect.write)("/", &[], true).is_none() {
            continue;
        }
        let broken = run(true);
        let details = (dialect.runner, &broken.events, &broken.outcome);
        assert_eq!(broken.outcome.exit_code, 1, "{details:?}");
        assert_eq!(broken.outcome.status(), RunStatus::Error, "{details:?}");
        assert_eq!(broken.outcome.retries, 0, "{details:?}");
    }
}
