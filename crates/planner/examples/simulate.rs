//! Simulates suites with noisy histories, and prints the resulting longest node.
//!
//! Compares three plans for each run: longest first on plain means (what most tools do), ours, and
//! ours with the true means, which no estimate can beat. `cargo run --release -p
//! test-engine-planner --example simulate`. `bin/bench planner` reads the lines of the form `name =
//! value`.

#![expect(clippy::print_stdout, reason = "prints its results")]
#![expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "durations of tests fit an f64, and whole microseconds are precise enough"
)]

use std::cmp::Reverse;

use test_engine_duration::Micros;
use test_engine_planner::{Item, Sample, estimate, lower_bound, split};

#[path = "../tests/generated/mod.rs"]
#[expect(dead_code, reason = "one shape is enough here")]
mod generated;

use generated::{Numbers, Shape};

const NODES: usize = 8;
const TESTS: usize = 400;
const HISTORY: usize = 10;
/// Histories, each with its own plan.
const REPLAYS: u64 = 2_000;
/// Runs per plan, to average out the noise of single runs.
const RUNS: u64 = 15;
/// Standard deviation of the logarithm of a test's duration.
const NOISE: f64 = 0.4;

/// Effects on durations in addition to noise.
struct World {
    name: &'static str,
    /// The fraction of samples that stall and take ten times as long.
    stalls: f64,
    /// The fraction of tests that became twice as slow or fast during the history.
    changes: f64,
    /// The fraction of the whole suite that one test takes.
    giant: f64,
    /// The slowdown of one machine in one run of the history. The planned runs have no such
    /// machine.
    hiccup: f64,
}

const NOISE_ONLY: World = World {
    name: "noise",
    stalls: 0.0,
    changes: 0.0,
    giant: 0.0,
    hiccup: 1.0,
};

const WORLDS: [World; 9] = [
    NOISE_ONLY,
    World {
        name: "noise_stalls",
        stalls: 0.02,
        ..NOISE_ONLY
    },
    World {
        name: "noise_changes",
        changes: 0.2,
        ..NOISE_ONLY
    },
    World {
        name: "noise_stalls_changes",
        stalls: 0.02,
        changes: 0.2,
        ..NOISE_ONLY
    },
    World {
        name: "noise_giant",
        giant: 0.2,
        ..NOISE_ONLY
    },
    World {
        name: "noise_stalls_changes_giant",
        stalls: 0.02,
        changes: 0.2,
        giant: 0.2,
        ..NOISE_ONLY
    },
    World {
        name: "noise_hiccup_10",
        hiccup: 10.0,
        ..NOISE_ONLY
    },
    World {
        name: "noise_hiccup_50",
        hiccup: 50.0,
        ..NOISE_ONLY
    },
    World {
        name: "noise_hiccup_50_changes",
        changes: 0.2,
        hiccup: 50.0,
        ..NOISE_ONLY
    },
];

fn main() {
    println!(
        "# {REPLAYS} suites of {TESTS} tests on {NODES} nodes, {HISTORY} runs of history, noise \
         {NOISE}, {RUNS} runs a plan"
    );
    println!(
        "# longest node / lower bound of the run itself: plain means, ours, true means; ours / \
         plain"
    );
    for world in &WORLDS {
        let mut sums = [0.0; 3];
        for seed in 0..REPLAYS {
            let ratios = world.replay(&mut Numbers::new(seed * 7919 + 17));
            for (sum, ratio) in sums.iter_mut().zip(ratios) {
                *sum += ratio / REPLAYS as f64;
            }
        }
        let [plain, ours, truth] = sums;
        println!("{}: {plain:.6} {ours:.6} {truth:.6}", world.name);
        println!("replay_{} = {:.6}", world.name, ours / plain);
        println!("replay_{}_at_best = {:.6}", world.name, truth / plain);
    }
}

