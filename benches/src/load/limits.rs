//! What the figures of the load test have to reach, in milliseconds: a must and a goal.

use super::dataset::Size;
use super::mix::Kind;
use super::views::Target;

/// A suite with at least this many tests is large: its pages and plans may take longer.
const LARGE_SUITE: u32 = 100_000;

fn is_large(size: Size) -> bool {
    size.tests >= LARGE_SUITE
}

/// The median of a page or list on an idle server.
pub(super) fn of_view(target: Target, size: Size) -> (f64, f64) {
    match target {
        Target::Page if is_large(size) => (200.0, 60.0),
        Target::Page => (100.0, 10.0),
        Target::List => (300.0, 100.0),
    }
}

/// The p99 of a kind of request under load.
pub(super) fn under_load(kind: Kind, size: Size) -> (f64, f64) {
    match kind {
        Kind::Page if is_large(size) => (200.0, 60.0),
        Kind::Page => (100.0, 40.0),
        Kind::Plan if !is_large(size) => (50.0, 10.0),
        Kind::Plan | Kind::Upload | Kind::Report | Kind::List => (250.0, 100.0),
    }
}

#[cfg(test)]
mod tests {
    use super::{Kind, LARGE_SUITE, Size, Target, of_view, under_load};

    #[test]
    fn only_a_large_suite_may_be_slower() {
        let [usual, large] = [LARGE_SUITE - 1, LARGE_SUITE].map(|tests| Size {
            suites: 1,
            tests,
            runs: 1,
        });
        assert_eq!(of_view(Target::Page, usual), (100.0, 10.0));
        assert_eq!(of_view(Target::Page, large), (200.0, 60.0));
        for (kind, musts) in [(Kind::Page, (100.0, 200.0)), (Kind::Plan, (50.0, 250.0))] {
            let must = |size| under_load(kind, size).0;
            assert_eq!((must(usual), must(large)), musts, "{kind:?}");
        }
    }
}
