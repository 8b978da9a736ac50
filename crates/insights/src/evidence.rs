//! What is known of one test: whole numbers that a store can keep.

use crate::group::{Commit, CommitGroup, Counts, GroupOutcome};
use crate::time::day_of;

/// How long evidence is kept, in days: the window of the score, and 60 days to preview rules.
pub const KEPT_DAYS: i32 = 88;

/// Executions of one test in one upload, or a later change of how they count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    /// What happens to the executions.
    pub change: Change,
    /// A run without a commit has one of its own.
    pub commit: Commit,
    /// Unique in the suite.
    pub run: u32,
    /// When they were received.
    pub at: i64,
    /// How many there are.
    pub counts: Counts,
}

/// What happens to executions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// They are received, and count.
    Add,
    /// They are received during an outage.
    AddGuarded,
    /// Received earlier; their run turned out to be part of an outage.
    Guard,
    /// Received earlier; their run turned out not to be part of an outage.
    Unguard,
}

/// Executions of one test on one day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Day {
    /// Days since the epoch.
    pub day: i32,
    /// Passed executions that are evidence.
    pub passed: u32,
    /// Commit groups of this day that [`Evidence::compact`] removed.
    pub removed_groups: u32,
}

/// The evidence on one test.
///
/// Commit groups in which everything passed are needed for two things only: a failure on the same
/// commit makes them mixed, and on the default branch they end a break. [`Evidence::compact`]
/// removes the others.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Evidence {
    /// By number of commit.
    groups: Vec<CommitGroup>,
    /// By day.
    days: Vec<Day>,
}

/// The numbers that the score is computed from (§3 of the design).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sums {
    /// Groups with both results.
    pub mixed_groups: u32,
    /// Failures in groups with both results.
    pub mixed_failures: u32,
    /// All passes.
    pub passes: u32,
    /// Failed groups on the default branch, by number of failures: 1, 2, 3, 4 and more.
    pub failed_main: [u32; 4],
    /// The same on other branches.
    pub failed_other: [u32; 4],
    /// All groups.
    pub groups: u32,
}

impl Evidence {
    /// From what was stored: the groups with a failure and those that [`Evidence::compact`] keeps,
    /// and the passes of each day. The order does not matter.
    pub fn from_parts(mut groups: Vec<CommitGroup>, mut days: Vec<Day>) -> Self {
        groups.sort_by_key(|group| group.commit.number);
        days.sort_by_key(|day| day.day);
        Self { groups, days }
    }

    /// Sorted by number of commit, which is the order of first receipt.
    pub fn groups(&self) -> &[CommitGroup] {
        &self.groups
    }

    /// Sorted, without days on which nothing passed.
    pub fn days(&self) -> &[Day] {
        &self.days
    }

    /// Whether any execution failed.
    pub fn has_failures(&self) -> bool {
        self.groups.iter().any(CommitGroup::has_failures)
    }

    /// Applies an event. Executions may arrive in any order; [`Change::Guard`] and
    /// [`Change::Unguard`] undo each other exactly, even after [`Self::compact`] removed the group:
    /// it still counts as one group, whatever is guarded later.
    pub fn update(&mut self, event: &Event) {
        let Event { counts, .. } = *event;
        if counts.is_empty() {
            return;
        }
        match event.change {
            Change::Add | Change::AddGuarded => self.add(event),
            Change::Guard | Change::Unguard => self.recount(event),
        }
    }

    fn add(&mut self, event: &Event) {
        let (counts, counts_now) = (event.counts, event.change == Change::Add);
        let group = self.group_mut(event.commit, event.at);
        if counts_now {
            group.counted = group.counted.plus(counts);
        } else {
            group.guarded = group.guarded.plus(counts);
        }
        if counts.failed > 0 {
            group.add_failed_run(event.run);
        }
        if counts_now && counts.passed > 0 {
            let day = self.day_mut(day_of(event.at));
            day.passed = day.passed.saturating_add(counts.passed);
        }
    }

    /// Changes how executions count that were added earlier.
    fn recount(&mut self, event: &Event) {
        let (counts, counts_now) = (event.counts, event.change == Change::Unguard);
        if let Ok(index) = self.find_group(event.commit) {
            let group = &mut self.groups[index];
            if counts_now {
                group.guarded = group.guarded.minus(counts);
                group.counted = group.counted.plus(counts);
            } else {
                group.counted = group.counted.minus(counts);
                group.guarded = group.guarded.plus(counts);
            }
        }
        if counts.passed == 0 {
            return;
        }
        let day = day_of(event.at);
        if counts_now {
            let day = self.day_mut(day);
            day.passed = day.passed.saturating_add(counts.passed);
        } else if let Ok(index) = self.find_day(day) {
            let found = &mut self.days[index];
            found.passed = found.passed.saturating_sub(counts.passed);
            if found.passed == 0 && found.removed_groups == 0 {
                self.days.remove(index);
            }
        }
    }

