//! People: roles, sessions, sign-in rules, and what ends with them.

use serde_json::json;
use test_engine_store::{
    Admission, AuditFilter, Change, Conflict, NewToken, NewUser, NewUserSession, OrganizationId,
    Page, ProvidedPerson, ProvidedSignIn, Role, RuleMatch, SignInRule, StoreError, Timestamp,
    TokenKind, User,
};
use uuid::Uuid;

use crate::support::{Database, NOON, create_suite, on_every_engine};

const ALL: Page = Page {
    number: 1,
    size: 100,
};

fn change() -> Change {
    Change::by_server(NOON)
}

async fn user(db: &Database, login: &str, role: Role) -> User {
    let user = NewUser {
        uuid: Uuid::new_v4(),
        login: login.to_owned(),
        password_hash: "hash".to_owned(),
        organization: db.suite.organization,
        role,
    };
    db.store.create_user(user, &change()).await.unwrap()
}

fn session(secret: u8) -> NewUserSession {
    NewUserSession {
        uuid: Uuid::from_u128(secret.into()),
        secret_hash: [secret; 32],
        client_address: Some("203.0.113.7".to_owned()),
        user_agent: Some("Firefox".to_owned()),
        expires_at: NOON.plus_days(7),
    }
}

fn token_of(user: Option<&User>, organization: OrganizationId, secret: u8) -> NewToken {
    NewToken {
        uuid: Uuid::new_v4(),
        organization,
        suite: None,
        kind: TokenKind::Access,
        secret_hash: [secret; 32],
        scopes: vec!["read_suites".to_owned()],
        description: None,
        expires_at: None,
        user: user.map(|user| user.id),
    }
}

async fn is_signed_in(db: &Database, secret: u8, now: Timestamp) -> bool {
    let found = db.store.session_by_hash(&[secret; 32], now).await.unwrap();
    found.is_some()
}

/// Oldest first.
async fn actions(db: &Database) -> Vec<String> {
    let filter = AuditFilter::default();
    let listed = db.store.audit_log(db.suite.organization, &filter, ALL);
    let mut actions: Vec<String> = listed
        .await
        .unwrap()
        .items
        .into_iter()
        .map(|entry| entry.action)
        .collect();
    actions.reverse();
    actions.split_off(3)
}

async fn rule(db: &Database, domain: &str, role: Option<Role>) -> SignInRule {
    let rule = SignInRule {
        uuid: Uuid::new_v4(),
        organization: db.suite.organization,
        matches: RuleMatch::EmailDomain(domain.to_owned()),
        role,
        created_at: NOON,
    };
    db.store
        .create_sign_in_rule(&rule, &change())
        .await
        .unwrap();
    rule
}

fn person(state: u8, rules: &[&SignInRule]) -> ProvidedPerson {
    let admission = |rule: &&SignInRule| {
        Some(Admission {
            organization: rule.organization,
            role: rule.role?,
            rule: rule.uuid,
            expires_at: NOON.plus_days(30),
        })
    };
    ProvidedPerson {
        new_uuid: Uuid::new_v4(),
        issuer: "https://id.example.com".to_owned(),
        subject: "42".to_owned(),
        name: "priya@example.com".to_owned(),
        admissions: rules.iter().filter_map(admission).collect(),
        barred: rules
            .iter()
            .filter(|rule| rule.role.is_none())
            .map(|rule| rule.organization)
            .collect(),
        state_hash: [state; 32],
        state_expires_at: NOON.plus_days(1),
    }
}

async fn sign_in(db: &Database, person: &ProvidedPerson, secret: u8) -> ProvidedSignIn {
    let new = session(secret);
    db.store
        .sign_in_provided(person, &new, change())
        .await
        .unwrap()
}

#[tokio::test]
async fn a_login_is_unique_and_has_a_role() {
    on_every_engine(async |db| {
        let priya = user(&db, "priya", Role::Writer).await;
        assert_eq!(
            priya.role_in(db.suite.organization, NOON),
            Some(Role::Writer)
        );
        let again = NewUser {
            uuid: Uuid::new_v4(),
            login: "priya".to_owned(),
            password_hash: "other".to_owned(),
            organization: db.suite.organization,
            role: Role::Admin,
        };
        let refused = db.store.create_user(again, &change()).await;
        assert!(
            matches!(refused, Err(StoreError::Conflict(Conflict::User))),
            "{refused:?}"
        );
        let (found, hash) = db.store.user_by_login("priya").await.unwrap().unwrap();
        assert_eq!((found, hash.as_str()), (priya.clone(), "hash"));
        assert!(db.store.user_by_login("PRIYA").await.unwrap().is_none());
        let of = db.suite.organization;
        assert!(
            db.store
                .set_role(priya.uuid, of, Role::Reader, &change())
                .await
                .unwrap()
        );
        let seen = db.store.user(priya.uuid).await.unwrap().unwrap();
        assert_eq!(seen.role_in(of, NOON), Some(Role::Reader));
        assert_eq!(db.store.users(Some(of)).await.unwrap(), [seen]);
        assert_eq!(actions(&db).await, ["user.added", "user.role_changed"]);
    })
    .await;
}

