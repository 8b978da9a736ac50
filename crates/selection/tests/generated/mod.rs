//! Generated plan requests, and what must hold for the decision on each. Shared by the property
//! tests and the example `histories`.

pub(crate) mod check;
mod expected;

use proptest::collection::vec;
use proptest::prelude::*;
use test_engine_duration::Micros;
use test_engine_selection::{Build, Holdout, Knowledge};
use test_engine_selection::{
    Catalog, Change, ChangedFile, Counts, HostedStrategy, Item, ItemNames, LastExecution, Location,
    Mode, Off, Origin, RotationOrder, RotationPointer, Settings, Share, Sources, Target, Unit,
    Window,
};

/// Changed files: source, documentation, configuration, tests, and files of packages.
pub(crate) const PATHS: [&str; 10] = [
    "src/core.py",
    "src/util.rs",
    "src/http/server.py",
    "README.md",
    "Gemfile.lock",
    "tests/fixtures/a.json",
    "api/a.proto",
    "tests/test_core.py",
    "tests/http/test_server.py",
    "pkg/a.go",
];

pub(crate) const LOCATIONS: [Location<'static>; 6] = [
    Location::File("tests/test_core.py"),
    Location::File("tests/http/test_server.py"),
    Location::File("tests/smoke/test_all.py"),
    Location::File("tests/other.py"),
    Location::Folder("pkg"),
    Location::Unknown,
];

pub(crate) const BRANCHES: [&str; 7] = [
    "feature",
    "",
    "main",
    "release/1",
    "gh-readonly-queue/main/pr-1",
    "mergify/merge-queue/a",
    "trunk-merge/b",
];

const MESSAGES: [&str; 3] = ["", "Fix it", "Fix it\n\n[all tests]"];

#[derive(Clone, Debug)]
pub(crate) struct GeneratedItem {
    pub(crate) location: usize,
    pub(crate) milliseconds: u64,
    pub(crate) last_execution: Option<(u32, u32)>,
    pub(crate) failed_on_branch: bool,
    pub(crate) failed_on_default_branch: bool,
    pub(crate) ever_failed: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct GeneratedFile {
    pub(crate) path: usize,
    pub(crate) previous: Option<usize>,
    lines: u32,
}

/// A plan request, and what the suite knows.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    pub(crate) items: Vec<GeneratedItem>,
    pub(crate) files: Option<Vec<GeneratedFile>>,
    /// Files that do not exist otherwise.
    pub(crate) more_files: usize,
    pub(crate) branch: usize,
    pub(crate) is_default_branch: bool,
    pub(crate) is_tag: bool,
    message: usize,
    pub(crate) last_run_failed: bool,
    pub(crate) settings: Settings,
    pub(crate) off: Option<Off>,
    /// What each known failing build needed.
    needed: Vec<Option<i8>>,
    /// Changed files and failed items of builds that were learned.
    pub(crate) lessons: Vec<(usize, Vec<u32>)>,
    identifier: u32,
    pointer: (u32, u64),
}

/// Everything that a decision borrows from.
pub(crate) struct World {
    pub(crate) catalog: Catalog,
    pub(crate) counts: Counts,
    pub(crate) window: Window,
    rotation: RotationOrder,
    pointer: RotationPointer,
    pub(crate) change: Option<Change>,
    names: Vec<String>,
    identifier: String,
}

fn item() -> impl Strategy<Value = GeneratedItem> {
    let last = prop_oneof![
        6 => Just(Some((0, 0))),
        1 => Just(None),
        1 => (0_u32..30, 0_u32..400).prop_map(Some),
    ];
    let rarely = || prop_oneof![8 => Just(false), 1 => Just(true)];
    (
        0..LOCATIONS.len(),
        0_u64..5_000,
        last,
        rarely(),
        rarely(),
        any::<bool>(),
    )
        .prop_map(
            |(location, milliseconds, last, on_branch, on_default_branch, ever)| GeneratedItem {
                location,
                milliseconds,
                last_execution: last,
                failed_on_branch: on_branch,
                failed_on_default_branch: on_default_branch,
                ever_failed: ever || on_branch || on_default_branch,
            },
        )
}

