//! Passes of muted tests prove that they are fixed, and a failure disproves it.

use test_engine_insights::clean_passes_needed;
use test_engine_store::{
    Actor, ActorKind, Change, EventFilter, EventKind, FixProof, NewExecution, NewQuarantine,
    NewUpload, Page, TestState, Timestamp, test_uuid,
};

use crate::support::{
    Database, NOON, failed, on_every_engine, on_upgraded_databases, passed, upload,
};

struct Scene<'a> {
    db: &'a Database,
    uploads: std::cell::Cell<u32>,
}

impl<'a> Scene<'a> {
    fn new(db: &'a Database) -> Self {
        Self {
            db,
            uploads: std::cell::Cell::new(0),
        }
    }

    /// Uploads results of a new run.
    async fn run(&self, executions: Vec<NewExecution>) {
        let number = self.uploads.get() + 1;
        self.uploads.set(number);
        let new = NewUpload {
            executions,
            ..upload(&self.db.suite, &format!("run {number}"))
        };
        self.db.store.record_upload(new).await.unwrap();
    }

    async fn set(&self, name: &str, state: TestState, reason: &str) {
        let details = NewQuarantine {
            reason: reason.to_owned(),
            ends_at: Some(NOON.plus_days(80)),
            ..NewQuarantine::default()
        };
        let change = Change::new(Actor::of_kind(ActorKind::CommandLine), NOON);
        let (suite, uuid) = (&self.db.suite, self.uuid(name));
        let set = self
            .db
            .store
            .quarantine_test(suite.id, uuid, state, details, &change);
        set.await.unwrap().unwrap();
    }

    fn uuid(&self, name: &str) -> uuid::Uuid {
        test_uuid(self.db.suite.uuid, "Basket", name)
    }

    async fn proof(&self, name: &str) -> FixProof {
        let test = self.db.store.test(self.db.suite.id, self.uuid(name)).await;
        let id = test.unwrap().unwrap().id;
        let known = self.db.store.quarantines(&[id]).await.unwrap();
        known[&id].proof
    }

    async fn passes(&self, name: &str) -> u64 {
        self.proof(name).await.clean_passes
    }

    async fn propose(&self, at: Timestamp) -> u64 {
        self.db.store.propose_releases(at, 100).await.unwrap()
    }

    /// How often a release was proposed.
    async fn events(&self) -> u64 {
        let filter = EventFilter {
            kind: Some(EventKind::MuteReleaseProposed),
            ..EventFilter::default()
        };
        let page = Page::new(1, 10);
        let events = self.db.store.events(self.db.suite.id, filter, page).await;
        events.unwrap().total
    }
}

fn passes(name: &str, times: usize) -> Vec<NewExecution> {
    std::iter::repeat_n(passed(name, 1.0), times).collect()
}

#[tokio::test]
async fn enough_passes_in_a_row_propose_a_release_once() {
    on_every_engine(async |db| {
        let scene = Scene::new(&db);
        // A test that fails in every other run, and passes on retry.
        for number in 0..24 {
            let mut results = passes("a", 1);
            if number % 2 == 0 {
                results.insert(0, failed("a", 1.0));
            }
            scene.run(results).await;
        }
        while db.store.judge_some(NOON, 100).await.unwrap().tests > 0 {}
        let id = db.store.test(db.suite.id, scene.uuid("a")).await;
        let health = db.store.test_health(id.unwrap().unwrap().id).await;
        let rate = health.unwrap().unwrap().score.rate;
        let needed = u64::from(clean_passes_needed(rate));
        assert!(needed < 299, "{rate}");

        scene.set("a", TestState::Muted, "flaky").await;
        let none = FixProof {
            clean_passes: 0,
            passes_needed: needed,
            proposed_at: None,
        };
        assert_eq!(scene.proof("a").await, none);
        scene.run(passes("a", 3)).await;
        scene.run(passes("a", 2)).await;
        assert_eq!(scene.passes("a").await, 5);
        // Other details of the same mute.
        scene.set("a", TestState::Muted, "still flaky").await;
        assert_eq!(scene.passes("a").await, 5);
        let mut results = passes("a", 4);
        results.insert(3, failed("a", 1.0));
        scene.run(results).await;
        assert_eq!(scene.passes("a").await, 1);

        let left = usize::try_from(needed).unwrap() - 2;
        scene.run(passes("a", left)).await;
        assert_eq!(scene.propose(NOON).await, 0, "one is missing");
        scene.run(passes("a", 1)).await;
        let at = NOON.plus_days(1);
        let other = db.reopened().await;
        let (one, two) = tokio::join!(scene.propose(at), async {
            other.store.propose_releases(at, 100).await.unwrap()
        });
        assert_eq!(one + two, 1, "of two servers one proposes it");
        other.store.close().await;
        let proof = scene.proof("a").await;
        assert_eq!((proof.clean_passes, proof.proposed_at), (needed, Some(at)));
        assert_eq!((scene.propose(at).await, scene.events().await), (0, 1));

        scene.run(vec![failed("a", 1.0)]).await;
        let proof = scene.proof("a").await;
        assert_eq!((proof.clean_passes, proof.proposed_at), (0, None));
        let needed = usize::try_from(proof.passes_needed).unwrap();
        scene.run(passes("a", needed)).await;
        assert_eq!((scene.propose(at).await, scene.events().await), (1, 2));
    })
    .await;
}

