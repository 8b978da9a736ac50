//! Learning from a failing build (§7 of the design).

use super::Counts;
use crate::change::{Change, Sources};
use crate::words::{extension, folder};

/// A change of more files than this teaches nothing.
const MAX_FILES: usize = 40;
/// A build with more failing items than this teaches nothing: any selection catches its like.
const MAX_FAILURES: usize = 1_000;

/// The rows that a learning step changed, besides that of the items.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Learned {
    /// Paths of files, sorted.
    pub files: Vec<String>,
    /// Paths of folders, sorted.
    pub folders: Vec<String>,
}

/// Why a build teaches nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unlearned {
    /// No item failed.
    NoFailures,
    /// More than 40 files changed.
    ManyFiles,
    /// More than 1,000 items failed.
    ManyFailures,
}

impl Counts {
    /// The counts that learning from a change reads and changes, and no others.
    #[must_use]
    pub fn of_change(&self, change: &Change) -> Self {
        let mut part = Self {
            clock: self.clock,
            items: self.items.clone(),
            ..Self::default()
        };
        for file in &change.files {
            let previous = file.previous_path.as_deref();
            for path in previous.into_iter().chain([file.path.as_str()]) {
                let row = self.files.get_key_value(path);
                part.files
                    .extend(row.map(|(path, row)| (path.clone(), row.clone())));
            }
            let folder = self.folders.get_key_value(folder(&file.path));
            part.folders
                .extend(folder.map(|(path, row)| (path.clone(), row.clone())));
            let pair = previous.map(|old| (Box::from(old), Box::from(file.path.as_str())));
            part.renames
                .extend(pair.filter(|pair| self.renames.contains(pair)));
        }
        part
    }

    /// Learns from a failing build. `failed` are the IDs of the items that ran and failed because
    /// of the change; items that did not run count like passed ones.
    ///
    /// # Errors
    ///
    /// If the build teaches nothing; the counts are as before then.
    pub fn learn(
        &mut self,
        change: &Change,
        sources: &Sources,
        failed: &[u32],
    ) -> Result<Learned, Unlearned> {
        let mut failed = failed.to_vec();
        failed.sort_unstable();
        failed.dedup();
        if failed.is_empty() {
            return Err(Unlearned::NoFailures);
        }
        if change.files.len() > MAX_FILES {
            return Err(Unlearned::ManyFiles);
        }
        if failed.len() > MAX_FAILURES {
            return Err(Unlearned::ManyFailures);
        }
        let now = self.clock;
        self.items.add(now, 1.0, &failed);
        let largest = sources
            .files()
            .iter()
            .map(|source| source.share)
            .fold(0.0, f64::max);
        let mut learned = Learned::default();
        for source in sources.files() {
            let weight = 0.2 + 0.8 * source.share / largest;
            let folder = folder(&source.path);
            let file = self.files.entry(source.path.as_str().into()).or_default();
            file.add(now, weight, &failed);
            let of_folder = self.folders.entry(folder.into()).or_default();
            of_folder.add(now, weight, &failed);
            self.extensions.insert(extension(&source.path).into());
            learned.files.push(source.path.clone());
            learned.folders.push(folder.to_owned());
        }
        learned.files.sort_unstable();
        learned.files.dedup();
        learned.folders.sort_unstable();
        learned.folders.dedup();
        Ok(learned)
    }

