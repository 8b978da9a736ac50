//! Data for pictures. The example `gallery` uses it too.

use test_engine_charts::{
    Attempt, Column, Curve, CurvePoint, Day, DurationBand, DurationPeriod, Durations, History,
    HistoryRun, Hour, Hours, Mark, Node, Part, PartKind, PulseRun, Raster, Rate, RateGroup, Rates,
    Row, RunMark, Span, TimedExecution,
};

pub(crate) fn seconds(value: u64) -> String {
    format!("{value} s")
}

pub(crate) fn date(value: u64) -> String {
    format!("{} Nov", value / 24 + 1)
}

/// A repeatable number below a limit.
fn number(seed: u64, limit: u64) -> u64 {
    let mixed = (seed + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed ^ (mixed >> 29)) % limit
}

pub(crate) fn day(index: u64) -> Day {
    let runs = (0..number(index, 8)).map(|run| {
        let seed = index * 31 + run;
        let (mark, word) = match number(seed, 10) {
            0 => (RunMark::Failed, "failed"),
            1 if index == 4 => (RunMark::Outage, "outage"),
            1..=4 => (RunMark::Recovered, "passed on retry"),
            _ => (RunMark::Passed, "passed"),
        };
        PulseRun {
            mark,
            label: format!("#{} · {word}", 4_500 + seed),
            address: format!("/runs/{seed}"),
        }
    });
    let runs: Vec<PulseRun> = runs.collect();
    let median = 42 + number(index, 9);
    Day {
        label: format!("{} Nov", index + 1),
        address: format!("/runs?day={index}"),
        run_time: (!runs.is_empty()).then_some(DurationBand {
            low: median - 6,
            median,
            high: median + 4 + number(index + 50, 9),
        }),
        runs,
        flaky: Some(17 + index / 5),
    }
}

pub(crate) fn raster(rows: u64, columns: u64) -> Raster {
    let mark = |row: u64, column: u64| match row % 3 {
        // A break.
        2 if (columns / 3..columns / 2).contains(&column) => Mark::Failed,
        2 => Mark::Passed,
        _ if column == 1 => Mark::NotRun,
        _ => match number(row * 1_000 + column, 9) {
            0 if row == 1 && column > columns / 2 => Mark::FailedMuted,
            0 => Mark::Recovered,
            _ => Mark::Passed,
        },
    };
    Raster {
        columns: (0..columns)
            .map(|column| Column {
                label: format!("#{}", 4_500 + column),
                date: date(column * 6),
                address: format!("/runs/{column}"),
                is_outage: column == 8,
            })
            .collect(),
        rows: (0..rows)
            .map(|row| Row {
                name: format!("test {row}"),
                address: format!("/tests/{row}"),
                marks: (0..columns).map(|column| mark(row, column)).collect(),
            })
            .collect(),
    }
}

pub(crate) fn node(index: u64) -> Node {
    let part = |kind, duration, label: &str| Part {
        label: label.to_owned(),
        duration,
        kind,
    };
    let mut parts = Vec::new();
    if index == 3 {
        parts.push(part(PartKind::Pace, 39, "spec/voucher_spec.rb"));
    }
    let files = (0..if index == 3 { 2 } else { 9 }).map(|file| {
        let seed = index * 17 + file;
        let kind = if number(seed, 12) == 0 {
            PartKind::Failed
        } else {
            PartKind::File
        };
        part(kind, 2 + number(seed, 5), "spec/a_spec.rb")
    });
    parts.extend(files);
    if index % 2 == 1 {
        parts.push(part(PartKind::Retry, 2, "retries"));
    }
    Node {
        label: format!("Node {}", index + 1),
        planned: (index != 5).then_some(44),
        parts,
    }
}

/// Some hours have no uploads, and few have failed ones.
pub(crate) fn hours(number_of_hours: u64) -> Hours {
    let hours = (0..number_of_hours).map(|index| Hour {
        label: format!("{index:02}:00"),
        accepted: number(index, 40) * u64::from(index % 5 != 4),
        rejected: u64::from(index % 3 == 0) * number(index + 100, 6),
        failed: u64::from(index == 7),
    });
    Hours {
        hours: hours.collect(),
    }
}

pub(crate) fn history(runs: u64) -> History {
    let attempts = |run: u64| match number(run, 7) {
        0 => vec![Attempt::Failed, Attempt::Failed, Attempt::PassedOnRetry],
        1 if run > 5 => vec![Attempt::FailedMuted, Attempt::FailedMuted],
        1 => vec![Attempt::NotRun],
        _ => vec![Attempt::Passed],
    };
    let run = |run: u64| HistoryRun {
        label: format!("#{} · main", 4_680 + run),
        address: format!("/runs/{run}"),
        attempts: attempts(run),
        duration: format!("{} ms", 70 + number(run, 60)),
    };
    History {
        runs: (0..runs).map(run).collect(),
    }
}

fn timed(index: u64) -> TimedExecution {
    TimedExecution {
        at: index * 13,
        duration: 70 + number(index, 50) + number(index + 7, 20),
        has_failed: number(index, 11) == 0,
    }
}

pub(crate) fn durations(executions: u64) -> Durations {
    let executions: Vec<TimedExecution> = (0..executions).map(timed).collect();
    let periods = executions.chunks(10).map(|part| {
        let mut sorted: Vec<u64> = part.iter().map(|one| one.duration).collect();
        sorted.sort_unstable();
        DurationPeriod {
            at: part[part.len() / 2].at,
            executions: sorted.len() as u64,
            failed: part.iter().filter(|one| one.has_failed).count() as u64,
            low: sorted[sorted.len() / 10],
            median: sorted[sorted.len() / 2],
            high: sorted[sorted.len() * 9 / 10],
        }
    });
    Durations {
        periods: periods.collect(),
        executions,
        format: seconds,
        date,
    }
}

/// Most builds are caught early, and a few only late.
pub(crate) fn curve(builds: u64) -> Curve {
    let unbiased = builds / 5;
    let share = |time: u64, of: u64| of * (time * 100) / (time * 100 + 20 * (100 - time));
    let points = (1..=100).map(|time| CurvePoint {
        time,
        caught: share(time, builds),
        unbiased: share(time, unbiased),
    });
    Curve {
        points: points.collect(),
        builds,
        unbiased,
        promise: Some(95),
        current: Some(21),
    }
}

pub(crate) fn rates() -> Rates {
    let rate = |label: &str, failed, total| Rate {
        label: label.to_owned(),
        failed,
        total,
        is_cause: failed * 2 > total,
    };
    let group = |title: &str, rates| RateGroup {
        title: title.to_owned(),
        rates,
    };
    Rates {
        groups: vec![
            group(
                "Builds at the same time",
                vec![
                    rate("1 or 2 builds", 1, 261),
                    rate("3 or 4 builds", 0, 208),
                    rate("5 or more builds", 63, 109),
                ],
            ),
            group("browser", Vec::new()),
            group("host.type", vec![rate("c7g", 49, 390), rate("c6i", 0, 0)]),
        ],
    }
}

pub(crate) fn spans() -> Vec<Span> {
    let span = |section: &str, detail: &str, start, duration| Span {
        section: section.to_owned(),
        detail: detail.to_owned(),
        start,
        duration,
    };
    vec![
        span("sql", "SELECT * FROM orders", 2, 16),
        span("sql", "UPDATE stock_levels", 18, 10),
        span("http", "POST /v1/charges", 30, 71),
        span("sql", "INSERT INTO audit_entries", 200, 0),
    ]
}
