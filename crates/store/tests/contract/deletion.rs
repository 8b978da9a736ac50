//! Deleting suites: hidden immediately, deleted in steps, without affecting other suites.

use test_engine_store::{Change, NewPlan, NewToken, NewUpload, PlanOrigin, StoreError, TokenKind};
use uuid::Uuid;

use crate::support::{
    Database, NOON, OtherProgram, create_suite, failed, on_every_engine, passed, record, run,
    upload, with_spans,
};

const TABLES: [&str; 17] = [
    "branches",
    "failures",
    "plans",
    "runs",
    "segments",
    "selectors",
    "spans",
    "day_blocks",
    "tests",
    "uploads",
    "tested_commits",
    "commit_groups",
    "failure_groups",
    "guarded_blocks",
    "open_breaks",
    "changed_tests",
    "test_health",
];

/// Row counts by table.
async fn rows(db: &Database) -> Vec<i64> {
    let mut other = OtherProgram::new(&db.url).await;
    let mut counts = Vec::new();
    for table in TABLES {
        counts.push(other.number(&format!("SELECT COUNT(*) FROM {table}")).await);
    }
    counts
}

async fn fill(db: &Database) {
    for number in 0..5 {
        let name = |test: usize| format!("{number} {test}");
        let mut executions: Vec<_> = (0..20).map(|test| passed(&name(test), 1.0)).collect();
        executions.push(with_spans(failed("broken", 1.0), b"spans"));
        for (index, execution) in executions.iter_mut().enumerate() {
            execution.selector = Some(format!("file {}", index / 3));
        }
        let mut upload = upload(&db.suite, &format!("run {number}"));
        upload.run.branch = Some(format!("branch {number}"));
        upload.received_at = NOON.plus_days(number);
        let upload = NewUpload {
            executions,
            ..upload
        };
        db.store.record_upload(upload).await.unwrap();
        let plan = NewPlan {
            suite: db.suite.id,
            identifier: format!("plan {number}"),
            body: vec![1],
            digest: [1; 32],
            origin: PlanOrigin::default(),
            created_at: NOON,
            expires_at: NOON.plus_days(1),
        };
        db.store.insert_plan(plan).await.unwrap();
    }
}

#[tokio::test]
async fn hides_a_suite_immediately_and_deletes_its_rows_in_steps() {
    on_every_engine(async |mut db| {
        let doomed = db.suite.clone();
        db.suite = create_suite(&db.store, "acme", "other").await;
        record(&db, "kept", vec![failed("a", 1.0)]).await;
        let kept = rows(&db).await;
        let other = std::mem::replace(&mut db.suite, doomed);
        fill(&db).await;
        let token = NewToken {
            uuid: Uuid::new_v4(),
            organization: db.suite.organization,
            suite: Some(db.suite.id),
            kind: TokenKind::Suite,
            secret_hash: [1; 32],
            scopes: Vec::new(),
            description: None,
            expires_at: None,
            user: None,
        };
        db.store
            .create_token(token, &Change::by_server(NOON))
            .await
            .unwrap();
        let full = rows(&db).await;
        assert!(!db.store.purge_deleted_suites(10).await.unwrap());

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
        assert_eq!(rows(&db).await, full, "rows are deleted later");
        assert_eq!(db.store.suite("acme", "web").await.unwrap(), None);
        assert_eq!(db.store.suite_by_id(db.suite.id).await.unwrap(), None);
        assert_eq!(db.store.token_by_hash(&[1; 32]).await.unwrap(), None);
        let result = db.store.record_upload(upload(&db.suite, "late")).await;
        assert!(matches!(result, Err(StoreError::Gone(_))), "{result:?}");
        // The slug is free again, and a new suite with it is empty.
        let again = create_suite(&db.store, "acme", "web").await;
        assert_eq!(db.store.count_tests(again.id).await.unwrap(), 0);

        let mut steps = 0;
        let mut before: i64 = full.iter().sum();
        while db.store.purge_deleted_suites(10).await.unwrap() {
            steps += 1;
            let now = rows(&db).await.iter().sum();
            assert!(before - now <= 20, "a step of {before} to {now} is small");
            before = now;
        }
        assert!(steps > 20, "{steps}");
        assert_eq!(rows(&db).await, kept);
        db.suite = other;
        assert_eq!(run(&db, "kept").await.counts.failed, 1);
    })
    .await;
}
