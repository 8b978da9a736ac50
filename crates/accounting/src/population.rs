//! What nodes discovered, in a form that is compared without sending the whole list.

use sha2::{Digest as _, Sha256};
use test_engine_wire::{Population, without_dot_slash};

/// Bytes per update of the hash, which costs more per call than per byte.
const HASH_BUFFER: usize = 16 * 1024;

/// The number and the digest of the distinct values, without names. A leading `./` does not count.
///
/// The digest is SHA-256 in hexadecimal over the values in byte order, each followed by a line
/// feed.
pub fn population<'a>(values: impl IntoIterator<Item = &'a str>) -> Population {
    let mut sorted: Vec<&str> = values.into_iter().map(without_dot_slash).collect();
    #[expect(
        clippy::stable_sort_primitive,
        reason = "much faster on nearly sorted input, such as a directory walk"
    )]
    sorted.sort();
    sorted.dedup();
    Population {
        digest: digest_of_sorted(sorted.iter().copied()),
        count: sorted.len() as u64,
        ..Population::default()
    }
}

/// The digest of a [`population`].
pub fn population_digest<'a>(values: impl IntoIterator<Item = &'a str>) -> String {
    population(values).digest
}

fn digest_of_sorted<'a>(sorted: impl Iterator<Item = &'a str>) -> String {
    let mut hash = Sha256::new();
    let mut buffer = Vec::with_capacity(HASH_BUFFER);
    for value in sorted {
        if buffer.len() + value.len() >= HASH_BUFFER {
            hash.update(&buffer);
            buffer.clear();
        }
        buffer.extend_from_slice(value.as_bytes());
        buffer.push(b'\n');
    }
    hash.update(&buffer);
    hex::encode(hash.finalize())
}

#[cfg(test)]
mod tests {
    use super::{HASH_BUFFER, population, population_digest};

    #[test]
    fn order_repetition_and_a_leading_dot_do_not_matter() {
        // From `printf 'a\nb\n' | sha256sum`.
        let expected = "911169ddaaf146aff539f58c26c489af3b892dff0fe283c1c264c65ae5aa59a2";
        for values in [&["a", "b"][..], &["b", "a", "b"], &["./b", "a"]] {
            let population = population(values.iter().copied());
            assert_eq!(
                (population.digest.as_str(), population.count),
                (expected, 2)
            );
        }
        assert_ne!(population_digest(["a"]), expected);
    }

    #[test]
    fn long_lists_have_the_digest_of_their_text() {
        // From `seq -f '%05g' 0 9999 | sha256sum`, and from 40,000 times `x` and a line feed.
        let numbers: Vec<String> = (0..10_000).map(|number| format!("{number:05}")).collect();
        assert!(numbers.len() * 6 > 2 * HASH_BUFFER);
        assert_eq!(
            population_digest(numbers.iter().rev().map(String::as_str)),
            "7ef52f4ee7f0c5cd58005604e9907469d9c12a3478996fb5baa79e7112afc0e3"
        );
        let long = "x".repeat(40_000);
        assert_eq!(
            population_digest([long.as_str()]),
            "e50972c39b902a9e195006850d45815637b39683ff3fca41be63428a08931d58"
        );
    }
}
