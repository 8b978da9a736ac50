//! pytest run by Pants, which decides itself what to run.
//!
//! Nothing is discovered or sent to the server; every node runs the command, and `{{nodeIndex}}`
//! and `{{nodeCount}}` let Pants select its shard. Results are pytest's.

use tempfile::TempDir;
use test_engine_results::{Format, ParseError};
use test_engine_wire::Case;

use super::fail_fast_override::insert_options;
use super::pytest::{self, KnownFiles, Mode};
use super::targets::target;
use super::{
    Definition, Features, GuardedCommand, ParsedResults, Result, ResultTrust, Runner, RunnerBase,
    RunnerError, RunnerSettings, StopPolicy,
};
use crate::command_template::{CommandTemplate, RESULT_PATH, TEST_EXAMPLES};
use crate::process::CommandLine;

const EXAMPLE: &str = "for example: pants test :: -- --junit-xml={{resultPath}}, \
                       or -- --json={{resultPath}} --merge-json";

pub(super) static DEFINITION: Definition = Definition {
    plan_name: "pytest",
    features: Features {
        filter_by_pattern: false,
        ..Features::COMMON
    },
    remark: Some(
        "Pants chooses what to run on every node; give `{{nodeIndex}}` and `{{nodeCount}}` to its \
         `--shard` to split. Uploads are as with `pytest`.",
    ),
    requires_result_path: false,
    requires_test_command: true,
    chooses_tests: true,
    // Pants runs the whole command again, but skips what has passed.
    retries_whole_targets: true,
    fail_fast: pytest::FAIL_FAST,
    upload_formats: &[Format::Junit],
    ..Definition::defaults("pytest-pants", build)
};

struct PytestPants {
    base: RunnerBase,
    mode: Mode,
    has_pattern: bool,
    /// Contains the result file if the user set no result path.
    _directory: Option<TempDir>,
}

fn build(mut settings: RunnerSettings) -> Result<Box<dyn Runner>> {
    let has_pattern = settings.file_pattern.is_some() || settings.file_exclude_pattern.is_some();
    let directory = pytest::set_result_path(&mut settings, "result")?;
    // Pants runs pytest in a sandbox, so the path must be absolute.
    let path = settings.result_path.take();
    let path = path.map(|path| settings.working_directory.join(path));
    settings.result_path = path.map(|path| path.to_string_lossy().into_owned());
    let base = RunnerBase::new(&DEFINITION, settings)?;
    let mode = check(&base.test, "the test command")?;
    check(&base.retry, "the retry command")?;
    Ok(Box::new(PytestPants {
        base,
        mode,
        has_pattern,
        _directory: directory,
    }))
}

fn check(template: &CommandTemplate, which: &'static str) -> Result<Mode> {
    let missing = |part: &'static str, hint: &str| RunnerError::MissingPart {
        runner: DEFINITION.name,
        which,
        part,
        command: template.text().to_owned(),
        hint: format!("{hint}; {EXAMPLE}"),
    };
    if template.contains(TEST_EXAMPLES) {
        return Err(RunnerError::ForbiddenPart {
            runner: DEFINITION.name,
            part: TEST_EXAMPLES,
            command: template.text().to_owned(),
            hint: format!("Pants chooses the tests; {EXAMPLE}"),
        });
    }
    let words = template.words();
    let Some(dashes) = words.iter().position(|word| word == "--") else {
        return Err(missing("` -- `", "options after it are passed to pytest"));
    };
    let options = &words[dashes + 1..];
    match Mode::of_words(options) {
        None => Err(missing(
            "--junit-xml={{resultPath}} or --json={{resultPath}} --merge-json after ` -- `",
            "without it there are no results",
        )),
        Some(_) if !options.iter().any(|word| word.contains(RESULT_PATH)) => Err(missing(
            RESULT_PATH,
            "pytest must write its results to the result path",
        )),
        Some(Mode::Json) if !options.iter().any(|word| word == "--merge-json") => Err(missing(
            "--merge-json after ` -- `",
            "Pants runs pytest several times, and each run would overwrite the results of others",
        )),
        Some(mode) => Ok(mode),
    }
}

impl Runner for PytestPants {
    fn base(&self) -> &RunnerBase {
        &self.base
    }

    fn announcement(&self) -> Option<String> {
        let warning = "Warning: file patterns have no effect with pytest-pants; \
                       Pants chooses what to run.";
        self.has_pattern.then(|| warning.to_owned())
    }

    fn discover(&self, _on_warning: &mut dyn FnMut(String)) -> Result<Vec<String>> {
        Ok(Vec::new())
    }

    fn arguments(&self, _template: &CommandTemplate, _targets: Vec<String>) -> Result<Vec<String>> {
        Ok(Vec::new())
    }

