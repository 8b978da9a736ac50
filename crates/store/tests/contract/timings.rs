//! The durations that plans are based on.

use test_engine_duration::Micros;
use test_engine_results::Outcome;
use test_engine_store::{
    BranchKind, Change, NewUpload, Period, PlanBranches, RECENT_RUNS, RunId, RunTiming, Store,
    StoreError, TestTiming,
};

use crate::support::{
    NOON, failed, on_every_engine, passed, record, run, skipped, that_day, upload,
};

async fn recent(store: &Store, suite: test_engine_store::SuiteId, value: &str) -> Vec<RunTiming> {
    let changes = store.selectors_changed_since(suite, 0).await.unwrap();
    let selector = changes
        .selectors
        .into_iter()
        .find(|selector| selector.value == value);
    selector.map(|selector| selector.recent).unwrap_or_default()
}

#[tokio::test]
async fn sums_first_executions_per_selector() {
    on_every_engine(async |db| {
        // A retry within a file, a retry in a later upload, a skipped and an untimed test.
        let mut untimed = passed("untimed", 0.0);
        untimed.result.duration = None;
        let first = vec![
            failed("a", 1.0),
            passed("a", 9.0),
            passed("b", 2.0),
            skipped("c"),
            untimed,
        ];
        record(&db, "k", first).await;
        record(
            &db,
            "k",
            vec![passed("a", 9.0), passed("d", 4.0), passed("untimed", 0.5)],
        )
        .await;
        let timings = recent(&db.store, db.suite.id, "basket.py").await;
        let branch = db.store.branch(db.suite.id, "main").await.unwrap();
        assert!(branch.is_some());
        let run = run(&db, "k").await.id;
        assert_eq!(
            timings,
            [RunTiming {
                run,
                branch,
                duration: Micros::new(7_500_000)
            }]
        );
        let names = ["basket.py", "unknown.py"].map(str::to_owned);
        let times = db
            .store
            .selector_times(db.suite.id, run, &names)
            .await
            .unwrap();
        let expected = [("basket.py".to_owned(), Micros::new(7_500_000))];
        assert_eq!(times, expected.into());
        let other = RunId::default();
        let times = db
            .store
            .selector_times(db.suite.id, other, &names)
            .await
            .unwrap();
        assert!(times.is_empty(), "{times:?}");
    })
    .await;
}

/// A test is identified by scope and name, and many files have a test of the same name.
#[tokio::test]
async fn tests_of_one_name_count_for_each_of_their_files() {
    on_every_engine(async |db| {
        let in_file = |file: &str, name: &str, seconds: f64| {
            let mut execution = passed(name, seconds);
            execution.selector = Some(file.to_owned());
            execution
        };
        let files = ["a.js", "b.js", "c.js", "d.js"];
        let seconds = [1.0, 5.0, 20.0, 40.0];
        let all = || files.iter().zip(seconds);
        let renders = |(file, seconds): (&&str, f64)| in_file(file, "renders", seconds);
        record(&db, "together", all().map(renders).collect()).await;
        for one in all() {
            record(&db, "one by one", vec![renders(one)]).await;
        }
        // Retries, in the same upload and later, by a server that has just started.
        let mut first = all().map(renders).collect::<Vec<_>>();
        first[2].result.outcome = Outcome::Failed;
        first.push(in_file("c.js", "renders", 21.0));
        record(&db, "retried", first).await;
        let reopened = db.reopened().await;
        record(&reopened, "retried", vec![in_file("d.js", "renders", 41.0)]).await;
        // Two tests of one name in one file.
        let twice = [1.0, 2.0].map(|seconds| in_file("dup.js", "dup", seconds));
        record(&db, "together", twice.to_vec()).await;

        for (file, seconds) in all().chain([(&"dup.js", 3.0)]) {
            let timings = recent(&db.store, db.suite.id, file).await;
            let runs = if *file == "dup.js" { 1 } else { 3 };
            let found: Vec<Micros> = timings.iter().map(|timing| timing.duration).collect();
            let expected = Micros::from_seconds(seconds);
            assert_eq!(found, vec![expected; runs], "{file}");
        }
    })
    .await;
}

