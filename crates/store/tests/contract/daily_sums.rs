//! Compares daily sums with the executions they summarize, after random uploads and retention.

use test_engine_duration::Micros;
use test_engine_results::Outcome;
use test_engine_store::{
    BranchFilter, Change, NewExecution, Page, Period, RetentionStart, Store, TestOrder,
    TestPredicates, TestQuery, TestState, test_uuid,
};

use crate::reading::query;
use crate::rest::tests_with_tags;
use crate::support::{
    Database, NOON, OtherProgram, on_every_engine, passed, record, that_day, upload,
};

/// More tests than fit into three blocks of sums.
const TESTS: u64 = 300;
const DAYS: i64 = 6;

/// Pseudo-random numbers, the same in every run.
struct Random(u64);

impl Random {
    /// Less than `sides`.
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }

    fn execution(&mut self) -> NewExecution {
        let mut execution = passed(&format!("test {}", self.roll(TESTS)), 0.0);
        let result = &mut execution.result;
        result.outcome = match self.roll(8) {
            0 => Outcome::Failed,
            1 => Outcome::Skipped,
            2 => Outcome::Unknown,
            _ => Outcome::Passed,
        };
        let duration = Micros::new(self.roll(5_000_000));
        result.duration = (self.roll(9) > 0).then_some(duration);
        result.file_name = Some(format!("file_{}.py", self.roll(5)).into());
        execution
    }
}

async fn upload_at_random(db: &Database, random: &mut Random, number: u64) {
    let mut new = upload(&db.suite, &format!("run {number}"));
    new.received_at = NOON.plus_days(i64::try_from(random.roll(DAYS.unsigned_abs())).unwrap());
    new.run.branch = ["main", "topic/a", "topic/b"]
        .get(usize::try_from(random.roll(4)).unwrap())
        .map(|branch| (*branch).to_owned());
    let few = random.roll(2) == 0;
    let size = if few {
        random.roll(5)
    } else {
        random.roll(400)
    };
    new.executions = (0..size).map(|_| random.execution()).collect();
    db.store.record_upload(new).await.unwrap();
}

/// Compares lists by every order, branch and state, for the days from `first` on.
async fn compare(db: &Database, first: i64) -> usize {
    let mut seen = 0;
    for (first, last) in [(0, DAYS), (first, first), (first + 1, DAYS - 2)] {
        let period = Period {
            first_day: NOON.plus_days(first).day(),
            last_day: NOON.plus_days(last).day(),
        };
        for branch in [
            None,
            Some(BranchFilter::Is("main".to_owned())),
            Some(BranchFilter::IsNot("main".to_owned())),
            Some(BranchFilter::StartsWith("topic/".to_owned())),
        ] {
            for state in [None, Some(TestState::Enabled), Some(TestState::Muted)] {
                for order in [TestOrder::DurationMean, TestOrder::Reliability] {
                    let query = TestQuery {
                        period,
                        branch: branch.clone(),
                        state,
                        ..query(order, true)
                    };
                    let by_days = db.store.tests(db.suite.id, &query).await.unwrap();
                    let by_executions = tests_with_tags(db, &query, &|_tags| true).await;
                    assert_eq!(by_days.items, by_executions, "{query:?}");
                    assert_eq!(by_days.total, by_executions.len() as u64);
                    seen += by_executions.len();
                }
            }
        }
        let query = TestQuery {
            period,
            ..query(TestOrder::Executions, true)
        };
        for item in db.store.tests(db.suite.id, &query).await.unwrap().items {
            let alone = db.store.test_metrics(&item.test, period, None).await;
            assert_eq!(alone.unwrap(), item.metrics, "{}", item.test.name);
            let durations = item.metrics.duration_percentile(50);
            assert_eq!(durations.is_some(), item.metrics.timed > 0);
        }
    }
    seen
}