fn file() -> impl Strategy<Value = GeneratedFile> {
    // Mostly sources, because few builds would have a selection otherwise.
    let path = || prop_oneof![6 => 0_usize..3, 1 => 0..PATHS.len()];
    let previous = prop_oneof![9 => Just(None), 1 => path().prop_map(Some)];
    (path(), previous, 0_u32..300).prop_map(|(path, previous, lines)| GeneratedFile {
        path,
        previous,
        lines,
    })
}

fn target() -> impl Strategy<Value = Target> {
    let unit = prop_oneof![Just(Unit::Time), Just(Unit::Tests)];
    prop_oneof![
        3 => (50_u32..99).prop_map(|percent| Target::Confidence(Share::from_percent(percent))),
        1 => (1_u32..=100, unit)
            .prop_map(|(percent, unit)| Target::Percent(Share::from_percent(percent), unit)),
        1 => (0_u64..20_000).prop_map(|time| Target::Time(Micros::from_milliseconds(time))),
    ]
}

fn settings() -> impl Strategy<Value = Settings> {
    let mode = prop_oneof![
        20 => Just(Mode::Select),
        2 => Just(Mode::Observe),
        1 => Just(Mode::Unsupported(HostedStrategy::Manual)),
    ];
    let rarely = || prop_oneof![4 => Just(false), 1 => Just(true)];
    let shares = (1_u32..=20, 1_u32..=20);
    (
        mode,
        target(),
        shares,
        rarely(),
        rarely(),
        rarely(),
        any::<bool>(),
        1_u32..30,
    )
        .prop_map(
            |(mode, target, (holdout, sample), always, config, branches, after_red, min)| {
                // Patterns are parsed as those of a request are.
                let mut params = std::collections::BTreeMap::new();
                let mut set = |is_set: bool, name: &str, value: &str| {
                    if is_set {
                        params.insert(name.to_owned(), value.to_owned());
                    }
                };
                set(always, "always", "smoke/,*_critical");
                set(config, "config", "*.proto");
                set(branches, "full_branch", "release/*");
                let parsed = Settings::parse("confidence", &params).expect("valid parameters");
                Settings {
                    mode,
                    target,
                    holdout: Share::from_percent(holdout),
                    sample: Share::from_percent(sample),
                    all_after_red: after_red,
                    min_holdouts: min,
                    ..parsed
                }
            },
        )
}

pub(crate) fn case() -> impl Strategy<Value = Case> {
    let off = prop_oneof![
        14 => Just(None),
        1 => Just(Some(Off::Drift)),
        1 => Just(Some(Off::Person("migration".to_owned()))),
    ];
    let files = prop_oneof![
        1 => Just(None),
        1 => Just(Some(vec![])),
        20 => vec(file(), 1..4).prop_map(Some),
    ];
    let more_files = prop_oneof![20 => Just(0_usize), 1 => 290_usize..310];
    let needed = prop_oneof![1 => Just(None), 4 => any::<i8>().prop_map(|n| Some(n / 8))];
    let lesson = prop_oneof![3 => 0_usize..3, 1 => 0..PATHS.len()];
    let lessons = vec((lesson, vec(0_u32..12, 1..4)), 0..8);
    let branch = prop_oneof![20 => Just(0_usize), 2 => 0..BRANCHES.len()];
    let rarely = || prop_oneof![12 => Just(false), 1 => Just(true)];
    let rarely_three = (rarely(), rarely(), rarely());
    let request = (branch, rarely_three, 0..MESSAGES.len(), any::<u32>());
    let knowledge = (off, vec(needed, 0..60), lessons, (0_u32..3, any::<u64>()));
    (
        vec(item(), 1..10),
        files,
        more_files,
        request,
        settings(),
        knowledge,
    )
        .prop_map(
            |(items, files, more_files, request, settings, knowledge)| Case {
                items,
                files,
                more_files,
                branch: request.0,
                is_default_branch: request.1.0,
                is_tag: request.1.1,
                last_run_failed: request.1.2,
                message: request.2,
                identifier: request.3,
                settings,
                off: knowledge.0,
                needed: knowledge.1,
                lessons: knowledge.2,
                pointer: knowledge.3,
            },
        )
}

