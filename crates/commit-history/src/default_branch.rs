//! The remote branch that commits are compared with.

use crate::git::is_remote_name;
use crate::{Error, ObjectId, Repository};

/// The default branch of a remote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DefaultBranch {
    /// The full reference, such as `refs/remotes/origin/main`.
    pub(crate) reference: String,
    /// The commit that the branch points to.
    pub tip: ObjectId,
}

impl DefaultBranch {
    /// The name with its remote, such as `origin/main`.
    pub fn short_name(&self) -> &str {
        self.reference
            .strip_prefix("refs/remotes/")
            .unwrap_or(&self.reference)
    }
}

/// Resolves `REMOTE/HEAD`, else `REMOTE/main`, else `REMOTE/master`.
pub(crate) fn default_branch(
    repository: &Repository,
    remote: &str,
) -> Result<DefaultBranch, Error> {
    if !is_remote_name(remote) {
        return Err(Error::RemoteName(remote.to_owned()));
    }
    let names = ["HEAD", "main", "master"].map(|name| format!("refs/remotes/{remote}/{name}"));
    let format = "--format=%(refname) %(objecttype) %(objectname) %(symref)";
    let mut arguments = vec!["for-each-ref", format];
    arguments.extend(names.iter().map(String::as_str));
    let output = repository.git().run(&arguments)?;
    let output = String::from_utf8_lossy(&output);
    for name in &names {
        for line in output.lines() {
            let [reference, "commit", tip, symbolic_target] =
                line.split(' ').collect::<Vec<_>>()[..]
            else {
                continue;
            };
            if reference == name
                && let Ok(tip) = tip.parse()
            {
                // The reflog belongs to the branch that HEAD points to.
                let reference = match symbolic_target {
                    "" => name.clone(),
                    target => target.to_owned(),
                };
                return Ok(DefaultBranch { reference, tip });
            }
        }
    }
    Err(Error::NoDefaultBranch(remote.to_owned()))
}
