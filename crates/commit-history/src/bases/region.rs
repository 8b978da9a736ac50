//! The history outside the default branch, and the merge bases that follow from it.
//!
//! One walk lists every commit that is reachable from the commits in question and not from the
//! branch. Below a commit, the first commits that are not listed are on the branch; every common
//! ancestor is one of them or reachable from one of them. A single candidate is the merge base. Of
//! several, those reachable from another are dropped; if more than one is left, it is ambiguous.

use std::cell::RefCell;
use std::collections::{BinaryHeap, HashMap, HashSet};

use super::max_age;
use crate::git::Git;
use crate::object_id::id_lines;
use crate::{Error, ObjectId};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MergeBase {
    One(ObjectId),
    None,
    /// There are several, or the walk did not read enough history to choose.
    Ambiguous,
}

/// A graph of commits by index. Contains commits of the branch only as far as they were needed.
pub(super) struct Region {
    indices: HashMap<ObjectId, u32>,
    nodes: Vec<Node>,
    any_recorded: bool,
    marks: RefCell<Marks>,
}

struct Node {
    id: ObjectId,
    /// Seconds since 1970; `None` when git listed the commit only as a parent.
    time: Option<i64>,
    parents: Vec<u32>,
    /// Not on the default branch.
    outside_branch: bool,
    /// Not on the branch, but reachable from a commit that the branch once pointed to.
    recorded: bool,
}

/// The nodes that a walk has seen. A new walk number invalidates all marks without clearing them.
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

    /// Marks a node; false when this walk has seen it before.
    fn see(&mut self, index: u32) -> bool {
        std::mem::replace(&mut self.seen[index as usize], self.walk) != self.walk
    }
}

impl Region {
    /// Lists what is reachable from `commits` and not from `tip`.
    pub(super) fn walk(git: &Git, tip: ObjectId, commits: &[ObjectId]) -> Result<Self, Error> {
        let mut input = format!("^{tip}\n").into_bytes();
        input.extend(id_lines(commits));
        let mut region = Self {
            indices: HashMap::new(),
            nodes: Vec::new(),
            any_recorded: false,
            marks: RefCell::default(),
        };
        region.read(git, &["--boundary", "--stdin"], input)?;
        Ok(region)
    }

    /// Marks what is reachable from the commits the branch once pointed to, and is not on it now.
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

    /// Reads as much of the branch as is needed to choose between several candidates: nothing when
    /// every commit has at most one.
    pub(super) fn load_history_of_candidates(
        &mut self,
        git: &Git,
        tip: ObjectId,
        commits: impl Iterator<Item = ObjectId>,
    ) -> Result<(), Error> {
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
        self.read(git, &[&max_age(oldest), &tip.to_string()], Vec::new())
    }

    /// The best common ancestor of a commit and everything the branch ever pointed to.
    pub(super) fn fork_candidate(&self, commit: ObjectId) -> MergeBase {
        self.best(commit, true)
    }

    /// The best common ancestor of a commit and the branch.
    pub(super) fn merge_base(&self, commit: ObjectId) -> MergeBase {
        self.best(commit, false)
    }

    /// The commits that are outside the branch according to the walk.
    pub(super) fn outside_branch(&self) -> HashSet<ObjectId> {
        self.nodes
            .iter()
            .filter(|node| node.outside_branch)
            .map(|node| node.id)
            .collect()
    }

    /// Whether `commit` reaches one of `others` without passing through the branch.
    pub(super) fn reaches(&self, commit: ObjectId, others: &HashSet<ObjectId>) -> bool {
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
            self.drop_ancestors_of_others(&mut candidates);
        }
        match candidates.as_slice() {
            [] => MergeBase::None,
            [only] => MergeBase::One(self.node(*only).id),
            _ => MergeBase::Ambiguous,
        }
    }

    /// The first commits of the branch (or of its recorded history) on every path from `start`.
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

    /// Drops candidates that are ancestors of another one in the history read so far. May keep too
    /// many, never too few.
    fn drop_ancestors_of_others(&self, candidates: &mut Vec<u32>) {
        let times: Option<Vec<i64>> = candidates
            .iter()
            .map(|&index| self.node(index).time)
            .collect();
        let Some(oldest) = times.and_then(|times| times.into_iter().min()) else {
            return;
        };
        let mut marks = self.marks.borrow_mut();
        marks.start(self.nodes.len());
        // Newest first; commits older than the oldest candidate are never visited.
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

    fn index_of(&mut self, id: ObjectId) -> u32 {
        let next = u32::try_from(self.nodes.len()).expect("fewer than 2^32 commits");
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
        index
    }

    /// Reads lines of `SECONDS [-]COMMIT PARENT…`. Without `--boundary`, all lines are commits of
    /// the branch.
    fn read(&mut self, git: &Git, options: &[&str], input: Vec<u8>) -> Result<(), Error> {
        let is_walk = options.contains(&"--boundary");
        let arguments = [&["rev-list", "--timestamp", "--parents"], options].concat();
        let mut process = git.start_with_input(&arguments, input)?;
        while let Some(line) = process.next_line()? {
            let mut words = line.split(|&byte| byte == b' ');
            let time = words.next().and_then(|word| std::str::from_utf8(word).ok());
            let time = time.and_then(|word| word.parse::<i64>().ok());
            let hex = words.next().unwrap_or_default();
            let on_boundary = hex.starts_with(b"-");
            let id = ObjectId::from_hex(hex.strip_prefix(b"-").unwrap_or(hex));
            let (Some(time), Some(id)) = (time, id) else {
                let line = String::from_utf8_lossy(line).into_owned();
                return Err(process.output_error(line));
            };
            let parents = words.filter_map(ObjectId::from_hex);
            let parents = parents.map(|parent| self.index_of(parent)).collect();
            let index = self.index_of(id);
            let node = &mut self.nodes[index as usize];
            node.time = Some(time);
            node.parents = parents;
            node.outside_branch |= is_walk && !on_boundary;
        }
        process.finish()
    }
}
