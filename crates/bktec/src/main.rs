//! The `bktec` program: hands the process's arguments to the library and exits with its answer.
//!
//! Nothing is decided here; see `commands::main`.

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(bktec::main(std::env::args_os()))
}
