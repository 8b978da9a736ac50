//! Tests of valid and invalid archives. Nothing of an invalid archive is used.

use std::io::{self, Read, Write as _};

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};
use tar::{Builder, EntryType, Header};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{Owner, ReadError, Summary};

const OWNER: Owner = Owner {
    organization: Uuid::from_u128(1),
    suite: Uuid::from_u128(2),
};
const LIMIT: u64 = 1024 * 1024;

fn sha(number: u64) -> String {
    format!("{number:040x}")
}

fn record(number: u64) -> String {
    let record = json!({
        "schema_version": 1,
        "commit_sha": sha(number),
        "message": format!("commit {number}"),
        "git_diff": "+x\n".repeat(100),
    });
    format!("{record}\n")
}

fn metadata() -> Value {
    json!({
        "schema_version": 2,
        "organization_uuid": OWNER.organization,
        "suite_uuid": OWNER.suite,
        "commit_count": 2,
    })
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Adds an entry whose name the library would reject.
fn add(tar: &mut Builder<Vec<u8>>, kind: EntryType, name: &str, content: &[u8]) {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_size(content.len() as u64);
    header.set_mode(0o644);
    let place = &mut header.as_old_mut().name;
    place[..name.len()].copy_from_slice(name.as_bytes());
    header.set_cksum();
    tar.append(&header, content).unwrap();
}

fn packed(entries: &[(EntryType, &str, &[u8])]) -> Vec<u8> {
    let mut tar = Builder::new(Vec::new());
    for (kind, name, content) in entries {
        add(&mut tar, *kind, name, content);
    }
    gzip(&tar.into_inner().unwrap())
}

const FILE: EntryType = EntryType::Regular;

fn archive(records: &str, metadata: &Value) -> Vec<u8> {
    packed(&[
        (FILE, "d/commit-metadata.jsonl", records.as_bytes()),
        (FILE, "d/metadata.json", metadata.to_string().as_bytes()),
    ])
}

fn validate(bytes: &[u8]) -> Result<Summary, ReadError> {
    super::validate(bytes, OWNER, LIMIT, &CancellationToken::default())
}

#[track_caller]
fn rejected(bytes: &[u8], expected: &str) {
    match validate(bytes) {
        Err(ReadError::Rejected(reason)) => {
            let reason = reason.to_string();
            assert!(reason.contains(expected), "{reason}");
        }
        other => panic!("not rejected: {other:?}"),
    }
}

fn shas(bytes: &[u8]) -> Vec<String> {
    let mut shas = Vec::new();
    let token = CancellationToken::default();
    let read = super::commits(bytes, LIMIT, &token, &mut |commit, _| {
        shas.push(commit.sha);
        Ok(())
    });
    read.unwrap();
    shas
}

#[test]
fn accepts_valid_archives() {
    let bytes = archive(&format!("{}{}", record(1), record(2)), &metadata());
    let found = validate(&bytes).unwrap();
    assert_eq!((found.commits, found.skipped), (2, 0));
    assert_eq!(found.problems, Vec::<String>::new());
    assert_eq!(shas(&bytes), [sha(1), sha(2)]);
}

#[test]
fn accepts_directories_long_names_and_any_order() {
    let directory = "f".repeat(150);
    let records = record(1) + &record(2);
    let mut tar = Builder::new(Vec::new());
    let mut header = Header::new_gnu();
    header.set_mode(0o644);
    for (name, content) in [
        ("metadata.json", metadata().to_string()),
        ("commit-metadata.jsonl", records.clone()),
    ] {
        header.set_size(content.len() as u64);
        let name = format!("{directory}/{name}");
        let appended = tar.append_data(&mut header, name, content.as_bytes());
        appended.unwrap();
    }
    let found = validate(&gzip(&tar.into_inner().unwrap())).unwrap();
    assert_eq!(found.commits, 2);

    let mut pax = Builder::new(Vec::new());
    for (name, content) in [
        ("commit-metadata.jsonl", records.clone()),
        ("metadata.json", metadata().to_string()),
    ] {
        let path = format!("{directory}/{name}");
        let extensions = [("mtime", b"1.5".as_slice()), ("path", path.as_bytes())];
        pax.append_pax_extensions(extensions).unwrap();
        add(&mut pax, FILE, "cut", content.as_bytes());
    }
    let found = validate(&gzip(&pax.into_inner().unwrap())).unwrap();
    assert_eq!(found.commits, 2);

    let with_directory = packed(&[
        (EntryType::Directory, "d/", b""),
        (FILE, "d/commit-metadata.jsonl", records.as_bytes()),
        (FILE, "d/metadata.json", metadata().to_string().as_bytes()),
    ]);
    assert_eq!(validate(&with_directory).unwrap().commits, 2);
}

#[test]
fn skips_and_reports_invalid_and_repeated_records() {
    let records = [
        record(1).as_str(),
        "garbage\n",
        "{\"commit_sha\":\"--upload-pack=x\"}\n",
        &record(1),
        &record(2).replace("\"schema_version\":1", "\"schema_version\":3"),
        "\u{fffd}\n",
        &record(3),
    ]
    .concat();
    let bytes = archive(&records, &metadata());
    let found = validate(&bytes).unwrap();
    assert_eq!((found.commits, found.skipped), (2, 5));
    assert_eq!(found.problems.len(), 6, "{:?}", found.problems);
    assert!(found.problems[0].starts_with("line 2: it is not the JSON"));
    assert!(found.problems[2].contains("is repeated"));
    assert!(found.problems[5].contains("announces 2 records, but there are 7"));
    assert_eq!(shas(&bytes), [sha(1), sha(3)]);

    let many = "garbage\n".repeat(1000) + &record(1);
    let found = validate(&archive(&many, &metadata())).unwrap();
    assert_eq!((found.skipped, found.problems.len()), (1000, 20));
}

#[test]
fn rejects_other_and_corrupt_files() {
    let good = archive(&record(1), &metadata());
    rejected(b"", "not a gzip archive");
    rejected(b"PK\x03\x04 this is a zip", "not a gzip archive");
    rejected(&good[..good.len() / 2], "corrupt");
    // Only the checksum at the end of the gzip is wrong: every record was complete.
    rejected(&good[..good.len() - 3], "corrupt");
    let mut flipped = good.clone();
    let sum = flipped.len() - 6;
    flipped[sum] ^= 1;
    rejected(&flipped, "corrupt");
    rejected(&gzip(b"this is no tar"), "not a tar archive");
    rejected(&gzip(&[b'x'; 5000]), "not a tar archive");
    rejected(&gzip(&[0; 1024]), "does not contain commit-metadata.jsonl");
}

#[test]
fn other_entries_and_paths_that_lead_elsewhere_are_rejected() {
    let records = record(1);
    let description = metadata().to_string();
    for name in [
        "../commit-metadata.jsonl",
        "/etc/commit-metadata.jsonl",
        "./commit-metadata.jsonl",
        "d/../commit-metadata.jsonl",
        "d/e/commit-metadata.jsonl",
        "d/commit-metadata.jsonl/",
        "d\\x/commit-metadata.jsonl",
        "d/other.txt",
        "other.txt",
    ] {
        let archive = packed(&[(FILE, name, records.as_bytes())]);
        rejected(&archive, "only a directory with");
    }
    let records = (FILE, "d/commit-metadata.jsonl", records.as_bytes());
    let elsewhere = (FILE, "e/metadata.json", description.as_bytes());
    rejected(&packed(&[records, elsewhere]), "only a directory with");
    for kind in [
        EntryType::Symlink,
        EntryType::Link,
        EntryType::Fifo,
        EntryType::Char,
        EntryType::GNUSparse,
    ] {
        let archive = packed(&[(kind, "d/commit-metadata.jsonl", b"")]);
        rejected(&archive, "neither a file nor a directory");
    }
    rejected(&packed(&[records, records]), "twice");
    rejected(&packed(&[records]), "does not contain metadata.json");
    let description = packed(&[(FILE, "d/metadata.json", description.as_bytes())]);
    rejected(&description, "does not contain commit-metadata.jsonl");
    let directories = vec![(EntryType::Directory, "d/", b"".as_slice()); 101];
    rejected(&packed(&directories), "more than 100 entries");
}

#[test]
fn rejects_metadata_of_other_suites_and_versions() {
    let with = |key: &str, value: Value| {
        let mut metadata = metadata();
        metadata[key] = value;
        archive(&record(1), &metadata)
    };
    let other = Uuid::from_u128(9).to_string();
    rejected(&with("suite_uuid", json!(other)), "names the suite");
    rejected(&with("organization_uuid", json!(other)), "the organization");
    rejected(&with("suite_uuid", json!("")), "names the suite");
    rejected(&with("schema_version", json!(3)), "schema_version 3");
    rejected(&with("schema_version", json!("2")), "cannot be read");
    rejected(&archive(&record(1), &json!([])), "cannot be read");
    let large = json!({ "x": "x".repeat(2_000_000) });
    rejected(&archive(&record(1), &large), "more than 1048576 bytes");
}

#[test]
fn rejects_archives_without_commits() {
    rejected(&archive("", &metadata()), "contains no commits");
    rejected(&archive("\n\n", &metadata()), "contains no commits");
    rejected(&archive("x\ny\n", &metadata()), "None of its 2 records");
}

#[test]
fn stops_unpacking_at_the_limit() {
    let zeros = vec![b' '; 3_000_000];
    let bytes = packed(&[(FILE, "d/commit-metadata.jsonl", &zeros)]);
    assert!(bytes.len() < 50_000);
    let stopped = super::validate(&*bytes, OWNER, 50_000, &CancellationToken::default());
    let reason = stopped.unwrap_err().to_string();
    assert_eq!(reason, "It has more than 2500000 bytes unpacked.");
    // Long names are not read into memory.
    for kind in [EntryType::GNULongName, EntryType::XHeader] {
        let long = packed(&[(kind, "x", &zeros)]);
        rejected(&long, "name of an entry cannot be read");
    }
}

#[test]
fn a_disk_error_does_not_reject_the_archive() {
    struct FailingDisk;
    impl Read for FailingDisk {
        fn read(&mut self, _buffer: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("disk error"))
        }
    }
    let valid = archive(&(1..500).map(record).collect::<String>(), &metadata());
    let failing = valid[..valid.len() / 2].chain(FailingDisk);
    let read = super::validate(failing, OWNER, LIMIT, &CancellationToken::default());
    let Err(ReadError::Source(error)) = read else {
        panic!("{read:?}")
    };
    assert_eq!(error.to_string(), "disk error");
}

#[test]
fn stops_when_cancelled() {
    let cancellation = CancellationToken::default();
    cancellation.cancel();
    let valid = archive(&record(1), &metadata());
    let read = super::validate(valid.as_slice(), OWNER, LIMIT, &cancellation);
    assert!(matches!(read, Err(ReadError::Cancelled)), "{read:?}");
}
