//! Finding the files that match a pattern.
//!
//! Made to be quick on large trees: a walk begins where the pattern's literal part ends, goes into
//! no directory without a chance to match, trusts the kind that a directory listing gives, and
//! builds a path only for names that end right. `node_modules` is never entered and links to
//! directories are not followed. What cannot be read is told and passed over.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::io;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};

use super::pattern::{Alternative, Pattern};

const NEVER_ENTERED: &[u8] = b"node_modules";

/// What a walk found.
#[derive(Debug, Default)]
pub struct Found {
    /// Paths as the pattern is written, each once. The order is that of a walk that visits names
    /// in byte order.
    pub paths: Vec<OsString>,
    /// What was passed over.
    pub warnings: Vec<Unreadable>,
}

/// A directory that could not be read.
#[derive(Debug)]
pub struct Unreadable {
    /// As it would be written in a pattern.
    pub directory: PathBuf,
    /// What the system said.
    pub source: io::Error,
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { directory, source } = self;
        write!(
            f,
            "cannot read the directory {}, its files are left out: {source}",
            directory.display()
        )
    }
}

/// All files below `base` that match `wanted` and are not excluded. Relative patterns begin at
/// `base`.
pub fn walk(base: &Path, wanted: &Pattern, exclude: Option<&Pattern>) -> Found {
    let mut roots: BTreeMap<&str, Vec<&Alternative>> = BTreeMap::new();
    for alternative in wanted.alternatives() {
        roots
            .entry(&alternative.root)
            .or_default()
            .push(alternative);
    }
    let mut walker = Walker {
        base,
        wanted,
        exclude,
        found: Found::default(),
        buffer: Vec::with_capacity(64 * 1024),
    };
    for (root, alternatives) in roots {
        if walker.begins_at(root) {
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

/// A slash sorts before anything else, so that what is in a directory stays together.
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

/// What a directory listing says of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    File,
    Directory,
    Link,
    Other,
}

/// A directory still to be read.
struct Pending<'p> {
    /// With a slash at its end, or empty.
    path: Vec<u8>,
    depth: usize,
    alternatives: Vec<&'p Alternative>,
}

struct Walker<'w> {
    base: &'w Path,
    wanted: &'w Pattern,
    exclude: Option<&'w Pattern>,
    found: Found,
    buffer: Vec<u8>,
}

impl<'w> Walker<'w> {
    /// Whether nothing on the way to the root keeps the walk from beginning.
    fn begins_at(&self, root: &str) -> bool {
        let ends = root.match_indices('/').map(|(at, _)| at);
        let excluded = ends
            .clone()
            .any(|end| self.is_excluded(&root.as_bytes()[..end]));
        let never = root
            .as_bytes()
            .split(|byte| *byte == b'/')
            .any(|part| part == NEVER_ENTERED);
        !excluded && !never
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
            let place = self.place(&directory.path);
            let mut buffer = std::mem::take(&mut self.buffer);
            let listed = list(&place, directory.depth == 0, &mut buffer, |name, kind| {
                self.meet(&directory, name, kind, &mut pending);
            });
            self.buffer = buffer;
            if let Err(source) = listed {
                let missing = matches!(
                    source.kind(),
                    io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
                );
                if !(missing && directory.depth == 0) {
                    let path = if directory.path.is_empty() {
                        b".".to_vec()
                    } else {
                        directory.path
                    };
                    self.found.warnings.push(Unreadable {
                        directory: PathBuf::from(OsString::from_vec(path)),
                        source,
                    });
                }
            }
        }
    }

    fn place(&self, path: &[u8]) -> PathBuf {
        self.base.join(std::ffi::OsStr::from_bytes(path))
    }

    fn meet(
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
                if !self.wanted.may_end(name) {
                    return;
                }
                let path = join(&directory.path, name);
                if !self.wanted.is_match(&path) || self.is_excluded(&path) {
                    return;
                }
                // A link that leads nowhere is kept: the runner will say what is wrong with it.
                if kind == Kind::Link && self.place(&path).is_dir() {
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

/// Calls `meet` with each entry. A link in the place of the directory is followed only at a root,
/// which the pattern names.
#[cfg(target_os = "linux")]
fn list(
    place: &Path,
    is_root: bool,
    buffer: &mut Vec<u8>,
    mut meet: impl FnMut(&[u8], Kind),
) -> io::Result<()> {
    use rustix::fs::{AtFlags, FileType, Mode, OFlags, RawDir, open, statat};

    let mut flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    if !is_root {
        flags |= OFlags::NOFOLLOW;
    }
    let directory = open(place, flags, Mode::empty())?;
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
            meet(name, kind);
        }
    }
    Ok(())
}

/// Calls `meet` with each entry. A link in the place of the directory is followed.
#[cfg(not(target_os = "linux"))]
fn list(
    place: &Path,
    _is_root: bool,
    _buffer: &mut Vec<u8>,
    mut meet: impl FnMut(&[u8], Kind),
) -> io::Result<()> {
    for entry in std::fs::read_dir(place)? {
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
        meet(entry.file_name().as_bytes(), kind);
    }
    Ok(())
}

#[cfg(test)]
mod tests;
