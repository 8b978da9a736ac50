//! The judgement on tests: stored uploads lead to the same one as a replay of the history, on each
//! engine and with several servers.

use std::collections::BTreeMap;

use test_engine_insights as insights;
use test_engine_insights::{Commit, Counts, DAY, Level, Parameters, judge};
use test_engine_store::{
    Judged, NewExecution, NewRun, NewUpload, Page, Store, TestHealth, Timestamp,
};

use crate::failed_tests::failed_with;
use crate::support::{Database, NOON, OtherProgram, failed, on_every_engine, passed, upload};

const ALL: Page = Page {
    number: 1,
    size: 100,
};

/// Uploads the results of a commit.
async fn record(
    store: &Store,
    db: &Database,
    (key, sha, branch): (&str, &str, &str),
    at: Timestamp,
    executions: Vec<NewExecution>,
) {
    let new = upload(&db.suite, key);
    let new = NewUpload {
        run: NewRun {
            branch: Some(branch.to_owned()),
            commit_sha: Some(sha.to_owned()),
            ..new.run
        },
        received_at: at,
        executions,
        ..new
    };
    store.record_upload(new).await.unwrap();
}

async fn judge_all(store: &Store, now: Timestamp) -> Judged {
    let mut all = Judged::default();
    loop {
        let judged = store.judge_some(now, 3).await.unwrap();
        all.alarms += judged.alarms;
        all.recoveries += judged.recoveries;
        all.tests += judged.tests;
        if judged.tests == 0 {
            return all;
        }
    }
}

async fn health(db: &Database, name: &str) -> Option<TestHealth> {
    let test = db.store.find_test(&db.suite, "Basket", name).await;
    db.store
        .test_health(test.unwrap().unwrap().id)
        .await
        .unwrap()
}

/// One run of a made-up history.
struct MadeRun {
    commit: u32,
    main: Option<u32>,
    at: Timestamp,
    /// Of each test, whether its first execution fails and whether it passes then.
    outcomes: Vec<(bool, bool)>,
}

const TESTS: usize = 8;

/// Whether the first execution of a test fails on a commit, and whether a retry passes.
fn outcome(test: usize, (commit, main): (u32, Option<u32>), dice: u32) -> (bool, bool) {
    match (test, main) {
        // Sometimes fails, and passes then.
        (1, _) => (dice.is_multiple_of(4), true),
        // Broken, then fixed.
        (2, Some(main)) => ((9..14).contains(&main), false),
        // Fails every execution of some runs.
        (3, _) => (dice.is_multiple_of(5), false),
        // Failed by branches.
        (4, None) => (dice.is_multiple_of(2), false),
        // Broken to the end.
        (5, Some(main)) => (main >= 27, false),
        // Once.
        (6, _) => (commit == 11, true),
        _ => (false, false),
    }
}

/// Two runs a day, every other one on the default branch; some repeat a commit, and one is an
/// outage.
fn history() -> Vec<MadeRun> {
    let mut dice = 12_345_u32;
    let mut runs = Vec::new();
    let mut main_commits = 0;
    for commit in 1..=60_u32 {
        let main = (commit % 2 == 0).then(|| {
            main_commits += 1;
            main_commits
        });
        let at = NOON.plus_millis(i64::from(commit) * DAY / 2);
        let repetitions = if commit % 7 == 0 { 2 } else { 1 };
        for repetition in 0..repetitions {
            let mut roll = || {
                dice = dice.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                dice >> 16
            };
            let is_outage = commit == 20;
            let outcomes = (0..TESTS).map(|test| {
                let (fails, recovers) = outcome(test, (commit, main), roll());
                (fails || is_outage && test > 1, recovers)
            });
            runs.push(MadeRun {
                commit,
                main,
                at: at.plus_millis(i64::from(repetition) * 60_000),
                outcomes: outcomes.collect(),
            });
        }
    }
    runs
}

