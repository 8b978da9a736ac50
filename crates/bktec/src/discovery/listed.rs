//! Lists of test files or selectors that the user wrote: one a line.
//!
//! A list that would mean "no tests" is an error, because it nearly always is a mistake somewhere
//! before.

use std::io;
use std::path::{Path, PathBuf};

/// Why a list cannot be used. Reads after "failed to".
#[derive(Debug, thiserror::Error)]
pub enum ListError {
    /// Missing, a directory, not readable.
    #[error("read the list {}: {source}", path.display())]
    Unreadable {
        /// The list.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Not text.
    #[error(
        "read the list {}: it is not text (byte {offset}), expected one path a line in UTF-8",
        path.display()
    )]
    Binary {
        /// The list.
        path: PathBuf,
        /// Where the first byte that is not text stands, from 0.
        offset: usize,
    },
    /// Nothing but blank lines.
    #[error("find a path in the list {}: it has none, expected one a line", path.display())]
    Empty {
        /// The list.
        path: PathBuf,
    },
}

/// The rows of a list, trimmed, without blank ones, in their order.
pub fn read_list(path: &Path) -> Result<Vec<String>, ListError> {
    let path_buf = || path.to_owned();
    #[expect(clippy::disallowed_methods, reason = "the error names the list itself")]
    let read = std::fs::read(path);
    let bytes = read.map_err(|source| ListError::Unreadable {
        path: path_buf(),
        source,
    })?;
    if let Some(offset) = bytes.iter().position(|&byte| byte == 0) {
        return Err(ListError::Binary {
            path: path_buf(),
            offset,
        });
    }
    let text = std::str::from_utf8(&bytes).map_err(|error| ListError::Binary {
        path: path_buf(),
        offset: error.valid_up_to(),
    })?;
    let rows: Vec<String> = text
        .trim_start_matches('\u{feff}')
        .lines()
        .map(str::trim)
        .filter(|row| !row.is_empty())
        .map(str::to_owned)
        .collect();
    if rows.is_empty() {
        Err(ListError::Empty { path: path_buf() })
    } else {
        Ok(rows)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(content: &[u8]) -> Result<Vec<String>, ListError> {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs_err::write(file.path(), content).unwrap();
        read_list(file.path())
    }

    #[test]
    fn rows_are_trimmed_and_blank_ones_dropped() {
        let rows = list("\u{feff} a.py \r\n\n\t\nb c.py\n  é.py".as_bytes()).unwrap();
        assert_eq!(rows, ["a.py", "b c.py", "é.py"]);
    }

    #[test]
    fn a_list_without_rows_is_an_error() {
        assert!(matches!(list(b""), Err(ListError::Empty { .. })));
        assert!(matches!(list(b" \n\r\n\t"), Err(ListError::Empty { .. })));
    }

    #[test]
    fn binary_is_not_taken_for_names() {
        assert!(matches!(
            list(b"a.py\n\0"),
            Err(ListError::Binary { offset: 5, .. })
        ));
        assert!(matches!(
            list(b"\xff\xfe"),
            Err(ListError::Binary { offset: 0, .. })
        ));
    }

    #[test]
    fn a_missing_list_and_a_directory_are_named() {
        let error = read_list(Path::new("/no/such/list")).unwrap_err();
        assert_eq!(
            error.to_string(),
            "read the list /no/such/list: No such file or directory (os error 2)"
        );
        assert!(matches!(
            read_list(&std::env::temp_dir()),
            Err(ListError::Unreadable { .. })
        ));
    }
}
