//! The time and the peak memory of `bktec verify` for a plan of 100,000 targets on 200 nodes, with
//! the report of each node in a file.

use std::path::Path;

use test_engine_accounting::population;
use test_engine_wire::{
    Case, CaseFormat, NodeReport, NodeState, Plan, Population, TargetOutcome, TargetReport, Task,
};

use crate::figure::{Figure, milliseconds};
use crate::memory::{in_megabytes, peak};
use crate::programs::{Programs, command, run_time};
use crate::results;
use crate::timing::median;

pub(crate) const NODES: u32 = 200;

pub(crate) const TARGETS: usize = 100_000;

const RUNS: usize = 5;

const IDENTIFIER: &str = "build/step";

pub(crate) fn measure(programs: Programs) -> anyhow::Result<Vec<Figure>> {
    let bktec = programs.path("bktec")?;
    let directory = tempfile::tempdir()?;
    write_build(directory.path())?;
    let verify = || {
        let mut verify = command(&bktec);
        verify
            .args(["verify", "--reports", "reports", "--plan-file", "plan.json"])
            .current_dir(directory.path())
            .env_clear();
        verify
    };
    let times = (0..RUNS).map(|_| run_time(&mut verify()));
    let times: Vec<f64> = times.collect::<anyhow::Result<_>>()?;
    Ok(vec![
        Figure::of("verify", milliseconds(median(times))).must_goal(1_000.0, 200.0),
        Figure::of("memory of verify", in_megabytes(peak(&mut verify())?)).must_goal(200.0, 100.0),
    ])
}

fn write_build(directory: &Path) -> anyhow::Result<()> {
    let plan = Plan {
        identifier: IDENTIFIER.to_owned(),
        parallelism: i64::from(NODES),
        tasks: shares()
            .map(|(node, share)| {
                let task = Task {
                    node_number: i64::from(node),
                    tests: share.map(case).collect(),
                };
                (node.to_string(), task)
            })
            .collect(),
        population: Some(everything()),
        ..Plan::default()
    };
    fs_err::write(directory.join("plan.json"), serde_json::to_vec(&plan)?)?;
    fs_err::create_dir(directory.join("reports"))?;
    for report in node_reports() {
        let path = directory.join(format!("reports/bktec-node-{}-0.json", report.node));
        fs_err::write(path, serde_json::to_vec(&report)?)?;
    }
    Ok(())
}

/// The reports of all nodes of a build in which every target ran.
pub(crate) fn node_reports() -> impl Iterator<Item = NodeReport> {
    let population = everything();
    shares().map(move |(node, share)| NodeReport {
        identifier: IDENTIFIER.to_owned(),
        node,
        parallelism: NODES,
        job_id: format!("job-{node}"),
        state: NodeState::Finished,
        population: population.clone(),
        targets: share.map(ran).collect(),
        exit_code: Some(0),
        ..NodeReport::default()
    })
}

fn everything() -> Population {
    let targets: Vec<String> = (0..TARGETS).map(results::path).collect();
    population(targets.iter().map(String::as_str))
}

/// The targets of each node.
fn shares() -> impl Iterator<Item = (u32, impl Iterator<Item = String>)> {
    let share = |first| (first..TARGETS).step_by(NODES as usize).map(results::path);
    (0..NODES).zip((0..).map(share))
}

fn case(target: String) -> Case {
    Case {
        value: target,
        format: CaseFormat::Selector,
        estimated_duration: Some(1_000),
        timing_sample_size: Some(10),
        expected_tests: Some(12),
        ..Case::default()
    }
}

/// A target that ran completely.
pub(crate) fn ran(target: String) -> TargetReport {
    TargetReport {
        value: target,
        planned: true,
        tests: 12,
        expected_tests: Some(12),
        outcome: TargetOutcome::Complete,
        ..TargetReport::default()
    }
}
