//! Which tests differ between two runs. Pure.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::hash::Hash;

use test_engine_store::{TestEnd, TestInRun};

/// A test is slower only if it takes at least this much longer, in microseconds, and half as long
/// again: single durations vary.
const MIN_LONGER: u64 = 100_000;

/// The tests of each kind: a test may be of several.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Difference<T> {
    /// They failed to the end, and did not in the other run, or were not in it.
    pub(super) new_failures: Vec<T>,
    /// They failed to the end in the other run, and passed.
    pub(super) fixed: Vec<T>,
    /// They failed to the end in both.
    pub(super) failing: Vec<T>,
    /// Only in this run.
    pub(super) new_tests: Vec<T>,
    /// Only in the other run.
    pub(super) gone_tests: Vec<T>,
    /// Those that lost most time first.
    pub(super) slower: Vec<T>,
    /// Those that gained most time first.
    pub(super) faster: Vec<T>,
}

impl<T: Copy + Ord> Difference<T> {
    pub(super) fn of_kind(&self, kind: Kind) -> &[T] {
        match kind {
            Kind::NewFailures => &self.new_failures,
            Kind::Fixed => &self.fixed,
            Kind::Slower => &self.slower,
            Kind::Faster => &self.faster,
            Kind::Failing => &self.failing,
            Kind::NewTests => &self.new_tests,
            Kind::GoneTests => &self.gone_tests,
        }
    }

    /// The first tests of each kind, without duplicates.
    pub(super) fn shown(&self, most: usize) -> Vec<T> {
        let lists = Kind::ALL.map(|kind| self.of_kind(kind));
        let all = lists.into_iter().flat_map(|list| list.iter().take(most));
        let mut all: Vec<T> = all.copied().collect();
        all.sort_unstable();
        all.dedup();
        all
    }
}

/// What differs, in the order of sections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    NewFailures,
    Fixed,
    Slower,
    Faster,
    Failing,
    NewTests,
    GoneTests,
}

impl Kind {
    pub(super) const ALL: [Self; 7] = [
        Self::NewFailures,
        Self::Fixed,
        Self::Slower,
        Self::Faster,
        Self::Failing,
        Self::NewTests,
        Self::GoneTests,
    ];

    /// As the address of a section.
    pub(super) const fn id(self) -> &'static str {
        match self {
            Self::NewFailures => "new-failures",
            Self::Fixed => "fixed",
            Self::Slower => "slower",
            Self::Faster => "faster",
            Self::Failing => "failing",
            Self::NewTests => "new-tests",
            Self::GoneTests => "gone-tests",
        }
    }

    pub(super) const fn title(self) -> &'static str {
        match self {
            Self::NewFailures => "New failures",
            Self::Fixed => "Fixed",
            Self::Slower => "Slower",
            Self::Faster => "Faster",
            Self::Failing => "Failing in both",
            Self::NewTests => "New tests",
            Self::GoneTests => "Gone tests",
        }
    }
}

