//! Sorts and pages lists of tests.

use std::cmp::Ordering;

use test_engine_duration::Micros;

use crate::records::{Metrics, Page, TestOrder, TestWithMetrics};

/// The figure to sort by, and the test's id as a tiebreaker.
type Key = (Option<f64>, i64);

/// Selects and sorts only the tests of a page.
pub(crate) fn page(
    tests: &[(i64, &Metrics)],
    order: TestOrder,
    descending: bool,
    page: Page,
) -> Vec<(i64, Metrics)> {
    let first = usize::try_from(page.offset()).unwrap_or(usize::MAX);
    let end = first.saturating_add(page.size as usize).min(tests.len());
    if first >= end {
        return Vec::new();
    }
    let mut keys: Vec<(Key, usize)> = tests
        .iter()
        .enumerate()
        .map(|(index, (id, metrics))| ((figure(metrics, order), *id), index))
        .collect();
    let by_key = |a: &(Key, usize), b: &(Key, usize)| compare(a.0, b.0, descending);
    if end < keys.len() {
        keys.select_nth_unstable_by(end, by_key);
        keys.truncate(end);
    }
    keys.sort_unstable_by(by_key);
    let wanted = keys[first..].iter().map(|(_, index)| tests[*index]);
    wanted.map(|(id, metrics)| (id, *metrics)).collect()
}

pub(crate) fn sort(tests: &mut [TestWithMetrics], order: TestOrder, descending: bool) {
    let key = |item: &TestWithMetrics| (figure(&item.metrics, order), item.test.id.get());
    tests.sort_by(|a, b| compare(key(a), key(b), descending));
}

/// Tests without the figure come last in either direction.
fn compare((left, left_id): Key, (right, right_id): Key, descending: bool) -> Ordering {
    let by_figure = match (left, right) {
        (Some(left), Some(right)) if descending => right.total_cmp(&left),
        (Some(left), Some(right)) => left.total_cmp(&right),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) => Ordering::Equal,
    };
    by_figure.then(left_id.cmp(&right_id))
}

#[expect(
    clippy::cast_precision_loss,
    reason = "an order needs no more than 52 bits"
)]
fn figure(metrics: &Metrics, order: TestOrder) -> Option<f64> {
    let micros = |duration: Micros| duration.get() as f64;
    match order {
        TestOrder::DurationMean => metrics.duration_mean().map(micros),
        TestOrder::DurationSum => Some(micros(metrics.duration_sum)),
        TestOrder::DurationMin => metrics.duration_min.map(micros),
        TestOrder::DurationMax => metrics.duration_max.map(micros),
        TestOrder::Reliability => metrics.counts.reliability(),
        TestOrder::Executions => Some(metrics.counts.executions() as f64),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::records::OutcomeCounts;

    /// Some figures are equal and some missing, so that ids matter.
    fn many() -> Vec<(i64, Metrics)> {
        let metrics = |id: u64| Metrics {
            counts: OutcomeCounts {
                passed: id * 7919 % 5,
                failed: id * 31 % 3,
                skipped: 1,
                unknown: 0,
            },
            timed: id % 4,
            duration_sum: Micros::new(id * 7919 % 100),
            duration_min: (!id.is_multiple_of(4)).then_some(Micros::new(id % 9)),
            duration_max: (!id.is_multiple_of(4)).then_some(Micros::new(id % 9 + 10)),
            ..Metrics::default()
        };
        (0..500)
            .map(|id: u64| (id.cast_signed(), metrics(id)))
            .collect()
    }

    #[test]
    fn pages_add_up_to_the_sorted_list() {
        let many = many();
        let all: Vec<(i64, &Metrics)> = many.iter().map(|(id, metrics)| (*id, metrics)).collect();
        for order in [
            TestOrder::DurationMean,
            TestOrder::DurationSum,
            TestOrder::DurationMin,
            TestOrder::DurationMax,
            TestOrder::Reliability,
            TestOrder::Executions,
        ] {
            for descending in [false, true] {
                let mut sorted = many.clone();
                sorted.sort_by(|a, b| {
                    let key = |item: &(i64, Metrics)| (figure(&item.1, order), item.0);
                    compare(key(a), key(b), descending)
                });
                let of = |number, size| page(&all, order, descending, Page::new(number, size));
                let pages: Vec<_> = (1..=8).flat_map(|number| of(number, 70)).collect();
                assert_eq!(pages, sorted, "{order:?} {descending}");
                assert_eq!(of(9, 70), []);
                assert_eq!(of(u32::MAX, u32::MAX), []);
                assert_eq!(of(1, u32::MAX), sorted);
            }
        }
    }
}
