//! The time and the peak memory of `bktec verify` for a plan of 100,000 targets on 200 nodes, with
//! the report of each node in a file.

use std::path::Path;

use test_engine_accounting::population_digest;
use test_engine_wire::{
    Case, CaseFormat, NodeReport, NodeState, Plan, Population, TargetOutcome, TargetReport, Task,
};

use crate::figure::{Figure, milliseconds};
use crate::memory::{in_megabytes, peak};
use crate::programs::{Programs, command, run_time};
use crate::results;
use crate::timing::median;

const NODES: u32 = 200;

const TARGETS: usize = 100_000;

const RUNS: usize = 5;

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
        Figure::of("verify", milliseconds(median(times))).must_goal(1_000.0, 500.0),
        Figure::of("memory of verify", in_megabytes(peak(&mut verify())?)).must_goal(200.0, 100.0),
    ])
}

fn write_build(directory: &Path) -> anyhow::Result<()> {
    let targets: Vec<String> = (0..TARGETS).map(results::path).collect();
    let population = Population {
        digest: population_digest(targets.iter().map(String::as_str)),
        count: targets.len() as u64,
        ..Population::default()
    };
    let all = || targets.iter().map(String::as_str);
    let shares = || {
        let nodes = (0..NODES).zip(0_usize..);
        nodes.map(|(node, skip)| (node, all().skip(skip).step_by(NODES as usize)))
    };
    let plan = Plan {
        identifier: "build/step".to_owned(),
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
        population: Some(population.clone()),
        ..Plan::default()
    };
    fs_err::write(directory.join("plan.json"), serde_json::to_vec(&plan)?)?;
    fs_err::create_dir(directory.join("reports"))?;
    for (node, share) in shares() {
        let report = NodeReport {
            identifier: plan.identifier.clone(),
            node,
            parallelism: NODES,
            job_id: format!("job-{node}"),
            state: NodeState::Finished,
            population: population.clone(),
            targets: share.map(ran).collect(),
            exit_code: Some(0),
            ..NodeReport::default()
        };
        let path = directory.join(format!("reports/bktec-node-{node}-0.json"));
        fs_err::write(path, serde_json::to_vec(&report)?)?;
    }
    Ok(())
}

fn case(target: &str) -> Case {
    Case {
        value: target.to_owned(),
        format: CaseFormat::Selector,
        estimated_duration: Some(1_000),
        timing_sample_size: Some(10),
        expected_tests: Some(12),
        ..Case::default()
    }
}

fn ran(target: &str) -> TargetReport {
    TargetReport {
        value: target.to_owned(),
        planned: true,
        tests: 12,
        expected_tests: Some(12),
        outcome: TargetOutcome::Complete,
        ..TargetReport::default()
    }
}
