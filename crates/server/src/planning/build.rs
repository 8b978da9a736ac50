//! A plan from a request and what is known: pure, deterministic, the same on every machine.

use std::collections::{BTreeMap, HashSet};

use test_engine_planner::{Defaults, Estimate, Node};
use test_engine_wire::{
    Case, CaseFormat, Plan, PlanTests, Task, TestIdentity, TimingDefaults, TimingMetadata,
};

use super::deal::Weighed;
use super::wanted::Nodes;

/// The kinds of cases; each has its own median for what is unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// A whole file.
    File,
    /// One example.
    Example,
    /// A selector.
    Selector,
}

/// The cases of a request in their one order (selectors, files, examples, each kind by name), each
/// once, and without the skipped ones.
///
/// Only exact repetitions are one case: two spellings may be two things to a runner, and a test
/// left out is worse than a test run twice.
pub(crate) fn cases(tests: PlanTests, skipped: &[TestIdentity]) -> Vec<Case> {
    let skipped: HashSet<(&str, &str)> = skipped
        .iter()
        .map(|test| (test.scope.as_str(), test.name.as_str()))
        .collect();
    let mut selectors: Vec<String> = tests.selectors.into_iter().map(|it| it.value).collect();
    let mut files: Vec<String> = tests.files.into_iter().map(|it| it.path).collect();
    let mut examples = Vec::with_capacity(tests.examples.len());
    for mut case in tests.examples {
        let is_named = !case.name.is_empty() || !case.identifier.is_empty();
        if !is_named && case.format == CaseFormat::File {
            files.push(case.path);
            continue;
        }
        let is_skipped = skipped.contains(&(case.scope.as_str(), case.name.as_str()));
        if is_skipped && !case.name.is_empty() {
            continue;
        }
        if case.format == CaseFormat::File {
            case.format = CaseFormat::Example;
        }
        case.estimated_duration = None;
        case.timing_sample_size = None;
        examples.push(case);
    }
    // Stable sorts, because these are quick with what is nearly in order: clients send a walk.
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
    selectors.chain(files).chain(examples).collect()
}

fn sort_key(case: &Case) -> (&str, &str, &str, &str, &str, u8) {
    (
        &case.path,
        &case.value,
        &case.identifier,
        &case.scope,
        &case.name,
        // Everything that two cases may differ in, or repetitions would not stand together.
        case.format as u8,
    )
}

/// The kind of a case.
pub(crate) fn kind(case: &Case) -> Kind {
    match case.format {
        CaseFormat::Selector => Kind::Selector,
        CaseFormat::File => Kind::File,
        CaseFormat::Example | CaseFormat::Test => Kind::Example,
    }
}

/// What goes into a plan beside its cases.
pub(crate) struct PlanInputs {
    pub(crate) identifier: String,
    pub(crate) nodes: Nodes,
    /// Microseconds a node is charged for loading a file of which it runs examples.
    pub(crate) file_load: u64,
    pub(crate) muted: Vec<TestIdentity>,
    pub(crate) skipped: Vec<TestIdentity>,
    /// The request had no test at all.
    pub(crate) asked_for_nothing: bool,
}

/// The plan. `estimates` are those of `cases`, in the same order; `None` where nothing is known.
pub(crate) fn plan(
    mut cases: Vec<Case>,
    estimates: &[Option<Estimate>],
    inputs: PlanInputs,
) -> Plan {
    let defaults = KindDefaults::new(&cases, estimates);
    let weights: Vec<u64> = cases
        .iter()
        .zip(estimates)
        .map(|(case, estimate)| {
            estimate.map_or_else(|| defaults.of(kind(case)).micros(), |known| known.micros)
        })
        .collect();
    let known = estimates.iter().flatten().count();
    let suite = Weighed::new(&cases, weights, inputs.file_load);
    let nodes = if inputs.asked_for_nothing {
        Vec::new()
    } else {
        suite.deal(inputs.nodes, known)
    };

    for ((case, estimate), weight) in cases.iter_mut().zip(estimates).zip(&suite.weights) {
        case.estimated_duration = Some(milliseconds(*weight));
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
    }
}

/// One key a node, always. The cases are sorted, so their index orders them.
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

/// What to assume of unknown cases, by kind.
struct KindDefaults([Defaults; 3]);

impl KindDefaults {
    fn new(cases: &[Case], estimates: &[Option<Estimate>]) -> Self {
        let known_of = |wanted: Kind| {
            cases
                .iter()
                .zip(estimates)
                .filter(move |(case, _)| kind(case) == wanted)
                .filter_map(|(_, estimate)| estimate.map(|known| known.micros))
        };
        Self(
            [Kind::File, Kind::Example, Kind::Selector]
                .map(|kind| Defaults::from_known(known_of(kind))),
        )
    }

    fn of(&self, kind: Kind) -> &Defaults {
        &self.0[kind as usize]
    }

    /// For the kinds that the plan has.
    fn metadata(&self, cases: &[Case]) -> TimingMetadata {
        let of = |wanted: Kind| {
            cases.iter().any(|case| kind(case) == wanted).then(|| {
                let defaults = self.of(wanted);
                TimingDefaults {
                    median_duration: defaults.median_micros.map(fractional_milliseconds),
                    default_duration: fractional_milliseconds(defaults.default_micros),
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

/// Whole milliseconds, rounded.
pub(crate) fn milliseconds(micros: u64) -> i64 {
    i64::try_from(micros.saturating_add(500) / 1_000).unwrap_or(i64::MAX)
}

#[expect(
    clippy::cast_precision_loss,
    reason = "durations need no more than 52 bits"
)]
fn fractional_milliseconds(micros: u64) -> f64 {
    micros as f64 / 1_000.0
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
