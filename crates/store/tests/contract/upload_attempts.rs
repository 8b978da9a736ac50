//! Accepted and rejected uploads in one list, and their counts.

use test_engine_store::{
    AttemptState, MAX_REJECTED_UPLOADS, NewRejectedUpload, Page, UploadHour, UploadPosition,
};
use uuid::Uuid;

use crate::reading::ALL;
use crate::support::{Database, NOON, create_suite, on_every_engine, passed, record, upload};

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

fn rejected(db: &Database, status: u16, reason: &str, hours: i64) -> NewRejectedUpload {
    NewRejectedUpload {
        suite: db.suite.id,
        uuid: Uuid::new_v4(),
        status,
        reason: reason.to_owned(),
        run_key: None,
        format: None,
        received_at: NOON.plus_millis(hours * 3_600_000),
    }
}

#[tokio::test]
async fn lists_accepted_and_rejected_uploads_together() {
    on_every_engine(async |db| {
        record(&db, "k1", vec![passed("a", 1.0)]).await;
        for (status, reason, hours) in [(422, "no format", 1), (503, "no database", 2)] {
            let new = rejected(&db, status, reason, hours);
            db.store.record_rejected_upload(new).await.unwrap();
        }
        let mut late = upload(&db.suite, "k2");
        late.received_at = NOON.plus_millis(3 * 3_600_000);
        db.store.record_upload(late).await.unwrap();
        let listed = async |state, page| {
            let listed = db
                .store
                .upload_attempts(db.suite.id, state, page)
                .await
                .unwrap();
            let told: Vec<String> = listed
                .items
                .into_iter()
                .map(|item| {
                    assert_eq!(
                        item.run_uuid.is_some(),
                        item.state == AttemptState::Accepted
                    );
                    item.reason.or(item.run_key).unwrap()
                })
                .collect();
            (listed.total, told)
        };
        let all = words(&["k2", "no database", "no format", "k1"]);
        assert_eq!(listed(None, ALL).await, (4, all.clone()));
        assert_eq!(listed(None, Page::new(2, 3)).await, (4, all[3..].to_vec()));
        for (state, expected) in [
            (AttemptState::Accepted, words(&["k2", "k1"])),
            (AttemptState::Rejected, words(&["no format"])),
            (AttemptState::Failed, words(&["no database"])),
        ] {
            let total = expected.len() as u64;
            assert_eq!(listed(Some(state), ALL).await, (total, expected));
        }
    })
    .await;
}

#[tokio::test]
async fn reads_uploads_on_from_a_position() {
    on_every_engine(async |db| {
        for (hours, status) in [(0, 0), (1, 422), (1, 0), (2, 503), (3, 422), (4, 0), (5, 0)] {
            if status > 0 {
                let new = rejected(&db, status, "no", hours);
                db.store.record_rejected_upload(new).await.unwrap();
                continue;
            }
            let mut new = upload(&db.suite, &format!("k{hours}"));
            new.received_at = NOON.plus_millis(hours * 3_600_000);
            db.store.record_upload(new).await.unwrap();
        }
        for state in [
            None,
            Some(AttemptState::Accepted),
            Some(AttemptState::Rejected),
            Some(AttemptState::Failed),
        ] {
            let all = db.store.upload_attempts(db.suite.id, state, ALL).await;
            let all = all.unwrap().items;
            for size in [1, 2, 3, 100] {
                let mut found = Vec::new();
                let mut position = Some(UploadPosition::START);
                while let Some(from) = position {
                    let next = db
                        .store
                        .upload_attempts_from(db.suite.id, state, from, size);
                    let (attempts, next) = next.await.unwrap();
                    assert!(attempts.len() <= size as usize);
                    found.extend(attempts);
                    position = next;
                }
                assert_eq!(found, all, "{state:?} {size}");
            }
        }
    })
    .await;
}

#[tokio::test]
async fn counts_uploads_by_hour_and_reason() {
    on_every_engine(async |db| {
        record(&db, "k1", vec![passed("a", 1.0)]).await;
        for (status, reason, hours) in [
            (422, "no format", 0),
            (422, "no format", 1),
            (413, "too large", 1),
            (503, "no database", 1),
            (422, "too old", -30),
        ] {
            let new = rejected(&db, status, reason, hours);
            db.store.record_rejected_upload(new).await.unwrap();
        }
        let since = NOON.plus_millis(-24 * 3_600_000);
        let hour = |hours: i64, [accepted, rejected, failed]: [u64; 3]| UploadHour {
            start: NOON.plus_millis(hours * 3_600_000),
            accepted,
            rejected,
            failed,
        };
        let hours = db.store.uploads_by_hour(db.suite.id, since).await.unwrap();
        assert_eq!(hours, [hour(0, [1, 1, 0]), hour(1, [0, 2, 1])]);
        let problems = db.store.upload_problems(db.suite.id, since).await.unwrap();
        let found = problems
            .iter()
            .map(|it| (it.status, it.reason.as_str(), it.uploads));
        let expected = [
            (422, "no format", 2),
            (503, "no database", 1),
            (413, "too large", 1),
        ];
        assert_eq!(found.collect::<Vec<_>>(), expected);
        assert_eq!(problems[0].first_at, NOON);
        assert_eq!(problems[0].last_at, NOON.plus_millis(3_600_000));
        let other = create_suite(&db.store, "acme", "other").await;
        assert!(
            db.store
                .uploads_by_hour(other.id, since)
                .await
                .unwrap()
                .is_empty()
        );
    })
    .await;
}

#[tokio::test]
async fn keeps_only_the_latest_rejected_uploads() {
    on_every_engine(async |db| {
        let extra = 5;
        for number in 0..MAX_REJECTED_UPLOADS + extra {
            let new = rejected(&db, 422, &number.to_string(), 0);
            db.store.record_rejected_upload(new).await.unwrap();
        }
        let listed = db
            .store
            .upload_attempts(db.suite.id, None, Page::new(10, 100))
            .await
            .unwrap();
        assert_eq!(i64::try_from(listed.total).unwrap(), MAX_REJECTED_UPLOADS);
        let oldest = listed.items.last().unwrap();
        assert_eq!(oldest.reason, Some(extra.to_string()));
    })
    .await;
}
