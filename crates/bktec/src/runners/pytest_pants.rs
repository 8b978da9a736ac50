//! pytest run by Pants, which chooses by itself what to run.
//!
//! Nothing is discovered or sent; every node runs the command, and `{{nodeIndex}}` and
//! `{{nodeCount}}` let Pants take its own share. Results are pytest's.

use std::path::Path;

use test_engine_results::{Format, ParseError};
use test_engine_wire::Case;

use super::pytest::{self, Mode};
use super::setup::Setup;
use super::{
    Definition, Features, ParsedResults, ResultTrust, Runner, RunnerError, RunnerSettings, TestKey,
};
use crate::command_template::{CommandTemplate, RESULT_PATH, TEST_EXAMPLES};
use crate::process::{CommandLine, ExecutionEnv};

const EXAMPLE: &str = "for example: pants test :: -- --junit-xml={{resultPath}}, or -- --json={{resultPath}} --merge-json";

/// What is known of pytest run by Pants.
pub(super) static DEFINITION: Definition = Definition {
    plan_name: "pytest",
    features: Features {
        split_by_example: false,
        filter_by_pattern: false,
        filter_by_tag: false,
        retry: true,
        mute: true,
        skip: false,
    },
    remark: Some(
        "Pants chooses what to run on every node; give `{{nodeIndex}}` and `{{nodeCount}}` to its \
         `--shard` to split. Uploads are as with `pytest`.",
    ),
    requires_result_path: false,
    requires_test_command: true,
    chooses_tests: true,
    fail_fast: pytest::FAIL_FAST,
    upload_formats: &[Format::Junit],
    ..Definition::blank("pytest-pants", build)
};

struct PytestPants {
    setup: Setup,
    mode: Mode,
    useless_pattern: bool,
    /// Holds the result file when the user has no place for it.
    _folder: Option<tempfile::TempDir>,
}

fn build(mut settings: RunnerSettings) -> Result<Box<dyn Runner>, RunnerError> {
    let useless_pattern =
        settings.file_pattern.is_some() || settings.file_exclude_pattern.is_some();
    let folder = pytest::place_for_results(&mut settings.result_path, "result")?;
    // Pants runs pytest in a folder of its own, where a relative path would be lost.
    settings.result_path = settings.result_path.map(|path| {
        settings
            .working_directory
            .join(path)
            .to_string_lossy()
            .into_owned()
    });
    let setup = Setup::new(&DEFINITION, settings)?;
    let mode = check(&setup.test, "the test command")?;
    check(&setup.retry, "the retry command")?;
    Ok(Box::new(PytestPants {
        setup,
        mode,
        useless_pattern,
        _folder: folder,
    }))
}

/// Each missing piece has its own message.
fn check(template: &CommandTemplate, which: &'static str) -> Result<Mode, RunnerError> {
    let missing = |part: &'static str, remedy: &str| RunnerError::MissingPart {
        runner: DEFINITION.name,
        which,
        part,
        command: template.text().to_owned(),
        remedy: format!("{remedy}; {EXAMPLE}"),
    };
    if template.contains(TEST_EXAMPLES) {
        return Err(RunnerError::ForbiddenPart {
            runner: DEFINITION.name,
            part: TEST_EXAMPLES,
            command: template.text().to_owned(),
            remedy: format!("Pants chooses the tests; {EXAMPLE}"),
        });
    }
    let words = template.words();
    let Some(dashes) = words.iter().position(|word| word == "--") else {
        return Err(missing(" -- ", "what comes after it is for pytest"));
    };
    let options = &words[dashes + 1..];
    match pytest::mode_of(options) {
        None => Err(missing(
            "--junit-xml={{resultPath}} or --json={{resultPath}} --merge-json after ` -- `",
            "without it there are no results to read",
        )),
        Some(_) if !options.iter().any(|word| word.contains(RESULT_PATH)) => Err(missing(
            RESULT_PATH,
            "the results must be where they are looked for",
        )),
        Some(Mode::Json) if !options.iter().any(|word| word == "--merge-json") => Err(missing(
            "--merge-json after ` -- `",
            "Pants runs pytest many times, and each would replace the results of the one before",
        )),
        Some(mode) => Ok(mode),
    }
}

