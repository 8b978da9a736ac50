//! The files that RSpec takes examples from: a hook of ours, loaded with `--require`, writes
//! RSpec's own list in place of loading the files, whose helpers may load a whole application.

use super::DEFINITION;
use crate::env_vars::BUILDKITE_TEST_ENGINE_RSPEC_FILES as VARIABLE;
use crate::runners::fail_fast_override::insert_options;
use crate::runners::listing::ask;
use crate::runners::{Result, RunnerBase, RunnerError};

const SOURCE: &str = include_str!("bktec_discovery.rb");

/// Lets another process run the examples, which need not see the hook.
const REMOTE: &[&str] = &["--drb", "-X"];

/// `None` where RSpec is not certain to see the options.
pub(super) fn files(base: &RunnerBase) -> Result<Option<Vec<String>>> {
    let words = base.test.words();
    if words.iter().any(|word| REMOTE.contains(&word.as_str())) {
        return Ok(None);
    }
    let directory = tempfile::tempdir().map_err(RunnerError::Temporary)?;
    let hook = directory.path().join("bktec_discovery.rb");
    fs_err::write(&hook, SOURCE).map_err(RunnerError::Temporary)?;
    let unused = directory.path().join("unused");
    let command = base.fill_listing(&base.test, &[], &unused.to_string_lossy());
    let place = |words: &[&str]| DEFINITION.fail_fast_override.as_ref()?.place(words);
    let options = ["--require", &hook.to_string_lossy()];
    let Some(command) = insert_options(&command, &options, place) else {
        return Ok(None);
    };
    let list = directory.path().join("files.json");
    let mut execution_env = base.execution_env.clone();
    let variable = (VARIABLE.into(), list.clone().into());
    execution_env.environment.push(variable);
    let captured = ask(base, &command, &execution_env)?;
    // A helper that calls `exit` may have any exit code, but only the hook writes the list.
    let Ok(bytes) = fs_err::read(&list) else {
        return Err(RunnerError::helper(&command, &captured));
    };
    let files: Vec<String> =
        serde_json::from_slice(&bytes).map_err(|error| RunnerError::Listing {
            command: Box::new(command),
            reason: error.to_string(),
        })?;
    Ok(Some(files.iter().map(|file| base.relative(file)).collect()))
}
