//! What the monitors of rules see, and who is told of alarms.

use serde_json::{Value, json};
use test_engine_insights::Monitor;
use test_engine_store::{
    ActorKind, Change, EventKind, NewExecution, NewWebhook, RuleAction, RuleSettings,
    WebhookFormat, WebhookTarget,
};
use uuid::Uuid;

use crate::rules::{
    ALL, MINUTE, create, delete_default, events, flake, follow, label_rule, names, on_main, record,
};
use crate::support::{NOON, failed, on_every_engine, passed};

#[tokio::test]
async fn windows_see_only_executions_that_match_the_filters() {
    on_every_engine(async |db| {
        delete_default(&db).await;
        let transitions = RuleSettings {
            name: "transitions".to_owned(),
            filters: vec![on_main()],
            ..label_rule(Monitor::TransitionCount {
                window: 4,
                high: 500_000,
                low: 0,
            })
        };
        let slow = RuleSettings {
            name: "slow".to_owned(),
            filters: vec![on_main()],
            ..label_rule(Monitor::DurationP50 {
                window: 3,
                high: 10_000_000,
                low: 5_000_000,
            })
        };
        create(&db, transitions.clone()).await;
        create(&db, slow.clone()).await;
        let mut at = NOON;
        let mut number = 0;
        let mut step = async |branch: &str, results: Vec<NewExecution>| {
            number += 1;
            at = at.plus_millis(MINUTE);
            record(&db, (&format!("k{number}"), branch), at, results).await;
            follow(&db.store, at).await;
        };
        // On a branch, whatever happens does not count.
        for _ in 0..4 {
            step("topic", vec![failed("a", 99.0)]).await;
            step("topic", vec![passed("a", 99.0), passed("b", 99.0)]).await;
        }
        assert_eq!(events(&db, EventKind::RuleAlarm).await, []);
        step("main", vec![passed("a", 1.0), passed("b", 30.0)]).await;
        step("main", vec![failed("a", 1.0), passed("b", 30.0)]).await;
        assert_eq!(events(&db, EventKind::RuleAlarm).await, []);
        step("main", vec![passed("a", 1.0), passed("b", 30.0)]).await;
        assert_eq!(names(&db, EventKind::RuleAlarm).await, ["a", "b"]);
        for _ in 0..4 {
            step("main", vec![passed("a", 1.0), passed("b", 2.0)]).await;
        }
        let recovered = names(&db, EventKind::RuleRecover).await;
        assert_eq!(recovered, ["b", "a"], "two of three are fast at first");

        // The preview of the same rules sees the same executions.
        for (settings, expected) in [(transitions, 7), (slow, 7)] {
            let found = db
                .store
                .rule_histories(db.suite.id, &settings, (at, 2))
                .await;
            let found = found.unwrap();
            assert_eq!(found.since_day, None);
            let of_all: Vec<usize> = found
                .tests
                .values()
                .map(|history| history.executions.len())
                .collect();
            assert_eq!(of_all, [expected, expected], "{}", settings.name);
        }
    })
    .await;
}

#[tokio::test]
async fn evidence_with_filters_is_that_of_matching_executions() {
    on_every_engine(async |db| {
        delete_default(&db).await;
        let settings = RuleSettings {
            filters: vec![on_main()],
            ..label_rule(Monitor::PASSED_ON_RETRY)
        };
        create(&db, settings).await;
        record(&db, ("k0", "main"), NOON, vec![passed("a", 1.0)]).await;
        let both = || vec![failed("a", 1.0), passed("a", 1.1)];
        record(&db, ("k1", "topic"), NOON, both()).await;
        follow(&db.store, NOON).await;
        assert_eq!(events(&db, EventKind::RuleAlarm).await, []);
        record(&db, ("k2", "main"), NOON, both()).await;
        follow(&db.store, NOON).await;
        assert_eq!(names(&db, EventKind::RuleAlarm).await, ["a"]);
        follow(&db.store, NOON.plus_days(8)).await;
        assert_eq!(names(&db, EventKind::RuleRecover).await, ["a"]);
    })
    .await;
}

