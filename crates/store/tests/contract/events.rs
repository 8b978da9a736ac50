//! The event log: an event for every change of a test's state, in the same transaction.

use test_engine_store::{
    Actor, ActorKind, Change, EventFilter, EventKind, Page, RetentionStart, SuiteEvent, TestState,
    Timestamp, test_uuid,
};
use uuid::Uuid;

use crate::support::{
    Database, NOON, OtherProgram, create_suite, on_every_engine, on_upgraded_databases, passed,
    record,
};

const ALL: Page = Page {
    number: 1,
    size: 100,
};

fn priya(at: Timestamp) -> Change {
    let actor = Actor {
        kind: ActorKind::Session,
        uuid: Some(Uuid::from_u128(7)),
        name: Some("Priya".to_owned()),
    };
    Change::new(actor, at).because("the sandbox throttles us")
}

/// Sets the state of the test `a`, which has been recorded.
pub(crate) async fn set(db: &Database, state: TestState, at: Timestamp) {
    let uuid = test_uuid(db.suite.uuid, "Basket", "a");
    let set = db
        .store
        .set_test_state(db.suite.id, uuid, state, &priya(at))
        .await;
    assert_eq!(set.unwrap().unwrap().state, state);
}

/// Newest first.
async fn events(db: &Database, filter: EventFilter) -> Vec<SuiteEvent> {
    let listed = db.store.events(db.suite.id, filter, ALL).await.unwrap();
    assert_eq!(listed.total, listed.items.len() as u64);
    listed.items
}

#[tokio::test]
async fn every_change_of_a_state_is_an_event_of_its_suite() {
    on_every_engine(async |db| {
        record(&db, "k", vec![passed("a", 1.0)]).await;
        let other = create_suite(&db.store, "acme", "other").await;
        set(&db, TestState::Muted, NOON).await;
        set(&db, TestState::Muted, NOON).await;
        set(&db, TestState::Enabled, NOON.plus_millis(5)).await;
        let log = events(&db, EventFilter::default()).await;
        let kinds: Vec<EventKind> = log.iter().map(|event| event.kind).collect();
        assert_eq!(kinds, [EventKind::MuteRemoved, EventKind::MuteCreated]);
        let test = test_uuid(db.suite.uuid, "Basket", "a");
        let muted = &log[1];
        assert_eq!((muted.at, muted.suite), (NOON, db.suite.id));
        assert_eq!(muted.actor, priya(NOON).actor);
        assert_eq!(muted.reason.as_deref(), Some("the sandbox throttles us"));
        assert_eq!(muted.test_uuid, Some(test));
        assert_eq!(muted.test_name.as_deref(), Some("Basket a"));
        assert_eq!(muted.before.as_ref().unwrap()["state"], "enabled");
        assert_eq!(muted.after.as_ref().unwrap()["state"], "muted");

        let of_kind = EventFilter {
            kind: Some(EventKind::MuteRemoved),
            test: Some(test),
            rule: None,
        };
        assert_eq!(events(&db, of_kind).await, log[..1]);
        let of_nothing = EventFilter {
            test: Some(Uuid::nil()),
            ..EventFilter::default()
        };
        assert_eq!(events(&db, of_nothing).await, []);
        let page = Page::new(2, 1);
        let second = db.store.events(db.suite.id, EventFilter::default(), page);
        let second = second.await.unwrap();
        assert_eq!((second.total, &second.items[..]), (2, &log[1..]));
        let theirs = db.store.events(other.id, EventFilter::default(), ALL);
        assert_eq!(theirs.await.unwrap().total, 0);
    })
    .await;
}

#[tokio::test]
async fn a_change_without_its_event_is_not_made() {
    on_every_engine(async |db| {
        record(&db, "k", vec![passed("a", 1.0)]).await;
        let mut other = OtherProgram::new(&db.url).await;
        other.say("ALTER TABLE events RENAME TO gone").await;
        let uuid = test_uuid(db.suite.uuid, "Basket", "a");
        let by = priya(NOON);
        let muted = db
            .store
            .set_test_state(db.suite.id, uuid, TestState::Muted, &by);
        assert!(muted.await.is_err());
        let test = db.store.test(db.suite.id, uuid).await.unwrap().unwrap();
        assert_eq!(test.state, TestState::Enabled);
        let audited = "SELECT COUNT(*) FROM audit_log WHERE subject_kind = 'test'";
        assert_eq!(other.number(audited).await, 0);
    })
    .await;
}

