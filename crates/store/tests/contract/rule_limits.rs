//! What rules may do at most: mutes and skips of a suite, and alarms in a minute.

use test_engine_insights::Monitor;
use test_engine_store::{
    Change, EventFilter, EventKind, MAX_FIRED, Page, RuleSettings, TestState, test_uuid,
};

use crate::rules::{
    ALL, MINUTE, create, delete_default, events, flake, follow, label_rule, mute_rule, names,
    outcomes, record,
};
use crate::support::{NOON, failed, on_every_engine, passed};

#[tokio::test]
async fn the_brake_holds_tests_until_there_is_room() {
    on_every_engine(async |db| {
        delete_default(&db).await;
        let rule = create(&db, mute_rule()).await;
        let all: Vec<String> = (0..40).map(|number| format!("t{number:02}")).collect();
        let results = all.iter().map(|name| passed(name, 1.0)).collect();
        record(&db, ("k0", "main"), NOON, results).await;
        flake(&db, "k1", NOON, &["t01", "t02", "t03", "t04"]).await;
        follow(&db.store, NOON).await;
        // 5% of 40 tests.
        assert_eq!(names(&db, EventKind::MuteCreated).await.len(), 2);
        let alarms = events(&db, EventKind::RuleAlarm).await;
        let mut said: Vec<&str> = alarms.iter().flat_map(outcomes).collect();
        said.sort_unstable();
        assert_eq!(said, ["done", "done", "held", "held"]);
        let brakes = events(&db, EventKind::RuleBrake).await;
        assert_eq!(brakes.len(), 1, "once a day");
        assert_eq!(brakes[0].after.as_ref().unwrap()["max_tests"], 2);
        let usage = db.store.rule_usage(db.suite.id, NOON).await.unwrap();
        assert_eq!((usage.rules, usage.brake.tests), (1, 40));
        assert_eq!((usage.brake.quarantined, usage.brake.remaining()), (2, 0));

        // Somebody enables one of them: an hour later the rule mutes another, and says it.
        let muted = names(&db, EventKind::MuteCreated).await;
        let uuid = test_uuid(db.suite.uuid, "Basket", &muted[0]);
        let person = Change::by_server(NOON);
        let enabled = db
            .store
            .set_test_state(db.suite.id, uuid, TestState::Enabled, &person);
        enabled.await.unwrap();
        let later = NOON.plus_millis(61 * MINUTE);
        follow(&db.store, later).await;
        let muted_now = names(&db, EventKind::MuteCreated).await;
        assert_eq!(muted_now.len(), 3, "{muted_now:?}");
        assert!(!muted.contains(&muted_now[2]), "{muted_now:?}");
        assert_eq!(events(&db, EventKind::RuleAlarm).await.len(), 4);
        assert_eq!(events(&db, EventKind::RuleBrake).await.len(), 1);
        let log = EventFilter {
            rule: Some(rule.uuid),
            ..EventFilter::default()
        };
        let log = db.store.events(db.suite.id, log, ALL).await.unwrap();
        assert_eq!(log.total, 4 + 3 + 1, "without what the person did");
    })
    .await;
}

#[tokio::test]
async fn twenty_tests_a_day_are_muted_at_most() {
    on_every_engine(async |db| {
        delete_default(&db).await;
        create(&db, mute_rule()).await;
        let all: Vec<String> = (0..500).map(|number| format!("t{number:03}")).collect();
        let results = all.iter().map(|name| passed(name, 1.0)).collect();
        record(&db, ("k0", "main"), NOON, results).await;
        // Among many that pass: others would be an outage.
        for (key, flaky) in ["k1", "k2", "k3"].iter().zip(all.chunks(8)) {
            let failures = flaky.iter().map(|name| failed(name, 1.0));
            let passes = all.iter().map(|name| passed(name, 1.1));
            let results = failures.chain(passes).collect();
            record(&db, (key, "main"), NOON, results).await;
        }
        follow(&db.store, NOON).await;
        assert_eq!(names(&db, EventKind::MuteCreated).await.len(), 20);
        follow(&db.store, NOON.plus_days(1)).await;
        assert_eq!(names(&db, EventKind::MuteCreated).await.len(), 24);
    })
    .await;
}

#[tokio::test]
async fn a_rule_does_500_things_a_minute_and_the_rest_later() {
    on_every_engine(async |db| {
        delete_default(&db).await;
        let settings = RuleSettings {
            recover_actions: Vec::new(),
            ..label_rule(Monitor::NewTest)
        };
        create(&db, settings).await;
        let total = usize::try_from(MAX_FIRED).unwrap() + 10;
        let results = (0..total).map(|number| passed(&format!("t{number}"), 1.0));
        record(&db, ("k0", "main"), NOON, results.collect()).await;
        follow(&db.store, NOON).await;
        assert_eq!(events(&db, EventKind::RuleAlarm).await.len(), total - 10);
        follow(&db.store, NOON.plus_millis(MINUTE)).await;
        let filter = EventFilter {
            kind: Some(EventKind::RuleAlarm),
            ..EventFilter::default()
        };
        let log = db.store.events(db.suite.id, filter, Page::new(1, 1)).await;
        assert_eq!(log.unwrap().total, total as u64);
        // They are not new any more.
        let results = (0..5).map(|number| passed(&format!("t{number}"), 1.0));
        let at = NOON.plus_days(3);
        record(&db, ("k1", "main"), at, results.collect()).await;
        follow(&db.store, at).await;
        assert_eq!(
            db.store
                .events(db.suite.id, filter, Page::new(1, 1))
                .await
                .unwrap()
                .total,
            total as u64
        );
    })
    .await;
}
