//! Uploads that are as large as a body may be, and built to take much memory: for the test and the
//! figures of the server's memory per request.

use std::fmt::Write as _;
use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;

/// Bytes of a body, about: below the limit of 64 MiB.
const BODY: usize = 60 * 1024 * 1024;
/// The maximum number of results in an upload.
const RESULTS: usize = 5_000;
const BOUNDARY: &str = "hostile";

/// The body of `POST /v1/uploads`.
#[derive(Debug)]
pub struct HostileUpload {
    /// For the header of this name.
    pub content_type: String,
    /// For the header of this name: `gzip` or `identity`.
    pub content_encoding: &'static str,
    /// About 60 MiB before compression.
    pub body: Vec<u8>,
}

/// A kind of upload, and what creates one as a run with this key. All are accepted.
pub type HostileKind = (&'static str, fn(&str) -> HostileUpload);

/// Of which much is stored, in every list and page.
pub const HOSTILE_TO_STORE: &[HostileKind] = &[
    ("junit, output of passed tests", |key| {
        junit(key, &cases(RESULTS, "system-out", &lines(BODY / RESULTS)))
    }),
    ("junit, a few huge failures", |key| {
        junit(key, &cases(20, "failure", &lines(BODY / 20)))
    }),
    ("junit, thousands of failures", |key| {
        junit(key, &cases(RESULTS, "failure", &lines(BODY / RESULTS)))
    }),
    ("json, one huge failure", |key| {
        json(key, &failures(1, &lines(BODY)))
    }),
    ("json, thousands of failures", |key| {
        json(key, &failures(RESULTS, &lines(BODY / RESULTS)))
    }),
    ("json, spans", |key| {
        let span = concat!(
            r#"{"section":"sql","start_at":0.5,"end_at":0.6,"duration":0.1,"detail":"#,
            r#"{"query":"SELECT * FROM things WHERE name LIKE 'something' ORDER BY id"}}"#
        );
        let spans = vec![span; BODY / RESULTS / span.len()].join(",");
        let result = |number| {
            let outcome = if number % 10 == 0 { "failed" } else { "passed" };
            let history = format!(
                "\"name\":\"case {number}\",\"history\":{{\"duration\":1,\"children\":[{spans}]}}"
            );
            result(outcome, &history)
        };
        json(key, &(0..RESULTS).map(result).collect::<Vec<_>>())
    }),
    ("json, millions of tags of a result", |key| {
        let tags: Vec<String> = (0..BODY / 13)
            .map(|tag| format!("\"t{tag}\":\"\""))
            .collect();
        json(
            key,
            &[result(
                "failed",
                &format!("\"tags\":{{{}}}", tags.join(",")),
            )],
        )
    }),
    ("gzip, text that cannot be compressed", |key| {
        let mut upload = junit(key, &cases(RESULTS, "failure", &random(BODY / RESULTS)));
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        // Writing to memory cannot fail.
        let _ = encoder.write_all(&upload.body);
        upload.body = encoder.finish().unwrap_or_default();
        upload.content_encoding = "gzip";
        upload
    }),
    ("go-jsonl, thousands of failures", |key| {
        let mut events = String::with_capacity(BODY + BODY / 4);
        let output = escaped(&lines(BODY / RESULTS));
        for number in 0..RESULTS {
            let test = format!("\"Package\":\"shop\",\"Test\":\"Test{number}\"");
            let _ = writeln!(
                events,
                "{{\"Action\":\"output\",{test},\"Output\":\"{output}\"}}"
            );
            let _ = writeln!(events, "{{\"Action\":\"fail\",{test},\"Elapsed\":1}}");
        }
        events.push_str("{\"Action\":\"fail\",\"Package\":\"shop\",\"Elapsed\":1}\n");
        form(key, &[], "go-jsonl", &events)
    }),
];

/// Of which little is stored: it is in the way while the upload is read.
pub const HOSTILE_TO_READ: &[HostileKind] = &[
    ("junit, one huge failure", |key| {
        junit(key, &cases(1, "failure", &lines(BODY)))
    }),
    ("junit, many attempts of a test", |key| {
        let attempts = "<rerunFailure/>".repeat(2_000);
        let many = "<failure/>".repeat(BODY / 10 - 3_000);
        junit(
            key,
            &format!("<testcase name='a'>{many}{attempts}</testcase>"),
        )
    }),
    ("junit, errors outside of tests", |key| {
        junit(
            key,
            &format!(
                "{}{}",
                cases(1, "failure", "x"),
                "<error/>".repeat(BODY / 8)
            ),
        )
    }),
    ("json, a few huge failures", |key| {
        json(key, &failures(20, &lines(BODY / 20)))
    }),
    ("json, millions of empty lines", |key| {
        let lines = vec!["\"\""; BODY / 3].join(",");
        let detail = format!("[{{\"expanded\":[{lines}]}}]");
        json(
            key,
            &[result("failed", &format!("\"failure_expanded\":{detail}"))],
        )
    }),
    ("json, millions of spans in a result", |key| {
        let spans = vec!["{\"section\":\"a\"}"; BODY / 16].join(",");
        let history = format!("\"history\":{{\"children\":[{spans}]}}");
        json(key, &[result("failed", &history)])
    }),
    ("junit, invalid UTF-8", |key| {
        let mut upload = junit(key, &cases(RESULTS, "failure", &lines(BODY / RESULTS)));
        break_words(&mut upload.body, 0xFF);
        upload
    }),
    ("json, invalid UTF-8 in one huge failure", |key| {
        let mut upload = form(key, &[], "json", &array(&failures(1, &lines(BODY))));
        break_words(&mut upload.body, 0xFF);
        upload
    }),
    ("json, control characters in thousands of failures", |key| {
        let results = failures(RESULTS, &lines(BODY / RESULTS));
        let mut upload = form(key, &[], "json", &array(&results));
        break_words(&mut upload.body, 0x01);
        upload
    }),
    ("json, a file in a string", |key| {
        let file = cases(RESULTS, "failure", &lines(BODY / RESULTS));
        let file = escaped(&format!("<testsuite>{file}</testsuite>"));
        HostileUpload {
            content_type: "application/json".to_owned(),
            content_encoding: "identity",
            body: format!(
                "{{\"format\":\"junit\",\"run_env\":{{\"key\":\"{key}\"}},\"data\":\"{file}\"}}"
            )
            .into_bytes(),
        }
    }),
    ("json, a huge name in run_env", |key| {
        let name = "\\n    environment".repeat(BODY / 17);
        json_with_run_env(key, &format!("\"{name}\":1"))
    }),
    ("json, a huge object in run_env", |key| {
        let values = vec!["\"\""; BODY / 3].join(",");
        json_with_run_env(key, &format!("\"PATH\":[{values}]"))
    }),
    ("form, invalid UTF-8 in run_env", |key| {
        let value = "words ".repeat(BODY / 6);
        let fields = [("run_env[PATH]", value.as_str())];
        let file = "<testsuite><testcase name='a'/></testsuite>";
        let mut upload = form(key, &fields, "junit", file);
        break_words(&mut upload.body, 0xFF);
        upload
    }),
    ("json, a huge value in run_env", |key| {
        let value = "\\n    environment".repeat(BODY / 17);
        json_with_run_env(key, &format!("\"PATH\":\"{value}\""))
    }),
    ("form, a huge value in run_env", |key| {
        let value = "\n    environment".repeat(BODY / 16);
        let fields = [("run_env[PATH]", value.as_str())];
        form(
            key,
            &fields,
            "junit",
            "<testsuite><testcase name='a'/></testsuite>",
        )
    }),
];

/// Replaces a letter that is in texts only, not in what surrounds them, by a byte that is invalid
/// there.
fn break_words(body: &mut [u8], invalid: u8) {
    for byte in body {
        if *byte == b'w' {
            *byte = invalid;
        }
    }
}

/// A text of many lines, as a stack trace is.
fn lines(bytes: usize) -> String {
    let mut text = String::with_capacity(bytes + 100);
    for line in 1.. {
        if text.len() >= bytes {
            break;
        }
        let _ = writeln!(
            text,
            "    at some.module.function(file_{line}.py:{line}) with its values"
        );
    }
    text
}

/// A text of letters in no order.
fn random(bytes: usize) -> String {
    let mut state = 88_172_645_463_325_252_u64;
    let letter = |_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        char::from(b'0' + u8::try_from(state % 10).unwrap_or_default())
    };
    (0..bytes).map(letter).collect()
}

