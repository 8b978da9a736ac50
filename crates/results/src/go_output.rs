//! The lines that `go test` prints, and what they mean: in the events of `go test -json`, and in
//! the failure texts of JUnit XML.

/// The name of the result of a package that failed without a failed test.
pub const PACKAGE_TEST: &str = "TestMain";

/// What the test binary or the go command prints before it ends because of a crash.
const CRASHES: [&str; 4] = ["panic: ", "fatal error: ", "signal: ", "exit status "];

/// Whether the text is of a package that could not be built, so that none of its tests ran.
pub fn is_build_failure(text: &str) -> bool {
    ["[build failed]", "[setup failed]"]
        .iter()
        .any(|words| text.contains(words))
}

/// Whether the line is neither blank nor printed by the test framework.
pub fn is_own_line(line: &str) -> bool {
    let line = line.trim();
    !line.is_empty() && !line.starts_with("=== ") && !line.starts_with("--- ")
}

/// The first line of a test's output that is not from the test framework.
pub fn first_own_line(output: &str) -> Option<String> {
    output
        .lines()
        .find(|line| is_own_line(line))
        .map(|line| line.trim().to_owned())
}

/// Whether a test binary prints this line only when it ends normally.
pub fn is_normal_end(line: &str) -> bool {
    matches!(line.trim_end(), "PASS" | "FAIL")
}

/// Whether the line says why the test binary ended early.
pub fn is_crash(line: &str) -> bool {
    CRASHES.iter().any(|start| line.starts_with(start))
}

/// Why tests of a package did not run: its test binary did not finish. `crash` is the line that
/// says why, if there is one.
pub fn unfinished_binary(package: &str, crash: Option<&str>) -> String {
    let crash = crash.unwrap_or("the process exited early");
    format!("the test binary of {package} did not finish ({crash}), so tests of it did not run")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recognizes_lines() {
        let table = [
            ("", "framework"),
            ("=== RUN   TestA", "framework"),
            ("    --- FAIL: TestA/b (0.00s)", "framework"),
            ("a_test.go:7: no", "own"),
            ("PASS\n", "own end"),
            ("FAIL", "own end"),
            ("FAIL\tshop [build failed]", "own build"),
            ("FAIL\tshop [setup failed]", "own build"),
            ("panic: boom", "own crash"),
            (
                "fatal error: all goroutines are asleep - deadlock!",
                "own crash",
            ),
            ("exit status 2", "own crash"),
            ("signal: killed", "own crash"),
            ("no panic: it is fine", "own"),
        ];
        for (line, expected) in table {
            let traits = [
                (is_own_line(line), "own"),
                (!is_own_line(line), "framework"),
                (is_normal_end(line), "end"),
                (is_build_failure(line), "build"),
                (is_crash(line), "crash"),
            ];
            let found = traits.iter().filter(|(is_so, _)| *is_so);
            let found: Vec<&str> = found.map(|(_, name)| *name).collect();
            assert_eq!(found.join(" "), expected, "{line:?}");
        }
        assert_eq!(
            first_own_line("\n=== RUN TestA\n  a_test.go:7: no\n").as_deref(),
            Some("a_test.go:7: no")
        );
    }
}
