//! Which branch of the remote the commits are compared with.

use super::command::GitError;
use super::object_id::ObjectId;
use super::repository::Repository;

/// The branch that a fork point is looked for on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DefaultBranch {
    /// In full, such as `refs/remotes/origin/main`.
    pub reference: String,
    /// The commit it points at.
    pub tip: ObjectId,
}

impl DefaultBranch {
    /// As people write it, such as `origin/main`.
    pub fn short_name(&self) -> &str {
        self.reference
            .strip_prefix("refs/remotes/")
            .unwrap_or(&self.reference)
    }
}

/// No default branch.
#[derive(Debug, thiserror::Error)]
pub enum DefaultBranchError {
    /// None of the usual names is here.
    #[error(
        "find the default branch: none of {} exists here; fetch the remote's branches, or run \
         `git remote set-head {remote} --auto`",
        tried.join(", ")
    )]
    NotFound {
        /// The remote asked for.
        remote: String,
        /// The names looked for, in order.
        tried: [String; 3],
    },
    /// The name cannot be a remote's.
    #[error("use {remote:?} as the name of a remote")]
    Remote {
        /// As given.
        remote: String,
    },
    /// Git did not say.
    #[error(transparent)]
    Git(#[from] GitError),
}

/// Whether a text can name a remote without being taken for an option or a pattern.
pub(super) fn is_remote_name(remote: &str) -> bool {
    !remote.is_empty()
        && !remote.starts_with('-')
        && !remote
            .chars()
            .any(|c| c.is_control() || " ~^:?*[\\".contains(c))
}

/// `REMOTE/HEAD`, else `REMOTE/main`, else `REMOTE/master`.
pub fn default_branch(
    repository: &Repository,
    remote: &str,
) -> Result<DefaultBranch, DefaultBranchError> {
    if !is_remote_name(remote) {
        return Err(DefaultBranchError::Remote {
            remote: remote.to_owned(),
        });
    }
    let names = ["HEAD", "main", "master"].map(|name| format!("refs/remotes/{remote}/{name}"));
    let mut arguments = vec![
        "for-each-ref",
        "--format=%(refname) %(objecttype) %(objectname) %(symref)",
    ];
    arguments.extend(names.iter().map(String::as_str));
    let answer = repository.git().run(&arguments)?;
    let answer = String::from_utf8_lossy(&answer);
    let lines: Vec<Vec<&str>> = answer
        .lines()
        .map(|line| line.split(' ').collect())
        .collect();
    for name in &names {
        let found = lines
            .iter()
            .find(|line| line[0] == name && line.get(1) == Some(&"commit"));
        let Some(line) = found else { continue };
        let Some(tip) = line
            .get(2)
            .and_then(|hex| ObjectId::from_hex(hex.as_bytes()))
        else {
            continue;
        };
        // HEAD is a name for another branch; that branch has the reflog.
        let reference = match line.get(3) {
            Some(target) if !target.is_empty() => (*target).to_owned(),
            _ => name.clone(),
        };
        return Ok(DefaultBranch { reference, tip });
    }
    let tried = names.map(|name| name.replacen("refs/remotes/", "", 1));
    Err(DefaultBranchError::NotFound {
        remote: remote.to_owned(),
        tried,
    })
}
