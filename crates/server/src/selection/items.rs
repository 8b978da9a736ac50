//! The items of a plan request as selection sees them, indexed as long as requests have the same.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use sha2::{Digest as _, Sha256};
use test_engine_selection::{Catalog, Change, ItemNames, Location, RotationOrder};
use test_engine_store::{SuiteId, Timestamp};
use test_engine_wire::{Case, CaseFormat, file_of_target};

use super::keys::{ItemKey, KeyHash, hash_of_selector};
use crate::selectors::{StoredNames, canonical, with_prefix};

/// Lists of items per suite that are kept: steps of a pipeline may plan different parts of it.
const LISTS: usize = 4;
/// Milliseconds until a list is indexed again, because the names of tests change.
const MAX_AGE: i64 = 6 * 60 * 60 * 1_000;
/// Names of tests of one item that are indexed.
const MAX_NAMES: usize = 2_000;
/// Suites with lists. Others are indexed again.
const MAX_SUITES: usize = 64;
/// Bytes of a list that are hashed together: pieces as small as names would take longer.
const HASHED_BYTES: usize = 64 * 1024;

/// Where an item is, as owned text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    File(String),
    Folder(String),
    Unknown,
}

impl Place {
    fn location(&self) -> Location<'_> {
        match self {
            Self::File(path) => Location::File(path),
            Self::Folder(path) => Location::Folder(path),
            Self::Unknown => Location::Unknown,
        }
    }
}

/// The folders of packages that are named by import path. `changed` are the folders of the change.
pub(super) struct Packages<'a> {
    /// The import path of the module's root, if it is a package.
    root: Option<&'a str>,
    changed: Vec<&'a str>,
}

impl<'a> Packages<'a> {
    pub(super) fn new(
        mut paths: impl Iterator<Item = &'a str> + Clone,
        change: Option<&'a Change>,
    ) -> Self {
        let shortest = paths.clone().min_by_key(|path| path.len());
        let is_below = |root: &str, path: &str| {
            path.strip_prefix(root)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        let root = shortest.filter(|root| paths.all(|path| is_below(root, path)));
        let files = change.into_iter().flat_map(|change| &change.files);
        let folder = |path: &'a String| path.rsplit_once('/').map_or("", |(folder, _)| folder);
        Self {
            root,
            changed: files.map(|file| folder(&file.path)).collect(),
        }
    }

    /// The folder of a package, relative to the module.
    fn folder(&self, import_path: &str) -> String {
        if let Some(root) = self.root {
            let rest = import_path.strip_prefix(root).unwrap_or(import_path);
            return rest.trim_start_matches('/').to_owned();
        }
        let is_end = |folder: &&&str| {
            let before = import_path.strip_suffix(**folder);
            !folder.is_empty()
                && before.is_some_and(|before| before.is_empty() || before.ends_with('/'))
        };
        if let Some(folder) = self.changed.iter().filter(is_end).max_by_key(|it| it.len()) {
            return (*folder).to_owned();
        }
        let parts: Vec<&str> = import_path.split('/').collect();
        let is_hosted = parts.first().is_some_and(|host| host.contains('.'));
        let skipped = if is_hosted { 3.min(parts.len()) } else { 0 };
        parts[skipped..].join("/")
    }
}

/// The place of a case. `packages` is set if its runner names packages by import path.
pub(super) fn place(case: &Case, location_prefix: &str, packages: Option<&Packages<'_>>) -> Place {
    let text = match case.format {
        CaseFormat::File => return Place::File(canonical(&case.path).into_owned()),
        CaseFormat::Example | CaseFormat::Test => {
            let file = canonical(file_of_target(&case.path));
            return if file.is_empty() {
                Place::Unknown
            } else {
                Place::File(file.into_owned())
            };
        }
        CaseFormat::Selector => case.value.as_str(),
    };
    if let Some(packages) = packages {
        let folder = match text.strip_prefix("./") {
            Some(relative) => relative.trim_end_matches("/...").to_owned(),
            None => packages.folder(text),
        };
        return Place::Folder(with_prefix(location_prefix, &folder));
    }
    if text.contains(['/', '.']) {
        Place::File(with_prefix(location_prefix, text))
    } else {
        Place::Unknown
    }
}

/// An indexed list of items.
pub(super) struct Indexed {
    digest: [u8; 32],
    built_at: Timestamp,
    pub(super) catalog: Catalog,
    /// Of the keys, by position.
    hashes: Vec<KeyHash>,
    by_key: Vec<(KeyHash, u32)>,
    /// Of selectors as their results are stored without the location prefix.
    by_bare_name: Vec<(KeyHash, u32)>,
    rotation: Mutex<Option<Arc<RotationOrder>>>,
}

impl Indexed {
    /// Indexes items. `names` are those of the tests of each selector.
    pub(super) fn new(
        list: &ItemList,
        names: &BTreeMap<String, Vec<String>>,
        now: Timestamp,
    ) -> Self {
        let keys = list.cases.iter();
        let keys: Vec<ItemKey> = keys
            .map(|case| ItemKey::of(case, &list.location_prefix))
            .collect();
        let places: Vec<Place> = (0..keys.len())
            .map(|position| list.place(position))
            .collect();
        let hashes: Vec<KeyHash> = keys.iter().map(ItemKey::hash).collect();
        let stored = StoredNames::new(&list.location_prefix);
        let bare = StoredNames::new("");
        let tests = |case: &Case| -> Vec<&str> {
            let (stored, value) = match case.format {
                CaseFormat::Selector => (&stored, &case.value),
                CaseFormat::File => (&bare, &case.path),
                CaseFormat::Example | CaseFormat::Test => return Vec::new(),
            };
            let found = stored.of(value).find_map(|name| names.get(&*name));
            let found = found.into_iter().flatten().take(MAX_NAMES);
            found.map(String::as_str).collect()
        };
        let items = list.cases.iter().zip(&places).zip(&keys);
        let items: Vec<ItemNames<'_>> = items
            .map(|((case, place), key)| ItemNames {
                id: key.id(),
                name: case.target(),
                location: place.location(),
                tests: match key {
                    ItemKey::Example { name, .. } => vec![name.as_str()],
                    ItemKey::Selector(_) => tests(case),
                },
            })
            .collect();
        let bare_names = list.cases.iter().map(|case| {
            let value = Some(&case.value).filter(|value| !value.is_empty())?;
            stored.of(value).nth(1)
        });
        Self {
            digest: list.digest(),
            built_at: now,
            catalog: Catalog::new(&items),
            by_key: by_hash(hashes.iter().copied().map(Some)),
            by_bare_name: by_hash(bare_names.map(|name| Some(hash_of_selector(&name?)))),
            hashes,
            rotation: Mutex::default(),
        }
    }

