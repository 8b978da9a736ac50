//! Rules: alarms and recoveries with the latest results, their actions and limits, on each engine
//! and with several servers. No clock: every test says what time it is.

use serde_json::json;
use test_engine_insights::Monitor;
use test_engine_store::{
    Actor, ActorKind, Change, EventFilter, EventKind, Fired, Firing, LabelChange, MAX_RULES,
    NewExecution, NewQuarantine, NewRun, NewUpload, Page, QuarantineScope, Rule, RuleAction,
    RuleSettings, RuleStep, StateStep, Store, StoreError, SuiteEvent, TagFilter, TagOperator,
    TestState, Timestamp, test_uuid,
};
use uuid::Uuid;

use crate::support::{Database, NOON, failed, on_every_engine, passed, upload};

pub(crate) const ALL: Page = Page {
    number: 1,
    size: 1_000,
};
pub(crate) const MINUTE: i64 = 60_000;

/// Uploads the results of a commit on a branch.
pub(crate) async fn record(
    db: &Database,
    (key, branch): (&str, &str),
    at: Timestamp,
    executions: Vec<NewExecution>,
) {
    let new = upload(&db.suite, key);
    let new = NewUpload {
        run: NewRun {
            branch: Some(branch.to_owned()),
            ..new.run
        },
        tags: [("scm.branch".to_owned(), branch.to_owned())].into(),
        received_at: at,
        executions,
        ..new
    };
    db.store.record_upload(new).await.unwrap();
}

/// A commit on which these tests fail and pass.
pub(crate) async fn flake(db: &Database, key: &str, at: Timestamp, names: &[&str]) {
    let both = |name: &&str| [failed(name, 1.0), passed(name, 1.1)];
    let executions = names.iter().flat_map(both).collect();
    record(db, (key, "main"), at, executions).await;
}

pub(crate) fn label_rule(monitor: Monitor) -> RuleSettings {
    RuleSettings {
        name: "Label".to_owned(),
        is_enabled: true,
        monitor,
        filters: Vec::new(),
        alarm_actions: vec![RuleAction::AddLabel("watch".to_owned())],
        recover_actions: vec![RuleAction::RemoveLabel("watch".to_owned())],
    }
}

pub(crate) fn mute_rule() -> RuleSettings {
    RuleSettings {
        name: "Mute".to_owned(),
        alarm_actions: vec![RuleAction::Quarantine {
            state: TestState::Muted,
            scope: QuarantineScope::Everywhere,
            days: None,
        }],
        recover_actions: vec![RuleAction::Enable],
        ..label_rule(Monitor::PASSED_ON_RETRY)
    }
}

pub(crate) fn on_main() -> TagFilter {
    TagFilter {
        tag: "scm.branch".to_owned(),
        operator: TagOperator::Is,
        value: "main".to_owned(),
    }
}

pub(crate) async fn create(db: &Database, settings: RuleSettings) -> Rule {
    let change = Change::by_server(NOON);
    let created = db
        .store
        .create_rule(&db.suite, Uuid::new_v4(), settings, &change);
    created.await.unwrap()
}

/// Without the rule that every new suite has.
pub(crate) async fn delete_default(db: &Database) {
    for rule in db.store.rules(db.suite.id, ALL).await.unwrap().items {
        let change = Change::by_server(NOON);
        assert!(
            db.store
                .delete_rule(&db.suite, rule.uuid, &change)
                .await
                .unwrap()
        );
    }
}

pub(crate) fn by(rule: &Rule, at: Timestamp) -> Change {
    let actor = Actor {
        kind: ActorKind::Rule,
        uuid: Some(rule.uuid),
        name: Some(rule.settings.name.clone()),
    };
    Change::new(actor, at).because("because of this")
}

/// What a server does: follows all rules until nothing is left, or a rule has to wait.
pub(crate) async fn follow(store: &Store, now: Timestamp) {
    loop {
        let due = store.due_rules(now).await.unwrap();
        if due.is_empty() {
            return;
        }
        for rule in due {
            follow_rule(store, rule, now).await;
        }
    }
}

