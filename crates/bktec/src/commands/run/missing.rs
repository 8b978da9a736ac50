//! Runs targets that the nodes of a build missed, for `bktec verify --run-missing`.

use std::collections::{BTreeSet, HashMap, HashSet};

use test_engine_wire::{
    Case, CaseFormat, Plan, PlanSource, Population, file_of_target, without_dot_slash,
};

use super::event_log::EventLog;
use super::planning::{Share, TargetNames};
use super::{Session, Tokens, run_share, share};
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
            population = test_engine_accounting::population(discovered.iter().map(String::as_str));
            let split = split_files(missing.plan.as_ref(), self.settings);
            let prefix = request::name_prefix(&self.settings.common);
            for target in discovered {
                let name = location_prefix::add(prefix, target);
                if !except.contains(without_dot_slash(&name))
                    && !split.contains(without_dot_slash(target))
                {
                    targets.insert(without_dot_slash(&name).to_owned());
                }
            }
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
            no_plan: None,
            takes_reports: missing.takes_reports,
            takes_metadata_in_reports: false,
        })
    }
}

/// The files that the plan holds as examples, each of which is a target of its own.
fn split_files<'p>(plan: Option<&'p Plan>, settings: &RunSettings) -> HashSet<&'p str> {
    let prefix = request::prefix(&settings.common);
    let cases = plan.into_iter().flat_map(|plan| plan.tasks.values());
    let cases = cases.flat_map(|task| &task.tests);
    let examples =
        cases.filter(|case| matches!(case.format, CaseFormat::Example | CaseFormat::Test));
    let files = examples.map(|case| {
        let path = location_prefix::remove(prefix, case.target()).unwrap_or(case.target());
        without_dot_slash(file_of_target(path))
    });
    files.collect()
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
        .map(|case| (without_dot_slash(case.target()), case))
        .collect();
    let mut names = TargetNames::default();
    let mut cases = Vec::with_capacity(targets.len());
    for target in targets {
        let Some(planned) = planned.get(without_dot_slash(&target)) else {
            let name_prefix = request::name_prefix(&settings.common);
            let own = location_prefix::remove(name_prefix, &target).unwrap_or(&target);
            names.unplanned.insert(own.to_owned());
            cases.push(fallback::case(own.to_owned()));
            continue;
        };
        let case = share::for_runner(planned, prefix)
            .map_err(|error| CommandError::Plan(error.to_string()))?;
        let name = planned.target().to_owned();
        names.in_plan.insert(case.target().to_owned(), name);
        cases.push(case);
    }
    Ok((cases, names))
}
