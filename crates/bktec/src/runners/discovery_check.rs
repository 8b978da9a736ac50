//! Whether a file pattern or the runner decides which files have tests, and how the two compare.
//!
//! A file that the runner takes tests from but the pattern misses never runs, without a failure. A
//! file that only the pattern matches may fail although the runner's configuration ignores it. So
//! a runner that can list its files quickly is asked for them, unless the user set a pattern.

use super::{Result, Runner, RunnerError};

const MAX_SHOWN: usize = 20;

/// Who decides if the user set no pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DiscoveryBy {
    /// The runner's default pattern, which `--strict-discovery` compares with the runner's files.
    Pattern,
    /// The runner; the default pattern where it cannot be asked.
    Runner,
}

pub(super) fn discover<R: Runner + ?Sized>(
    runner: &R,
    on_warning: &mut dyn FnMut(String),
) -> Result<Vec<String>> {
    let (base, name) = (runner.base(), runner.definition().name);
    let own = if asks_runner(runner) {
        own_files(runner)
    } else {
        Ok(None)
    };
    let own = match own {
        Err(error) if !base.strict_discovery => {
            let pattern = base.pattern.as_deref().unwrap_or_default();
            on_warning(format!(
                "{name} could not list its test files, so the pattern {pattern:?} is used: {}",
                error.in_one_line()
            ));
            None
        }
        own => own?,
    };
    if runner_decides(runner)
        && let Some(files) = &own
    {
        if !files.is_empty() {
            return Ok(files.clone());
        }
        let pattern = base.pattern.as_deref().unwrap_or_default();
        on_warning(format!(
            "{name} found no test files, so the pattern {pattern:?} is used."
        ));
    }
    let files = base.discover(on_warning)?;
    if base.strict_discovery {
        match own {
            Some(own) => check(runner, &files, own)?,
            None => on_warning(format!(
                "--strict-discovery has no effect: {name} cannot list its test files with this \
                 command"
            )),
        }
    }
    Ok(files)
}

/// Whether the runner is asked, at least to compare its files with those of the pattern.
pub(super) fn asks_runner<R: Runner + ?Sized>(runner: &R) -> bool {
    runner_decides(runner) || runner.base().strict_discovery
}

fn runner_decides<R: Runner + ?Sized>(runner: &R) -> bool {
    let is_asked = runner.definition().discovery_by == DiscoveryBy::Runner;
    is_asked && !runner.base().has_own_pattern
}

/// The runner's own files without those that the user excludes, sorted as a walk would find them.
fn own_files<R: Runner + ?Sized>(runner: &R) -> Result<Option<Vec<String>>> {
    let Some(mut files) = runner.own_discovery()? else {
        return Ok(None);
    };
    if let Some(exclude) = runner.base().exclude_pattern()? {
        files.retain(|file| {
            let directories = file.match_indices('/').map(|(at, _)| &file[..at]);
            let mut paths = directories.chain([file.as_str()]);
            !paths.any(|path| exclude.is_match(path.as_bytes()))
        });
    }
    files.sort_unstable_by(|one, other| one.split('/').cmp(other.split('/')));
    files.dedup();
    Ok(Some(files))
}

fn check<R: Runner + ?Sized>(runner: &R, files: &[String], own: Vec<String>) -> Result<()> {
    let known: std::collections::HashSet<&str> = files.iter().map(String::as_str).collect();
    let mut missed = own;
    missed.retain(|file| !known.contains(file.as_str()));
    if missed.is_empty() {
        return Ok(());
    }
    Err(RunnerError::MissedByPattern {
        runner: runner.definition().name,
        pattern: runner.base().pattern.clone().unwrap_or_default(),
        files: shown(&missed),
    })
}