pub(crate) async fn follow_rule(store: &Store, rule: Rule, now: Timestamp) {
    let evaluation = store.evaluate_rule(rule, now).await.unwrap();
    let rule = &evaluation.rule;
    for change in &evaluation.changes {
        let state = rule.settings.quarantine().map(|(state, scope, _)| {
            let details = NewQuarantine {
                scope,
                reason: "because of this".to_owned(),
                ends_at: Some(now.plus_days(14)),
                ..NewQuarantine::default()
            };
            StateStep::Apply(state, details)
        });
        let state = state.filter(|_| change.step != RuleStep::Recover);
        let firing = Firing {
            rule,
            change: *change,
            state,
        };
        let fired = store.fire_rule(firing, &by(rule, now)).await.unwrap();
        if fired == Fired::Limited {
            return;
        }
    }
    store.finish_evaluation(&evaluation, now).await.unwrap();
}

/// The events of a kind, oldest first.
pub(crate) async fn events(db: &Database, kind: EventKind) -> Vec<SuiteEvent> {
    let filter = EventFilter {
        kind: Some(kind),
        ..EventFilter::default()
    };
    let mut events = db
        .store
        .events(db.suite.id, filter, ALL)
        .await
        .unwrap()
        .items;
    events.reverse();
    events
}

/// The names of the tests of events.
pub(crate) async fn names(db: &Database, kind: EventKind) -> Vec<String> {
    let events = events(db, kind).await;
    let names = events.into_iter().map(|event| event.test_name.unwrap());
    names.map(|name| name.replace("Basket ", "")).collect()
}

pub(crate) async fn labels(db: &Database, name: &str) -> Vec<String> {
    let test = db.store.find_test(&db.suite, "Basket", name).await.unwrap();
    let labels = db.store.labels(&[test.unwrap().id]).await.unwrap();
    labels.into_values().next().unwrap_or_default()
}

pub(crate) async fn state(db: &Database, name: &str) -> TestState {
    let test = db.store.find_test(&db.suite, "Basket", name).await.unwrap();
    test.unwrap().state
}

pub(crate) fn outcomes(event: &SuiteEvent) -> Vec<&str> {
    let actions = event.after.as_ref().unwrap()["actions"].as_array().unwrap();
    let outcomes = actions.iter().map(|action| action["outcome"].as_str());
    outcomes.map(Option::unwrap).collect()
}

#[tokio::test]
async fn a_new_suite_labels_flaky_tests_and_changes_no_state() {
    on_every_engine(async |db| {
        let rules = db.store.rules(db.suite.id, ALL).await.unwrap();
        assert_eq!(rules.total, 1);
        let settings = &rules.items[0].settings;
        assert_eq!(settings.monitor, Monitor::Flaky);
        assert_eq!(settings.quarantine(), None);
        for day in 0..14 {
            let at = NOON.plus_days(day);
            let key = format!("k{day}");
            if day % 4 == 3 {
                flake(&db, &key, at, &["a"]).await;
            } else {
                record(&db, (&key, "main"), at, vec![passed("a", 1.0)]).await;
            }
            follow(&db.store, at).await;
        }
        assert_eq!(labels(&db, "a").await, ["flaky"]);
        assert_eq!(state(&db, "a").await, TestState::Enabled);
        for day in 14..60 {
            let at = NOON.plus_days(day);
            let key = format!("k{day}");
            let many = vec![passed("a", 1.0), passed("a", 1.1), passed("a", 1.2)];
            record(&db, (&key, "main"), at, many).await;
            follow(&db.store, at).await;
        }
        assert_eq!(labels(&db, "a").await, [""; 0]);
        assert_eq!(names(&db, EventKind::RuleAlarm).await, ["a"]);
        assert_eq!(names(&db, EventKind::RuleRecover).await, ["a"]);
    })
    .await;
}

