//! Compares what nodes discovered without sending the whole list.

use sha2::{Digest as _, Sha256};
use test_engine_wire::Population;

/// The number and the digest of the distinct values, without names. A leading `./` does not count.
///
/// The digest is SHA-256 in hexadecimal over the values in byte order, each followed by a line
/// feed.
pub fn population<'a>(values: impl IntoIterator<Item = &'a str>) -> Population {
    let mut sorted: Vec<&str> = values
        .into_iter()
        .map(|value| value.strip_prefix("./").unwrap_or(value))
        .collect();
    sorted.sort_unstable();
    sorted.dedup();
    let mut hash = Sha256::new();
    for value in &sorted {
        hash.update(value.as_bytes());
        hash.update(b"\n");
    }
    Population {
        digest: hex::encode(hash.finalize()),
        count: sorted.len() as u64,
        ..Population::default()
    }
}

/// The digest of a [`population`].
pub fn population_digest<'a>(values: impl IntoIterator<Item = &'a str>) -> String {
    population(values).digest
}

#[cfg(test)]
mod tests {
    use super::population_digest;

    #[test]
    fn order_repetition_and_a_leading_dot_do_not_matter() {
        // From `printf 'a\nb\n' | sha256sum`.
        let expected = "911169ddaaf146aff539f58c26c489af3b892dff0fe283c1c264c65ae5aa59a2";
        for values in [&["a", "b"][..], &["b", "a", "b"], &["./b", "a"]] {
            assert_eq!(population_digest(values.iter().copied()), expected);
        }
        assert_ne!(population_digest(["a"]), expected);
    }
}
