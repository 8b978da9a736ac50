//! Archives of commits: each form is used once, and each archive is read by one server.

use std::collections::HashSet;

use test_engine_store::{BackfillOutcome, BackfillState, CommitRecord, Page};
use uuid::Uuid;

use crate::support::{Database, NOON, create_suite, on_every_engine};

const MINUTE: i64 = 60_000;
const ALL: Page = Page {
    number: 1,
    size: 100,
};

async fn form(db: &Database) -> Uuid {
    let uuid = Uuid::now_v7();
    let end = NOON.plus_millis(15 * MINUTE);
    db.store
        .create_backfill(db.suite.id, uuid, NOON, end)
        .await
        .unwrap();
    uuid
}

async fn received(db: &Database) -> Uuid {
    let uuid = form(db).await;
    assert!(db.store.begin_backfill(db.suite.id, uuid).await.unwrap());
    assert!(db.store.backfill_received(uuid, 7, NOON).await.unwrap());
    uuid
}

fn commit(sha: &str, message: &str) -> CommitRecord {
    CommitRecord {
        sha: sha.to_owned(),
        parents: vec!["a".repeat(40), "b".repeat(40)],
        author_name: "Ada \"the\" Author".to_owned(),
        author_email: "ada@example.com".to_owned(),
        author_date: "2026-01-02T03:04:05+01:00".to_owned(),
        committer_name: "Cy".to_owned(),
        committer_email: "cy@example.com".to_owned(),
        committer_date: "2026-01-02T03:04:06+01:00".to_owned(),
        message: message.to_owned(),
        files_changed: "a\nb".to_owned(),
        diff_stat: "1\t2\ta\n-\t-\tb".to_owned(),
    }
}

#[tokio::test]
async fn creates_a_secret_once() {
    on_every_engine(async |db| {
        let first = db.store.server_secret("k", [1; 32], NOON).await.unwrap();
        let second = db.store.server_secret("k", [2; 32], NOON).await.unwrap();
        let other = db.store.server_secret("l", [3; 32], NOON).await.unwrap();
        assert_eq!((first, second, other), ([1; 32], [1; 32], [3; 32]));
    })
    .await;
}

#[tokio::test]
async fn accepts_one_upload_per_form() {
    on_every_engine(async |db| {
        let store = &db.store;
        let other = create_suite(store, "acme", "other").await;
        let uuid = form(&db).await;
        assert!(!store.begin_backfill(other.id, uuid).await.unwrap());
        let tries: Vec<_> = (0..20)
            .map(|_| {
                let (store, suite) = (store.clone(), db.suite.id);
                tokio::spawn(async move { store.begin_backfill(suite, uuid).await.unwrap() })
            })
            .collect();
        let mut winners = 0;
        for one in tries {
            winners += i32::from(one.await.unwrap());
        }
        assert_eq!(winners, 1);

        store.release_backfill(uuid).await.unwrap();
        assert!(store.begin_backfill(db.suite.id, uuid).await.unwrap());
        assert!(store.backfill_received(uuid, 7, NOON).await.unwrap());
        assert!(!store.backfill_received(uuid, 8, NOON).await.unwrap());
        store.release_backfill(uuid).await.unwrap();
        assert!(!store.begin_backfill(db.suite.id, uuid).await.unwrap());
        let listed = store.backfills(db.suite.id, ALL).await.unwrap();
        assert_eq!(listed.items[0].state, BackfillState::Received);
        assert_eq!(listed.items[0].size, Some(7));
        assert!(
            !store
                .begin_backfill(db.suite.id, Uuid::new_v4())
                .await
                .unwrap()
        );
    })
    .await;
}

#[tokio::test]
async fn deletes_unused_forms() {
    on_every_engine(async |db| {
        let awaited = form(&db).await;
        let broken_off = form(&db).await;
        assert!(
            db.store
                .begin_backfill(db.suite.id, broken_off)
                .await
                .unwrap()
        );
        let in_use = received(&db).await;
        let waiting = db.store.awaited_backfills().await.unwrap();
        assert_eq!(waiting.len(), 1);
        assert_eq!(waiting[0].uuid, awaited);
        assert_eq!(waiting[0].suite_uuid, db.suite.uuid);
        assert_eq!(waiting[0].organization_uuid, db.suite.organization_uuid);
        let end = NOON.plus_millis(15 * MINUTE);
        assert_eq!(db.store.unused_backfills(end).await.unwrap(), []);
        let later = end.plus_millis(1);
        let unused: Vec<Uuid> = db
            .store
            .unused_backfills(later)
            .await
            .unwrap()
            .into_iter()
            .map(|unused| unused.uuid)
            .collect();
        assert_eq!(unused, [awaited, broken_off]);
        for uuid in unused {
            assert!(db.store.delete_unused_backfill(uuid).await.unwrap());
        }
        assert!(!db.store.delete_unused_backfill(in_use).await.unwrap());
        let left = db.store.backfills(db.suite.id, ALL).await.unwrap();
        assert_eq!(left.total, 1);
    })
    .await;
}

