//! Which spans of an upload are stored: those of failed executions, and of its slowest ones.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use test_engine_duration::Micros;
use test_engine_results::{Outcome, TestResult};
use test_engine_store::NewExecution;

use crate::spans::{MAX_BYTES, Spans};

/// Of a hundred executions, this many slow ones keep their spans; at least one of an upload.
const SLOW_PERCENT: usize = 1;
/// Of all stored spans of an upload, compressed.
const MAX_UPLOAD_BYTES: usize = 1024 * 1_024;

/// The spans that may be stored, compressed. All others are dropped while the upload is read.
pub(super) struct SpanKeeper {
    max_slow: usize,
    /// Indexes of the results that had spans.
    with_spans: Vec<usize>,
    encoded: BTreeMap<usize, Vec<u8>>,
    /// The slowest results that have not failed, fastest first. Of equally slow ones, the first in
    /// the upload are kept.
    slowest: BTreeSet<(Option<Micros>, Reverse<usize>)>,
}

impl SpanKeeper {
    /// For an upload with at most `max_results` results.
    pub(super) fn new(max_results: usize) -> Self {
        Self {
            max_slow: slow(max_results),
            with_spans: Vec::new(),
            encoded: BTreeMap::new(),
            slowest: BTreeSet::new(),
        }
    }

    /// Takes the spans of a result.
    pub(super) fn add(&mut self, index: usize, result: &mut TestResult<'_>) {
        if result.extras.spans.is_empty() {
            return;
        }
        let spans = std::mem::take(&mut result.extras.spans);
        self.with_spans.push(index);
        if result.outcome != Outcome::Failed {
            self.slowest.insert((result.duration, Reverse(index)));
            if self.slowest.len() > self.max_slow
                && let Some((_, Reverse(fastest))) = self.slowest.pop_first()
            {
                self.encoded.remove(&fastest);
                if fastest == index {
                    return;
                }
            }
        }
        // Writing to memory cannot fail.
        if let Ok(encoded) = Spans::of(&spans).encode() {
            self.encoded.insert(index, encoded);
        }
    }

    /// Adds spans to the executions up to the limit of the upload, those of failures first.
    pub(super) fn select(mut self, executions: &mut [NewExecution]) {
        let slow = slow(executions.len());
        let mut with_spans = self.with_spans;
        let is_failed = |index: &usize| executions[*index].result.outcome == Outcome::Failed;
        // A stable sort, so that equally slow executions are chosen in the order of the upload.
        with_spans.sort_by_key(|index| Reverse(executions[*index].result.duration));
        let failed = with_spans.iter().filter(|index| is_failed(index));
        let slowest = with_spans[..slow.min(with_spans.len())].iter();
        let chosen: Vec<usize> = failed
            .chain(slowest.filter(|index| !is_failed(index)))
            .copied()
            .collect();
        let mut left = MAX_UPLOAD_BYTES;
        for index in chosen {
            let Some(encoded) = self.encoded.remove(&index) else {
                continue;
            };
            if encoded.len() > left {
                return;
            }
            left -= encoded.len();
            executions[index].spans = Some(encoded);
        }
    }
}

fn slow(results: usize) -> usize {
    (results * SLOW_PERCENT / 100).max(1)
}

// The worst case of one execution must fit.
const _: () = assert!(2 * MAX_BYTES < MAX_UPLOAD_BYTES);

#[cfg(test)]
mod tests {
    use sha2::{Digest as _, Sha256};
    use test_engine_results::{Extra, Extras, Span, SpanDetail};

    use super::*;

    fn execution(outcome: Outcome, seconds: f64, content: &str) -> NewExecution {
        let span = Span {
            section: "annotation".to_owned(),
            detail: SpanDetail {
                content: Some(content.to_owned()),
                ..SpanDetail::default()
            },
            ..Span::default()
        };
        NewExecution {
            result: TestResult {
                outcome,
                duration: Some(Micros::from_seconds(seconds)),
                extras: Extras::from(Extra {
                    spans: vec![span],
                    ..Extra::default()
                }),
                ..TestResult::default()
            },
            ..NewExecution::default()
        }
    }

    fn select(executions: &mut [NewExecution]) {
        let mut keeper = SpanKeeper::new(executions.len());
        for (index, execution) in executions.iter_mut().enumerate() {
            keeper.add(index, &mut execution.result);
        }
        keeper.select(executions);
    }

    fn stored(executions: &[NewExecution]) -> Vec<usize> {
        let stored = executions.iter().enumerate();
        stored
            .filter(|(_, execution)| execution.spans.is_some())
            .map(|(index, _)| index)
            .collect()
    }

    #[test]
    fn failures_and_the_slowest_percent_keep_their_spans() {
        let mut executions: Vec<NewExecution> = (0..300)
            .map(|index| execution(Outcome::Passed, f64::from(index % 100), "x"))
            .collect();
        executions[7] = execution(Outcome::Failed, 0.0, "x");
        executions[299].result.extras.spans.clear();
        select(&mut executions);
        // 299 has none, so the next slowest one takes its place.
        assert_eq!(stored(&executions), [7, 98, 99, 199]);
        assert!(
            executions
                .iter()
                .all(|it| it.result.extras.spans.is_empty())
        );
    }

    #[test]
    fn a_small_upload_keeps_those_of_its_slowest_execution() {
        let mut executions = vec![
            execution(Outcome::Passed, 1.0, "x"),
            execution(Outcome::Skipped, 0.5, "x"),
            execution(Outcome::Passed, 2.0, "x"),
        ];
        select(&mut executions);
        assert_eq!(stored(&executions), [2]);
    }

    #[test]
    fn the_size_of_an_upload_is_bounded_and_failures_come_first() {
        // Hashes do not compress.
        let noise = |seed: usize| -> String {
            let hash = |part: usize| hex::encode(Sha256::digest(format!("{seed} {part}")));
            (0..120).map(hash).collect()
        };
        let mut executions: Vec<NewExecution> = (0..1_000)
            .map(|index| {
                let outcome = if index % 2 == 0 {
                    Outcome::Failed
                } else {
                    Outcome::Passed
                };
                let seconds = if index % 2 == 0 { 0.1 } else { 9.0 };
                execution(outcome, seconds, &noise(index))
            })
            .collect();
        select(&mut executions);
        let sizes = executions
            .iter()
            .filter_map(|it| it.spans.as_ref().map(Vec::len));
        let total: usize = sizes.sum();
        assert!(
            total > MAX_UPLOAD_BYTES * 9 / 10 && total <= MAX_UPLOAD_BYTES,
            "{total}"
        );
        let kept = stored(&executions);
        assert!(
            kept.len() > 200 && kept.iter().all(|index| index % 2 == 0),
            "{kept:?}"
        );
    }
}
