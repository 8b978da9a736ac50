//! Tokens and local paths never appear in requests or logs.
//!
//! Checks the request line, headers and body of every request, and all output. The one exception is
//! the working directory, which some uploads send on purpose.

use rstest::rstest;

use crate::bktec::Bktec;
use crate::server::{Reply, Request, Server};

const TOKENS: [&str; 2] = ["secret-token", "upload-secret"];

fn server() -> Server {
    Server::start(|request, _| match request.method.as_str() {
        "GET" => Reply::not_found(),
        _ if request.target == "/v1/uploads" => {
            Reply::Body(202, r#"{"run_url":"https://te/runs/1"}"#.to_owned())
        }
        _ if request.target.ends_with("/test_plan") => Reply::ok(
            r#"{"identifier":"build-1/step-1","parallelism":2,"tasks":{
                "0":{"node_number":0,"tests":[{"value":"a.test.js","format":"selector"}]},
                "1":{"node_number":1,"tests":[]}}}"#,
        ),
        _ => Reply::ok("{}"),
    })
}

/// Fails if the request contains a token outside its header, or `directory` outside `cwd`. Returns
/// whether `cwd` was sent.
fn check(request: &Request, directory: &str) -> bool {
    let body = String::from_utf8_lossy(&request.body);
    let field = format!("name=\"run_env[cwd]\"\r\n\r\n{directory}\r\n");
    let sent_directory = body.matches(&field).count();
    assert!(sent_directory <= 1, "{}", request.line());
    let mut all = vec![request.target.clone(), body.replace(&field, "")];
    for (name, value) in &request.headers {
        if name == "authorization" {
            let tokens = TOKENS.iter().filter(|token| value.contains(**token));
            assert_eq!(tokens.count(), 1, "{}", request.line());
        } else {
            all.push(format!("{name}: {value}"));
        }
    }
    for text in all {
        for secret in TOKENS.into_iter().chain([directory]) {
            assert!(
                !text.contains(secret),
                "{secret} in {}: {text}",
                request.line()
            );
        }
    }
    sent_directory == 1
}

/// Runs the command and checks everything. Returns the number of requests that sent the directory,
/// and the number of uploads.
fn checked(bktec: Bktec, server: &Server) -> (usize, usize) {
    let directory = fs_err::canonicalize(bktec.path()).unwrap();
    let directory = directory.to_str().unwrap().to_owned();
    let printed = bktec.run_with_one_stream();
    // The helper replaces the directory in the output.
    for secret in TOKENS.into_iter().chain(["DIRECTORY"]) {
        assert!(!printed.contains(secret), "{secret} in {printed}");
    }
    let requests = server.requests();
    let with_directory = requests
        .iter()
        .filter(|request| check(request, &directory))
        .count();
    let uploads = requests
        .iter()
        .filter(|request| request.target == "/v1/uploads");
    (with_directory, uploads.count())
}

/// Uploads of Jest results send the directory with and without a build.
#[rstest]
#[case::with_a_build("build-1")]
#[case::without_a_build("")]
fn run_sends_no_secrets(#[case] build: &str) {
    let server = server();
    let report = r#"{"testResults":[{"name":"a.test.js","assertionResults":[
        {"title":"t","status":"failed","failureMessages":["no"]}]}]}"#;
    let bktec = Bktec::against(
        &[
            "run",
            "--debug",
            "--upload-results",
            "--test-engine-retry-count",
            "1",
            "--plan-identifier",
            "build-1/step-1",
            "--test-command",
            "report {{resultPath}} {{testExamples}}",
            "--retry-command",
            "report {{resultPath}} {{testExamples}} {{testNamePattern}}",
        ],
        &server,
    )
    .file("report.json", report)
    .program("report", r#"cp report.json "$1"; exit 1"#)
    .env("BUILDKITE_ANALYTICS_TOKEN", "upload-secret")
    .env("BUILDKITE_BUILD_ID", build);
    let (with_directory, uploads) = checked(bktec, &server);
    assert_eq!(uploads, 2);
    assert_eq!(with_directory, uploads);
    assert!(server.requests().len() > uploads);
}

#[rstest]
#[case::junit("report.xml", "junit", false)]
#[case::json("report.json", "json", false)]
#[case::jest("report.json", "jest-json", true)]
fn upload_sends_no_secrets(
    #[case] file: &str,
    #[case] format: &str,
    #[case] sends_directory: bool,
) {
    let content = match format {
        "junit" => r#"<testsuite><testcase classname="C" name="a"/></testsuite>"#,
        "json" => r#"[{"name":"a","result":"passed"}]"#,
        _ => {
            r#"{"testResults":[{"name":"a","assertionResults":[{"title":"t","status":"passed"}]}]}"#
        }
    };
    let server = server();
    let bktec = Bktec::uploading(&["--debug", "--format", format], &server.base())
        .directory("reports")
        .file(&format!("reports/{file}"), content);
    let path = bktec.path().join("reports").join(file);
    let bktec = bktec.argument(&path);
    let (with_directory, uploads) = checked(bktec, &server);
    assert_eq!(uploads, 1);
    assert_eq!(with_directory, usize::from(sends_directory));
}
