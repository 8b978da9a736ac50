//! The audit log: an entry for every change, in the same transaction, kept forever.

use serde_json::{Value, json};
use test_engine_store::{
    Actor, ActorKind, AuditEntry, AuditFilter, Change, LabelChange, NewSuite, NewToken, Page,
    SuiteChanges, TestState, TokenKind, test_uuid,
};
use uuid::Uuid;

use crate::support::{Database, NOON, OtherProgram, on_every_engine, passed, record};

fn person() -> Change {
    let actor = Actor {
        kind: ActorKind::Session,
        uuid: Some(Uuid::from_u128(7)),
        name: Some("Priya".to_owned()),
    };
    Change {
        client_address: Some("203.0.113.7".to_owned()),
        ..Change::new(actor, NOON).because("the sandbox throttles us")
    }
}

/// Oldest first.
async fn entries(db: &Database, filter: &AuditFilter) -> Vec<AuditEntry> {
    let all = Page::new(1, 100);
    let listed = db.store.audit_log(db.suite.organization, filter, all);
    let mut entries = listed.await.unwrap().items;
    entries.reverse();
    entries
}

fn changes(entries: &[AuditEntry]) -> Vec<(&str, Option<&Value>, Option<&Value>)> {
    entries
        .iter()
        .map(|entry| {
            (
                entry.action.as_str(),
                entry.before.as_ref(),
                entry.after.as_ref(),
            )
        })
        .collect()
}

#[tokio::test]
async fn names_who_changed_what_and_why() {
    on_every_engine(async |db| {
        let by = person();
        record(&db, "k", vec![passed("a", 1.0)]).await;
        let uuid = test_uuid(db.suite.uuid, "Basket", "a");
        let (store, suite) = (&db.store, db.suite.id);
        let words = ["slow".to_owned(), "flaky".to_owned()];
        for state in [
            TestState::Muted,
            TestState::Muted,
            TestState::Skipped,
            TestState::Enabled,
        ] {
            store
                .set_test_state(suite, uuid, state, &by)
                .await
                .unwrap()
                .unwrap();
        }
        for operation in [LabelChange::Add, LabelChange::Add, LabelChange::Remove] {
            store
                .change_labels(suite, uuid, operation, &words, &by)
                .await
                .unwrap();
        }
        let of_test = AuditFilter {
            subject: Some(uuid),
            ..AuditFilter::default()
        };
        let entries = entries(&db, &of_test).await;
        let first = &entries[0];
        assert_eq!(first.change, by);
        assert_eq!(first.suite_slug.as_deref(), Some("web"));
        assert_eq!(first.suite_uuid, Some(db.suite.uuid));
        assert_eq!(
            (first.subject_kind.as_str(), first.subject_name.as_str()),
            ("test", "Basket a")
        );
        let states: Vec<(&str, &Value, &Value)> = changes(&entries)
            .into_iter()
            .map(|(action, before, after)| (action, before.unwrap(), after.unwrap()))
            .collect();
        let state = |entry: &Value| entry["state"].as_str().map(str::to_owned);
        let named = |at: usize| (states[at].0, state(states[at].1), state(states[at].2));
        let (muted, skipped) = (Some("muted".to_owned()), Some("skipped".to_owned()));
        let enabled = Some("enabled".to_owned());
        assert_eq!(named(0), ("mute.created", enabled.clone(), muted.clone()));
        assert_eq!(named(1), ("skip.created", muted, skipped.clone()));
        assert_eq!(named(2), ("skip.removed", skipped, enabled));
        let both = json!({"labels": ["flaky", "slow"]});
        let none = json!({"labels": []});
        // What changes nothing is no entry.
        assert_eq!(
            states[3..],
            [
                ("labels.added", &none, &both),
                ("labels.removed", &both, &none)
            ]
        );
    })
    .await;
}

#[tokio::test]
async fn has_only_the_settings_that_changed() {
    on_every_engine(async |db| {
        let by = person();
        let update = async |changes| {
            let updated = db.store.update_suite(db.suite.id, changes, &by);
            updated.await.unwrap().unwrap();
        };
        update(SuiteChanges {
            color: Some(Some("#fff".to_owned())),
            name: Some(db.suite.name.clone()),
            ..SuiteChanges::default()
        })
        .await;
        update(SuiteChanges::default()).await;
        for owners in ["* web\n", "* web\n", "* api\n"] {
            db.store
                .set_ownership(db.suite.id, owners, &by)
                .await
                .unwrap();
        }
        let entries = entries(&db, &AuditFilter::default()).await;
        let changes = changes(&entries);
        let actions: Vec<&str> = changes.iter().map(|change| change.0).collect();
        assert_eq!(
            actions,
            [
                "organization.created",
                "suite.created",
                "rule.created",
                "suite.updated",
                "owners.updated",
                "owners.updated"
            ]
        );
        assert_eq!(changes[1].1, None);
        assert_eq!(changes[1].2.unwrap()["default_branch"], "main");
        assert_eq!(changes[3].1, Some(&json!({"color": null})));
        assert_eq!(changes[3].2, Some(&json!({"color": "#fff"})));
        assert_eq!(changes[4].1, None);
        assert_eq!(changes[4].2.unwrap()["bytes"], 6);
        assert_eq!(
            changes[5].1.unwrap()["sha256"],
            changes[4].2.unwrap()["sha256"]
        );
    })
    .await;
}