#[tokio::test]
async fn sums_match_executions_after_uploads_and_retention() {
    on_every_engine(async |db| {
        let mut random = Random(42);
        for number in 0..40 {
            upload_at_random(&db, &mut random, number).await;
        }
        for name in ["test 1", "test 130", "test 299"] {
            let uuid = test_uuid(db.suite.uuid, "Basket", name);
            let muted = TestState::Muted;
            let set = db
                .store
                .set_test_state(db.suite.id, uuid, muted, &Change::by_server(NOON))
                .await;
            set.unwrap().unwrap();
        }
        assert!(compare(&db, 0).await > 5_000);
        let day = Some(NOON.plus_days(2).day());
        let kept = RetentionStart {
            spans: day,
            executions: day,
            aggregates: day,
        };
        let expired = db.store.count_expired(db.suite.id, kept).await.unwrap();
        let mut sums = 0;
        loop {
            let removed = db.store.delete_some_expired(db.suite.id, kept).await;
            let removed = removed.unwrap();
            if removed == test_engine_store::Expired::default() {
                break;
            }
            sums += removed.sums;
        }
        assert!(sums > 300 && sums == expired.sums, "{sums}");
        assert!(compare(&db, 2).await > 2_000);
        // Deleted sums can be added again beside the remaining ones.
        for number in 40..50 {
            upload_at_random(&db, &mut random, number).await;
        }
        assert!(compare(&db, 2).await > 3_000);
    })
    .await;
}

#[tokio::test]
async fn applies_predicates_before_paging() {
    on_every_engine(async |db| {
        let mut random = Random(7);
        let executions: Vec<_> = (0..600).map(|_| random.execution()).collect();
        record(&db, "k", executions).await;
        let all = query(TestOrder::Executions, true);
        let everything = db.store.tests(db.suite.id, &all).await.unwrap();
        let has_failed = |metrics: &test_engine_store::Metrics| metrics.counts.failed > 0;
        let in_file = |file: Option<&str>, _location: Option<&str>| file == Some("file_2.py");
        let wants = TestPredicates {
            metrics: Some(&has_failed),
            file: Some(&in_file),
            ..TestPredicates::default()
        };
        let expected: Vec<_> = everything
            .items
            .iter()
            .filter(|item| {
                has_failed(&item.metrics) && in_file(item.test.file_name.as_deref(), None)
            })
            .cloned()
            .collect();
        assert!(expected.len() > 10, "{}", expected.len());
        for (number, start) in [(1, 0), (2, 10)] {
            let paged = TestQuery {
                page: Page::new(number, 10),
                ..all.clone()
            };
            let found = db.store.tests_matching(db.suite.id, &paged, &wants).await;
            let found = found.unwrap();
            assert_eq!(found.total, expected.len() as u64);
            let end = expected.len().min(start + 10);
            assert_eq!(found.items, expected[start..end]);
        }
    })
    .await;
}

/// The percentiles 50, 90 and 99 of a test at noon's day, in milliseconds.
async fn percentiles(store: &Store, db: &Database, name: &str) -> [Option<i64>; 3] {
    let test = store.find_test(&db.suite, "Basket", name).await.unwrap();
    let metrics = store.test_metrics(&test.unwrap(), that_day(), None).await;
    let metrics = metrics.unwrap();
    [50, 90, 99].map(|percent| {
        let duration = metrics.duration_percentile(percent);
        duration.map(Micros::rounded_milliseconds)
    })
}

#[tokio::test]
async fn percentiles_add_up_over_uploads_and_runs() {
    on_every_engine(async |db| {
        for number in 0_u32..20 {
            let slow = if number == 7 { 30.0 } else { 0.15 };
            let key = format!("run {number}");
            record(&db, &key, vec![passed("a", slow), passed("b", 0.15)]).await;
        }
        let [half, most, slowest] = percentiles(&db.store, &db, "a").await;
        // 19 of 150 ms are in the bucket from 100 to 200 ms, 30 s in the one from 20 to 50 s.
        assert!((150..200).contains(&half.unwrap()), "{half:?}");
        assert!((half..Some(200)).contains(&most), "{most:?}");
        assert!((20_000..=30_000).contains(&slowest.unwrap()), "{slowest:?}");
        assert_eq!(percentiles(&db.store, &db, "b").await, [Some(150); 3]);
    })
    .await;
}

