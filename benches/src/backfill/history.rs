//! Generates a repository that resembles a large one: a long main branch, many files, and recent
//! pull requests, some of them merged. It is the same on every machine.

use std::io::{BufWriter, Write};
use std::path::Path;
use std::process::Stdio;

use anyhow::{Context as _, ensure};

use crate::programs::{command, output};

const MAIN_COMMITS: u64 = 30_000;
const PULL_REQUESTS: u64 = 3_500;
const FILES: usize = 3_000;
const FIRST_SECOND: u64 = 1_500_000_000;
const SECONDS_BETWEEN: u64 = 8_000;
const WORDS: [&str; 24] = [
    "def", "end", "class", "module", "if", "else", "return", "self", "value", "name", "request",
    "response", "record", "column", "table", "index", "query", "order", "limit", "user", "account",
    "path", "test", "assert",
];

type Lines = Vec<String>;

/// Creates it in `directory/upstream`, and a clone of it in `directory/clone`.
pub(super) fn create(directory: &Path) -> anyhow::Result<()> {
    let upstream = directory.join("upstream");
    output(
        command("git")
            .args(["init", "--quiet", "--bare", "--initial-branch=main"])
            .arg(&upstream),
    )?;
    let mut import = command("git")
        .args(["fast-import", "--quiet"])
        .current_dir(&upstream)
        .stdin(Stdio::piped())
        .spawn()
        .context("start git fast-import")?;
    let stdin = import
        .stdin
        .take()
        .context("open the input of git fast-import")?;
    let mut writer = Writer {
        output: BufWriter::new(stdin),
        mark: 0,
        random: Random(7),
    };
    writer.history()?;
    writer.output.flush()?;
    drop(writer);
    ensure!(import.wait()?.success(), "git fast-import failed");
    output(
        command("git")
            .args(["repack", "-adq"])
            .current_dir(&upstream),
    )?;
    let url = format!("file://{}", upstream.display());
    output(
        command("git")
            .args(["clone", "--quiet", "--no-checkout", &url])
            .arg(directory.join("clone")),
    )?;
    Ok(())
}

struct Writer<W> {
    output: W,
    mark: u64,
    random: Random,
}

impl<W: Write> Writer<W> {
    fn history(&mut self) -> anyhow::Result<()> {
        let mut contents: Vec<Lines> = Vec::with_capacity(FILES);
        for _ in 0..FILES {
            let lines = 10 << self.random.below(6);
            contents.push(
                (0..lines + self.random.below(lines))
                    .map(|_| self.line())
                    .collect(),
            );
        }
        let all: Vec<(usize, Lines)> = contents.iter().cloned().enumerate().collect();
        let mut tip = self.commit("main", &[], &all, FIRST_SECOND)?;
        let mut open: Vec<(u64, Vec<(usize, Lines)>)> = Vec::new();
        let mut pull_requests = 0;
        for number in 1..=MAIN_COMMITS {
            let time = FIRST_SECOND + number * SECONDS_BETWEEN;
            if number > MAIN_COMMITS - PULL_REQUESTS - 500 && pull_requests < PULL_REQUESTS {
                pull_requests += 1;
                open.push(self.pull_request(pull_requests, tip, &contents, time)?);
            }
            let merges = self.random.below(5) < 2;
            if merges && !open.is_empty() {
                let (head, changes) = open.remove(0);
                tip = self.commit("main", &[tip, head], &changes, time)?;
                for (file, lines) in changes {
                    contents[file] = lines;
                }
            } else {
                let changes = self.changes(&contents, 4);
                tip = self.commit("main", &[tip], &changes, time)?;
                for (file, lines) in changes {
                    contents[file] = lines;
                }
            }
        }
        Ok(())
    }

    /// Writes one to four commits. Returns the last one and all changed files.
    fn pull_request(
        &mut self,
        number: u64,
        from: u64,
        contents: &[Lines],
        time: u64,
    ) -> anyhow::Result<(u64, Vec<(usize, Lines)>)> {
        let mut head = from;
        let mut all: Vec<(usize, Lines)> = Vec::new();
        for _ in 0..=self.random.below(3) {
            let changes = self.changes(contents, 8);
            let later = self.random.below(3_600) as u64;
            head = self.commit(&format!("pull-{number}"), &[head], &changes, time + later)?;
            for change in changes {
                all.retain(|(file, _)| *file != change.0);
                all.push(change);
            }
        }
        Ok((head, all))
    }

    fn changes(&mut self, contents: &[Lines], max: usize) -> Vec<(usize, Lines)> {
        let mut changes: Vec<(usize, Lines)> = Vec::new();
        for _ in 0..=self.random.below(max) {
            let file = self.random.below(contents.len());
            if changes.iter().any(|(changed, _)| *changed == file) {
                continue;
            }
            let mut lines = contents[file].clone();
            for _ in 0..=self.random.below(4) {
                let at = self.random.below(lines.len());
                let line = self.line();
                if self.random.below(2) == 0 {
                    lines[at] = line;
                } else {
                    lines.insert(at, line);
                }
            }
            changes.push((file, lines));
        }
        changes
    }

    fn line(&mut self) -> String {
        let words: Vec<&str> = (0..2 + self.random.below(8))
            .map(|_| WORDS[self.random.below(WORDS.len())])
            .collect();
        words.join(" ") + "\n"
    }

    fn commit(
        &mut self,
        branch: &str,
        parents: &[u64],
        changes: &[(usize, Lines)],
        time: u64,
    ) -> anyhow::Result<u64> {
        self.mark += 1;
        let message = format!("Change {} of a long history\n\nWith a body.\n", self.mark);
        let out = &mut self.output;
        writeln!(out, "commit refs/heads/{branch}\nmark :{}", self.mark)?;
        writeln!(out, "committer Ada <ada@example.com> {time} +0100")?;
        writeln!(out, "data {}\n{message}", message.len())?;
        for (index, parent) in parents.iter().enumerate() {
            writeln!(
                out,
                "{} :{parent}",
                if index == 0 { "from" } else { "merge" }
            )?;
        }
        for (file, lines) in changes {
            let content = lines.concat();
            let directory = file % 23;
            writeln!(
                out,
                "M 100644 inline lib/part{directory}/deep{}/file{file}.rb",
                file % 7
            )?;
            writeln!(out, "data {}\n{content}", content.len())?;
        }
        writeln!(out)?;
        Ok(self.mark)
    }
}

/// Pseudo-random numbers, the same in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap_or_default() % limit
    }
}
