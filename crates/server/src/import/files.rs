//! Finds and reads the files of an import.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use axum::body::Bytes;
use flate2::read::MultiGzDecoder;
use walkdir::WalkDir;

use super::ImportError;

/// Of a file, after decompression.
const MAX_FILE_BYTES: u64 = 256 * 1024 * 1024;
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];
const EXTENSIONS: [&str; 4] = [".json", ".json.gz", ".xml", ".xml.gz"];

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) path: PathBuf,
    /// The run of a file that does not name one: files in one directory belong together; those
    /// directly in the given path are runs of their own.
    pub(super) run_key: String,
}

/// The files below `path`, or `path` itself if it is a file, ordered by name. Adds the number of
/// those with another extension to `ignored`.
pub(super) fn find(path: &Path, ignored: &mut u64) -> Result<Vec<Found>, ImportError> {
    let mut found = Vec::new();
    for entry in WalkDir::new(path).sort_by_file_name() {
        let entry = entry.map_err(|error| ImportError::Read(error.to_string()))?;
        if !entry.file_type().is_file() {
            continue;
        }
        let is_given = entry.depth() == 0;
        if is_given || has_known_extension(entry.path()) {
            found.push(Found {
                run_key: run_key(path, entry.path()),
                path: entry.into_path(),
            });
        } else {
            *ignored += 1;
        }
    }
    Ok(found)
}

fn has_known_extension(path: &Path) -> bool {
    let name = path.to_string_lossy().to_lowercase();
    EXTENSIONS.iter().any(|extension| name.ends_with(extension))
}

fn run_key(given: &Path, file: &Path) -> String {
    let inside = file.strip_prefix(given).unwrap_or(file);
    let directory = inside
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty());
    if let (Some(directory), true) = (directory, inside != file) {
        let parts: Vec<_> = directory
            .iter()
            .map(|part| part.to_string_lossy())
            .collect();
        return parts.join("/");
    }
    let name = file.file_name().unwrap_or(file.as_os_str());
    let name = name.to_string_lossy();
    let end = EXTENSIONS
        .iter()
        .find_map(|extension| Some(name.to_lowercase().strip_suffix(extension)?.len()));
    name.get(..end.unwrap_or(name.len()))
        .unwrap_or(&name)
        .to_owned()
}

/// Reads a file and decompresses it if it is gzip.
pub(super) fn read(path: &Path) -> Result<Bytes, String> {
    let read = || {
        let mut bytes = Vec::new();
        let file = fs_err::File::open(path)?;
        file.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes)?;
        if !bytes.starts_with(&GZIP_MAGIC) {
            return Ok(bytes);
        }
        let mut plain = Vec::new();
        MultiGzDecoder::new(bytes.as_slice())
            .take(MAX_FILE_BYTES + 1)
            .read_to_end(&mut plain)?;
        Ok(plain)
    };
    let bytes = read().map_err(|error: std::io::Error| error.to_string())?;
    if bytes.len() as u64 > MAX_FILE_BYTES {
        return Err(format!("the file has more than {MAX_FILE_BYTES} bytes"));
    }
    Ok(bytes.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_one_directory_are_one_run() {
        for (given, file, expected) in [
            ("/a", "/a/build-7.xml", "build-7"),
            ("/a", "/a/build-7.json.gz", "build-7"),
            ("/a", "/a/8/unit.xml", "8"),
            ("/a", "/a/8/deep/unit.xml", "8/deep"),
            ("/a/report.xml", "/a/report.xml", "report"),
            ("/a/REPORT.XML", "/a/REPORT.XML", "REPORT"),
            ("report", "report", "report"),
        ] {
            assert_eq!(
                run_key(Path::new(given), Path::new(file)),
                expected,
                "{file}"
            );
        }
    }

    #[test]
    fn finds_files_in_order_and_counts_others() {
        let directory = tempfile::tempdir().unwrap();
        for name in ["b.json", "a/1.xml", "a/2.XML.gz", "notes.txt"] {
            let path = directory.path().join(name);
            fs_err::create_dir_all(path.parent().unwrap()).unwrap();
            fs_err::write(path, "x").unwrap();
        }
        let mut ignored = 0;
        let found = find(directory.path(), &mut ignored).unwrap();
        let keys: Vec<&str> = found.iter().map(|found| found.run_key.as_str()).collect();
        assert_eq!((keys, ignored), (vec!["a", "a", "b"], 1));
        // A path that is given is read whatever its name.
        let notes = find(&directory.path().join("notes.txt"), &mut ignored).unwrap();
        assert_eq!((notes.len(), ignored), (1, 1));
        let missing = find(&directory.path().join("missing"), &mut ignored).unwrap_err();
        assert!(missing.to_string().contains("missing"), "{missing}");
    }
}
