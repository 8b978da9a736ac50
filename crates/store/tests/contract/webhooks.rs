//! Webhooks and the queue of their deliveries. No clock: every test says what time it is.

use test_engine_store::{
    AttemptOutcome, AuditFilter, Change, Delivery, DeliveryState, EventKind, MAX_WEBHOOKS,
    NewWebhook, Page, StoreError, Suite, TestState, Timestamp, Webhook, WebhookChanges,
    WebhookFormat, WebhookTarget,
};
use uuid::Uuid;

use crate::events::set;
use crate::support::{Database, NOON, OtherProgram, create_suite, on_every_engine, passed, record};

const ALL: Page = Page {
    number: 1,
    size: 100,
};
const MINUTE: i64 = 60_000;

fn by() -> Change {
    Change::by_server(NOON)
}

async fn create(db: &Database, suite: Option<&Suite>, kinds: &[EventKind]) -> Webhook {
    let new = NewWebhook {
        uuid: Uuid::new_v4(),
        organization: db.suite.organization,
        suite: suite.map(|suite| suite.id),
        description: Some("for the team".to_owned()),
        target: WebhookTarget {
            address: "https://hooks.example.com/…".to_owned(),
            sealed: vec![1, 2, 3],
        },
        format: WebhookFormat::Json,
        kinds: kinds.to_vec(),
    };
    db.store.create_webhook(new, &by()).await.unwrap()
}

/// Mutes and enables the test `a` once.
async fn two_events(db: &Database) {
    record(db, "k", vec![passed("a", 1.0)]).await;
    set(db, TestState::Muted, NOON).await;
    set(db, TestState::Enabled, NOON.plus_millis(1)).await;
}

async fn deliveries(db: &Database, webhook: &Webhook) -> Vec<Delivery> {
    let listed = db.store.deliveries(webhook.id, None, ALL).await.unwrap();
    assert_eq!(listed.total, listed.items.len() as u64);
    listed.items
}

async fn kinds(db: &Database, webhook: &Webhook) -> Vec<EventKind> {
    let all = deliveries(db, webhook).await;
    all.iter().map(|delivery| delivery.event.kind).collect()
}

async fn claim(db: &Database, webhook: &Webhook, now: Timestamp) -> Option<Delivery> {
    let until = now.plus_millis(2 * MINUTE);
    let claimed = db.store.claim_delivery(webhook.id, now, until);
    claimed.await.unwrap()
}

async fn finish(db: &Database, claimed: &Delivery, retry_at: Option<Timestamp>, now: Timestamp) {
    let outcome = AttemptOutcome {
        status: Some(500),
        error: Some("the response was 500".to_owned()),
        retry_at,
    };
    db.store
        .finish_attempt(claimed, &outcome, now)
        .await
        .unwrap();
}

#[tokio::test]
async fn events_are_queued_for_the_webhooks_that_want_them() {
    use EventKind::{MuteCreated, MuteRemoved};
    on_every_engine(async |db| {
        let other = create_suite(&db.store, "acme", "other").await;
        create_suite(&db.store, "rival", "web").await;
        let of_all = create(&db, None, &[]).await;
        let of_suite = create(&db, Some(&db.suite), &[MuteRemoved, EventKind::SkipDue]).await;
        let of_other = create(&db, Some(&other), &[]).await;
        let disabled = create(&db, None, &[]).await;
        let change = WebhookChanges {
            is_enabled: Some(false),
            ..WebhookChanges::default()
        };
        let organization = db.suite.organization;
        let by = by();
        let update = db
            .store
            .update_webhook(organization, disabled.uuid, change, &by);
        assert!(!update.await.unwrap().unwrap().is_enabled);
        two_events(&db).await;
        assert_eq!(kinds(&db, &of_all).await, [MuteRemoved, MuteCreated]);
        assert_eq!(kinds(&db, &of_suite).await, [MuteRemoved]);
        assert_eq!(kinds(&db, &of_other).await, []);
        assert_eq!(kinds(&db, &disabled).await, []);

        let due = db.store.due_webhooks(NOON).await.unwrap();
        assert_eq!(due.len(), 1, "the second event is later");
        let due = db.store.due_webhooks(NOON.plus_millis(1)).await.unwrap();
        let due: Vec<Uuid> = due.iter().map(|webhook| webhook.uuid).collect();
        assert_eq!(due, [of_all.uuid, of_suite.uuid]);
    })
    .await;
}

