//! The distinct files and folders of items, and how similar they are to a changed file.
//!
//! Many items share a folder, so what only depends on the folder is computed once for it.

use super::{ItemNames, Location, rarity};
use crate::change::Source;
use crate::postings::{Postings, Words, index};
use crate::words::{distinct_words, file_name, folder, folder_words, stem};

/// Marks items whose location is unknown.
const UNKNOWN: u32 = u32::MAX;

/// How similar the items are to the changed files: the maximum over the files, by position.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Similarity {
    /// Of the words of the paths.
    pub(crate) cosine: Vec<f64>,
    /// Of the base names: the weight of a file whose stem is the same, or 0.
    pub(crate) exact: Vec<f64>,
    /// Of the folders.
    pub(crate) folders: Vec<f64>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    path: Box<str>,
    is_folder: bool,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Places {
    /// Distinct.
    sorted: Vec<Place>,
    /// The place of each item, or [`UNKNOWN`].
    place_of: Vec<u32>,
    items: Postings<u32>,
    /// The length of the vector of words, by place.
    norms: Vec<f64>,
    /// Stems and places, sorted.
    stems: Vec<(Box<str>, u32)>,
    folder_of: Vec<u32>,
    folders: usize,
    words: Words,
    rarities: Vec<f64>,
    /// Words of folders, and of file names that are not words of the folder too.
    words_of_folders: Postings<u32>,
    words_of_names: Postings<u32>,
    components: Words,
    folders_with: Postings<u32>,
    /// Number of components, by folder.
    component_counts: Vec<u32>,
}

impl Places {
    pub(crate) fn new(items: &[ItemNames<'_>]) -> Self {
        let place = |item: &ItemNames<'_>| {
            let (path, is_folder) = match item.location {
                Location::File(path) => (path, false),
                Location::Folder(path) => (path.trim_end_matches('/'), true),
                Location::Unknown => return None,
            };
            let path = path.into();
            Some(Place { path, is_folder })
        };
        let mut places: Vec<Place> = items.iter().filter_map(place).collect();
        places.sort_unstable();
        places.dedup();
        let place_of: Vec<u32> = items
            .iter()
            .map(|item| {
                let found = place(item).and_then(|place| places.binary_search(&place).ok());
                found.map_or(UNKNOWN, index)
            })
            .collect();
        let pairs: Vec<(u32, u32)> = place_of
            .iter()
            .enumerate()
            .filter(|(_, place)| **place != UNKNOWN)
            .map(|(item, place)| (*place, index(item)))
            .collect();
        let mut found = Self {
            items: Postings::new(places.len(), &pairs),
            sorted: places,
            place_of,
            ..Self::default()
        };
        found.index_names();
        found
    }

    /// Fills everything that depends on names.
    fn index_names(&mut self) {
        let mut folder_numbers = Words::default();
        let mut folder_pairs = Vec::new();
        let mut name_pairs = Vec::new();
        let mut component_pairs = Vec::new();
        let mut known_by_folder: Vec<Vec<u32>> = Vec::new();
        let mut words_of_places = Vec::with_capacity(self.sorted.len());
        let mut document_counts: Vec<u32> = Vec::new();
        for (place, Place { path, is_folder }) in self.sorted.iter().enumerate() {
            let (folder_path, name) = if *is_folder {
                (&**path, "")
            } else {
                (folder(path), file_name(path))
            };
            let folder = folder_numbers.number(folder_path);
            if folder as usize == known_by_folder.len() {
                let words = number_all(&mut self.words, &distinct_words(folder_path));
                folder_pairs.extend(words.iter().map(|word| (*word, folder)));
                known_by_folder.push(words);
                let components = number_all(&mut self.components, &folder_words(folder_path));
                self.component_counts.push(index(components.len()));
                component_pairs.extend(components.iter().map(|word| (*word, folder)));
            }
            let mut words = known_by_folder[folder as usize].clone();
            for word in number_all(&mut self.words, &distinct_words(name)) {
                if !words.contains(&word) {
                    words.push(word);
                    name_pairs.push((word, index(place)));
                }
            }
            document_counts.resize(self.words.len(), 0);
            let items = index(self.items.of(index(place)).len());
            for word in &words {
                document_counts[*word as usize] += items;
            }
            words_of_places.push(words);
            self.folder_of.push(folder);
            self.stems.push((stem(path).into(), index(place)));
        }
        let items = self.place_of.len();
        self.rarities = document_counts
            .iter()
            .map(|count| rarity(items, *count))
            .collect();
        let norms = words_of_places
            .iter()
            .map(|words| self.norm(words.iter().copied(), 0.0));
        self.norms = norms.collect();
        self.folders = folder_numbers.len();
        self.words_of_folders = Postings::new(self.words.len(), &folder_pairs);
        self.words_of_names = Postings::new(self.words.len(), &name_pairs);
        self.folders_with = Postings::new(self.components.len(), &component_pairs);
        self.stems.sort_unstable();
    }

