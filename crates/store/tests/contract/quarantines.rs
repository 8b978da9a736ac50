//! Muted and skipped tests: their details, their ends, and the runs that they apply to. No clock:
//! every test says what time it is.

use test_engine_store::{
    Actor, ActorKind, AuditEntry, AuditFilter, Change, CommitRecord, NewQuarantine, NewUpload,
    Page, Quarantine, QuarantineEvents, QuarantineScope, RunResult, SuiteChanges, Test, TestState,
    Timestamp, test_uuid,
};
use uuid::Uuid;

use crate::support::{
    Database, NOON, OtherProgram, failed, on_every_engine, passed, record, run, upload,
};

const HOUR: i64 = 3_600_000;

fn priya(at: Timestamp) -> Change {
    let actor = Actor {
        kind: ActorKind::Session,
        uuid: Some(Uuid::from_u128(7)),
        name: Some("Priya".to_owned()),
    };
    Change::new(actor, at)
}

fn until(ends_at: Timestamp) -> NewQuarantine {
    NewQuarantine {
        scope: QuarantineScope::NotTouched,
        reason: "the sandbox throttles us".to_owned(),
        owner: Some("payments".to_owned()),
        ticket: Some("PAY-2210".to_owned()),
        ends_at: Some(ends_at),
    }
}

struct Scene<'a> {
    db: &'a Database,
    uuid: Uuid,
}

impl<'a> Scene<'a> {
    async fn new(db: &'a Database) -> Self {
        record(db, "k", vec![passed("a", 1.0), passed("b", 1.0)]).await;
        let uuid = test_uuid(db.suite.uuid, "Basket", "a");
        Self { db, uuid }
    }

    async fn set(&self, state: TestState, details: NewQuarantine, at: Timestamp) -> Test {
        let change = priya(at);
        let set = self
            .db
            .store
            .quarantine_test(self.db.suite.id, self.uuid, state, details, &change)
            .await;
        set.unwrap().unwrap()
    }

    async fn plain(&self, state: TestState, at: Timestamp) -> Test {
        let change = priya(at).because("by API");
        let set = self
            .db
            .store
            .set_test_state(self.db.suite.id, self.uuid, state, &change)
            .await;
        set.unwrap().unwrap()
    }

    async fn state(&self) -> TestState {
        let test = self.db.store.test(self.db.suite.id, self.uuid).await;
        test.unwrap().unwrap().state
    }

    async fn known(&self) -> Option<Quarantine> {
        let test = self.db.store.test(self.db.suite.id, self.uuid).await;
        let id = test.unwrap().unwrap().id;
        self.db.store.quarantines(&[id]).await.unwrap().remove(&id)
    }

    async fn advance(&self, now: Timestamp) -> QuarantineEvents {
        self.db.store.advance_quarantines(now, 100).await.unwrap()
    }

    /// Oldest first.
    async fn log(&self) -> Vec<AuditEntry> {
        let filter = AuditFilter {
            subject: Some(self.uuid),
            ..AuditFilter::default()
        };
        let organization = self.db.suite.organization;
        let listed = self
            .db
            .store
            .audit_log(organization, &filter, Page::new(1, 100))
            .await;
        let mut entries = listed.unwrap().items;
        entries.reverse();
        entries
    }

    async fn actions(&self) -> Vec<String> {
        let log = self.log().await;
        log.into_iter().map(|entry| entry.action).collect()
    }
}

fn events(expired: u64, due: u64, announced: u64) -> QuarantineEvents {
    QuarantineEvents {
        expired,
        due,
        announced,
    }
}

#[tokio::test]
async fn a_mute_is_announced_and_ends_on_time() {
    on_every_engine(async |db| {
        let scene = Scene::new(&db).await;
        let end = NOON.plus_days(14);
        let muted = scene.set(TestState::Muted, until(end), NOON).await;
        assert_eq!(
            (muted.state, muted.state_changed_at),
            (TestState::Muted, Some(NOON))
        );
        let known = scene.known().await.unwrap();
        assert_eq!(known.details, until(end));
        assert_eq!((known.since, known.extensions), (NOON, 0));
        assert_eq!(known.actor, priya(NOON).actor);

        for (time, expected) in [
            (NOON, events(0, 0, 0)),
            (end.plus_days(-7).plus_millis(-1), events(0, 0, 0)),
            (end.plus_days(-7), events(0, 0, 1)),
            (end.plus_days(-7).plus_millis(HOUR), events(0, 0, 0)),
            (end.plus_days(-1), events(0, 0, 1)),
            (end.plus_millis(-1), events(0, 0, 0)),
        ] {
            assert_eq!(scene.advance(time).await, expected);
            assert_eq!(scene.state().await, TestState::Muted);
        }
        assert_eq!(scene.advance(end).await, events(1, 0, 0));
        assert_eq!(scene.advance(end).await, events(0, 0, 0));
        assert_eq!(scene.state().await, TestState::Enabled);
        assert_eq!(scene.known().await, None);

        let log = scene.log().await;
        let actions: Vec<&str> = log.iter().map(|entry| entry.action.as_str()).collect();
        let expected = ["mute.created", "mute.ending", "mute.ending", "mute.expired"];
        assert_eq!(actions, expected);
        assert_eq!(log[1].after.as_ref().unwrap()["days"], 7);
        assert_eq!(log[2].after.as_ref().unwrap()["days"], 1);
        let expired = &log[3];
        assert_eq!(expired.change.at, end);
        assert_eq!(expired.change.actor, Actor::of_kind(ActorKind::Time));
        assert_eq!(
            expired.change.reason.as_deref(),
            Some("the sandbox throttles us")
        );
        assert_eq!(expired.before.as_ref().unwrap()["owner"], "payments");
        assert_eq!(expired.after.as_ref().unwrap()["state"], "enabled");
    })
    .await;
}

