//! Reports of jobs: the latest of each job is kept, with or without a plan.

use test_engine_duration::Micros;
use test_engine_store::{
    AccountingSummary, AccountingVerdict, Change, NewJobReport, NewPlan, Pace, Page, PlanOrigin,
    RanPlan, StoreError, SuiteId, Timestamp,
};

use crate::support::{NOON, create_suite, on_every_engine};

pub(crate) fn report(suite: SuiteId, job_id: &str, body: &[u8]) -> NewJobReport {
    NewJobReport {
        suite,
        identifier: "b/s".to_owned(),
        build_id: "b".to_owned(),
        run_key: "key".to_owned(),
        group: String::new(),
        node: 0,
        job_id: job_id.to_owned(),
        started_at: None,
        retry_count: 0,
        progress: 0,
        body: body.to_vec(),
        size: 100,
        metadata: None,
        received_at: NOON,
        expires_at: NOON.plus_days(7),
    }
}

const PACE: Pace = Pace {
    node: 2,
    took: Micros::new(51_000_000),
    planned: Some(Micros::new(44_000_000)),
    fastest: Micros::new(40_000_000),
};

fn plan(suite: SuiteId, identifier: &str, created_at: Timestamp) -> NewPlan {
    NewPlan {
        suite,
        identifier: identifier.to_owned(),
        body: vec![1],
        digest: [1; 32],
        origin: PlanOrigin::default(),
        created_at,
        expires_at: created_at.plus_days(7),
    }
}

#[tokio::test]
async fn a_later_retry_wins_and_a_start_report_never_replaces_an_end_report() {
    on_every_engine(async |db| {
        let (store, suite) = (&db.store, db.suite.id);
        // Retry, progress, and whether it is stored.
        let steps = [
            (0, 0, true),
            (0, 2, true),
            (0, 0, false),
            (0, 1, false),
            // The same report again.
            (0, 2, true),
            (1, 0, true),
            (0, 2, false),
            (1, 1, true),
        ];
        for (step, (retry_count, progress, stored)) in (0_u8..).zip(steps) {
            let report = NewJobReport {
                retry_count,
                progress,
                ..report(suite, "job", &[step])
            };
            assert_eq!(
                store.insert_job_report(report).await.unwrap().is_stored,
                stored,
                "{step}"
            );
        }
        assert_eq!(store.job_reports(suite, "b/s").await.unwrap(), [[7]]);
    })
    .await;
}

#[tokio::test]
async fn separates_jobs_nodes_groups_plans_and_suites() {
    on_every_engine(async |db| {
        let (store, suite) = (&db.store, db.suite.id);
        let other = create_suite(store, "acme", "other").await;
        let base = || report(suite, "a", b"1");
        let changed = [
            base(),
            report(suite, "b", b"2"),
            NewJobReport { node: 1, ..base() },
            NewJobReport {
                group: "ruby 3.4".to_owned(),
                ..base()
            },
            NewJobReport {
                identifier: "b/other".to_owned(),
                ..base()
            },
            report(other.id, "a", b"3"),
        ];
        for report in changed {
            assert!(store.insert_job_report(report).await.unwrap().is_stored);
        }
        assert_eq!(store.job_reports(suite, "b/s").await.unwrap().len(), 4);
        assert_eq!(store.job_reports(suite, "b/other").await.unwrap(), [b"1"]);
        assert_eq!(store.job_reports(other.id, "b/s").await.unwrap(), [b"3"]);
        assert!(store.job_reports(suite, "none").await.unwrap().is_empty());
    })
    .await;
}

#[tokio::test]
async fn every_start_of_a_job_that_runs_missing_targets_counts() {
    on_every_engine(async |db| {
        let (store, suite) = (&db.store, db.suite.id);
        let extra = |minute: i64, retry_count, progress, body: &[u8]| NewJobReport {
            node: 2,
            started_at: Some(NOON.plus_millis(minute * 60_000)),
            retry_count,
            progress,
            ..report(suite, "verify", body)
        };
        for report in [
            extra(0, 0, 0, b"1"),
            extra(0, 0, 2, b"2"),
            // Once more in the same job, then in a retry.
            extra(1, 0, 2, b"3"),
            extra(2, 1, 0, b"4"),
            extra(2, 1, 2, b"5"),
        ] {
            assert!(store.insert_job_report(report).await.unwrap().is_stored);
        }
        let stored = store.job_reports(suite, "b/s").await.unwrap();
        assert_eq!(stored, [b"2", b"3", b"5"]);
    })
    .await;
}