    /// The length of a vector of words; 1 if it is zero. `others` is the sum of squares of words
    /// without a number.
    fn norm(&self, words: impl Iterator<Item = u32>, others: f64) -> f64 {
        let squares = words.map(|word| self.square(word)).sum::<f64>() + others;
        if squares > 0.0 { squares.sqrt() } else { 1.0 }
    }

    fn square(&self, word: u32) -> f64 {
        let rarity = self.rarities[word as usize];
        rarity * rarity
    }

    pub(crate) fn has_file(&self, path: &str) -> bool {
        self.find(path, false).is_some()
    }

    fn find(&self, path: &str, is_folder: bool) -> Option<u32> {
        let key = (path, is_folder);
        let place = self
            .sorted
            .binary_search_by(|place| (&*place.path, place.is_folder).cmp(&key));
        place.ok().map(index)
    }

    pub(crate) fn items_of_file(&self, path: &str) -> &[u32] {
        self.find(path, false)
            .map_or(&[], |place| self.items.of(place))
    }

    pub(crate) fn items_of_folder(&self, path: &str) -> &[u32] {
        self.find(path, true)
            .map_or(&[], |place| self.items.of(place))
    }

    pub(crate) fn is_unknown(&self, position: usize) -> bool {
        self.place_of[position] == UNKNOWN
    }

    pub(crate) fn path(&self, position: usize) -> Option<&str> {
        let place = self.sorted.get(self.place_of[position] as usize)?;
        Some(&place.path)
    }

    /// Compares every item with the sources of a change (`cos`, `exact`, `dirs` of the design).
    pub(crate) fn similarity(&self, sources: &[Source]) -> Similarity {
        let mut best = Best::new(self.folders, self.sorted.len());
        // Files with the same words differ only in the scale, and a word may be in every name.
        let mut scales: Vec<(Vec<u32>, f64)> = Vec::new();
        for source in sources {
            let (words, scale) = self.words_of(source);
            match scales.iter_mut().find(|(known, _)| *known == words) {
                Some((_, largest)) => raise(largest, scale),
                None => scales.push((words, scale)),
            }
        }
        for (words, scale) in &scales {
            self.compare_words(words, *scale, &mut best);
        }
        for source in sources {
            self.compare_folders(source, &mut best);
            for (_, place) in self.places_with_stem(&stem(&source.path)) {
                raise(&mut best.exact[*place as usize], source.weight());
            }
        }
        let by_item = |value: &dyn Fn(usize) -> f64| {
            let value_of = |place: &u32| {
                if *place == UNKNOWN {
                    0.0
                } else {
                    value(*place as usize)
                }
            };
            self.place_of.iter().map(value_of).collect()
        };
        let folder_of = |place: usize| self.folder_of[place] as usize;
        let words = |place: usize| best.words[place].max(best.folder_words[folder_of(place)]);
        Similarity {
            cosine: by_item(&|place| words(place) / self.norms[place]),
            exact: by_item(&|place| best.exact[place]),
            folders: by_item(&|place| best.folders[folder_of(place)]),
        }
    }

    fn places_with_stem(&self, stem: &str) -> &[(Box<str>, u32)] {
        if stem.is_empty() {
            return &[];
        }
        let start = self.stems.partition_point(|(other, _)| &**other < stem);
        let length = self.stems[start..].partition_point(|(other, _)| &**other == stem);
        &self.stems[start..start + length]
    }

    /// The words of a changed file that items have too, and what multiplies their squares.
    fn words_of(&self, source: &Source) -> (Vec<u32>, f64) {
        let mut known = Vec::new();
        let mut others = 0.0;
        for word in distinct_words(&source.path) {
            match self.words.find(&word) {
                Some(word) => known.push(word),
                None => others += rarity(self.place_of.len(), 0).powi(2),
            }
        }
        let scale = source.weight() / self.norm(known.iter().copied(), others);
        (known, scale)
    }

    fn compare_words(&self, known: &[u32], scale: f64, best: &mut Best) {
        best.sums_of_folders.fill(0.0);
        for word in known {
            for folder in self.words_of_folders.of(*word) {
                best.sums_of_folders[*folder as usize] += self.square(*word);
            }
        }
        for (value, sum) in best.folder_words.iter_mut().zip(&best.sums_of_folders) {
            raise(value, sum * scale);
        }
        for word in known {
            for place in self.words_of_names.of(*word) {
                if best.sums_of_names[*place as usize] == 0.0 {
                    best.touched.push(*place);
                }
                best.sums_of_names[*place as usize] += self.square(*word);
            }
        }
        for place in best.touched.drain(..) {
            let place = place as usize;
            let folder = best.sums_of_folders[self.folder_of[place] as usize];
            let sum = std::mem::take(&mut best.sums_of_names[place]) + folder;
            raise(&mut best.words[place], sum * scale);
        }
    }

