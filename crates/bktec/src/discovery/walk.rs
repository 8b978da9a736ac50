//! Finds the files that match a pattern.
//!
//! Optimised for large trees: a walk starts at the literal root of the pattern, enters only
//! directories that can match, uses the file type from the directory listing, and builds a path
//! only for names with a matching ending. `node_modules` is never entered, and symbolic links to
//! directories are not followed. Unreadable directories are skipped with a warning.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};

use super::pattern::{Alternative, Pattern};

const NEVER_ENTERED: &[u8] = b"node_modules";

#[derive(Debug, Default)]
pub struct Found {
    /// Relative or absolute as the pattern, unique, in the order of a walk that visits names in
    /// byte order.
    pub paths: Vec<OsString>,
    pub warnings: Vec<Unreadable>,
}

#[derive(Debug, thiserror::Error)]
#[error("skipped the directory {}, cannot read it: {source}", directory.display())]
pub struct Unreadable {
    /// Relative or absolute as the pattern.
    pub directory: PathBuf,
    pub source: io::Error,
}

/// Finds all files that match `included` and not `exclude`. Relative patterns start at `base`.
pub fn walk(base: &Path, included: &Pattern, exclude: Option<&Pattern>) -> Found {
    let mut roots: BTreeMap<&str, Vec<&Alternative>> = BTreeMap::new();
    for alternative in included.alternatives() {
        roots
            .entry(&alternative.root)
            .or_default()
            .push(alternative);
    }
    let mut walker = Walker {
        base,
        included,
        exclude,
        found: Found::default(),
        buffer: Vec::with_capacity(64 * 1024),
    };
    for (root, alternatives) in roots {
        if walker.can_start_at(root) {
            walker.walk(root, alternatives);
        }
    }
    let mut found = walker.found;
    found
        .paths
        .sort_unstable_by(|left, right| walk_order(left.as_bytes(), right.as_bytes()));
    found.paths.dedup();
    found
}

/// A slash sorts before any other byte, so that the files of a directory are adjacent.
fn walk_order(left: &[u8], right: &[u8]) -> std::cmp::Ordering {
    let rank = |byte: &u8| {
        if *byte == b'/' {
            0
        } else {
            u16::from(*byte) + 1
        }
    };
    left.iter().map(rank).cmp(right.iter().map(rank))
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    File,
    Directory,
    Link,
    Other,
}

struct Pending<'p> {
    /// With a trailing slash, or empty.
    path: Vec<u8>,
    depth: usize,
    alternatives: Vec<&'p Alternative>,
}

struct Walker<'w> {
    base: &'w Path,
    included: &'w Pattern,
    exclude: Option<&'w Pattern>,
    found: Found,
    buffer: Vec<u8>,
}

impl<'w> Walker<'w> {
    /// Whether no component of the root is excluded.
    fn can_start_at(&self, root: &str) -> bool {
        let root = root.as_bytes();
        let mut ends = (0..root.len()).filter(|&at| root[at] == b'/');
        let mut components = root.split(|byte| *byte == b'/');
        !ends.any(|end| self.is_excluded(&root[..end]))
            && !components.any(|component| component == NEVER_ENTERED)
    }

    fn is_excluded(&self, path: &[u8]) -> bool {
        let bare = path.strip_prefix(b"./").unwrap_or(path);
        self.exclude.is_some_and(|exclude| exclude.is_match(bare))
    }

    fn walk(&mut self, root: &str, alternatives: Vec<&'w Alternative>) {
        let mut pending = vec![Pending {
            path: root.as_bytes().to_vec(),
            depth: 0,
            alternatives,
        }];
        while let Some(directory) = pending.pop() {
            let path = self.full_path(&directory.path);
            let mut buffer = std::mem::take(&mut self.buffer);
            let listed = list(&path, directory.depth == 0, &mut buffer, |name, kind| {
                self.visit(&directory, name, kind, &mut pending);
            });
            self.buffer = buffer;
            if let Err(source) = listed {
                let missing = matches!(
                    source.kind(),
                    io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
                );
                if !(missing && directory.depth == 0) {
                    let mut path = directory.path;
                    if path.is_empty() {
                        path.push(b'.');
                    }
                    let directory = PathBuf::from(OsString::from_vec(path));
                    self.found.warnings.push(Unreadable { directory, source });
                }
            }
        }
    }

