//! Prints the progress of an export: a bar on a terminal, a line every few seconds elsewhere.

use std::time::{Duration, Instant};

use test_engine_commit_history::Event;

use crate::split_summary::counted;
use crate::terminal::Terminal;

const BAR_INTERVAL: Duration = Duration::from_millis(100);
const LINE_INTERVAL: Duration = Duration::from_secs(5);
const BAR_CELLS: u64 = 24;

pub(super) struct Progress<'a> {
    terminal: &'a Terminal,
    remote: &'a str,
    interactive: bool,
    branch: String,
    total: u64,
    done: u64,
    started: Instant,
    shown: Instant,
}

impl<'a> Progress<'a> {
    pub(super) fn new(terminal: &'a Terminal, remote: &'a str) -> Self {
        let now = Instant::now();
        Self {
            terminal,
            remote,
            interactive: terminal.is_interactive(),
            branch: String::new(),
            total: 0,
            done: 0,
            started: now,
            shown: now,
        }
    }

    pub(super) fn show(&mut self, event: Event<'_>) {
        let terminal = self.terminal;
        match event {
            Event::Branch(branch) => {
                branch.short_name().clone_into(&mut self.branch);
                let (name, tip) = (&self.branch, branch.tip);
                terminal.line(&format!("Comparing with {name} ({tip:.12})."));
            }
            Event::FetchingCommits(missing) => {
                let missing = counted(missing, "missing commit");
                terminal.line(&format!("Fetching {missing} from {}.", self.remote));
            }
            Event::FetchedCommits(fetched) => {
                terminal.line(&format!("Fetched {}.", counted(fetched, "commit")));
            }
            Event::FetchingFiles(missing) => {
                let missing = counted(missing, "missing file");
                terminal.line(&format!("Fetching {missing} into this partial clone."));
            }
            Event::FetchingFilesFailed(error) => {
                terminal.warning(&format!("Fetching the missing files failed: {error}"));
            }
            Event::Comparing(total) => {
                if self.total > 0 {
                    terminal.debug(|| {
                        "Commits on the branch have wrong dates; starting over.".to_owned()
                    });
                }
                self.total = total as u64;
                self.done = 0;
                self.started = Instant::now();
            }
            Event::Exported(..) => self.advance(),
            Event::Unrelated(commit) => self.warning(&format!(
                "{commit} has no common ancestor with {}; exporting it with empty diffs.",
                self.branch
            )),
            Event::Skipped(commit, reason) => {
                self.warning(&format!("Skipping {commit}: {reason}."));
                self.advance();
            }
        }
    }

    fn advance(&mut self) {
        self.done += 1;
        let interval = if self.interactive {
            BAR_INTERVAL
        } else {
            LINE_INTERVAL
        };
        if self.shown.elapsed() < interval {
            return;
        }
        self.shown = Instant::now();
        let text = described(self.done, self.total, self.started.elapsed());
        if self.interactive {
            let bar = bar(self.done, self.total);
            self.terminal.draw(&format!("{bar} {text}"));
        } else {
            self.terminal.stderr_line(&format!("Collected {text}"));
        }
    }

    fn warning(&self, text: &str) {
        self.clear();
        self.terminal.warning(text);
    }

    fn clear(&self) {
        if self.interactive {
            self.terminal.draw("");
        }
    }
}

impl Drop for Progress<'_> {
    fn drop(&mut self) {
        self.clear();
    }
}

fn bar(done: u64, total: u64) -> String {
    let full = (done.min(total) * BAR_CELLS)
        .checked_div(total)
        .unwrap_or(BAR_CELLS);
    (0..BAR_CELLS)
        .map(|cell| if cell < full { '█' } else { '░' })
        .collect()
}

fn described(done: u64, total: u64, elapsed: Duration) -> String {
    let milliseconds = u64::try_from(elapsed.as_millis())
        .unwrap_or(u64::MAX)
        .max(1);
    let per_second = done.saturating_mul(1_000) / milliseconds;
    let left = milliseconds
        .saturating_mul(total.saturating_sub(done))
        .checked_div(done)
        .map(|left| format!(", {} left", rounded(left.div_ceil(1_000))))
        .unwrap_or_default();
    format!("{done} of {total} commits, {per_second} per second{left}")
}

fn rounded(seconds: u64) -> String {
    match seconds {
        0..=119 => format!("{seconds} s"),
        _ => format!("{} min", seconds.div_ceil(60)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn describes_progress() {
        let second = Duration::from_secs(1);
        assert_eq!(
            described(0, 10, Duration::ZERO),
            "0 of 10 commits, 0 per second"
        );
        assert_eq!(
            described(500, 2_000, second),
            "500 of 2000 commits, 500 per second, 3 s left"
        );
        assert_eq!(
            described(1, 600, second),
            "1 of 600 commits, 1 per second, 10 min left"
        );
        assert_eq!(
            described(10, 10, second),
            "10 of 10 commits, 10 per second, 0 s left"
        );
        assert_eq!(bar(0, 8).matches('█').count(), 0);
        assert_eq!(bar(4, 8).matches('█').count(), 12);
        assert_eq!(bar(8, 8).matches('░').count(), 0);
        assert_eq!(bar(0, 0).matches('░').count(), 0);
    }
}
