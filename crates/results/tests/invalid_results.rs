//! Files with invalid results: these are reported, and the valid ones kept.

use test_engine_duration::Micros;
use test_engine_results::{Detail, Format, Outcome, Report, parse, parse_limited};

use Format::{CucumberJson, JestJson, Json, Junit, PlaywrightJson, RspecJson};

fn invalid(report: &Report) -> Vec<String> {
    let messages = report
        .invalid
        .iter()
        .map(|result| format!("{}: {}", result.index, result.message));
    messages.collect()
}

#[test]
fn reports_invalid_results_and_keeps_valid_ones() {
    let text = r#"[
        {"name": "good", "result": "passed"},
        {"name": " "},
        {"scope": "no name"},
        {"name": null},
        {"name": 5},
        {"name": ["a"]},
        {"name": "x", "scope": {}},
        {"name": "x", "result": "exploded"},
        {"name": "x", "result": true},
        {"name": "nul \u0000"},
        17,
        null,
        [["name", "x"]],
        {"name": "good too", "result": "FAILED"}
    ]"#;
    let report = parse(Json, text.as_bytes()).expect("an array");
    let names: Vec<_> = report
        .results
        .iter()
        .map(|r| (r.name.as_ref(), r.outcome))
        .collect();
    assert_eq!(
        names,
        [
            ("good", Outcome::Passed),
            ("nul \u{FFFD}", Outcome::Unknown),
            ("good too", Outcome::Failed)
        ]
    );
    assert_eq!(
        invalid(&report),
        [
            "1: name is blank",
            "2: name is missing",
            "3: name is missing",
            "4: name is a number, expected a string",
            "5: name is an array, expected a string",
            "6: scope is an object, expected a string",
            "7: result is \"exploded\", expected passed, failed, skipped, pending or unknown",
            "8: result is a boolean, expected a string",
            "10: expected an object, found a number",
            "11: expected an object, found null",
            "12: expected an object, found an array",
        ]
    );
}

#[test]
fn reports_invalid_results_of_other_formats() {
    let table = [
        (
            RspecJson,
            r#"{"examples": [{"description": "a"}, {"status": "passed"}, {"description": "a",
             "status": "eh"}, 1]}"#,
            vec![
                "0: status is missing",
                "1: description is missing",
                "2: status is \"eh\", expected passed, failed or pending",
                "3: expected an object, found a number",
            ],
        ),
        (
            JestJson,
            r#"{"testResults": [{"assertionResults": [{"title": "a"}, {"title": "a",
             "status": "eh"}, null]}]}"#,
            vec![
                "0: status is missing",
                "1: status is \"eh\", expected passed, failed, pending, skipped, todo or disabled",
                "2: expected an object, found null",
            ],
        ),
        (
            Junit,
            "<testsuite><testcase/><testcase name=' '/><testcase name='good'/></testsuite>",
            vec!["0: name is missing", "1: name is blank"],
        ),
        (
            CucumberJson,
            r#"[{"elements": [{"name": ""}, {"name": 1}, 1]}, {"name": 1}]"#,
            vec![
                "0: name is blank",
                "1: name is a number, expected a string",
                "2: expected an object, found a number",
                "3: the feature's name is a number, expected a string",
            ],
        ),
        (
            PlaywrightJson,
            r#"{"suites": [{"specs": [{"ok": true}, 1]}]}"#,
            vec![
                "0: title is missing",
                "1: expected an object, found a number",
            ],
        ),
    ];
    for (format, text, expected) in table {
        let report = parse(format, text.as_bytes()).expect("a report");
        assert_eq!(invalid(&report), expected, "{format}");
    }
}

#[test]
fn ignores_implausible_durations() {
    let table = [
        ("1.5", Some(1.5)),
        ("0", Some(0.0)),
        ("\"2.5\"", Some(2.5)),
        ("null", None),
        ("-1", None),
        ("1e300", None),
        ("1700000000", None),
        ("\"soon\"", None),
        ("[]", None),
    ];
    for (given, expected) in table {
        let text = format!("[{{\"name\": \"a\", \"history\": {{\"duration\": {given}}}}}]");
        let report = parse(Json, text.as_bytes()).expect("an array");
        assert_eq!(
            report.results.first().map(|r| r.duration),
            Some(expected.map(Micros::from_seconds)),
            "{given}"
        );
    }
    let table = [
        ("1.5", Some(1.5)),
        ("1,234.5", Some(1234.5)),
        ("1,234,567.5", Some(1_234_567.5)),
        ("1,234", Some(1234.0)),
        ("1.234,5", Some(1234.5)),
        ("1 234,5", Some(1234.5)),
        ("0,5", Some(0.5)),
        ("0,123", Some(0.123)),
        (" 2 ", Some(2.0)),
        ("-0.000000", Some(0.0)),
        ("-1", None),
        ("NaN", None),
        ("inf", None),
        ("1e40", None),
        ("", None),
        (",", None),
        ("1.2.3", None),
        ("fast", None),
    ];
    for (given, expected) in table {
        let text = format!("<testsuite><testcase name='a' time='{given}'/></testsuite>");
        let report = parse(Junit, text.as_bytes()).expect("a suite");
        assert_eq!(
            report.results.first().map(|r| r.duration),
            Some(expected.map(Micros::from_seconds)),
            "{given}"
        );
    }
}

#[test]
fn accepts_unpaired_surrogates() {
    let text = r#"{"testResults": [{"assertionResults": [
        {"title": "cut \ud83d", "status": "failed",
         "failureMessages": ["Error: \udc00 \ud83d\ude00 \\ud83d"]}
    ]}]}"#;
    let report = parse(JestJson, text.as_bytes()).expect("a report");
    let result = report.results.first().expect("a result");
    assert_eq!(result.name, "cut \u{FFFD}");
    assert_eq!(result.outcome, Outcome::Failed);
    assert_eq!(
        result.extras.failure_reason.as_deref(),
        Some("Error: \u{FFFD} \u{1F600} \\ud83d")
    );
}

#[test]
fn counts_results_beyond_the_limit() {
    let text = r#"[{"name": "a"}, {}, {"name": "b"}, {"name": "c"}]"#;
    let limited = |limit| {
        let report = parse_limited(Json, text.as_bytes(), Detail::Full, limit).expect("an array");
        (report.results.len(), report.invalid.len(), report.omitted)
    };
    assert_eq!(limited(0), (0, 0, 4));
    assert_eq!(limited(2), (1, 1, 2));
    assert_eq!(limited(4), (3, 1, 0));
}