fn executions(run: &MadeRun) -> Vec<NewExecution> {
    let mut executions = Vec::new();
    for (test, (fails, recovers)) in run.outcomes.iter().enumerate() {
        let name = format!("t{test}");
        if *fails {
            executions.push(failed(&name, 1.0));
        }
        if !fails || *recovers {
            executions.push(passed(&name, 1.1));
        }
    }
    executions
}

fn replayed(number: u32, run: &MadeRun) -> insights::Run {
    let results = (0_u32..)
        .zip(&run.outcomes)
        .map(|(test, (fails, recovers))| {
            let counts = Counts {
                failed: u32::from(*fails),
                passed: u32::from(!fails || *recovers),
            };
            insights::TestResult {
                test,
                counts,
                failed_first: *fails,
                message: test,
            }
        });
    insights::Run {
        number,
        commit: Commit {
            number: run.commit,
            main: run.main,
        },
        at: run.at.millis(),
        uploads: vec![insights::Upload {
            has_errors_outside_tests: false,
            results: results.collect(),
        }],
    }
}

#[tokio::test]
async fn two_servers_and_a_replay_agree() {
    on_every_engine(async |db| {
        let other = db.reopened().await;
        let stores = [&db.store, &other.store];
        let mut suite = insights::Suite::new(Parameters::default());
        let runs = history();
        for (number, run) in (0_u32..).zip(&runs) {
            suite.record(&replayed(number, run));
            let store = stores[number as usize / 3 % 2];
            let (key, sha) = (format!("run {number}"), format!("sha{}", run.commit));
            let branch = if run.main.is_some() { "main" } else { "topic" };
            let place = (key.as_str(), sha.as_str(), branch);
            record(store, &db, place, run.at, executions(run)).await;
            // Both judge the same tests.
            let [one, two] = stores;
            tokio::join!(judge_all(one, run.at), judge_all(two, run.at));
        }
        let end = runs.last().unwrap().at.plus_days(1);
        suite.tick(end.millis());
        judge_all(&db.store, end).await;
        let mut levels = BTreeMap::new();
        for (number, tracked) in suite.tests() {
            let name = format!("t{number}");
            let expected = judge(&tracked.evidence, end.millis(), &Parameters::default());
            let Some(found) = health(&db, &name).await else {
                assert!(!tracked.evidence.has_failures(), "{name}");
                continue;
            };
            assert!(found.is_current, "{name}");
            let level = expected.level(tracked.alarm.is_on());
            levels.insert(name.clone(), level);
            if level == Level::Sound && !tracked.alarm.is_on() {
                assert_eq!(found.level, level, "{name}");
                continue;
            }
            assert_eq!(found.score, expected.score, "{name}");
            assert_eq!(
                found.mixed_groups,
                u64::from(expected.sums.mixed_groups),
                "{name}"
            );
            assert_eq!(
                found.short_breaks,
                u64::from(expected.breaks.short),
                "{name}"
            );
            assert_eq!(found.level, level, "{name}");
            let since = found.alarm_since.map(Timestamp::millis);
            let difference = since.zip(tracked.alarm.since).map(|(a, b)| (a - b).abs());
            assert_eq!(since.is_some(), tracked.alarm.is_on(), "{name}");
            assert!(
                difference.is_none_or(|time| time <= DAY),
                "{name}: {difference:?}"
            );
            if let Some(broken) = expected.broken() {
                let sha = found.broken.unwrap().since.sha;
                assert_eq!(sha, Some(format!("sha{}", broken.since.number)), "{name}");
            }
        }
        assert_eq!(levels["t1"], Level::Flaky);
        assert_eq!(levels["t5"], Level::Broken);
        other.store.close().await;
    })
    .await;
}

