//! One line of the records file: a commit and its diff as JSON.
//!
//! The patch is streamed, because it may be larger than memory. Bytes that are not UTF-8 become
//! U+FFFD.

use std::io::{self, Read, Write};

use serde::Serialize;

use crate::commits::Commit;
use crate::diffs::{CommitDiff, Patch};

/// All fields except the patch.
#[derive(Serialize)]
struct Fields<'a> {
    schema_version: u32,
    #[serde(flatten)]
    commit: &'a Commit,
    files_changed: &'a str,
    diff_stat: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    git_diff_raw: &'a str,
}

pub(crate) fn write(
    output: &mut impl Write,
    commit: &Commit,
    diff: &mut CommitDiff,
) -> io::Result<()> {
    let mut fields = serde_json::to_vec(&Fields {
        schema_version: 1,
        commit,
        files_changed: &String::from_utf8_lossy(&diff.files_changed),
        diff_stat: &String::from_utf8_lossy(&diff.diff_stat),
        git_diff_raw: &String::from_utf8_lossy(&diff.raw),
    })?;
    if diff.patch.is_empty() {
        fields.push(b'\n');
        return output.write_all(&fields);
    }
    // The patch follows instead of the closing brace.
    fields.pop();
    output.write_all(&fields)?;
    output.write_all(b",\"git_diff\":\"")?;
    write_patch(output, &mut diff.patch)?;
    output.write_all(b"\"}\n")
}

fn write_patch(output: &mut impl Write, patch: &mut Patch) -> io::Result<()> {
    const BUFFER_BYTES: u64 = 64 * 1024;
    let mut reader = patch.reader()?;
    let mut text = Vec::new();
    loop {
        let read = reader.by_ref().take(BUFFER_BYTES).read_to_end(&mut text)?;
        if read == 0 {
            return write_escaped(output, &text);
        }
        let complete = complete_prefix(&text);
        write_escaped(output, &text[..complete])?;
        text.drain(..complete);
    }
}

/// The length of `text` without an incomplete UTF-8 character at its end.
fn complete_prefix(text: &[u8]) -> usize {
    // Characters have at most 4 bytes, so an incomplete one starts in the last 3.
    let incomplete = |start: &usize| {
        let error = std::str::from_utf8(&text[*start..]).err();
        error.is_some_and(|error| error.valid_up_to() == 0 && error.error_len().is_none())
    };
    let mut starts = text.len().saturating_sub(3)..text.len();
    starts.find(incomplete).unwrap_or(text.len())
}

/// Writes text as the content of a JSON string.
fn write_escaped(output: &mut impl Write, text: &[u8]) -> io::Result<()> {
    let quoted = serde_json::to_string(&String::from_utf8_lossy(text))?;
    output.write_all(&quoted.as_bytes()[1..quoted.len() - 1])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn escaped_in_parts(parts: &[&[u8]]) -> String {
        let mut json = b"\"".to_vec();
        let mut rest = Vec::new();
        for part in parts {
            rest.extend_from_slice(part);
            let complete = complete_prefix(&rest);
            write_escaped(&mut json, &rest[..complete]).unwrap();
            rest.drain(..complete);
        }
        write_escaped(&mut json, &rest).unwrap();
        json.push(b'"');
        serde_json::from_slice(&json).unwrap()
    }

    #[test]
    fn escapes_every_byte() {
        let every: Vec<u8> = (0..=255).collect();
        assert_eq!(escaped_in_parts(&[&every]), String::from_utf8_lossy(&every));
    }

    proptest! {
        #[test]
        fn splitting_does_not_change_the_text(
            bytes in proptest::collection::vec(
                prop_oneof![any::<u8>(), Just(0xe2), Just(0x82), Just(0xac), Just(b'\n')], 0..60),
            cut in 0_usize..60,
        ) {
            let (left, right) = bytes.split_at(cut.min(bytes.len()));
            prop_assert_eq!(escaped_in_parts(&[left, right]), String::from_utf8_lossy(&bytes));
        }
    }
}
