//! The files that Vitest takes tests from, by `vitest list --filesOnly`: it applies `include`,
//! `exclude`, `dir` and `projects`, and loads no test file.

use serde::Deserialize;

use super::OVERRIDE;
use crate::process::CommandLine;
use crate::runners::launcher::program_index;
use crate::runners::listing::{ask_successfully, has_shard};
use crate::runners::{Result, RunnerBase, RunnerError};

#[derive(Deserialize)]
struct Listed {
    file: String,
}

/// `None` where Vitest is not certain to see the options, or would list only a part.
pub(super) fn files(base: &RunnerBase) -> Result<Option<Vec<String>>> {
    if has_shard(base.test.words()) {
        return Ok(None);
    }
    let directory = tempfile::tempdir().map_err(RunnerError::Temporary)?;
    let list = directory.path().join("files.json");
    let unused = directory.path().join("unused");
    let command = base.fill_listing(&base.test, &[], &unused.to_string_lossy());
    let Some(command) = listing(command, &list.to_string_lossy()) else {
        return Ok(None);
    };
    ask_successfully(base, &command, &base.execution_env)?;
    let listed = fs_err::read(&list)
        .map_err(|error| error.to_string())
        .and_then(|bytes| {
            serde_json::from_slice::<Vec<Listed>>(&bytes).map_err(|error| error.to_string())
        });
    let listed = listed.map_err(|reason| RunnerError::Listing {
        command: Box::new(command),
        reason,
    })?;
    let files = listed.iter().map(|listed| base.relative(&listed.file));
    Ok(Some(files.collect()))
}

/// `command` with `list` in place of its subcommand. Older versions, which do not know it, ignore
/// the list and must not watch files.
fn listing(mut command: CommandLine, list: &str) -> Option<CommandLine> {
    let words: Vec<&str> = command.words().collect();
    let at = program_index(&words, OVERRIDE.programs)?;
    match command.arguments.get(at).map(String::as_str) {
        Some("run" | "watch" | "dev") => drop(command.arguments.remove(at)),
        Some("related" | "bench" | "list") => return None,
        _ => {}
    }
    let options = [
        "list".to_owned(),
        "--filesOnly".to_owned(),
        "--run".to_owned(),
        format!("--json={list}"),
    ];
    command.arguments.splice(at..at, options);
    Some(command)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(
        "npx vitest run a.js --bail=0",
        Some("npx vitest list --filesOnly --run --json=l a.js --bail=0")
    )]
    #[case("vitest", Some("vitest list --filesOnly --run --json=l"))]
    #[case(
        "node node_modules/vitest/vitest.mjs watch -c x",
        Some("node node_modules/vitest/vitest.mjs list --filesOnly --run --json=l -c x")
    )]
    #[case("npx vitest related a.js", None)]
    #[case("npm run test", None)]
    fn the_subcommand_is_replaced(#[case] command: &str, #[case] expected: Option<&str>) {
        let mut words = shell_words::split(command).unwrap().into_iter();
        let command = CommandLine::new(words.next().unwrap(), words);
        let listing = listing(command, "l").map(|command| command.to_string());
        assert_eq!(listing.as_deref(), expected);
    }
}