#[tokio::test]
async fn keeps_recent_runs() {
    on_every_engine(async |db| {
        for number in 0..RECENT_RUNS + 5 {
            #[expect(clippy::cast_precision_loss, reason = "a small number")]
            let seconds = number as f64;
            record(&db, &format!("run {number}"), vec![passed("a", seconds)]).await;
        }
        let timings = recent(&db.store, db.suite.id, "basket.py").await;
        let seconds: Vec<u64> = timings
            .iter()
            .map(|timing| timing.duration.get() / 1_000_000)
            .collect();
        let expected: Vec<u64> = (5..RECENT_RUNS as u64 + 5).collect();
        assert_eq!(seconds, expected);
    })
    .await;
}

#[tokio::test]
async fn returns_only_changed_selectors() {
    on_every_engine(async |db| {
        let none = db
            .store
            .selectors_changed_since(db.suite.id, 0)
            .await
            .unwrap();
        assert!(none.selectors.is_empty());
        let in_file = |file: &str, name: &str| {
            let mut execution = passed(name, 1.0);
            execution.selector = Some(file.to_owned());
            execution
        };
        record(&db, "k1", vec![in_file("a.py", "a"), in_file("b.py", "b")]).await;
        let first = db
            .store
            .selectors_changed_since(db.suite.id, none.seq)
            .await
            .unwrap();
        assert_eq!(first.selectors.len(), 2);
        record(&db, "k2", vec![in_file("b.py", "b"), in_file("c.py", "c")]).await;
        let second = db
            .store
            .selectors_changed_since(db.suite.id, first.seq)
            .await
            .unwrap();
        let mut values: Vec<&str> = second
            .selectors
            .iter()
            .map(|selector| selector.value.as_str())
            .collect();
        values.sort_unstable();
        assert_eq!(values, ["b.py", "c.py"]);
        let third = db
            .store
            .selectors_changed_since(db.suite.id, second.seq)
            .await
            .unwrap();
        assert_eq!((third.seq, third.selectors.len()), (second.seq, 0));
    })
    .await;
}

#[tokio::test]
async fn ignores_selectors_without_durations() {
    on_every_engine(async |db| {
        record(&db, "k", vec![skipped("a")]).await;
        let changes = db
            .store
            .selectors_changed_since(db.suite.id, 0)
            .await
            .unwrap();
        assert!(changes.selectors.is_empty());
    })
    .await;
}

#[tokio::test]
async fn rejects_deleted_suites() {
    on_every_engine(async |db| {
        db.store
            .delete_suite(db.suite.id, &Change::by_server(NOON))
            .await
            .unwrap();
        let result = db.store.selectors_changed_since(db.suite.id, 0).await;
        assert!(matches!(result, Err(StoreError::Gone(_))), "{result:?}");
    })
    .await;
}

/// Period, branch, executions, total and longest duration in seconds.
type Seconds = (usize, BranchKind, u64, f64, f64);

fn in_seconds(timings: &[TestTiming]) -> Vec<Seconds> {
    timings
        .iter()
        .map(|timing| {
            (
                timing.period,
                timing.branch,
                timing.executions,
                timing.total.seconds(),
                timing.longest.seconds(),
            )
        })
        .collect()
}

const NO_BRANCHES: PlanBranches = PlanBranches {
    default: None,
    own: None,
};

