//! `bktec completions` and `bktec man`, generated from the same definitions as the help.

use std::io;

use clap::Command;
use clap_complete::Shell;

use crate::commands::CommandError;
use crate::exit_code;
use crate::terminal::Terminal;

pub(super) fn completions(shell: Shell, mut command: Command) -> Vec<u8> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command, "bktec", &mut script);
    script
}

/// One page for the program, then one for each command, as roff.
pub(super) fn manual(command: Command) -> io::Result<Vec<u8>> {
    let mut command = command.disable_help_subcommand(true);
    // Sets the full names of the subcommands.
    command.build();
    let mut pages = Vec::new();
    page(&command, &mut pages)?;
    for subcommand in command.get_subcommands() {
        if !subcommand.is_hide_set() {
            page(subcommand, &mut pages)?;
        }
    }
    Ok(pages)
}

fn page(command: &Command, pages: &mut Vec<u8>) -> io::Result<()> {
    clap_mangen::Man::new(command.clone())
        .source(concat!("bktec ", env!("CARGO_PKG_VERSION")))
        .manual("Test Engine")
        .render(pages)
}

pub(super) fn print(text: io::Result<Vec<u8>>, terminal: &Terminal) -> Result<u8, CommandError> {
    text.and_then(|text| terminal.data(&text))
        .map_err(|source| CommandError::Output {
            what: "to stdout".to_owned(),
            source,
        })?;
    Ok(exit_code::SUCCESS)
}
