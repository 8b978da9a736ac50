//! Obtains the build's plan from the server, or the reason to continue without one.
//!
//! The first node to request a plan creates it; every other node gets the same one.

use super::request::{self, PlanInputs, RequestError};
use crate::commands::CommandError;
use crate::server_api::{ApiError, PlanResponse, Reason};

#[derive(Debug)]
pub(super) enum Obtained {
    Plan(Box<PlanResponse>),
    /// There is no plan, but the command can continue. The text is the reason, for a warning.
    Unavailable(String),
}

/// Fetches the plan, or creates it if it does not exist yet.
pub(super) fn fetch_or_create(inputs: &PlanInputs<'_>) -> Result<Obtained, CommandError> {
    let PlanInputs {
        settings,
        client,
        terminal,
        ..
    } = *inputs;
    let job_retry_count = settings.build.job_retry_count;
    match client.fetch_plan(&settings.identifier, job_retry_count) {
        Ok(Some(response)) => return Ok(Obtained::Plan(Box::new(response))),
        Ok(None) => {}
        Err(error) => return unavailable(error),
    }
    terminal.debug(|| format!("plan {:?} does not exist yet", settings.identifier));
    if job_retry_count > 0 {
        // A new plan distributes the tests differently, and the other nodes ran the old one.
        terminal.warning(&format!(
            "This job is a retry, but the server no longer has the plan {:?}, so a new one is \
             created. Unless all nodes of the build are retried, tests may run twice or not at \
             all; in that case, restart the build.",
            settings.identifier
        ));
    }
    create(inputs)
}

/// Creates the plan; if another node was faster, this is that node's plan.
pub(super) fn create(inputs: &PlanInputs<'_>) -> Result<Obtained, CommandError> {
    let created = request::plan_request(inputs)
        .and_then(|request| Ok(inputs.client.create_plan(&request)?));
    match created {
        Ok(response) => Ok(Obtained::Plan(Box::new(response))),
        Err(RequestError::Api(error)) => unavailable(error),
        Err(RequestError::Runner(source)) => Err(CommandError::Runner {
            doing: "list the examples of test files",
            source,
        }),
    }
}

fn unavailable(error: ApiError) -> Result<Obtained, CommandError> {
    let Some(reason) = error.reason_to_continue() else {
        return Err(error.into());
    };
    let partial = match reason {
        // The other reasons apply to every node; this one may apply to some only.
        Reason::BudgetSpent => {
            " If other nodes of this build did get a plan, tests may run twice or not at all; \
             in that case, retry the build."
        }
        Reason::Billing | Reason::NotFound | Reason::Unprocessable => "",
    };
    Ok(Obtained::Unavailable(format!("{error}.{partial}")))
}
