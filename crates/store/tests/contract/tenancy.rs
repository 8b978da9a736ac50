//! Organizations, suites and tokens, and their isolation.

use test_engine_store::{
    Change, Conflict, NewSuite, NewToken, Page, RequestedSuite, StoreError, SuiteChanges,
    TestState, Timestamp, TokenKind, test_uuid,
};
use uuid::Uuid;

use crate::support::{NOON, create_suite, failed, on_every_engine, passed, record, run, upload};

fn token(db: &crate::support::Database, secret: u8) -> NewToken {
    NewToken {
        uuid: Uuid::new_v4(),
        organization: db.suite.organization,
        suite: None,
        kind: TokenKind::Access,
        secret_hash: [secret; 32],
        scopes: vec!["read_suites".to_owned(), "write_suites".to_owned()],
        description: Some("for CI".to_owned()),
        expires_at: None,
        user: None,
    }
}

#[tokio::test]
async fn rejects_duplicate_slugs() {
    on_every_engine(async |db| {
        let again = db
            .store
            .create_organization(Uuid::new_v4(), "acme", &Change::by_server(NOON))
            .await;
        assert!(
            matches!(again, Err(StoreError::Conflict(Conflict::Organization))),
            "{again:?}"
        );
        let suite = || NewSuite {
            uuid: Uuid::new_v4(),
            slug: "web".to_owned(),
            name: "Web".to_owned(),
            default_branch: "main".to_owned(),
            ..NewSuite::default()
        };
        let again = db
            .store
            .create_suite(db.suite.organization, suite(), &Change::by_server(NOON))
            .await;
        assert!(
            matches!(again, Err(StoreError::Conflict(Conflict::Suite))),
            "{again:?}"
        );
        let other = db
            .store
            .create_organization(Uuid::new_v4(), "other", &Change::by_server(NOON))
            .await
            .unwrap();
        let twin = db
            .store
            .create_suite(other.id, suite(), &Change::by_server(NOON))
            .await
            .unwrap();
        assert_eq!(twin.organization_slug, "other");
        assert_ne!(twin.id, db.suite.id);
        let slugs: Vec<String> = db
            .store
            .organizations()
            .await
            .unwrap()
            .into_iter()
            .map(|organization| organization.slug)
            .collect();
        assert_eq!(slugs, ["acme", "other"]);
    })
    .await;
}

#[tokio::test]
async fn finds_changes_and_deletes_suites() {
    on_every_engine(async |db| {
        create_suite(&db.store, "acme", "api").await;
        let found = db.store.suite("acme", "web").await.unwrap();
        assert_eq!(found.as_ref(), Some(&db.suite));
        assert_eq!(db.store.suite("acme", "none").await.unwrap(), None);
        assert_eq!(db.store.suite("none", "web").await.unwrap(), None);
        let listed = db
            .store
            .suites(db.suite.organization, Page::new(1, 1))
            .await
            .unwrap();
        assert_eq!((listed.total, listed.items[0].slug.as_str()), (2, "api"));

        let changes = SuiteChanges {
            name: Some("Shop".to_owned()),
            emoji: Some(Some("🛒".to_owned())),
            ..SuiteChanges::default()
        };
        let changed = db
            .store
            .update_suite(db.suite.id, changes, &Change::by_server(NOON))
            .await
            .unwrap()
            .unwrap();
        assert_eq!(
            (changed.name.as_str(), changed.emoji.as_deref()),
            ("Shop", Some("🛒"))
        );
        assert_eq!(changed.default_branch, "main");
        assert_eq!(
            db.store.suite_by_id(db.suite.id).await.unwrap(),
            Some(changed)
        );
        let changes = SuiteChanges {
            emoji: Some(None),
            ..SuiteChanges::default()
        };
        let changed = db
            .store
            .update_suite(db.suite.id, changes, &Change::by_server(NOON))
            .await
            .unwrap()
            .unwrap();
        assert_eq!((changed.name.as_str(), changed.emoji), ("Shop", None));

        record(&db, "k", vec![failed("a", 1.0)]).await;
        let token = NewToken {
            suite: Some(db.suite.id),
            ..token(&db, 1)
        };
        db.store
            .create_token(token, &Change::by_server(NOON))
            .await
            .unwrap();
        assert!(
            db.store
                .delete_suite(db.suite.id, &Change::by_server(NOON))
                .await
                .unwrap()
        );
        assert!(
            !db.store
                .delete_suite(db.suite.id, &Change::by_server(NOON))
                .await
                .unwrap()
        );
        assert_eq!(db.store.suite("acme", "web").await.unwrap(), None);
        assert_eq!(db.store.token_by_hash(&[1; 32]).await.unwrap(), None);
        let gone = db
            .store
            .update_suite(
                db.suite.id,
                SuiteChanges::default(),
                &Change::by_server(NOON),
            )
            .await
            .unwrap();
        assert_eq!(gone, None);
    })
    .await;
}

