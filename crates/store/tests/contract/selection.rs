//! Test selection: one decision per plan, and changes of what was learned that no server loses.

use test_engine_duration::Micros;
use test_engine_selection::{
    Confidence, Cut, Drift, Holdout, Off, Origin, RotationPointer, Row, Share,
};
use test_engine_store::{
    ActorKind, AuditFilter, Change, DecisionDetails, DecisionRecord, DecisionState,
    DecisionVerdict, EventKind, MissedItem, NewDecision, NewHoldout, NewPlan, Page, PlanOrigin,
    SelectionStep, SelectionSwitch, StepOutcome, SuiteId, SwitchChange,
};

use crate::support::{Database, NOON, OtherProgram, on_every_engine};

const ALL: Page = Page {
    number: 1,
    size: 100,
};

pub(crate) fn plan(suite: SuiteId, identifier: &str) -> NewPlan {
    NewPlan {
        suite,
        identifier: identifier.to_owned(),
        body: identifier.as_bytes().to_vec(),
        digest: [1; 32],
        origin: PlanOrigin::default(),
        created_at: NOON,
        expires_at: NOON.plus_days(7),
    }
}

pub(crate) fn decision(branch: &str) -> NewDecision {
    NewDecision {
        record: DecisionRecord {
            branch: branch.to_owned(),
            commit_sha: Some(format!("sha-of-{branch}")),
            strategy: "confidence".to_owned(),
            params: r#"{"confidence":"95"}"#.to_owned(),
            verdict: DecisionVerdict::Selected,
            reason: None,
            promise: Some(Share::from_percent(95)),
            cut: Some(Cut(2.5)),
            confidence: Confidence {
                holdouts: 40,
                caught: 39,
            },
            items: 100,
            selected: 12,
            time: Micros::from_seconds(50.0),
            selected_time: Micros::from_seconds(5.0),
            always: r#"{"new":2}"#.to_owned(),
            known: Some(Share::from_percent(60)),
        },
        details: Some(DecisionDetails {
            scores: vec![1, 2],
            change: vec![3],
            files_hash: [7; 16],
        }),
        pointer: RotationPointer {
            round: 3,
            taken_below: u64::MAX - 5,
        },
    }
}

/// Stores a plan with its decision, and returns the ID of the decision.
pub(crate) async fn decided(db: &Database, identifier: &str, decision: &NewDecision) -> i64 {
    let plan = plan(db.suite.id, identifier);
    let inserted = db.store.insert_plan_with(plan, Some(decision));
    assert!(inserted.await.unwrap().1);
    let stored = db.store.selection_decision(db.suite.id, identifier);
    stored.await.unwrap().unwrap().id
}

fn holdout() -> NewHoldout {
    NewHoldout {
        holdout: Holdout {
            origin: Origin::Missed,
            needed: 3.25,
            time_share: 0.5,
            is_caught: false,
        },
        identifier: "b/s".to_owned(),
        branch: "feature".to_owned(),
        commit_sha: None,
        run: None,
        strategy: "confidence".to_owned(),
        promise: Some(Share::from_percent(95)),
        failing: 2,
        selected: 0,
        misses: vec![
            MissedItem {
                item: "b.py".to_owned(),
                rank: 9,
                run: None,
            },
            MissedItem {
                item: "a.py".to_owned(),
                rank: 4,
                run: None,
            },
        ],
    }
}

fn step(suite: SuiteId, clock: u32) -> SelectionStep {
    SelectionStep {
        suite,
        clock,
        at: NOON,
        files: Vec::new(),
        folders: Vec::new(),
        items: None,
        renames: Vec::new(),
        holdout: None,
        drift: Drift::default(),
        switch: SwitchChange::Unchanged,
        decision: None,
        history_run: None,
    }
}

#[tokio::test]
async fn the_first_plan_has_the_only_decision() {
    on_every_engine(async |db| {
        let tasks: Vec<_> = (0..20)
            .map(|server: u64| {
                let (store, mut plan) = (db.store.clone(), plan(db.suite.id, "b/s"));
                plan.body = server.to_le_bytes().to_vec();
                let mut decision = decision("feature");
                decision.record.selected = server;
                tokio::spawn(
                    async move { store.insert_plan_with(plan, Some(&decision)).await.unwrap() },
                )
            })
            .collect();
        let mut won = 0;
        for task in tasks {
            won += u64::from(task.await.unwrap().1);
        }
        assert_eq!(won, 1);
        let plan = db.store.plan(db.suite.id, "b/s", NOON).await.unwrap();
        let stored = db.store.selection_decision(db.suite.id, "b/s").await;
        let stored = stored.unwrap().unwrap();
        let selected = stored.record.selected;
        assert_eq!(plan.unwrap().body, selected.to_le_bytes());
        let mut expected = decision("feature");
        expected.record.selected = selected;
        assert_eq!(stored.record, expected.record);
        assert_eq!(stored.details, expected.details);
        assert_eq!(stored.state, DecisionState::Open);
        let learned = db.store.selection_changes(db.suite.id, 0, 0).await.unwrap();
        assert_eq!(learned.unwrap().state.pointer, expected.pointer);
    })
    .await;
}

