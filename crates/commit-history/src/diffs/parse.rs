//! Splits git's output for one commit into raw lines, line counts and patch.
//!
//! The header of a hunk contains its line count, so the text of a file is never mistaken for git's
//! own lines. Lines of a hunk are copied from the read buffer, whatever their length.

use std::io::{self, BufRead};

use super::patch::Patch;

/// One line of `--raw`.
#[derive(Debug)]
pub(super) struct RawEntry {
    /// `A`, `C`, `D`, `M`, `R` or `T`.
    pub(super) status: u8,
    /// The name before a move or copy, quoted by git.
    pub(super) old_name: Option<Vec<u8>>,
    pub(super) name: Vec<u8>,
}

/// One file in the patch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Section {
    pub(super) added: u64,
    pub(super) deleted: u64,
    pub(super) has_hunk: bool,
    pub(super) binary: bool,
}

/// The output for one commit.
#[derive(Debug, Default)]
pub(super) struct Entry {
    pub(super) raw: Vec<u8>,
    pub(super) raw_entries: Vec<RawEntry>,
    pub(super) numstat: Vec<u8>,
    pub(super) sections: Vec<Section>,
    pub(super) patch: Patch,
}

/// How an entry ends.
#[derive(Clone, Copy, Debug)]
pub(super) enum End<'a> {
    /// With this line, which includes its newline.
    Line(&'a [u8]),
    /// With the end of the output.
    Output,
}

#[derive(Debug, thiserror::Error)]
pub(super) enum ParseError {
    #[error("the output ended in the middle of a commit")]
    Truncated,
    #[error("unexpected line {0:?}")]
    Line(String),
    #[error(transparent)]
    Read(io::Error),
    #[error(transparent)]
    Spool(io::Error),
}

/// Limit for lines outside hunks; file systems limit the names they contain.
const MAX_LINE_BYTES: usize = 1024 * 1024;

enum State {
    /// Raw lines and line counts.
    Summary,
    /// Lines of the patch outside hunks.
    Headers,
    /// A hunk with this many lines left on each side.
    Hunk { old: u64, new: u64 },
}

pub(super) fn parse(reader: &mut impl BufRead, end: End<'_>) -> Result<Entry, ParseError> {
    let mut entry = Entry::default();
    let mut state = State::Summary;
    let mut line = Vec::new();
    loop {
        if let State::Hunk { old, new } = state {
            hunk(reader, old, new, &mut entry)?;
            state = State::Headers;
            continue;
        }
        line.clear();
        if read_line(reader, &mut line)? == 0 {
            return match end {
                End::Output => Ok(entry),
                End::Line(_) => Err(ParseError::Truncated),
            };
        }
        if matches!(end, End::Line(expected) if expected == line) {
            return Ok(entry);
        }
        state = match state {
            State::Summary => summary_line(&line, &mut entry)?,
            State::Headers | State::Hunk { .. } => header_line(&line, &mut entry)?,
        };
    }
}

fn summary_line(line: &[u8], entry: &mut Entry) -> Result<State, ParseError> {
    match line {
        b"\n" => return Ok(State::Headers),
        [b':', ..] => {
            let content = line.strip_suffix(b"\n").unwrap_or(line);
            entry
                .raw_entries
                .push(raw_entry(content).ok_or_else(|| unexpected(line))?);
            entry.raw.extend_from_slice(line);
        }
        [b'0'..=b'9' | b'-', ..] => entry.numstat.extend_from_slice(line),
        _ => return Err(unexpected(line)),
    }
    Ok(State::Summary)
}

fn header_line(line: &[u8], entry: &mut Entry) -> Result<State, ParseError> {
    entry.patch.push(line).map_err(ParseError::Spool)?;
    if line.starts_with(b"diff --git ") {
        entry.sections.push(Section::default());
    } else if line.starts_with(b"@@ ") {
        let (old, new) = hunk_size(line).ok_or_else(|| unexpected(line))?;
        let section = entry.sections.last_mut().ok_or_else(|| unexpected(line))?;
        section.has_hunk = true;
        return Ok(State::Hunk { old, new });
    } else if line.starts_with(b"Binary files ")
        && let Some(section) = entry.sections.last_mut()
    {
        section.binary = true;
    }
    Ok(State::Headers)
}

/// Copies the lines of a hunk and counts them.
fn hunk(
    reader: &mut impl BufRead,
    mut old: u64,
    mut new: u64,
    entry: &mut Entry,
) -> Result<(), ParseError> {
    let mut in_line = false;
    let (mut added, mut deleted) = (0, 0);
    while old > 0 || new > 0 || in_line {
        let buffer = reader.fill_buf().map_err(ParseError::Read)?;
        if buffer.is_empty() {
            return Err(ParseError::Truncated);
        }
        let mut position = 0;
        while position < buffer.len() && (old > 0 || new > 0 || in_line) {
            if !in_line {
                let (minus, plus) = match buffer[position] {
                    // `diff.suppressBlankEmpty` prints a common empty line without the space.
                    b' ' | b'\n' => (1, 1),
                    b'-' => (1, 0),
                    b'+' => (0, 1),
                    b'\\' => (0, 0),
                    other => return Err(unexpected(&[other])),
                };
                let (Some(less_old), Some(less_new)) =
                    (old.checked_sub(minus), new.checked_sub(plus))
                else {
                    return Err(unexpected(
                        &buffer[position..buffer.len().min(position + 80)],
                    ));
                };
                (old, new) = (less_old, less_new);
                deleted += u64::from(minus == 1 && plus == 0);
                added += u64::from(plus == 1 && minus == 0);
            }
            let newline = memchr::memchr(b'\n', &buffer[position..]);
            position = newline.map_or(buffer.len(), |newline| position + newline + 1);
            in_line = newline.is_none();
        }
        entry
            .patch
            .push(&buffer[..position])
            .map_err(ParseError::Spool)?;
        reader.consume(position);
    }
    if let Some(section) = entry.sections.last_mut() {
        section.added += added;
        section.deleted += deleted;
    }
    Ok(())
}

