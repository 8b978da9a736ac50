//! The history outside the default branch, and the merge bases it gives.
//!
//! One walk lists every commit that can be reached from the commits in question and not from the
//! branch. Going down from a commit, the first commits that are no longer listed are on the branch;
//! every common ancestor is one of them or is reached from one of them. A single one is the merge
//! base. Of several, those reached from another are dropped; what cannot be settled so is left open.

use std::cell::RefCell;
use std::collections::{BinaryHeap, HashMap, HashSet};

use super::CLOCK_MARGIN_SECONDS;
use crate::git::command::{Git, GitError};
use crate::git::object_id::ObjectId;

/// What the walk says of a merge base.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MergeBase {
    /// There is exactly this one.
    One(ObjectId),
    /// There is none.
    Nothing,
    /// Several, or more history would have to be read to tell.
    Open,
}

/// Commits by index; those of the branch only as far as they were needed.
pub(in crate::git) struct Region {
    indices: HashMap<ObjectId, u32>,
    nodes: Vec<Node>,
    any_recorded: bool,
    marks: RefCell<Marks>,
}

struct Node {
    id: ObjectId,
    /// Seconds since the epoch; `None` when no answer of git held it.
    time: Option<i64>,
    parents: Vec<u32>,
    /// Not on the default branch.
    outside_branch: bool,
    /// Not on the branch, but on what the branch once was.
    recorded: bool,
}

/// Which nodes a walk has seen, without clearing between walks.
#[derive(Default)]
struct Marks {
    walk: u32,
    seen: Vec<u32>,
}

impl Marks {
    fn start(&mut self, nodes: usize) {
        self.seen.resize(nodes, 0);
        self.walk = self.walk.checked_add(1).unwrap_or_else(|| {
            self.seen.fill(0);
            1
        });
    }

    /// True the first time.
    fn see(&mut self, index: u32) -> bool {
        std::mem::replace(&mut self.seen[index as usize], self.walk) != self.walk
    }
}

impl Region {
    /// Lists what is reached from `commits` and not from `tip`.
    pub(super) fn walk(git: &Git, tip: ObjectId, commits: &[ObjectId]) -> Result<Self, GitError> {
        let mut input = format!("^{tip}\n").into_bytes();
        input.extend(crate::git::commits::id_lines(commits));
        let mut region = Self {
            indices: HashMap::new(),
            nodes: Vec::new(),
            any_recorded: false,
            marks: RefCell::default(),
        };
        region.read(
            git,
            &[
                "rev-list",
                "--timestamp",
                "--parents",
                "--boundary",
                "--stdin",
            ],
            input,
        )?;
        Ok(region)
    }

    /// Marks what is reached from the commits the branch once pointed at, and is not on it now.
    pub(super) fn mark_recorded(&mut self, recorded: &HashSet<ObjectId>) {
        let mut stack: Vec<u32> = recorded
            .iter()
            .filter_map(|id| self.indices.get(id).copied())
            .filter(|&index| self.node(index).outside_branch)
            .collect();
        self.any_recorded = !stack.is_empty();
        while let Some(index) = stack.pop() {
            let node = &mut self.nodes[index as usize];
            if node.recorded || !node.outside_branch {
                continue;
            }
            node.recorded = true;
            stack.extend_from_slice(&node.parents);
        }
    }

    /// Reads as much of the branch as is needed to choose between several candidates. Nothing is
    /// read when every commit has one.
    pub(super) fn load_history_of_candidates(
        &mut self,
        git: &Git,
        tip: ObjectId,
        commits: impl Iterator<Item = ObjectId>,
    ) -> Result<(), GitError> {
        let mut oldest: Option<i64> = None;
        for id in commits {
            let Some(&start) = self.indices.get(&id) else {
                continue;
            };
            for stop_at_recorded in [false, true] {
                let candidates = self.candidates(start, stop_at_recorded);
                if candidates.len() > 1 {
                    let times = candidates.iter().filter_map(|&index| self.node(index).time);
                    oldest = oldest.into_iter().chain(times).min();
                }
                if !self.any_recorded {
                    break;
                }
            }
        }
        let Some(oldest) = oldest else { return Ok(()) };
        let since = oldest.saturating_sub(CLOCK_MARGIN_SECONDS).max(0);
        let age = format!("--max-age={since}");
        self.read(
            git,
            &[
                "rev-list",
                "--timestamp",
                "--parents",
                &age,
                &tip.to_string(),
            ],
            Vec::new(),
        )
    }

    /// The best common ancestor of a commit and all the branch ever pointed at.
    pub(super) fn fork_candidate(&self, commit: ObjectId) -> MergeBase {
        self.best(commit, true)
    }

    /// The best common ancestor of a commit and the branch.
    pub(super) fn merge_base(&self, commit: ObjectId) -> MergeBase {
        self.best(commit, false)
    }

    /// Commits that the walk holds to be outside the branch.
    pub(super) fn outside_branch(&self) -> HashSet<ObjectId> {
        self.nodes
            .iter()
            .filter(|node| node.outside_branch)
            .map(|node| node.id)
            .collect()
    }