#[tokio::test]
async fn passes_expired_claims_to_another_reader() {
    on_every_engine(async |db| {
        let store = &db.store;
        let mut waiting = HashSet::new();
        for _ in 0..3 {
            waiting.insert(received(&db).await);
        }
        let until = NOON.plus_millis(MINUTE);
        let tries: Vec<_> = (0..20)
            .map(|_| {
                let store = store.clone();
                tokio::spawn(async move { store.claim_backfill(NOON, until).await.unwrap() })
            })
            .collect();
        let mut claimed = Vec::new();
        for one in tries {
            claimed.extend(one.await.unwrap().map(|pending| pending.uuid));
        }
        // A server that loses the race gets nothing, but no archive is claimed twice.
        while let Some(pending) = store.claim_backfill(NOON, until).await.unwrap() {
            claimed.push(pending.uuid);
        }
        assert_eq!(claimed.len(), 3);
        assert_eq!(claimed.iter().copied().collect::<HashSet<_>>(), waiting);

        // The first reader keeps renewing; the other claims expire.
        assert!(
            store
                .renew_backfill(claimed[0], NOON.plus_millis(5 * MINUTE))
                .await
                .unwrap()
        );
        let later = until.plus_millis(1);
        let again = store
            .claim_backfill(later, later.plus_millis(MINUTE))
            .await
            .unwrap()
            .unwrap();
        assert_ne!(again.uuid, claimed[0]);
        assert_eq!(again.claims, 2);

        // A postponed archive cannot be claimed before that time, and its claim does not count.
        let soon = later.plus_millis(10 * MINUTE);
        store.postpone_backfill(again.uuid, soon).await.unwrap();
        for uuid in claimed.iter().filter(|uuid| **uuid != again.uuid) {
            let rejected = BackfillOutcome::Rejected {
                reason: "no".to_owned(),
            };
            store
                .finish_backfill(*uuid, &rejected, later)
                .await
                .unwrap();
            assert!(!store.renew_backfill(*uuid, soon).await.unwrap());
        }
        let before = soon.plus_millis(-1);
        assert_eq!(store.claim_backfill(before, soon).await.unwrap(), None);
        let last = store.claim_backfill(soon, soon).await.unwrap().unwrap();
        assert_eq!((last.uuid, last.claims), (again.uuid, 2));

        let ingested = BackfillOutcome::Ingested {
            commits: 5,
            skipped_records: 1,
            problems: vec!["line 3: \"x\"".to_owned()],
        };
        store
            .finish_backfill(last.uuid, &ingested, soon)
            .await
            .unwrap();
        let listed = store.backfills(db.suite.id, ALL).await.unwrap();
        let kept = listed.items.iter().find(|one| one.uuid == last.uuid);
        let kept = kept.unwrap();
        assert_eq!(kept.state, BackfillState::Ingested);
        assert_eq!((kept.commits, kept.skipped_records), (5, 1));
        assert_eq!(kept.problems, ["line 3: \"x\""]);
        assert_eq!(kept.finished_at, Some(soon));
        assert_eq!(
            listed
                .items
                .iter()
                .filter(|one| one.problems == ["no"])
                .count(),
            2
        );
        // Nothing is left to read.
        let end = soon.plus_days(1);
        assert_eq!(store.claim_backfill(end, end).await.unwrap(), None);
    })
    .await;
}

#[tokio::test]
async fn replaces_commits_on_later_upload() {
    on_every_engine(async |db| {
        let store = &db.store;
        let many: Vec<CommitRecord> = (0..213)
            .map(|number| {
                commit(
                    &format!("{number:040x}"),
                    &format!("nr. {number}\n\nBody 🌧"),
                )
            })
            .collect();
        store.record_commits(db.suite.id, &many).await.unwrap();
        store.record_commits(db.suite.id, &many).await.unwrap();
        store.record_commits(db.suite.id, &[]).await.unwrap();
        assert_eq!(store.count_commits(db.suite.id).await.unwrap(), 213);
        let kept = store.commit(db.suite.id, &many[212].sha).await.unwrap();
        assert_eq!(kept.as_ref(), Some(&many[212]));

        let rewritten = CommitRecord {
            author_name: String::new(),
            parents: Vec::new(),
            ..commit(&many[3].sha, "told again")
        };
        store
            .record_commits(db.suite.id, std::slice::from_ref(&rewritten))
            .await
            .unwrap();
        let kept = store.commit(db.suite.id, &many[3].sha).await.unwrap();
        assert_eq!(kept, Some(rewritten));

        let other = create_suite(store, "acme", "other").await;
        assert_eq!(store.commit(other.id, &many[3].sha).await.unwrap(), None);
        assert_eq!(store.count_commits(other.id).await.unwrap(), 0);
    })
    .await;
}