    /// Adds the counts of each renamed file's old path to its new path, once for each pair of
    /// paths, and returns the pairs that were added. Other branches still have the old path, so its
    /// counts stay.
    pub fn rename(&mut self, change: &Change) -> Vec<(String, String)> {
        let mut applied = Vec::new();
        let mut rows = Vec::new();
        for file in &change.files {
            let Some(old) = file
                .previous_path
                .as_deref()
                .filter(|old| *old != file.path)
            else {
                continue;
            };
            let pair = (Box::from(old), Box::from(file.path.as_str()));
            let Some(row) = self.files.get(old) else {
                continue;
            };
            if self.renames.insert(pair) {
                rows.push((file.path.as_str(), row.clone()));
                applied.push((old.to_owned(), file.path.clone()));
            }
        }
        // All rows are read before any changes, so that files that swap names do not mix.
        for (path, row) in rows {
            self.extensions.insert(extension(path).into());
            self.files
                .entry(path.into())
                .or_default()
                .merge(self.clock, &row);
        }
        applied
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::change::ChangedFile;

    fn change(files: &[(&str, u32, Option<&str>)]) -> (Change, Sources) {
        let file = |(path, lines, previous): &(&str, u32, Option<&str>)| ChangedFile {
            path: (*path).to_owned(),
            previous_path: previous.map(str::to_owned),
            lines: *lines,
            functions: Vec::new(),
        };
        let change = Change {
            files: files.iter().map(file).collect(),
        };
        let sources = Sources::of(&change, |path| path.starts_with("tests/"));
        (change, sources)
    }

    #[test]
    fn failures_are_counted_by_file_folder_and_item() {
        let mut counts = Counts::default();
        let (change, sources) = change(&[
            ("src/a.py", 200, None),
            ("src/b.py", 0, None),
            ("tests/t.py", 9, None),
        ]);
        let learned = counts.learn(&change, &sources, &[7, 3, 7]).unwrap();
        assert_eq!((learned.files.len(), learned.folders.len()), (2, 1));
        let small = 0.2 + 0.8 / 201_f64.sqrt();
        let at = |row: Option<&super::super::Row>| row.map_or(0.0, |row| row.failures_at(3, 0));
        assert!((at(counts.file("src/a.py")) - 1.0).abs() < 1e-6);
        assert!((at(counts.file("src/b.py")) - small).abs() < 1e-6);
        assert!((at(counts.folder("src")) - 1.0 - small).abs() < 1e-6);
        assert_eq!(counts.items().failures(), [(3, 1.0), (7, 1.0)]);
        assert!(counts.has_extension("py") && !counts.has_extension("rb"));
        assert_eq!(counts.pairs(), 6);
        assert!(counts.file("tests/t.py").is_none());
    }

    #[test]
    fn some_builds_teach_nothing() {
        let many: Vec<(String, u32)> = (0..41).map(|number| (format!("src/{number}"), 1)).collect();
        let many: Vec<(&str, u32, Option<&str>)> = many
            .iter()
            .map(|(path, lines)| (path.as_str(), *lines, None))
            .collect();
        let (large, of_large) = change(&many);
        let (small, of_small) = change(&many[..40]);
        let mut counts = Counts::default();
        let all: Vec<u32> = (0..1_001).collect();
        assert_eq!(
            counts.learn(&small, &of_small, &[]),
            Err(Unlearned::NoFailures)
        );
        assert_eq!(
            counts.learn(&large, &of_large, &[1]),
            Err(Unlearned::ManyFiles)
        );
        assert_eq!(
            counts.learn(&small, &of_small, &all),
            Err(Unlearned::ManyFailures)
        );
        assert_eq!(counts, Counts::default());
        assert!(counts.learn(&small, &of_small, &all[1..]).is_ok());
    }

    #[test]
    fn a_rename_keeps_the_history_once() {
        let mut counts = Counts::default();
        let (before, sources) = change(&[("src/a.py", 1, None), ("src/b.py", 1, None)]);
        counts.learn(&before, &sources, &[1]).unwrap();
        let (before, sources) = change(&[("src/b.py", 1, None)]);
        counts.learn(&before, &sources, &[2]).unwrap();
        let (swap, _) = change(&[
            ("src/a.py", 1, Some("src/b.py")),
            ("src/b.py", 1, Some("src/a.py")),
            ("src/c.py", 1, Some("src/unknown.py")),
            ("src/a.py", 1, Some("src/a.py")),
        ]);
        assert_eq!(counts.rename(&swap).len(), 2);
        let once = counts.clone();
        assert_eq!(counts.rename(&swap), []);
        assert_eq!(counts, once);
        for path in ["src/a.py", "src/b.py"] {
            assert_eq!(
                counts.file(path).unwrap().failures(),
                [(1, 2.0), (2, 1.0)],
                "{path}"
            );
        }
    }

    #[test]
    fn a_part_learns_what_the_whole_learns() {
        let mut counts = Counts::default();
        let (first, sources) = change(&[("src/a.py", 3, None), ("lib/b.rb", 2, None)]);
        counts.learn(&first, &sources, &[1, 2]).unwrap();
        let (renaming, _) = change(&[("src/c.py", 3, Some("src/a.py"))]);
        counts.rename(&renaming);
        let files = [
            ("src/c.py", 3, Some("src/a.py")),
            ("src/d.py", 1, Some("src/c.py")),
            ("new/e.py", 2, None),
        ];
        let (next, sources) = change(&files);
        let mut part = counts.of_change(&next);
        assert!(part.file("lib/b.rb").is_none() && part.folder("lib").is_none());
        let learn = |counts: &mut Counts| {
            counts.tick();
            let renamed = counts.rename(&next);
            let learned = counts.learn(&next, &sources, &[2, 3]).unwrap();
            let row = |path: &String| counts.file(path).or(counts.folder(path)).cloned();
            let rows = learned.files.iter().chain(&learned.folders).map(row);
            let rows: Vec<Option<super::super::Row>> = rows.collect();
            (renamed, learned.clone(), rows, counts.items().clone())
        };
        let whole = learn(&mut counts);
        assert_eq!(whole.0, [("src/c.py".to_owned(), "src/d.py".to_owned())]);
        assert_eq!(learn(&mut part), whole);
    }

    #[test]
    fn counts_are_restored_from_their_parts() {
        let mut counts = Counts::default();
        let (first, sources) = change(&[("src/a.py", 3, None), ("lib/b.rb", 2, Some("src/a.py"))]);
        counts.learn(&first, &sources, &[1, 2]).unwrap();
        counts.tick();
        counts.rename(&first);
        let rows = |rows: &std::collections::BTreeMap<Box<str>, super::super::Row>| {
            rows.iter()
                .map(|(key, row)| (key.to_string(), row.clone()))
                .collect::<Vec<_>>()
        };
        let renames = counts
            .renames
            .iter()
            .map(|(old, new)| (old.to_string(), new.to_string()));
        let restored = Counts::from_parts(
            counts.clock(),
            rows(&counts.files),
            rows(&counts.folders),
            counts.items().clone(),
            renames.collect::<Vec<_>>(),
        );
        assert_eq!(restored, counts);
        let mut updated = Counts::default();
        updated.update(
            counts.clock(),
            rows(&counts.files),
            rows(&counts.folders),
            Some(counts.items().clone()),
            [("src/a.py".to_owned(), "lib/b.rb".to_owned())],
        );
        assert_eq!(updated, counts);
    }
}