#[tokio::test]
async fn blocks_of_earlier_releases_have_no_percentiles() {
    on_every_engine(async |db| {
        record(&db, "k", vec![passed("a", 2.0), passed("b", 3.0)]).await;
        let find = async |name| {
            let found = db.store.find_test(&db.suite, "Basket", name).await;
            found.unwrap().unwrap()
        };
        let place = find("a").await.id.get() % 128;
        assert_eq!(find("b").await.id.get() % 128, place + 1);
        // As 0.1 wrote them: `a` passed 3 times in 1 to 5 ms, 7 in all; `b` once in 2 ms.
        let quote = if db.url.starts_with("postgres:") {
            "'\\x"
        } else {
            "X'"
        };
        let body = format!("0102{place:02x}820303e807a01fd836{:02x}41d00f", place + 1);
        let mut other = OtherProgram::new(&db.url).await;
        other
            .say(&format!("UPDATE day_blocks SET body = {quote}{body}'"))
            .await;
        let reopened = db.reopened().await;
        assert_eq!(percentiles(&reopened.store, &db, "a").await, [None; 3]);
        assert_eq!(percentiles(&reopened.store, &db, "b").await, [Some(2); 3]);

        // An upload of that day keeps the old sums and adds to them.
        record(
            &reopened,
            "later",
            vec![passed("a", 9.0), passed("b", 0.002)],
        )
        .await;
        let test = find("a").await;
        let metrics = reopened.store.test_metrics(&test, that_day(), None).await;
        let metrics = metrics.unwrap();
        assert_eq!((metrics.counts.passed, metrics.timed), (4, 4));
        assert_eq!(metrics.duration_max, Some(Micros::new(9_000_000)));
        assert_eq!(percentiles(&reopened.store, &db, "a").await, [None; 3]);
        assert_eq!(percentiles(&reopened.store, &db, "b").await, [Some(2); 3]);
        reopened.store.close().await;
    })
    .await;
}

#[tokio::test]
async fn migrates_rows_of_earlier_releases_on_open() {
    on_every_engine(async |db| {
        record(&db, "k", vec![passed("a", 2.0), passed("b", 3.0)]).await;
        let find = async |name| {
            let found = db.store.find_test(&db.suite, "Basket", name).await;
            found.unwrap().unwrap()
        };
        let (a, b) = (find("a").await, find("b").await);
        let mut other = OtherProgram::new(&db.url).await;
        for (day, test, branch) in [(0, a.id, 0), (0, a.id, 1), (-1, b.id, 1)] {
            let (suite, day, test) = (db.suite.id.get(), NOON.day() + day, test.get());
            other
                .say(&format!(
                    "INSERT INTO test_days VALUES \
                     ({suite}, {day}, {test}, {branch}, 1, 2, 0, 0, 2, 6000000, 1000000, 5000000)"
                ))
                .await;
        }
        let store = Store::open(&db.url).await.unwrap();
        assert_eq!(other.number("SELECT COUNT(*) FROM test_days").await, 0);
        let sums = async |test, period| {
            let metrics = store.test_metrics(test, period, None).await.unwrap();
            (
                metrics.counts.passed,
                metrics.counts.failed,
                metrics.duration_sum,
                metrics.duration_min,
                metrics.duration_max,
            )
        };
        let (second, fifth) = (Some(Micros::SECOND), Some(Micros::new(5_000_000)));
        assert_eq!(
            sums(&a, that_day()).await,
            (3, 4, Micros::new(14_000_000), second, fifth)
        );
        let three = Micros::new(3_000_000);
        assert_eq!(
            sums(&b, that_day()).await,
            (1, 0, three, Some(three), Some(three))
        );
        let listed = TestQuery {
            period: Period::last_days(2, NOON),
            ..query(TestOrder::Executions, true)
        };
        let listed = store.tests(db.suite.id, &listed).await.unwrap();
        let executions = listed
            .items
            .iter()
            .map(|item| item.metrics.counts.executions());
        assert_eq!(executions.collect::<Vec<_>>(), [7, 4]);
        store.close().await;
    })
    .await;
}