    /// The positions of the items with a key.
    pub(super) fn positions_of(&self, key: &ItemKey) -> impl Iterator<Item = usize> {
        with_hash(&self.by_key, key.hash())
    }

    /// The positions of the items whose selector is this without the location prefix.
    pub(super) fn positions_of_bare(&self, selector: &str) -> impl Iterator<Item = usize> {
        with_hash(&self.by_bare_name, hash_of_selector(selector))
    }

    /// The order of a round of the rotating sample.
    pub(super) fn rotation(&self, round: u32) -> Arc<RotationOrder> {
        let mut place = self.rotation.lock().unwrap_or_else(PoisonError::into_inner);
        match &*place {
            Some(order) if order.round() == round => Arc::clone(order),
            _ => {
                let order = Arc::new(RotationOrder::new(round, &self.hashes));
                *place = Some(Arc::clone(&order));
                order
            }
        }
    }
}

/// Positions by hash, sorted; without those that have none.
fn by_hash(hashes: impl Iterator<Item = Option<KeyHash>>) -> Vec<(KeyHash, u32)> {
    let positions = (0..).zip(hashes);
    let mut found: Vec<(KeyHash, u32)> = positions
        .filter_map(|(position, hash)| Some((hash?, position)))
        .collect();
    found.sort_unstable();
    found
}

fn with_hash(sorted: &[(KeyHash, u32)], hash: KeyHash) -> impl Iterator<Item = usize> {
    let start = sorted.partition_point(|(other, _)| *other < hash);
    let found = sorted[start..].iter();
    found
        .take_while(move |(other, _)| *other == hash)
        .map(|(_, position)| *position as usize)
}

/// The items of one request.
pub(super) struct ItemList {
    pub(super) cases: Arc<Vec<Case>>,
    pub(super) location_prefix: String,
    /// By position, if the runner names packages by import path. Otherwise they follow from the
    /// cases.
    places: Option<Vec<Place>>,
}

impl ItemList {
    pub(super) fn new(
        cases: Arc<Vec<Case>>,
        location_prefix: &str,
        runner: &str,
        change: Option<&Change>,
    ) -> Self {
        let places = (runner == "gotest").then(|| {
            let selectors = cases
                .iter()
                .filter(|case| case.format == CaseFormat::Selector);
            let paths = selectors.map(|case| case.value.as_str());
            let packages = Packages::new(paths, change);
            let place = |case| place(case, location_prefix, Some(&packages));
            cases.iter().map(place).collect()
        });
        Self {
            places,
            cases,
            location_prefix: location_prefix.to_owned(),
        }
    }

