//! A repository and the properties that do not change while it is read.

use std::path::PathBuf;

use crate::cancel::CancelToken;
use crate::git::{Git, is_remote_name};
use crate::{Error, ObjectId};

/// One entry of git's configuration, in the order git applies them (the last one wins).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ConfigEntry {
    /// Section and variable in lower case, as git prints them.
    pub(crate) key: String,
    /// `None` for a key without `=`, which git treats as true.
    pub(crate) value: Option<String>,
}

/// A git repository on disk.
pub struct Repository {
    git: Git,
    sha256: bool,
    shallow: bool,
    common_directory: PathBuf,
    config: Vec<ConfigEntry>,
}

/// Configuration of diff output, reference storage and lazy fetching.
const CONFIG_PATTERN: &str = r"^(diff|color|extensions)\.|^remote\..*\.promisor$";

impl Repository {
    /// Opens the repository that contains `directory`. Cancelling the token ends all git processes
    /// and makes every method return [`Error::Cancelled`].
    pub fn open(directory: impl Into<PathBuf>, cancel: &CancelToken) -> Result<Self, Error> {
        let git = Git::new(directory.into(), cancel.clone());
        let arguments = [
            "rev-parse",
            "--show-object-format",
            "--is-shallow-repository",
            "--git-common-dir",
        ];
        let output = git.run(&arguments)?;
        let output = String::from_utf8_lossy(&output);
        let [format, shallow, common] = output.lines().collect::<Vec<_>>()[..] else {
            return Err(Error::Output(
                "git rev-parse".to_owned(),
                output.into_owned(),
            ));
        };
        Ok(Self {
            sha256: format == "sha256",
            shallow: shallow == "true",
            common_directory: git.directory().join(common),
            config: read_config(&git)?,
            git,
        })
    }

    /// Git processes started so far.
    pub fn processes_started(&self) -> u64 {
        self.git.processes_started()
    }

    pub(crate) fn git(&self) -> &Git {
        &self.git
    }

    /// Whether the ID has the repository's object format.
    pub(crate) fn has_format_of(&self, id: &ObjectId) -> bool {
        id.is_sha256() == self.sha256
    }

    /// The ID of the tree without entries, which git knows without having stored it.
    pub(crate) fn empty_tree(&self) -> &'static str {
        if self.sha256 {
            "6ef19b41225c5369f1c104d45d8d85efa9b057b53b14b4b9b939dd74decc5321"
        } else {
            "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
        }
    }

    /// The commits whose parents a shallow clone leaves out.
    pub(crate) fn shallow_boundary(&self) -> Result<Vec<ObjectId>, Error> {
        if !self.shallow {
            return Ok(Vec::new());
        }
        let text = self.read_file("shallow")?;
        let lines = text.split(|&byte| byte == b'\n');
        Ok(lines.filter_map(ObjectId::from_hex).collect())
    }

    /// The content of a reference's reflog file, empty when there is none; `None` when references
    /// are stored in another format.
    pub(crate) fn reflog_file(&self, reference: &str) -> Result<Option<Vec<u8>>, Error> {
        match self.config_value("extensions.refstorage") {
            None | Some("files") => self.read_file(&format!("logs/{reference}")).map(Some),
            Some(_) => Ok(None),
        }
    }

    /// The remote that has what a partial clone lacks; `None` in a complete clone.
    pub(crate) fn promisor_remote(&self) -> Option<&str> {
        let marked = || {
            let entry = self.config.iter().find(|entry| {
                let value = entry.value.as_deref().unwrap_or_default();
                entry.key.ends_with(".promisor")
                    && matches!(value, "" | "true" | "1" | "yes" | "on")
            })?;
            entry.key.strip_prefix("remote.")?.strip_suffix(".promisor")
        };
        self.config_value("extensions.partialclone")
            .or_else(marked)
            .filter(|remote| is_remote_name(remote))
    }

    pub(crate) fn config(&self) -> &[ConfigEntry] {
        &self.config
    }

    /// The value of a key, empty for a key without `=`.
    fn config_value(&self, key: &str) -> Option<&str> {
        let entry = self.config.iter().rev().find(|entry| entry.key == key)?;
        Some(entry.value.as_deref().unwrap_or_default())
    }

    /// A file of the git directory, empty when it does not exist.
    fn read_file(&self, name: &str) -> Result<Vec<u8>, Error> {
        match fs_err::read(self.common_directory.join(name)) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
            result => result.map_err(Error::Read),
        }
    }
}

fn read_config(git: &Git) -> Result<Vec<ConfigEntry>, Error> {
    match git.run(&["config", "-z", "--get-regexp", CONFIG_PATTERN]) {
        Ok(output) => Ok(parse_config(&output)),
        // Exit status 1: no key matches.
        Err(Error::Failed(_, status, _)) if status.code() == Some(1) => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

fn parse_config(output: &[u8]) -> Vec<ConfigEntry> {
    let entry = |entry: &str| {
        let (key, value) = match entry.split_once('\n') {
            Some((key, value)) => (key, Some(value.to_owned())),
            None => (entry, None),
        };
        ConfigEntry {
            key: key.to_owned(),
            value,
        }
    };
    let text = String::from_utf8_lossy(output);
    text.split_terminator('\0').map(entry).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_keys_without_value_and_multi_line_values() {
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