#[tokio::test]
async fn a_server_that_was_down_announces_only_the_nearest_end() {
    on_every_engine(async |db| {
        let scene = Scene::new(&db).await;
        let end = NOON.plus_days(14);
        scene.set(TestState::Muted, until(end), NOON).await;
        assert_eq!(scene.advance(end.plus_millis(-HOUR)).await, events(0, 0, 1));
        assert_eq!(scene.log().await[1].after.as_ref().unwrap()["days"], 1);
        // Down until after the end: nothing is announced any more.
        scene.plain(TestState::Enabled, NOON).await;
        scene.set(TestState::Muted, until(end), NOON).await;
        assert_eq!(scene.advance(end.plus_days(3)).await, events(1, 0, 0));
    })
    .await;
}

#[tokio::test]
async fn a_skip_stays_after_its_end() {
    on_every_engine(async |db| {
        let scene = Scene::new(&db).await;
        let end = NOON.plus_days(3);
        scene.set(TestState::Skipped, until(end), NOON).await;
        assert_eq!(scene.advance(end.plus_days(-1)).await, events(0, 0, 1));
        assert_eq!(scene.advance(end).await, events(0, 1, 0));
        assert_eq!(scene.advance(end.plus_days(1)).await, events(0, 0, 0));
        assert_eq!(scene.state().await, TestState::Skipped);
        let expected = ["skip.created", "skip.ending", "skip.due"];
        assert_eq!(scene.actions().await, expected);
        // With another end, it is due again.
        let later = end.plus_days(5);
        scene
            .set(TestState::Skipped, until(later), end.plus_days(1))
            .await;
        assert_eq!(scene.advance(later).await, events(0, 1, 0));
    })
    .await;
}

#[tokio::test]
async fn an_extension_counts_and_keeps_the_beginning() {
    on_every_engine(async |db| {
        let scene = Scene::new(&db).await;
        let (end, later) = (NOON.plus_days(14), NOON.plus_days(20));
        scene.set(TestState::Muted, until(end), NOON).await;
        let next_day = NOON.plus_days(1);
        scene.set(TestState::Muted, until(end), next_day).await;
        let other_reason = NewQuarantine {
            reason: "still throttled".to_owned(),
            ..until(later)
        };
        scene
            .set(TestState::Muted, other_reason.clone(), next_day)
            .await;
        let known = scene.known().await.unwrap();
        assert_eq!((known.since, known.extensions), (NOON, 1));
        assert_eq!(known.details, other_reason);
        scene.set(TestState::Muted, until(end), next_day).await;
        assert_eq!(scene.known().await.unwrap().extensions, 1, "not postponed");
        scene.set(TestState::Skipped, until(later), next_day).await;
        let known = scene.known().await.unwrap();
        assert_eq!((known.since, known.extensions), (next_day, 0));
        let expected = [
            "mute.created",
            "mute.extended",
            "mute.changed",
            "skip.created",
        ];
        assert_eq!(scene.actions().await, expected);
        let extended = &scene.log().await[1];
        assert_eq!(extended.change.reason.as_deref(), Some("still throttled"));
        let ends = |side: &Option<serde_json::Value>| side.as_ref().unwrap()["ends_at"].as_i64();
        assert_eq!(ends(&extended.before), Some(end.millis()));
        assert_eq!(ends(&extended.after), Some(later.millis()));
    })
    .await;
}

#[tokio::test]
async fn a_plain_request_has_no_end_and_changes_no_details() {
    on_every_engine(async |db| {
        let scene = Scene::new(&db).await;
        scene.plain(TestState::Muted, NOON).await;
        let known = scene.known().await.unwrap();
        assert_eq!(known.details.reason, "by API");
        assert_eq!(known.details.scope, QuarantineScope::Everywhere);
        assert_eq!(known.details.ends_at, None);
        assert_eq!(scene.advance(NOON.plus_days(10_000)).await, events(0, 0, 0));
        assert_eq!(scene.state().await, TestState::Muted);

        let end = NOON.plus_days(14);
        scene.set(TestState::Muted, until(end), NOON).await;
        scene.plain(TestState::Muted, NOON.plus_days(1)).await;
        assert_eq!(scene.known().await.unwrap().details, until(end));
        assert_eq!(scene.actions().await, ["mute.created", "mute.changed"]);
    })
    .await;
}

