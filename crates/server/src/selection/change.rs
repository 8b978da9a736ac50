//! What a build changes, from the metadata of its plan request. Pure.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use test_engine_selection::{Change, ChangedFile, changed_functions};

/// A longer path cannot be a key of the database. Nothing is selected then, because a file that is
/// left out of the change might be the one that breaks tests.
const MAX_PATH_BYTES: usize = 1_024;
/// Names of functions of one file that are read.
const MAX_FUNCTIONS: usize = 500;
/// Files of a change that are stored and listed. Of more, only the number matters.
const MAX_STORED_FILES: usize = 300;
/// Lines of a file without line counts, and of a binary one.
const UNKNOWN_LINES: u32 = 1;

/// The change that a plan request describes; `None` if its files are not known.
pub(super) fn of_metadata(metadata: Option<&BTreeMap<String, Value>>) -> Option<Change> {
    let text = |name: &str| metadata?.get(name)?.as_str();
    let names = text("files_changed")?;
    let functions = match text("changed_functions") {
        Some(lines) => named_functions(lines),
        None => text("git_diff").map(patched_functions).unwrap_or_default(),
    };
    of_parts(
        names,
        text("diff_stat").unwrap_or_default(),
        text("git_diff_raw").unwrap_or_default(),
        functions,
    )
}

/// The change of a commit as an archive describes it.
pub(super) fn of_commit(files_changed: &str, diff_stat: &str) -> Option<Change> {
    of_parts(files_changed, diff_stat, "", HashMap::new())
}

fn of_parts(
    names: &str,
    diff_stat: &str,
    raw: &str,
    mut functions: HashMap<String, Vec<String>>,
) -> Option<Change> {
    let mut lines = HashMap::new();
    let mut renames = HashMap::new();
    for (count, old, new) in diff_stat.lines().filter_map(counted) {
        renames.extend(old.map(|old| (new.clone(), old)));
        lines.insert(new, count);
    }
    renames.extend(raw.lines().filter_map(renamed));
    let mut seen = HashSet::new();
    let mut files = Vec::new();
    for path in names.lines().map(unquoted).filter(|path| !path.is_empty()) {
        if path.len() > MAX_PATH_BYTES {
            return None;
        }
        if !seen.insert(path.clone()) {
            continue;
        }
        files.push(ChangedFile {
            previous_path: renames
                .get(&path)
                .filter(|old| **old != path && old.len() <= MAX_PATH_BYTES)
                .cloned(),
            lines: lines.get(&path).copied().unwrap_or(UNKNOWN_LINES),
            functions: functions.remove(&path).unwrap_or_default(),
            path,
        });
    }
    Some(Change { files })
}

/// Identifies the set of changed paths. Squashed commits change the files of their branch.
pub(super) fn files_hash(change: &Change) -> [u8; 16] {
    let mut paths: Vec<&str> = change.files.iter().map(|file| file.path.as_str()).collect();
    paths.sort_unstable();
    let mut hash = Sha256::new();
    for path in paths {
        hash.update(path);
        hash.update([0]);
    }
    let digest: [u8; 32] = hash.finalize().into();
    let (first, _) = digest.split_first_chunk().unwrap_or((&[0; 16], &[]));
    *first
}

/// A line of `git diff --numstat`: lines, and the old and new path.
fn counted(line: &str) -> Option<(u32, Option<String>, String)> {
    let mut parts = line.splitn(3, '\t');
    let added = parts.next()?.trim().parse::<u32>().ok();
    let removed = parts.next()?.trim().parse::<u32>().ok();
    let (old, new) = moved(parts.next()?);
    let count = added
        .zip(removed)
        .map_or(UNKNOWN_LINES, |(added, removed)| {
            added.saturating_add(removed)
        });
    Some((count, old, new))
}