impl Runner for PytestPants {
    fn definition(&self) -> &'static Definition {
        &DEFINITION
    }

    fn execution_env(&self) -> &ExecutionEnv {
        &self.setup.execution_env
    }

    fn announcement(&self) -> Option<String> {
        self.useless_pattern.then(|| {
            "Warning: file patterns have no effect with pytest-pants; Pants chooses what to run."
                .to_owned()
        })
    }

    fn discover(&self, _on_warning: &mut dyn FnMut(String)) -> Result<Vec<String>, RunnerError> {
        Ok(Vec::new())
    }

    fn command(&self, _cases: &[Case]) -> Result<CommandLine, RunnerError> {
        Ok(self.setup.fill(&self.setup.test, &[]))
    }

    /// The whole command: Pants remembers what passed and does not run it again.
    fn retry_command(
        &self,
        _failed: &[TestKey],
        _cases: &[Case],
    ) -> Result<Option<CommandLine>, RunnerError> {
        Ok(Some(self.setup.fill(&self.setup.retry, &[])))
    }

    fn result_path(&self) -> Option<&Path> {
        self.setup.result_path.as_deref()
    }

    fn upload_format(&self) -> Option<Format> {
        self.mode.upload_format()
    }

    fn result_trust(&self, code: i32) -> ResultTrust {
        self.mode.result_trust(code)
    }

    fn read(&self, bytes: &[u8], cases: &[Case]) -> Result<ParsedResults, ParseError> {
        Ok(self.setup.noted(pytest::read(self.mode, bytes, cases)?))
    }

    /// All of them.
    fn retries_whole_targets(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use rstest::rstest;

    use super::*;
    use crate::runners::testing::words;

    fn pants(command: &str) -> Result<Box<dyn Runner>, RunnerError> {
        build(RunnerSettings {
            test_command: Some(command.to_owned()),
            result_path: Some("out.xml".to_owned()),
            node_index: 2,
            node_count: 5,
            working_directory: PathBuf::from("/app"),
            ..RunnerSettings::default()
        })
    }

    #[test]
    fn pants_gets_the_node_and_a_path_that_holds_anywhere() {
        let command =
            "pants test --shard={{nodeIndex}}/{{nodeCount}} :: -- --junit-xml={{resultPath}}";
        let runner = pants(command).unwrap();
        let expected = "pants test --shard=2/5 :: -- --junit-xml=/app/out.xml";
        assert_eq!(words(&runner.command(&[]).unwrap()), expected);
        assert_eq!(
            words(&runner.retry_command(&[], &[]).unwrap().unwrap()),
            expected
        );
        assert_eq!(runner.upload_format(), Some(Format::Junit));
        let runner = pants("pants test :: -- --json={{resultPath}} --merge-json").unwrap();
        assert_eq!(runner.upload_format(), None);
    }

    #[rstest]
    #[case(
        "pants test {{testExamples}} -- --junit-xml={{resultPath}}",
        "must not hold {{testExamples}}"
    )]
    #[case("pants test :: --junit-xml={{resultPath}}", "must hold  -- ")]
    #[case("pants test :: -- -v", "must hold --junit-xml={{resultPath}} or")]
    #[case(
        "pants test --json=x :: -- -v",
        "must hold --junit-xml={{resultPath}} or"
    )]
    #[case("pants test :: -- --junit-xml=out.xml", "must hold {{resultPath}}")]
    #[case("pants test :: -- --json={{resultPath}}", "must hold --merge-json")]
    fn each_missing_piece_has_its_message(#[case] command: &str, #[case] message: &str) {
        let error = pants(command).err().unwrap().to_string();
        assert!(
            error.contains(message) && error.contains(command),
            "{error}"
        );
    }

    #[test]
    fn a_pattern_gets_a_warning() {
        let settings = RunnerSettings {
            test_command: Some("pants test :: -- --junit-xml={{resultPath}}".to_owned()),
            file_pattern: Some("**/test_*.py".to_owned()),
            ..RunnerSettings::default()
        };
        assert!(
            build(settings)
                .unwrap()
                .announcement()
                .unwrap()
                .contains("no effect")
        );
    }
}