#[tokio::test]
async fn outlives_what_it_names_and_has_no_secrets() {
    on_every_engine(async |db| {
        let by = person();
        record(&db, "k", vec![passed("a", 1.0)]).await;
        let uuid = test_uuid(db.suite.uuid, "Basket", "a");
        let mute = db
            .store
            .set_test_state(db.suite.id, uuid, TestState::Muted, &by);
        mute.await.unwrap();
        let token = |suite, kind, secret: u8, description: &str| NewToken {
            uuid: Uuid::from_u128(secret.into()),
            organization: db.suite.organization,
            suite,
            kind,
            secret_hash: [secret; 32],
            scopes: vec!["read_suites".to_owned()],
            description: Some(description.to_owned()),
            expires_at: Some(NOON.plus_days(1)),
            user: None,
        };
        let secret = "66".repeat(32);
        for token in [
            token(Some(db.suite.id), TokenKind::Suite, 1, "uploads"),
            token(None, TokenKind::Access, 2, "admin"),
            token(None, TokenKind::Session, 3, &secret),
        ] {
            db.store.create_token(token, &by).await.unwrap();
        }
        let revoke = async |id| {
            let revoked = db
                .store
                .revoke_token(db.suite.organization, Uuid::from_u128(id), &by);
            revoked.await.unwrap()
        };
        assert!(revoke(3).await);
        assert!(!revoke(3).await);
        assert!(db.store.delete_suite(db.suite.id, &by).await.unwrap());
        while db.store.purge_deleted_suites(1000).await.unwrap() {}
        let successor = NewSuite {
            uuid: Uuid::new_v4(),
            slug: "web".to_owned(),
            ..NewSuite::default()
        };
        let create = db.store.create_suite(db.suite.organization, successor, &by);
        create.await.unwrap();

        let of_suite = AuditFilter {
            suite: Some("web".to_owned()),
            ..AuditFilter::default()
        };
        let in_suite = entries(&db, &of_suite).await;
        let actions: Vec<&str> = in_suite.iter().map(|entry| entry.action.as_str()).collect();
        assert_eq!(
            actions,
            [
                "suite.created",
                "rule.created",
                "mute.created",
                "token.created",
                "token.deleted",
                "suite.deleted",
                "suite.created",
                "rule.created"
            ]
        );
        assert_eq!(in_suite[4].subject_name, "uploads");
        assert_eq!(in_suite[4].after, None);
        assert_eq!(
            in_suite[5].before.as_ref().unwrap()["name"],
            "The web suite"
        );

        let all = entries(&db, &AuditFilter::default()).await;
        let actions: Vec<&str> = all.iter().map(|entry| entry.action.as_str()).collect();
        assert_eq!(
            actions[5..8],
            ["token.created", "session.created", "session.ended"]
        );
        let text = format!("{all:?}");
        assert!(
            !text.contains(&secret) && !text.contains("[2, 2, 2"),
            "{text}"
        );
    })
    .await;
}

#[tokio::test]
async fn is_paged_and_belongs_to_one_organization() {
    on_every_engine(async |db| {
        let other = db
            .store
            .create_organization(Uuid::new_v4(), "other", &Change::by_server(NOON))
            .await
            .unwrap();
        let page = async |organization, number| {
            let filter = AuditFilter::default();
            let listed = db
                .store
                .audit_log(organization, &filter, Page::new(number, 1));
            let listed = listed.await.unwrap();
            let action = listed.items.first().map(|entry| entry.action.clone());
            (listed.total, action.unwrap_or_default())
        };
        let own = db.suite.organization;
        let log = async |last, limit| {
            let filter = AuditFilter::default();
            let found = db.store.audit_log_before(own, &filter, last, limit);
            found.await.unwrap()
        };
        let all = log(None, 10).await;
        let actions = all.iter().map(|entry| entry.action.as_str());
        let expected = ["rule.created", "suite.created", "organization.created"];
        assert_eq!(actions.collect::<Vec<_>>(), expected);
        assert_eq!(log(Some(all[0].uuid), 1).await, all[1..2]);
        assert_eq!(log(Some(all[2].uuid), 1).await, []);
        assert_eq!(page(own, 1).await, (3, "rule.created".to_owned()));
        assert_eq!(page(own, 2).await, (3, "suite.created".to_owned()));
        assert_eq!(page(own, 3).await, (3, "organization.created".to_owned()));
        assert_eq!(page(own, 4).await, (3, String::new()));
        assert_eq!(
            page(other.id, 1).await,
            (1, "organization.created".to_owned())
        );
    })
    .await;
}

#[tokio::test]
async fn a_change_without_its_entry_is_not_made() {
    on_every_engine(async |db| {
        let by = person();
        record(&db, "k", vec![passed("a", 1.0)]).await;
        let uuid = test_uuid(db.suite.uuid, "Basket", "a");
        OtherProgram::new(&db.url)
            .await
            .say("DROP TABLE audit_log")
            .await;
        let muted = db
            .store
            .set_test_state(db.suite.id, uuid, TestState::Muted, &by);
        assert!(muted.await.is_err());
        let test = db.store.test(db.suite.id, uuid).await.unwrap().unwrap();
        assert_eq!(test.state, TestState::Enabled);
    })
    .await;
}
