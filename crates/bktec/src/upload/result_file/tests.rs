//! Files of every format, name and kind, and how they are split.

use rstest::rstest;

use super::*;

fn checked(name: &str, content: &str, format: Option<Format>) -> String {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join(name);
    fs_err::write(&path, content).unwrap();
    check_as(&path, format.map(ResultFormat::Uploaded), false)
}

fn check_as(path: &Path, format: Option<ResultFormat>, is_from_directory: bool) -> String {
    let input = Input {
        path: path.to_owned(),
        is_from_directory,
    };
    match check(&input, format) {
        Ok(Some(file)) => format!("{} of {}", file.results, file.format),
        Ok(None) => "no results".to_owned(),
        Err(problem) => problem.to_string(),
    }
}

#[rstest]
#[case("a.xml", "<testsuite><testcase name='a'/></testsuite>", "1 of junit")]
#[case("A.JSON", r#"[{"name":"a"},{"name":"b"}]"#, "2 of json")]
#[case("a.json", "[]", "0 of json")]
#[case(
    "a.jsonl",
    r#"{"Action":"pass","Package":"p","Test":"T"}"#,
    "1 of go-jsonl"
)]
#[case("results", "[]", "unknown file type; choose one with --format")]
#[case("a.xml", "", "not valid junit at the start: the file is empty")]
#[case(
    "a.json",
    r#"[{"name":"a"}"#,
    "not valid json at line 1, column 13: unexpected end of file (EOF while parsing a list)"
)]
#[case("a.json", r#"{"examples":[]}"#, "0 of rspec-json")]
#[case("a.json", r#"{"testResults":[]}"#, "0 of jest-json")]
#[case("a.json", r#"{"suites":[]}"#, "0 of playwright-json")]
#[case("a.json", r#"[{"name":"f","elements":[]}]"#, "0 of cucumber-json")]
#[case(
    "a.json",
    r#"{"testResults":["#,
    "not valid jest-json at line 1, column 16: unexpected end of file (EOF while parsing a \
     list)"
)]
#[case("a.tap", "1..1\nok 1", "1 of json")]
#[case("a.xml", "<test-run><test-case name='a'/></test-run>", "1 of json")]
#[case(
    "a.trx",
    "<TestRun>",
    "not valid trx at line 1: unexpected end of file inside TestRun"
)]
fn checks_a_file_by_its_extension(
    #[case] name: &str,
    #[case] content: &str,
    #[case] expected: &str,
) {
    assert_eq!(checked(name, content, None), expected);
}

