//! How every test of a run ended.

use std::collections::BTreeMap;

use test_engine_duration::Micros;
use test_engine_store::{Change, JobPart, NewExecution, NewUpload, TestEnd, TestState, test_uuid};

use crate::support::{NOON, failed, on_every_engine, passed, run, skipped, upload};

#[tokio::test]
async fn every_test_of_a_run_has_its_end_and_the_mean_of_its_passes() {
    on_every_engine(async |db| {
        let all = ["muted", "broken", "retried", "lane"].map(|name| passed(name, 1.0));
        let before = NewUpload {
            executions: all.to_vec(),
            ..upload(&db.suite, "before")
        };
        db.store.record_upload(before).await.unwrap();
        let muted = test_uuid(db.suite.uuid, "Basket", "muted");
        let change = Change::by_server(NOON);
        db.store
            .set_test_state(db.suite.id, muted, TestState::Muted, &change)
            .await
            .unwrap();
        for (job, executions) in [
            (
                "1",
                vec![
                    passed("sound", 1.0),
                    passed("sound", 3.0),
                    failed("broken", 1.0),
                    failed("retried", 9.0),
                    passed("retried", 2.0),
                    failed("muted", 1.0),
                    failed("lane", 1.0),
                    skipped("skipped"),
                ],
            ),
            ("2", vec![passed("lane", 4.0)]),
        ] {
            let new = NewUpload {
                job_id: Some(job.to_owned()),
                executions,
                ..upload(&db.suite, "k1")
            };
            db.store.record_upload(new).await.unwrap();
        }
        let run = run(&db, "k1").await;
        let found = db.store.tests_of_run(&run).await.unwrap();
        let ids: Vec<_> = found.keys().copied().collect();
        let tests = db.store.tests_with_ids(&ids).await.unwrap();
        let named: BTreeMap<&str, (TestEnd, Option<u64>)> = tests
            .values()
            .map(|test| {
                let one = found[&test.id];
                (test.name.as_str(), (one.end, one.duration.map(Micros::get)))
            })
            .collect();
        let expected = BTreeMap::from([
            ("sound", (TestEnd::Passed, Some(2_000_000))),
            ("broken", (TestEnd::Failed, None)),
            ("retried", (TestEnd::Recovered, Some(2_000_000))),
            ("muted", (TestEnd::Muted, None)),
            // A pass of another job repairs nothing.
            ("lane", (TestEnd::Failed, Some(4_000_000))),
            ("skipped", (TestEnd::NotRun, None)),
        ]);
        assert_eq!(named, expected);
    })
    .await;
}

#[tokio::test]
async fn jobs_spend_their_time_on_files_and_retries() {
    on_every_engine(async |db| {
        let in_file = |file: &str, execution: NewExecution| NewExecution {
            selector: Some(file.to_owned()),
            ..execution
        };
        for (job, executions) in [
            (
                Some("1"),
                vec![
                    in_file("a.py", passed("adds", 1.0)),
                    in_file("a.py", failed("pays", 3.0)),
                    in_file("b.py", passed("ships", 2.0)),
                    in_file("a.py", passed("pays", 0.5)),
                ],
            ),
            (Some("2"), vec![in_file("c.py", passed("waits", 9.0))]),
            (None, vec![in_file("d.py", passed("polls", 9.0))]),
        ] {
            let new = NewUpload {
                job_id: job.map(str::to_owned),
                executions,
                ..upload(&db.suite, "k1")
            };
            db.store.record_upload(new).await.unwrap();
        }
        let found = db.store.job_parts(&run(&db, "k1").await).await.unwrap();
        let part = |file: &str, seconds: f64, has_failed: bool, is_retry: bool| JobPart {
            selector: file.to_owned(),
            duration: Micros::from_seconds(seconds),
            has_failed,
            is_retry,
        };
        let first = vec![
            part("a.py", 4.0, true, false),
            part("b.py", 2.0, false, false),
            part("a.py", 0.5, false, true),
        ];
        let expected = BTreeMap::from([
            ("1".to_owned(), first),
            ("2".to_owned(), vec![part("c.py", 9.0, false, false)]),
        ]);
        assert_eq!(found, expected);
    })
    .await;
}
