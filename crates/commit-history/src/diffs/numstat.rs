//! Line counts as `git diff --numstat` prints them, derived from the patch.
//!
//! Git would compare every file twice to print both. The patch does not show everything: whether a
//! file that only moved, or whose mode changed, is binary; how a file that became a link is
//! counted.

use super::parse::{Entry, RawEntry, Section};

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// With its newline.
    Known(Vec<u8>),
    Unknown(Unknown),
}

/// Changes whose line counts do not follow from the patch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unknown {
    /// A file moved or copied unchanged.
    Moved,
    /// A change of mode or of type.
    InPlace,
}

/// One line per changed file; `None` when the patch and the raw lines do not correspond. (A change
/// of type has two sections in the patch, any other change has one.)
pub(super) fn derive(entry: &Entry) -> Option<Vec<Line>> {
    let mut sections = entry.sections.iter();
    let mut lines = Vec::with_capacity(entry.raw_entries.len());
    for raw in &entry.raw_entries {
        let section = sections.next()?;
        lines.push(match raw.status {
            b'T' => {
                sections.next()?;
                Line::Unknown(Unknown::InPlace)
            }
            b'A' | b'D' => Line::Known(counts(raw, section)),
            b'M' | b'R' | b'C' if section.has_hunk || section.binary => {
                Line::Known(counts(raw, section))
            }
            b'R' | b'C' => Line::Unknown(Unknown::Moved),
            b'M' => Line::Unknown(Unknown::InPlace),
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

/// The name as `--numstat` prints it: both names of a moved file, the common directories once.
pub(super) fn printed_name(raw: &RawEntry) -> Vec<u8> {
    match &raw.old_name {
        None => raw.name.clone(),
        Some(old) => moved_name(old, &raw.name),
    }
}

/// `common/{old => new}/common`, or `old => new` when either is quoted or nothing is common. The
/// common directories before and after may share the slash between them.
fn moved_name(old: &[u8], new: &[u8]) -> Vec<u8> {
    if old.starts_with(b"\"") || new.starts_with(b"\"") {
        return [old, b" => ", new].concat();
    }
    let same_start = old.iter().zip(new).take_while(|(a, b)| a == b).count();
    let before = old[..same_start]
        .iter()
        .rposition(|&byte| byte == b'/')
        .map_or(0, |slash| slash + 1);
    // The common suffix may start at the last slash of the common prefix, but not before it.
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
    if before + after == 0 {
        return [old, b" => ", new].concat();
    }
    let (prefix, suffix) = (&old[..before], &old[old.len() - after..]);
    let [old, new] = [old, new].map(|name| name.get(before..name.len() - after));
    let (old, new) = (old.unwrap_or_default(), new.unwrap_or_default());
    [prefix, b"{", old, b" => ", new, b"}", suffix].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_names_of_moved_files() {
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
