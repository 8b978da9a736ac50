//! The slowest of four nodes that share a pytest file with 50,000 parametrised tests: split by
//! example, including the time to list the examples, compared with the file on one node.

use std::ffi::OsString;
use std::path::Path;

use anyhow::{Context as _, ensure};
use bktec::internals::{Runner, RunnerSettings, build};
use test_engine_wire::{Case, CaseFormat, Plan, Task};

use crate::figure::{Figure, milliseconds};
use crate::programs::{Programs, command, run_time, workspace};
use crate::server::{ORGANIZATION, SUITE, Server};
use crate::timing::timed;

const NODES: usize = 4;
const TESTS: usize = 50_000;
const IDENTIFIER: &str = "build/step";
const FILE: &str = "test_markers.py";
const PYTEST: &str = ".tools/pytest/bin";

pub(crate) fn measure(programs: Programs) -> anyhow::Result<Vec<Figure>> {
    let bktec = programs.path("bktec")?;
    // It gets the plan metadata.
    let server = Server::start(programs)?;
    let url = format!("http://{}", server.host);
    let project = tempfile::tempdir()?;
    let source = format!(
        "import pytest\n\n@pytest.mark.parametrize('n', range({TESTS}))\ndef test_marker(n):\n    \
         assert n >= 0\n"
    );
    fs_err::write(project.path().join(FILE), source)?;
    let runner = pytest(project.path())?;
    let (listing, examples) = timed(|| runner.examples(&[FILE.to_owned()]));
    let examples = examples.context("list the examples")?;
    ensure!(examples.len() == TESTS, "pytest lists {}", examples.len());
    let run = |cases: Vec<Case>| {
        let plan = serde_json::to_vec(&plan(cases))?;
        fs_err::write(project.path().join("plan.json"), plan)?;
        run_time(
            command(&bktec)
                .args(["run", "--plan-file", "plan.json"])
                .current_dir(project.path())
                .env_clear()
                .envs(environment()?)
                .envs([
                    ("BUILDKITE_TEST_ENGINE_TEST_RUNNER", "pytest"),
                    ("BUILDKITE_TEST_ENGINE_PLAN_IDENTIFIER", IDENTIFIER),
                    ("BUILDKITE_ORGANIZATION_SLUG", ORGANIZATION),
                    ("BUILDKITE_TEST_ENGINE_SUITE_SLUG", SUITE),
                    ("BUILDKITE_TEST_ENGINE_BASE_URL", &url),
                    (
                        "BUILDKITE_TEST_ENGINE_API_ACCESS_TOKEN",
                        &server.access_token,
                    ),
                    ("BUILDKITE_PARALLEL_JOB", "0"),
                    ("BUILDKITE_PARALLEL_JOB_COUNT", "4"),
                ]),
        )
    };
    let by_file = run(vec![Case {
        value: FILE.to_owned(),
        format: CaseFormat::Selector,
        ..Case::default()
    }])?;
    let by_example = run(examples.into_iter().step_by(NODES).collect())?;
    Ok(vec![
        Figure::of("split by example", milliseconds(listing + by_example))
            .beside("split by file", milliseconds(by_file))
            .judged_by_share()
            .must_goal(1.03, 0.5),
    ])
}

fn pytest(project: &Path) -> anyhow::Result<Box<dyn Runner>> {
    let settings = RunnerSettings {
        working_directory: project.to_owned(),
        environment: environment()?.into(),
        node_count: 1,
        ..RunnerSettings::default()
    };
    Ok(build("pytest", settings)?)
}

/// The real pytest before the system's programs.
fn environment() -> anyhow::Result<[(OsString, OsString); 1]> {
    let pytest = workspace().join(PYTEST);
    ensure!(pytest.exists(), "{} is missing", pytest.display());
    #[expect(
        clippy::disallowed_methods,
        reason = "tools need the system's programs"
    )]
    let system = std::env::var_os("PATH").unwrap_or_default();
    let all = std::iter::once(pytest).chain(std::env::split_paths(&system));
    Ok([("PATH".into(), std::env::join_paths(all)?)])
}

/// A plan of four nodes of which the first has these cases.
fn plan(cases: Vec<Case>) -> Plan {
    let task = |(node, tests)| {
        let task = Task {
            node_number: node,
            tests,
        };
        (node.to_string(), task)
    };
    let shares = std::iter::once(cases).chain(std::iter::repeat(Vec::new()));
    Plan {
        identifier: IDENTIFIER.to_owned(),
        parallelism: 4,
        tasks: (0..4).zip(shares).map(task).collect(),
        ..Plan::default()
    }
}
