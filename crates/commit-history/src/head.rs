//! The checked-out commit, as a plan request describes it.
//!
//! The same fields and the same diff as in an exported record. The caller adds what only the CI
//! knows: branch, pipeline and build.

use std::collections::BTreeMap;

use crate::bases::base_of_one;
use crate::commits::read_commits;
use crate::default_branch::default_branch;
use crate::diffs::{DiffKind, SingleDiff};
use crate::{Error, ObjectId, Repository};

impl Repository {
    /// Describes the checked-out commit and its diff, under the names that plan requests use:
    /// `commit_sha`, `parent_shas` (separated by spaces), the fields of author and committer,
    /// `message`, `base_branch`, `files_changed`, `diff_stat`, `git_diff` and `git_diff_raw`.
    pub fn head_metadata(&self, remote: &str) -> Result<BTreeMap<String, String>, Error> {
        let git = self.git();
        let output = git.run(&["rev-parse", "--verify", "HEAD^{commit}"])?;
        let head = ObjectId::from_hex(output.trim_ascii()).ok_or_else(|| {
            let output = String::from_utf8_lossy(&output).into_owned();
            Error::Output("git rev-parse --verify HEAD".to_owned(), output)
        })?;
        let mut unreadable = Ok(());
        let commits = read_commits(git, &[head], &mut |_, error| unreadable = Err(error))?;
        unreadable?;
        let commit = commits.into_iter().next().expect("one commit for one ID");
        let branch = default_branch(self, remote)?;
        let base = base_of_one(self, &branch, &commit)?
            .map_err(|reason| Error::NoBase(head, branch.short_name().to_owned(), reason))?;
        let mut diff = SingleDiff::new(self, DiffKind::Full).diff(head, base)?;
        let patch = diff.patch.read_all().map_err(Error::Spool)?;
        let parents: Vec<String> = commit.parents.iter().map(ObjectId::to_string).collect();
        let base_branch = branch.short_name();
        let base_branch = base_branch
            .strip_prefix(remote)
            .and_then(|name| name.strip_prefix('/'))
            .unwrap_or(base_branch);
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Ok([
            ("commit_sha", head.to_string()),
            ("parent_shas", parents.join(" ")),
            ("author_name", commit.author_name),
            ("author_email", commit.author_email),
            ("author_date", commit.author_date),
            ("committer_name", commit.committer_name),
            ("committer_email", commit.committer_email),
            ("committer_date", commit.committer_date),
            ("message", commit.message),
            ("base_branch", base_branch.to_owned()),
            ("files_changed", text(&diff.files_changed)),
            ("diff_stat", text(&diff.diff_stat)),
            ("git_diff", text(&patch)),
            ("git_diff_raw", text(&diff.raw)),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into())
    }
}
