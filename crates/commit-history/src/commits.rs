//! Author, committer, dates, parents and message of many commits, read with one git.

use serde::Serialize;

use crate::git::Git;
use crate::object_id::id_lines;
use crate::{Error, ObjectId};

/// The fields of a commit, in the order of a record. Bytes that are not UTF-8 become U+FFFD; dates
/// are ISO 8601.
#[derive(Debug, Serialize)]
pub(crate) struct Commit {
    #[serde(rename = "commit_sha")]
    pub(crate) id: ObjectId,
    /// Parents as git sees them: none at the boundary of a shallow clone.
    #[serde(rename = "parent_shas")]
    pub(crate) parents: Vec<ObjectId>,
    pub(crate) author_name: String,
    pub(crate) author_email: String,
    pub(crate) author_date: String,
    pub(crate) committer_name: String,
    pub(crate) committer_email: String,
    pub(crate) committer_date: String,
    /// The instant of `committer_date`, in seconds since 1970.
    #[serde(skip)]
    pub(crate) committed_at: i64,
    /// The whole message without whitespace at its end.
    pub(crate) message: String,
}

const FORMAT: &str = "--format=%H%x00%P%x00%an%x00%ae%x00%aI%x00%cn%x00%ce%x00%cI%x00%B%x00%ct%x00";
const FIELDS: usize = 10;

/// Reads all commits, in the same order. Commits that git cannot read are passed to `unreadable`.
pub(crate) fn read_commits(
    git: &Git,
    ids: &[ObjectId],
    unreadable: &mut dyn FnMut(ObjectId, Error),
) -> Result<Vec<Commit>, Error> {
    bisect(ids, &|ids| read_all(git, ids), unreadable)
}

/// Reads all IDs in one go. When that fails, reads each half, so that one bad ID does not lose the
/// others.
pub(crate) fn bisect<T>(
    ids: &[ObjectId],
    read: &impl Fn(&[ObjectId]) -> Result<Vec<T>, Error>,
    failed: &mut dyn FnMut(ObjectId, Error),
) -> Result<Vec<T>, Error> {
    match (read(ids), ids) {
        (Err(error), _) if error.is_fatal() => Err(error),
        (Err(error), [id]) => {
            failed(*id, error);
            Ok(Vec::new())
        }
        (Err(_), [_, _, ..]) => {
            let (left, right) = ids.split_at(ids.len() / 2);
            let mut all = bisect(left, read, failed)?;
            all.extend(bisect(right, read, failed)?);
            Ok(all)
        }
        (result, _) => result,
    }
}

fn read_all(git: &Git, ids: &[ObjectId]) -> Result<Vec<Commit>, Error> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let mut arguments = vec!["log", "--no-walk=unsorted", "--stdin", "--no-patch"];
    arguments.extend(["--no-color", "--no-notes", "--no-show-signature"]);
    arguments.extend(["--no-mailmap", "--encoding=UTF-8", FORMAT]);
    let output = git.run_with_input(&arguments, id_lines(ids))?;
    let mut fields = output.split(|&byte| byte == 0);
    ids.iter()
        .map(|&id| {
            let record: Vec<&[u8]> = fields.by_ref().take(FIELDS).collect();
            parse(&record)
                .filter(|commit| commit.id == id)
                .ok_or_else(|| {
                    let record = String::from_utf8_lossy(&record.join(&0)).into_owned();
                    Error::Output("git log --no-walk --stdin".to_owned(), record)
                })
        })
        .collect()
}

fn parse(record: &[&[u8]]) -> Option<Commit> {
    let [id, parents, texts @ ..] = record else {
        return None;
    };
    let parents = parents
        .split(|&byte| byte == b' ')
        .filter(|hex| !hex.is_empty())
        .map(ObjectId::from_hex)
        .collect::<Option<_>>()?;
    let mut texts = texts
        .iter()
        .map(|bytes| String::from_utf8_lossy(bytes).into_owned());
    Some(Commit {
        // Git ends each record with a newline, which precedes the next ID.
        id: ObjectId::from_hex(id.strip_prefix(b"\n").unwrap_or(id))?,
        parents,
        author_name: texts.next()?,
        author_email: texts.next()?,
        author_date: texts.next()?,
        committer_name: texts.next()?,
        committer_email: texts.next()?,
        committer_date: texts.next()?,
        message: texts.next()?.trim_end().to_owned(),
        // Git prints a date it cannot parse as 0 or as nothing.
        committed_at: texts.next()?.parse().unwrap_or_default(),
    })
}