    fn place(&self, position: usize) -> Place {
        match &self.places {
            Some(places) => places[position].clone(),
            None => place(&self.cases[position], &self.location_prefix, None),
        }
    }

    /// Identifies the list, places included.
    fn digest(&self) -> [u8; 32] {
        let mut hash = Sha256::new();
        let mut bytes = Vec::with_capacity(HASHED_BYTES);
        let add = |bytes: &mut Vec<u8>, text: &str| {
            bytes.extend((text.len() as u64).to_le_bytes());
            bytes.extend_from_slice(text.as_bytes());
        };
        bytes.push(self.places.is_some().into());
        add(&mut bytes, &self.location_prefix);
        for (position, case) in self.cases.iter().enumerate() {
            let texts = [
                &case.path,
                &case.value,
                &case.scope,
                &case.name,
                &case.identifier,
            ];
            // Most of them are empty.
            let present = texts.map(|text| u8::from(!text.is_empty()));
            bytes.push(case.format as u8);
            bytes.extend(present);
            for text in texts.into_iter().filter(|text| !text.is_empty()) {
                add(&mut bytes, text);
            }
            if let Some(places) = &self.places {
                match &places[position] {
                    Place::Folder(folder) => add(&mut bytes, folder),
                    Place::File(_) | Place::Unknown => add(&mut bytes, "\0"),
                }
            }
            if bytes.len() >= HASHED_BYTES {
                hash.update(&bytes);
                bytes.clear();
            }
        }
        hash.update(&bytes);
        hash.finalize().into()
    }
}

/// The lists that were indexed last.
#[derive(Default)]
pub(super) struct Index {
    suites: Mutex<HashMap<SuiteId, Vec<Arc<Indexed>>>>,
}

impl Index {
    pub(super) fn get(
        &self,
        suite: SuiteId,
        list: &ItemList,
        now: Timestamp,
    ) -> Option<Arc<Indexed>> {
        let digest = list.digest();
        let suites = self.suites.lock().unwrap_or_else(PoisonError::into_inner);
        let lists = suites.get(&suite)?;
        let is_current = |indexed: &&Arc<Indexed>| {
            indexed.digest == digest && indexed.built_at.plus_millis(MAX_AGE) > now
        };
        lists.iter().find(is_current).map(Arc::clone)
    }

