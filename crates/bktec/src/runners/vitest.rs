//! Vitest, which takes files and names and reports as Jest does.
//!
//! A path on its command line is a substring match, never a regular expression.

use test_engine_results::Format;

use super::fail_fast::FailFast;
use super::jest::{FILE_PATTERN, Jest};
use super::{Definition, Naming, Result, Runner, RunnerSettings};

pub(super) static DEFINITION: Definition = Definition {
    test_command: Some(
        "npx vitest run {{testExamples}} \
         --reporter=default --reporter=json --outputFile {{resultPath}}",
    ),
    retry_command: Some(
        "npx vitest run {{testExamples}} --testNamePattern '{{testNamePattern}}' \
         --reporter=default --reporter=json --outputFile {{resultPath}}",
    ),
    file_pattern: Some(FILE_PATTERN),
    fail_fast: FailFast::options(&["--bail"]),
    naming: Naming::AsTargets,
    upload_formats: &[Format::JestJson],
    ..Definition::defaults("vitest", build)
};

fn build(settings: RunnerSettings) -> Result<Box<dyn Runner>> {
    Ok(Box::new(Jest::new(&DEFINITION, settings, None)?))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::runners::testing::{case, key, settings};

    #[rstest]
    #[case("(g)/a+b.test.ts", "(g)/a+b.test.ts")]
    #[case("(g)/[id]/a.test.ts", "./~/../(g)/[id]/a.test.ts")]
    fn paths_are_not_escaped_and_names_are(#[case] path: &str, #[case] argument: &str) {
        let runner = build(settings(None, Some("out.json"))).unwrap();
        let first = runner.command(&[case(path)]).unwrap();
        assert_eq!(first.arguments[2], argument);
        let failed = [key("A (b)", "c", path)];
        let retry = runner.retry_command(&failed, &[]).unwrap().unwrap();
        let expected = [argument, "--testNamePattern", r"(A \(b\) c)"];
        assert_eq!(retry.arguments[2..5], expected);
    }
}
