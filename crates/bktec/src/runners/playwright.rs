//! Playwright, by its JSON reporter.
//!
//! A test is named by file and line. Paths on its command line are regular expressions that match a
//! part of a file's whole path, so `a.spec.js` would run `sub/a.spec.js` too. Where it is sure that
//! Playwright runs on this machine, the whole path is given; elsewhere the path is only escaped.

use std::path::{Component, Path, PathBuf};

use serde::Deserialize;
use test_engine_results::{Detail, Format, ParseError, parse_with};
use test_engine_wire::Case;

use super::fail_fast::{Limit, Options};
use super::jest::{escape, escape_path};
use super::setup::Setup;
use super::{
    Definition, Features, Naming, ParsedResults, Runner, RunnerError, RunnerSettings, TestKey,
    targets,
};
use crate::command_template::CommandTemplate;
use crate::process::{CommandLine, ExecutionEnv};

/// Where the JSON reporter writes, if the configuration does not say.
const REPORT_VARIABLE: &str = "PLAYWRIGHT_JSON_OUTPUT_NAME";

/// What is known of Playwright.
pub(super) static DEFINITION: Definition = Definition {
    features: Features {
        split_by_example: true,
        filter_by_pattern: true,
        filter_by_tag: false,
        retry: true,
        mute: true,
        skip: false,
    },
    test_command: Some("npx playwright test {{testExamples}}"),
    file_pattern: Some("**/{*.spec,*.test}.{ts,js}"),
    fail_fast: Options {
        letter: Some(('x', "")),
        ..Options::of_command(&["--max-failures"])
    },
    upload_formats: &[Format::PlaywrightJson],
    ..Definition::blank("playwright", build)
};

/// Programs that start Playwright on this machine, if its name is in the command at all.
const LOCAL: [&str; 9] = [
    "npx",
    "npm",
    "pnpm",
    "pnpx",
    "yarn",
    "bun",
    "bunx",
    "node",
    "playwright",
];

struct Playwright {
    setup: Setup,
    /// Where the command runs, without symbolic links, as Playwright names its files.
    real_directory: Option<PathBuf>,
}

fn build(settings: RunnerSettings) -> Result<Box<dyn Runner>, RunnerError> {
    Ok(Box::new(Playwright {
        real_directory: settings.working_directory.canonicalize().ok(),
        setup: Setup::new(&DEFINITION, settings)?,
    }))
}

/// What a report says of its own paths.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Report {
    config: Configuration,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Configuration {
    root_dir: String,
    max_failures: usize,
}

impl Playwright {
    fn fill(
        &self,
        template: &CommandTemplate,
        targets: impl Iterator<Item = String>,
    ) -> Result<CommandLine, RunnerError> {
        Ok(self
            .setup
            .fill_tests(template, &self.arguments(template, targets)?))
    }

    fn arguments(
        &self,
        template: &CommandTemplate,
        targets: impl Iterator<Item = String>,
    ) -> Result<Vec<String>, RunnerError> {
        let directory = self
            .real_directory
            .as_deref()
            .and_then(Path::to_str)
            .filter(|_| runs_here(template));
        let arguments: Result<_, _> = targets.map(|target| argument(&target, directory)).collect();
        arguments.map(targets::sorted_once)
    }

    /// The place of a test as this runner gives it to Playwright: a report's paths begin at a folder
    /// of its own.
    fn seen_from_here(&self, place: &str, root: &str) -> String {
        if root.is_empty() || place.is_empty() {
            return place.to_owned();
        }
        let whole = without_dots(&Path::new(root).join(place));
        targets::relative(
            &whole.to_string_lossy(),
            &self.setup.execution_env.directory,
            self.real_directory.as_deref(),
        )
    }
}

fn runs_here(template: &CommandTemplate) -> bool {
    let name = |word: &str| word.rsplit('/').next().unwrap_or(word).to_owned();
    let words = template.words();
    let starts = words
        .first()
        .is_some_and(|program| LOCAL.contains(&name(program).as_str()));
    starts && words.iter().any(|word| name(word) == "playwright")
}

/// A target as one of Playwright's regular expressions. What is no file or folder here stays a part
/// of a path.
fn argument(target: &str, directory: Option<&str>) -> Result<String, RunnerError> {
    let plain = targets::argument(target)?;
    let (file, line) = line_of(target);
    let Some(directory) = directory else {
        return Ok(escape_path(&plain));
    };
    let path = without_dots(&Path::new(directory).join(file));
    let Some(text) = path.to_str() else {
        return Ok(escape_path(&plain));
    };
    Ok(if path.is_file() {
        format!("/^{}$/{line}", escape(text))
    } else if path.is_dir() {
        format!("/^{}//", escape(text))
    } else {
        escape_path(&plain)
    })
}

/// A target's file, and its line and column with the colons before them.
fn line_of(target: &str) -> (&str, &str) {
    let mut end = target.len();
    for _ in 0..2 {
        match target[..end].rsplit_once(':') {
            Some((rest, number))
                if !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()) =>
            {
                end = rest.len();
            }
            _ => break,
        }
    }
    target.split_at(end)
}

/// Without `.` and `..`, as far as they can be told from the text.
fn without_dots(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => {
                plain.pop();
            }
            other => plain.push(other),
        }
    }
    plain
}

