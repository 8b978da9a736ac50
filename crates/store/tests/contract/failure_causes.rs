//! The causes of the failures of many runs, and the runs with a cause.

use test_engine_insights::{DAY, Fingerprint};
use test_engine_store::{
    CommitRecord, FailureCauses, NewExecution, NewRun, NewUpload, Page, RunFilter, Timestamp,
};

use crate::failed_tests::failed_with;
use crate::support::{Database, NOON, create_suite, on_every_engine, passed, upload};

const TIMEOUT: u64 = 0x0000_0001_0000_0001;
const DIFFERENCE: u64 = 0x0000_0002_0000_0001;
const OLD: u64 = 0x0000_0003_0000_0001;
const ALL: Page = Page {
    number: 1,
    size: 100,
};

fn time(day: i64) -> Timestamp {
    NOON.plus_millis(day * DAY)
}

async fn record(db: &Database, day: i64, branch: &str, ci: &str, executions: Vec<NewExecution>) {
    let new = upload(&db.suite, &format!("run {day}"));
    let new = NewUpload {
        run: NewRun {
            branch: Some(branch.to_owned()),
            commit_sha: Some(format!("SHA{day}")),
            run_env: format!(r#"{{"ci":"{ci}","key":"run {day}"}}"#),
            ..new.run
        },
        received_at: time(day),
        executions,
        ..new
    };
    db.store.record_upload(new).await.unwrap();
}

/// Day by day: red by `timeout`, red by both causes, red on a branch by `timeout`, passed on retry,
/// green; and a red run long before.
async fn history(db: &Database) {
    record(db, -50, "main", "buildkite", vec![failed_with("pays", OLD)]).await;
    let timeout = |name: &str| failed_with(name, TIMEOUT);
    record(
        db,
        0,
        "main",
        "buildkite",
        vec![timeout("adds"), timeout("adds"), passed("pays", 1.0)],
    )
    .await;
    let both = vec![timeout("adds"), failed_with("pays", DIFFERENCE)];
    record(db, 1, "main", "Buildkite", both).await;
    record(db, 2, "topic", "github_actions", vec![timeout("ships")]).await;
    let retried = vec![failed_with("pays", DIFFERENCE), passed("pays", 1.0)];
    record(db, 3, "main", "github_actions", retried).await;
    record(db, 4, "main", "buildkite", vec![passed("adds", 1.0)]).await;
}

async fn causes(db: &Database, since: i64, branch: Option<&str>, page: Page) -> FailureCauses {
    let found = db
        .store
        .failure_causes(db.suite.id, time(since), branch, page)
        .await;
    found.unwrap()
}

#[tokio::test]
async fn causes_of_most_red_runs_come_first() {
    on_every_engine(async |db| {
        history(&db).await;
        let found = causes(&db, -10, None, ALL).await;
        assert_eq!((found.red_runs, found.total), (3, 2));
        assert_eq!(found.covered, [3], "the other cause adds no run");
        assert!(found.is_complete);
        let [timeout, difference] = found.causes.as_slice() else {
            panic!("{found:?}");
        };
        assert_eq!(timeout.fingerprint, Fingerprint(TIMEOUT));
        assert_eq!(timeout.reason.as_deref(), Some("ships is broken"));
        assert_eq!(timeout.frame.as_deref(), Some("lib/basket.py:3"));
        assert_eq!((timeout.executions, timeout.red_runs), (4, 3));
        assert_eq!(timeout.runs_at, [time(2), time(1), time(0)]);
        assert_eq!((timeout.branches, timeout.first_at), (2, time(0)));
        let names = timeout.tests.iter().map(|test| test.name.as_str());
        assert_eq!(names.collect::<Vec<_>>(), ["adds", "ships"]);
        assert_eq!(timeout.tests_count, 2);
        assert!(!timeout.is_outage);
        assert_eq!(difference.fingerprint, Fingerprint(DIFFERENCE));
        assert_eq!((difference.red_runs, difference.runs_at.len()), (1, 2));
        assert_eq!(difference.branches, 1);

        let all = causes(&db, -60, None, ALL).await;
        assert_eq!((all.red_runs, all.covered.as_slice()), (4, &[3, 4][..]));
        let second = causes(&db, -60, None, Page { number: 2, size: 2 }).await;
        assert_eq!((second.total, second.causes.len()), (3, 1));
        // Each of both fails one red run; that of more runs comes first.
        assert_eq!(second.causes[0].fingerprint, Fingerprint(OLD));
        let in_order = db.store.causes_in_order(db.suite.id, time(-60), None).await;
        let described = db
            .store
            .describe_causes(db.suite.id, time(-60), in_order.unwrap().0);
        assert_eq!(described.await.unwrap(), all.causes);
        let topic = causes(&db, -10, Some("topic"), ALL).await;
        assert_eq!((topic.red_runs, topic.total), (1, 1));
        assert_eq!(topic.causes[0].runs_at, [time(2)]);
        let none = causes(&db, -10, Some("none"), ALL).await;
        assert_eq!(
            none,
            FailureCauses {
                is_complete: true,
                ..FailureCauses::default()
            }
        );
    })
    .await;
}

#[tokio::test]
async fn a_cause_whose_runs_are_all_outages_is_one() {
    on_every_engine(async |db| {
        let names = ["a", "b", "c", "d", "e", "f", "g", "h"];
        let all = names.map(|name| passed(name, 1.0)).to_vec();
        record(&db, 0, "main", "buildkite", all).await;
        let failed = names.map(|name| failed_with(name, TIMEOUT)).to_vec();
        record(&db, 1, "main", "buildkite", failed).await;
        let found = causes(&db, 0, None, ALL).await;
        assert!(found.causes[0].is_outage, "{found:?}");
        assert_eq!(
            (found.causes[0].tests_count, found.causes[0].tests.len()),
            (8, 3)
        );
    })
    .await;
}

#[tokio::test]
async fn runs_are_found_by_author_ci_failed_test_and_cause() {
    on_every_engine(async |db| {
        history(&db).await;
        let commit = CommitRecord {
            sha: "sha1".to_owned(),
            author_name: "Mara Lindqvist".to_owned(),
            author_email: "mara@example.com".to_owned(),
            ..CommitRecord::default()
        };
        let commits = [commit];
        db.store
            .record_commits(db.suite.id, &commits)
            .await
            .unwrap();
        let text = |text: &str| Some(text.to_owned());
        let none = RunFilter::default;
        let author = |name: &str| RunFilter {
            author: text(name),
            ..none()
        };
        let ci = |name: &str| RunFilter {
            ci: text(name),
            ..none()
        };
        let failed = |name: &str| RunFilter {
            failed_test: text(name),
            ..none()
        };
        let cause = |code: u64| RunFilter {
            cause: Some(Fingerprint(code)),
            ..none()
        };
        for (filter, expected) in [
            (author("mara"), &[1][..]),
            (author("LINDQVIST"), &[1]),
            (author("example.com"), &[1]),
            (author("m_ra"), &[]),
            (ci("buildkite"), &[4, 1, 0, -50]),
            (ci("GITHUB_ACTIONS"), &[3, 2]),
            (ci("build"), &[]),
            (ci("\",\""), &[]),
            (failed("PAYS"), &[3, 1, -50]),
            (failed("Basket adds"), &[1, 0]),
            (failed("%"), &[]),
            (cause(TIMEOUT), &[2, 1, 0]),
            (cause(9), &[]),
            (
                RunFilter {
                    cause: Some(Fingerprint(TIMEOUT)),
                    ..failed("pays")
                },
                &[1],
            ),
            (
                RunFilter {
                    ci: text("buildkite"),
                    ..failed("pays")
                },
                &[1, -50],
            ),
        ] {
            let found = db.store.filtered_runs(db.suite.id, &filter, ALL).await;
            let keys: Vec<String> = found
                .unwrap()
                .items
                .into_iter()
                .map(|run| run.key)
                .collect();
            let expected: Vec<String> = expected.iter().map(|day| format!("run {day}")).collect();
            assert_eq!(keys, expected, "{filter:?}");
        }
        let reason = db
            .store
            .reason_of_cause(db.suite.id, Fingerprint(OLD))
            .await;
        assert_eq!(reason.unwrap().as_deref(), Some("pays is broken"));
        let reason = db.store.reason_of_cause(db.suite.id, Fingerprint(9)).await;
        assert_eq!(reason.unwrap(), None);
    })
    .await;
}

#[tokio::test]
async fn earlier_runs_and_runs_of_a_build_in_all_suites() {
    on_every_engine(async |db| {
        let other = create_suite(&db.store, "acme", "api").await;
        let foreign = create_suite(&db.store, "umbrella", "web").await;
        for (suite, key) in [
            (&db.suite, "1"),
            (&other, "1"),
            (&db.suite, "2"),
            (&foreign, "1"),
        ] {
            let mut new = upload(suite, key);
            new.run.build_id = Some("build".to_owned());
            db.store.record_upload(new).await.unwrap();
        }
        let organization = db.suite.organization;
        let runs = db
            .store
            .runs_of_build(organization, "build", 10)
            .await
            .unwrap();
        let found: Vec<_> = runs
            .iter()
            .map(|run| (run.suite, run.key.as_str()))
            .collect();
        assert_eq!(
            found,
            [(other.id, "1"), (db.suite.id, "1"), (db.suite.id, "2")]
        );
        let few = db
            .store
            .runs_of_build(organization, "build", 2)
            .await
            .unwrap();
        assert_eq!(few.len(), 2);
        let none = db
            .store
            .runs_of_build(organization, "none", 10)
            .await
            .unwrap();
        assert!(none.is_empty());
        let wanted = [
            (db.suite.id, None),
            (other.id, Some("main")),
            (other.id, Some("x")),
        ];
        let newest = db.store.newest_runs(&wanted, 5).await.unwrap();
        let newest: Vec<Vec<&str>> = newest
            .iter()
            .map(|runs| runs.iter().map(|run| run.key.as_str()).collect())
            .collect();
        assert_eq!(newest, [vec!["2", "1"], vec!["1"], vec![]]);
        let one = db.store.newest_runs(&wanted[..1], 1).await.unwrap();
        assert_eq!(
            (one.len(), one[0].len(), one[0][0].key.as_str()),
            (1, 1, "2")
        );
        assert!(db.store.newest_runs(&[], 1).await.unwrap().is_empty());
        let suites = [db.suite.id, other.id];
        let counts = db.store.counts_of_suites(&suites).await.unwrap();
        assert_eq!((counts[&db.suite.id].runs, counts[&other.id].runs), (2, 1));
        let before = RunFilter {
            before: Some(runs[2].id),
            ..RunFilter::default()
        };
        let earlier = db
            .store
            .filtered_runs(db.suite.id, &before, ALL)
            .await
            .unwrap();
        assert_eq!((earlier.total, earlier.items[0].id), (1, runs[1].id));
    })
    .await;
}
