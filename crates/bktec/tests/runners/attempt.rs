//! One attempt of a runner, without what `bktec` concludes from it.

use std::process::Command;

use bktec::internals::{ParsedResults, Runner, StopPolicy};
use test_engine_wire::Case;

use crate::project::Project;

/// An attempt with the fail-fast settings overridden.
pub(crate) struct Attempt {
    pub(crate) code: i32,
    pub(crate) policy: StopPolicy,
    pub(crate) parsed: ParsedResults,
    /// The command, and the output of the runner if it is a tool of the project.
    pub(crate) log: String,
}

impl Attempt {
    pub(crate) fn of(project: &Project, runner: &dyn Runner, cases: &[Case]) -> Self {
        runner.prepare_attempt();
        let command = runner.command(cases).unwrap();
        let guarded = runner.override_fail_fast(command);
        let (command, policy) = (guarded.command, guarded.policy);
        let execution_env = runner.execution_env();
        #[expect(clippy::disallowed_methods, reason = "a test runs a single attempt")]
        let output = Command::new(&command.program)
            .args(&command.arguments)
            .current_dir(&execution_env.directory)
            .envs(execution_env.environment.iter().cloned())
            .output()
            .unwrap();
        let code = output.status.code().unwrap();
        let result = execution_env.directory.join(runner.result_path().unwrap());
        if !result.exists() {
            fs_err::create_dir_all(result.parent().unwrap()).unwrap();
            fs_err::write(&result, &output.stdout).unwrap();
        }
        let log = format!("{command}\n{}", project.log());
        let bytes = fs_err::read(result).unwrap_or_else(|error| panic!("{error}\n{log}"));
        let parsed = runner.read(&bytes, cases);
        let mut parsed = parsed.unwrap_or_else(|error| panic!("{error}\n{log}"));
        runner.add_evidence(&mut parsed, &command, code);
        policy.note_stop(&mut parsed);
        Self {
            code,
            policy,
            parsed,
            log,
        }
    }

    /// Asserts the exit code, that fail-fast settings are overridden, and the evidence.
    #[track_caller]
    pub(crate) fn assert(&self, code: i32, expected: &[&str]) {
        self.assert_with_policy(code, &StopPolicy::Overridden, expected);
    }

    /// `expected` has `path | start of the reason` of each shortfall, then the start of each error
    /// outside the tests.
    #[track_caller]
    pub(crate) fn assert_with_policy(&self, code: i32, policy: &StopPolicy, expected: &[&str]) {
        let seen = self.evidence();
        let details = || format!("{seen:#?}\n{:#?}\n{}", self.parsed, self.log);
        assert_eq!(seen.len(), expected.len(), "{}", details());
        for (seen, expected) in seen.iter().zip(expected) {
            assert!(seen.starts_with(expected), "{expected}: {}", details());
        }
        assert_eq!((self.code, &self.policy), (code, policy), "{}", details());
    }

    /// Like [`Self::assert_with_policy`], with complete texts.
    #[track_caller]
    pub(crate) fn assert_exactly(&self, code: i32, policy: &StopPolicy, expected: &[&str]) {
        assert_eq!(self.evidence(), expected, "{}", self.log);
        assert_eq!((self.code, &self.policy), (code, policy), "{}", self.log);
    }

    fn evidence(&self) -> Vec<String> {
        let shortfalls = self.parsed.shortfalls.iter().map(|shortfall| {
            let path = shortfall.path.as_deref().unwrap_or("-");
            format!("{path} | {}", shortfall.reason)
        });
        let errors = self.parsed.errors_outside_tests.iter().cloned();
        shortfalls.chain(errors).collect()
    }

    /// The names of the tests with a result.
    pub(crate) fn names(&self) -> Vec<&str> {
        let tests = self.parsed.tests.iter();
        tests.map(|test| test.key.name.as_str()).collect()
    }
}
