//! The figures on the page of a test, and the list of its failures by cause. Pure.

use test_engine_charts::{Tone, bars};
use test_engine_insights::Level;
use test_engine_store::{FailureKind, FlakyCost, Metrics, TestHealth, Timestamp};

use super::{format, words};
use crate::clock::rfc3339;

/// Bars of a trend.
const TREND_BARS: usize = 28;

/// A figure.
pub(super) struct Tile {
    pub(super) title: &'static str,
    pub(super) number: String,
    pub(super) note: String,
}

/// The failures with one fingerprint.
pub(super) struct Kind {
    pub(super) reason: String,
    pub(super) frame: String,
    pub(super) commits: String,
    pub(super) trend: String,
    pub(super) last: String,
    pub(super) last_time: String,
}

/// `health` of a test that failed at least once, and `cost` of a flaky one.
pub(super) fn tiles(
    metrics: &Metrics,
    health: Option<&TestHealth>,
    cost: Option<FlakyCost>,
    (failed_runs, recovered): (u64, u64),
    days: i64,
) -> Vec<Tile> {
    let counts = metrics.counts;
    let health = health.filter(|health| matches!(health.level, Level::Flaky | Level::Suspect));
    let mut tiles = Vec::with_capacity(4);
    tiles.push(match health {
        Some(health) => Tile {
            title: "Fails on good code",
            number: words::rate(health.score.rate),
            note: format!(
                "{} to {}, 90% sure",
                words::rate(health.score.low),
                words::rate(health.score.high)
            ),
        },
        None => Tile {
            title: "Reliability",
            number: format::percent(counts.reliability()),
            note: format!(
                "{} of {} failed",
                format::count(counts.failed),
                format::counted(counts.executions(), "execution")
            ),
        },
    });
    tiles.push(Tile {
        title: "Passes on retry",
        number: match failed_runs {
            0 => "–".to_owned(),
            failed => format!("{}%", recovered * 100 / failed),
        },
        note: match failed_runs {
            0 => "no failed run among the latest".to_owned(),
            failed => format!("{recovered} of {}", format::counted(failed, "failed run")),
        },
    });
    tiles.push(match cost {
        Some(cost) => Tile {
            title: "Failed builds",
            number: words::runs(cost.runs),
            note: format!(
                "failed on {} in {days} days",
                format::counted(cost.commits, "commit")
            ),
        },
        None => Tile {
            title: "Executions",
            number: format::count(counts.executions()),
            note: format!("in {days} days"),
        },
    });
    let percentile = |percent| metrics.duration_percentile(percent);
    let median = percentile(50).or_else(|| metrics.duration_mean());
    tiles.push(Tile {
        title: "Duration, median",
        number: format::maybe_duration(median),
        note: match percentile(90) {
            Some(high) => format!("9 in 10 up to {}", format::duration(high)),
            None => format!("at most {}", format::maybe_duration(metrics.duration_max)),
        },
    });
    tiles
}

impl Kind {
    pub(super) fn new(kind: &FailureKind, days: i64, now: Timestamp) -> Self {
        let commits = format::counted(kind.commits.len() as u64, "commit");
        let last = kind.commits.last().copied();
        Self {
            reason: match format::first_line(kind.reason.as_deref()) {
                reason if reason.is_empty() => "A failure without a message".to_owned(),
                reason => reason,
            },
            frame: kind.frame.clone().unwrap_or_default(),
            trend: trend(&kind.commits, days, now, &commits),
            commits,
            last: last.map_or_else(String::new, |last| format::ago(last, now)),
            last_time: last.map_or_else(String::new, rfc3339),
        }
    }
}

/// How often something happened over the last days, as bars.
pub(super) fn trend(times: &[Timestamp], days: i64, now: Timestamp, what: &str) -> String {
    let mut counts = vec![0; TREND_BARS];
    let start = now.plus_days(-days).millis();
    let length = now.millis() - start;
    for at in times {
        let place = (at.millis() - start).clamp(0, length - 1);
        let bars = i64::try_from(TREND_BARS).unwrap_or(1);
        if let Ok(bar) = usize::try_from(place * bars / length) {
            counts[bar] += 1;
        }
    }
    bars(&counts, Tone::Failed, &format!("{what} in {days} days"))
}