#[test]
fn the_chosen_format_wins() {
    assert_eq!(
        checked("a.xml", r#"{"examples":[]}"#, Some(Format::RspecJson)),
        "0 of rspec-json"
    );
    assert_eq!(
        checked("a.json", "{}", Some(Format::Json)),
        "not valid json at line 1, column 1: expected an array of results, found an object"
    );
}

#[test]
fn rejects_what_is_not_a_regular_file() {
    let directory = tempfile::tempdir().unwrap();
    let missing = directory.path().join("a.xml");
    assert_eq!(check_as(&missing, None, false), "no such file");
    let device = check_as(Path::new("/dev/null"), None, false);
    assert!(device.contains("not a regular file"), "{device}");
}

#[test]
fn passes_over_files_in_directories_that_are_no_results() {
    let directory = tempfile::tempdir().unwrap();
    let checked = |name: &str, content: &str| {
        let path = directory.path().join(name);
        fs_err::write(&path, content).unwrap();
        check_as(&path, None, true)
    };
    assert_eq!(checked("package.json", r#"{"name":"app"}"#), "no results");
    assert_eq!(checked("coverage.xml", "<coverage/>"), "no results");
    let cut_off = checked("a.xml", "<testsuite>");
    assert!(cut_off.contains("unexpected end of file"), "{cut_off}");
    assert_eq!(
        checked("b.xml", "<testsuite><testcase name='a'/></testsuite>"),
        "1 of junit"
    );
}

#[test]
fn decompresses_files() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.xml.gz");
    let xml = b"<testsuite><testcase name='a'/></testsuite>";
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    io::Write::write_all(&mut encoder, xml).unwrap();
    let compressed = encoder.finish().unwrap();
    fs_err::write(&path, &compressed).unwrap();
    let input = Input {
        path: path.clone(),
        is_from_directory: false,
    };
    let file = check(&input, None).unwrap().unwrap();
    assert_eq!(fs_err::read(file.content()).unwrap(), xml);
    assert_eq!(uncompressed(&path), directory.path().join("a.xml"));
    fs_err::write(&path, &compressed[..compressed.len() - 9]).unwrap();
    let cut_off = check_as(&path, None, false);
    assert!(cut_off.starts_with("not valid gzip: "), "{cut_off}");
}

#[rstest]
#[case(
    Format::Junit,
    b"<?xml version='1.0' encoding='ISO-8859-1'?><testsuite>",
    b"<testcase name='caf\xE9'/>",
    b"</testsuite>",
    "caf\u{e9}"
)]
// Valid UTF-8, but declared as something else.
#[case(
    Format::Junit,
    b"<?xml version='1.0' encoding='ISO-8859-1'?><testsuite>",
    b"<testcase name='\xC3\xA9'/>",
    b"</testsuite>",
    "\u{c3}\u{a9}"
)]
#[case(
    Format::Junit,
    b"<testsuite>",
    b"<testcase name='caf\xE9'/>",
    b"</testsuite>",
    "caf\u{fffd}"
)]
#[case(
    Format::Json,
    b"[",
    b"{\"name\":\"caf\xE9\"},",
    b"{\"name\":\"last\"}]",
    "caf\u{fffd}"
)]
// A tab that is not escaped.
#[case(
    Format::Json,
    b"[",
    b"{\"name\":\"a\tb\"},",
    b"{\"name\":\"last\"}]",
    "a\tb"
)]
fn splits_files_that_are_not_clean_utf_8(
    #[case] format: Format,
    #[case] start: &[u8],
    #[case] result: &[u8],
    #[case] end: &[u8],
    #[case] name: &str,
) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("results");
    let bytes = [start, &result.repeat(5_001), end].concat();
    fs_err::write(&path, &bytes).unwrap();
    let input = Input {
        path: path.clone(),
        is_from_directory: false,
    };
    let checked = check(&input, Some(ResultFormat::Uploaded(format)));
    let checked = checked.unwrap().unwrap();
    let of_run = uploads_of(&path, format).unwrap();
    for (content, parts) in [
        (checked.content(), &checked.parts),
        (of_run.content(&path), &of_run.parts),
    ] {
        assert_eq!(parts.len(), 2);
        for part in parts {
            let mut sent = Vec::new();
            let mut reader = part.reader(fs_err::File::open(content).unwrap());
            reader.read_to_end(&mut sent).unwrap();
            let report = test_engine_results::parse(format, &sent).unwrap();
            assert_eq!(report.notes, [""; 0]);
            assert_eq!(report.results[0].name, name);
        }
    }
}

#[test]
fn sends_a_file_that_cannot_be_split_as_it_is() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.json");
    let scenarios = vec![r#"{"name":"a"}"#; 5_001].join(",");
    let bytes = [
        b"[{\"name\":\"caf\xE9\",\"uri\":\"f\",\"elements\":[",
        scenarios.as_bytes(),
        b"]}]",
    ]
    .concat();
    fs_err::write(&path, &bytes).unwrap();
    let uploads = uploads_of(&path, Format::CucumberJson).unwrap();
    assert_eq!(uploads.parts, [Part::whole(bytes.len() as u64)]);
    assert_eq!(uploads.content(&path), path);
}

#[test]
fn splits_a_file_of_a_run_if_it_has_too_many_results() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.json");
    let write = |results: usize| {
        let results = vec![r#"{"name":"a test"}"#; results];
        fs_err::write(&path, format!("[{}]", results.join(","))).unwrap();
        uploads_of(&path, Format::Json).unwrap().parts.len()
    };
    assert_eq!(write(1), 1);
    assert_eq!(write(5_000), 1);
    assert_eq!(write(5_001), 2);
    assert_eq!(write(15_001), 4);
    fs_err::write(&path, "x".repeat(1_000_000)).unwrap();
    let uploads = uploads_of(&path, Format::Json).unwrap();
    assert_eq!(uploads.parts, [Part::whole(1_000_000)]);
}

#[test]
fn finds_text_also_where_one_read_ends_and_the_next_begins() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("report");
    let chunk = usize::try_from(SEARCH_BYTES).unwrap();
    for start in [0, 3, chunk - 4, chunk - 1, chunk, 2 * chunk - 5] {
        let text = format!("{}/app/x", "a".repeat(start));
        fs_err::write(&path, text).unwrap();
        assert!(contains(&path, "/app/"), "{start}");
        assert!(!contains(&path, "/apps/"), "{start}");
    }
    assert!(!contains(&directory.path().join("none"), "a"));
}