#[tokio::test]
async fn plans_without_selection_have_no_decision() {
    on_every_engine(async |db| {
        let stored = db.store.insert_plan(plan(db.suite.id, "b/s")).await;
        assert!(stored.unwrap().1);
        let none = db.store.selection_decision(db.suite.id, "b/s").await;
        assert_eq!(none.unwrap(), None);
        let never = db.store.selection_changes(db.suite.id, 0, 0).await;
        assert_eq!(never.unwrap(), None);
    })
    .await;
}

#[tokio::test]
async fn a_decision_without_details_is_closed_from_the_start() {
    on_every_engine(async |db| {
        let mut full = decision("main");
        full.details = None;
        full.record.verdict = DecisionVerdict::Full;
        full.record.reason = Some(("default_branch".to_owned(), "default branch".to_owned()));
        (full.record.cut, full.record.promise, full.record.known) = (None, None, None);
        decided(&db, "b/s", &full).await;
        let stored = db.store.selection_decision(db.suite.id, "b/s").await;
        let stored = stored.unwrap().unwrap();
        assert_eq!(
            (stored.record, stored.state),
            (full.record, DecisionState::Closed)
        );
        let due = db.store.due_selection_decisions(NOON.plus_days(1), 9).await;
        assert_eq!(due.unwrap(), []);
    })
    .await;
}

#[tokio::test]
async fn steps_are_stored_once_and_in_order() {
    on_every_engine(async |db| {
        let id = decided(&db, "b/s", &decision("feature")).await;
        let row = Row::from_parts(1, 2.5, vec![(7, 1.0), (u32::MAX, 0.5)]);
        let mut drift = Drift::default();
        drift.add(false, Share::from_percent(95));
        let first = SelectionStep {
            files: vec![("src/a.py".to_owned(), row.clone())],
            folders: vec![
                (String::new(), row.clone()),
                ("src".to_owned(), row.clone()),
            ],
            items: Some(row.clone()),
            renames: vec![("old.py".to_owned(), "src/a.py".to_owned())],
            holdout: Some(holdout()),
            drift,
            decision: Some((id, DecisionState::Closed, None)),
            ..step(db.suite.id, 0)
        };
        let Ok(StepOutcome::Stored(Some(holdout_id))) = db.store.apply_selection_step(&first).await
        else {
            panic!("the step is not stored")
        };
        // Another server computed its change from the state before.
        let outdated = db.store.apply_selection_step(&first).await.unwrap();
        assert_eq!(outdated, StepOutcome::Outdated);
        let repeated = SelectionStep { clock: 1, ..first };
        let obsolete = db.store.apply_selection_step(&repeated).await.unwrap();
        assert_eq!(obsolete, StepOutcome::Obsolete);

        let learned = db.store.selection_changes(db.suite.id, 0, 0).await;
        let learned = learned.unwrap().unwrap();
        assert_eq!((learned.state.clock, learned.state.drift), (1, drift));
        assert_eq!(learned.files, [("src/a.py".to_owned(), row.clone())]);
        assert_eq!(learned.folders.len(), 2);
        assert_eq!(learned.items, Some(row));
        assert_eq!(
            learned.renames,
            [("old.py".to_owned(), "src/a.py".to_owned())]
        );
        assert_eq!(learned.holdouts.len(), 1);
        assert_eq!(learned.holdouts[0].holdout, holdout().holdout);

        let tick = step(db.suite.id, 1);
        let stored = db.store.apply_selection_step(&tick).await.unwrap();
        assert_eq!(stored, StepOutcome::Stored(None));
        let changes = db.store.selection_changes(db.suite.id, 1, holdout_id).await;
        let changes = changes.unwrap().unwrap();
        assert_eq!(changes.state.clock, 2);
        assert!(changes.files.is_empty() && changes.items.is_none());
        assert!(changes.renames.is_empty() && changes.holdouts.is_empty());

        let listed = db.store.selection_holdouts(db.suite.id, true, ALL).await;
        let listed = listed.unwrap();
        assert_eq!(listed.total, 1);
        let mut expected = holdout();
        expected.misses.reverse();
        assert_eq!(listed.items[0].holdout, expected);
        assert_eq!(listed.items[0].miss_runs, [None, None]);
    })
    .await;
}

