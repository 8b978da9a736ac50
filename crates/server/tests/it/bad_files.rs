//! Invalid, truncated, hostile and unusual result files in every encoding of an upload: the
//! response contains the errors of the parser.

use serde_json::json;
use test_engine_results::{Format, parse};

use crate::support::{Answer, SUITE, TestServer, form, gzip, result};

/// One file of each kind. The tests of the parsers have many more.
fn files() -> Vec<(Format, String)> {
    use Format::{CucumberJson, GoJsonl, JestJson, Json, Junit, PlaywrightJson, RspecJson};
    let deep = |open: &str, close: &str| [open.repeat(10_000), close.repeat(10_000)].concat();
    let odd = |fields: &str| format!("[{{\"name\":\"a\",\"result\":\"passed\",{fields}}}]");
    let long_line = "x".repeat(2 << 20);
    let mut files = vec![
        (Json, "[{\"name\":\"a\"},{\"na".to_owned()),
        (Json, "[{]".to_owned()),
        (Json, deep("[", "]")),
        (
            Json,
            odd(&format!(
                "\"more\":{}",
                deep("{\"x\":", "}").replace(":}", ":1}")
            )),
        ),
        (Json, odd("\"history\":{\"duration\":NaN}")),
        (Json, odd("\"history\":{\"duration\":-5}")),
        (Json, odd("\"history\":{\"duration\":1e300}")),
        (Json, odd("\"history\":{\"duration\":1e999}")),
        (Json, odd("\"scope\":\"\\ud800\"")),
        (Json, odd("\"scope\":\"\\u0000\\u0007\\u001b[31m\"")),
        (Json, odd("\"scope\":\"a\",\"scope\":\"b\"")),
        (Json, odd(&format!("\"failure_reason\":\"{long_line}\""))),
        (Json, "[{\"name\":\" \"},{\"name\":\"b\"},7]".to_owned()),
        (
            Junit,
            "<testsuite><testcase classname='c' name='a'>".to_owned(),
        ),
        (Junit, "<testsuite></testcase></testsuite>".to_owned()),
        (Junit, deep("<testsuite>", "</testsuite>")),
        (
            Junit,
            "<!DOCTYPE x [<!ENTITY a \"aa\"><!ENTITY b \"&a;&a;\">]><testsuite name='&b;'/>"
                .to_owned(),
        ),
        (
            Junit,
            "<testsuite><testcase classname='c' name='a' time='-1e400'/></testsuite>".to_owned(),
        ),
        (
            Junit,
            "<testsuite><testcase name='&#xD800;'/></testsuite>".to_owned(),
        ),
        (RspecJson, "{\"examples\":[],\"examples\":[]}".to_owned()),
        (JestJson, "{\"testResults\":7}".to_owned()),
        (PlaywrightJson, format!("{{\"suites\":{}}}", deep("[", "]"))),
        (
            PlaywrightJson,
            format!("{{\"suites\":[{}]}}", deep("{\"suites\":[", "]}")),
        ),
        (CucumberJson, "[{\"elements\":[{\"steps\":".to_owned()),
        (
            GoJsonl,
            format!(
                "{{\"Action\":\"run\",\"Package\":\"p\",\"Test\":\"T\"}}\n\
                 {{\"Action\":\"output\",\"Package\":\"p\",\"Test\":\"T\",\
                 \"Output\":\"{long_line}\\n\"}}\n\
                 {{\"Action\":\"fail\",\"Package\":\"p\",\"Test\":\"T\"}}"
            ),
        ),
        (GoJsonl, "{\"Action\":\"run\"}\n{\"Action\":\"pa".to_owned()),
    ];
    for format in Format::ALL {
        for text in [
            "", "\u{feff}", "null", "\"x\"", "ok", "<a/>", "{}", "[]", "\u{0}",
        ] {
            files.push((format, text.to_owned()));
        }
    }
    files
}

