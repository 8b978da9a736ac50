//! `bktec upload`: requests and output of successful uploads.

use std::fmt::Write as _;

use rstest::rstest;
use test_engine_results::{Format, parse};

use crate::bktec::Bktec;
use crate::server::{Reply, Request, Server};

pub(crate) const JUNIT: &str = r#"<testsuite><testcase classname="C" name="a"/></testsuite>"#;
pub(crate) const JSON: &str = r#"[{"name":"a","result":"passed"}]"#;

pub(crate) fn accepting() -> Server {
    Server::start(|_, before| {
        let number = before + 1;
        Reply::Body(
            202,
            format!(
                r#"{{"id":"upload-{number}","upload_id":"upload-{number}","run_id":"run-1",
                "queued":1,"skipped":0,"errors":[],"run_url":"https://te/runs/run-1",
                "upload_url":"https://te/uploads/upload-{number}"}}"#
            ),
        )
    })
}

fn shown(request: &Request) -> String {
    let mut text = request.line();
    let _ = writeln!(
        text,
        "\nauthorization: {}",
        request.header("authorization").unwrap_or_default()
    );
    for (name, file, content) in request.form() {
        let file = file.map(|file| format!(" ({file})")).unwrap_or_default();
        let content = content.replace(env!("CARGO_PKG_VERSION"), "VERSION");
        let _ = writeln!(text, "{name}{file}: {content}");
    }
    text
}

