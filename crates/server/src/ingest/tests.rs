//! Tests of complete uploads, from fields and bytes to what is stored.

use std::collections::BTreeMap;

use axum::body::Bytes;
use test_engine_results::Format;
use test_engine_store::{Change, NewUpload, Timestamp};
use uuid::Uuid;

use super::{Context, KnownFiles, Submission, derive};
use crate::admin;
use crate::spill::TemporaryFiles;

fn suite_id() -> test_engine_store::SuiteId {
    // Only a database can create ids.
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let directory = tempfile::tempdir().unwrap();
        let now = Timestamp::from_millis(0);
        let config = crate::config::Config::in_directory(directory.path());
        let store = crate::open_store(&config.storage).await.unwrap();
        let change = Change::by_server(now);
        let organization = admin::create_organization(&store, "acme", &change).await;
        let new = admin::new_suite("web");
        let suite = store.create_suite(organization.unwrap().id, new, &change);
        let suite = suite.await.unwrap();
        store.close().await;
        suite.id
    })
}

pub(super) fn fields(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect()
}

fn submission(format: Format, run_env: &[(&str, &str)], data: &str) -> Submission {
    Submission {
        format,
        run_env: fields(run_env),
        tags: BTreeMap::new(),
        data: Bytes::copy_from_slice(data.as_bytes()),
    }
}

fn upload(submission: &Submission) -> Result<NewUpload, String> {
    let context = Context {
        suite: suite_id(),
        run_uuid: Uuid::from_u128(1),
        upload_uuid: Uuid::from_u128(2),
        received_at: Timestamp::from_millis(1_000),
        results_limit: 3,
    };
    derive(
        submission,
        context,
        &KnownFiles::default(),
        &TemporaryFiles::default(),
    )
    .map_err(|error| error.to_string())
}

fn selectors(upload: &NewUpload) -> Vec<Option<&str>> {
    upload
        .executions
        .iter()
        .map(|execution| execution.selector.as_deref())
        .collect()
}

#[test]
fn derives_the_run_from_run_env() {
    let run_env = [
        ("CI", "buildkite"),
        ("key", "b1"),
        ("branch", "refs/heads/main"),
        ("job_id", "j"),
        ("odd", "kept"),
    ];
    let upload = upload(&submission(Format::Json, &run_env, "[]")).unwrap();
    assert_eq!(upload.run.key, "b1");
    assert_eq!(upload.run.build_id.as_deref(), Some("b1"));
    assert_eq!(upload.run.branch.as_deref(), Some("main"));
    assert_eq!(upload.job_id.as_deref(), Some("j"));
    assert!(upload.run.run_env.contains(r#""odd":"kept""#));
}

#[test]
fn derives_selectors_from_files_and_tags_of_collectors() {
    let data = r#"[
        {"name":"a","file_name":"./apps/web/spec/a_spec.rb","history":{"duration":1}},
        {"name":"b","file_name":"spec/b_spec.rb","history":{"duration":1}},
        {"name":"c","file_name":"x","history":{"duration":1},
            "tags":{"test.selector.primary":"spec/c_spec.rb","team":"web"}}
    ]"#;
    let run_env = [("key", "k"), ("location_prefix", "apps/web")];
    let upload = upload(&submission(Format::Json, &run_env, data)).unwrap();
    let expected = ["a", "b", "c"].map(|name| format!("apps/web/spec/{name}_spec.rb"));
    assert_eq!(
        selectors(&upload),
        expected.each_ref().map(|it| Some(&**it))
    );
    assert_eq!(upload.executions[2].tags, fields(&[("team", "web")]));
}

#[test]
fn makes_paths_of_jest_relative_to_the_repository() {
    let data = r#"{"testResults":[{"name":"/b/apps/web/src/a.test.js","status":"passed",
        "assertionResults":[{"ancestorTitles":["A"],"title":"works","status":"passed","duration":5,
            "location":{"line":3,"column":1}}]}]}"#;
    let run_env = [
        ("key", "k"),
        ("cwd", "/b/apps/web"),
        ("location_prefix", "apps/web"),
        ("test_runner", "jest"),
    ];
    let upload = upload(&submission(Format::JestJson, &run_env, data)).unwrap();
    let file = "apps/web/src/a.test.js";
    assert_eq!(selectors(&upload), [Some(file)]);
    let result = &upload.executions[0].result;
    assert_eq!(result.file_name.as_deref(), Some(file));
    assert_eq!(result.location.as_deref(), Some(&*format!("{file}:3")));
}

