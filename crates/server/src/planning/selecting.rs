//! Leaves out the cases that a selection does not run.

use std::sync::Arc;

use test_engine_duration::Micros;
use test_engine_planner::Estimate;
use test_engine_selection::Settings;
use test_engine_store::{Suite, Timestamp};
use test_engine_wire::{Case, PlanRequest};

use super::timings::Forecast;
use super::{Planner, bare, build};
use crate::selection::{Decided, ItemHistory, SelectionError, SelectionRequest};

/// Cases with what their history says of them, in the same order.
pub(super) struct Estimated {
    pub(super) cases: Vec<Case>,
    pub(super) forecasts: Vec<Forecast>,
}

/// The selection that a request asks for. Takes its metadata out of the request.
pub(super) fn request(request: &mut PlanRequest) -> Option<SelectionRequest> {
    let selection = request.selection.take()?;
    // Invalid ones were rejected.
    let settings = Settings::parse(&selection.strategy, &selection.params).ok()?;
    Some(SelectionRequest {
        settings,
        strategy: selection.strategy,
        params: selection.params,
        identifier: request.identifier.clone(),
        branch: bare(&request.branch).to_owned(),
        runner: request.runner.clone(),
        location_prefix: request.location_prefix.clone(),
        metadata: request.metadata.take(),
    })
}

impl Planner {
    /// The cases that run, and the decision about them.
    pub(super) async fn select(
        &self,
        suite: &Suite,
        request: SelectionRequest,
        estimated: Estimated,
        now: Timestamp,
    ) -> Result<(Estimated, Decided), SelectionError> {
        let Estimated { cases, forecasts } = estimated;
        let estimates: Vec<Option<Estimate>> = forecasts.iter().map(|it| it.estimate).collect();
        let durations: Vec<Micros> = build::durations(&cases, &estimates);
        let histories = forecasts.iter().zip(durations);
        let histories = histories.map(|(forecast, duration)| ItemHistory {
            duration,
            last_run: forecast.last_run,
            last_run_on_branch: forecast.last_run_on_branch,
        });
        let (histories, cases) = (histories.collect(), Arc::new(cases));
        let decided = self
            .selections
            .decide(suite, request, Arc::clone(&cases), histories, now)
            .await?;
        let mut estimated = Estimated {
            cases: Arc::unwrap_or_clone(cases),
            forecasts,
        };
        if let Some(runs) = &decided.runs {
            let mut each = runs.iter().copied();
            estimated.cases.retain(|_| each.next().unwrap_or(true));
            let mut each = runs.iter().copied();
            estimated.forecasts.retain(|_| each.next().unwrap_or(true));
        }
        Ok((estimated, decided))
    }
}