#[tokio::test]
async fn drift_switches_off_what_no_person_has() {
    on_every_engine(async |db| {
        let id = decided(&db, "b/s", &decision("feature")).await;
        let off = SelectionStep {
            holdout: Some(holdout()),
            switch: SwitchChange::OffByDrift,
            decision: Some((id, DecisionState::Waiting, None)),
            ..step(db.suite.id, 0)
        };
        let outcome = db.store.apply_selection_step(&off).await.unwrap();
        let StepOutcome::Stored(Some(holdout)) = outcome else {
            panic!("{outcome:?}")
        };
        let state = async || {
            let learned = db.store.selection_changes(db.suite.id, 0, 0).await;
            learned.unwrap().unwrap().state
        };
        let drifted = state().await;
        assert_eq!(
            (drifted.off, drifted.off_holdout),
            (Some(Off::Drift), holdout)
        );
        assert_eq!(drifted.off_since, Some(NOON));
        let on = SelectionStep {
            switch: SwitchChange::OnAgain,
            ..step(db.suite.id, 1)
        };
        db.store.apply_selection_step(&on).await.unwrap();
        assert_eq!(state().await.off, None);

        let change = Change::by_server(NOON);
        let by_person = SelectionSwitch::Off {
            reason: "flood of misses".to_owned(),
        };
        let switched = db.store.switch_selection(&db.suite, &by_person, &change);
        assert!(switched.await.unwrap());
        let clock = state().await.clock;
        for switch in [SwitchChange::OffByDrift, SwitchChange::OnAgain] {
            let clock = if switch == SwitchChange::OnAgain {
                clock + 1
            } else {
                clock
            };
            let other = SelectionStep {
                switch,
                ..step(db.suite.id, clock)
            };
            db.store.apply_selection_step(&other).await.unwrap();
        }
        let person = Off::Person("flood of misses".to_owned());
        assert_eq!(state().await.off, Some(person));
        for _ in 0..2 {
            let on = db
                .store
                .switch_selection(&db.suite, &SelectionSwitch::On, &change);
            assert!(on.await.unwrap());
        }
        assert_eq!(state().await.off, None);
        let all_entries = AuditFilter::default();
        let log = db.store.audit_log(db.suite.organization, &all_entries, ALL);
        let log = log.await.unwrap().items;
        let switches = log.iter().filter(|entry| entry.action == "suite.selection");
        assert_eq!(switches.count(), 4);
        let events = db.store.selection_switches(db.suite.id, 9).await.unwrap();
        let events = events.iter().map(|event| (event.kind, event.actor.kind));
        let by_server = |kind| (kind, ActorKind::Server);
        assert_eq!(
            events.collect::<Vec<_>>(),
            [
                EventKind::SelectionOn,
                EventKind::SelectionOff,
                EventKind::SelectionOn,
                EventKind::SelectionOff,
            ]
            .map(by_server)
        );
        let newest = db.store.selection_switches(db.suite.id, 1).await.unwrap();
        assert_eq!(newest[0].kind, EventKind::SelectionOn);
    })
    .await;
}

#[tokio::test]
async fn details_are_deleted_with_the_plan() {
    on_every_engine(async |db| {
        decided(&db, "b/s", &decision("feature")).await;
        let delete = async |now| db.store.delete_expired_selections(now, 10).await.unwrap();
        assert_eq!(delete(NOON.plus_days(6)).await, 0);
        assert_eq!(delete(NOON.plus_days(7)).await, 1);
        assert_eq!(delete(NOON.plus_days(7)).await, 0);
        let stored = db.store.selection_decision(db.suite.id, "b/s").await;
        let stored = stored.unwrap().unwrap();
        assert_eq!(
            (stored.details, stored.state),
            (None, DecisionState::Closed)
        );
        // The plan of an expired identifier has a decision of its own.
        let mut later = plan(db.suite.id, "b/s");
        later.created_at = NOON.plus_days(8);
        later.expires_at = NOON.plus_days(9);
        let other = decision("other");
        let inserted = db.store.insert_plan_with(later, Some(&other));
        assert!(inserted.await.unwrap().1);
        let stored = db.store.selection_decision(db.suite.id, "b/s").await;
        assert_eq!(stored.unwrap().unwrap().record.branch, "other");
        let scores = db.store.selection_scores(db.suite.id, "b/s").await;
        assert_eq!(scores.unwrap(), Some(vec![1, 2]));
        decided(&db, "c/s", &decision("feature")).await;
        assert_eq!(delete(NOON.plus_days(500)).await, 4);
        let gone = db.store.selection_decision(db.suite.id, "b/s").await;
        assert_eq!(gone.unwrap(), None);
    })
    .await;
}

