//! Histories that are unlike the usual: wrong clocks, commits out of order, commits of many runs,
//! renamed tests, no commits, no branches, and everything failing at once.

use test_engine_insights::Level;
use test_engine_store::{
    Change, Judged, NewExecution, NewSuite, NewUpload, Suite, TestHealth, Timestamp,
};
use uuid::Uuid;

use crate::support::{Database, NOON, failed, on_every_engine, passed, upload};

/// Where results come from; `None` is not sent.
#[derive(Clone, Copy)]
struct Source<'a> {
    key: &'a str,
    sha: Option<&'a str>,
    branch: Option<&'a str>,
    at: Timestamp,
}

/// A run of the default branch with a commit of its own.
fn on_main(key: &str, at: Timestamp) -> Source<'_> {
    Source {
        key,
        sha: Some(key),
        branch: Some("main"),
        at,
    }
}

async fn record(db: &Database, suite: &Suite, source: Source<'_>, results: Vec<NewExecution>) {
    let mut new = NewUpload {
        received_at: source.at,
        executions: results,
        ..upload(suite, source.key)
    };
    new.run.commit_sha = source.sha.map(str::to_owned);
    new.run.branch = source.branch.map(str::to_owned);
    db.store.record_upload(new).await.unwrap();
}

async fn judge_all(db: &Database, now: Timestamp) -> Judged {
    let mut all = Judged::default();
    loop {
        let judged = db.store.judge_some(now, 2_000).await.unwrap();
        all.alarms += judged.alarms;
        all.tests += judged.tests;
        if judged.tests == 0 {
            return all;
        }
    }
}

async fn health(db: &Database, suite: &Suite, name: &str) -> Option<TestHealth> {
    let test = db.store.find_test(suite, "Basket", name).await.unwrap();
    db.store.test_health(test.unwrap().id).await.unwrap()
}

async fn level(db: &Database, suite: &Suite, name: &str) -> Level {
    let known = health(db, suite, name).await;
    known.map_or(Level::Sound, |known| known.level)
}

fn mixed(name: &str) -> Vec<NewExecution> {
    vec![failed(name, 1.0), passed(name, 1.1)]
}

#[tokio::test]
async fn results_of_a_clock_that_was_years_ahead_do_not_count() {
    on_every_engine(async |db| {
        let suite = db.suite.clone();
        let (past, future) = (NOON.plus_days(-4_000), NOON.plus_days(4_000));
        for (place, clock) in [("past", past), ("future", future)] {
            for number in 0..12 {
                let key = format!("{place} {number}");
                let source = on_main(&key, clock.plus_millis(number));
                record(&db, &suite, source, mixed("a")).await;
            }
            judge_all(&db, clock.plus_millis(20)).await;
            assert_eq!(level(&db, &suite, "a").await, Level::Flaky, "{place}");
        }
        // The clock is right again.
        for number in 0..12 {
            let key = format!("now {number}");
            let source = on_main(&key, NOON.plus_millis(number));
            record(&db, &suite, source, vec![passed("a", 1.0)]).await;
        }
        record(
            &db,
            &suite,
            on_main("last", NOON.plus_millis(20)),
            mixed("a"),
        )
        .await;
        judge_all(&db, NOON.plus_millis(30)).await;
        let found = health(&db, &suite, "a").await.unwrap();
        assert_eq!(found.mixed_groups, 1);
        let test = db.store.find_test(&suite, "Basket", "a").await.unwrap();
        let examined = db.store.circumstances(&test.unwrap(), NOON).await.unwrap();
        assert!(examined.is_none_or(|found| found.executions.len() < 30));
        assert_eq!(db.store.evidence(suite.id, NOON).await.unwrap().len(), 1);
    })
    .await;
}

#[tokio::test]
async fn a_late_rerun_of_an_old_commit_ends_no_break() {
    on_every_engine(async |db| {
        let suite = db.suite.clone();
        let at = |minutes: i64| NOON.plus_millis(minutes * 60_000);
        let results = [
            ("c1", passed("a", 1.0)),
            ("c2", failed("a", 1.0)),
            ("c3", failed("a", 1.0)),
        ];
        for (minute, (sha, result)) in (0..).zip(results) {
            record(&db, &suite, on_main(sha, at(minute)), vec![result]).await;
        }
        // The first commit again, and one of a branch that begins there.
        let rerun = Source {
            key: "rerun",
            ..on_main("c1", at(5))
        };
        record(&db, &suite, rerun, vec![passed("a", 1.0)]).await;
        let topic = Source {
            branch: Some("topic"),
            ..on_main("t1", at(6))
        };
        record(&db, &suite, topic, vec![passed("a", 1.0)]).await;
        judge_all(&db, at(7)).await;
        let broken = health(&db, &suite, "a").await.unwrap().broken.unwrap();
        assert_eq!(broken.since.sha.as_deref(), Some("c2"));
        assert_eq!(broken.last_passed.unwrap().sha.as_deref(), Some("c1"));
        // A pass of the last commit ends it.
        let rerun = Source {
            key: "rerun 3",
            sha: Some("c3"),
            ..on_main("c3", at(8))
        };
        record(&db, &suite, rerun, vec![passed("a", 1.0)]).await;
        judge_all(&db, at(9)).await;
        assert_eq!(health(&db, &suite, "a").await.unwrap().broken, None);
    })
    .await;
}

