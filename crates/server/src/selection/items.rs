//! The items of a plan request as selection sees them, indexed as long as requests have the same.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use sha2::{Digest as _, Sha256};
use test_engine_selection::{Catalog, Change, ItemNames, Location, RotationOrder};
use test_engine_store::{SuiteId, Timestamp};
use test_engine_wire::{Case, CaseFormat, file_of_target};

use super::scores::Scored;
use crate::selectors::{StoredNames, canonical, with_prefix};

/// Lists of items per suite that are kept: steps of a pipeline may plan different parts of it.
const LISTS: usize = 4;
/// Milliseconds until a list is indexed again, because the names of tests change.
const MAX_AGE: i64 = 6 * 60 * 60 * 1_000;
/// Names of tests of one item that are indexed.
const MAX_NAMES: usize = 2_000;
/// Suites with lists. Others are indexed again.
const MAX_SUITES: usize = 64;

/// Which item a case is: its stored selector, or the scope and name of an example.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum ItemKey {
    Selector(String),
    Example { scope: String, name: String },
}

impl ItemKey {
    pub(super) fn of(case: &Case, location_prefix: &str) -> Self {
        match case.format {
            CaseFormat::File => Self::Selector(canonical(&case.path).into_owned()),
            CaseFormat::Selector => Self::Selector(with_prefix(location_prefix, &case.value)),
            CaseFormat::Example | CaseFormat::Test if case.name.is_empty() => {
                Self::Selector(canonical(case.target()).into_owned())
            }
            CaseFormat::Example | CaseFormat::Test => Self::Example {
                scope: case.scope.clone(),
                name: case.name.clone(),
            },
        }
    }

    /// The keys under which the results of a scored item may be stored, the most likely first.
    pub(super) fn of_scored(item: &Scored, location_prefix: &str) -> Vec<Self> {
        if let Some((scope, name)) = &item.example {
            let (scope, name) = (scope.clone(), name.clone());
            return vec![Self::Example { scope, name }];
        }
        let bare = canonical(&item.target).into_owned();
        if item.is_file {
            return vec![Self::Selector(bare)];
        }
        let whole = with_prefix(location_prefix, &item.target);
        let mut keys = vec![Self::Selector(whole)];
        if keys[0] != Self::Selector(bare.clone()) {
            keys.push(Self::Selector(bare));
        }
        keys
    }

    /// Identifies the item in the rotating sample, and its first bytes in counts. Of 100,000 items,
    /// about one pair has the same ID; one of the two is then credited with the failures of both.
    fn hash(&self) -> [u8; 16] {
        let hash = match self {
            Self::Selector(value) => Sha256::new().chain_update([0]).chain_update(value),
            Self::Example { scope, name } => Sha256::new()
                .chain_update([1])
                .chain_update((scope.len() as u64).to_be_bytes())
                .chain_update(scope)
                .chain_update(name),
        };
        let digest: [u8; 32] = hash.finalize().into();
        let (first, _) = digest.split_first_chunk().unwrap_or((&[0; 16], &[]));
        *first
    }

    /// The ID in counts.
    pub(super) fn id(&self) -> u32 {
        let hash = self.hash();
        u32::from_be_bytes([hash[0], hash[1], hash[2], hash[3]])
    }
}

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
    hashes: Vec<[u8; 16]>,
    rotation: Mutex<Option<Arc<RotationOrder>>>,
}

impl Indexed {
    /// Indexes items. `names` are those of the tests of each selector.
    pub(super) fn new(
        list: &ItemList,
        names: &BTreeMap<String, Vec<String>>,
        now: Timestamp,
    ) -> Self {
        let hashes: Vec<[u8; 16]> = list.keys.iter().map(ItemKey::hash).collect();
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
        let items = list.cases.iter().zip(&list.places).zip(&list.keys);
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
        Self {
            digest: list.digest(),
            built_at: now,
            catalog: Catalog::new(&items),
            hashes,
            rotation: Mutex::default(),
        }
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

/// The items of one request.
pub(super) struct ItemList {
    pub(super) cases: Arc<Vec<Case>>,
    pub(super) keys: Vec<ItemKey>,
    pub(super) places: Vec<Place>,
    pub(super) location_prefix: String,
}

impl ItemList {
    pub(super) fn new(
        cases: Arc<Vec<Case>>,
        location_prefix: &str,
        runner: &str,
        change: Option<&Change>,
    ) -> Self {
        let keys = cases.iter().map(|case| ItemKey::of(case, location_prefix));
        let selectors = cases
            .iter()
            .filter(|case| case.format == CaseFormat::Selector);
        let paths = selectors.map(|case| case.value.as_str());
        let packages = (runner == "gotest").then(|| Packages::new(paths, change));
        let place = |case| place(case, location_prefix, packages.as_ref());
        let (keys, places) = (keys.collect(), cases.iter().map(place).collect());
        Self {
            keys,
            places,
            cases,
            location_prefix: location_prefix.to_owned(),
        }
    }

    /// Identifies the list, places included.
    fn digest(&self) -> [u8; 32] {
        let mut hash = Sha256::new();
        let mut add = |text: &str| {
            hash.update((text.len() as u64).to_be_bytes());
            hash.update(text);
        };
        add(&self.location_prefix);
        for (case, place) in self.cases.iter().zip(&self.places) {
            for text in [
                &case.path,
                &case.value,
                &case.scope,
                &case.name,
                &case.identifier,
            ] {
                add(text);
            }
            match place {
                Place::Folder(folder) => add(folder),
                Place::File(_) | Place::Unknown => add("\0"),
            }
        }
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
        ItemList::new(Arc::new(cases), "", "gotest", Some(&change)).places
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
        assert_eq!(list.places, expected);
        let same = Case {
            path: "web/spec/a_spec.rb".to_owned(),
            ..Case::default()
        };
        assert_eq!(ItemKey::of(&same, "web"), list.keys[0]);
        let ids: std::collections::BTreeSet<u32> = list.keys.iter().map(ItemKey::id).collect();
        assert_eq!(ids.len(), 4);
        let example = |scope: &str, name: &str| ItemKey::Example {
            scope: scope.to_owned(),
            name: name.to_owned(),
        };
        assert_ne!(example("a", "bc").id(), example("ab", "c").id());
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
