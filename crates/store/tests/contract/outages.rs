//! Outages that somebody has counted all the same.

use std::collections::BTreeMap;

use test_engine_insights::{CommitGroup, Counts, Day};
use test_engine_store::{
    Actor, ActorKind, AuditFilter, Change, NewExecution, NewUpload, Page, Recounted, Run,
};
use uuid::Uuid;

use crate::failed_tests::failed_with;
use crate::support::{Database, NOON, OtherProgram, failed, on_every_engine, passed, run, upload};

const NAMES: [&str; 8] = ["a", "b", "c", "d", "e", "f", "g", "h"];

async fn record(db: &Database, key: &str, sha: &str, executions: Vec<NewExecution>) {
    let mut new = NewUpload {
        executions,
        ..upload(&db.suite, key)
    };
    new.run.commit_sha = Some(sha.to_owned());
    db.store.record_upload(new).await.unwrap();
}

/// Most tests fail, and pass on retry in another upload of the run.
async fn outage(db: &Database, key: &str, sha: &str) {
    let failing = NAMES.map(|name| match name {
        "g" | "h" => passed(name, 1.0),
        name => failed(name, 1.0),
    });
    record(db, key, sha, failing.into()).await;
    let retry = ["a", "b", "c"].map(|name| passed(name, 1.1));
    record(db, key, sha, retry.into()).await;
}

fn by_somebody() -> Change {
    let change = Change::new(Actor::of_kind(ActorKind::CommandLine), NOON);
    change.because("it was the tests")
}

async fn recount(db: &Database, run: Uuid, counted: bool) -> Recounted {
    let change = by_somebody();
    let done = db.store.count_outage(db.suite.id, run, counted, &change);
    done.await.unwrap()
}

async fn count(db: &Database, run: &Run, counted: bool) -> Run {
    match recount(db, run.uuid, counted).await {
        Recounted::Done(run) => *run,
        other => panic!("{other:?}"),
    }
}

type Known = BTreeMap<i64, (Vec<CommitGroup>, Vec<Day>)>;

async fn evidence(db: &Database) -> Known {
    let found = db.store.evidence(db.suite.id, NOON).await.unwrap();
    let parts = found.into_iter().map(|(test, evidence)| {
        let parts = (evidence.groups().to_vec(), evidence.days().to_vec());
        (test.get(), parts)
    });
    parts.collect()
}

async fn judge_all(db: &Database) {
    while db.store.judge_some(NOON, 100).await.unwrap().tests > 0 {}
}

#[tokio::test]
async fn counting_an_outage_and_undoing_it_are_exact_inverses() {
    on_every_engine(async |db| {
        let all = NAMES.map(|name| passed(name, 1.0));
        record(&db, "k1", "sha1", all.clone().into()).await;
        outage(&db, "k2", "sha2").await;
        // Another run of the same commit, which is no outage.
        let mut some = all.clone();
        some[0] = failed("a", 1.0);
        record(&db, "k3", "sha2", some.into()).await;
        let guarded = run(&db, "k2").await;
        assert!(guarded.guarded && !guarded.outage_counted);
        let before = evidence(&db).await;
        judge_all(&db).await;

        let counted = count(&db, &guarded, true).await;
        assert!(counted.guarded && counted.outage_counted);
        let after = evidence(&db).await;
        assert_eq!(
            after.keys().collect::<Vec<_>>(),
            before.keys().collect::<Vec<_>>()
        );
        for (test, (groups, days)) in &after {
            let (groups_before, days_before) = &before[test];
            for (group, earlier) in groups.iter().zip(groups_before) {
                assert_eq!(group.guarded, Counts::default(), "{test}");
                let sum = |group: &CommitGroup| {
                    let (counted, guarded) = (group.counted, group.guarded);
                    (
                        counted.passed + guarded.passed,
                        counted.failed + guarded.failed,
                    )
                };
                assert_eq!(sum(group), sum(earlier), "{test}");
            }
            let passes = |days: &[Day]| days.iter().map(|day| day.passed).sum::<u32>();
            assert!(passes(days) >= passes(days_before), "{test}");
        }
        assert!(
            db.store.judge_some(NOON, 100).await.unwrap().tests > 0,
            "judged again"
        );
        assert_eq!(count(&db, &guarded, true).await, counted, "nothing to do");
        assert!(!count(&db, &guarded, false).await.outage_counted);
        assert_eq!(evidence(&db).await, before);

        let filter = AuditFilter {
            subject: Some(guarded.uuid),
            ..AuditFilter::default()
        };
        let page = Page::new(1, 10);
        let log = db.store.audit_log(db.suite.organization, &filter, page);
        let log = log.await.unwrap().items;
        assert_eq!(log.len(), 2);
        assert_eq!(log[0].action, "run.outage_changed");
        assert_eq!(log[0].change.reason.as_deref(), Some("it was the tests"));
    })
    .await;
}