/// The paths of `common/{old => new}/common` or `old => new`.
fn moved(printed: &str) -> (Option<String>, String) {
    let Some((before, after)) = printed.split_once(" => ") else {
        return (None, unquoted(printed));
    };
    let parts = before.rsplit_once('{').zip(after.split_once('}'));
    let Some(((start, old), (new, end))) = parts else {
        return (Some(unquoted(before)), unquoted(after));
    };
    // `a/{ => b}/c` leaves two slashes together.
    let joined = |middle: &str| match (middle, end.strip_prefix('/')) {
        ("", Some(end)) => format!("{start}{end}"),
        _ => format!("{start}{middle}{end}"),
    };
    (Some(joined(old)), joined(new))
}

/// The new and the old path in a line of `git diff --raw` about a renamed file.
fn renamed(line: &str) -> Option<(String, String)> {
    let mut parts = line.split('\t');
    let status = parts.next()?.split(' ').nth(4)?;
    if !status.starts_with('R') {
        return None;
    }
    let (old, new) = (parts.next()?, parts.next()?);
    Some((unquoted(new), unquoted(old)))
}

/// A path as git prints it: in quotes with escapes if it has unusual characters. Bytes that are not
/// UTF-8 become U+FFFD, as in file names that clients send.
fn unquoted(printed: &str) -> String {
    let inner = printed
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'));
    let Some(inner) = inner else {
        return printed.to_owned();
    };
    let mut bytes = Vec::with_capacity(inner.len());
    let mut rest = inner.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'\\' {
            bytes.push(byte);
            continue;
        }
        let Some(escaped) = rest.next() else { break };
        bytes.push(match escaped {
            b'a' => 7,
            b'b' => 8,
            b't' => b'\t',
            b'n' => b'\n',
            b'v' => 11,
            b'f' => 12,
            b'r' => b'\r',
            b'0'..=b'7' => {
                let digits = [
                    escaped,
                    rest.next().unwrap_or(b'0'),
                    rest.next().unwrap_or(b'0'),
                ];
                let octal = digits.iter().fold(0_u32, |number, digit| {
                    number * 8 + u32::from(digit.wrapping_sub(b'0') & 7)
                });
                u8::try_from(octal & 0xff).unwrap_or(0)
            }
            other => other,
        });
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Lines `path<TAB>name name …`.
fn named_functions(lines: &str) -> HashMap<String, Vec<String>> {
    let lines = lines.lines().filter_map(|line| line.split_once('\t'));
    lines
        .map(|(path, names)| {
            let names = names.split_whitespace().take(MAX_FUNCTIONS);
            (unquoted(path), names.map(str::to_owned).collect())
        })
        .collect()
}

fn patched_functions(patch: &str) -> HashMap<String, Vec<String>> {
    let files = changed_functions(patch).into_iter();
    files.map(|file| (file.path, file.names)).collect()
}

/// A change as it is stored with its decision.
#[derive(Serialize, Deserialize)]
struct StoredFile {
    path: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    previous_path: Option<String>,
    lines: u32,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    functions: Vec<String>,
}

/// JSON.
pub(super) fn encode(change: &Change) -> serde_json::Result<Vec<u8>> {
    let stored = |file: &ChangedFile| StoredFile {
        path: file.path.clone(),
        previous_path: file.previous_path.clone(),
        lines: file.lines,
        functions: file.functions.clone(),
    };
    let files = change.files.iter().take(MAX_STORED_FILES).map(stored);
    serde_json::to_vec(&files.collect::<Vec<_>>())
}

pub(super) fn decode(json: &[u8]) -> serde_json::Result<Change> {
    let files: Vec<StoredFile> = serde_json::from_slice(json)?;
    let files = files.into_iter().map(|file| ChangedFile {
        path: file.path,
        previous_path: file.previous_path,
        lines: file.lines,
        functions: file.functions,
    });
    Ok(Change {
        files: files.collect(),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn change(metadata: Value) -> Option<Change> {
        of_metadata(Some(&serde_json::from_value(metadata).unwrap()))
    }

    fn file(path: &str, previous: Option<&str>, lines: u32, functions: &[&str]) -> ChangedFile {
        ChangedFile {
            path: path.to_owned(),
            previous_path: previous.map(str::to_owned),
            lines,
            functions: functions.iter().map(|name| (*name).to_owned()).collect(),
        }
    }

    #[test]
    fn files_have_lines_old_paths_and_functions() {
        let found = change(json!({
            "files_changed": "src/a.py\nsrc/new.py\nlogo.png\nsrc/a.py\n\n\"d\\303\\244t.py\"\n",
            "diff_stat": "3\t4\tsrc/a.py\n0\t0\tsrc/{old.py => new.py}\n-\t-\tlogo.png\n\
                          1\t0\t\"d\\303\\244t.py\"",
            "git_diff_raw": ":100644 100644 1 2 M\tsrc/a.py\n\
                             :100644 100644 1 1 R100\tsrc/old.py\tsrc/new.py",
            "changed_functions": "src/a.py\tparse main\nother.py\tx",
        }));
        let expected = vec![
            file("src/a.py", None, 7, &["parse", "main"]),
            file("src/new.py", Some("src/old.py"), 0, &[]),
            file("logo.png", None, 1, &[]),
            file("dät.py", None, 1, &[]),
        ];
        assert_eq!(found.as_ref().unwrap().files, expected);
        let stored = encode(found.as_ref().unwrap()).unwrap();
        assert_eq!(decode(&stored).unwrap(), found.unwrap());
    }

    #[test]
    fn functions_are_taken_from_a_patch() {
        let patch = "diff --git a/a.py b/a.py\n--- a/a.py\n+++ b/a.py\n@@ -1 +1 @@ def old():\n-x\n\
                     +y\n";
        let found = change(json!({"files_changed": "a.py", "git_diff": patch})).unwrap();
        assert_eq!(found.files, [file("a.py", None, 1, &["old"])]);
    }

    #[test]
    fn without_the_list_of_files_nothing_is_known() {
        assert_eq!(of_metadata(None), None);
        for metadata in [
            json!({}),
            json!({"files_changed": null}),
            json!({"files_changed": 7}),
            json!({"files_changed": ["a.py"]}),
            json!({"diff_stat": "1\t1\ta.py"}),
            json!({"files_changed": "x".repeat(1_025)}),
        ] {
            assert_eq!(change(metadata.clone()), None, "{metadata}");
        }
        assert_eq!(
            change(json!({"files_changed": ""})),
            Some(Change::default())
        );
        let many: Vec<String> = (0..10_000)
            .map(|number| format!("src/{number}.py"))
            .collect();
        let many = change(json!({"files_changed": many.join("\n")})).unwrap();
        assert_eq!(many.files.len(), 10_000);
        assert_eq!(decode(&encode(&many).unwrap()).unwrap().files.len(), 300);
    }

    #[test]
    fn moved_paths_are_read_in_every_form() {
        for (printed, old, new) in [
            ("a => b", "a", "b"),
            ("d/{a => b}", "d/a", "d/b"),
            ("{d => e}/a", "d/a", "e/a"),
            ("a/{ => b}/c", "a/c", "a/b/c"),
            ("a/{b => }/c", "a/b/c", "a/c"),
        ] {
            let expected = (Some(old.to_owned()), new.to_owned());
            assert_eq!(moved(printed), expected, "{printed}");
        }
        assert_eq!(moved("plain"), (None, "plain".to_owned()));
    }

    #[test]
    fn damaged_lines_are_left_out() {
        for line in ["", "x", "1", "1\t2", "\t"] {
            assert_eq!(counted(line), None, "{line:?}");
            assert_eq!(renamed(line), None, "{line:?}");
        }
        for printed in ["\"", "\"\\", "\"\\\"", "\"\\3\"", "\"\\xff\""] {
            unquoted(printed);
        }
        assert_eq!(unquoted("\"a\\\"b\\\\c\\377\""), "a\"b\\c\u{fffd}");
    }

    #[test]
    fn the_hash_is_of_the_set_of_paths() {
        let of = |names: &str| files_hash(&of_commit(names, "").unwrap());
        assert_eq!(of("a\nb"), of("b\na\n"));
        assert_ne!(of("a\nb"), of("ab"));
    }
}
