//! Short ways to write cases, keys and commands in the runners' own tests.

use test_engine_wire::Case;

use super::TestKey;
use crate::process::CommandLine;

pub(crate) fn case(path: &str) -> Case {
    Case {
        path: path.to_owned(),
        ..Case::default()
    }
}

pub(crate) fn key(scope: &str, name: &str, path: &str) -> TestKey {
    TestKey {
        scope: scope.to_owned(),
        name: name.to_owned(),
        path: path.to_owned(),
    }
}

/// A command line as text.
pub(crate) fn words(command: &CommandLine) -> String {
    command.to_string()
}