fn shown(files: &[String]) -> String {
    let first = files[..files.len().min(MAX_SHOWN)].join(", ");
    match files.len().saturating_sub(MAX_SHOWN) {
        0 => first,
        more => format!("{first} and {more} more"),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::runners::pytest::DEFINITION;
    use crate::runners::testing::settings;
    use crate::runners::{RunnerBase, RunnerSettings};

    /// Lists these files; `None` if it cannot, empty if that fails, `-` for none.
    struct Listing {
        base: RunnerBase,
        own: Option<&'static str>,
    }

    impl Runner for Listing {
        fn base(&self) -> &RunnerBase {
            &self.base
        }

        fn own_discovery(&self) -> Result<Option<Vec<String>>> {
            if self.own == Some("") {
                return Err(RunnerError::NoExamples { runner: "x" });
            }
            let files = |own: &str| own.split(' ').map(str::to_owned).collect();
            Ok(self.own.map(|own| match own {
                "-" => Vec::new(),
                own => files(own),
            }))
        }
    }

    /// In a directory with `test_a.py`, `b/test_b.py` and `check_c.py`: the files, or the error,
    /// and the warnings.
    fn found(settings: RunnerSettings, own: Option<&'static str>) -> (String, Vec<String>) {
        let directory = tempfile::tempdir().unwrap();
        fs_err::create_dir(directory.path().join("b")).unwrap();
        for file in ["test_a.py", "b/test_b.py", "check_c.py"] {
            fs_err::write(directory.path().join(file), "").unwrap();
        }
        let settings = RunnerSettings {
            working_directory: directory.path().to_owned(),
            ..settings
        };
        let runner = Listing {
            base: RunnerBase::new(&DEFINITION, settings).unwrap(),
            own,
        };
        let mut warnings = Vec::new();
        let found = discover(&runner, &mut |warning| warnings.push(warning));
        let found = found.map_or_else(|error| error.to_string(), |files| files.join(" "));
        (found, warnings)
    }

    #[rstest]
    // The runner decides.
    #[case(Some("check_c.py b/test_b.py"), "b/test_b.py check_c.py", 0)]
    // It cannot, or fails to.
    #[case(None, "b/test_b.py test_a.py", 0)]
    #[case(Some(""), "b/test_b.py test_a.py", 1)]
    #[case(Some("-"), "b/test_b.py test_a.py", 1)]
    fn the_runner_is_asked_without_a_pattern(
        #[case] own: Option<&'static str>,
        #[case] expected: &str,
        #[case] warnings: usize,
    ) {
        let (found, seen) = found(settings(None, None), own);
        assert_eq!(
            (found.as_str(), seen.len()),
            (expected, warnings),
            "{seen:?}"
        );
    }

    #[test]
    fn a_pattern_wins_over_the_runner() {
        let settings = RunnerSettings {
            file_pattern: Some("**/test_b.py".to_owned()),
            ..settings(None, None)
        };
        let (found, warnings) = found(settings, Some("check_c.py b/test_b.py"));
        assert_eq!((found.as_str(), warnings.len()), ("b/test_b.py", 0));
    }

    #[rstest]
    #[case(None, "check_c.py b/test_b.py x/y.py", "check_c.py, x/y.py")]
    #[case(Some("x"), "check_c.py b/test_b.py x/y.py", "check_c.py")]
    #[case(Some("{x,check_c.py}"), "check_c.py x/y.py", "")]
    #[case(None, "b/test_b.py", "")]
    fn strict_discovery_rejects_files_that_the_pattern_misses(
        #[case] exclude: Option<&str>,
        #[case] own: &'static str,
        #[case] missed: &str,
    ) {
        let settings = RunnerSettings {
            file_pattern: Some("**/test_*.py".to_owned()),
            file_exclude_pattern: exclude.map(str::to_owned),
            strict_discovery: true,
            ..settings(None, None)
        };
        let (found, _) = found(settings, Some(own));
        let expected = if missed.is_empty() {
            "b/test_b.py test_a.py".to_owned()
        } else {
            format!(
                "pytest takes tests from files that the pattern \"**/test_*.py\" misses: {missed}\n\
                 hint: extend the pattern, or exclude them with --test-file-exclude-pattern or \
                 BUILDKITE_TEST_ENGINE_TEST_FILE_EXCLUDE_PATTERN"
            )
        };
        assert_eq!(found, expected);
    }

    #[rstest]
    #[case(None)]
    #[case(Some("**/test_*.py"))]
    fn strict_discovery_fails_if_the_runner_cannot_list_its_files(#[case] pattern: Option<&str>) {
        let settings = RunnerSettings {
            file_pattern: pattern.map(str::to_owned),
            strict_discovery: true,
            ..settings(None, None)
        };
        let (found, warnings) = found(settings, Some(""));
        assert_eq!(
            (found.as_str(), warnings.len()),
            ("x cannot split files by example", 0)
        );
    }

    #[test]
    fn strict_discovery_needs_a_runner_that_lists_its_files() {
        let settings = RunnerSettings {
            strict_discovery: true,
            ..settings(None, None)
        };
        let (found, warnings) = found(settings, None);
        assert_eq!(found, "b/test_b.py test_a.py");
        assert!(
            warnings[0].starts_with("--strict-discovery has no effect"),
            "{warnings:?}"
        );
    }
}
