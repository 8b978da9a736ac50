//! Runs targets that the nodes of a build missed, for `bktec verify --run-missing`.

use std::collections::{BTreeSet, HashMap};

use test_engine_wire::{Case, Plan, PlanSource, Population};

use super::event_log::EventLog;
use super::planning::{Share, TargetNames};
use super::{Session, Tokens, population, run_share, share};
use crate::commands::{CommandError, location_prefix, request};
use crate::fallback;
use crate::settings::RunSettings;
use crate::terminal::Terminal;

/// What to run.
#[derive(Debug, Default)]
pub(in crate::commands) struct Missing {
    /// Named as in the plan, without a leading `./`.
    pub targets: BTreeSet<String>,
    /// If not all targets that were missed are known: the targets that need not run again. All
    /// others that this machine discovers run.
    pub discover_except: Option<BTreeSet<String>>,
    /// With muted and skipped tests, if it is known.
    pub plan: Option<Plan>,
    /// The server stores node reports.
    pub takes_reports: bool,
}

/// Runs them as one more node, whose index in `settings` is the number of nodes.
pub(in crate::commands) fn run_missing(
    settings: &RunSettings,
    tokens: &Tokens,
    missing: Missing,
    terminal: &Terminal,
) -> Result<u8, CommandError> {
    let events = EventLog::open(None, terminal)?;
    run_share(settings, tokens, &events, terminal, |session| {
        session.missing_share(missing)
    })
}

impl Session<'_> {
    fn missing_share(&self, missing: Missing) -> Result<Share, CommandError> {
        let mut targets = missing.targets;
        let mut population = Population::default();
        if let Some(except) = &missing.discover_except {
            let all = self.targets();
            let discovered = all.get()?;
            population = population::reported(discovered, None);
            let is_open = |target: &&String| !except.contains(bare(target));
            targets.extend(discovered.iter().filter(is_open).cloned());
        }
        let source = match (&missing.plan, missing.takes_reports) {
            (None, _) => PlanSource::Fallback,
            (Some(_), true) => PlanSource::Server,
            (Some(_), false) => PlanSource::File,
        };
        let plan = missing.plan.unwrap_or_default();
        let (cases, names) = cases(targets, &plan, self.settings)?;
        Ok(Share {
            identifier: self.settings.common.identifier.clone(),
            source,
            cases,
            names,
            muted: plan.muted_tests,
            skipped: plan.skipped_tests,
            population,
            plan_digest: plan.population.map_or_else(String::new, |all| all.digest),
            takes_reports: missing.takes_reports,
        })
    }
}

fn bare(target: &str) -> &str {
    target.strip_prefix("./").unwrap_or(target)
}

/// The cases of the plan, or selectors for targets that it does not have.
fn cases(
    targets: BTreeSet<String>,
    plan: &Plan,
    settings: &RunSettings,
) -> Result<(Vec<Case>, TargetNames), CommandError> {
    let prefix = request::prefix(&settings.common);
    let planned: HashMap<&str, &Case> = plan
        .tasks
        .values()
        .flat_map(|task| &task.tests)
        .map(|case| (bare(case.target()), case))
        .collect();
    let mut names = TargetNames::default();
    let mut cases = Vec::with_capacity(targets.len());
    for target in targets {
        let Some(planned) = planned.get(bare(&target)) else {
            let own = if settings.common.runner.selector_splitting {
                &target
            } else {
                location_prefix::remove(prefix, &target).unwrap_or(&target)
            };
            names.unplanned.insert(own.to_owned());
            cases.push(fallback::case(own.to_owned()));
            continue;
        };
        let case = share::for_runner(planned, prefix)
            .map_err(|error| CommandError::Plan(error.to_string()))?;
        if case.target() != planned.target() {
            let name = planned.target().to_owned();
            names.in_plan.insert(case.target().to_owned(), name);
        }
        cases.push(case);
    }
    Ok((cases, names))
}
