//! The user's lists of test files or selectors, one per line.
//!
//! An empty list is an error, because it is almost always caused by a mistake in an earlier step.

use std::io;
use std::path::{Path, PathBuf};

#[derive(Debug, thiserror::Error)]
pub enum ListError {
    #[error("cannot read the list {}: {source}", path.display())]
    Unreadable { path: PathBuf, source: io::Error },
    #[error(
        "the list {} is not UTF-8 text (byte {offset})\nhint: write one path per line",
        path.display()
    )]
    Binary {
        path: PathBuf,
        /// Of the first byte that is not text.
        offset: usize,
    },
    /// Only blank lines.
    #[error("the list {} is empty\nhint: write one path per line", path.display())]
    Empty { path: PathBuf },
}

/// The lines of a list, trimmed, without blank ones, in order.
pub fn read_list(path: &Path) -> Result<Vec<String>, ListError> {
    let path = path.to_owned();
    #[expect(clippy::disallowed_methods, reason = "the error names the list itself")]
    let read = std::fs::read(&path);
    let bytes = match read {
        Ok(bytes) => bytes,
        Err(source) => return Err(ListError::Unreadable { path, source }),
    };
    if let Some(offset) = bytes.iter().position(|&byte| byte == 0) {
        return Err(ListError::Binary { path, offset });
    }
    let text = match std::str::from_utf8(&bytes) {
        Ok(text) => text.trim_start_matches('\u{feff}'),
        Err(error) => {
            let offset = error.valid_up_to();
            return Err(ListError::Binary { path, offset });
        }
    };
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let lines: Vec<String> = lines.map(str::to_owned).collect();
    if lines.is_empty() {
        Err(ListError::Empty { path })
    } else {
        Ok(lines)
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
    fn lines_are_trimmed_and_blank_lines_dropped() {
        let lines = list("\u{feff} a.py \r\n\n\t\nb c.py\n  é.py".as_bytes()).unwrap();
        assert_eq!(lines, ["a.py", "b c.py", "é.py"]);
    }

    #[test]
    fn an_empty_list_is_an_error() {
        assert!(matches!(list(b""), Err(ListError::Empty { .. })));
        assert!(matches!(list(b" \n\r\n\t"), Err(ListError::Empty { .. })));
    }

    #[test]
    fn a_binary_file_is_an_error() {
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
    fn a_missing_list_and_a_directory_are_errors() {
        let error = read_list(Path::new("/no/such/list")).unwrap_err();
        let expected = "cannot read the list /no/such/list: No such file or directory (os error 2)";
        assert_eq!(error.to_string(), expected);
        assert!(matches!(
            read_list(&std::env::temp_dir()),
            Err(ListError::Unreadable { .. })
        ));
    }
}
