//! Finds the program of a runner in a command: by itself, or behind a launcher such as `npx`,
//! `bundle exec` or `python -m`. Pure.
//!
//! An option that is added to a command must reach the runner. A launcher is listed only if it
//! passes everything after the program on to it, unlike `npm run`, `make` and `sh -c`. An option
//! of a launcher that is not known may have a value, so nothing is found after it.

/// A program that runs another one with the arguments that follow.
struct Launcher {
    names: &'static [&'static str],
    /// One of these must follow, unless it is empty.
    subcommands: &'static [&'static str],
    /// Options without a value, and option letters that can be combined, as in `-bI`.
    flags: &'static [&'static str],
    letters: &'static str,
    /// Options with a value in the next word.
    valued: &'static [&'static str],
    runs: Runs,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Runs {
    Program,
    /// After assignments, as in `env A=b pytest`.
    ProgramAfterAssignments,
    /// A Python module, after `-m`.
    Module,
    /// Either.
    ProgramOrModule,
}

const DEFAULT: Launcher = Launcher {
    names: &[],
    subcommands: &[],
    flags: &[],
    letters: "",
    valued: &[],
    runs: Runs::Program,
};

const LAUNCHERS: &[Launcher] = &[
    Launcher {
        names: &["env"],
        runs: Runs::ProgramAfterAssignments,
        ..DEFAULT
    },
    Launcher {
        names: &["npx"],
        flags: &[
            "--yes",
            "-y",
            "--no",
            "--no-install",
            "--quiet",
            "-q",
            "--prefer-offline",
        ],
        ..DEFAULT
    },
    Launcher {
        names: &["pnpm", "yarn"],
        subcommands: &["exec"],
        ..DEFAULT
    },
    Launcher {
        names: &["bundle"],
        subcommands: &["exec"],
        flags: &["--keep-file-descriptors"],
        ..DEFAULT
    },
    Launcher {
        names: &["node", "nodejs"],
        flags: &[
            "--enable-source-maps",
            "--experimental-strip-types",
            "--experimental-vm-modules",
            "--expose-gc",
            "--no-deprecation",
            "--no-warnings",
            "--trace-deprecation",
            "--trace-warnings",
        ],
        valued: &["-r", "--require", "--import", "--loader"],
        ..DEFAULT
    },
    Launcher {
        names: &["uv"],
        subcommands: &["run"],
        flags: &[
            "--active",
            "--all-extras",
            "--all-groups",
            "--all-packages",
            "--dev",
            "--exact",
            "--frozen",
            "--isolated",
            "--locked",
            "--no-dev",
            "--no-project",
            "--no-sync",
            "--offline",
            "--quiet",
            "-q",
            "-n",
        ],
        valued: &[
            "--directory",
            "--env-file",
            "--extra",
            "--group",
            "--only-group",
            "--package",
            "--project",
            "--python",
            "-p",
            "--with",
            "--with-editable",
            "--with-requirements",
        ],
        runs: Runs::ProgramOrModule,
        ..DEFAULT
    },
    Launcher {
        names: &["poetry", "pipenv", "pdm", "hatch", "rye"],
        subcommands: &["run"],
        ..DEFAULT
    },
    Launcher {
        names: &["coverage"],
        subcommands: &["run"],
        flags: &[
            "--append",
            "--branch",
            "--parallel-mode",
            "--pylib",
            "--timid",
        ],
        letters: "aLp",
        valued: &[
            "--concurrency",
            "--context",
            "--data-file",
            "--include",
            "--omit",
            "--rcfile",
            "--source",
        ],
        runs: Runs::Module,
    },
];

const PYTHON: Launcher = Launcher {
    letters: "bBdEiIOPqRsSuv",
    valued: &["-W", "-X"],
    runs: Runs::Module,
    ..DEFAULT
};

