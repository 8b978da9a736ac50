//! The files that Jest takes tests from, by `jest --listTests`: it applies `testMatch`,
//! `testRegex`, `roots`, `projects` and what they ignore, and loads no test file.

use super::DEFINITION;
use crate::runners::fail_fast_override::insert_options;
use crate::runners::launcher::program_index;
use crate::runners::listing::{ask_successfully, has_shard};
use crate::runners::{Result, RunnerBase, RunnerError};

const PROGRAMS: &[&str] = &["jest", "jest.js"];

/// `None` where Jest is not certain to see the options, or would list only a part.
pub(super) fn files(base: &RunnerBase) -> Result<Option<Vec<String>>> {
    let words = base.test.words();
    if has_shard(words) {
        return Ok(None);
    }
    let mut options = vec!["--listTests"];
    if !words.iter().any(|word| word.starts_with("--json")) {
        options.push("--json");
    }
    let unused = tempfile::tempdir().map_err(RunnerError::Temporary)?;
    let unused = unused.path().join("unused");
    let command = base.fill_listing(&base.test, &[], &unused.to_string_lossy());
    let place = |words: &[&str]| Some(program_index(words, PROGRAMS)? + 1);
    let Some(command) = insert_options(&command, &options, place) else {
        return Ok(None);
    };
    let listed = ask_successfully(base, &command, &base.execution_env)?;
    let files = parse(&listed.stdout).ok_or_else(|| RunnerError::Listing {
        command: Box::new(command),
        reason: format!("{} printed no list", DEFINITION.name),
    })?;
    Ok(Some(files.iter().map(|file| base.relative(file)).collect()))
}

/// A launcher may print lines of its own.
fn parse(output: &[u8]) -> Option<Vec<String>> {
    let text = String::from_utf8_lossy(output);
    text.lines()
        .rev()
        .find_map(|line| serde_json::from_str(line).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_found_among_other_lines() {
        let output = b"> jest\n\n[\"/app/a.test.js\",\"/app/b.test.js\"]\nDone in 1 s.\n";
        let expected = ["/app/a.test.js", "/app/b.test.js"];
        assert_eq!(parse(output).unwrap(), expected);
        assert_eq!(parse(b"[]\n").unwrap(), [""; 0]);
        assert_eq!(parse(b"PASS a.test.js\n"), None);
    }
}
