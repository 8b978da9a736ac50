//! `bktec summary`: what failed in a build and whose failures they are, as the server says it.

use crate::commands::CommandError;
use crate::commands::summary_file::append_summary;
use crate::exit_code;
use crate::server_api::{Client, SuiteAccess, Transport};
use crate::settings::SummarySettings;
use crate::terminal::Terminal;

/// Writes nothing if nothing failed the build.
pub(super) fn summary(
    settings: &SummarySettings,
    suite: &SuiteAccess,
    terminal: &Terminal,
) -> Result<u8, CommandError> {
    let client = Client::new(suite, &Transport::new(), terminal);
    let Some(run) = client.latest_run(&settings.build_id)? else {
        terminal.warning(&format!(
            "the server has no results of build {:?}",
            settings.build_id
        ));
        return Ok(exit_code::SUCCESS);
    };
    let text = client.run_summary(&run)?;
    match &settings.summary_file {
        Some(path) => append_summary(path, &text)?,
        None => terminal
            .data(text.as_bytes())
            .map_err(|source| CommandError::Output {
                what: "the summary to stdout".to_owned(),
                source,
            })?,
    }
    Ok(exit_code::SUCCESS)
}
