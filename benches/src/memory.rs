//! The peak memory of `bktec run` with 100,000 selectors and a result file of 100 MB, compared with
//! the size of that file. `bin/load` measures that of the server.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, ensure};

use crate::figure::{Figure, Quantity, megabytes};
use crate::programs::{Programs, command};
use crate::results;

const SELECTORS: usize = 100_000;

/// Results in an RSpec report of 100 MB.
const TESTS: usize = 270_000;

/// The system records the peak itself, so the last value before the exit suffices.
const POLL_INTERVAL: Duration = Duration::from_millis(1);

pub(crate) fn measure(programs: Programs) -> anyhow::Result<Vec<Figure>> {
    let bktec = programs.path("bktec")?;
    let url = reject_plans()?;
    let project = tempfile::tempdir()?;
    let report = results::rspec_json(TESTS);
    fs_err::write(project.path().join("report.json"), &report)?;
    let selectors: Vec<String> = (0..SELECTORS)
        .map(|number| format!("./{}\n", results::path(number)))
        .collect();
    fs_err::write(project.path().join("selectors.txt"), selectors.concat())?;
    // The shell script ignores its arguments.
    fs_err::write(
        project.path().join("runner"),
        "cp report.json result.json\n",
    )?;
    let mut run = command(&bktec);
    run.arg("run")
        .current_dir(project.path())
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .envs([
            ("BUILDKITE_ORGANIZATION_SLUG", "bench"),
            ("BUILDKITE_TEST_ENGINE_SUITE_SLUG", "suite"),
            ("BUILDKITE_TEST_ENGINE_BASE_URL", &url),
            ("BUILDKITE_TEST_ENGINE_API_ACCESS_TOKEN", "token"),
            ("BUILDKITE_BUILD_ID", "0190-memory"),
            ("BUILDKITE_STEP_ID", "0190-step"),
            ("BUILDKITE_PARALLEL_JOB", "0"),
            ("BUILDKITE_PARALLEL_JOB_COUNT", "50"),
            ("BUILDKITE_TEST_ENGINE_TEST_RUNNER", "rspec"),
            (
                "BUILDKITE_TEST_ENGINE_TEST_CMD",
                "/bin/sh runner {{testExamples}}",
            ),
            ("BUILDKITE_TEST_ENGINE_RESULT_PATH", "result.json"),
            ("BUILDKITE_TEST_ENGINE_SELECTOR_FILE", "selectors.txt"),
        ]);
    Ok(vec![
        Figure::of("memory of run", in_megabytes(peak(&mut run)?))
            .beside("its result file", in_megabytes(report.len() as u64))
            .judged_by_share()
            .must_goal(2.5, 1.3),
    ])
}

/// Starts a server that rejects plan requests, so that `bktec` computes the fallback plan.
fn reject_plans() -> anyhow::Result<String> {
    const RESPONSE: &[u8] = b"HTTP/1.1 422 No\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}";
    let listener = TcpListener::bind("127.0.0.1:0").context("listen")?;
    let url = format!("http://{}", listener.local_addr()?);
    // The thread ends with this process.
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            // A broken connection fails the measured command.
            let _ = stream.read(&mut [0; 4096]);
            let _ = stream.write_all(RESPONSE);
        }
    });
    Ok(url)
}

#[expect(clippy::cast_precision_loss, reason = "no machine has that much")]
pub(crate) fn in_megabytes(bytes: u64) -> Quantity {
    megabytes(bytes as f64 / 1e6)
}

/// Runs the command and returns its peak memory in bytes, without that of its children.
pub(crate) fn peak(command: &mut Command) -> anyhow::Result<u64> {
    let mut child = command
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .context("start bktec")?;
    let status_file = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    loop {
        if let Some(status) = child.try_wait()? {
            ensure!(status.success(), "bktec failed ({status})");
            ensure!(peak > 0, "the system does not report the memory use");
            return Ok(peak * 1024);
        }
        let status = fs_err::read_to_string(&status_file).unwrap_or_default();
        let highest = status
            .lines()
            .find_map(|line| line.strip_prefix("VmHWM:"))
            .and_then(|rest| rest.trim().trim_end_matches(" kB").parse().ok());
        peak = peak.max(highest.unwrap_or(0));
        std::thread::sleep(POLL_INTERVAL);
    }
}
