//! What one attempt of `go test` and gotestsum proves about tests that did not run.

use rstest::rstest;

use crate::attempt::Attempt;
use crate::project::{Project, selector, settings};
use crate::tools;

const GO_JSON: &str = "go test -json {{packages}}";
const SUM_JSON: &str = "gotestsum --jsonfile={{resultPath}} {{packages}}";
const SUM_JUNIT: &str = "gotestsum --junitfile={{resultPath}} {{packages}}";

fn go(command: &str, environment: &[(&str, &str)], tests: &str) -> Attempt {
    let imports = [("os.", "os"), ("time.", "time"), ("syscall.", "syscall")];
    let used = imports.iter().filter(|(usage, _)| tests.contains(usage));
    let imports: Vec<String> = used.map(|(_, package)| format!("{package:?}")).collect();
    let imports = imports.join("; ");
    let code = format!("package a\n\nimport (\"testing\"; {imports})\n\n{tests}\n");
    let files = [
        ("go.mod", "module example.com/m\n\ngo 1.22\n"),
        ("a/a_test.go", code.as_str()),
    ];
    let project = Project::new(&files)
        .tool("gotestsum", &tools::installed(".tools/go/bin/gotestsum"))
        .unwrapped_tool(&tools::on_path("go"));
    let mut settings = settings(command, "out");
    let environment = environment.iter();
    settings.environment = environment
        .map(|(name, value)| (name.into(), value.into()))
        .collect();
    let runner = project.runner("gotest", settings);
    Attempt::of(&project, &*runner, &[selector("example.com/m/a")])
}

const GO_FAILS: &str = "func TestA(t *testing.T) { t.Error(\"no\") }\nfunc TestB(t *testing.T) {}";

#[rstest]
#[case(GO_JSON)]
#[case(SUM_JSON)]
#[case("gotestsum --jsonfile={{resultPath}} -- -count=1 {{packages}}")]
#[case(SUM_JUNIT)]
fn go_overrides_failfast(#[case] command: &str) {
    let attempt = go(command, &[("GOFLAGS", "-failfast")], GO_FAILS);
    attempt.assert(1, &[]);
    assert_eq!(attempt.names().len(), 2, "{}", attempt.log);
}

#[test]
fn go_without_failfast_keeps_its_command() {
    let attempt = go(SUM_JSON, &[], GO_FAILS);
    attempt.assert(1, &[]);
    assert!(!attempt.log.contains("failfast"), "{}", attempt.log);
}

const GO_STOPPED: &str = "example.com/m/a | the test binary of example.com/m/a did not finish";

#[rstest]
#[case::panic("func TestA(t *testing.T) { var m map[string]int; m[\"x\"] = 1 }")]
#[case::panic_elsewhere(
    "func TestA(t *testing.T) { go func() { panic(\"no\") }(); time.Sleep(time.Second) }"
)]
#[case::exit("func TestA(t *testing.T) { os.Exit(1) }")]
#[case::exit_0("func TestA(t *testing.T) { os.Exit(0) }")]
#[case::signal("func TestA(t *testing.T) { syscall.Kill(os.Getpid(), syscall.SIGKILL) }")]
#[case::main("func TestMain(m *testing.M) { os.Exit(3) }\nfunc TestA(t *testing.T) {}")]
fn a_go_package_that_does_not_finish_is_incomplete(
    #[values(GO_JSON, SUM_JSON, SUM_JUNIT)] command: &str,
    #[case] tests: &str,
) {
    let tests = format!("{tests}\nfunc TestB(t *testing.T) {{ t.Fatal(\"no\") }}");
    let attempt = go(command, &[], &tests);
    attempt.assert(1, &[GO_STOPPED]);
    assert!(!attempt.names().contains(&"TestB"));
}

#[rstest]
#[case("go test -json -timeout 1s {{packages}}")]
#[case("gotestsum --junitfile={{resultPath}} -- -timeout 1s {{packages}}")]
fn a_go_package_that_times_out_is_incomplete(#[case] command: &str) {
    let tests = "func TestA(t *testing.T) { time.Sleep(5 * time.Second) }\n\
                 func TestB(t *testing.T) { t.Fatal(\"no\") }";
    go(command, &[], tests).assert(1, &[GO_STOPPED]);
}

#[rstest]
#[case(GO_FAILS)]
#[case("func TestMain(m *testing.M) { m.Run(); os.Exit(1) }\nfunc TestA(t *testing.T) {}")]
#[case("func TestA(t *testing.T) { defer func() { t.Fatal(recover()) }(); panic(\"no\") }")]
fn a_go_package_that_fails_and_finishes_is_complete(
    #[values(GO_JSON, SUM_JSON, SUM_JUNIT)] command: &str,
    #[case] tests: &str,
) {
    go(command, &[], tests).assert(1, &[]);
}

/// The second execution fails only in the subtest.
#[rstest]
#[case("go test -json -count=2 {{packages}}")]
#[case("gotestsum --jsonfile={{resultPath}} -- -count=2 {{packages}}")]
#[case("gotestsum --junitfile={{resultPath}} -- -count=2 {{packages}}")]
fn a_go_test_that_fails_by_itself_once_is_recognized(
    #[case] command: &str,
    #[values(0, 1)] own: u8,
) {
    let tests = format!(
        "var runs = -1
func TestA(t *testing.T) {{
	runs++
	t.Run(\"b\", func(t *testing.T) {{ t.Error(\"no\") }})
	if runs == {own} {{ t.Error(\"own\") }}
}}"
    );
    let attempt = go(command, &[], &tests);
    assert_eq!(
        attempt.parsed.failed_by_subtest,
        [],
        "{:#?}",
        attempt.parsed
    );
}

#[rstest]
#[case("t.Run(\"b\", func(t *testing.T) { t.Error(\"no\") })", true)]
#[case(
    "t.Parallel(); t.Run(\"b\", func(t *testing.T) { t.Parallel(); t.Error(\"no\") })",
    true
)]
#[case(
    "t.Run(\"b\", func(t *testing.T) { t.Error(\"no\") }); t.Error(\"own\")",
    false
)]
#[case("t.Run(\"b\", func(t *testing.T) {}); t.Fail()", false)]
fn a_go_test_that_fails_only_in_a_subtest_is_recognized(
    #[values(GO_JSON, SUM_JSON, SUM_JUNIT)] command: &str,
    #[case] body: &str,
    #[case] expected: bool,
) {
    let attempt = go(
        command,
        &[],
        &format!("func TestA(t *testing.T) {{ {body} }}"),
    );
    let by_subtest = attempt.parsed.failed_by_subtest.iter();
    let by_subtest: Vec<&str> = by_subtest.map(|key| key.name.as_str()).collect();
    let all: &[&str] = if expected { &["TestA"] } else { &[] };
    assert_eq!(by_subtest, all, "{:#?}", attempt.parsed);
}
