//! Test selection with real parts: observe, select, miss, drift and recover.
//!
//! Most builds are played over HTTP, since a suite needs many; some are real ones of `bktec` and
//! pytest.

mod builds;
mod hosted;
mod project;

use std::collections::BTreeSet;

use serde_json::{Value, json};
use test_engine_testkit::ServerProgram;

use self::builds::{Change, Planned, Player};
use self::project::{COMMITS, FILES, Project, all_files, faulty, module, test_file};

/// Failing builds that are observed before anything is left out: as many as are necessary.
const OBSERVED: usize = 10;
/// The module of the first failing build.
const FIRST: usize = 39;
/// A module whose failures were observed.
const KNOWN: usize = 4;
/// Builds that are planned before it is known what the others missed.
const MISSED: usize = 4;

fn selection() -> Value {
    json!({"strategy": "confidence", "params": {
        "confidence": "90", "min_holdouts": "10", "holdout": "1", "after_red": "selected",
    }})
}

/// Everything runs, and nothing is promised, so that misses do not count for drift.
fn observation() -> Value {
    json!({"strategy": "observe", "params": {"percent": "40"}})
}

const OPTIONS: [&str; 9] = [
    "--selection-strategy=confidence",
    "--selection-param",
    "confidence=90",
    "--selection-param",
    "min_holdouts=10",
    "--selection-param",
    "holdout=1",
    "--selection-param",
    "after_red=selected",
];

/// The files that a fault in a module fails.
fn failing(module: usize) -> Vec<String> {
    vec![test_file(module), test_file(module + 1)]
}

/// Plans a build until one is not held out: one percent are.
fn selected(player: &Player<'_>, name: &str, change: &Change) -> Planned {
    for attempt in 0..5 {
        let planned = player.plan(&format!("{name}-{attempt}"), change, &selection());
        if planned.verdict() != ("full", Some("holdout")) {
            assert_eq!(
                planned.verdict(),
                ("selected", None),
                "{name}: {}",
                planned.plan
            );
            return planned;
        }
    }
    panic!("{name} is always held out");
}

#[test]
fn selection_is_observed_used_checked_and_returns_after_drift() {
    let project = Project::new();
    let server = ServerProgram::start();
    let connection = server.create_suite("shop");
    let player = Player {
        server: &server,
        connection: &connection,
    };
    observe(&player, &project);
    run_real_builds(&player, &project);
    misses_lower_the_figure(&player, &project);
    drift_ends_by_itself(&player, &project);
    a_rename_keeps_its_history(&player, &project);
}

/// A first failing build, since nothing is known of the kind of its file. Then all 120 commits are
/// built on a branch; every twelfth has a fault.
fn observe(player: &Player<'_>, project: &Project) {
    // Another commit than that of the first build: a test that passes on the same commit is flaky.
    let first = Change {
        branch: "main".to_owned(),
        sha: project.history[0].parent.clone(),
        ..Change::default()
    };
    player.run_on_main("main-first", &first, &[]);
    let unknown = Change {
        branch: "first".to_owned(),
        sha: "f".repeat(40),
        files: vec![module(FIRST)],
        ..first
    };
    let planned = player.plan("first", &unknown, &observation());
    assert_eq!(
        planned.verdict(),
        ("full", Some("unknown_kind_of_file")),
        "{}",
        planned.plan
    );
    player.run(&planned, &failing(FIRST));
    player.wait_for("the first build", |overview| {
        overview["holdouts"]["full"] == 1
    });
    for (number, commit) in project.history.iter().enumerate() {
        let change = Change::of(commit);
        let planned = player.plan(&format!("observe-{number}"), &change, &observation());
        assert_eq!(planned.files().len(), FILES, "{}", planned.plan);
        let is_faulty = number % (COMMITS / OBSERVED) == 0;
        let failed = if is_faulty {
            failing(commit.module)
        } else {
            Vec::new()
        };
        player.run(&planned, &failed);
    }
    let known = |overview: &Value| overview["holdouts"]["observed"] == OBSERVED;
    let overview = player.wait_for("observed builds", known);
    assert_eq!(
        overview["seen_unbiased"]["holdouts"], OBSERVED,
        "{overview:#}"
    );
    assert_eq!(overview["verdicts"]["observe"], COMMITS, "{overview:#}");
}

