//! Measures parsing large generated result files: RSpec and Jest JSON and JUnit XML of 200,000
//! tests, one in a hundred of which fails with a message and a backtrace.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use test_engine_results::{Detail, Format, parse_with};

#[path = "../examples/large_report/reports.rs"]
mod reports;

fn parse(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("parse");
    group.sample_size(10);
    for format in [Format::RspecJson, Format::JestJson, Format::Junit] {
        let mut text = String::new();
        reports::write(format, 200_000, &mut text).expect("a supported format");
        group.throughput(Throughput::Bytes(text.len() as u64));
        for detail in [Detail::Full, Detail::Outcomes] {
            let id = BenchmarkId::new(format.name(), format!("{detail:?}"));
            group.bench_function(id, |bencher| {
                bencher.iter(|| parse_with(format, black_box(text.as_bytes()), detail));
            });
        }
    }
    group.finish();
}

criterion_group!(benches, parse);
criterion_main!(benches);
