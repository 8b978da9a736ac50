//! Prints how long plans take and how close to the bound they come, one line a figure.
//!
//! `cargo run --release -p test-engine-planner --example plan_time`. `bin/bench planner` reads the
//! lines that begin with a name and `=`; the rest is for people.

#![expect(clippy::print_stdout, reason = "printing is what it is for")]
#![expect(
    clippy::cast_precision_loss,
    reason = "durations of suites fit a double"
)]

use std::time::Instant;

use test_engine_planner::{Item, Node, lower_bound, split};

#[path = "../tests/generated/mod.rs"]
mod generated;

use generated::SHAPES;

const SEEDS: u64 = 5;

fn main() {
    println!("# longest node / lower bound: mean and worst of {SEEDS} seeds; milliseconds: median");
    let (mut many, mut few) = (1.0_f64, 1.0_f64);
    for shape in SHAPES {
        for (count, nodes) in SIZES {
            let runs: Vec<(f64, f64)> = (0..SEEDS)
                .map(|seed| run(&shape.suite(count, seed), nodes))
                .collect();
            let mean = runs.iter().map(|run| run.0).sum::<f64>() / SEEDS as f64;
            let worst = runs.iter().map(|run| run.0).fold(1.0, f64::max);
            let mut millis: Vec<f64> = runs.iter().map(|run| run.1).collect();
            millis.sort_unstable_by(f64::total_cmp);
            let millis = millis[millis.len() / 2];
            println!("{shape:?} {count} on {nodes}: {mean:.6} {worst:.6} {millis:.2} ms");
            let figure = if count / nodes >= 20 {
                &mut many
            } else {
                &mut few
            };
            *figure = figure.max(worst);
        }
    }
    println!("ratio_20_items_a_node = {many:.6}");
    println!("ratio_4_items_a_node = {few:.6}");

    let mut slowest = 0.0_f64;
    for shape in SHAPES {
        let mut millis: Vec<f64> = (0..SEEDS)
            .map(|seed| run(&shape.suite(100_000, seed), 200).1)
            .collect();
        millis.sort_unstable_by(f64::total_cmp);
        slowest = slowest.max(millis[millis.len() / 2]);
    }
    println!("plan_100000_on_200_ms = {slowest:.2}");
}

/// Items and nodes; the sizes with fewer than 20 items a node have 4.
const SIZES: [(usize, usize); 13] = [
    (200, 2),
    (200, 10),
    (2_000, 10),
    (2_000, 100),
    (20_000, 50),
    (20_000, 200),
    (20_000, 1_000),
    (100_000, 50),
    (100_000, 200),
    (200_000, 1_000),
    (200, 50),
    (800, 200),
    (4_000, 1_000),
];

/// The quality of one plan, and its milliseconds. Items are named as a client names files.
fn run(weights: &[u64], nodes: usize) -> (f64, f64) {
    let items: Vec<Item<String>> = weights
        .iter()
        .enumerate()
        .map(|(number, &weight)| Item {
            value: format!(
                "spec/models/area_{}/thing_{number:06}_spec.rb",
                number / 100
            ),
            weight,
        })
        .collect();
    let start = Instant::now();
    let plan = split(items, nodes);
    let millis = start.elapsed().as_secs_f64() * 1e3;
    let longest = plan
        .iter()
        .map(|node: &Node<String>| node.total)
        .max()
        .unwrap_or_default();
    (longest as f64 / lower_bound(weights, nodes) as f64, millis)
}
