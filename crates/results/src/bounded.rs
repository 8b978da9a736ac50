//! Limits the text of one failure while it is read.
//!
//! Programs print whatever a failed assertion compares, which may be as large as the report. As
//! lines it takes several times its size in memory, and nobody stores or reads that much of one
//! failure. The text itself says how much is missing.

/// What is read of the text of one failure, in bytes.
pub const MAX_TEXT_BYTES: usize = 1024 * 1024;

/// What a line takes in memory beside its text.
const LINE_OVERHEAD: usize = 48;

const BEFORE_BYTES: &str = "… cut here: ";
const AFTER_BYTES: &str = " more bytes were not stored";

/// The line that takes the place of a text that is cut.
pub fn cut_note(bytes: usize) -> String {
    format!("{BEFORE_BYTES}{bytes}{AFTER_BYTES}")
}

/// The bytes that a line stands for: those that it says are missing if it is a [`cut_note`], its
/// own otherwise.
pub fn bytes_of_line(line: &str) -> usize {
    missing_bytes(line).unwrap_or(line.len())
}

pub(crate) fn is_cut_note(line: &str) -> bool {
    missing_bytes(line).is_some()
}

fn missing_bytes(line: &str) -> Option<usize> {
    let number = line.strip_prefix(BEFORE_BYTES)?.strip_suffix(AFTER_BYTES)?;
    number.parse().ok()
}

/// The start of a line that is too long; empty for a [`cut_note`], which is replaced by another.
pub fn start_of_line(line: &str, bytes: usize) -> &str {
    match missing_bytes(line) {
        Some(_) => "",
        None => start(line, bytes),
    }
}

fn start(text: &str, bytes: usize) -> &str {
    &text[..text.floor_char_boundary(bytes)]
}

/// A text of several pieces.
#[derive(Clone, Debug)]
pub(crate) struct BoundedText {
    text: String,
    room: usize,
    missing: usize,
}

impl BoundedText {
    /// Keeps at most `room` bytes.
    pub(crate) const fn new(room: usize) -> Self {
        Self {
            text: String::new(),
            room,
            missing: 0,
        }
    }

    /// In bytes, of what is kept.
    pub(crate) const fn len(&self) -> usize {
        self.text.len()
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.text.is_empty() && self.missing == 0
    }

    /// Adds what there is room for. `change` makes a readable text of a piece.
    pub(crate) fn push_with<'t, T: AsRef<str>>(
        &mut self,
        piece: &'t str,
        change: impl FnOnce(&'t str) -> T,
    ) {
        let room = self.room.saturating_sub(self.text.len());
        let kept = if self.missing == 0 {
            start(piece, room)
        } else {
            ""
        };
        self.missing += piece.len() - kept.len();
        if !kept.is_empty() {
            self.text.push_str(change(kept).as_ref());
        }
    }

    pub(crate) fn push(&mut self, piece: &str) {
        self.push_with(piece, |piece| piece);
    }

    /// With a note if something is missing.
    pub(crate) fn into_string(mut self) -> String {
        if self.missing > 0 {
            self.text.push('\n');
            self.text.push_str(&cut_note(self.missing));
        }
        self.text
    }
}

impl Default for BoundedText {
    fn default() -> Self {
        Self::new(MAX_TEXT_BYTES)
    }
}

/// A text in lines.
#[derive(Debug)]
pub(crate) struct BoundedLines {
    lines: Vec<String>,
    room: usize,
    missing: usize,
}

impl BoundedLines {
    pub(crate) const fn new() -> Self {
        Self {
            lines: Vec::new(),
            room: MAX_TEXT_BYTES,
            missing: 0,
        }
    }

    pub(crate) fn push(&mut self, line: &str) {
        let cost = line.len() + LINE_OVERHEAD;
        if self.missing == 0 && cost <= self.room {
            self.room -= cost;
            self.lines.push(line.to_owned());
            return;
        }
        let bytes = bytes_of_line(line);
        if self.missing > 0 {
            self.missing += bytes;
            return;
        }
        let kept = start_of_line(line, self.room.saturating_sub(LINE_OVERHEAD));
        self.room = 0;
        // An empty line is missing, too.
        self.missing = (bytes - kept.len()).max(1);
        if !kept.is_empty() {
            self.lines.push(kept.to_owned());
        }
    }

    /// With a note if something is missing.
    pub(crate) fn into_lines(mut self) -> Vec<String> {
        if self.missing > 0 {
            self.lines.push(cut_note(self.missing));
        }
        self.lines
    }
}

impl<'t> Extend<&'t str> for BoundedLines {
    fn extend<T: IntoIterator<Item = &'t str>>(&mut self, lines: T) {
        lines.into_iter().for_each(|line| self.push(line));
    }
}

/// What the lines take in memory.
pub(crate) fn size(lines: &[String]) -> usize {
    lines.iter().map(|line| line.len() + LINE_OVERHEAD).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The bytes of the lines and those that they say are missing.
    fn total(lines: &[String]) -> usize {
        lines.iter().map(|line| bytes_of_line(line)).sum()
    }

    #[test]
    fn texts_are_cut_between_characters_and_say_so() {
        let mut text = BoundedText::new(10);
        assert!(text.is_empty());
        for piece in ["12345", "678é0", "more"] {
            text.push(piece);
        }
        assert_eq!(
            text.into_string(),
            "12345678é\n… cut here: 5 more bytes were not stored"
        );
        let mut text = BoundedText::new(0);
        text.push("x");
        assert!(!text.is_empty());
        let mut text = BoundedText::default();
        text.push_with("a\r\n", |piece| piece.replace("\r\n", "\n"));
        assert_eq!(text.into_string(), "a\n");
    }

    #[test]
    fn lines_are_cut_and_say_how_much_is_missing() {
        for (line, count) in [("x".repeat(100), 1_000_000), ("é".repeat(2_000_000), 3)] {
            let mut lines = BoundedLines::new();
            lines.extend(std::iter::repeat_n(line.as_str(), count));
            let lines = lines.into_lines();
            assert!(size(&lines) <= MAX_TEXT_BYTES + 200, "{}", size(&lines));
            assert_eq!(total(&lines), line.len() * count);
        }
        let mut empty = BoundedLines::new();
        empty.extend(std::iter::repeat_n("", 10_000_000));
        assert!(size(&empty.into_lines()) <= MAX_TEXT_BYTES + 200);
    }

    #[test]
    fn a_text_that_is_cut_twice_has_one_note() {
        let text = format!("{}\n{}", "\n".repeat(1_000_000), cut_note(7_000));
        let mut lines = BoundedLines::new();
        lines.extend(text.lines());
        let lines = lines.into_lines();
        let notes = lines.iter().filter(|line| missing_bytes(line).is_some());
        assert_eq!(notes.count(), 1);
        assert!(total(&lines) >= 7_000);
        assert_eq!(start_of_line(&cut_note(5), 20), "");
        assert_eq!(start_of_line("abc", 2), "ab");
    }
}