#[tokio::test]
async fn a_setting_of_the_suite_gives_mutes_without_end_one() {
    on_every_engine(async |db| {
        let scene = Scene::new(&db).await;
        scene.plain(TestState::Muted, NOON).await;
        // Muted by an earlier version: without details.
        OtherProgram::new(&db.url)
            .await
            .say("UPDATE tests SET state = 1 WHERE name = 'b'")
            .await;
        let tests = db
            .store
            .quarantined_tests(db.suite.id, TestState::Muted)
            .await
            .unwrap();
        let reasons: Vec<_> = tests
            .iter()
            .map(|item| {
                item.quarantine
                    .as_ref()
                    .map(|it| it.details.reason.as_str())
            })
            .collect();
        assert_eq!(reasons, [Some("by API"), None]);
        assert_eq!(scene.advance(NOON.plus_days(10_000)).await, events(0, 0, 0));

        let next_day = NOON.plus_days(1);
        let update = async |days| {
            let changes = SuiteChanges {
                quarantine_api_days: Some(days),
                ..SuiteChanges::default()
            };
            let updated = db
                .store
                .update_suite(db.suite.id, changes, &priya(next_day))
                .await;
            updated.unwrap().unwrap().quarantine.api_days
        };
        assert_eq!(update(Some(30)).await, Some(30));
        let end = next_day.plus_days(30);
        assert_eq!(scene.known().await.unwrap().details.ends_at, Some(end));
        assert_eq!(scene.actions().await, ["mute.created", "mute.changed"]);
        assert_eq!(scene.advance(end).await, events(2, 0, 0));

        scene.plain(TestState::Muted, end).await;
        let known = scene.known().await.unwrap();
        assert_eq!(known.details.ends_at, Some(end.plus_days(30)));
        assert_eq!(update(None).await, None);
        assert_eq!(scene.known().await.unwrap(), known);
    })
    .await;
}

#[tokio::test]
async fn failures_count_in_runs_that_a_mute_does_not_apply_to() {
    use QuarantineScope::{DefaultBranch, Everywhere, NotTouched};
    on_every_engine(async |db| {
        let scene = Scene::new(&db).await;
        let commit = |sha: &str, files: &str| CommitRecord {
            sha: sha.to_owned(),
            files_changed: files.to_owned(),
            ..CommitRecord::default()
        };
        let commits = [
            commit("aa", "README.md\nbasket.py"),
            commit("bb", "README.md"),
        ];
        db.store
            .record_commits(db.suite.id, &commits)
            .await
            .unwrap();
        for (scope, branch, commit, is_muted) in [
            (Everywhere, "topic", "AA", true),
            (DefaultBranch, "main", "AA", true),
            (DefaultBranch, "topic", "bb", false),
            (NotTouched, "main", "aa", true),
            (NotTouched, "topic", "AA", false),
            (NotTouched, "topic", "bb", true),
            (NotTouched, "topic", "unknown", true),
        ] {
            let details = NewQuarantine {
                scope,
                ..until(NOON.plus_days(14))
            };
            scene.set(TestState::Muted, details, NOON).await;
            let key = format!("{scope:?} {branch} {commit}");
            let mut new = upload(&db.suite, &key);
            new.run.branch = Some(branch.to_owned());
            new.run.commit_sha = Some(commit.to_owned());
            let new = NewUpload {
                executions: vec![failed("a", 1.0), passed("b", 1.0)],
                ..new
            };
            db.store.record_upload(new).await.unwrap();
            let run = run(&db, &key).await;
            let expected = if is_muted {
                (RunResult::Passed, 1)
            } else {
                (RunResult::Failed, 0)
            };
            assert_eq!((run.result, run.failed_muted), expected, "{key}");
        }
    })
    .await;
}

#[tokio::test]
async fn two_servers_end_a_mute_once() {
    on_every_engine(async |db| {
        let scene = Scene::new(&db).await;
        let end = NOON.plus_days(14);
        scene.set(TestState::Muted, until(end), NOON).await;
        let (one, other) = tokio::join!(scene.advance(end), scene.advance(end));
        assert_eq!(one.expired + other.expired, 1);
        assert_eq!(scene.actions().await, ["mute.created", "mute.expired"]);
    })
    .await;
}

#[tokio::test]
async fn tests_of_deleted_suites_have_no_more_ends() {
    on_every_engine(async |db| {
        let scene = Scene::new(&db).await;
        let end = NOON.plus_days(14);
        scene.set(TestState::Muted, until(end), NOON).await;
        assert!(
            db.store
                .delete_suite(db.suite.id, &priya(NOON))
                .await
                .unwrap()
        );
        assert_eq!(scene.advance(end).await, events(0, 0, 0));
        while db.store.purge_deleted_suites(1000).await.unwrap() {}
        let mut other = OtherProgram::new(&db.url).await;
        assert_eq!(other.number("SELECT COUNT(*) FROM quarantines").await, 0);
    })
    .await;
}