/// An ID that is not the position.
pub(crate) fn id(position: usize) -> u32 {
    u32::try_from(position).expect("few items") * 3 % 11
}

impl Case {
    pub(crate) fn message(&self) -> &'static str {
        MESSAGES[self.message]
    }

    pub(crate) fn world(&self) -> World {
        let names: Vec<String> = (0..self.items.len())
            .map(|position| match position % 4 {
                0 => format!("item-{position}_critical"),
                _ => format!("item-{position}"),
            })
            .collect();
        let items = names.iter().zip(&self.items).enumerate();
        let items = items.map(|(position, (name, item))| ItemNames {
            id: id(position),
            name,
            location: LOCATIONS[item.location],
            tests: vec!["test_parse_args", "test_server"],
        });
        let catalog = Catalog::new(&items.collect::<Vec<_>>());
        let mut counts = Counts::default();
        for (path, failed) in &self.lessons {
            let change = Change {
                files: vec![changed_file(PATHS[*path], None, 5)],
            };
            let sources = Sources::of(&change, |path| catalog.has_file(path));
            counts
                .learn(&change, &sources, failed)
                .expect("one file and some failures");
            counts.tick();
        }
        let holdout = |needed: &Option<i8>| Holdout {
            origin: Origin::Full,
            needed: needed.map_or(f64::NEG_INFINITY, f64::from),
            time_share: 0.5,
            is_caught: true,
        };
        let holdouts: Vec<Holdout> = self.needed.iter().map(holdout).collect();
        let number = |position: usize| [u8::try_from(position).expect("few items"); 16];
        let uuids: Vec<[u8; 16]> = (0..names.len()).map(number).collect();
        World {
            counts,
            window: Window::new(&holdouts, self.settings.target),
            rotation: RotationOrder::new(self.pointer.0, &uuids),
            pointer: RotationPointer {
                round: self.pointer.0,
                taken_below: self.pointer.1,
            },
            change: self.change(),
            identifier: format!("build-{}", self.identifier),
            catalog,
            names,
        }
    }

    fn change(&self) -> Option<Change> {
        let named = self.files.as_ref()?.iter().map(|file| {
            changed_file(
                PATHS[file.path],
                file.previous.map(|path| PATHS[path]),
                file.lines,
            )
        });
        let more = (0..self.more_files)
            .map(|number| changed_file(&format!("src/more_{number}.py"), None, 1));
        Some(Change {
            files: named.chain(more).collect(),
        })
    }
}

fn changed_file(path: &str, previous: Option<&str>, lines: u32) -> ChangedFile {
    ChangedFile {
        path: path.to_owned(),
        previous_path: previous.map(str::to_owned),
        lines,
        functions: vec!["parse_args".to_owned()],
    }
}

impl World {
    pub(crate) fn items<'a>(&'a self, case: &Case) -> Vec<Item<'a>> {
        let items = self.names.iter().zip(&case.items);
        items
            .map(|(name, item)| Item {
                name,
                duration: Micros::from_milliseconds(item.milliseconds),
                last_execution: item.last_execution.map(|(days, default_branch_runs)| {
                    LastExecution {
                        days,
                        default_branch_runs,
                    }
                }),
                failed_on_branch: item.failed_on_branch,
                failed_on_default_branch: item.failed_on_default_branch,
                ever_failed: item.ever_failed,
            })
            .collect()
    }

    pub(crate) fn build<'a>(&'a self, case: &Case) -> Build<'a> {
        Build {
            suite: &[9; 16],
            identifier: &self.identifier,
            branch: BRANCHES[case.branch],
            is_default_branch: case.is_default_branch,
            is_tag: case.is_tag,
            message: case.message(),
            change: self.change.as_ref(),
            last_run_failed: case.last_run_failed,
        }
    }

    pub(crate) fn knowledge<'a>(&'a self, case: &'a Case) -> Knowledge<'a> {
        Knowledge {
            catalog: &self.catalog,
            counts: &self.counts,
            window: &self.window,
            off: case.off.as_ref(),
            rotation: &self.rotation,
            pointer: self.pointer,
        }
    }
}