/// The real client and pytest: what ran and what was left out is the suite.
fn run_real_builds(player: &Player<'_>, project: &Project) {
    let connection = player.connection;
    project.branch("topic", &[(&module(KNOWN), &faulty(KNOWN))]);
    let finished = project.bktec(connection, "real-1", &[&["run"], &OPTIONS[..]].concat());
    // The fault is found.
    finished.expect_code(1);
    let line = finished
        .stdout
        .lines()
        .find(|line| line.starts_with("Selected "));
    let line = line.unwrap_or_else(|| panic!("{finished}"));
    assert!(line.contains(" of 40 tests ("), "{line}");
    assert!(line.contains("Of the last 11 failing builds "), "{line}");
    let left_out = project.bktec(
        connection,
        "real-1",
        &["explain", "--left-out", "--plan-identifier", "real-1/tests"],
    );
    left_out.expect_code(0);
    let left_out: BTreeSet<String> = left_out
        .stdout
        .lines()
        .filter_map(|line| Some(line.split_once(": ")?.0.to_owned()))
        .collect();
    assert!(!left_out.is_empty(), "{finished}");
    let ran: BTreeSet<String> = all_files()
        .into_iter()
        .filter(|file| finished.stdout.contains(&format!("{file} ")))
        .collect();
    assert!(ran.is_disjoint(&left_out), "{ran:?} {left_out:?}");
    let all: BTreeSet<String> = all_files().into_iter().collect();
    assert_eq!(
        ran.union(&left_out).cloned().collect::<BTreeSet<_>>(),
        all,
        "{finished}"
    );
    assert!(
        ran.contains(&test_file(KNOWN)) || ran.contains(&test_file(KNOWN + 1)),
        "{ran:?}"
    );
    player.wait_for("the caught build", |overview| {
        overview["holdouts"]["caught"] == 1
    });
    let explained = project.bktec(
        connection,
        "real-1",
        &[
            "explain",
            &test_file(KNOWN),
            "--plan-identifier",
            "real-1/tests",
        ],
    );
    explained.expect_code(0);
    assert!(explained.stdout.contains(&test_file(KNOWN)), "{explained}");
    let verified = project.bktec(connection, "real-1", &["verify"]);
    verified.expect_code(0);
    let unselected = left_out.iter().next().unwrap();
    assert!(verified.stdout.contains("not selected"), "{verified}");
    assert!(verified.stdout.contains(unselected), "{verified}");

    // A lock file can change everything.
    project.branch("upgrade", &[("requirements.txt", "pytest==8.4.1\n")]);
    let finished = project.bktec(connection, "real-2", &[&["run"], &OPTIONS[..]].concat());
    finished.expect_code(0);
    let sentence = "All tests run: requirements.txt changed.\n";
    assert!(finished.stdout.contains(sentence), "{finished}");
    assert!(finished.stdout.contains("40 passed"), "{finished}");

    // Without a strategy, the plan has everything, and there is no decision.
    let finished = project.bktec(connection, "real-3", &["plan", "--plan-out", "-"]);
    finished.expect_code(0);
    assert_eq!(
        finished.stdout.matches("\"value\"").count(),
        FILES,
        "{finished}"
    );
    assert!(!finished.stdout.contains("\"selection\""), "{finished}");
    let none = project.bktec(
        connection,
        "real-3",
        &["explain", "--plan-identifier", "real-3/tests"],
    );
    none.expect_code(16);
}

/// What failed after changes of a file is known of its new name as well.
fn a_rename_keeps_its_history(player: &Player<'_>, project: &Project) {
    let commit = &project.history[0];
    let old = module(commit.module);
    let new = "app/core/renamed.py".to_owned();
    let rename = Change {
        branch: "rename".to_owned(),
        sha: "1".repeat(40),
        parent: commit.sha.clone(),
        files: Vec::new(),
        rename: Some((old, new.clone())),
    };
    let planned = player.plan("rename", &rename, &observation());
    player.run(&planned, &failing(commit.module));
    player.wait_for("the build of the rename", |overview| {
        overview["holdouts"]["observed"] == OBSERVED + 1
    });
    let change = Change {
        branch: "after-rename".to_owned(),
        sha: "2".repeat(40),
        files: vec![new.clone()],
        rename: None,
        ..rename
    };
    let planned = player.plan("after-rename", &change, &observation());
    // Its name says nothing of the test.
    let neighbour = test_file(commit.module + 1);
    let query = format!(
        "/test_plan/selection?identifier={}&item={neighbour}",
        planned.identifier()
    );
    let decision = player
        .connection
        .api()
        .get(&query)
        .expect_status(200)
        .json();
    assert_eq!(decision["items"][0]["in"], true, "{decision:#}");
    // Two failing builds: that of the old name, and that of the rename.
    let builds = decision["items"][0]["why"]
        .as_array()
        .into_iter()
        .flatten()
        .find(|cause| cause["path"] == new.as_str());
    let builds = builds
        .and_then(|cause| cause["why"].as_str())
        .unwrap_or_default();
    let failures: f64 = builds
        .trim_start_matches("failed in ")
        .split(' ')
        .next()
        .and_then(|number| number.parse().ok())
        .unwrap_or_default();
    assert!(failures > 1.5, "{builds}");
    player.run(&planned, &[]);
}