    /// Our pytest plugin, which would notice other causes of an early stop, cannot be loaded.
    fn override_fail_fast(&self, command: CommandLine) -> GuardedCommand {
        const OPTION: &str = "--maxfail=0";
        let guarded = self.base.override_fail_fast(command);
        if guarded.policy != StopPolicy::Possible {
            return guarded.with_policy(&StopPolicy::Overridden, StopPolicy::Possible);
        }
        let after_dashes = |words: &[&str]| {
            let dashes = words.iter().position(|word| *word == "--");
            dashes.map(|dashes| dashes + 1)
        };
        match insert_options(&guarded.command, &[OPTION], after_dashes) {
            Some(command) => GuardedCommand {
                command,
                added_option: Some(OPTION.to_owned()),
                ..guarded
            },
            None => guarded,
        }
    }

    fn upload_format(&self) -> Option<Format> {
        self.mode.upload_format()
    }

    fn result_trust(&self, code: i32) -> ResultTrust {
        self.mode.result_trust(code)
    }

    fn unusable_reason(&self, code: i32) -> String {
        Mode::unusable_reason(code)
    }

    fn read(&self, bytes: &[u8], cases: &[Case]) -> Result<ParsedResults, ParseError> {
        let known = KnownFiles::new(cases.iter().map(target));
        self.mode.read(bytes, &known)
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use rstest::rstest;

    use super::*;
    use crate::runners::testing::{command, retry, settings};

    fn pants(command: &str) -> Result<Box<dyn Runner>> {
        build(RunnerSettings {
            node_index: 2,
            node_count: 5,
            working_directory: PathBuf::from("/app"),
            ..settings(Some(command), Some("out.xml"))
        })
    }

    #[test]
    fn pants_gets_the_node_and_an_absolute_result_path() {
        let test =
            "pants test --shard={{nodeIndex}}/{{nodeCount}} :: -- --junit-xml={{resultPath}}";
        let runner = pants(test).unwrap();
        let expected = "pants test --shard=2/5 :: -- --junit-xml=/app/out.xml";
        assert_eq!(command(&*runner, &[]), expected);
        assert_eq!(retry(&*runner, &[], &[]), expected);
        assert_eq!(runner.upload_format(), Some(Format::Junit));
        let runner = pants("pants test :: -- --json={{resultPath}} --merge-json").unwrap();
        assert_eq!(runner.upload_format(), None);
    }

    #[rstest]
    #[case("-v", "--maxfail=0 -v", StopPolicy::Possible)]
    #[case("--maxfail=0", "--maxfail=0", StopPolicy::Possible)]
    #[case("-x", "-x", StopPolicy::Requested { option: "-x".to_owned(), failures: 1 })]
    fn fail_fast_settings_are_overridden(
        #[case] options: &str,
        #[case] expected: &str,
        #[case] policy: StopPolicy,
    ) {
        let runner = pants(&format!(
            "pants test :: -- {options} --junit-xml={{{{resultPath}}}}"
        ));
        let runner = runner.unwrap();
        let guarded = runner.override_fail_fast(runner.command(&[]).unwrap());
        let GuardedCommand {
            command,
            policy: seen,
            ..
        } = guarded;
        let expected = format!("pants test :: -- {expected} --junit-xml=/app/out.xml");
        assert_eq!((command.to_string(), seen), (expected, policy));
    }

    #[rstest]
    #[case(
        "pants test {{testExamples}} -- --junit-xml={{resultPath}}",
        "must not contain {{testExamples}}"
    )]
    #[case("pants test :: --junit-xml={{resultPath}}", "lacks ` -- `")]
    #[case("pants test :: -- -v", "lacks --junit-xml={{resultPath}} or")]
    #[case("pants test --json=x :: -- -v", "lacks --junit-xml={{resultPath}} or")]
    #[case("pants test :: -- --junit-xml=out.xml", "lacks {{resultPath}}")]
    #[case("pants test :: -- --json={{resultPath}}", "lacks --merge-json")]
    fn incomplete_commands_are_rejected(#[case] command: &str, #[case] message: &str) {
        let error = pants(command).err().unwrap().to_string();
        assert!(
            error.contains(message) && error.contains(command),
            "{error}"
        );
    }

    #[test]
    fn a_pattern_gets_a_warning() {
        let settings = RunnerSettings {
            file_pattern: Some("**/test_*.py".to_owned()),
            ..settings(Some("pants test :: -- --junit-xml={{resultPath}}"), None)
        };
        let announcement = build(settings).unwrap().announcement().unwrap();
        assert!(announcement.contains("no effect"));
    }
}
