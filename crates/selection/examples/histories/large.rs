//! Times a decision on a made-up suite of 100,000 test files, and the memory it needs.

use std::time::Instant;

use test_engine_duration::Micros;
use test_engine_selection::{
    Build, Catalog, Change, ChangedFile, Counts, Decision, Holdout, Item, ItemNames, Knowledge,
    LastExecution, Location, Origin, RotationOrder, RotationPointer, Settings, Share, Sources,
    Target, Window, decide,
};

const ITEMS: u32 = 100_000;
const PATHS: u32 = 20_000;
/// Failing builds that were learned; with the failures of each they make about 120,000 pairs.
const LESSONS: u32 = 2_500;
const FAILURES: u32 = 12;
const REPETITIONS: usize = 21;

const NAMES: [&str; 16] = [
    "account", "billing", "cart", "driver", "event", "filter", "graph", "handler", "index",
    "journal", "kernel", "ledger", "metric", "node", "order", "parser",
];

/// Words that look like those of a project: some frequent, most rare.
fn word(number: u32) -> String {
    let name = NAMES[number as usize % NAMES.len()];
    format!("{name}{}", (number / 16) % 400)
}

fn source(number: u32) -> String {
    format!(
        "app/{}/{}/{}_{}.py",
        NAMES[(number / 7) as usize % NAMES.len()],
        word(number / 40),
        word(number.wrapping_mul(7)),
        NAMES[(number / 16) as usize % NAMES.len()]
    )
}

fn test(number: u32) -> String {
    source(number)
        .replacen("app/", "tests/", 1)
        .replace(".py", &format!("_{number}_test.py"))
}

/// What a server has besides: the names of items and of their tests.
struct Names {
    items: Vec<String>,
    functions: Vec<[String; 4]>,
    uuids: Vec<[u8; 16]>,
}

impl Names {
    fn new() -> Self {
        let function = |item: u32, step| format!("test_{}_{}", word(item * step), word(item));
        Self {
            items: (0..ITEMS).map(test).collect(),
            functions: (0..ITEMS)
                .map(|item| [1, 3, 5, 7].map(|step| function(item, step)))
                .collect(),
            uuids: (0..ITEMS)
                .map(|item| u128::from(item).to_be_bytes())
                .collect(),
        }
    }

    fn catalog(&self) -> Catalog {
        let items = (0..).zip(&self.items).zip(&self.functions);
        let items = items.map(|((id, name), functions)| ItemNames {
            id,
            name,
            location: Location::File(name),
            tests: functions.iter().map(String::as_str).collect(),
        });
        Catalog::new(&items.collect::<Vec<_>>())
    }
}

fn learned(catalog: &Catalog) -> Counts {
    let mut counts = Counts::default();
    for lesson in 0..LESSONS {
        counts.tick();
        let change = change(lesson.wrapping_mul(2_654_435_761) % PATHS, 2);
        let sources = Sources::of(&change, |path| catalog.has_file(path));
        let failed = (0..FAILURES).map(|failure| (lesson * 37 + failure * 11) % ITEMS);
        let learned = counts.learn(&change, &sources, &failed.collect::<Vec<_>>());
        assert!(learned.is_ok(), "nothing was learned: {learned:?}");
    }
    counts
}

fn change(start: u32, files: u32) -> Change {
    let file = |number| ChangedFile {
        path: source((start + number * 8) % PATHS),
        previous_path: None,
        lines: number % 90,
        functions: vec![format!("{}_{}", word(start + number), word(number * 5))],
    };
    Change {
        files: (0..files).map(file).collect(),
    }
}

/// Resident memory in bytes, where the system tells it.
fn resident() -> Option<f64> {
    let status = fs_err::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kilobytes: f64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kilobytes * 1_024.0)
}

/// Prints milliseconds of a decision after 1 and 50 changed files, and megabytes.
pub(crate) fn print() {
    let names = Names::new();
    let before = resident();
    let catalog = names.catalog();
    let counts = learned(&catalog);
    let rotation = RotationOrder::new(0, &names.uuids);
    println!("# {ITEMS} items, {PATHS} paths, {} pairs", counts.pairs());
    let held = resident();
    let holdout = |number: u32| Holdout {
        origin: Origin::Observed,
        needed: f64::from(number % 100) / 50.0,
        time_share: 0.1,
        is_caught: true,
    };
    let target = Target::Confidence(Share::from_percent(95));
    let window = Window::new(&(0..300).map(holdout).collect::<Vec<_>>(), target);
    let knowledge = Knowledge {
        catalog: &catalog,
        counts: &counts,
        window: &window,
        off: None,
        rotation: &rotation,
        pointer: RotationPointer::default(),
    };
    let item = |name| Item {
        name,
        duration: Micros::from_milliseconds(50 + name_length(name) % 40),
        last_execution: Some(LastExecution {
            days: 0,
            default_branch_runs: 0,
        }),
        failed_on_branch: false,
        failed_on_default_branch: false,
        ever_failed: true,
    };
    let items: Vec<Item<'_>> = names.items.iter().map(|name| item(name.as_str())).collect();
    let settings = Settings::new(target);
    for files in [1, 50] {
        let change = change(123, files);
        let mut times: Vec<f64> = (0..REPETITIONS)
            .map(|_| {
                let started = Instant::now();
                let decision = decide(&build(&change), &settings, &items, &knowledge);
                let time = started.elapsed().as_secs_f64() * 1_000.0;
                assert!(is_sensible(&decision), "{:?}", decision.verdict);
                time
            })
            .collect();
        times.sort_by(f64::total_cmp);
        println!("decide_{files}_files_ms = {:.2}", times[REPETITIONS / 2]);
    }
    if let (Some(before), Some(held), Some(after)) = (before, held, resident()) {
        println!("# {:.1} MB before a decision", (held - before) / 1e6);
        println!("memory_mb = {:.1}", (after - before) / 1e6);
    }
}

fn name_length(name: &str) -> u64 {
    name.len() as u64
}

fn build(change: &Change) -> Build<'_> {
    Build {
        suite: &[1; 16],
        // Not held out.
        identifier: "large-2",
        branch: "feature",
        is_default_branch: false,
        is_tag: false,
        message: "",
        change: Some(change),
        last_run_failed: false,
    }
}

/// A decision on which all work was done.
fn is_sensible(decision: &Decision) -> bool {
    let assessment = decision.assessment.as_ref();
    assessment.is_some_and(|assessment| assessment.selected.iter().any(Option::is_some))
}