#[tokio::test]
async fn sums_durations_of_tests_by_period() {
    on_every_engine(async |db| {
        let mut old = upload(&db.suite, "old");
        old.received_at = NOON.plus_days(-40);
        old.executions = vec![passed("a", 100.0)];
        db.store.record_upload(old).await.unwrap();
        let mut unknown = passed("b", 5.0);
        unknown.result.outcome = Outcome::Unknown;
        let results = vec![
            passed("a", 1.0),
            failed("a", 2.0),
            skipped("a"),
            unknown,
            skipped("c"),
        ];
        record(&db, "k", results).await;
        let keys = [
            ("Basket", "a"),
            ("Other", "a"),
            ("Basket", "b"),
            ("Basket", "c"),
            ("Basket", "a"),
        ];
        let periods = [that_day(), Period::last_days(60, NOON)];
        let timings = db
            .store
            .test_timings(&db.suite, &keys, &periods, NO_BRANCHES)
            .await
            .unwrap();
        let shown: Vec<Vec<Seconds>> = timings.iter().map(|it| in_seconds(it)).collect();
        let a = vec![
            (0, BranchKind::Other, 2, 3.0, 2.0),
            (1, BranchKind::Other, 3, 103.0, 100.0),
        ];
        let b = vec![
            (0, BranchKind::Other, 1, 5.0, 5.0),
            (1, BranchKind::Other, 1, 5.0, 5.0),
        ];
        assert_eq!(shown, [a.clone(), vec![], b, vec![], a]);
        let backwards = Period {
            first_day: 2,
            last_day: 1,
        };
        let none = db
            .store
            .test_timings(&db.suite, &keys, &[backwards], NO_BRANCHES)
            .await
            .unwrap();
        assert_eq!(none, vec![Vec::new(); keys.len()]);
    })
    .await;
}

#[tokio::test]
async fn separates_durations_by_branch() {
    use BranchKind::{Default, Other, Own};

    on_every_engine(async |db| {
        let on_branch = |branch: Option<&str>, seconds: f64| {
            let key = format!("{branch:?} {seconds}");
            let mut upload: NewUpload = upload(&db.suite, &key);
            upload.run.branch = branch.map(str::to_owned);
            upload.executions = vec![passed("a", seconds)];
            upload
        };
        for (branch, seconds) in [
            (Some("main"), 1.0),
            (Some("main"), 2.0),
            (Some("mine"), 4.0),
            (Some("theirs"), 8.0),
            (None, 16.0),
        ] {
            db.store
                .record_upload(on_branch(branch, seconds))
                .await
                .unwrap();
        }
        let of = async |branches: PlanBranches| {
            let timings = db
                .store
                .test_timings(&db.suite, &[("Basket", "a")], &[that_day()], branches)
                .await
                .unwrap();
            in_seconds(&timings[0])
        };
        let names = |default: &str, own: Option<&str>| PlanBranches {
            default: Some(default.to_owned()),
            own: own.map(str::to_owned),
        };
        let main = (0, Default, 2, 3.0, 2.0);
        assert_eq!(
            of(names("main", Some("mine"))).await,
            [main, (0, Own, 1, 4.0, 4.0)]
        );
        assert_eq!(of(names("main", None)).await, [main]);
        assert_eq!(
            of(names("trunk", Some("mine"))).await,
            [(0, Own, 1, 4.0, 4.0)]
        );
        assert_eq!(
            of(names("trunk", Some("new"))).await,
            [(0, Other, 5, 31.0, 16.0)]
        );
        assert_eq!(of(NO_BRANCHES).await, [(0, Other, 5, 31.0, 16.0)]);
    })
    .await;
}

#[tokio::test]
async fn scans_and_lookups_agree() {
    on_every_engine(async |db| {
        let names: Vec<String> = (0..1500).map(|n| format!("test {n}")).collect();
        let results = names
            .iter()
            .zip(1..)
            .map(|(name, n)| passed(name, f64::from(n)))
            .collect();
        record(&db, "k", results).await;
        let keys: Vec<(&str, &str)> = names.iter().map(|name| ("Basket", name.as_str())).collect();
        let branches = PlanBranches {
            default: Some("main".to_owned()),
            own: None,
        };
        let many = db
            .store
            .test_timings(&db.suite, &keys, &[that_day()], branches.clone())
            .await
            .unwrap();
        let few = db
            .store
            .test_timings(&db.suite, &keys[1400..], &[that_day()], branches)
            .await
            .unwrap();
        assert_eq!(many[1400..], few);
        assert_eq!(
            in_seconds(&many[9]),
            [(0, BranchKind::Default, 1, 10.0, 10.0)]
        );
        assert!(many.iter().all(|timings| timings.len() == 1));
    })
    .await;
}