#[tokio::test]
async fn events_expire_with_runs() {
    on_every_engine(async |db| {
        record(&db, "k", vec![passed("a", 1.0)]).await;
        for day in 0..4 {
            set(&db, TestState::Muted, NOON.plus_days(day)).await;
            set(&db, TestState::Enabled, NOON.plus_days(day)).await;
        }
        let kept = |days| RetentionStart {
            spans: None,
            executions: None,
            aggregates: Some(NOON.plus_days(days).day()),
        };
        let expired = |days| db.store.count_expired(db.suite.id, kept(days));
        assert_eq!(expired(0).await.unwrap().events, 0);
        assert_eq!(expired(3).await.unwrap().events, 6);
        let mut removed = 0;
        loop {
            let step = db.store.delete_some_expired(db.suite.id, kept(3)).await;
            let step = step.unwrap();
            removed += step.events;
            if step == test_engine_store::Expired::default() {
                break;
            }
        }
        assert_eq!(removed, 6);
        let left = events(&db, EventFilter::default()).await;
        assert!(left.iter().all(|event| event.at == NOON.plus_days(3)));
        assert_eq!(left.len(), 2);
    })
    .await;
}

/// Rows of version 18: the audit log has what is an event now.
const ROWS: &str = "\
    INSERT INTO organizations (uuid, slug, created_at) \
    VALUES (X'00112233445566778899aabbccddeeff', 'acme', 0); \
    INSERT INTO suites (organization_id, uuid, slug, name, default_branch, created_at) \
    VALUES (1, X'00112233445566778899aabbccddeeff', 'web', 'Web', 'main', 0); \
    INSERT INTO audit_log (organization_id, uuid, at, actor_kind, actor_name, action, \
    suite_uuid, suite_slug, subject_kind, subject_uuid, subject_name, after, reason) VALUES \
    (1, X'01112233445566778899aabbccddeeff', 5, 'session', 'Priya', 'mute.created', \
     X'00112233445566778899aabbccddeeff', 'web', 'test', \
     X'0a112233445566778899aabbccddeeff', 'Cart adds', '{\"state\":\"muted\"}', 'slow'), \
    (1, X'02112233445566778899aabbccddeeff', 6, 'session', 'Priya', 'labels.added', \
     X'00112233445566778899aabbccddeeff', 'web', 'test', \
     X'0a112233445566778899aabbccddeeff', 'Cart adds', NULL, NULL), \
    (1, X'03112233445566778899aabbccddeeff', 7, 'time', NULL, 'mute.expired', \
     X'00112233445566778899aabbccddeeff', 'web', 'test', \
     X'0a112233445566778899aabbccddeeff', 'Cart adds', NULL, 'slow'), \
    (1, X'04112233445566778899aabbccddeeff', 8, 'time', NULL, 'mute.expired', \
     X'ff112233445566778899aabbccddeeff', 'deleted', 'test', \
     X'0b112233445566778899aabbccddeeff', 'Cart pays', NULL, NULL);";

#[tokio::test]
async fn an_upgrade_fills_the_log_with_what_the_audit_log_has() {
    on_upgraded_databases(18, ROWS, async |store| {
        let suite = store.suite("acme", "web").await.unwrap().unwrap();
        let listed = store.events(suite.id, EventFilter::default(), ALL).await;
        let log = listed.unwrap().items;
        let kinds: Vec<EventKind> = log.iter().map(|event| event.kind).collect();
        assert_eq!(kinds, [EventKind::MuteExpired, EventKind::MuteCreated]);
        let created = &log[1];
        assert_eq!(created.at, Timestamp::from_millis(5));
        assert_eq!(created.actor.name.as_deref(), Some("Priya"));
        assert_eq!(created.test_name.as_deref(), Some("Cart adds"));
        assert_eq!(created.after.as_ref().unwrap()["state"], "muted");
        assert_eq!(created.reason.as_deref(), Some("slow"));
    })
    .await;
}