/// A failure that was left out surfaces on the default branch.
fn misses_lower_the_figure(player: &Player<'_>, project: &Project) {
    let before = player.overview();
    assert_eq!(before["off"], Value::Null, "{before:#}");
    assert_eq!(before["holdouts"].get("missed"), None, "{before:#}");
    // All of them are planned before it is known that the others are missed.
    let builds: Vec<(Planned, Change, String)> = (0..MISSED)
        .map(|number| {
            let change = Change {
                branch: format!("missed-{number}"),
                sha: format!("{:040x}", 0xabc0 + number),
                parent: project.history[COMMITS - 1].sha.clone(),
                files: vec![module(11 + 5 * number)],
                rename: None,
            };
            let planned = selected(player, &format!("missed-{number}"), &change);
            let left_out = player.left_out(&planned.identifier());
            assert_eq!(
                left_out.len() + planned.files().len(),
                FILES,
                "{}",
                planned.plan
            );
            let missed = left_out[left_out.len() - 1 - number].clone();
            (planned, change, missed)
        })
        .collect();
    for (planned, _, missed) in &builds {
        assert!(!planned.files().contains(missed));
        player.run(planned, std::slice::from_ref(missed));
    }
    for (number, (_, change, missed)) in builds.iter().enumerate() {
        player.run_on_main(
            &format!("main-red-{number}"),
            change,
            std::slice::from_ref(missed),
        );
        let after = player.wait_for("the missed build", |overview| {
            overview["holdouts"]["missed"].as_u64() > Some(number as u64)
        });
        if number == 0 {
            let shown = |overview: &Value| overview["seen"]["shown"].as_f64().unwrap();
            assert!(shown(&after) < shown(&before), "{before:#} {after:#}");
        }
        // It is repaired, so that the next failure is a new one.
        let repaired = change.on_main();
        let repaired = Change {
            sha: format!("{:040x}", 0xdef0 + number),
            parent: change.sha.clone(),
            ..repaired
        };
        player.run_on_main(&format!("main-green-{number}"), &repaired, &[]);
    }
    let missed = player.connection.api().get("/selection/exams?missed=true");
    let missed = missed.expect_status(200).json();
    let missed = missed.as_array().unwrap();
    assert_eq!(missed.len(), MISSED, "{missed:#?}");
    for one in missed {
        assert_eq!(one["origin"], "missed", "{one:#}");
        let item = one["misses"][0]["item"].as_str().unwrap();
        assert!(builds.iter().any(|(_, _, known)| known == item), "{one:#}");
        assert!(one["misses"][0]["run_id"].is_string(), "{one:#}");
    }
}

/// Too many misses switch selection off. It returns when the newest builds keep the promise.
fn drift_ends_by_itself(player: &Player<'_>, project: &Project) {
    let off = player.wait_for("drift", |overview| overview["off"]["reason"] == "drift");
    assert!(off["drift_statistic"].as_f64().is_some(), "{off:#}");
    let last = &project.history[COMMITS - 1];
    let mut failed = 0;
    for number in 0..60 {
        let commit = &project.history[number % COMMITS];
        let change = Change {
            branch: format!("off-{number}"),
            sha: format!("{:040x}", 0x1000 + number),
            parent: last.sha.clone(),
            files: vec![module(commit.module)],
            rename: None,
        };
        let planned = player.plan(&format!("off-{number}"), &change, &selection());
        match planned.verdict() {
            ("selected", None) => break,
            // It has returned, but one build in a hundred is held out.
            ("full", Some("holdout")) => continue,
            _ => {}
        }
        assert_eq!(
            planned.verdict(),
            ("full", Some("drift")),
            "{}",
            planned.plan
        );
        assert_eq!(planned.files().len(), FILES);
        player.run(&planned, &failing(commit.module));
        failed += 1;
        player.wait_for("the build while it is off", |overview| {
            overview["holdouts"]["full"].as_u64() > Some(failed)
        });
    }
    assert!(
        (30..60).contains(&failed),
        "{failed} failing builds until it returned"
    );
    let on = player.overview();
    assert_eq!(on["off"], Value::Null, "{on:#}");
}
