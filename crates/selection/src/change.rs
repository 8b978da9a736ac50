//! What a build changes, and how much each source file of it counts (§4 of the design).

use crate::paths::is_document;
use crate::words::{folder, for_each_word};

/// More lines than this count as this many.
const MAX_LINES: u32 = 200;

/// A changed file. Paths are relative to the root of the repository.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChangedFile {
    /// After the change.
    pub path: String,
    /// Before the change, if it was renamed.
    pub previous_path: Option<String>,
    /// Added and removed lines; 1 if the file is binary.
    pub lines: u32,
    /// Names of changed functions and classes.
    pub functions: Vec<String>,
}

/// What a build changes, compared with the merge base.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Change {
    /// Every changed file once.
    pub files: Vec<ChangedFile>,
}

/// A changed file that is neither a test nor documentation.
#[derive(Clone, Debug, PartialEq)]
pub struct Source {
    /// Relative to the root of the repository.
    pub path: String,
    /// Its share of the change. The shares of all sources add up to 1.
    pub share: f64,
}

impl Source {
    /// The factor of name features: a small part of a change counts less (§4 of the design).
    pub(crate) fn weight(&self) -> f64 {
        (0.35 + 1.3 * self.share).min(1.0)
    }

    pub(crate) fn folder(&self) -> &str {
        folder(&self.path)
    }
}

/// The sources of a change.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sources {
    files: Vec<Source>,
    /// Distinct, sorted.
    function_words: Vec<String>,
}

impl Sources {
    /// The sources of a change. `is_item` tells whether a path is that of a test.
    pub fn of(change: &Change, is_item: impl Fn(&str) -> bool) -> Self {
        let sources: Vec<&ChangedFile> = change
            .files
            .iter()
            .filter(|file| !is_item(&file.path) && !is_document(&file.path))
            .collect();
        let roots: Vec<f64> = sources
            .iter()
            .map(|file| f64::from(file.lines.min(MAX_LINES) + 1).sqrt())
            .collect();
        let sum: f64 = roots.iter().sum();
        let files = sources.iter().zip(&roots).map(|(file, root)| Source {
            path: file.path.clone(),
            share: root / sum,
        });
        let mut function_words = Vec::new();
        for name in sources.iter().flat_map(|file| &file.functions) {
            for_each_word(name, |word| function_words.push(word.to_owned()));
        }
        function_words.sort_unstable();
        function_words.dedup();
        Self {
            files: files.collect(),
            function_words,
        }
    }

    /// In the order of the change.
    pub fn files(&self) -> &[Source] {
        &self.files
    }

    /// The distinct words in the names of changed functions, sorted.
    pub(crate) fn function_words(&self) -> &[String] {
        &self.function_words
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, lines: u32, functions: &[&str]) -> ChangedFile {
        ChangedFile {
            path: path.to_owned(),
            previous_path: None,
            lines,
            functions: functions.iter().map(|name| (*name).to_owned()).collect(),
        }
    }

    #[test]
    fn tests_and_documents_are_no_sources() {
        let change = Change {
            files: vec![
                file("src/a.py", 3, &["parse_args", "Main"]),
                file("README.md", 500, &["ignored"]),
                file("tests/test_a.py", 80, &["test_ignored"]),
                file("src/b.py", 5_000, &["parse"]),
                file("logo.bin", 1, &[]),
            ],
        };
        let sources = Sources::of(&change, |path| path.starts_with("tests/"));
        let paths: Vec<&str> = sources
            .files()
            .iter()
            .map(|file| file.path.as_str())
            .collect();
        assert_eq!(paths, ["src/a.py", "src/b.py", "logo.bin"]);
        let sum = 2.0 + 201_f64.sqrt() + 2_f64.sqrt();
        let shares = [2.0 / sum, 201_f64.sqrt() / sum, 2_f64.sqrt() / sum];
        for (source, share) in sources.files().iter().zip(shares) {
            assert!((source.share - share).abs() < 1e-12, "{source:?}");
        }
        assert!((sources.files()[1].weight() - 1.0).abs() < f64::EPSILON);
        assert!((sources.files()[0].weight() - 0.35 - 1.3 * shares[0]).abs() < 1e-12);
        assert_eq!(sources.function_words(), ["args", "parse"]);
    }

    #[test]
    fn a_change_of_documents_has_no_sources() {
        let change = Change {
            files: vec![file("README.md", 5, &["x"])],
        };
        assert_eq!(Sources::of(&change, |_| false), Sources::default());
    }
}