fn send(server: &TestServer, headers: &[(&str, &str)], body: Vec<u8>) -> Answer {
    let token = format!("Token token=\"{}\"", server.suite_token);
    let mut ask = server
        .ask("POST", "/v1/uploads")
        .header("authorization", &token);
    for (name, value) in headers {
        ask = ask.header(name, value);
    }
    ask.body(body).send()
}

const JSON: (&str, &str) = ("content-type", "application/json");
const GZIP: (&str, &str) = ("content-encoding", "gzip");

#[test]
fn reports_errors_in_every_encoding() {
    let server = TestServer::start();
    for (number, (format, text)) in files().into_iter().enumerate() {
        let parsed = parse(format, text.as_bytes());
        for encoding in ["form", "json", "gzip", "gzip form"] {
            let key = format!("{number} {encoding}");
            let fields = [
                ("format", format.name()),
                ("run_env[key]", key.as_str()),
                ("data", text.as_str()),
            ];
            let (content_type, bytes) = form(&fields);
            let typed = ("content-type", content_type.as_str());
            let json = json!({"format": format.name(), "run_env": {"key": key}, "data": text});
            let json = json.to_string().into_bytes();
            let answer = match encoding {
                "form" => send(&server, &[typed], bytes),
                "gzip form" => send(&server, &[typed, GZIP], gzip(&bytes)),
                "gzip" => send(&server, &[JSON, GZIP], gzip(&json)),
                _ => send(&server, &[JSON], json),
            };
            let response = answer.text();
            let start: String = text.chars().take(60).collect();
            let what = format!("{} as {encoding}: {start:?}: {response}", format.name());
            match &parsed {
                Err(error) => {
                    assert_eq!(answer.status, 422, "{what}");
                    let message = answer.json()["message"].as_str().unwrap().to_owned();
                    assert!(message.contains(&error.to_string()), "{error}: {what}");
                }
                Ok(report) => {
                    assert_eq!(answer.status, 202, "{what}");
                    let receipt = answer.json();
                    assert_eq!(receipt["queued"], report.results.len(), "{what}");
                    assert_eq!(receipt["skipped"], report.invalid.len(), "{what}");
                }
            }
        }
    }
    // The server still works.
    let good = json!([result("A", "good", "a.rb", 1.0, "passed")]);
    assert_eq!(server.upload("good", "main", &good).json()["queued"], 1);
}

#[test]
fn invalid_utf8_costs_only_its_text() {
    let server = TestServer::start();
    for (format, data) in [
        (
            Format::Json,
            b"[{\"name\":\"caf\xE9\",\"result\":\"passed\"}]".as_slice(),
        ),
        (
            Format::Junit,
            b"<testsuite><testcase classname='c' name='caf\xE9'/></testsuite>",
        ),
        (
            Format::GoJsonl,
            b"{\"Action\":\"output\",\"Package\":\"p\",\"Test\":\"T\",\"Output\":\"\xC3\x28\"}\n\
              {\"Action\":\"pass\",\"Package\":\"p\",\"Test\":\"T\"}",
        ),
    ] {
        let (content_type, bytes) = form(&[
            ("format", format.name()),
            ("run_env[key]", format.name()),
            ("data", "DATA"),
        ]);
        let place = bytes.windows(4).position(|it| it == b"DATA").unwrap();
        let bytes = [&bytes[..place], data, &bytes[place + 4..]].concat();
        let receipt = send(&server, &[("content-type", &content_type)], bytes).json();
        assert_eq!(receipt["queued"], 1, "{receipt}");
        let note = receipt["errors"][0].as_str().unwrap_or_default();
        assert!(
            note.contains("replaced by U+FFFD, the first at line 1"),
            "{receipt}"
        );
    }
}

#[test]
fn a_json_body_with_invalid_utf8_is_rejected() {
    let server = TestServer::start();
    let body = b"{\"format\":\"json\",\"run_env\":{\"key\":\"k\"},\"data\":\"caf\xE9\"}";
    let message = send(&server, &[JSON], body.to_vec()).error(422);
    assert!(
        message.contains("line 1") && !message.contains('\u{fffd}'),
        "{message}"
    );
    assert_eq!(server.get(&format!("{SUITE}/runs")).ok(), json!([]));
}
