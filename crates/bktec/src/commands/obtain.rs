//! Gets the build's plan from the server, or the reason to work without it.
//!
//! Whoever asks first has it made; everybody else gets that same plan.

use super::request::{self, RequestError, Sizing};
use crate::commands::CommandError;
use crate::runners::Runner;
use crate::server_api::{ApiError, Client, PlanAnswer, Reason};
use crate::settings::CommonSettings;
use crate::terminal::Terminal;

/// What came of asking.
#[derive(Debug)]
pub(super) enum Obtained {
    /// A plan.
    Plan(Box<PlanAnswer>),
    /// None, and the work can go on. The text says why, for a warning.
    Without(String),
}

/// The plan of this name if there is one already, else a new one.
pub(super) fn fetch_or_create(
    settings: &CommonSettings,
    runner: &dyn Runner,
    targets: &[String],
    client: &Client<'_>,
    terminal: &Terminal,
) -> Result<Obtained, CommandError> {
    match client.fetch_plan(&settings.identifier, settings.build.job_retry_count) {
        Ok(Some(answer)) => Ok(Obtained::Plan(Box::new(answer))),
        Ok(None) => {
            terminal.debug(|| format!("there is no plan {:?} yet", settings.identifier));
            if settings.build.job_retry_count > 0 {
                // A new plan deals the tests out anew, and the other nodes ran shares of the old one.
                terminal.warning(&format!(
                    "This job is a retry, but the server has no plan {:?} any more, so a new one is \
                     made. If not all nodes of the build are retried, tests may run twice or not at \
                     all: then start the whole build anew.",
                    settings.identifier
                ));
            }
            create(
                settings,
                runner,
                targets,
                Sizing::default(),
                client,
                terminal,
            )
        }
        Err(error) => without(error),
    }
}

/// A new plan, or the one that another node was faster to ask for.
pub(super) fn create(
    settings: &CommonSettings,
    runner: &dyn Runner,
    targets: &[String],
    sizing: Sizing,
    client: &Client<'_>,
    terminal: &Terminal,
) -> Result<Obtained, CommandError> {
    let request = request::plan_request(settings, runner, targets, sizing, client, terminal);
    let created = request.and_then(|request| Ok(client.create_plan(&request)?));
    match created {
        Ok(answer) => Ok(Obtained::Plan(Box::new(answer))),
        Err(RequestError::Api(error)) => without(error),
        Err(RequestError::Runner(source)) => Err(CommandError::Runner {
            doing: "list the examples of test files",
            source,
        }),
    }
}

fn without(error: ApiError) -> Result<Obtained, CommandError> {
    let Some(reason) = error.reason_to_go_without() else {
        return Err(error.into());
    };
    let mixed = match reason {
        // The other reasons hold for every node; this one may hold for some only.
        Reason::BudgetSpent => {
            " If other nodes of this build did get a plan, tests may run twice or not at all: \
             then retry the build."
        }
        Reason::Billing | Reason::NotFound | Reason::Unavailable => "",
    };
    Ok(Obtained::Without(format!("{error}.{mixed}")))
}
