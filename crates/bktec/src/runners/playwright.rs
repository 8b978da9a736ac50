//! Playwright, with its JSON reporter.
//!
//! A test is identified by file and line. Paths on the command line are regular expressions that
//! match a part of a file's absolute path, so `a.spec.js` would run `sub/a.spec.js` too. Where
//! Playwright certainly runs on this machine, targets are absolute; elsewhere they are only
//! escaped.

use std::path::{Component, Path, PathBuf};

use serde::Deserialize;
use test_engine_results::{Detail, Format, Outcome, ParseError, parse_with};
use test_engine_wire::Case;

use super::discovery_check::DiscoveryBy;
use super::fail_fast::FailFast;
use super::fail_fast_override::FailFastOverride;
use super::jest::{escape, escape_path};
use super::paths::without_lines;
use super::targets::{self, sorted};
use super::{
    Definition, Features, Naming, ParsedResults, Result, Runner, RunnerBase, RunnerSettings,
    Shortfall, TestKey, listing,
};
use crate::command_template::CommandTemplate;

pub(super) static DEFINITION: Definition = Definition {
    features: Features {
        split_by_example: true,
        ..Features::COMMON
    },
    test_command: Some("npx playwright test {{testExamples}}"),
    file_pattern: Some("**/{*.spec,*.test}.{ts,js}"),
    discovery_by: DiscoveryBy::Runner,
    fail_fast: FailFast {
        letter: Some(('x', "")),
        ..FailFast::options(&["--max-failures"])
    },
    fail_fast_override: Some(OVERRIDE),
    list_variable: Some("PLAYWRIGHT_JSON_OUTPUT_NAME"),
    naming: Naming::AsTargets,
    upload_formats: &[Format::PlaywrightJson],
    ..Definition::defaults("playwright", build)
};

const OVERRIDE: FailFastOverride = FailFastOverride {
    subcommands: &["test"],
    requires_subcommand: true,
    ..FailFastOverride::of("--max-failures=0", &["playwright"])
};

/// Programs that run Playwright on this machine if its name is in the command.
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

struct Playwright(RunnerBase);

