//! What a suite has learned: which items failed after which files changed (§7 of the design).
//!
//! Counts decay by half in 300 commits. Each row holds its values as of its own clock, so a row
//! changes only when something is added to it, and no number grows without limit.

mod learn;
mod row;

use std::collections::{BTreeMap, BTreeSet};

use crate::words::extension;

pub use learn::{Learned, Unlearned};
pub use row::Row;

/// The counts of a suite.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Counts {
    /// Commits that the suite has seen.
    clock: u32,
    /// By path of a changed file: how often it changed in failing builds, and what failed then.
    files: BTreeMap<Box<str>, Row>,
    /// The same by folder.
    folders: BTreeMap<Box<str>, Row>,
    /// Failing builds, and how often each item failed.
    items: Row,
    /// Renames that were applied.
    renames: BTreeSet<(Box<str>, Box<str>)>,
    /// Endings of the files.
    extensions: BTreeSet<Box<str>>,
}

impl Counts {
    /// From what was stored. The rows are those of files, folders and items.
    pub fn from_parts(
        clock: u32,
        files: impl IntoIterator<Item = (String, Row)>,
        folders: impl IntoIterator<Item = (String, Row)>,
        items: Row,
        renames: impl IntoIterator<Item = (String, String)>,
    ) -> Self {
        let boxed = |(key, row): (String, Row)| (key.into_boxed_str(), row);
        let files: BTreeMap<Box<str>, Row> = files.into_iter().map(boxed).collect();
        Self {
            clock,
            extensions: files.keys().map(|path| extension(path).into()).collect(),
            files,
            folders: folders.into_iter().map(boxed).collect(),
            items,
            renames: renames
                .into_iter()
                .map(|(old, new)| (old.into_boxed_str(), new.into_boxed_str()))
                .collect(),
        }
    }

    /// Takes over rows and renames that another server has changed, as of its clock.
    pub fn update(
        &mut self,
        clock: u32,
        files: impl IntoIterator<Item = (String, Row)>,
        folders: impl IntoIterator<Item = (String, Row)>,
        items: Option<Row>,
        renames: impl IntoIterator<Item = (String, String)>,
    ) {
        self.clock = clock;
        for (path, row) in files {
            self.extensions.insert(extension(&path).into());
            self.files.insert(path.into_boxed_str(), row);
        }
        for (path, row) in folders {
            self.folders.insert(path.into_boxed_str(), row);
        }
        if let Some(items) = items {
            self.items = items;
        }
        for (old, new) in renames {
            self.renames
                .insert((old.into_boxed_str(), new.into_boxed_str()));
        }
    }

    /// Commits that the suite has seen.
    pub const fn clock(&self) -> u32 {
        self.clock
    }

    /// A commit was seen, whether or not it failed.
    pub fn tick(&mut self) {
        self.clock = self.clock.saturating_add(1);
    }

    /// The row of a changed file.
    pub fn file(&self, path: &str) -> Option<&Row> {
        self.files.get(path)
    }

    /// The row of a folder.
    pub fn folder(&self, path: &str) -> Option<&Row> {
        self.folders.get(path)
    }

    /// The row of failing builds, with the failures of each item.
    pub const fn items(&self) -> &Row {
        &self.items
    }

    /// Whether any learned file has this ending.
    pub(crate) fn has_extension(&self, extension: &str) -> bool {
        self.extensions.contains(extension)
    }

    /// Number of counts of an item after a file or folder.
    pub fn pairs(&self) -> usize {
        let rows = self.files.values().chain(self.folders.values());
        rows.map(|row| row.failures().len()).sum()
    }
}
