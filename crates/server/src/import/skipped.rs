//! What an import leaves out, by reason.

use std::collections::BTreeMap;

/// Named for each reason.
const MAX_EXAMPLES: usize = 3;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Skipped(BTreeMap<&'static str, SkippedForReason>);

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct SkippedForReason {
    pub(crate) count: u64,
    /// The first few, with their file.
    pub(crate) examples: Vec<String>,
}

impl Skipped {
    pub(crate) fn add(&mut self, reason: &'static str, count: u64, example: impl Into<String>) {
        if count == 0 {
            return;
        }
        let skipped = self.0.entry(reason).or_default();
        skipped.count += count;
        if skipped.examples.len() < MAX_EXAMPLES {
            skipped.examples.push(example.into());
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&'static str, &SkippedForReason)> {
        self.0.iter().map(|(reason, skipped)| (*reason, skipped))
    }
}
