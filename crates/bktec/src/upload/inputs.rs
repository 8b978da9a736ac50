//! The files that the arguments of `bktec upload` name: files, directories, globs and `-`.

use std::fs::FileType;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use super::result_file::FileProblem;
use crate::discovery::{Pattern, walk};
use crate::result_format::ResultFormat;

/// What stdin is called on the command line.
pub(crate) const STDIN: &str = "-";

const GLOB_CHARACTERS: [char; 4] = ['*', '?', '[', '{'];

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Input {
    pub(crate) path: PathBuf,
    /// Found in a directory, which may contain files that are no results.
    pub(crate) is_from_directory: bool,
}

/// The inputs of an argument, in order.
pub(crate) fn expand(argument: &Path) -> Result<Vec<Input>, FileProblem> {
    let one = |path: &Path| Input {
        path: path.to_owned(),
        is_from_directory: false,
    };
    if argument == Path::new(STDIN) {
        return Ok(vec![one(argument)]);
    }
    if argument.is_dir() {
        let mut files = Vec::new();
        find_in(argument, &mut files).map_err(FileProblem::Unreadable)?;
        files.sort();
        if files.is_empty() {
            return Err(FileProblem::EmptyDirectory);
        }
        let inputs = files.into_iter().map(|path| Input {
            path,
            is_from_directory: true,
        });
        return Ok(inputs.collect());
    }
    // A shell that expanded the glob leaves only paths, which may contain such characters.
    let pattern = argument
        .to_str()
        .filter(|text| text.contains(GLOB_CHARACTERS));
    match pattern {
        Some(pattern) if !argument.exists() => {
            let pattern = Pattern::parse(pattern, None)
                .map_err(|error| FileProblem::Pattern(error.to_string()))?;
            let found = walk(Path::new("."), &pattern, None).paths;
            if found.is_empty() {
                return Err(FileProblem::NoMatch);
            }
            Ok(found.iter().map(|path| one(Path::new(path))).collect())
        }
        _ => Ok(vec![one(argument)]),
    }
}

/// Hidden directories and links to directories are not entered.
fn find_in(directory: &Path, files: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in fs_err::read_dir(directory)? {
        let entry = entry?;
        let (path, kind) = (entry.path(), entry.file_type()?);
        let is_hidden = entry.file_name().as_bytes().starts_with(b".");
        if kind.is_dir() && !is_hidden {
            find_in(&path, files)?;
        } else if is_file(kind, &path) && has_extension(&path) {
            files.push(path);
        }
    }
    Ok(())
}

fn is_file(kind: FileType, path: &Path) -> bool {
    kind.is_file() || (kind.is_symlink() && path.is_file())
}

fn has_extension(path: &Path) -> bool {
    let extension = extension_of(path);
    extension.is_some_and(|extension| ResultFormat::of_extension(&extension).is_some())
}

/// In lower case, and without `.gz`.
pub(crate) fn extension_of(path: &Path) -> Option<String> {
    let extension = path.extension()?.to_str()?.to_ascii_lowercase();
    if extension == "gz" {
        return extension_of(&path.with_extension(""));
    }
    Some(extension)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_reports_from_directories() {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path();
        fs_err::create_dir_all(root.join("a/b")).unwrap();
        fs_err::create_dir_all(root.join("a/.cache")).unwrap();
        for name in [
            "a/b/2.xml",
            "a/1.json.gz",
            "a/.cache/3.xml",
            "a/log.txt",
            "z.TRX",
        ] {
            fs_err::write(root.join(name), "").unwrap();
        }
        let found = |argument: &Path| {
            let inputs = expand(argument).map_err(|problem| problem.to_string())?;
            let relative = |input: Input| {
                assert!(input.is_from_directory);
                input.path.strip_prefix(root).unwrap().to_owned()
            };
            Ok::<_, String>(inputs.into_iter().map(relative).collect::<Vec<_>>())
        };
        let expected = ["a/1.json.gz", "a/b/2.xml", "z.TRX"].map(PathBuf::from);
        assert_eq!(found(root).unwrap(), expected);
        assert_eq!(
            found(&root.join("a/.cache/..").join(".cache")).unwrap(),
            [PathBuf::from("a/.cache/../.cache/3.xml")]
        );
        fs_err::remove_file(root.join("a/.cache/3.xml")).unwrap();
        assert_eq!(
            found(&root.join("a/.cache")).unwrap_err(),
            "is a directory without result files"
        );
    }

    #[test]
    fn expands_globs_that_no_shell_expanded() {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path();
        for name in ["1.xml", "2.xml", "[3].xml"] {
            fs_err::write(root.join(name), "").unwrap();
        }
        let count = |name: &str| expand(&root.join(name)).map(|inputs| inputs.len());
        assert_eq!(count("?.xml").unwrap(), 2);
        assert_eq!(count("*.xml").unwrap(), 3);
        assert_eq!(count("[3].xml").unwrap(), 1);
        assert_eq!(count("4.xml").unwrap(), 1);
        assert_eq!(count("*.json").unwrap_err().to_string(), "matches no file");
    }
}