/// `T` identifies a test.
pub(super) fn difference<T: Copy + Ord + Hash>(
    after: &HashMap<T, TestInRun>,
    before: &HashMap<T, TestInRun>,
) -> Difference<T> {
    let mut found = Difference {
        new_failures: Vec::new(),
        fixed: Vec::new(),
        failing: Vec::new(),
        new_tests: Vec::new(),
        gone_tests: Vec::new(),
        slower: Vec::new(),
        faster: Vec::new(),
    };
    let mut slower = Vec::new();
    let mut faster = Vec::new();
    for (id, test) in after {
        let other = before.get(id);
        let failed_before = other.is_some_and(|other| other.end == TestEnd::Failed);
        match (test.end, failed_before) {
            (TestEnd::Failed, false) => found.new_failures.push(*id),
            (TestEnd::Failed, true) => found.failing.push(*id),
            (TestEnd::Passed | TestEnd::Recovered, true) => found.fixed.push(*id),
            _ => {}
        }
        let Some(other) = other else {
            found.new_tests.push(*id);
            continue;
        };
        if let (Some(took), Some(before)) = (test.duration, other.duration) {
            let (took, before) = (took.get(), before.get());
            if is_longer(took, before) {
                slower.push((Reverse(took - before), *id));
            } else if is_longer(before, took) {
                faster.push((Reverse(before - took), *id));
            }
        }
    }
    let gone = before.keys().filter(|id| !after.contains_key(id));
    found.gone_tests.extend(gone);
    for list in [
        &mut found.new_failures,
        &mut found.fixed,
        &mut found.failing,
        &mut found.new_tests,
        &mut found.gone_tests,
    ] {
        list.sort_unstable();
    }
    let ordered = |mut list: Vec<(Reverse<u64>, T)>| -> Vec<T> {
        list.sort_unstable();
        list.into_iter().map(|(_, id)| id).collect()
    };
    found.slower = ordered(slower);
    found.faster = ordered(faster);
    found
}

fn is_longer(one: u64, other: u64) -> bool {
    one >= other.saturating_add(MIN_LONGER) && one.saturating_mul(2) >= other.saturating_mul(3)
}

#[cfg(test)]
mod tests {
    use test_engine_duration::Micros;
    use test_engine_store::{TestEnd, TestInRun};

    use super::{Difference, HashMap, difference};

    fn tests(all: &[(u8, TestEnd, u64)]) -> HashMap<u8, TestInRun> {
        let each = all.iter().map(|(id, end, millis)| {
            let found = TestInRun {
                end: *end,
                duration: (*millis > 0).then(|| Micros::new(millis * 1_000)),
            };
            (*id, found)
        });
        each.collect()
    }

    #[test]
    fn every_test_is_of_its_kinds() {
        use TestEnd::{Failed, Muted, NotRun, Passed, Recovered};
        let after = tests(&[
            (1, Failed, 0),
            (2, Failed, 0),
            (3, Passed, 10),
            (4, Recovered, 10),
            (5, Failed, 0),
            (6, Passed, 10),
            (7, Muted, 0),
            (8, NotRun, 0),
        ]);
        let before = tests(&[
            (1, Passed, 10),
            (2, Failed, 0),
            (3, Failed, 0),
            (4, Failed, 0),
            (7, Passed, 10),
            (8, Failed, 0),
            (9, Passed, 10),
        ]);
        let expected = Difference {
            new_failures: vec![1, 5],
            fixed: vec![3, 4],
            failing: vec![2],
            new_tests: vec![5, 6],
            gone_tests: vec![9],
            slower: Vec::new(),
            faster: Vec::new(),
        };
        let found = difference(&after, &before);
        assert_eq!(found, expected);
        assert_eq!(found.shown(1), [1, 2, 3, 5, 9]);
    }

    #[test]
    fn a_test_is_slower_by_half_and_a_tenth_of_a_second() {
        use TestEnd::Passed;
        for (before, after, is_slower) in [
            (1_000, 1_500, true),
            (1_000, 1_499, false),
            (100, 200, true),
            (100, 199, false),
            (1_000, 1_000, false),
        ] {
            let one = tests(&[(1, Passed, before)]);
            let other = tests(&[(1, Passed, after)]);
            assert_eq!(difference(&other, &one).slower.len() == 1, is_slower);
            assert_eq!(difference(&one, &other).faster.len() == 1, is_slower);
        }
    }

    #[test]
    fn those_that_lost_most_time_come_first() {
        use TestEnd::Passed;
        let before = tests(&[(1, Passed, 1_000), (2, Passed, 1_000), (3, Passed, 1_000)]);
        let after = tests(&[(1, Passed, 2_000), (2, Passed, 9_000), (3, Passed, 1_000)]);
        let slower = difference(&after, &before).slower;
        assert_eq!(slower, [2, 1]);
    }
}
