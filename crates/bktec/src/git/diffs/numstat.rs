//! Line counts as `git diff --numstat` prints them, derived from the patch.
//!
//! Git would compare every file twice to print both. What the patch does not show (whether a file
//! that was only renamed, or whose mode changed, is binary; how a file that became a link is counted)
//! is left to be asked.

use super::scan::{Entry, RawEntry, Section};

/// One line of the counts, or where it is to be looked up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// With its newline.
    Known(Vec<u8>),
    /// The patch does not say.
    Ask(Question),
}

/// What kind of change has to be asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Question {
    /// A file moved or copied without a change.
    Moved,
    /// A change of mode or of type.
    InPlace,
}

/// A line per changed file; `None` when patch and raw lines do not match one to one, except where a
/// change of type makes two sections of one file.
pub(super) fn derive(entry: &Entry) -> Option<Vec<Line>> {
    let mut sections = entry.sections.iter();
    let mut lines = Vec::with_capacity(entry.raw_entries.len());
    for raw in &entry.raw_entries {
        let section = sections.next()?;
        lines.push(match raw.status {
            b'T' => {
                sections.next()?;
                Line::Ask(Question::InPlace)
            }
            b'A' | b'D' => Line::Known(counts(raw, section)),
            b'M' | b'R' | b'C' if section.has_hunk || section.binary => {
                Line::Known(counts(raw, section))
            }
            b'R' | b'C' => Line::Ask(Question::Moved),
            b'M' => Line::Ask(Question::InPlace),
            _ => return None,
        });
    }
    sections.next().is_none().then_some(lines)
}

fn counts(raw: &RawEntry, section: &Section) -> Vec<u8> {
    let mut line = if section.binary {
        b"-\t-\t".to_vec()
    } else {
        format!("{}\t{}\t", section.added, section.deleted).into_bytes()
    };
    line.extend_from_slice(&printed_name(raw));
    line.push(b'\n');
    line
}

/// The name as the counts print it: both names of a moved file, the common folders once.
pub(super) fn printed_name(raw: &RawEntry) -> Vec<u8> {
    match &raw.old_name {
        None => raw.name.clone(),
        Some(old) => moved_name(old, &raw.name),
    }
}

/// `common/{old => new}/common`, or `old => new` when either is quoted or nothing is common. The
/// common folders before and after may share the one slash between them.
fn moved_name(old: &[u8], new: &[u8]) -> Vec<u8> {
    if old.starts_with(b"\"") || new.starts_with(b"\"") {
        return [old, b" => ", new].concat();
    }
    let same_start = old.iter().zip(new).take_while(|(a, b)| a == b).count();
    let before = old[..same_start]
        .iter()
        .rposition(|&byte| byte == b'/')
        .map_or(0, |slash| slash + 1);
    // The tail may reach back to the last slash of what is common before, and not beyond it.
    let tail_from = before.saturating_sub(1);
    let same_end = old[tail_from..]
        .iter()
        .rev()
        .zip(new[tail_from..].iter().rev())
        .take_while(|(a, b)| a == b)
        .count();
    let tail = &old[old.len() - same_end..];
    let after = tail
        .iter()
        .position(|&byte| byte == b'/')
        .map_or(0, |slash| tail.len() - slash);
    let middle = |name: &[u8]| -> Vec<u8> {
        let end = name.len() - after;
        name.get(before..end).unwrap_or_default().to_vec()
    };
    if before + after == 0 {
        return [old, b" => ", new].concat();
    }
    [
        &old[..before],
        b"{",
        &middle(old),
        b" => ",
        &middle(new),
        b"}",
        &old[old.len() - after..],
    ]
    .concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_moved_files() {
        for (old, new, printed) in [
            ("a", "b", "a => b"),
            ("d/a", "d/b", "d/{a => b}"),
            ("d/a", "e/a", "{d => e}/a"),
            ("d/e/f", "d/f", "d/{e => }/f"),
            ("d/f", "d/e/f", "d/{ => e}/f"),
            ("a/b/c/d", "a/x/c/d", "a/{b => x}/c/d"),
            ("f", "d/f", "f => d/f"),
            ("d/f", "f", "d/f => f"),
            ("a/a/a", "a/a", "a/{a => }/a"),
            ("a/a", "a/a/a", "a/{ => a}/a"),
            ("x/ab/y", "x/b/y", "x/{ab => b}/y"),
            ("\"a\\tb\"", "c", "\"a\\tb\" => c"),
            ("d/a", "\"d/\\303\\251\"", "d/a => \"d/\\303\\251\""),
        ] {
            let found = moved_name(old.as_bytes(), new.as_bytes());
            assert_eq!(String::from_utf8(found).unwrap(), printed);
        }
    }
}