#[tokio::test]
async fn tests_that_break_together_have_their_own_last_pass() {
    on_every_engine(async |db| {
        let on_main = async |number: i64, executions| {
            let (key, sha) = (format!("k{number}"), format!("SHA{number}"));
            let at = NOON.plus_days(number);
            record(&db.store, &db, (&key, &sha, "main"), at, executions).await;
        };
        on_main(1, vec![passed("a", 1.0), passed("b", 1.0)]).await;
        on_main(2, vec![passed("b", 1.0)]).await;
        for number in [3, 4] {
            let executions = ["a", "b", "new"].map(|name| failed(name, 1.0));
            on_main(number, executions.to_vec()).await;
        }
        judge_all(&db.store, NOON.plus_days(4)).await;
        for (name, last_passed) in [("a", Some("sha1")), ("b", Some("sha2")), ("new", None)] {
            let broken = health(&db, name).await.unwrap().broken.unwrap();
            assert_eq!(broken.since.sha.as_deref(), Some("sha3"), "{name}");
            let found = broken.last_passed.and_then(|commit| commit.sha);
            assert_eq!(found.as_deref(), last_passed, "{name}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_broken_test_is_broken_since_its_first_failed_commit() {
    on_every_engine(async |db| {
        let on_main = async |number: i64, executions| {
            let (key, sha) = (format!("k{number}"), format!("SHA{number}"));
            let at = NOON.plus_days(number);
            record(&db.store, &db, (&key, &sha, "main"), at, executions).await;
        };
        on_main(1, vec![passed("a", 1.0)]).await;
        on_main(2, vec![passed("a", 1.0), passed("b", 1.0)]).await;
        on_main(3, vec![failed("a", 1.0)]).await;
        judge_all(&db.store, NOON.plus_days(3)).await;
        assert_eq!(
            health(&db, "a").await.unwrap().broken,
            None,
            "may be a coincidence"
        );
        on_main(
            4,
            vec![failed("a", 1.0), passed("a", 1.1), failed("b", 1.0)],
        )
        .await;
        on_main(5, vec![failed("a", 1.0)]).await;
        on_main(6, vec![failed("a", 1.0)]).await;
        let now = NOON.plus_days(6);
        assert_eq!(judge_all(&db.store, now).await.tests, 2);
        assert_eq!(judge_all(&db.store, now).await, Judged::default());
        let a = health(&db, "a").await.unwrap();
        assert_eq!((a.level, a.mixed_groups), (Level::Broken, 1));
        let broken = a.broken.unwrap();
        assert_eq!(broken.since.sha.as_deref(), Some("sha5"));
        assert_eq!(broken.since.first_at, NOON.plus_days(5));
        assert_eq!(broken.last_passed.unwrap().sha.as_deref(), Some("sha4"));

        let suite = db.suite.id;
        let list = async |levels: &[Level]| {
            let listed = db.store.unhealthy_tests(suite, levels, ALL).await.unwrap();
            let names = listed.items.into_iter().map(|item| item.test.name);
            (listed.total, names.collect::<Vec<_>>())
        };
        assert_eq!(list(&[Level::Broken]).await, (1, vec!["a".to_owned()]));
        assert_eq!(list(&[Level::Flaky, Level::Sound]).await, (0, Vec::new()));

        // One pass ends it, although nothing failed in that upload.
        on_main(7, vec![passed("a", 1.0)]).await;
        assert!(!health(&db, "a").await.unwrap().is_current);
        judge_all(&db.store, NOON.plus_days(7)).await;
        let a = health(&db, "a").await.unwrap();
        assert_eq!((a.level, a.broken), (Level::Suspect, None));
        // Without results, time makes it sound.
        judge_all(&db.store, NOON.plus_days(40)).await;
        assert_eq!(health(&db, "a").await.unwrap().level, Level::Sound);
        assert_eq!(
            db.store
                .forget_some_evidence(NOON.plus_days(40))
                .await
                .unwrap(),
            0
        );
        while db
            .store
            .forget_some_evidence(NOON.plus_days(100))
            .await
            .unwrap()
            > 0
        {}
        let mut other = OtherProgram::new(&db.url).await;
        assert_eq!(other.number("SELECT COUNT(*) FROM commit_groups").await, 0);
    })
    .await;
}

#[tokio::test]
async fn passes_of_earlier_runs_make_a_commit_mixed() {
    on_every_engine(async |db| {
        let at = NOON;
        record(
            &db.store,
            &db,
            ("k1", "sha", "topic"),
            at,
            vec![passed("a", 1.0)],
        )
        .await;
        // The same commit in another case, by another server.
        let other = db.reopened().await;
        record(
            &other.store,
            &db,
            ("k2", "SHA", "topic"),
            at,
            vec![failed("a", 1.0)],
        )
        .await;
        judge_all(&db.store, at).await;
        let a = health(&db, "a").await.unwrap();
        assert_eq!((a.level, a.mixed_groups), (Level::Suspect, 1));
        // A later pass makes a failed commit mixed.
        record(
            &db.store,
            &db,
            ("k3", "sha3", "topic"),
            at,
            vec![failed("a", 1.0)],
        )
        .await;
        record(
            &other.store,
            &db,
            ("k4", "sha3", "topic"),
            at,
            vec![passed("a", 1.0)],
        )
        .await;
        judge_all(&db.store, at).await;
        assert_eq!(health(&db, "a").await.unwrap().mixed_groups, 2);
    })
    .await;
}

#[tokio::test]
async fn passes_of_runs_that_began_later_make_a_commit_mixed() {
    on_every_engine(async |db| {
        let other = db.reopened().await;
        // The second run is received by the same server or by another one.
        for (sha, second) in [("sha1", &db.store), ("sha2", &other.store)] {
            let [first, later] = [format!("{sha} first"), format!("{sha} later")];
            let uploads = [
                (&db.store, &first, vec![failed("a", 1.0)]),
                (&db.store, &first, vec![failed("b", 1.0)]),
                (second, &later, vec![passed("c", 1.0), passed("d", 1.0)]),
                (&db.store, &first, vec![failed("c", 1.0)]),
                (second, &later, vec![passed("a", 1.0)]),
                (&db.store, &first, vec![failed("d", 1.0)]),
            ];
            for (store, run, executions) in uploads {
                record(store, &db, (run, sha, "topic"), NOON, executions).await;
            }
        }
        judge_all(&db.store, NOON).await;
        for (name, mixed) in [("a", 2), ("b", 0), ("c", 2), ("d", 2)] {
            let found = health(&db, name).await.unwrap();
            assert_eq!(found.mixed_groups, mixed, "{name}");
        }
    })
    .await;
}

#[tokio::test]
async fn tests_that_recover_from_one_new_cause_are_not_flaky() {
    on_every_engine(async |db| {
        let message = 0x1234_5678_0000_0000;
        // Twelve tests fail in different places, and a hundred pass.
        let first = || {
            let number = 0_u64..112;
            let execution = |number: u64| {
                let name = format!("t{number}");
                if number < 12 {
                    failed_with(&name, message | number)
                } else {
                    passed(&name, 1.0)
                }
            };
            number.map(execution).collect::<Vec<_>>()
        };
        let retry = || (0..12).map(|number| passed(&format!("t{number}"), 1.1));
        let guarded = async || {
            let mut other = OtherProgram::new(&db.url).await;
            let sum = "SELECT CAST(SUM(guarded_failed) AS BIGINT) * 1000 \
                       + CAST(SUM(failed) AS BIGINT) FROM commit_groups";
            other.number(sum).await
        };
        let store = &db.store;
        record(store, &db, ("k1", "sha1", "topic"), NOON, first()).await;
        assert_eq!(guarded().await, 12);
        // The retry may arrive at another server.
        let again = db.reopened().await;
        let place = ("k1", "sha1", "topic");
        record(&again.store, &db, place, NOON, retry().collect()).await;
        assert_eq!(guarded().await, 12_000);
        judge_all(store, NOON).await;
        assert_eq!(health(&db, "t1").await.unwrap().mixed_groups, 0);

        // A message that the default branch knows is no new cause.
        record(store, &db, ("k2", "sha2", "main"), NOON, first()).await;
        let both = first().into_iter().chain(retry()).collect();
        record(store, &db, ("k3", "sha3", "topic"), NOON, both).await;
        judge_all(store, NOON).await;
        assert_eq!(guarded().await, 12_024);
        assert_eq!(health(&db, "t1").await.unwrap().mixed_groups, 1);
    })
    .await;
}