/// The index of the word that is the program or module, by its name without a directory.
pub(crate) fn program_index<W: AsRef<str>>(words: &[W], programs: &[&str]) -> Option<usize> {
    let mut at = 0;
    loop {
        let name = base_name(words.get(at)?.as_ref());
        if programs.contains(&name) {
            return Some(at);
        }
        let launcher = launcher(name)?;
        let start = at + 1 + launcher.subcommand(&words[at + 1..])?;
        let skipped = launcher.options(&words[start..])?;
        at = start + skipped;
        if launcher.runs != Runs::Program && words.get(at)?.as_ref() == "-m" {
            let module = words.get(at + 1)?.as_ref();
            // `coverage run -m pytest` may itself be run as a module.
            at += 1;
            if programs.contains(&module) {
                return Some(at);
            }
        } else if launcher.runs == Runs::Module {
            return None;
        }
    }
}

fn launcher(name: &str) -> Option<&'static Launcher> {
    let is_python = is_versioned(name, "python") || is_versioned(name, "pypy");
    if is_python {
        return Some(&PYTHON);
    }
    LAUNCHERS
        .iter()
        .find(|launcher| launcher.names.contains(&name))
}

/// `python`, `python3` or `python3.12`.
fn is_versioned(name: &str, program: &str) -> bool {
    name.strip_prefix(program)
        .is_some_and(|version| version.chars().all(|c| c.is_ascii_digit() || c == '.'))
}

impl Launcher {
    /// The number of words of the subcommand.
    fn subcommand<W: AsRef<str>>(&self, words: &[W]) -> Option<usize> {
        if self.subcommands.is_empty() {
            return Some(0);
        }
        self.subcommands
            .contains(&words.first()?.as_ref())
            .then_some(1)
    }

    /// The number of words before the program, or before `-m`.
    fn options<W: AsRef<str>>(&self, words: &[W]) -> Option<usize> {
        let mut at = 0;
        while let Some(word) = words.get(at).map(AsRef::as_ref) {
            if word == "-m" && matches!(self.runs, Runs::Module | Runs::ProgramOrModule) {
                break;
            }
            let is_assignment = self.runs == Runs::ProgramAfterAssignments && word.contains('=');
            at += match word.strip_prefix('-') {
                None if is_assignment => 1,
                None => break,
                Some("-") => return Some(at + 1),
                Some(_) if self.valued.contains(&word) => 2,
                Some(_) if self.flags.contains(&word) => 1,
                // Such as `--source=app` and `-Wdefault`.
                Some(option)
                    if option.starts_with('-') && option.contains('=')
                        || self.valued.iter().any(|name| is_attached(word, name)) =>
                {
                    1
                }
                Some(letters) if letters.chars().all(|letter| self.letters.contains(letter)) => 1,
                Some(_) => return None,
            };
        }
        Some(at)
    }
}

/// A value attached to a short option.
fn is_attached(word: &str, option: &str) -> bool {
    option.len() == 2 && word.len() > 2 && word.starts_with(option)
}

/// Whether the command runs one of these programs and nothing else, so that both end together: by
/// itself, behind a launcher, or as the only command of a shell.
pub(super) fn runs_only<W: AsRef<str>>(words: &[W], programs: &[&str]) -> bool {
    if program_index(words, programs).is_some() {
        return true;
    }
    let [shell, option, script, ..] = words else {
        return false;
    };
    let runs_script = option.as_ref().starts_with('-') && option.as_ref().ends_with('c');
    is_shell(shell.as_ref())
        && runs_script
        && single_command(script.as_ref())
            .is_some_and(|words| program_index(&words, programs).is_some())
}

/// The words of a script that is one command, which may have redirections.
fn single_command(script: &str) -> Option<Vec<String>> {
    let script = script.replace(">&", ">").replace("&>", ">");
    if script.contains([';', '&', '|', '\n']) {
        return None;
    }
    let mut words = shell_words::split(&script).ok()?;
    if words.first().is_some_and(|word| word == "exec") {
        words.remove(0);
    }
    Some(words)
}

