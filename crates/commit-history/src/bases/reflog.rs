//! The commits that the default branch pointed to, according to its reflog.

use std::collections::HashSet;

use crate::{Error, ObjectId, Repository};

/// Each commit once, oldest first; empty without a reflog. `None` when only git can read it.
pub(super) fn read_reflog(
    repository: &Repository,
    reference: &str,
) -> Result<Option<Vec<ObjectId>>, Error> {
    let content = repository.reflog_file(reference)?;
    Ok(content.map(|content| parse(&content)))
}

/// Lines of `OLD NEW WHO WHEN<tab>WHY`. Like git, uses the new ID of each line and the old ID of
/// the first.
fn parse(content: &[u8]) -> Vec<ObjectId> {
    let mut entries = Vec::new();
    for line in content.split(|&byte| byte == b'\n') {
        let mut fields = line
            .splitn(3, |&byte| byte == b' ')
            .filter_map(ObjectId::from_hex);
        if let (Some(old), Some(new)) = (fields.next(), fields.next()) {
            if entries.is_empty() {
                entries.push(old);
            }
            entries.push(new);
        }
    }
    let mut seen = HashSet::new();
    entries.retain(|id| !id.is_null() && seen.insert(*id));
    entries
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uses_old_id_of_first_line_and_drops_null_ids() {
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
