//! A project written for one test, and the outcome of running it.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use bktec::internals::{
    self, AttemptOptions, Capacity, Managed, RunEvent, RunOutcome, RunStatus, Runner,
    RunnerSettings, VerdictOptions,
};
use tempfile::TempDir;
use test_engine_testkit::NO_SERVER;
use test_engine_wire::{Case, CaseFormat, TestIdentity};

use crate::tools;

/// A temporary directory with the project's files, and another with wrappers of tools.
pub(crate) struct Project {
    directory: TempDir,
    /// Directories at the start of `PATH`, after the one with wrappers.
    path: Vec<PathBuf>,
}

impl Project {
    pub(crate) fn new(files: &[(&str, &str)]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        for name in ["project", "bin"] {
            fs_err::create_dir(directory.path().join(name)).unwrap();
        }
        let project = Self {
            directory,
            path: Vec::new(),
        };
        for (file, content) in files {
            project.write(file, content);
        }
        project
    }

    pub(crate) fn root(&self) -> PathBuf {
        self.directory.path().join("project")
    }

    pub(crate) fn write(&self, file: &str, content: &str) {
        let path = self.root().join(file);
        fs_err::create_dir_all(path.parent().unwrap()).unwrap();
        fs_err::write(path, content).unwrap();
    }

    /// Links the packages that the Node runners share.
    pub(crate) fn link_node_modules(&self) {
        self.link(&tools::installed(".tools/node/node_modules"));
    }

    fn link(&self, modules: &Path) {
        std::os::unix::fs::symlink(modules, self.root().join("node_modules")).unwrap();
    }

    /// Links these packages, and puts the Node among them on the path, if there is one.
    pub(crate) fn node_modules(self, modules: &str) -> Self {
        let modules = tools::installed(modules);
        self.link(&modules);
        let node = modules.join(".bin/node");
        if node.exists() {
            self.unwrapped_tool(&node)
        } else {
            self
        }
    }

    /// Puts a tool on the path, with its output in the log unless Jest lists its files.
    pub(crate) fn tool(self, name: &str, tool: &Path) -> Self {
        self.tool_printing_with(name, tool, "--listTests")
    }

    /// Puts a tool on the path, with its output in the log unless it has this argument.
    pub(crate) fn tool_printing_with(mut self, name: &str, tool: &Path, argument: &str) -> Self {
        let log = self.directory.path().join("log");
        tools::wrap(
            &self.directory.path().join("bin"),
            name,
            tool,
            &log,
            argument,
        );
        self.path.extend(tool.parent().map(Path::to_owned));
        self
    }

    /// Puts a tool on the path without a wrapper: for helpers whose output is needed.
    pub(crate) fn unwrapped_tool(mut self, tool: &Path) -> Self {
        self.path.extend(tool.parent().map(Path::to_owned));
        self
    }

    /// The output of the tools.
    pub(crate) fn log(&self) -> String {
        fs_err::read_to_string(self.directory.path().join("log")).unwrap_or_default()
    }

