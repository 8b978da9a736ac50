//! The checked-out commit, as a plan request describes it.
//!
//! The same fields and the same diff as in an exported record. The caller adds what only the CI
//! knows: branch, pipeline and build.

use std::collections::BTreeMap;
use std::io::Read as _;

use crate::bases::{Base, base_of_one};
use crate::commits::{Commit, read_commits};
use crate::default_branch::default_branch;
use crate::diffs::{DiffKind, SingleDiff};
use crate::{DefaultBranch, Error, ObjectId, Repository};

/// The checked-out commit.
#[derive(Debug)]
pub struct HeadCommit {
    /// By the names that plan requests use: `commit_sha`, `parent_shas` (separated by spaces), the
    /// fields of author and committer, `message`, `base_branch`, and of the diff `files_changed`,
    /// `diff_stat`, `git_diff` and `git_diff_raw`. Fields that are not known are absent: an empty
    /// diff is one without changes.
    pub fields: BTreeMap<String, String>,
    /// Why the fields of the diff are absent: there is nothing to compare the commit with.
    pub no_diff: Option<Error>,
}

impl Repository {
    /// Describes the checked-out commit and its diff. Of the patch, the first `max_patch_bytes` are
    /// kept.
    pub fn head_commit(&self, remote: &str, max_patch_bytes: u64) -> Result<HeadCommit, Error> {
        let commit = self.read_head()?;
        let mut fields = of_commit(&commit);
        let branch = match default_branch(self, remote) {
            Ok(branch) => branch,
            Err(error) if error.is_fatal() => return Err(error),
            Err(error) => return Ok(without_diff(fields, error)),
        };
        insert(&mut fields, "base_branch", base_branch(&branch, remote));
        let no_base = |reason| Error::NoBase(commit.id, branch.short_name().to_owned(), reason);
        let base = match base_of_one(self, &branch, &commit)? {
            Ok(Base::Unrelated) => {
                let reason = "they have no common ancestor".to_owned();
                return Ok(without_diff(fields, no_base(reason)));
            }
            Ok(base) => base,
            Err(reason) => return Ok(without_diff(fields, no_base(reason))),
        };
        let mut diff = SingleDiff::new(self, DiffKind::Full).diff(commit.id, base)?;
        let mut patch = Vec::new();
        diff.patch
            .reader()
            .and_then(|reader| reader.take(max_patch_bytes).read_to_end(&mut patch))
            .map_err(Error::Spool)?;
        for (name, value) in [
            ("files_changed", &diff.files_changed),
            ("diff_stat", &diff.diff_stat),
            ("git_diff", &patch),
            ("git_diff_raw", &diff.raw),
        ] {
            insert(&mut fields, name, String::from_utf8_lossy(value));
        }
        Ok(HeadCommit {
            fields,
            no_diff: None,
        })
    }

    fn read_head(&self) -> Result<Commit, Error> {
        let git = self.git();
        let output = git.run(&["rev-parse", "--verify", "HEAD^{commit}"])?;
        let head = ObjectId::from_hex(output.trim_ascii()).ok_or_else(|| {
            let output = String::from_utf8_lossy(&output).into_owned();
            Error::Output("git rev-parse --verify HEAD".to_owned(), output)
        })?;
        let mut unreadable = Ok(());
        let commits = read_commits(git, &[head], &mut |_, error| unreadable = Err(error))?;
        unreadable?;
        Ok(commits.into_iter().next().expect("one commit for one ID"))
    }
}

fn without_diff(fields: BTreeMap<String, String>, reason: Error) -> HeadCommit {
    HeadCommit {
        fields,
        no_diff: Some(reason),
    }
}

fn of_commit(commit: &Commit) -> BTreeMap<String, String> {
    let parents: Vec<String> = commit.parents.iter().map(ObjectId::to_string).collect();
    [
        ("commit_sha", commit.id.to_string()),
        ("parent_shas", parents.join(" ")),
        ("author_name", commit.author_name.clone()),
        ("author_email", commit.author_email.clone()),
        ("author_date", commit.author_date.clone()),
        ("committer_name", commit.committer_name.clone()),
        ("committer_email", commit.committer_email.clone()),
        ("committer_date", commit.committer_date.clone()),
        ("message", commit.message.clone()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into()
}

fn insert(fields: &mut BTreeMap<String, String>, name: &str, value: impl Into<String>) {
    fields.insert(name.to_owned(), value.into());
}

/// The branch's name without that of the remote.
fn base_branch<'a>(branch: &'a DefaultBranch, remote: &str) -> &'a str {
    let name = branch.short_name();
    name.strip_prefix(remote)
        .and_then(|name| name.strip_prefix('/'))
        .unwrap_or(name)
}
