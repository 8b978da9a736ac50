//! The commits that the default branch pointed at, as its reflog tells.

use crate::git::command::GitError;
use crate::git::object_id::ObjectId;
use crate::git::repository::{ReflogFile, Repository};

pub(super) enum Reflog {
    /// Each commit once, oldest first; empty when there is no reflog.
    Entries(Vec<ObjectId>),
    /// It may be there, but only git can read it.
    Unreadable,
}

pub(super) fn read_reflog(repository: &Repository, reference: &str) -> Result<Reflog, GitError> {
    Ok(match repository.reflog_file(reference)? {
        ReflogFile::Content(bytes) => Reflog::Entries(parse(&bytes)),
        ReflogFile::Absent => Reflog::Entries(Vec::new()),
        ReflogFile::NotAFile => Reflog::Unreadable,
    })
}

/// Lines of `OLD NEW WHO WHEN<tab>WHY`. Git counts what every line says is new, and what the first
/// one says is old.
fn parse(bytes: &[u8]) -> Vec<ObjectId> {
    let mut entries = Vec::new();
    let mut first = true;
    for line in bytes.split(|&byte| byte == b'\n') {
        let mut fields = line
            .splitn(3, |&byte| byte == b' ')
            .filter_map(ObjectId::from_hex);
        let (Some(old), Some(new)) = (fields.next(), fields.next()) else {
            continue;
        };
        if first {
            entries.push(old);
            first = false;
        }
        entries.push(new);
    }
    entries.retain(|id| !id.is_null());
    let mut seen = std::collections::HashSet::new();
    entries.retain(|id| seen.insert(*id));
    entries
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_counts_twice_and_zero_never() {
        let [zero, one, two, three] = ["0", "1", "2", "3"].map(|digit| digit.repeat(40));
        let text = format!(
            "{zero} {one} A <a@b> 1 +0000\tclone: from x\n{one} {two} A B <a@b> 2 +0000\tfetch\n\
             garbage\n{two} {one} A <> 3 +0000\treset\n{one} {zero} A <> 3 +0000\tdelete\n"
        );
        let expected: Vec<ObjectId> = [&one, &two].map(|hex| hex.parse().unwrap()).to_vec();
        assert_eq!(parse(text.as_bytes()), expected);

        let text = format!("{three} {one} A <a@b> 1 +0000\n");
        let expected: Vec<ObjectId> = [&three, &one].map(|hex| hex.parse().unwrap()).to_vec();
        assert_eq!(parse(text.as_bytes()), expected);
        assert_eq!(parse(b""), []);
    }
}
