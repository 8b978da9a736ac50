//! What must never leave the machine or reach a log: tokens, and where the work lies on its disk.
//!
//! Everything that is sent is looked at, line of request, headers and body, and everything that is
//! printed. The one exception is the working directory where the upload names it on purpose.

use rstest::rstest;

use crate::bktec::Bktec;
use crate::server::{Reply, Request, Server};

const TOKENS: [&str; 2] = ["secret-token", "upload-secret"];

fn server() -> Server {
    Server::start(|asked, _| match asked.method.as_str() {
        "GET" => Reply::not_found(),
        _ if asked.target == "/v1/uploads" => {
            Reply::Body(202, r#"{"run_url":"https://te/runs/1"}"#.to_owned())
        }
        _ if asked.target.ends_with("/test_plan") => Reply::ok(
            r#"{"identifier":"build-1/step-1","parallelism":2,"tasks":{
                "0":{"node_number":0,"tests":[{"value":"a.test.js","format":"selector"}]},
                "1":{"node_number":1,"tests":[]}}}"#,
        ),
        _ => Reply::ok("{}"),
    })
}

/// Fails when the request holds a token outside its one header, or `folder` outside `cwd`. Returns
/// whether `cwd` was sent.
fn check(asked: &Request, folder: &str) -> bool {
    let body = String::from_utf8_lossy(&asked.body);
    let directory = format!("name=\"run_env[cwd]\"\r\n\r\n{folder}\r\n");
    let sent_directory = body.matches(&directory).count();
    assert!(sent_directory <= 1, "{}", asked.line());
    let mut all = vec![asked.target.clone(), body.replace(&directory, "")];
    for (name, value) in &asked.headers {
        if name == "authorization" {
            let tokens = TOKENS.iter().filter(|token| value.contains(**token));
            assert_eq!(tokens.count(), 1, "{}", asked.line());
        } else {
            all.push(format!("{name}: {value}"));
        }
    }
    for text in all {
        for secret in TOKENS.into_iter().chain([folder]) {
            assert!(
                !text.contains(secret),
                "{secret} in {}: {text}",
                asked.line()
            );
        }
    }
    sent_directory == 1
}

/// Runs it and checks everything; how many requests sent the directory, of how many uploads.
fn checked(bktec: Bktec, server: &Server) -> (usize, usize) {
    let folder = fs_err::canonicalize(bktec.path()).unwrap();
    let folder = folder.to_str().unwrap().to_owned();
    let printed = bktec.run_with_one_stream();
    // The folder's name is replaced in what was printed.
    for secret in TOKENS.into_iter().chain(["FOLDER"]) {
        assert!(!printed.contains(secret), "{secret} in {printed}");
    }
    let asked = server.requests();
    let with_directory = asked.iter().filter(|asked| check(asked, &folder)).count();
    let uploads = asked.iter().filter(|asked| asked.target == "/v1/uploads");
    (with_directory, uploads.count())
}

/// Of Jest the directory is told with a build and without.
#[rstest]
#[case::of_a_build("build-1")]
#[case::without_a_build("")]
fn of_a_run(#[case] build: &str) {
    let server = server();
    let report = r#"{"testResults":[{"name":"a.test.js","assertionResults":[{"title":"t","status":"failed","failureMessages":["no"]}]}]}"#;
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
fn of_an_upload(#[case] file: &str, #[case] format: &str, #[case] tells_directory: bool) {
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
    assert_eq!(with_directory, usize::from(tells_directory));
}