/// The numbers of groups and guarded sums, whatever the ids.
async fn totals(db: &Database) -> (Vec<i64>, Vec<Vec<(Counts, Counts)>>) {
    let mut other = OtherProgram::new(&db.url).await;
    let mut numbers = Vec::new();
    for column in ["passed", "failed", "guarded_passed", "guarded_failed"] {
        let sum = format!("SELECT CAST(SUM({column}) AS BIGINT) FROM commit_groups");
        numbers.push(other.number(&sum).await);
    }
    let groups = evidence(db).await.into_values().map(|(groups, _)| {
        let counts = groups.iter().map(|group| (group.counted, group.guarded));
        counts.collect()
    });
    (numbers, groups.collect())
}

#[tokio::test]
async fn later_uploads_of_a_counted_run_count_and_can_be_undone() {
    on_every_engine(async |db| {
        // The same uploads, once with a detour.
        let twin = Database::sqlite().await;
        for (database, detour) in [(&db, true), (&twin, false)] {
            record(
                database,
                "k0",
                "sha0",
                NAMES.map(|name| passed(name, 1.0)).into(),
            )
            .await;
            outage(database, "k1", "sha1").await;
            let guarded = run(database, "k1").await;
            if detour {
                count(database, &guarded, true).await;
                // A server without the cache of the run.
                let other = database.reopened().await;
                let more = vec![failed("a", 2.0), passed("d", 2.0), failed("new", 2.0)];
                record(&other, "k1", "sha1", more).await;
                other.store.close().await;
                let found = run(database, "k1").await;
                assert!(found.guarded && found.outage_counted);
                let (numbers, _) = totals(database).await;
                assert_eq!(numbers[2..], [0, 0], "nothing is guarded");
                count(database, &guarded, false).await;
            } else {
                let more = vec![failed("a", 2.0), passed("d", 2.0), failed("new", 2.0)];
                record(database, "k1", "sha1", more).await;
            }
            // The run passes more and more until it is no outage.
            let passes = (0..20).map(|number| passed(&format!("n{number}"), 1.0));
            record(database, "k1", "sha1", passes.collect()).await;
        }
        assert_eq!(totals(&db).await, totals(&twin).await);
        assert!(!run(&db, "k1").await.guarded);
    })
    .await;
}

#[tokio::test]
async fn tests_with_one_new_cause_are_counted_with_their_run() {
    on_every_engine(async |db| {
        let message = 0x1234_5678_0000_0000;
        let first = (0_u64..112).map(|number| {
            let name = format!("t{number}");
            if number < 12 {
                failed_with(&name, message | number)
            } else {
                passed(&name, 1.0)
            }
        });
        record(&db, "k", "sha", first.collect()).await;
        let retry = (0..12).map(|number| passed(&format!("t{number}"), 1.1));
        record(&db, "k", "sha", retry.collect()).await;
        let before = evidence(&db).await;
        let found = run(&db, "k").await;
        assert!(!found.guarded, "only twelve tests are");
        count(&db, &found, true).await;
        let (numbers, _) = totals(&db).await;
        assert_eq!(numbers, [12, 12, 0, 0]);
        count(&db, &found, false).await;
        let (numbers, _) = totals(&db).await;
        assert_eq!(numbers, [0, 0, 12, 12]);
        assert_eq!(evidence(&db).await, before);
    })
    .await;
}

#[tokio::test]
async fn a_run_without_its_executions_is_not_recounted() {
    on_every_engine(async |db| {
        outage(&db, "k", "sha").await;
        let found = run(&db, "k").await;
        assert_eq!(recount(&db, Uuid::nil(), true).await, Recounted::NoRun);
        let mut other = OtherProgram::new(&db.url).await;
        other.say("DELETE FROM segments").await;
        assert_eq!(recount(&db, found.uuid, true).await, Recounted::Deleted);
        assert!(!run(&db, "k").await.outage_counted);
    })
    .await;
}

#[tokio::test]
async fn a_counted_outage_fails_tests_on_the_default_branch() {
    on_every_engine(async |db| {
        let all = NAMES.map(|name| passed(name, 1.0));
        record(&db, "k1", "sha1", all.into()).await;
        outage(&db, "k2", "sha2").await;
        let outages = async || {
            let found = db
                .store
                .failures_on_main(db.suite.id, 10, 10)
                .await
                .unwrap();
            let commits: Vec<bool> = found.commits.iter().map(|one| one.is_outage).collect();
            (commits, found.tests.len())
        };
        assert_eq!(outages().await, (vec![false, true], 0));
        let guarded = run(&db, "k2").await;
        count(&db, &guarded, true).await;
        assert_eq!(outages().await, (vec![false, false], 6));
        count(&db, &guarded, false).await;
        assert_eq!(outages().await, (vec![false, true], 0));
    })
    .await;
}
