//! The time that `bktec run` adds to a runner that does nothing: settings, plan, report, metadata.
//!
//! Measured with a custom runner, and with pytest, where Python first checks whether the collector
//! is installed.

use crate::figure::{Figure, milliseconds};
use crate::programs::{Programs, command, run_time};
use crate::server::{ORGANIZATION, SUITE, Server};
use crate::timing::median;

const RUNS: usize = 40;

pub(crate) fn measure(programs: Programs) -> anyhow::Result<Vec<Figure>> {
    let bktec = programs.path("bktec")?;
    let server = Server::start(programs)?;
    let project = tempfile::tempdir()?;
    let targets: Vec<String> = (0..50)
        .map(|number| format!("tests/test_{number:02}.py\n"))
        .collect();
    fs_err::write(project.path().join("targets.txt"), targets.concat())?;
    let url = format!("http://{}", server.host);
    let run = |runner: &str| {
        let mut run = command(&bktec);
        run.arg("run")
            .current_dir(project.path())
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("BUILDKITE_BUILD_ID", format!("0190-{runner}"))
            .env("BUILDKITE_TEST_ENGINE_TEST_RUNNER", runner)
            .envs([
                ("BUILDKITE_ORGANIZATION_SLUG", ORGANIZATION),
                ("BUILDKITE_TEST_ENGINE_SUITE_SLUG", SUITE),
                ("BUILDKITE_TEST_ENGINE_BASE_URL", &url),
                ("BUILDKITE_TEST_ENGINE_UPLOAD_BASE_URL", &url),
                (
                    "BUILDKITE_TEST_ENGINE_API_ACCESS_TOKEN",
                    &server.access_token,
                ),
                ("BUILDKITE_ANALYTICS_TOKEN", &server.suite_token),
                ("BUILDKITE_JOB_ID", "0190-job"),
                ("BUILDKITE_STEP_ID", "0190-step"),
                ("BUILDKITE_BRANCH", "main"),
                ("BUILDKITE_PARALLEL_JOB", "0"),
                ("BUILDKITE_PARALLEL_JOB_COUNT", "2"),
                (
                    "BUILDKITE_TEST_ENGINE_TEST_CMD",
                    "/bin/true {{testExamples}}",
                ),
                ("BUILDKITE_TEST_ENGINE_SELECTOR_FILE", "targets.txt"),
                // `true` runs no test.
                ("BUILDKITE_TEST_ENGINE_ALLOW_MISSING_RESULTS", "true"),
            ]);
        run_time(&mut run)
    };
    [
        ("overhead", "custom", 10.0, 4.0),
        ("overhead, as pytest", "pytest", 20.0, 8.0),
    ]
    .into_iter()
    .map(|(name, runner, must, goal)| {
        // The first run creates the plan; the others use it.
        run(runner)?;
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for _ in 0..RUNS {
            ours.push(run(runner)?);
            theirs.push(run_time(command("/bin/true").env_clear())?);
        }
        Ok(Figure::of(name, milliseconds(median(ours)))
            .beside("/bin/true", milliseconds(median(theirs)))
            .judged_by_distance()
            .must_goal(must, goal))
    })
    .collect()
}
