//! `bktec completions` and `bktec man`: texts made of the same table that help is made of.

use std::io;

use clap::Command;
use clap_complete::Shell;

use crate::commands::CommandError;
use crate::exit_code;
use crate::terminal::Terminal;

/// The completion script of a shell. Preview options are there when they are.
pub(super) fn completions(shell: Shell, mut command: Command) -> Vec<u8> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command, "bktec", &mut script);
    script
}

/// The manual: a page for the program, then one for each command, as `man` reads them.
pub(super) fn manual(command: Command) -> io::Result<Vec<u8>> {
    let mut command = command.disable_help_subcommand(true);
    // Gives the commands their whole names.
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

/// Writes such a text to stdout.
pub(super) fn print(text: io::Result<Vec<u8>>, terminal: &Terminal) -> Result<u8, CommandError> {
    text.and_then(|text| terminal.data(&text))
        .map_err(|source| CommandError::Output {
            what: "to stdout".to_owned(),
            source,
        })?;
    Ok(exit_code::SUCCESS)
}
