//! Measures the duration of planning by size and shape of the suite.
//!
//! For changes to the algorithm. `examples/plan_time.rs` prints the published figures.

use std::hint::black_box;

use criterion::{BatchSize, BenchmarkId, Criterion, criterion_group, criterion_main};
use test_engine_planner::{Item, nodes_for_target, nodes_that_help, split};

#[path = "../tests/generated/mod.rs"]
mod generated;

use generated::SHAPES;

fn plans(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("split");
    group.sample_size(20);
    for shape in SHAPES {
        for (count, nodes) in [
            (200, 50),
            (2_000, 10),
            (20_000, 200),
            (100_000, 200),
            (200_000, 1_000),
        ] {
            let items: Vec<Item<usize>> = shape
                .suite(count, 1)
                .into_iter()
                .enumerate()
                .map(|(value, weight)| Item { value, weight })
                .collect();
            group.bench_function(
                BenchmarkId::new(format!("{shape:?}"), format!("{count} on {nodes}")),
                |bench| {
                    bench.iter_batched(
                        || items.clone(),
                        |items| black_box(split(items, nodes)),
                        BatchSize::LargeInput,
                    );
                },
            );
        }
    }
    group.finish();
}

fn parallelism(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("parallelism");
    group.sample_size(20);
    for shape in SHAPES {
        let weights = shape.suite(20_000, 1);
        let target = weights.iter().sum::<u64>() / 40;
        group.bench_function(BenchmarkId::new("target", format!("{shape:?}")), |bench| {
            bench.iter(|| nodes_for_target(black_box(&weights), target, 200));
        });
        group.bench_function(BenchmarkId::new("help", format!("{shape:?}")), |bench| {
            bench.iter(|| nodes_that_help(black_box(&weights), 200));
        });
    }
    group.finish();
}

criterion_group!(benches, plans, parallelism);
criterion_main!(benches);
