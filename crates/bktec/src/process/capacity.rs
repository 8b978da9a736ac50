//! The maximum length of a command line on this system.
//!
//! The system limits the length of all words together, including the environment, and of each word.
//! Launchers such as `npx` add a third limit: they join the words into one for a shell. `attempts`
//! splits command lines that are too long.

use super::{CommandLine, ExecutionEnv, quoted};

/// 32 pages on Linux.
const MAX_WORD_BYTES: usize = 128 * 1024;
/// Linux limits words and environment to a quarter of the stack, but to no more than this.
const MAX_TOTAL_BYTES: usize = 6 * 1024 * 1024;
/// The lowest limit on Linux. Other systems allow at least as much.
const MIN_TOTAL_BYTES: usize = 128 * 1024;
/// The kernel stores a pointer for each word.
const POINTER: usize = size_of::<usize>();
/// Reserved for what the program adds when it starts another.
const RESERVE: usize = 32 * 1024;
/// Reserved in each word for the path of the program and a variable name that a launcher adds.
const WORD_RESERVE: usize = 8 * 1024;

/// Programs that join all words into one and pass it to a shell.
const SHELL_LAUNCHERS: [&str; 8] = [
    "npx", "npm", "yarn", "yarnpkg", "pnpm", "pnpx", "bun", "bunx",
];

/// The maximum length of a command line, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capacity {
    /// Of all words together, including a pointer for each.
    pub words: usize,
    /// Of a single word.
    pub word: usize,
}

impl Capacity {
    /// Of this system, for children with this environment.
    pub fn of_system(execution_env: &ExecutionEnv) -> Self {
        let variables = std::env::vars_os().chain(execution_env.environment.iter().cloned());
        let environment: usize = variables
            .map(|(name, value)| name.len() + value.len() + 2 + POINTER)
            .sum();
        Self {
            words: max_total_bytes()
                .saturating_sub(environment + RESERVE)
                .max(MIN_TOTAL_BYTES / 4),
            word: MAX_WORD_BYTES - WORD_RESERVE,
        }
    }

    /// The minimum number of parts to split this command line into; 1 if it fits.
    pub fn parts(&self, command: &CommandLine) -> usize {
        let all: usize = command.words().map(|word| word.len() + 1 + POINTER).sum();
        let longest = command.words().map(str::len).max().unwrap_or(0);
        let joined: usize = if passes_through_shell(&command.program) {
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

/// Whether this program joins its words and passes them to a shell.
pub(crate) fn passes_through_shell(program: &str) -> bool {
    let name = program.rsplit('/').next().unwrap_or(program);
    SHELL_LAUNCHERS.contains(&name)
}

#[cfg(target_os = "linux")]
fn max_total_bytes() -> usize {
    let stack = rustix::process::getrlimit(rustix::process::Resource::Stack).current;
    let quarter = stack.map_or(MAX_TOTAL_BYTES, |bytes| {
        usize::try_from(bytes / 4).unwrap_or(MAX_TOTAL_BYTES)
    });
    quarter.clamp(MIN_TOTAL_BYTES, MAX_TOTAL_BYTES)
}

/// 1 MiB on macOS; other systems allow at least 256 KiB.
#[cfg(not(target_os = "linux"))]
fn max_total_bytes() -> usize {
    if cfg!(target_os = "macos") {
        1024 * 1024
    } else {
        2 * MIN_TOTAL_BYTES
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
    // Three words of 20 bytes, each with a pointer.
    #[case("pytest", &["aaaaaaaaaaaaaaaaaaaa"; 3], 2)]
    #[case("cypress", &["aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"], 2)]
    // Joined for a shell, these are 45 bytes.
    #[case("npx", &["aaaaaaaaaaaaaaaaaaaa"; 2], 2)]
    #[case("/usr/bin/npx", &["aaaaaaaaaaaaaaaaaaaa"; 2], 2)]
    #[case("jest", &["aaaaaaaaaaaaaaaaaaaa"; 2], 1)]
    fn counts_the_parts_of_a_command(
        #[case] program: &str,
        #[case] words: &[&str],
        #[case] parts: usize,
    ) {
        let command = CommandLine::new(program, words.iter().map(|&word| word.to_owned()));
        assert_eq!(SMALL.parts(&command), parts);
    }

    /// Checks the constants above against the system.
    #[test]
    fn the_system_accepts_commands_that_fit() {
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