#[tokio::test]
async fn a_token_is_read_with_the_suite_of_its_request() {
    on_every_engine(async |db| {
        let change = Change::by_server(NOON);
        let store = &db.store;
        create_suite(store, "other", "api").await;
        let of_suite = NewToken {
            suite: Some(db.suite.id),
            kind: TokenKind::Suite,
            ..token(&db, 2)
        };
        let of_suite = store.create_token(of_suite, &change).await.unwrap();
        let of_organization = store.create_token(token(&db, 1), &change).await.unwrap();
        let find = async |secret, suite| store.token_and_suite(&[secret; 32], suite).await.unwrap();
        let web = Some(db.suite.clone());
        for (secret, suite, expected) in [
            (
                1,
                RequestedSuite::Slug("web"),
                Some((&of_organization, &web)),
            ),
            (
                1,
                RequestedSuite::Slug("api"),
                Some((&of_organization, &None)),
            ),
            (1, RequestedSuite::OfToken, Some((&of_organization, &None))),
            (2, RequestedSuite::OfToken, Some((&of_suite, &web))),
            (3, RequestedSuite::Slug("web"), None),
        ] {
            let expected = expected.map(|(token, suite)| (token.clone(), suite.clone()));
            assert_eq!(find(secret, suite).await, expected, "{secret} {suite:?}");
        }
        assert!(store.delete_suite(db.suite.id, &change).await.unwrap());
        let found = find(1, RequestedSuite::Slug("web")).await;
        assert_eq!(found, Some((of_organization, None)), "deleted");
    })
    .await;
}

#[tokio::test]
async fn tokens_end_by_revocation_or_expiry() {
    on_every_engine(async |db| {
        let given = NewToken {
            expires_at: Some(NOON.plus_days(1)),
            ..token(&db, 1)
        };
        let made = db
            .store
            .create_token(given.clone(), &Change::by_server(NOON))
            .await
            .unwrap();
        assert_eq!(made.scopes, given.scopes);
        assert_eq!(made.organization_slug, "acme");
        assert_eq!(
            db.store.token_by_hash(&[1; 32]).await.unwrap(),
            Some(made.clone())
        );
        assert_eq!(db.store.token_by_hash(&[2; 32]).await.unwrap(), None);
        assert!(made.is_live(NOON));
        assert!(!made.is_live(NOON.plus_days(1)));
        let again = db
            .store
            .create_token(token(&db, 1), &Change::by_server(NOON))
            .await;
        assert!(
            matches!(again, Err(StoreError::Conflict(Conflict::Token))),
            "{again:?}"
        );

        let other = create_suite(&db.store, "other", "web").await;
        let revoke = async |organization| {
            db.store
                .revoke_token(organization, made.uuid, &Change::by_server(NOON))
                .await
                .unwrap()
        };
        assert!(!revoke(other.organization).await, "another organization's");
        assert!(revoke(db.suite.organization).await);
        assert!(!revoke(db.suite.organization).await);
        let revoked = db.store.token_by_hash(&[1; 32]).await.unwrap().unwrap();
        assert_eq!(revoked.revoked_at, Some(NOON));
        assert!(!revoked.is_live(NOON));
        assert_eq!(
            db.store.tokens(db.suite.organization).await.unwrap(),
            [revoked]
        );
        assert!(
            db.store
                .tokens(other.organization)
                .await
                .unwrap()
                .is_empty()
        );
    })
    .await;
}

#[tokio::test]
async fn records_token_use_once_a_minute() {
    on_every_engine(async |db| {
        let suite_token = NewToken {
            suite: Some(db.suite.id),
            kind: TokenKind::Suite,
            scopes: vec![],
            ..token(&db, 1)
        };
        let made = db
            .store
            .create_token(suite_token, &Change::by_server(NOON))
            .await
            .unwrap();
        assert_eq!((made.suite, made.scopes.len()), (Some(db.suite.id), 0));
        let used = async |at: Timestamp| {
            let now = db.store.token_by_hash(&[1; 32]).await.unwrap().unwrap();
            db.store.touch_token(&now, at).await.unwrap();
            db.store
                .token_by_hash(&[1; 32])
                .await
                .unwrap()
                .unwrap()
                .last_used_at
        };
        assert_eq!(used(NOON).await, Some(NOON));
        assert_eq!(used(NOON.plus_millis(59_999)).await, Some(NOON));
        assert_eq!(
            used(NOON.plus_millis(60_000)).await,
            Some(NOON.plus_millis(60_000))
        );
    })
    .await;
}

#[tokio::test]
async fn separates_organizations() {
    on_every_engine(async |db| {
        let other = create_suite(&db.store, "other", "web").await;
        record(&db, "k", vec![failed("a", 1.0)]).await;
        let mut new = upload(&other, "k");
        new.executions = vec![passed("a", 2.0)];
        let theirs = db.store.record_upload(new).await.unwrap();
        let ours = run(&db, "k").await;
        assert_ne!(ours.uuid, theirs.run_uuid);
        assert_eq!(ours.counts.executions(), 1);
        assert_eq!(
            db.store.run(db.suite.id, theirs.run_uuid).await.unwrap(),
            None
        );
        let their_test = test_uuid(other.uuid, "Basket", "a");
        assert_ne!(their_test, test_uuid(db.suite.uuid, "Basket", "a"));
        assert_eq!(db.store.test(db.suite.id, their_test).await.unwrap(), None);
        let set = db
            .store
            .set_test_state(
                db.suite.id,
                their_test,
                TestState::Muted,
                &Change::by_server(NOON),
            )
            .await
            .unwrap();
        assert_eq!(set, None);
        assert!(
            db.store
                .tests_in_state(other.id, TestState::Muted)
                .await
                .unwrap()
                .is_empty()
        );
        assert_eq!(db.store.count_tests(other.id).await.unwrap(), 1);
    })
    .await;
}