#[tokio::test]
async fn a_delivery_belongs_to_one_attempt_until_that_lapses() {
    on_every_engine(async |db| {
        let webhook = create(&db, None, &[]).await;
        two_events(&db).await;
        let later = NOON.plus_millis(1);
        let (one, other) = tokio::join!(claim(&db, &webhook, NOON), claim(&db, &webhook, NOON));
        let first = one.or(other).expect("one of them gets it");
        assert_eq!(first.event.kind, EventKind::MuteCreated, "the oldest first");
        assert_eq!(first.attempts, 1);
        let second = claim(&db, &webhook, later).await.unwrap();
        assert_eq!(second.event.kind, EventKind::MuteRemoved);
        assert_eq!(claim(&db, &webhook, later).await, None);
        assert!(db.store.due_webhooks(later).await.unwrap().is_empty());

        // The server with the first one has died.
        let lapsed = NOON.plus_millis(2 * MINUTE);
        let again = claim(&db, &webhook, lapsed).await.unwrap();
        assert_eq!((again.uuid, again.attempts), (first.uuid, 2));
        // It has not, after all: its outcome no longer counts.
        finish(&db, &first, None, lapsed).await;
        let listed = deliveries(&db, &webhook).await;
        let listed = listed.iter().find(|it| it.uuid == first.uuid).unwrap();
        assert_eq!(listed.state, DeliveryState::Pending);
        let delivered = AttemptOutcome {
            status: Some(204),
            error: None,
            retry_at: None,
        };
        let finished = db.store.finish_attempt(&again, &delivered, lapsed).await;
        finished.unwrap();
        let listed = deliveries(&db, &webhook).await;
        let listed = listed.iter().find(|it| it.uuid == first.uuid).unwrap();
        assert_eq!(listed.state, DeliveryState::Delivered);
        assert_eq!(listed.finished_at, Some(lapsed));
        assert_eq!((listed.last_status, &listed.last_error), (Some(204), &None));
    })
    .await;
}

#[tokio::test]
async fn dead_deliveries_are_listed_and_sent_again() {
    on_every_engine(async |db| {
        let webhook = create(&db, None, &[]).await;
        two_events(&db).await;
        let later = NOON.plus_millis(1);
        let first = claim(&db, &webhook, later).await.unwrap();
        let retry_at = later.plus_millis(MINUTE);
        finish(&db, &first, Some(retry_at), later).await;
        let second = claim(&db, &webhook, later).await.unwrap();
        assert_ne!(second.uuid, first.uuid, "the first one waits");
        finish(&db, &second, None, later).await;
        let retried = claim(&db, &webhook, retry_at).await.unwrap();
        assert_eq!((retried.uuid, retried.attempts), (first.uuid, 2));
        finish(&db, &retried, None, retry_at).await;

        let dead = Some(DeliveryState::Dead);
        let listed = db.store.deliveries(webhook.id, dead, ALL).await.unwrap();
        assert_eq!(listed.total, 2);
        assert_eq!(listed.items[0].last_status, Some(500));
        let organization = db.suite.organization;
        let resend = async |delivery| {
            let change = Change::by_server(retry_at);
            let resent = db
                .store
                .resend_deliveries(organization, webhook.uuid, delivery, &change);
            resent.await.unwrap()
        };
        assert_eq!(resend(Some(Uuid::nil())).await, 0);
        assert_eq!(resend(Some(first.uuid)).await, 1);
        assert_eq!(resend(Some(first.uuid)).await, 0, "it is pending already");
        assert_eq!(resend(None).await, 1);
        assert_eq!(resend(None).await, 0);
        let again = claim(&db, &webhook, retry_at).await.unwrap();
        assert_eq!((again.attempts, again.first_at), (1, retry_at));
        let state = DeliveryState::Pending;
        assert_eq!(
            db.store.count_deliveries(webhook.id, state).await.unwrap(),
            2
        );
        let all = AuditFilter::default();
        let log = db.store.audit_log(organization, &all, ALL);
        let log = log.await.unwrap().items;
        assert_eq!(log[0].action, "webhook.resent");
        assert_eq!(log[0].after.as_ref().unwrap()["deliveries"], 1);
    })
    .await;
}

