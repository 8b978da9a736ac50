//! What is true of the repository as a whole, asked once.

use std::path::{Path, PathBuf};

use super::command::{Git, GitError};
use super::object_id::ObjectId;

/// One key of git's configuration, in the order git applies them (the last one wins).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ConfigEntry {
    /// Section and variable in lower case, as git prints them.
    pub(super) key: String,
    /// `None` for a key without `=`, which git takes for true.
    pub(super) value: Option<String>,
}

/// A repository and what does not change while it is read.
pub struct Repository {
    git: Git,
    hex_length: usize,
    shallow: bool,
    common_directory: PathBuf,
    config: Vec<ConfigEntry>,
}

/// Configuration that changes how a diff is printed, how references are kept, or what is fetched late.
const CONFIG_OF_INTEREST: &str = r"^(diff|color|extensions)\.|^remote\..*\.promisor$";

impl Repository {
    /// Asks git about the repository it is run in.
    pub fn open(git: Git) -> Result<Self, GitError> {
        let arguments = [
            "rev-parse",
            "--show-object-format",
            "--is-shallow-repository",
            "--git-common-dir",
        ];
        let answer = git.run(&arguments)?;
        let answer = String::from_utf8_lossy(&answer);
        let mut lines = answer.lines();
        let (Some(format), Some(shallow), Some(common)) =
            (lines.next(), lines.next(), lines.next())
        else {
            return Err(GitError::Answer {
                command: "git rev-parse".to_owned(),
                what: format!("three lines expected, got {answer:?}"),
            });
        };
        let hex_length = if format == "sha256" { 64 } else { 40 };
        let shallow = shallow == "true";
        let common_directory = git.directory().join(common);
        let config = read_config(&git)?;
        Ok(Self {
            git,
            hex_length,
            shallow,
            common_directory,
            config,
        })
    }

    /// The git that runs here.
    pub fn git(&self) -> &Git {
        &self.git
    }

    /// Whether a commit could be in this repository, by the length of its name.
    pub fn fits(&self, id: &ObjectId) -> bool {
        id.hex_length() == self.hex_length
    }

    /// The tree with nothing in it, which git knows without having stored it.
    pub(super) fn empty_tree(&self) -> &'static str {
        if self.hex_length == 64 {
            "6ef19b41225c5369f1c104d45d8d85efa9b057b53b14b4b9b939dd74decc5321"
        } else {
            "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
        }
    }

    /// The commits whose parents were left out of a shallow clone.
    pub(super) fn shallow_boundary(&self) -> Result<Vec<ObjectId>, GitError> {
        if !self.shallow {
            return Ok(Vec::new());
        }
        let path = self.common_directory.join("shallow");
        let text = read_optional(&path)?.unwrap_or_default();
        Ok(text
            .split(|&byte| byte == b'\n')
            .filter_map(ObjectId::from_hex)
            .collect())
    }

    /// The reflog file of a reference: `Ok(None)` when there is none. An error when references are
    /// not kept in files, so that the reflog cannot be read this way.
    pub(super) fn reflog_file(&self, reference: &str) -> Result<ReflogFile, GitError> {
        let in_files = self
            .config
            .iter()
            .rev()
            .find(|entry| entry.key == "extensions.refstorage")
            .is_none_or(|entry| entry.value.as_deref() == Some("files"));
        if !in_files {
            return Ok(ReflogFile::NotAFile);
        }
        let path = self.common_directory.join("logs").join(reference);
        Ok(read_optional(&path)?.map_or(ReflogFile::Absent, ReflogFile::Content))
    }

    /// The remote that holds what a partial clone lacks; `None` in a whole clone.
    pub(super) fn promisor_remote(&self) -> Option<String> {
        let value = |entry: &ConfigEntry| entry.value.clone().unwrap_or_default();
        let named = self
            .config
            .iter()
            .rev()
            .find(|entry| entry.key == "extensions.partialclone");
        let marked = || {
            let is_on = |entry: &&ConfigEntry| {
                entry.key.ends_with(".promisor")
                    && matches!(value(entry).as_str(), "" | "true" | "1" | "yes" | "on")
            };
            let entry = self.config.iter().find(is_on)?;
            let name = entry
                .key
                .strip_prefix("remote.")?
                .strip_suffix(".promisor")?;
            Some(name.to_owned())
        };
        named
            .map(value)
            .or_else(marked)
            .filter(|remote| super::default_branch::is_remote_name(remote))
    }

    pub(super) fn config(&self) -> &[ConfigEntry] {
        &self.config
    }
}

/// Where the reflog of a reference is.
pub(super) enum ReflogFile {
    /// In a file, with these bytes.
    Content(Vec<u8>),
    /// Nowhere.
    Absent,
    /// In a table only git can read.
    NotAFile,
}

fn read_optional(path: &Path) -> Result<Option<Vec<u8>>, GitError> {
    match fs_err::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(GitError::Pipe {
            command: format!("read {}", path.display()),
            source,
        }),
    }
}

fn read_config(git: &Git) -> Result<Vec<ConfigEntry>, GitError> {
    match git.run(&["config", "-z", "--get-regexp", CONFIG_OF_INTEREST]) {
        Ok(answer) => Ok(parse_config(&answer)),
        // Exit status 1: no key matches.
        Err(GitError::Failed { status, .. }) if status.code() == Some(1) => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

fn parse_config(answer: &[u8]) -> Vec<ConfigEntry> {
    let text = String::from_utf8_lossy(answer);
    text.split_terminator('\0')
        .map(|entry| match entry.split_once('\n') {
            Some((key, value)) => ConfigEntry {
                key: key.to_owned(),
                value: Some(value.to_owned()),
            },
            None => ConfigEntry {
                key: entry.to_owned(),
                value: None,
            },
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_without_a_value_and_values_of_several_lines() {
        let entries = parse_config(b"diff.noprefix\0diff.context\n5\0diff.x.textconv\na\nb\0");
        let expected = [
            ("diff.noprefix", None),
            ("diff.context", Some("5")),
            ("diff.x.textconv", Some("a\nb")),
        ];
        let found: Vec<_> = entries
            .iter()
            .map(|entry| (entry.key.as_str(), entry.value.as_deref()))
            .collect();
        assert_eq!(found, expected);
    }
}
