//! Breaks of the default branch: stretches of consecutive commits on which every execution failed
//! (§5 of the design).

use crate::evidence::{Evidence, KEPT_DAYS};
use crate::group::{Commit, CommitGroup, GroupOutcome};
use crate::time::day_of;

/// The longest break that counts as short, in commits.
const MAX_SHORT: u32 = 2;

/// The breaks of a test.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Breaks {
    /// Breaks that ended.
    pub ended: u32,
    /// Of those, the breaks of at most two commits.
    pub short: u32,
    /// When the last short one failed last.
    pub last_short_at: Option<i64>,
    /// The break that has not ended.
    pub open: Option<OpenBreak>,
}

/// A break that has not ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenBreak {
    /// The first commit, at most 88 days ago.
    pub since: Commit,
    /// When it was first executed.
    pub since_at: i64,
    /// The last commit before it that passed, if known.
    pub last_passed: Option<Commit>,
    /// Commits on which the test ran.
    pub commits: u32,
    /// Whether at least two runs of its last commit failed.
    pub has_two_failed_runs: bool,
}

impl OpenBreak {
    /// Whether the test is broken (§6): one failed run may be a coincidence, two are not.
    pub fn is_broken(&self) -> bool {
        self.commits >= 2 || self.has_two_failed_runs
    }
}

/// A break during the scan.
struct Current {
    open: OpenBreak,
    /// Whether anything in it counts as evidence, that is, is not part of an outage.
    is_counted: bool,
    last_failed_at: i64,
}

impl Breaks {
    /// The open break, if the test is broken.
    pub fn broken(&self) -> Option<&OpenBreak> {
        self.open.as_ref().filter(|open| open.is_broken())
    }

    /// The breaks whose last failure is on the days after `after` up to `today`. A test that was
    /// renamed or deleted while it was broken has no open break once that is long ago.
    pub(crate) fn of(evidence: &Evidence, after: i32, today: i32) -> Self {
        let mut breaks = Self::default();
        let mut current: Option<Current> = None;
        let mut last_passed = None;
        // What a store has deleted must not matter to those who still have it.
        let kept = today.saturating_sub(KEPT_DAYS);
        for group in evidence.main_groups() {
            let day = day_of(group.first_at);
            if day <= kept || day > today {
                continue;
            }
            match group.outcome_with_guarded() {
                None => {}
                Some(GroupOutcome::Failed) => {
                    let now = current.get_or_insert_with(|| Current::new(group, last_passed));
                    now.add(group);
                }
                Some(GroupOutcome::Passed | GroupOutcome::Mixed) => {
                    last_passed = Some(group.commit);
                    if let Some(done) = current.take() {
                        breaks.end(&done, after);
                    }
                }
            }
        }
        breaks.open = current
            .filter(|current| day_of(current.last_failed_at) > after)
            .map(|current| current.open);
        breaks
    }

    fn end(&mut self, done: &Current, after: i32) {
        if !done.is_counted || day_of(done.last_failed_at) <= after {
            return;
        }
        self.ended += 1;
        if done.open.commits <= MAX_SHORT {
            self.short += 1;
            self.last_short_at = self.last_short_at.max(Some(done.last_failed_at));
        }
    }
}

impl Current {
    fn new(group: &CommitGroup, last_passed: Option<Commit>) -> Self {
        Self {
            open: OpenBreak {
                since: group.commit,
                since_at: group.first_at,
                last_passed,
                commits: 0,
                has_two_failed_runs: false,
            },
            is_counted: false,
            last_failed_at: group.first_at,
        }
    }

    fn add(&mut self, group: &CommitGroup) {
        self.open.commits += 1;
        self.open.has_two_failed_runs = group.has_two_failed_runs;
        self.is_counted |= group.counted.failed > 0;
        self.last_failed_at = self.last_failed_at.max(group.first_at);
    }
}