    fn environment(&self) -> Vec<(OsString, OsString)> {
        #[expect(
            clippy::disallowed_methods,
            reason = "tools need the system's own programs"
        )]
        let system = std::env::var_os("PATH").unwrap_or_default();
        let directories = std::iter::once(self.directory.path().join("bin"))
            .chain(self.path.iter().cloned())
            .chain(std::env::split_paths(&system));
        let path = std::env::join_paths(directories).unwrap();
        // A collector must not find a server, even when the tests run in CI.
        let no_server = ("BUILDKITE_ANALYTICS_API_URL".into(), NO_SERVER.into());
        let no_token = ("BUILDKITE_ANALYTICS_TOKEN".into(), OsString::new());
        vec![("PATH".into(), path), no_server, no_token]
    }

    pub(crate) fn runner(&self, name: &str, settings: RunnerSettings) -> Box<dyn Runner> {
        let mut environment = self.environment();
        environment.extend(settings.environment.clone());
        internals::build(
            name,
            RunnerSettings {
                working_directory: self.root(),
                environment,
                node_count: settings.node_count.max(1),
                ..settings
            },
        )
        .unwrap()
    }

    /// Runs everything that the runner discovers.
    pub(crate) fn run_all(
        &self,
        runner: &dyn Runner,
        muted: &[(&str, &str)],
        retries: u32,
    ) -> FinishedRun {
        let files = discover(runner);
        let cases: Vec<Case> = files.iter().map(|file| selector(file)).collect();
        self.run(runner, &cases, muted, retries)
    }

    pub(crate) fn run(
        &self,
        runner: &dyn Runner,
        cases: &[Case],
        muted: &[(&str, &str)],
        retries: u32,
    ) -> FinishedRun {
        let muted: Vec<TestIdentity> = muted
            .iter()
            .map(|(scope, name)| TestIdentity {
                scope: (*scope).to_owned(),
                name: (*name).to_owned(),
                path: String::new(),
            })
            .collect();
        let managed = Managed {
            muted: &muted,
            skipped: &[],
        };
        self.run_managed(runner, cases, managed, retries)
    }

    pub(crate) fn run_managed(
        &self,
        runner: &dyn Runner,
        cases: &[Case],
        managed: Managed<'_>,
        retries: u32,
    ) -> FinishedRun {
        let mut events = Vec::new();
        let options = AttemptOptions {
            retries,
            retry_muted: true,
            require_results: false,
            verdict: VerdictOptions::default(),
            capacity: Capacity::of_system(runner.execution_env()),
        };
        let outcome = internals::run(runner, cases, managed, &options, &mut |event| match event {
            RunEvent::AttemptStarted { command, .. } => events.push(command.to_string()),
            RunEvent::ResultsUnreadable { why, .. } => events.push(why.to_string()),
            RunEvent::TargetsWithoutResults { targets } => {
                events.push(format!("without results: {}", targets.join(" ")));
            }
            RunEvent::UnplannedFilesRan { files } => {
                events.push(format!("unplanned: {}", files.join(" ")));
            }
            RunEvent::PartStarted { part, parts, .. } => {
                events.push(format!("part {part} of {parts}"));
            }
            RunEvent::RetryImpossible { why } => events.push(why.to_string()),
            _ => {}
        })
        .unwrap();
        FinishedRun {
            outcome,
            events,
            log: self.log(),
        }
    }
}

pub(crate) struct FinishedRun {
    pub(crate) outcome: RunOutcome,
    /// Commands and warnings.
    pub(crate) events: Vec<String>,
    log: String,
}

impl FinishedRun {
    /// `path | scope | name | outcomes` of each test, in order.
    #[track_caller]
    pub(crate) fn assert(&self, code: i32, tests: &[&str]) {
        let seen: Vec<String> = self
            .outcome
            .tests
            .iter()
            .map(|test| {
                let outcomes: Vec<_> = test.outcomes.iter().map(|outcome| outcome.name()).collect();
                let doubt = if test.unproven.is_some() {
                    " (in doubt)"
                } else {
                    ""
                };
                let muted = if test.muted { " (muted)" } else { "" };
                let key = &test.key;
                format!(
                    "{} | {} | {} | {}{doubt}{muted}",
                    key.path,
                    key.scope,
                    key.name,
                    outcomes.join(" ")
                )
            })
            .collect();
        let details = || format!("events: {:#?}\nlog:\n{}", self.events, self.log);
        assert_eq!(seen, tests, "{}", details());
        assert_eq!(self.outcome.exit_code, code, "{}", details());
    }
}

#[track_caller]
pub(crate) fn assert_ended(ran: &FinishedRun, code: i32, status: RunStatus) {
    let details = || format!("{:#?}\n{:#?}", ran.events, ran.outcome);
    assert_eq!(ran.outcome.exit_code, code, "{}", details());
    assert_eq!(ran.outcome.status(), status, "{}", details());
}

#[track_caller]
pub(crate) fn discover(runner: &dyn Runner) -> Vec<String> {
    runner.discover(&mut |warning| panic!("{warning}")).unwrap()
}

/// A discovered target, as in a plan.
pub(crate) fn selector(value: &str) -> Case {
    Case {
        value: value.to_owned(),
        format: CaseFormat::Selector,
        ..Case::default()
    }
}

/// The example of this name, as in a plan.
pub(crate) fn named(examples: &[Case], name: &str) -> Case {
    examples
        .iter()
        .find(|case| case.name == name)
        .unwrap_or_else(|| panic!("no {name:?} in {examples:?}"))
        .clone()
}

pub(crate) fn settings(test_command: &str, result_path: &str) -> RunnerSettings {
    RunnerSettings {
        test_command: Some(test_command.to_owned()),
        result_path: Some(result_path.to_owned()),
        ..RunnerSettings::default()
    }
}