#[tokio::test]
async fn rules_are_created_changed_and_deleted_with_entries_in_the_audit_log() {
    on_every_engine(async |db| {
        let by = Change::by_server(NOON);
        let rule = create(&db, label_rule(Monitor::Broken)).await;
        let found = db.store.rule(db.suite.id, rule.uuid).await.unwrap();
        assert_eq!(found.as_ref(), Some(&rule));
        let changed = RuleSettings {
            filters: vec![on_main()],
            is_enabled: false,
            ..label_rule(Monitor::PASSED_ON_RETRY)
        };
        let updated = db
            .store
            .update_rule(&db.suite, rule.uuid, changed.clone(), &by)
            .await
            .unwrap();
        assert_eq!(updated.unwrap().settings, changed);
        assert!(
            db.store
                .delete_rule(&db.suite, rule.uuid, &by)
                .await
                .unwrap()
        );
        assert!(
            !db.store
                .delete_rule(&db.suite, rule.uuid, &by)
                .await
                .unwrap()
        );
        let gone = db
            .store
            .update_rule(&db.suite, rule.uuid, changed, &by)
            .await
            .unwrap();
        assert_eq!(gone, None);
        let filter = test_engine_store::AuditFilter {
            subject: Some(rule.uuid),
            ..test_engine_store::AuditFilter::default()
        };
        let log = db.store.audit_log(db.suite.organization, &filter, ALL);
        let log = log.await.unwrap().items;
        let actions: Vec<&str> = log.iter().map(|entry| entry.action.as_str()).collect();
        assert_eq!(actions, ["rule.deleted", "rule.updated", "rule.created"]);
        let (before, after) = (log[1].before.as_ref(), log[1].after.as_ref());
        assert_eq!(before.unwrap()["monitor"], json!({"type": "broken"}));
        assert_eq!(after.unwrap()["enabled"], false);
        assert_eq!(after.unwrap().get("alarm_actions"), None, "it is as before");

        for _ in 1..MAX_RULES {
            create(&db, label_rule(Monitor::Flaky)).await;
        }
        let more = db
            .store
            .create_rule(&db.suite, Uuid::new_v4(), label_rule(Monitor::Flaky), &by);
        let error = more.await.unwrap_err();
        assert!(matches!(error, StoreError::TooLarge { .. }), "{error}");
    })
    .await;
}

#[tokio::test]
async fn two_servers_act_once() {
    on_every_engine(async |db| {
        delete_default(&db).await;
        let other = db.reopened().await;
        create(&db, label_rule(Monitor::PASSED_ON_RETRY)).await;
        create(&db, mute_rule()).await;
        record(
            &db,
            ("k0", "main"),
            NOON,
            vec![passed("a", 1.0), passed("b", 1.0)],
        )
        .await;
        for day in 1..4 {
            let at = NOON.plus_days(day);
            flake(&db, &format!("k{day}"), at, &["a"]).await;
            tokio::join!(follow(&db.store, at), follow(&other.store, at));
        }
        assert_eq!(names(&db, EventKind::RuleAlarm).await, ["a", "a"]);
        assert_eq!(names(&db, EventKind::MuteCreated).await, ["a"]);
        assert_eq!(labels(&db, "a").await, ["watch"]);
        // Time ends the alarm, without any upload.
        let at = NOON.plus_days(20);
        tokio::join!(follow(&db.store, at), follow(&other.store, at));
        assert_eq!(names(&db, EventKind::RuleRecover).await, ["a", "a"]);
        assert_eq!(names(&db, EventKind::MuteRemoved).await, ["a"]);
        assert_eq!(labels(&db, "a").await, [""; 0]);
        // It may begin again.
        let at = NOON.plus_days(21);
        flake(&db, "k21", at, &["a"]).await;
        tokio::join!(follow(&other.store, at), follow(&db.store, at));
        assert_eq!(names(&db, EventKind::RuleAlarm).await.len(), 4);
        other.store.close().await;
    })
    .await;
}

