//! The `test-engine` program: everything is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    test_engine::cli::main()
}
