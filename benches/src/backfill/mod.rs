//! The backfill of commit metadata, compared with six git commands per commit on ten commits at a
//! time. The benchmark fails unless both produce the same output.
//!
//! On a generated repository, or on an existing clone with a remote `origin`.

mod history;
mod memory;
#[path = "../../../crates/commit-history/tests/history/plain_git.rs"]
#[expect(dead_code, reason = "the tests compare more than is measured")]
mod plain_git;
mod server;

use std::collections::{HashMap, HashSet};
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use anyhow::{Context as _, bail, ensure};
use plain_git::{Diff, PlainGit};
use tempfile::TempDir;

use crate::figure::{Figure, count, megabytes, milliseconds};
use crate::programs::{Programs, command, output};
use crate::timing::{median, timed};

/// The repository to measure on instead of a generated one.
pub(crate) static REPOSITORY: OnceLock<PathBuf> = OnceLock::new();

/// Commits that the per-commit commands compare concurrently.
const THEIR_WORKERS: usize = 10;
const OUR_RUNS: usize = 3;

pub(crate) fn measure(programs: Programs) -> anyhow::Result<Vec<Figure>> {
    let directory = tempfile::tempdir()?;
    let repository = if let Some(path) = REPOSITORY.get() {
        path.clone()
    } else {
        history::create(directory.path())?;
        directory.path().join("clone")
    };
    let branch = default_branch(&repository)?;
    let bktec = programs.path("bktec")?;
    let mut figures = Vec::new();
    for (wanted, must, goal) in [(500, 8.0, 14.0), (2_000, 12.0, 25.0)] {
        let commits = commits(&repository, &branch, wanted)?;
        ensure!(
            commits.len() >= wanted / 2,
            "only {} commits to measure with",
            commits.len()
        );
        let ours = Ours::prepare(&bktec, &repository, &commits)?;
        let mut times = Vec::new();
        let mut processes = 0;
        for _ in 0..OUR_RUNS {
            let (milliseconds, stderr) = timed(|| stderr_of(&mut ours.command()));
            times.push(milliseconds);
            processes = processes_started(&stderr?)?;
        }
        let plain = PlainGit::new(&repository, &branch);
        let (theirs, expected) = timed(|| plain.many(&commits, THEIR_WORKERS, PlainGit::diff));
        ours.must_equal(&commits, expected)?;
        figures.push(
            Figure::of(
                format!("backfill of {} commits", commits.len()),
                milliseconds(median(times)),
            )
            .beside("git for each commit, 10 at a time", milliseconds(theirs))
            .judged_by_speed()
            .must_goal(must, goal),
        );
        #[expect(clippy::cast_precision_loss, reason = "counts of some thousands")]
        let (n, ours, theirs) = (
            commits.len() as f64,
            processes as f64,
            plain.processes_started() as f64,
        );
        figures.push(
            Figure::of(
                format!("git processes for {} commits", commits.len()),
                count(ours),
            )
            .beside("git for each commit", count(theirs))
            .must_goal(20.0 + 0.02 * n, 10.0 + 0.01 * n),
        );
    }
    let commits = commits(&repository, &branch, 5_000)?;
    let ours = Ours::prepare(&bktec, &repository, &commits)?;
    let mut quiet = ours.command();
    quiet.stderr(std::process::Stdio::null());
    let peak = memory::peak(&mut quiet)?;
    #[expect(clippy::cast_precision_loss, reason = "some hundred thousand")]
    let held = |kilobytes: u64| megabytes(kilobytes as f64 * 1024.0 / 1e6);
    figures.push(
        Figure::of(
            format!("memory for {} commits", commits.len()),
            held(peak.own),
        )
        .beside("including mapped packs", held(peak.all))
        .must_goal(268.4, 134.2),
    );
    Ok(figures)
}

fn default_branch(repository: &Path) -> anyhow::Result<String> {
    for name in ["HEAD", "main", "master"] {
        let name = format!("refs/remotes/origin/{name}");
        let found = command("git")
            .args(["rev-parse", "--verify", "--quiet", &name])
            .current_dir(repository)
            .output()
            .context("start git")?;
        if found.status.success() {
            return Ok(name);
        }
    }
    bail!(
        "{} has no default branch of a remote called origin",
        repository.display()
    )
}

