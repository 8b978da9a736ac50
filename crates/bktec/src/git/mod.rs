//! Everything that asks git.
//!
//! One place starts git ([`Git`]); everything else here turns its answers into values: which commits
//! are here, who wrote them, what each is to be compared with, and what changed. Git is asked about
//! many commits at once, and one at a time only where the bulk answer is not proven to be the same.
//! No terminal, no network of our own, no JSON: the commands do that.

mod available;
mod bases;
mod cancel;
mod collect;
mod command;
mod commits;
mod default_branch;
mod diffs;
mod metadata;
mod object_id;
mod prefetch;
mod repository;

pub use available::{Availability, Missing, make_available};
pub use bases::{Base, BaseOrReason, Bases, Unproven};
pub use cancel::Cancel;
pub use collect::{CollectError, Collected, Collection, Outcome, Prepared, Skipped, prepare};
pub use command::{Git, GitError};
pub use commits::{Commit, read_commits};
pub use default_branch::{DefaultBranch, DefaultBranchError, default_branch};
pub use diffs::{CommitDiff, DiffError, DiffKind, Patch, diff_one};
pub use metadata::{MetadataError, head_metadata};
pub use object_id::{InvalidObjectId, ObjectId};
pub use repository::Repository;