pub(super) fn is_shell(word: &str) -> bool {
    let name = base_name(word);
    matches!(name, "sh" | "bash" | "dash" | "zsh" | "ksh" | "ash")
}

pub(super) fn base_name(word: &str) -> &str {
    word.rsplit('/').next().unwrap_or(word)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("pytest tests", Some(0))]
    #[case(".venv/bin/py.test", Some(0))]
    #[case("python -m pytest", Some(2))]
    #[case("/usr/bin/python3.12 -X dev -Wdefault -bIm pytest", None)]
    #[case("/usr/bin/python3.12 -X dev -Wdefault -bI -m pytest", Some(6))]
    #[case("pypy3 -m pytest", Some(2))]
    #[case("uv run pytest", Some(2))]
    #[case("uv run --frozen --with pytest-xdist -- pytest", Some(6))]
    #[case("uv run -m pytest", Some(3))]
    #[case("uv run python -m pytest", Some(4))]
    #[case("poetry run python -m pytest -q", Some(4))]
    #[case("coverage run --source app -p -m pytest", Some(6))]
    #[case("python -m coverage run -m pytest", Some(5))]
    #[case("env A=b C= pytest", Some(3))]
    // Not found, because the words after it may not reach it.
    #[case("make pytest", None)]
    #[case("npm run pytest", None)]
    #[case("sh -c 'pytest'", None)]
    #[case("env -i pytest", None)]
    #[case("python run.py pytest", None)]
    #[case("python -c pytest", None)]
    #[case("uv run --unknown pytest", None)]
    #[case("uv pip pytest", None)]
    #[case("docker compose run app pytest", None)]
    #[case("coverage run script.py -m pytest", None)]
    #[case("uv run", None)]
    #[case("python -m", None)]
    fn pytest_is_found(#[case] command: &str, #[case] expected: Option<usize>) {
        let words = shell_words::split(command).unwrap();
        assert_eq!(program_index(&words, &["pytest", "py.test"]), expected);
    }

    #[rstest]
    #[case("npx jest", Some(1))]
    #[case("npx --yes jest", Some(2))]
    #[case("npx --package jest jest", None)]
    #[case("yarn jest", None)]
    #[case("yarn exec jest", Some(2))]
    #[case("pnpm exec jest", Some(2))]
    #[case("node --experimental-vm-modules node_modules/.bin/jest", Some(2))]
    #[case("bundle exec jest", Some(2))]
    #[case("node_modules/.bin/jest", Some(0))]
    fn jest_is_found(#[case] command: &str, #[case] expected: Option<usize>) {
        let words = shell_words::split(command).unwrap();
        assert_eq!(program_index(&words, &["jest"]), expected);
    }

    #[rstest]
    #[case("bats a.bats", true)]
    #[case("npx bats a.bats", true)]
    #[case("sh -c 'bats --formatter junit a.bats > out.xml'", true)]
    #[case("bash -ec 'exec bats \"$@\" >out.xml 2>&1' -", true)]
    #[case("sh run-bats.sh a.bats", false)]
    #[case("sh -x bats", false)]
    #[case("make bats", false)]
    #[case("sh -c 'for f in a.bats; do bats $f || exit 1; done'", false)]
    #[case("sh -c 'bats a.bats && bats b.bats'", false)]
    #[case("sh -c 'bats a.bats; true'", false)]
    #[case("sh -c 'bats a.bats | tee log'", false)]
    #[case("sh -c 'bats a.bats & wait'", false)]
    #[case("sh -c 'bats a.bats\nbats b.bats'", false)]
    #[case("sh -c 'xargs bats < list'", false)]
    fn bats_is_all_that_runs(#[case] command: &str, #[case] expected: bool) {
        let words = shell_words::split(command).unwrap();
        assert_eq!(runs_only(&words, &["bats"]), expected);
    }
}