fn cases(count: usize, element: &str, text: &str) -> String {
    let mut cases = String::with_capacity(count * (text.len() + 100));
    for case in 0..count {
        let _ = write!(
            cases,
            "<testcase name='case {case}' file='spec/{}_spec.rb'><{element}>{case} {text}\
             </{element}></testcase>",
            case / 20
        );
    }
    cases
}

fn junit(key: &str, inside: &str) -> HostileUpload {
    form(
        key,
        &[],
        "junit",
        &format!("<testsuite>{inside}</testsuite>"),
    )
}

fn form(key: &str, fields: &[(&str, &str)], format: &str, file: &str) -> HostileUpload {
    let mut body = String::with_capacity(file.len() + 1_000);
    let own = [("format", format), ("run_env[key]", key), ("data", file)];
    for (name, value) in fields.iter().copied().chain(own) {
        let _ = write!(
            body,
            "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n"
        );
    }
    let _ = write!(body, "--{BOUNDARY}--\r\n");
    HostileUpload {
        content_type: format!("multipart/form-data; boundary={BOUNDARY}"),
        content_encoding: "identity",
        body: body.into_bytes(),
    }
}

fn array(results: &[String]) -> String {
    format!("[{}]", results.join(","))
}

fn json(key: &str, results: &[String]) -> HostileUpload {
    json_body(key, "", &results.join(","))
}

fn json_with_run_env(key: &str, run_env: &str) -> HostileUpload {
    json_body(
        key,
        &format!(",{run_env}"),
        &result("passed", "\"scope\":\"s\""),
    )
}

fn json_body(key: &str, run_env: &str, results: &str) -> HostileUpload {
    let body = format!(
        "{{\"format\":\"json\",\"run_env\":{{\"key\":\"{key}\"{run_env}}},\"data\":[{results}]}}"
    );
    HostileUpload {
        content_type: "application/json".to_owned(),
        content_encoding: "identity",
        body: body.into_bytes(),
    }
}

/// A result with further members, which replace its own.
fn result(outcome: &str, members: &str) -> String {
    let name = if members.contains("\"name\"") {
        ""
    } else {
        "\"name\":\"case\","
    };
    format!("{{{name}\"file_name\":\"a_spec.rb\",\"result\":\"{outcome}\",{members}}}")
}

fn failures(count: usize, text: &str) -> Vec<String> {
    let text = escaped(text);
    let failure = |number| {
        let members = format!(
            "\"name\":\"case {number}\",\"failure_reason\":\"{number} is wrong\",\
             \"failure_expanded\":[{{\"expanded\":\"{number} {text}\"}}]"
        );
        result("failed", &members)
    };
    (0..count).map(failure).collect()
}

/// In a JSON string.
fn escaped(text: &str) -> String {
    text.replace('\n', "\\n")
}
