//! Who wrote each commit, when, and why: read for all commits with one git.

use super::command::{Git, GitError};
use super::object_id::ObjectId;

/// What a commit says of itself. Bytes that are not UTF-8 are U+FFFD.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Commit {
    /// Its name.
    pub id: ObjectId,
    /// Parents as git sees them (none at the edge of a shallow clone).
    pub parents: Vec<ObjectId>,
    /// Author.
    pub author_name: String,
    /// Author's address.
    pub author_email: String,
    /// ISO 8601 with the author's offset.
    pub author_date: String,
    /// Committer.
    pub committer_name: String,
    /// Committer's address.
    pub committer_email: String,
    /// ISO 8601 with the committer's offset.
    pub committer_date: String,
    /// The same instant, in seconds since 1970.
    pub committed_at: i64,
    /// The whole message without the newlines at its end.
    pub message: String,
}

const FIELDS: usize = 10;

/// Facts about every commit, in the order asked for. A commit that git cannot read is an error of
/// its own and does not lose the others.
pub fn read_commits(
    git: &Git,
    ids: &[ObjectId],
) -> Result<Vec<Result<Commit, GitError>>, GitError> {
    match read_all(git, ids) {
        Ok(commits) => Ok(commits.into_iter().map(Ok).collect()),
        Err(GitError::Cancelled) => Err(GitError::Cancelled),
        Err(error @ GitError::Start { .. }) => Err(error),
        Err(error) => match ids {
            [] | [_] => Ok(ids
                .iter()
                .map(|_| ())
                .zip([error])
                .map(|((), e)| Err(e))
                .collect()),
            _ => {
                let (left, right) = ids.split_at(ids.len() / 2);
                let mut commits = read_commits(git, left)?;
                commits.extend(read_commits(git, right)?);
                Ok(commits)
            }
        },
    }
}

fn read_all(git: &Git, ids: &[ObjectId]) -> Result<Vec<Commit>, GitError> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let arguments = [
        "log",
        "--no-walk=unsorted",
        "--stdin",
        "--no-patch",
        "--no-color",
        "--no-notes",
        "--no-show-signature",
        "--no-mailmap",
        "--encoding=UTF-8",
        "--format=%H%x00%P%x00%an%x00%ae%x00%aI%x00%cn%x00%ce%x00%cI%x00%B%x00%ct%x00",
    ];
    let output = git.run_with_input(&arguments, id_lines(ids))?;
    let not_understood = |what: &str| GitError::Answer {
        command: "git log --no-walk --stdin".to_owned(),
        what: what.to_owned(),
    };
    let mut fields = output.split(|&byte| byte == 0);
    let mut commits = Vec::with_capacity(ids.len());
    for &id in ids {
        let record: Vec<&[u8]> = fields.by_ref().take(FIELDS).collect();
        let [name, parents, rest @ ..] = record.as_slice() else {
            return Err(not_understood("too few commits"));
        };
        // Git ends each record with a newline, which is before the name of the next one.
        let name = name.strip_prefix(b"\n").unwrap_or(name);
        if ObjectId::from_hex(name) != Some(id) {
            return Err(not_understood("another commit than the one asked for"));
        }
        let parents = parents
            .split(|&byte| byte == b' ')
            .filter(|hex| !hex.is_empty())
            .map(|hex| ObjectId::from_hex(hex).ok_or_else(|| not_understood("a parent's name")))
            .collect::<Result<_, _>>()?;
        let texts: Vec<String> = rest
            .iter()
            .map(|bytes| String::from_utf8_lossy(bytes).into_owned())
            .collect();
        let Ok(
            [
                author_name,
                author_email,
                author_date,
                committer_name,
                committer_email,
                committer_date,
                mut message,
                seconds,
            ],
        ) = <[String; 8]>::try_from(texts)
        else {
            return Err(not_understood("too few fields"));
        };
        message.truncate(message.trim_end_matches('\n').len());
        commits.push(Commit {
            id,
            parents,
            author_name,
            author_email,
            author_date,
            committer_name,
            committer_email,
            committer_date,
            // Git prints a date it cannot read as 0 or as nothing.
            committed_at: seconds.parse().unwrap_or_default(),
            message,
        });
    }
    Ok(commits)
}

/// One name a line, for a git that reads its arguments from standard input.
pub(super) fn id_lines<'a>(ids: impl IntoIterator<Item = &'a ObjectId>) -> Vec<u8> {
    let mut lines = String::new();
    for id in ids {
        lines.push_str(&id.to_string());
        lines.push('\n');
    }
    lines.into_bytes()
}
