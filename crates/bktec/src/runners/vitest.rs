//! Vitest, which takes files and names and reports as Jest does.
//!
//! Its paths are never regular expressions: a path on its command line matches the files that hold
//! it.

use test_engine_results::Format;

use super::fail_fast::Options;
use super::jest::{FILE_PATTERN, Jest};
use super::{Definition, Runner, RunnerError, RunnerSettings};

/// What is known of Vitest.
pub(super) static DEFINITION: Definition = Definition {
    test_command: Some(
        "npx vitest run {{testExamples}} --reporter=default --reporter=json --outputFile {{resultPath}}",
    ),
    retry_command: Some(
        "npx vitest run {{testExamples}} --testNamePattern '{{testNamePattern}}' --reporter=default --reporter=json --outputFile {{resultPath}}",
    ),
    file_pattern: Some(FILE_PATTERN),
    fail_fast: Options::of_command(&["--bail"]),
    upload_formats: &[Format::JestJson],
    ..Definition::blank("vitest", build)
};

fn build(settings: RunnerSettings) -> Result<Box<dyn Runner>, RunnerError> {
    Ok(Box::new(Jest::new(&DEFINITION, settings, None)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runners::testing::{case, key};

    #[test]
    fn paths_keep_their_text_and_names_are_escaped() {
        let runner = build(RunnerSettings {
            result_path: Some("out.json".to_owned()),
            ..RunnerSettings::default()
        })
        .unwrap();
        for (path, argument) in [
            ("(g)/a+b.test.ts", "(g)/a+b.test.ts"),
            ("(g)/[id]/a.test.ts", "./~/../(g)/[id]/a.test.ts"),
        ] {
            let first = runner.command(&[case(path)]).unwrap();
            assert_eq!(first.arguments[2], argument);
            let failed = [key("A (b)", "c", path)];
            let retry = runner.retry_command(&failed, &[]).unwrap().unwrap();
            assert_eq!(
                retry.arguments[2..5],
                [argument, "--testNamePattern", r"(A \(b\) c)"]
            );
        }
    }
}