/// A mix of branch heads and recent commits of the main branch, like the commits of a suite.
fn commits(repository: &Path, branch: &str, wanted: usize) -> anyhow::Result<Vec<String>> {
    let git = |arguments: &[&str]| -> anyhow::Result<Vec<String>> {
        let text = output(command("git").args(arguments).current_dir(repository))?;
        Ok(text.lines().map(str::to_owned).collect())
    };
    let format = "--format=%(objectname)";
    let heads = git(&[
        "for-each-ref",
        "--sort=-committerdate",
        format,
        "refs/remotes/origin",
    ])?;
    let most = format!("--max-count={wanted}");
    let newest = git(&["rev-list", "--first-parent", &most, branch])?;
    let others = git(&["rev-list", "--max-count=20000", branch])?;
    let mut seen = HashSet::new();
    let mut commits: Vec<String> = heads
        .into_iter()
        .take(wanted * 13 / 20)
        .chain(newest)
        .chain(others)
        .filter(|commit| seen.insert(commit.clone()))
        .take(wanted)
        .collect();
    // IDs are practically random, so this order does not favor git.
    commits.sort_unstable();
    Ok(commits)
}

struct Ours {
    program: PathBuf,
    repository: PathBuf,
    base: String,
    directory: TempDir,
}

impl Ours {
    fn prepare(program: &Path, repository: &Path, commits: &[String]) -> anyhow::Result<Self> {
        Ok(Self {
            program: program.to_owned(),
            repository: repository.to_owned(),
            base: server::start(commits)?,
            directory: tempfile::tempdir()?,
        })
    }

    /// The whole command, including the archive.
    fn command(&self) -> Command {
        let mut command = command(&self.program);
        command
            .args([
                "tools",
                "backfill-commit-metadata",
                "--debug",
                "--access-token",
                "t",
            ])
            .args([
                "--organization-slug",
                "o",
                "--suite-slug",
                "s",
                "--base-url",
                &self.base,
            ])
            .arg("--output")
            .arg(self.directory.path().join("archive.tar.gz"))
            .current_dir(&self.repository);
        command
    }

    /// Fails unless the archive contains exactly the output of plain git for every commit.
    fn must_equal(&self, commits: &[String], expected: Vec<Option<Diff>>) -> anyhow::Result<()> {
        let archive = fs_err::File::open(self.directory.path().join("archive.tar.gz"))?;
        let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(archive));
        let records = archive.entries()?.next().context("find the records")??;
        let mut found: HashMap<String, serde_json::Value> = HashMap::new();
        for line in BufReader::new(records).lines() {
            let record: serde_json::Value = serde_json::from_str(&line?)?;
            let commit = record["commit_sha"].as_str().unwrap_or_default().to_owned();
            found.insert(commit, record);
        }
        for (commit, expected) in commits.iter().zip(expected) {
            let found = found.remove(commit).map(|record| {
                let text = |key: &str| record[key].as_str().unwrap_or_default().to_owned();
                Diff {
                    files_changed: text("files_changed"),
                    numstat: text("diff_stat"),
                    patch: text("git_diff"),
                    raw: text("git_diff_raw"),
                }
            });
            ensure!(
                found == expected,
                "{commit}: the archive differs from what git prints"
            );
        }
        Ok(())
    }
}

fn stderr_of(command: &mut Command) -> anyhow::Result<String> {
    let output = command.output().context("start bktec")?;
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    ensure!(
        output.status.success(),
        "bktec failed ({}): {stderr}",
        output.status
    );
    Ok(stderr)
}

fn processes_started(stderr: &str) -> anyhow::Result<u64> {
    stderr
        .lines()
        .find_map(|line| {
            line.strip_prefix("DEBUG: ")?
                .strip_suffix(" git processes started")
        })
        .and_then(|number| number.parse().ok())
        .context("find the number of git processes")
}
