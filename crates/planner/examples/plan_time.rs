//! Prints the duration of planning and the distance to the lower bound.
//!
//! `cargo run --release -p test-engine-planner --example plan_time`. `bin/bench planner` reads the
//! lines of the form `name = value`.

#![expect(clippy::print_stdout, reason = "prints its results")]
#![expect(clippy::cast_precision_loss, reason = "durations of suites fit an f64")]

use std::time::Instant;

use test_engine_planner::{Item, Node, lower_bound, split};

#[path = "../tests/generated/mod.rs"]
mod generated;

use generated::SHAPES;

const SEEDS: u64 = 5;

fn main() {
    println!(
        "# longest node / lower bound: mean and worst of {SEEDS} seeds; millisecondseconds: median"
    );
    let (mut many, mut few) = (1.0_f64, 1.0_f64);
    for shape in SHAPES {
        for (count, nodes) in SIZES {
            let runs: Vec<(f64, f64)> = (0..SEEDS)
                .map(|seed| run(&shape.suite(count, seed), nodes))
                .collect();
            let mean = runs.iter().map(|run| run.0).sum::<f64>() / SEEDS as f64;
            let worst = runs.iter().map(|run| run.0).fold(1.0, f64::max);
            let mut milliseconds: Vec<f64> = runs.iter().map(|run| run.1).collect();
            milliseconds.sort_unstable_by(f64::total_cmp);
            let milliseconds = milliseconds[milliseconds.len() / 2];
            println!("{shape:?} {count} on {nodes}: {mean:.6} {worst:.6} {milliseconds:.2} ms");
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
        let mut milliseconds: Vec<f64> = (0..SEEDS)
            .map(|seed| run(&shape.suite(100_000, seed), 200).1)
            .collect();
        milliseconds.sort_unstable_by(f64::total_cmp);
        slowest = slowest.max(milliseconds[milliseconds.len() / 2]);
    }
    println!("plan_100000_on_200_ms = {slowest:.2}");
}

/// Items and nodes. Sizes with fewer than 20 items per node have 4.
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

/// The ratio of one plan, and its millisecondseconds. Values look like the file names of a client.
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
    let milliseconds = start.elapsed().as_secs_f64() * 1e3;
    let longest = plan
        .iter()
        .map(|node: &Node<String>| node.total)
        .max()
        .unwrap_or_default();
    (
        longest as f64 / lower_bound(weights, nodes) as f64,
        milliseconds,
    )
}
