//! Corrected copies of files.

/// A copy of the text of a file, for files that must be corrected before they can be read.
///
/// It may be as large as the file, so the caller decides where it is kept.
pub trait TextCopy {
    /// Appends a piece.
    fn push(&mut self, piece: &str);

    /// Everything that was appended.
    fn text(&mut self) -> &str;
}

/// In memory.
impl TextCopy for String {
    fn push(&mut self, piece: &str) {
        self.push_str(piece);
    }

    fn text(&mut self) -> &str {
        self
    }
}
