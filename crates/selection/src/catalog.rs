//! The items of a suite and the words in their names, indexed for scoring.
//!
//! A catalog depends on nothing but the list of items, so a server keeps it as long as plan
//! requests have the same list.

mod places;
mod text;

use crate::postings::index;
use crate::words::folder;

pub(crate) use places::Places;
pub(crate) use text::Text;

/// Where an item is, relative to the root of the repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Location<'a> {
    /// A test file, or an example in it.
    File(&'a str),
    /// All tests of a folder, such as a Go package.
    Folder(&'a str),
    /// Not known.
    Unknown,
}

/// An item of a plan request.
#[derive(Clone, Debug)]
pub struct ItemNames<'a> {
    /// Identifies the item in [`Counts`](crate::Counts).
    pub id: u32,
    /// Orders items of equal value.
    pub name: &'a str,
    /// Where its tests are.
    pub location: Location<'a>,
    /// The distinct names of its tests.
    pub tests: Vec<&'a str>,
}

/// The items of a suite in the order of the plan request, and their names.
#[derive(Clone, Debug)]
pub struct Catalog {
    ids: Vec<u32>,
    /// Item IDs and positions, by ID.
    positions: Vec<(u32, u32)>,
    /// The place of each item in the order of names.
    name_ranks: Vec<u32>,
    places: Places,
    text: Text,
}

impl Catalog {
    /// Indexes the items.
    pub fn new(items: &[ItemNames<'_>]) -> Self {
        let ids: Vec<u32> = items.iter().map(|item| item.id).collect();
        let mut positions: Vec<(u32, u32)> = ids
            .iter()
            .enumerate()
            .map(|(position, id)| (*id, index(position)))
            .collect();
        positions.sort_unstable();
        Self {
            positions,
            name_ranks: name_ranks(items),
            places: Places::new(items),
            text: Text::new(items),
            ids,
        }
    }

    /// Number of items.
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Whether there are no items.
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// The IDs of the items, by position.
    pub fn ids(&self) -> &[u32] {
        &self.ids
    }

    /// Whether any item is the file at this path.
    pub fn has_file(&self, path: &str) -> bool {
        self.places.has_file(path)
    }

    /// The positions of the items that are this file, and of those that are its folder.
    pub fn items_of(&self, path: &str) -> impl Iterator<Item = u32> {
        let file = self.places.items_of_file(path);
        let folder = self.places.items_of_folder(folder(path));
        file.iter().chain(folder).copied()
    }

    /// The position of an item, by its ID.
    pub(crate) fn position(&self, id: u32) -> Option<usize> {
        let found = self
            .positions
            .binary_search_by_key(&id, |pair| pair.0)
            .ok()?;
        Some(self.positions[found].1 as usize)
    }

    /// Whether names say nothing about the item.
    pub fn is_unknown(&self, position: usize) -> bool {
        self.places.is_unknown(position)
    }

    /// The file or folder of an item; `None` if it is not known.
    pub(crate) fn path(&self, position: usize) -> Option<&str> {
        self.places.path(position)
    }

    pub(crate) fn name_rank(&self, position: usize) -> u32 {
        self.name_ranks[position]
    }

    pub(crate) const fn places(&self) -> &Places {
        &self.places
    }

    pub(crate) const fn text(&self) -> &Text {
        &self.text
    }
}

fn name_ranks(items: &[ItemNames<'_>]) -> Vec<u32> {
    let mut order: Vec<usize> = (0..items.len()).collect();
    order.sort_unstable_by_key(|position| (items[*position].name, *position));
    let mut ranks = vec![0; items.len()];
    for (rank, position) in order.into_iter().enumerate() {
        ranks[position] = index(rank);
    }
    ranks
}

/// The rarity of a word that `count` of `items` have: ln(1 + N / (0.5 + df)) (§4 of the design).
pub(crate) fn rarity(items: usize, count: u32) -> f64 {
    let items = f64::from(index(items));
    test_engine_numeric::ln(1.0 + items / (0.5 + f64::from(count)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item<'a>(id: u32, name: &'a str, location: Location<'a>) -> ItemNames<'a> {
        ItemNames {
            id,
            name,
            location,
            tests: Vec::new(),
        }
    }

    #[test]
    fn items_are_found_by_id_file_and_folder() {
        let catalog = Catalog::new(&[
            item(9, "b[2]", Location::File("spec/b.rb")),
            item(3, "./pkg", Location::Folder("pkg")),
            item(5, "b[1]", Location::File("spec/b.rb")),
            item(7, "custom", Location::Unknown),
        ]);
        assert_eq!(
            [9, 3, 5, 7, 1].map(|id| catalog.position(id)),
            [Some(0), Some(1), Some(2), Some(3), None]
        );
        let items = |path| catalog.items_of(path).collect::<Vec<u32>>();
        assert_eq!(items("spec/b.rb"), [0, 2]);
        assert_eq!(items("pkg/x_test.go"), [1]);
        assert_eq!(items("pkg/sub/x.go"), [0; 0]);
        assert_eq!(items("spec"), [0; 0]);
        assert!(catalog.has_file("spec/b.rb") && !catalog.has_file("pkg/x_test.go"));
        let ranks = [0, 1, 2, 3].map(|position| catalog.name_rank(position));
        assert_eq!(ranks, [2, 0, 1, 3]);
        assert!(catalog.is_unknown(3) && !catalog.is_unknown(1));
        assert_eq!(catalog.path(1), Some("pkg"));
    }
}
