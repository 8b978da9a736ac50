//! The targets of a new plan: from discovery, lists, and slow files as examples.

use rstest::rstest;

use super::{PLAN, creating_plan, posted_to, with_plan};
use crate::bktec::Bktec;
use crate::server::{Reply, Server};

/// Lists examples as RSpec does, or prints its arguments.
const RSPEC: &str = r#"
case "$*" in
  *--dry-run*)
    while [ $# -gt 0 ]; do [ "$1" = --out ] && out=$2; shift; done
    echo '{"examples":[
      {"id":"./spec/slow_spec.rb[1:1]","description":"works","full_description":"Slow works",
       "status":"passed"},
      {"id":"./spec/slow_spec.rb[1:2]","description":"too","full_description":"Slow too",
       "status":"passed"}],
      "summary":{"errors_outside_of_examples_count":0}}' > "$out" ;;
  *) echo "ran $*" ;;
esac"#;

#[test]
fn a_list_of_files_replaces_discovery() {
    let server = creating_plan(PLAN);
    Bktec::against(&["run", "--files", "list"], &server)
        .file(
            "list",
            "one.test.js\n\n  two words.test.js \r\none.test.js\n",
        )
        .run();
    let request = posted_to(&server.requests(), "/test_plan").json();
    assert_eq!(
        request["tests"]["selectors"],
        serde_json::json!([{"value": "one.test.js"}, {"value": "two words.test.js"}])
    );
}

#[test]
fn a_list_of_selectors_wins_over_a_list_of_files() {
    let server = creating_plan(PLAN);
    Bktec::against(
        &["run", "--files", "missing", "--selector-file", "list"],
        &server,
    )
    .file("list", "anything\n")
    .run();
    let request = posted_to(&server.requests(), "/test_plan").json();
    assert_eq!(
        request["tests"]["selectors"],
        serde_json::json!([{"value": "anything"}])
    );
}

#[rstest]
#[case::missing("no-such-list")]
#[case::empty("empty")]
#[case::binary("binary")]
fn rejects_an_unusable_list(#[case] list: &str) {
    let server = with_plan(PLAN);
    let ended = Bktec::against(&["run", "--files", list], &server)
        .file("empty", "\n \n")
        .file("binary", "a\0b")
        .run();
    assert_eq!(ended.code, 16, "{ended}");
    assert!(ended.stderr.contains(list), "{ended}");
    assert!(server.requests().is_empty());
}

#[test]
fn rejects_discovery_without_files() {
    let server = with_plan(PLAN);
    let ended = Bktec::against(
        &[
            "run",
            "--test-file-pattern",
            "**/*.none",
            "--test-file-exclude-pattern",
            "old",
        ],
        &server,
    )
    .run();
    assert_eq!(ended.code, 16, "{ended}");
    assert!(
        ended.stderr.contains("**/*.none") && ended.stderr.contains("old"),
        "{ended}"
    );
}

#[test]
fn sends_slow_files_as_examples() {
    let server = Server::start(|request, _| {
        if request.target.ends_with("filter_tests") {
            Reply::ok(
                r#"{"tests":[{"path":"api/spec/slow_spec.rb","reason":"slow file"},
                    {"path":"unknown.rb"}]}"#,
            )
        } else if request.method == "GET" {
            Reply::not_found()
        } else {
            Reply::ok(
                r#"{"tasks":{"1":{"tests":[]},"0":{"tests":[
                    {"format":"example","path":"api/spec/slow_spec.rb[1:2]",
                        "identifier":"./spec/slow_spec.rb[1:2]","name":"too","scope":"Slow"},
                    {"format":"selector","value":"spec/fast_spec.rb"}]}}}"#,
            )
        }
    });
    let ended = Bktec::against(
        &[
            "run",
            "--files",
            "list",
            "--split-by-example",
            "--location-prefix",
            "api/",
        ],
        &server,
    )
    .file("list", "spec/fast_spec.rb\nspec/slow_spec.rb\n")
    .program("rspec", RSPEC)
    .env("BUILDKITE_TEST_ENGINE_TEST_RUNNER", "rspec")
    .env("BUILDKITE_TEST_ENGINE_TEST_CMD", "rspec {{testExamples}}")
    .run();
    assert_eq!(ended.code, 0, "{ended}");
    assert_eq!(
        server.lines(),
        "GET /test_plan\nPOST /test_plan/filter_tests\nPOST /test_plan\nPOST /test_plan_metadata"
    );
    let requests = server.requests();
    let filter = requests[1].json();
    assert_eq!(
        filter["files"],
        serde_json::json!([{"path": "api/spec/fast_spec.rb"}, {"path": "api/spec/slow_spec.rb"}])
    );
    assert_eq!(
        filter["env"]["BUILDKITE_TEST_ENGINE_SPLIT_BY_EXAMPLE"],
        true
    );
    let request = requests[2].json();
    assert_eq!(request["location_prefix"], "api/");
    insta::assert_json_snapshot!(request["tests"], @r#"
    {
      "examples": [
        {
          "format": "example",
          "identifier": "./spec/slow_spec.rb[1:1]",
          "name": "works",
          "path": "api/spec/slow_spec.rb[1:1]",
          "scope": "Slow"
        },
        {
          "format": "example",
          "identifier": "./spec/slow_spec.rb[1:2]",
          "name": "too",
          "path": "api/spec/slow_spec.rb[1:2]",
          "scope": "Slow"
        }
      ],
      "selectors": [
        {
          "value": "spec/fast_spec.rb"
        }
      ]
    }
    "#);
    assert!(
        ended
            .stdout
            .contains("ran spec/slow_spec.rb[1:2] spec/fast_spec.rb\n"),
        "{ended}"
    );
}