#[tokio::test]
async fn sessions_are_listed_expire_and_end() {
    on_every_engine(async |db| {
        let priya = user(&db, "priya", Role::Writer).await;
        let other = user(&db, "other", Role::Writer).await;
        let of = db.suite.organization;
        let start = async |user: &User, secret| {
            db.store
                .start_session(user, session(secret), &change())
                .await
                .unwrap();
        };
        start(&priya, 1).await;
        start(&priya, 2).await;
        start(&other, 3).await;
        let of_token = NewToken {
            kind: TokenKind::Session,
            expires_at: Some(NOON.plus_days(7)),
            ..token_of(None, of, 4)
        };
        db.store.create_token(of_token, &change()).await.unwrap();
        let (found, user) = db
            .store
            .session_by_hash(&[1; 32], NOON)
            .await
            .unwrap()
            .unwrap();
        assert_eq!(user, priya);
        assert_eq!(found.client_address.as_deref(), Some("203.0.113.7"));
        assert_eq!(db.store.sessions_of(priya.id, NOON).await.unwrap().len(), 2);
        let all = db.store.sessions(of, NOON, ALL).await.unwrap();
        assert_eq!((all.total, all.items.len()), (4, 4));
        assert_eq!(
            all.items.iter().filter(|item| item.user.is_none()).count(),
            1
        );

        // Of somebody else.
        let first = session(1).uuid;
        assert!(
            !db.store
                .end_session(&other, first, &change())
                .await
                .unwrap()
        );
        assert!(
            db.store
                .end_session(&priya, first, &change())
                .await
                .unwrap()
        );
        assert!(!is_signed_in(&db, 1, NOON).await);
        assert!(is_signed_in(&db, 2, NOON).await);
        assert!(!is_signed_in(&db, 2, NOON.plus_days(7)).await);

        let later = NOON.plus_days(7);
        assert_eq!(db.store.sessions(of, later, ALL).await.unwrap().total, 0);
        assert_eq!(
            db.store.delete_expired_sessions(NOON, 100).await.unwrap(),
            0
        );
        assert_eq!(
            db.store.delete_expired_sessions(later, 100).await.unwrap(),
            3
        );
    })
    .await;
}

#[tokio::test]
async fn removing_a_person_ends_sessions_and_tokens() {
    on_every_engine(async |db| {
        let priya = user(&db, "priya", Role::Writer).await;
        let of = db.suite.organization;
        let other = create_suite(&db.store, "other", "web").await.organization;
        db.store
            .set_role(priya.uuid, other, Role::Reader, &change())
            .await
            .unwrap();
        for (organization, secret) in [(of, 1), (other, 2)] {
            let token = token_of(Some(&priya), organization, secret);
            let created = db.store.create_token(token, &change()).await.unwrap();
            assert_eq!(created.owner.unwrap().uuid, priya.uuid);
        }
        let live = async |secret: u8| {
            let token = db.store.token_by_hash(&[secret; 32]).await.unwrap();
            token.is_some_and(|token| token.is_live(NOON))
        };
        db.store
            .start_session(&priya, session(1), &change())
            .await
            .unwrap();
        assert!(live(1).await && live(2).await && is_signed_in(&db, 1, NOON).await);

        assert!(
            db.store
                .remove_member(priya.uuid, of, &change())
                .await
                .unwrap()
        );
        assert!(!live(1).await && live(2).await && !is_signed_in(&db, 1, NOON).await);
        assert!(
            !db.store
                .remove_member(priya.uuid, of, &change())
                .await
                .unwrap()
        );
        assert!(
            db.store
                .remove_member(priya.uuid, other, &change())
                .await
                .unwrap()
        );
        assert!(!live(2).await);
        assert!(db.store.user(priya.uuid).await.unwrap().is_none());
        assert_eq!(
            actions(&db).await,
            [
                "user.added",
                "token.created",
                "session.created",
                "token.revoked",
                "session.ended",
                "user.removed"
            ]
        );
    })
    .await;
}

#[tokio::test]
async fn a_new_password_ends_other_sessions() {
    on_every_engine(async |db| {
        let priya = user(&db, "priya", Role::Writer).await;
        for secret in [1, 2] {
            db.store
                .start_session(&priya, session(secret), &change())
                .await
                .unwrap();
        }
        let kept = Some(session(1).uuid);
        let set = db
            .store
            .set_password(priya.uuid, "new", kept, &change())
            .await;
        assert!(set.unwrap());
        assert!(is_signed_in(&db, 1, NOON).await && !is_signed_in(&db, 2, NOON).await);
        let (_, hash) = db.store.user_by_login("priya").await.unwrap().unwrap();
        assert_eq!(hash, "new");
        assert!(actions(&db).await.contains(&"user.password_changed".into()));
    })
    .await;
}