#[tokio::test]
async fn limits_the_number_of_groups_of_a_plan() {
    on_every_engine(async |db| {
        let store = &db.store;
        let insert = async |group: usize, job: &str| {
            let report = NewJobReport {
                group: format!("leg {group}"),
                ..report(db.suite.id, job, b"")
            };
            store.insert_job_report(report).await
        };
        for group in 0..100 {
            assert!(insert(group, "a").await.unwrap().is_stored);
        }
        let error = insert(100, "a").await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "number of groups of this plan is too large: 101, at most 100"
        );
        // Further jobs of known groups are accepted.
        assert!(insert(0, "b").await.unwrap().is_stored);
    })
    .await;
}

#[tokio::test]
async fn concurrent_reports_are_all_stored() {
    on_every_engine(async |db| {
        let tasks: Vec<_> = (0..40_u8)
            .map(|number| {
                let store = db.store.clone();
                let report = report(db.suite.id, &format!("job {}", number % 20), &[number]);
                tokio::spawn(
                    async move { store.insert_job_report(report).await.unwrap().is_stored },
                )
            })
            .collect();
        for task in tasks {
            assert!(task.await.unwrap());
        }
        let reports = db.store.job_reports(db.suite.id, "b/s").await.unwrap();
        assert_eq!(reports.len(), 20);
        let pending = db.store.pending_accountings(NOON, 10).await.unwrap();
        assert_eq!(pending[0].changes, 40);
    })
    .await;
}

#[tokio::test]
async fn limits_the_size_of_all_reports_of_a_plan() {
    on_every_engine(async |db| {
        let (store, suite) = (&db.store, db.suite.id);
        let large = NewJobReport {
            size: 100 * 1024 * 1024,
            ..report(suite, "large", b"")
        };
        // Replacing a report does not count it twice.
        assert!(
            store
                .insert_job_report(large.clone())
                .await
                .unwrap()
                .is_stored
        );
        assert!(
            store
                .insert_job_report(large.clone())
                .await
                .unwrap()
                .is_stored
        );
        let second = NewJobReport {
            job_id: "second".to_owned(),
            ..large
        };
        let error = store.insert_job_report(second).await.unwrap_err();
        assert!(matches!(error, StoreError::TooLarge { .. }), "{error}");
        let long = report(suite, &"j".repeat(1025), b"");
        let error = store.insert_job_report(long).await.unwrap_err();
        assert!(
            matches!(error, StoreError::TooLarge { what: "job id", .. }),
            "{error}"
        );
        assert_eq!(store.job_reports(suite, "b/s").await.unwrap().len(), 1);
    })
    .await;
}

#[tokio::test]
async fn finds_the_plans_of_a_build() {
    on_every_engine(async |db| {
        let (store, suite) = (&db.store, db.suite.id);
        for identifier in [
            "b/1", "B/2", "ci/b/3", "bb/4", "b%/5", "any/b/6", "x/y/b/7", "ci/B/8", "ci/bb/9",
        ] {
            store
                .insert_plan(plan(suite, identifier, NOON))
                .await
                .unwrap();
        }
        for identifier in ["custom", "b/1"] {
            let report = NewJobReport {
                identifier: identifier.to_owned(),
                ..report(suite, "job", b"")
            };
            store.insert_job_report(report).await.unwrap();
        }
        let find = async |build: &str| store.identifiers_of_build(suite, build).await.unwrap();
        assert_eq!(find("b").await, ["any/b/6", "b/1", "ci/b/3", "custom"]);
        assert_eq!(find("b%").await, ["b%/5"]);
        assert!(find("other").await.is_empty());
        // Wildcards count twice in a pattern, whose length SQLite limits.
        let longest = "%".repeat(1024);
        assert!(find(&longest).await.is_empty());
        let error = store.identifiers_of_build(suite, &"b".repeat(60_000)).await;
        assert!(
            matches!(error, Err(StoreError::TooLarge { .. })),
            "{error:?}"
        );
    })
    .await;
}

#[tokio::test]
async fn a_summary_never_replaces_a_later_one() {
    on_every_engine(async |db| {
        let (store, suite) = (&db.store, db.suite.id);
        let insert = async |job: &str| {
            assert!(
                store
                    .insert_job_report(report(suite, job, b""))
                    .await
                    .unwrap()
                    .is_stored
            );
        };
        insert("a").await;
        assert!(
            store
                .accountings_of_runs(suite, &["key"])
                .await
                .unwrap()
                .is_empty()
        );
        let first = store.pending_accountings(NOON, 10).await.unwrap().remove(0);
        insert("b").await;
        let second = store.pending_accountings(NOON, 10).await.unwrap().remove(0);
        let summary = |targets| AccountingSummary {
            verdict: if targets == 2 {
                AccountingVerdict::Complete
            } else {
                AccountingVerdict::Incomplete
            },
            targets,
            complete_targets: 1,
            nodes: 3,
            pending_nodes: 1,
            fallback_nodes: 2,
            pace: Some(PACE),
            ..AccountingSummary::default()
        };
        store
            .set_accounting_summary(&second, &summary(2))
            .await
            .unwrap();
        store
            .set_accounting_summary(&first, &summary(1))
            .await
            .unwrap();
        assert!(
            store
                .pending_accountings(NOON, 10)
                .await
                .unwrap()
                .is_empty()
        );
        let found = store
            .accountings_of_runs(suite, &["other", "key"])
            .await
            .unwrap();
        let expected = AccountingSummary {
            identifier: "b/s".to_owned(),
            build_id: "b".to_owned(),
            run_key: "key".to_owned(),
            updated_at: NOON,
            ..summary(2)
        };
        assert_eq!(found, [expected]);
        let of_plan = store.accounting_of_plan(suite, "b/s").await.unwrap();
        assert_eq!(of_plan, found);
        let other = store.accounting_of_plan(suite, "b/other").await.unwrap();
        assert!(other.is_empty(), "{other:?}");
        assert!(
            store
                .accountings_of_runs(suite, &["other"])
                .await
                .unwrap()
                .is_empty()
        );
    })
    .await;
}

