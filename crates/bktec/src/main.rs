//! The `bktec` program; see `commands::main`.

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(bktec::main(std::env::args_os()))
}