#[tokio::test]
async fn rules_admit_people_and_each_answer_signs_in_once() {
    on_every_engine(async |db| {
        let of = db.suite.organization;
        assert_eq!(
            sign_in(&db, &person(1, &[]), 1).await,
            ProvidedSignIn::NotAdmitted
        );
        assert!(db.store.users(None).await.unwrap().is_empty());

        let rule = rule(&db, "example.com", Some(Role::Writer)).await;
        let ProvidedSignIn::SignedIn(priya) = sign_in(&db, &person(2, &[&rule]), 2).await else {
            panic!("not admitted")
        };
        assert_eq!(priya.role_in(of, NOON), Some(Role::Writer));
        assert_eq!(priya.role_in(of, NOON.plus_days(30)), None);
        assert!(is_signed_in(&db, 2, NOON).await);
        assert_eq!(
            sign_in(&db, &person(2, &[&rule]), 3).await,
            ProvidedSignIn::Used
        );
        assert!(!is_signed_in(&db, 3, NOON).await);

        // The same person, whom no rule admits any more.
        assert_eq!(
            sign_in(&db, &person(4, &[]), 4).await,
            ProvidedSignIn::NotAdmitted
        );
        assert!(!is_signed_in(&db, 2, NOON).await);
    })
    .await;
}

#[tokio::test]
async fn a_role_set_by_hand_outlives_rules_but_not_a_rule_that_bars() {
    on_every_engine(async |db| {
        let of = db.suite.organization;
        let readers = rule(&db, "example.com", Some(Role::Reader)).await;
        let ProvidedSignIn::SignedIn(priya) = sign_in(&db, &person(1, &[&readers]), 1).await else {
            panic!("not admitted")
        };
        db.store
            .set_role(priya.uuid, of, Role::Admin, &change())
            .await
            .unwrap();
        for (state, rules) in [(2, &[&readers][..]), (3, &[])] {
            let ProvidedSignIn::SignedIn(priya) = sign_in(&db, &person(state, rules), state).await
            else {
                panic!("not admitted")
            };
            assert_eq!(
                priya.role_in(of, NOON.plus_days(1_000)),
                Some(Role::Admin),
                "{state}"
            );
        }
        let barred = rule(&db, "example.org", None).await;
        let both = person(4, &[&readers, &barred]);
        assert_eq!(sign_in(&db, &both, 4).await, ProvidedSignIn::NotAdmitted);
        assert!(db.store.users(None).await.unwrap().is_empty());
    })
    .await;
}

#[tokio::test]
async fn deleting_a_rule_ends_the_roles_that_it_gave() {
    on_every_engine(async |db| {
        let of = db.suite.organization;
        let rule = rule(&db, "example.com", Some(Role::Writer)).await;
        let ProvidedSignIn::SignedIn(priya) = sign_in(&db, &person(1, &[&rule]), 1).await else {
            panic!("not admitted")
        };
        let token = token_of(Some(&priya), of, 7);
        db.store.create_token(token, &change()).await.unwrap();
        let again = SignInRule {
            uuid: Uuid::new_v4(),
            ..rule.clone()
        };
        let refused = db.store.create_sign_in_rule(&again, &change()).await;
        assert!(
            matches!(refused, Err(StoreError::Conflict(Conflict::SignInRule))),
            "{refused:?}"
        );
        let listed = db.store.sign_in_rules(Some(of)).await.unwrap();
        assert_eq!(listed, std::slice::from_ref(&rule));
        assert!(
            db.store
                .delete_sign_in_rule(of, rule.uuid, &change())
                .await
                .unwrap()
        );
        assert!(!is_signed_in(&db, 1, NOON).await);
        let token = db.store.token_by_hash(&[7; 32]).await.unwrap().unwrap();
        assert!(!token.is_live(NOON), "its owner has no role");
        // A rule that was read before it was deleted.
        let late = db
            .store
            .sign_in_provided(&person(2, &[&rule]), &session(2), change())
            .await;
        assert!(matches!(late, Err(StoreError::Gone(_))), "{late:?}");
        let log = db
            .store
            .audit_log(of, &AuditFilter::default(), ALL)
            .await
            .unwrap();
        let deleted = &log.items[0];
        assert_eq!(deleted.action, "sign_in_rule.deleted");
        let before = json!({"match": "email_domain", "value": "example.com", "role": "writer"});
        assert_eq!(deleted.before, Some(before));
    })
    .await;
}