#[test]
fn removes_the_leading_dot_of_rspec_files() {
    let data = r#"{"examples":[{"id":"./spec/a_spec.rb[1:1]","description":"works",
        "full_description":"A works","status":"passed","file_path":"./spec/a_spec.rb",
        "line_number":2,"run_time":0.5}],"summary":{}}"#;
    let run_env = [("key", "k"), ("location_prefix", "./")];
    let upload = upload(&submission(Format::RspecJson, &run_env, data)).unwrap();
    assert_eq!(selectors(&upload), [Some("spec/a_spec.rb")]);
    let location = upload.executions[0].result.location.as_deref();
    assert_eq!(location, Some("./spec/a_spec.rb:2"));
}

#[test]
fn derives_files_of_junit_from_the_class_name_by_runner() {
    let data =
        r#"<testsuite><testcase classname="tests.test_a.TestA" name="t" time="1"/></testsuite>"#;
    let by_runner = |runner: &str| {
        let run_env = [("key", "k"), ("test_runner", runner)];
        upload(&submission(Format::Junit, &run_env, data))
            .unwrap()
            .executions[0]
            .selector
            .clone()
    };
    assert_eq!(by_runner("pytest").as_deref(), Some("tests/test_a.py"));
    assert_eq!(by_runner("gotest").as_deref(), Some("tests.test_a.TestA"));
    assert_eq!(by_runner("other"), None);
}

#[test]
fn the_selector_of_go_tests_is_their_package() {
    let events = concat!(
        r#"{"Action":"pass","Package":"example.com/shop/cart","Test":"TestAdd/one","Elapsed":0.5}"#,
        "\n",
        r#"{"Action":"pass","Package":"example.com/shop/cart","Elapsed":0.7}"#,
    );
    let sent = submission(Format::GoJsonl, &[("key", "k")], events);
    let package = Some("example.com/shop/cart");
    assert_eq!(selectors(&upload(&sent).unwrap()), [package]);
    let report = r#"<testsuite><testcase classname="example.com/shop/cart" name="TestAdd"
        time="0.5" file="cart_test.go"/></testsuite>"#;
    for (runner, selector) in [("gotest", package), ("rspec", Some("cart_test.go"))] {
        let run_env = [("key", "k"), ("test_runner", runner)];
        let sent = submission(Format::Junit, &run_env, report);
        assert_eq!(selectors(&upload(&sent).unwrap()), [selector]);
    }
}

#[test]
fn rejects_too_many_results() {
    let data = r#"[{"name":"a"},{"name":"b"},{"name":"c"},{"name":""}]"#;
    let error = upload(&submission(Format::Json, &[("key", "k")], data)).unwrap_err();
    assert!(error.contains("4 results"), "{error}");
    assert!(error.contains("maximum is 3"), "{error}");
}

#[test]
fn keeps_valid_results_and_reports_the_others() {
    let data = r#"[{"name":"a"},{"name":" "},{"name":"c","tags":{"mut.x":"1"}}]"#;
    let upload = upload(&submission(Format::Json, &[("key", "k")], data)).unwrap();
    assert_eq!((upload.executions.len(), upload.skipped), (2, 1));
    let errors = &upload.errors;
    assert!(errors[0].starts_with("result 1: "), "{errors:?}");
    assert!(errors[1].contains("mut.x"), "{errors:?}");
}

// Two nodes may send the same results; their job ids differ.
#[test]
fn the_digest_covers_every_field() {
    let digest = |sent: &Submission| upload(sent).unwrap().digest;
    let first = submission(Format::Json, &[("key", "k"), ("job_id", "1")], "[]");
    let again = submission(Format::Json, &[("job_id", "1"), ("key", "k")], "[]");
    assert_eq!(digest(&first), digest(&again));
    let tagged = Submission {
        tags: fields(&[("team", "web")]),
        ..first.clone()
    };
    for other in [
        submission(Format::Json, &[("key", "l"), ("job_id", "1")], "[]"),
        submission(Format::Json, &[("key", "k"), ("job_id", "2")], "[]"),
        submission(Format::Json, &[("key", "k"), ("job_id1", "")], "[]"),
        submission(Format::Json, &[("key", "k"), ("job_id", "1")], "[ ]"),
        submission(Format::CucumberJson, &[("key", "k"), ("job_id", "1")], "[]"),
        tagged,
    ] {
        assert_ne!(digest(&first), digest(&other), "{other:?}");
    }
}