#[tokio::test]
async fn only_muted_executions_outside_outages_prove_something() {
    on_every_engine(async |db| {
        let scene = Scene::new(&db);
        let names = ["a", "b", "c", "d", "e", "f", "g", "h"];
        let all = || -> Vec<NewExecution> { names.map(|name| passed(name, 1.0)).into() };
        scene.run(all()).await;
        scene.set("a", TestState::Muted, "flaky").await;
        scene.set("b", TestState::Skipped, "hangs").await;
        scene.run(all()).await;
        assert_eq!((scene.passes("a").await, scene.passes("b").await), (1, 0));
        // Everything fails at once: neither a failure of the test nor a proof.
        let outage = names.map(|name| failed(name, 1.0));
        scene.run(outage.into()).await;
        assert_eq!(scene.passes("a").await, 1);
        // Where the mute does not apply, its results are those of any other test.
        let details = NewQuarantine {
            scope: test_engine_store::QuarantineScope::DefaultBranch,
            reason: "flaky".to_owned(),
            ..NewQuarantine::default()
        };
        let change = Change::new(Actor::of_kind(ActorKind::CommandLine), NOON);
        let (suite, uuid) = (db.suite.id, scene.uuid("a"));
        let muted = db
            .store
            .quarantine_test(suite, uuid, TestState::Muted, details, &change);
        muted.await.unwrap();
        let mut on_topic = upload(&db.suite, "topic");
        on_topic.run.branch = Some("topic".to_owned());
        on_topic.executions = all();
        db.store.record_upload(on_topic).await.unwrap();
        assert_eq!(scene.passes("a").await, 1);

        scene.set("a", TestState::Skipped, "hangs").await;
        assert_eq!(scene.passes("a").await, 0, "another state resets the count");
        scene.run(passes("a", 300)).await;
        assert_eq!((scene.passes("a").await, scene.propose(NOON).await), (0, 0));
    })
    .await;
}

/// Rows of version 23.
const ROWS: &str = "\
    INSERT INTO organizations (uuid, slug, created_at) \
    VALUES (X'00112233445566778899aabbccddeeff', 'acme', 0); \
    INSERT INTO suites (organization_id, uuid, slug, name, default_branch, created_at) \
    VALUES (1, X'00112233445566778899aabbccddeeff', 'web', 'Web', 'main', 0); \
    INSERT INTO tests (suite_id, uuid, scope, name, file_name, state, state_changed_at, \
    first_seen_at, last_seen_at) VALUES \
    (1, X'01112233445566778899aabbccddeeff', 'Cart', 'adds', 'cart.py', 1, 5, 1, 9); \
    INSERT INTO quarantines (test_id, suite_id, scope, reason, since, announced, extensions, \
    actor_kind) VALUES (1, 1, 0, 'flaky', 5, 1000, 0, 'token'); \
    INSERT INTO runs (suite_id, uuid, key, run_env, guarded, created_at, updated_at) \
    VALUES (1, X'02112233445566778899aabbccddeeff', 'k', '{}', TRUE, 5, 5);";

#[tokio::test]
async fn mutes_of_earlier_versions_have_proven_nothing() {
    on_upgraded_databases(23, ROWS, async |store| {
        let suite = store.suite("acme", "web").await.unwrap().unwrap();
        let muted = store.quarantined_tests(suite.id, TestState::Muted).await;
        let proof = muted.unwrap()[0].quarantine.as_ref().unwrap().proof;
        let expected = FixProof {
            clean_passes: 0,
            passes_needed: 299,
            proposed_at: None,
        };
        assert_eq!(proof, expected);
        assert_eq!(store.propose_releases(NOON, 10).await.unwrap(), 0);
        let run = store.run_with_key(suite.id, "k").await.unwrap().unwrap();
        assert!(run.guarded && !run.outage_counted);
    })
    .await;
}