#[tokio::test]
async fn plans_are_listed_with_what_their_nodes_reported() {
    on_every_engine(async |db| {
        let (store, suite) = (&db.store, db.suite.id);
        for (minute, identifier) in (0..).zip(["b/s", "b/2", "silent"]) {
            let at = NOON.plus_millis(minute * 60_000);
            store
                .insert_plan(plan(suite, identifier, at))
                .await
                .unwrap();
        }
        for (identifier, pace) in [("b/s", Some(PACE)), ("b/2", None)] {
            let report = NewJobReport {
                identifier: identifier.to_owned(),
                ..report(suite, "job", b"")
            };
            store.insert_job_report(report).await.unwrap();
            let summary = AccountingSummary {
                verdict: AccountingVerdict::Complete,
                targets: 7,
                nodes: 3,
                pace,
                ..AccountingSummary::default()
            };
            let pending = store.pending_accountings(NOON, 10).await.unwrap();
            store
                .set_accounting_summary(&pending[0], &summary)
                .await
                .unwrap();
        }
        let listed = store.plans(suite, Page::new(1, 10)).await.unwrap();
        let ran = |pace| {
            Some(RanPlan {
                verdict: AccountingVerdict::Complete,
                nodes: 3,
                pending_nodes: 0,
                targets: 7,
                pace,
            })
        };
        let found = listed
            .items
            .iter()
            .map(|plan| (plan.identifier.as_str(), plan.ran));
        let expected = [
            ("silent", None),
            ("b/2", ran(None)),
            ("b/s", ran(Some(PACE))),
        ];
        assert_eq!(found.collect::<Vec<_>>(), expected);
        assert_eq!(store.paces(suite, 10).await.unwrap(), [PACE]);
        let other = create_suite(store, "acme", "other").await;
        assert!(store.paces(other.id, 10).await.unwrap().is_empty());
    })
    .await;
}

#[tokio::test]
async fn reports_expire_like_plans_and_outlive_the_creation_of_their_plan() {
    on_every_engine(async |db| {
        let (store, suite) = (&db.store, db.suite.id);
        store
            .insert_job_report(report(suite, "fallback", b"1"))
            .await
            .unwrap();
        // The plan of the other nodes is created later.
        let later = NOON.plus_millis(1000);
        store.insert_plan(plan(suite, "b/s", later)).await.unwrap();
        assert_eq!(store.job_reports(suite, "b/s").await.unwrap(), [b"1"]);
        let end = NOON.plus_days(7);
        assert_eq!(
            store
                .delete_expired_plans(end.plus_millis(-1), 10)
                .await
                .unwrap(),
            0
        );
        assert_eq!(store.delete_expired_plans(end, 10).await.unwrap(), 1);
        assert!(store.job_reports(suite, "b/s").await.unwrap().is_empty());
        // A new plan under an expired identifier starts without reports.
        store
            .insert_job_report(report(suite, "old", b"1"))
            .await
            .unwrap();
        store
            .insert_plan(plan(suite, "b/s", NOON.plus_days(20)))
            .await
            .unwrap();
        assert!(store.job_reports(suite, "b/s").await.unwrap().is_empty());
    })
    .await;
}

#[tokio::test]
async fn reports_for_a_purged_suite_are_rejected() {
    on_every_engine(async |db| {
        let (store, suite) = (&db.store, db.suite.id);
        store
            .insert_job_report(report(suite, "a", b"1"))
            .await
            .unwrap();
        assert!(
            store
                .delete_suite(suite, &Change::by_server(NOON))
                .await
                .unwrap()
        );
        while store.purge_deleted_suites(50).await.unwrap() {}
        assert!(store.job_reports(suite, "b/s").await.unwrap().is_empty());
        let refused = store.insert_job_report(report(suite, "b", b"1")).await;
        assert!(matches!(refused, Err(StoreError::Gone(_))), "{refused:?}");
    })
    .await;
}