    fn full_path(&self, path: &[u8]) -> PathBuf {
        self.base.join(std::ffi::OsStr::from_bytes(path))
    }

    fn visit(
        &mut self,
        directory: &Pending<'w>,
        name: &[u8],
        kind: Kind,
        pending: &mut Vec<Pending<'w>>,
    ) {
        match kind {
            Kind::Directory => {
                if name == NEVER_ENTERED {
                    return;
                }
                let alternatives: Vec<_> = directory
                    .alternatives
                    .iter()
                    .copied()
                    .filter(|alternative| alternative.enters(directory.depth, name))
                    .collect();
                if alternatives.is_empty() {
                    return;
                }
                let mut path = join(&directory.path, name);
                if !self.is_excluded(&path) {
                    path.push(b'/');
                    pending.push(Pending {
                        path,
                        depth: directory.depth + 1,
                        alternatives,
                    });
                }
            }
            Kind::File | Kind::Link => {
                if !self.included.may_end(name) {
                    return;
                }
                let path = join(&directory.path, name);
                if !self.included.is_match(&path) || self.is_excluded(&path) {
                    return;
                }
                // A broken link is kept, so that the runner reports it.
                if kind == Kind::Link && self.full_path(&path).is_dir() {
                    return;
                }
                self.found.paths.push(OsString::from_vec(path));
            }
            Kind::Other => {}
        }
    }
}

fn join(directory: &[u8], name: &[u8]) -> Vec<u8> {
    let mut path = Vec::with_capacity(directory.len() + name.len() + 1);
    path.extend_from_slice(directory);
    path.extend_from_slice(name);
    path
}

/// Calls `visit` with each entry. If the directory itself is a symbolic link, it is followed only
/// if it is a root, which the pattern names explicitly.
#[cfg(target_os = "linux")]
fn list(
    path: &Path,
    is_root: bool,
    buffer: &mut Vec<u8>,
    mut visit: impl FnMut(&[u8], Kind),
) -> io::Result<()> {
    use rustix::fs::{AtFlags, FileType, Mode, OFlags, RawDir, open, statat};

    let mut flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    if !is_root {
        flags |= OFlags::NOFOLLOW;
    }
    let directory = open(path, flags, Mode::empty())?;
    let mut entries = RawDir::new(&directory, buffer.spare_capacity_mut());
    while let Some(entry) = entries.next() {
        let entry = entry?;
        let name = entry.file_name();
        let mut kind = entry.file_type();
        if kind == FileType::Unknown {
            let status = statat(&directory, name, AtFlags::SYMLINK_NOFOLLOW)?;
            kind = FileType::from_raw_mode(status.st_mode);
        }
        let kind = match kind {
            FileType::RegularFile => Kind::File,
            FileType::Directory => Kind::Directory,
            FileType::Symlink => Kind::Link,
            _ => Kind::Other,
        };
        let name = name.to_bytes();
        if name != b"." && name != b".." {
            visit(name, kind);
        }
    }
    Ok(())
}

/// Calls `visit` with each entry. If the directory itself is a symbolic link, it is followed.
#[cfg(not(target_os = "linux"))]
fn list(
    path: &Path,
    _is_root: bool,
    _buffer: &mut Vec<u8>,
    mut visit: impl FnMut(&[u8], Kind),
) -> io::Result<()> {
    for entry in std::fs::read_dir(path)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        let kind = if kind.is_file() {
            Kind::File
        } else if kind.is_dir() {
            Kind::Directory
        } else if kind.is_symlink() {
            Kind::Link
        } else {
            Kind::Other
        };
        visit(entry.file_name().as_bytes(), kind);
    }
    Ok(())
}

#[cfg(test)]
mod tests;
