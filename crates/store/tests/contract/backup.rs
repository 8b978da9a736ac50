//! A copy of a database in use contains what was committed before, and opens as usual.

use std::path::Path;

use test_engine_store::{NewUpload, Page, Store, copy_database};

use crate::support::{Database, passed, upload, with_spans};

const ALL: Page = Page {
    number: 1,
    size: 10_000,
};

#[tokio::test]
async fn copies_consistently_during_uploads() {
    let db = Database::sqlite().await;
    let record = async |number: usize| {
        let test = |test| with_spans(passed(&format!("test {test}"), 0.5), b"spans");
        let executions = (0..50).map(test);
        let upload = NewUpload {
            executions: executions.collect(),
            ..upload(&db.suite, &format!("build-{number}"))
        };
        db.store.record_upload(upload).await.unwrap();
    };
    for number in 0..20 {
        record(number).await;
    }
    let directory = tempfile::tempdir().unwrap();
    let to = directory.path().join("odd name 'ü'.db");
    let from = Path::new(db.url.strip_prefix("sqlite://").unwrap());
    let uploads = async {
        for number in 20..60 {
            record(number).await;
        }
    };
    let (copied, ()) = tokio::join!(copy_database(from, &to), uploads);
    copied.unwrap();
    // The original is complete and still in use.
    record(60).await;
    let there = db.store.runs(db.suite.id, None, ALL).await.unwrap();
    assert_eq!(there.total, 61);

    let copy = Store::open_file(&to).await.unwrap();
    let suite = copy.suite("acme", "web").await.unwrap().unwrap();
    assert_eq!(suite, db.suite);
    let runs = copy.runs(suite.id, None, ALL).await.unwrap().items;
    for number in 0..20 {
        let key = format!("build-{number}");
        assert!(
            runs.iter().any(|run| run.key == key),
            "{key} was there before"
        );
    }
    assert!(runs.iter().all(|run| run.counts.passed == 50), "{runs:?}");
    let test = copy
        .find_test(&suite, "Basket", "test 7")
        .await
        .unwrap()
        .unwrap();
    let executions = copy.test_executions(&test, ALL).await.unwrap();
    assert_eq!(executions.total, runs.len() as u64);
    assert_eq!(executions.items.len(), runs.len());
    for execution in executions.items {
        let spans = copy.spans(suite.id, execution.uuid).await.unwrap();
        assert_eq!(spans.as_deref(), Some(&b"spans"[..]));
    }
    copy.close().await;

    let again = copy_database(from, &to).await;
    assert!(again.is_err(), "existing files are not overwritten");
}