#[tokio::test]
async fn events_of_rules_go_to_the_webhooks_that_they_name() {
    on_every_engine(async |db| {
        delete_default(&db).await;
        let new = |kinds: &[EventKind]| NewWebhook {
            uuid: Uuid::new_v4(),
            organization: db.suite.organization,
            suite: None,
            description: None,
            target: WebhookTarget {
                address: "https://hooks.example.com/…".to_owned(),
                sealed: vec![1],
            },
            format: WebhookFormat::Slack,
            kinds: kinds.to_vec(),
        };
        let by_server = Change::by_server(NOON);
        let named = db
            .store
            .create_webhook(new(&[EventKind::RuleBrake]), &by_server);
        let named = named.await.unwrap();
        let unnamed = db
            .store
            .create_webhook(new(&[EventKind::RuleBrake]), &by_server);
        let unnamed = unnamed.await.unwrap();
        let mut settings = label_rule(Monitor::PASSED_ON_RETRY);
        settings.alarm_actions.push(RuleAction::Notify(named.uuid));
        create(&db, settings).await;
        record(&db, ("k0", "main"), NOON, vec![passed("a", 1.0)]).await;
        flake(&db, "k1", NOON, &["a"]).await;
        follow(&db.store, NOON).await;
        follow(&db.store, NOON.plus_days(9)).await;
        let sent = async |webhook| {
            let listed = db.store.deliveries(webhook, None, ALL).await.unwrap().items;
            let kinds = listed.iter().map(|delivery| delivery.event.kind);
            kinds.collect::<Vec<_>>()
        };
        assert_eq!(sent(named.id).await, [EventKind::RuleAlarm]);
        assert_eq!(sent(unnamed.id).await, []);
    })
    .await;
}

#[tokio::test]
async fn the_level_of_a_test_is_an_event_and_that_of_many_is_one() {
    on_every_engine(async |db| {
        let many: Vec<String> = (0..23).map(|number| format!("t{number}")).collect();
        let judge = async |at| while db.store.judge_some(at, 100).await.unwrap().tests > 0 {};
        let pass = |names: &[String]| names.iter().map(|name| passed(name, 1.0)).collect();
        let fail = |names: &[String]| names.iter().map(|name| failed(name, 1.0)).collect();
        record(&db, ("k0", "main"), NOON, pass(&many)).await;
        for day in 1..3 {
            let at = NOON.plus_days(day);
            record(&db, (&format!("one{day}"), "main"), at, fail(&many[..1])).await;
            judge(at).await;
        }
        let alarms = events(&db, EventKind::TestAlarm).await;
        assert_eq!(alarms.len(), 1);
        assert_eq!(alarms[0].test_name.as_deref(), Some("Basket t0"));
        assert_eq!(alarms[0].actor.kind, ActorKind::Server);
        assert_eq!(alarms[0].before, Some(json!({"level": "sound"})));
        assert_eq!(alarms[0].after, Some(json!({"level": "broken"})));
        let at = NOON.plus_days(3);
        record(&db, ("fixed", "main"), at, pass(&many[..1])).await;
        judge(at).await;
        assert_eq!(names(&db, EventKind::TestRecover).await, ["t0"]);
        for day in 4..6 {
            let at = NOON.plus_days(day);
            record(&db, (&format!("all{day}"), "main"), at, fail(&many)).await;
            judge(at).await;
        }
        let alarms = events(&db, EventKind::TestAlarm).await;
        let after = alarms.last().unwrap().after.clone();
        let count = alarms[1..]
            .iter()
            .map(|alarm| alarm.after.as_ref().unwrap()["tests"].as_u64().unwrap_or(1))
            .sum::<u64>();
        assert_eq!(count, 23, "{after:?}");
        assert!(alarms.len() < 5, "{}", alarms.len());
        assert!(
            alarms.iter().any(|alarm| alarm.test_name.is_none()
                && alarm.after.as_ref().unwrap_or(&Value::Null)["level"] == "broken"),
            "{after:?}"
        );
    })
    .await;
}
