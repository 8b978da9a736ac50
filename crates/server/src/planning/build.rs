//! Builds a plan from a request and estimates. Pure and deterministic.

use std::collections::{BTreeMap, HashSet};

use test_engine_duration::Micros;
use test_engine_planner::{Defaults, Estimate, Node};
use test_engine_wire::{
    Case, CaseFormat, Plan, PlanSelection, PlanTests, Population, Task, TestIdentity,
    TimingDefaults, TimingMetadata,
};

use super::assign::WeightedCases;
use super::node_count::NodeCount;

/// The feature of servers that accept the reports of nodes.
const NODE_REPORTS: &str = "node_reports";
/// These may hold the plan metadata.
const NODE_REPORT_METADATA: &str = "node_report_metadata";

/// Each kind has its own default duration for cases without history.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    File,
    Example,
    Selector,
}

/// The cases of a request.
pub(crate) struct Cases {
    /// Sorted (selectors, files, examples, each by name) and deduplicated.
    pub(crate) planned: Vec<Case>,
    /// Examples that are skipped, in the order of the request.
    pub(crate) omitted: Vec<Case>,
}

/// Only exact duplicates are merged: a runner may treat two spellings as different tests, and
/// omitting a test is worse than running it twice.
pub(crate) fn cases(tests: PlanTests, skipped: &[TestIdentity]) -> Cases {
    let skipped: HashSet<(&str, &str)> = skipped
        .iter()
        .map(|test| (test.scope.as_str(), test.name.as_str()))
        .collect();
    let mut selectors: Vec<String> = tests.selectors.into_iter().map(|it| it.value).collect();
    let mut files: Vec<String> = tests.files.into_iter().map(|it| it.path).collect();
    let mut examples = Vec::with_capacity(tests.examples.len());
    let mut omitted = Vec::new();
    for mut case in tests.examples {
        let is_named = !case.name.is_empty() || !case.identifier.is_empty();
        if !is_named && case.format == CaseFormat::File {
            files.push(case.path);
            continue;
        }
        let is_skipped = skipped.contains(&(case.scope.as_str(), case.name.as_str()));
        if is_skipped && !case.name.is_empty() {
            omitted.push(case);
            continue;
        }
        if case.format == CaseFormat::File {
            case.format = CaseFormat::Example;
        }
        case.estimated_duration = None;
        case.timing_sample_size = None;
        case.expected_tests = None;
        examples.push(case);
    }
    // Stable sorts, because they are fast on nearly sorted input: clients send a directory walk.
    selectors.sort();
    selectors.dedup();
    files.sort();
    files.dedup();
    examples.sort_by(|a, b| sort_key(a).cmp(&sort_key(b)));
    examples.dedup();

    let selectors = selectors.into_iter().map(|value| Case {
        value,
        format: CaseFormat::Selector,
        ..Case::default()
    });
    let files = files.into_iter().map(|path| Case {
        path,
        ..Case::default()
    });
    Cases {
        planned: selectors.chain(files).chain(examples).collect(),
        omitted,
    }
}

fn sort_key(case: &Case) -> (&str, &str, &str, &str, &str, u8) {
    (
        &case.path,
        &case.value,
        &case.identifier,
        &case.scope,
        &case.name,
        // Includes every field in which cases can differ, so that duplicates are adjacent.
        case.format as u8,
    )
}

pub(crate) fn kind(case: &Case) -> Kind {
    match case.format {
        CaseFormat::Selector => Kind::Selector,
        CaseFormat::File => Kind::File,
        CaseFormat::Example | CaseFormat::Test => Kind::Example,
    }
}

pub(crate) struct PlanInputs {
    pub(crate) identifier: String,
    pub(crate) nodes: NodeCount,
    /// Microseconds added per node and file for loading a file whose examples run there.
    pub(crate) file_load: u64,
    pub(crate) muted: Vec<TestIdentity>,
    pub(crate) skipped: Vec<TestIdentity>,
    /// The request contained no tests, not even skipped ones.
    pub(crate) is_empty: bool,
    pub(crate) population: Population,
    /// If the request asked for one.
    pub(crate) selection: Option<PlanSelection>,
}

