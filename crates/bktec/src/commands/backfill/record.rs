//! One line of the records file: a commit and its diff as JSON.
//!
//! The patch is escaped while it is read, so that it is never in memory a second time. Bytes that
//! are not UTF-8 become U+FFFD.

use std::io::{self, Read, Write};

use serde::Serialize;

use crate::git::{Commit, CommitDiff, ObjectId, Patch};

/// All fields but the patch, which is written by hand.
#[derive(Serialize)]
struct Fields<'a> {
    schema_version: u32,
    commit_sha: ObjectId,
    parent_shas: &'a [ObjectId],
    author_name: &'a str,
    author_email: &'a str,
    author_date: &'a str,
    committer_name: &'a str,
    committer_email: &'a str,
    committer_date: &'a str,
    message: &'a str,
    files_changed: &'a str,
    diff_stat: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    git_diff_raw: &'a str,
}

/// Writes the line, newline included.
pub(super) fn write(
    output: &mut impl Write,
    commit: &Commit,
    diff: &mut CommitDiff,
) -> io::Result<()> {
    let mut fields = serde_json::to_vec(&Fields {
        schema_version: 1,
        commit_sha: commit.id,
        parent_shas: &commit.parents,
        author_name: &commit.author_name,
        author_email: &commit.author_email,
        author_date: &commit.author_date,
        committer_name: &commit.committer_name,
        committer_email: &commit.committer_email,
        committer_date: &commit.committer_date,
        message: &commit.message,
        files_changed: &String::from_utf8_lossy(&diff.files_changed),
        diff_stat: &String::from_utf8_lossy(&diff.diff_stat),
        git_diff_raw: &String::from_utf8_lossy(&diff.raw),
    })?;
    if diff.patch.is_empty() {
        fields.push(b'\n');
        return output.write_all(&fields);
    }
    // In the place of the closing brace.
    fields.pop();
    output.write_all(&fields)?;
    output.write_all(b",\"git_diff\":\"")?;
    write_patch(output, &mut diff.patch)?;
    output.write_all(b"\"}\n")
}

fn write_patch(output: &mut impl Write, patch: &mut Patch) -> io::Result<()> {
    const BUFFER_BYTES: usize = 64 * 1024;
    let mut reader = patch.reader()?;
    let mut buffer = vec![0; BUFFER_BYTES];
    let mut escaped = Vec::with_capacity(BUFFER_BYTES + BUFFER_BYTES / 8);
    // Bytes at the start of the buffer that may be the start of a character.
    let mut kept = 0;
    loop {
        let read = match reader.read(&mut buffer[kept..]) {
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        let filled = kept + read;
        let at_end = read == 0;
        let unfinished = escape(&buffer[..filled], at_end, &mut escaped);
        output.write_all(&escaped)?;
        escaped.clear();
        if at_end {
            return Ok(());
        }
        buffer.copy_within(filled - unfinished..filled, 0);
        kept = unfinished;
    }
}

/// Escapes text for a JSON string; gives how many bytes at the end are the start of a character
/// whose rest is still to come (none `at_end`).
fn escape(bytes: &[u8], at_end: bool, escaped: &mut Vec<u8>) -> usize {
    let mut rest = bytes;
    loop {
        let (valid, invalid) = match std::str::from_utf8(rest) {
            Ok(_) => (rest.len(), Some(0)),
            Err(error) => (error.valid_up_to(), error.error_len()),
        };
        escape_text(&rest[..valid], escaped);
        rest = &rest[valid..];
        match invalid {
            Some(0) => return 0,
            Some(length) => {
                escaped.extend_from_slice("\u{fffd}".as_bytes());
                rest = &rest[length..];
            }
            None if at_end => {
                escaped.extend_from_slice("\u{fffd}".as_bytes());
                return 0;
            }
            None => return rest.len(),
        }
    }
}

fn escape_text(text: &[u8], escaped: &mut Vec<u8>) {
    let mut plain = 0;
    for (position, &byte) in text.iter().enumerate() {
        let short: &[u8] = match byte {
            b'"' => b"\\\"",
            b'\\' => b"\\\\",
            b'\n' => b"\\n",
            b'\t' => b"\\t",
            b'\r' => b"\\r",
            0..=31 => b"",
            _ => continue,
        };
        escaped.extend_from_slice(&text[plain..position]);
        plain = position + 1;
        if short.is_empty() {
            const DIGITS: &[u8; 16] = b"0123456789abcdef";
            escaped.extend_from_slice(b"\\u00");
            escaped.push(DIGITS[usize::from(byte >> 4)]);
            escaped.push(DIGITS[usize::from(byte & 15)]);
        } else {
            escaped.extend_from_slice(short);
        }
    }
    escaped.extend_from_slice(&text[plain..]);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn escaped_in_parts(parts: &[&[u8]]) -> String {
        let mut escaped = b"\"".to_vec();
        let mut kept: Vec<u8> = Vec::new();
        for (index, part) in parts.iter().enumerate() {
            kept.extend_from_slice(part);
            let unfinished = escape(&kept, index + 1 == parts.len(), &mut escaped);
            kept.drain(..kept.len() - unfinished);
        }
        escaped.push(b'"');
        serde_json::from_slice(&escaped).unwrap()
    }

    #[test]
    fn every_byte_survives_or_is_replaced() {
        let every: Vec<u8> = (0..=255).collect();
        assert_eq!(escaped_in_parts(&[&every]), String::from_utf8_lossy(&every));
    }

    proptest! {
        #[test]
        fn however_it_is_cut(
            bytes in proptest::collection::vec(
                prop_oneof![any::<u8>(), Just(0xe2), Just(0x82), Just(0xac), Just(b'\n')], 0..60),
            cut in 0_usize..60,
        ) {
            let (left, right) = bytes.split_at(cut.min(bytes.len()));
            prop_assert_eq!(escaped_in_parts(&[left, right]), String::from_utf8_lossy(&bytes));
        }
    }
}
