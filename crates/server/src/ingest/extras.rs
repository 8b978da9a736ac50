//! Cuts failure texts and picks spans while an upload is read.
//!
//! Both may be almost all of an upload. So the extras of one result are in memory at a time: what
//! is stored of them is kept by [`TextKeeper`] and [`SpanKeeper`].

use std::cell::RefCell;
use std::collections::BTreeMap;

use test_engine_results::{ResultSink, TestResult};
use test_engine_store::{FailureCause, KeptTexts, NewExecution};

use super::failure_cause;
use super::failure_text;
use super::kept_spans::SpanKeeper;
use super::text_keeper::TextKeeper;
use crate::spill::TemporaryFiles;

/// What is stored of the extras of results.
pub(super) struct ExtrasSink<'a> {
    max_results: usize,
    kept: RefCell<Kept<'a>>,
}

struct Kept<'a> {
    /// By the index of the result, as `places`.
    causes: BTreeMap<usize, FailureCause>,
    places: BTreeMap<usize, KeptTexts>,
    texts: TextKeeper<'a>,
    spans: SpanKeeper,
}

impl<'a> ExtrasSink<'a> {
    /// For an upload with at most `max_results` results.
    pub(super) fn new(max_results: usize, files: &'a TemporaryFiles) -> Self {
        Self {
            max_results,
            kept: RefCell::new(Kept {
                causes: BTreeMap::new(),
                places: BTreeMap::new(),
                texts: TextKeeper::new(files),
                spans: SpanKeeper::new(max_results),
            }),
        }
    }

    /// Adds them to the executions, which are those of the results in the same order.
    pub(super) fn add_to(self, executions: &mut [NewExecution]) {
        let kept = self.kept.into_inner();
        for (index, cause) in kept.causes {
            executions[index].cause = Some(cause);
        }
        for (index, place) in kept.places {
            executions[index].kept_texts = Some(place);
        }
        kept.spans.select(executions);
    }
}

impl ResultSink for ExtrasSink<'_> {
    fn restart(&self) {
        let mut kept = self.kept.borrow_mut();
        kept.causes.clear();
        kept.places.clear();
        kept.texts.restart();
        kept.spans = SpanKeeper::new(self.max_results);
    }

    fn add(&self, index: usize, result: &mut TestResult<'_>) {
        if result.extras.is_untouched() {
            return;
        }
        let mut kept = self.kept.borrow_mut();
        kept.spans.add(index, result);
        // Of the whole text, so that limits do not change it.
        if let Some(cause) = failure_cause::of(result) {
            kept.causes.insert(index, cause);
        }
        failure_text::limit(&mut result.extras);
        if let Some(place) = kept.texts.add(&mut result.extras) {
            kept.places.insert(index, place);
        }
    }
}
