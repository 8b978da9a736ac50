//! Inverted indexes: from a word to what has it.

use std::collections::HashMap;

/// Numbers of distinct words, from 0.
#[derive(Clone, Debug, Default)]
pub(crate) struct Words(HashMap<Box<str>, u32>);

impl Words {
    pub(crate) fn number(&mut self, word: &str) -> u32 {
        if let Some(number) = self.0.get(word) {
            return *number;
        }
        let number = index(self.0.len());
        self.0.insert(word.into(), number);
        number
    }

    pub(crate) fn find(&self, word: &str) -> Option<u32> {
        self.0.get(word).copied()
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}

/// Lists of values by number, in one allocation.
#[derive(Clone, Debug, Default)]
pub(crate) struct Postings<T> {
    /// Where each list starts, and the end of the last.
    starts: Vec<u32>,
    values: Vec<T>,
}

impl<T: Copy> Postings<T> {
    /// From pairs of a number below `lists` and a value, in the order in which lists have them.
    pub(crate) fn new(lists: usize, pairs: &[(u32, T)]) -> Self {
        let mut starts = vec![0_u32; lists + 1];
        for (number, _) in pairs {
            starts[*number as usize + 1] += 1;
        }
        let mut sum = 0;
        for start in &mut starts {
            sum += *start;
            *start = sum;
        }
        let mut next = starts.clone();
        // Overwritten below; only the type needs an initial value.
        let mut values: Vec<T> = pairs.iter().map(|pair| pair.1).collect();
        for (number, value) in pairs {
            let place = &mut next[*number as usize];
            values[*place as usize] = *value;
            *place += 1;
        }
        Self { starts, values }
    }

    /// The list of a number; empty if there is none.
    pub(crate) fn of(&self, number: u32) -> &[T] {
        let number = number as usize;
        match self.starts.get(number..number + 2) {
            Some([start, end]) => &self.values[*start as usize..*end as usize],
            _ => &[],
        }
    }
}

/// A position as it is stored. A catalog has at most 2^32 items and words.
pub(crate) fn index(position: usize) -> u32 {
    u32::try_from(position).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_keep_their_order() {
        let postings = Postings::new(4, &[(2, 'a'), (0, 'b'), (2, 'c'), (3, 'd')]);
        let lists = [0, 1, 2, 3, 4].map(|number| postings.of(number).to_vec());
        assert_eq!(
            lists,
            [vec!['b'], vec![], vec!['a', 'c'], vec!['d'], vec![]]
        );
        assert!(Postings::<u32>::new(0, &[]).of(0).is_empty());
    }

    #[test]
    fn words_are_numbered_once() {
        let mut words = Words::default();
        assert_eq!(["a", "b", "a"].map(|word| words.number(word)), [0, 1, 0]);
        assert_eq!(
            (words.find("b"), words.find("c"), words.len()),
            (Some(1), None, 2)
        );
    }
}
