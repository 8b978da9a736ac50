//! Compares what nodes discovered without sending the whole list.

use sha2::{Digest as _, Sha256};

/// SHA-256 in hexadecimal over the distinct values in byte order, each followed by a line feed. A
/// leading `./` does not count.
pub fn population_digest<'a>(values: impl IntoIterator<Item = &'a str>) -> String {
    let mut sorted: Vec<&str> = values
        .into_iter()
        .map(|value| value.strip_prefix("./").unwrap_or(value))
        .collect();
    sorted.sort_unstable();
    sorted.dedup();
    let mut hash = Sha256::new();
    for value in sorted {
        hash.update(value.as_bytes());
        hash.update(b"\n");
    }
    hex::encode(hash.finalize())
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
