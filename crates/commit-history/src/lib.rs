//! Reads a git repository: which commits it has, what each one is compared with, and what it
//! changed.
//!
//! [`Repository::export`] writes the records of many commits into an archive, and
//! [`Repository::head_commit`] describes the checked-out commit. Git runs in bulk, and once per
//! commit only where the bulk output may differ from that of `git diff`.
//!
//! Nothing here uses HTTP or the terminal: progress is reported as [`Event`]s.

mod archive;
mod availability;
mod bases;
mod cancel;
mod collect;
mod commits;
mod default_branch;
mod diffs;
mod error;
mod event;
mod export;
mod git;
mod head;
mod object_id;
mod prefetch;
mod queue;
mod record;
mod repository;

pub use self::cancel::CancelToken;
pub use self::default_branch::DefaultBranch;
pub use self::error::Error;
pub use self::event::Event;
pub use self::export::{Export, ExportOptions};
pub use self::head::HeadCommit;
pub use self::object_id::{InvalidObjectId, ObjectId};
pub use self::repository::Repository;