    fn compare_folders(&self, source: &Source, best: &mut Best) {
        let components = folder_words(source.folder());
        best.common.fill(0);
        for component in components
            .iter()
            .filter_map(|word| self.components.find(word))
        {
            for folder in self.folders_with.of(component) {
                best.common[*folder as usize] += 1;
            }
        }
        let own = index(components.len());
        for (folder, common) in best
            .common
            .iter()
            .enumerate()
            .filter(|(_, common)| **common > 0)
        {
            let sum = f64::from(own + self.component_counts[folder]);
            raise(
                &mut best.folders[folder],
                source.weight() * 2.0 * f64::from(*common) / sum,
            );
        }
    }
}

/// The maximum over the sources so far, and scratch space.
struct Best {
    /// Of the words of the folder alone, by folder, not yet divided by the norm.
    folder_words: Vec<f64>,
    /// Of all words, by place, where the name has one.
    words: Vec<f64>,
    exact: Vec<f64>,
    folders: Vec<f64>,
    sums_of_folders: Vec<f64>,
    sums_of_names: Vec<f64>,
    touched: Vec<u32>,
    common: Vec<u32>,
}

impl Best {
    fn new(folders: usize, places: usize) -> Self {
        Self {
            folder_words: vec![0.0; folders],
            words: vec![0.0; places],
            exact: vec![0.0; places],
            folders: vec![0.0; folders],
            sums_of_folders: vec![0.0; folders],
            sums_of_names: vec![0.0; places],
            touched: Vec::new(),
            common: vec![0; folders],
        }
    }
}

fn raise(value: &mut f64, to: f64) {
    if to > *value {
        *value = to;
    }
}

fn number_all(numbers: &mut Words, words: &[String]) -> Vec<u32> {
    words.iter().map(|word| numbers.number(word)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::change::{Change, ChangedFile, Sources};

    const ITEMS: [&str; 5] = [
        "tests/http/test_server.py",
        "tests/http/test_client.py",
        "tests/test_server.py",
        "tests/db/http_pool.py",
        "other/deep/x.py",
    ];

    fn similarity(changed: &[(&str, u32)]) -> (Similarity, Sources) {
        let item = |path| ItemNames {
            id: 0,
            name: path,
            location: Location::File(path),
            tests: Vec::new(),
        };
        let mut items = ITEMS.map(item).to_vec();
        items.push(ItemNames {
            location: Location::Unknown,
            ..item("custom")
        });
        let file = |(path, lines): &(&str, u32)| ChangedFile {
            path: (*path).to_owned(),
            lines: *lines,
            ..ChangedFile::default()
        };
        let change = Change {
            files: changed.iter().map(file).collect(),
        };
        let sources = Sources::of(&change, |_| false);
        (Places::new(&items).similarity(sources.files()), sources)
    }

    /// The formulas word by word, without an index.
    fn expected_cosine(item: &str, path: &str) -> f64 {
        let count = |word: &String| {
            ITEMS
                .iter()
                .filter(|item| distinct_words(item).contains(word))
                .count()
        };
        let square = |word: &String| rarity(6, index(count(word))).powi(2);
        let [ours, theirs] = [item, path].map(distinct_words);
        let dot: f64 = ours
            .iter()
            .filter(|word| theirs.contains(word))
            .map(square)
            .sum();
        let norm = |words: &[String]| words.iter().map(square).sum::<f64>().sqrt();
        dot / norm(&ours) / norm(&theirs)
    }

    #[test]
    fn cosines_are_those_of_the_formula() {
        let changed = [
            ("src/http/server.py", 10),
            ("src/db/http_pool_unseen.py", 200),
            // The same words as the first, and a larger weight.
            ("lib/http/server.rb", 40),
        ];
        let (similarity, sources) = similarity(&changed);
        for (position, item) in ITEMS.iter().enumerate() {
            let of = |source: &Source| source.weight() * expected_cosine(item, &source.path);
            let expected = sources.files().iter().map(of).fold(0.0, f64::max);
            let found = similarity.cosine[position];
            assert!(
                (found - expected).abs() < 1e-12,
                "{item}: {found} {expected}"
            );
        }
        assert!(similarity.cosine[5] == 0.0);
    }

    #[test]
    fn stems_and_folders_are_compared() {
        let (similarity, sources) = similarity(&[("src/HTTP/server.py", 1)]);
        let weight = sources.files()[0].weight();
        assert!((weight - 1.0).abs() < f64::EPSILON);
        assert_eq!(similarity.exact, [1.0, 0.0, 1.0, 0.0, 0.0, 0.0]);
        // "tests" and "src" are stop words.
        assert_eq!(similarity.folders, [1.0, 1.0, 0.0, 0.0, 0.0, 0.0]);
    }

    #[test]
    fn a_file_without_words_resembles_nothing() {
        let (similarity, _) = similarity(&[("-", 1), ("main", 3)]);
        assert_eq!(similarity.cosine, [0.0; 6]);
        assert_eq!(similarity.exact, [0.0; 6]);
    }
}