impl Runner for Playwright {
    fn definition(&self) -> &'static Definition {
        &DEFINITION
    }

    fn execution_env(&self) -> &ExecutionEnv {
        &self.setup.execution_env
    }

    fn discover(&self, on_warning: &mut dyn FnMut(String)) -> Result<Vec<String>, RunnerError> {
        self.setup.discover(on_warning)
    }

    fn examples(&self, files: &[String]) -> Result<Vec<Case>, RunnerError> {
        let template = &self.setup.test;
        let files = self.arguments(template, files.iter().cloned())?;
        let folder = tempfile::tempdir().map_err(RunnerError::Temporary)?;
        let list = folder.path().join("tests.json");
        let unused = folder.path().join("unused.json");
        let mut command = self
            .setup
            .fill_listing(template, &files, &unused.to_string_lossy());
        command
            .arguments
            .extend(["--list", "--reporter=json"].map(str::to_owned));
        let mut execution_env = self.setup.execution_env.clone();
        execution_env
            .environment
            .push((REPORT_VARIABLE.into(), list.clone().into()));
        Setup::listed_examples(&command, &execution_env, &list, &|bytes| {
            self.read(bytes, &[])
        })
    }

    fn command(&self, cases: &[Case]) -> Result<CommandLine, RunnerError> {
        let targets = cases.iter().map(|case| targets::target(case).to_owned());
        self.fill(&self.setup.test, targets)
    }

    fn retry_command(
        &self,
        failed: &[TestKey],
        _cases: &[Case],
    ) -> Result<Option<CommandLine>, RunnerError> {
        let tests = failed.iter().map(|key| key.path.clone());
        self.fill(&self.setup.retry, tests).map(Some)
    }

    fn result_path(&self) -> Option<&Path> {
        self.setup.result_path.as_deref()
    }

    fn upload_format(&self) -> Option<Format> {
        Some(Format::PlaywrightJson)
    }

    fn naming(&self) -> Naming {
        Naming::AsTargets
    }

    fn read(&self, bytes: &[u8], _cases: &[Case]) -> Result<ParsedResults, ParseError> {
        let report = parse_with(Format::PlaywrightJson, bytes, Detail::Outcomes)?;
        let Report { config } = serde_json::from_slice(bytes).unwrap_or_default();
        let mut reading = ParsedResults::of(report, |result| {
            let mut key = TestKey::by_identifier(result);
            key.path = self.seen_from_here(&key.path, &config.root_dir);
            key
        });
        // Tests that were never started are in the report, as skipped.
        if config.max_failures > 0 {
            let limit = Limit {
                failures: config.max_failures,
                option: "maxFailures".to_owned(),
            };
            limit.note(&mut reading);
        }
        Ok(self.setup.noted(reading))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runners::testing::{case, key};

    #[test]
    fn paths_are_escaped_and_lines_stay() {
        let runner = build(RunnerSettings::default()).unwrap();
        let command = runner
            .command(&[case("(g)/[id]/a.spec.ts"), case("b.spec.ts:7")])
            .unwrap();
        assert_eq!(
            command.arguments,
            [
                "playwright",
                "test",
                r"\(g\)/\[id\]/a.spec.ts",
                "b.spec.ts:7"
            ]
        );
        let failed = [key("s", "t", "c+d.spec.ts:12")];
        let command = runner.retry_command(&failed, &[]).unwrap().unwrap();
        assert_eq!(command.arguments[2], r"c\+d.spec.ts:12");
    }

    #[test]
    fn a_file_that_is_there_is_given_by_its_whole_path() {
        let folder = tempfile::tempdir().unwrap();
        let directory = folder.path().canonicalize().unwrap();
        fs_err::create_dir_all(directory.join("(g)")).unwrap();
        fs_err::write(directory.join("(g)/a.spec.ts"), "").unwrap();
        let whole = escape(directory.to_str().unwrap());
        let arguments = |command: Option<&str>| {
            let runner = build(RunnerSettings {
                test_command: command.map(str::to_owned),
                working_directory: directory.clone(),
                ..RunnerSettings::default()
            });
            let cases = [case("(g)/a.spec.ts:7"), case("./(g)/"), case("checkout")];
            runner.unwrap().command(&cases).unwrap().arguments
        };
        assert_eq!(
            arguments(None)[2..],
            [
                format!(r"/^{whole}/\(g\)//"),
                format!(r"/^{whole}/\(g\)/a\.spec\.ts$/:7"),
                "checkout".to_owned(),
            ]
        );
        // Another machine may have the project elsewhere.
        assert_eq!(
            arguments(Some("docker run app npx playwright test"))[5..],
            [r"./\(g\)/", r"\(g\)/a.spec.ts:7", "checkout"]
        );
    }

    #[test]
    fn places_begin_where_the_command_runs() {
        let runner = build(RunnerSettings {
            working_directory: "/app".into(),
            ..RunnerSettings::default()
        })
        .unwrap();
        let path = |root: &str, file: &str| {
            let report = format!(
                r#"{{"config":{{"rootDir":"{root}"}},"suites":[{{"title":"a","specs":[
                    {{"title":"t","ok":true,"file":"{file}","line":7,
                      "tests":[{{"projectName":"p","status":"expected","results":[]}}]}}]}}]}}"#
            );
            runner.read(report.as_bytes(), &[]).unwrap().tests[0]
                .key
                .path
                .clone()
        };
        assert_eq!(path("/app", "a.spec.ts"), "a.spec.ts:7");
        assert_eq!(path("/app/e2e", "a.spec.ts"), "e2e/a.spec.ts:7");
        assert_eq!(path("/app/e2e", "../a.spec.ts"), "a.spec.ts:7");
        assert_eq!(path("/other", "a.spec.ts"), "/other/a.spec.ts:7");
    }
}