#[tokio::test]
async fn actions_that_cannot_be_followed_are_in_the_event() {
    on_every_engine(async |db| {
        delete_default(&db).await;
        let settings = RuleSettings {
            alarm_actions: vec![
                RuleAction::AddLabel("watch".to_owned()),
                RuleAction::AddLabel("one too many".to_owned()),
                RuleAction::Notify(Uuid::nil()),
                RuleAction::RemoveLabel("unknown".to_owned()),
                mute_rule().alarm_actions.remove(0),
            ],
            ..label_rule(Monitor::PASSED_ON_RETRY)
        };
        let rule = create(&db, settings).await;
        record(&db, ("k0", "main"), NOON, vec![passed("a", 1.0)]).await;
        let uuid = test_uuid(db.suite.uuid, "Basket", "a");
        let many: Vec<String> = (0..98).map(|number| format!("l{number}")).collect();
        let many: Vec<String> = many
            .into_iter()
            .chain(["watch".to_owned(), "x".to_owned()])
            .collect();
        let person = Change::by_server(NOON);
        let labelled = db
            .store
            .change_labels(db.suite.id, uuid, LabelChange::Add, &many, &person);
        labelled.await.unwrap();
        flake(&db, "k1", NOON, &["a"]).await;
        let rule = db
            .store
            .rule(db.suite.id, rule.uuid)
            .await
            .unwrap()
            .unwrap();
        let evaluation = db.store.evaluate_rule(rule, NOON).await.unwrap();
        let firing = || Firing {
            rule: &evaluation.rule,
            change: evaluation.changes[0],
            state: Some(StateStep::Refuse("the test is broken".to_owned())),
        };
        let change = by(&evaluation.rule, NOON);
        let fired = db.store.fire_rule(firing(), &change).await.unwrap();
        assert_eq!(fired, Fired::Done);
        assert_eq!(
            db.store.fire_rule(firing(), &change).await.unwrap(),
            Fired::Outdated,
            "its alarm is on"
        );
        let alarms = events(&db, EventKind::RuleAlarm).await;
        assert_eq!(alarms.len(), 1);
        let expected = ["unchanged", "failed", "failed", "unchanged", "refused"];
        assert_eq!(outcomes(&alarms[0]), expected);
        let actions = &alarms[0].after.as_ref().unwrap()["actions"];
        let detail = |index: usize| actions[index]["detail"].as_str().unwrap_or_default();
        assert!(detail(1).contains("number of labels"), "{}", detail(1));
        assert_eq!(detail(2), "the webhook is deleted or disabled");
        assert_eq!(detail(4), "the test is broken");
        assert_eq!(alarms[0].reason.as_deref(), Some("because of this"));
        assert_eq!(state(&db, "a").await, TestState::Enabled);
    })
    .await;
}

#[tokio::test]
async fn a_rule_that_was_changed_meanwhile_is_evaluated_again() {
    on_every_engine(async |db| {
        delete_default(&db).await;
        let rule = create(&db, label_rule(Monitor::PASSED_ON_RETRY)).await;
        record(&db, ("k0", "main"), NOON, vec![passed("a", 1.0)]).await;
        flake(&db, "k1", NOON, &["a"]).await;
        let old = db.store.evaluate_rule(rule.clone(), NOON).await.unwrap();
        assert_eq!(old.changes.len(), 1);
        let off = RuleSettings {
            is_enabled: false,
            ..rule.settings.clone()
        };
        let person = Change::by_server(NOON);
        let update = async |settings: &RuleSettings| {
            let settings = settings.clone();
            let updated = db
                .store
                .update_rule(&db.suite, rule.uuid, settings, &person);
            updated.await.unwrap();
        };
        update(&off).await;
        let firing = Firing {
            rule: &old.rule,
            change: old.changes[0],
            state: None,
        };
        let fired = db.store.fire_rule(firing, &by(&rule, NOON)).await.unwrap();
        assert_eq!(fired, Fired::Outdated);
        db.store.finish_evaluation(&old, NOON).await.unwrap();
        follow(&db.store, NOON).await;
        // What happened while it was off is not followed later.
        update(&rule.settings).await;
        follow(&db.store, NOON).await;
        assert_eq!(events(&db, EventKind::RuleAlarm).await, []);
        flake(&db, "k2", NOON, &["a"]).await;
        follow(&db.store, NOON).await;
        assert_eq!(names(&db, EventKind::RuleAlarm).await, ["a"]);
    })
    .await;
}

#[tokio::test]
async fn a_mute_of_a_person_stays_theirs() {
    on_every_engine(async |db| {
        delete_default(&db).await;
        create(&db, mute_rule()).await;
        record(&db, ("k0", "main"), NOON, vec![passed("a", 1.0)]).await;
        let uuid = test_uuid(db.suite.uuid, "Basket", "a");
        let person = Change::by_server(NOON).because("by hand");
        let muted = db
            .store
            .set_test_state(db.suite.id, uuid, TestState::Muted, &person);
        muted.await.unwrap();
        flake(&db, "k1", NOON, &["a"]).await;
        follow(&db.store, NOON).await;
        follow(&db.store, NOON.plus_days(9)).await;
        assert_eq!(state(&db, "a").await, TestState::Muted);
        let alarms = events(&db, EventKind::RuleAlarm).await;
        assert_eq!(outcomes(&alarms[0]), ["unchanged"]);
        let ends = events(&db, EventKind::RuleRecover).await;
        assert_eq!(outcomes(&ends[0]), ["unchanged"]);
    })
    .await;
}
