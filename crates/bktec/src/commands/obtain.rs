//! Obtains the build's plan from the server, or the reason to continue without one.
//!
//! The first node to request a plan creates it; every other node gets the same one.

use super::request::{self, PlanInputs, RequestError};
use crate::commands::CommandError;
use crate::server_api::{ApiError, PlanResponse, Reason};

#[derive(Debug)]
pub(super) enum Obtained {
    Plan(Box<PlanResponse>),
    Unavailable(NoPlan),
}

/// Why there is no plan, although the command can continue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct NoPlan {
    /// A sentence.
    pub reason: String,
    /// What to check, if the reason is a wrong setting.
    pub hint: Option<String>,
    pub extent: Extent,
}

/// Which nodes of the build have no plan for this reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Extent {
    /// Every node and every retry, so that all split the tests alike.
    EveryNode,
    /// This one; others may have a plan.
    ThisNode,
}

impl NoPlan {
    /// The reason and its risk for a build whose nodes split the tests themselves.
    pub(super) fn warning(&self) -> String {
        let risk = match self.extent {
            Extent::EveryNode => "",
            Extent::ThisNode => {
                " If other nodes of this build did get a plan, tests may run twice or not at all; \
                 in that case, retry the build."
            }
        };
        format!("{}{risk}", self.reason)
    }

    /// The end of a warning: the hint on a line of its own.
    pub(super) fn hint_line(&self) -> String {
        let hint = self.hint.as_ref();
        hint.map_or_else(String::new, |hint| format!("\nhint: {hint}"))
    }
}

/// Fetches the plan, or creates it if it does not exist yet.
pub(super) fn fetch_or_create(inputs: &PlanInputs<'_>) -> Result<Obtained, CommandError> {
    let PlanInputs {
        settings,
        client,
        terminal,
        ..
    } = *inputs;
    let build = &settings.build;
    match client.fetch_plan(&settings.identifier, build.job_retry_count) {
        Ok(Some(response)) => return Ok(Obtained::Plan(Box::new(response))),
        Ok(None) => {}
        Err(error) => return unavailable(error),
    }
    terminal.debug(|| format!("plan {:?} does not exist yet", settings.identifier));
    // A new plan would divide the tests differently, and the other nodes ran the old one.
    let divides_tests = build.parallelism > 1 && !settings.runner.definition.chooses_tests;
    if build.job_retry_count > 0 && divides_tests {
        return Ok(Obtained::Unavailable(NoPlan {
            reason: format!(
                "This job is a retry, but the server no longer has the plan {:?}.",
                settings.identifier
            ),
            hint: None,
            extent: Extent::ThisNode,
        }));
    }
    create(inputs)
}

/// Creates the plan; if another node was faster, this is that node's plan.
pub(super) fn create(inputs: &PlanInputs<'_>) -> Result<Obtained, CommandError> {
    let targets = inputs.targets.get()?;
    let created = request::plan_request(inputs, targets)
        .and_then(|request| Ok(request::create(inputs, request)?));
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
    Ok(Obtained::Unavailable(NoPlan {
        reason: format!("{error}."),
        hint: error.hint().map(str::to_owned),
        extent: match reason {
            // Another try, or another node, may get through.
            Reason::BudgetSpent | Reason::WrongScheme => Extent::ThisNode,
            Reason::Billing | Reason::NotFound | Reason::Unprocessable => Extent::EveryNode,
        },
    }))
}