    /// Whether the walk down from `commit` meets one of `others`.
    pub(super) fn touches(&self, commit: ObjectId, others: &HashSet<ObjectId>) -> bool {
        let Some(&start) = self.indices.get(&commit) else {
            return others.contains(&commit);
        };
        let mut marks = self.marks.borrow_mut();
        marks.start(self.nodes.len());
        let mut stack = vec![start];
        while let Some(index) = stack.pop() {
            let node = self.node(index);
            if !node.outside_branch || !marks.see(index) {
                continue;
            }
            if others.contains(&node.id) {
                return true;
            }
            stack.extend_from_slice(&node.parents);
        }
        false
    }

    fn best(&self, commit: ObjectId, stop_at_recorded: bool) -> MergeBase {
        let Some(&start) = self.indices.get(&commit) else {
            return MergeBase::One(commit);
        };
        let node = self.node(start);
        if !node.outside_branch || (stop_at_recorded && node.recorded) {
            return MergeBase::One(commit);
        }
        let mut candidates = self.candidates(start, stop_at_recorded);
        if candidates.len() > 1 {
            self.drop_reached_from_another(&mut candidates);
        }
        match candidates.as_slice() {
            [] => MergeBase::Nothing,
            [only] => MergeBase::One(self.node(*only).id),
            _ => MergeBase::Open,
        }
    }

    /// The first commits of the branch (or of what it once was) on every way down from `start`.
    fn candidates(&self, start: u32, stop_at_recorded: bool) -> Vec<u32> {
        let mut marks = self.marks.borrow_mut();
        marks.start(self.nodes.len());
        let mut found = Vec::new();
        let mut stack = vec![start];
        while let Some(index) = stack.pop() {
            if !marks.see(index) {
                continue;
            }
            let node = self.node(index);
            if !node.outside_branch || (stop_at_recorded && node.recorded) {
                found.push(index);
            } else {
                stack.extend_from_slice(&node.parents);
            }
        }
        found
    }

    /// Drops candidates that are ancestors of another, as far as the history that was read tells.
    /// What it drops is proven; what it keeps may be too many.
    fn drop_reached_from_another(&self, candidates: &mut Vec<u32>) {
        let times: Option<Vec<i64>> = candidates
            .iter()
            .map(|&index| self.node(index).time)
            .collect();
        let Some(oldest) = times.and_then(|times| times.into_iter().min()) else {
            return;
        };
        let mut marks = self.marks.borrow_mut();
        marks.start(self.nodes.len());
        // Newest first, so that everything older than the oldest candidate is never visited.
        let mut queue: BinaryHeap<(i64, u32)> = BinaryHeap::new();
        let mut left: HashSet<u32> = candidates.iter().copied().collect();
        let push_parents = |index: u32, queue: &mut BinaryHeap<(i64, u32)>, marks: &mut Marks| {
            for &parent in &self.node(index).parents {
                if let Some(time) = self.node(parent).time
                    && time >= oldest
                    && marks.see(parent)
                {
                    queue.push((time, parent));
                }
            }
        };
        for &candidate in candidates.iter() {
            push_parents(candidate, &mut queue, &mut marks);
        }
        while let Some((_, index)) = queue.pop() {
            left.remove(&index);
            if left.len() == 1 {
                break;
            }
            push_parents(index, &mut queue, &mut marks);
        }
        candidates.retain(|index| left.contains(index));
    }

    fn node(&self, index: u32) -> &Node {
        &self.nodes[index as usize]
    }

    fn index_of(&mut self, id: ObjectId) -> Result<u32, GitError> {
        let next = u32::try_from(self.nodes.len()).map_err(|_| GitError::Answer {
            command: "git rev-list".to_owned(),
            what: "more commits than can be counted".to_owned(),
        })?;
        let index = *self.indices.entry(id).or_insert(next);
        if index == next {
            self.nodes.push(Node {
                id,
                time: None,
                parents: Vec::new(),
                outside_branch: false,
                recorded: false,
            });
        }
        Ok(index)
    }

    /// Reads lines of `SECONDS [-]COMMIT PARENT…`. Only the walk itself has boundary lines; the
    /// lines of the later reading are of the branch.
    fn read(&mut self, git: &Git, arguments: &[&str], input: Vec<u8>) -> Result<(), GitError> {
        let is_walk = arguments.contains(&"--boundary");
        let answer = git.run_with_input(arguments, input)?;
        for line in answer
            .split(|&byte| byte == b'\n')
            .filter(|line| !line.is_empty())
        {
            let mut words = line.split(|&byte| byte == b' ');
            let time = words
                .next()
                .and_then(|word| std::str::from_utf8(word).ok())
                .and_then(|word| word.parse::<i64>().ok());
            let name = words.next().unwrap_or_default();
            let (on_boundary, name) = match name.strip_prefix(b"-") {
                Some(name) => (true, name),
                None => (false, name),
            };
            let (Some(time), Some(id)) = (time, ObjectId::from_hex(name)) else {
                return Err(GitError::Answer {
                    command: "git rev-list --timestamp --parents".to_owned(),
                    what: String::from_utf8_lossy(line).into_owned(),
                });
            };
            let mut parents = Vec::new();
            for parent in words.filter_map(ObjectId::from_hex) {
                parents.push(self.index_of(parent)?);
            }
            let index = self.index_of(id)?;
            let node = &mut self.nodes[index as usize];
            node.time = Some(time);
            node.parents = parents;
            node.outside_branch |= is_walk && !on_boundary;
        }
        Ok(())
    }
}
