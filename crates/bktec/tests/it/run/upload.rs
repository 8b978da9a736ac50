//! Uploads of results.

use super::{PASSING, PLAN, posted_to, with_plan};
use crate::bktec::Bktec;
use crate::server::{Reply, Server};

#[test]
fn uploads_results() {
    let server = with_plan(PLAN);
    let ended = Bktec::against(
        &[
            "run",
            "--upload-results",
            "--test-command",
            PASSING,
            "--tag",
            "team=a,b",
            "--location-prefix",
            "web",
        ],
        &server,
    )
    .env("BUILDKITE_ANALYTICS_TOKEN", "upload-secret")
    .env("BUILDKITE_COMMIT", "abc")
    .env("BUILDKITE_BUILD_NUMBER", "12")
    .run();
    assert_eq!(ended.code, 0, "{ended}");
    assert!(
        ended.stdout.contains("the child sees upload-secret"),
        "{ended}"
    );
    let requests = server.requests();
    let upload = posted_to(&requests, "/v1/uploads");
    assert_eq!(
        upload.header("authorization"),
        Some("Token token=upload-secret")
    );
    let content_type = upload.header("content-type").unwrap();
    let boundary = content_type
        .strip_prefix("multipart/form-data; boundary=")
        .unwrap();
    let body = String::from_utf8(upload.body.clone()).unwrap();
    let fields = body
        .replace(boundary, "BOUNDARY")
        .replace('\r', "")
        .lines()
        .filter(|line| !line.is_empty() && *line != "--BOUNDARY")
        .map(|line| line.replace("Content-Disposition: form-data; ", ""))
        .map(|line| {
            if line.contains("testResults") {
                "(the file)".to_owned()
            } else {
                line
            }
        })
        .map(|line| {
            if line.starts_with('/') {
                "(the directory)".to_owned()
            } else {
                line
            }
        })
        .map(|line| line.replace(env!("CARGO_PKG_VERSION"), "VERSION"))
        .collect::<Vec<_>>()
        .join("\n");
    insta::assert_snapshot!(fields, @r#"
    name="format"
    jest-json
    name="run_env[CI]"
    buildkite
    name="run_env[key]"
    build-1
    name="run_env[branch]"
    main
    name="run_env[commit_sha]"
    abc
    name="run_env[number]"
    12
    name="run_env[url]"
    name="run_env[job_id]"
    job-1
    name="run_env[message]"
    name="run_env[location_prefix]"
    web
    name="run_env[collector]"
    bktec
    name="run_env[test_runner]"
    jest
    name="run_env[version]"
    VERSION
    name="run_env[cwd]"
    (the directory)
    name="tags[team]"
    a,b
    name="data"; filename="result.json"
    Content-Type: application/octet-stream
    (the file)
    --BOUNDARY--
    "#);
}

/// Whole paths in a report of Jest would meet no plan; every other format names files as plans do.
#[test]
fn sends_the_directory_with_jest_reports_even_without_a_build() {
    let server = with_plan(PLAN);
    let bktec = Bktec::against(
        &[
            "run",
            "--upload-results",
            "--plan-identifier",
            "p",
            "--test-command",
            PASSING,
        ],
        &server,
    )
    .without("BUILDKITE_BUILD_ID")
    .env("BUILDKITE_ANALYTICS_TOKEN", "upload-secret");
    let (ended, kept) = bktec.run_and_keep();
    assert_eq!(ended.code, 0, "{ended}");
    let requests = server.requests();
    let upload = posted_to(&requests, "/v1/uploads");
    let folder = fs_err::canonicalize(kept.path()).unwrap();
    assert_eq!(upload.field("run_env[cwd]").as_deref(), folder.to_str());
}

#[test]
fn a_failed_upload_changes_nothing() {
    let plan = PLAN.to_owned();
    let server = Server::start(move |request, _| {
        if request.target == "/v1/uploads" {
            Reply::message(401, "no such suite")
        } else if request.method == "GET" {
            Reply::ok(&plan)
        } else {
            Reply::ok("{}")
        }
    });
    let ended = Bktec::against(
        &["run", "--upload-results", "--test-command", PASSING],
        &server,
    )
    .env("BUILDKITE_ANALYTICS_TOKEN", "upload-secret")
    .run();
    assert_eq!(ended.code, 0, "{ended}");
    assert_eq!(
        ended.stderr,
        "⚠️ failed to upload DIRECTORY/result.json: no such suite (status 401)\n"
    );
    assert_eq!(server.lines().matches("uploads").count(), 1);
}

#[test]
fn warns_once_about_an_upload_without_a_token() {
    let server = with_plan(PLAN);
    let ended = Bktec::against(
        &["run", "--upload-results", "--test-command", PASSING],
        &server,
    )
    .run();
    assert_eq!(ended.code, 0, "{ended}");
    assert_eq!(
        ended.stderr,
        "⚠️ Results are not uploaded: BUILDKITE_ANALYTICS_TOKEN is not set and OIDC is off.\n"
    );
}