fn build(settings: RunnerSettings) -> Result<Box<dyn Runner>> {
    Ok(Box::new(Playwright(RunnerBase::new(
        &DEFINITION,
        settings,
    )?)))
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Report {
    config: Configuration,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Configuration {
    /// The directory that the paths of the report are relative to.
    root_dir: String,
    max_failures: usize,
}

impl Runner for Playwright {
    fn base(&self) -> &RunnerBase {
        &self.0
    }

    fn arguments(&self, template: &CommandTemplate, targets: Vec<String>) -> Result<Vec<String>> {
        let directory = self.0.real_directory.as_deref().and_then(Path::to_str);
        let directory = directory.filter(|_| runs_here(template));
        let arguments = targets
            .into_iter()
            .map(|target| argument(target, directory));
        arguments.collect::<Result<Vec<_>, _>>().map(sorted)
    }

    /// With `test.only` in a file, the list would lack all other files.
    fn own_discovery(&self) -> Result<Option<Vec<String>>> {
        listing::files(self, &["--forbid-only"], |words| {
            OVERRIDE.place(words).is_some()
        })
    }

    fn list_options(&self, _list: &str) -> Option<Vec<String>> {
        Some(["--list", "--reporter=json"].map(str::to_owned).to_vec())
    }

    fn read(&self, bytes: &[u8], _cases: &[Case]) -> Result<ParsedResults, ParseError> {
        let report = parse_with(Format::PlaywrightJson, bytes, Detail::Outcomes)?;
        let Report { config } = serde_json::from_slice(bytes).unwrap_or_default();
        let mut parsed = ParsedResults::of(report, |result| {
            let mut key = TestKey::by_identifier(result);
            if !config.root_dir.is_empty() && !key.path.is_empty() {
                let absolute = without_dots(&Path::new(&config.root_dir).join(&key.path));
                key.path = self.0.relative(&absolute.to_string_lossy());
            }
            key
        });
        // Not every version reports that it stopped.
        let failed = parsed
            .tests
            .iter()
            .filter(|test| test.outcome == Outcome::Failed);
        let is_reached = config.max_failures > 0 && failed.count() >= config.max_failures;
        if is_reached && parsed.shortfalls.is_empty() {
            parsed.shortfalls.push(Shortfall {
                path: None,
                reason: format!("maxFailures ({}) was reached", config.max_failures),
            });
        }
        Ok(parsed)
    }
}

fn runs_here(template: &CommandTemplate) -> bool {
    let words = template.words().iter();
    let mut names = words.map(|word| word.rsplit('/').next().unwrap_or(word));
    names
        .clone()
        .next()
        .is_some_and(|program| LOCAL.contains(&program))
        && names.any(|name| name == "playwright")
}

/// A target as one of Playwright's regular expressions. Anything that is not an existing file or
/// directory stays a part of a path.
fn argument(target: String, directory: Option<&str>) -> Result<String> {
    let (file, line) = target.split_at(without_lines(&target).len());
    let path = directory.map(|directory| without_dots(&Path::new(directory).join(file)));
    let absolute = path.as_deref().and_then(|path| {
        let text = escape(path.to_str()?);
        if path.is_file() {
            Some(format!("/^{text}$/{line}"))
        } else {
            path.is_dir().then(|| format!("/^{text}//"))
        }
    });
    let escaped = escape_path(&targets::argument(target)?);
    Ok(absolute.unwrap_or(escaped))
}

/// Without `.` and `..`, lexically.
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

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::runners::testing::{case, key};

    fn playwright(directory: &Path, test_command: Option<&str>) -> Box<dyn Runner> {
        build(RunnerSettings {
            test_command: test_command.map(str::to_owned),
            working_directory: directory.to_owned(),
            ..RunnerSettings::default()
        })
        .unwrap()
    }

    #[test]
    fn paths_are_escaped_and_lines_are_not() {
        let runner = playwright(Path::new(""), None);
        let cases = [case("(g)/[id]/a.spec.ts"), case("b.spec.ts:7")];
        let command = runner.command(&cases).unwrap();
        let expected = [
            "playwright",
            "test",
            r"\(g\)/\[id\]/a.spec.ts",
            "b.spec.ts:7",
        ];
        assert_eq!(command.arguments, expected);
        let failed = [key("s", "t", "c+d.spec.ts:12")];
        let command = runner.retry_command(&failed, &[]).unwrap().unwrap();
        assert_eq!(command.arguments[2], r"c\+d.spec.ts:12");
    }

    #[test]
    fn existing_files_have_absolute_paths() {
        let directory = tempfile::tempdir().unwrap();
        let directory = directory.path().canonicalize().unwrap();
        fs_err::create_dir_all(directory.join("(g)")).unwrap();
        fs_err::write(directory.join("(g)/a.spec.ts"), "").unwrap();
        let root = escape(directory.to_str().unwrap());
        let arguments = |test: Option<&str>| {
            let cases = [case("(g)/a.spec.ts:7"), case("./(g)/"), case("checkout")];
            playwright(&directory, test)
                .command(&cases)
                .unwrap()
                .arguments
        };
        assert_eq!(
            arguments(None)[2..],
            [
                format!(r"/^{root}/\(g\)//"),
                format!(r"/^{root}/\(g\)/a\.spec\.ts$/:7"),
                "checkout".to_owned(),
            ]
        );
        // Another machine may have the project elsewhere.
        assert_eq!(
            arguments(Some("docker run app npx playwright test"))[5..],
            [r"./\(g\)/", r"\(g\)/a.spec.ts:7", "checkout"]
        );
    }

    #[rstest]
    #[case("/app", "a.spec.ts", "a.spec.ts:7")]
    #[case("/app/e2e", "a.spec.ts", "e2e/a.spec.ts:7")]
    #[case("/app/e2e", "../a.spec.ts", "a.spec.ts:7")]
    #[case("/other", "a.spec.ts", "/other/a.spec.ts:7")]
    fn paths_are_relative_to_the_working_directory(
        #[case] root: &str,
        #[case] file: &str,
        #[case] expected: &str,
    ) {
        let report = format!(
            r#"{{"config":{{"rootDir":"{root}"}},"suites":[{{"title":"a","specs":[
                {{"title":"t","ok":true,"file":"{file}","line":7,
                  "tests":[{{"projectName":"p","status":"expected","results":[]}}]}}]}}]}}"#
        );
        let runner = playwright(Path::new("/app"), None);
        let parsed = runner.read(report.as_bytes(), &[]).unwrap();
        assert_eq!(parsed.tests[0].key.path, expected);
    }
}