impl World {
    /// Simulates one suite, its history, and the runs of each plan; returns the three mean ratios.
    fn replay(&self, numbers: &mut Numbers) -> [f64; 3] {
        let mut now = Shape::Lognormal(1.0).suite(TESTS, numbers.next());
        if self.giant > 0.0 {
            now[0] = (now.iter().sum::<u64>() as f64 * self.giant / (1.0 - self.giant)) as u64;
        }
        let (slow_run, slow_machine) = (
            numbers.next() as usize % HISTORY,
            numbers.next() as usize % NODES,
        );
        let histories: Vec<Vec<Sample>> = now
            .iter()
            .enumerate()
            .map(|(test, &micros)| {
                let mut history = self.history(micros as f64, numbers);
                if test % NODES == slow_machine {
                    let hit = &mut history[slow_run].duration;
                    *hit = Micros::new((hit.get() as f64 * self.hiccup) as u64);
                }
                history
            })
            .collect();
        let means: Vec<u64> = histories
            .iter()
            .map(|history| {
                history
                    .iter()
                    .map(|sample| sample.duration)
                    .sum::<Micros>()
                    .get()
                    / HISTORY as u64
            })
            .collect();
        let estimates: Vec<u64> = histories
            .iter()
            .map(|history| estimate(history).map_or(0, |estimate| estimate.duration.get()))
            .collect();
        let plans = [plain(&means), ours(&estimates), ours(&now)];
        let mut ratios = [0.0; 3];
        for _ in 0..RUNS {
            let actual: Vec<u64> = now
                .iter()
                .map(|&micros| self.sample(micros as f64, numbers))
                .collect();
            let bound = lower_bound(&actual, NODES) as f64;
            for (ratio, plan) in ratios.iter_mut().zip(&plans) {
                *ratio += longest(plan, &actual) as f64 / bound / RUNS as f64;
            }
        }
        ratios
    }

    /// Samples of a test with this typical duration at present.
    fn history(&self, now: f64, numbers: &mut Numbers) -> Vec<Sample> {
        let changed_at = if numbers.unit() <= self.changes {
            numbers.next() as usize % HISTORY
        } else {
            HISTORY
        };
        let before = if numbers.unit() < 0.5 {
            now * 2.0
        } else {
            now / 2.0
        };
        (0..HISTORY)
            .map(|age| {
                let typical = if age >= changed_at { before } else { now };
                Sample {
                    duration: Micros::new(self.sample(typical, numbers)),
                    age: age as u32,
                    runs: 1,
                }
            })
            .collect()
    }

    /// One duration of a test with this typical duration.
    fn sample(&self, typical: f64, numbers: &mut Numbers) -> u64 {
        let stall = if numbers.unit() <= self.stalls {
            10.0
        } else {
            1.0
        };
        (typical * (NOISE * numbers.normal()).exp() * stall) as u64
    }
}

/// Longest first in its simplest form: the node of each test.
fn plain(weights: &[u64]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..weights.len()).collect();
    order.sort_by_key(|&test| Reverse(weights[test]));
    let (mut loads, mut node_of) = ([0; NODES], vec![0; weights.len()]);
    for test in order {
        let node = (0..NODES)
            .min_by_key(|&node| loads[node])
            .unwrap_or_default();
        loads[node] += weights[test];
        node_of[test] = node;
    }
    node_of
}

/// Our plan: the node of each test.
fn ours(weights: &[u64]) -> Vec<usize> {
    let items = weights
        .iter()
        .enumerate()
        .map(|(value, &weight)| Item { value, weight })
        .collect();
    let mut node_of = vec![0; weights.len()];
    for (node, share) in split(items, NODES).into_iter().enumerate() {
        for item in share.items {
            node_of[item.value] = node;
        }
    }
    node_of
}

fn longest(node_of: &[usize], actual: &[u64]) -> u64 {
    let mut loads = [0; NODES];
    for (&node, micros) in node_of.iter().zip(actual) {
        loads[node] += micros;
    }
    loads.into_iter().max().unwrap_or_default()
}
