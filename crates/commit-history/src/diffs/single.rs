//! One `git diff` per commit: slower, and correct with any configuration.

use super::parse::{End, ParseError, parse};
use super::{CommitDiff, DiffKind};
use crate::bases::Base;
use crate::git::Git;
use crate::{Error, ObjectId, Repository};

#[derive(Clone)]
pub(crate) struct SingleDiff {
    git: Git,
    kind: DiffKind,
    empty_tree: &'static str,
}

impl SingleDiff {
    pub(crate) fn new(repository: &Repository, kind: DiffKind) -> Self {
        Self {
            git: repository.git().clone(),
            kind,
            empty_tree: repository.empty_tree(),
        }
    }

    pub(crate) fn diff(&self, commit: ObjectId, base: Base) -> Result<CommitDiff, Error> {
        let base = match base {
            Base::Commit(id) if id != commit => id.to_string(),
            Base::Commit(_) | Base::Unrelated => return Ok(CommitDiff::default()),
            Base::EmptyTree => self.empty_tree.to_owned(),
        };
        let commit = commit.to_string();
        let mut arguments = vec!["diff", "--no-ext-diff", "--no-textconv", "--no-color"];
        arguments.extend(["--raw", "--numstat"]);
        if self.kind == DiffKind::Full {
            arguments.push("--patch");
        }
        arguments.extend([base.as_str(), commit.as_str(), "--"]);
        let mut process = self.git.start_with_input(&arguments, Vec::new())?;
        let mut entry = match parse(process.output()?, End::Output) {
            Ok(entry) => entry,
            Err(ParseError::Spool(error)) => return Err(Error::Spool(error)),
            Err(error) => {
                let unexpected = process.output_error(error.to_string());
                if matches!(error, ParseError::Truncated) {
                    // A git that failed explains the truncation itself.
                    process.finish()?;
                }
                return Err(unexpected);
            }
        };
        process.finish()?;
        let numstat = std::mem::take(&mut entry.numstat);
        Ok(entry.into_diff(numstat, self.kind))
    }
}
