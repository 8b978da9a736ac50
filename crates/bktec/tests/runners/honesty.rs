//! What a retry may prove, for every runner that retries: one table, one rule.
//!
//! A stand-in hands over result files prepared in each runner's own format, because no real runner
//! can be made to write all of these. The real ones are in the files beside this one.

use bktec::internals::{RunStatus, RunnerSettings};
use rstest::rstest;

use crate::project::{Project, Ran, selector};

/// Attempt N hands over `attempt-N`, if there is one, and ends with the code in `code-N`.
const STAND_IN: &str = r#"
number=$(($(cat number 2>/dev/null || echo 0) + 1))
echo $number >number
[ -f "attempt-$number" ] && cp "attempt-$number" "$1"
exit "$(cat "code-$number")"
"#;

/// A test in a result file: its place, and whether it passed.
type Listed = (Place, bool);

#[derive(Clone, Copy)]
enum Place {
    Here,
    Elsewhere,
}

/// How one runner's result file is written.
struct Dialect {
    runner: &'static str,
    command: &'static str,
    result_path: &'static str,
    /// The whole file, with an error outside the tests or without. `None` for an error where the
    /// format has none.
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
                    r#"{{"id":"./{file}[1:1]","description":"t","full_description":"S t","status":"{status}","file_path":"./{file}","line_number":1}}"#
                )
            });
            let errors = u8::from(error);
            Some(format!(
                r#"{{"examples":[{examples}],"summary":{{"errors_outside_of_examples_count":{errors}}}}}"#
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
                    r#"{{"title":"S","specs":[{{"title":"t","ok":{passed},"file":"{file}","line":1,"tests":[{{"projectName":"p","expectedStatus":"passed","status":"{status}","results":[{{"status":"{}"}}]}}]}}]}}"#,
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
                .map(|&(place, passed)| {
                    let package = file(place).trim_end_matches(".py");
                    let action = if passed { "pass" } else { "fail" };
                    format!(
                        "{{\"Action\":\"{action}\",\"Package\":\"{package}\",\"Test\":\"t\"}}\n{{\"Action\":\"{action}\",\"Package\":\"{package}\"}}\n"
                    )
                })
                .collect::<Vec<_>>();
            let mut lines = lines.concat();
            if error {
                lines.push_str("{\"Action\":\"output\",\"Package\":\"m/c\",\"Output\":\"FAIL\\tm/c [build failed]\\n\"}\n{\"Action\":\"fail\",\"Package\":\"m/c\",\"FailedBuild\":\"m/c\"}\n");
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
                    r#"{{"uri":"{file}","name":"S","keyword":"Feature","elements":[{{"type":"scenario","keyword":"Scenario","name":"t","line":3,"steps":[{{"keyword":"Given ","name":"x","result":{{"status":"{status}"}}}}]}}]}}"#
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
                    r#"{{"scope":"S","name":"t","location":"{file}:1","file_name":"{file}","result":"{result}"}}"#
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
                .map(|&(place, passed)| {
                    let failure = if passed { "" } else { "<failure/>" };
                    format!(
                        r#"<testcase classname="S" name="t" file="{}">{failure}</testcase>"#,
                        file(place)
                    )
                })
                .collect::<Vec<_>>();
            let cases = cases.concat();
            (!error).then(|| format!("<testsuite>{cases}</testsuite>"))
        },
    },
];

fn file(place: Place) -> &'static str {
    match place {
        Place::Here => "tests/test_a.py",
        Place::Elsewhere => "tests/test_b.py",
    }
}

fn word(passed: bool) -> &'static str {
    if passed { "passed" } else { "failed" }
}

fn joined(tests: &[Listed], one: impl Fn(&str, bool) -> String) -> String {
    let all: Vec<_> = tests
        .iter()
        .map(|&(place, passed)| one(file(place), passed))
        .collect();
    all.join(",")
}

