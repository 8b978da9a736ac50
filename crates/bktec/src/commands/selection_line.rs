//! The line about test selection that `run` and `plan` print after the split summary.

use test_engine_wire::Plan;

use crate::settings::CommonSettings;
use crate::split_summary::with_commas;
use crate::terminal::Terminal;

/// Prints nothing if neither this command nor the one that made the plan asked for a selection.
pub(super) fn print_selection(settings: &CommonSettings, plan: &Plan, terminal: &Terminal) {
    if let Some(selection) = &plan.selection {
        terminal.line(&selection.summary(with_commas));
        if !selection.url.is_empty() {
            terminal.line(&selection.url);
        }
        for warning in &selection.warnings {
            terminal.warning(&format!("Test selection: {warning}"));
        }
    } else if settings.selection.is_some() && !settings.engine.is_hosted() {
        // An older server, or a plan of a node without the option.
        terminal.line("All tests run: the plan was made without test selection.");
    }
}
