//! The bar and the list of numbers under the verdict on a run. Pure.

use crate::http::web::format;
use crate::http::web::words::RunCounts;

/// A part of the bar, in thousandths.
pub(in crate::http::web) struct Share {
    pub(in crate::http::web) fill: &'static str,
    pub(in crate::http::web) start: u64,
    pub(in crate::http::web) width: u64,
}

/// A number with its mark.
pub(in crate::http::web) struct Count {
    pub(in crate::http::web) class: &'static str,
    pub(in crate::http::web) number: String,
    pub(in crate::http::web) text: &'static str,
}

/// What the bar and the list under the verdict show, in this order.
fn parts(counts: &RunCounts) -> [(&'static str, &'static str, u64, &'static str); 7] {
    [
        ("fail", "var(--fail-fill)", counts.new, "new here"),
        (
            "fail",
            "var(--fail-fill)",
            counts.also_on_main,
            "also on the default branch",
        ),
        (
            "outage",
            "var(--fail-fill)",
            counts.outage + counts.flaky_failed,
            "failed, not because of this change",
        ),
        (
            "flaky",
            "var(--flaky-fill)",
            counts.recovered,
            "passed on retry",
        ),
        ("mute", "var(--mute-fill)", counts.muted, "muted"),
        ("pass", "var(--pass-soft)", counts.passed, "results passed"),
        ("skip", "var(--skip-fill)", counts.skipped, "skipped"),
    ]
}

/// Parts are at least 8 wide, so that each is visible; the largest gives what they need.
pub(in crate::http::web) fn share(counts: &RunCounts) -> Vec<Share> {
    const WIDTH: u64 = 1_000;
    const MIN_WIDTH: u64 = 8;
    let present: Vec<_> = parts(counts)
        .into_iter()
        .filter(|(_, _, number, _)| *number > 0)
        .collect();
    let total: u64 = present.iter().map(|(_, _, number, _)| number).sum();
    let mut widths: Vec<u64> = present
        .iter()
        .map(|(_, _, number, _)| (number * WIDTH / total.max(1)).max(MIN_WIDTH))
        .collect();
    let over = widths.iter().sum::<u64>().saturating_sub(WIDTH);
    if let Some(largest) = widths.iter_mut().max() {
        *largest = largest.saturating_sub(over);
    }
    let mut start = 0;
    let mut bar = Vec::new();
    for ((_, fill, ..), width) in present.into_iter().zip(widths) {
        let gap = if start > 0 { 2 } else { 0 };
        bar.push(Share {
            fill,
            start: start + gap,
            width: width.saturating_sub(gap),
        });
        start += width;
    }
    bar
}

pub(in crate::http::web) fn count_list(counts: &RunCounts) -> Vec<Count> {
    parts(counts)
        .into_iter()
        .filter(|(_, _, number, _)| *number > 0)
        .map(|(class, _, number, text)| Count {
            class,
            number: format::count(number),
            text,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{RunCounts, share};

    #[test]
    fn every_part_of_the_bar_is_visible() {
        let counts = RunCounts {
            new: 1,
            recovered: 1,
            muted: 1,
            passed: 1_000_000,
            ..RunCounts::default()
        };
        let bar = share(&counts);
        let places: Vec<_> = bar.iter().map(|part| (part.start, part.width)).collect();
        assert_eq!(places, [(0, 8), (10, 6), (18, 6), (26, 974)]);
        assert!(share(&RunCounts::default()).is_empty());
    }
}