#[test]
fn uploads_files_of_a_buildkite_build() {
    let server = accepting();
    let ended = Bktec::uploading(
        &[
            "report.xml",
            "nested/results.json",
            "--tag",
            "team=a,b",
            "--location-prefix",
            "api",
        ],
        &server.base(),
    )
    .file("report.xml", JUNIT)
    .directory("nested")
    .file("nested/results.json", JSON)
    .env("BUILDKITE_BUILD_ID", "build-1")
    .env("BUILDKITE_BUILD_NUMBER", "12")
    .env("BUILDKITE_BUILD_URL", "https://ci/12")
    .env("BUILDKITE_JOB_ID", "job-1")
    .env("BUILDKITE_BRANCH", "main")
    .env("BUILDKITE_COMMIT", "abc")
    .env("BUILDKITE_MESSAGE", "Fix it")
    .run();
    insta::assert_snapshot!(ended, @"
    exit code: 0
    ----- stdout -----
    Uploaded report.xml: upload-1 https://te/uploads/upload-1
    Uploaded results.json: upload-2 https://te/uploads/upload-2
    ----- stderr -----
    ");
    let requests = server.requests();
    assert_eq!(requests.len(), 2);
    insta::assert_snapshot!(shown(&requests[0]), @r#"
    POST /v1/uploads
    authorization: Token token="upload-secret"
    format: junit
    run_env[CI]: buildkite
    run_env[key]: build-1
    run_env[branch]: main
    run_env[commit_sha]: abc
    run_env[number]: 12
    run_env[url]: https://ci/12
    run_env[job_id]: job-1
    run_env[message]: Fix it
    run_env[location_prefix]: api
    run_env[collector]: bktec
    run_env[version]: VERSION
    tags[team]: a,b
    data (report.xml): <testsuite><testcase classname="C" name="a"/></testsuite>
    "#);
    assert_eq!(requests[1].field("format").unwrap(), "json");
    assert_eq!(requests[1].field("run_env[key]").unwrap(), "build-1");
    let (_, name, content) = requests[1].form().pop().unwrap();
    assert_eq!(name.as_deref(), Some("results.json"));
    assert_eq!(content, JSON);
}

#[test]
fn files_share_a_fresh_key_without_a_ci() {
    let server = accepting();
    let upload = || {
        let ended = Bktec::uploading(&["a.xml", "b.xml", "a.xml"], &server.base())
            .file("a.xml", JUNIT)
            .file("b.xml", JUNIT)
            .run();
        assert_eq!(ended.code, 0, "{ended}");
    };
    upload();
    upload();
    let requests = server.requests();
    let keys: Vec<_> = requests
        .iter()
        .map(|request| request.field("run_env[key]").unwrap())
        .collect();
    assert_eq!(keys.len(), 4);
    assert_eq!((&keys[0], &keys[2]), (&keys[1], &keys[3]));
    assert_ne!(keys[0], keys[2]);
    let key: uuid::Uuid = keys[0].parse().unwrap();
    assert_eq!(key.get_version_num(), 7);
    let fields: Vec<_> = requests[0]
        .form()
        .into_iter()
        .map(|(name, _, _)| name)
        .collect();
    assert_eq!(
        fields,
        [
            "format",
            "run_env[CI]",
            "run_env[key]",
            "run_env[collector]",
            "run_env[version]",
            "data"
        ]
    );
    assert_eq!(requests[0].field("run_env[CI]").unwrap(), "generic");
}

#[test]
fn options_override_the_variables_of_another_ci() {
    let server = accepting();
    let ended = Bktec::uploading(&["a.xml", "--branch", "topic"], &server.base())
        .file("a.xml", JUNIT)
        .env("GITHUB_ACTIONS", "true")
        .env("GITHUB_ACTION", "__run")
        .env("GITHUB_RUN_NUMBER", "3")
        .env("GITHUB_RUN_ATTEMPT", "1")
        .env("GITHUB_REF", "refs/heads/main")
        .env("GITHUB_SHA", "abc")
        .run();
    assert_eq!(ended.code, 0, "{ended}");
    let upload = &server.requests()[0];
    for (field, value) in [
        ("run_env[CI]", "github_actions"),
        ("run_env[key]", "__run-3-1"),
        ("run_env[branch]", "topic"),
        ("run_env[commit_sha]", "abc"),
    ] {
        assert_eq!(upload.field(field).as_deref(), Some(value));
    }
}

#[rstest]
#[case::option(&["--upload-url", "SERVER/elsewhere"], "POST /elsewhere")]
#[case::base(&[], "POST /v1/uploads")]
fn uploads_to_the_configured_url(#[case] options: &[&str], #[case] line: &str) {
    let server = accepting();
    let options: Vec<_> = options
        .iter()
        .map(|option| option.replace("SERVER", &server.base()))
        .collect();
    let mut arguments = vec!["a.xml"];
    arguments.extend(options.iter().map(String::as_str));
    let ended = Bktec::uploading(&arguments, &server.base())
        .file("a.xml", JUNIT)
        .run();
    assert_eq!(ended.code, 0, "{ended}");
    assert_eq!(server.lines(), line);
}

#[rstest]
#[case("--suite-token")]
#[case("--token")]
#[case("--upload-token")]
fn the_token_option_has_three_names(#[case] option: &str) {
    let server = accepting();
    let ended = Bktec::uploading(&[option, "typed", "a.xml"], &server.base())
        .file("a.xml", JUNIT)
        .run();
    assert_eq!(ended.code, 0, "{ended}");
    assert_eq!(
        server.requests()[0].header("authorization"),
        Some("Token token=\"typed\"")
    );
}

#[test]
fn requests_a_missing_token_from_the_agent() {
    let server = accepting();
    let (ended, bktec) = Bktec::uploading(&["a.xml"], &server.base())
        .file("a.xml", JUNIT)
        .without("BUILDKITE_ANALYTICS_TOKEN")
        .env("BUILDKITE_TEST_ENGINE_BASE_URL", server.base())
        .env("BUILDKITE_ORGANIZATION_SLUG", "acme")
        .env("BUILDKITE_TEST_ENGINE_SUITE_SLUG", "web")
        .program("buildkite-agent", r#"echo "$@" >> calls; echo minted"#)
        .run_and_keep();
    assert_eq!(ended.code, 0, "{ended}");
    assert_eq!(
        bktec.read("calls").replace(&server.base(), "SERVER"),
        "oidc request-token --audience SERVER/v2/analytics/organizations/acme/suites/web \
         --lifetime 7200\n"
    );
    assert_eq!(
        server.requests()[0].header("authorization"),
        Some("Token token=\"minted\"")
    );
}

#[test]
fn sends_the_working_directory_only_with_jest_reports() {
    let server = accepting();
    let report = r#"{"testResults":[]}"#;
    let (ended, bktec) =
        Bktec::uploading(&["report.json", "--format", "jest-json"], &server.base())
            .file("report.json", report)
            .run_and_keep();
    insta::assert_snapshot!(ended, @"
    exit code: 0
    ----- stdout -----
    Uploaded report.json: upload-1 https://te/uploads/upload-1
    ----- stderr -----
    ⚠️ report.json contains no results.
    ");
    let cwd = server.requests()[0].field("run_env[cwd]").unwrap();
    assert_eq!(
        fs_err::read_to_string(format!("{cwd}/report.json")).unwrap(),
        bktec.read("report.json")
    );
}

/// PHPUnit, mocha-junit-reporter and others write absolute paths. The server makes those below the
/// directory relative; without such paths it learns nothing about it.
#[test]
fn sends_the_directory_with_reports_that_have_paths_below_it() {
    let server = accepting();
    let bktec = Bktec::uploading(&["report.xml"], &server.base());
    let directory = fs_err::canonicalize(bktec.path()).unwrap();
    let report = |file: &str| {
        format!(r#"<testsuite><testcase name="t" file="{file}" time="1"/></testsuite>"#)
    };
    let below = format!("{}/tests/ATest.php", directory.display());
    let ended = bktec.file("report.xml", &report(&below)).run();
    assert_eq!(ended.code, 0, "{ended}");
    for file in ["tests/ATest.php", "/elsewhere/tests/ATest.php"] {
        let upload = Bktec::uploading(&["report.xml"], &server.base());
        let ended = upload.file("report.xml", &report(file)).run();
        assert_eq!(ended.code, 0, "{ended}");
    }
    // Results of a container, uploaded from its host.
    let ended = Bktec::uploading(&["report.xml", "--root", "/elsewhere"], &server.base())
        .file("report.xml", &report("/elsewhere/tests/ATest.php"))
        .run();
    assert_eq!(ended.code, 0, "{ended}");
    let requests = server.requests();
    let sent = requests.iter().map(|request| request.field("run_env[cwd]"));
    let directory = Some(directory.display().to_string());
    let expected = [directory, None, None, Some("/elsewhere".to_owned())];
    assert_eq!(sent.collect::<Vec<_>>(), expected);
}

/// A report with `results` tests named t0, t1, ….
fn large(format: Format, results: usize) -> String {
    let list = |result: &dyn Fn(usize) -> String, separator: &str| {
        (0..results).map(result).collect::<Vec<_>>().join(separator)
    };
    match format {
        Format::Json => format!(
            "[{}]",
            list(&|number| format!(r#"{{"name":"t{number}"}}"#), ",")
        ),
        Format::Junit => format!(
            "<testsuites><testsuite>{}</testsuite></testsuites>",
            list(&|number| format!(r#"<testcase name="t{number}"/>"#), "\n")
        ),
        Format::RspecJson => format!(
            r#"{{"examples":[{}]}}"#,
            list(
                &|number| format!(r#"{{"description":"t{number}","status":"passed"}}"#),
                ","
            )
        ),
        Format::GoJsonl => {
            list(
                &|number| format!(r#"{{"Action":"pass","Package":"p","Test":"t{number}"}}"#),
                "\n",
            ) + "\n{\"Action\":\"pass\",\"Package\":\"p\"}\n"
        }
        _ => format!(
            r#"{{"testResults":[{{"name":"/a.test.js","assertionResults":[{}]}}]}}"#,
            list(
                &|number| format!(r#"{{"title":"t{number}","status":"passed"}}"#),
                ","
            )
        ),
    }
}

#[rstest]
#[case(Format::Json)]
#[case(Format::Junit)]
#[case(Format::RspecJson)]
#[case(Format::JestJson)]
#[case(Format::GoJsonl)]
fn splits_a_file_with_too_many_results(#[case] format: Format) {
    let server = accepting();
    let ended = Bktec::uploading(&["big", "--format", format.name()], &server.base())
        .file("big", &large(format, 10_001))
        .run();
    assert_eq!(
        ended.stdout,
        "Uploaded big, part 1 of 3: upload-1 https://te/uploads/upload-1\n\
         Uploaded big, part 2 of 3: upload-2 https://te/uploads/upload-2\n\
         Uploaded big, part 3 of 3: upload-3 https://te/uploads/upload-3\n"
    );
    assert_eq!((ended.code, ended.stderr.as_str()), (0, ""));
    let requests = server.requests();
    let mut names = Vec::new();
    for upload in &requests {
        assert_eq!(
            upload.field("run_env[key]"),
            requests[0].field("run_env[key]")
        );
        let data = upload.field("data").unwrap();
        let report = parse(format, data.as_bytes()).unwrap();
        assert!(report.results.len() <= 5_000 && report.invalid.is_empty());
        assert!(report.errors_outside_tests.is_empty());
        names.extend(
            report
                .results
                .into_iter()
                .map(|result| result.name.into_owned()),
        );
    }
    let expected: Vec<_> = (0..10_001).map(|number| format!("t{number}")).collect();
    assert_eq!(names, expected);
}

#[test]
fn run_splits_its_results_the_same_way() {
    let server = Server::start(|request, _| match request.method.as_str() {
        "GET" => Reply::ok(
            r#"{"tasks":{"0":{"tests":[{"format":"selector","value":"a.test.js"}]},
                "1":{"tests":[]}}}"#,
        ),
        _ => Reply::ok(r#"{"run_url":"https://te/runs/1"}"#),
    });
    let ended = Bktec::against(
        &[
            "run",
            "--upload-results",
            "--test-command",
            "report {{resultPath}} {{testExamples}}",
        ],
        &server,
    )
    .file("big", &large(Format::JestJson, 5_001))
    .program("report", r#"cp big "$1""#)
    .env("BUILDKITE_ANALYTICS_TOKEN", "upload-secret")
    .env("BKTEC_TEST_BUDGET_SCALE", "0.5")
    .run();
    assert_eq!(ended.code, 0, "{ended}");
    assert!(
        ended
            .stdout
            .contains("Uploaded the results to https://te/runs/1\n"),
        "{ended}"
    );
    let requests = server.requests();
    let counts: Vec<_> = requests
        .iter()
        .filter(|request| request.target == "/v1/uploads")
        .map(|upload| {
            assert_eq!(upload.field("run_env[key]").unwrap(), "build-1");
            let data = upload.field("data").unwrap();
            let report = parse(Format::JestJson, data.as_bytes()).unwrap();
            report.results.len()
        })
        .collect();
    assert_eq!(counts, [5_000, 1]);
}

#[test]
fn help() {
    let ended = Bktec::bare(&["upload", "--help"])
        .env("BUILDKITE_ANALYTICS_TOKEN", "upload-secret")
        .run();
    insta::assert_snapshot!(ended, @"
exit code: 0
----- stdout -----
Uploads result files

Usage: bktec upload [OPTIONS] <FILE>...

Arguments:
  <FILE>...  Result files, directories, globs, or - for stdin; gzip-compressed files end in .gz

Options:
      --debug[=<BOOL>]      Print debug output [env: BUILDKITE_TEST_ENGINE_DEBUG_ENABLED]
      --format <FORMAT>     Format of the files: json, junit, rspec-json, jest-json,
                            playwright-json, cucumber-json, go-jsonl, trx, nunit3, xunit2, ctest or
                            tap [default: by extension and content] [env:
                            BUILDKITE_TEST_ENGINE_UPLOAD_FORMAT]
      --root <DIR>          Directory that paths in the files are relative to [default: the working
                            directory] [env: BUILDKITE_TEST_ENGINE_UPLOAD_ROOT]
      --timeout <DURATION>  Time limit for all uploads together [default: 5m] [env:
                            BUILDKITE_TEST_ENGINE_UPLOAD_TIMEOUT]
  -h, --help                Print help

Test Engine:
      --suite-token <TOKEN>       Suite token [default: fetched from the Buildkite agent] [env:
                                  BUILDKITE_ANALYTICS_TOKEN]
      --suite-slug <SLUG>         Suite slug [env: BUILDKITE_TEST_ENGINE_SUITE_SLUG]
      --oidc[=<BOOL>]             Fetch tokens that are not set from the Buildkite agent (OIDC)
                                  [default: true] [env: BUILDKITE_TEST_ENGINE_OIDC]
      --no-oidc[=<BOOL>]          Never fetch tokens from the Buildkite agent
      --oidc-lifetime <DURATION>  Lifetime of fetched tokens [default: 2h] [env:
                                  BUILDKITE_TEST_ENGINE_OIDC_LIFETIME]
      --tag <KEY=VALUE>           Tag for uploaded results (repeatable; the variable takes a
                                  comma-separated list) [env: BUILDKITE_TEST_ENGINE_TAGS]
      --location-prefix <PREFIX>  Path from the repository root to the project [env:
                                  BUILDKITE_TEST_ENGINE_LOCATION_PREFIX]

Build [default: detected from the CI]:
      --build-id <ID>          Build ID; uploads with the same one belong to the same run [env:
                               BUILDKITE_BUILD_ID]
      --job-id <ID>            Job ID [env: BUILDKITE_JOB_ID]
      --branch <BRANCH>        Branch [env: BUILDKITE_BRANCH]
      --commit <SHA>           Commit [env: BUILDKITE_COMMIT]
      --message <TEXT>         Commit or build message [env: BUILDKITE_MESSAGE]
      --build-number <NUMBER>  Build number [env: BUILDKITE_BUILD_NUMBER]
      --build-url <URL>        Build URL [env: BUILDKITE_BUILD_URL]
----- stderr -----
    ");
}