    pub(super) fn put(&self, suite: SuiteId, indexed: Arc<Indexed>) {
        let mut suites = self.suites.lock().unwrap_or_else(PoisonError::into_inner);
        if suites.len() >= MAX_SUITES && !suites.contains_key(&suite) {
            suites.clear();
        }
        let lists = suites.entry(suite).or_default();
        lists.retain(|other| other.digest != indexed.digest);
        lists.push(indexed);
        let excess = lists.len().saturating_sub(LISTS);
        lists.drain(..excess);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use test_engine_selection::ChangedFile;

    fn selector(value: &str) -> Case {
        Case {
            value: value.to_owned(),
            format: CaseFormat::Selector,
            ..Case::default()
        }
    }

    fn folders(values: &[&str], changed: &[&str]) -> Vec<Place> {
        let cases: Vec<Case> = values.iter().map(|value| selector(value)).collect();
        let files = changed.iter().map(|path| ChangedFile {
            path: (*path).to_owned(),
            ..ChangedFile::default()
        });
        let change = Change {
            files: files.collect(),
        };
        let list = ItemList::new(Arc::new(cases), "", "gotest", Some(&change));
        (0..values.len())
            .map(|position| list.place(position))
            .collect()
    }

    #[test]
    fn packages_are_folders() {
        let folder = |path: &str| Place::Folder(path.to_owned());
        let with_root = ["example.com/mod", "example.com/mod/internal/x"];
        assert_eq!(folders(&with_root, &[]), [folder(""), folder("internal/x")]);
        let without = ["github.com/o/r/a/b", "github.com/o/r/c"];
        assert_eq!(folders(&without, &[]), [folder("a/b"), folder("c")]);
        let unusual = ["corp/team/mod/a/b", "corp/team/mod/c"];
        let found = folders(&unusual, &["a/b/x.go", "b/y.go"]);
        assert_eq!(found, [folder("a/b"), folder("corp/team/mod/c")]);
        assert_eq!(
            folders(&["./pkg", "./cmd/..."], &[]),
            [folder("pkg"), folder("cmd")]
        );
    }

    #[test]
    fn items_have_places_and_stable_ids() {
        let cases = [
            selector("./spec/a_spec.rb"),
            selector("smoke"),
            Case {
                path: "web/spec/b_spec.rb".to_owned(),
                ..Case::default()
            },
            Case {
                path: "web/spec/c_spec.rb[1:2]".to_owned(),
                format: CaseFormat::Example,
                scope: "C".to_owned(),
                name: "works".to_owned(),
                ..Case::default()
            },
        ];
        let list = ItemList::new(Arc::new(cases.to_vec()), "web", "rspec", None);
        let file = |path: &str| Place::File(path.to_owned());
        let expected = [
            file("web/spec/a_spec.rb"),
            Place::Unknown,
            file("web/spec/b_spec.rb"),
            file("web/spec/c_spec.rb"),
        ];
        let places = (0..4).map(|position| list.place(position));
        assert_eq!(places.collect::<Vec<_>>(), expected);
        let same = Case {
            path: "web/spec/a_spec.rb".to_owned(),
            ..Case::default()
        };
        let keys = cases.map(|case| ItemKey::of(&case, "web"));
        assert_eq!(ItemKey::of(&same, "web"), keys[0]);
        let ids: std::collections::BTreeSet<u32> = keys.iter().map(ItemKey::id).collect();
        assert_eq!(ids.len(), 4);
        let example = |scope: &str, name: &str| ItemKey::Example {
            scope: scope.to_owned(),
            name: name.to_owned(),
        };
        assert_ne!(example("a", "bc").id(), example("ab", "c").id());
    }

    #[test]
    fn items_are_found_by_every_name_of_their_results() {
        let example = Case {
            path: "web/c.py::test".to_owned(),
            format: CaseFormat::Example,
            scope: "C".to_owned(),
            name: "test".to_owned(),
            ..Case::default()
        };
        let cases = vec![selector("a.py"), selector("./a.py"), example];
        let list = ItemList::new(Arc::new(cases), "web", "pytest", None);
        let indexed = Indexed::new(&list, &BTreeMap::new(), Timestamp::from_millis(0));
        let of_key = |key: ItemKey| indexed.positions_of(&key).collect::<Vec<usize>>();
        assert_eq!(of_key(ItemKey::Selector("web/a.py".to_owned())), [0, 1]);
        assert_eq!(of_key(ItemKey::Selector("a.py".to_owned())), [0; 0]);
        let (scope, name) = ("C".to_owned(), "test".to_owned());
        assert_eq!(of_key(ItemKey::Example { scope, name }), [2]);
        let of_bare = |name| indexed.positions_of_bare(name).collect::<Vec<usize>>();
        assert_eq!(of_bare("a.py"), [0, 1]);
        assert_eq!(of_bare("web/a.py"), [0; 0]);
    }

    #[test]
    fn a_list_is_indexed_once_for_some_hours() {
        let cases = [selector("a.py"), selector("b.py")];
        let list = ItemList::new(Arc::new(cases.to_vec()), "", "pytest", None);
        let names = BTreeMap::from([("a.py".to_owned(), vec!["test_parse".to_owned()])]);
        let (suite, now) = (SuiteId::default(), Timestamp::from_millis(0));
        let index = Index::default();
        assert!(index.get(suite, &list, now).is_none());
        let indexed = Arc::new(Indexed::new(&list, &names, now));
        let first = indexed.rotation(3);
        assert!(Arc::ptr_eq(&first, &indexed.rotation(3)));
        assert_eq!(indexed.rotation(4).round(), 4);
        index.put(suite, indexed);
        assert!(index.get(suite, &list, now).is_some());
        assert!(index.get(suite, &list, now.plus_millis(MAX_AGE)).is_none());
        let other = ItemList::new(Arc::new(cases[..1].to_vec()), "", "pytest", None);
        assert!(index.get(suite, &other, now).is_none());
    }
}
