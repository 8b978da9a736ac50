//! What `bktec run` adds to a runner that does nothing: settings, plan, report, metadata.

use crate::figure::{Figure, milliseconds};
use crate::programs::{built, command, run_time};
use crate::server::{ORGANIZATION, SUITE, Server};
use crate::timing::median;

const RUNS: usize = 40;

pub(crate) fn measure() -> anyhow::Result<Vec<Figure>> {
    let bktec = built("bktec")?;
    let server = Server::start()?;
    let project = tempfile::tempdir()?;
    let files: Vec<String> = (0..50)
        .map(|number| format!("tests/test_{number:02}.py\n"))
        .collect();
    fs_err::write(project.path().join("files.txt"), files.concat())?;
    let url = format!("http://{}", server.host);
    let run = || {
        let mut run = command(&bktec);
        run.arg("run")
            .current_dir(project.path())
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
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
                ("BUILDKITE_BUILD_ID", "0190-build"),
                ("BUILDKITE_JOB_ID", "0190-job"),
                ("BUILDKITE_STEP_ID", "0190-step"),
                ("BUILDKITE_BRANCH", "main"),
                ("BUILDKITE_PARALLEL_JOB", "0"),
                ("BUILDKITE_PARALLEL_JOB_COUNT", "2"),
                ("BUILDKITE_TEST_ENGINE_TEST_RUNNER", "pytest"),
                (
                    "BUILDKITE_TEST_ENGINE_TEST_CMD",
                    "/bin/true {{testExamples}}",
                ),
                ("BUILDKITE_TEST_ENGINE_FILES", "files.txt"),
            ]);
        run_time(&mut run)
    };
    // The first makes the plan; all others find it made.
    run()?;
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..RUNS {
        ours.push(run()?);
        theirs.push(run_time(command("/bin/true").env_clear())?);
    }
    Ok(vec![
        Figure::of("overhead", milliseconds(median(ours)))
            .beside("/bin/true", milliseconds(median(theirs)))
            .judged_by_distance()
            .must_goal(40.0, 15.0),
    ])
}
