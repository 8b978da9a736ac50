//! What pages show of selections: the newest plans that left something out, and what these missed.

use test_engine_selection::{Drift, Holdout, Origin, Share};
use test_engine_store::{
    DecisionState, DecisionVerdict, KnownFailures, MissedItem, NewHoldout, SelectionStep,
    SwitchChange,
};

use crate::selection::{decided, decision};
use crate::support::{Database, NOON, on_every_engine};

/// The build of a decision missed an item.
async fn missed(db: &Database, id: i64, clock: u32, identifier: &str, item: &str) {
    let holdout = NewHoldout {
        holdout: Holdout {
            origin: Origin::Missed,
            needed: 3.25,
            time_share: 0.5,
            is_caught: false,
        },
        identifier: identifier.to_owned(),
        branch: "feature".to_owned(),
        commit_sha: None,
        run: None,
        strategy: "confidence".to_owned(),
        promise: Some(Share::from_percent(95)),
        failing: 1,
        selected: 0,
        misses: vec![MissedItem {
            item: item.to_owned(),
            rank: 9,
            run: None,
        }],
    };
    let step = SelectionStep {
        suite: db.suite.id,
        clock,
        at: NOON,
        files: Vec::new(),
        folders: Vec::new(),
        items: None,
        renames: Vec::new(),
        holdout: Some(holdout),
        drift: Drift::default(),
        switch: SwitchChange::Unchanged,
        decision: Some((id, DecisionState::Closed, None)),
        history_run: None,
    };
    db.store.apply_selection_step(&step).await.unwrap();
}

#[tokio::test]
async fn the_newest_selected_plans_have_their_scores_and_misses() {
    on_every_engine(async |db| {
        let suite = db.suite.id;
        let scores = |scores: &[u8]| {
            let mut decision = decision("feature");
            decision.details.as_mut().unwrap().scores = scores.to_vec();
            decision
        };
        let first = decided(&db, "first", &scores(&[1; 10])).await;
        let mut observed = scores(&[2]);
        observed.record.verdict = DecisionVerdict::Observed;
        decided(&db, "observed", &observed).await;
        let second = decided(&db, "second", &scores(&[3; 20])).await;
        let newest = async |limit, max_bytes| {
            let plans = db.store.newest_selected_plans(suite, limit, max_bytes);
            let plans = plans.await.unwrap().into_iter();
            plans
                .map(|plan| (plan.identifier, plan.scores))
                .collect::<Vec<_>>()
        };
        let expected = [
            ("second".to_owned(), vec![3; 20]),
            ("first".to_owned(), vec![1; 10]),
        ];
        assert_eq!(newest(10, 30).await, expected);
        assert_eq!(newest(10, 29).await, expected[..1]);
        // One is never too large.
        assert_eq!(newest(10, 0).await, expected[..1]);
        assert_eq!(newest(1, 30).await, expected[..1]);

        missed(&db, first, 0, "first", "a.py").await;
        missed(&db, second, 1, "second", "b.py").await;
        let known = async |left_out: &[(&str, &str)]| {
            let own = |(plan, item): &(&str, &str)| ((*plan).to_owned(), (*item).to_owned());
            let left_out: Vec<(String, String)> = left_out.iter().map(own).collect();
            let known = db.store.known_failures_of_plans(suite, &left_out);
            known.await.unwrap()
        };
        let failures = |builds, missed| KnownFailures { builds, missed };
        assert_eq!(
            known(&[("first", "a.py"), ("second", "a.py")]).await,
            failures(2, 1)
        );
        assert_eq!(
            known(&[("first", "c.py"), ("observed", "c.py")]).await,
            failures(1, 0)
        );
        assert_eq!(known(&[]).await, failures(0, 0));

        let deleted = db.store.delete_expired_selections(NOON.plus_days(8), 10);
        assert_eq!(deleted.await.unwrap(), 3);
        assert_eq!(newest(10, 30).await, []);
    })
    .await;
}