/// The expected duration of each case, as [`plan`] uses it.
pub(crate) fn durations(cases: &[Case], estimates: &[Option<Estimate>]) -> Vec<Micros> {
    let defaults = KindDefaults::new(cases, estimates);
    defaults.durations(cases, estimates).collect()
}

/// `estimates` are in the order of `cases`; `None` without history.
pub(crate) fn plan(
    mut cases: Vec<Case>,
    estimates: &[Option<Estimate>],
    inputs: PlanInputs,
) -> Plan {
    let defaults = KindDefaults::new(&cases, estimates);
    let durations = defaults.durations(&cases, estimates);
    let weights = durations.map(Micros::get).collect();
    let known = estimates.iter().flatten().count();
    let suite = WeightedCases::new(&cases, weights, inputs.file_load);
    let nodes = if inputs.is_empty {
        Vec::new()
    } else {
        suite.assign(inputs.nodes, known)
    };

    for ((case, estimate), weight) in cases.iter_mut().zip(estimates).zip(&suite.weights) {
        case.estimated_duration = Some(Micros::new(*weight).rounded_milliseconds());
        let samples = estimate.map_or(0, |known| known.samples);
        case.timing_sample_size = Some(i64::try_from(samples).unwrap_or(i64::MAX));
    }
    let (timing_metadata, known_timings_ratio) = if nodes.len() > 1 {
        (defaults.metadata(&cases), share(known, cases.len()))
    } else {
        (TimingMetadata::default(), None)
    };
    Plan {
        identifier: inputs.identifier,
        parallelism: i64::try_from(nodes.len()).unwrap_or(i64::MAX),
        experiment: String::new(),
        tasks: tasks(cases, nodes),
        muted_tests: inputs.muted,
        skipped_tests: inputs.skipped,
        timing_metadata,
        known_timings_ratio,
        features: [NODE_REPORTS, NODE_REPORT_METADATA]
            .map(str::to_owned)
            .to_vec(),
        population: Some(inputs.population),
        selection: inputs.selection,
    }
}

/// One key per node, even without cases. Items are indexes, which have the order of the cases.
fn tasks(mut cases: Vec<Case>, nodes: Vec<Node<usize>>) -> BTreeMap<String, Task> {
    nodes
        .into_iter()
        .enumerate()
        .map(|(number, node)| {
            let tests = node
                .items
                .iter()
                .map(|item| std::mem::take(&mut cases[item.value]))
                .collect();
            let task = Task {
                node_number: i64::try_from(number).unwrap_or(i64::MAX),
                tests,
            };
            (number.to_string(), task)
        })
        .collect()
}

/// The assumed durations of cases without history, by kind.
struct KindDefaults([Defaults; 3]);

impl KindDefaults {
    fn new(cases: &[Case], estimates: &[Option<Estimate>]) -> Self {
        let known_of = |wanted: Kind| {
            cases
                .iter()
                .zip(estimates)
                .filter(move |(case, _)| kind(case) == wanted)
                .filter_map(|(_, estimate)| estimate.map(|known| known.duration))
        };
        Self(
            [Kind::File, Kind::Example, Kind::Selector]
                .map(|kind| Defaults::from_known(known_of(kind))),
        )
    }

    /// The estimate of each case, or the default of its kind.
    fn durations<'a>(
        &'a self,
        cases: &'a [Case],
        estimates: &'a [Option<Estimate>],
    ) -> impl Iterator<Item = Micros> {
        let cases = cases.iter().zip(estimates);
        cases.map(|(case, estimate)| match estimate {
            Some(known) => known.duration,
            None => self.of(kind(case)).duration(),
        })
    }

    fn of(&self, kind: Kind) -> &Defaults {
        &self.0[kind as usize]
    }

    /// For the kinds that occur in the plan.
    fn metadata(&self, cases: &[Case]) -> TimingMetadata {
        let of = |wanted: Kind| {
            cases.iter().any(|case| kind(case) == wanted).then(|| {
                let defaults = self.of(wanted);
                TimingDefaults {
                    median_duration: defaults.median.map(Micros::milliseconds),
                    default_duration: defaults.fallback.milliseconds(),
                }
            })
        };
        TimingMetadata {
            file: of(Kind::File),
            example: of(Kind::Example),
            selector: of(Kind::Selector),
        }
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a share needs no more than 52 bits"
)]
fn share(part: usize, whole: usize) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

#[cfg(test)]
mod tests;