fn jest(root: &str, tests: &[Listed], error: bool) -> String {
    let mut files = joined(tests, |file, passed| {
        let status = word(passed);
        format!(
            r#"{{"name":"{root}/{file}","status":"{status}","message":"","assertionResults":[{{"title":"t","ancestorTitles":["S"],"status":"{status}"}}]}}"#
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
        .map(|&(place, passed)| {
            let class = file(place).trim_end_matches(".py").replace('/', ".");
            let failure = if passed { "" } else { "<failure/>" };
            format!(r#"<testcase classname="{class}" name="t">{failure}</testcase>"#)
        })
        .collect::<Vec<_>>();
    let mut cases = cases.concat();
    if error {
        cases.push_str(
            r#"<testcase classname="" name="tests.test_c"><error message="collection failure"/></testcase>"#,
        );
    }
    format!("<testsuites><testsuite>{cases}</testsuite></testsuites>")
}

/// What an attempt leaves behind, and its exit code.
struct Left {
    results: Option<String>,
    code: i32,
}

impl Dialect {
    /// Runs the first attempt, in which the test fails, and the retry.
    fn run(&self, muted: bool, attempts: impl Fn(&str) -> Vec<Left>) -> Ran {
        let project = Project::new(&[("stand-in", STAND_IN)]);
        let root = project.root();
        let root = root.to_str().unwrap();
        for (index, left) in attempts(root).into_iter().enumerate() {
            let number = index + 1;
            if let Some(results) = left.results {
                project.write(&format!("attempt-{number}"), &results);
            }
            project.write(&format!("code-{number}"), &left.code.to_string());
        }
        // From an earlier run, with everything well.
        if let Some(old) = (self.write)(root, &[(Place::Here, true)], false) {
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
        project.run(&*runner, &[selector(file(Place::Here))], &muted, 1)
    }

    fn file(&self, root: &str, tests: &[Listed]) -> Option<String> {
        (self.write)(root, tests, false)
    }
}

/// What the retry leaves behind, and why the test is still failed.
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
fn only_results_that_list_the_test_as_passed_prove_it(#[case] retry: Retry, #[case] code: i32) {
    for dialect in &DIALECTS {
        let ran = dialect.run(false, |root| {
            let failed = dialect.file(root, &[(Place::Here, false)]);
            let passed = dialect.file(root, &[(Place::Here, true)]).unwrap();
            let results = match retry {
                Retry::ListsNothing => dialect.file(root, &[]),
                Retry::ListsOnlyAnother => dialect.file(root, &[(Place::Elsewhere, true)]),
                Retry::WritesNothing => None,
                Retry::IsTruncated => Some(passed[..passed.len() * 2 / 3].to_owned()),
            };
            vec![
                Left {
                    results: failed,
                    code: 1,
                },
                Left { results, code },
            ]
        });
        let told = (dialect.runner, &ran.events, &ran.outcome);
        assert_eq!(ran.outcome.exit_code, 1, "{told:?}");
        assert_eq!(ran.outcome.retries, 1, "{told:?}");
        let failed: Vec<_> = ran.outcome.failed().collect();
        assert_eq!(failed.len(), 1, "{told:?}");
        assert!(failed[0].unproven.is_some(), "{told:?}");
    }
}

#[test]
fn a_retry_that_lists_the_test_as_passed_proves_it() {
    for dialect in &DIALECTS {
        let ran = dialect.run(false, |root| {
            let left = |passed: bool| Left {
                results: dialect.file(root, &[(Place::Here, passed)]),
                code: i32::from(!passed),
            };
            vec![left(false), left(true)]
        });
        let told = (dialect.runner, &ran.events, &ran.outcome);
        assert_eq!(ran.outcome.exit_code, 0, "{told:?}");
        assert_eq!(ran.outcome.statistics().passed_on_retry, 1, "{told:?}");
    }
}

/// The file of an earlier run says that all is well; it must not speak for a crash.
#[test]
fn a_crash_is_not_covered_by_the_results_of_an_earlier_run() {
    for dialect in &DIALECTS {
        let ran = dialect.run(false, |_| {
            vec![Left {
                results: None,
                code: 1,
            }]
        });
        let told = (dialect.runner, &ran.events, &ran.outcome);
        assert_eq!(ran.outcome.exit_code, 1, "{told:?}");
        assert_eq!(ran.outcome.status(), RunStatus::Unknown, "{told:?}");
        assert!(ran.outcome.no_results.is_some(), "{told:?}");
    }
}

#[test]
fn a_mute_hides_a_failed_test_and_no_error_outside_the_tests() {
    for dialect in &DIALECTS {
        let run = |error: bool| {
            dialect.run(true, |root| {
                let left = || Left {
                    results: (dialect.write)(root, &[(Place::Here, false)], error),
                    code: 1,
                };
                vec![left(), left()]
            })
        };
        let muted = run(false);
        let told = (dialect.runner, &muted.events, &muted.outcome);
        assert_eq!(muted.outcome.exit_code, 0, "{told:?}");
        if (dialect.write)("/", &[], true).is_none() {
            continue;
        }
        let broken = run(true);
        let told = (dialect.runner, &broken.events, &broken.outcome);
        assert_eq!(broken.outcome.exit_code, 1, "{told:?}");
        assert_eq!(broken.outcome.status(), RunStatus::Error, "{told:?}");
        assert_eq!(broken.outcome.retries, 0, "{told:?}");
    }
}