#[tokio::test]
async fn old_deliveries_to_a_failing_receiver_are_given_up_together() {
    on_every_engine(async |db| {
        let webhook = create(&db, None, &[]).await;
        two_events(&db).await;
        let later = NOON.plus_millis(1);
        let claimed = claim(&db, &webhook, later).await.unwrap();
        let give_up = async |before: Timestamp| {
            let given_up =
                db.store
                    .give_up_old_deliveries(webhook.id, before, "no response", later);
            given_up.await.unwrap()
        };
        assert_eq!(give_up(NOON).await, 0, "the old one is being attempted");
        assert_eq!(give_up(later).await, 1);
        let listed = deliveries(&db, &webhook).await;
        assert_eq!(listed[0].state, DeliveryState::Dead);
        assert_eq!(listed[0].last_error.as_deref(), Some("no response"));
        assert_eq!(
            (listed[1].uuid, listed[1].state),
            (claimed.uuid, DeliveryState::Pending)
        );
    })
    .await;
}

#[tokio::test]
async fn changes_of_webhooks_are_audited_without_their_secrets() {
    on_every_engine(async |db| {
        let webhook = create(&db, Some(&db.suite), &[EventKind::MuteExpired]).await;
        let organization = db.suite.organization;
        let found = db.store.webhook(organization, webhook.uuid).await.unwrap();
        assert_eq!(found.as_ref(), Some(&webhook));
        assert_eq!(webhook.suite_slug.as_deref(), Some("web"));
        let changes = WebhookChanges {
            description: Some(None),
            target: Some(WebhookTarget {
                address: "https://other.example.com".to_owned(),
                sealed: vec![7; 9],
            }),
            is_new_secret: true,
            format: Some(WebhookFormat::Slack),
            kinds: Some(Vec::new()),
            is_enabled: None,
        };
        let change = by();
        let updated = db
            .store
            .update_webhook(organization, webhook.uuid, changes, &change);
        let updated = updated.await.unwrap().unwrap();
        let found = db.store.webhook(organization, webhook.uuid).await.unwrap();
        assert_eq!(found, Some(updated.clone()));
        assert_eq!((updated.description, updated.kinds), (None, Vec::new()));
        let rival = create_suite(&db.store, "rival", "web").await.organization;
        let theirs = db.store.webhook(rival, webhook.uuid).await.unwrap();
        assert_eq!(theirs, None);
        let delete = async |organization| {
            let by = by();
            let deleted = db.store.delete_webhook(organization, webhook.uuid, &by);
            deleted.await.unwrap()
        };
        assert!(!delete(rival).await);
        assert!(delete(organization).await);
        assert!(!delete(organization).await);

        let filter = AuditFilter {
            subject: Some(webhook.uuid),
            ..AuditFilter::default()
        };
        let log = db
            .store
            .audit_log(organization, &filter, ALL)
            .await
            .unwrap();
        let actions: Vec<&str> = log
            .items
            .iter()
            .map(|entry| entry.action.as_str())
            .collect();
        assert_eq!(
            actions,
            ["webhook.deleted", "webhook.updated", "webhook.created"]
        );
        assert_eq!(log.items[1].after.as_ref().unwrap()["secret"], "replaced");
        assert_eq!(log.items[2].suite_slug.as_deref(), Some("web"));
        assert!(!format!("{log:?}").contains("sealed"));
    })
    .await;
}

#[tokio::test]
async fn an_organization_has_a_limited_number_of_webhooks() {
    on_every_engine(async |db| {
        for _ in 0..MAX_WEBHOOKS {
            create(&db, None, &[]).await;
        }
        let one_more = NewWebhook {
            uuid: Uuid::new_v4(),
            organization: db.suite.organization,
            suite: None,
            description: None,
            target: WebhookTarget {
                address: String::new(),
                sealed: Vec::new(),
            },
            format: WebhookFormat::Json,
            kinds: Vec::new(),
        };
        let refused = db.store.create_webhook(one_more, &by()).await;
        assert!(
            matches!(refused, Err(StoreError::TooLarge { .. })),
            "{refused:?}"
        );
    })
    .await;
}

#[tokio::test]
async fn webhooks_and_events_go_with_their_suite() {
    on_every_engine(async |db| {
        let of_all = create(&db, None, &[]).await;
        create(&db, Some(&db.suite), &[]).await;
        two_events(&db).await;
        assert!(db.store.delete_suite(db.suite.id, &by()).await.unwrap());
        let later = NOON.plus_days(1);
        assert_eq!(claim(&db, &of_all, later).await, None, "nothing to link to");
        while db.store.purge_deleted_suites(100).await.unwrap() {}
        let mut other = OtherProgram::new(&db.url).await;
        for (table, rows) in [("events", 0), ("deliveries", 0), ("webhooks", 1)] {
            let count = format!("SELECT COUNT(*) FROM {table}");
            assert_eq!(other.number(&count).await, rows, "{table}");
        }
    })
    .await;
}
