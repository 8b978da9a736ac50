//! `bktec explain`: what a selection decided about a plan or about some of its items, and why.
//!
//! The text goes to stdout, one item after the other, so that it can be searched.

mod text;

use crate::commands::CommandError;
use crate::exit_code;
use crate::server_api::{Client, SuiteAccess, Transport};
use crate::settings::ExplainSettings;
use crate::terminal::Terminal;

/// Fails if the plan has no decision.
pub(super) fn explain(
    settings: &ExplainSettings,
    suite: &SuiteAccess,
    terminal: &Terminal,
) -> Result<u8, CommandError> {
    let client = Client::new(suite, &Transport::new(), terminal);
    let identifier = &settings.identifier;
    let decision = if settings.left_out {
        client.left_out_of(identifier)?
    } else if settings.items.is_empty() {
        client.decision_of(identifier)?
    } else {
        client.selection_of(identifier, &settings.items)?
    };
    let Some(decision) = decision else {
        return Err(CommandError::NoDecision(identifier.clone()));
    };
    let text = if settings.left_out {
        terminal.line(&text::headline(&decision));
        text::left_out(&decision)
    } else if settings.items.is_empty() {
        text::decision(&decision)
    } else {
        if decision.items.is_empty() && decision.unknown_items.is_empty() {
            terminal.line(&text::headline(&decision));
            terminal.warning("The server has no values of single items of this plan");
        }
        for item in &decision.unknown_items {
            terminal.warning(&format!("{item:?} is not an item of the plan request"));
        }
        text::items(&decision)
    };
    terminal
        .data(text.as_bytes())
        .map_err(|source| CommandError::Output {
            what: "the explanation to stdout".to_owned(),
            source,
        })?;
    Ok(exit_code::SUCCESS)
}
