//! The options of `doctor`: those of `run`, which it checks, and how to print the checks.

use clap::Args;

use super::args::RunArgs;
use super::option::Opt;

#[derive(Args, Clone, Debug)]
pub struct DoctorArgs {
    /// Print the checks as JSON
    #[arg(long)]
    pub json: Opt<bool>,
    #[command(flatten)]
    pub run: RunArgs,
}
