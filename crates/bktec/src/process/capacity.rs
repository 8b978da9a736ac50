//! How much one command line may hold on this system.
//!
//! The system has a limit for all words together, environment included, and one for a single word.
//! Launchers such as `npx` add a third: they join the words into one for a shell. What is done with
//! a command line that is too long is decided in `attempts`.

use super::{CommandLine, ExecutionEnv, quoted};

/// The longest single word of a Linux command line, in bytes: 32 pages.
const LONGEST_WORD: usize = 128 * 1024;
/// Linux lets words and environment have a quarter of the stack, but never more than this.
const MOST_OF_ALL: usize = 6 * 1024 * 1024;
/// And never less than this. Also what other systems are sure to take.
const LEAST_OF_ALL: usize = 128 * 1024;
/// What the kernel keeps beside each word.
const POINTER: usize = size_of::<usize>();
/// Left free for what the program itself adds when it starts the next one.
const RESERVE: usize = 32 * 1024;
/// Left free in a single word: a launcher writes the path of the program and a variable's name.
const WORD_RESERVE: usize = 8 * 1024;

/// Programs that start others through a shell, with all words joined into one.
const JOINING: [&str; 8] = [
    "npx", "npm", "yarn", "yarnpkg", "pnpm", "pnpx", "bun", "bunx",
];

/// What a command line may hold, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capacity {
    /// All words together, with what the kernel keeps beside each.
    pub words: usize,
    /// A single word.
    pub word: usize,
}

impl Capacity {
    /// Of this system, for children that get this environment.
    pub fn of_system(execution_env: &ExecutionEnv) -> Self {
        let variables = std::env::vars_os().chain(execution_env.environment.iter().cloned());
        let environment: usize = variables
            .map(|(name, value)| name.len() + value.len() + 2 + POINTER)
            .sum();
        Self {
            words: most_of_all()
                .saturating_sub(environment + RESERVE)
                .max(LEAST_OF_ALL / 4),
            word: LONGEST_WORD - WORD_RESERVE,
        }
    }

    /// In how many parts, at least, this command line must be run. 1 when it fits as it is.
    pub fn parts(&self, command: &CommandLine) -> usize {
        let all: usize = command.words().map(|word| word.len() + 1 + POINTER).sum();
        let longest = command.words().map(str::len).max().unwrap_or(0);
        let joined: usize = if joins_for_a_shell(&command.program) {
            command.words().map(|word| quoted(word).len() + 1).sum()
        } else {
            0
        };
        all.div_ceil(self.words)
            .max(longest.div_ceil(self.word))
            .max(joined.div_ceil(self.word))
            .max(1)
    }
}

/// Whether this program hands its words to a shell, joined into one.
pub(crate) fn joins_for_a_shell(program: &str) -> bool {
    let name = program.rsplit('/').next().unwrap_or(program);
    JOINING.contains(&name)
}

#[cfg(target_os = "linux")]
fn most_of_all() -> usize {
    let stack = rustix::process::getrlimit(rustix::process::Resource::Stack).current;
    let quarter = stack.map_or(MOST_OF_ALL, |bytes| {
        usize::try_from(bytes / 4).unwrap_or(MOST_OF_ALL)
    });
    quarter.clamp(LEAST_OF_ALL, MOST_OF_ALL)
}

/// Elsewhere 256 KiB are the least that is in use, and macOS takes a mebibyte.
#[cfg(not(target_os = "linux"))]
fn most_of_all() -> usize {
    if cfg!(target_os = "macos") {
        1024 * 1024
    } else {
        2 * LEAST_OF_ALL
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const SMALL: Capacity = Capacity {
        words: 100,
        word: 40,
    };

    #[rstest]
    #[case("pytest", &["a"], 1)]
    // Three words of 20 bytes, with what comes beside each.
    #[case("pytest", &["aaaaaaaaaaaaaaaaaaaa"; 3], 2)]
    #[case("cypress", &["aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"], 2)]
    // As one word of a shell these are 45 bytes.
    #[case("npx", &["aaaaaaaaaaaaaaaaaaaa"; 2], 2)]
    #[case("/usr/bin/npx", &["aaaaaaaaaaaaaaaaaaaa"; 2], 2)]
    #[case("jest", &["aaaaaaaaaaaaaaaaaaaa"; 2], 1)]
    fn the_parts_of_a_command(#[case] program: &str, #[case] words: &[&str], #[case] parts: usize) {
        let command = CommandLine::new(program, words.iter().map(|&word| word.to_owned()));
        assert_eq!(SMALL.parts(&command), parts);
    }

    /// The numbers above are right when the system takes what is said to fit.
    #[test]
    fn the_system_takes_what_fits() {
        let execution_env = ExecutionEnv {
            directory: std::env::temp_dir(),
            environment: Vec::new(),
        };
        let capacity = Capacity::of_system(&execution_env);
        let word = "x".repeat(99);
        let count = capacity.words / (word.len() + 1 + POINTER) - 1;
        let full = CommandLine::new("true", std::iter::repeat_n(word, count));
        assert_eq!(capacity.parts(&full), 1);
        let captured = super::super::capture(&full, &execution_env).unwrap();
        assert!(captured.exit.is_success());
        let long = CommandLine::new("true", ["x".repeat(capacity.word)]);
        assert_eq!(capacity.parts(&long), 1);
        let captured = super::super::capture(&long, &execution_env).unwrap();
        assert!(captured.exit.is_success());
    }
}