fn read_line(reader: &mut impl BufRead, line: &mut Vec<u8>) -> Result<usize, ParseError> {
    let read = io::Read::take(&mut *reader, MAX_LINE_BYTES as u64)
        .read_until(b'\n', line)
        .map_err(ParseError::Read)?;
    if read == MAX_LINE_BYTES {
        Err(unexpected(line))
    } else {
        Ok(read)
    }
}

fn unexpected(line: &[u8]) -> ParseError {
    ParseError::Line(String::from_utf8_lossy(&line[..line.len().min(80)]).into_owned())
}

/// `:MODE MODE NAME NAME STATUS<tab>PATH[<tab>PATH]`.
fn raw_entry(line: &[u8]) -> Option<RawEntry> {
    let mut fields = line.split(|&byte| byte == b'\t');
    let status = *fields.next()?.split(|&byte| byte == b' ').nth(4)?.first()?;
    let first = fields.next()?.to_vec();
    let second = fields.next().map(<[u8]>::to_vec);
    let (old_name, name) = match second {
        Some(name) => (Some(first), name),
        None => (None, first),
    };
    Some(RawEntry {
        status,
        old_name,
        name,
    })
}

/// The line counts in `@@ -START[,LINES] +START[,LINES] @@`.
fn hunk_size(line: &[u8]) -> Option<(u64, u64)> {
    let mut words = line.split(|&byte| byte == b' ').skip(1);
    let side = |word: &[u8], sign: u8| -> Option<u64> {
        let range = std::str::from_utf8(word.strip_prefix(&[sign])?).ok()?;
        match range.trim_end().split_once(',') {
            Some((_, lines)) => lines.parse().ok(),
            None => Some(1),
        }
    };
    let old = side(words.next()?, b'-')?;
    let new = side(words.next()?, b'+')?;
    Some((old, new))
}

#[cfg(test)]
mod tests {
    use super::*;

    const OUTPUT: &[u8] = b":100644 100644 aaaaaaa bbbbbbb M\ta\n\
        :100644 100644 ccccccc ccccccc R100\tb\t\"c\\td\"\n\
        \n\
        diff --git a/a b/a\n\
        index aaaaaaa..bbbbbbb 100644\n\
        --- a/a\n\
        +++ b/a\n\
        @@ -1,2 +1,3 @@ end 7\n\
        -end 7\n\
        \\ No newline at end of file\n\
        +diff --git x y\n\
        +@@ -1,9 +1,9 @@\n\
        \x20kept\n\
        @@ -9 +10 @@\n\
        --- a\n\
        +++ b\n\
        \\ No newline at end of file\n\
        diff --git a/b \"b/c\\td\"\n\
        similarity index 100%\n\
        rename from b\n\
        rename to \"c\\td\"\n\
        end 7\n\
        rest";

    #[test]
    fn file_content_is_not_mistaken_for_headers() {
        for capacity in [1, 2, 7, 64, 4096] {
            let mut reader = io::BufReader::with_capacity(capacity, OUTPUT);
            let mut entry = parse(&mut reader, End::Line(b"end 7\n")).unwrap();
            let patch_start = OUTPUT.windows(5).position(|w| w == b"diff ").unwrap();
            let patch_end = OUTPUT.len() - b"\nend 7\nrest".len();
            let patch = &OUTPUT[patch_start..patch_end];
            assert_eq!(entry.patch.read_all().unwrap(), patch);
            let changed = Section {
                added: 3,
                deleted: 2,
                has_hunk: true,
                binary: false,
            };
            assert_eq!(entry.sections, [changed, Section::default()]);
            let moved = &entry.raw_entries[1];
            assert_eq!(moved.old_name.as_deref(), Some(b"b".as_slice()));
            assert_eq!(moved.name, b"\"c\\td\"");
            let mut rest = String::new();
            io::Read::read_to_string(&mut reader, &mut rest).unwrap();
            assert_eq!(rest, "rest");
        }
    }

    #[test]
    fn detects_truncation_anywhere() {
        let whole = OUTPUT.len() - b"\nrest".len();
        for end in 0..whole {
            let error = parse(&mut &OUTPUT[..end], End::Line(b"end 7\n")).unwrap_err();
            assert!(
                matches!(error, ParseError::Truncated | ParseError::Line(_)),
                "{end}"
            );
        }
    }

    #[test]
    fn rejects_unexpected_lines() {
        for output in [
            "hello\n",
            ":100644 100644 a b\n",
            ":\n",
            "\n@@ -1 +1 @@\n-a\n+b\n",
            "\ndiff --git a b\n@@ nonsense @@\n",
            "\ndiff --git a b\n@@ -1 +1 @@\nhello\n",
            "\ndiff --git a b\n@@ -1,0 +1 @@\n-a\n",
        ] {
            let result = parse(&mut output.as_bytes(), End::Output);
            assert!(result.is_err(), "{output}");
        }
    }

    #[test]
    fn reads_counts_without_a_patch() {
        let output = b":000000 100644 0000000 5716ca5 A\ta\n1\t0\ta\n-\t-\tb => c\n";
        let entry = parse(&mut output.as_slice(), End::Output).unwrap();
        assert_eq!(entry.numstat, b"1\t0\ta\n-\t-\tb => c\n");
        assert!(entry.patch.is_empty());
    }
}