#[tokio::test]
async fn a_commit_of_many_runs_is_one_sign() {
    on_every_engine(async |db| {
        let suite = db.suite.clone();
        for number in 0..12 {
            let key = format!("run {number}");
            record(&db, &suite, on_main(&key, NOON), vec![passed("a", 1.0)]).await;
        }
        for number in 0..150 {
            let key = format!("again {number}");
            let source = Source {
                sha: Some("nightly"),
                ..on_main(&key, NOON)
            };
            let fails = number % 3 == 2;
            let result = if fails {
                failed("a", 1.0)
            } else {
                passed("a", 1.0)
            };
            record(&db, &suite, source, vec![result]).await;
        }
        judge_all(&db, NOON).await;
        let found = health(&db, &suite, "a").await.unwrap();
        assert_eq!((found.level, found.mixed_groups), (Level::Suspect, 1));
        assert_eq!(found.alarm_since, None);
    })
    .await;
}

#[tokio::test]
async fn the_old_name_of_a_renamed_test_is_broken_until_its_failures_leave_the_window() {
    on_every_engine(async |db| {
        let suite = db.suite.clone();
        record(&db, &suite, on_main("c0", NOON), vec![passed("old", 1.0)]).await;
        for number in 1..4 {
            let key = format!("c{number}");
            record(&db, &suite, on_main(&key, NOON), vec![failed("old", 1.0)]).await;
        }
        judge_all(&db, NOON).await;
        assert_eq!(level(&db, &suite, "old").await, Level::Broken);
        for day in 1..90 {
            let key = format!("d{day}");
            let source = on_main(&key, NOON.plus_days(day));
            record(&db, &suite, source, vec![passed("new", 1.0)]).await;
        }
        // It may be fixed or gone; nobody knows until it runs again.
        judge_all(&db, NOON.plus_days(27)).await;
        assert_eq!(level(&db, &suite, "old").await, Level::Broken);
        judge_all(&db, NOON.plus_days(28)).await;
        assert_eq!(level(&db, &suite, "old").await, Level::Sound);
        assert_eq!(level(&db, &suite, "new").await, Level::Sound);
        // It is still there: the break goes on.
        let source = on_main("again", NOON.plus_days(60));
        record(&db, &suite, source, vec![failed("old", 1.0)]).await;
        judge_all(&db, NOON.plus_days(60)).await;
        let old = health(&db, &suite, "old").await.unwrap();
        assert_eq!(old.level, Level::Broken);
        assert_eq!(old.broken.unwrap().since.sha.as_deref(), Some("c1"));
    })
    .await;
}

#[tokio::test]
async fn runs_without_commits_or_branches_are_judged() {
    on_every_engine(async |db| {
        // Neither has a default branch.
        let organization = db.suite.organization;
        for (slug, default_branch, branch) in [("none", "", Some("")), ("other", "trunk", None)] {
            let new = NewSuite {
                uuid: Uuid::new_v4(),
                slug: slug.to_owned(),
                default_branch: default_branch.to_owned(),
                ..NewSuite::default()
            };
            let change = Change::by_server(NOON);
            let suite = db.store.create_suite(organization, new, &change).await;
            let suite = suite.unwrap();
            for number in 0..20 {
                let key = format!("run {number}");
                let source = Source {
                    key: &key,
                    sha: None,
                    branch,
                    at: NOON.plus_millis(number),
                };
                let mut results = vec![failed("always", 1.0), passed("never", 1.0)];
                results.extend(if number % 5 == 0 {
                    mixed("a")
                } else {
                    vec![passed("a", 1.0)]
                });
                // One of three fails in each run, so no run is an outage.
                record(&db, &suite, source, results).await;
            }
            judge_all(&db, NOON.plus_days(1)).await;
            assert_eq!(level(&db, &suite, "a").await, Level::Flaky, "{slug}");
            // Nothing is on the default branch, so nothing is broken there.
            let always = health(&db, &suite, "always").await.unwrap();
            assert_eq!((always.broken, always.mixed_groups), (None, 0), "{slug}");
            assert_eq!(level(&db, &suite, "never").await, Level::Sound, "{slug}");
        }
    })
    .await;
}

/// A hundred thousand are in the history of `insights`, without a database.
#[tokio::test]
async fn ten_thousand_tests_that_fail_at_once_twice_are_not_flaky() {
    on_every_engine(async |db| {
        let suite = db.suite.clone();
        let all = |fails: bool| -> Vec<NewExecution> {
            let result = |number: u32| {
                let name = format!("t{number}");
                if fails {
                    failed(&name, 1.0)
                } else {
                    passed(&name, 1.0)
                }
            };
            (0..10_000).map(result).collect()
        };
        for (key, fails) in [("k1", false), ("k2", true), ("k3", true), ("k4", false)] {
            record(&db, &suite, on_main(key, NOON), all(fails)).await;
            // Each passes on retry.
            if fails {
                record(&db, &suite, on_main(key, NOON), all(false)).await;
            }
        }
        assert_eq!(judge_all(&db, NOON).await.alarms, 0);
        for name in ["t0", "t9999"] {
            let found = health(&db, &suite, name).await.unwrap();
            assert_eq!((found.level, found.mixed_groups), (Level::Sound, 0));
        }
    })
    .await;
}
