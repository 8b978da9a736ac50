//! How far the collection is: a bar that is drawn over on a terminal, a line now and then elsewhere.

use std::time::{Duration, Instant};

use crate::terminal::Terminal;

/// Often enough to be seen moving.
const BAR_EVERY: Duration = Duration::from_millis(100);
/// Seldom enough not to fill a log.
const LINE_EVERY: Duration = Duration::from_secs(5);
const BAR_CELLS: u64 = 24;

/// Counts commits and shows it.
pub(super) struct Progress<'a> {
    terminal: &'a Terminal,
    interactive: bool,
    total: u64,
    done: u64,
    started: Instant,
    shown: Instant,
}

impl<'a> Progress<'a> {
    pub(super) fn new(terminal: &'a Terminal, total: usize) -> Self {
        let now = Instant::now();
        Self {
            terminal,
            interactive: terminal.is_interactive(),
            total: total as u64,
            done: 0,
            started: now,
            shown: now,
        }
    }

    /// One commit more.
    pub(super) fn advance(&mut self) {
        self.done += 1;
        let every = if self.interactive {
            BAR_EVERY
        } else {
            LINE_EVERY
        };
        if self.shown.elapsed() < every {
            return;
        }
        self.shown = Instant::now();
        let text = described(self.done, self.total, self.started.elapsed());
        if self.interactive {
            self.terminal
                .draw(&format!("{} {text}", bar(self.done, self.total)));
        } else {
            self.terminal.stderr_line(&format!("Collected {text}"));
        }
    }

    /// Something to know, without breaking the bar.
    pub(super) fn warning(&self, text: &str) {
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
    format!("{done} of {total} commits, {per_second} a second{left}")
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
    fn what_is_shown() {
        let second = Duration::from_secs(1);
        assert_eq!(
            described(0, 10, Duration::ZERO),
            "0 of 10 commits, 0 a second"
        );
        assert_eq!(
            described(500, 2_000, second),
            "500 of 2000 commits, 500 a second, 3 s left"
        );
        assert_eq!(
            described(1, 600, second),
            "1 of 600 commits, 1 a second, 10 min left"
        );
        assert_eq!(
            described(10, 10, second),
            "10 of 10 commits, 10 a second, 0 s left"
        );
        assert_eq!(bar(0, 8).matches('█').count(), 0);
        assert_eq!(bar(4, 8).matches('█').count(), 12);
        assert_eq!(bar(8, 8).matches('░').count(), 0);
        assert_eq!(bar(0, 0).matches('░').count(), 0);
    }
}