#[tokio::test]
async fn a_plan_without_a_selection_replaces_an_expired_one_with_its_decision() {
    on_every_engine(async |db| {
        decided(&db, "b/s", &decision("feature")).await;
        let mut later = plan(db.suite.id, "b/s");
        later.created_at = NOON.plus_days(8);
        later.expires_at = NOON.plus_days(9);
        assert!(db.store.insert_plan_with(later, None).await.unwrap().1);
        let stored = db.store.selection_decision(db.suite.id, "b/s").await;
        assert_eq!(stored.unwrap(), None);
        let scores = db.store.selection_scores(db.suite.id, "b/s").await;
        assert_eq!(scores.unwrap(), None, "nothing is left out of it");
    })
    .await;
}

#[tokio::test]
async fn a_deleted_suite_learns_nothing_more() {
    on_every_engine(async |db| {
        let id = decided(&db, "b/s", &decision("feature")).await;
        let learning = SelectionStep {
            files: vec![("a.py".to_owned(), Row::default())],
            renames: vec![("a.py".to_owned(), "b.py".to_owned())],
            holdout: Some(holdout()),
            decision: Some((id, DecisionState::Closed, None)),
            ..step(db.suite.id, 0)
        };
        db.store.apply_selection_step(&learning).await.unwrap();
        let change = Change::by_server(NOON);
        assert!(db.store.delete_suite(db.suite.id, &change).await.unwrap());
        let late = step(db.suite.id, 1);
        let outcome = db.store.apply_selection_step(&late).await.unwrap();
        assert_eq!(outcome, StepOutcome::Obsolete);
        let switch = db
            .store
            .switch_selection(&db.suite, &SelectionSwitch::On, &change);
        assert!(!switch.await.unwrap());
        while db.store.purge_deleted_suites(10).await.unwrap() {}
        let mut other = OtherProgram::new(&db.url).await;
        for table in [
            "suites",
            "counts",
            "renames",
            "decisions",
            "holdouts",
            "misses",
        ] {
            let query = format!("SELECT COUNT(*) FROM selection_{table}");
            assert_eq!(other.number(&query).await, 0, "{table}");
        }
    })
    .await;
}

#[tokio::test]
async fn decisions_are_summed_by_day_and_reason() {
    on_every_engine(async |db| {
        decided(&db, "1", &decision("a")).await;
        decided(&db, "2", &decision("b")).await;
        let mut full = decision("c");
        full.record.verdict = DecisionVerdict::Full;
        full.record.reason = Some(("message".to_owned(), "text".to_owned()));
        full.record.known = None;
        decided(&db, "3", &full).await;
        let sums = db.store.selection_sums(db.suite.id, NOON).await.unwrap();
        let counts: Vec<(i64, DecisionVerdict, Option<&str>, u64)> = sums
            .iter()
            .map(|sum| (sum.day, sum.verdict, sum.reason.as_deref(), sum.plans))
            .collect();
        let day = NOON.day();
        assert_eq!(
            counts,
            [
                (day, DecisionVerdict::Selected, None, 2),
                (day, DecisionVerdict::Full, Some("message"), 1),
            ]
        );
        assert_eq!(sums[0].time, Micros::from_seconds(100.0));
        assert_eq!(sums[0].selected_time, Micros::from_seconds(10.0));
        let later = NOON.plus_millis(1);
        assert_eq!(
            db.store.selection_sums(db.suite.id, later).await.unwrap(),
            []
        );
        let known = async |recent, limit| {
            let known = db
                .store
                .selection_knowledge(db.suite.id, NOON, recent, limit)
                .await
                .unwrap();
            let (plans, recent) = (known.plans, known.recent_plans);
            assert_eq!(known.known, plans * 600_000);
            assert_eq!(known.recent_known, recent * 600_000);
            (plans, recent)
        };
        assert_eq!(known(1, 9).await, (2, 1));
        assert_eq!(known(9, 1).await, (1, 1));
    })
    .await;
}
