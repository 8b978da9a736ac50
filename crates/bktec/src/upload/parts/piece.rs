//! A part as pieces of the file and of new text, and a reader for it.

use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Piece {
    /// A byte range of the file.
    File(Range<usize>),
    /// Text that is not in the file.
    Text(Vec<u8>),
}

impl Piece {
    pub(super) fn text(text: impl Into<Vec<u8>>) -> Self {
        Self::Text(text.into())
    }

    fn length(&self) -> usize {
        match self {
            Self::File(range) => range.len(),
            Self::Text(text) => text.len(),
        }
    }
}

/// Replaces a byte range of the file.
#[derive(Clone, Debug)]
pub(super) struct Edit {
    range: Range<usize>,
    replacement: Vec<Piece>,
}

impl Edit {
    pub(super) const fn replace(range: Range<usize>, replacement: Vec<Piece>) -> Self {
        Self { range, replacement }
    }

    pub(super) fn replace_with_text<T: Into<Vec<u8>>>(range: Range<usize>, text: T) -> Self {
        Self::replace(range, vec![Piece::text(text)])
    }
}

/// `range` of the file with these edits, which must be inside it and must not overlap.
pub(super) fn edited(range: Range<usize>, edits: impl IntoIterator<Item = Edit>) -> Vec<Piece> {
    let mut edits: Vec<Edit> = edits.into_iter().collect();
    edits.sort_by_key(|edit| edit.range.start);
    let mut pieces = Vec::new();
    let mut at = range.start;
    for edit in edits {
        pieces.push(Piece::File(at..edit.range.start));
        pieces.extend(edit.replacement);
        at = edit.range.end;
    }
    pieces.push(Piece::File(at..range.end));
    pieces
}

/// One upload's document.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Part {
    pieces: Vec<Piece>,
}

impl Part {
    /// A whole file of `length` bytes.
    pub(crate) fn whole(length: u64) -> Self {
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        Self {
            pieces: vec![Piece::File(0..length)],
        }
    }

    pub(super) fn of(pieces: impl IntoIterator<Item = Piece>) -> Self {
        let mut part = Self::default();
        part.extend(pieces);
        part
    }

    pub(super) fn extend(&mut self, pieces: impl IntoIterator<Item = Piece>) {
        for piece in pieces {
            self.push(piece);
        }
    }

    /// Merges adjacent byte ranges and drops empty pieces.
    pub(super) fn push(&mut self, piece: Piece) {
        if let (Some(Piece::File(last)), Piece::File(next)) = (self.pieces.last_mut(), &piece)
            && last.end == next.start
        {
            last.end = next.end;
        } else if piece.length() > 0 {
            self.pieces.push(piece);
        }
    }

    /// The same part of a file with `offset` more bytes at its start.
    pub(super) fn shifted(mut self, offset: usize) -> Self {
        for piece in &mut self.pieces {
            if let Piece::File(range) = piece {
                *range = range.start + offset..range.end + offset;
            }
        }
        self
    }

    /// In bytes.
    pub(crate) fn length(&self) -> u64 {
        self.pieces.iter().map(Piece::length).sum::<usize>() as u64
    }

    /// Streams the part. `file` must be the file that was split.
    pub(crate) fn reader<F: Read + Seek>(&self, file: F) -> PartReader<'_, F> {
        PartReader {
            file,
            pieces: &self.pieces,
            done: 0,
        }
    }

    pub(super) fn bytes(&self, file: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for piece in &self.pieces {
            bytes.extend_from_slice(match piece {
                Piece::File(range) => file.get(range.clone()).unwrap_or_default(),
                Piece::Text(text) => text,
            });
        }
        bytes
    }
}

#[derive(Debug)]
pub(crate) struct PartReader<'p, F> {
    file: F,
    pieces: &'p [Piece],
    /// Bytes of the first piece that have been read.
    done: usize,
}

impl<F: Read + Seek> PartReader<'_, F> {
    /// Reads bytes of one piece; 0 only at the end.
    fn read_some(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while let Some((first, rest)) = self.pieces.split_first() {
            let wanted = buffer.len().min(first.length() - self.done);
            if wanted == 0 && !buffer.is_empty() {
                self.pieces = rest;
                self.done = 0;
                continue;
            }
            let target = &mut buffer[..wanted];
            let read = match first {
                Piece::Text(text) => {
                    target.copy_from_slice(&text[self.done..self.done + wanted]);
                    wanted
                }
                Piece::File(range) => {
                    self.file
                        .seek(SeekFrom::Start((range.start + self.done) as u64))?;
                    self.file.read(target)?
                }
            };
            if read == 0 && wanted > 0 {
                // The request has announced the length.
                return Err(io::Error::new(
                    io::ErrorKind::UnexpectedEof,
                    "the file was truncated while it was read",
                ));
            }
            self.done += read;
            return Ok(read);
        }
        Ok(0)
    }
}

impl<F: Read + Seek> Read for PartReader<'_, F> {
    /// Fills the buffer if possible, because many pieces are very short.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut filled = 0;
        while filled < buffer.len() {
            match self.read_some(&mut buffer[filled..])? {
                0 => break,
                read => filled += read,
            }
        }
        Ok(filled)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    fn part() -> Part {
        Part::of([
            Piece::text("["),
            Piece::File(2..4),
            Piece::File(4..5),
            Piece::text(""),
            Piece::File(7..9),
            Piece::text("]"),
        ])
    }

    #[test]
    fn reads_the_pieces_in_order() {
        let file = b"0123456789";
        let mut read = Vec::new();
        part()
            .reader(Cursor::new(file))
            .read_to_end(&mut read)
            .unwrap();
        assert_eq!(read, b"[23478]");
        assert_eq!(part().bytes(file), read);
        assert_eq!(part().length(), 7);
        assert_eq!(part().shifted(1).bytes(file), b"[34589]");
    }

    #[test]
    fn fails_if_the_file_was_truncated() {
        let mut read = Vec::new();
        let error = part().reader(Cursor::new(b"0123")).read_to_end(&mut read);
        assert_eq!(error.unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    }

    #[test]
    fn edits_keep_the_rest() {
        let edit = Edit::replace_with_text::<&str>;
        let pieces = edited(1..9, [edit(5..5, "+"), edit(2..4, "-"), edit(8..9, "")]);
        assert_eq!(Part::of(pieces).bytes(b"0123456789"), b"1-4+567");
    }
}