    /// Forgets what is older than [`KEPT_DAYS`].
    pub fn expire(&mut self, today: i32) {
        let oldest = today.saturating_sub(KEPT_DAYS);
        self.groups.retain(|group| day_of(group.first_at) > oldest);
        self.days.retain(|day| day.day > oldest);
    }

    /// Removes groups without failures, first executed before `before`, that no judgement needs.
    /// A result that arrives later for a removed group starts a new group, so `before` has to leave
    /// time for reruns; a store that can look up whether the test passed on a commit may pass
    /// [`i64::MAX`].
    pub fn compact(&mut self, before: i64) {
        let needed = self.ends_of_breaks();
        let mut removed = Vec::new();
        self.groups.retain(|group| {
            let is_needed = group.has_failures()
                || group.first_at >= before
                || needed.binary_search(&group.commit.number).is_ok();
            if !is_needed && !group.counted.is_empty() {
                removed.push(day_of(group.first_at));
            }
            is_needed
        });
        for day in removed {
            let day = self.day_mut(day);
            day.removed_groups = day.removed_groups.saturating_add(1);
        }
    }

    /// Numbers of passed commits next to failed ones on the default branch, and of the last one.
    fn ends_of_breaks(&self) -> Vec<u32> {
        let main = self.main_groups();
        let mut needed = Vec::new();
        for (index, group) in main.iter().enumerate() {
            let next_to_failure = index
                .checked_sub(1)
                .is_some_and(|before| main[before].has_failures())
                || main.get(index + 1).is_none_or(|after| after.has_failures());
            if !group.has_failures() && next_to_failure {
                needed.push(group.commit.number);
            }
        }
        needed.sort_unstable();
        needed
    }

    /// Groups of the default branch, in its order.
    pub(crate) fn main_groups(&self) -> Vec<&CommitGroup> {
        let is_main = |group: &&CommitGroup| group.commit.main.is_some();
        let mut main: Vec<&CommitGroup> = self.groups.iter().filter(is_main).collect();
        main.sort_by_key(|group| (group.commit.main, group.commit.number));
        main
    }

    /// The sums over the days after `after` up to `today`.
    pub fn sums(&self, after: i32, today: i32) -> Sums {
        let is_inside = |day: i32| day > after && day <= today;
        let mut sums = Sums::default();
        for group in &self.groups {
            let Some(outcome) = group.outcome() else {
                continue;
            };
            if !is_inside(day_of(group.first_at)) {
                continue;
            }
            sums.groups += 1;
            match outcome {
                GroupOutcome::Passed => {}
                GroupOutcome::Mixed => {
                    sums.mixed_groups += 1;
                    sums.mixed_failures = sums.mixed_failures.saturating_add(group.counted.failed);
                }
                GroupOutcome::Failed => {
                    let index = group.counted.failed.min(4) as usize - 1;
                    let is_main = group.commit.main.is_some();
                    let failed = if is_main {
                        &mut sums.failed_main
                    } else {
                        &mut sums.failed_other
                    };
                    failed[index] += 1;
                }
            }
        }
        for day in self.days.iter().filter(|day| is_inside(day.day)) {
            sums.passes = sums.passes.saturating_add(day.passed);
            sums.groups = sums.groups.saturating_add(day.removed_groups);
        }
        sums
    }

    fn group_mut(&mut self, commit: Commit, at: i64) -> &mut CommitGroup {
        let index = self.find_group(commit).unwrap_or_else(|index| {
            self.groups.insert(index, CommitGroup::new(commit, at));
            index
        });
        let group = &mut self.groups[index];
        group.first_at = group.first_at.min(at);
        group.commit.main = group.commit.main.or(commit.main);
        group
    }

    fn find_group(&self, commit: Commit) -> Result<usize, usize> {
        self.groups
            .binary_search_by_key(&commit.number, |group| group.commit.number)
    }

    fn find_day(&self, day: i32) -> Result<usize, usize> {
        self.days.binary_search_by_key(&day, |known| known.day)
    }

    fn day_mut(&mut self, day: i32) -> &mut Day {
        let index = self.find_day(day).unwrap_or_else(|index| {
            let empty = Day {
                day,
                passed: 0,
                removed_groups: 0,
            };
            self.days.insert(index, empty);
            index
        });
        &mut self.days[index]
    }
}
