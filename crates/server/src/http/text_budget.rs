//! Keeps responses that contain uploaded texts small, whatever the texts are.

/// Bytes of texts in one page or list. With everything else it stays under 1 MiB.
pub(crate) const MAX_TEXT_BYTES: usize = 512 * 1024;

/// How many bytes each of these texts may have, so that together they have at most `total`: short
/// ones leave what they do not need to the others.
pub(crate) fn fair_share(sizes: impl IntoIterator<Item = usize>, total: usize) -> usize {
    let mut sizes: Vec<usize> = sizes.into_iter().collect();
    sizes.sort_unstable();
    let mut left = total;
    let count = sizes.len();
    for (index, size) in sizes.into_iter().enumerate() {
        let share = left / (count - index);
        if size > share {
            return share;
        }
        left -= size;
    }
    total
}

/// The bytes of a text as JSON.
pub(crate) fn json_size(text: &str) -> usize {
    let size = |byte| match byte {
        b'"' | b'\\' | b'\n' | b'\r' | b'\t' => 2,
        0..=0x1F => 6,
        _ => 1,
    };
    text.bytes().map(size).sum::<usize>() + "\"\",".len()
}

/// The bytes of a text in a page.
pub(crate) fn html_size(text: &str) -> usize {
    let size = |byte| match byte {
        b'<' | b'>' | b'&' | b'"' | b'\'' => 5,
        _ => 1,
    };
    text.bytes().map(size).sum()
}

/// The start of a text that has at most `limit` bytes according to `size`.
pub(crate) fn start_of(text: &str, limit: usize, size: impl Fn(&str) -> usize) -> &str {
    if size(text) <= limit {
        return text;
    }
    let mut end = text.len();
    while end > 0 && (!text.is_char_boundary(end) || size(&text[..end]) > limit) {
        // A tenth per step is exact enough for a text that is cut anyway.
        end -= (end / 10).max(1);
    }
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_texts_leave_their_share_to_long_ones() {
        for (sizes, total, share) in [
            (vec![], 100, 100),
            (vec![10, 20, 30], 100, 100),
            (vec![10, 1_000, 20], 100, 70),
            (vec![1_000, 1_000], 100, 50),
            (vec![5; 3], 9, 3),
        ] {
            assert_eq!(fair_share(sizes.clone(), total), share, "{sizes:?}");
        }
    }

    #[test]
    fn sizes_are_those_of_encoded_texts() {
        for text in ["plain", "\"\\\n", "\u{1b}[0m é", ""] {
            assert_eq!(
                json_size(text),
                serde_json::json!(text).to_string().len() + 1
            );
        }
        assert_eq!(html_size("a<b"), 7);
    }

    #[test]
    fn cuts_between_characters() {
        assert_eq!(start_of("abc", 3, str::len), "abc");
        assert_eq!(start_of("ab", 1, str::len), "a");
        assert_eq!(start_of("éé", 3, str::len), "é");
        assert_eq!(start_of("éé", 1, str::len), "");
        let long = "é<".repeat(10_000);
        let start = start_of(&long, 1_000, html_size);
        assert!(html_size(start) <= 1_000 && start.len() > 300);
    }
}
