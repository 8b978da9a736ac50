//! How well the names of an item's tests match the names of changed functions: BM25 (§4 of the
//! design).

use super::{ItemNames, rarity};
use crate::postings::{Postings, Words, index};
use crate::words::for_each_word;

const K: f64 = 1.2;
const B: f64 = 0.75;
const MAX: f64 = 3.0;

/// An item that has a word, and how much it counts there, apart from the rarity of the word.
#[derive(Clone, Copy, Debug)]
struct Posting {
    item: u32,
    factor: f32,
}

#[derive(Clone, Debug)]
pub(crate) struct Text {
    words: Words,
    postings: Postings<Posting>,
    items: usize,
}

impl Text {
    pub(crate) fn new(items: &[ItemNames<'_>]) -> Self {
        let mut words = Words::default();
        // A word, an item, and how many of its names have the word.
        let mut counts: Vec<(u32, u32, u32)> = Vec::new();
        let mut lengths = vec![1_u32; items.len()];
        for (item, names) in items.iter().enumerate() {
            let start = counts.len();
            for name in &names.tests {
                count_words(name, index(item), &mut words, &mut counts);
            }
            merge(&mut counts, start);
            lengths[item] += counts[start..].iter().map(|count| count.2).sum::<u32>();
        }
        let sum: f64 = lengths.iter().map(|length| f64::from(*length)).sum();
        let mean = sum / f64::from(index(items.len().max(1)));
        let pairs: Vec<(u32, Posting)> = counts
            .iter()
            .map(|(word, item, names)| {
                let (names, length) =
                    (f64::from(*names), f64::from(lengths[*item as usize]) / mean);
                #[expect(clippy::cast_possible_truncation, reason = "a factor below 2.2")]
                let factor = (names * (K + 1.0) / (names + K * (1.0 - B + B * length))) as f32;
                let item = *item;
                (*word, Posting { item, factor })
            })
            .collect();
        Self {
            postings: Postings::new(words.len(), &pairs),
            words,
            items: items.len(),
        }
    }

    /// How well each item matches words of changed functions, from 0 to 3.
    pub(crate) fn matches(&self, function_words: &[String]) -> Vec<f64> {
        let mut sums = vec![0.0; self.items];
        for word in function_words
            .iter()
            .filter_map(|word| self.words.find(word))
        {
            let postings = self.postings.of(word);
            let rarity = rarity(self.items, index(postings.len()));
            for posting in postings {
                sums[posting.item as usize] += rarity * f64::from(posting.factor);
            }
        }
        let scale = 3.0 * f64::from(index(function_words.len().max(1))).sqrt();
        for sum in &mut sums {
            *sum = (*sum / scale).min(MAX);
        }
        sums
    }

    /// The changed functions' words that the names of an item's tests have.
    pub(crate) fn common_words<'w>(
        &self,
        item: usize,
        function_words: &'w [String],
    ) -> Vec<&'w str> {
        let has = |word: &&String| {
            let number = self.words.find(word);
            let postings = number.map_or(&[][..], |number| self.postings.of(number));
            // Lists are in the order of items.
            postings
                .binary_search_by_key(&index(item), |posting| posting.item)
                .is_ok()
        };
        function_words
            .iter()
            .filter(has)
            .map(String::as_str)
            .collect()
    }
}

/// Adds each distinct word of a name once.
fn count_words(name: &str, item: u32, words: &mut Words, counts: &mut Vec<(u32, u32, u32)>) {
    let start = counts.len();
    for_each_word(name, |word| {
        let word = words.number(word);
        if counts[start..].iter().all(|count| count.0 != word) {
            counts.push((word, item, 1));
        }
    });
}

/// Adds up the counts of each word from `start` on.
fn merge(counts: &mut Vec<(u32, u32, u32)>, start: usize) {
    counts[start..].sort_unstable();
    let mut kept = start;
    for at in start..counts.len() {
        if kept > start && counts[kept - 1].0 == counts[at].0 {
            counts[kept - 1].2 += counts[at].2;
        } else {
            counts[kept] = counts[at];
            kept += 1;
        }
    }
    counts.truncate(kept);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Location;

    fn text(names: &[&[&'static str]]) -> Text {
        let item = |tests: &&[&'static str]| ItemNames {
            id: 0,
            name: "",
            location: Location::Unknown,
            tests: tests.to_vec(),
        };
        Text::new(&names.iter().map(item).collect::<Vec<_>>())
    }

    #[test]
    fn matches_are_those_of_bm25() {
        let text = text(&[
            &["test_make_context", "test_context_context", "test_echo"],
            &["test_echo"],
            &[],
        ]);
        let query = ["context", "echo", "unknown"].map(str::to_owned);
        let found = text.matches(&query);
        // Lengths 5, 2 and 1 with a mean of 8/3; "context" is in two names of the first item.
        let weigh = |names: f64, length: f64| names * 2.2 / (names + 1.2 * (0.25 + 0.75 * length));
        let rarity = |count: f64| (1.0 + 3.0 / (0.5 + count)).ln();
        let first = rarity(1.0) * weigh(2.0, 15.0 / 8.0) + rarity(2.0) * weigh(1.0, 15.0 / 8.0);
        let second = rarity(2.0) * weigh(1.0, 6.0 / 8.0);
        let expected = [first, second, 0.0].map(|sum| sum / (3.0 * 3_f64.sqrt()));
        for (found, expected) in found.iter().zip(expected) {
            assert!((found - expected).abs() < 1e-6, "{found} {expected}");
        }
        assert_eq!(text.common_words(0, &query), ["context", "echo"]);
        assert_eq!(text.common_words(2, &query), [""; 0]);
    }

    #[test]
    fn matches_are_limited() {
        let mut names: Vec<&[&str]> = vec![&[]; 100_000];
        names.push(&["zebra"; 10]);
        let many = text(&names);
        let found = many.matches(&["zebra".to_owned()]);
        assert!(
            (found[100_000] - MAX).abs() < f64::EPSILON,
            "{}",
            found[100_000]
        );
        assert_eq!(many.matches(&[]), vec![0.0; 100_001]);
    }
}
